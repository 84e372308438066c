/* SPDX-License-Identifier: MIT */
/*
 * path.c - shortest paths from the roots: a breadth-first search, once for each certainty that is needed.
 *
 * The first search goes from the roots that hold over the references that hold. If objects are left, the next one
 * goes over what is less certain: from further roots, and from the objects reached before, each at its own level; so
 * that a path goes on being certain for as long as it can. Objects reached once are never reached again.
 */
#include "analysis/path.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"

/* In paths->from, of objects that have no path. */
static const uint32_t UNREACHED = UINT32_MAX, BARRED = UINT32_MAX - 1;

enum path_certainty path_edge_certainty(uint32_t edge)
{
	if (edge_flags(edge) & RUNTIME_UNCOUNTED)
		return PATH_UNCOUNTED;
	return edge_flags(edge) & RUNTIME_GUESSED ? PATH_GUESSED : PATH_HELD;
}

enum path_certainty path_root_certainty(const struct graph_root *root)
{
	if (root->flags & RUNTIME_UNCOUNTED)
		return PATH_UNCOUNTED;
	if (root->kind == RUNTIME_ROOT_STACK)
		return PATH_STACK;
	bool guessed = root->flags & RUNTIME_GUESSED || root->kind == RUNTIME_ROOT_INTERNED ||
		       root->kind == RUNTIME_ROOT_GLOBAL;
	return guessed ? PATH_GUESSED : PATH_HELD;
}

/* Is @root an attribute of its place, "sys.modules", rather than one of many: "small integers[5]"? */
static bool has_name(const struct graph_root *root)
{
	return root->label.kind == RUNTIME_LABEL_TEXT && root->label.text[0] == '.';
}

enum { LAST_DELAY = 8 };

unsigned int path_delay(const struct graph_root *root)
{
	switch ((enum runtime_root_kind)root->kind) {
	case RUNTIME_ROOT_FRAME:
	case RUNTIME_ROOT_THREAD:
		return 3; /* by way of a frame's globals everything in a module is two references nearer */
	case RUNTIME_ROOT_STATIC:
		return 4; /* the module `builtins` with its types is three references farther than the types */
	case RUNTIME_ROOT_INTERPRETER:
		return has_name(root) ? 0 : LAST_DELAY;
	default:
		return 0;
	}
}

/* ---- reaching objects ------------------------------------------------------------------------------ */

static bool is_wanted(const struct paths *paths, uint32_t id)
{
	return paths->wanted[id / 8] >> id % 8 & 1;
}

/* May a path end with the reference number @position of @from, or with the root @from? */
static bool may_be_last(const struct paths *paths, uint32_t from, uint32_t position)
{
	const struct path_barrier *barrier = paths->barrier;
	for (size_t i = 0; barrier && i < barrier->last_count; i++)
		if (barrier->lasts[i].from == from && barrier->lasts[i].position == position)
			return false;
	return true;
}

static void reach(struct paths *paths, uint32_t id, uint32_t from, uint32_t position, uint32_t level)
{
	if (paths->from[id] != UNREACHED)
		return;
	if (is_wanted(paths, id)) {
		if (!may_be_last(paths, from, position))
			return;
		paths->wanted_left--;
	}
	paths->from[id] = from;
	paths->level[id] = level;
	paths->order[paths->reached++] = id;
}

/* Reaches what object @id refers to with a certainty of at least @best and at most @worst. */
static void expand(struct paths *paths, uint32_t id, enum path_certainty best, enum path_certainty worst)
{
	size_t count;
	const uint32_t *edges = graph_edges(paths->graph, id, &count);
	for (size_t i = 0; i < count; i++) {
		enum path_certainty certainty = path_edge_certainty(edges[i]);
		if (certainty >= best && certainty <= worst)
			reach(paths, edge_target(edges[i]), id, (uint32_t)i, paths->level[id] + 1);
	}
}

