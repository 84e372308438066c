/* SPDX-License-Identifier: MIT */
/*
 * refcounts.c - the verb `refcounts`: objects whose reference counts are not the number of references to them.
 *
 * Every object is judged; those that do not close are the findings. By default findings of one type, verdict and holder are
 * one row.
 */
#include <stdlib.h>
#include <string.h>

#include "analysis/refcounts.h"
#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "verbs/edges.h"
#include "verbs/options.h"
#include "verbs/select.h"
#include "verbs/verb.h"

enum {
	VERDICT, TYPE, COUNT, EXPECTED, REFCOUNT, EXCESS, ADDRESS, HOLDER, VALUE, COLUMN_COUNT_,
};

static const struct verb_column columns[] = {
	[VERDICT] = { "verdict", COLUMN_TEXT, "low: more references than its count says, so it will be freed while somebody holds "
		      "it; leaked: fewer, and no memory is left that could hold the others; orphan: leaked, and nobody refers "
		      "to it at all; held: fewer, but places in C code's memory may hold the others" },
	[TYPE] = { "type", COLUMN_TEXT, "name of the object's type" },
	[COUNT] = { "count", COLUMN_COUNT, "how many such objects there are", .summed = true, .without = "objects" },
	[EXPECTED] = { "expected", COLUMN_COUNT, "references that objects and roots hold; of several objects, together" },
	[REFCOUNT] = { "refcount", COLUMN_COUNT, "its reference count; of several objects, together" },
	[EXCESS] = { "excess", COLUMN_COUNT, "how many references more than expected", .summed = true },
	[ADDRESS] = { "address", COLUMN_ADDRESS, "the object; of several, the one with the most" },
	[HOLDER] = { "holder", COLUMN_TEXT, "where C code may hold it: a variable, a stack, a block of memory" },
	[VALUE] = { "value", COLUMN_TEXT, "a short description of it", .option = "values" },
};

static const struct inspect_verb_option options[] = {
	{ "verdict", "VERDICT", "only findings with this verdict; may be repeated", "low|leaked|orphan|held" },
	{ "type", "PATTERN", "only objects of this type; * ? [...] match parts of names; may be repeated", NULL },
	{ "objects", NULL, "a row for each object", NULL },
	{ "values", NULL, "describe each object", NULL },
	{ "limit", "N", "show N rows and sum up the rest; 0: show all; default for text: a screenful", NULL },
};

/* One object whose count does not close. */
struct finding {
	uint32_t id;
	uint8_t verdict; /* enum refcount_verdict */
	int64_t expected, refcount;
	char *holder; /* owned; NULL: none */
};

/* One run of the verb. */
struct listing {
	struct verb_context *context;
	struct runtime *runtime;
	const struct graph *graph;
	const struct heap *heap;
	struct refcounts refcounts;
	struct object_values values;
	struct selection selection;
	struct finding *findings;
	size_t count, capacity;
};

static const char *verdict_name(unsigned int verdict)
{
	static const char *const names[] = {
		[REFCOUNT_LOW] = "low", [REFCOUNT_LEAKED] = "leaked", [REFCOUNT_ORPHAN] = "orphan", [REFCOUNT_HELD] = "held",
	};
	return names[verdict];
}

static bool is_accusation(unsigned int verdict)
{
	return verdict == REFCOUNT_LOW || verdict == REFCOUNT_LEAKED || verdict == REFCOUNT_ORPHAN;
}

/* ---- finding ---------------------------------------------------------------------------------------- */

static bool verdict_wanted(const struct options *given, unsigned int verdict)
{
	const char *argument;
	for (size_t position = 0; (argument = option_next(given, "verdict", &position));)
		if (strcmp(argument, verdict_name(verdict)) == 0)
			return true;
	return !option_flag(given, "verdict");
}

static struct inspect_error *judge(struct listing *listing, uint32_t id)
{
	const struct refcounts *refcounts = &listing->refcounts;
	int64_t excess = refcounts_excess(refcounts, listing->heap, id);
	if (!excess)
		return NULL;
	struct runtime_allowance allowance = { 0 };
	if (listing->runtime->operations->allowance)
		listing->runtime->operations->allowance(listing->runtime, listing->heap->address[id],
							listing->heap->type[id], excess, &allowance);
	enum refcount_verdict verdict = refcounts_judge(refcounts, listing->heap, id, refcounts->possible[id], allowance.more,
							allowance.fewer);
	if (verdict == REFCOUNT_CLOSES || verdict == REFCOUNT_DOUBTED || !verdict_wanted(listing->context->options, verdict) ||
	    !heap_filter_passes(&listing->selection.filter, listing->heap, id))
		return NULL;
	if (!array_reserve(listing->findings, listing->count, listing->capacity))
		return &inspect_error_no_memory;
	listing->findings[listing->count++] = (struct finding){
		.id = id,
		.verdict = verdict,
		.expected = refcounts->expected[id],
		.refcount = listing->heap->refcount[id],
	};
	listing->context->finding |= is_accusation(verdict);
	return NULL;
}

static struct inspect_error *judge_all(struct listing *listing)
{
	struct inspect_error *error = NULL;
	for (uint32_t id = 0; id < listing->heap->count && !error; id++) {
		error = progress_each("looking at objects", id, listing->heap->count);
		if (!error)
			error = judge(listing, id);
	}
	return error;
}

/* ---- rows ------------------------------------------------------------------------------------------- */

static int compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int64_t excess_of(const struct finding *finding)
{
	return finding->refcount - finding->expected;
}

static const char *type_of(const struct listing *listing, const struct finding *finding)
{
	return heap_type_name(listing->heap, finding->id);
}

