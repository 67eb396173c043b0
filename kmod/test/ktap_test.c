// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Callees for tests: functions whose results, faults and side effects are known. Never loaded but
 * in a test's guest. Nothing here is called by the module itself.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <asm/fpu/api.h>

#include "ktap_test.h"

#define CALLEE(name) EXPORT_SYMBOL_GPL(name)

/* Time as kernels before 5.6 told it. */
noinline void do_gettimeofday(struct timeval *tv)
{
	struct timespec64 now;

	ktime_get_real_ts64(&now);
	tv->tv_sec = now.tv_sec;
	tv->tv_usec = now.tv_nsec / NSEC_PER_USEC;
}
CALLEE(do_gettimeofday);

/* Scalars: each returns what it was given, by way of its type. */
#define ECHO(name, type)                   \
	noinline type ktap_test_##name(type value) \
	{                                  \
		return value;              \
	}                                  \
	CALLEE(ktap_test_##name)
ECHO(bool, bool);
ECHO(char, char);
ECHO(signed_char, signed char);
ECHO(unsigned_char, unsigned char);
ECHO(short, short);
ECHO(unsigned_short, unsigned short);
ECHO(int, int);
ECHO(unsigned_int, unsigned int);
ECHO(long, long);
ECHO(unsigned_long, unsigned long);
ECHO(long_long, long long);
ECHO(unsigned_long_long, unsigned long long);
ECHO(pointer, void *);
ECHO(enum, enum ktap_test_color);
#undef ECHO

noinline void ktap_test_void(void)
{
}
CALLEE(ktap_test_void);

/* Many arguments: every one at a decimal place of its own, so that a swapped pair shows. */
noinline long ktap_test_add0(void)
{
	return 42;
}
CALLEE(ktap_test_add0);

noinline long ktap_test_add2(int a, int b)
{
	return (long)a + b;
}
CALLEE(ktap_test_add2);

noinline long ktap_test_add6(long a, long b, long c, long d, long e, long f)
{
	return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f;
}
CALLEE(ktap_test_add6);

noinline long ktap_test_add7(long a, long b, long c, long d, long e, long f, long g)
{
	return ktap_test_add6(a, b, c, d, e, f) + 1000000 * g;
}
CALLEE(ktap_test_add7);

noinline long ktap_test_add10(signed char a, short b, int c, long d, unsigned char e,
			      unsigned short f, signed char g, short h, int i, long j)
{
	return ktap_test_add7(a, b, c, d, e, f, g) + 10000000L * h + 100000000L * i +
	       1000000000L * j;
}
CALLEE(ktap_test_add10);

noinline long ktap_test_add18(long a, long b, long c, long d, long e, long f, long g, long h,
			      long i, long j, long k, long l, long m, long n, long o, long p,
			      long q, long r)
{
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j +
	       11 * k + 12 * l + 13 * m + 14 * n + 15 * o + 16 * p + 17 * q + 18 * r;
}
CALLEE(ktap_test_add18);

/* Aggregates by value, in and out. */
noinline long ktap_test_sum_pair(struct ktap_test_pair pair)
{
	return pair.a * 1000 + pair.b;
}
CALLEE(ktap_test_sum_pair);

noinline struct ktap_test_pair ktap_test_make_pair(long a, long b)
{
	return (struct ktap_test_pair){ a, b };
}
CALLEE(ktap_test_make_pair);

noinline long ktap_test_sum_small(struct ktap_test_small small)
{
	return small.a + 10 * small.b + 100 * small.c;
}
CALLEE(ktap_test_sum_small);

noinline struct ktap_test_small ktap_test_make_small(int a, short b, signed char c)
{
	return (struct ktap_test_small){ a, b, c };
}
CALLEE(ktap_test_make_small);

noinline long ktap_test_sum_big(int before, struct ktap_test_big big, int after)
{
	return before + 10 * big.a[0] + 100 * big.a[4] + 1000 * after;
}
CALLEE(ktap_test_sum_big);

noinline struct ktap_test_big ktap_test_make_big(long first)
{
	return (struct ktap_test_big){ { first, first + 1, first + 2, first + 3, first + 4 } };
}
CALLEE(ktap_test_make_big);

/* The pair does not fit in the one register that is left, so it goes to the stack, and `last` takes
 * the register. */
noinline long ktap_test_split_pair(long a, long b, long c, long d, long e,
				   struct ktap_test_pair pair, long last)
{
	return a + b + c + d + e + 10 * pair.a + 100 * pair.b + 1000 * last;
}
CALLEE(ktap_test_split_pair);

/* Variadic: the sum of `count` longs. */
noinline long ktap_test_sum(int count, ...)
{
	va_list arguments;
	long sum = 0;

	va_start(arguments, count);
	while (count-- > 0)
		sum += va_arg(arguments, long);
	va_end(arguments);
	return sum;
}
CALLEE(ktap_test_sum);

/* Memory: a place to write to, and one that must not be. */
long ktap_test_counter = 1000;
CALLEE(ktap_test_counter);
const long ktap_test_constant = 4711;
CALLEE(ktap_test_constant);
const char ktap_test_text[] = "a text in a module";
CALLEE(ktap_test_text);

noinline long ktap_test_count(void)
{
	return ++ktap_test_counter;
}
CALLEE(ktap_test_count);

noinline long ktap_test_length(const char *text)
{
	return strlen(text);
}
CALLEE(ktap_test_length);

/* Faults. */
noinline long ktap_test_read(const long *from)
{
	return READ_ONCE(*from);
}
CALLEE(ktap_test_read);

noinline void ktap_test_write(long *to, long value)
{
	WRITE_ONCE(*to, value);
}
CALLEE(ktap_test_write);

/* A null pointer that the compiler does not see is one. */
static const long *hidden_null(void)
{
	const long *null = NULL;

	OPTIMIZER_HIDE_VAR(null);
	return null;
}

noinline long ktap_test_read_null(void)
{
	return ktap_test_read(hidden_null());
}
CALLEE(ktap_test_read_null);

noinline long ktap_test_read_unmapped(void)
{
	return ktap_test_read((const long *)0xffffc90000000000ul - 4096);
}
CALLEE(ktap_test_read_unmapped);

noinline long ktap_test_read_noncanonical(void)
{
	return ktap_test_read((const long *)0x8000000000000000ul);
}
CALLEE(ktap_test_read_noncanonical);

noinline void ktap_test_write_constant(void)
{
	ktap_test_write((long *)&ktap_test_constant, 1);
}
CALLEE(ktap_test_write_constant);

noinline int ktap_test_divide(int by)
{
	int quotient = 100, remainder = 0;

	asm volatile("idivl %2" : "+a"(quotient), "+d"(remainder) : "r"(by) : "cc");
	return quotient;
}
CALLEE(ktap_test_divide);

noinline void ktap_test_bug(void)
{
	BUG();
}
CALLEE(ktap_test_bug);

noinline void ktap_test_jump(void (*to)(void))
{
	to();
}
CALLEE(ktap_test_jump);

/* Faults with something held. */
noinline void ktap_test_fault_preempt_off(void)
{
	preempt_disable();
	ktap_test_read_null();
	preempt_enable();
}
CALLEE(ktap_test_fault_preempt_off);

noinline void ktap_test_fault_irqs_off(void)
{
	local_irq_disable();
	ktap_test_read_null();
	local_irq_enable();
}
CALLEE(ktap_test_fault_irqs_off);

noinline void ktap_test_fault_bh_off(void)
{
	local_bh_disable();
	ktap_test_read_null();
	local_bh_enable();
}
CALLEE(ktap_test_fault_bh_off);

noinline void ktap_test_fault_rcu(void)
{
	rcu_read_lock();
	rcu_read_lock();
	ktap_test_read_null();
	rcu_read_unlock();
	rcu_read_unlock();
}
CALLEE(ktap_test_fault_rcu);

noinline void ktap_test_fault_fpu(void)
{
	kernel_fpu_begin();
	ktap_test_read_null();
	kernel_fpu_end();
}
CALLEE(ktap_test_fault_fpu);

noinline void ktap_test_fault_migration_off(void)
{
	migrate_disable();
	ktap_test_read_null();
	migrate_enable();
}
CALLEE(ktap_test_fault_migration_off);

noinline void ktap_test_fault_asleep(void)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	ktap_test_read_null();
	__set_current_state(TASK_RUNNING);
}
CALLEE(ktap_test_fault_asleep);

