/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * /dev/ktap. The device itself only loads; everything else is done on the program's own file:
 *
 *   fd  = open("/dev/ktap", O_RDWR)
 *   pfd = ioctl(fd, KTAP_IOC_LOAD, &load)   verified, bound, arena taken; nothing runs yet
 *   ioctl(pfd, KTAP_IOC_RUN, 0)             starts the main chunk in a kernel thread; returns at once
 *   read(pfd, …)                            whole records (output.h); blocks; 0 behind the EXIT record;
 *                                           EINVAL if the buffer is shorter than the next record,
 *                                           poll() works
 *   ioctl(pfd, KTAP_IOC_STOP, 0)            asks it to end at its next safe point
 *   close(pfd)                              stops it and frees everything (also on exit and kill -9)
 *
 * The file descriptors are close-on-exec. Opening needs CAP_SYS_ADMIN.
 */
#ifndef KTAP_IOCTL_H
#define KTAP_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define KTAP_DEVICE "/dev/ktap"
#define KTAP_ABI_VERSION 1u

#define KTAP_MEMORY_DEFAULT (16ull << 20)
#define KTAP_MEMORY_LEAST (256ull << 10)
#define KTAP_MEMORY_MOST (4ull << 30)

#define KTAP_LOAD_KEEP_GOING 1u  /* calls stay allowed after a caught fault */
#define KTAP_LOAD_FORCE_BREAK 2u /* a call that does not return is broken off even if it may hold a lock */

struct ktap_load {
	__u32 abi_version; /* KTAP_ABI_VERSION */
	__u32 flags;       /* KTAP_LOAD_* */
	__u64 image;       /* pointer */
	__u64 image_size;  /* bytes; at most KTAP_IMAGE_MAX_BYTES */
	__u64 memory;      /* arena, bytes; 0: KTAP_MEMORY_DEFAULT */
	/* Grants: text, one a line: "call", "call=NAME", "write", "callback". */
	__u64 grants; /* pointer */
	__u64 grants_size;
	/* Where the reason is written, as text with a final zero byte, when the load is refused. */
	__u64 message; /* pointer */
	__u64 message_size;
};

/* What has come of programs that ended but could not be freed. */
struct ktap_reap {
	__u32 freed;      /* programs */
	__u32 kept;       /* programs: a callback has not returned */
	__u64 kept_bytes; /* of these, and of programs whose calls have not returned */
};

/* Returns the program's file descriptor, or: EINVAL the image is not valid, ESTALE it was built for
 * another kernel, ENOENT a symbol is not in this kernel, EPERM a grant is missing, EOPNOTSUPP a
 * function must not be called, EACCES lockdown, ENOMEM, EBUSY calls are refused after a caught
 * fault, EPROTO another ABI version. */
#define KTAP_IOC_LOAD _IOW('K', 0x70, struct ktap_load)
#define KTAP_IOC_RUN _IO('K', 0x71)
#define KTAP_IOC_STOP _IO('K', 0x72)
/* On the device: frees programs that are kept because they did not free their callbacks. Whoever asks
 * says that nothing of the kernel refers to their callbacks and memory any more. */
#define KTAP_IOC_REAP _IOR('K', 0x73, struct ktap_reap)

#endif
