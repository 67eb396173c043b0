/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Programs that have ended but may still be referred to: by a callback that the script never freed,
 * so that the kernel may know its address and data of the script beside it; or by one that has not
 * returned. Their memory, thunks and a reference on the module are kept until somebody says that they
 * are not needed (ktap-load --reap).
 */
#ifndef KTAP_KERNEL_QUARANTINE_H
#define KTAP_KERNEL_QUARANTINE_H

#include <ktap/ioctl.h>

#include "program.h"

/* The end of an instance whose thread is done with it: freed, or kept. Context: process. */
void ktap_instance_retire(struct ktap_instance *instance);

/* Frees what was kept and is not in progress. Context: process. */
void ktap_quarantine_reap(struct ktap_reap *result);

/* Memory that is kept, bytes. */
size_t ktap_quarantine_bytes(void);

#endif
