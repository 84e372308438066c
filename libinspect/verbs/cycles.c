/* SPDX-License-Identifier: MIT */
/*
 * cycles.c - the verb `cycles`: garbage that only a collection frees, and the cycles that make it so.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/cycle.h"
#include "analysis/hanging.h"
#include "analysis/histogram.h"
#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "verbs/cycle_text.h"
#include "verbs/edges.h"
#include "verbs/labels.h"
#include "verbs/options.h"
#include "verbs/verdicts.h"
#include "verbs/verb.h"

enum {
	SHAPE, COMPONENTS, OBJECTS, BYTES, HELD_OBJECTS, HELD_BYTES, ADDRESS, TYPE, SIZE, GENERATION, COMPONENT,
	UNREACHABLE, EXAMPLE, CUT, COLUMN_COUNT_,
};

static const struct verb_column columns[] = {
	[SHAPE] = { "shape", COLUMN_TEXT, "the types of the objects in such a component", .without = "objects" },
	[COMPONENTS] = { "components", COLUMN_COUNT, "how many components have this shape", .without = "objects",
			 .summed = true },
	[OBJECTS] = { "objects", COLUMN_COUNT, "how many objects these have", .without = "objects", .summed = true },
	[BYTES] = { "bytes", COLUMN_BYTES, "what sys.getsizeof() would say of these, summed", .without = "objects",
		    .summed = true },
	[HELD_OBJECTS] = { "held_objects", COLUMN_COUNT, "objects in no cycle that these alone hold: freed with them",
			   .without = "objects", .summed = true },
	[HELD_BYTES] = { "held_bytes", COLUMN_BYTES, "the bytes of those", .without = "objects", .summed = true },
	[ADDRESS] = { "address", COLUMN_ADDRESS, "the object; without --objects: the first of the example" },
	[TYPE] = { "type", COLUMN_TEXT, "name of its type", .option = "objects" },
	[SIZE] = { "size", COLUMN_BYTES, "what sys.getsizeof() would say", .option = "objects", .summed = true,
		   .no_unit = true },
	[GENERATION] = { "generation", COLUMN_GENERATION, "0, 1, 2 or permanent; none if the collector does not track it",
			 .option = "objects" },
	[COMPONENT] = { "component", COLUMN_NUMBER, "the number of its component; none if it is in no cycle",
			.option = "objects" },
	[UNREACHABLE] = { "unreachable", COLUMN_BOOLEAN,
			  "does the collector find it unreachable? no: it is reachable (--all), or freed with what is" },
	[EXAMPLE] = { "example", COLUMN_TEXT, "a shortest cycle of a component of this shape", .without = "objects",
		      .below = true },
	[CUT] = { "cut", COLUMN_TEXT, "what is in all of the component's cycles: references of the example, or an attribute "
		  "of every object of a type; to clear one breaks them", .without = "objects", .below = true },
};

static const struct inspect_verb_option options[] = {
	VERDICT_GENERATION_OPTION,
	VERDICT_INTERPRETER_OPTION,
	{ "all", NULL, "reachable cycles too: what will be such garbage when it is dropped", NULL },
	{ "objects", NULL, "a row for each object that would be freed, in cycles and held by them", NULL },
	VERDICT_GUESSES_OPTION,
	{ "limit", "N", "show N rows and sum up the rest; 0: show all; default for text: a screenful", NULL },
};

/* One run of the verb. */
struct finding {
	struct verb_context *context;
	struct graph *graph;
	struct heap *heap;
	struct labels labels;
	struct unreachable unreachable;
	struct components components;
	struct shapes shapes;
	struct hanging hanging;
	size_t unmeasured; /* objects whose size is not known */
};

/* ---- what would be found ---------------------------------------------------------------------------- */

/* The sizes of garbage are looked up one by one: there is little, of all objects. */
static struct inspect_error *find_components(struct finding *finding)
{
	bool all = option_flag(finding->context->options, "all");
	struct inspect_error *error = all ? heap_find_sizes(finding->heap, &finding->context->notes) : NULL;
	return error ? error : components_find(finding->graph, all ? NULL : &finding->unreachable.garbage, &finding->components);
}

/* ---- objects ---------------------------------------------------------------------------------------- */

