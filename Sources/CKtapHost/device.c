/* SPDX-License-Identifier: MIT */
#include "include/ktap_device.h"

#include <errno.h>
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
