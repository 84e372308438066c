/* SPDX-License-Identifier: MIT */
/*
 * integrity.c - checking a whole heap, and telling damage from what follows of it.
 *
 * The adapter checks its own structures and object after object, on all cores. What every runtime has in common is done
 * here: what objects hold must be objects. Where it is none, either the holder is damaged or what it holds: who shares an
 * opinion with others is believed. One damaged type makes nonsense of all of its objects, and is told once.
 */
#include "analysis/integrity.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "graph/workers.h"
#include "target/target.h"

enum {
	BATCH = 4096,           /* objects that a worker takes at once */
	BUFFER = 512,           /* references that are looked at together */
	FINDINGS_MAX = 1 << 16, /* that are kept */
	DANGLING_MAX = 1 << 20, /* references to no object that are kept */
	WORDS_FACTOR = 4,       /* a word of the target is in so many arrays, at most */
};

/* A reference that leads to no object. */
struct dangling {
	uint64_t target;
	uint64_t holder; /* 0: a root */
};

struct checking {
	struct runtime_verifier verifier; /* first */
	const struct heap *heap;
	struct runtime_verification *verification;
	struct integrity *integrity;
	pthread_mutex_t lock; /* for what follows */
	struct dangling *dangling;
	size_t dangling_count, dangling_capacity;
	bool no_memory;
	uint8_t *vouched; /* of each object: does somebody hold it who is not damaged? NULL: nobody wanted to know */
	/* Words of arrays that may still be looked at, so that damaged lengths come to an end (atomic), and how many objects
	 * claimed more. */
	int64_t words_left;
	size_t cut;
	size_t unheld; /* findings about objects that nobody holds but damaged ones */
	uint64_t *addresses; /* of findings, ascending: filters look here */
	size_t address_count;
};

const char *integrity_check_name(unsigned int check)
{
	static const char *const names[RUNTIME_CHECKS] = {
		[RUNTIME_CHECK_LISTS] = "lists",         [RUNTIME_CHECK_HEADS] = "heads",
		[RUNTIME_CHECK_TYPES] = "types",         [RUNTIME_CHECK_CONTAINERS] = "containers",
		[RUNTIME_CHECK_REFERENCES] = "references", [RUNTIME_CHECK_ALLOCATOR] = "allocator",
		[RUNTIME_CHECK_FREE_LISTS] = "free-lists", [RUNTIME_CHECK_FREED] = "freed",
	};
	return check < RUNTIME_CHECKS ? names[check] : NULL;
}

/* ---- findings --------------------------------------------------------------------------------------- */

/* What no collector has on a list may have been taken for an object because of a word on a stack. */
static bool is_doubtful(const struct heap *heap, uint64_t address)
{
	uint32_t id;
	return heap_find(heap, address, &id) && !heap_is_tracked(heap, id);
}

/* runtime_verifier.found */
static void keep_finding(struct runtime_verifier *verifier, const struct runtime_finding *finding)
{
	struct checking *checking = (struct checking *)verifier;
	struct integrity *integrity = checking->integrity;
	bool if_held = finding->if_held || is_doubtful(checking->heap, finding->address);
	pthread_mutex_lock(&checking->lock);
	if (!finding->message || (integrity->count < FINDINGS_MAX &&
				  !array_reserve(integrity->items, integrity->count, integrity->capacity)))
		checking->no_memory = true;
	else if (integrity->count == FINDINGS_MAX)
		integrity->left_out++;
	if (!checking->no_memory && integrity->count < FINDINGS_MAX)
		integrity->items[integrity->count++] = (struct integrity_finding){
			finding->check, finding->address, finding->place, finding->cause, if_held, finding->message,
		};
	else
		free(finding->message);
	pthread_mutex_unlock(&checking->lock);
}

/* runtime_verifier.is_object */
static bool is_object(const struct runtime_verifier *verifier, uint64_t address)
{
	uint32_t id;
	return heap_find(((const struct checking *)verifier)->heap, address, &id);
}

static int compare_findings(const void *left, const void *right)
{
	const struct integrity_finding *a = left, *b = right;
	if (a->check != b->check)
		return a->check < b->check ? -1 : 1;
	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return (a->place > b->place) - (a->place < b->place);
}

