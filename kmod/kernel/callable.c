// SPDX-License-Identifier: MIT OR GPL-2.0
/* Which functions may be called at all, and which without a grant: see callable.h. */
#include "callable.h"

#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/string.h>

struct forbidden {
	const char *name;
	const char *why;
	bool is_prefix;
};

static const struct forbidden forbidden[] = {
#define KTAP_FORBIDDEN(name, why) { #name, why, false },
#define KTAP_FORBIDDEN_PREFIX(prefix, why) { prefix, why, true },
#include "forbidden.def"
#undef KTAP_FORBIDDEN
#undef KTAP_FORBIDDEN_PREFIX
};

static const struct ktap_harmless harmless_functions[] = {
#define KTAP_HARMLESS(name, arguments) { #name, arguments },
#include "harmless.def"
#undef KTAP_HARMLESS
};

static const char *const sleeping[] = {
#define KTAP_SLEEPS(name) #name,
#include "sleeping.def"
#undef KTAP_SLEEPS
};

/* A range of text that only the processor or special code enters. */
struct text_range {
	const char *start_name;
	const char *end_name;
	const char *why;
	unsigned long start;
	unsigned long end;
};

static struct text_range special_text[] = {
	{ "__entry_text_start", "__entry_text_end", "is an entry point of the processor" },
	{ "__noinstr_text_start", "__noinstr_text_end",
	  "runs where the kernel is not yet ready (noinstr)" },
	{ "__irqentry_text_start", "__irqentry_text_end", "is an interrupt's entry point" },
	{ "__static_call_text_start", "__static_call_text_end",
	  "is a static call, not a function" },
	{ "__indirect_thunk_start", "__indirect_thunk_end", "is not an ordinary function" },
};

static unsigned long within_kprobe_blacklist;

void ktap_callable_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(special_text); i++) {
		special_text[i].start = ktap_symbol_address(special_text[i].start_name);
		special_text[i].end = ktap_symbol_address(special_text[i].end_name);
	}
	within_kprobe_blacklist = ktap_symbol_address("within_kprobe_blacklist");
}

static const char *refusal_by_name(const char *name)
{
	size_t i;

	/* .isra, .constprop, .part, .cold: their arguments are not what the source says. */
	if (strchr(name, '.'))
		return "is a compiler's variant, whose arguments differ from the source's";
	for (i = 0; i < ARRAY_SIZE(forbidden); i++)
		if (forbidden[i].is_prefix ? strstarts(name, forbidden[i].name)
					   : strcmp(name, forbidden[i].name) == 0)
			return forbidden[i].why;
	return NULL;
}

static const char *refusal_by_address(unsigned long address)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(special_text); i++)
		if (address >= special_text[i].start && address < special_text[i].end)
			return special_text[i].why;
	if (within_kprobe_blacklist &&
	    (u8)ktap_call_kernel(within_kprobe_blacklist, address, 0, 0, 0, 0, 0))
		return "is on the kernel's own list of functions that must not be probed";
	return NULL;
}

static bool is_text(unsigned long address, const struct ktap_place *place)
{
	if (place->in_module)
		return ktap_is_module_text(address);
	return address >= ktap_kernel.stext && address < ktap_kernel.etext;
}

const char *ktap_callable_refusal(const char *name, unsigned long address,
				  const struct ktap_place *place)
{
	const char *why = refusal_by_name(name);

	if (!why)
		why = refusal_by_name(place->name);
	if (why)
		return why;
	if (!is_text(address, place))
		return "is not code (it is data, or was freed after boot)";
	/* Some clocks are noinstr or not to be probed, and yet made to be called from anywhere. */
	return ktap_harmless_find(name) ? NULL : refusal_by_address(address);
}

bool ktap_callable_settles(const char *name)
{
	static const char *const parts[] = { "unlock", "preempt_enable", "bh_enable", "irq_enable",
					     "irq_restore" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(name, parts[i]))
			return true;
	return false;
}

bool ktap_callable_sleeps(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sleeping); i++)
		if (strcmp(name, sleeping[i]) == 0)
			return true;
	return false;
}

const struct ktap_harmless *ktap_harmless_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(harmless_functions); i++)
		if (strcmp(name, harmless_functions[i].name) == 0)
			return &harmless_functions[i];
	return NULL;
}

/* Whether a string begins at `address`, all of it the script's. */
static bool is_owned_string(const struct ktap_program *program, u64 address)
{
	u64 size = ktap_program_owned(program, address);

	return size != 0 && strnlen((const char *)address, size) < size;
}

/* Skips flags, width, precision and length; counts the widths given as arguments. */
static const char *skip_to_conversion(const char *at, u32 *argument)
{
	while (*at && strchr("-+ #0123456789.*hlLqjzt", *at)) {
		if (*at == '*')
			(*argument)++;
		at++;
	}
	return at;
}

/*
 * Whether printk may follow a format: %s only with a string of the script, %p only as a number (its
 * extensions, like %pV, follow the pointer), nothing unknown.
 */
static bool is_safe_format(const struct ktap_program *program, const u64 *slots, u32 words)
{
	u32 argument = 1;
	const char *at;

	if (!is_owned_string(program, slots[0]))
		return false;
	for (at = (const char *)slots[0]; *at; at++) {
		if (*at != '%')
			continue;
		at = skip_to_conversion(at + 1, &argument);
		if (*at == '%')
			continue;
		if (!*at || !strchr("diuxXocsp", *at) || argument >= words)
			return false;
		if (*at == 's' && !is_owned_string(program, slots[argument]))
			return false;
		if (*at == 'p' && isalnum(at[1]))
			return false;
		argument++;
	}
	return true;
}

static bool is_fitting_argument(char letter, const struct ktap_program *program, u64 value,
				u64 count)
{
	switch (letter) {
	case 'v':
	case 'n':
		return true;
	case 's':
		return is_owned_string(program, value);
	case 'm':
		return count == 0 || ktap_program_owned(program, value) >= count;
	case 't':
		return ktap_program_owned(program, value) >= 16;
	default:
		return false;
	}
}

bool ktap_harmless_arguments(const struct ktap_harmless *harmless,
			     const struct ktap_program *program, const u64 *slots, u32 words)
{
	const char *letters = harmless->arguments;
	size_t count = strlen(letters), i;

	if (count > words)
		return false;
	if (strcmp(letters, "f") == 0)
		return is_safe_format(program, slots, words);
	for (i = 0; i < count; i++)
		if (!is_fitting_argument(letters[i], program, slots[i], slots[count - 1]))
			return false;
	return true;
}
