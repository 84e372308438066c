/* SPDX-License-Identifier: MIT */
/*
 * heap.c - the verb `heap`: the types of all objects by count and size.
 */
#include <stdlib.h>
#include <string.h>

#include "analysis/histogram.h"
#include "verbs/options.h"
#include "verbs/select.h"
#include "verbs/verb.h"

enum { TYPE, COUNT, BYTES, TRACKED, GENERATION, COLUMN_COUNT_ };

static const struct verb_column columns[] = {
	[TYPE] = { "type", COLUMN_TEXT, "name of the type; types of the same name are counted together" },
	[COUNT] = { "count", COLUMN_COUNT, "how many objects there are", .summed = true },
	[BYTES] = { "bytes", COLUMN_BYTES, "what sys.getsizeof() would say, summed", .summed = true },
	[TRACKED] = { "tracked", COLUMN_COUNT, "how many of the objects the collector tracks", .summed = true },
	[GENERATION] = { "generation", COLUMN_GENERATION, "0, 1, 2 or permanent; none if not tracked", .option = "by-generation" },
};

static const struct inspect_verb_option options[] = {
	{ "type", "PATTERN", "only types of this name; * ? [...] match parts of names; may be repeated",
	  NULL },
	{ "tracked", NULL, "only objects that the collector tracks: those of gc.get_objects(); takes less time", NULL },
	{ "untracked", NULL, "only objects that it does not track, such as str, int, many tuples and dicts", NULL },
	{ "generation", "GENERATION", "only objects of this generation; may be repeated", "0|1|2|permanent" },
	{ "interpreter", "ID", "only objects of this interpreter; may be repeated", NULL },
	{ "by-generation", NULL, "a row for each generation of each type", NULL },
	{ "min-count", "N", "only rows with at least N objects", NULL },
	{ "min-bytes", "N", "only rows with at least N bytes; 4k, 2M and 1G work too", NULL },
	{ "sort", "COLUMN", "order of the rows, largest first or by name; default: bytes",
	  "count|bytes|type" },
	{ "reverse", NULL, "the other way round", NULL },
	{ "limit", "N", "show N rows and sum up the rest; 0: show all; default for text: a screenful", NULL },
};

/* ---- order ----------------------------------------------------------------------------------------- */

struct order {
	enum { BY_BYTES, BY_COUNT, BY_TYPE } by;
	bool reverse;
};

static struct order order_of(const struct options *given)
{
	const char *argument = option_argument(given, "sort");
	struct order order = { .by = BY_BYTES, .reverse = option_flag(given, "reverse") };
	if (argument && strcmp(argument, "count") == 0)
		order.by = BY_COUNT;
	if (argument && strcmp(argument, "type") == 0)
		order.by = BY_TYPE;
	return order;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Most first; ties by the other amount, then by name and generation. */
static int compare_rows(const void *a, const void *b, void *context)
{
	const struct histogram_row *one = a, *other = b;
	const struct order *order = context;
	int by_count = compare_numbers(other->count, one->count);
	int by_bytes = compare_numbers(other->bytes, one->bytes);
	int first = order->by == BY_COUNT ? by_count : order->by == BY_BYTES ? by_bytes : 0;
	int second = order->by == BY_COUNT ? by_bytes : order->by == BY_BYTES ? by_count : 0;
	int result = first ? first : second;
	if (!result)
		result = strcmp(one->type, other->type);
	if (!result)
		result = compare_numbers(one->generation, other->generation);
	return order->reverse ? -result : result;
}

/* ---- rows ------------------------------------------------------------------------------------------ */

static struct inspect_error *send_rows(struct verb_context *context, const struct histogram *histogram)
{
	for (size_t i = 0; i < histogram->count; i++) {
		const struct histogram_row *row = &histogram->rows[i];
		const struct cell cells[COLUMN_COUNT_] = {
			[TYPE] = cell_text(row->type),
			[COUNT] = cell_count((int64_t)row->count),
			[BYTES] = cell_bytes(row->bytes),
			[TRACKED] = cell_count((int64_t)row->tracked),
			[GENERATION] = row->generation == HEAP_UNTRACKED ? cell_absent("untracked") :
									   cell_generation(row->generation),
		};
		struct inspect_error *error = table_row(context->table, cells);
		if (error)
			return error;
	}
	return NULL;
}

/* Keeps the rows with --min-count objects and --min-bytes bytes. */
static struct inspect_error *keep_large(struct histogram *histogram, const struct options *given)
{
	uint64_t min_count, min_bytes;
	struct inspect_error *error = option_number(given, "min-count", 0, &min_count);
	if (!error)
		error = option_number(given, "min-bytes", 0, &min_bytes);
	if (error)
		return error;
	size_t kept = 0;
	for (size_t i = 0; i < histogram->count; i++)
		if (histogram->rows[i].count >= min_count && histogram->rows[i].bytes >= min_bytes)
			histogram->rows[kept++] = histogram->rows[i];
	histogram->count = kept;
	return NULL;
}

static struct inspect_error *show(struct verb_context *context, struct histogram *histogram)
{
	struct inspect_error *error = keep_large(histogram, context->options);
	if (!error)
		error = note_basic_sizes(context, histogram);
	if (error)
		return error;
	struct order order = order_of(context->options);
	qsort_r(histogram->rows, histogram->count, sizeof(*histogram->rows), compare_rows, &order);
	return send_rows(context, histogram);
}

/* Counts the objects that the options choose. */
static struct inspect_error *count_chosen(struct verb_context *context, struct histogram *histogram)
{
	struct heap *heap;
	struct inspect_error *error = selection_heap(context, &heap);
	if (error)
		return error;
	struct selection selection;
	error = selection_init(&selection, context, heap);
	if (!error)
		error = histogram_build(heap, &selection.filter,
					option_flag(context->options, "by-generation"), histogram);
	selection_deinit(&selection);
	return error;
}

/* Do the options choose among the objects, or tell them apart by more than their types? */
static bool is_about_single_objects(const struct options *given)
{
	static const char *const names[] = { "type", "tracked", "untracked", "generation", "interpreter", "by-generation" };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (option_flag(given, names[i]))
			return true;
	return false;
}

static struct inspect_error *count(struct verb_context *context, struct histogram *histogram)
{
	const struct tally *tally = NULL;
	struct inspect_error *error = NULL;
	if (!is_about_single_objects(context->options))
		error = verb_tally_of(context, &tally);
	if (error)
		return error;
	struct runtime *runtime;
	error = tally ? verb_runtime(context, &runtime) : count_chosen(context, histogram);
	return error || !tally ? error : histogram_of_tally(runtime, tally, histogram);
}

static struct inspect_error *run(struct verb_context *context)
{
	struct histogram histogram = { 0 };
	struct inspect_error *error = count(context, &histogram);
	if (!error)
		error = show(context, &histogram);
	histogram_deinit(&histogram);
	return error;
}

static const char description[] =
	"Counts all objects, type by type: those that the garbage collectors of all interpreters\n"
	"track, and those that they do not track (str, int, bytes ...) but that can be reached.\n"
	"Sizes are those of sys.getsizeof(): an object's own memory, not what it refers to.";

const struct verb verb_heap = {
	.info = {
		.name = "heap",
		.summary = "types of objects by count and size",
		.operands = "",
		.description = description,
		.options = options,
		.option_count = sizeof(options) / sizeof(*options),
	},
	.shape = VERB_TABLE,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.rows = "types",
	.check = selection_check,
	.run = run,
};