/* Reaches what the roots of @certainty and @delay lead to, by kind. */
static void start(struct paths *paths, enum path_certainty certainty, unsigned int delay)
{
	const struct graph *graph = paths->graph;
	for (unsigned int kind = 0; kind < RUNTIME_ROOT_KINDS; kind++) {
		for (size_t i = 0; i < graph->roots.count; i++) {
			const struct graph_root *root = &graph->roots.items[i];
			if (root->kind == kind && path_root_certainty(root) == certainty && path_delay(root) == delay)
				reach(paths, root->object, PATHS_ROOT | (uint32_t)i, 0, delay + 1);
		}
	}
}

/* ---- searching ------------------------------------------------------------------------------------- */

/* Part of paths->order: what one search reached, in the order of levels. */
struct stretch {
	size_t next, end;
};

/* Expands those of @stretch that are on @level. */
static void expand_level(struct paths *paths, struct stretch *stretch, uint32_t level, enum path_certainty best,
			 enum path_certainty worst)
{
	while (stretch->next < stretch->end && paths->wanted_left &&
	       !progress_ends("looking for paths", stretch->next, paths->graph->heap->count)) {
		uint32_t id = paths->order[stretch->next];
		if (paths->level[id] != level)
			return;
		expand(paths, id, best, worst);
		stretch->next++;
	}
}

static bool is_empty(const struct stretch *stretch)
{
	return stretch->next == stretch->end;
}

/* The search for paths of @certainty. @earlier are what the searches before it reached, @count many. */
static void search(struct paths *paths, enum path_certainty certainty, const struct stretch *earlier, size_t count)
{
	struct stretch before[PATH_CERTAINTIES], found = { .next = paths->reached };
	memcpy(before, earlier, count * sizeof(*earlier));
	bool more = true;
	for (uint32_t level = 0; more && paths->wanted_left && !progress_is_over(); level++) {
		more = level < LAST_DELAY;
		for (size_t i = 0; i < count; i++) {
			expand_level(paths, &before[i], level, certainty, certainty);
			more |= !is_empty(&before[i]);
		}
		found.end = paths->reached;
		expand_level(paths, &found, level, PATH_HELD, certainty);
		if (level <= LAST_DELAY)
			start(paths, certainty, level);
		found.end = paths->reached;
		more |= !is_empty(&found);
	}
}

static void search_all(struct paths *paths)
{
	struct stretch earlier[PATH_CERTAINTIES];
	for (unsigned int certainty = 0; certainty < PATH_CERTAINTIES && paths->wanted_left; certainty++) {
		earlier[certainty].next = paths->reached;
		search(paths, certainty, earlier, certainty);
		earlier[certainty].end = paths->reached;
	}
}

static bool create_columns(struct paths *paths, size_t count)
{
	paths->from = reallocarray(NULL, count + 1, sizeof(*paths->from));
	paths->level = reallocarray(NULL, count + 1, sizeof(*paths->level));
	paths->order = reallocarray(NULL, count + 1, sizeof(*paths->order));
	paths->wanted = calloc(count / 8 + 1, sizeof(*paths->wanted));
	if (!paths->from || !paths->level || !paths->order || !paths->wanted)
		return false;
	memset(paths->from, 0xff, (count + 1) * sizeof(*paths->from)); /* UNREACHED */
	return true;
}

struct inspect_error *paths_find(const struct graph *graph, const uint32_t *ids, size_t count,
				 const struct path_barrier *barrier, struct paths *paths)
{
	*paths = (struct paths){ .graph = graph, .barrier = barrier };
	if (!create_columns(paths, graph->heap->count)) {
		paths_deinit(paths);
		return &inspect_error_no_memory;
	}
	for (size_t i = 0; barrier && i < barrier->object_count; i++)
		paths->from[barrier->objects[i]] = BARRED;
	for (size_t i = 0; i < count; i++) {
		paths->wanted_left += !is_wanted(paths, ids[i]);
		paths->wanted[ids[i] / 8] |= 1u << ids[i] % 8;
	}
	search_all(paths);
	struct inspect_error *error = progress_report("looking for paths", paths->reached, graph->heap->count);
	if (error)
		paths_deinit(paths);
	return error;
}

