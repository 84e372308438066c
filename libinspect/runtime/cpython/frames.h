/* SPDX-License-Identifier: MIT */
/*
 * frames.h - interpreter frames: what the files share that know them.
 *
 * Since 3.11 a call has a _PyInterpreterFrame (internal/pycore_frame.h, pycore_interpframe_structs.h since 3.14): on
 * its thread's stack of data, inside a generator, or inside a frame object that outlived its call. A frame object is
 * made only when somebody asks for one. Up to 3.10 frames are objects, always.
 */
#ifndef INSPECT_CPYTHON_FRAMES_H
#define INSPECT_CPYTHON_FRAMES_H

#include "runtime/cpython/references.h"

/* enum _frameowner: who has the frame's memory, and so its references. Others are marks on the C stack. */
enum frame_owner {
	FRAME_OWNED_BY_THREAD = 0,
	FRAME_OWNED_BY_GENERATOR = 1,
	FRAME_OWNED_BY_FRAME_OBJECT = 2,
};

/* What is to be read behind the owner of an interpreter frame for what the frame holds. */
struct frame_labels {
	const char *object, *code, *locals;
};

/* Emits all that the interpreter frame at @frame holds: function, code, locals, stack. */
void visit_interpreter_frame(struct visit *visit, uint64_t frame, const struct frame_labels *labels);
/* Those of frame objects. */
extern const struct frame_labels frame_object_labels;

/* The frame's code object, 0 if it cannot be read. */
uint64_t interpreter_frame_code(struct visit *visit, uint64_t frame);

#endif
