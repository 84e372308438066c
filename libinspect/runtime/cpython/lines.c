/* SPDX-License-Identifier: MIT */
/*
 * lines.c - line tables of code objects: PyCode_Addr2Line() of Objects/codeobject.c, in its three formats.
 */
#include "runtime/cpython/lines.h"

/* More than this no code object has (a function of millions of lines): the bound for damaged ones. */
static const int64_t table_limit = 1 << 26;

/* A table being read. */
struct table {
	struct cpython *cpython;
	uint64_t bytes; /* address */
	int64_t length, position;
	const uint8_t *mapped; /* all of it, or NULL */
};

static bool table_open(struct table *table, struct cpython *cpython, uint64_t code)
{
	const struct layout *layout = &cpython->layout;
	uint64_t bytes;
	*table = (struct table){ .cpython = cpython };
	if (layout->bytes_data == LAYOUT_ABSENT || !read_pointer(cpython, code, layout->code_linetable, &bytes) ||
	    !read_ssize(cpython, bytes, layout->var_size, &table->length) || table->length < 0 ||
	    table->length > table_limit)
		return false;
	table->bytes = bytes + (uint64_t)layout->bytes_data;
	table->mapped = target_map(cpython->target, table->bytes, (uint64_t)table->length);
	return true;
}

/* The next byte; false at the end. */
static bool next_byte(struct table *table, uint8_t *byte_ret)
{
	if (table->position >= table->length)
		return false;
	uint64_t position = (uint64_t)table->position++;
	if (table->mapped) {
		*byte_ret = table->mapped[position];
		return true;
	}
	return read_uint8(table->cpython, table->bytes + position, 0, byte_ret);
}

/* ---- 3.6 to 3.9: pairs of increments of the offset and of the line: Objects/lnotab_notes.txt ---- */

static int32_t line_by_increments(struct table *table, int32_t line, int64_t offset)
{
	int64_t start = 0;
	uint8_t offset_step, line_step;
	while (next_byte(table, &offset_step) && next_byte(table, &line_step)) {
		start += offset_step;
		if (start > offset)
			break;
		line = (int32_t)((uint32_t)line + (uint32_t)(int8_t)line_step);
	}
	return line;
}

/* ---- 3.10: pairs of a range's length and of its line's difference; -128: it has no line ---- */

static int32_t line_by_ranges(struct table *table, int32_t line, int64_t offset)
{
	enum { NO_LINE = -128 };
	int64_t end = 0;
	int32_t first = line;
	uint8_t length, line_step;
	while (next_byte(table, &length) && next_byte(table, &line_step)) {
		bool has_line = (int8_t)line_step != NO_LINE;
		if (has_line)
			line = (int32_t)((uint32_t)line + (uint32_t)(int8_t)line_step);
		end += length;
		if (offset < end)
			return has_line ? line : first;
	}
	return first;
}

/* ---- 3.11 and later: entries of variable length: Objects/locations.md ---- */

enum {
	ENTRY_FIRST_BYTE = 0x80, /* only the first byte of an entry has this bit */
	ENTRY_ONE_LINE = 10,     /* and the two after it: so many lines further */
	ENTRY_NO_COLUMNS = 13,
	ENTRY_LONG = 14,
	ENTRY_NONE = 15,
	INSTRUCTION_SIZE = 2,
};

/* A number of six bits a byte, the sign in its lowest bit. */
static bool next_number(struct table *table, int32_t *number_ret)
{
	enum { BITS = 6, MORE = 0x40, SHIFT_LIMIT = 30 };
	uint32_t number = 0;
	uint8_t byte;
	for (unsigned int shift = 0; shift <= SHIFT_LIMIT; shift += BITS) {
		if (!next_byte(table, &byte))
			return false;
		number |= (uint32_t)(byte & (MORE - 1)) << shift;
		if (!(byte & MORE)) {
			*number_ret = number & 1 ? -(int32_t)(number >> 1) : (int32_t)(number >> 1);
			return true;
		}
	}
	return false;
}

static int32_t line_by_entries(struct table *table, int32_t line, int64_t offset)
{
	int64_t end = 0;
	int32_t first = line;
	uint8_t byte;
	bool more = next_byte(table, &byte);
	while (more) {
		unsigned int kind = byte >> 3 & 15;
		int32_t step = kind >= ENTRY_ONE_LINE && kind < ENTRY_NO_COLUMNS ? (int32_t)kind - ENTRY_ONE_LINE : 0;
		end += ((byte & 7) + 1) * INSTRUCTION_SIZE;
		if ((kind == ENTRY_NO_COLUMNS || kind == ENTRY_LONG) && !next_number(table, &step))
			break;
		line = (int32_t)((uint32_t)line + (uint32_t)step);
		if (offset < end)
			return kind == ENTRY_NONE ? first : line;
		do
			more = next_byte(table, &byte);
		while (more && !(byte & ENTRY_FIRST_BYTE));
	}
	return first;
}

int32_t cpython_line(struct cpython *cpython, uint64_t code, int64_t offset)
{
	int32_t first;
	struct table table;
	if (!read_int32(cpython, code, cpython->layout.code_firstlineno, &first))
		return 0;
	if (offset < 0 || !table_open(&table, cpython, code))
		return first;
	if (cpython_at_least(cpython, 3, 11))
		return line_by_entries(&table, first, offset);
	return cpython_at_least(cpython, 3, 10) ? line_by_ranges(&table, first, offset) :
						  line_by_increments(&table, first, offset);
}
