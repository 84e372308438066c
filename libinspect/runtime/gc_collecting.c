/* SPDX-License-Identifier: MIT */
/*
 * gc_collecting.c - the lists of a heap that was caught in the middle of a collection, at any instruction.
 *
 * What a collection does to lists (CPython: gc_collect_main() and what it calls, Modules/gcmodule.c and
 * Python/gc.c): it moves objects one by one, or whole lists, to lists that begin in its own variables. Backward
 * links hold counts for a while, or are left as they were; some links have flags. But the collector itself needs to
 * find the objects again: at every instruction each one is reached by following links *forward* from one of
 *   - the heads of the generations,
 *   - an address of its head that stands in the collector's variables or registers. That is so of the first object of
 *     each list on the stack, whose head holds it, and of one that has left its list and is not in the next yet: who
 *     has it in hand must know where it is.
 * So no head of a list needs to be recognised. Each word of each thread's stack and registers is tried: where it
 * leads to an object that says of itself that it is tracked and that no list has had, the links are followed from
 * there. That finds no object that is none: a tracked object is on some list. A chain ends
 *   - at the head of a list in a collector's state, or at an address on a stack: a head of the collector's own;
 *   - at an object that came before: where two lists meet while one is being moved to the other.
 * Anything else is damage, and is told. What is left over on a stack from calls that have returned leads to objects
 * that came before, or to none.
 *
 * An object comes once, whatever leads to it; each is looked at once, so that no damage makes this endless.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/address_set.h"
#include "base/array.h"
#include "base/error.h"
#include "runtime/gc_list.h"
#include "target/threads.h"

enum { WORD = sizeof(uint64_t) };

/* A part of the address space that is in use as a stack. */
struct stack {
	uint64_t start, end;
};

/* A heap in the middle of a collection. */
struct caught {
	const struct gc_heap *heap;
	struct runtime_sink *sink;
	struct notes *notes;
	struct address_set seen; /* heads of objects that have been sent */

	struct stack *stacks; /* ascending, without overlaps */
	size_t stack_count, stack_capacity;
	size_t unseen_threads; /* whose stack or registers are not there */

	const struct gc_lists *owner; /* who collects: what is found on stacks is its */
	uint64_t *heads;              /* addresses on stacks that chains have ended at */
	size_t head_count, head_capacity;
	struct address_set known_heads;
	uint64_t found;       /* objects that only stacks lead to */
	uint64_t broken;      /* chains from there that break */
	char *first_problem;
};

/* ---- stacks ---------------------------------------------------------------------------------------- */

static int compare_stacks(const void *left, const void *right)
{
	const struct stack *a = left, *b = right;
	return (a->start > b->start) - (a->start < b->start);
}

/* Joins those that overlap, as they do in a damaged target alone: none is searched twice. */
static void join_stacks(struct caught *caught)
{
	size_t kept = 0;
	qsort(caught->stacks, caught->stack_count, sizeof(*caught->stacks), compare_stacks);
	for (size_t i = 0; i < caught->stack_count; i++) {
		const struct stack next = caught->stacks[i];
		struct stack *last = kept ? &caught->stacks[kept - 1] : NULL;
		if (!last || next.start > last->end)
			caught->stacks[kept++] = next;
		else if (next.end > last->end)
			last->end = next.end;
	}
	caught->stack_count = kept;
}

static bool is_whole(struct inspect_target *target, const struct stack *stack)
{
	return stack->end >= stack->start && target_has(target, stack->start, stack->end - stack->start);
}

static struct inspect_error *find_stacks(struct caught *caught)
{
	struct inspect_target *target = caught->heap->target;
	for (size_t i = 0; i < target->thread_count; i++) {
		struct stack stack;
		struct thread_register registers[THREAD_REGISTERS];
		if (!thread_stack(target, &target->threads[i], &stack.start, &stack.end) || !is_whole(target, &stack) ||
		    !thread_registers(target, &target->threads[i], registers)) {
			caught->unseen_threads++;
			continue;
		}
		if (!array_reserve(caught->stacks, caught->stack_count, caught->stack_capacity))
			return &inspect_error_no_memory;
		caught->stacks[caught->stack_count++] = stack;
		caught->unseen_threads += thread_stack_is_cut(&target->threads[i], stack.end);
	}
	if (caught->stack_count)
		join_stacks(caught);
	return NULL;
}

