/* SPDX-License-Identifier: MIT */
/*
 * references_xml.c - what elements and parsers refer to: Modules/_elementtree.c, pyexpat.c.
 */
#include "runtime/cpython/references.h"

/* The lowest bit of the pointers to text and tail tells that they lead to a list to be joined: JOIN_GET. */
static const uint64_t JOIN_BIT = 1;

static void emit_joined(struct visit *visit, int32_t offset, unsigned int flags, const char *text)
{
	uint64_t target;
	if (visit_pointer(visit, visit->address, offset, &target))
		visit_emit(visit, target & ~JOIN_BIT, flags, RUNTIME_LABEL_TEXT, 0, text);
}

void element_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	uint64_t extra, children;
	int64_t count;
	emit_joined(visit, layout->element_text, step->flags, ".text");
	emit_joined(visit, layout->element_tail, step->flags, ".tail");
	if (!visit_pointer(visit, visit->address, layout->element_extra, &extra) || !extra)
		return;
	visit_member(visit, extra, layout->element_extra_attrib, step->flags, ".attrib");
	if (visit_ssize(visit, extra, layout->element_extra_length, &count) &&
	    visit_pointer(visit, extra, layout->element_extra_children, &children) && count)
		visit_array(visit, children, count, step->flags, RUNTIME_LABEL_INDEX, NULL);
}

/* The elements in which an iterator is: an array of structs. */
void element_iterator_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	enum { DEPTH_LIMIT = 1 << 28 };
	uint64_t parents, target;
	int64_t count;
	if (layout->size_of_element_parent == LAYOUT_ABSENT ||
	    !visit_pointer(visit, visit->address, layout->element_iterator_parents, &parents) ||
	    !visit_ssize(visit, visit->address, layout->element_iterator_used, &count))
		return;
	visit->damaged |= count < 0 || count > DEPTH_LIMIT;
	for (int64_t i = 0; i < count && !visit->damaged && !visit->no_memory; i++) {
		uint64_t parent = parents + (uint64_t)i * (uint64_t)layout->size_of_element_parent;
		if (visit_pointer(visit, parent, layout->element_iterator_parent, &target))
			visit_emit(visit, target, step->flags, RUNTIME_LABEL_INDEX, (uint64_t)i, "parent");
	}
}

/* The attributes of a parser that are functions, in the order of the enum HandlerTypes: pyexpat.c. */
static const char *const handler_names[] = {
	".StartElementHandler", ".EndElementHandler", ".ProcessingInstructionHandler", ".CharacterDataHandler",
	".UnparsedEntityDeclHandler", ".NotationDeclHandler", ".StartNamespaceDeclHandler",
	".EndNamespaceDeclHandler", ".CommentHandler", ".StartCdataSectionHandler", ".EndCdataSectionHandler",
	".DefaultHandler", ".DefaultHandlerExpand", ".NotStandaloneHandler", ".ExternalEntityRefHandler",
	".StartDoctypeDeclHandler", ".EndDoctypeDeclHandler", ".EntityDeclHandler", ".XmlDeclHandler",
	".ElementDeclHandler", ".AttlistDeclHandler", ".SkippedEntityHandler",
};

void expat_parser_references(struct visit *visit, const struct reference_step *step)
{
	uint64_t handlers;
	if (!visit_pointer(visit, visit->address, visit->layout->expat_parser_handlers, &handlers) || !handlers)
		return;
	for (size_t i = 0; i < sizeof(handler_names) / sizeof(handler_names[0]); i++)
		visit_member(visit, handlers + i * sizeof(uint64_t), 0, step->flags, handler_names[i]);
}
