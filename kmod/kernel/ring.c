// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The output ring: see ring.h.
 *
 * Producers exclude each other with a raw spinlock; the reader takes none of theirs: it owns what
 * lies between tail and the head that it saw. Positions are byte counts that never wrap; a record
 * may wrap around the end of the buffer.
 */
#include "ring.h"

#include <linux/mm.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "task_state.h"

/* An EXIT record: its header and four values. */
#define EXIT_BYTES (sizeof(struct ktap_record) + 4 * sizeof(struct ktap_record_value))
/* A LOST record: its header and one value. */
#define LOST_BYTES (sizeof(struct ktap_record) + sizeof(struct ktap_record_value))

#define NOTE_TEXT_MAX 256

static void wake_reader(struct irq_work *work)
{
	wake_up_all(&container_of(work, struct ktap_ring, waker)->not_empty);
}

int ktap_ring_init(struct ktap_ring *ring)
{
	ring->bytes = __vmalloc(KTAP_RING_BYTES, GFP_KERNEL_ACCOUNT);
	if (!ring->bytes)
		return -ENOMEM;
	raw_spin_lock_init(&ring->producers);
	mutex_init(&ring->reader);
	init_waitqueue_head(&ring->not_full);
	init_waitqueue_head(&ring->not_empty);
	init_irq_work(&ring->waker, wake_reader);
	return 0;
}

void ktap_ring_free(struct ktap_ring *ring)
{
	irq_work_sync(&ring->waker);
	vfree(ring->bytes);
}

/* Copies into the ring at byte position `at`. */
static void fill(struct ktap_ring *ring, u64 at, const void *from, u32 size)
{
	u32 start = at % KTAP_RING_BYTES;
	u32 first = min_t(u32, size, KTAP_RING_BYTES - start);

	memcpy(ring->bytes + start, from, first);
	memcpy(ring->bytes, from + first, size - first);
}

/* Copies from the ring at byte position `at`. */
static void fetch(const struct ktap_ring *ring, u64 at, void *to, u32 size)
{
	u32 start = at % KTAP_RING_BYTES;
	u32 first = min_t(u32, size, KTAP_RING_BYTES - start);

	memcpy(to, ring->bytes + start, first);
	memcpy(to + first, ring->bytes, size - first);
}

static u64 room(const struct ktap_ring *ring)
{
	return KTAP_RING_BYTES - (READ_ONCE(ring->head) - smp_load_acquire(&ring->tail));
}

/* Bytes that must stay free behind a record of this kind. */
static u32 reserve(u16 kind)
{
	return kind == KTAP_RECORD_EXIT ? 0 : EXIT_BYTES;
}

static void append(struct ktap_ring *ring, const struct ktap_record *record)
{
	struct ktap_record header = *record;

	header.cpu = raw_smp_processor_id();
	fill(ring, ring->head, &header, sizeof(header));
	fill(ring, ring->head + sizeof(header), record + 1, record->size - sizeof(header));
	smp_store_release(&ring->head, ring->head + record->size);
}

static void append_lost(struct ktap_ring *ring)
{
	struct {
		struct ktap_record header;
		struct ktap_record_value count;
	} lost = {
		.header = { .size = sizeof(lost), .kind = KTAP_RECORD_LOST, .count = 1 },
		.count = { .kind = KTAP_VALUE_INT, .payload = ring->lost },
	};

	lost.header.time_ns = ktime_get_mono_fast_ns();
	append(ring, &lost.header);
	ring->lost = 0;
}

static bool is_record(const struct ktap_record *record)
{
	u32 most = record->kind == KTAP_RECORD_EXIT ? EXIT_BYTES : KTAP_RECORD_MAX_BYTES;

	return record->size >= sizeof(*record) && record->size <= most && record->size % 8 == 0;
}

