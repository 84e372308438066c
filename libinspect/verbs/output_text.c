/* SPDX-License-Identifier: MIT */
/*
 * output_text.c - tables for people, aligned by libsmartcols.
 *
 * Rows are aligned and printed a batch at a time, so that a table of millions of rows needs no memory for
 * them; a column never gets narrower from one batch to the next.
 */
#include <libsmartcols.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "runtime/runtime.h"
#include "verbs/table.h"

enum {
	BATCH_LINES = 1000,
	HUMAN_BYTES_FROM = 10240, /* smaller amounts are as easy to read without a unit */
	SEPARATOR_WIDTH = 2,
	SHORTEST_VALUE = 30, /* the last column is not cut below this; lines rather get too long */
};

static const char HEADER_COLOUR[] = "\033[1m", REST_COLOUR[] = "\033[2m", TOTAL_COLOUR[] = "\033[1m";

struct text_data {
	struct libscols_table *scols;
	/* Where each column's cells go; a column of bytes has a second one for the amount with a unit. */
	uint16_t place[TABLE_COLUMNS_MAX], human_place[TABLE_COLUMNS_MAX];
	bool human[TABLE_COLUMNS_MAX]; /* the second one is worth showing */
	bool printed;                  /* a batch, and so the header */
	FILE *below;                   /* writes what stands below the table; NULL: nothing yet */
	char *below_text;
	size_t below_size;
	char *group; /* what the grouped column had in the last row; NULL: nothing yet */
	locale_t locale, old_locale;
};

/* The output is UTF-8 whatever the locale of the program around us is. */
static void enter_utf8(struct text_data *text)
{
	text->old_locale = text->locale ? uselocale(text->locale) : (locale_t)0;
}

static void leave_utf8(struct text_data *text)
{
	if (text->old_locale)
		uselocale(text->old_locale);
	text->old_locale = (locale_t)0;
}

/* Sizes of single objects are better compared without units. */
static bool has_unit(const struct verb_column *column)
{
	return column->kind == COLUMN_BYTES && !column->no_unit;
}

/* Is it of text, or of what it likes but not of numbers? */
static bool holds_text(const struct verb_column *column)
{
	return column->kind == COLUMN_TEXT || (column->kind == COLUMN_ANY && !column->numeric);
}

static bool is_right_aligned(const struct verb_column *column)
{
	enum column_kind kind = column->kind;
	return kind == COLUMN_COUNT || kind == COLUMN_BYTES || kind == COLUMN_NUMBER || kind == COLUMN_GENERATION ||
	       kind == COLUMN_REAL || (kind == COLUMN_ANY && column->numeric);
}

/* Is it on a line of its own? */
static bool is_apart(const struct verb_column *column)
{
	return column->below || column->under;
}

/* ---- the columns ---------------------------------------------------------------------------------- */

static struct libscols_column *add_column(struct text_data *text, const char *name, int flags)
{
	struct libscols_column *column = scols_table_new_column(text->scols, name, 0, flags);
	if (column)
		scols_cell_set_color(scols_column_get_header(column), HEADER_COLOUR);
	return column;
}

/* A table's columns: the verb's, with a hidden one behind each column of bytes. */
static bool add_table_columns(struct table *table, struct text_data *text)
{
	size_t place = 0;
	for (size_t i = 0; i < table->column_count; i++) {
		const struct verb_column *column = table_column(table, i);
		if (is_apart(column))
			continue;
		text->place[i] = place++;
		if (!add_column(text, column->name, is_right_aligned(column) ? SCOLS_FL_RIGHT : 0))
			return false;
		if (!has_unit(column))
			continue;
		text->human_place[i] = place++;
		if (!add_column(text, "", SCOLS_FL_RIGHT | SCOLS_FL_HIDDEN))
			return false;
	}
	return true;
}

