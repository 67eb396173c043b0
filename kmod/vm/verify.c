/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The verifier: the image as a whole, and the sections without structure of their own. Types,
 * call plans and code: verify_types.c, verify_plans.c, verify_code.c. The rules are listed in
 * docs/image.md.
 */
#include "text.h"
#include "verify.h"

static void write_message(struct ktap_verifier *v, u32 where, u64 offset, const char *format,
			  __builtin_va_list arguments)
{
	struct ktap_text text;

	if (!v->message)
		return;
	v->message->where = where;
	v->message->offset = offset;
	if (!v->message->size)
		return;
	ktap_text_begin(&text, v->message->text, v->message->size);
	ktap_text_vadd(&text, format, arguments);
}

int ktap_refuse(struct ktap_verifier *v, const void *where, const char *format, ...)
{
	__builtin_va_list arguments;

	__builtin_va_start(arguments, format);
	write_message(v, KTAP_WHERE_BYTE, (const u8 *)where - v->image, format, arguments);
	__builtin_va_end(arguments);
	return -1;
}

int ktap_refuse_code(struct ktap_verifier *v, u32 function, u32 pc, const char *format, ...)
{
	__builtin_va_list arguments;

	__builtin_va_start(arguments, format);
	write_message(v, KTAP_WHERE_PC, (u64)function << 32 | pc, format, arguments);
	__builtin_va_end(arguments);
	return -1;
}

void *ktap_verify_scratch(struct ktap_verifier *v, u64 bytes)
{
	if (bytes > v->scratch_size) {
		ktap_refuse(v, v->image, "not enough scratch memory to verify the image");
		return NULL;
	}
	memset(v->scratch, 0, bytes);
	return v->scratch;
}

/* CRC-32 as in zlib, half a byte at a time. */
static u32 crc32_add(u32 crc, u8 byte)
{
	static const u32 table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};

	crc ^= byte;
	crc = table[crc & 15] ^ crc >> 4;
	return table[crc & 15] ^ crc >> 4;
}

/* The checksum of an image, whose own field counts as zero. */
static u32 image_crc32(struct ktap_verifier *v, u32 size)
{
	const u32 field = offsetof(struct ktap_image_header, crc32);
	u32 crc = ~0u;
	u32 i;

	for (i = 0; i < size; i++) {
		crc = crc32_add(crc, i - field < 4 ? 0 : v->image[i]);
		if (i % 64 == 0)
			ktap_verify_step(v);
	}
	return ~crc;
}

static int verify_header(struct ktap_verifier *v, u64 size)
{
	const struct ktap_image_header *header = (const void *)v->image;
	const u32 targets = KTAP_IMAGE_TARGET_KERNEL | KTAP_IMAGE_TARGET_HOST |
			    KTAP_IMAGE_TARGET_UNBOUND | KTAP_IMAGE_TARGET_ANY;
	u32 target;

	if ((__kernel_size_t)v->image % 8)
		return ktap_refuse(v, v->image, "the image is not at a multiple of 8");
	if (size < sizeof(*header))
		return ktap_refuse(v, v->image + size, "the image ends inside its header");
	if (header->magic != KTAP_IMAGE_MAGIC)
		return ktap_refuse(v, &header->magic, "not a ktap image");
	if (header->version != KTAP_IMAGE_VERSION)
		return ktap_refuse(v, &header->version, "an image of version %u, but this VM is of version %u: "
				   "compile the script again, with the ktapc that belongs to it",
				   header->version, KTAP_IMAGE_VERSION);
	if (size > KTAP_IMAGE_MAX_BYTES)
		return ktap_refuse(v, &header->total_size, "image of %llu bytes, at most %u",
				   (u64)size, KTAP_IMAGE_MAX_BYTES);
	if (header->total_size != size)
		return ktap_refuse(v, &header->total_size, "image of %u bytes, but there are %llu",
				   header->total_size, (u64)size);
	if (header->crc32 != image_crc32(v, size))
		return ktap_refuse(v, &header->crc32, "the checksum is wrong: damaged image");
	target = header->flags & targets;
	if (header->flags & ~(targets | KTAP_IMAGE_CHAR_UNSIGNED))
		return ktap_refuse(v, &header->flags, "unknown header flags 0x%x", header->flags);
	if (!target || target & (target - 1))
		return ktap_refuse(v, &header->flags, "not exactly one target in flags 0x%x",
				   header->flags);
	if (header->section_count != KTAP_SECTION_COUNT)
		return ktap_refuse(v, &header->section_count, "%u sections, expected %u",
				   header->section_count, KTAP_SECTION_COUNT);
	return 0;
}

