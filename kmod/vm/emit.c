/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "emit.h"
#include "builtins.h"
#include "callback.h"
#include "error.h"
#include "format.h"
#include "string.h"

/* A record being put together: in the activation's slots, which nothing else uses meanwhile, or, if
 * it is large, in a buffer of the heap. */
struct writer {
	struct ktap_record *record;
	u8 *at;
};

static u64 padded(u64 bytes)
{
	return (bytes + 7) & ~7ull;
}

static u64 value_size(const struct ktap_value *value)
{
	return sizeof(struct ktap_record_value) +
	       (value->tag == KTAP_STRING ? padded(value->string->length) : 0);
}

/* Memory for a record of `size` bytes; false: no room in the heap. */
static bool begin_record(struct ktap_activation *activation, struct writer *writer, u32 kind,
			 u64 size)
{
	const struct ktap_program *program = activation->program;

	writer->record = (void *)activation->slots;
	if (size > sizeof(activation->slots)) {
		activation->buffer = ktap_try_allocate(activation, KTAP_OBJECT_BLOB,
						       sizeof(struct ktap_object) + size);
		if (!activation->buffer)
			return false;
		writer->record = (void *)(activation->buffer + 1);
	}
	memset(writer->record, 0, sizeof(*writer->record));
	writer->record->size = size;
	writer->record->kind = kind;
	writer->record->time_ns = program->host->monotonic_ns(program->host_data);
	writer->at = (u8 *)(writer->record + 1);
	return true;
}

static void add_value(struct writer *writer, u32 kind, u32 type, u64 payload)
{
	struct ktap_record_value *value = (void *)writer->at;

	value->kind = kind;
	value->type = type;
	value->payload = payload;
	writer->record->count++;
	writer->at += sizeof(*value);
}

static void add_text(struct writer *writer, const char *bytes, u32 length)
{
	add_value(writer, KTAP_VALUE_TEXT, length, 0);
	memcpy(writer->at, bytes, length);
	memset(writer->at + length, 0, padded(length) - length);
	writer->at += padded(length);
}

static void add_script_value(struct writer *writer, const struct ktap_value *value)
{
	static const u8 kinds[] = {
		[KTAP_INT] = KTAP_VALUE_INT,          [KTAP_UINT] = KTAP_VALUE_UINT,
		[KTAP_NIL] = KTAP_VALUE_NIL,          [KTAP_FALSE] = KTAP_VALUE_BOOL,
		[KTAP_TRUE] = KTAP_VALUE_BOOL,        [KTAP_STRING] = KTAP_VALUE_TEXT,
		[KTAP_TABLE] = KTAP_VALUE_TABLE,      [KTAP_CLOSURE] = KTAP_VALUE_FUNCTION,
		[KTAP_BUILTIN] = KTAP_VALUE_FUNCTION, [KTAP_CTYPE] = KTAP_VALUE_CTYPE,
		[KTAP_SCALAR] = KTAP_VALUE_CDATA,     [KTAP_REFERENCE] = KTAP_VALUE_CDATA,
		[KTAP_READONLY] = KTAP_VALUE_CDATA,
	};

	switch (value->tag) {
	case KTAP_STRING:
		add_text(writer, value->string->bytes, value->string->length);
		break;
	case KTAP_NIL:
		add_value(writer, KTAP_VALUE_NIL, 0, 0);
		break;
	case KTAP_FALSE:
	case KTAP_TRUE:
		add_value(writer, KTAP_VALUE_BOOL, 0, value->tag == KTAP_TRUE);
		break;
	case KTAP_CTYPE:
		add_value(writer, KTAP_VALUE_CTYPE, value->bits, 0);
		break;
	default:
		add_value(writer, kinds[value->tag], value->type, value->bits);
	}
}

static int end_record(struct ktap_activation *activation, struct writer *writer)
{
	const struct ktap_program *program = activation->program;
	int result;

	ktap_unlock(activation);
	result = program->host->emit(program->host_data, writer->record);
	ktap_lock(activation);
	if (activation->buffer)
		ktap_release(&activation->program->heap, activation->buffer);
	activation->buffer = NULL;
	return result;
}

