/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The image: what ktapc writes, ktap-load carries, and the VM verifies and runs.
 *
 * An image is one block of little-endian bytes: a header, a section table with one entry per
 * KTAP_SECTION_* in the order of their numbers, then the sections, in the same order, each
 * starting at the next multiple of 8 (padding is zero) and the last ending at total_size. Nothing
 * else is accepted, so two images with the same meaning have the same bytes.
 *
 * An image carries no addresses: a symbol is a name and an offset from a base that the loader of
 * the code resolves (see struct ktap_image_symbol), so that one image runs on every boot of the
 * kernel it was built for.
 *
 * All indexes are 32-bit and refer to entries (not bytes) of the named section, unless said
 * otherwise. KTAP_NONE stands for "no entry". All reserved fields and unused bits must be zero.
 * docs/image.md explains the format with a worked example.
 */
#ifndef KTAP_IMAGE_H
#define KTAP_IMAGE_H

#include <linux/types.h>

#define KTAP_IMAGE_MAGIC 0x4342544bu /* the bytes "KTBC" */
/* Another one with every change of the format, the instructions or the numbers of builtins. */
#define KTAP_IMAGE_VERSION 2u
#define KTAP_IMAGE_MAX_BYTES (16u << 20)
#define KTAP_NONE 0xffffffffu

/* Fixed order; count and meaning of each in the struct named behind it. */
enum ktap_section_id {
	KTAP_SECTION_STRINGS = 0,     /* struct ktap_image_string */
	KTAP_SECTION_BYTES = 1,       /* the strings' bytes; entries of one byte */
	KTAP_SECTION_CONSTANTS = 2,   /* struct ktap_image_constant */
	KTAP_SECTION_TYPES = 3,       /* struct ktap_image_type; entry 0 is void */
	KTAP_SECTION_MEMBERS = 4,     /* struct ktap_image_member */
	KTAP_SECTION_ENUMERATORS = 5, /* struct ktap_image_enumerator */
	KTAP_SECTION_PARAMS = 6,      /* struct ktap_image_param */
	KTAP_SECTION_PLANS = 7,       /* struct ktap_image_plan */
	KTAP_SECTION_STEPS = 8,       /* struct ktap_image_step */
	KTAP_SECTION_SYMBOLS = 9,     /* struct ktap_image_symbol */
	KTAP_SECTION_GLOBALS = 10,    /* struct ktap_image_global */
	KTAP_SECTION_FUNCTIONS = 11,  /* struct ktap_image_function; entry 0 is the main chunk */
	KTAP_SECTION_CAPTURES = 12,   /* struct ktap_image_capture */
	KTAP_SECTION_CODE = 13,       /* struct ktap_instruction */
	KTAP_SECTION_LINES = 14,      /* struct ktap_image_line */
	KTAP_SECTION_GRANTS = 15,     /* struct ktap_image_grant */
	KTAP_SECTION_BUILD_ID = 16,   /* bytes of the kernel's build id; none: see KTAP_IMAGE_* flags */
	KTAP_SECTION_FIELDS = 17,     /* struct ktap_image_field */
	KTAP_SECTION_COUNT = 18,
};

/* Header flags. Exactly one of the four targets' flags is set. */
#define KTAP_IMAGE_TARGET_KERNEL 1u  /* bound to the kernel whose build id is in BUILD_ID */
#define KTAP_IMAGE_TARGET_HOST 2u    /* symbols are the host process's shared objects */
#define KTAP_IMAGE_TARGET_UNBOUND 4u /* made for a kernel whose build id was not known: refused */
#define KTAP_IMAGE_CHAR_UNSIGNED 8u  /* plain char is unsigned in the target */
#define KTAP_IMAGE_TARGET_ANY 16u    /* pure script: no symbol, no type but void; runs anywhere */

