/* SPDX-License-Identifier: MIT */
/*
 * path.c - the verb `path`: why objects are alive.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "analysis/holders.h"
#include "analysis/path.h"
#include "base/array.h"
#include "base/error.h"
#include "graph/levels.h"
#include "verbs/edges.h"
#include "verbs/labels.h"
#include "verbs/operands.h"
#include "verbs/options.h"
#include "verbs/path_text.h"
#include "verbs/verb.h"

enum {
	OBJECT, NUMBER, STEP, ADDRESS, TYPE, SIZE, LABEL, LENGTH, KIND, VISITED, COUNTED, GUESSED, PATH, VALUE,
	COLUMN_COUNT_,
};

static const struct verb_column columns[] = {
	[OBJECT] = { "object", COLUMN_ADDRESS, "the object that was asked for", .option = "steps", .several = true },
	[NUMBER] = { "number", COLUMN_NUMBER, "which of its paths this is, counted from 1", .option = "steps" },
	[STEP] = { "step", COLUMN_NUMBER, "which reference of the path; the root is number 1", .option = "steps" },
	[ADDRESS] = { "address", COLUMN_ADDRESS, "the object; with --steps: the object that the reference leads to" },
	[TYPE] = { "type", COLUMN_TEXT, "name of its type" },
	[SIZE] = { "size", COLUMN_BYTES, "what sys.getsizeof() would say of it", .option = "values", .no_unit = true },
	[LABEL] = { "label", COLUMN_TEXT, "what the root or the reference is called", .option = "steps" },
	[LENGTH] = { "length", COLUMN_COUNT, "how many references the path has, the root's included",
		     .without = "steps" },
	[KIND] = { "kind", COLUMN_TEXT, "the kind of the root, as of `roots`", .without = "steps", .detail = true },
	[VISITED] = { "visited", COLUMN_BOOLEAN, EDGE_VISITED_HELP, .option = "steps" },
	[COUNTED] = { "counted", COLUMN_BOOLEAN, "is it held? no: reference counts do not include a reference of it",
		      .detail = true },
	[GUESSED] = { "guessed", COLUMN_BOOLEAN, "was a reference of it found by a scan of memory?", .detail = true },
	[PATH] = { "path", COLUMN_TEXT, "the path as a Python expression; none if the object is unreachable",
		   .without = "steps", .whole = true },
	[VALUE] = { "value", COLUMN_TEXT, "a short description", .option = "values" },
};

static const struct inspect_verb_option options[] = {
	{ "count", "N", "up to N paths an object, the best first, that share only where they begin and end; default: 1",
	  NULL },
	{ "steps", NULL, "a row for each reference of the path", NULL },
	{ "values", NULL, "describe each object", NULL },
	{ "limit", "N", "show N rows and sum up the rest; 0: show all; default for text: a screenful", NULL },
};

/* One run of the verb. */
struct explanation {
	struct verb_context *context;
	struct runtime *runtime;
	struct graph *graph;
	struct heap path_heap;   /* where only what is on the paths is known, */
	struct graph path_graph; /* this is its graph */
	struct labels labels;
	struct object_values values;
	struct path path;        /* the one at hand */
	size_t certainties[PATH_CERTAINTIES]; /* how many paths have been of each */
	size_t unreachable;      /* objects */
	uint32_t an_unreachable; /* id of the first */
};

/* ---- rows ------------------------------------------------------------------------------------------ */

static bool any_step(const struct path *path, unsigned int flag)
{
	for (size_t i = 0; i < path->count; i++)
		if (path->steps[i].flags & flag)
			return true;
	return false;
}