static DEFINE_MUTEX(faulting_mutex);

noinline void ktap_test_fault_mutex(void)
{
	mutex_lock(&faulting_mutex);
	ktap_test_read_null();
	mutex_unlock(&faulting_mutex);
}
CALLEE(ktap_test_fault_mutex);

/* What a broken-off call may have left behind: 0 if nothing of it is to be seen. */
noinline long ktap_test_leftovers(void)
{
	long left = 0;

	if (preempt_count() != 0)
		left |= 1;
	if (irqs_disabled())
		left |= 2;
#ifdef CONFIG_PREEMPT_RCU
	if (current->rcu_read_lock_nesting != 0)
		left |= 4;
#endif
	if (!irq_fpu_usable())
		left |= 8;
	if (current->migration_disabled != 0)
		left |= 16;
	if (READ_ONCE(current->__state) != TASK_RUNNING)
		left |= 32;
	return left;
}
CALLEE(ktap_test_leftovers);

/* A lock across calls, as a script may legally use one. */
static DEFINE_RAW_SPINLOCK(shared_lock);

noinline void ktap_test_lock(void)
{
	raw_spin_lock(&shared_lock);
}
CALLEE(ktap_test_lock);

noinline void ktap_test_unlock(void)
{
	raw_spin_unlock(&shared_lock);
}
CALLEE(ktap_test_unlock);

