/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Lua's patterns, matched without recursion: an item of a pattern that can match in several ways
 * leaves one choice on a stack while the match goes on behind it. A pattern repeats single
 * characters only, never groups, so that an item has one choice at most at a time, and the stack
 * need not be larger than the longest pattern that is accepted.
 */
#ifndef KTAP_PATTERN_H
#define KTAP_PATTERN_H

#include "program.h"

#define KTAP_CAPTURES_MAX 9u
#define KTAP_CHOICES_MAX  96u

struct ktap_capture {
	u32 start;
	u32 length; /* or one of these */
};
#define KTAP_CAPTURE_OPEN     0xffffffffu
#define KTAP_CAPTURE_POSITION 0xfffffffeu /* "()": the place itself */

/* A way not taken yet: where to go on when what comes behind does not match. */
struct ktap_choice {
	u32 subject, pattern;
	u32 count; /* MANY: characters taken; FEW: where the item begins; CLOSE: the capture */
	u8 kind, least;
};

struct ktap_match {
	struct ktap_activation *activation;
	const char *subject, *pattern;
	u32 subject_length, pattern_length;
	u32 steps; /* since others were let run */
	u64 total; /* before those */
	u32 start, end; /* of the match */
	u32 captures;
	struct ktap_capture capture[KTAP_CAPTURES_MAX];
	u32 choices;
	struct ktap_choice choice[KTAP_CHOICES_MAX];
};

/*
 * Begins to match: the state is in the activation's slots, which nothing else may use until the last
 * ktap_match_next().
 */
struct ktap_match *ktap_match_begin(struct ktap_activation *activation,
				    const struct ktap_string *subject,
				    const struct ktap_string *pattern);

/* The first match that starts at `from` or behind: 1 and start, end and captures; 0; or -1 with the error
 * set: a malformed pattern, or one that takes too long. */
int ktap_match_next(struct ktap_match *match, u32 from);

/* Makes capture `index` of a match (the whole match if it has none) a value. */
int ktap_match_capture(struct ktap_match *match, u32 index, struct ktap_value *to);

#endif
