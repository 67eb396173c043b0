/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The VM as its two hosts see it: the kernel module and the process of ktap-load.
 *
 * The VM is freestanding: it calls nothing but the services in struct ktap_host (and memcpy and
 * friends, which both hosts have). It never allocates from the host: all its memory is the arena
 * handed over at creation. It never touches memory that a script names except through read/write.
 */
#ifndef KTAP_VM_H
#define KTAP_VM_H

#include <ktap/image.h>
#include <ktap/output.h>

struct ktap_program; /* a verified image, its arena, its globals */

/* A message for people, always ended by a zero byte, cut short where it does not fit. */
struct ktap_message {
	char *text;
	__kernel_size_t size; /* bytes that `text` has room for */
	__u32 where;          /* enum ktap_verify_where: what `offset` counts */
	__u64 offset;
};

/* What a guarded call met. */
enum ktap_fault_kind {
	KTAP_FAULT_NONE = 0,
	KTAP_FAULT_PAGE = 1,        /* address: what was touched */
	KTAP_FAULT_PROTECTION = 2,  /* #GP: a non-canonical address, mostly; address not known */
	KTAP_FAULT_DIVIDE = 3,
	KTAP_FAULT_INVALID_OP = 4,  /* #UD: BUG() and the like */
	KTAP_FAULT_OTHER = 5,
	/* Not faults: the call was not made. */
	KTAP_CALL_NO_STACK = 6,   /* not enough stack left */
	KTAP_CALL_REFUSED = 7,    /* calls are refused: `text` says why */
	KTAP_CALL_STOPPED = 8,    /* the program is being stopped */
	/* Broken off, since it did not return. */
	KTAP_FAULT_OVERDUE = 9,
};

/* One call: made by the VM, completed by the host. */
struct ktap_call {
	__u64 function;         /* address */
	__u32 symbol;           /* index in SYMBOLS, for messages; KTAP_NONE for a pointer */
	__u32 words;            /* of `slots` in use: 6 registers, then the stack */
	const __u64 *slots;
	__u64 rax, rdx;         /* results */
	__u32 fault;            /* enum ktap_fault_kind */
	__u32 fault_is_write;   /* PAGE */
	__u64 fault_address;
	__u64 fault_ip;
	void *activation;       /* the host's: struct ktap_incoming's; or the main chunk's */
	__s32 error;            /* a process: errno, before the call and behind it */
	__u32 callback_failed;  /* not 0: a callback of this call ended in an error */
	char text[160];         /* the place of the fault ("strlen+0x4/0x20"), or why it was refused */
};

/* What a host tells a script of where it runs: numbers, or texts without a zero byte at the end. */
enum ktap_fact {
	KTAP_FACT_CPU = 0,
	KTAP_FACT_PID = 1, /* of the process that the code runs in: in the kernel, ktap-load's */
	KTAP_FACT_TID = 2,
	KTAP_FACT_UID = 3,
	KTAP_FACT_EXECNAME = 4,
	KTAP_FACT_KERNEL = 5, /* its release */
	KTAP_FACT_ARCH = 6,
	KTAP_FACT_STACK = 7,  /* a line for each function, the innermost first */
	KTAP_FACT_SYMBOL = 8, /* that `argument`, an address, lies in: "name+0x1/0x2" */
};

/* Foreign code has called a callback: filled in by the host, but for the result. */
struct ktap_incoming {
	__u32 callback;         /* what callback_take() was given, */
	__u64 address;          /* and what it returned */
	const __u64 *registers; /* rdi rsi rdx rcx r8 r9 */
	__u64 stack;            /* address of the caller's stack arguments */
	__u64 instructions;     /* limit; 0: none */
	struct ktap_call *call; /* the call of this program that it happens within; null: none */
	void *activation;       /* handed on to call, lock and unlock */
	__u64 result[2];        /* rax, rdx */
};

/* Grants as bits, for what the VM itself asks about. */
#define KTAP_MAY_WRITE 1u    /* through foreign pointers */
#define KTAP_MAY_CALL_ANY 2u /* function pointers that are not symbols of the image */
#define KTAP_MAY_CALLBACK 4u

