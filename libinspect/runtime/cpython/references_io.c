/* SPDX-License-Identifier: MIT */
/*
 * references_io.c - what streams and codecs keep where it takes a look: Modules/_io/stringio.c,
 * Modules/cjkcodecs/multibytecodec.c.
 */
#include "runtime/cpython/references.h"

/* From 3.14 on, the writer of a StringIO to which text is only appended is a structure of its own. */
void stringio_writer_references(struct visit *visit, const struct reference_step *step __attribute__((unused)))
{
	uint64_t writer;
	if (visit_pointer(visit, visit->address, visit->layout->stringio_writer, &writer) && writer)
		visit_member(visit, writer, visit->layout->writer_buffer, RUNTIME_UNVISITED, "writer");
}

/* The handler of errors at @offset: an object, or one of the numbers that stand for "strict", "ignore" and "replace". */
static void visit_error_handler(struct visit *visit, int32_t offset, unsigned int flags)
{
	enum { LARGEST_NUMBER = 3 };
	uint64_t handler;
	if (visit_pointer(visit, visit->address, offset, &handler) && handler > LARGEST_NUMBER)
		visit_emit(visit, handler, flags, RUNTIME_LABEL_TEXT, 0, ".errors");
}

void multibyte_encoder_references(struct visit *visit, const struct reference_step *step)
{
	visit_error_handler(visit, visit->layout->multibyte_encoder_errors, step->flags);
}

void multibyte_decoder_references(struct visit *visit, const struct reference_step *step)
{
	visit_error_handler(visit, visit->layout->multibyte_decoder_errors, step->flags);
}

void multibyte_reader_references(struct visit *visit, const struct reference_step *step)
{
	visit_error_handler(visit, visit->layout->multibyte_reader_errors, step->flags);
}

void multibyte_writer_references(struct visit *visit, const struct reference_step *step)
{
	visit_error_handler(visit, visit->layout->multibyte_writer_errors, step->flags);
}
