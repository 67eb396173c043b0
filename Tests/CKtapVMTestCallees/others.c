/* SPDX-License-Identifier: MIT */
/* Variables, narrow returns, function pointers, faults. */
#include "callee_table.h"

#include <stddef.h>
#include <string.h>

static s32 variable_int = -5;
static u64 variable_ulong = 1ull << 63;
static const u8 variable_const = 200;
static const char *variable_text = "text of a variable";
static struct callee_pair variable_pair = { -1, 2 };
static u8 variable_array[16];

/* By assembly where C leaves open what the machine does: upper bits of a register, faults. */
#define ASSEMBLY(name, code) \
	void name(void); \
	__asm__(".text\n.p2align 4\n.type " #name ", @function\n" #name ":\n" code \
		".size " #name ", . - " #name "\n.globl " #name "\n");

ASSEMBLY(callee_give_dirty, "movabs $0xdeadbeefcafeba80, %rax\nret\n")
ASSEMBLY(callee_read_at, "mov (%rdi), %rax\nret\n")
ASSEMBLY(callee_write_at, "mov %rsi, (%rdi)\nret\n")
ASSEMBLY(callee_fault_jump_null, "xor %eax, %eax\npush %rbp\ncall *%rax\npop %rbp\nret\n")
ASSEMBLY(callee_fault_divide, "xor %edx, %edx\nmov $1, %eax\nxor %ecx, %ecx\nidiv %ecx\nret\n")
ASSEMBLY(callee_fault_undefined, "ud2\nret\n")
ASSEMBLY(callee_fault_non_canonical, "movabs $0x8000000000000000, %rax\nmov (%rax), %rax\nret\n")
/* Leaves the direction flag set and the callee-saved registers spoilt before it faults. */
ASSEMBLY(callee_fault_untidy,
	 "std\nmov $1, %ebx\nmov $2, %r12d\nmov $3, %r13d\nmov $4, %r14d\nmov $5, %r15d\nmov $6, %ebp\n"
	 "xor %eax, %eax\nmov (%rax), %rax\nret\n")

static u64 give_zero(void)
{
	return 0;
}

static u64 give_first(u64 first)
{
	return first;
}

static s32 adder(s32 a, s32 b)
{
	return a + b;
}

static s32 (*give_adder(void))(s32, s32)
{
	return adder;
}

static u64 copy_name(char *to, u64 size)
{
	static const char name[] = "callee";

	if (size > sizeof(name))
		size = sizeof(name);
	memcpy(to, name, size);
	return size;
}

u32 callee_argument_count(void)
{
	return seen_count;
}

u64 callee_argument(u32 index)
{
	return seen[index];
}

u32 callee_byte_count(void)
{
	return seen_byte_count;
}

u8 callee_byte(u32 index)
{
	return seen_bytes[index];
}

void callee_reset(void)
{
	memset(seen, 0, sizeof(seen));
	memset(seen_bytes, 0, sizeof(seen_bytes));
	seen_count = 0;
	seen_byte_count = 0;
}

const struct callee other_callees[] = {
	{ "give_dirty", (u64)callee_give_dirty },
	{ "give_zero", (u64)give_zero },
	{ "give_first", (u64)give_first },
	{ "give_adder", (u64)give_adder },
	{ "adder", (u64)adder },
	{ "copy_name", (u64)copy_name },
	{ "read_at", (u64)callee_read_at },
	{ "write_at", (u64)callee_write_at },
	{ "fault_jump_null", (u64)callee_fault_jump_null },
	{ "fault_divide", (u64)callee_fault_divide },
	{ "fault_undefined", (u64)callee_fault_undefined },
	{ "fault_non_canonical", (u64)callee_fault_non_canonical },
	{ "fault_untidy", (u64)callee_fault_untidy },
	{ "variable_int", (u64)&variable_int },
	{ "variable_ulong", (u64)&variable_ulong },
	{ "variable_const", (u64)&variable_const },
	{ "variable_text", (u64)&variable_text },
	{ "variable_pair", (u64)&variable_pair },
	{ "variable_array", (u64)variable_array },
	{ 0 },
};

static u64 find(const struct callee *callees, const char *name)
{
	for (; callees->name; callees++)
		if (strcmp(callees->name, name) == 0)
			return callees->address;
	return 0;
}

u64 ktap_test_address(const char *name)
{
	const struct callee *const tables[] = { seen_callees, aggregate_callees, other_callees };
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		u64 address = find(tables[i], name);

		if (address)
			return address;
	}
	return 0;
}
