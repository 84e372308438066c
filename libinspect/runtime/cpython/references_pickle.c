/* SPDX-License-Identifier: MIT */
/*
 * references_pickle.c - the memos of picklers and unpicklers: Modules/_pickle.c.
 */
#include "runtime/cpython/references.h"

/* The memos are visited from 3.11.7 and 3.12.1 on (bpo-41422). */
static unsigned int memo_flags(const struct visit *visit, const struct reference_step *step)
{
	uint32_t version = visit->cpython->version;
	bool visited = version >= PY_RELEASE(3, 12, 1) || (version >= PY_RELEASE(3, 11, 7) && version < PY_RELEASE(3, 12, 0));
	return step->flags | (visited ? 0 : RUNTIME_UNVISITED);
}

/* What has been pickled so far: the keys of a hash table. */
void pickler_memo_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	int64_t count;
	uint64_t memo, table, key;
	if (!visit_pointer(visit, visit->address, layout->pickler_memo, &memo) || !memo ||
	    !visit_ssize(visit, memo, layout->pickler_memo_allocated, &count) ||
	    !visit_pointer(visit, memo, layout->pickler_memo_table, &table))
		return;
	visit->damaged |= count < 0;
	for (int64_t i = 0; table && i < count && !visit->no_memory; i++) {
		uint64_t entry = table + (uint64_t)i * (uint64_t)layout->size_of_pickler_memo_entry;
		if (!visit_pointer(visit, entry, layout->pickler_memo_key, &key))
			return;
		visit_emit(visit, key, memo_flags(visit, step), RUNTIME_LABEL_TEXT, 0, "memo");
	}
}

/* What has been unpickled so far, by number. */
void unpickler_memo_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	int64_t count;
	uint64_t memo;
	if (visit_pointer(visit, visit->address, layout->unpickler_memo, &memo) && memo &&
	    visit_ssize(visit, visit->address, layout->unpickler_memo_size, &count))
		visit_array(visit, memo, count, memo_flags(visit, step), RUNTIME_LABEL_INDEX, "memo");
}