static bool is_on_stack(const struct caught *caught, uint64_t address)
{
	size_t low = 0, high = caught->stack_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (caught->stacks[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < caught->stack_count && address >= caught->stacks[low].start;
}

/* ---- chains ---------------------------------------------------------------------------------------- */

/* A walk along links. */
struct chain {
	const struct gc_lists *owner;
	struct gc_list list;    /* its generation, and the head that it begins at; 0: in the middle of somewhere */
	uint64_t first;         /* the first object's head */
	uint64_t before, node;  /* the one that was taken last, and the next one */
	uint64_t count;         /* how many have been passed */
	bool ended;
	char *problem;
};

static void chain_break(struct chain *chain, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void chain_break(struct chain *chain, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	if (vasprintf(&chain->problem, format, arguments) < 0)
		chain->problem = NULL;
	va_end(arguments);
	chain->ended = true;
}

static bool is_generation(const struct gc_heap *heap, uint64_t head)
{
	for (size_t i = 0; i < heap->collector_count; i++)
		for (size_t j = 0; j < heap->collectors[i].count; j++)
			if (heap->collectors[i].items[j].head == head)
				return true;
	return false;
}

/* Remembers that a list begins at @head on a stack. */
static struct inspect_error *add_head(struct caught *caught, uint64_t head)
{
	bool added;
	if (!address_set_add(&caught->known_heads, head, &added) ||
	    !array_reserve(caught->heads, caught->head_count, caught->head_capacity))
		return &inspect_error_no_memory;
	if (added)
		caught->heads[caught->head_count++] = head;
	return NULL;
}

/* Has the chain passed its next node already? */
static bool leads_to_itself(const struct caught *caught, const struct chain *chain)
{
	uint64_t node = chain->first;
	for (uint64_t i = 0; i < chain->count; i++) {
		if (node == chain->node)
			return true;
		gc_head_next(caught->heap, node, &node);
	}
	return false;
}

/* Is the next node one that ends the chain? */
static struct inspect_error *look_for_end(struct caught *caught, struct chain *chain)
{
	if (is_generation(caught->heap, chain->node)) {
		chain->ended = true;
	} else if (is_on_stack(caught, chain->node)) {
		chain->ended = true;
		return add_head(caught, chain->node);
	} else if (address_set_has(&caught->seen, chain->node)) {
		chain->ended = true;
		if (leads_to_itself(caught, chain))
			chain_break(chain, "the list runs in a circle through 0x%" PRIx64, chain->node);
	}
	return NULL;
}

/* Is the next node, which leads nowhere, one that a program is about to put to the end of the list? Then the list has been
 * told of it, and not yet where it ends: _PyObject_GC_TRACK(), internal/pycore_object.h, of 3.8 and later. */
static bool is_being_appended(const struct caught *caught, const struct chain *chain)
{
	const struct gc_links *links = &caught->heap->links;
	uint64_t last;
	struct inspect_error *error INSPECT_ERROR_AUTO = NULL;
	if (!chain->list.head || !links->has_previous)
		return false;
	error = target_read_u64(caught->heap->target, chain->list.head + links->previous, &last);
	return !error && (last & links->previous_mask) == chain->before;
}

/* An object of a generation's list may be damaged, and is shown so; but if no stack is known, what seems to be one may be
 * the head of a list. Nothing is taken for an object by what a stack says without being one. */
static bool is_taken(const struct caught *caught, const struct chain *chain)
{
	bool believed = chain->list.head && caught->stack_count;
	return believed || caught->heap->is_tracked(caught->heap->context, chain->node + caught->heap->links.head_size, true);
}

/* Takes the next node, if it is one. */
static struct inspect_error *take(struct caught *caught, struct chain *chain)
{
	const struct gc_heap *heap = caught->heap;
	uint64_t node = chain->node, next;
	if (node % WORD || node == 0 || !gc_head_next(heap, node, &next)) {
		chain_break(chain, "the link after 0x%" PRIx64 " is 0x%" PRIx64 ", no address of an object", chain->before, node);
		return NULL;
	}
	if (next == 0 && is_being_appended(caught, chain)) {
		chain->ended = true;
		return NULL;
	}
	bool taken = is_taken(caught, chain);
	if (!taken && !chain->list.head) {
		chain_break(chain, "the link after 0x%" PRIx64 " is 0x%" PRIx64 ", where there is no tracked object",
			    chain->before, node);
		return NULL;
	}
	if (!address_set_add(&caught->seen, node, NULL))
		return &inspect_error_no_memory;
	chain->first = chain->count++ ? chain->first : node;
	chain->before = node;
	chain->node = next;
	struct inspect_error *error = NULL;
	if (taken)
		error = caught->sink->add(caught->sink, node + heap->links.head_size, chain->list.generation,
					  chain->owner->collector);
	return error ? error : gc_list_progress(caught->seen.count);
}

static struct inspect_error *chain_follow(struct caught *caught, struct chain *chain)
{
	struct inspect_error *error = NULL;
	while (!error && !chain->ended) {
		error = look_for_end(caught, chain);
		if (!error && !chain->ended)
			error = take(caught, chain);
	}
	return error;
}

/* ---- what is known: the lists in the collectors' states --------------------------------------------- */

static struct inspect_error *walk_generation(struct caught *caught, const struct gc_lists *lists,
					     const struct gc_list *list)
{
	struct chain chain = { .owner = lists, .list = *list, .before = list->head };
	if (!gc_head_next(caught->heap, list->head, &chain.node))
		chain_break(&chain, "the list's own head at 0x%" PRIx64 " cannot be read", list->head);
	struct inspect_error *error = chain_follow(caught, &chain);
	char *problem AUTO_FREE = chain.problem;
	return error || !problem ? error : gc_list_note_break(lists, list, chain.count, problem, caught->notes);
}

/* Passes on the objects of a collector that is not at work, and remembers them. */
struct remembering_sink {
	struct runtime_sink sink;
	struct caught *caught;
};

static struct inspect_error *remember(struct runtime_sink *sink, uint64_t address, unsigned int generation,
				      unsigned int collector)
{
	struct caught *caught = ((struct remembering_sink *)sink)->caught;
	if (!address_set_add(&caught->seen, address - caught->heap->links.head_size, NULL))
		return &inspect_error_no_memory;
	return caught->sink->add(caught->sink, address, generation, collector);
}

static struct inspect_error *walk_states(struct caught *caught)
{
	const struct gc_heap *heap = caught->heap;
	struct remembering_sink remembering = { .sink.add = remember, .caught = caught };
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < heap->collector_count; i++) {
		const struct gc_lists *lists = &heap->collectors[i];
		for (size_t j = 0; j < lists->count && !error; j++)
			error = lists->collecting ? walk_generation(caught, lists, &lists->items[j]) :
						    gc_list_walk(heap, lists, &lists->items[j], &remembering.sink, caught->notes);
	}
	return error;
}

/* ---- what the collector has in hand ----------------------------------------------------------------- */

/* Follows the links from @node on, to which a stack leads. */
static struct inspect_error *walk_from_stack(struct caught *caught, uint64_t place, uint64_t node)
{
	struct chain chain = {
		.owner = caught->owner, .list.generation = caught->owner->collected, .before = place, .node = node,
	};
	struct inspect_error *error = chain_follow(caught, &chain);
	caught->found += chain.count;
	if (chain.problem && caught->broken++ == 0)
		caught->first_problem = chain.problem;
	else
		free(chain.problem);
	return error;
}

/* Is there an object's head at @node, linked with a list? Memory that has been freed may look like an object, but what it
 * takes for a link leads to none. */
static bool is_linked(const struct caught *caught, uint64_t node)
{
	const struct gc_heap *heap = caught->heap;
	uint64_t next;
	if (!heap->is_tracked(heap->context, node + heap->links.head_size, false) || !gc_head_next(heap, node, &next))
		return false;
	return is_generation(heap, next) || is_on_stack(caught, next) || address_set_has(&caught->seen, next) ||
	       heap->is_tracked(heap->context, next + heap->links.head_size, true);
}

/* A word at @place on a stack, or in a register: does it point to an object or its head, or into the head? */
static struct inspect_error *look_at_word(struct caught *caught, uint64_t place, uint64_t word)
{
	const struct gc_heap *heap = caught->heap;
	uint64_t address = word & heap->links.next_mask & ~(uint64_t)(WORD - 1);
	struct inspect_error *error = NULL;
	if (address <= heap->links.head_size)
		return NULL;
	for (uint64_t inside = 0; inside <= heap->links.head_size && !error; inside += WORD) {
		uint64_t node = address - inside;
		if (!address_set_has(&caught->seen, node) && is_linked(caught, node))
			error = walk_from_stack(caught, place, node);
	}
	return error;
}

static struct inspect_error *search_stack(struct caught *caught, const struct stack *stack)
{
	struct inspect_error *error = NULL;
	for (uint64_t place = (stack->start + WORD - 1) / WORD * WORD; place + WORD <= stack->end && !error; place += WORD) {
		uint64_t word;
		struct inspect_error *lost INSPECT_ERROR_AUTO = target_read_u64(caught->heap->target, place, &word);
		error = lost ? NULL : look_at_word(caught, place, word);
	}
	return error;
}

static struct inspect_error *search_registers(struct caught *caught)
{
	const struct inspect_target *target = caught->heap->target;
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < target->thread_count; i++) {
		struct thread_register registers[THREAD_REGISTERS];
		size_t count = thread_registers(target, &target->threads[i], registers);
		for (size_t j = 0; j < count && !error; j++)
			error = look_at_word(caught, 0, registers[j].value);
	}
	return error;
}

/* Every list that a chain has ended at leads to objects that are known now, or breaks. */
static struct inspect_error *check_heads(struct caught *caught)
{
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < caught->head_count && !error; i++) {
		uint64_t head = caught->heads[i], first = 0;
		gc_head_next(caught->heap, head, &first);
		if (first != head)
			error = walk_from_stack(caught, head, first);
	}
	return error;
}

