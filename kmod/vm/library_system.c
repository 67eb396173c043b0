/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Time, and what the host knows of the thread that runs and of the machine. */
#include "error.h"
#include "library.h"
#include "string.h"

static int give_time(const struct ktap_activation *activation, u64 unit,
		     struct ktap_value results[KTAP_RESULTS_MAX])
{
	const struct ktap_program *program = activation->program;

	ktap_set_int(&results[0], program->host->realtime_ns(program->host_data) / unit);
	return 1;
}

int ktap_builtin_time_ns(struct ktap_activation *activation, const struct ktap_value *arguments,
			 u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	(void)arguments;
	(void)count;
	return give_time(activation, 1, results);
}

int ktap_builtin_time_us(struct ktap_activation *activation, const struct ktap_value *arguments,
			 u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	(void)arguments;
	(void)count;
	return give_time(activation, 1000, results);
}

int ktap_builtin_time_ms(struct ktap_activation *activation, const struct ktap_value *arguments,
			 u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	(void)arguments;
	(void)count;
	return give_time(activation, 1000 * 1000, results);
}

int ktap_builtin_time_s(struct ktap_activation *activation, const struct ktap_value *arguments,
			u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	(void)arguments;
	(void)count;
	return give_time(activation, 1000 * 1000 * 1000, results);
}

/* A fact that is a number. */
static int give_number(struct ktap_activation *activation, u32 fact,
		       struct ktap_value results[KTAP_RESULTS_MAX])
{
	const struct ktap_program *program = activation->program;
	long number = program->host->fact
			      ? program->host->fact(program->host_data, fact, 0, NULL, 0)
			      : -1;

	if (number < 0)
		return ktap_raise(activation, "this host does not tell");
	ktap_set_int(&results[0], number);
	return 1;
}

/* A fact that is a text; put together where matches and records are, too. */
static int give_text(struct ktap_activation *activation, u32 fact,
		     struct ktap_value results[KTAP_RESULTS_MAX])
{
	const struct ktap_program *program = activation->program;
	char *text = (char *)activation->slots;
	struct ktap_string *string;
	long length = program->host->fact
			      ? program->host->fact(program->host_data, fact, 0, text,
						    sizeof(activation->slots))
			      : -1;

	if (length < 0)
		return ktap_raise(activation, "this host does not tell");
	string = ktap_string_make(activation, text, length);
	if (!string)
		return -1;
	ktap_set_string(&results[0], string);
	return 1;
}

#define FACT(name, give, fact)                                                                   \
	int ktap_builtin_##name(struct ktap_activation *activation,                              \
				const struct ktap_value *arguments, u32 count,                   \
				struct ktap_value results[KTAP_RESULTS_MAX])                     \
	{                                                                                        \
		(void)arguments;                                                                 \
		(void)count;                                                                     \
		return give(activation, fact, results);                                          \
	}

FACT(cpu, give_number, KTAP_FACT_CPU)
FACT(pid, give_number, KTAP_FACT_PID)
FACT(tid, give_number, KTAP_FACT_TID)
FACT(uid, give_number, KTAP_FACT_UID)
FACT(execname, give_text, KTAP_FACT_EXECNAME)
FACT(kernel_v, give_text, KTAP_FACT_KERNEL)
FACT(arch, give_text, KTAP_FACT_ARCH)
FACT(stack, give_text, KTAP_FACT_STACK)

/* Ends the program as if its last line had been reached: no pcall catches it. */
int ktap_builtin_exit(struct ktap_activation *activation, const struct ktap_value *arguments,
		      u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	(void)arguments;
	(void)count;
	(void)results;
	activation->final = true;
	activation->left = true;
	ktap_set_nil(&activation->error);
	return -1;
}
