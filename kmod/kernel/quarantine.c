// SPDX-License-Identifier: MIT OR GPL-2.0
/* Programs that are kept: see quarantine.h. */
#include "quarantine.h"

#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>

#include "callback.h"
#include "image_view.h"

static DEFINE_MUTEX(kept_lock);
static LIST_HEAD(kept);
static atomic_long_t kept_bytes = ATOMIC_LONG_INIT(0);

size_t ktap_quarantine_bytes(void)
{
	return atomic_long_read(&kept_bytes);
}

static void keep(struct ktap_instance *instance, u32 callbacks)
{
	const struct ktap_image_header *header = instance->image;

	pr_notice("'%s' ended with %u callbacks that it had not freed: its %zu KiB are kept (ktap-load --reap)\n",
		  ktap_image_text(instance->image, header->script), callbacks,
		  instance->arena_size >> 10);
	__module_get(THIS_MODULE);
	atomic_long_add(instance->arena_size, &kept_bytes);
	mutex_lock(&kept_lock);
	list_add(&instance->kept, &kept);
	mutex_unlock(&kept_lock);
}

static void release(struct ktap_instance *instance)
{
	ktap_callbacks_release(instance);
	ktap_instance_free(instance);
}

void ktap_instance_retire(struct ktap_instance *instance)
{
	u32 callbacks = ktap_program_callbacks(instance->vm);

	if (ktap_callbacks_stop(instance) && !callbacks)
		release(instance);
	else
		keep(instance, callbacks);
}

void ktap_quarantine_reap(struct ktap_reap *result)
{
	struct ktap_instance *instance, *next;

	*result = (struct ktap_reap){ .freed = 0 };
	mutex_lock(&kept_lock);
	list_for_each_entry_safe(instance, next, &kept, kept) {
		if (!ktap_callbacks_stop(instance)) {
			result->kept++;
			continue;
		}
		list_del(&instance->kept);
		atomic_long_sub(instance->arena_size, &kept_bytes);
		release(instance);
		module_put(THIS_MODULE);
		result->freed++;
	}
	mutex_unlock(&kept_lock);
	result->kept_bytes = ktap_abandoned_bytes() + ktap_quarantine_bytes();
}
