/* SPDX-License-Identifier: MIT */
/*
 * references_instance.c - what instances of classes made by Python code have beyond what their base in C has: __slots__
 * and __dict__. subtype_traverse() of Objects/typeobject.c.
 */
#include "runtime/cpython/references.h"

enum {
	WORD = sizeof(uint64_t),
	MEMBER_OBJECT_EX = 16, /* T_OBJECT_EX of Include/structmember.h (Py_T_OBJECT_EX of descrobject.h, 3.12) */
	MEMBER_AFTER_ITEMS = 16, /* _Py_AFTER_ITEMS of Python/structmember.c, 3.15: slots of a tuple */
	SLOTS_LIMIT = 1 << 20,
	/* Words before an object: MANAGED_DICT_OFFSET of internal/pycore_object.h (3.11 on), and the pointer to the values
	 * that 3.11 alone has: _PyObject_ValuesPointer(). */
	MANAGED_DICT = -3 * WORD,
	MANAGED_VALUES = -4 * WORD,
};

/* ---- the traverse function of classes ------------------------------------------------------------- */

/* Is @type a class that Python code made? Types of C without a traverse function of their own may come near, but they
 * have no __init__ that is a Python function. */
static uint64_t traverse_of_class(struct cpython *cpython, uint64_t type)
{
	uint64_t flags, traverse, function, function_type, code, code_type;
	if (!type || !cpython_is_type(cpython, type) ||
	    !read_pointer(cpython, type, cpython->layout.type_flags, &flags) ||
	    (flags & (TPFLAGS_HEAPTYPE | TPFLAGS_HAVE_GC)) != (TPFLAGS_HEAPTYPE | TPFLAGS_HAVE_GC) ||
	    !read_pointer(cpython, type, cpython->layout.type_traverse, &traverse))
		return 0;
	function = cpython_dict_get(cpython, cpython_type_dict(cpython, type), "__init__");
	if (!read_pointer(cpython, function, cpython->layout.object_type, &function_type) ||
	    !read_pointer(cpython, function, cpython->layout.function_code, &code) ||
	    !read_pointer(cpython, code, cpython->layout.object_type, &code_type) ||
	    !cpython_is_type(cpython, function_type) || !cpython_is_type(cpython, code_type))
		return 0;
	return traverse;
}

/* The type of the object that the dict at @dict has under the name @name, or 0. */
static uint64_t type_of_item(struct cpython *cpython, uint64_t dict, const char *name)
{
	uint64_t type, item = cpython_dict_get(cpython, dict, name);
	return read_pointer(cpython, item, cpython->layout.object_type, &type) ? type : 0;
}

/* The dict of the module @name of the interpreter number @number, or 0. */
static uint64_t module_dict(struct cpython *cpython, size_t number, const char *name)
{
	uint64_t modules, dict;
	if (!read_pointer(cpython, cpython->interpreters[number].address, cpython->layout.interpreter_modules, &modules))
		return 0;
	return read_pointer(cpython, cpython_dict_get(cpython, modules, name), cpython->layout.module_dict, &dict) ? dict : 0;
}

/* importlib is frozen Python code in every interpreter: sys.__spec__ is an instance of a class of its own. */
void cpython_find_subtype_traverse(struct cpython *cpython)
{
	static const char *const classes[] = { "ModuleSpec", "_ModuleLock", "_ModuleLockManager" };
	for (size_t i = 0; i < cpython->interpreter_count && !cpython->subtype_traverse; i++) {
		uint64_t sysdict, importlib = module_dict(cpython, i, "_frozen_importlib");
		if (read_pointer(cpython, cpython->interpreters[i].address, cpython->layout.interpreter_sysdict, &sysdict))
			cpython->subtype_traverse =
				traverse_of_class(cpython, type_of_item(cpython, sysdict, "__spec__"));
		for (size_t j = 0; j < sizeof(classes) / sizeof(*classes) && !cpython->subtype_traverse; j++)
			cpython->subtype_traverse =
				traverse_of_class(cpython, cpython_dict_get(cpython, importlib, classes[j]));
	}
}