struct ktap_image_header {
	__u32 magic;
	__u32 version;
	__u32 total_size; /* bytes, header included */
	__u32 crc32;      /* CRC-32 (IEEE, as in zlib) of all bytes with this field zero */
	__u32 flags;
	__u32 section_count; /* KTAP_SECTION_COUNT */
	__u32 script;        /* string: the script's name as the person typed it */
	__u32 release;       /* string: the kernel release (uname -r), for messages; or KTAP_NONE */
};

struct ktap_image_section {
	__u32 offset; /* bytes from the start of the image; multiple of 8 */
	__u32 count;  /* entries */
};

/* bytes[offset .. offset+length) in BYTES, followed there by a zero byte not counted. Any bytes. */
struct ktap_image_string {
	__u32 offset;
	__u32 length; /* at most KTAP_STRING_MAX */
};
#define KTAP_STRING_MAX (1u << 20)

/* A constant of the code. `value`: INT, UINT: the number; STRING: string index; CTYPE: type index. */
enum ktap_constant_kind {
	KTAP_CONSTANT_INT = 1,
	KTAP_CONSTANT_UINT = 2,
	KTAP_CONSTANT_STRING = 3,
	KTAP_CONSTANT_CTYPE = 4,
};
struct ktap_image_constant {
	__u32 kind;
	__u32 reserved;
	__u64 value;
};

/*
 * C types, typedefs and volatile/restrict removed. Structurally equal types have one entry, so
 * that type identity is index identity. `const` is a flag: `const char` and `char` are two entries.
 */
enum ktap_type_kind {
	KTAP_TYPE_VOID = 0,
	KTAP_TYPE_BOOL = 1,
	KTAP_TYPE_INT = 2,      /* every integer type and char; SIGNED in flags; size 1, 2, 4, 8, 16 */
	KTAP_TYPE_FLOAT = 3,    /* float, double, complex, vectors: copied, never computed with */
	KTAP_TYPE_ENUM = 4,     /* first, count: ENUMERATORS; SIGNED in flags */
	KTAP_TYPE_POINTER = 5,  /* ref: the target */
	KTAP_TYPE_ARRAY = 6,    /* ref: the element; length: elements; FLEXIBLE: no length, size 0 */
	KTAP_TYPE_STRUCT = 7,   /* first, count: MEMBERS */
	KTAP_TYPE_UNION = 8,    /* first, count: MEMBERS */
	KTAP_TYPE_FUNCTION = 9, /* ref: the return type; first, count: PARAMS; plan */
};
#define KTAP_TYPE_SIGNED 1u
#define KTAP_TYPE_CONST 2u
#define KTAP_TYPE_INCOMPLETE 4u /* struct, union, enum declared but not defined: size 0 */
#define KTAP_TYPE_FLEXIBLE 8u   /* array [] */
#define KTAP_TYPE_VARIADIC 16u  /* function (..., ...) */
#define KTAP_TYPE_CHAR 32u      /* int: a character type (char, signed char, unsigned char) */

struct ktap_image_type {
	__u32 kind;
	__u32 flags;
	__u32 name; /* string: as C writes it: "struct timeval", "unsigned int", "pid_t (*)[4]" */
	__u32 ref;
	__u64 size;   /* bytes; 0 for void, functions and incomplete types */
	__u64 length; /* array: elements */
	__u32 align;  /* bytes, a power of two; 0 where size has no meaning */
	__u32 first;
	__u32 count;
	__u32 plan; /* function: its call plan; or KTAP_NONE: it cannot be called (see docs) */
};

struct ktap_image_member {
	__u32 name; /* string; KTAP_NONE: anonymous struct or union, its members are the record's own */
	__u32 type;
	__u64 bit_offset; /* from the start of the record; a multiple of 8 unless a bit-field */
	__u32 bit_size;   /* bit-field: 1..64; 0: not a bit-field */
	__u32 reserved;
};

/*
 * Where a script's expression of a known type finds a member, those of anonymous members included:
 * what GETMEMBER and SETMEMBER access without looking for its name.
 */
