/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "pattern.h"
#include "error.h"
#include "library.h"
#include "string.h"

/* Steps of one call after which a pattern is given up. */
#define STEPS_MAX   (1ull << 24)
#define STEPS_SLICE 4096u

enum choice_kind {
	CHOICE_SKIP = 0,  /* x?: without the x */
	CHOICE_MANY = 1,  /* x*, x+: one fewer */
	CHOICE_FEW = 2,   /* x-: one more */
	CHOICE_OPEN = 3,  /* undoes a "(" */
	CHOICE_CLOSE = 4, /* undoes a ")" */
};

/* What became of a step. */
enum step {
	STEP_FAILED = -1, /* the error is set */
	STEP_NO = 0,      /* does not match this way */
	STEP_YES = 1,
};

static int malformed(struct ktap_match *m, const char *why)
{
	return ktap_raise(m->activation, "malformed pattern (%s)", why);
}

static int count_step(struct ktap_match *m)
{
	if (likely(++m->steps < STEPS_SLICE))
		return 0;
	m->total += m->steps;
	m->steps = 0;
	if (m->total >= STEPS_MAX)
		return ktap_raise(m->activation,
				  "the pattern takes too long (more than %u million steps)",
				  (u32)(STEPS_MAX >> 20));
	return ktap_spend_turn(m->activation, STEPS_SLICE);
}

static bool in(u8 c, u8 first, u8 last)
{
	return c >= first && c <= last;
}

static bool is_letter(u8 c)
{
	return in(c | 32, 'a', 'z');
}

/* %a, %d and so on; a capital letter is the opposite, any other character means itself. */
static bool in_class(u8 c, u8 class)
{
	bool result;

	switch (class | 32) {
	case 'a':
		result = is_letter(c);
		break;
	case 'c':
		result = c < 32 || c == 127;
		break;
	case 'd':
		result = in(c, '0', '9');
		break;
	case 'g':
		result = in(c, 33, 126);
		break;
	case 'l':
		result = in(c, 'a', 'z');
		break;
	case 'p':
		result = in(c, 33, 126) && !is_letter(c) && !in(c, '0', '9');
		break;
	case 's':
		result = c == ' ' || in(c, 9, 13);
		break;
	case 'u':
		result = in(c, 'A', 'Z');
		break;
	case 'w':
		result = is_letter(c) || in(c, '0', '9');
		break;
	case 'x':
		result = in(c, '0', '9') || in(c | 32, 'a', 'f');
		break;
	default:
		return class == c;
	}
	if (!is_letter(class))
		return class == c;
	return in(class, 'A', 'Z') ? !result : result;
}

/* Behind the single item that begins at `p`: a character, %x or a set. 0 with the error set. */
static u32 item_end(struct ktap_match *m, u32 p)
{
	if (m->pattern[p] == '%') {
		if (p + 1 < m->pattern_length)
			return p + 2;
		malformed(m, "it ends with '%'");
		return 0;
	}
	if (m->pattern[p++] != '[')
		return p;
	if (p < m->pattern_length && m->pattern[p] == '^')
		p++;
	/* A bracket right at the start stands for itself. */
	do {
		if (p >= m->pattern_length || (m->pattern[p] == '%' && p + 1 >= m->pattern_length)) {
			malformed(m, "']' is missing");
			return 0;
		}
		p += m->pattern[p] == '%' ? 2 : 1;
	} while (p >= m->pattern_length || m->pattern[p] != ']');
	return p + 1;
}

/* Whether the set p .. end (both brackets included) has the character. */
static bool in_set(const struct ktap_match *m, u8 c, u32 p, u32 end)
{
	const char *pattern = m->pattern;
	bool found = true;

	if (pattern[++p] == '^') {
		found = false;
		p++;
	}
	for (end--; p < end; p++) {
		if (pattern[p] == '%') {
			if (in_class(c, pattern[++p]))
				return found;
		} else if (p + 2 < end && pattern[p + 1] == '-') {
			if (in(c, pattern[p], pattern[p + 2]))
				return found;
			p += 2;
		} else if ((u8)pattern[p] == c) {
			return found;
		}
	}
	return !found;
}

/* Whether the character at `s` is one of the item p .. end. */
static bool is_single(const struct ktap_match *m, u32 s, u32 p, u32 end)
{
	u8 c;

	if (s >= m->subject_length)
		return false;
	c = m->subject[s];
	switch (m->pattern[p]) {
	case '.':
		return true;
	case '%':
		return in_class(c, m->pattern[p + 1]);
	case '[':
		return in_set(m, c, p, end);
	}
	return (u8)m->pattern[p] == c;
}

