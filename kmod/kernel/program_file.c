// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A program's file and its thread: run, read, stop, close.
 *
 * The file owns the instance and waits for the thread before it frees it. A thread that does not
 * come back from a call is not waited for for ever: then the instance becomes the thread's, which
 * frees it when (if ever) the call returns. Whoever changes `owner` first decides.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "callback.h"
#include "host.h"
#include "image_view.h"
#include "program.h"
#include "quarantine.h"

/* How long closing waits for a call to return. */
#define CLOSE_PATIENCE (5 * HZ)
/* How often a waiting thread looks whether the program's thread has died. */
#define LIFE_CHECK HZ

/* Memory of instances that were left to their threads, bytes. */
static atomic_long_t abandoned_bytes = ATOMIC_LONG_INIT(0);

bool ktap_instance_is_stopping(const struct ktap_instance *instance)
{
	/* A person may also kill the thread itself. */
	return READ_ONCE(instance->stopping) ||
	       (current == instance->thread && signal_pending(current));
}

size_t ktap_abandoned_bytes(void)
{
	return atomic_long_read(&abandoned_bytes);
}

static bool thread_has_died(const struct ktap_instance *instance)
{
	return instance->thread && READ_ONCE(instance->thread->exit_state) != 0;
}

/* Asks the program to end, and wakes it if it sleeps where a signal may wake it. */
static void stop(struct ktap_instance *instance)
{
	WRITE_ONCE(instance->stopping, true);
	wake_up_all(&instance->ring.not_full);
	if (instance->thread && !thread_has_died(instance))
		send_sig(SIGKILL, instance->thread, 1);
}

static void run_main_chunk(struct ktap_instance *instance)
{
	allow_signal(SIGKILL);
	instance->main.instance = instance;
	if (ktap_context_enter(&instance->main.context) != 0) {
		ktap_ring_note(&instance->ring, "too many scripts are running at once");
		ktap_ring_end(&instance->ring, KTAP_EXIT_ERROR);
		return;
	}
	ktap_atomic_state_save(&instance->main.entry);
	ktap_watchdog_start(instance);
	ktap_program_run(instance->vm);
	ktap_call_settle(&instance->main);
	ktap_context_leave(&instance->main.context);
	/* Those that sleep in a call are waited for as the main chunk would be. */
	while (!ktap_callbacks_stop(instance))
		schedule_timeout_idle(HZ / 50);
	ktap_watchdog_stop(instance);
	/* Does nothing if the program said so itself, as it should. */
	ktap_ring_end(&instance->ring, KTAP_EXIT_ERROR);
}