/* ---- __slots__ ------------------------------------------------------------------------------------- */

/* The bytes of the object's items, which more of the object follows. */
static bool read_items_size(struct visit *visit, uint64_t *size_ret)
{
	int64_t count;
	if (!visit_ssize(visit, visit->address, visit->layout->var_size, &count))
		return false;
	*size_ret = (uint64_t)(count < 0 ? -count : count) * (uint64_t)visit->type->itemsize;
	return true;
}

/* A slot behind the items: _PyMember_GetOffset() of Python/structmember.c */
static void tail_slot_references(struct visit *visit, const struct reference_step *step)
{
	uint64_t items, target;
	if (read_items_size(visit, &items) &&
	    visit_pointer(visit, visit->address + (items + WORD - 1) / WORD * WORD, step->offset, &target))
		visit_emit(visit, target, step->flags, step->label, step->value, NULL);
}

void instance_bind_slots(struct binding *binding, struct cpython *cpython, uint64_t class, int64_t basicsize)
{
	const struct layout *layout = &cpython->layout;
	uint64_t metatype, member, name;
	int64_t count, metasize, offset;
	int32_t type, flags;
	/* The table follows the type: PyHeapType_GET_MEMBERS() of Include/object.h, internal/pycore_typeobject.h */
	if (layout->size_of_member == LAYOUT_ABSENT ||
	    !read_ssize(cpython, class, layout->var_size, &count) || count <= 0 || count > SLOTS_LIMIT ||
	    !read_pointer(cpython, class, layout->object_type, &metatype) ||
	    !read_ssize(cpython, metatype, layout->type_basicsize, &metasize) || metasize <= 0)
		return;
	member = class + (uint64_t)metasize;
	for (int64_t i = 0; i < count; i++, member += (uint64_t)layout->size_of_member) {
		if (!read_pointer(cpython, member, layout->member_name, &name) ||
		    !read_int32(cpython, member, layout->member_type, &type) ||
		    !read_ssize(cpython, member, layout->member_offset, &offset))
			return;
		if (type != MEMBER_OBJECT_EX || offset < layout->size_of_object || offset > basicsize - WORD)
			continue;
		bool after_items = read_int32(cpython, member, layout->member_flags, &flags) && flags & MEMBER_AFTER_ITEMS;
		binding_add(binding, &(struct reference_step){
			.kind = after_items ? STEP_FUNCTION : STEP_POINTER,
			.function = after_items ? tail_slot_references : NULL,
			.label = RUNTIME_LABEL_MEMBER,
			.offset = (int32_t)offset,
			.value = name,
		});
	}
}

/* ---- __dict__ -------------------------------------------------------------------------------------- */

/* The pointer to the dict is behind the items of an object that has some: _PyObject_ComputedDictPointer() of
 * Objects/object.c. step->offset counts back from the end. */
static void tail_dict_references(struct visit *visit, const struct reference_step *step)
{
	uint64_t items;
	if (!read_items_size(visit, &items))
		return;
	uint64_t size = ((uint64_t)visit->type->basicsize + items + WORD - 1) / WORD * WORD;
	visit_member(visit, visit->address + size + (uint64_t)(int64_t)step->offset, 0, step->flags, ".__dict__");
}

/* The values of an instance that has no dict made of them yet; @count is LAYOUT_ABSENT for as many as there are keys. */
static void visit_values(struct visit *visit, uint64_t values, int64_t count, unsigned int flags)
{
	uint64_t keys_address;
	struct dict_keys keys = { .count = 0 };
	int32_t array = visit->layout->dict_values_array;
	bool wanted = count < 0 || visit->references->labelled;
	if (array == LAYOUT_ABSENT ||
	    (wanted && !visit_pointer(visit, visit->type->address, visit->layout->heaptype_cached_keys, &keys_address)))
		return;
	if (wanted && !dict_keys_read(visit->cpython, keys_address, &keys)) {
		visit->damaged = true;
		return;
	}
	visit_split_values(visit, &keys, values + (uint64_t)array, count < 0 ? keys.count : count, flags,
			   RUNTIME_LABEL_ATTRIBUTE);
}

