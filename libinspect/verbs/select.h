/* SPDX-License-Identifier: MIT */
/*
 * select.h - what the verbs that choose among the heap's objects share.
 */
#ifndef INSPECT_VERBS_SELECT_H
#define INSPECT_VERBS_SELECT_H

#include "analysis/filter.h"
#include "analysis/histogram.h"
#include "verbs/verb.h"

struct selection {
	struct heap_filter filter;
	bool *types; /* the filter's */
};

/* The objects that the options --tracked, --untracked, --generation and --interpreter choose from, with sizes: all,
 * or at least those that the collectors track if no others can pass. */
struct inspect_error *selection_heap(struct verb_context *context, struct heap **heap_ret)
	__attribute__((warn_unused_result));
/* Are these options used together in a way that makes sense? For a verb's check(). */
struct inspect_error *selection_check(const struct options *given) __attribute__((warn_unused_result));
/* Makes a filter of the options --type, --tracked, --untracked, --generation, --interpreter, --min-size and --max-size,
 * as far as the verb has them. A --type that no object has becomes a note. */
struct inspect_error *selection_init(struct selection *selection, struct verb_context *context,
				     const struct heap *heap) __attribute__((warn_unused_result));
/* The same of the option --interpreter alone, for verbs whose other options mean something else. */
struct inspect_error *selection_init_interpreters(struct selection *selection, struct verb_context *context,
						  const struct heap *heap) __attribute__((warn_unused_result));
void selection_deinit(struct selection *selection);

/* Is @name what @pattern says, in which * ? [...] match parts of names? */
bool type_name_matches(const char *pattern, const char *name);
/* Marks the types that have objects, by index; for the caller to free. NULL when out of memory. */
bool *types_in_use(const struct heap *heap);
/* The name most like @name among those of types that have objects; NULL if none is like it. */
struct inspect_error *type_nearest(const struct heap *heap, const char *name, const char **nearest_ret)
	__attribute__((warn_unused_result));

/* Notes that sizes among the objects of @histogram are basic size and items only, and whose. */
struct inspect_error *note_basic_sizes(struct verb_context *context, const struct histogram *histogram)
	__attribute__((warn_unused_result));
/* The types of those, most objects first: "lxml.Element (12), a.B (3)", at most ten. The caller frees
 * *@names_ret; *@objects_ret and *@types_ret say how many. */
struct inspect_error *basic_size_types(const struct histogram *histogram, char **names_ret,
				       uint64_t *objects_ret, uint64_t *types_ret)
	__attribute__((warn_unused_result));

#endif
