/* SPDX-License-Identifier: MIT */
/*
 * references_language.c - what tokenizers and buffers refer to: behind malloc.
 */
#include "runtime/cpython/references.h"

/* Python/Python-tokenize.c, Parser/lexer/state.h */
void tokenizer_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	uint64_t state;
	if (!visit_pointer(visit, visit->address, layout->tokenizer_state, &state) || !state)
		return;
	visit_member(visit, state, layout->tokenizer_filename, step->flags, "file name");
	visit_member(visit, state, layout->tokenizer_module, step->flags, "module");
	visit_member(visit, state, layout->tokenizer_decoding_readline, step->flags, "readline");
	visit_member(visit, state, layout->tokenizer_decoding_buffer, step->flags, "buffer");
	visit_member(visit, state, layout->tokenizer_readline, step->flags, "readline");
}

/* Modules/_interpretersmodule.c */
void interpreters_buffer_references(struct visit *visit, const struct reference_step *step)
{
	uint64_t view;
	if (visit_pointer(visit, visit->address, visit->layout->interpreters_buffer_view, &view) && view)
		visit_member(visit, view, visit->layout->buffer_object, step->flags, "buffer");
}

/* The objects whose memory the buffers of an ndarray are, a list: Modules/_testbuffer.c */
void test_array_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	enum { BUFFERS_LIMIT = 10000 };
	uint64_t buffer;
	if (!visit_pointer(visit, visit->address, layout->test_array_first, &buffer))
		return;
	for (int i = 0; buffer; i++) {
		if (i == BUFFERS_LIMIT) {
			visit->damaged = true;
			return;
		}
		visit_member(visit, buffer, layout->test_array_object, step->flags, "buffer");
		if (!visit_pointer(visit, buffer, layout->test_array_next, &buffer))
			return;
	}
}
