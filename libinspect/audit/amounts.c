/* SPDX-License-Identifier: MIT */
/*
 * amounts.c - checks that count objects.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/histogram.h"
#include "audit/audit.h"
#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/words.h"
#include "target/target.h"
#include "verbs/select.h"

/* ---- which objects ----------------------------------------------------------------------------------- */

/* The objects that a check is about. */
struct scope {
	const struct check *check;
	const struct heap *heap;
	const struct unreachable *unreachable; /* NULL: it does not matter whether they are reachable */
	bool *types;                           /* by index: is it one of the check's types? NULL: all are */
	size_t type_count;
	size_t visited;    /* objects of the scope */
	size_t unmeasured; /* objects counted whose sizes cannot be read */
	uint64_t basic;    /* and those whose sizes are not all of what their types would say */
};

/* Is the object such as a collection finds, or frees with what it finds? */
static bool is_garbage(const struct scope *scope, uint32_t id)
{
	switch (scope->unreachable->verdict[id]) {
	case VERDICT_UNREACHABLE:
		return scope->check->subject == CHECK_UNREACHABLE_OBJECTS || scope->check->subject == CHECK_UNREACHABLE_BYTES ||
		       unreachable_apart(scope->unreachable, id) != APART_UNCOLLECTABLE;
	case VERDICT_HANGING:
		return scope->check->subject == CHECK_RECLAIMABLE_OBJECTS || scope->check->subject == CHECK_RECLAIMABLE_BYTES;
	default:
		return false;
	}
}

static bool scope_has(const struct scope *scope, uint32_t id)
{
	if (scope->types && (scope->heap->type[id] >= scope->type_count || !scope->types[scope->heap->type[id]]))
		return false;
	return !scope->unreachable || is_garbage(scope, id);
}

static bool is_about_garbage(const struct check *check)
{
	return check->subject == CHECK_UNREACHABLE_OBJECTS || check->subject == CHECK_UNREACHABLE_BYTES ||
	       check->subject == CHECK_RECLAIMABLE_OBJECTS || check->subject == CHECK_RECLAIMABLE_BYTES;
}

static struct inspect_error *scope_types(struct scope *scope)
{
	const struct runtime *runtime = scope->heap->runtime;
	if (!scope->check->type)
		return NULL;
	scope->type_count = runtime->type_count;
	scope->types = calloc(scope->type_count + 1, sizeof(*scope->types));
	if (!scope->types)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < scope->type_count; i++)
		scope->types[i] = type_name_matches(scope->check->type, runtime->types[i].name);
	return NULL;
}

/* There is little garbage, of all objects: sizes are looked up where they are wanted. For all others they are found together. */
static struct inspect_error *scope_init(struct scope *scope, struct decision *decision)
{
	*scope = (struct scope){ .check = &decision->rule->check };
	struct inspect_error *error;
	if (is_about_garbage(scope->check)) {
		struct unreachable *unreachable;
		error = decision_unreachable(decision, &unreachable);
		if (!error)
			scope->heap = decision->audit->graph->heap;
		scope->unreachable = unreachable;
	} else {
		struct heap *heap;
		error = verb_heap_of(&decision->context, &heap);
		scope->heap = heap;
	}
	return error ? error : scope_types(scope);
}

static void scope_deinit(struct scope *scope)
{
	free(scope->types);
}

static uint64_t scope_measure(struct scope *scope, uint32_t id)
{
	uint64_t size;
	scope->unmeasured += !heap_measure(scope->heap, id, &size);
	scope->basic += (scope->heap->flags[id] & RUNTIME_SIZE_BASIC) != 0;
	return size;
}

static struct inspect_error *note_sizes(const struct scope *scope, struct decision *decision)
{
	struct notes *notes = &decision->context.notes;
	struct inspect_error *error = NULL;
	if (scope->unmeasured)
		error = notes_add(notes, true, "rule %s: the sizes of %zu objects cannot be read: they count as 0 bytes",
				  decision->rule->name, scope->unmeasured);
	if (!error && scope->basic)
		error = notes_add(notes, false,
				  "rule %s: the sizes of %" PRIu64
				  " objects are only their basic size and items, because their types count more by code of their own",
				  decision->rule->name, scope->basic);
	return error;
}

