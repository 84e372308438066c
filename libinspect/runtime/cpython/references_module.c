/* SPDX-License-Identifier: MIT */
/*
 * references_module.c - what module objects hold besides their __dict__: the state of modules written in C.
 *
 * A module's PyModuleDef tells the state's size and the function that visits it. From 3.15 on a module has copies of
 * these, and its PyModuleDef, if there is one, as its token: Objects/moduleobject.c, pycore_moduleobject.h.
 */
#include "runtime/cpython/references.h"

#include <stdlib.h>

#include "base/array.h"
#include "runtime/cpython/scan.h"

enum { NAME_LIMIT = 255 };

struct module_state {
	uint64_t address, traverse;
	int64_t size;
	char name[NAME_LIMIT + 1]; /* "_functools": in the PyModuleDef it may be another than in sys.modules */
};

static void read_name(struct visit *visit, uint64_t definition, struct module_state *state)
{
	const struct layout *layout = visit->layout;
	struct cpython *cpython = visit->cpython;
	char *name AUTO_FREE = NULL;
	uint64_t address;
	state->name[0] = '\0';
	if (definition) {
		if (!visit_pointer(visit, definition, layout->module_definition_name, &address))
			return;
		struct inspect_error *error INSPECT_ERROR_AUTO =
			target_read_string(cpython->target, address, NAME_LIMIT, &name);
		visit->damaged |= error != NULL;
	} else if (visit_pointer(visit, visit->address, layout->module_name, &address) && address) {
		name = cpython_str_text(cpython, address, NAME_LIMIT, NULL);
	}
	if (name && strlen(name) <= NAME_LIMIT)
		strcpy(state->name, name);
}

/* The state as the module object itself describes it: 3.15. */
static bool read_state(struct visit *visit, struct module_state *state, uint64_t *definition_ret)
{
	const struct layout *layout = visit->layout;
	uint8_t has_definition;
	*definition_ret = 0;
	return visit_ssize(visit, visit->address, layout->module_state_size, &state->size) &&
	       visit_pointer(visit, visit->address, layout->module_state_traverse, &state->traverse) &&
	       visit_byte(visit, visit->address, layout->module_token_is_definition, &has_definition) &&
	       (!has_definition || visit_pointer(visit, visit->address, layout->module_token, definition_ret));
}

/* The same as its PyModuleDef describes it: before 3.15. */
static bool read_definition(struct visit *visit, struct module_state *state, uint64_t *definition_ret)
{
	const struct layout *layout = visit->layout;
	return visit_pointer(visit, visit->address, layout->module_definition, definition_ret) && *definition_ret &&
	       visit_ssize(visit, *definition_ret, layout->module_definition_size, &state->size) &&
	       visit_pointer(visit, *definition_ret, layout->module_definition_traverse, &state->traverse);
}

void module_state_references(struct visit *visit, const struct reference_step *step __attribute__((unused)))
{
	struct module_state state;
	uint64_t definition;
	if (!visit_pointer(visit, visit->address, visit->layout->module_state, &state.address) || !state.address)
		return;
	bool described = visit->layout->module_state_size != LAYOUT_ABSENT ? read_state(visit, &state, &definition) :
									     read_definition(visit, &state, &definition);
	if (!described || state.size <= 0)
		return;
	read_name(visit, definition, &state);
	unsigned int flags = state.traverse ? 0 : RUNTIME_UNVISITED;
	if (!visit_module_state(visit, state.name, state.size, state.address, flags))
		scan_state(visit, state.address, state.size, flags);
}

/* Before 3.10, module atexit keeps what is to be called in an array: Modules/atexitmodule.c. */
void atexit_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	uint64_t callbacks, callback;
	int32_t count;
	if (!visit_pointer(visit, visit->address, layout->atexit_callbacks, &callbacks) || !callbacks ||
	    !visit_int(visit, visit->address, layout->atexit_callback_count, &count))
		return;
	for (int32_t i = 0; i < count && !visit->no_memory; i++) {
		if (!visit_pointer(visit, callbacks + (uint64_t)i * sizeof(callback), 0, &callback))
			return;
		if (!callback) /* unregistered */
			continue;
		visit_member(visit, callback, layout->atexit_callback_function, step->flags, "callback");
		visit_member(visit, callback, layout->atexit_callback_arguments, step->flags, "arguments");
		visit_member(visit, callback, layout->atexit_callback_keywords, step->flags, "keywords");
	}
}

/* Iterators of futures that are free, a list through their first member: FutureIter_dealloc() of Modules/_asynciomodule.c.
 * Each keeps its reference to its type. In 3.12 the module visits them, and they visit the type; in 3.13 it does not. */
void asyncio_free_list_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	bool is_visited = !cpython_at_least(visit->cpython, 3, 13);
	uint64_t iterator, type;
	if (!visit_pointer(visit, visit->address, layout->asyncio_free_list, &iterator))
		return;
	struct visit_chain chain = { .limit = 1 };
	while (iterator && !visit->no_memory && visit_chain_goes_on(visit, &chain, iterator)) {
		if (is_visited)
			visit_emit(visit, iterator, step->flags | RUNTIME_UNCOUNTED, RUNTIME_LABEL_TEXT, 0, "free iterator");
		else if (visit_pointer(visit, iterator, layout->object_type, &type))
			visit_emit(visit, type, step->flags | RUNTIME_UNVISITED, RUNTIME_LABEL_TEXT, 0, "free iterator's type");
		if (!visit_pointer(visit, iterator, layout->future_iterator_future, &iterator))
			return;
	}
}

/* What an iterator is for; of one that is free, the next one in the list of these, which is not held. */
void future_iterator_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	uint64_t future;
	int64_t refcount;
	if (!visit_pointer(visit, visit->address, layout->future_iterator_future, &future) || !future ||
	    !visit_ssize(visit, visit->address, layout->object_refcnt, &refcount))
		return;
	visit_emit(visit, future, step->flags | (refcount ? 0 : RUNTIME_UNCOUNTED), RUNTIME_LABEL_TEXT, 0, "future");
}