static bool text_begin(struct table *table)
{
	struct text_data *text = calloc(1, sizeof(*text));
	table->renderer_data = text;
	if (!text)
		return false;
	text->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	text->scols = scols_new_table();
	if (!text->scols)
		return false;
	scols_table_set_termforce(text->scols, SCOLS_TERMFORCE_NEVER);
	scols_table_enable_noencoding(text->scols, 1); /* text_safe() has done that */
	scols_table_enable_colors(text->scols, table->emitter.output->terminal);
	if (table->verb->shape == VERB_TABLE)
		scols_table_set_column_separator(text->scols, "  ");
	if (table->verb->shape == VERB_TABLE)
		return add_table_columns(table, text);
	scols_table_enable_noheadings(text->scols, 1);
	return add_column(text, "name", 0) && add_column(text, "value", 0);
}

static void text_deinit(struct table *table)
{
	struct text_data *text = table->renderer_data;
	if (!text)
		return;
	scols_unref_table(text->scols);
	if (text->below)
		fclose(text->below);
	free(text->below_text);
	free(text->group);
	if (text->locale)
		freelocale(text->locale);
	free(text);
}

/* ---- batches -------------------------------------------------------------------------------------- */

/* Keeps the columns' widths for the next batch. */
static void keep_widths(struct text_data *text)
{
	for (size_t i = 0; i < scols_table_get_ncols(text->scols); i++) {
		struct libscols_column *column = scols_table_get_column(text->scols, i);
		scols_column_set_whint(column, scols_column_get_width(column));
	}
}

static size_t count_code_points(const char *text)
{
	size_t count = 0;
	for (; *text; text++)
		count += (*text & 0xc0) != 0x80;
	return count;
}

/* How wide the batch is before its last column. */
static size_t width_before_last(const struct text_data *text)
{
	size_t width = 0, last = scols_table_get_ncols(text->scols) - 1;
	for (size_t place = 0; place < last; place++) {
		struct libscols_column *column = scols_table_get_column(text->scols, place);
		if (scols_column_is_hidden(column))
			continue;
		size_t widest = strlen(scols_column_get_name(column));
		if (widest < scols_column_get_width(column))
			widest = scols_column_get_width(column);
		for (size_t i = 0; i < scols_table_get_nlines(text->scols); i++) {
			struct libscols_line *line = scols_table_get_line(text->scols, i);
			const char *cell = scols_cell_get_data(scols_line_get_cell(line, place));
			size_t cell_width = cell ? count_code_points(cell) : 0;
			if (widest < cell_width)
				widest = cell_width;
		}
		width += widest + SEPARATOR_WIDTH;
	}
	return width;
}

/* Cuts @text to @limit code points, the last one of them "…". The caller frees what is returned. */
static char *shorten(const char *text, size_t limit)
{
	const char *end = text;
	for (size_t count = 0; *end && count < limit; count++)
		do
			end++;
		while ((*end & 0xc0) == 0x80);
	char *shortened;
	return asprintf(&shortened, "%.*s…", (int)(end - text), text) < 0 ? NULL : shortened;
}

/* Cuts what is in a last column of text to the width of the screen. */
static bool fit_to_screen(struct table *table)
{
	struct text_data *text = table->renderer_data;
	size_t screen = table->emitter.output->width;
	size_t last_column = table->column_count - 1;
	while (last_column && is_apart(table_column(table, last_column)))
		last_column--;
	const struct verb_column *column = table_column(table, last_column);
	if (!screen || table->verb->shape != VERB_TABLE || !holds_text(column) || column->whole)
		return true;
	size_t before = width_before_last(text);
	size_t room = screen > before + SHORTEST_VALUE ? screen - before : SHORTEST_VALUE;
	size_t last = scols_table_get_ncols(text->scols) - 1;
	for (size_t i = 0; i < scols_table_get_nlines(text->scols); i++) {
		struct libscols_cell *cell =
			scols_line_get_cell(scols_table_get_line(text->scols, i), last);
		const char *data = scols_cell_get_data(cell);
		if (!data || count_code_points(data) <= room)
			continue;
		char *shortened = shorten(data, room - 1);
		if (!shortened || scols_cell_refer_data(cell, shortened) != 0) {
			free(shortened);
			return false;
		}
		memory_give(shortened);
	}
	return true;
}