/* Keeps those findings that @keep says yes of. */
static void filter_findings(struct checking *checking, bool (*keep)(const struct checking *checking, size_t number))
{
	struct integrity *integrity = checking->integrity;
	bool *kept = calloc(integrity->count + 1, sizeof(*kept));
	size_t count = 0;
	checking->no_memory |= !kept;
	for (size_t i = 0; kept && i < integrity->count; i++)
		kept[i] = keep(checking, i);
	for (size_t i = 0; kept && i < integrity->count; i++) {
		if (kept[i])
			integrity->items[count++] = integrity->items[i];
		else
			free(integrity->items[i].message);
	}
	integrity->count = kept ? count : integrity->count;
	free(kept);
}

static int compare_addresses(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

/* Notes the addresses of all findings, or of those without a cause. */
static void list_addresses(struct checking *checking, bool without_cause)
{
	const struct integrity *integrity = checking->integrity;
	free(checking->addresses);
	checking->address_count = 0;
	checking->addresses = calloc(integrity->count + 1, sizeof(*checking->addresses));
	checking->no_memory |= !checking->addresses;
	for (size_t i = 0; checking->addresses && i < integrity->count; i++)
		if (!without_cause || !integrity->items[i].cause)
			checking->addresses[checking->address_count++] = integrity->items[i].address;
	if (checking->address_count)
		qsort(checking->addresses, checking->address_count, sizeof(*checking->addresses), compare_addresses);
}

/* How many of the findings that list_addresses() noted are about the object at @address? 2 stands for more. */
static unsigned int findings_about(const struct checking *checking, uint64_t address)
{
	const uint64_t *begin = checking->addresses, *end = begin + checking->address_count;
	const uint64_t *found = checking->address_count ?
		bsearch(&address, begin, checking->address_count, sizeof(*begin), compare_addresses) : NULL;
	if (!found)
		return 0;
	return (found > begin && found[-1] == address) || (found + 1 < end && found[1] == address) ? 2 : 1;
}

/* Is something wrong with the type of the object at @address? Then the object's contents cannot be told. */
static bool has_damaged_type(const struct checking *checking, uint64_t address)
{
	const struct heap *heap = checking->heap;
	uint32_t id;
	if (!heap_find(heap, address, &id))
		return false;
	uint64_t type = heap->runtime->types[heap->type[id]].address;
	return type && type != address && findings_about(checking, type);
}

/* ---- references ------------------------------------------------------------------------------------- */

/* Finding out what is held by who can be trusted. */
struct vouching {
	struct checking *checking;
	uint32_t *queue; /* objects whose references are to be followed */
	size_t count;
};

/* Somebody holds object @id. What is damaged itself vouches for nobody. */
static void vouch(struct vouching *vouching, uint32_t id)
{
	struct checking *checking = vouching->checking;
	if (checking->vouched[id])
		return;
	checking->vouched[id] = 1;
	if (!findings_about(checking, checking->heap->address[id]) && !(checking->heap->flags[id] & RUNTIME_DAMAGED))
		vouching->queue[vouching->count++] = id;
}

/* An object whose references are looked at. */
struct follower {
	struct runtime_references references; /* first */
	struct checking *checking;
	uint64_t holder;
	struct vouching *vouching; /* says who is referred to, instead of who is none; or NULL */
	uint64_t buffer[BUFFER];
};

static void keep_dangling(struct checking *checking, uint64_t target, uint64_t holder)
{
	pthread_mutex_lock(&checking->lock);
	if (checking->dangling_count == DANGLING_MAX)
		checking->integrity->left_out++;
	else if (!array_reserve(checking->dangling, checking->dangling_count, checking->dangling_capacity))
		checking->no_memory = true;
	else
		checking->dangling[checking->dangling_count++] = (struct dangling){ target, holder };
	pthread_mutex_unlock(&checking->lock);
}

/* runtime_references.drain: looks at what is in the list, and empties it. */
static bool look_at_references(struct runtime_references *references)
{
	struct follower *follower = (struct follower *)references;
	for (size_t i = 0; i < references->count; i++) {
		uint64_t target = references->items[i] & ~RUNTIME_REFERENCE_FLAGS;
		uint32_t id;
		if (references->items[i] & (RUNTIME_GUESSED | RUNTIME_UNCOUNTED))
			continue;
		bool is_object = heap_find(follower->checking->heap, target, &id);
		if (follower->vouching && is_object)
			vouch(follower->vouching, id);
		else if (!follower->vouching && !is_object)
			keep_dangling(follower->checking, target, follower->holder);
	}
	references->drained += references->count;
	references->count = 0;
	return true;
}

/* How many words arrays may have in all. Of a debugger's target it is not known how many there are. */
static int64_t words_to_look_at(const struct inspect_target *target)
{
	enum { LEAST = 1 << 20 };
	if (target->kind == TARGET_DEBUGGER)
		return INT64_C(1) << 34;
	return (int64_t)(target_bytes(target) / sizeof(uint64_t)) * WORDS_FACTOR + LEAST;
}

/* How many words one more object may have. Once a damaged heap has used up what is there, few. */
static uint64_t words_allowed(struct checking *checking)
{
	const int64_t least = 1 << 12;
	int64_t left = __atomic_load_n(&checking->words_left, __ATOMIC_RELAXED);
	return (uint64_t)(left > least ? left : least);
}

static void use_words(struct checking *checking, const struct runtime_references *references)
{
	if (references->looked > references->look_limit)
		__atomic_fetch_add(&checking->cut, 1, __ATOMIC_RELAXED);
	uint64_t used = references->looked < references->look_limit ? references->looked : references->look_limit;
	__atomic_fetch_sub(&checking->words_left, (int64_t)used, __ATOMIC_RELAXED);
}

static struct inspect_error *follow(struct follower *follower, uint32_t id)
{
	const struct heap *heap = follower->checking->heap;
	struct runtime_references *references = &follower->references;
	size_t damaged = 0;
	follower->holder = heap->address[id];
	*references = (struct runtime_references){
		.items = follower->buffer, .capacity = BUFFER, .drain = look_at_references,
		.look_limit = words_allowed(follower->checking),
	};
	struct inspect_error *error = heap->runtime->operations->references(heap->runtime, &heap->address[id],
									    &heap->type[id], 1, references, NULL, &damaged);
	look_at_references(references);
	use_words(follower->checking, references);
	if (!error && damaged && !follower->vouching)
		runtime_found(&follower->checking->verifier,
			      (struct runtime_finding){ .check = RUNTIME_CHECK_REFERENCES, .address = heap->address[id] },
			      "what it refers to cannot be read to the end");
	return error;
}

static struct inspect_error *follow_batch(struct checking *checking, size_t begin, size_t end)
{
	struct follower follower = { .checking = checking };
	struct inspect_error *error = NULL;
	for (size_t id = begin; id < end && !error; id++)
		if (!(checking->heap->flags[id] & RUNTIME_DAMAGED))
			error = follow(&follower, (uint32_t)id);
	return error;
}

/* ---- objects ---------------------------------------------------------------------------------------- */

static size_t batch_end(const struct heap *heap, size_t begin)
{
	return heap->count - begin < BATCH ? heap->count : begin + BATCH;
}

static struct inspect_error *check_batch(void *context, size_t number)
{
	struct checking *checking = context;
	const struct heap *heap = checking->heap;
	size_t begin = number * BATCH, end = batch_end(heap, begin);
	bool listed[BATCH];
	for (size_t id = begin; id < end; id++)
		listed[id - begin] = heap_is_tracked(heap, (uint32_t)id);
	struct inspect_error *error = heap->runtime->operations->verify->objects(
		checking->verification, heap->address + begin, listed, end - begin);
	if (!error && runtime_wants_check(&checking->verifier, RUNTIME_CHECK_REFERENCES))
		error = follow_batch(checking, begin, end);
	return error;
}

static struct inspect_error *check_objects(struct checking *checking)
{
	const struct heap *heap = checking->heap;
	return workers_each(heap->runtime->target, "checking objects", (heap->count + BATCH - 1) / BATCH, check_batch,
			    checking);
}

/* ---- who is to blame -------------------------------------------------------------------------------- */

static int compare_dangling(const void *left, const void *right)
{
	const struct dangling *a = left, *b = right;
	if (a->target != b->target)
		return a->target < b->target ? -1 : 1;
	return (a->holder > b->holder) - (a->holder < b->holder);
}

/* What the reference to @target is called in its holder, for the caller to free; or NULL. */
static char *label_of(const struct checking *checking, const struct dangling *dangling)
{
	struct runtime *runtime = checking->heap->runtime;
	struct runtime_references references = { .labelled = true, .look_limit = UINT64_C(1) << 20 };
	uint32_t id;
	size_t damaged = 0;
	char *label = NULL;
	if (!heap_find(checking->heap, dangling->holder, &id))
		return NULL;
	struct inspect_error *error INSPECT_ERROR_AUTO = runtime->operations->references(
		runtime, &dangling->holder, &checking->heap->type[id], 1, &references, NULL, &damaged);
	for (size_t i = 0; !error && i < references.count && !label; i++)
		if ((references.items[i] & ~RUNTIME_REFERENCE_FLAGS) == dangling->target)
			label = runtime->operations->label(runtime, &references.labels[i]);
	runtime_references_deinit(&references);
	return label;
}

static void blame_holder(struct checking *checking, const struct dangling *dangling)
{
	enum { LABELS_MAX = 200 }; /* findings that say what the reference is called */
	char *label AUTO_FREE = checking->integrity->count < LABELS_MAX ? label_of(checking, dangling) : NULL;
	if (dangling->holder)
		runtime_found(&checking->verifier,
			      (struct runtime_finding){ .check = RUNTIME_CHECK_REFERENCES, .address = dangling->holder },
			      "its reference %s%sleads to 0x%" PRIx64 ", where there is no object", label ? label : "",
			      label ? " " : "", dangling->target);
}

/* The @count dangling references from @first on lead to the same address. */
static void blame(struct checking *checking, const struct dangling *first, size_t count)
{
	struct runtime_finding finding = { 0 };
	size_t holders = 0;
	for (size_t i = 0; i < count; i++)
		holders += i == 0 || first[i].holder != first[i - 1].holder;
	if (checking->heap->runtime->operations->verify->target(checking->verification, first->target, holders, &finding)) {
		keep_finding(&checking->verifier, &finding);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (i == 0 || first[i].holder != first[i - 1].holder)
			blame_holder(checking, &first[i]);
}

static int compare_holders(const void *left, const void *right)
{
	const struct dangling *a = left, *b = right;
	if (a->holder != b->holder)
		return a->holder < b->holder ? -1 : 1;
	return (a->target > b->target) - (a->target < b->target);
}

/* References of objects that are damaged otherwise say nothing of where they lead. Takes them out, and says once for each
 * such object how many there were; objects whose type is damaged may refer to anything. */
static void set_damaged_holders_apart(struct checking *checking)
{
	struct dangling *items = checking->dangling;
	size_t count = checking->dangling_count, kept = 0;
	list_addresses(checking, false);
	qsort(items, count, sizeof(*items), compare_holders);
	for (size_t begin = 0, end; begin < count; begin = end) {
		uint64_t holder = items[begin].holder, target = items[begin].target;
		for (end = begin + 1; end < count && items[end].holder == holder; end++)
			;
		if (has_damaged_type(checking, holder))
			continue;
		if (!findings_about(checking, holder)) {
			memmove(&items[kept], &items[begin], (end - begin) * sizeof(*items));
			kept += end - begin;
			continue;
		}
		runtime_found(&checking->verifier,
			      (struct runtime_finding){ .check = RUNTIME_CHECK_REFERENCES, .address = holder },
			      "%zu of its references lead to no objects, the first to 0x%" PRIx64, end - begin, target);
	}
	checking->dangling_count = kept;
}

static void blame_all(struct checking *checking)
{
	struct dangling *items = checking->dangling;
	if (!checking->dangling_count)
		return;
	set_damaged_holders_apart(checking);
	size_t count = checking->dangling_count;
	qsort(items, count, sizeof(*items), compare_dangling);
	for (size_t begin = 0, end; begin < count; begin = end) {
		for (end = begin + 1; end < count && items[end].target == items[begin].target; end++)
			;
		blame(checking, &items[begin], end - begin);
	}
}

/* ---- causes ----------------------------------------------------------------------------------------- */

static int compare_causes(const void *left, const void *right)
{
	const struct integrity_finding *a = left, *b = right;
	if (a->cause != b->cause)
		return a->cause < b->cause ? -1 : 1;
	return compare_findings(left, right);
}

static void report_cause(struct checking *checking, uint64_t cause, uint64_t first, size_t count)
{
	runtime_found(&checking->verifier,
		      (struct runtime_finding){ .check = RUNTIME_CHECK_TYPES, .address = cause, .place = cause },
		      "%zu objects, the first at 0x%" PRIx64 ", have it for their type, and it is none", count, first);
}

/* Is it more than what follows from its cause? The caller has told the causes. */
static bool is_no_consequence(const struct checking *checking, size_t number)
{
	const struct integrity *integrity = checking->integrity;
	const struct integrity_finding *finding = &integrity->items[number];
	if (!finding->cause)
		return (finding->check != RUNTIME_CHECK_CONTAINERS && finding->check != RUNTIME_CHECK_REFERENCES) ||
		       !has_damaged_type(checking, finding->address);
	bool before = number > 0 && integrity->items[number - 1].cause == finding->cause;
	bool behind = number + 1 < integrity->count && integrity->items[number + 1].cause == finding->cause;
	return !before && !behind && !findings_about(checking, finding->cause);
}

static void settle_causes(struct checking *checking)
{
	struct integrity *integrity = checking->integrity;
	if (!integrity->count)
		return;
	qsort(integrity->items, integrity->count, sizeof(*integrity->items), compare_causes);
	list_addresses(checking, true);
	size_t count = integrity->count;
	struct { uint64_t cause, first; size_t count; } *shared AUTO_FREE = calloc(count, sizeof(*shared));
	size_t shared_count = 0;
	checking->no_memory |= !shared;
	for (size_t begin = 0, end; shared && begin < count; begin = end) {
		uint64_t cause = integrity->items[begin].cause;
		for (end = begin + 1; end < count && integrity->items[end].cause == cause; end++)
			;
		if (!cause || end - begin < 2 || findings_about(checking, cause))
			continue;
		shared[shared_count].cause = cause;
		shared[shared_count].first = integrity->items[begin].address;
		shared[shared_count++].count = end - begin;
	}
	filter_findings(checking, is_no_consequence);
	for (size_t i = 0; i < shared_count; i++)
		report_cause(checking, shared[i].cause, shared[i].first, shared[i].count);
}

/* ---- objects that may be none ----------------------------------------------------------------------- */

static struct inspect_error *vouch_for_listed(struct vouching *vouching)
{
	const struct heap *heap = vouching->checking->heap;
	for (uint32_t id = 0; id < heap->count; id++)
		if (heap_is_tracked(heap, id))
			vouch(vouching, id);
	return NULL;
}

/* Passes on what roots hold. */
struct root_voucher {
	struct runtime_root_sink sink;
	struct vouching *vouching;
};

static struct inspect_error *vouch_for_root(struct runtime_root_sink *sink, uint64_t reference, enum runtime_root_kind kind,
					    const char *place, const struct runtime_label *label)
{
	struct vouching *vouching = ((struct root_voucher *)sink)->vouching;
	uint32_t id;
	(void)kind, (void)place, (void)label;
	if (!(reference & (RUNTIME_GUESSED | RUNTIME_UNCOUNTED)) &&
	    heap_find(vouching->checking->heap, reference & ~RUNTIME_REFERENCE_FLAGS, &id))
		vouch(vouching, id);
	return NULL;
}

static struct inspect_error *vouch_for_roots(struct vouching *vouching)
{
	struct runtime *runtime = vouching->checking->heap->runtime;
	struct root_voucher voucher = { .sink.add = vouch_for_root, .vouching = vouching };
	struct notes notes = { 0 }; /* finding all objects has told them */
	struct inspect_error *error = runtime->operations->roots(runtime, &voucher.sink, &notes);
	notes_deinit(&notes);
	return error;
}

/* Follows what is trusted until nothing new is met. */
static struct inspect_error *vouch_for_all(struct vouching *vouching)
{
	struct checking *checking = vouching->checking;
	struct follower follower = { .checking = checking, .vouching = vouching };
	struct inspect_error *error = vouch_for_roots(vouching);
	if (!error)
		error = vouch_for_listed(vouching);
	for (size_t i = 0; vouching->count && !error; i++) {
		error = follow(&follower, vouching->queue[--vouching->count]);
		if (!error)
			error = progress_each("looking for who holds damaged objects", i, 0);
	}
	return error;
}

static bool is_vouched_for(const struct checking *checking, size_t number)
{
	const struct integrity_finding *finding = &checking->integrity->items[number];
	uint32_t id;
	return !finding->if_held || !heap_find(checking->heap, finding->address, &id) || checking->vouched[id];
}

/* Takes back findings about what nobody holds who can be trusted: what is on no collector's list may have been taken for an
 * object because of a word on a stack, or because a damaged length led to it. */
static struct inspect_error *settle_doubts(struct checking *checking)
{
	struct integrity *integrity = checking->integrity;
	size_t doubts = 0, before = integrity->count;
	for (size_t i = 0; i < integrity->count; i++)
		doubts += integrity->items[i].if_held;
	if (!doubts)
		return NULL;
	list_addresses(checking, false);
	checking->vouched = calloc(checking->heap->count + 1, sizeof(*checking->vouched));
	struct vouching vouching = {
		.checking = checking,
		.queue = array_create_large(checking->heap->count, sizeof(*vouching.queue)),
	};
	struct inspect_error *error = &inspect_error_no_memory;
	if (checking->vouched && vouching.queue)
		error = vouch_for_all(&vouching);
	free(vouching.queue);
	if (!error)
		filter_findings(checking, is_vouched_for);
	checking->unheld = before - integrity->count;
	return error;
}

/* ---- together --------------------------------------------------------------------------------------- */

/* That something could not be read to the end says nothing beside what is wrong; and nothing is said twice. */
static bool says_more(const struct checking *checking, size_t number)
{
	const struct integrity *integrity = checking->integrity;
	const struct integrity_finding *finding = &integrity->items[number];
	if (number && compare_findings(finding, finding - 1) == 0 && strcmp(finding->message, finding[-1].message) == 0)
		return false;
	if (finding->check != RUNTIME_CHECK_REFERENCES || finding->place || strncmp(finding->message, "what", 4) != 0)
		return true;
	return findings_about(checking, finding->address) < 2;
}

static int compare_objects(const void *left, const void *right)
{
	const struct integrity_finding *a = left, *b = right;
	return (a->address > b->address) - (a->address < b->address);
}

/* How many different objects the findings are about. */
static uint64_t count_damaged(struct integrity *integrity)
{
	uint64_t count = 0;
	if (!integrity->count)
		return 0;
	qsort(integrity->items, integrity->count, sizeof(*integrity->items), compare_objects);
	for (size_t i = 0; i < integrity->count; i++)
		count += integrity->items[i].address &&
			 (i == 0 || integrity->items[i].address != integrity->items[i - 1].address);
	qsort(integrity->items, integrity->count, sizeof(*integrity->items), compare_findings);
	return count;
}

static struct inspect_error *check_all(struct checking *checking, struct notes *notes)
{
	const struct heap *heap = checking->heap;
	const struct runtime_verify_operations *operations = heap->runtime->operations->verify;
	struct inspect_error *error =
		operations->begin(heap->runtime, &checking->verifier, notes, &checking->verification);
	if (!error)
		error = check_objects(checking);
	if (!error) {
		blame_all(checking);
		settle_causes(checking);
		error = settle_doubts(checking);
	}
	operations->end(checking->verification);
	if (!error && (checking->cut || checking->verifier.exhausted))
		error = notes_add(
			notes, true,
			"objects claim to have more contents than the target has memory for: not all of them were checked");
	if (!error && checking->unheld && checking->integrity->count)
		error = notes_add(
			notes, false,
			"%zu more findings are about what only damaged objects refer to, or nobody: they may be no objects, "
			"and are left out",
			checking->unheld);
	return error ? error : checking->no_memory ? &inspect_error_no_memory : NULL;
}

struct inspect_error *integrity_check(const struct heap *heap, unsigned int checks, struct integrity *integrity,
				      struct notes *notes)
{
	struct checking checking = {
		.verifier = { .is_object = is_object, .found = keep_finding, .checks = checks },
		.heap = heap,
		.integrity = integrity,
		.words_left = words_to_look_at(heap->runtime->target),
	};
	*integrity = (struct integrity){ .checked = heap->count };
	pthread_mutex_init(&checking.lock, NULL);
	struct inspect_error *error = check_all(&checking, notes);
	if (!error) {
		if (integrity->count)
			qsort(integrity->items, integrity->count, sizeof(*integrity->items), compare_findings);
		list_addresses(&checking, false);
		filter_findings(&checking, says_more);
		integrity->damaged = count_damaged(integrity);
		integrity->verified = checking.verifier.verified;
		error = checking.no_memory ? &inspect_error_no_memory : NULL;
	}
	pthread_mutex_destroy(&checking.lock);
	free(checking.dangling);
	free(checking.addresses);
	free(checking.vouched);
	if (error)
		integrity_deinit(integrity);
	return error;
}

void integrity_deinit(struct integrity *integrity)
{
	for (size_t i = 0; i < integrity->count; i++)
		free(integrity->items[i].message);
	free(integrity->items);
	*integrity = (struct integrity){ 0 };
}