/* The path to object @id in one row. */
static struct inspect_error *send_path(struct explanation *explanation, uint32_t id)
{
	const struct graph *graph = explanation->graph;
	const struct heap *heap = graph->heap;
	const struct path *path = &explanation->path;
	char *text AUTO_FREE = NULL;
	struct inspect_error *error = NULL;
	if (path->count && table_shows_next(explanation->context->table))
		error = path_text(&explanation->labels, graph, path, &text);
	struct cell cells[COLUMN_COUNT_] = {
		[ADDRESS] = cell_address(heap->address[id]),
		[TYPE] = cell_text(heap_type_name(heap, id)),
		[SIZE] = cell_absent(NULL),
		[LENGTH] = cell_absent(NULL),
		[KIND] = cell_absent(NULL),
		[COUNTED] = cell_absent(NULL),
		[GUESSED] = cell_absent(NULL),
		[PATH] = path->count ? cell_text(text) : cell_absent("unreachable"),
		[VALUE] = cell_absent(NULL),
	};
	if (path->count) {
		cells[LENGTH] = cell_count((int64_t)path->count);
		cells[KIND] = cell_text(root_kind_name(graph->roots.items[path->steps[0].from].kind));
		cells[COUNTED] = cell_boolean(!any_step(path, RUNTIME_UNCOUNTED));
		cells[GUESSED] = cell_boolean(any_step(path, RUNTIME_GUESSED));
	}
	if (!error)
		error = object_value(&explanation->values, id, &cells[SIZE], &cells[VALUE]);
	return error ? error : table_row(explanation->context->table, cells);
}

/* Step number @index, for the caller to free; NULL when out of memory or not to be seen. */
static struct inspect_error *step_label(struct explanation *explanation, size_t index, char **label_ret)
{
	const struct path_step *step = &explanation->path.steps[index];
	const struct graph *graph = explanation->graph;
	*label_ret = NULL;
	if (!table_shows_next(explanation->context->table))
		return NULL;
	if (index == 0) {
		*label_ret = root_text(explanation->runtime, graph, &graph->roots.items[step->from]);
		return *label_ret ? NULL : &inspect_error_no_memory;
	}
	return path_step_label(&explanation->labels, graph, step, label_ret);
}

static struct inspect_error *send_step(struct explanation *explanation, uint32_t id, size_t number, size_t index)
{
	const struct heap *heap = explanation->graph->heap;
	const struct path_step *step = &explanation->path.steps[index];
	char *label AUTO_FREE = NULL;
	struct inspect_error *error = step_label(explanation, index, &label);
	struct cell cells[COLUMN_COUNT_] = {
		[OBJECT] = cell_address(heap->address[id]),
		[NUMBER] = cell_number((int64_t)number),
		[STEP] = cell_number((int64_t)index + 1),
		[ADDRESS] = cell_address(heap->address[step->object]),
		[TYPE] = cell_text(heap_type_name(heap, step->object)),
		[SIZE] = cell_absent(NULL),
		[LABEL] = cell_text(label),
		[VISITED] = cell_boolean(!(step->flags & RUNTIME_UNVISITED)),
		[COUNTED] = cell_boolean(!(step->flags & RUNTIME_UNCOUNTED)),
		[GUESSED] = cell_boolean(step->flags & RUNTIME_GUESSED),
		[VALUE] = cell_absent(NULL),
	};
	if (!error)
		error = object_value(&explanation->values, step->object, &cells[SIZE], &cells[VALUE]);
	return error ? error : table_row(explanation->context->table, cells);
}

/* The one row of object @id, to which no path leads. */
static struct inspect_error *send_no_steps(struct explanation *explanation, uint32_t id)
{
	struct cell cells[COLUMN_COUNT_];
	for (size_t i = 0; i < COLUMN_COUNT_; i++)
		cells[i] = cell_absent(NULL);
	cells[OBJECT] = cell_address(explanation->graph->heap->address[id]);
	cells[LABEL] = cell_absent("unreachable");
	return table_row(explanation->context->table, cells);
}

/* Sends the path at hand to object @id, its path number @number. */
static struct inspect_error *send(struct explanation *explanation, uint32_t id, size_t number)
{
	explanation->certainties[explanation->path.certainty] += explanation->path.count != 0;
	if (!option_flag(explanation->context->options, "steps"))
		return send_path(explanation, id);
	if (!explanation->path.count)
		return send_no_steps(explanation, id);
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < explanation->path.count && !error; i++)
		error = send_step(explanation, id, number, i);
	return error;
}

static struct inspect_error *send_unreachable(struct explanation *explanation, uint32_t id)
{
	if (explanation->unreachable++ == 0)
		explanation->an_unreachable = id;
	return send(explanation, id, 0);
}

/* ---- one path for each, or several ----------------------------------------------------------------- */

