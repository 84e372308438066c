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
#include "graph/outside.h"
#include "base/limits.h"
#include "verbs/edges.h"
#include "verbs/holder_text.h"
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
	[EXPECTED] = { "expected", COLUMN_COUNT, "references that objects and roots hold, where leaked C variables, too; of several "
		       "objects, together" },
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
	uint64_t address;
	uint32_t type;   /* index into the runtime's types */
	uint8_t verdict; /* enum refcount_verdict */
	int64_t expected, refcount;
	struct holder_text holder; /* owned */
};

/* An object in an allocated block that the graph lacks. */
struct strays {
	struct runtime_allocated_sink sink; /* first */
	const struct heap *heap;
	struct stray { uint64_t address, block; } *items; /* ascending */
	size_t count, capacity;
	uint64_t *address; /* the same */
	uint32_t *type;
	int64_t *refcount;
	uint8_t *flags;
	uint32_t *held;   /* by stray: references of other strays to it */
	uint32_t *holds;  /* by id: references of strays to the heap's objects */
};

/* One run of the verb. */
struct listing {
	struct verb_context *context;
	struct runtime *runtime;
	const struct graph *graph;
	const struct heap *heap;
	struct refcounts refcounts;
	struct strays strays;
	uint64_t *subjects; /* addresses of which it is asked who refers to them, ascending */
	struct outside_words outside;
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

static bool is_wanted(const struct listing *listing, enum refcount_verdict verdict, uint32_t type)
{
	const struct heap_filter *filter = &listing->selection.filter;
	return verdict != REFCOUNT_CLOSES && verdict != REFCOUNT_DOUBTED &&
	       verdict_wanted(listing->context->options, verdict) &&
	       (!filter->types || (type < filter->type_count && filter->types[type]));
}

static struct inspect_error *add_finding(struct listing *listing, const struct finding *finding)
{
	if (!is_wanted(listing, finding->verdict, finding->type))
		return NULL;
	if (!array_reserve(listing->findings, listing->count, listing->capacity))
		return &inspect_error_no_memory;
	listing->findings[listing->count++] = *finding;
	listing->context->finding |= is_accusation(finding->verdict);
	return NULL;
}

/* ---- objects that the graph lacks --------------------------------------------------------------------- */

static struct inspect_error *add_stray(struct runtime_allocated_sink *sink, uint64_t address, uint64_t block)
{
	struct strays *strays = (struct strays *)sink;
	uint32_t id;
	if (heap_find(strays->heap, address, &id))
		return NULL;
	if (!array_reserve(strays->items, strays->count, strays->capacity))
		return &inspect_error_no_memory;
	strays->items[strays->count++] = (struct stray){ address, block };
	return NULL;
}

static int compare_addresses(const void *a, const void *b)
{
	const uint64_t *one = a, *other = b;
	return (*one > *other) - (*one < *other);
}

static int compare_strays(const void *a, const void *b)
{
	const struct stray *one = a, *other = b;
	return compare_addresses(&one->address, &other->address);
}

static bool find_address(const uint64_t *addresses, size_t count, uint64_t address, size_t *place_ret)
{
	const uint64_t *found = count ? bsearch(&address, addresses, count, sizeof(*addresses), compare_addresses) : NULL;
	*place_ret = found ? (size_t)(found - addresses) : 0;
	return found;
}

/* Adds up what strays hold. */
static struct inspect_error *add_stray_references(struct listing *listing)
{
	struct strays *strays = &listing->strays;
	struct runtime_references references = { 0 };
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < strays->count && !error; i++) {
		size_t damaged = 0;
		references.count = 0;
		error = listing->runtime->operations->references(listing->runtime, &strays->address[i], &strays->type[i], 1,
								 &references, NULL, &damaged);
		for (size_t j = 0; j < references.count && !error; j++) {
			uint64_t target = references.items[j] & ~RUNTIME_REFERENCE_FLAGS;
			uint32_t id;
			size_t place;
			if (references.items[j] & RUNTIME_UNCOUNTED)
				continue;
			if (heap_find(listing->heap, target, &id))
				strays->holds[id]++;
			else if (find_address(strays->address, strays->count, target, &place))
				strays->held[place]++;
		}
	}
	runtime_references_deinit(&references);
	return error;
}

static struct inspect_error *find_strays(struct listing *listing)
{
	struct strays *strays = &listing->strays;
	const struct runtime_operations *operations = listing->runtime->operations;
	*strays = (struct strays){ .sink.add = add_stray, .heap = listing->heap };
	strays->holds = calloc(listing->heap->count + 1, sizeof(*strays->holds));
	struct inspect_error *error = strays->holds ? NULL : &inspect_error_no_memory;
	if (!error && operations->allocated)
		error = operations->allocated(listing->runtime, &strays->sink, &listing->context->notes);
	if (error || !strays->count)
		return error;
	qsort(strays->items, strays->count, sizeof(*strays->items), compare_strays);
	strays->address = calloc(strays->count, sizeof(*strays->address));
	strays->type = calloc(strays->count, sizeof(*strays->type));
	strays->refcount = calloc(strays->count, sizeof(*strays->refcount));
	strays->flags = calloc(strays->count, sizeof(*strays->flags));
	strays->held = calloc(strays->count, sizeof(*strays->held));
	if (!strays->address || !strays->type || !strays->refcount || !strays->flags || !strays->held)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < strays->count; i++)
		strays->address[i] = strays->items[i].address;
	const struct runtime_columns wanted = { .type = strays->type, .refcount = strays->refcount, .flags = strays->flags };
	error = operations->examine(listing->runtime, strays->address, strays->count, &wanted);
	return error ? error : add_stray_references(listing);
}

