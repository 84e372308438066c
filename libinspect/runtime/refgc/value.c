/* SPDX-License-Identifier: MIT */
/*
 * value.c - a short description of an object: its value where its type's layout has one, else how large it is or what
 * it refers to weakly, else its type.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/text.h"
#include "runtime/refgc/refgc.h"
#include "runtime/repr.h"

enum {
	BYTES_LIMIT = 4 * LINE_LIMIT, /* of text that a line can show some of */
	SEARCH_LIMIT = 1 << 24,       /* bytes of a text that are looked through for quotes */
};

/* An object that is being described. */
struct subject {
	struct refgc *refgc;
	const struct refgc_type *type;
	uint64_t address;
	bool bare;
	struct line line;
};

/* ---- numbers --------------------------------------------------------------------------------------- */

static bool describe_integer(struct subject *subject, const struct refgc_item *item)
{
	uint64_t value;
	if (!described_read(subject->refgc->target, subject->address + item->offset, (uint32_t)item->stride, true, &value))
		return false;
	line_format(&subject->line, "%" PRId64, (int64_t)value);
	return true;
}

static bool describe_double(struct subject *subject, const struct refgc_item *item)
{
	uint64_t bits;
	double value;
	if (!described_read(subject->refgc->target, subject->address + item->offset, sizeof(bits), false, &bits))
		return false;
	memcpy(&value, &bits, sizeof(value));
	line_float(&subject->line, value);
	return true;
}

/* ---- text ------------------------------------------------------------------------------------------ */

/* Looks for quotes in all of the text, and counts its characters if they are not known. */
static void look_through(struct subject *subject, const struct refgc_entries *entries, struct quoted *quoted)
{
	uint64_t continued = 0, size = entries->count < SEARCH_LIMIT ? entries->count : SEARCH_LIMIT;
	uint8_t bytes[4096];
	for (uint64_t done = 0; done < size; done += sizeof(bytes)) {
		size_t count = size - done < sizeof(bytes) ? (size_t)(size - done) : sizeof(bytes);
		struct inspect_error *error INSPECT_ERROR_AUTO =
			target_read(subject->refgc->target, entries->start + done, bytes, count);
		if (error)
			return;
		for (size_t i = 0; i < count; i++) {
			quoted->has_single |= bytes[i] == '\'';
			quoted->has_double |= bytes[i] == '"';
			continued += (bytes[i] & 0xc0) == 0x80;
		}
	}
	if (!quoted->bytes && quoted->length > quoted->count)
		quoted->length = entries->count > continued + quoted->count ? entries->count - continued : quoted->count + 1;
}

/* Takes the beginning of the text at @bytes apart; returns how many characters that are. */
static size_t decode(const uint8_t *bytes, size_t size, bool is_utf8, uint32_t *text)
{
	size_t count = 0;
	for (size_t at = 0; at < size && count < LINE_LIMIT; count++) {
		size_t length = is_utf8 ? utf8_decode((const char *)bytes + at, &text[count]) : 0;
		if (!length)
			text[count] = bytes[at];
		at += length ? length : 1;
	}
	return count;
}

static bool describe_text(struct subject *subject, const struct refgc_item *item)
{
	struct refgc_entries entries;
	uint8_t bytes[BYTES_LIMIT + 4] = { 0 };
	uint32_t text[LINE_LIMIT];
	if (!refgc_entries(subject->refgc, item, subject->address, &entries))
		return false;
	size_t size = entries.count < BYTES_LIMIT ? (size_t)entries.count : BYTES_LIMIT;
	struct inspect_error *error INSPECT_ERROR_AUTO = NULL;
	if (size)
		error = target_read(subject->refgc->target, entries.start, bytes, size);
	if (error)
		return false;
	bool is_bytes = item->kind == ITEM_BYTES;
	size_t count = decode(bytes, size, !is_bytes, text);
	if (subject->bare && !is_bytes) {
		for (size_t i = 0; i < count; i++)
			line_character(&subject->line, text[i]);
		return true;
	}
	bool whole = entries.count == size && count < LINE_LIMIT;
	struct quoted quoted = {
		.prefix = is_bytes ? "b" : "", .suffix = "", .unit = is_bytes ? "bytes" : "characters", .bytes = is_bytes,
		.text = text, .count = count, .length = whole ? count : entries.count,
	};
	look_through(subject, &entries, &quoted);
	line_quoted(&subject->line, &quoted);
	return true;
}

/* ---- without the value ----------------------------------------------------------------------------- */

