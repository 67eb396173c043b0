/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What a running program sends to its loader: a stream of records, formatted in user space.
 *
 * A record is its header and `count` values; a value is its header and, for text, `length` bytes
 * padded with zeros to a multiple of 8. Everything is aligned to 8.
 */
#ifndef KTAP_OUTPUT_H
#define KTAP_OUTPUT_H

#include <linux/types.h>

enum ktap_record_kind {
	KTAP_RECORD_PRINT = 1,  /* print(...): the values */
	KTAP_RECORD_PRINTF = 2, /* printf(...): the format, then the values */
	/* An error that ended an activation: the message (text), then the traceback, innermost
	 * frame first, two INT values a frame: function index and pc. */
	KTAP_RECORD_ERROR = 3,
	KTAP_RECORD_NOTE = 4, /* something the person should know: text, ready to print */
	KTAP_RECORD_LOST = 5, /* INT: records dropped since the last one, the ring being full */
	/* The last one: INT status (enum ktap_exit), UINT instructions executed (safe points
	 * included), UINT bytes of the arena in use at its highest, UINT allocations of callbacks that
	 * failed because no garbage collection had come to its end in time. */
	KTAP_RECORD_EXIT = 6,
};

enum ktap_exit {
	KTAP_EXIT_OK = 0,
	KTAP_EXIT_ERROR = 1,       /* an error that the script did not catch; its record came before */
	KTAP_EXIT_INTERRUPTED = 2, /* stopped from outside */
};

struct ktap_record {
	__u32 size; /* bytes, header included; a multiple of 8 */
	__u16 kind;
	__u16 count; /* values */
	__u32 cpu;
	__u32 reserved;
	__u64 time_ns; /* monotonic */
};

enum ktap_record_value_kind {
	KTAP_VALUE_NIL = 0,
	KTAP_VALUE_BOOL = 1,     /* payload 0 or 1 */
	KTAP_VALUE_INT = 2,      /* payload: signed */
	KTAP_VALUE_UINT = 3,     /* payload: unsigned */
	KTAP_VALUE_TEXT = 4,     /* `length` bytes follow; payload 0 */
	KTAP_VALUE_TABLE = 5,    /* payload: its identity */
	KTAP_VALUE_FUNCTION = 6, /* payload: its identity */
	KTAP_VALUE_CDATA = 7,    /* type; payload: a scalar's or pointer's value, else the address */
	KTAP_VALUE_CTYPE = 8,    /* type */
};

struct ktap_record_value {
	__u32 kind;
	union {
		__u32 length; /* TEXT: bytes */
		/* CDATA, CTYPE: index in the image's type table; n + i, where the table has n
		 * entries: a pointer to type i (made at run time: the table has no such type). */
		__u32 type;
	};
	__u64 payload;
};

#define KTAP_RECORD_MAX_BYTES (1u << 16)

#endif
