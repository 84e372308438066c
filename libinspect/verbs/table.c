/* SPDX-License-Identifier: MIT */
/*
 * table.c - choosing columns, limiting rows and summing up.
 */
#include "verbs/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "target/target.h"
#include "verbs/options.h"

enum {
	DEFAULT_ROWS = 25,
	MINIMUM_ROWS = 5,
	LINES_BESIDE_ROWS = 5, /* header, rest, total, and the shell's prompt before and after */
};

static const struct {
	const char *name;
	const struct renderer *renderer;
} formats[] = {
	[FORMAT_TEXT] = { "text", &renderer_text },
	[FORMAT_JSON] = { "json", &renderer_json },
	[FORMAT_JSONL] = { "jsonl", &renderer_jsonl },
	[FORMAT_CSV] = { "csv", &renderer_csv },
	[FORMAT_JUNIT] = { "junit", &renderer_junit },
};

static enum table_format format_of(const struct options *options)
{
	const char *argument = option_argument(options, "format");
	for (unsigned int i = 0; argument && i < sizeof(formats) / sizeof(*formats); i++)
		if (strcmp(argument, formats[i].name) == 0)
			return i;
	return FORMAT_TEXT;
}

static bool has_limit(const struct verb *verb)
{
	for (size_t i = 0; i < verb->info.option_count; i++)
		if (strcmp(verb->info.options[i].name, "limit") == 0)
			return true;
	return false;
}

/* How many rows there may be where --limit does not say it. */
static uint64_t default_limit(const struct verb *verb, enum table_format format,
			      const struct inspect_output *output)
{
	if (format != FORMAT_TEXT || !has_limit(verb))
		return UINT64_MAX;
	if (!output->height)
		return DEFAULT_ROWS;
	return output->height > MINIMUM_ROWS + LINES_BESIDE_ROWS ? output->height - LINES_BESIDE_ROWS :
								    MINIMUM_ROWS;
}

static void choose_columns(struct table *table, const struct options *options, enum table_format format)
{
	bool brief = format == FORMAT_TEXT && table->verb->shape == VERB_TABLE;
	for (size_t i = 0; i < table->all_count; i++) {
		const struct verb_column *column = &table->all[i];
		if (column->option && !option_flag(options, column->option))
			continue;
		if (column->without && option_flag(options, column->without))
			continue;
		if (brief && (column->detail || (column->several && options->operand_count < 2)))
			continue;
		table->columns[table->column_count++] = i;
	}
}

/* A table without a renderer. NULL when out of memory. */
static struct table *create(const struct verb *verb, const struct options *options, const struct inspect_target *target,
			    enum table_format format)
{
	struct table *table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	table->verb = verb;
	table->all = verb->columns;
	table->all_count = verb->column_count;
	table->rows = verb->rows;
	table->target = target;
	choose_columns(table, options, format);
	return table;
}

struct inspect_error *table_create(const struct verb *verb, const struct options *options,
				   const struct inspect_target *target, const struct inspect_output *output,
				   struct table **table_ret)
{
	enum table_format format = format_of(options);
	uint64_t limit;
	struct inspect_error *error =
		option_number(options, "limit", default_limit(verb, format, output), &limit);
	if (error)
		return error;
	struct table *table = create(verb, options, target, format);
	if (!table)
		return &inspect_error_no_memory;
	table->renderer = formats[format].renderer;
	table->emitter.output = output;
	table->limit = limit ? limit : UINT64_MAX;
	*table_ret = table;
	return NULL;
}

struct inspect_error *table_create_for(const struct verb *verb, const struct options *options,
				       const struct inspect_target *target, const struct renderer *renderer, void *renderer_data,
				       struct table **table_ret)
{
	uint64_t limit;
	struct inspect_error *error = option_number(options, "limit", 0, &limit);
	if (error)
		return error;
	struct table *table = create(verb, options, target, FORMAT_JSON);
	if (!table)
		return &inspect_error_no_memory;
	table->renderer = renderer;
	table->renderer_data = renderer_data;
	table->limit = limit ? limit : UINT64_MAX;
	*table_ret = table;
	return NULL;
}

static void free_own_columns(struct table *table)
{
	for (size_t i = 0; table->own && i < table->all_count; i++)
		free((char *)table->own[i].name);
	free(table->own);
	table->own = NULL;
}

void table_destroy(struct table *table)
{
	if (!table)
		return;
	if (table->begun)
		table->renderer->deinit(table);
	free_own_columns(table);
	free(table->summary);
	free(table);
}

static bool begin_once(struct table *table)
{
	if (table->begun)
		return true;
	table->begun = true;
	return table->renderer->begin(table);
}