/* ---- all of it ------------------------------------------------------------------------------------- */

static struct inspect_error *note_collection(struct caught *caught, const struct gc_lists *lists)
{
	size_t threads = caught->heap->target->thread_count;
	if (!caught->stack_count)
		return notes_add(caught->notes, true,
				 "%s was in the middle of a collection: objects that the collector had moved to lists of its "
				 "own on its stack are not shown, since this target does not show stacks",
				 lists->owner);
	if (caught->unseen_threads)
		return notes_add(caught->notes, true,
				 "%s was in the middle of a collection: objects may be missing, since the collector has lists "
				 "of its own on its stack, and the stacks of %zu of %zu threads could not be searched",
				 lists->owner, caught->unseen_threads, threads);
	if (lists != caught->owner)
		return notes_add(caught->notes, true,
				 "%s was in the middle of a collection, too: objects that its collector had moved to lists of "
				 "its own on its stack count as those of %s",
				 lists->owner, caught->owner->owner);
	return notes_add(caught->notes, false,
			 "%s was in the middle of a collection: %" PRIu64 " objects are on lists of the collector's own on its "
			 "stack, and count as those of generation %u",
			 lists->owner, caught->found, lists->collected);
}

static struct inspect_error *note_all(struct caught *caught)
{
	const struct gc_heap *heap = caught->heap;
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < heap->collector_count && !error; i++)
		if (heap->collectors[i].collecting)
			error = note_collection(caught, &heap->collectors[i]);
	if (error || !caught->broken)
		return error;
	return notes_add(caught->notes, true,
			 "%" PRIu64 " of the collector's own lists on its stack break off; the first: %s", caught->broken,
			 caught->first_problem ? caught->first_problem : "out of memory");
}

static const struct gc_lists *first_collecting(const struct gc_heap *heap)
{
	const struct gc_lists *lists = heap->collectors;
	while (!lists->collecting)
		lists++;
	return lists;
}

static struct inspect_error *walk_all(struct caught *caught)
{
	struct inspect_error *error = find_stacks(caught);
	if (!error)
		error = walk_states(caught);
	for (size_t i = 0; i < caught->stack_count && !error; i++)
		error = search_stack(caught, &caught->stacks[i]);
	if (!error)
		error = search_registers(caught);
	if (!error)
		error = check_heads(caught);
	return error ? error : note_all(caught);
}

struct inspect_error *gc_collecting_walk(const struct gc_heap *heap, struct runtime_sink *sink, struct notes *notes)
{
	struct caught caught = { .heap = heap, .sink = sink, .notes = notes, .owner = first_collecting(heap) };
	struct inspect_error *error = walk_all(&caught);
	address_set_deinit(&caught.seen);
	address_set_deinit(&caught.known_heads);
	free(caught.stacks);
	free(caught.heads);
	free(caught.first_problem);
	return error;
}