static int thread_main(void *data)
{
	struct ktap_instance *instance = data;

	run_main_chunk(instance);
	if (cmpxchg(&instance->owner, KTAP_OWNED_BY_FILE, KTAP_THREAD_ENDED) ==
	    KTAP_OWNED_BY_THREAD) {
		pr_notice("a call that was given up has returned\n");
		atomic_long_sub(instance->arena_size, &abandoned_bytes);
		ktap_instance_retire(instance);
		module_put_and_kthread_exit(0);
	}
	complete(&instance->ended);
	/* From here on the instance may be gone; the thread is not until it is told to stop. */
	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static int run(struct ktap_instance *instance)
{
	const struct ktap_image_header *header = instance->image;
	struct task_struct *thread;
	int error = 0;

	mutex_lock(&instance->start);
	if (instance->thread) {
		error = -EBUSY;
		goto out;
	}
	thread = kthread_create(thread_main, instance, "ktap/%s",
				kbasename(ktap_image_text(instance->image, header->script)));
	if (IS_ERR(thread)) {
		error = PTR_ERR(thread);
		goto out;
	}
	get_task_struct(thread);
	instance->thread = thread;
	wake_up_process(thread);
out:
	mutex_unlock(&instance->start);
	return error;
}

/* Says for a thread that died in a call what it cannot say itself. */
static void report_death(struct ktap_instance *instance)
{
	const char *calling;

	mutex_lock(&instance->start);
	if (thread_has_died(instance) && !READ_ONCE(instance->ring.ended)) {
		calling = ktap_function_called(&instance->main);
		ktap_ring_note(&instance->ring, "the script's thread was ended inside '%s'",
			       calling ? calling : "the VM");
		ktap_ring_end(&instance->ring, KTAP_EXIT_ERROR);
	}
	mutex_unlock(&instance->start);
}

static ssize_t program_read(struct file *file, char __user *to, size_t size, loff_t *position)
{
	struct ktap_instance *instance = file->private_data;
	struct ktap_ring *ring = &instance->ring;
	ssize_t total;
	bool ended;
	long woken;

	for (;;) {
		/* Asked first: nothing comes behind the EXIT record. */
		ended = smp_load_acquire(&ring->ended);
		total = ktap_ring_read(ring, to, size);
		if (total != 0 || ended)
			return total;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		woken = wait_event_interruptible_timeout(
			ring->not_empty, ktap_ring_has_data(ring) || READ_ONCE(ring->ended),
			LIFE_CHECK);
		if (woken < 0)
			return woken;
		report_death(instance);
	}
}

static __poll_t program_poll(struct file *file, struct poll_table_struct *table)
{
	struct ktap_instance *instance = file->private_data;

	poll_wait(file, &instance->ring.not_empty, table);
	report_death(instance);
	return ktap_ring_has_data(&instance->ring) || READ_ONCE(instance->ring.ended)
		       ? EPOLLIN | EPOLLRDNORM
		       : 0;
}

static long program_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct ktap_instance *instance = file->private_data;

	switch (command) {
	case KTAP_IOC_RUN:
		return argument ? -EINVAL : run(instance);
	case KTAP_IOC_STOP:
		if (argument)
			return -EINVAL;
		mutex_lock(&instance->start);
		stop(instance);
		mutex_unlock(&instance->start);
		return 0;
	default:
		return -ENOTTY;
	}
}

/* True once the thread is through with the instance or dead; false if neither comes to pass. */
static bool wait_for_end(struct ktap_instance *instance)
{
	unsigned long deadline = jiffies + CLOSE_PATIENCE;

	do {
		if (wait_for_completion_timeout(&instance->ended, LIFE_CHECK) != 0)
			return true;
		if (thread_has_died(instance)) {
			ktap_watchdog_stop(instance);
			ktap_context_leave(&instance->main.context);
			return true;
		}
	} while (time_before(jiffies, deadline));
	return false;
}

/* Leaves the instance, with a reference on the module, to its thread. False if that has ended. */
static bool leave_to_thread(struct ktap_instance *instance)
{
	struct task_struct *thread = instance->thread;
	const char *calling = ktap_function_called(&instance->main);
	size_t size = instance->arena_size;

	pr_warn("a call of '%s' has not returned: the script's %zu KiB are kept until it does\n",
		calling ? calling : "the VM", size >> 10);
	__module_get(THIS_MODULE);
	atomic_long_add(size, &abandoned_bytes);
	if (cmpxchg(&instance->owner, KTAP_OWNED_BY_FILE, KTAP_OWNED_BY_THREAD) ==
	    KTAP_OWNED_BY_FILE) {
		put_task_struct(thread);
		return true;
	}
	atomic_long_sub(size, &abandoned_bytes);
	module_put(THIS_MODULE);
	return false;
}

static int program_release(struct inode *inode, struct file *file)
{
	struct ktap_instance *instance = file->private_data;

	stop(instance);
	if (instance->thread) {
		if (!wait_for_end(instance) && leave_to_thread(instance))
			return 0;
		kthread_stop(instance->thread);
		put_task_struct(instance->thread);
	}
	ktap_instance_retire(instance);
	return 0;
}

static const struct file_operations program_operations = {
	.owner = THIS_MODULE,
	.read = program_read,
	.poll = program_poll,
	.unlocked_ioctl = program_ioctl,
	.release = program_release,
};

int ktap_instance_publish(struct ktap_instance *instance)
{
	return anon_inode_getfd("[ktap-program]", &program_operations, instance,
				O_RDWR | O_CLOEXEC);
}
