// SPDX-License-Identifier: MIT OR GPL-2.0
/* Making an instance of an image, and freeing it: see program.h. What it does while it lives is in
 * program_file.c. */
#include "program.h"

#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "host.h"
#include "image_view.h"
#include "quarantine.h"
#include "symbols.h"

/* Arenas are large and on the script's account; failing is better than killing somebody for it. */
#define ARENA_FLAGS (GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* Nothing more is loaded while scripts that cannot be freed hold more than this. */
#define ABANDONED_MOST (256ul << 20)

__printf(3, 4) static int refuse(struct ktap_message *message, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vscnprintf(message->text, message->size, format, arguments);
	va_end(arguments);
	return error;
}

static void let_others_run(void)
{
	cond_resched();
}

/* Puts in front of a verifier's message what its offset counts. */
static void add_place(struct ktap_message *message)
{
	char place[64];
	size_t length, room;

	if (message->where == KTAP_WHERE_BYTE)
		length = scnprintf(place, sizeof(place), "byte %llu: ", message->offset);
	else if (message->where == KTAP_WHERE_PC)
		length = scnprintf(place, sizeof(place), "function %u, pc %u: ",
				   upper_32_bits(message->offset), lower_32_bits(message->offset));
	else
		return;
	if (message->size <= length)
		return;
	room = message->size - length;
	memmove(message->text + length, message->text, room);
	memcpy(message->text, place, length);
	message->text[message->size - 1] = '\0';
}

static int verify_image(const struct ktap_instance *instance, struct ktap_message *message)
{
	size_t scratch_size = KTAP_VERIFY_SCRATCH_BYTES(instance->image_size);
	void *scratch = kvmalloc(scratch_size, GFP_KERNEL_ACCOUNT);
	int status;

	if (!scratch)
		return -ENOMEM;
	status = ktap_verify(instance->image, instance->image_size, scratch, scratch_size,
			     let_others_run, message);
	kvfree(scratch);
	if (status == 0)
		return 0;
	add_place(message);
	return -EINVAL;
}

static int check_kernel(const struct ktap_instance *instance, struct ktap_message *message)
{
	const struct ktap_image_header *header = instance->image;
	const void *build_id;
	u32 size;

	if (header->flags & KTAP_IMAGE_TARGET_ANY)
		return 0;
	if (header->flags & KTAP_IMAGE_TARGET_HOST)
		return refuse(message, -ESTALE,
			      "the image is made for a process: run it with --target host");
	if (header->flags & KTAP_IMAGE_TARGET_UNBOUND)
		return refuse(message, -ESTALE,
			      "the image does not say which kernel it is for: give ksym-resolve "
			      "the kernel's --build-id");
	build_id = ktap_image_section(instance->image, KTAP_SECTION_BUILD_ID, &size);
	if (size == ktap_kernel.build_id_size && size != 0 &&
	    memcmp(build_id, ktap_kernel.build_id, size) == 0)
		return 0;
	return refuse(message, -ESTALE,
		      "the image is for kernel %.64s with build id %*phN, this one has %*phN: run "
		      "ksym-resolve and ktapc again on this kernel",
		      ktap_image_text(instance->image, header->release), (int)size, build_id,
		      (int)ktap_kernel.build_id_size, ktap_kernel.build_id);
}

static bool has_functions(const struct ktap_instance *instance)
{
	const struct ktap_image_symbol *symbols;
	u32 count, i;

	symbols = ktap_image_section(instance->image, KTAP_SECTION_SYMBOLS, &count);
	for (i = 0; i < count; i++)
		if (symbols[i].kind == KTAP_SYMBOL_FUNCTION)
			return true;
	return false;
}

