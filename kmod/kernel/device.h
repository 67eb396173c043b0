/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* /dev/ktap: see <ktap/ioctl.h>. */
#ifndef KTAP_KERNEL_DEVICE_H
#define KTAP_KERNEL_DEVICE_H

/* 0 or -errno. From the first on, programs may be loaded. */
int ktap_device_init(void);
void ktap_device_exit(void);

#endif