static int push(struct ktap_match *m, u32 kind, u32 subject, u32 pattern, u32 count, u32 least)
{
	if (m->choices == KTAP_CHOICES_MAX)
		return ktap_raise(m->activation,
				  "the pattern is too long (more than %u repetitions and captures)",
				  KTAP_CHOICES_MAX);
	m->choice[m->choices++] = (struct ktap_choice){
		.subject = subject, .pattern = pattern, .count = count, .kind = kind, .least = least,
	};
	return STEP_YES;
}

static int open_capture(struct ktap_match *m, u32 *s, u32 *p)
{
	bool position = *p + 1 < m->pattern_length && m->pattern[*p + 1] == ')';

	if (m->captures == KTAP_CAPTURES_MAX)
		return ktap_raise(m->activation, "the pattern has more than %u captures",
				  KTAP_CAPTURES_MAX);
	m->capture[m->captures].start = *s;
	m->capture[m->captures].length = position ? KTAP_CAPTURE_POSITION : KTAP_CAPTURE_OPEN;
	m->captures++;
	*p += position ? 2 : 1;
	return push(m, CHOICE_OPEN, 0, 0, 0, 0);
}

static int close_capture(struct ktap_match *m, u32 *s, u32 *p)
{
	u32 i = m->captures;

	while (i-- > 0) {
		if (m->capture[i].length != KTAP_CAPTURE_OPEN)
			continue;
		m->capture[i].length = *s - m->capture[i].start;
		++*p;
		return push(m, CHOICE_CLOSE, 0, 0, i, 0);
	}
	return malformed(m, "')' without '('");
}

/* %bxy: from an x to the y that ends it. */
static int balanced(struct ktap_match *m, u32 *s, u32 *p)
{
	u32 depth = 1;
	u32 at = *s;
	char open;
	char close;

	if (*p + 3 >= m->pattern_length)
		return malformed(m, "two characters are missing behind '%b'");
	open = m->pattern[*p + 2];
	close = m->pattern[*p + 3];
	if (at >= m->subject_length || m->subject[at] != open)
		return STEP_NO;
	while (++at < m->subject_length) {
		if (count_step(m))
			return STEP_FAILED;
		if (m->subject[at] == close) {
			if (--depth)
				continue;
			*s = at + 1;
			*p += 4;
			return STEP_YES;
		}
		if (m->subject[at] == open)
			depth++;
	}
	return STEP_NO;
}

/* %f[set]: between a character that is not of the set and one that is. */
static int frontier(struct ktap_match *m, u32 *s, u32 *p)
{
	u32 set = *p + 2;
	u8 before = *s ? m->subject[*s - 1] : 0;
	u8 behind = *s < m->subject_length ? m->subject[*s] : 0;
	u32 end;

	if (set >= m->pattern_length || m->pattern[set] != '[')
		return malformed(m, "'[' is missing behind '%f'");
	end = item_end(m, set);
	if (!end)
		return STEP_FAILED;
	if (in_set(m, before, set, end) || !in_set(m, behind, set, end))
		return STEP_NO;
	*p = end;
	return STEP_YES;
}

/* %1 … %9: what a capture has matched. */
static int same_again(struct ktap_match *m, u32 *s, u32 *p)
{
	u32 index = m->pattern[*p + 1] - '1';
	const struct ktap_capture *capture = &m->capture[index];

	if (index >= m->captures || capture->length >= KTAP_CAPTURE_POSITION)
		return malformed(m, "a capture is used before it is complete");
	if (capture->length > m->subject_length - *s ||
	    memcmp(m->subject + capture->start, m->subject + *s, capture->length))
		return STEP_NO;
	*s += capture->length;
	*p += 2;
	return STEP_YES;
}

/* A single item and what says how often. */
static int repeated(struct ktap_match *m, u32 *s, u32 *p)
{
	u32 end = item_end(m, *p);
	u32 least = 0;
	u32 count = 0;

	if (!end)
		return STEP_FAILED;
	switch (end < m->pattern_length ? m->pattern[end] : 0) {
	case '?':
		if (is_single(m, *s, *p, end)) {
			if (push(m, CHOICE_SKIP, *s, end + 1, 0, 0) < 0)
				return STEP_FAILED;
			++*s;
		}
		*p = end + 1;
		return STEP_YES;
	case '+':
	case '*':
		least = m->pattern[end] == '+';
		while (is_single(m, *s + count, *p, end)) {
			count++;
			if (count_step(m))
				return STEP_FAILED;
		}
		if (count < least)
			return STEP_NO;
		if (count > least && push(m, CHOICE_MANY, *s, end + 1, count, least) < 0)
			return STEP_FAILED;
		*s += count;
		*p = end + 1;
		return STEP_YES;
	case '-':
		if (push(m, CHOICE_FEW, *s, end, *p, 0) < 0)
			return STEP_FAILED;
		*p = end + 1;
		return STEP_YES;
	}
	if (!is_single(m, *s, *p, end))
		return STEP_NO;
	++*s;
	*p = end;
	return STEP_YES;
}

