/* SPDX-License-Identifier: MIT */
/*
 * capture.c - running a verb with a renderer that keeps what it gets.
 */
#include "verbs/capture.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "verbs/options.h"
#include "verbs/table.h"

/* ---- texts ------------------------------------------------------------------------------------------ */

/* Texts one behind the other. */
struct text_chunk {
	struct text_chunk *next;
	size_t used, size;
	char text[];
};

/* A copy of the @size bytes at @text and a NUL; NULL when out of memory. */
static const char *keep_text(struct captured *captured, const char *text, size_t size)
{
	enum { CHUNK = 1 << 16 };
	struct text_chunk *chunk = captured->texts;
	if (!chunk || chunk->size - chunk->used <= size) {
		size_t room = size < CHUNK ? CHUNK : size + 1;
		chunk = malloc(sizeof(*chunk) + room);
		if (!chunk)
			return NULL;
		*chunk = (struct text_chunk){ .next = captured->texts, .size = room };
		captured->texts = chunk;
	}
	char *copy = chunk->text + chunk->used;
	memcpy(copy, text, size);
	copy[size] = '\0';
	chunk->used += size + 1;
	return copy;
}

void captured_deinit(struct captured *captured)
{
	while (captured->texts) {
		struct text_chunk *next = captured->texts->next;
		free(captured->texts);
		captured->texts = next;
	}
	free(captured->cells);
	*captured = (struct captured){ 0 };
}

/* ---- rows ------------------------------------------------------------------------------------------- */

static bool keep_cell(struct captured *captured, enum column_kind kind, const struct cell *cell, struct captured_cell *kept)
{
	*kept = (struct captured_cell){ .kind = (uint8_t)kind, .absent = cell->absent };
	if (cell->absent)
		return true;
	switch (kind) {
	case COLUMN_TEXT:
	case COLUMN_ANY:
		kept->kind = COLUMN_TEXT;
		kept->size = (uint32_t)cell_text_size(cell);
		kept->text = keep_text(captured, cell->text, kept->size);
		return kept->text;
	case COLUMN_ADDRESS:
		kept->number = (int64_t)cell->address;
		return true;
	case COLUMN_REAL:
		kept->real = cell->real;
		return true;
	default:
		kept->number = cell->number;
		return true;
	}
}

static bool capture_begin(struct table *table __attribute__((unused)))
{
	return true;
}

static bool capture_row(struct table *table, const struct cell *cells)
{
	struct captured *captured = table->renderer_data;
	if (!array_grow((void **)&captured->cells, captured->rows, &captured->capacity,
			captured->columns * sizeof(*captured->cells)))
		return false;
	struct captured_cell *row = captured->cells + captured->rows * captured->columns;
	for (size_t i = 0; i < captured->columns; i++)
		row[i] = (struct captured_cell){ .absent = true };
	for (size_t i = 0; i < table->column_count; i++) {
		const struct cell *cell = &cells[table->columns[i]];
		if (!keep_cell(captured, cell_kind(table_column(table, i), cell), cell, &row[table->columns[i]]))
			return false;
	}
	captured->rows++;
	return true;
}

static bool capture_end(struct table *table __attribute__((unused)), const struct table_end *end __attribute__((unused)))
{
	return true;
}

static void capture_deinit(struct table *table __attribute__((unused)))
{
}

static const struct renderer renderer_capture = {
	.begin = capture_begin,
	.row = capture_row,
	.end = capture_end,
	.deinit = capture_deinit,
};

/* ---- calls ------------------------------------------------------------------------------------------ */

/* The words of a call, in one piece of memory. */
struct words {
	char *text;
	const char **items;
	size_t count, capacity;
};

static bool add_word(struct words *words, const char *word)
{
	if (!array_reserve(words->items, words->count, words->capacity))
		return false;
	words->items[words->count++] = word;
	return true;
}

/* Takes the word at *@from, which is not a space, to *@to, without its quotes; both move behind it. */
static void take_word(const char **from, char **to)
{
	char quote = '\0';
	for (; **from && (quote || !strchr(" \t\n", **from)); ++*from) {
		if (quote ? **from == quote : strchr("'\"", **from) != NULL)
			quote = quote ? '\0' : **from;
		else
			*(*to)++ = **from;
	}
	*(*to)++ = '\0';
}

static bool split(const char *text, struct words *words)
{
	words->text = malloc(strlen(text) + 1);
	char *to = words->text;
	while (to && *(text += strspn(text, " \t\n"))) {
		if (!add_word(words, to))
			return false;
		take_word(&text, &to);
	}
	return to;
}

static struct inspect_error *parse(const struct verb *verb, const struct words *words, struct options *options)
{
	static const char *const refused[] = { "format", "runtime", "help", "redact" };
	struct inspect_error *error = options_parse(&verb->info, (int)words->count, words->items, options);
	for (size_t i = 0; !error && i < sizeof(refused) / sizeof(*refused); i++)
		if (option_flag(options, refused[i]))
			error = inspect_error_create(INSPECT_ERROR_USAGE, "--%s is for whole answers, not for a table", refused[i]);
	return !error && verb->check ? verb->check(options) : error;
}

static struct inspect_error *run(struct verb_context *context, const struct verb *verb, const struct options *options,
				 struct captured *captured)
{
	struct verb_context inner = { .session = context->session, .options = options };
	struct inspect_error *error =
		table_create_for(verb, options, verb_target(context), &renderer_capture, captured, &inner.table);
	if (error)
		return error;
	error = verb->run(&inner);
	table_destroy(inner.table);
	for (size_t i = 0; !error && i < inner.notes.count; i++)
		error = notes_add(&context->notes, inner.notes.items[i].incomplete, "%s", inner.notes.items[i].text);
	notes_deinit(&inner.notes);
	return error;
}

struct inspect_error *verb_capture(struct verb_context *context, const struct verb *verb, const char *arguments,
				   struct captured *captured)
{
	struct words words = { 0 };
	struct options options = { 0 };
	*captured = (struct captured){ .columns = verb->column_count };
	struct inspect_error *error =
		split(arguments ? arguments : "", &words) ? parse(verb, &words, &options) : &inspect_error_no_memory;
	if (!error)
		error = run(context, verb, &options, captured);
	if (error)
		captured_deinit(captured);
	options_deinit(&options);
	free(words.items);
	free(words.text);
	return error;
}
