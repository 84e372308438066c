/* SPDX-License-Identifier: MIT */
/*
 * unheld.c - finding those tracked objects alone that may be unreachable.
 *
 * What a collection finds reachable is held by something that it does not look at, or by what is reachable. So it is enough
 * to know of some objects that they are reachable, the starts: what tracked objects lead to from there is reachable, too. All
 * others that are listed are the rest. No reference from the first kind leads to the rest, or that would be of the first kind;
 * so which of the rest are reachable is a matter of the rest alone, and the others' references need not be kept.
 *
 * Starts are what roots hold. A collector sees that from the reference count: it must be more than what tracked objects hold,
 * which is counted on the way, or this way leads nowhere. The same if what the rest hold of the others is all that these count.
 */
#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "graph/search.h"

/* ---- starts ----------------------------------------------------------------------------------------- */

static int compare_starts(const void *a, const void *b)
{
	const struct start *one = a, *other = b;
	return (one->address > other->address) - (one->address < other->address);
}

void unheld_sort_starts(struct unheld *unheld)
{
	if (unheld->start_count)
		qsort(unheld->starts, unheld->start_count, sizeof(struct start), compare_starts);
}

/* Counts a reference of a tracked object to a start. */
static void count_start(const struct unheld *unheld, uint64_t address)
{
	const struct start wanted = { .address = address };
	struct start *start = bsearch(&wanted, unheld->starts, unheld->start_count, sizeof(wanted), compare_starts);
	if (start)
		__atomic_fetch_add(&start->references, 1, __ATOMIC_RELAXED);
}

/* What discovery_meet() does where the unheld are searched for, with what a tracked object refers to. What its traverse
 * function passes over does not count. What is guessed, or visited without being held, must make no difference
 * (accept_guesses()): neither keep something reachable, which may be freed all the same, nor be what is subtracted from a
 * start. */
bool unheld_meet_held(struct discovery *discovery, uint64_t reference)
{
	uint64_t address = reference & ~RUNTIME_REFERENCE_FLAGS;
	if (!address || address >= ADDRESS_LIMIT || reference & RUNTIME_UNVISITED)
		return false;
	struct index_region *region = discovery_region(discovery, address);
	if (!region)
		return false;
	if (discovery_has_bit(&region->search->starts, address))
		count_start(discovery->unheld, address);
	if (!(reference & (RUNTIME_GUESSED | RUNTIME_UNCOUNTED)))
		return discovery_mark(discovery, region, address);
	discovery_guess(discovery, region, address);
	return false;
}

/* ---- borders ---------------------------------------------------------------------------------------- */

/* Moves what is counted at @border to the list. False when out of memory. */
static bool put_away(struct borders *borders, struct border *border)
{
	if (!border->references)
		return true;
	if (!array_reserve(borders->items, borders->count, borders->capacity))
		return false;
	borders->items[borders->count++] = *border;
	*border = (struct border){ 0 };
	return true;
}