static void strays_deinit(struct strays *strays)
{
	free(strays->items);
	free(strays->address);
	free(strays->type);
	free(strays->refcount);
	free(strays->flags);
	free(strays->held);
	free(strays->holds);
}

/* ---- who may hold them -------------------------------------------------------------------------------- */

static bool is_subject(const struct listing *listing, uint32_t id)
{
	return refcounts_excess(&listing->refcounts, listing->heap, id) > 0 && refcounts_is_certain(&listing->refcounts, id);
}

/* Objects with references too many, and strays and their blocks: who refers to them from outside? */
static struct inspect_error *find_holders(struct listing *listing)
{
	const struct strays *strays = &listing->strays;
	size_t count = 2 * strays->count, kept = 0;
	for (uint32_t id = 0; id < listing->heap->count; id++)
		count += is_subject(listing, id);
	uint64_t *subjects = listing->subjects = reallocarray(NULL, count + 1, sizeof(*subjects));
	if (!subjects)
		return &inspect_error_no_memory;
	count = 0;
	for (size_t i = 0; i < strays->count; i++) {
		subjects[count++] = strays->items[i].block;
		subjects[count++] = strays->items[i].address;
	}
	for (uint32_t id = 0; id < listing->heap->count; id++)
		if (is_subject(listing, id))
			subjects[count++] = listing->heap->address[id];
	if (count)
		qsort(subjects, count, sizeof(*subjects), compare_addresses);
	for (size_t i = 0; i < count; i++)
		if (!kept || subjects[i] != subjects[kept - 1])
			subjects[kept++] = subjects[i];
	return outside_find(listing->graph, subjects, kept, strays->address, strays->type, strays->count, &listing->outside);
}

/* The words that lead to @address and may hold what is there: *@count_ret of them, and *@inside_ret more that stand in
 * objects. */
static const struct outside_word *words_of(const struct listing *listing, uint64_t address, size_t *count_ret,
					   size_t *inside_ret)
{
	const struct outside_words *outside = &listing->outside;
	size_t low = 0, high = outside->count, end;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (listing->subjects[outside->items[middle].subject] < address)
			low = middle + 1;
		else
			high = middle;
	}
	*count_ret = *inside_ret = 0;
	for (end = low; end < outside->count && listing->subjects[outside->items[end].subject] == address; end++) {
		bool inside = outside->items[end].kind == OUTSIDE_OBJECT;
		*inside_ret += inside;
		*count_ret += !inside;
	}
	return outside->items + low;
}

/* ---- verdicts ------------------------------------------------------------------------------------------ */

/* How many of the words are C variables: these hold as a rule. Others may be left over from what was there before. */
static int64_t count_variables(const struct outside_word *words, size_t count)
{
	int64_t variables = 0;
	for (size_t i = 0; i < count; i++)
		variables += words[i].kind == OUTSIDE_GLOBAL;
	return variables;
}

static struct inspect_error *judge_object(struct listing *listing, uint32_t id)
{
	const struct refcounts *refcounts = &listing->refcounts;
	const struct heap *heap = listing->heap;
	int64_t excess = refcounts_excess(refcounts, heap, id);
	if (!excess)
		return NULL;
	struct runtime_allowance allowance = { 0 };
	if (listing->runtime->operations->allowance)
		listing->runtime->operations->allowance(listing->runtime, heap->address[id], heap->type[id], excess, &allowance);
	size_t word_count, inside;
	const struct outside_word *words = words_of(listing, heap->address[id], &word_count, &inside);
	int64_t of_objects = (int64_t)refcounts->possible[id] + listing->strays.holds[id];
	struct finding finding = {
		.address = heap->address[id],
		.type = heap->type[id],
		.expected = refcounts->expected[id],
		.refcount = heap->refcount[id],
		.verdict = refcounts_judge(refcounts, heap, id, of_objects + (int64_t)word_count, allowance.more, allowance.fewer),
	};
	if (!is_wanted(listing, finding.verdict, finding.type))
		return NULL;
	if (finding.verdict == REFCOUNT_HELD) {
		struct inspect_error *error = holder_describe(listing->runtime->target, words, word_count, of_objects, &finding.holder);
		if (error)
			return error;
	}
	if (finding.verdict == REFCOUNT_LEAKED)
		finding.expected += count_variables(words, word_count) + allowance.more;
	return add_finding(listing, &finding);
}

