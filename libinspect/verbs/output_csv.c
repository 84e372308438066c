/* SPDX-License-Identifier: MIT */
/*
 * output_csv.c - tables as comma-separated values with a header (RFC 4180).
 *
 * Control characters and bytes that are not UTF-8 are escaped as in text, so that a field never spans lines.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "runtime/runtime.h"
#include "verbs/table.h"

/* Is it the same as text_safe() would make it, and needs no quotes? */
static bool is_plain(const char *text, size_t size)
{
	const char *end = text + size;
	while (*text >= ' ' && *text < 0x7f && *text != ',' && *text != '"')
		text++;
	return text == end;
}

static bool emit_field(struct emitter *emitter, const char *text, size_t size)
{
	if (is_plain(text, size)) {
		emit(emitter, text, size);
		return true;
	}
	char *safe AUTO_FREE = text_safe_sized(text, size);
	if (!safe)
		return false;
	if (!strpbrk(safe, ",\"")) {
		emit_text(emitter, safe);
		return true;
	}
	emit_text(emitter, "\"");
	for (const char *rest = safe; *rest;) {
		size_t plain = strcspn(rest, "\"");
		emit(emitter, rest, plain);
		rest += plain;
		if (*rest) {
			emit_text(emitter, "\"\"");
			rest++;
		}
	}
	emit_text(emitter, "\"");
	return true;
}

static bool emit_cell(struct emitter *emitter, enum column_kind kind, const struct cell *cell)
{
	if (cell->absent)
		return true;
	switch (kind) {
	case COLUMN_TEXT:
	case COLUMN_ANY:
		return emit_field(emitter, cell->text, cell_text_size(cell));
	case COLUMN_REAL:
		emit_real(emitter, cell->real);
		return true;
	case COLUMN_ADDRESS:
		emit_address(emitter, cell->address);
		return true;
	case COLUMN_BOOLEAN:
		emit_text(emitter, cell->number ? "true" : "false");
		return true;
	case COLUMN_GENERATION:
		if (cell->number == RUNTIME_PERMANENT) {
			emit_text(emitter, "permanent");
			return true;
		}
		break;
	case COLUMN_COUNT:
	case COLUMN_BYTES:
	case COLUMN_NUMBER:
		break;
	}
	emit_number(emitter, cell->number);
	return true;
}

static bool csv_begin(struct table *table)
{
	for (size_t i = 0; i < table->column_count; i++) {
		emit_text(&table->emitter, i ? "," : "");
		emit_text(&table->emitter, table_column(table, i)->name);
	}
	emit_text(&table->emitter, "\r\n");
	return true;
}

static bool csv_row(struct table *table, const struct cell *cells)
{
	for (size_t i = 0; i < table->column_count; i++) {
		const struct verb_column *column = table_column(table, i);
		const struct cell *cell = &cells[table->columns[i]];
		emit_text(&table->emitter, i ? "," : "");
		if (!emit_cell(&table->emitter, cell_kind(column, cell), cell))
			return false;
	}
	emit_text(&table->emitter, "\r\n");
	return true;
}

static bool csv_end(struct table *table __attribute__((unused)),
		    const struct table_end *end __attribute__((unused)))
{
	return true;
}

static void csv_deinit(struct table *table __attribute__((unused)))
{
}

const struct renderer renderer_csv = {
	.begin = csv_begin,
	.row = csv_row,
	.end = csv_end,
	.deinit = csv_deinit,
};
