/* SPDX-License-Identifier: MIT */
/*
 * discovery.c - finding all objects.
 *
 * An object is a bit of the address index. Bits are set for the collectors' lists and the roots; then workers take
 * regions with new bits, look at their objects in the order of addresses, and set the bits of all that they refer to:
 * in this or another region, which then has new bits. When none has any, all objects are found. What turns out not to
 * be an object when it is looked at loses its bit in the end.
 *
 * What is only guessed to be a reference is put off until everything else is found, and then needs to look like an
 * object in every respect.
 *
 * Nothing here trusts a number: a reference that the target holds takes a word of its memory, so that more references
 * than it has words mean damage. Then the search begins again, in a fixed order: at first objects may have only few
 * references, and those that claim more are put off; round after round more are allowed, until nothing is left of what
 * the target can have. Objects that still claim more go without.
 */
#include "graph/discovery.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/threads.h"
#include "graph/heap.h"
#include "graph/search.h"
#include "graph/tally.h"
#include "graph/workers.h"
#include "target/target.h"

enum {
	BUFFER = 8192,   /* references that are looked at together */
	FIRST_ALLOWANCE = 64, ALLOWANCE_FACTOR = 16, /* references of an object when there are too many in all */
	REVISIT_COUNT = 4, LAST_COUNT = 8, /* see has_counted() */
	PREFETCHED = 32, /* of these, whose bits are fetched together */
	PERMANENT_FEW = 4096, /* objects in permanent generations */
};

struct graph_limits graph_limits = { .objects = GRAPH_OBJECTS_MAX - 1, .places = UINT32_MAX };

/* ---- ending early ----------------------------------------------------------------------------------- */

bool discovery_is_stopped(const struct discovery *discovery)
{
	return __atomic_load_n(&discovery->stopped, __ATOMIC_RELAXED);
}

static void stop(struct discovery *discovery)
{
	__atomic_store_n(&discovery->stopped, true, __ATOMIC_RELAXED);
}

/* The heap has something that this search is not made for. */
void discovery_find_unsound(struct discovery *discovery)
{
	__atomic_store_n(&discovery->unsound, true, __ATOMIC_RELAXED);
	stop(discovery);
}

void discovery_fail(struct discovery *discovery, struct inspect_error *error)
{
	stop(discovery);
	pthread_mutex_lock(&discovery->lock);
	if (discovery->error)
		inspect_error_destroy(error);
	else
		discovery->error = error;
	pthread_cond_broadcast(&discovery->changed);
	pthread_mutex_unlock(&discovery->lock);
}

/* Says how far it is. */
static void report(struct discovery *discovery)
{
	struct inspect_error *error =
		progress_report("finding objects", __atomic_load_n(&discovery->visited, __ATOMIC_RELAXED), 0);
	if (error)
		discovery_fail(discovery, error);
}

/* How many references there can be: each takes a word of the target's memory. */
uint64_t discovery_references_limit(const struct inspect_target *target)
{
	const uint64_t margin = 1 << 20;
	if (graph_limits.references)
		return graph_limits.references;
	uint64_t limit = target ? target_bytes(target) / sizeof(uint64_t) + margin : graph_limits.places;
	return limit < graph_limits.places ? limit : graph_limits.places;
}

/* How many words of arrays there can be to look at, of objects that do not overlap. */
static uint64_t look_limit(const struct discovery *discovery)
{
	const struct inspect_target *target = discovery->runtime->target;
	return target && target->segment_count ? discovery_references_limit(target) : 0;
}

/* Are @count references more than there can be? What a debugger reads grows on the way. */
static bool is_too_many(struct discovery *discovery, uint64_t count)
{
	const struct inspect_target *target = discovery->runtime->target;
	if (count > discovery->references_limit && target && !target->segment_count)
		discovery->references_limit = discovery_references_limit(target);
	return count > discovery->references_limit;
}

/* ---- regions ---------------------------------------------------------------------------------------- */

/* Has the target bytes in the region of @address? */
static bool region_is_mapped(struct inspect_target *target, uint64_t address)
{
	if (!target)
		return true;
	if (!target->segment_count)
		return target_has(target, address, sizeof(uint64_t));
	uint64_t start = address >> REGION_SHIFT << REGION_SHIFT, end = start + (UINT64_C(1) << REGION_SHIFT);
	size_t low = 0, high = target->segment_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (target->segments[middle].end <= start)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < target->segment_count && target->segments[low].start < end; low++)
		if (target->segments[low].data)
			return true;
	return false;
}

/* Makes the region of @address. NULL if there is nothing, or out of memory (which is an error). */
struct index_region *discovery_add_region(struct discovery *discovery, uint64_t address)
{
	if (!region_is_mapped(discovery->runtime->target, address))
		return NULL;
	pthread_mutex_lock(&discovery->lock);
	struct index_region *region = index_region_at(discovery->index, address);
	bool no_memory = false;
	if (!region) {
		/* where only the lists matter nothing is searched for */
		struct region_search *search = discovery->roots ? slab_allocate(&discovery->slab, sizeof(*search)) : NULL;
		if (search || !discovery->roots)
			region = index_region_add(discovery->index, address, search);
		no_memory = !region;
	}
	pthread_mutex_unlock(&discovery->lock);
	if (no_memory)
		discovery_fail(discovery, &inspect_error_no_memory);
	return region;
}

