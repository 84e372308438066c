/* SPDX-License-Identifier: MIT */
/*
 * levels.c - a breadth-first search that keeps the objects of each level, and neither references nor who led to an object.
 *
 * The objects of a level are visited in the order of their addresses, by all workers; what they refer to and nobody has met
 * before is the next level. When the wanted objects are found, the way back asks the level before who refers to an object:
 * the first one, so that the answer is the same each time.
 */
#include "graph/levels.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/threads.h"
#include "graph/search.h"
#include "graph/workers.h"
#include "target/target.h"

enum {
	CHUNK = 1 << 17,    /* objects that are kept in one piece; a multiple of BATCH */
	BUFFER = 8192,      /* references that are looked at together on the way back */
	MANY_LEVELS = 1 << 14, FEW_OBJECTS = 16, /* a chain of many levels, with few objects on each: a graph is better */
	NEIGHBOURS = 4096,  /* an object on a path with more references is without what it refers to beside the path */
};

/* The objects that were met, level after level, each level in the order of addresses. */
struct log {
	uint64_t **chunks;
	size_t chunk_count, chunk_capacity;
	size_t count;
};

struct levels {
	struct discovery *discovery;
	int (*delay)(const struct graph_root *root);
	const uint64_t *wanted;
	size_t wanted_count;
	size_t *level_of; /* of each that is wanted; 0: not found yet */
	size_t found;
	struct log log;
	size_t *starts;   /* where each level begins in the log, and behind the last one; level 0 has no objects */
	size_t level_count, level_capacity;
	size_t next, end; /* atomic; of the level that is visited: places in the log */
	struct searcher *searcher;     /* of the calling thread, */
	struct answers *answers;       /* and this, too */
	struct index_region *anywhere; /* to count references in */
	struct address_index path;     /* what is on the paths, and beside them */
};

/* ---- the log ---------------------------------------------------------------------------------------- */

static bool log_add(struct log *log, uint64_t address)
{
	if (log->count % CHUNK == 0) {
		if (!array_reserve(log->chunks, log->chunk_count, log->chunk_capacity))
			return false;
		uint64_t *chunk = reallocarray(NULL, CHUNK, sizeof(*chunk));
		if (!chunk)
			return false;
		log->chunks[log->chunk_count++] = chunk;
	}
	log->chunks[log->count / CHUNK][log->count % CHUNK] = address;
	log->count++;
	return true;
}

static void log_deinit(struct log *log)
{
	for (size_t i = 0; i < log->chunk_count; i++)
		free(log->chunks[i]);
	free(log->chunks);
}

/* The objects from place *@place on that are in one piece, at most BATCH and none from @end on. */
static const uint64_t *log_batch(const struct log *log, size_t place, size_t end, size_t *count_ret)
{
	size_t batch_end = (place / BATCH + 1) * BATCH;
	*count_ret = (batch_end < end ? batch_end : end) - place;
	return &log->chunks[place / CHUNK][place % CHUNK];
}