struct ktap_image_field {
	__u32 base;       /* type of the expression: a record, or a pointer to one */
	__u32 name;       /* string: by which it is looked up in a value of another type */
	__u32 type;       /* of the member */
	__u32 bit_size;   /* as in ktap_image_member */
	__u64 bit_offset; /* from the start of the record */
};

struct ktap_image_enumerator {
	__u32 name;
	__u32 reserved;
	__u64 value; /* sign-extended where the enum is signed */
};

struct ktap_image_param {
	__u32 name; /* string or KTAP_NONE */
	__u32 type;
};

/*
 * A call plan: the x86-64 classification of one function type, done ahead by ktapc.
 * The VM fills `words` 64-bit slots as the steps say and hands them to the trampoline:
 * slots 0..5 are rdi rsi rdx rcx r8 r9, slots 6.. are the stack, upwards from the return address
 * + 8. A hidden return pointer takes slot 0, in Microsoft's convention slot 3. Arguments behind the fixed ones (variadic) take the
 * next free register slot, then the next stack slot, one word each, with al = 0; in Microsoft's
 * convention there are none.
 */
enum ktap_convention {
	KTAP_CONVENTION_SYSV = 0,
	KTAP_CONVENTION_MICROSOFT = 1, /* ms_abi */
};
enum ktap_return_kind {
	KTAP_RETURN_VOID = 0,
	KTAP_RETURN_SCALAR = 1,    /* in rax; truncated and extended to the return type */
	KTAP_RETURN_REGISTERS = 2, /* an aggregate (or 128-bit integer) of at most 16 bytes in rax:rdx */
	KTAP_RETURN_MEMORY = 3,    /* an aggregate through a hidden pointer */
};
#define KTAP_PLAN_MAX_WORDS 262u /* 6 registers and 2 KiB of stack */
#define KTAP_PLAN_MAX_PARAMS 64u

struct ktap_image_plan {
	__u32 type; /* the function type that it serves */
	__u32 first_step;
	__u32 step_count;
	__u32 words;          /* 64-bit slots, registers included (at least 6) */
	__u32 registers_used; /* 0..6: where variadic arguments go on */
	__u32 return_kind;
	__u32 convention;
	__u32 reserved;
};

/* One 64-bit piece (or a run of stack words) of one argument; steps are sorted by (param, offset). */
enum ktap_step_kind {
	KTAP_STEP_SCALAR = 0, /* the whole argument, converted to the parameter's type and extended */
	KTAP_STEP_PIECE = 1,  /* `size` (1..8) bytes at `offset` of an aggregate, into one slot */
	KTAP_STEP_MEMORY = 2, /* the whole aggregate of `size` bytes, into stack slots from `slot` */
	KTAP_STEP_COPY = 3,   /* the address of a copy of the whole aggregate, which lies in the slots
			       * from `copy` on, behind the plan's words: Microsoft's convention */
};
struct ktap_image_step {
	__u16 kind;
	__u16 param;
	__u16 slot;
	__u16 copy;
	__u32 offset; /* bytes into the argument */
	__u32 size;   /* bytes */
};

enum ktap_symbol_kind {
	KTAP_SYMBOL_FUNCTION = 1,
	KTAP_SYMBOL_VARIABLE = 2,
};
enum ktap_symbol_base {
	KTAP_BASE_STEXT = 1,    /* offset from _stext of the kernel */
	KTAP_BASE_PERCPU = 2,   /* offset into the per-CPU area */
	KTAP_BASE_ABSOLUTE = 3, /* an absolute symbol: offset is the value */
	KTAP_BASE_MODULE = 4,   /* `module`: looked up by (module, name); offset is not used: 0 */
	KTAP_BASE_HOST = 5,     /* a symbol of the process: looked up by name in `module` (a soname) */
};
#define KTAP_SYMBOL_UNVERIFIED 1u /* the kernel carries no type for it: taken on the script's word */