/* Findings that make one row. */
static int compare_groups(const struct listing *listing, const struct finding *one, const struct finding *other)
{
	int result = compare_numbers(one->verdict, other->verdict);
	if (!result)
		result = strcmp(type_of(listing, one), type_of(listing, other));
	return result ? result : strcmp(one->holder ? one->holder : "", other->holder ? other->holder : "");
}

/* Groups stand together, and in them the objects with the most references too many, or too few. */
static int compare_findings(const void *a, const void *b, void *context)
{
	const struct finding *one = a, *other = b;
	int result = compare_groups(context, one, other);
	if (!result)
		result = compare_numbers(llabs(excess_of(other)), llabs(excess_of(one)));
	return result ? result : compare_numbers(one->id, other->id);
}

/* The findings of one row. */
struct group {
	size_t first, count; /* in listing->findings */
	int64_t expected, refcount;
};

static struct inspect_error *send_group(struct listing *listing, const struct group *group)
{
	const struct finding *finding = &listing->findings[group->first];
	struct cell cells[COLUMN_COUNT_] = {
		[VERDICT] = cell_text(verdict_name(finding->verdict)),
		[TYPE] = cell_text(type_of(listing, finding)),
		[COUNT] = cell_count((int64_t)group->count),
		[EXPECTED] = cell_count(group->expected),
		[REFCOUNT] = cell_count(group->refcount),
		[EXCESS] = cell_count(group->refcount - group->expected),
		[ADDRESS] = cell_address(listing->heap->address[finding->id]),
		[HOLDER] = cell_text(finding->holder),
		[VALUE] = cell_absent(NULL),
	};
	struct inspect_error *error = object_value(&listing->values, finding->id, NULL, &cells[VALUE]);
	return error ? error : table_row(listing->context->table, cells);
}

/* Verdicts in their order; of each the rows with the most references too many, or too few, first. */
static int compare_sizes(const void *a, const void *b, void *context)
{
	const struct listing *listing = context;
	const struct group *one = a, *other = b;
	const struct finding *of_one = &listing->findings[one->first], *of_other = &listing->findings[other->first];
	int result = compare_numbers(of_one->verdict, of_other->verdict);
	if (!result)
		result = compare_numbers(llabs(other->refcount - other->expected), llabs(one->refcount - one->expected));
	return result ? result : compare_findings(of_one, of_other, context);
}

static void add_to_group(struct group *group, const struct finding *finding)
{
	group->count++;
	group->expected += finding->expected;
	group->refcount += finding->refcount;
}

static struct inspect_error *send_all(struct listing *listing)
{
	bool objects = option_flag(listing->context->options, "objects");
	struct group *groups AUTO_FREE = reallocarray(NULL, listing->count + 1, sizeof(*groups));
	struct inspect_error *error = NULL;
	size_t count = 0;
	if (!groups)
		return &inspect_error_no_memory;
	if (listing->count)
		qsort_r(listing->findings, listing->count, sizeof(*listing->findings), compare_findings, listing);
	for (size_t i = 0; i < listing->count; i++) {
		const struct finding *finding = &listing->findings[i];
		if (objects || !i || compare_groups(listing, finding - 1, finding))
			groups[count++] = (struct group){ .first = i };
		add_to_group(&groups[count - 1], finding);
	}
	if (count)
		qsort_r(groups, count, sizeof(*groups), compare_sizes, listing);
	if (objects)
		table_call_rows(listing->context->table, "objects");
	for (size_t i = 0; i < count && !error; i++)
		error = send_group(listing, &groups[i]);
	return error;
}

/* ---- the verb --------------------------------------------------------------------------------------- */

static struct inspect_error *begin(struct listing *listing)
{
	struct graph *graph;
	struct inspect_error *error = verb_runtime(listing->context, &listing->runtime);
	if (!error)
		error = verb_counted_graph_of(listing->context, &graph);
	if (error)
		return error;
	listing->graph = graph;
	listing->heap = graph->heap;
	error = heap_find_refcounts(graph->heap);
	if (!error)
		error = object_values_init(&listing->values, listing->context, graph->heap);
	if (!error)
		error = selection_init(&listing->selection, listing->context, graph->heap);
	return error ? error : refcounts_count(graph, &listing->refcounts);
}

static struct inspect_error *run(struct verb_context *context)
{
	struct listing listing = { .context = context };
	struct inspect_error *error = begin(&listing);
	if (!error)
		error = judge_all(&listing);
	if (!error)
		error = send_all(&listing);
	for (size_t i = 0; i < listing.count; i++)
		free(listing.findings[i].holder);
	free(listing.findings);
	refcounts_deinit(&listing.refcounts);
	selection_deinit(&listing.selection);
	error = object_values_end(&listing.values, error);
	return error || !listing.graph ? error : note_scanned(context, listing.graph);
}

static const char description[] =
	"Compares every object's reference count with the references that objects and roots hold, and lists what does\n"
	"not close. A count that is too low is a crash to come: the object will be freed while somebody holds it. One\n"
	"that is too high is a leaked reference, as a rule of a C extension that forgot Py_DECREF().\n"
	"\n"
	"C code may hold references where nobody has described them: in variables, on stacks, in memory of its own.\n"
	"What such a place may hold is listed as held, and is no accusation. Objects whose counts mean nothing\n"
	"(immortal ones) are passed over. The exit status is 1 if anything is low, leaked or an orphan.";

const struct verb verb_refcounts = {
	.info = {
		.name = "refcounts",
		.summary = "leaked references, and objects that will be freed too early",
		.operands = "",
		.description = description,
		.options = options,
		.option_count = sizeof(options) / sizeof(*options),
	},
	.shape = VERB_TABLE,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.rows = "rows",
	.run = run,
};
