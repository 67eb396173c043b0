/* SPDX-License-Identifier: MIT */
#include "include/ktap_device.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>

static int result(int value)
{
	return value < 0 ? -errno : value;
}

int ktap_device_load(int device, const struct ktap_load *load)
{
	return result(ioctl(device, KTAP_IOC_LOAD, load));
}

int ktap_device_run(int program)
{
	return result(ioctl(program, KTAP_IOC_RUN, 0));
}

int ktap_device_stop(int program)
{
	return result(ioctl(program, KTAP_IOC_STOP, 0));
}

int ktap_device_reap(int device, struct ktap_reap *result_of)
{
	return result(ioctl(device, KTAP_IOC_REAP, result_of));
}

static volatile sig_atomic_t interrupts;

static void note_interrupt(int number)
{
	(void)number;
	interrupts++;
}

void ktap_catch_interrupts(void)
{
	/* No SA_RESTART: a blocked read(2) is to return, so that the program can be stopped. */
	struct sigaction action = { .sa_handler = note_interrupt };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

int ktap_interrupts(void)
{
	return interrupts;
}