/*
 * Services. `host_data` is what ktap_program_create() was given. All may be called with no lock
 * held; those marked (atomic) may be called in any context that an activation may run in.
 */
struct ktap_host {
	/* Copies `size` bytes from or to any address; 0, or -1 and nothing said about the destination
	 * if any byte could not be touched. Never faults. (atomic) */
	int (*read)(void *host_data, void *to, __u64 from, __kernel_size_t size);
	int (*write)(void *host_data, __u64 to, const void *from, __kernel_size_t size);
	/* Copies a string of at most `size` bytes; returns its length without the zero byte (== size
	 * where there was none), or -1. (atomic) */
	long (*read_string)(void *host_data, char *to, __u64 from, __kernel_size_t size);
	/* Makes the call under the guard. Returns 0 and rax, rdx, or -1 and `fault` … filled in. */
	int (*call)(void *host_data, struct ktap_call *call);
	/* Takes one whole record. In the main chunk it may block until there is room. 0, or -1 if the
	 * program is being stopped. (atomic) */
	int (*emit)(void *host_data, const struct ktap_record *record);
	/* The address of symbol `index` of the image, before anything runs; 0, or -1 and `why`. */
	int (*bind)(void *host_data, const struct ktap_program *program, __u32 index,
		    __u64 *address, struct ktap_message *why);
	/* Address of the per-CPU instance of an offset on this CPU. (atomic) */
	__u64 (*percpu)(void *host_data, __u64 offset);
	/* The same on processor `cpu`; 0: there is no such processor. May be null: there are none. (atomic) */
	__u64 (*percpu_of)(void *host_data, __u64 offset, __u64 cpu);
	/* Copies from memory of the process: the loader's in the main chunk, in a callback that of the
	 * task that it runs in. 0, or -1. May be null, and may sleep where that is allowed. */
	int (*read_user)(void *host_data, void *to, __u64 from, __kernel_size_t size);
	/* Begins and ends an RCU read-side section; sections nest. May be null: nothing to be done. (atomic) */
	void (*rcu)(void *host_data, void *activation, int begin);
	__u64 (*monotonic_ns)(void *host_data); /* (atomic) */
	__u64 (*realtime_ns)(void *host_data);  /* (atomic) */
	/* A fact: the number, or the length of the text put into text[0..size), cut short where it does
	 * not fit; -1 where it is not known. May be null: then none is. (atomic) */
	long (*fact)(void *host_data, __u32 which, __u64 argument, char *text,
		     __kernel_size_t size);
	/* Called at safe points now and then: lets others run; not 0: the program is to stop. */
	int (*safe_point)(void *host_data);
	/* 1 if a pointer of the script may be called: text of the kernel, start of a function, not on
	 * the list of what must not be called; else 0 and `why`. */
	int (*may_call)(void *host_data, __u64 address, struct ktap_message *why);
	/*
	 * Callbacks; all null where there are none. callback_take() gives the address of a thunk that
	 * leads to ktap_program_enter() with this number, or 0 and `why`; callback_give() ends that:
	 * from then on a call to it returns zero. (atomic)
	 */
	__u64 (*callback_take)(void *host_data, __u32 callback, struct ktap_message *why);
	void (*callback_give)(void *host_data, __u64 address);
	/* Copies from or to the stack frame of a callback's caller, or what that passed for its
	 * result: needs no grant. 0, or -1. (atomic) */
	int (*frame_read)(void *host_data, void *to, __u64 from, __kernel_size_t size);
	int (*frame_write)(void *host_data, __u64 to, const void *from, __kernel_size_t size);
	/*
	 * One activation of a program executes at a time, once it has callbacks. The VM gives the lock
	 * up around calls, output and safe points; `activation` is that of struct ktap_incoming, or the main chunk's.
	 * Whoever has it cannot be interrupted by anyone who waits for it. (atomic)
	 */
	void (*lock)(void *host_data, void *activation);
	void (*unlock)(void *host_data, void *activation);
	void *activation; /* the main chunk's, handed on like that of struct ktap_incoming */
	__u32 grants; /* KTAP_MAY_* */
};