static struct inspect_error *explain_once(struct explanation *explanation, const uint32_t *ids, size_t count)
{
	struct paths paths;
	struct inspect_error *error = paths_find(explanation->graph, ids, count, NULL, &paths);
	if (error)
		return error;
	for (size_t i = 0; i < count && !error; i++) {
		error = paths_trace(&paths, ids[i], &explanation->path);
		if (!error)
			error = explanation->path.count ? send(explanation, ids[i], 1) : send_unreachable(explanation, ids[i]);
	}
	paths_deinit(&paths);
	return error;
}

/* Finds the next path to object @id that is not barred, and bars it. */
static struct inspect_error *next_path(struct explanation *explanation, uint32_t id, struct path_barrier *barrier)
{
	struct paths paths;
	size_t place_steps;
	struct path *path = &explanation->path;
	struct inspect_error *error = paths_find(explanation->graph, &id, 1, barrier, &paths);
	if (error)
		return error;
	error = paths_trace(&paths, id, path);
	paths_deinit(&paths);
	if (error || !path->count)
		return error;
	error = path_place_steps(&explanation->labels, explanation->graph, path, &place_steps);
	return error ? error : path_barrier_add(barrier, path, place_steps);
}

static struct inspect_error *explain_often(struct explanation *explanation, uint32_t id, uint64_t limit)
{
	struct path_barrier barrier = { 0 };
	struct inspect_error *error = next_path(explanation, id, &barrier);
	if (!error && !explanation->path.count)
		error = send_unreachable(explanation, id);
	for (uint64_t number = 1; !error && explanation->path.count && number <= limit; number++) {
		error = send(explanation, id, number);
		if (!error && number < limit)
			error = next_path(explanation, id, &barrier);
	}
	path_barrier_deinit(&barrier);
	return error;
}

static struct inspect_error *explain(struct explanation *explanation, const uint32_t *ids, size_t count)
{
	uint64_t limit;
	struct inspect_error *error = option_number(explanation->context->options, "count", 1, &limit);
	if (error || limit == 1)
		return error ? error : explain_once(explanation, ids, count);
	for (size_t i = 0; i < count && !error; i++)
		error = explain_often(explanation, ids[i], limit);
	return error;
}

/* ---- the verb -------------------------------------------------------------------------------------- */

/* Says what holds the only object that no root reaches. */
static struct inspect_error *note_holders(struct explanation *explanation)
{
	struct heap *heap;
	struct holders holders;
	struct notes *notes = &explanation->context->notes;
	uint32_t id = explanation->an_unreachable;
	struct inspect_error *error = verb_heap_of(explanation->context, &heap);
	if (!error)
		error = holders_find(explanation->graph, heap, id, &holders);
	if (error)
		return error;
	if (!holders.outside)
		return notes_add(notes, false,
				 "0x%" PRIx64 " is unreachable: no root leads to it. It is garbage, which the collector frees if it "
				 "can: no other objects lead to it than those that are unreachable, too: %zu",
				 heap->address[id], holders.count - 1);
	return notes_add(notes, false,
			 "0x%" PRIx64 " is unreachable: no root leads to it, but something that was not found holds %s0x%" PRIx64
			 " (%s)%s: references to it that nobody is known to have: %" PRId64 "; C code may have them in memory of "
			 "its own",
			 heap->address[id], holders.object == id ? "it, " : "", heap->address[holders.object],
			 heap_type_name(heap, holders.object), holders.object == id ? "" : ", which leads to it",
			 holders.unknown);
}

static struct inspect_error *note_unreachable(struct explanation *explanation)
{
	if (explanation->unreachable <= 1)
		return explanation->unreachable ? note_holders(explanation) : NULL;
	return notes_add(&explanation->context->notes, false,
			 "%zu of the objects are unreachable: no root leads to them; ask for one of them to learn what holds it",
			 explanation->unreachable);
}

/* Says which paths may explain nothing. */
static struct inspect_error *note_uncertain(struct explanation *explanation)
{
	struct notes *notes = &explanation->context->notes;
	const size_t *counts = explanation->certainties;
	struct inspect_error *error = NULL;
	if (counts[PATH_GUESSED] + counts[PATH_STACK])
		error = notes_add(notes, false,
				  "%zu of the paths are guessed in part: they lead over words that a scan of memory found, or begin "
				  "in a table of names",
				  counts[PATH_GUESSED] + counts[PATH_STACK]);
	if (!error && counts[PATH_UNCOUNTED])
		error = notes_add(notes, false,
				  "%zu of the paths keep nothing alive: they lead over references that are not counted, such as what "
				  "is left over on a C stack",
				  counts[PATH_UNCOUNTED]);
	return error;
}

