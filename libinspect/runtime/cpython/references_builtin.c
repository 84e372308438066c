/* SPDX-License-Identifier: MIT */
/*
 * references_builtin.c - what objects of built-in types refer to, where a description is not enough.
 */
#include "runtime/cpython/references.h"

/* ---- code: Objects/codeobject.c -------------------------------------------------------------------- */

/* The optimizer's executors, which only builds with it have: _PyExecutorArray of Include/cpython/code.h, 3.13 */
static void visit_executors(struct visit *visit)
{
	const struct layout *layout = visit->layout;
	uint64_t executors;
	int32_t size;
	if (visit_pointer(visit, visit->address, layout->code_executors, &executors) && executors &&
	    layout->code_executors_items != LAYOUT_ABSENT &&
	    visit_int(visit, executors, layout->code_executors_size, &size))
		visit_array(visit, executors + (uint64_t)layout->code_executors_items, size, RUNTIME_UNVISITED,
			    RUNTIME_LABEL_INDEX, "executors");
}

/* What co_code and others gave is kept: _PyCoCached, 3.12 */
void code_references(struct visit *visit, const struct reference_step *step __attribute__((unused)))
{
	const struct layout *layout = visit->layout;
	uint64_t cache;
	if (visit_pointer(visit, visit->address, layout->code_cache, &cache) && cache) {
		visit_member(visit, cache, layout->code_cache_code, RUNTIME_UNVISITED, ".co_code");
		visit_member(visit, cache, layout->code_cache_varnames, RUNTIME_UNVISITED, ".co_varnames");
		visit_member(visit, cache, layout->code_cache_cellvars, RUNTIME_UNVISITED, ".co_cellvars");
		visit_member(visit, cache, layout->code_cache_freevars, RUNTIME_UNVISITED, ".co_freevars");
	}
	visit_executors(visit);
}

/* ---- HAMT: Python/hamt.c --------------------------------------------------------------------------- */

void hamt_array_node_references(struct visit *visit, const struct reference_step *step)
{
	int32_t items = visit->layout->hamt_array_node_items, end = visit->layout->hamt_array_node_count;
	if (items != LAYOUT_ABSENT && end > items)
		visit_array(visit, visit->address + (uint64_t)items, (end - items) / (int64_t)sizeof(uint64_t), step->flags,
			    RUNTIME_LABEL_INDEX, NULL);
}

/* ---- struct sequences: Objects/structseq.c --------------------------------------------------------- */

/* The int that the type at @type has under the name @name, or -1. */
static int64_t type_number(struct cpython *cpython, uint64_t type, const char *name)
{
	int32_t digit;
	uint64_t number = cpython_dict_get(cpython, cpython_type_dict(cpython, type), name);
	return read_int32(cpython, number, cpython->layout.int_digits, &digit) ? digit : -1;
}

bool structseq_bind(struct binding *binding, struct cpython *cpython, uint64_t class, bool is_tuple_traverse)
{
	const struct layout *layout = &cpython->layout;
	int64_t visible = type_number(cpython, class, "n_sequence_fields");
	int64_t fields = type_number(cpython, class, "n_fields"), offset;
	uint64_t member, name;
	if (visible < 0 || fields < visible || layout->size_of_member == LAYOUT_ABSENT ||
	    !read_pointer(cpython, class, layout->type_members, &member) || !member)
		return false;
	binding_add(binding, &(struct reference_step){
		.kind = STEP_ITEMS, .label = RUNTIME_LABEL_INDEX, .offset = layout->tuple_items });
	const int64_t begin = layout->tuple_items + visible * (int64_t)sizeof(uint64_t);
	const int64_t end = layout->tuple_items + fields * (int64_t)sizeof(uint64_t);
	for (int64_t i = 0; i < fields; i++, member += (uint64_t)layout->size_of_member) {
		if (!read_pointer(cpython, member, layout->member_name, &name) || !name ||
		    !read_ssize(cpython, member, layout->member_offset, &offset))
			break;
		if (offset < begin || offset >= end)
			continue;
		binding_add(binding, &(struct reference_step){
			.kind = STEP_POINTER,
			.flags = is_tuple_traverse ? RUNTIME_UNVISITED : 0,
			.label = RUNTIME_LABEL_MEMBER,
			.offset = (int32_t)offset,
			.value = name,
		});
	}
	return true;
}