/* Says of a value that there is one, and how long it is. */
static bool hide_value(struct subject *subject, const struct refgc_item *item)
{
	const char *name = refgc_type_name(subject->refgc, subject->type);
	struct refgc_entries entries;
	bool is_text = item->kind == ITEM_UTF8 || item->kind == ITEM_BYTES;
	if (!is_text && item->kind != ITEM_INTEGER && item->kind != ITEM_DOUBLE)
		return false;
	if (is_text && refgc_entries(subject->refgc, item, subject->address, &entries))
		line_format(&subject->line, "<%s of %" PRIu64 " byte%s>", name, entries.count, entries.count == 1 ? "" : "s");
	else
		line_format(&subject->line, "<%s>", name);
	return true;
}

/* ---- others ---------------------------------------------------------------------------------------- */

static bool describe_weak(struct subject *subject, const struct refgc_item *item)
{
	struct refgc_entries entries;
	uint64_t target;
	if (!refgc_entries(subject->refgc, item, subject->address, &entries))
		return false;
	if (entries.count != 1 ||
	    !described_read(subject->refgc->target, entries.start + item->member, sizeof(target), false, &target) ||
	    !target) {
		line_format(&subject->line, "<%s; dead>", refgc_type_name(subject->refgc, subject->type));
		return true;
	}
	const struct refgc_type *type = refgc_type_of(subject->refgc, target);
	line_format(&subject->line, "<%s to %s object at 0x%" PRIx64 ">",
		    refgc_type_name(subject->refgc, subject->type),
		    type ? refgc_type_name(subject->refgc, type) : "?", target);
	return true;
}

static bool describe_length(struct subject *subject)
{
	int64_t length = refgc_length(subject->refgc, subject->type, subject->address);
	if (length == RUNTIME_UNKNOWN)
		return false;
	line_format(&subject->line, "%s, %" PRId64 " item%s", refgc_type_name(subject->refgc, subject->type), length,
		    length == 1 ? "" : "s");
	return true;
}

/* Describes the object by its value, if @item is that; false if it is not, or cannot be read. */
static bool describe_value(struct subject *subject, const struct refgc_item *item)
{
	switch (item->kind) {
	case ITEM_INTEGER:
		return describe_integer(subject, item);
	case ITEM_DOUBLE:
		return describe_double(subject, item);
	case ITEM_UTF8:
	case ITEM_BYTES:
		return describe_text(subject, item);
	default:
		return false;
	}
}

char *refgc_value(struct refgc *refgc, const struct refgc_type *type, uint64_t address, bool bare)
{
	struct subject subject = { .refgc = refgc, .type = type, .address = address, .bare = bare };
	bool described = false, redacted = refgc->runtime.redacted;
	for (size_t i = 0; i < type->item_count && !described; i++)
		described = redacted ? hide_value(&subject, &type->items[i]) : describe_value(&subject, &type->items[i]);
	if (!described)
		described = describe_length(&subject);
	for (size_t i = 0; i < type->item_count && !described; i++)
		described = type->items[i].kind == ITEM_WEAK && describe_weak(&subject, &type->items[i]);
	if (!described)
		line_format(&subject.line, "<%s object>", refgc_type_name(refgc, type));
	return line_finish(&subject.line);
}

/* ---- whole texts ------------------------------------------------------------------------------------ */

static uint64_t count_characters(const char *bytes, size_t size)
{
	uint64_t count = 0;
	for (size_t i = 0; i < size; i++)
		count += (bytes[i] & 0xc0) != 0x80;
	return count;
}

bool refgc_text(struct runtime *runtime, uint64_t address, uint32_t type, uint64_t limit, struct runtime_text *text_ret)
{
	struct refgc *refgc = (struct refgc *)runtime;
	const struct refgc_item *item = refgc_text_item(type_table_at(refgc->types, type));
	struct refgc_entries entries;
	*text_ret = (struct runtime_text){ 0 };
	if (!item || !refgc_entries(refgc, item, address, &entries))
		return false;
	text_ret->is_bytes = item->kind == ITEM_BYTES;
	text_ret->length = entries.count;
	text_ret->too_long = entries.count > limit;
	if (text_ret->too_long) {
		text_ret->length = text_ret->is_bytes ? entries.count : UINT64_MAX;
		return true;
	}
	char *bytes = malloc((size_t)entries.count + 1);
	struct inspect_error *error INSPECT_ERROR_AUTO =
		bytes && entries.count ? target_read(refgc->target, entries.start, bytes, (size_t)entries.count) : NULL;
	if (!bytes || error) {
		free(bytes);
		return false;
	}
	bytes[entries.count] = '\0';
	if (!text_ret->is_bytes)
		text_ret->length = count_characters(bytes, (size_t)entries.count);
	if (refgc->runtime.redacted) {
		free(bytes);
		return true;
	}
	text_ret->bytes = bytes;
	text_ret->size = (size_t)entries.count;
	return true;
}