/* The delay of the roots that hold for certain. */
static int delay_of_certain(const struct graph_root *root)
{
	return path_root_certainty(root) == PATH_HELD ? (int)path_delay(root) : -1;
}

/* Reads the operands' addresses; *@count_ret is 0 if they are too many, or not all addresses. */
static void read_operands(struct verb_context *context, uint64_t wanted[LEVELS_WANTED_MAX], size_t *count_ret)
{
	const struct options *given = context->options;
	*count_ret = 0;
	for (size_t i = 0; i < given->operand_count && given->operand_count <= LEVELS_WANTED_MAX; i++) {
		struct inspect_error *error INSPECT_ERROR_AUTO =
			operand_address(verb_target(context), given->operands[i], &wanted[i]);
		if (error || wanted[i] % sizeof(uint64_t))
			return;
	}
	*count_ret = given->operand_count <= LEVELS_WANTED_MAX ? given->operand_count : 0;
}

/* Finds what is on the paths, if that is enough; else the graph of all objects, which is kept for further questions. */
static struct inspect_error *find_graph(struct explanation *explanation)
{
	struct verb_context *context = explanation->context;
	uint64_t wanted[LEVELS_WANTED_MAX];
	size_t count = 0;
	bool found = false;
	struct notes notes = { 0 };
	struct inspect_error *error = NULL;
	if (!option_flag(context->options, "count") && verb_is_first(context))
		read_operands(context, wanted, &count);
	if (count)
		error = graph_build_paths(explanation->runtime, wanted, count, delay_of_certain, &explanation->path_heap,
					  &explanation->path_graph, &notes, &found);
	if (!error && found)
		error = notes_add_all(&context->notes, &notes);
	notes_deinit(&notes);
	explanation->graph = &explanation->path_graph;
	return error || found ? error : verb_graph_of(context, &explanation->graph);
}

static struct inspect_error *begin(struct explanation *explanation, struct verb_context *context)
{
	*explanation = (struct explanation){ .context = context };
	struct inspect_error *error = verb_runtime(context, &explanation->runtime);
	if (!error)
		error = find_graph(explanation);
	if (!error)
		error = object_values_init(&explanation->values, context, explanation->graph->heap);
	return error ? error : labels_init(&explanation->labels, explanation->runtime);
}

static struct inspect_error *end(struct explanation *explanation, struct inspect_error *error)
{
	labels_deinit(&explanation->labels);
	path_deinit(&explanation->path);
	error = object_values_end(&explanation->values, error);
	if (!error)
		error = note_uncertain(explanation);
	if (!error)
		error = note_unreachable(explanation);
	graph_deinit(&explanation->path_graph);
	heap_deinit(&explanation->path_heap);
	return error;
}

static struct inspect_error *run(struct verb_context *context)
{
	struct explanation explanation;
	uint32_t *ids AUTO_FREE = NULL;
	size_t count = 0;
	struct inspect_error *error = begin(&explanation, context);
	if (option_flag(context->options, "steps"))
		table_call_rows(context->table, "steps");
	if (!error)
		error = operand_objects(context, explanation.graph, &ids, &count);
	if (!error)
		error = explain(&explanation, ids, count);
	return end(&explanation, error);
}

static struct inspect_error *check(const struct options *given)
{
	uint64_t count;
	struct inspect_error *error = option_number(given, "count", 1, &count);
	if (error || count)
		return error;
	return inspect_error_create(INSPECT_ERROR_USAGE, "--count takes a number from 1 on");
}

static const char description[] =
	"Says why an object is alive: the shortest path of references from a root to it, as a Python expression. What\n"
	"holds the object for certain is preferred to what may be left over or guessed, and modules are preferred to\n"
	"running functions that are not much nearer. With --count=N, other paths: each is the shortest of those that end\n"
	"with another reference, and share no object with the ones before but the module or variable where they begin.";

const struct verb verb_path = {
	.info = {
		.name = "path",
		.summary = "why an object is alive: the shortest path from a root to it",
		.operands = "ADDRESS...",
		.description = description,
		.options = options,
		.option_count = sizeof(options) / sizeof(*options),
	},
	.shape = VERB_TABLE,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.rows = "paths",
	.check = check,
	.run = run,
};
