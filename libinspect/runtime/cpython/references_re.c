/* SPDX-License-Identifier: MIT */
/*
 * references_re.c - what a template of re.sub() refers to: Modules/_sre/sre.h, 3.12.
 */
#include "runtime/cpython/references.h"

/* Literals between the groups: an array of structs in the object. */
void template_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	enum { ITEMS_LIMIT = 1 << 28 };
	int64_t count;
	if (layout->template_item_next == LAYOUT_ABSENT ||
	    !visit_ssize(visit, visit->address, layout->var_size, &count))
		return;
	int32_t size = layout->template_item_next - layout->template_item_literal;
	visit->damaged |= count < 0 || count > ITEMS_LIMIT;
	for (int64_t i = 0; i < count && !visit->damaged && !visit->no_memory; i++) {
		uint64_t target, item = visit->address + (uint64_t)i * (uint64_t)size;
		if (visit_pointer(visit, item, layout->template_item_literal, &target))
			visit_emit(visit, target, step->flags, RUNTIME_LABEL_INDEX, (uint64_t)i, "literal");
	}
}
