/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The output of a program: whole records from its activations to the one that reads the file. */
#ifndef KTAP_KERNEL_RING_H
#define KTAP_KERNEL_RING_H

#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <ktap/output.h>

/* A power of two; several of the longest records. */
#define KTAP_RING_BYTES (4 * KTAP_RECORD_MAX_BYTES)

struct ktap_ring {
	u8 *bytes;
	/* Both only grow; what lies between them is unread. */
	u64 head; /* written by producers, under `producers` */
	u64 tail; /* written by the reader, under `reader` */
	u64 lost; /* records dropped and not yet told of; under `producers` */
	bool ended; /* the EXIT record is in */
	raw_spinlock_t producers;
	struct mutex reader;
	wait_queue_head_t not_full;
	wait_queue_head_t not_empty;
	struct irq_work waker; /* wakes the reader where the producer must not */
};

/* 0 or -ENOMEM. Context: process. */
int ktap_ring_init(struct ktap_ring *ring);
void ktap_ring_free(struct ktap_ring *ring);

/*
 * Puts one record in, with this CPU's number. Room for the EXIT record is kept free of others, so
 * that it always gets in. 0; -EAGAIN if there is no room; -EINVAL if it is no record. Takes no
 * sleeping lock. Context: any but NMI.
 */
int ktap_ring_put(struct ktap_ring *ring, const struct ktap_record *record);

/* Ends the stream with an EXIT record of this status (enum ktap_exit), unless it has ended. For a
 * program that can no longer say so itself. */
void ktap_ring_end(struct ktap_ring *ring, int status);

/* Tells the reader that there is something. Context: any; takes no lock where sleeping is
 * forbidden. */
void ktap_ring_wake(struct ktap_ring *ring);

/* Counts a record that its producer drops; the reader is told with the next one that fits. */
void ktap_ring_drop(struct ktap_ring *ring);

/* Puts a NOTE record in, or drops it. Context: any but NMI. */
__printf(2, 3) void ktap_ring_note(struct ktap_ring *ring, const char *format, ...);

/* Copies as many whole records as fit; bytes copied (0: there is none now), -EINVAL if the next one
 * is longer than `size`, or -EFAULT. Context: process. */
ssize_t ktap_ring_read(struct ktap_ring *ring, char __user *to, size_t size);

bool ktap_ring_has_data(const struct ktap_ring *ring);

/* Whether a record of `size` bytes (not EXIT) would fit now. */
bool ktap_ring_has_room(const struct ktap_ring *ring, u32 size);

#endif