/* Takes the next batch of the level that is visited. NULL at its end. */
static const uint64_t *take_batch(struct levels *levels, size_t *place_ret, size_t *count_ret)
{
	size_t place = __atomic_load_n(&levels->next, __ATOMIC_RELAXED), after;
	do {
		if (place >= levels->end)
			return NULL;
		after = (place / BATCH + 1) * BATCH;
	} while (!__atomic_compare_exchange_n(&levels->next, &place, after, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	*place_ret = place;
	return log_batch(&levels->log, place, levels->end, count_ret);
}

/* ---- forwards --------------------------------------------------------------------------------------- */

/* Looks at objects of a level and marks what they refer to. */
static void visit(struct levels *levels, struct searcher *searcher, const uint64_t *addresses, size_t count)
{
	struct runtime *runtime = levels->discovery->runtime;
	const struct runtime_columns columns = { .type = searcher->types, .flags = searcher->flags };
	struct inspect_error *error = runtime->operations->examine(runtime, addresses, count, &columns);
	if (error) {
		discovery_fail(levels->discovery, error);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (searcher->flags[i] & RUNTIME_DAMAGED)
			return discovery_find_unsound(levels->discovery);
	searcher->region = levels->anywhere;
	searcher_follow(searcher, addresses, searcher->types, count);
	searcher_count_visited(searcher, count);
}

static void visit_batches(struct levels *levels, struct searcher *searcher)
{
	const uint64_t *addresses;
	size_t place, count;
	while (!discovery_is_stopped(levels->discovery) && (addresses = take_batch(levels, &place, &count)))
		visit(levels, searcher, addresses, count);
}

static void visit_with_others(void *context, unsigned int worker)
{
	struct levels *levels = context;
	if (worker == 0) {
		visit_batches(levels, levels->searcher);
		return;
	}
	struct searcher *searcher = searcher_create(levels->discovery);
	if (searcher)
		visit_batches(levels, searcher);
	if (searcher)
		searcher_destroy(searcher);
}

/* Has workers take the batches of level @level; several, if there are enough. */
static void each_batch(struct levels *levels, size_t level, void (*work)(void *context, unsigned int worker),
		       void *context)
{
	enum { WORTH_A_THREAD = 8 * BATCH };
	levels->next = levels->starts[level];
	levels->end = levels->starts[level + 1];
	bool many = levels->end - levels->next > WORTH_A_THREAD;
	threads_run(many ? workers_for(levels->discovery->runtime->target) : 1, work, context);
}

static void mark_root(struct discovery *discovery, uint64_t address)
{
	if (address >= ADDRESS_LIMIT)
		return;
	struct index_region *region = discovery_region(discovery, address);
	if (region)
		discovery_mark(discovery, region, address);
}

/* Marks the objects of the roots with this delay. */
static void start(struct levels *levels, int delay)
{
	const struct graph_roots *roots = levels->discovery->roots;
	for (size_t i = 0; i < roots->count; i++)
		if (levels->delay(&roots->items[i]) == delay)
			mark_root(levels->discovery, roots->items[i].address);
}

static int compare_regions(const void *a, const void *b)
{
	const struct index_region *const *one = a, *const *other = b;
	return ((*one)->number > (*other)->number) - ((*one)->number < (*other)->number);
}

/* Takes the regions with new bits out of the queue, in the order of addresses; for the caller to free. */
static struct index_region **take_regions(struct discovery *discovery, size_t *count_ret)
{
	size_t count = 0;
	struct index_region **regions = reallocarray(NULL, discovery->queue_length + 1, sizeof(struct index_region *));
	for (struct index_region *region = discovery->first; regions && region; region = region->search->next) {
		region->search->queued = false;
		regions[count++] = region;
	}
	discovery->first = discovery->last = NULL;
	discovery->queue_length = 0;
	if (count > 1)
		qsort(regions, count, sizeof(struct index_region *), compare_regions);
	*count_ret = count;
	return regions;
}

/* Appends the objects of @region that are new to the log. */
static bool log_region(struct log *log, struct index_region *region)
{
	struct region_search *search = region->search;
	for (size_t i = 0; i < REGION_WORDS / 64; i++) {
		for (uint64_t dirty = search->dirty[i]; dirty; dirty &= dirty - 1) {
			size_t word = i * 64 + (size_t)__builtin_ctzll(dirty);
			uint64_t new = region->bits[word] & ~search->visited[word];
			search->visited[word] |= new;
			for (; new; new &= new - 1)
				if (!log_add(log, granule_address(region, word, __builtin_ctzll(new))))
					return false;
		}
		search->dirty[i] = 0;
	}
	return true;
}

static bool is_met(const struct discovery *discovery, uint64_t address)
{
	const struct index_region *region = index_region_at(discovery->index, address);
	return region && region->bits[region_word(address)] >> region_bit(address) & 1;
}

/* Ends the level: what has been marked since the last one is in it. False when out of memory. */
static bool end_level(struct levels *levels)
{
	size_t count;
	struct index_region **regions AUTO_FREE = take_regions(levels->discovery, &count);
	bool enough = regions && array_reserve(levels->starts, levels->level_count + 1, levels->level_capacity);
	for (size_t i = 0; i < count && enough; i++)
		enough = log_region(&levels->log, regions[i]);
	if (!enough)
		return false;
	levels->starts[++levels->level_count] = levels->log.count;
	for (size_t i = 0; i < levels->wanted_count; i++) {
		if (levels->level_of[i] || !is_met(levels->discovery, levels->wanted[i]))
			continue;
		levels->level_of[i] = levels->level_count - 1;
		levels->found++;
	}
	return true;
}

/* Goes from level to level until all that is wanted is found, or nothing is left. */
static void search_forwards(struct levels *levels)
{
	struct discovery *discovery = levels->discovery;
	bool enough = array_reserve(levels->starts, 1, levels->level_capacity);
	if (enough) {
		levels->starts[0] = levels->starts[1] = 0; /* level 0 */
		levels->level_count = 1;
	}
	for (size_t level = 0; enough && levels->found < levels->wanted_count && !discovery_is_stopped(discovery); level++) {
		if (level > LEVELS_LAST_DELAY && levels->starts[level] == levels->starts[level + 1])
			break;
		if (level > MANY_LEVELS && levels->log.count / level < FEW_OBJECTS)
			return discovery_find_unsound(discovery);
		each_batch(levels, level, visit_with_others, levels);
		if (level <= LEVELS_LAST_DELAY)
			start(levels, (int)level);
		enough = end_level(levels);
	}
	if (!enough)
		discovery_fail(discovery, &inspect_error_no_memory);
}

/* ---- backwards -------------------------------------------------------------------------------------- */

/* Who of a level refers to an object? */
struct question {
	struct levels *levels;
	uint64_t address;
	size_t first; /* atomic; the place in the log of the first one known */
};

/* The references of some objects, on the way to be looked through. */
struct answers {
	struct runtime_references references; /* first: drain() finds the rest by it */
	uint64_t address;
	bool any;
	uint64_t items[BUFFER];
	uint32_t types[BATCH];
};

static bool drain(struct runtime_references *references)
{
	struct answers *answers = (struct answers *)references;
	for (size_t i = 0; i < references->count; i++)
		answers->any |= (references->items[i] & ~(uint64_t)RUNTIME_UNVISITED) == answers->address;
	return true;
}

/* Does one of these objects refer to what is asked for? */
static bool any_refers(const struct question *question, struct answers *answers, const uint64_t *addresses, size_t count)
{
	struct discovery *discovery = question->levels->discovery;
	struct runtime *runtime = discovery->runtime;
	const struct runtime_columns columns = { .type = answers->types };
	size_t damaged = 0;
	answers->any = false;
	answers->address = question->address;
	answers->references = (struct runtime_references){ .items = answers->items, .capacity = BUFFER, .drain = drain };
	struct inspect_error *error = runtime->operations->examine(runtime, addresses, count, &columns);
	if (!error)
		error = runtime->operations->references(runtime, addresses, answers->types, count, &answers->references,
							NULL, &damaged);
	if (error)
		discovery_fail(discovery, error);
	else
		drain(&answers->references);
	return answers->any;
}

static void note_first(struct question *question, size_t place)
{
	size_t first = __atomic_load_n(&question->first, __ATOMIC_RELAXED);
	while (place < first && !__atomic_compare_exchange_n(&question->first, &first, place, true, __ATOMIC_RELAXED,
							     __ATOMIC_RELAXED))
		;
}

static void ask_batches(struct question *question, struct answers *answers)
{
	struct levels *levels = question->levels;
	const uint64_t *addresses;
	size_t place, count;
	while (!discovery_is_stopped(levels->discovery) && (addresses = take_batch(levels, &place, &count)) &&
	       place < __atomic_load_n(&question->first, __ATOMIC_RELAXED)) {
		if (progress_must_end("looking for paths", 0, 0) || !any_refers(question, answers, addresses, count))
			continue;
		for (size_t i = 0; i < count; i++) {
			if (!any_refers(question, answers, &addresses[i], 1))
				continue;
			note_first(question, place + i);
			break;
		}
	}
}

static void ask_with_others(void *context, unsigned int worker)
{
	struct question *question = context;
	struct levels *levels = question->levels;
	struct answers *answers AUTO_FREE = worker ? malloc(sizeof(*answers)) : NULL;
	if (worker == 0)
		ask_batches(question, levels->answers);
	else if (answers)
		ask_batches(question, answers);
}

/* Does a path begin with the object at @address, which is of level @level? */
static bool begins_here(const struct levels *levels, uint64_t address, size_t level)
{
	const struct graph_roots *roots = levels->discovery->roots;
	for (size_t i = 0; level <= LEVELS_LAST_DELAY + 1 && i < roots->count; i++)
		if (roots->items[i].address == address && levels->delay(&roots->items[i]) == (int)level - 1)
			return true;
	return false;
}

/* Adds an object to the paths'. False when out of memory. */
static bool add_to_path(struct levels *levels, uint64_t address)
{
	struct index_region *region = index_region_at(&levels->path, address);
	if (!region && !(region = index_region_add(&levels->path, address, NULL)))
		return false;
	region->bits[region_word(address)] |= UINT64_C(1) << region_bit(address);
	return true;
}

static bool is_on_path(const struct levels *levels, uint64_t address)
{
	const struct index_region *region = index_region_at(&levels->path, address);
	return region && region->bits[region_word(address)] >> region_bit(address) & 1;
}

/* Goes back from a wanted object to a root, or to a path that is known. */
static void trace_back(struct levels *levels, uint64_t address, size_t level)
{
	struct discovery *discovery = levels->discovery;
	for (; !is_on_path(levels, address); level--) {
		if (!add_to_path(levels, address))
			return discovery_fail(discovery, &inspect_error_no_memory);
		if (begins_here(levels, address, level))
			return;
		struct question question = { .levels = levels, .address = address, .first = SIZE_MAX };
		each_batch(levels, level - 1, ask_with_others, &question);
		if (question.first == SIZE_MAX) /* the process is not what it was a moment ago */
			return discovery_find_unsound(discovery);
		size_t count;
		address = *log_batch(&levels->log, question.first, SIZE_MAX, &count);
	}
}

/* ---- the graph -------------------------------------------------------------------------------------- */

/* The references of an object; no more than NEIGHBOURS are kept, but all are counted. */
struct neighbours {
	struct runtime_references references; /* first */
	uint64_t items[NEIGHBOURS];
};

static bool only_count(struct runtime_references *references __attribute__((unused)))
{
	return true;
}

/* Reads the references of the object at @address. *@count_ret is how many there are. */
static struct inspect_error *read_neighbours(struct runtime *runtime, uint64_t address, struct neighbours *neighbours,
					     size_t *count_ret)
{
	uint32_t type;
	size_t damaged = 0;
	const struct runtime_columns columns = { .type = &type };
	neighbours->references = (struct runtime_references){
		.items = neighbours->items, .capacity = NEIGHBOURS, .drain = only_count,
	};
	struct inspect_error *error = runtime->operations->examine(runtime, &address, 1, &columns);
	if (!error)
		error = runtime->operations->references(runtime, &address, &type, 1, &neighbours->references, NULL, &damaged);
	*count_ret = neighbours->references.drained + neighbours->references.count;
	return error;
}

/* Adds the object that @reference leads to, if it is one. */
static struct inspect_error *add_neighbour(struct levels *levels, uint64_t reference)
{
	struct runtime *runtime = levels->discovery->runtime;
	uint64_t address = reference & ~RUNTIME_REFERENCE_FLAGS;
	uint8_t flags = 0;
	const struct runtime_columns columns = { .flags = &flags };
	if (!address || address >= ADDRESS_LIMIT || reference & RUNTIME_GUESSED)
		return NULL;
	struct inspect_error *error = runtime->operations->examine(runtime, &address, 1, &columns);
	if (error || flags & RUNTIME_DAMAGED)
		return error;
	return add_to_path(levels, address) ? NULL : &inspect_error_no_memory;
}

/* Calls @work for each object of the paths' index as it is now. */
static struct inspect_error *each_on_path(struct levels *levels,
					  struct inspect_error *(*work)(struct levels *levels, uint64_t address,
									struct neighbours *neighbours))
{
	struct neighbours *neighbours AUTO_FREE = malloc(sizeof(*neighbours));
	uint64_t *addresses AUTO_FREE = NULL;
	size_t count = 0, capacity = 0;
	for (size_t i = 0; i < levels->path.count; i++) {
		const struct index_region *region = levels->path.regions[i];
		for (size_t word = 0; word < REGION_WORDS; word++) {
			for (uint64_t bits = region->bits[word]; bits; bits &= bits - 1) {
				if (!array_reserve(addresses, count, capacity))
					return &inspect_error_no_memory;
				addresses[count++] = granule_address(region, word, __builtin_ctzll(bits));
			}
		}
	}
	struct inspect_error *error = neighbours ? NULL : &inspect_error_no_memory;
	for (size_t i = 0; i < count && !error; i++) {
		error = progress_each("looking for paths", i, count);
		if (!error)
			error = work(levels, addresses[i], neighbours);
	}
	return error;
}

static struct inspect_error *add_neighbours(struct levels *levels, uint64_t address, struct neighbours *neighbours)
{
	size_t count;
	struct inspect_error *error = read_neighbours(levels->discovery->runtime, address, neighbours, &count);
	for (size_t i = 0; i < count && count <= NEIGHBOURS && !error; i++)
		error = add_neighbour(levels, neighbours->items[i]);
	return error;
}

/* Makes room for the object's edges. */
static struct inspect_error *count_edges(struct levels *levels, uint64_t address, struct neighbours *neighbours)
{
	size_t count;
	struct inspect_error *error = read_neighbours(levels->discovery->runtime, address, neighbours, &count);
	index_region_at(&levels->path, address)->references += count;
	return error;
}

/* Makes the graph of what is on the paths and beside them. */
static struct inspect_error *make_graph(struct levels *levels, struct heap *heap, struct graph *graph,
					struct notes *notes)
{
	struct discovery *discovery = levels->discovery;
	struct inspect_error *error = each_on_path(levels, add_neighbours);
	if (!error)
		error = each_on_path(levels, count_edges);
	if (error)
		return error;
	*graph = (struct graph){ .heap = heap, .partial = true, .roots = *discovery->roots };
	*discovery->roots = (struct graph_roots){ 0 };
	error = heap_of_index(discovery->runtime, heap, &levels->path, &graph->roots);
	levels->path = (struct address_index){ 0 };
	return error ? error : graph_find_references(graph, notes);
}

/* ---- together --------------------------------------------------------------------------------------- */

static void find_paths(struct levels *levels)
{
	struct discovery *discovery = levels->discovery;
	search_forwards(levels);
	for (size_t i = 0; i < levels->wanted_count && levels->found == levels->wanted_count; i++)
		if (!discovery_is_stopped(discovery))
			trace_back(levels, levels->wanted[i], levels->level_of[i]);
}

/* Everything but the cleaning up. *@found_ret: the paths are in levels->path. */
static struct inspect_error *search(struct levels *levels, bool *found_ret)
{
	struct discovery *discovery = levels->discovery;
	struct runtime *runtime = discovery->runtime;
	struct inspect_error *error = runtime->operations->roots(runtime, &discovery->root_sink, discovery->notes);
	if (error)
		return error;
	struct index_region *anywhere AUTO_FREE = calloc(1, sizeof(*anywhere));
	struct answers *answers AUTO_FREE = malloc(sizeof(*answers));
	levels->searcher = searcher_create(discovery);
	levels->anywhere = anywhere;
	levels->answers = answers;
	if (!anywhere || !answers || !levels->searcher)
		return &inspect_error_no_memory;
	find_paths(levels);
	if (discovery->error)
		return discovery->error;
	*found_ret = !discovery_is_stopped(discovery) && levels->found == levels->wanted_count;
	return progress_report("looking for paths", levels->log.count, 0);
}

struct inspect_error *graph_build_paths(struct runtime *runtime, const uint64_t *wanted, size_t count,
					int (*delay)(const struct graph_root *root), struct heap *heap,
					struct graph *graph, struct notes *notes, bool *found_ret)
{
	struct address_index met = { 0 };
	struct graph_roots roots = { 0 };
	size_t level_of[LEVELS_WANTED_MAX] = { 0 };
	struct discovery discovery = {
		.runtime = runtime,
		.index = &met,
		.roots = &roots,
		.notes = notes,
		.by_levels = true,
		.root_sink.add = discovery_note_root,
		.references_limit = discovery_references_limit(runtime->target),
	};
	struct levels levels = {
		.discovery = &discovery, .delay = delay, .wanted = wanted, .wanted_count = count, .level_of = level_of,
	};
	*heap = (struct heap){ 0 };
	*graph = (struct graph){ .heap = heap };
	*found_ret = false;
	pthread_mutex_init(&discovery.lock, NULL);
	pthread_cond_init(&discovery.changed, NULL);
	bool enough = index_init(&met) && index_init(&levels.path);
	struct inspect_error *error = enough ? search(&levels, found_ret) : &inspect_error_no_memory;
	if (!error && *found_ret)
		error = make_graph(&levels, heap, graph, notes);
	if (levels.searcher)
		searcher_destroy(levels.searcher);
	pthread_cond_destroy(&discovery.changed);
	pthread_mutex_destroy(&discovery.lock);
	log_deinit(&levels.log);
	free(levels.starts);
	index_deinit(&levels.path);
	index_deinit(&met);
	slab_deinit(&discovery.slab);
	graph_roots_deinit(&roots);
	if (error || !*found_ret) {
		graph_deinit(graph);
		heap_deinit(heap);
	}
	return error;
}
