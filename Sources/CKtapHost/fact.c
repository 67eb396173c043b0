/* SPDX-License-Identifier: MIT */
/* What a process tells a script of where it runs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <execinfo.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "fact.h"

#define STACK_DEPTH 64

static long copy_text(char *to, __kernel_size_t size, const char *text)
{
	int length = snprintf(to, size, "%s", text);

	return length < 0 ? -1 : (__kernel_size_t)length < size ? length : (long)size - 1;
}

/* "name+0x1/LIBRARY": a process does not know the sizes of its symbols. */
static long symbol_of(__u64 address, char *text, __kernel_size_t size)
{
	char name[512];
	Dl_info info;

	if (!dladdr((void *)(uintptr_t)address, &info) || !info.dli_sname)
		snprintf(name, sizeof(name), "0x%llx", (unsigned long long)address);
	else
		snprintf(name, sizeof(name), "%s+0x%llx", info.dli_sname,
			 (unsigned long long)(address - (uintptr_t)info.dli_saddr));
	return copy_text(text, size, name);
}

static long stack_of(char *text, __kernel_size_t size)
{
	void *entries[STACK_DEPTH];
	int count = backtrace(entries, STACK_DEPTH);
	__kernel_size_t used = 0;
	long added;
	int i;

	for (i = 0; i < count && size - used > 1; i++) {
		if (used)
			text[used++] = '\n';
		added = symbol_of((uintptr_t)entries[i], text + used, size - used);
		used += added < 0 ? 0 : added;
	}
	return used;
}

long ktap_process_fact(void *host_data, __u32 which, __u64 argument, char *text,
		       __kernel_size_t size)
{
	struct utsname system;
	char name[64] = "";
	FILE *file;

	(void)host_data;
	switch (which) {
	case KTAP_FACT_CPU:
		return sched_getcpu();
	case KTAP_FACT_PID:
		return getpid();
	case KTAP_FACT_TID:
		return gettid();
	case KTAP_FACT_UID:
		return getuid();
	case KTAP_FACT_EXECNAME:
		file = fopen("/proc/self/comm", "re");
		if (file) {
			if (fgets(name, sizeof(name), file))
				name[strcspn(name, "\n")] = 0;
			fclose(file);
		}
		return copy_text(text, size, name);
	case KTAP_FACT_KERNEL:
		return uname(&system) ? -1 : copy_text(text, size, system.release);
	case KTAP_FACT_ARCH:
		return uname(&system) ? -1 : copy_text(text, size, system.machine);
	case KTAP_FACT_STACK:
		return stack_of(text, size);
	case KTAP_FACT_SYMBOL:
		return symbol_of(argument, text, size);
	}
	return -1;
}
