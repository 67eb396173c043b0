// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Binding the symbols of an image to this boot's addresses.
 *
 * A symbol comes with a name and a place, and both must agree: a name may stand for several
 * addresses, and a place that bears another name means that the image was made for something else.
 */
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "host.h"
#include "symbols.h"

struct bind_request {
	struct ktap_instance *instance;
	const struct ktap_image_symbol *symbol;
	const char *name;
	const char *module_name; /* NULL: the kernel itself */
	struct ktap_message *why;
};

/* One bind at a time: this is too large for a stack. */
static DEFINE_MUTEX(bind_lock);
static struct ktap_place bound_place;
static char qualified_name[KSYM_NAME_LEN + MODULE_NAME_LEN + 1];

/* The same for pointers, which may be checked where sleeping is forbidden. */
static DEFINE_RAW_SPINLOCK(pointer_lock);
static struct ktap_place pointer_place;

__printf(3, 4) static int refuse(struct bind_request *request, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vscnprintf(request->why->text, request->why->size, format, arguments);
	va_end(arguments);
	request->instance->bind_error = error;
	return -1;
}

static int no_such_symbol(struct bind_request *request)
{
	return refuse(request, -ENOENT, "this kernel has no symbol '%s' where the image expects it",
		      request->name);
}

/* Whether `address` bears the name at offset 0; of several names for one address, the kernel's
 * reverse look-up knows only the first. Fills in `place`. */
static bool is_named(unsigned long address, const char *name, struct ktap_place *place)
{
	if (!ktap_symbol_at(address, place) || place->offset != 0)
		return false;
	return strcmp(place->name, name) == 0 || ktap_symbol_address(name) == address;
}

static int bind_kernel_symbol(struct bind_request *request, u64 *address)
{
	unsigned long at = ktap_kernel.stext + request->symbol->offset;

	if (request->symbol->offset >= ktap_kernel.end - ktap_kernel.stext ||
	    !is_named(at, request->name, &bound_place))
		return no_such_symbol(request);
	*address = at;
	return 0;
}

/* Per-CPU and absolute symbols have no place in the kernel's range: only the name is looked up. */
static int bind_value(struct bind_request *request, u64 *address)
{
	if (request->symbol->kind != KTAP_SYMBOL_VARIABLE)
		return refuse(request, -ENOENT, "'%s' is not a function", request->name);
	if (ktap_symbol_address(request->name) != request->symbol->offset)
		return no_such_symbol(request);
	*address = request->symbol->offset;
	bound_place.distance = ULONG_MAX;
	return 0;
}

static int bind_module_symbol(struct bind_request *request, struct ktap_binding *binding,
			      u64 *address)
{
	unsigned long at;

	if (!request->module_name)
		return no_such_symbol(request);
	snprintf(qualified_name, sizeof(qualified_name), "%s:%s", request->module_name,
		 request->name);
	at = ktap_symbol_address(qualified_name);
	binding->module = at ? ktap_module_get_at(at) : NULL;
	if (!binding->module)
		return refuse(request, -ENOENT, "module '%s' is not loaded, or has no symbol '%s'",
			      request->module_name, request->name);
	/* The module might have been replaced before the reference was taken. */
	if (ktap_symbol_address(qualified_name) != at || binding->module == THIS_MODULE ||
	    !ktap_symbol_at(at, &bound_place) || bound_place.offset != 0)
		return no_such_symbol(request);
	*address = at;
	return 0;
}

static int bind_function(struct bind_request *request, struct ktap_binding *binding, u64 address)
{
	const char *why = ktap_callable_refusal(request->name, address, &bound_place);

	if (why)
		return refuse(request, -EOPNOTSUPP, "'%s' must not be called: it %s", request->name,
			      why);
	binding->harmless = ktap_harmless_find(request->name);
	binding->sleeps = ktap_callable_sleeps(request->name);
	binding->settles = ktap_callable_settles(request->name);
	binding->granted = ktap_grants_call(&request->instance->grants, request->name);
	return 0;
}

static int bind_variable(struct bind_request *request)
{
	if (request->symbol->size <= bound_place.distance)
		return 0;
	return refuse(request, -ENOENT,
		      "'%s' is declared with %llu bytes, but the next symbol follows after %lu",
		      request->name, request->symbol->size, bound_place.distance);
}

static int bind_address(struct bind_request *request, struct ktap_binding *binding, u64 *address)
{
	switch (request->symbol->base) {
	case KTAP_BASE_STEXT:
		return bind_kernel_symbol(request, address);
	case KTAP_BASE_PERCPU:
	case KTAP_BASE_ABSOLUTE:
		return bind_value(request, address);
	case KTAP_BASE_MODULE:
		return bind_module_symbol(request, binding, address);
	default:
		return refuse(request, -ENOENT, "'%s' is a symbol of a process, not of the kernel",
			      request->name);
	}
}

int ktap_host_bind(void *host_data, const struct ktap_program *program, u32 index, u64 *address,
		   struct ktap_message *why)
{
	struct ktap_instance *instance = host_data;
	const struct ktap_image_symbol *symbol = ktap_program_symbol(program, index);
	struct ktap_binding *binding = &instance->bindings[index];
	u32 length;
	struct bind_request request = {
		.instance = instance,
		.symbol = symbol,
		.name = ktap_program_string(program, symbol->name, &length),
		.why = why,
	};
	int status;

	if (symbol->module != KTAP_NONE)
		request.module_name = ktap_program_string(program, symbol->module, &length);
	binding->name = request.name;
	mutex_lock(&bind_lock);
	status = bind_address(&request, binding, address);
	if (status == 0)
		status = symbol->kind == KTAP_SYMBOL_FUNCTION
				 ? bind_function(&request, binding, *address)
				 : bind_variable(&request);
	mutex_unlock(&bind_lock);
	return status;
}

void ktap_unbind(struct ktap_instance *instance)
{
	u32 i;

	for (i = 0; i < instance->binding_count; i++)
		module_put(instance->bindings[i].module);
}

/* Whether the program holds a reference on the module that `address` is in. */
static bool is_in_held_module(const struct ktap_instance *instance, unsigned long address)
{
	u32 i;

	for (i = 0; i < instance->binding_count; i++)
		if (instance->bindings[i].module &&
		    within_module_core(address, instance->bindings[i].module))
			return true;
	return false;
}

static void check_pointer(const struct ktap_instance *instance, u64 address,
			  struct ktap_message *why)
{
	const struct ktap_place *place = &pointer_place;
	const char *refusal;

	if (!ktap_symbol_at(address, &pointer_place) || place->offset != 0) {
		scnprintf(why->text, why->size, "0x%llx is not the start of a function", address);
		return;
	}
	refusal = ktap_callable_refusal(place->name, address, place);
	if (refusal)
		scnprintf(why->text, why->size, "'%.64s' must not be called: it %s", place->name,
			  refusal);
	else if (place->in_module && !is_in_held_module(instance, address))
		scnprintf(why->text, why->size,
			  "'%.64s' is in a module that nothing here holds in place: use one of its "
			  "symbols by name",
			  place->name);
}

int ktap_host_may_call(void *host_data, u64 address, struct ktap_message *why)
{
	unsigned long flags;

	why->text[0] = '\0';
	raw_spin_lock_irqsave(&pointer_lock, flags);
	check_pointer(host_data, address, why);
	raw_spin_unlock_irqrestore(&pointer_lock, flags);
	return why->text[0] == '\0';
}
