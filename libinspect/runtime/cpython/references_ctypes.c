/* SPDX-License-Identifier: MIT */
/*
 * references_ctypes.c - what types made with ctypes refer to, besides what other types do:
 * Modules/_ctypes/ctypes.h.
 */
#include "runtime/cpython/references.h"

#include "base/array.h"

/* Until 3.12 the information is in the type's __dict__, which holds it; but the type visits one thing of it. */
static void emit_borrowed_proto(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	struct cpython *cpython = visit->cpython;
	uint64_t dict, type, name;
	char *text AUTO_FREE = NULL;
	if (!visit_pointer(visit, visit->address, layout->type_dict, &dict) || !dict ||
	    !visit_pointer(visit, dict, layout->object_type, &type) ||
	    !visit_pointer(visit, type, layout->type_name, &name))
		return;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_string(cpython->target, name, sizeof("StgDict"), &text);
	if (!error && strcmp(text, "StgDict") == 0)
		visit_member(visit, dict, layout->stginfo_proto, step->flags | RUNTIME_UNCOUNTED, "proto");
}

/* From 3.13 on a StgInfo lies behind the PyHeapTypeObject, where PyObject_GetTypeData() finds it. */
static void emit_info(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	enum { ALIGNMENT = 16 }; /* _Alignof(max_align_t) */
	const struct {
		int32_t offset;
		const char *text;
	} members[] = {
		{ layout->stginfo_proto, "proto" },
		{ layout->stginfo_argtypes, "argtypes" },
		{ layout->stginfo_converters, "converters" },
		{ layout->stginfo_restype, "restype" },
		{ layout->stginfo_checker, "checker" },
		{ layout->stginfo_pointer_type, ".__pointer_type__" },
		{ layout->stginfo_module, "module" },
	};
	int32_t initialized;
	if (layout->size_of_heaptype == LAYOUT_ABSENT)
		return;
	uint64_t info = visit->address +
			(((uint64_t)layout->size_of_heaptype + ALIGNMENT - 1) & -(uint64_t)ALIGNMENT);
	if (!visit_int(visit, info, layout->stginfo_initialized, &initialized) || !initialized)
		return;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		visit_member(visit, info, members[i].offset, step->flags, members[i].text);
}

void ctypes_type_references(struct visit *visit, const struct reference_step *step)
{
	if (cpython_at_least(visit->cpython, 3, 13))
		emit_info(visit, step);
	else
		emit_borrowed_proto(visit, step);
}