/* A bitmap like the region's, made when it is first wanted. */
uint64_t *discovery_bits(struct discovery *discovery, uint64_t **bits)
{
	uint64_t *there = __atomic_load_n(bits, __ATOMIC_ACQUIRE);
	if (there)
		return there;
	uint64_t *made = calloc(REGION_WORDS, sizeof(*made));
	if (!made) {
		discovery_fail(discovery, &inspect_error_no_memory);
		return NULL;
	}
	if (__atomic_compare_exchange_n(bits, &there, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return made;
	free(made);
	return there;
}

void discovery_set_bit(struct discovery *discovery, uint64_t **bits, uint64_t address)
{
	uint64_t *words = discovery_bits(discovery, bits);
	if (words)
		__atomic_fetch_or(&words[region_word(address)], UINT64_C(1) << region_bit(address), __ATOMIC_RELAXED);
}

/* ---- new bits --------------------------------------------------------------------------------------- */

/* Is there a region for a worker? The region that the walk along the lists is in is left alone for a while. */
static bool may_take(const struct discovery *discovery)
{
	enum { DISTANCE = 4 };
	if (discovery->unheld)
		return discovery->queue_length && !discovery->listing_permanent;
	return discovery->queue_length > (discovery->listing ? DISTANCE : 0);
}

static void append(struct discovery *discovery, struct index_region *region)
{
	pthread_mutex_lock(&discovery->lock);
	region->search->next = NULL;
	if (discovery->last)
		discovery->last->search->next = region;
	else
		discovery->first = region;
	discovery->last = region;
	discovery->queue_length++;
	if (may_take(discovery))
		pthread_cond_signal(&discovery->changed);
	pthread_mutex_unlock(&discovery->lock);
}

/* Takes @region over, to put it in the queue or to look at it. False if somebody has it. */
static bool take_over(struct index_region *region)
{
	return !__atomic_load_n(&region->search->queued, __ATOMIC_SEQ_CST) &&
	       !__atomic_exchange_n(&region->search->queued, true, __ATOMIC_SEQ_CST);
}

/* Puts @region in the queue unless it is there, or a worker has it, who will look again. */
static void enqueue(struct discovery *discovery, struct index_region *region)
{
	if (take_over(region))
		append(discovery, region);
}

/* Sets the bit of @address. False if it was set. Who takes the bits of a word clears its dirty bit before it looks at
 * the word: a bit that it misses makes the word dirty again. */
bool discovery_mark(struct discovery *discovery, struct index_region *region, uint64_t address)
{
	size_t word = region_word(address);
	uint64_t bit = UINT64_C(1) << region_bit(address);
	if (__atomic_load_n(&region->bits[word], __ATOMIC_RELAXED) & bit ||
	    __atomic_fetch_or(&region->bits[word], bit, __ATOMIC_SEQ_CST) & bit)
		return false;
	if (!region->search)
		return true;
	if (discovery->doubt)
		discovery_set_bit(discovery, &region->doubtful, address);
	uint64_t *dirty = &region->search->dirty[word / 64];
	if (!(__atomic_load_n(dirty, __ATOMIC_SEQ_CST) >> word % 64 & 1))
		__atomic_fetch_or(dirty, UINT64_C(1) << word % 64, __ATOMIC_SEQ_CST);
	enqueue(discovery, region);
	return true;
}

/* Notes a reference that is only guessed. */
void discovery_guess(struct discovery *discovery, struct index_region *region, uint64_t address)
{
	if (__atomic_load_n(&region->bits[region_word(address)], __ATOMIC_RELAXED) >> region_bit(address) & 1)
		return;
	discovery_set_bit(discovery, &region->search->guessed, address);
	__atomic_store_n(&discovery->guesses, true, __ATOMIC_RELAXED);
}

/* A reference leads to where an object may be. Returns whether its bit is new. */
bool discovery_meet(struct discovery *discovery, uint64_t reference)
{
	uint64_t address = reference & ~RUNTIME_REFERENCE_FLAGS;
	if (!address || address >= ADDRESS_LIMIT)
		return false;
	struct index_region *region = discovery_region(discovery, address);
	if (!region)
		return false;
	if (!(reference & RUNTIME_GUESSED))
		return discovery_mark(discovery, region, address);
	discovery_guess(discovery, region, address);
	return false;
}

/* ---- the lists -------------------------------------------------------------------------------------- */

static struct inspect_error *too_many_objects(void)
{
	return inspect_error_create(INSPECT_ERROR_CORRUPT,
				    "there are more than %zu objects, which is as many as can be told apart here",
				    graph_limits.objects);
}

/* Lets the generation of an object of @list be @generation, a number of two bits. The higher one is set first: others may be
 * asking whether it is a permanent one, which is the lower bit alone. */
static bool set_generation(struct slab *slab, struct region_list *list, uint64_t address, unsigned int generation)
{
	for (int i = GENERATION_BITS - 1; i >= 0; i--) {
		bool bit = (generation ^ OLDEST_GENERATION) >> i & 1;
		if (!bit && !list->generation[i])
			continue;
		if (!list->generation[i]) {
			uint64_t *made = slab_allocate(slab, REGION_WORDS * sizeof(*made));
			if (!made)
				return false;
			__atomic_store_n(&list->generation[i], made, __ATOMIC_RELEASE);
		}
		uint64_t *word = &list->generation[i][region_word(address)];
		uint64_t others = *word & ~(UINT64_C(1) << region_bit(address));
		__atomic_store_n(word, others | (uint64_t)bit << region_bit(address), __ATOMIC_RELEASE);
	}
	return true;
}

static bool add_other(struct listed_objects *listed, uint64_t address, unsigned int collector)
{
	if (!array_reserve(listed->others, listed->other_count, listed->other_capacity))
		return false;
	listed->others[listed->other_count++] = address | (uint64_t)collector << 56;
	return true;
}

/* Keeps what a list says about an object. One that is listed twice stays in its youngest generation. Only the thread that
 * walks along the lists comes here. False when out of memory. */
static bool list_object(struct listed_objects *listed, struct index_region *region, uint64_t address,
			unsigned int generation, unsigned int collector)
{
	if (!region->list) {
		struct region_list *made = slab_allocate(&listed->slab, sizeof(*made));
		if (!made)
			return false;
		__atomic_store_n(&region->list, made, __ATOMIC_RELEASE);
	}
	uint64_t *word = &region->list->listed[region_word(address)], bit = UINT64_C(1) << region_bit(address);
	bool again = *word & bit;
	if (again) {
		if (listed->duplicates++ == 0 || address < listed->first_duplicate)
			listed->first_duplicate = address;
		if (listed_generation(region->list, region_word(address), region_bit(address)) <= generation)
			return true;
	}
	*word |= bit;
	return set_generation(&listed->slab, region->list, address, generation) &&
	       ((!collector && !again) || add_other(listed, address, collector));
}

/* What is in permanent generations is known. */
static void end_of_permanent(struct discovery *discovery)
{
	if (!discovery->listing_permanent)
		return;
	pthread_mutex_lock(&discovery->lock);
	discovery->listing_permanent = false;
	pthread_cond_broadcast(&discovery->changed);
	pthread_mutex_unlock(&discovery->lock);
}

struct inspect_error *discovery_note_listed(struct runtime_sink *sink, uint64_t address, unsigned int generation,
					 unsigned int collector)
{
	struct discovery *discovery = (struct discovery *)((char *)sink - offsetof(struct discovery, sink));
	struct listed_objects *listed = discovery->listed;
	if (collector >= HEAP_COLLECTORS_MAX)
		return inspect_error_create(INSPECT_ERROR_CORRUPT,
					    "more than %d interpreters have collectors of their own",
					    HEAP_COLLECTORS_MAX);
	if (!address || address != listed_address(address) || generation >= HEAP_GENERATIONS) {
		if (discovery->refused_listed++ == 0)
			discovery->first_refused_listed = address;
		return NULL;
	}
	if (listed->count++ >= graph_limits.objects)
		return too_many_objects();
	struct index_region *region = discovery_region(discovery, address);
	if (!region)
		return discovery->error ? &inspect_error_no_memory : NULL;
	if (!list_object(listed, region, address, generation, collector))
		return &inspect_error_no_memory;
	if (!discovery->unheld)
		discovery->new_listed += discovery_mark(discovery, region, address);
	else if (generation != RUNTIME_PERMANENT)
		end_of_permanent(discovery);
	else if (listed->count > PERMANENT_FEW)
		discovery_find_unsound(discovery); /* the others hang on those: the long way is shorter */
	return NULL;
}

static struct inspect_error *walk_lists(struct discovery *discovery)
{
	struct runtime *runtime = discovery->runtime;
	struct inspect_error *error = runtime->operations->walk(runtime, &discovery->sink, discovery->notes);
	__atomic_fetch_add(&discovery->objects, discovery->new_listed, __ATOMIC_RELAXED);
	if (!error && discovery->refused_listed)
		error = notes_add(discovery->notes, true,
				  "the collector's lists are damaged: entries that cannot be objects and were left "
				  "out: %zu, the first at 0x%" PRIx64,
				  discovery->refused_listed, discovery->first_refused_listed);
	return error;
}

/* ---- the roots -------------------------------------------------------------------------------------- */

static struct inspect_error *set_place(struct graph_roots *roots, const char *place)
{
	if (roots->place_count && strcmp(roots->places[roots->place_count - 1], place) == 0)
		return NULL;
	char *copy = strdup(place);
	if (!copy || !array_reserve(roots->places, roots->place_count, roots->place_capacity)) {
		free(copy);
		return &inspect_error_no_memory;
	}
	roots->places[roots->place_count++] = copy;
	return NULL;
}

struct inspect_error *discovery_note_root(struct runtime_root_sink *sink, uint64_t reference, enum runtime_root_kind kind,
				       const char *place, const struct runtime_label *label)
{
	struct discovery *discovery = (struct discovery *)((char *)sink - offsetof(struct discovery, root_sink));
	struct graph_roots *roots = discovery->roots;
	if (!(reference & ~RUNTIME_REFERENCE_FLAGS))
		return NULL;
	if (discovery->unheld)
		return unheld_note_root(discovery, reference, kind);
	struct inspect_error *error = set_place(roots, place);
	if (error)
		return error;
	if (!array_reserve(roots->items, roots->count, roots->capacity))
		return &inspect_error_no_memory;
	roots->items[roots->count++] = (struct graph_root){
		.address = reference & ~RUNTIME_REFERENCE_FLAGS,
		.place = (uint32_t)(roots->place_count - 1),
		.kind = kind,
		.flags = reference & RUNTIME_REFERENCE_FLAGS,
		.label = *label,
	};
	if (!discovery->by_levels)
		discovery->objects += discovery_meet(discovery, reference);
	return discovery->error ? &inspect_error_no_memory : NULL;
}

/* ---- following references --------------------------------------------------------------------------- */

static bool meet_any(struct searcher *searcher, uint64_t reference)
{
	struct discovery *discovery = searcher->discovery;
	if (discovery->by_levels)
		return !(reference & (RUNTIME_UNCOUNTED | RUNTIME_GUESSED)) && discovery_meet(discovery, reference);
	if (!discovery->unheld)
		return discovery_meet(discovery, reference);
	if (!discovery->unheld->rest)
		return unheld_meet_held(discovery, reference);
	return !unheld_is_held(searcher, reference) && discovery_meet(discovery, reference);
}

/* Sets the bits of all that the references in the list lead to, and empties it. */
static void take_references(struct searcher *searcher)
{
	struct discovery *discovery = searcher->discovery;
	const uint64_t *items = searcher->references.items;
	size_t count = searcher->references.count;
	for (size_t i = 0; i < count; i += PREFETCHED) {
		size_t end = i + PREFETCHED < count ? i + PREFETCHED : count;
		for (size_t j = i; j < end; j++) {
			const struct index_region *region = index_region_at(discovery->index, items[j]);
			if (region)
				__builtin_prefetch(&region->bits[region_word(items[j])]);
		}
		for (size_t j = i; j < end; j++)
			searcher->new_objects += meet_any(searcher, items[j]);
	}
}

/* The search is to begin again, carefully. */
static void too_many(struct discovery *discovery)
{
	__atomic_store_n(&discovery->too_many_references, true, __ATOMIC_RELAXED);
	stop(discovery);
}

/* How many references are kept back from an object that has @own ones, for those that have fewer: an array that is
 * damaged is nearly always a long one, and is not to use up what the others need. */
static uint64_t reserve(const struct discovery *discovery, uint64_t own)
{
	unsigned int eighths = 0;
	for (uint64_t few = FIRST_ALLOWANCE; own > few && eighths < 4; few *= ALLOWANCE_FACTOR)
		eighths++;
	return discovery->references_limit / 8 * eighths;
}

/* The list is full. */
static bool drain(struct runtime_references *references)
{
	struct searcher *searcher = (struct searcher *)((char *)references - offsetof(struct searcher, references));
	struct discovery *discovery = searcher->discovery;
	take_references(searcher);
	size_t count = references->count;
	report(discovery);
	uint64_t total = __atomic_add_fetch(&discovery->references, count, __ATOMIC_RELAXED);
	uint64_t own = references->drained + count;
	if (discovery->careful && (own > searcher->allowance ||
				   is_too_many(discovery, discovery->kept + own + reserve(discovery, own)))) {
		searcher->cut = true;
		return false;
	}
	if (!discovery->careful && is_too_many(discovery, total))
		too_many(discovery);
	return !discovery_is_stopped(discovery);
}

/* Some references of so many objects could not be read. */
static void note_damaged(struct discovery *discovery, size_t count)
{
	if ((discovery->tally && !discovery->doubt) || discovery->unheld || discovery->by_levels)
		discovery_find_unsound(discovery);
	if (!discovery->doubt && !discovery->careful) /* else note_cut() says more */
		__atomic_fetch_add(&discovery->damaged, count, __ATOMIC_RELAXED);
}

/* Follows the references of @count objects. How many there were is added to the region's number. */
void searcher_follow(struct searcher *searcher, const uint64_t *addresses, const uint32_t *types, size_t count)
{
	struct discovery *discovery = searcher->discovery;
	struct runtime *runtime = discovery->runtime;
	size_t damaged = 0;
	searcher->references.count = searcher->references.drained = 0;
	struct inspect_error *error = runtime->operations->references(runtime, addresses, types, count,
								      &searcher->references, NULL, &damaged);
	struct runtime_references *references = &searcher->references;
	if (error && references->overlooked) {
		searcher->cut = true;
		if (!discovery->careful)
			too_many(discovery);
	}
	if (error) {
		/* or it ended because drain() said so */
		if (discovery_is_stopped(discovery) || searcher->cut)
			inspect_error_destroy(error);
		else
			discovery_fail(discovery, error);
		return;
	}
	size_t total = searcher->references.drained + searcher->references.count;
	if (drain(&searcher->references))
		__atomic_fetch_add(&searcher->region->references, total, __ATOMIC_RELAXED);
	if (damaged)
		note_damaged(discovery, damaged);
}

/* Has so much been counted, again and again, that it is a multiple of all that there can be? */
static bool has_counted(const struct discovery *discovery, unsigned int times)
{
	return discovery->references + discovery->looked >= times * discovery->references_limit;
}

/* Follows them one object after the other; those with too many are cut. */
static void follow_carefully(struct searcher *searcher, size_t count)
{
	struct discovery *discovery = searcher->discovery;
	struct index_region *region = searcher->region;
	searcher->allowance = has_counted(discovery, LAST_COUNT) ? FIRST_ALLOWANCE : discovery->allowance;
	searcher->references.capacity = searcher->allowance < BUFFER ? searcher->allowance : BUFFER;
	for (size_t i = 0; i < count && !discovery_is_stopped(discovery); i++) {
		enum { SPARSE = 16 }; /* tables have so many words for each reference, at most */
		uint64_t before = region->references;
		searcher->cut = false;
		searcher->references.looked = 0;
		searcher->references.overlooked = false;
		searcher->references.look_limit = searcher->allowance * SPARSE;
		searcher_follow(searcher, &searcher->addresses[i], &searcher->types[i], 1);
		discovery->kept += region->references - before;
		discovery->looked += searcher->references.looked;
		if (searcher->cut)
			discovery_set_bit(discovery, &region->cut, searcher->addresses[i]);
	}
}

/* Notes which of the batch's @count objects say that they are listed. They are in the order of addresses. */
void searcher_claim(struct searcher *searcher, size_t count)
{
	uint64_t *claimed = discovery_bits(searcher->discovery, &searcher->region->search->claimed);
	for (size_t i = 0; claimed && i < count;) {
		size_t word = region_word(searcher->addresses[i]);
		uint64_t bits = 0;
		for (; i < count && region_word(searcher->addresses[i]) == word; i++)
			if (searcher->flags[i] & RUNTIME_TRACKED)
				bits |= UINT64_C(1) << region_bit(searcher->addresses[i]);
		if (bits)
			__atomic_fetch_or(&claimed[word], bits, __ATOMIC_RELAXED);
	}
}

/* Counts the batch's @count objects. What only guesses lead to may be none; what of it cannot be read is not counted. */
static void tally_batch(struct searcher *searcher, size_t count)
{
	const uint64_t size_limit = UINT64_C(1) << 32; /* of so many objects as there can be the sum is below 2^64 */
	for (size_t i = 0; i < count; i++)
		if ((searcher->flags[i] & RUNTIME_DAMAGED && !searcher->discovery->doubt) || searcher->sizes[i] >= size_limit)
			return discovery_find_unsound(searcher->discovery);
	const struct tally_batch batch = { searcher->types, searcher->flags, searcher->sizes, count };
	if (!tally_add(&searcher->tally, &batch))
		discovery_fail(searcher->discovery, &inspect_error_no_memory);
	searcher_claim(searcher, count);
}

void searcher_count_visited(struct searcher *searcher, size_t count)
{
	struct discovery *discovery = searcher->discovery;
	__atomic_fetch_add(&discovery->visited, count, __ATOMIC_RELAXED);
	size_t objects = __atomic_add_fetch(&discovery->objects, searcher->new_objects, __ATOMIC_RELAXED);
	searcher->new_objects = 0;
	if (objects > graph_limits.objects)
		discovery_fail(discovery, too_many_objects());
	report(discovery);
}

/* Looks at the @count objects of the batch and follows their references. */
static void visit_batch(struct searcher *searcher, size_t count)
{
	struct discovery *discovery = searcher->discovery;
	struct runtime *runtime = discovery->runtime;
	const struct runtime_columns columns = {
		.type = searcher->types,
		.flags = searcher->flags,
		.size = discovery->tally ? searcher->sizes : NULL,
	};
	struct inspect_error *error = runtime->operations->examine(runtime, searcher->addresses, count, &columns);
	if (error) {
		discovery_fail(discovery, error);
		return;
	}
	if (discovery->tally)
		tally_batch(searcher, count);
	if (discovery->unheld) {
		unheld_visit(searcher, count);
		searcher_count_visited(searcher, count);
		return;
	}
	size_t good = 0;
	for (size_t i = 0; i < count; i++) {
		if (searcher->flags[i] & RUNTIME_DAMAGED) {
			discovery_set_bit(discovery, &searcher->region->search->refused, searcher->addresses[i]);
			continue;
		}
		searcher->addresses[good] = searcher->addresses[i];
		searcher->types[good++] = searcher->types[i];
	}
	if (discovery->careful)
		follow_carefully(searcher, good);
	else if (good)
		searcher_follow(searcher, searcher->addresses, searcher->types, good);
	searcher_count_visited(searcher, count);
}

/* The bits of a word that nobody has visited yet: now we have. */
static uint64_t take_word(struct index_region *region, size_t word)
{
	uint64_t bits = __atomic_load_n(&region->bits[word], __ATOMIC_SEQ_CST);
	return bits & ~__atomic_fetch_or(&region->search->visited[word], bits, __ATOMIC_RELAXED);
}

/* Looks at the objects of @region that have new bits. */
static void visit_new(struct searcher *searcher, struct index_region *region)
{
	struct region_search *search = region->search;
	size_t count = 0;
	for (size_t i = 0; i < REGION_WORDS / 64; i++) {
		if (!__atomic_load_n(&search->dirty[i], __ATOMIC_SEQ_CST))
			continue;
		uint64_t dirty = __atomic_exchange_n(&search->dirty[i], 0, __ATOMIC_SEQ_CST);
		for (; dirty; dirty &= dirty - 1) {
			size_t word = i * 64 + (size_t)__builtin_ctzll(dirty);
			uint64_t start = (region->number << REGION_SHIFT) + (word << (GRANULE_SHIFT + 6));
			for (uint64_t bits = take_word(region, word); bits; bits &= bits - 1) {
				searcher->addresses[count++] =
					start + ((uint64_t)__builtin_ctzll(bits) << GRANULE_SHIFT);
				if (count < BATCH)
					continue;
				visit_batch(searcher, count);
				count = 0;
				if (discovery_is_stopped(searcher->discovery))
					return;
			}
		}
	}
	if (count)
		visit_batch(searcher, count);
}

static bool has_new(const struct region_search *search)
{
	for (size_t i = 0; i < REGION_WORDS / 64; i++)
		if (__atomic_load_n(&search->dirty[i], __ATOMIC_SEQ_CST))
			return true;
	return false;
}

/* Looks at @region, which is the worker's own, until it has no new bits; but waits for more of them while there are other
 * regions in the queue. So a chain does not go through the queue from link to link. */
static void visit_until_done(struct searcher *searcher, struct index_region *region)
{
	struct discovery *discovery = searcher->discovery;
	do {
		visit_new(searcher, region);
		__atomic_store_n(&region->search->queued, false, __ATOMIC_SEQ_CST);
		if (discovery_is_stopped(discovery) || !has_new(region->search) || !take_over(region))
			return;
	} while (!__atomic_load_n(&discovery->queue_length, __ATOMIC_RELAXED));
	append(discovery, region);
}

/* Looks at @region. Where the lists' objects have bits there are no long chains of new ones, and bits that come meanwhile
 * put it in the queue at once. */
static void visit_region(struct searcher *searcher, struct index_region *region)
{
	searcher->region = region;
	if (searcher->discovery->unheld) {
		visit_until_done(searcher, region);
		return;
	}
	__atomic_store_n(&region->search->queued, false, __ATOMIC_SEQ_CST);
	visit_new(searcher, region);
}

/* The next region with new bits; NULL when there is none and nobody is left who may find one. */
static struct index_region *take_region(struct searcher *searcher)
{
	struct discovery *discovery = searcher->discovery;
	struct index_region *region = NULL;
	pthread_mutex_lock(&discovery->lock);
	if (searcher->region)
		discovery->busy--;
	searcher->region = NULL;
	while (!may_take(discovery) && (discovery->busy || discovery->listing) && !discovery_is_stopped(discovery))
		pthread_cond_wait(&discovery->changed, &discovery->lock);
	if (discovery->first && !discovery_is_stopped(discovery)) {
		region = discovery->first;
		discovery->queue_length--;
		discovery->first = region->search->next;
		if (!discovery->first)
			discovery->last = NULL;
		discovery->busy++;
	} else {
		pthread_cond_broadcast(&discovery->changed);
	}
	pthread_mutex_unlock(&discovery->lock);
	return region;
}

/* Walks the lists while the other workers begin. */
static void list(struct discovery *discovery)
{
	struct inspect_error *error = walk_lists(discovery);
	end_of_permanent(discovery);
	pthread_mutex_lock(&discovery->lock);
	discovery->listing = false;
	pthread_cond_broadcast(&discovery->changed);
	pthread_mutex_unlock(&discovery->lock);
	if (error)
		discovery_fail(discovery, error);
}

struct searcher *searcher_create(struct discovery *discovery)
{
	struct searcher *searcher = calloc(1, sizeof(*searcher));
	uint64_t *buffer = reallocarray(NULL, BUFFER, sizeof(*buffer));
	if (!searcher || !buffer) {
		free(searcher);
		free(buffer);
		return NULL;
	}
	searcher->discovery = discovery;
	searcher->references = (struct runtime_references){
		.items = buffer, .capacity = BUFFER, .drain = drain, .look_limit = look_limit(discovery),
	};
	return searcher;
}

/* Adds what the worker has counted to what all have. */
static void join(struct searcher *searcher)
{
	struct discovery *discovery = searcher->discovery;
	if (!discovery->tally && !discovery->unheld)
		return;
	pthread_mutex_lock(&discovery->lock);
	bool enough = discovery->tally ? tally_join(discovery->tally, &searcher->tally) : unheld_join(searcher);
	pthread_mutex_unlock(&discovery->lock);
	if (!enough)
		discovery_fail(discovery, &inspect_error_no_memory);
}

void searcher_destroy(struct searcher *searcher)
{
	tally_deinit(&searcher->tally);
	free(searcher->borders.items);
	free(searcher->references.items);
	free(searcher);
}

static void search(void *context, unsigned int worker)
{
	struct discovery *discovery = context;
	if (worker == 0 && discovery->listing)
		list(discovery);
	struct searcher *searcher = searcher_create(discovery);
	if (!searcher) {
		if (worker == 0)
			discovery_fail(discovery, &inspect_error_no_memory);
		return;
	}
	struct index_region *region;
	while ((region = take_region(searcher)))
		visit_region(searcher, region);
	join(searcher);
	searcher_destroy(searcher);
}

/* ---- objects that were cut -------------------------------------------------------------------------- */

/* The address of the granule of bit @bit of word @word. */
uint64_t granule_address(const struct index_region *region, size_t word, int bit)
{
	return (region->number << REGION_SHIFT) + (word << (GRANULE_SHIFT + 6)) + ((uint64_t)bit << GRANULE_SHIFT);
}

/* Are there references left to be counted? Counting those of objects that are cut again must come to an end. */
static bool may_count(const struct discovery *discovery)
{
	return !has_counted(discovery, REVISIT_COUNT) && !discovery_is_stopped(discovery);
}

/* Follows the references of those objects of @region that were cut, with the present allowance. */
static void revisit_region(struct searcher *searcher, struct index_region *region)
{
	struct discovery *discovery = searcher->discovery;
	uint64_t *cut = region->cut;
	searcher->region = region;
	for (size_t word = 0; word < REGION_WORDS; word++) {
		for (uint64_t bits = cut[word]; bits && may_count(discovery); bits &= bits - 1) {
			int bit = __builtin_ctzll(bits);
			searcher->addresses[0] = granule_address(region, word, bit);
			cut[word] &= ~(UINT64_C(1) << bit);
			visit_batch(searcher, 1);
		}
	}
	searcher->region = NULL;
}

/* Gives the objects that were cut another chance. False when that makes no sense any more. */
static bool revisit_cut(struct discovery *discovery)
{
	struct searcher *searcher = searcher_create(discovery);
	if (!searcher) {
		discovery_fail(discovery, &inspect_error_no_memory);
		return false;
	}
	bool any = false;
	discovery->allowance *= ALLOWANCE_FACTOR;
	for (size_t i = 0; i < discovery->index->count && may_count(discovery); i++) {
		struct index_region *region = discovery->index->regions[i];
		any |= region->cut != NULL;
		if (region->cut)
			revisit_region(searcher, region);
	}
	searcher_destroy(searcher);
	if (may_count(discovery))
		discovery->settled = discovery->allowance;
	return any && discovery->allowance < discovery->references_limit && !discovery_is_stopped(discovery);
}

/* ---- guesses ---------------------------------------------------------------------------------------- */

/* May a guessed reference lead to this? What has been freed keeps its type, but hardly a count of references. What is
 * tracked has been found on its list before. */
static bool is_plausible(uint8_t flags, int64_t refcount)
{
	const int64_t refcount_limit = INT64_C(1) << 33; /* immortal objects have up to 2^32 */
	return !(flags & (RUNTIME_DAMAGED | RUNTIME_TRACKED)) && refcount > 0 && refcount < refcount_limit;
}

/* Lets those of the @count objects at @addresses in @region that are plausible be objects. */
static void accept_batch(struct discovery *discovery, struct index_region *region, const uint64_t *addresses,
			 size_t count)
{
	uint32_t types[64];
	int64_t refcounts[64];
	uint8_t flags[64];
	const struct runtime_columns columns = { .type = types, .refcount = refcounts, .flags = flags };
	struct runtime *runtime = discovery->runtime;
	struct inspect_error *error = runtime->operations->examine(runtime, addresses, count, &columns);
	if (error) {
		discovery_fail(discovery, error);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (discovery->unheld) /* it is in a permanent generation: others on lists have been marked */
			flags[i] &= (uint8_t)~RUNTIME_TRACKED;
		if (is_plausible(flags[i], refcounts[i]))
			discovery->objects += discovery_mark(discovery, region, addresses[i]);
	}
}

/* Looks at all that guessed references lead to and that is no object yet. */
static void accept_guesses(struct discovery *discovery)
{
	discovery->guesses = false;
	for (size_t i = 0; i < discovery->index->count && !discovery_is_stopped(discovery); i++) {
		struct index_region *region = discovery->index->regions[i];
		uint64_t *guessed = region->search->guessed;
		report(discovery);
		for (size_t word = 0; guessed && word < REGION_WORDS; word++) {
			uint64_t addresses[64];
			size_t count = 0;
			uint64_t start = (region->number << REGION_SHIFT) + (word << (GRANULE_SHIFT + 6));
			uint64_t new = guessed[word] & ~region->bits[word];
			if (discovery->unheld && !discovery->unheld->rest) {
				if (new & (region->list ? region->list->listed[word] : 0))
					discovery_find_unsound(discovery);
				continue;
			}
			for (uint64_t bits = new; bits; bits &= bits - 1)
				addresses[count++] = start + ((uint64_t)__builtin_ctzll(bits) << GRANULE_SHIFT);
			if (count)
				accept_batch(discovery, region, addresses, count);
		}
		free(guessed);
		region->search->guessed = NULL;
	}
}

/* ---- together --------------------------------------------------------------------------------------- */

/* Lets what was refused be no object, unless a collector has it on its list. */
static void settle_refused(struct discovery *discovery)
{
	struct address_index *index = discovery->index;
	for (size_t i = 0; i < index->count; i++) {
		struct index_region *region = index->regions[i];
		const uint64_t *refused = region->search->refused;
		for (size_t word = 0; refused && word < REGION_WORDS; word++)
			region->bits[word] &= ~refused[word] | (region->list ? region->list->listed[word] : 0);
	}
}

void discovery_free_searches(struct address_index *index)
{
	for (size_t i = 0; i < index->count; i++) {
		struct region_search *search = index->regions[i]->search;
		if (search) {
			free(search->guessed);
			free(search->refused);
			free(search->claimed);
			free(search->starts);
		}
		index->regions[i]->search = NULL;
	}
}

/* Finds all that the objects found so far lead to. */
static void find_closure(struct discovery *discovery, unsigned int workers)
{
	bool again;
	discovery->allowance = discovery->settled;
	do {
		threads_run(workers, search, discovery);
		again = discovery->careful && !discovery_is_stopped(discovery) && revisit_cut(discovery);
	} while (again);
	if (discovery->careful)
		threads_run(workers, search, discovery); /* what was met last */
}

/* The same, and what is only guessed. */
void discovery_find_more(struct discovery *discovery)
{
	unsigned int workers = discovery->careful ? 1 : workers_for(discovery->runtime->target);
	find_closure(discovery, workers);
	discovery->doubt = true;
	while (discovery->guesses && !discovery_is_stopped(discovery)) {
		accept_guesses(discovery);
		find_closure(discovery, workers);
	}
}

void discovery_find_all(struct discovery *discovery)
{
	struct runtime *runtime = discovery->runtime;
	if (!discovery->roots) {
		list(discovery);
		return;
	}
	struct inspect_error *error =
		runtime->operations->roots(runtime, &discovery->root_sink, discovery->notes);
	if (error) {
		discovery_fail(discovery, error);
		return;
	}
	if (discovery->unheld)
		unheld_sort_starts(discovery->unheld);
	discovery->listing = true;
	discovery->listing_permanent = discovery->unheld;
	discovery_find_more(discovery);
}

struct inspect_error *discovery_run(struct discovery *discovery, void (*find)(struct discovery *discovery))
{
	pthread_mutex_init(&discovery->lock, NULL);
	pthread_cond_init(&discovery->changed, NULL);
	find(discovery);
	pthread_cond_destroy(&discovery->changed);
	pthread_mutex_destroy(&discovery->lock);
	return discovery->error;
}

/* One search. *@again_ret: it found too many references, and is to be made again, carefully. */
static struct inspect_error *try(struct discovery *discovery, bool *again_ret)
{
	discovery_run(discovery, discovery_find_all);
	if (discovery->roots && !discovery->error && !discovery->too_many_references)
		settle_refused(discovery);
	discovery_free_searches(discovery->index);
	slab_deinit(&discovery->slab);
	*again_ret = !discovery->error && discovery->too_many_references;
	return discovery->error;
}

/* Forgets what a search found. False when out of memory. */
static bool forget(struct discovery *discovery)
{
	listed_objects_deinit(discovery->listed, discovery->index);
	index_deinit(discovery->index);
	graph_roots_deinit(discovery->roots);
	return index_init(discovery->index);
}

/* @limit: how many references there could be. */
static struct inspect_error *note_cut(const struct address_index *index, uint64_t limit, struct notes *notes)
{
	size_t count = 0;
	uint64_t first = 0;
	for (size_t i = 0; i < index->count; i++) {
		for (size_t word = 0; index->regions[i]->cut && word < REGION_WORDS; word++) {
			uint64_t bits = index->regions[i]->cut[word];
			if (bits && !count)
				first = (index->regions[i]->number << REGION_SHIFT) + (word << (GRANULE_SHIFT + 6)) +
					((uint64_t)__builtin_ctzll(bits) << GRANULE_SHIFT);
			count += count_bits(bits);
		}
	}
	if (!count)
		return NULL;
	if (limit == graph_limits.places)
		return notes_add(notes, true,
				 "there are more than %" PRIu64 " references, which is as many as can be told apart here: those "
				 "of so many objects are left out: %zu, the first at 0x%" PRIx64,
				 limit, count, first);
	return notes_add(notes, true,
			 "the heap is damaged: objects claim to hold more references than the target has memory for; "
			 "the references of so many objects are left out: %zu, the first at 0x%" PRIx64,
			 count, first);
}

/* Are the objects of word @word that @list has (NULL: none) those that say so themselves: @claimed? Of permanent ones
 * nobody was asked where only the unheld are wanted: @some. */
static bool list_is_true(const struct region_list *list, size_t word, uint64_t claimed, bool some)
{
	uint64_t listed = list ? list->listed[word] : 0;
	return ((listed ^ claimed) & ~(list && some ? listed_permanent(list, word) : 0)) == 0;
}

/* Are the objects of @index that the lists have those that say so themselves, here or in @other (may be NULL)? */
bool discovery_lists_are_true(const struct discovery *discovery, const struct address_index *index,
			   const struct address_index *other)
{
	for (size_t i = 0; i < index->count; i++) {
		const struct index_region *region = index->regions[i];
		const struct index_region *beside = other ? index_region_at(other, region->number << REGION_SHIFT) : NULL;
		const uint64_t *claimed = region->search->claimed;
		const uint64_t *claimed_beside = beside ? beside->search->claimed : NULL;
		for (size_t word = 0; (region->list || claimed || claimed_beside) && word < REGION_WORDS; word++)
			if (!list_is_true(region->list, word, (claimed ? claimed[word] : 0) |
					  (claimed_beside ? claimed_beside[word] : 0), other))
				return false;
	}
	return !discovery->listed->duplicates && !discovery->refused_listed;
}

/* Have all types of tracked objects names? */
static bool all_have_names(const struct runtime *runtime, const struct tally *tally)
{
	for (size_t i = 0; i < tally->count && i < runtime->type_count; i++)
		if (tally->rows[i].tracked && type_is_unnamed(runtime->types[i].name))
			return false;
	return true;
}

struct inspect_error *discover_and_tally(struct runtime *runtime, struct tally *tally, struct notes *notes)
{
	struct address_index index;
	struct listed_objects listed = { 0 };
	struct graph_roots roots = { 0 };
	struct discovery discovery = {
		.runtime = runtime,
		.index = &index,
		.listed = &listed,
		.roots = &roots,
		.notes = notes,
		.tally = tally,
		.sink.add = discovery_note_listed,
		.root_sink.add = discovery_note_root,
		.references_limit = discovery_references_limit(runtime->target),
		.settled = FIRST_ALLOWANCE,
	};
	if (!index_init(&index))
		return &inspect_error_no_memory;
	struct inspect_error *error = discovery_run(&discovery, discovery_find_all);
	tally->sound = !error && !discovery.unsound && !discovery.too_many_references &&
		       discovery_lists_are_true(&discovery, &index, NULL) && all_have_names(runtime, tally);
	discovery_free_searches(&index);
	slab_deinit(&discovery.slab);
	listed_objects_deinit(&listed, &index);
	graph_roots_deinit(&roots);
	index_deinit(&index);
	return error;
}

struct inspect_error *discover(struct runtime *runtime, struct address_index *index, size_t *count_ret,
			       struct listed_objects *listed, struct graph_roots *roots, size_t *damaged_ret,
			       struct notes *notes)
{
	const struct discovery beginning = {
		.runtime = runtime,
		.index = index,
		.listed = listed,
		.roots = roots,
		.notes = notes,
		.sink.add = discovery_note_listed,
		.root_sink.add = discovery_note_root,
		.references_limit = discovery_references_limit(runtime->target),
		.settled = FIRST_ALLOWANCE,
	};
	struct discovery discovery = beginning;
	bool again = false;
	*listed = (struct listed_objects){ 0 };
	if (roots)
		*roots = (struct graph_roots){ 0 };
	if (!index_init(index))
		return &inspect_error_no_memory;
	struct inspect_error *error = try(&discovery, &again);
	if (!error && again) {
		if (!forget(&discovery))
			return &inspect_error_no_memory;
		discovery = beginning;
		discovery.careful = true;
		error = try(&discovery, &again);
	}
	if (error)
		return error;
	*damaged_ret = discovery.damaged;
	return index_seal(index, count_ret) ? note_cut(index, discovery.references_limit, notes) : &inspect_error_no_memory;
}

void listed_objects_deinit(struct listed_objects *listed, struct address_index *index)
{
	for (size_t i = 0; i < index->count; i++)
		index->regions[i]->list = NULL;
	slab_deinit(&listed->slab);
	free(listed->others);
	*listed = (struct listed_objects){ 0 };
}

void graph_roots_deinit(struct graph_roots *roots)
{
	free(roots->items);
	for (size_t i = 0; i < roots->place_count; i++)
		free(roots->places[i]);
	free(roots->places);
	*roots = (struct graph_roots){ 0 };
}