/* Counts a reference of one of the rest to the object at @address, which is held. Most lead to a few. */
static void count_border(struct searcher *searcher, uint64_t address)
{
	size_t place = (address * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (BORDERS_AT_HAND - 1);
	struct border *border = &searcher->at_hand[place];
	if (border->address != address && !put_away(&searcher->borders, border))
		return discovery_fail(searcher->discovery, &inspect_error_no_memory);
	border->address = address;
	border->references++;
}

bool unheld_join(struct searcher *searcher)
{
	struct borders *all = &searcher->discovery->unheld->borders;
	bool enough = true;
	for (size_t i = 0; i < BORDERS_AT_HAND && enough; i++)
		enough = put_away(all, &searcher->at_hand[i]);
	for (size_t i = 0; i < searcher->borders.count && enough; i++)
		enough = put_away(all, &searcher->borders.items[i]);
	return enough;
}

bool unheld_is_held(struct searcher *searcher, uint64_t reference)
{
	const struct unheld *unheld = searcher->discovery->unheld;
	uint64_t address = reference & ~RUNTIME_REFERENCE_FLAGS;
	const struct index_region *region = index_region_at(&unheld->held, address);
	if (!region || !(region->bits[region_word(address)] >> region_bit(address) & 1))
		return false;
	if (searcher->tracked && !(reference & RUNTIME_UNVISITED) && discovery_has_bit(&region->search->starts, address))
		count_start(unheld, address);
	if (!(reference & RUNTIME_UNCOUNTED))
		count_border(searcher, address);
	return true;
}

static int compare_borders(const void *a, const void *b)
{
	const struct border *one = a, *other = b;
	return (one->address > other->address) - (one->address < other->address);
}

/* Has each object that is held more references than the rest have to it? Else its count is wrong, and it would be freed with
 * them. */
static struct inspect_error *check_borders(const struct discovery *discovery, bool *sound)
{
	struct runtime *runtime = discovery->runtime;
	struct borders *borders = &discovery->unheld->borders;
	if (borders->count)
		qsort(borders->items, borders->count, sizeof(*borders->items), compare_borders);
	for (size_t i = 0, next; i < borders->count && *sound; i = next) {
		uint64_t references = 0;
		int64_t refcount = 0;
		uint8_t flags = 0;
		const struct runtime_columns columns = { .refcount = &refcount, .flags = &flags };
		for (next = i; next < borders->count && borders->items[next].address == borders->items[i].address; next++)
			references += borders->items[next].references;
		struct inspect_error *error = runtime->operations->examine(runtime, &borders->items[i].address, 1, &columns);
		if (!error)
			error = progress_each("looking for garbage", i, borders->count);
		if (error)
			return error;
		*sound = flags & RUNTIME_IMMORTAL || refcount > (int64_t)references;
	}
	return NULL;
}

/* ---- roots ------------------------------------------------------------------------------------------ */

/* What a root holds for certain is held; if it is tracked, it is a start. (A running frame may be untracked up to 3.10: what is
 * only guessed to be on its stack does not come off with garbage that leads to it.) */
struct inspect_error *unheld_note_root(struct discovery *discovery, uint64_t reference, enum runtime_root_kind kind)
{
	struct runtime *runtime = discovery->runtime;
	struct unheld *unheld = discovery->unheld;
	uint64_t address = reference & ~RUNTIME_REFERENCE_FLAGS;
	uint8_t flags = 0;
	const struct runtime_columns columns = { .flags = &flags };
	bool certain = kind == RUNTIME_ROOT_INTERPRETER || kind == RUNTIME_ROOT_FRAME || kind == RUNTIME_ROOT_THREAD;
	if (!certain || reference & (RUNTIME_GUESSED | RUNTIME_UNCOUNTED) || address >= ADDRESS_LIMIT)
		return NULL;
	struct inspect_error *error = runtime->operations->examine(runtime, &address, 1, &columns);
	if (error || flags & RUNTIME_DAMAGED)
		return error;
	struct index_region *region = discovery_region(discovery, address);
	if (!region || discovery_has_bit(&region->search->starts, address))
		return discovery->error ? &inspect_error_no_memory : NULL;
	if (!(flags & RUNTIME_TRACKED)) {
		discovery->objects += discovery_mark(discovery, region, address);
		return discovery->error ? &inspect_error_no_memory : NULL;
	}
	if (!array_reserve(unheld->starts, unheld->start_count, unheld->start_capacity))
		return &inspect_error_no_memory;
	unheld->starts[unheld->start_count++] = (struct start){ .address = address };
	discovery_set_bit(discovery, &region->search->starts, address);
	discovery->objects += discovery_mark(discovery, region, address);
	return NULL;
}

/* ---- visiting ---------------------------------------------------------------------------------------- */

/* Moves those of the batch's @count objects from number @from on to its front that are tracked, or are not. */
static size_t choose_tracked(struct searcher *searcher, size_t from, size_t count, bool tracked)
{
	size_t kept = from;
	for (size_t i = from; i < count; i++) {
		if (((searcher->flags[i] & RUNTIME_TRACKED) != 0) != tracked)
			continue;
		uint64_t address = searcher->addresses[i];
		uint32_t type = searcher->types[i];
		uint8_t flags = searcher->flags[i];
		searcher->addresses[i] = searcher->addresses[kept];
		searcher->types[i] = searcher->types[kept];
		searcher->flags[i] = searcher->flags[kept];
		searcher->addresses[kept] = address;
		searcher->types[kept] = type;
		searcher->flags[kept++] = flags;
	}
	return kept;
}

/* Lets those of the batch's @count objects that are in a permanent generation be untracked: a collection does not look at
 * them. */
static void pass_over_permanent(struct searcher *searcher, size_t count)
{
	const struct unheld *unheld = searcher->discovery->unheld;
	const struct index_region *held = searcher->region;
	if (unheld->rest)
		held = index_region_at(&unheld->held, searcher->addresses[0]);
	/* what it says of permanent objects is known, though it may still grow */
	const struct region_list *list = held ? __atomic_load_n(&held->list, __ATOMIC_ACQUIRE) : NULL;
	for (size_t i = 0; list && i < count; i++)
		if (listed_permanent(list, region_word(searcher->addresses[i])) >> region_bit(searcher->addresses[i]) & 1)
			searcher->flags[i] &= (uint8_t)~RUNTIME_TRACKED;
}

/* Where the unheld are searched for: what is held is followed over what the collector visits; what is not, over all. */
void unheld_visit(struct searcher *searcher, size_t count)
{
	const uint8_t unusual = RUNTIME_DAMAGED | RUNTIME_COLLECTING | RUNTIME_UNREACHABLE;
	struct unheld *unheld = searcher->discovery->unheld;
	size_t scanned = 0;
	for (size_t i = 0; i < count; i++) {
		if (searcher->flags[i] & unusual)
			return discovery_find_unsound(searcher->discovery);
		scanned += searcher->flags[i] & RUNTIME_TRACKED && searcher->flags[i] & RUNTIME_SCANNED;
	}
	if (scanned && unheld->rest)
		return discovery_find_unsound(searcher->discovery);
	__atomic_fetch_add(&unheld->scanned, scanned, __ATOMIC_RELAXED);
	searcher_claim(searcher, count);
	pass_over_permanent(searcher, count);
	size_t tracked = choose_tracked(searcher, 0, count, true);
	searcher->tracked = true;
	if (tracked)
		searcher_follow(searcher, searcher->addresses, searcher->types, tracked);
	searcher->tracked = false;
	if (searcher->discovery->unheld->rest && tracked < count)
		searcher_follow(searcher, searcher->addresses + tracked, searcher->types + tracked, count - tracked);
}

/* ---- together ---------------------------------------------------------------------------------------- */

/* Begins a region of what is left with the listed objects of @held that are not held. False when out of memory. */
static bool begin_rest_region(struct discovery *discovery, const struct index_region *held)
{
	struct index_region *region = NULL;
	for (size_t word = 0; word < REGION_WORDS; word++) {
		uint64_t left = held->list->listed[word] & ~held->bits[word] & ~listed_permanent(held->list, word);
		for (uint64_t bits = left; bits; bits &= bits - 1) {
			uint64_t address = granule_address(held, word, __builtin_ctzll(bits));
			if (!region && !(region = discovery_add_region(discovery, address)))
				return false;
			discovery->objects += discovery_mark(discovery, region, address);
		}
	}
	return true;
}

/* Lets regions of what is left know what the lists say of them. */
static void share_lists(struct discovery *discovery)
{
	for (size_t i = 0; i < discovery->index->count; i++) {
		struct index_region *region = discovery->index->regions[i];
		const struct index_region *held = index_region_at(&discovery->unheld->held, region->number << REGION_SHIFT);
		region->list = held ? held->list : NULL;
	}
}

/* Goes on with what is listed and not held, and what that leads to. */
static void find_rest(struct discovery *discovery)
{
	const struct address_index *held = &discovery->unheld->held;
	discovery->visited = discovery->references = discovery->objects = 0;
	discovery->doubt = discovery->guesses = false;
	for (size_t i = 0; i < held->count && !discovery->error; i++)
		if (held->regions[i]->list && !begin_rest_region(discovery, held->regions[i]))
			return;
	discovery_find_more(discovery);
	share_lists(discovery);
}

/* Is each start held by something else than tracked objects? */
static struct inspect_error *check_starts(const struct discovery *discovery, bool *sound)
{
	struct runtime *runtime = discovery->runtime;
	const struct unheld *unheld = discovery->unheld;
	for (size_t i = 0; i < unheld->start_count && *sound; i++) {
		int64_t refcount = 0;
		uint8_t flags = 0;
		const struct runtime_columns columns = { .refcount = &refcount, .flags = &flags };
		struct inspect_error *error =
			runtime->operations->examine(runtime, &unheld->starts[i].address, 1, &columns);
		if (error)
			return error;
		*sound = flags & RUNTIME_IMMORTAL || refcount > (int64_t)unheld->starts[i].references;
	}
	return NULL;
}

/* Nothing is known to be in the way? */
static bool may_search_unheld(const struct runtime *runtime)
{
	return runtime->collector_count == 1 && runtime->collectors[0].collecting == 0;
}

static struct inspect_error *find_unheld(struct discovery *discovery, struct address_index *index, bool *sound_ret)
{
	struct unheld *unheld = discovery->unheld;
	discovery_run(discovery, discovery_find_all);
	unheld->rest = true;
	discovery->index = index;
	if (!discovery_is_stopped(discovery))
		discovery_run(discovery, find_rest);
	*sound_ret = !discovery->error && !discovery->unsound && !discovery->too_many_references &&
		     discovery_lists_are_true(discovery, &unheld->held, index) && discovery_lists_are_true(discovery, index, &unheld->held);
	struct inspect_error *error = *sound_ret ? check_starts(discovery, sound_ret) : discovery->error;
	return error || !*sound_ret ? error : check_borders(discovery, sound_ret);
}

struct inspect_error *discover_unheld(struct runtime *runtime, struct address_index *index, size_t *count_ret,
				      struct listed_objects *listed, struct notes *notes, size_t *scanned_ret,
				      bool *sound_ret)
{
	struct unheld unheld = { 0 };
	struct graph_roots roots = { 0 };
	struct discovery discovery = {
		.runtime = runtime,
		.index = &unheld.held,
		.listed = listed,
		.roots = &roots,
		.notes = notes,
		.unheld = &unheld,
		.sink.add = discovery_note_listed,
		.root_sink.add = discovery_note_root,
		.references_limit = discovery_references_limit(runtime->target),
	};
	*listed = (struct listed_objects){ 0 };
	*sound_ret = false;
	*scanned_ret = 0;
	if (!index_init(index))
		return &inspect_error_no_memory;
	struct inspect_error *error = NULL;
	if (!index_init(&unheld.held))
		error = &inspect_error_no_memory;
	else if (may_search_unheld(runtime))
		error = find_unheld(&discovery, index, sound_ret);
	discovery_free_searches(&unheld.held);
	discovery_free_searches(index);
	slab_deinit(&discovery.slab);
	index_deinit(&unheld.held);
	free(unheld.starts);
	free(unheld.borders.items);
	*scanned_ret = unheld.scanned;
	if (!error && *sound_ret && !index_seal(index, count_ret))
		error = &inspect_error_no_memory;
	return error;
}