/* A stray is an orphan if nobody refers to it, nor to the block that it begins. One that objects refer to is a part of theirs. */
static struct inspect_error *judge_stray(struct listing *listing, size_t number)
{
	const struct strays *strays = &listing->strays;
	size_t word_count, inside, of_block, inside_of_block;
	const struct outside_word *words = words_of(listing, strays->address[number], &word_count, &inside);
	words_of(listing, strays->items[number].block, &of_block, &inside_of_block);
	if (inside || inside_of_block || strays->held[number] || strays->refcount[number] <= 0 ||
	    strays->flags[number] & (RUNTIME_IMMORTAL | RUNTIME_DAMAGED | RUNTIME_TRACKED) || (of_block && !word_count))
		return NULL;
	struct finding finding = {
		.address = strays->address[number],
		.type = strays->type[number],
		.refcount = strays->refcount[number],
		.verdict = word_count ? REFCOUNT_HELD : REFCOUNT_ORPHAN,
	};
	if (!is_wanted(listing, finding.verdict, finding.type))
		return NULL;
	struct inspect_error *error = NULL;
	if (word_count)
		error = holder_describe(listing->runtime->target, words, word_count, 0, &finding.holder);
	return error ? error : add_finding(listing, &finding);
}

static struct inspect_error *judge_all(struct listing *listing)
{
	struct inspect_error *error = NULL;
	size_t stray = 0;
	for (uint32_t id = 0; id < listing->heap->count && !error; id++) {
		while (stray < listing->strays.count && listing->strays.address[stray] < listing->heap->address[id] && !error)
			error = judge_stray(listing, stray++);
		if (!error)
			error = judge_object(listing, id);
	}
	while (stray < listing->strays.count && !error)
		error = judge_stray(listing, stray++);
	return error;
}

/* ---- rows ------------------------------------------------------------------------------------------- */

static int compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int64_t excess_of(const struct finding *finding)
{
	return refcounts_difference(finding->refcount, finding->expected);
}

static const char *type_of(const struct listing *listing, const struct finding *finding)
{
	return listing->runtime->types[finding->type].name;
}

/* Findings that make one row. */
static int compare_groups(const struct listing *listing, const struct finding *one, const struct finding *other)
{
	int result = compare_numbers(one->verdict, other->verdict);
	if (!result)
		result = strcmp(type_of(listing, one), type_of(listing, other));
	return result ? result : strcmp(one->holder.kind ? one->holder.kind : "", other->holder.kind ? other->holder.kind : "");
}

/* Groups stand together, and in them the objects with the most references too many, or too few. */
static int compare_findings(const void *a, const void *b, void *context)
{
	const struct finding *one = a, *other = b;
	int result = compare_groups(context, one, other);
	if (!result)
		result = compare_numbers(llabs(excess_of(other)), llabs(excess_of(one)));
	return result ? result : compare_numbers((int64_t)one->address, (int64_t)other->address);
}

/* The findings of one row. */
struct group {
	size_t first, count; /* in listing->findings */
	int64_t expected, refcount;
};

static int64_t excess_of_group(const struct group *group)
{
	return refcounts_difference(group->refcount, group->expected);
}

static struct inspect_error *send_group(struct listing *listing, const struct group *group)
{
	const struct finding *finding = &listing->findings[group->first];
	struct cell cells[COLUMN_COUNT_] = {
		[VERDICT] = cell_text(verdict_name(finding->verdict)),
		[TYPE] = cell_text(type_of(listing, finding)),
		[COUNT] = cell_count((int64_t)group->count),
		[EXPECTED] = cell_count(group->expected),
		[REFCOUNT] = cell_count(group->refcount),
		[EXCESS] = cell_count(excess_of_group(group)),
		[ADDRESS] = cell_address(finding->address),
		[HOLDER] = cell_text(group->count > 1 ? finding->holder.kind : finding->holder.exact),
		[VALUE] = cell_absent(NULL),
	};
	struct inspect_error *error = object_value_at(&listing->values, finding->address, NULL, &cells[VALUE]);
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
		result = compare_numbers(llabs(excess_of_group(other)), llabs(excess_of_group(one)));
	return result ? result : compare_findings(of_one, of_other, context);
}

static void add_to_group(struct group *group, const struct finding *finding)
{
	group->count++;
	group->expected = refcounts_sum(group->expected, finding->expected);
	group->refcount = refcounts_sum(group->refcount, finding->refcount);
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

static struct inspect_error *note_partial(struct listing *listing)
{
	if (!listing->outside.partial)
		return NULL;
	return notes_add(&listing->context->notes, true,
			 "this target does not say what is mapped: the memory that C code has allocated was not searched, and what it "
			 "holds seems to be leaked");
}

static struct inspect_error *run(struct verb_context *context)
{
	struct listing listing = { .context = context };
	struct inspect_error *error = begin(&listing);
	if (!error)
		error = find_strays(&listing);
	if (!error)
		error = find_holders(&listing);
	if (!error)
		error = note_partial(&listing);
	if (!error)
		error = judge_all(&listing);
	if (!error)
		error = send_all(&listing);
	for (size_t i = 0; i < listing.count; i++)
		holder_deinit(&listing.findings[i].holder);
	free(listing.findings);
	free(listing.subjects);
	outside_deinit(&listing.outside);
	strays_deinit(&listing.strays);
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