static struct inspect_error *send_object(struct finding *finding, uint32_t id)
{
	const struct heap *heap = finding->heap;
	uint32_t component = component_of(&finding->components, id);
	uint64_t size;
	finding->unmeasured += !heap_measure(heap, id, &size);
	const struct cell cells[COLUMN_COUNT_] = {
		[ADDRESS] = cell_address(heap->address[id]),
		[TYPE] = cell_text(heap_type_name(heap, id)),
		[SIZE] = cell_bytes(size),
		[GENERATION] = heap_is_tracked(heap, id) ? cell_generation(heap->generation[id]) : cell_absent(NULL),
		[COMPONENT] = component == NO_COMPONENT ? cell_absent(NULL) : cell_number((int64_t)component + 1),
		[UNREACHABLE] = cell_boolean(finding->unreachable.verdict[id] == VERDICT_UNREACHABLE),
	};
	return table_row(finding->context->table, cells);
}

static struct inspect_error *send_objects(struct finding *finding)
{
	struct inspect_error *error = NULL;
	const uint8_t *verdict = finding->unreachable.verdict;
	for (uint32_t id = 0; id < finding->heap->count && !error; id++) {
		error = progress_each("looking at objects", id, finding->heap->count);
		if (error)
			break;
		if (verdict[id] == VERDICT_UNREACHABLE || verdict[id] == VERDICT_HANGING ||
		    component_of(&finding->components, id) != NO_COMPONENT)
			error = send_object(finding, id);
	}
	return error;
}

/* ---- shapes ----------------------------------------------------------------------------------------- */

static int compare_shapes(const void *a, const void *b, void *context)
{
	const struct shapes *shapes = context;
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
	uint64_t one_bytes = shapes->items[one].bytes, other_bytes = shapes->items[other].bytes;
	if (one_bytes != other_bytes)
		return one_bytes < other_bytes ? 1 : -1;
	return one < other ? -1 : one > other;
}

/* The texts of a row, which are made only if it will be seen. */
struct shape_texts {
	char *shape, *example, *cut;
	uint64_t address;
};

static struct inspect_error *make_texts(struct finding *finding, uint32_t component, struct shape_texts *texts)
{
	*texts = (struct shape_texts){ .address = finding->heap->address[
		finding->components.objects[finding->components.first[component]]] };
	if (!table_shows_next(finding->context->table))
		return NULL;
	struct cycle cycle;
	struct inspect_error *error = cycle_find(finding->graph, &finding->components, component, &cycle);
	if (error)
		return error;
	if (cycle.count)
		texts->address = finding->heap->address[cycle.steps[0].object];
	error = component_types_text(finding->graph, &finding->components, component, &texts->shape);
	if (!error)
		error = cycle_text(&finding->labels, finding->graph, &cycle, &texts->example);
	if (!error)
		error = cycle_cut_text(&finding->labels, finding->graph, &finding->components, component, &cycle,
				       &texts->cut);
	cycle_deinit(&cycle);
	return error;
}

static struct inspect_error *send_shape(struct finding *finding, uint32_t index)
{
	const struct shape *shape = &finding->shapes.items[index];
	const struct hanging_sum *held = &finding->hanging.of_shape[index];
	struct shape_texts texts;
	struct inspect_error *error = make_texts(finding, shape->example, &texts);
	uint32_t first = finding->components.objects[finding->components.first[shape->example]];
	const struct cell cells[COLUMN_COUNT_] = {
		[SHAPE] = cell_text(texts.shape),
		[COMPONENTS] = cell_count((int64_t)shape->components),
		[OBJECTS] = cell_count((int64_t)shape->objects),
		[BYTES] = cell_bytes(shape->bytes),
		[HELD_OBJECTS] = cell_count((int64_t)held->objects),
		[HELD_BYTES] = cell_bytes(held->bytes),
		[ADDRESS] = cell_address(texts.address),
		[UNREACHABLE] = cell_boolean(finding->unreachable.verdict[first] == VERDICT_UNREACHABLE),
		[EXAMPLE] = cell_text(texts.example),
		[CUT] = cell_text(texts.cut),
	};
	if (!error)
		error = table_row(finding->context->table, cells);
	free(texts.shape);
	free(texts.example);
	free(texts.cut);
	return error;
}

static struct inspect_error *note_sums(const struct finding *finding)
{
	const struct unreachable *unreachable = &finding->unreachable;
	const struct hanging_sum *shared = &finding->hanging.shared;
	struct inspect_error *error = NULL;
	if (unreachable->count)
		error = notes_add(&finding->context->notes, false,
				  "a collection would find %zu objects unreachable, and free %zu more that only these hold",
				  unreachable->count, unreachable->hanging);
	if (!error && shared->objects)
		error = notes_add(&finding->context->notes, false,
				  "%zu objects with %" PRIu64 " bytes are held by cycles of several shapes, and are in no row",
				  shared->objects, shared->bytes);
	return error;
}