struct ktap_image_symbol {
	__u32 name;
	__u32 module; /* string (module or soname) or KTAP_NONE: the kernel itself, or any library */
	__u32 kind;
	__u32 base;
	__u64 offset;
	__u64 size; /* bytes; variables: what may be read; functions: 0 where not known */
	__u32 type;
	__u32 flags;
};

struct ktap_image_global {
	__u32 name;
};

struct ktap_image_function {
	__u32 name; /* string: "main", "f", "t.f", "(anonymous)" */
	__u32 line; /* where it is defined; 0 for the main chunk */
	__u32 first_instruction;
	__u32 instruction_count; /* at least 1; the last one does not fall through */
	__u32 first_line;
	__u32 line_count;
	__u32 first_capture;
	__u8 capture_count;
	__u8 flags;          /* KTAP_FUNCTION_* */
	__u8 param_count;    /* parameters are R[0] .. R[param_count-1] */
	__u8 register_count; /* 1..KTAP_MAX_REGISTERS */
};
#define KTAP_FUNCTION_VARIADIC 1u /* keeps the arguments behind its parameters, for VARARG */
#define KTAP_MAX_REGISTERS 250u
#define KTAP_MAX_CAPTURES 255u

/* What a closure captures when it is made: a register of the function making it, or its capture. */
struct ktap_image_capture {
	__u8 from_register; /* 1: register `index`; 0: capture `index` */
	__u8 index;
	__u16 reserved;
};

/* From instruction `pc` of its function on; sorted by pc, the first is pc 0. */
struct ktap_image_line {
	__u32 pc;
	__u32 line; /* 1-based */
};

enum ktap_grant_kind {
	KTAP_GRANT_CALL = 1,
	KTAP_GRANT_WRITE = 2,
	KTAP_GRANT_CALLBACK = 3,
};
/* What the code will ask for: CALL with a symbol each; WRITE (symbol KTAP_NONE). Sorted. */
struct ktap_image_grant {
	__u32 kind;
	__u32 symbol;
};

/* Byte code: see opcodes.def. */
struct ktap_instruction {
	__u8 op;
	__u8 a;
	__u8 b;
	__u8 c;
	__u32 d;
};

/* Bytes of one entry of a section (enum ktap_section_id). */
static inline __u32 ktap_image_entry_size(__u32 section)
{
	switch (section) {
	case KTAP_SECTION_STRINGS:
		return sizeof(struct ktap_image_string);
	case KTAP_SECTION_CONSTANTS:
		return sizeof(struct ktap_image_constant);
	case KTAP_SECTION_TYPES:
		return sizeof(struct ktap_image_type);
	case KTAP_SECTION_MEMBERS:
		return sizeof(struct ktap_image_member);
	case KTAP_SECTION_ENUMERATORS:
		return sizeof(struct ktap_image_enumerator);
	case KTAP_SECTION_PARAMS:
		return sizeof(struct ktap_image_param);
	case KTAP_SECTION_PLANS:
		return sizeof(struct ktap_image_plan);
	case KTAP_SECTION_STEPS:
		return sizeof(struct ktap_image_step);
	case KTAP_SECTION_SYMBOLS:
		return sizeof(struct ktap_image_symbol);
	case KTAP_SECTION_GLOBALS:
		return sizeof(struct ktap_image_global);
	case KTAP_SECTION_FUNCTIONS:
		return sizeof(struct ktap_image_function);
	case KTAP_SECTION_CAPTURES:
		return sizeof(struct ktap_image_capture);
	case KTAP_SECTION_CODE:
		return sizeof(struct ktap_instruction);
	case KTAP_SECTION_LINES:
		return sizeof(struct ktap_image_line);
	case KTAP_SECTION_GRANTS:
		return sizeof(struct ktap_image_grant);
	case KTAP_SECTION_FIELDS:
		return sizeof(struct ktap_image_field);
	default: /* BYTES and BUILD_ID */
		return 1;
	}
}

#endif