/* 3.13 on: the values are at the end of the instance, and hold until `valid` is zero. True if it has any. */
static bool visit_inline_values(struct visit *visit, unsigned int flags)
{
	const struct layout *layout = visit->layout;
	uint64_t values = visit->address + (uint64_t)visit->type->basicsize;
	uint8_t valid, capacity;
	if (!(visit->type->flags & TPFLAGS_INLINE_VALUES) ||
	    !visit_byte(visit, values, layout->dict_values_valid, &valid) || !valid ||
	    !visit_byte(visit, values, layout->dict_values_capacity, &capacity))
		return false;
	visit_values(visit, values, capacity, flags);
	return true;
}

/* PyObject_VisitManagedDict() of Objects/dictobject.c: without the fix, an instance with a dict beside its values
 * visits these, and not the dict. */
static void visit_dict_or_inline_values(struct visit *visit, uint64_t dict, unsigned int flags)
{
	bool fixed = cpython_has_fix(visit->cpython, FIX_130327);
	if ((!dict || !fixed) && visit_inline_values(visit, flags))
		flags |= RUNTIME_UNVISITED;
	visit_emit(visit, dict, flags, RUNTIME_LABEL_TEXT, 0, ".__dict__");
}

int32_t managed_values_offset(const struct cpython *cpython)
{
	if (!cpython_at_least(cpython, 3, 11) || cpython_at_least(cpython, 3, 13))
		return LAYOUT_ABSENT;
	return cpython_at_least(cpython, 3, 12) ? MANAGED_DICT : MANAGED_VALUES;
}

void managed_dict_references(struct visit *visit, const struct reference_step *step)
{
	uint64_t dict, values = 0;
	if (!(visit->type->flags & TPFLAGS_MANAGED_DICT) || !cpython_at_least(visit->cpython, 3, 11) ||
	    !visit_pointer(visit, visit->address + (uint64_t)(int64_t)MANAGED_DICT, 0, &dict))
		return;
	if (cpython_at_least(visit->cpython, 3, 13)) {
		visit_dict_or_inline_values(visit, dict, step->flags);
		return;
	}
	if (!cpython_at_least(visit->cpython, 3, 12)) {
		visit_pointer(visit, visit->address + (uint64_t)(int64_t)MANAGED_VALUES, 0, &values);
	} else if (dict & 1) { /* one word for both: _PyDictOrValues_IsValues() of internal/pycore_object.h */
		values = dict + 1;
		dict = 0;
	}
	if (values)
		visit_values(visit, values, -1, step->flags);
	visit_emit(visit, dict, step->flags, RUNTIME_LABEL_TEXT, 0, ".__dict__");
}

void instance_bind_dict(struct binding *binding, const struct cpython_type *type, int64_t dictoffset)
{
	struct reference_step step = { .label = RUNTIME_LABEL_TEXT, .text = ".__dict__" };
	if (type->flags & TPFLAGS_MANAGED_DICT) {
		step.kind = STEP_FUNCTION;
		step.function = managed_dict_references;
	} else if (dictoffset > 0 && dictoffset <= type->basicsize - WORD) {
		step.kind = STEP_POINTER;
		step.offset = (int32_t)dictoffset;
	} else if (dictoffset < 0 && dictoffset > -type->basicsize) {
		step.kind = STEP_FUNCTION;
		step.function = tail_dict_references;
		step.offset = (int32_t)dictoffset;
	} else {
		return;
	}
	binding_add(binding, &step);
}