/* Sections follow each other in order, each at the next multiple of 8, and fill the image. */
static int verify_section_table(struct ktap_verifier *v, u64 size)
{
	const struct ktap_image_section *table =
		(const void *)(v->image + sizeof(struct ktap_image_header));
	u64 end = sizeof(struct ktap_image_header) + sizeof(*table) * KTAP_SECTION_COUNT;
	u64 padded;
	u32 i;

	if (end > size)
		return ktap_refuse(v, v->image + size, "the image ends inside its section table");
	for (i = 0; i < KTAP_SECTION_COUNT; i++) {
		padded = (end + 7) & ~7ull;
		if (table[i].offset != padded || padded > size)
			return ktap_refuse(v, &table[i].offset,
					   "section %u at byte %u, expected %llu", i,
					   table[i].offset, padded);
		for (; end < padded; end++) {
			if (v->image[end])
				return ktap_refuse(v, v->image + end, "padding is not zero");
		}
		end += (u64)table[i].count * ktap_image_entry_size(i);
		if (end > size)
			return ktap_refuse(v, &table[i].count,
					   "section %u of %u entries reaches beyond the image", i,
					   table[i].count);
	}
	if (end != size)
		return ktap_refuse(v, v->image + end, "%llu bytes behind the last section",
				   size - end);
	return 0;
}

/* Strings lie in BYTES one behind the other and fill it. */
static int verify_strings(struct ktap_verifier *v)
{
	u32 size = v->s.count[KTAP_SECTION_BYTES];
	u32 end = 0;
	u32 i;

	for (i = 0; i < v->s.count[KTAP_SECTION_STRINGS]; i++) {
		const struct ktap_image_string *string = &v->s.strings[i];

		if (string->offset != end)
			return ktap_refuse(v, string, "string %u at %u, expected %u", i,
					   string->offset, end);
		if (string->length > KTAP_STRING_MAX)
			return ktap_refuse(v, string, "string %u of %u bytes, at most %u", i,
					   string->length, KTAP_STRING_MAX);
		if (string->length >= size - end)
			return ktap_refuse(v, string, "string %u reaches beyond the bytes", i);
		end += string->length;
		if (v->s.bytes[end])
			return ktap_refuse(v, v->s.bytes + end,
					   "string %u does not end with a zero byte", i);
		end++;
		ktap_verify_step(v);
	}
	if (end != size)
		return ktap_refuse(v, v->s.bytes + end, "bytes behind the last string");
	return 0;
}

static bool is_string(const struct ktap_verifier *v, u32 index)
{
	return index < v->s.count[KTAP_SECTION_STRINGS];
}

static int verify_header_strings(struct ktap_verifier *v)
{
	const struct ktap_image_header *header = v->s.header;

	if (!is_string(v, header->script))
		return ktap_refuse(v, &header->script, "no string %u (name of the script)",
				   header->script);
	if (header->release != KTAP_NONE && !is_string(v, header->release))
		return ktap_refuse(v, &header->release, "no string %u (kernel release)",
				   header->release);
	return 0;
}