/* Matches the next item of the pattern. */
static int step(struct ktap_match *m, u32 *s, u32 *p)
{
	char next = *p + 1 < m->pattern_length ? m->pattern[*p + 1] : 0;

	switch (m->pattern[*p]) {
	case '(':
		return open_capture(m, s, p);
	case ')':
		return close_capture(m, s, p);
	case '$':
		if (*p + 1 != m->pattern_length)
			break;
		++*p;
		return *s == m->subject_length ? STEP_YES : STEP_NO;
	case '%':
		if (next == 'b')
			return balanced(m, s, p);
		if (next == 'f')
			return frontier(m, s, p);
		if (in(next, '1', '9'))
			return same_again(m, s, p);
		break;
	}
	return repeated(m, s, p);
}

/* Takes the last choice that leaves something to try; false: there is none. */
static bool retry(struct ktap_match *m, u32 *s, u32 *p)
{
	while (m->choices) {
		struct ktap_choice *choice = &m->choice[m->choices - 1];

		switch (choice->kind) {
		case CHOICE_SKIP:
			m->choices--;
			*s = choice->subject;
			*p = choice->pattern;
			return true;
		case CHOICE_MANY:
			choice->count--;
			*s = choice->subject + choice->count;
			*p = choice->pattern;
			if (choice->count == choice->least)
				m->choices--;
			return true;
		case CHOICE_FEW:
			if (!is_single(m, choice->subject, choice->count, choice->pattern)) {
				m->choices--;
				break;
			}
			*s = ++choice->subject;
			*p = choice->pattern + 1;
			return true;
		case CHOICE_OPEN:
			m->choices--;
			m->captures--;
			break;
		default:
			m->choices--;
			m->capture[choice->count].length = KTAP_CAPTURE_OPEN;
		}
	}
	return false;
}

/* Matches from `s` on, the pattern from `p` on. */
static int match_at(struct ktap_match *m, u32 s, u32 p)
{
	int result;
	u32 i;

	m->start = s;
	m->captures = m->choices = 0;
	while (p < m->pattern_length) {
		if (count_step(m))
			return STEP_FAILED;
		result = step(m, &s, &p);
		if (result < 0)
			return STEP_FAILED;
		if (!result && !retry(m, &s, &p))
			return STEP_NO;
	}
	for (i = 0; i < m->captures; i++) {
		if (m->capture[i].length == KTAP_CAPTURE_OPEN)
			return malformed(m, "')' is missing");
	}
	m->end = s;
	return STEP_YES;
}

_Static_assert(sizeof(struct ktap_match) <= sizeof(((struct ktap_activation *)0)->slots),
	       "a match fits the slots");

struct ktap_match *ktap_match_begin(struct ktap_activation *activation,
				    const struct ktap_string *subject,
				    const struct ktap_string *pattern)
{
	struct ktap_match *m = (void *)activation->slots;

	m->activation = activation;
	m->subject = subject->bytes;
	m->subject_length = subject->length;
	m->pattern = pattern->bytes;
	m->pattern_length = pattern->length;
	m->steps = 0;
	m->total = 0;
	m->captures = m->choices = 0;
	m->start = m->end = 0;
	return m;
}

int ktap_match_next(struct ktap_match *m, u32 from)
{
	bool anchored = m->pattern_length && m->pattern[0] == '^';
	int result;

	for (; from <= m->subject_length; from++) {
		result = match_at(m, from, anchored);
		if (result || anchored)
			return result;
	}
	return STEP_NO;
}

int ktap_match_capture(struct ktap_match *m, u32 index, struct ktap_value *to)
{
	u32 start = m->start;
	u32 length = m->end - m->start;
	struct ktap_string *string;

	if (m->captures) {
		start = m->capture[index].start;
		length = m->capture[index].length;
	}
	if (length == KTAP_CAPTURE_POSITION) {
		ktap_set_int(to, start + 1ull);
		return 0;
	}
	string = ktap_string_make(m->activation, m->subject + start, length);
	if (!string)
		return -1;
	ktap_set_string(to, string);
	return 0;
}