void paths_deinit(struct paths *paths)
{
	free(paths->from);
	free(paths->level);
	free(paths->order);
	free(paths->wanted);
	*paths = (struct paths){ 0 };
}

/* ---- writing paths down ---------------------------------------------------------------------------- */

/* The reference of @from to @to that a path uses: the first of the most certain ones. */
static struct path_step find_step(const struct paths *paths, uint32_t from, uint32_t to)
{
	struct path_step step = { .object = to, .from = from };
	enum path_certainty best = PATH_CERTAINTIES;
	bool last = is_wanted(paths, to);
	size_t count;
	const uint32_t *edges = graph_edges(paths->graph, from, &count);
	for (size_t i = 0; i < count && best != PATH_HELD; i++) {
		if (edge_target(edges[i]) != to || path_edge_certainty(edges[i]) >= best ||
		    (last && !may_be_last(paths, from, (uint32_t)i)))
			continue;
		best = path_edge_certainty(edges[i]);
		step.position = (uint32_t)i;
		step.flags = edge_flags(edges[i]);
	}
	return step;
}

static struct path_step root_step(const struct paths *paths, uint32_t root)
{
	const struct graph_root *from = &paths->graph->roots.items[root];
	return (struct path_step){ .object = from->object, .from = root, .flags = from->flags };
}

static enum path_certainty step_certainty(const struct paths *paths, const struct path *path, size_t index)
{
	const struct path_step *step = &path->steps[index];
	if (index == 0)
		return path_root_certainty(&paths->graph->roots.items[step->from]);
	return path_edge_certainty(step->flags);
}

static void reverse(struct path *path)
{
	for (size_t i = 0, j = path->count; i + 1 < j; i++) {
		struct path_step step = path->steps[i];
		path->steps[i] = path->steps[--j];
		path->steps[j] = step;
	}
}

struct inspect_error *paths_trace(const struct paths *paths, uint32_t id, struct path *path)
{
	path->count = 0;
	path->certainty = PATH_HELD;
	bool is_root = paths->from[id] == UNREACHED || paths->from[id] == BARRED;
	while (!is_root) {
		uint32_t from = paths->from[id];
		if (!array_reserve(path->steps, path->count, path->capacity))
			return &inspect_error_no_memory;
		is_root = from & PATHS_ROOT;
		path->steps[path->count++] = is_root ? root_step(paths, from & ~PATHS_ROOT) : find_step(paths, from, id);
		id = from;
	}
	reverse(path);
	for (size_t i = 0; i < path->count; i++)
		if (step_certainty(paths, path, i) > path->certainty)
			path->certainty = step_certainty(paths, path, i);
	return NULL;
}

void path_deinit(struct path *path)
{
	free(path->steps);
	*path = (struct path){ 0 };
}

/* ---- barriers -------------------------------------------------------------------------------------- */

struct inspect_error *path_barrier_add(struct path_barrier *barrier, const struct path *path, size_t first)
{
	for (size_t i = first; i + 1 < path->count; i++) {
		if (!array_reserve(barrier->objects, barrier->object_count, barrier->object_capacity))
			return &inspect_error_no_memory;
		barrier->objects[barrier->object_count++] = path->steps[i].object;
	}
	if (!array_reserve(barrier->lasts, barrier->last_count, barrier->last_capacity))
		return &inspect_error_no_memory;
	const struct path_step *last = &path->steps[path->count - 1];
	barrier->lasts[barrier->last_count++] = (struct path_last){
		.from = path->count == 1 ? PATHS_ROOT | last->from : last->from,
		.position = last->position,
	};
	return NULL;
}

void path_barrier_deinit(struct path_barrier *barrier)
{
	free(barrier->objects);
	free(barrier->lasts);
	*barrier = (struct path_barrier){ 0 };
}