int ktap_ring_put(struct ktap_ring *ring, const struct ktap_record *record)
{
	unsigned long flags;
	u64 needed;
	int error = 0;

	if (!is_record(record))
		return -EINVAL;
	raw_spin_lock_irqsave(&ring->producers, flags);
	needed = record->size + reserve(record->kind);
	if (ring->ended) {
		error = -EINVAL;
	} else if (room(ring) < needed) {
		error = -EAGAIN;
	} else {
		if (ring->lost && room(ring) >= needed + LOST_BYTES)
			append_lost(ring);
		append(ring, record);
		if (record->kind == KTAP_RECORD_EXIT)
			WRITE_ONCE(ring->ended, true);
	}
	raw_spin_unlock_irqrestore(&ring->producers, flags);
	return error;
}

void ktap_ring_end(struct ktap_ring *ring, int status)
{
	struct {
		struct ktap_record header;
		struct ktap_record_value values[4];
	} record = {
		.header = { .size = sizeof(record), .kind = KTAP_RECORD_EXIT, .count = 4 },
		.values = { { .kind = KTAP_VALUE_INT, .payload = status },
			    { .kind = KTAP_VALUE_UINT },
			    { .kind = KTAP_VALUE_UINT },
			    { .kind = KTAP_VALUE_UINT } },
	};

	record.header.time_ns = ktime_get_mono_fast_ns();
	ktap_ring_put(ring, &record.header);
	ktap_ring_wake(ring);
}

void ktap_ring_wake(struct ktap_ring *ring)
{
	/* The script may hold any lock of the kernel, the run queue's too. */
	if (ktap_may_sleep())
		wake_up_all(&ring->not_empty);
	else
		irq_work_queue(&ring->waker);
}

void ktap_ring_drop(struct ktap_ring *ring)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&ring->producers, flags);
	ring->lost++;
	raw_spin_unlock_irqrestore(&ring->producers, flags);
}

void ktap_ring_note(struct ktap_ring *ring, const char *format, ...)
{
	struct {
		struct ktap_record header;
		struct ktap_record_value text;
		char bytes[NOTE_TEXT_MAX];
	} note = {
		.header = { .kind = KTAP_RECORD_NOTE, .count = 1 },
		.text = { .kind = KTAP_VALUE_TEXT },
	};
	va_list arguments;

	va_start(arguments, format);
	note.text.length = vscnprintf(note.bytes, sizeof(note.bytes), format, arguments);
	va_end(arguments);
	note.header.size = sizeof(note.header) + sizeof(note.text) + ALIGN(note.text.length, 8);
	note.header.time_ns = ktime_get_mono_fast_ns();
	if (ktap_ring_put(ring, &note.header) != 0)
		ktap_ring_drop(ring);
}

bool ktap_ring_has_data(const struct ktap_ring *ring)
{
	return smp_load_acquire(&ring->head) != READ_ONCE(ring->tail);
}

bool ktap_ring_has_room(const struct ktap_ring *ring, u32 size)
{
	return room(ring) >= size + EXIT_BYTES;
}

/* Bytes of the whole records from tail on that fit in `size`; -EINVAL if not even one does. */
static ssize_t whole_records(const struct ktap_ring *ring, u64 head, size_t size)
{
	struct ktap_record header;
	size_t total = 0;

	while (ring->tail + total < head) {
		fetch(ring, ring->tail + total, &header, sizeof(header));
		if (header.size > size - total)
			return total ? (ssize_t)total : -EINVAL;
		total += header.size;
	}
	return total;
}

static int copy_out(const struct ktap_ring *ring, char __user *to, size_t size)
{
	u32 start = ring->tail % KTAP_RING_BYTES;
	size_t first = min_t(size_t, size, KTAP_RING_BYTES - start);

	if (copy_to_user(to, ring->bytes + start, first) != 0 ||
	    copy_to_user(to + first, ring->bytes, size - first) != 0)
		return -EFAULT;
	return 0;
}

ssize_t ktap_ring_read(struct ktap_ring *ring, char __user *to, size_t size)
{
	ssize_t total;

	mutex_lock(&ring->reader);
	total = whole_records(ring, smp_load_acquire(&ring->head), size);
	if (total > 0 && copy_out(ring, to, total) != 0)
		total = -EFAULT;
	if (total > 0)
		smp_store_release(&ring->tail, ring->tail + total);
	mutex_unlock(&ring->reader);
	if (total > 0)
		wake_up_all(&ring->not_full);
	return total;
}
