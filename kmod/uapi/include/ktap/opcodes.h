/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The instruction and builtin tables of opcodes.def and builtins.def, as C sees them. */
#ifndef KTAP_OPCODES_H
#define KTAP_OPCODES_H

#include <linux/types.h>

enum ktap_opcode {
#define KTAP_OP(name, mnemonic, a, b, c, d) KTAP_OP_##name,
#include "opcodes.def"
#undef KTAP_OP
	KTAP_OP_COUNT,
};

/* What an operand is: the words of opcodes.def. */
enum ktap_operand {
	KTAP_OPERAND_ZERO,
	KTAP_OPERAND_OUT,
	KTAP_OPERAND_IN,
	KTAP_OPERAND_BASE,
	KTAP_OPERAND_IMM,
	KTAP_OPERAND_COUNT,
	KTAP_OPERAND_CAP,
	KTAP_OPERAND_CONST,
	KTAP_OPERAND_CONSTS,
	KTAP_OPERAND_GLOBAL,
	KTAP_OPERAND_FUNC,
	KTAP_OPERAND_SYMBOL,
	KTAP_OPERAND_BUILTIN,
	KTAP_OPERAND_JUMP,
	KTAP_OPERAND_FIELD,
};

/* What operand c of SETSMALL says the value is: the VM's tags for them. */
enum ktap_small {
	KTAP_SMALL_INT = 0,
	KTAP_SMALL_FALSE = 3,
	KTAP_SMALL_TRUE = 4,
};

struct ktap_opcode_info {
	const char *mnemonic;
	__u8 a, b, c, d; /* enum ktap_operand */
};

/* The table's entry for `op`, or a null pointer for a number that is no opcode. */
static inline const struct ktap_opcode_info *ktap_opcode_info(__u32 op)
{
	static const struct ktap_opcode_info table[] = {
#define KTAP_OP(name, mnemonic, a, b, c, d) \
	{ mnemonic, KTAP_OPERAND_##a, KTAP_OPERAND_##b, KTAP_OPERAND_##c, KTAP_OPERAND_##d },
#include "opcodes.def"
#undef KTAP_OP
	};

	return op < KTAP_OP_COUNT ? &table[op] : (const struct ktap_opcode_info *)0;
}

enum ktap_builtin {
#define KTAP_BUILTIN(id, name, least, most) KTAP_BUILTIN_##id,
#include "builtins.def"
#undef KTAP_BUILTIN
	KTAP_BUILTIN_COUNT,
};

#define KTAP_ARGS_ANY 255

struct ktap_builtin_info {
	const char *name;
	__u8 least, most;
};

static inline const struct ktap_builtin_info *ktap_builtin_info(__u32 builtin)
{
	static const struct ktap_builtin_info table[] = {
#define KTAP_BUILTIN(id, name, least, most) { name, least, most },
#include "builtins.def"
#undef KTAP_BUILTIN
	};

	return builtin < KTAP_BUILTIN_COUNT ? &table[builtin]
					    : (const struct ktap_builtin_info *)0;
}

#endif