/* A rule about a type that has no objects may have its name wrong. In a short name two wrong letters are another name. */
static struct inspect_error *note_types(const struct scope *scope, struct decision *decision)
{
	const char *type = scope->check->type, *nearest;
	if (!type)
		return NULL;
	bool *used AUTO_FREE = types_in_use(scope->heap);
	if (!used)
		return &inspect_error_no_memory;
	struct inspect_error *error = decision_note_hidden(decision, scope->heap->runtime, used);
	if (error || scope->visited || strpbrk(type, "*?["))
		return error;
	error = type_nearest(scope->heap, type, &nearest);
	if (error || !nearest || 3 * word_distance(type, nearest) > strlen(type))
		return error;
	return notes_add(&decision->context.notes, false, "rule %s: no object is of a type '%s'; there is %s",
			 decision->rule->name, type, nearest);
}

/* Calls visit() for each object of the scope. */
static struct inspect_error *scope_visit(struct scope *scope, struct decision *decision,
					 struct inspect_error *(*visit)(void *context, uint32_t id, uint64_t size), void *context)
{
	struct inspect_error *error = NULL;
	for (uint32_t id = 0; id < scope->heap->count && !error; id++) {
		error = progress_each("deciding rules", id, scope->heap->count);
		if (error || !scope_has(scope, id))
			continue;
		scope->visited++;
		error = visit(context, id, scope_measure(scope, id));
	}
	if (!error)
		error = note_sizes(scope, decision);
	return error ? error : note_types(scope, decision);
}

/* ---- how many ---------------------------------------------------------------------------------------- */

/* Sums by type name. */
struct sum {
	const char *type;
	uint64_t count, bytes;
};

struct sums {
	const struct heap *heap;
	uint32_t *places; /* by index of type: where its name's sum is */
	struct sum *items;
	uint32_t count;
	size_t type_count;
	struct sum total;
};

static struct inspect_error *sums_init(struct sums *sums, const struct heap *heap)
{
	*sums = (struct sums){ .heap = heap, .type_count = heap->runtime->type_count };
	struct inspect_error *error = type_places(heap->runtime, &sums->places, &sums->count);
	if (error)
		return error;
	sums->items = calloc((size_t)sums->count + 1, sizeof(*sums->items));
	if (!sums->items)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < sums->type_count; i++)
		sums->items[sums->places[i]].type = heap->runtime->types[i].name;
	return NULL;
}

static void sums_deinit(struct sums *sums)
{
	free(sums->places);
	free(sums->items);
}

static struct inspect_error *sums_add(void *context, uint32_t id, uint64_t size)
{
	struct sums *sums = context;
	struct sum *sum = &sums->items[sums->places[sums->heap->type[id]]];
	sum->count++;
	sum->bytes = add_saturating(sum->bytes, size);
	sums->total.count++;
	sums->total.bytes = add_saturating(sums->total.bytes, size);
	return NULL;
}

/* Most first, as the check counts. */
static int compare_sums(const void *a, const void *b, void *by_bytes)
{
	const struct sum *one = a, *other = b;
	uint64_t one_amount = *(bool *)by_bytes ? one->bytes : one->count;
	uint64_t other_amount = *(bool *)by_bytes ? other->bytes : other->count;
	if (one_amount != other_amount)
		return one_amount < other_amount ? 1 : -1;
	return strcmp(one->type, other->type);
}

static bool counts_bytes(const struct check *check)
{
	return check->subject == CHECK_UNREACHABLE_BYTES || check->subject == CHECK_RECLAIMABLE_BYTES ||
	       check->subject == CHECK_HEAP_BYTES || check->subject == CHECK_TYPE_BYTES;
}

