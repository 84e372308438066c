/* SPDX-License-Identifier: MIT */
/*
 * output_json.c - tables as one JSON object, or as a JSON object a line.
 *
 * The object streams: it ends with what is known last, whether the answer is complete and what is missing
 * from it. All text is valid UTF-8, whatever the target holds: bytes that are none become the text \xNN.
 */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/notes.h"
#include "base/text.h"
#include "runtime/runtime.h"
#include "target/target.h"
#include "verbs/table.h"

/* How many characters at the beginning of @text are ASCII and stand for themselves. */
static size_t count_plain(const char *text)
{
	size_t count = 0;
	while (text[count] >= ' ' && text[count] < 0x7f && text[count] != '"' && text[count] != '\\')
		count++;
	return count;
}

static void emit_string_sized(struct emitter *emitter, const char *text, size_t size)
{
	const char *end = text + size;
	emit(emitter, "\"", 1);
	while (text < end) {
		size_t plain = count_plain(text);
		emit(emitter, text, plain);
		text += plain;
		if (text == end)
			break;
		uint32_t code;
		size_t length = utf8_decode(text, &code);
		if (!length) {
			emit_format(emitter, "\\\\x%02x", (uint8_t)*text++);
			continue;
		}
		if (code == '"' || code == '\\')
			emit_format(emitter, "\\%c", (char)code);
		else if (code_is_unsafe(code))
			emit_format(emitter, "\\u%04" PRIx32, code);
		else
			emit(emitter, text, length);
		text += length;
	}
	emit(emitter, "\"", 1);
}

static void emit_string(struct emitter *emitter, const char *text)
{
	emit_string_sized(emitter, text, strlen(text));
}

static void emit_key(struct emitter *emitter, const char *name, bool first)
{
	if (!first)
		emit_text(emitter, ", ");
	emit_string(emitter, name);
	emit_text(emitter, ": ");
}

static void emit_cell(struct emitter *emitter, enum column_kind kind, const struct cell *cell)
{
	if (cell->absent) {
		emit_text(emitter, "null");
		return;
	}
	switch (kind) {
	case COLUMN_TEXT:
	case COLUMN_ANY:
		emit_string_sized(emitter, cell->text, cell_text_size(cell));
		return;
	case COLUMN_REAL:
		emit_real(emitter, cell->real);
		return;
	case COLUMN_ADDRESS:
		emit(emitter, "\"", 1);
		emit_address(emitter, cell->address);
		emit(emitter, "\"", 1);
		return;
	case COLUMN_BOOLEAN:
		emit_text(emitter, cell->number ? "true" : "false");
		return;
	case COLUMN_GENERATION:
		if (cell->number == RUNTIME_PERMANENT) {
			emit_text(emitter, "\"permanent\"");
			return;
		}
		break;
	case COLUMN_COUNT:
	case COLUMN_BYTES:
	case COLUMN_NUMBER:
		break;
	}
	emit_number(emitter, cell->number);
}

static void emit_row(struct table *table, const struct cell *cells)
{
	struct emitter *emitter = &table->emitter;
	emit_text(emitter, "{");
	for (size_t i = 0; i < table->column_count; i++) {
		const struct verb_column *column = table_column(table, i);
		const struct cell *cell = &cells[table->columns[i]];
		emit_key(emitter, column->name, i == 0);
		emit_cell(emitter, cell_kind(column, cell), cell);
	}
	emit_text(emitter, "}");
}

static void emit_sums(struct table *table, const struct table_sums *sums)
{
	struct emitter *emitter = &table->emitter;
	emit_format(emitter, "{\"rows\": %" PRIu64, sums->rows);
	for (size_t i = 0; i < table->column_count; i++) {
		if (!table_column(table, i)->summed)
			continue;
		emit_key(emitter, table_column(table, i)->name, false);
		emit_format(emitter, "%" PRId64, sums->columns[table->columns[i]]);
	}
	emit_text(emitter, "}");
}