int ktap_emit_values(struct ktap_activation *activation, u32 kind, const struct ktap_value *values,
		     u32 count)
{
	u64 size = sizeof(struct ktap_record);
	struct writer writer;
	u32 i;

	for (i = 0; i < count; i++)
		size += value_size(&values[i]);
	if (size > KTAP_RECORD_MAX_BYTES || count > 0xffff)
		return ktap_raise(activation, "too much to print at once: %llu bytes, at most %u",
				  (unsigned long long)size, KTAP_RECORD_MAX_BYTES);
	if (!begin_record(activation, &writer, kind, size))
		return ktap_raise_out_of_memory(activation);
	for (i = 0; i < count; i++)
		add_script_value(&writer, &values[i]);
	return end_record(activation, &writer) ? ktap_raise_stopped(activation) : 0;
}

int ktap_builtin_print(struct ktap_activation *activation, const struct ktap_value *arguments,
		       u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	(void)results;
	return ktap_emit_values(activation, KTAP_RECORD_PRINT, arguments, count);
}

int ktap_builtin_printf(struct ktap_activation *activation, const struct ktap_value *arguments,
			u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_value *text = &activation->kept[KTAP_KEEP_MANY];
	struct ktap_string *as_it_is;

	(void)results;
	if (arguments[0].tag != KTAP_STRING)
		return ktap_raise_argument(activation, 1, "printf", "string expected, got %s",
					   ktap_type_name_of(activation, &arguments[0]));
	if (!ktap_format_has_symbols(arguments[0].string))
		return ktap_emit_values(activation, KTAP_RECORD_PRINTF, arguments, count);
	as_it_is = ktap_string_make(activation, "%s", 2);
	if (!as_it_is)
		return -1;
	ktap_set_string(&text[0], as_it_is);
	if (ktap_format(activation, "printf", arguments, count, &text[1]))
		return -1;
	return ktap_emit_values(activation, KTAP_RECORD_PRINTF, text, 2);
}

#define TRACEBACK_MAX 1000u
#define MESSAGE_MAX   1024u

static u32 count_frames(const struct ktap_activation *activation)
{
	const struct ktap_frame *frame;
	u32 count = 0;

	for (frame = activation->frame; frame >= activation->frames; frame--)
		count += frame->kind == KTAP_FRAME_SCRIPT;
	return count < TRACEBACK_MAX ? count : TRACEBACK_MAX;
}

static void add_traceback(struct writer *writer, const struct ktap_activation *activation,
			  u32 count)
{
	const struct ktap_frame *frame = activation->frame;

	for (; count; frame--) {
		if (frame->kind != KTAP_FRAME_SCRIPT)
			continue;
		add_value(writer, KTAP_VALUE_INT, 0,
			  frame->closure->function - activation->program->image.functions);
		add_value(writer, KTAP_VALUE_INT, 0, ktap_pc_of(frame));
		count--;
	}
}

void ktap_emit_error(struct ktap_activation *activation)
{
	struct ktap_value message = activation->error;
	u32 frames = count_frames(activation);
	struct writer writer;
	u32 length;
	u64 size;

	if (message.tag != KTAP_STRING && ktap_to_string(activation, &message, &message))
		ktap_set_string(&message, activation->program->out_of_memory);
	activation->error = message;
	length = message.string->length < MESSAGE_MAX ? message.string->length : MESSAGE_MAX;
	size = sizeof(struct ktap_record) + sizeof(struct ktap_record_value) + padded(length);
	/* Where even the heap has no room for the traceback, its innermost frames will do. */
	if (!begin_record(activation, &writer, KTAP_RECORD_ERROR,
			  size + frames * 2 * sizeof(struct ktap_record_value))) {
		frames =
			(sizeof(activation->slots) - size) / (2 * sizeof(struct ktap_record_value));
		begin_record(activation, &writer, KTAP_RECORD_ERROR,
			     size + frames * 2 * sizeof(struct ktap_record_value));
	}
	add_text(&writer, message.string->bytes, length);
	add_traceback(&writer, activation, frames);
	end_record(activation, &writer);
}

void ktap_emit_exit(struct ktap_activation *activation, u32 status)
{
	struct writer writer;

	begin_record(activation, &writer, KTAP_RECORD_EXIT,
		     sizeof(struct ktap_record) + 4 * sizeof(struct ktap_record_value));
	add_value(&writer, KTAP_VALUE_INT, 0, status);
	add_value(&writer, KTAP_VALUE_UINT, 0, activation->executed);
	add_value(&writer, KTAP_VALUE_UINT, 0, activation->program->heap.highest);
	add_value(&writer, KTAP_VALUE_UINT, 0, activation->program->heap.starved);
	end_record(activation, &writer);
}