static void add_to_sums(const struct table *table, struct table_sums *sums, const struct cell *cells)
{
	sums->rows++;
	for (size_t i = 0; i < table->all_count; i++) {
		if (!table->all[i].summed || cells[i].absent)
			continue;
		if (__builtin_add_overflow(sums->columns[i], cells[i].number, &sums->columns[i]))
			sums->columns[i] = INT64_MAX;
	}
}

struct inspect_error *table_set_columns(struct table *table, const struct verb_column *columns, size_t count)
{
	free_own_columns(table);
	table->all = table->own = calloc(count + 1, sizeof(*table->own));
	table->all_count = table->column_count = 0;
	for (size_t i = 0; table->own && i < count && i < TABLE_COLUMNS_MAX; i++) {
		table->own[i] = columns[i];
		table->own[i].name = strdup(columns[i].name);
		if (!table->own[i].name)
			return &inspect_error_no_memory;
		table->all_count++;
		table->columns[table->column_count++] = (uint8_t)i;
	}
	return table->own ? NULL : &inspect_error_no_memory;
}

void table_say_nothing(struct table *table)
{
	table->silent = true;
}

void table_call_rows(struct table *table, const char *rows)
{
	table->rows = rows;
}

struct inspect_error *table_summarise(struct table *table, const char *text)
{
	free(table->summary);
	table->summary = strdup(text);
	return table->summary ? NULL : &inspect_error_no_memory;
}

bool table_shows_next(const struct table *table)
{
	return table->total.rows < table->limit;
}

/* The output takes no more, or the user wants no more of it. */
static struct inspect_error *closed(void)
{
	return inspect_error_create(INSPECT_ERROR_CANCELLED, "cancelled");
}

/* ---- what is redacted ------------------------------------------------------------------------------ */

static bool is_address(void *target, uint64_t number)
{
	return target_has(target, number, 1);
}

char *table_redact_text(const struct inspect_target *target, const char *text)
{
	return text_without_words(text, is_address, (void *)target);
}

/* A copy of @cell without what may be a word of the program's data, where the heap is damaged. *@text_ret: what it has
 * for its text, for the caller to free, or NULL. False when out of memory. */
static bool redact_cell(const struct table *table, const struct verb_column *column, struct cell *cell, char **text_ret)
{
	static const int64_t most = INT64_C(1) << 46; /* bytes, objects, references: more than there can be */
	enum column_kind kind = cell_kind(column, cell);
	*text_ret = NULL;
	if (cell->absent)
		return true;
	if (kind == COLUMN_ADDRESS)
		cell->absent = !is_address((void *)table->target, cell->address);
	else if (kind != COLUMN_TEXT)
		cell->absent = kind != COLUMN_REAL && (cell->number > most || cell->number < -most);
	else if (!cell->text_size)
		cell->text = *text_ret = table_redact_text(table->target, cell->text);
	if (cell->absent)
		cell->text = NULL;
	return kind != COLUMN_TEXT || cell->text;
}

/* Writes a row without what may be such words. */
static bool write_redacted(struct table *table, const struct cell *cells)
{
	struct cell redacted[TABLE_COLUMNS_MAX];
	char *texts[TABLE_COLUMNS_MAX] = { 0 };
	bool done = true;
	memcpy(redacted, cells, table->all_count * sizeof(*cells));
	for (size_t i = 0; i < table->column_count; i++)
		done &= redact_cell(table, table_column(table, i), &redacted[table->columns[i]], &texts[i]);
	done = done && table->renderer->row(table, redacted);
	for (size_t i = 0; i < TABLE_COLUMNS_MAX; i++)
		free(texts[i]);
	return done;
}

static bool write_row(struct table *table, const struct cell *cells)
{
	return table->target->redacted ? write_redacted(table, cells) : table->renderer->row(table, cells);
}

struct inspect_error *table_row(struct table *table, const struct cell *cells)
{
	enum { ROWS_BETWEEN_REPORTS = 64 };
	add_to_sums(table, &table->total, cells);
	bool due = table->total.rows % ROWS_BETWEEN_REPORTS == 0 || progress_was_stopped(); /* what comes now may be wrong */
	struct inspect_error *error = due ? progress_report("writing the answer", table->total.rows, 0) : NULL;
	if (error)
		return error;
	if (table->total.rows > table->limit) {
		add_to_sums(table, &table->rest, cells);
		return NULL;
	}
	if (!begin_once(table) || !write_row(table, cells))
		return &inspect_error_no_memory;
	return table->emitter.closed ? closed() : NULL;
}

struct inspect_error *table_end(struct table *table, const struct table_end *end)
{
	if (table->silent)
		return NULL;
	if (!begin_once(table) || !table->renderer->end(table, end))
		return &inspect_error_no_memory;
	emit_flush(&table->emitter);
	return table->emitter.closed ? closed() : NULL;
}