static bool print_batch(struct table *table)
{
	struct text_data *text = table->renderer_data;
	if (!scols_table_get_nlines(text->scols) && (text->printed || table->verb->shape != VERB_TABLE))
		return true;
	for (size_t i = 0; i < table->column_count; i++)
		if (text->human[i])
			scols_column_set_flags(scols_table_get_column(text->scols, text->human_place[i]),
					       SCOLS_FL_RIGHT);
	if (!fit_to_screen(table))
		return false;
	char *printed AUTO_FREE = NULL;
	enter_utf8(text);
	int failed = scols_print_table_to_string(text->scols, &printed);
	leave_utf8(text);
	memory_take(printed);
	if (failed || !printed)
		return false;
	emit_text(&table->emitter, printed);
	if (*printed && printed[strlen(printed) - 1] != '\n')
		emit_text(&table->emitter, "\n");
	text->printed = true;
	keep_widths(text);
	scols_table_remove_lines(text->scols);
	scols_table_enable_noheadings(text->scols, 1);
	return true;
}

static struct libscols_line *add_line(struct table *table)
{
	struct text_data *text = table->renderer_data;
	if (scols_table_get_nlines(text->scols) >= BATCH_LINES && !print_batch(table))
		return NULL;
	return scols_table_new_line(text->scols, NULL);
}

/* ---- cells ---------------------------------------------------------------------------------------- */

/* How people read @cell; for the caller to free. */
static char *cell_spell(enum column_kind kind, const struct cell *cell)
{
	char number[NUMBER_TEXT_SIZE];
	char *spelt = NULL;
	if (cell->absent)
		return strdup(cell->text ? cell->text : "-");
	switch (kind) {
	case COLUMN_TEXT:
	case COLUMN_ANY:
		return *cell->text || cell->text_size ? text_safe_sized(cell->text, cell_text_size(cell)) : strdup("-");
	case COLUMN_COUNT:
	case COLUMN_BYTES:
		number_grouped(cell->number, number);
		return strdup(number);
	case COLUMN_BOOLEAN:
		return strdup(cell->number ? "yes" : "no");
	case COLUMN_REAL:
		real_text(cell->real, number);
		return strdup(number);
	case COLUMN_ADDRESS:
		return asprintf(&spelt, "0x%lx", cell->address) < 0 ? NULL : spelt;
	case COLUMN_GENERATION:
		if (cell->number == RUNTIME_PERMANENT)
			return strdup("permanent");
		/* fallthrough */
	case COLUMN_NUMBER:
		return asprintf(&spelt, "%ld", cell->number) < 0 ? NULL : spelt;
	}
	return NULL;
}

/* The same with the unit beside an amount of bytes. */
static char *cell_spell_with_unit(enum column_kind kind, const struct cell *cell)
{
	char *plain = cell_spell(kind, cell);
	char human[NUMBER_TEXT_SIZE];
	if (!plain || kind != COLUMN_BYTES || cell->absent || cell->number < 1024)
		return plain;
	bytes_human(cell->number, human);
	char *both;
	if (asprintf(&both, "%s (%s)", plain, human) < 0)
		both = NULL;
	free(plain);
	return both;
}

/* Gives @text, which becomes the line's, to the cell at @place. */
static bool set_cell(struct libscols_line *line, size_t place, char *text)
{
	if (text && scols_line_refer_data(line, place, text) == 0) {
		memory_give(text);
		return true;
	}
	free(text);
	return false;
}

/* Opens what stands below the table, with an empty line before it. */
static bool begin_below(struct text_data *text)
{
	if (text->below)
		return true;
	text->below = open_memstream(&text->below_text, &text->below_size);
	return text->below && fputc('\n', text->below) != EOF;
}

/* Writes the cells of a row that stand below the table. */
static bool write_below(struct table *table, const struct cell *cells)
{
	struct text_data *text = table->renderer_data;
	const struct cell *address = NULL;
	bool first = true;
	for (size_t i = 0; i < table->column_count; i++) {
		const struct verb_column *column = table_column(table, i);
		const struct cell *cell = &cells[table->columns[i]];
		if (column->kind == COLUMN_ADDRESS && !address)
			address = cell;
		if (!column->below || cell->absent || !cell->text)
			continue;
		char *key AUTO_FREE = first && address ? cell_spell(COLUMN_ADDRESS, address) : strdup("");
		char *spelt AUTO_FREE = cell_spell(column->kind, cell);
		if (!key || !spelt || !begin_below(text) ||
		    fprintf(text->below, "%-14s  %s: %s\n", key, column->name, spelt) < 0)
			return false;
		first = false;
	}
	return true;
}

