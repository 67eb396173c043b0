/* SPDX-License-Identifier: MIT */
#ifndef KTAP_FACT_H
#define KTAP_FACT_H

#include <ktap/vm.h>

/* The service `fact` of struct ktap_host. */
long ktap_process_fact(void *host_data, __u32 which, __u64 argument, char *text,
		       __kernel_size_t size);

#endif
