/* SPDX-License-Identifier: MIT */
/*
 * references_state.c - what takes more than a list of members in the states of modules; visit->address is the
 * state's.
 */
#include "runtime/cpython/hashtable.h"
#include "runtime/cpython/references.h"

/* Some traverse functions of modules visit the module's type, which is static and not held:
 * Modules/_curses_panel.c from 3.9 on. */
void module_type_references(struct visit *visit, const struct reference_step *step)
{
	if (cpython_at_least(visit->cpython, 3, 9))
		visit_emit(visit, visit->type->address, step->flags | RUNTIME_UNCOUNTED, RUNTIME_LABEL_TEXT, 0,
			   ".__class__");
}

/* The zones used last, a list of keys and zones: StrongCacheNode of Modules/_zoneinfo.c */
void zoneinfo_state_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	enum { CACHE_LIMIT = 1000 }; /* it has at most 8 for each class */
	uint64_t node, key, zone;
	if (!visit_pointer(visit, visit->address, layout->zoneinfo_state_cache, &node))
		return;
	for (uint64_t i = 0; node && !visit->no_memory; i++) {
		if (i == CACHE_LIMIT) {
			visit->damaged = true;
			return;
		}
		if (visit_pointer(visit, node, layout->zoneinfo_cache_key, &key))
			visit_emit(visit, key, step->flags, RUNTIME_LABEL_INDEX, i, "cache key");
		if (visit_pointer(visit, node, layout->zoneinfo_cache_zone, &zone))
			visit_emit(visit, zone, step->flags, RUNTIME_LABEL_INDEX, i, "cache");
		if (!visit_pointer(visit, node, layout->zoneinfo_cache_next, &node))
			return;
	}
}

/* The exceptions in an array of DecCondMap from number @first on; the last one has no name. */
static void emit_conditions(struct visit *visit, const struct reference_step *step, int32_t offset,
			    uint64_t first, const char *text)
{
	const struct layout *layout = visit->layout;
	enum { CONDITIONS_LIMIT = 100 };
	uint64_t conditions, name, exception;
	if (!visit_pointer(visit, visit->address, offset, &conditions) || !conditions ||
	    layout->size_of_decimal_condition == LAYOUT_ABSENT)
		return;
	for (uint64_t i = first; i < CONDITIONS_LIMIT; i++) {
		uint64_t condition = conditions + i * (uint64_t)layout->size_of_decimal_condition;
		if (!visit_pointer(visit, condition, layout->decimal_condition_name, &name) || !name)
			return;
		if (visit_pointer(visit, condition, layout->decimal_condition_exception, &exception))
			visit_emit(visit, exception, step->flags, RUNTIME_LABEL_INDEX, i, text);
	}
	visit->damaged = true;
}

/* Modules/_decimal/_decimal.c. The names of ways to round are held, but not visited; the first condition has
 * the exception of the first signal and holds nothing. */
void decimal_state_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	int32_t rounding = layout->decimal_state_rounding, end = layout->decimal_state_Rational;
	if (rounding != LAYOUT_ABSENT && end != LAYOUT_ABSENT)
		visit_array(visit, visit->address + (uint64_t)rounding, (end - rounding) / (int64_t)sizeof(uint64_t),
			    RUNTIME_UNVISITED, RUNTIME_LABEL_INDEX, "rounding");
	emit_conditions(visit, step, layout->decimal_state_signals, 0, "signal");
	emit_conditions(visit, step, layout->decimal_state_conditions, 1, "condition");
}

/* PyModule_AddObject() takes the only reference to the exception since 3.13: Modules/_testcapimodule.c */
void testcapi_state_references(struct visit *visit, const struct reference_step *step)
{
	unsigned int borrowed = cpython_at_least(visit->cpython, 3, 13) ? RUNTIME_UNCOUNTED : 0;
	uint64_t error;
	if (visit_pointer(visit, visit->address, visit->layout->testcapi_state_error, &error))
		visit_emit(visit, error, step->flags | borrowed, RUNTIME_LABEL_TEXT, 0, "error");
}

/* The names of the algorithms, which are held and not visited: py_hmac_hinfo of Modules/hmacmodule.c. The table has each
 * algorithm by its own name and by others. */
void hmac_state_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	struct hashtable_cursor cursor;
	uint64_t table, key, info, name, display_name;
	if (!visit_pointer(visit, visit->address, layout->hmac_state_table, &table))
		return;
	hashtable_begin(&cursor, visit->cpython, table);
	for (uint64_t i = 0; !visit->no_memory && hashtable_next(&cursor, &key, &info); i++)
		if (visit_pointer(visit, info, layout->hmac_info_name, &name) && name == key &&
		    visit_pointer(visit, info, layout->hmac_info_display_name, &display_name))
			visit_emit(visit, display_name, step->flags | RUNTIME_UNVISITED, RUNTIME_LABEL_INDEX, i,
				   "algorithm");
}

/* _tkinter has its types in static variables, which hold them, and which its traverse function, if it has one,
 * visits: in late releases of 3.14. They are in its __dict__, too. visit->address is the module's. */
void tkinter_module_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	struct cpython *cpython = visit->cpython;
	static const struct { const char *name, *label; } members[] = {
		{ "TclError", ".TclError" },
		{ "TkappType", ".TkappType" },
		{ "TkttType", ".TkttType" },
		{ "Tcl_Obj", ".Tcl_Obj" },
	};
	uint64_t name, definition, dict, traverse = 0;
	if (!visit_pointer(visit, visit->address, layout->module_name, &name) ||
	    !cpython_str_equals(cpython, name, "_tkinter"))
		return;
	if (!visit_pointer(visit, visit->address, layout->module_state_traverse, &traverse) &&
	    visit_pointer(visit, visit->address, layout->module_definition, &definition) && definition)
		visit_pointer(visit, definition, layout->module_definition_traverse, &traverse);
	if (!traverse || !visit_pointer(visit, visit->address, layout->module_dict, &dict))
		return;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		visit_emit(visit, cpython_dict_get(cpython, dict, members[i].name),
			   step->flags | RUNTIME_UNCOUNTED, RUNTIME_LABEL_TEXT, 0, members[i].label);
}
