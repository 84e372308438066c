/* SPDX-License-Identifier: MIT */
/*
 * verdicts.c - what a collection would find, as the verbs about garbage ask for it.
 */
#include "verbs/verdicts.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "verbs/options.h"
#include "verbs/select.h"
#include "verbs/traits.h"

struct verdicts {
	struct verb_context *context;
	const struct graph *graph;
	const struct heap *heap;
	struct unreachable *unreachable;
};

static struct inspect_error *scope_of(struct verb_context *context, const struct heap *heap,
				      struct collection_scope *scope)
{
	const char *generation = option_argument(context->options, "generation");
	if (!generation)
		generation = option_argument(context->options, "collect");
	unsigned int oldest = generation ? (unsigned int)(generation[0] - '0') : 2;
	struct selection selection;
	struct inspect_error *error = selection_init_interpreters(&selection, context, heap);
	*scope = (struct collection_scope){
		.generations = (2u << oldest) - 1,
		.believe_guesses = option_flag(context->options, "believe-guesses"),
	};
	memcpy(scope->collectors, selection.filter.collectors, sizeof(scope->collectors));
	return error;
}

/* Finds the types whose objects have finalizers of the old kind: what is left in @traits of each. */
static struct inspect_error *find_legacy(const struct heap *heap, struct collection_scope *scope, struct traits *traits)
{
	struct inspect_error *error = traits_init(traits, heap);
	for (size_t i = 0; !error && i < heap->runtime->type_count; i++)
		traits->of_type[i] &= RUNTIME_LEGACY_FINALIZER;
	scope->legacy = traits->of_type;
	return error;
}

/* How many objects more seem unreachable if guesses are believed. */
static struct inspect_error *note_guesses(struct verdicts *verdicts, const struct collection_scope *scope)
{
	if (!verdicts->unreachable->scanned)
		return NULL;
	struct collection_scope other = *scope;
	other.believe_guesses = !scope->believe_guesses;
	struct unreachable unreachable;
	struct inspect_error *error = unreachable_find(verdicts->graph, verdicts->heap->refcount, &other, &unreachable);
	if (error)
		return error;
	int64_t more = (int64_t)unreachable.count - (int64_t)verdicts->unreachable->count;
	unreachable_deinit(&unreachable);
	if (scope->believe_guesses)
		return notes_add(&verdicts->context->notes, false,
				 "%zu of the objects looked at are of types that nobody described; the references that a scan "
				 "of their memory found are believed here: %" PRId64 " objects are unreachable only if they are true",
				 verdicts->unreachable->scanned, -more);
	return notes_add(&verdicts->context->notes, false,
			 "%zu of the objects looked at are of types that nobody described: what they refer to is taken for held "
			 "from elsewhere, so nothing that is in use is called unreachable, and unreachable objects may be "
			 "missing; with --believe-guesses there are %" PRId64 " more",
			 verdicts->unreachable->scanned, more);
}

static struct inspect_error *note_negative(struct verdicts *verdicts)
{
	if (!verdicts->unreachable->negative)
		return NULL;
	return notes_add(&verdicts->context->notes, true,
			 "%zu objects have more references to them than their reference counts say, the first at 0x%" PRIx64
			 ": the heap is damaged, or their holders are of types that are read wrongly; they are taken for reachable",
			 verdicts->unreachable->negative, verdicts->heap->address[verdicts->unreachable->first_negative]);
}

struct inspect_error *verdicts_find(struct verb_context *context, const struct graph *graph, struct heap *heap,
				    struct unreachable *unreachable)
{
	struct verdicts verdicts = { context, graph, heap, unreachable };
	struct collection_scope scope;
	struct traits traits = { 0 };
	struct inspect_error *error = heap_find_refcounts(heap); /* is nothing to do if they came with the graph */
	if (!error)
		error = scope_of(context, heap, &scope);
	if (!error)
		error = find_legacy(heap, &scope, &traits);
	if (!error)
		error = unreachable_find(graph, heap->refcount, &scope, unreachable);
	if (!error)
		error = note_guesses(&verdicts, &scope);
	traits_deinit(&traits);
	return error ? error : note_negative(&verdicts);
}