/* The violations are the types, those with the largest share first. */
static struct inspect_error *tell_shares(struct decision *decision, struct sums *sums)
{
	bool by_bytes = counts_bytes(&decision->rule->check);
	struct inspect_error *error = NULL;
	qsort_r(sums->items, sums->count, sizeof(*sums->items), compare_sums, &by_bytes);
	for (uint32_t i = 0; i < sums->count && !error; i++) {
		const struct sum *sum = &sums->items[i];
		if (!sum->count)
			continue;
		if (decision->outcome->total >= decision->outcome->keep) {
			decision->outcome->total++;
			continue;
		}
		struct violation violation = { .type = strdup(sum->type), .count = (int64_t)sum->count };
		violation.bytes = sum->bytes > INT64_MAX ? INT64_MAX : (int64_t)sum->bytes;
		if (asprintf(&violation.text, "%" PRIu64 " %s, %" PRIu64 " bytes", sum->count, sum->type, sum->bytes) < 0)
			violation.text = NULL;
		error = outcome_violation(decision->outcome, violation);
	}
	return error;
}

struct inspect_error *decide_amount(struct decision *decision)
{
	struct scope scope;
	struct sums sums = { 0 };
	struct inspect_error *error = scope_init(&scope, decision);
	if (!error)
		error = sums_init(&sums, scope.heap);
	if (!error)
		error = scope_visit(&scope, decision, sums_add, &sums);
	if (!error)
		error = outcome_name_amounts(decision->outcome, sums.total.count, sums.total.bytes);
	if (!error)
		decide_by_limit(decision, counts_bytes(scope.check) ? sums.total.bytes : sums.total.count);
	if (!error && decision->outcome->result == OUTCOME_VIOLATED)
		error = tell_shares(decision, &sums);
	sums_deinit(&sums);
	scope_deinit(&scope);
	return error;
}

/* ---- none -------------------------------------------------------------------------------------------- */

struct unwanted {
	struct decision *decision;
	const struct heap *heap;
	uint64_t count, bytes;
};

static struct inspect_error *unwanted_add(void *context, uint32_t id, uint64_t size)
{
	struct unwanted *unwanted = context;
	struct outcome *outcome = unwanted->decision->outcome;
	const struct check *check = &unwanted->decision->rule->check;
	if (check->has_larger && size <= check->larger)
		return NULL;
	unwanted->count++;
	unwanted->bytes = add_saturating(unwanted->bytes, size);
	if (outcome->total >= outcome->keep) {
		outcome->total++;
		return NULL;
	}
	const char *type = heap_type_name(unwanted->heap, id);
	struct violation violation = {
		.address = unwanted->heap->address[id],
		.type = strdup(type),
		.count = -1,
		.bytes = (int64_t)size,
	};
	if (asprintf(&violation.text, "0x%" PRIx64 " %s, %" PRIu64 " bytes", violation.address, type, size) < 0)
		violation.text = NULL;
	return outcome_violation(outcome, violation);
}

struct inspect_error *decide_no_object(struct decision *decision)
{
	struct scope scope;
	struct unwanted unwanted = { .decision = decision };
	struct inspect_error *error = scope_init(&scope, decision);
	unwanted.heap = scope.heap;
	if (!error)
		error = scope_visit(&scope, decision, unwanted_add, &unwanted);
	if (!error)
		error = outcome_name_amounts(decision->outcome, unwanted.count, unwanted.bytes);
	if (!error)
		decide_by_limit(decision, unwanted.count);
	scope_deinit(&scope);
	return error;
}

/* ---- threads ----------------------------------------------------------------------------------------- */

struct inspect_error *decide_threads(struct decision *decision)
{
	const struct inspect_target *target = verb_target(&decision->context);
	if (!target->thread_count)
		return notes_add(&decision->context.notes, true, "rule %s: the threads of the process are not known",
				 decision->rule->name);
	decide_by_limit(decision, target->thread_count);
	return outcome_name_number(decision->outcome, "count", (int64_t)target->thread_count);
}