/* What a message's offset counts. */
enum ktap_verify_where {
	KTAP_WHERE_NOTHING = 0,
	KTAP_WHERE_BYTE = 1, /* offset: byte of the image */
	KTAP_WHERE_PC = 2,   /* offset: function index << 32 | pc */
};

/* What tests want of every allocation. */
enum ktap_collect_always {
	KTAP_COLLECT_IN_NEED = 0, /* nothing */
	KTAP_COLLECT_WHOLLY = 1,  /* it collects garbage first */
	KTAP_COLLECT_STEPS = 2,   /* it does a small step of a collection; one follows the other */
};

/* Limits that a program's creator sets. */
struct ktap_limits {
	__u64 instructions; /* of an activation; 0: none (the main chunk) */
	__u32 call_depth;   /* script calls; 0: the VM's default, 200 */
	/* For tests: enum ktap_collect_always. What is freed is overwritten then. */
	__u32 collect_always;
	/* For tests: the one allocation that fails, from 1; 0: none. */
	__u64 fail_allocation_at;
};

/*
 * Checks every byte of an image. 0, or -1 and a message. Reads nothing outside image[0..size), takes time
 * linear in `size`, needs no memory but `scratch` (KTAP_VERIFY_SCRATCH bytes per image byte suffice).
 * `pause` (may be null) is called now and then in long runs.
 */
int ktap_verify(const void *image, __kernel_size_t size, void *scratch, __kernel_size_t scratch_size,
		void (*pause)(void), struct ktap_message *message);
#define KTAP_VERIFY_SCRATCH_BYTES(size) ((size) / 4 + 4096)

/*
 * Makes a program of a verified image in `arena`: binds its symbols, sets up its globals. The image
 * must stay where it is, unchanged, for the program's life; so must `host`. 0, or -1 and a message.
 * Context: process.
 */
int ktap_program_create(const struct ktap_host *host, void *host_data, const void *image,
			__kernel_size_t size, void *arena, __kernel_size_t arena_size,
			const struct ktap_limits *limits, struct ktap_program **program,
			struct ktap_message *message);

/* Runs the main chunk to its end and emits its ERROR (if any) and EXIT records. Returns enum
 * ktap_exit. Context: process; once per program. */
int ktap_program_run(struct ktap_program *program);

/* Runs a callback. The lock is taken, from lock() or in its way. 0; or -1 if it ended in an error, or 1 if
 * it was freed meanwhile, or had no memory to begin: its result is zero then. Context: any but NMI. */
int ktap_program_enter(struct ktap_program *program, struct ktap_incoming *entry);

/* Callbacks that the script has not freed. */
__u32 ktap_program_callbacks(const struct ktap_program *program);

/* Whether functions of Microsoft's convention are among its types. */
int ktap_program_has_microsoft(const struct ktap_program *program);

/* Whether it is at its end, where finalisers may call although the program is being stopped. */
int ktap_program_is_finalising(const struct ktap_program *program);

/* Nothing of the program may be running. Frees nothing (the arena is the host's) but checks it. */
void ktap_program_destroy(struct ktap_program *program);

/* For bind, messages and loaders: symbols and strings of a program's image. The string's bytes are
 * followed by a zero byte. */
const struct ktap_image_symbol *ktap_program_symbol(const struct ktap_program *program, __u32 index);
const char *ktap_program_string(const struct ktap_program *program, __u32 index, __u32 *length);

/* How many bytes of memory that the script owns begin at `address`: up to the end of the cdata or
 * string (its zero byte included) that the address lies in; 0 where there is none. The host's checks
 * of what may be called without a grant rest on it. (atomic) */
__u64 ktap_program_owned(const struct ktap_program *program, __u64 address);

/* Bytes of the arena in use now, and objects of it (for tests and reports). `allocations`: those tried,
 * where one of them is to fail. */
struct ktap_arena_usage {
	__u64 bytes, highest, objects, collections, allocations;
	__u64 stalled; /* collections that were ended in one turn, with others kept waiting */
	__u64 starved; /* allocations of callbacks that failed since no collection had come to its end */
};
void ktap_program_usage(const struct ktap_program *program, struct ktap_arena_usage *usage);

#endif