static void emit_target(struct emitter *emitter, const struct inspect_target *target)
{
	static const char *const kinds[] = {
		[TARGET_CORE] = "core",
		[TARGET_PROCESS] = "process",
		[TARGET_DEBUGGER] = "debugger",
	};
	const struct cell pid = { .absent = target->pid == 0, .number = target->pid };
	const struct cell command = cell_text(target_program(target));
	const struct cell signal = { .absent = target->signal == 0, .number = target->signal };
	emit_text(emitter, "{\"kind\": ");
	emit_string(emitter, kinds[target->kind]);
	emit_key(emitter, "name", false);
	emit_string(emitter, target->name ? target->name : "");
	emit_key(emitter, "pid", false);
	emit_cell(emitter, COLUMN_NUMBER, &pid);
	emit_key(emitter, "command", false);
	emit_cell(emitter, COLUMN_TEXT, &command);
	emit_key(emitter, "signal", false);
	emit_cell(emitter, COLUMN_NUMBER, &signal);
	emit_text(emitter, "}");
}

static bool json_begin(struct table *table)
{
	struct emitter *emitter = &table->emitter;
	emit_text(emitter, "{");
	emit_key(emitter, "verb", true);
	emit_string(emitter, table->verb->info.name);
	emit_text(emitter, ",\n");
	emit_key(emitter, "target", true);
	emit_target(emitter, table->target);
	emit_text(emitter, ",\n");
	if (table->target->redacted) {
		emit_key(emitter, "redacted", true);
		emit_text(emitter, "true,\n");
	}
	emit_key(emitter, "columns", true);
	emit_text(emitter, "[");
	for (size_t i = 0; i < table->column_count; i++) {
		emit_text(emitter, i ? ", " : "");
		emit_string(emitter, table_column(table, i)->name);
	}
	emit_text(emitter, "],\n");
	emit_key(emitter, "rows", true);
	emit_text(emitter, "[");
	return true;
}

static bool json_row(struct table *table, const struct cell *cells)
{
	emit_text(&table->emitter, table->total.rows > 1 ? ",\n" : "\n");
	emit_row(table, cells);
	return true;
}

static void emit_notes(struct emitter *emitter, const struct notes *notes)
{
	emit_text(emitter, "[");
	for (size_t i = 0; i < notes->count; i++) {
		emit_text(emitter, i ? ",\n" : "");
		emit_string(emitter, notes->items[i].text);
	}
	emit_text(emitter, "]");
}

static bool json_end(struct table *table, const struct table_end *end)
{
	struct emitter *emitter = &table->emitter;
	emit_text(emitter, table->total.rows ? "\n],\n" : "],\n");
	emit_key(emitter, "total", true);
	if (table->rows)
		emit_sums(table, &table->total);
	else
		emit_text(emitter, "null");
	emit_text(emitter, ",\n");
	if (table->rest.rows) {
		emit_key(emitter, "rest", true);
		emit_sums(table, &table->rest);
		emit_text(emitter, ",\n");
	}
	emit_key(emitter, "complete", true);
	emit_text(emitter, end->error || notes_incomplete(end->notes) ? "false" : "true");
	emit_text(emitter, ",\n");
	emit_key(emitter, "notes", true);
	emit_notes(emitter, end->notes);
	if (end->error) {
		emit_text(emitter, ",\n");
		emit_key(emitter, "error", true);
		emit_string(emitter, inspect_error_message(end->error));
	}
	emit_text(emitter, "}\n");
	return true;
}

static bool jsonl_begin(struct table *table __attribute__((unused)))
{
	return true;
}

static bool jsonl_row(struct table *table, const struct cell *cells)
{
	emit_row(table, cells);
	emit_text(&table->emitter, "\n");
	return true;
}

static bool jsonl_end(struct table *table __attribute__((unused)),
		      const struct table_end *end __attribute__((unused)))
{
	return true;
}

static void json_deinit(struct table *table __attribute__((unused)))
{
}

const struct renderer renderer_json = {
	.begin = json_begin,
	.row = json_row,
	.end = json_end,
	.deinit = json_deinit,
};

const struct renderer renderer_jsonl = {
	.begin = jsonl_begin,
	.row = jsonl_row,
	.end = jsonl_end,
	.deinit = json_deinit,
};