static bool print_below(struct table *table)
{
	struct text_data *text = table->renderer_data;
	if (!text->below)
		return true;
	if (fflush(text->below) != 0)
		return false;
	emit_text(&table->emitter, text->below_text);
	return true;
}

static bool set_table_cell(struct table *table, struct libscols_line *line, size_t index,
			   const struct cell *cell)
{
	struct text_data *text = table->renderer_data;
	enum column_kind kind = cell_kind(table_column(table, index), cell);
	if (!set_cell(line, text->place[index], cell_spell(kind, cell)))
		return false;
	if (!has_unit(table_column(table, index)) || cell->absent)
		return true;
	char human[NUMBER_TEXT_SIZE];
	bytes_human(cell->number, human);
	text->human[index] |= cell->number >= HUMAN_BYTES_FROM && !text->printed;
	return set_cell(line, text->human_place[index], strdup(human));
}

/* Does the grouped column say what it said in the row before? */
static bool is_repeated(const struct table *table, const struct verb_column *column, const struct cell *cell)
{
	const struct text_data *text = table->renderer_data;
	return column->grouped && !cell->absent && text->group && strcmp(text->group, cell->text) == 0;
}

static bool keep_group(struct table *table, const struct cell *cells)
{
	struct text_data *text = table->renderer_data;
	for (size_t i = 0; i < table->column_count; i++) {
		const struct cell *cell = &cells[table->columns[i]];
		if (!table_column(table, i)->grouped || cell->absent || is_repeated(table, table_column(table, i), cell))
			continue;
		free(text->group);
		text->group = strdup(cell->text);
		if (!text->group)
			return false;
	}
	return true;
}

/* Is there nothing to see in the row but what is under the last column? */
static bool is_empty(const struct table *table, const struct cell *cells)
{
	for (size_t i = 0; i < table->column_count; i++) {
		const struct verb_column *column = table_column(table, i);
		const struct cell *cell = &cells[table->columns[i]];
		bool shows_nothing = cell->absent && cell->text && !*cell->text;
		if (!is_apart(column) && !shows_nothing && !is_repeated(table, column, cell))
			return false;
	}
	return true;
}

static bool add_main_line(struct table *table, const struct cell *cells)
{
	struct libscols_line *line = add_line(table);
	for (size_t i = 0; line && i < table->column_count; i++) {
		const struct verb_column *column = table_column(table, i);
		const struct cell *cell = &cells[table->columns[i]];
		if (!is_apart(column) && !is_repeated(table, column, cell) && !set_table_cell(table, line, i, cell))
			return false;
	}
	return line;
}

/* A line with what @cell says under the last column, and what that is if it is no text. */
static bool add_line_under(struct table *table, const struct verb_column *column, const struct cell *cell)
{
	struct text_data *text = table->renderer_data;
	enum column_kind kind = cell_kind(column, cell);
	char *spelt AUTO_FREE = cell_spell(kind, cell), *indented;
	struct libscols_line *line = spelt ? add_line(table) : NULL;
	int length = line ? asprintf(&indented, "  %s%s%s", kind == COLUMN_TEXT ? "" : column->name,
				     kind == COLUMN_TEXT ? "" : ": ", spelt) :
			    -1;
	return length >= 0 && set_cell(line, scols_table_get_ncols(text->scols) - 1, indented);
}

static bool add_lines_under(struct table *table, const struct cell *cells)
{
	for (size_t i = 0; i < table->column_count; i++) {
		const struct verb_column *column = table_column(table, i);
		const struct cell *cell = &cells[table->columns[i]];
		if (column->under && !cell->absent && !add_line_under(table, column, cell))
			return false;
	}
	return true;
}

static bool add_table_row(struct table *table, const struct cell *cells)
{
	if (!is_empty(table, cells) && !add_main_line(table, cells))
		return false;
	return keep_group(table, cells) && add_lines_under(table, cells) && write_below(table, cells);
}

