/* SPDX-License-Identifier: MIT */
/*
 * references_sqlite3.c - what connections refer to: Modules/_sqlite/connection.h, cache.h.
 */
#include "runtime/cpython/references.h"

/* A callback and what it needs, in memory of its own: 3.11. */
static void emit_callback(struct visit *visit, const struct reference_step *step, int32_t offset,
			  const char *text)
{
	uint64_t context;
	if (!visit_pointer(visit, visit->address, offset, &context) || !context)
		return;
	visit_member(visit, context, visit->layout->sqlite_callback_callable, step->flags, text);
	visit_member(visit, context, visit->layout->sqlite_callback_module, step->flags, "module");
}

void sqlite_connection_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	/* later it is a C string */
	if (!cpython_at_least(visit->cpython, 3, 11))
		visit_member(visit, visit->address, layout->sqlite_connection_isolation_level, step->flags,
			     ".isolation_level");
	emit_callback(visit, step, layout->sqlite_connection_trace_context, "trace callback");
	emit_callback(visit, step, layout->sqlite_connection_progress_context, "progress handler");
	emit_callback(visit, step, layout->sqlite_connection_authorizer_context, "authorizer");
}

/* The factory is the connection itself, which does not count, unless there was somebody else's. The nodes are a
 * list. */
void sqlite_cache_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	int32_t holds_factory;
	uint64_t node, slow;
	if (visit_int(visit, visit->address, layout->sqlite_cache_holds_factory, &holds_factory) &&
	    holds_factory)
		visit_member(visit, visit->address, layout->sqlite_cache_factory, step->flags, "factory");
	if (!visit_pointer(visit, visit->address, layout->sqlite_cache_first, &node))
		return;
	slow = node;
	for (uint64_t i = 0; node && !visit->no_memory; i++) {
		visit_emit(visit, node, step->flags, RUNTIME_LABEL_INDEX, i, "node");
		if (!visit_pointer(visit, node, layout->sqlite_node_next, &node))
			return;
		/* the second walks half as fast: they meet in a list without an end */
		if (i % 2 && !visit_pointer(visit, slow, layout->sqlite_node_next, &slow))
			return;
		if (node && node == slow) {
			visit->damaged = true;
			return;
		}
	}
}