static int verify_constants(struct ktap_verifier *v)
{
	u32 i;

	for (i = 0; i < v->s.count[KTAP_SECTION_CONSTANTS]; i++) {
		const struct ktap_image_constant *constant = &v->s.constants[i];
		u64 limit;

		switch (constant->kind) {
		case KTAP_CONSTANT_INT:
		case KTAP_CONSTANT_UINT:
			limit = ~0ull;
			break;
		case KTAP_CONSTANT_STRING:
			limit = v->s.count[KTAP_SECTION_STRINGS];
			break;
		case KTAP_CONSTANT_CTYPE:
			limit = v->s.count[KTAP_SECTION_TYPES];
			break;
		default:
			return ktap_refuse(v, &constant->kind, "constant %u is of unknown kind %u",
					   i, constant->kind);
		}
		if (constant->reserved)
			return ktap_refuse(v, &constant->reserved,
					   "constant %u: reserved field not zero", i);
		if (limit != ~0ull && constant->value >= limit)
			return ktap_refuse(v, &constant->value, "constant %u: no such entry", i);
		ktap_verify_step(v);
	}
	return 0;
}

static int verify_symbol_base(struct ktap_verifier *v, u32 i,
			      const struct ktap_image_symbol *symbol)
{
	bool host = v->s.header->flags & KTAP_IMAGE_TARGET_HOST;

	if (symbol->base < KTAP_BASE_STEXT || symbol->base > KTAP_BASE_HOST)
		return ktap_refuse(v, &symbol->base, "symbol %u has unknown base %u", i,
				   symbol->base);
	if ((symbol->base == KTAP_BASE_HOST) != host)
		return ktap_refuse(v, &symbol->base,
				   "symbol %u: base %u is not one of the target's", i,
				   symbol->base);
	if (symbol->module != KTAP_NONE && !is_string(v, symbol->module))
		return ktap_refuse(v, &symbol->module, "symbol %u: no string %u (module)", i,
				   symbol->module);
	if ((symbol->base == KTAP_BASE_MODULE) != (symbol->module != KTAP_NONE) && !host)
		return ktap_refuse(v, &symbol->module, "symbol %u: module and base do not agree",
				   i);
	if (symbol->offset && (symbol->base == KTAP_BASE_MODULE || host))
		return ktap_refuse(v, &symbol->offset, "symbol %u: offset not zero", i);
	return 0;
}

static int verify_symbol_type(struct ktap_verifier *v, u32 i,
			      const struct ktap_image_symbol *symbol)
{
	const struct ktap_image_type *type;

	if (symbol->type >= v->s.count[KTAP_SECTION_TYPES])
		return ktap_refuse(v, &symbol->type, "symbol %u: no type %u", i, symbol->type);
	type = &v->s.types[symbol->type];
	if (symbol->kind == KTAP_SYMBOL_FUNCTION) {
		if (type->kind != KTAP_TYPE_FUNCTION)
			return ktap_refuse(v, &symbol->type, "symbol %u: not a function type", i);
		if (symbol->base == KTAP_BASE_PERCPU)
			return ktap_refuse(v, &symbol->base, "symbol %u: a per-CPU function", i);
		return 0;
	}
	if (symbol->kind != KTAP_SYMBOL_VARIABLE)
		return ktap_refuse(v, &symbol->kind, "symbol %u is of unknown kind %u", i,
				   symbol->kind);
	if (type->kind == KTAP_TYPE_FUNCTION || type->kind == KTAP_TYPE_VOID)
		return ktap_refuse(v, &symbol->type, "symbol %u: a variable cannot have this type",
				   i);
	if (symbol->size && type->size > symbol->size)
		return ktap_refuse(v, &symbol->size,
				   "symbol %u: its type is larger than the variable (%llu bytes)",
				   i, (u64)symbol->size);
	return 0;
}

static int verify_symbols(struct ktap_verifier *v)
{
	u32 i;

	for (i = 0; i < v->s.count[KTAP_SECTION_SYMBOLS]; i++) {
		const struct ktap_image_symbol *symbol = &v->s.symbols[i];

		if (!is_string(v, symbol->name))
			return ktap_refuse(v, &symbol->name, "symbol %u: no string %u (name)", i,
					   symbol->name);
		if (symbol->flags & ~KTAP_SYMBOL_UNVERIFIED)
			return ktap_refuse(v, &symbol->flags, "symbol %u: unknown flags 0x%x", i,
					   symbol->flags);
		if (verify_symbol_base(v, i, symbol) || verify_symbol_type(v, i, symbol))
			return -1;
		ktap_verify_step(v);
	}
	return 0;
}

