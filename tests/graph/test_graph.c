/* SPDX-License-Identifier: MIT */
/*
 * test_graph.c - finding objects and references, against a search that is too simple to be wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "graph/graph.h"
#include "graph/tally.h"
#include "graph/workers.h"
#include "target/target.h"

/* ---- a runtime of made-up objects ------------------------------------------------------------------- */

enum { LISTED = 1, DAMAGED = 2, DEAD = 4, TRACKED = 8, SCANNED = 16 };

enum { PLACES = 64 }; /* in an object, whose references are told apart; those behind are one */

struct node {
	uint64_t address;
	unsigned int flags;
	unsigned int generation, collector; /* of what is LISTED */
	int64_t refcount;
	size_t first, count;                /* its references, among those of the script */
	size_t times;                       /* so often they are said */
};

struct script {
	struct runtime runtime;
	struct inspect_target target;
	struct target_segment segment;
	struct node *nodes; /* by address */
	size_t node_count;
	uint64_t *references;
	size_t reference_count, reference_capacity;
	uint64_t *roots;
	size_t root_count;
	bool refuted[PLACES]; /* what SCANNED nodes have there is guessed no more, */
	bool settled;         /* since this is so */
	pthread_t owner;      /* the thread that calls */
	unsigned int strangers; /* calls that came from other threads */
	bool signals_open;    /* a call came from another thread that takes signals */
	bool progress_elsewhere;
	uint64_t progress_calls, cancel_at; /* cancelled at this call; 0: never */
	int fail_at;          /* the operation's call that fails, counted down */
	const char *fail_in;
};

/* Is it this call of @operation that has to fail? */
static bool fails(struct script *script, const char *operation)
{
	return script->fail_in && strcmp(script->fail_in, operation) == 0 &&
	       __atomic_fetch_sub(&script->fail_at, 1, __ATOMIC_RELAXED) == 0;
}

static struct inspect_error *failure(void)
{
	return inspect_error_create(INSPECT_ERROR_CORRUPT, "made to fail");
}

static void note_thread(struct script *script)
{
	if (pthread_equal(pthread_self(), script->owner))
		return;
	__atomic_fetch_add(&script->strangers, 1, __ATOMIC_RELAXED);
	sigset_t blocked;
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	for (int number = 1; number < 32; number++)
		if (number != SIGKILL && number != SIGSTOP && !sigismember(&blocked, number))
			__atomic_store_n(&script->signals_open, true, __ATOMIC_RELAXED);
}

