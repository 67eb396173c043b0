// SPDX-License-Identifier: MIT OR GPL-2.0
/* /dev/ktap: takes an image and what comes with it from user space. */
#include "device.h"

#include <linux/capability.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "program.h"
#include "quarantine.h"

#define MESSAGE_BYTES 1024

/* A copy of `size` bytes of user space with a zero byte behind them; or ERR_PTR. */
static void *copy_in(u64 from, size_t size)
{
	char *copy = kvmalloc(size + 1, GFP_KERNEL_ACCOUNT);

	if (!copy)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(copy, u64_to_user_ptr(from), size) != 0) {
		kvfree(copy);
		return ERR_PTR(-EFAULT);
	}
	copy[size] = '\0';
	return copy;
}

static int check_arguments(struct ktap_load *load, struct ktap_message *message)
{
	const char *what;

	if (load->abi_version != KTAP_ABI_VERSION) {
		scnprintf(message->text, message->size,
			  "the module speaks version %u of its interface, the loader %u",
			  KTAP_ABI_VERSION, load->abi_version);
		return -EPROTO;
	}
	if (load->memory == 0)
		load->memory = KTAP_MEMORY_DEFAULT;
	if (load->flags & ~(KTAP_LOAD_KEEP_GOING | KTAP_LOAD_FORCE_BREAK))
		what = "an unknown flag";
	else if (load->image_size == 0 || load->image_size > KTAP_IMAGE_MAX_BYTES)
		what = "the size of the image";
	else if (load->grants_size > KTAP_GRANTS_MAX_BYTES)
		what = "the size of the grants";
	else if (load->memory < KTAP_MEMORY_LEAST || load->memory > KTAP_MEMORY_MOST)
		what = "the amount of memory";
	else
		return 0;
	scnprintf(message->text, message->size, "%s is out of range", what);
	return -EINVAL;
}

static struct ktap_instance *load_instance(struct ktap_load *load, struct ktap_message *message)
{
	void *image, *grants;
	int error = check_arguments(load, message);

	if (error)
		return ERR_PTR(error);
	image = copy_in(load->image, load->image_size);
	if (IS_ERR(image))
		return image;
	grants = copy_in(load->grants, load->grants_size);
	if (IS_ERR(grants)) {
		kvfree(image);
		return grants;
	}
	return ktap_instance_load(image, load->image_size, load->memory, grants, load->flags,
				  message);
}

static int load_program(struct ktap_load *load, struct ktap_message *message)
{
	struct ktap_instance *instance = load_instance(load, message);
	int fd;

	if (IS_ERR(instance))
		return PTR_ERR(instance);
	fd = ktap_instance_publish(instance);
	if (fd < 0)
		ktap_instance_free(instance);
	return fd;
}

/* Hands over as much of the message as there is room for, always with its final zero byte. */
static void send_message(const struct ktap_load *load, struct ktap_message *message)
{
	size_t size;

	if (load->message_size == 0)
		return;
	size = min_t(u64, load->message_size, strlen(message->text) + 1);
	message->text[size - 1] = '\0';
	if (copy_to_user(u64_to_user_ptr(load->message), message->text, size) != 0)
		pr_debug("the loader's message buffer is not writable; the error number must do\n");
}

static long handle_load(void __user *argument)
{
	struct ktap_message message = { .size = MESSAGE_BYTES };
	struct ktap_load load;
	long status;

	if (copy_from_user(&load, argument, sizeof(load)) != 0)
		return -EFAULT;
	message.text = kzalloc(MESSAGE_BYTES, GFP_KERNEL);
	if (!message.text)
		return -ENOMEM;
	status = load_program(&load, &message);
	if (status < 0)
		send_message(&load, &message);
	kfree(message.text);
	return status;
}

static long handle_reap(void __user *argument)
{
	struct ktap_reap result;

	ktap_quarantine_reap(&result);
	return copy_to_user(argument, &result, sizeof(result)) ? -EFAULT : 0;
}

static long device_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	switch (command) {
	case KTAP_IOC_LOAD:
		return handle_load((void __user *)argument);
	case KTAP_IOC_REAP:
		return handle_reap((void __user *)argument);
	default:
		return -ENOTTY;
	}
}

static int device_open(struct inode *inode, struct file *file)
{
	return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

static const struct file_operations device_operations = {
	.owner = THIS_MODULE,
	.open = device_open,
	.unlocked_ioctl = device_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ktap",
	.fops = &device_operations,
	.mode = 0600,
};

int ktap_device_init(void)
{
	return misc_register(&device);
}

void ktap_device_exit(void)
{
	misc_deregister(&device);
}
