/* SPDX-License-Identifier: MIT */
/*
 * references_capsule.c - what the capsules of the standard library refer to, by their names.
 *
 * Others keep what they like where their pointer leads: nobody can know.
 */
#include "runtime/cpython/references.h"

#include "base/array.h"

/* PySocketModule_APIObject: in static memory before 3.12, then its references count; Modules/socketmodule.c */
static void emit_socket(struct visit *visit, uint64_t pointer, unsigned int flags)
{
	const struct layout *layout = visit->layout;
	if (!cpython_at_least(visit->cpython, 3, 12))
		return;
	visit_member(visit, pointer, layout->socket_capsule_type, flags, "socket type");
	visit_member(visit, pointer, layout->socket_capsule_error, RUNTIME_UNVISITED, "error");
	visit_member(visit, pointer, layout->socket_capsule_timeout, RUNTIME_UNVISITED, "timeout error");
}

/* An array whose first item is the type of windows: Include/py_curses.h, Modules/_cursesmodule.c, 3.14 */
static void emit_curses(struct visit *visit, uint64_t pointer, unsigned int flags)
{
	if (cpython_at_least(visit->cpython, 3, 14))
		visit_member(visit, pointer, 0, flags, "window type");
}

void capsule_references(struct visit *visit, const struct reference_step *step)
{
	static const struct {
		const char *name;
		void (*emit)(struct visit *visit, uint64_t pointer, unsigned int flags);
	} capsules[] = {
		{ "_socket.CAPI", emit_socket },
		{ "_curses._C_API", emit_curses },
	};
	enum { NAME_LIMIT = 16 };
	struct cpython *cpython = visit->cpython;
	uint64_t name, pointer, traverse = 0;
	char *text AUTO_FREE = NULL;
	if (!visit_pointer(visit, visit->address, visit->layout->capsule_name, &name) || !name ||
	    !visit_pointer(visit, visit->address, visit->layout->capsule_pointer, &pointer) || !pointer)
		return;
	visit_pointer(visit, visit->address, visit->layout->capsule_traverse, &traverse);
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_string(cpython->target, name, NAME_LIMIT, &text);
	for (size_t i = 0; !error && i < sizeof(capsules) / sizeof(capsules[0]); i++)
		if (strcmp(text, capsules[i].name) == 0)
			capsules[i].emit(visit, pointer, step->flags | (traverse ? 0 : RUNTIME_UNVISITED));
}