static const struct node *find_node(const struct script *script, uint64_t address)
{
	size_t low = 0, high = script->node_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (script->nodes[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < script->node_count && script->nodes[low].address == address ? &script->nodes[low] : NULL;
}

static bool progress(void *context, const char *what, uint64_t done __attribute__((unused)),
		     uint64_t total __attribute__((unused)))
{
	struct script *script = context;
	assert_non_null(what);
	if (!pthread_equal(pthread_self(), script->owner))
		__atomic_store_n(&script->progress_elsewhere, true, __ATOMIC_RELAXED);
	return ++script->progress_calls != script->cancel_at;
}

static struct inspect_error *scripted_walk(struct runtime *runtime, struct runtime_sink *sink,
					   struct notes *notes __attribute__((unused)))
{
	struct script *script = (struct script *)runtime;
	for (size_t i = script->node_count; i-- > 0;) {
		const struct node *node = &script->nodes[i * 7919 % script->node_count];
		if (script->node_count % 7919 == 0)
			node = &script->nodes[i];
		if (fails(script, "walk"))
			return failure();
		struct inspect_error *error = NULL;
		if (node->flags & LISTED)
			error = sink->add(sink, node->address, node->generation, node->collector);
		if (error)
			return error;
	}
	return NULL;
}

static struct inspect_error *scripted_examine(struct runtime *runtime, const uint64_t *addresses, size_t count,
					      const struct runtime_columns *columns)
{
	struct script *script = (struct script *)runtime;
	note_thread(script);
	if (fails(script, "examine"))
		return failure();
	for (size_t i = 0; i < count; i++) {
		const struct node *node = find_node(script, addresses[i]);
		bool damaged = !node || node->flags & DAMAGED;
		if (columns->type)
			columns->type[i] = damaged ? 1 : 0;
		if (columns->size)
			columns->size[i] = addresses[i] % 1000;
		if (columns->refcount)
			columns->refcount[i] = node ? node->refcount : 0;
		if (columns->flags)
			columns->flags[i] = damaged ? RUNTIME_DAMAGED :
					    (node->flags & TRACKED ? RUNTIME_TRACKED : 0) |
						    (node->flags & SCANNED ? RUNTIME_SCANNED : 0);
	}
	return NULL;
}

/* Is the reference number @i of @node guessed no more? */
static bool is_refuted(const struct script *script, const struct node *node, size_t i)
{
	return script->settled && node->flags & SCANNED && script->references[node->first + i] & RUNTIME_GUESSED &&
	       script->refuted[i < PLACES ? i : PLACES - 1];
}

static void scripted_settle(struct runtime *runtime)
{
	struct script *script = (struct script *)runtime;
	memset(script->refuted, 0, sizeof(script->refuted));
	script->settled = true;
}

/* Is what stands in this @place guessed, whatever speaks against it? */
static bool is_stubborn(uint64_t place)
{
	return place % 3 == 2;
}

static bool scripted_refute(struct runtime *runtime, uint64_t address, uint32_t type, uint64_t word)
{
	struct script *script = (struct script *)runtime;
	uint64_t place = (word - address) / 8;
	const struct node *node = find_node(script, address);
	assert_true(node && node->flags & SCANNED && type == 0 && word % 8 == 0 && place < node->count);
	if (is_stubborn(place))
		return false;
	script->refuted[place < PLACES ? place : PLACES - 1] = true;
	return true;
}

static struct inspect_error *scripted_references(struct runtime *runtime, const uint64_t *addresses,
						 const uint32_t *types, size_t count,
						 struct runtime_references *references, size_t *ends, size_t *damaged_ret)
{
	struct script *script = (struct script *)runtime;
	note_thread(script);
	if (fails(script, "references"))
		return failure();
	for (size_t i = 0; i < count; i++) {
		const struct node *node = types[i] == 0 ? find_node(script, addresses[i]) : NULL;
		*damaged_ret += !node;
		for (size_t time = 0; node && time < node->times; time++)
			for (size_t j = 0; j < node->count; j++) {
				references->word = addresses[i] + 8 * j;
				if (is_refuted(script, node, j))
					continue;
				if (!runtime_reference_add(references, script->references[node->first + j],
							   RUNTIME_LABEL_INDEX, j, NULL))
					return &inspect_error_no_memory;
			}
		if (ends)
			ends[i] = references->drained + references->count;
	}
	return NULL;
}

static struct inspect_error *scripted_roots(struct runtime *runtime, struct runtime_root_sink *sink,
					    struct notes *notes __attribute__((unused)))
{
	struct script *script = (struct script *)runtime;
	script->settled = false;
	for (size_t i = 0; i < script->root_count; i++) {
		const struct runtime_label label = { .kind = RUNTIME_LABEL_INDEX, .value = i };
		char place[32];
		snprintf(place, sizeof(place), "place %zu", i / 10);
		if (fails(script, "roots"))
			return failure();
		struct inspect_error *error =
			sink->add(sink, script->roots[i], i % RUNTIME_ROOT_KINDS, place, &label);
		if (error)
			return error;
	}
	return NULL;
}

static const struct runtime_operations scripted_operations = {
	.name = "scripted",
	.walk = scripted_walk,
	.examine = scripted_examine,
	.references = scripted_references,
	.settle = scripted_settle,
	.refute = scripted_refute,
	.roots = scripted_roots,
};

static void script_init(struct script *script)
{
	static const uint8_t byte;
	*script = (struct script){
		.runtime.operations = &scripted_operations,
		.segment = { .start = 0, .end = UINT64_C(1) << 56, .data = &byte, .image = -1 },
		.target = { .kind = TARGET_CORE, .limits = { .progress = progress, .progress_context = script } },
		.owner = pthread_self(),
	};
	script->target.segments = &script->segment;
	script->target.segment_count = 1;
	script->runtime.target = &script->target;
}

static void script_deinit(struct script *script)
{
	free(script->nodes);
	free(script->references);
	free(script->roots);
}

static void add_reference(struct script *script, uint64_t reference)
{
	if (script->reference_count == script->reference_capacity) {
		script->reference_capacity = script->reference_capacity * 2 + 1024;
		script->references = reallocarray(script->references, script->reference_capacity, sizeof(uint64_t));
	}
	script->references[script->reference_count++] = reference;
}

/* ---- random scripts --------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

static uint64_t random_below(uint64_t limit)
{
	return limit ? (random_u64() >> 11) % limit : 0;
}

static int compare_nodes(const void *a, const void *b)
{
	const struct node *one = a, *other = b;
	return (one->address > other->address) - (one->address < other->address);
}

/* Addresses in a few regions, some of them side by side, at the ends of regions and at those of the address space. */
static uint64_t random_address(void)
{
	static const uint64_t bases[] = {
		0x7f0000000000, 0x7f0000100000, 0x7f00000ffe00, 0x555555400000, 0xfffffffff000, 0x00fffffffff00000, 0x1000,
	};
	uint64_t base = bases[random_below(sizeof(bases) / sizeof(*bases))];
	return base + 8 * random_below(random_below(3) ? 500 : 100000);
}

static uint64_t random_reference(const struct script *script)
{
	static const unsigned int flags[] = {
		0, 0, 0, 0, RUNTIME_UNVISITED, RUNTIME_UNCOUNTED, RUNTIME_UNVISITED | RUNTIME_UNCOUNTED, RUNTIME_GUESSED,
	};
	uint64_t address = script->nodes[random_below(script->node_count)].address;
	if (random_below(100) == 0)
		address = random_below(2) ? random_u64() & ~UINT64_C(7) : random_address();
	return address | flags[random_below(sizeof(flags) / sizeof(*flags))];
}

static void random_script(struct script *script, uint64_t seed)
{
	script_init(script);
	random_state = seed * 0x9e3779b97f4a7c15u + 1;
	size_t count = random_below(seed % 10 ? 300 : 20000) + 1;
	script->nodes = calloc(count, sizeof(*script->nodes));
	for (size_t i = 0; i < count; i++)
		script->nodes[i].address = random_address();
	qsort(script->nodes, count, sizeof(*script->nodes), compare_nodes);
	for (size_t i = 0; i < count; i++) {
		struct node *node = &script->nodes[i];
		if (script->node_count && script->nodes[script->node_count - 1].address == node->address)
			continue;
		*node = (struct node){
			.address = node->address,
			.flags = (random_below(3) ? 0 : LISTED) | (random_below(seed % 2 ? 200 : 20) ? 0 : DAMAGED) |
				 (random_below(20) ? 0 : DEAD) | (random_below(20) ? 0 : TRACKED) |
				 (random_below(3) ? 0 : SCANNED),
			.generation = random_below(4),
			.collector = random_below(3),
			.times = 1,
		};
		if (seed % 2) /* lists are true */
			node->flags = (node->flags & ~TRACKED) | (node->flags & LISTED ? TRACKED : 0);
		node->refcount = node->flags & DEAD ? 0 : (int64_t)random_below(6) + 1;
		script->nodes[script->node_count++] = *node;
	}
	for (size_t i = 0; i < script->node_count; i++) {
		struct node *node = &script->nodes[i];
		node->first = script->reference_count;
		node->count = random_below(random_below(10) ? 4 : 40);
		for (size_t j = 0; j < node->count; j++)
			add_reference(script, random_reference(script));
	}
	script->root_count = random_below(30);
	script->roots = calloc(script->root_count + 1, sizeof(*script->roots));
	for (size_t i = 0; i < script->root_count; i++)
		script->roots[i] = random_reference(script);
}

/* ---- the truth -------------------------------------------------------------------------------------- */

struct truth {
	const struct script *script;
	bool *found; /* of each node */
	size_t *queue, queued, done;
	size_t certain; /* so many of the queue are found without guesses */
};

static void find(struct truth *truth, uint64_t address)
{
	const struct node *node = find_node(truth->script, address);
	size_t i = node ? (size_t)(node - truth->script->nodes) : 0;
	if (!node || truth->found[i] || (node->flags & DAMAGED && !(node->flags & LISTED)))
		return;
	truth->found[i] = true;
	truth->queue[truth->queued++] = i;
}

static void follow_certain(struct truth *truth)
{
	for (; truth->done < truth->queued; truth->done++) {
		const struct node *node = &truth->script->nodes[truth->queue[truth->done]];
		for (size_t i = 0; i < node->count && !(node->flags & DAMAGED); i++)
			if (!(truth->script->references[node->first + i] & RUNTIME_GUESSED))
				find(truth, truth->script->references[node->first + i] & ~RUNTIME_REFERENCE_FLAGS);
	}
}

static void find_guessed(struct truth *truth, uint64_t reference)
{
	const struct node *node = find_node(truth->script, reference & ~RUNTIME_REFERENCE_FLAGS);
	if (reference & RUNTIME_GUESSED && node && !(node->flags & (DEAD | DAMAGED | TRACKED)))
		find(truth, node->address);
}

static void truth_init(struct truth *truth, const struct script *script)
{
	*truth = (struct truth){ .script = script };
	truth->found = calloc(script->node_count + 1, sizeof(*truth->found));
	truth->queue = calloc(script->node_count + 1, sizeof(*truth->queue));
	for (size_t i = 0; i < script->node_count; i++)
		if (script->nodes[i].flags & LISTED)
			find(truth, script->nodes[i].address);
	for (size_t i = 0; i < script->root_count; i++)
		if (!(script->roots[i] & RUNTIME_GUESSED))
			find(truth, script->roots[i] & ~RUNTIME_REFERENCE_FLAGS);
	size_t before;
	follow_certain(truth);
	truth->certain = truth->queued;
	do {
		follow_certain(truth);
		before = truth->queued;
		for (size_t i = 0; i < script->root_count; i++)
			find_guessed(truth, script->roots[i]);
		for (size_t i = 0; i < before; i++) {
			const struct node *node = &script->nodes[truth->queue[i]];
			for (size_t j = 0; j < node->count && !(node->flags & DAMAGED); j++)
				find_guessed(truth, script->references[node->first + j]);
		}
	} while (truth->queued != before);
}

static void truth_deinit(struct truth *truth)
{
	free(truth->found);
	free(truth->queue);
}

/* Is what @reference leads to an object? */
static bool leads(const struct truth *truth, uint64_t reference)
{
	const struct node *node = find_node(truth->script, reference & ~RUNTIME_REFERENCE_FLAGS);
	return node && truth->found[node - truth->script->nodes];
}

static void count_reference(const struct script *script, uint64_t reference, int64_t *counts)
{
	const struct node *node = find_node(script, reference & ~RUNTIME_REFERENCE_FLAGS);
	if (node && !(reference & (RUNTIME_GUESSED | RUNTIME_UNCOUNTED)))
		counts[node - script->nodes]++;
}

/* How many references to each node are certain, by those who are there for certain. For the caller to free. */
static int64_t *count_certain(const struct truth *truth)
{
	const struct script *script = truth->script;
	int64_t *counts = calloc(script->node_count + 1, sizeof(*counts));
	for (size_t i = 0; i < truth->certain; i++) {
		const struct node *holder = &script->nodes[truth->queue[i]];
		for (size_t j = 0; j < holder->count && !(holder->flags & DAMAGED); j++)
			count_reference(script, script->references[holder->first + j], counts);
	}
	for (size_t i = 0; i < script->root_count; i++)
		count_reference(script, script->roots[i], counts);
	return counts;
}

/* In which places of scanned objects nothing is guessed, as something that was guessed there had no room. */
static void check_refuted(const struct truth *truth)
{
	const struct script *script = truth->script;
	int64_t *counts = count_certain(truth);
	bool refuted[PLACES] = { false };
	for (size_t i = 0; i < truth->certain; i++) {
		const struct node *node = &script->nodes[truth->queue[i]];
		for (size_t j = 0; j < node->count && (node->flags & (SCANNED | DAMAGED)) == SCANNED; j++) {
			uint64_t reference = script->references[node->first + j];
			const struct node *target = find_node(script, reference & ~RUNTIME_REFERENCE_FLAGS);
			if ((reference & (RUNTIME_GUESSED | RUNTIME_UNCOUNTED)) == RUNTIME_GUESSED &&
			    !is_stubborn(j) && leads(truth, reference) && !(target->flags & DAMAGED) &&
			    target->refcount <= counts[target - script->nodes])
				refuted[j < PLACES ? j : PLACES - 1] = true;
		}
	}
	assert_memory_equal(refuted, script->refuted, sizeof(refuted));
	free(counts);
}

static void check_objects(const struct truth *truth, const struct heap *heap)
{
	const struct script *script = truth->script;
	size_t id = 0, tracked = 0;
	assert_int_equal(heap->count, truth->queued);
	for (size_t i = 0; i < script->node_count; i++) {
		const struct node *node = &script->nodes[i];
		uint32_t found;
		assert_int_equal(heap_find(heap, node->address, &found), truth->found[i]);
		if (!truth->found[i])
			continue;
		bool listed = node->flags & LISTED;
		assert_int_equal(found, id);
		assert_true(heap->address[id] == node->address);
		assert_int_equal(heap->generation[id], listed ? node->generation : (unsigned int)HEAP_UNTRACKED);
		assert_int_equal(heap->collector[id], listed ? node->collector : 0);
		assert_int_equal(heap->type[id], node->flags & DAMAGED ? 1 : 0);
		tracked += listed;
		id++;
	}
	assert_int_equal(heap->tracked, tracked);
}

static bool is_doubtful(const struct truth *truth, const struct node *node)
{
	for (size_t i = 0; i < truth->certain; i++)
		if (&truth->script->nodes[truth->queue[i]] == node)
			return false;
	return true;
}

/* Compares edges and roots. Returns how many references lead nowhere, but for those of doubtful objects. */
static size_t check_references(const struct truth *truth, const struct graph *graph)
{
	const struct script *script = truth->script;
	size_t dangling = 0, total = 0, root = 0;
	for (uint32_t id = 0; id < graph->heap->count; id++) {
		const struct node *node = find_node(script, graph->heap->address[id]);
		size_t count, position = 0;
		const uint32_t *edges = graph_edges(graph, id, &count);
		for (size_t i = 0; i < node->count && !(node->flags & DAMAGED); i++) {
			uint64_t reference = script->references[node->first + i];
			if (!leads(truth, reference)) {
				dangling += !(reference & RUNTIME_GUESSED) && !is_doubtful(truth, node);
				continue;
			}
			if (is_refuted(script, node, i))
				continue;
			assert_true(position < count);
			uint32_t edge = edges[position++];
			assert_true((graph->heap->address[edge_target(edge)] | edge_flags(edge)) == reference);
		}
		assert_int_equal(position, count);
		total += count;
	}
	assert_int_equal(graph->edge_count, total);
	for (size_t i = 0; i < script->root_count; i++) {
		if (!leads(truth, script->roots[i])) {
			dangling += (script->roots[i] & ~RUNTIME_REFERENCE_FLAGS) && !(script->roots[i] & RUNTIME_GUESSED);
			continue;
		}
		assert_true(root < graph->roots.count);
		const struct graph_root *found = &graph->roots.items[root++];
		assert_true((graph->heap->address[found->object] | found->flags) == script->roots[i]);
		assert_int_equal(found->kind, i % RUNTIME_ROOT_KINDS);
		assert_int_equal(found->label.value, i);
		assert_int_equal(atoi(graph->roots.places[found->place] + 6), i / 10);
	}
	assert_int_equal(graph->roots.count, root);
	return dangling;
}

/* The reverse edges are those of the graph, turned round, by who refers. */
static void check_reverse(struct graph *graph)
{
	size_t *next = calloc(graph->heap->count + 1, sizeof(*next));
	assert_null(graph_reverse(graph));
	for (uint32_t id = 0; id < graph->heap->count; id++) {
		size_t count;
		const uint32_t *edges = graph_edges(graph, id, &count);
		for (size_t i = 0; i < count; i++) {
			uint32_t target = edge_target(edges[i]);
			size_t referrers;
			const uint32_t *reverse = graph_reverse_edges(graph, target, &referrers);
			assert_true(next[target] < referrers);
			uint32_t edge = reverse[next[target]++];
			assert_int_equal(edge_target(edge), id);
			assert_int_equal(edge_flags(edge), edge_flags(edges[i]));
		}
	}
	for (uint32_t id = 0; id < graph->heap->count; id++) {
		size_t referrers;
		graph_reverse_edges(graph, id, &referrers);
		assert_int_equal(next[id], referrers);
	}
	free(next);
}

/* ---- tests ------------------------------------------------------------------------------------------ */

/* What a graph says of the objects of one script must not depend on the number of workers. */
static void random_graphs_are_found_by_any_number_of_workers(void **state __attribute__((unused)))
{
	static const unsigned int workers[] = { 1, 2, 5 };
	for (uint64_t seed = 0; seed < 300; seed++) {
		struct script script;
		struct truth truth;
		random_script(&script, seed);
		truth_init(&truth, &script);
		for (size_t i = 0; i < sizeof(workers) / sizeof(*workers); i++) {
			struct heap heap;
			struct graph graph;
			struct notes notes = { 0 };
			workers_limit = workers[i];
			LIMITS_ENTER(&script.target.limits);
			assert_null(graph_build(&script.runtime, &heap, &graph, &notes));
			check_objects(&truth, &heap);
			check_refuted(&truth);
			assert_int_equal(graph.dangling, check_references(&truth, &graph));
			if (i == 0)
				check_reverse(&graph);
			assert_int_equal(notes_incomplete(&notes), graph.dangling || graph.damaged);
			graph_deinit(&graph);
			heap_deinit(&heap);
			notes_deinit(&notes);
		}
		assert_false(script.signals_open);
		assert_false(script.progress_elsewhere);
		truth_deinit(&truth);
		script_deinit(&script);
	}
	workers_limit = 0;
}

/* Counted while they are found, the objects are the same, or it is said that they may not be. */
static void tallies_are_true_or_unsound(void **state __attribute__((unused)))
{
	unsigned int sound = 0;
	for (uint64_t seed = 1; seed < 600; seed += 2) {
		struct script script;
		struct truth truth;
		struct tally tally = { 0 };
		struct notes notes = { 0 };
		uint64_t bytes = 0;
		random_script(&script, seed);
		truth_init(&truth, &script);
		for (size_t i = 0; i < truth.queued; i++) {
			const struct node *node = &script.nodes[truth.queue[i]];
			bytes += node->address % 1000;
		}
		LIMITS_ENTER(&script.target.limits);
		assert_null(discover_and_tally(&script.runtime, &tally, &notes));
		if (tally.sound) {
			assert_int_equal(tally.rows[0].count, truth.queued);
			assert_int_equal(tally.rows[0].bytes, bytes);
			for (size_t i = 1; i < tally.count; i++)
				assert_int_equal(tally.rows[i].count, 0);
			sound++;
		}
		tally_deinit(&tally);
		notes_deinit(&notes);
		truth_deinit(&truth);
		script_deinit(&script);
	}
	assert_in_range(sound, 40, 299); /* others are damaged */
}

/* What looks like an object, is guessed to be one, and refers to none does no harm; one on a list does. */
static void tallies_do_without_doubtful_damage(void **state __attribute__((unused)))
{
	for (unsigned int certain = 0; certain < 2; certain++) {
		struct script script;
		struct tally tally = { 0 };
		struct notes notes = { 0 };
		script_init(&script);
		script.nodes = calloc(3, sizeof(*script.nodes));
		script.node_count = 3;
		for (size_t i = 0; i < 3; i++)
			script.nodes[i] = (struct node){ .address = 0x10000 + 64 * i, .times = 1, .refcount = 1, .first = i, .count = i < 2 };
		script.nodes[0].flags = LISTED | TRACKED;
		script.nodes[2].flags = DAMAGED;
		add_reference(&script, script.nodes[1].address | (certain ? 0 : RUNTIME_GUESSED));
		add_reference(&script, script.nodes[2].address);
		assert_null(discover_and_tally(&script.runtime, &tally, &notes));
		assert_int_equal(tally.sound, !certain);
		if (tally.sound)
			assert_int_equal(tally.rows[0].count, 2);
		for (size_t i = 1; i < tally.count; i++)
			assert_int_equal(tally.rows[i].count, 0);
		tally_deinit(&tally);
		notes_deinit(&notes);
		script_deinit(&script);
	}
}

/* Objects first, references later, as a session may want them. */
static void the_parts_are_the_whole(void **state __attribute__((unused)))
{
	struct script script;
	struct truth truth;
	struct heap heap;
	struct graph graph;
	struct notes notes = { 0 };
	random_script(&script, 10);
	truth_init(&truth, &script);
	assert_null(graph_find_objects(&script.runtime, &heap, &graph, &notes));
	assert_null(heap_fill(&heap));
	check_objects(&truth, &heap);
	assert_null(heap_find_sizes(&heap, &notes));
	for (size_t id = 0; id < heap.count; id++) {
		assert_int_equal(heap.size[id], heap.address[id] % 1000);
		assert_int_equal(heap.size[id], heap_size_of(&heap, (uint32_t)id));
	}
	assert_null(graph_find_references(&graph, &notes));
	check_objects(&truth, &heap);
	assert_int_equal(graph.dangling, check_references(&truth, &graph));
	graph_deinit(&graph);
	heap_deinit(&heap);
	notes_deinit(&notes);
	truth_deinit(&truth);
	script_deinit(&script);
}

static void labels_belong_to_the_edges(void **state __attribute__((unused)))
{
	struct script script;
	struct heap heap;
	struct graph graph;
	struct notes notes = { 0 };
	struct runtime_references references = { 0 };
	random_script(&script, 20);
	assert_null(graph_build(&script.runtime, &heap, &graph, &notes));
	for (uint32_t id = 0; id < heap.count; id++) {
		size_t count;
		const uint32_t *edges = graph_edges(&graph, id, &count);
		const struct node *node = find_node(&script, heap.address[id]);
		assert_null(graph_labels(&graph, id, &references));
		assert_int_equal(references.count, count);
		for (size_t i = 0; i < count; i++) {
			uint64_t reference = heap.address[edge_target(edges[i])] | edge_flags(edges[i]);
			assert_true(references.items[i] == reference);
			assert_true(script.references[node->first + references.labels[i].value] == reference);
		}
	}
	runtime_references_deinit(&references);
	graph_deinit(&graph);
	heap_deinit(&heap);
	notes_deinit(&notes);
	script_deinit(&script);
}

/* @count nodes side by side from @address on, of which the first is listed. */
static void script_row(struct script *script, uint64_t address, uint64_t distance, size_t count)
{
	script_init(script);
	script->nodes = calloc(count, sizeof(*script->nodes));
	script->node_count = count;
	for (size_t i = 0; i < count; i++)
		script->nodes[i] = (struct node){ .address = address + distance * i, .times = 1 };
	script->nodes[0].flags = LISTED;
}

static void refer(struct script *script, size_t from, uint64_t reference)
{
	struct node *node = &script->nodes[from];
	if (!node->count)
		node->first = script->reference_count;
	add_reference(script, reference);
	node->count++;
}

/* The worst order for a search by regions: each object leads to one in another region, backwards. */
static void a_chain_through_all_regions(void **state __attribute__((unused)))
{
	enum { COUNT = 200000, REGIONS = 50 };
	struct script script;
	struct heap heap;
	struct graph graph;
	struct notes notes = { 0 };
	script_row(&script, 0x10000000, 256, COUNT);
	/* from place to place: 0, COUNT - 1, COUNT - 1 - COUNT / REGIONS ... */
	size_t at = 0, visited = 1;
	bool *seen = calloc(COUNT, sizeof(*seen));
	seen[0] = true;
	for (; visited < COUNT; visited++) {
		size_t next = (at + COUNT - COUNT / REGIONS) % COUNT;
		while (seen[next])
			next = (next + COUNT - 1) % COUNT;
		seen[next] = true;
		refer(&script, at, script.nodes[next].address);
		at = next;
	}
	free(seen);
	for (workers_limit = 1; workers_limit <= 2; workers_limit++) {
		assert_null(graph_build(&script.runtime, &heap, &graph, &notes));
		assert_int_equal(heap.count, COUNT);
		assert_int_equal(graph.edge_count, COUNT - 1);
		graph_deinit(&graph);
		heap_deinit(&heap);
	}
	workers_limit = 0;
	assert_int_equal(notes.count, 0);
	script_deinit(&script);
}

/* A list of five million times the same object needs no more memory than its edges. */
static void huge_degrees(void **state __attribute__((unused)))
{
	enum { TIMES = 5000000 };
	struct script script;
	struct heap heap;
	struct graph graph;
	struct notes notes = { 0 };
	script_row(&script, 0x10000000, 64, 3);
	refer(&script, 0, script.nodes[2].address | RUNTIME_UNVISITED);
	refer(&script, 2, script.nodes[1].address);
	script.nodes[0].times = TIMES;
	assert_null(graph_build(&script.runtime, &heap, &graph, &notes));
	assert_int_equal(heap.count, 3);
	assert_int_equal(graph.edge_count, TIMES + 1);
	size_t count;
	const uint32_t *edges = graph_edges(&graph, 0, &count);
	assert_int_equal(count, TIMES);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(edges[i], 2 << EDGE_FLAG_BITS | RUNTIME_UNVISITED);
	edges = graph_edges(&graph, 2, &count);
	assert_int_equal(count, 1);
	assert_int_equal(edges[0], 1 << EDGE_FLAG_BITS);
	assert_int_equal(notes.count, 0);
	graph_deinit(&graph);
	heap_deinit(&heap);
	script_deinit(&script);
}

/* Objects of a damaged heap that have more references when they become edges than when they were counted: those of as few
 * objects as there is no room for are left out, which is said, and the others are all there. */
static void references_that_become_more(void **state __attribute__((unused)))
{
	enum { COUNT = 100, GROWING = 40, BEFORE = 3, AFTER = 5 };
	struct script script;
	struct heap heap;
	struct graph graph;
	struct notes notes = { 0 };
	script_row(&script, 0x10000000, 64, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		refer(&script, i, script.nodes[(i + 1) % COUNT].address);
		script.nodes[i].times = BEFORE;
	}
	assert_null(graph_find_objects(&script.runtime, &heap, &graph, &notes));
	script.nodes[GROWING].times = AFTER;
	assert_null(graph_find_references(&graph, &notes));
	assert_int_equal(heap.count, COUNT);
	size_t left_out = 0;
	for (uint32_t id = 0; id < COUNT; id++) {
		size_t count;
		struct runtime_references references = { 0 };
		const uint32_t *edges = graph_edges(&graph, id, &count);
		left_out += count == 0;
		assert_true(count == 0 || count == script.nodes[id].times);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(edge_target(edges[i]), (id + 1) % COUNT);
		assert_null(graph_labels(&graph, id, &references));
		assert_int_equal(references.count, count);
		runtime_references_deinit(&references);
	}
	assert_int_equal(left_out, 1);
	assert_int_equal(graph.damaged, 1);
	assert_true(notes_incomplete(&notes));
	notes_deinit(&notes);
	graph_deinit(&graph);
	heap_deinit(&heap);
	script_deinit(&script);
}

/* Arrays that overlap: every tenth of a thousand objects claims a million references, in a target of 10 MiB. Those of the
 * others are all there. The same where it is @places (0: none) that are too few: that is no damage. */
static void more_references_than(uint64_t places)
{
	enum { COUNT = 1000, TIMES = 1000000 };
	struct script script;
	script_row(&script, 0x10000000, 64, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		script.nodes[i].flags = i % 10 == 1 ? LISTED : 0;
		refer(&script, i, script.nodes[(i + 1) % COUNT].address);
		script.nodes[i].times = i % 10 ? 1 : TIMES;
	}
	script.segment.end = 10 << 20;
	script.segment.start = 0;
	/* the region of the objects counts as mapped */
	struct target_segment segments[2] = { script.segment, script.segment };
	segments[1].start = 0x10000000;
	segments[1].end = 0x10001000;
	script.target.segments = segments;
	script.target.segment_count = 2;
	size_t edges[2], cut[2];
	for (workers_limit = 1; workers_limit <= 2; workers_limit++) {
		struct heap heap;
		struct graph graph;
		struct notes notes = { 0 };
		assert_null(graph_build(&script.runtime, &heap, &graph, &notes));
		size_t limit = places ? places : (10 << 20) / 8 + (1 << 20) + 0x1000 / 8, without = 0;
		assert_true(graph.edge_count <= limit);
		assert_true(notes_incomplete(&notes));
		assert_int_equal(notes.count, 1);
		assert_non_null(strstr(notes.items[0].text, places ? "more than 1300000 references, which is as many as"
								   : "more references than the target has memory for"));
		assert_true(heap.count <= COUNT && heap.count > COUNT * 9 / 10);
		for (uint32_t id = 0; id < heap.count; id++) {
			size_t count;
			const struct node *node = find_node(&script, heap.address[id]);
			struct runtime_references references = { 0 };
			graph_edges(&graph, id, &count);
			without += count == 0;
			if (count == 0) {
				assert_null(graph_labels(&graph, id, &references));
				assert_int_equal(references.count, 0);
			}
			assert_true(count == node->times || (count == 0 && node->times > 1));
		}
		edges[workers_limit - 1] = graph.edge_count;
		cut[workers_limit - 1] = without;
		graph_deinit(&graph);
		heap_deinit(&heap);
		notes_deinit(&notes);
	}
	assert_int_equal(edges[0], edges[1]);
	assert_int_equal(cut[0], cut[1]);
	workers_limit = 0;
	script_deinit(&script);
}

static void more_references_than_memory(void **state __attribute__((unused)))
{
	more_references_than(0);
}

static void more_references_than_places(void **state __attribute__((unused)))
{
	assert_int_equal(graph_limits.places, UINT32_MAX);
	graph_limits.places = 1300000;
	more_references_than(graph_limits.places);
	graph_limits.places = UINT32_MAX;
}

static void too_many_objects(void **state __attribute__((unused)))
{
	enum { COUNT = 1000 };
	assert_int_equal(GRAPH_OBJECTS_MAX, 1 << 29);
	assert_int_equal(graph_limits.objects, GRAPH_OBJECTS_MAX - 1);
	for (int listed = 0; listed < 2; listed++) {
		struct script script;
		struct heap heap;
		struct graph graph;
		struct notes notes = { 0 };
		script_row(&script, 0x10000000, 4096, COUNT);
		for (size_t i = 0; i + 1 < COUNT; i++) {
			script.nodes[i].flags |= listed ? LISTED : 0;
			refer(&script, i, script.nodes[i + 1].address);
		}
		graph_limits.objects = COUNT;
		assert_null(graph_build(&script.runtime, &heap, &graph, &notes));
		assert_int_equal(heap.count, COUNT);
		graph_deinit(&graph);
		heap_deinit(&heap);
		graph_limits.objects = COUNT - 1 - (size_t)listed;
		struct inspect_error *error = graph_build(&script.runtime, &heap, &graph, &notes);
		assert_non_null(error);
		assert_int_equal(inspect_error_kind(error), INSPECT_ERROR_CORRUPT);
		assert_non_null(strstr(inspect_error_message(error), listed ? "more than 998 objects" : "more than 999 objects"));
		inspect_error_destroy(error);
		assert_null(heap.address);
		assert_null(graph.edges);
		graph_limits.objects = GRAPH_OBJECTS_MAX - 1;
		script_deinit(&script);
	}
}

/* Cancelled at each of the calls that ask whether to go on. */
static void can_be_cancelled_anywhere(void **state __attribute__((unused)))
{
	struct script script;
	bool finished = false;
	size_t cancelled = 0;
	random_script(&script, 30);
	for (uint64_t at = 1; !finished; at++) {
		struct heap heap;
		struct graph graph;
		struct notes notes = { 0 };
		workers_limit = 1 + at % 2;
		script.cancel_at = at;
		script.progress_calls = 0;
		LIMITS_ENTER(&script.target.limits);
		struct inspect_error *error = graph_build(&script.runtime, &heap, &graph, &notes);
		finished = !error;
		if (error) {
			cancelled++;
			assert_int_equal(inspect_error_kind(error), INSPECT_ERROR_CANCELLED);
			inspect_error_destroy(error);
		} else {
			graph_deinit(&graph);
			heap_deinit(&heap);
		}
		notes_deinit(&notes);
	}
	assert_true(cancelled > 2);
	workers_limit = 0;
	script_deinit(&script);
}

/* The runtime's errors come through, whichever worker meets them. */
static void errors_end_it(void **state __attribute__((unused)))
{
	static const char *const operations[] = { "walk", "roots", "examine", "references" };
	struct script script;
	random_script(&script, 40);
	assert_true(script.root_count > 0);
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++) {
		bool finished = false;
		size_t failed = 0;
		for (int at = 0; !finished && at < 40; at++) {
			struct heap heap;
			struct graph graph;
			struct notes notes = { 0 };
			script.fail_in = operations[i];
			script.fail_at = at;
			workers_limit = 1 + (unsigned int)at % 3;
			struct inspect_error *error = graph_build(&script.runtime, &heap, &graph, &notes);
			finished = !error;
			if (error) {
				failed++;
				assert_string_equal(inspect_error_message(error), "made to fail");
				inspect_error_destroy(error);
			} else {
				graph_deinit(&graph);
				heap_deinit(&heap);
			}
			notes_deinit(&notes);
		}
		assert_true(failed > 0);
	}
	workers_limit = 0;
	script_deinit(&script);
}

static void debuggers_are_asked_by_one_thread(void **state __attribute__((unused)))
{
	struct script script;
	random_script(&script, 50);
	workers_limit = 4;
	for (int debugger = 0; debugger < 2; debugger++) {
		struct heap heap;
		struct graph graph;
		struct notes notes = { 0 };
		script.target.kind = debugger ? TARGET_DEBUGGER : TARGET_CORE;
		script.strangers = 0;
		assert_null(graph_build(&script.runtime, &heap, &graph, &notes));
		if (debugger)
			assert_int_equal(script.strangers, 0);
		graph_deinit(&graph);
		heap_deinit(&heap);
		notes_deinit(&notes);
	}
	workers_limit = 0;
	script_deinit(&script);
}

/* With less and less memory: the graph, or an error that says so. */
static void does_without_memory(void **state __attribute__((unused)))
{
	if (getenv("LIBINSPECT_SANITIZED"))
		skip();
	enum { COUNT = 1000 };
	struct script script;
	script_row(&script, 0x10000000, 512 << 10, COUNT);
	for (size_t i = 0; i < COUNT; i++)
		for (size_t j = 0; j < 50; j++)
			refer(&script, i, script.nodes[(i * j + 1) % COUNT].address);
	size_t refused = 0, built = 0;
	for (size_t step = 0; step < 60; step++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			struct heap heap;
			struct graph graph;
			struct notes notes = { 0 };
			struct rlimit limit = { 0, 0 };
			script.owner = pthread_self();
			malloc_trim(0);
			FILE *status = fopen("/proc/self/statm", "r");
			unsigned long pages = 0;
			if (!status || fscanf(status, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
				_exit(99);
			limit.rlim_cur = limit.rlim_max = pages * 4096 + step * 700000;
			workers_limit = 1 + step % 2;
			setrlimit(RLIMIT_DATA, &limit);
			struct inspect_error *error = graph_build(&script.runtime, &heap, &graph, &notes);
			if (error)
				_exit(inspect_error_kind(error) == INSPECT_ERROR_NO_MEMORY ? 1 : 98);
			error = graph_reverse(&graph);
			_exit(error ? inspect_error_kind(error) == INSPECT_ERROR_NO_MEMORY ? 1 : 97 : 0);
		}
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_in_range(WEXITSTATUS(status), 0, 1);
		refused += WEXITSTATUS(status) == 1;
		built += WEXITSTATUS(status) == 0;
	}
	assert_true(refused > 0);
	assert_true(built > 0);
	script_deinit(&script);
}

static void nothing_at_all(void **state __attribute__((unused)))
{
	struct script script;
	struct heap heap;
	struct graph graph;
	struct notes notes = { 0 };
	script_init(&script);
	assert_null(graph_build(&script.runtime, &heap, &graph, &notes));
	assert_int_equal(heap.count + graph.edge_count + graph.roots.count + notes.count, 0);
	check_reverse(&graph);
	graph_deinit(&graph);
	heap_deinit(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_graphs_are_found_by_any_number_of_workers),
		cmocka_unit_test(tallies_are_true_or_unsound),
		cmocka_unit_test(tallies_do_without_doubtful_damage),
		cmocka_unit_test(the_parts_are_the_whole),
		cmocka_unit_test(labels_belong_to_the_edges),
		cmocka_unit_test(a_chain_through_all_regions),
		cmocka_unit_test(huge_degrees),
		cmocka_unit_test(references_that_become_more),
		cmocka_unit_test(more_references_than_memory),
		cmocka_unit_test(more_references_than_places),
		cmocka_unit_test(too_many_objects),
		cmocka_unit_test(can_be_cancelled_anywhere),
		cmocka_unit_test(errors_end_it),
		cmocka_unit_test(debuggers_are_asked_by_one_thread),
		cmocka_unit_test(does_without_memory),
		cmocka_unit_test(nothing_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
