// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A batch of generated functions as a module. When it is loaded, C makes the generated calls; the log of what
 * arrived is then in /proc/ktap_signatures. Writing to that file makes it empty, for the script's calls.
 */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/vmalloc.h>

#define LOG_SIZE (4 << 20)

struct signatures_log {
	size_t length;
	char *text;
};

static struct signatures_log log;

/* Of the generated sources. */
int run_driver(void);
struct signatures_log *signatures_open(void);
__printf(1, 2) void signatures_print(const char *format, ...);

struct signatures_log *signatures_open(void)
{
	return &log;
}

void signatures_print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log.length += vscnprintf(log.text + log.length, LOG_SIZE - log.length, format, arguments);
	va_end(arguments);
}

static ssize_t read_log(struct file *file, char __user *to, size_t size, loff_t *position)
{
	return simple_read_from_buffer(to, size, position, log.text, log.length);
}

static ssize_t clear_log(struct file *file, const char __user *from, size_t size, loff_t *position)
{
	log.length = 0;
	return size;
}

static const struct proc_ops operations = {
	.proc_read = read_log,
	.proc_write = clear_log,
};

static int __init begin(void)
{
	log.text = vmalloc(LOG_SIZE);
	if (!log.text)
		return -ENOMEM;
	if (!proc_create("ktap_signatures", 0600, NULL, &operations)) {
		vfree(log.text);
		return -ENOMEM;
	}
	run_driver();
	return 0;
}

static void __exit end(void)
{
	remove_proc_entry("ktap_signatures", NULL);
	vfree(log.text);
}

module_init(begin);
module_exit(end);
MODULE_DESCRIPTION("generated functions, for tests of calls");
MODULE_LICENSE("Dual MIT/GPL");