noinline void ktap_test_disable_preemption(void)
{
	preempt_disable();
}
CALLEE(ktap_test_disable_preemption);

/* Time. */
noinline long ktap_test_sleep(unsigned int milliseconds)
{
	return msleep_interruptible(milliseconds);
}
CALLEE(ktap_test_sleep);

noinline void ktap_test_sleep_deaf(unsigned int milliseconds)
{
	msleep(milliseconds);
}
CALLEE(ktap_test_sleep_deaf);

noinline long ktap_test_spin(unsigned int milliseconds)
{
	unsigned long end = jiffies + msecs_to_jiffies(milliseconds);
	long turns = 0;

	while (time_before(jiffies, end)) {
		cpu_relax();
		turns++;
	}
	return turns;
}
CALLEE(ktap_test_spin);

/* Never returns: with nothing held, or under RCU. */
static unsigned long stop_looping;

noinline void ktap_test_loop(void)
{
	while (!READ_ONCE(stop_looping))
		cpu_relax();
}
CALLEE(ktap_test_loop);

noinline void ktap_test_loop_locked(void)
{
	rcu_read_lock();
	while (!READ_ONCE(stop_looping))
		cpu_relax();
	rcu_read_unlock();
}
CALLEE(ktap_test_loop_locked);

/* Ends the loops above, or lets them begin. */
noinline void ktap_test_stop_loops(long stop)
{
	WRITE_ONCE(stop_looping, stop);
}
CALLEE(ktap_test_stop_loops);

/* Faults with a spinlock held, which then nobody gives back. */
static DEFINE_SPINLOCK(faulting_lock);

noinline long ktap_test_fault_spinlock(void)
{
	long value;

	spin_lock(&faulting_lock);
	value = *hidden_null();
	spin_unlock(&faulting_lock);
	return value;
}
CALLEE(ktap_test_fault_spinlock);

noinline long ktap_test_is_locked(void)
{
	return spin_is_locked(&faulting_lock);
}
CALLEE(ktap_test_is_locked);

/* Ends the thread that calls it, behind the back of every list of names. */
noinline void ktap_test_end_thread(void)
{
	kthread_complete_and_exit(NULL, 0);
}
CALLEE(ktap_test_end_thread);

static int __init ktap_test_init(void)
{
	return 0;
}

static void __exit ktap_test_exit(void)
{
}

module_init(ktap_test_init);
module_exit(ktap_test_exit);
MODULE_DESCRIPTION("Callees for the tests of ktap");
MODULE_LICENSE("Dual MIT/GPL");