static int verify_globals(struct ktap_verifier *v)
{
	u32 i;

	for (i = 0; i < v->s.count[KTAP_SECTION_GLOBALS]; i++) {
		if (!is_string(v, v->s.globals[i].name))
			return ktap_refuse(v, &v->s.globals[i], "global %u: no string %u (name)", i,
					   v->s.globals[i].name);
		ktap_verify_step(v);
	}
	return 0;
}

/* Sorted by (kind, symbol), each once. */
static int verify_grants(struct ktap_verifier *v)
{
	u64 previous = 0;
	u32 i;

	for (i = 0; i < v->s.count[KTAP_SECTION_GRANTS]; i++) {
		const struct ktap_image_grant *grant = &v->s.grants[i];
		u64 key = (u64)grant->kind << 32 | grant->symbol;

		if (grant->kind < KTAP_GRANT_CALL || grant->kind > KTAP_GRANT_CALLBACK)
			return ktap_refuse(v, &grant->kind, "grant %u is of unknown kind %u", i,
					   grant->kind);
		if (grant->kind == KTAP_GRANT_CALL
			    ? grant->symbol >= v->s.count[KTAP_SECTION_SYMBOLS] ||
				      v->s.symbols[grant->symbol].kind != KTAP_SYMBOL_FUNCTION
			    : grant->symbol != KTAP_NONE)
			return ktap_refuse(v, &grant->symbol,
					   "grant %u: symbol %u is not one to grant", i,
					   grant->symbol);
		if (key <= previous)
			return ktap_refuse(v, grant, "grant %u: not in order", i);
		previous = key;
		ktap_verify_step(v);
	}
	return 0;
}

#define BUILD_ID_MAX 64u

static int verify_build_id(struct ktap_verifier *v)
{
	const struct ktap_image_section *table = (const void *)(v->s.header + 1);
	u32 length = v->s.count[KTAP_SECTION_BUILD_ID];
	bool bound = v->s.header->flags & KTAP_IMAGE_TARGET_KERNEL;

	if (length > BUILD_ID_MAX)
		return ktap_refuse(v, &table[KTAP_SECTION_BUILD_ID].count,
				   "build id of %u bytes, at most %u", length, BUILD_ID_MAX);
	if (bound != (length != 0))
		return ktap_refuse(v, &table[KTAP_SECTION_BUILD_ID].count,
				   bound ? "bound to a kernel, but without its build id"
					 : "a build id, but not bound to a kernel");
	return 0;
}

/* An image for any target must not lean on anything of one. */
static int verify_any_target(struct ktap_verifier *v)
{
	const u32 *count = v->s.count;

	if (!(v->s.header->flags & KTAP_IMAGE_TARGET_ANY))
		return 0;
	if (count[KTAP_SECTION_SYMBOLS] != 0 || count[KTAP_SECTION_TYPES] != 1)
		return ktap_refuse(v, &v->s.header->flags,
				   "for any target, but with %u symbols and %u types",
				   count[KTAP_SECTION_SYMBOLS], count[KTAP_SECTION_TYPES]);
	return 0;
}

int ktap_verify(const void *image, __kernel_size_t size, void *scratch,
		__kernel_size_t scratch_size, void (*pause)(void), struct ktap_message *message)
{
	struct ktap_verifier v = {
		.image = image,
		.scratch = scratch,
		.scratch_size = scratch_size,
		.pause = pause,
		.message = message,
	};

	if (verify_header(&v, size) || verify_section_table(&v, size))
		return -1;
	ktap_sections_open(&v.s, image);
	if (verify_strings(&v) || verify_header_strings(&v) || verify_constants(&v) ||
	    ktap_verify_types(&v) || ktap_verify_plans(&v) || verify_symbols(&v) ||
	    verify_globals(&v) || verify_grants(&v) || verify_build_id(&v) ||
	    verify_any_target(&v) || ktap_verify_fields(&v) || ktap_verify_functions(&v))
		return -1;
	return 0;
}