/* What the machine's owner and the module's own state allow, whatever was granted. */
static int check_policy(const struct ktap_instance *instance, struct ktap_message *message)
{
	bool calls = has_functions(instance) || instance->grants.call;
	size_t held;

	if (security_locked_down(LOCKDOWN_KCORE) != 0)
		return refuse(message, -EACCES,
			      "this kernel is locked down: its memory must not be read");
	/* To write memory, by whatever function, is what "integrity" is to keep root from. */
	if ((calls || instance->grants.write) &&
	    (security_locked_down(LOCKDOWN_DEV_MEM) != 0 ||
	     security_locked_down(LOCKDOWN_KPROBES) != 0))
		return refuse(message, -EACCES,
			      "this kernel is locked down: nothing may be called or written");
	held = ktap_abandoned_bytes() + ktap_quarantine_bytes();
	if (held > ABANDONED_MOST)
		return refuse(message, -ENOMEM,
			      "scripts whose calls never returned, or whose callbacks were not "
			      "freed, hold %zu KiB of memory: see ktap-load --reap", held >> 10);
	if (calls && !instance->keep_going && ktap_calls_refused())
		return refuse(message, -EBUSY, "%s", ktap_calls_refused());
	return 0;
}

static int check_image(struct ktap_instance *instance, struct ktap_message *message)
{
	int error = verify_image(instance, message);

	if (!error)
		error = check_kernel(instance, message);
	if (!error)
		error = check_policy(instance, message);
	if (!error)
		error = ktap_grants_check(&instance->grants, instance->image, message);
	return error;
}

static int take_memory(struct ktap_instance *instance, size_t arena_size,
		       struct ktap_message *message)
{
	ktap_image_section(instance->image, KTAP_SECTION_SYMBOLS, &instance->binding_count);
	instance->bindings = kvcalloc(max(instance->binding_count, 1u), sizeof(*instance->bindings),
				      GFP_KERNEL_ACCOUNT);
	instance->arena = __vmalloc(arena_size, ARENA_FLAGS);
	instance->arena_size = arena_size;
	if (!instance->bindings || !instance->arena)
		return refuse(message, -ENOMEM, "the kernel has no %zu KiB for the script's memory",
			      arena_size >> 10);
	return ktap_ring_init(&instance->ring);
}

static int create_program(struct ktap_instance *instance, struct ktap_message *message)
{
	static const struct ktap_limits limits = { .instructions = 0 };

	ktap_host_fill(instance);
	if (ktap_program_create(&instance->host, instance, instance->image, instance->image_size,
				instance->arena, instance->arena_size, &limits, &instance->vm,
				message) == 0)
		return 0;
	instance->vm = NULL;
	/* Of a verified image, only a symbol or the arena's size can be at fault. */
	return instance->bind_error ? instance->bind_error : -ENOMEM;
}

static struct ktap_instance *new_instance(void *image, size_t image_size, u32 flags)
{
	struct ktap_instance *instance = kzalloc(sizeof(*instance), GFP_KERNEL_ACCOUNT);

	if (!instance)
		return NULL;
	instance->image = image;
	instance->image_size = image_size;
	instance->keep_going = flags & KTAP_LOAD_KEEP_GOING;
	instance->force_break = flags & KTAP_LOAD_FORCE_BREAK;
	ktap_watchdog_prepare(instance);
	instance->owner = KTAP_OWNED_BY_FILE;
	instance->loader = get_task_struct(current);
	mutex_init(&instance->start);
	init_completion(&instance->ended);
	return instance;
}

struct ktap_instance *ktap_instance_load(void *image, size_t image_size, size_t memory,
					 char *grants_text, u32 flags, struct ktap_message *message)
{
	struct ktap_instance *instance = new_instance(image, image_size, flags);
	int error;

	if (!instance) {
		kvfree(image);
		kvfree(grants_text);
		return ERR_PTR(-ENOMEM);
	}
	error = ktap_grants_parse(&instance->grants, grants_text, message);
	if (!error)
		error = check_image(instance, message);
	if (!error)
		error = take_memory(instance, memory, message);
	if (!error)
		error = create_program(instance, message);
	if (!error)
		return instance;
	ktap_instance_free(instance);
	return ERR_PTR(error);
}

/* The mirror of ktap_instance_load(), from any point that it reached. */
void ktap_instance_free(struct ktap_instance *instance)
{
	if (instance->vm)
		ktap_program_destroy(instance->vm);
	if (instance->bindings)
		ktap_unbind(instance);
	if (instance->ring.bytes)
		ktap_ring_free(&instance->ring);
	vfree(instance->arena);
	kvfree(instance->bindings);
	ktap_grants_free(&instance->grants);
	kvfree(instance->image);
	put_task_struct(instance->loader);
	kfree(instance);
}