static struct inspect_error *send_shapes(struct finding *finding)
{
	struct inspect_error *error = shapes_find(finding->graph, &finding->components, &finding->shapes);
	if (!error)
		error = hanging_find(finding->graph, &finding->unreachable, &finding->components, &finding->shapes,
				     &finding->hanging);
	if (!error)
		error = note_sums(finding);
	if (error)
		return error;
	uint32_t *order AUTO_FREE = calloc(finding->shapes.count + 1, sizeof(*order));
	if (!order)
		return &inspect_error_no_memory;
	for (uint32_t i = 0; i < finding->shapes.count; i++)
		order[i] = i;
	qsort_r(order, finding->shapes.count, sizeof(*order), compare_shapes, &finding->shapes);
	for (size_t i = 0; i < finding->shapes.count && !error; i++)
		error = send_shape(finding, order[i]);
	return error;
}

static struct inspect_error *note_unmeasured(const struct finding *finding)
{
	size_t count = finding->unmeasured + finding->shapes.unmeasured + finding->hanging.unmeasured;
	if (!count)
		return NULL;
	return notes_add(&finding->context->notes, true,
			 "the sizes of %zu of these objects cannot be read, or are larger than any address space: they count "
			 "as 0 bytes here",
			 count);
}

/* ---- the graph ------------------------------------------------------------------------------------- */

/* Is the question what a collection of everything would find? */
static bool is_about_all_garbage(const struct options *given)
{
	static const char *const names[] = { "generation", "interpreter", "all" };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (option_flag(given, names[i]))
			return false;
	return true;
}

static struct inspect_error *find_graph(struct finding *finding)
{
	struct inspect_error *error = NULL;
	if (is_about_all_garbage(finding->context->options))
		error = verb_unheld_of(finding->context, &finding->graph);
	if (!error && !finding->graph)
		error = verb_counted_graph_of(finding->context, &finding->graph);
	return error;
}

/* ---- the verb --------------------------------------------------------------------------------------- */

static struct inspect_error *run(struct verb_context *context)
{
	struct finding finding = { .context = context };
	struct runtime *runtime;
	struct inspect_error *error = verb_runtime(context, &runtime);
	if (!error)
		error = find_graph(&finding);
	if (!error)
		error = labels_init(&finding.labels, runtime);
	if (!error)
		finding.heap = finding.graph->heap;
	if (!error)
		error = verdicts_find(context, finding.graph, finding.heap, &finding.unreachable);
	if (!error)
		error = find_components(&finding);
	if (!error)
		error = option_flag(context->options, "objects") ? send_objects(&finding) : send_shapes(&finding);
	if (!error)
		error = note_unmeasured(&finding);
	hanging_deinit(&finding.hanging);
	shapes_deinit(&finding.shapes);
	components_deinit(&finding.components);
	unreachable_deinit(&finding.unreachable);
	labels_deinit(&finding.labels);
	return error;
}

static const char description[] =
	"Says what a collection would find unreachable now, by the collector's own reasoning: the references\n"
	"that its objects hold to each other are subtracted from their reference counts, and what has none\n"
	"left, and is not referred to by what has, is garbage. It makes no difference whether the collector is\n"
	"enabled. Objects in permanent generations (gc.freeze()) are held.\n"
	"\n"
	"The garbage is split into strongly connected components: objects each of which leads to all the\n"
	"others. Components of one shape - the same types, referring to each other by the same names - are one\n"
	"row, with one of them as an example. What is in no cycle and is held by cycles alone counts apart.\n"
	"\n"
	"Finalizers (__del__) and callbacks of weak references run first, and may bring objects back to life:\n"
	"what they would do cannot be known.\n"
	"\n"
	"What objects of types that nobody described refer to is found by a scan of their memory. Such references\n"
	"are taken for held from elsewhere, so that nothing in use is called unreachable; --believe-guesses takes\n"
	"them for true, and may call things unreachable for a number that looks like an address.";

const struct verb verb_cycles = {
	.info = {
		.name = "cycles",
		.summary = "unreachable cycles: garbage that only a collection frees",
		.operands = "",
		.description = description,
		.options = options,
		.option_count = sizeof(options) / sizeof(*options),
	},
	.shape = VERB_TABLE,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.rows = "shapes",
	.run = run,
};