/* ---- records and items ---------------------------------------------------------------------------- */

/* One `name: value`. */
static bool add_item(struct table *table, const char *name, enum column_kind kind, const struct cell *cell)
{
	struct libscols_line *line = add_line(table);
	char *label;
	if (!line || asprintf(&label, "%s:", name) < 0)
		return false;
	return set_cell(line, 0, label) && set_cell(line, 1, cell_spell_with_unit(kind, cell));
}

static bool add_record(struct table *table, const struct cell *cells)
{
	if (table->total.rows > 1) {
		if (!print_batch(table))
			return false;
		emit_text(&table->emitter, "\n");
	}
	for (size_t i = 0; i < table->column_count; i++) {
		const struct verb_column *column = table_column(table, i);
		const struct cell *cell = &cells[table->columns[i]];
		if (!add_item(table, column->name, cell_kind(column, cell), cell))
			return false;
	}
	return true;
}

static bool text_row(struct table *table, const struct cell *cells)
{
	switch (table->verb->shape) {
	case VERB_RECORD:
		return add_record(table, cells);
	case VERB_ITEMS:
		return add_item(table, cells[0].text, cell_kind(&table->verb->columns[1], &cells[1]),
				&cells[1]);
	case VERB_TABLE:
		break;
	}
	return add_table_row(table, cells);
}

/* ---- the rest and the total ----------------------------------------------------------------------- */

/* The column that says what a sum is of: the first with text, else the first. */
static size_t label_column(const struct table *table)
{
	for (size_t i = 0; i < table->column_count; i++)
		if (holds_text(table_column(table, i)))
			return i;
	return 0;
}

static bool add_sums(struct table *table, const struct table_sums *sums, char *label, const char *colour)
{
	struct text_data *text = table->renderer_data;
	struct libscols_line *line = add_line(table);
	if (!line || !set_cell(line, text->place[label_column(table)], label))
		return false;
	scols_line_set_color(line, colour);
	for (size_t i = 0; i < table->column_count; i++) {
		if (!table_column(table, i)->summed)
			continue;
		const struct cell sum = { .number = sums->columns[table->columns[i]] };
		if (!set_table_cell(table, line, i, &sum))
			return false;
	}
	return true;
}

static bool add_rest(struct table *table)
{
	char number[NUMBER_TEXT_SIZE];
	number_grouped(table->rest.rows, number);
	char *label;
	if (asprintf(&label, "… %s more %s", number, table->rows) < 0)
		return false;
	return add_sums(table, &table->rest, label, REST_COLOUR);
}

static bool add_total(struct table *table)
{
	char number[NUMBER_TEXT_SIZE];
	number_grouped(table->total.rows, number);
	bool is_text = holds_text(table_column(table, label_column(table)));
	char *label;
	int length = is_text ? asprintf(&label, "total of %s %s", number, table->rows) :
			       asprintf(&label, "total");
	return length >= 0 && add_sums(table, &table->total, label, TOTAL_COLOUR);
}

static bool has_sums(const struct table *table)
{
	for (size_t i = 0; i < table->column_count; i++)
		if (table_column(table, i)->summed)
			return true;
	return false;
}

static bool text_end(struct table *table, const struct table_end *end)
{
	bool summed = table->rows && !table->summary && table->verb->shape == VERB_TABLE;
	if (end->error && !table->total.rows)
		return true;
	if (summed && table->rest.rows && !add_rest(table))
		return false;
	if (summed && !table->verb->no_total && !end->error && (table->total.rows != 1 || has_sums(table)) && !add_total(table))
		return false;
	if (!print_batch(table) || !print_below(table))
		return false;
	if (summed && table->verb->no_total && !end->error && !table->total.rows)
		emit_format(&table->emitter, "no %s\n", table->rows);
	if (table->summary) {
		emit_text(&table->emitter, table->summary);
		emit_text(&table->emitter, "\n");
	}
	return true;
}

const struct renderer renderer_text = {
	.begin = text_begin,
	.row = text_row,
	.end = text_end,
	.deinit = text_deinit,
};
