/* SPDX-License-Identifier: MIT */
/*
 * roots_thread.c - threads as roots: their states, and the calls that they are in.
 *
 * Up to 3.10 a call's frame is an object that the C function which runs it holds; each frame holds the one it was
 * called from. Since 3.11 a call has an interpreter frame, whose references are the thread's own unless a generator has
 * the frame in it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/text.h"
#include "runtime/cpython/frames.h"
#include "runtime/cpython/lines.h"
#include "runtime/cpython/names.h"
#include "runtime/cpython/roots.h"

enum {
	NAME_LIMIT = 200,       /* code points of a function's or file's name */
};

/* A thread whose roots are being sent. */
struct thread_roots {
	struct roots *roots;
	uint64_t state; /* address of its PyThreadState */
	char name[64];  /* "thread 4711" */
	struct runtime_references references; /* of a frame */
};

/* ---- its name ---- */

/* The thread of the target whose thread pointer is @pthread, as pthread_self() gives it; 0: unknown. Only x86-64 has the
 * thread pointer among the registers. */
static pid_t find_thread(const struct inspect_target *target, uint64_t pthread)
{
	enum { FS_BASE = 21 * sizeof(uint64_t) }; /* in struct user_regs_struct: <sys/user.h> */
	for (size_t i = 0; i < target->thread_count && target->machine == EM_X86_64; i++) {
		const struct target_thread *thread = &target->threads[i];
		uint64_t pointer;
		memcpy(&pointer, thread->registers + FS_BASE, sizeof(pointer));
		if (thread->has_registers && pointer == pthread)
			return thread->tid;
	}
	return 0;
}

static void name_thread(struct thread_roots *thread)
{
	struct cpython *cpython = thread->roots->cpython;
	uint64_t native, pthread = 0;
	if (!read_pointer(cpython, thread->state, cpython->layout.thread_native_id, &native) &&
	    read_pointer(cpython, thread->state, cpython->layout.thread_id, &pthread))
		native = (uint64_t)find_thread(cpython->target, pthread);
	if (native)
		snprintf(thread->name, sizeof(thread->name), "thread %" PRIu64, native);
	else
		snprintf(thread->name, sizeof(thread->name), "thread 0x%" PRIx64, pthread);
}

/* ---- its calls ---- */

/* "thread 4711: handler() at app.py:12" of a call in @code, whose instruction is @offset bytes into it; for the caller
 * to free. */
static char *name_call(struct thread_roots *thread, uint64_t code, int64_t offset)
{
	struct cpython *cpython = thread->roots->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t name_object = 0, file_object = 0;
	char *call;
	if (!read_pointer(cpython, code, layout->code_qualname, &name_object))
		read_pointer(cpython, code, layout->code_name, &name_object);
	read_pointer(cpython, code, layout->code_filename, &file_object);
	char *name AUTO_FREE = cpython_str_text(cpython, name_object, NAME_LIMIT, NULL);
	char *file AUTO_FREE = cpython_str_text(cpython, file_object, NAME_LIMIT, NULL);
	char *shown_name AUTO_FREE = name ? names_show(cpython, name) : strdup("?");
	char *shown_file AUTO_FREE = file ? names_show_file(cpython, file) : strdup("?");
	char *safe_name AUTO_FREE = shown_name ? text_safe(shown_name) : NULL;
	char *safe_file AUTO_FREE = shown_file ? text_safe(shown_file) : NULL;
	if (!safe_name || !safe_file ||
	    asprintf(&call, "%s: %s() at %s:%d", thread->name, safe_name, safe_file,
		     cpython_line(cpython, code, offset)) < 0)
		return NULL;
	return call;
}

/* Up to 3.10: frame objects. */
static struct inspect_error *add_frame_object(struct thread_roots *thread, uint64_t frame)
{
	struct cpython *cpython = thread->roots->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t code, generator;
	int32_t last;
	if (!read_pointer(cpython, frame, layout->frame_code, &code))
		return NULL;
	read_pointer(cpython, frame, layout->frame_generator, &generator);
	read_int32(cpython, frame, layout->frame_lasti, &last);
	/* f_lasti counts bytes, in 3.10 instructions of two bytes */
	char *place AUTO_FREE = name_call(thread, code, cpython_at_least(cpython, 3, 10) ? (int64_t)last * 2 : last);
	if (!place)
		return &inspect_error_no_memory;
	/* the C function holds it, but for a generator's, which the generator holds */
	return roots_add(thread->roots, frame | (generator ? RUNTIME_UNCOUNTED : 0), RUNTIME_ROOT_FRAME, place,
			 text_label("frame"));
}

/* What the thread's own interpreter frame at @frame holds. */
static struct inspect_error *add_frame_references(struct thread_roots *thread, uint64_t frame, const char *place)
{
	struct cpython *cpython = thread->roots->cpython;
	struct runtime_references *references = &thread->references;
	struct visit visit = { .cpython = cpython, .layout = &cpython->layout, .references = references };
	struct inspect_error *error = NULL;
	references->count = 0;
	references->labelled = true;
	visit_interpreter_frame(&visit, frame, &frame_object_labels);
	if (visit.no_memory)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < references->count && !error; i++)
		error = roots_add(thread->roots, references->items[i] & ~(uint64_t)RUNTIME_UNVISITED, RUNTIME_ROOT_FRAME,
				  place, references->labels[i]);
	return error;
}

static struct inspect_error *add_interpreter_frame(struct thread_roots *thread, uint64_t frame)
{
	struct cpython *cpython = thread->roots->cpython;
	const struct layout *layout = &cpython->layout;
	struct visit visit = { .cpython = cpython, .layout = layout };
	uint64_t instruction;
	uint8_t owner;
	if (!read_uint8(cpython, frame, layout->interpreter_frame_owner, &owner) || owner > FRAME_OWNED_BY_FRAME_OBJECT)
		return NULL;
	uint64_t code = interpreter_frame_code(&visit, frame);
	read_pointer(cpython, frame, layout->interpreter_frame_instruction, &instruction);
	char *place AUTO_FREE =
		name_call(thread, code, (int64_t)(instruction - code) - (int64_t)layout->code_adaptive);
	if (!place)
		return &inspect_error_no_memory;
	if (owner == FRAME_OWNED_BY_GENERATOR)
		return roots_add(thread->roots, (frame - (uint64_t)layout->generator_frame) | RUNTIME_UNCOUNTED,
				 RUNTIME_ROOT_FRAME, place, text_label("generator"));
	return owner == FRAME_OWNED_BY_THREAD ? add_frame_references(thread, frame, place) : NULL;
}

/* The frame of the innermost call; 0: there is none. */
static uint64_t current_frame(struct thread_roots *thread)
{
	struct cpython *cpython = thread->roots->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t frame, holder;
	if (layout->thread_frame != LAYOUT_ABSENT)
		return read_pointer(cpython, thread->state, layout->thread_frame, &frame) ? frame : 0;
	if (layout->thread_current_frame != LAYOUT_ABSENT)
		return read_pointer(cpython, thread->state, layout->thread_current_frame, &frame) ? frame : 0;
	return read_pointer(cpython, thread->state, layout->thread_cframe, &holder) &&
			       read_pointer(cpython, holder, layout->cframe_current_frame, &frame) ? frame : 0;
}

/* A singly linked list being followed. */
struct chain {
	struct cpython *cpython;
	int32_t link;  /* where the pointer to the next item is */
	uint64_t item; /* 0: the end */
	uint64_t slow; /* follows at half the speed: in a list that leads in a circle it is caught up with */
	bool even, circular;
};

static struct chain chain_begin(struct cpython *cpython, uint64_t item, int32_t link)
{
	return (struct chain){ .cpython = cpython, .link = link, .item = item, .slow = item };
}

static void chain_next(struct chain *chain)
{
	read_pointer(chain->cpython, chain->item, chain->link, &chain->item);
	if (chain->even)
		read_pointer(chain->cpython, chain->slow, chain->link, &chain->slow);
	chain->even = !chain->even;
	chain->circular = chain->item && chain->item == chain->slow;
	if (chain->circular)
		chain->item = 0;
}

static struct inspect_error *add_calls(struct thread_roots *thread)
{
	struct cpython *cpython = thread->roots->cpython;
	const struct layout *layout = &cpython->layout;
	bool objects = layout->thread_frame != LAYOUT_ABSENT;
	struct inspect_error *error = NULL;
	struct chain chain = chain_begin(cpython, current_frame(thread),
					 objects ? layout->frame_back : layout->interpreter_frame_previous);
	for (; chain.item && !error; chain_next(&chain))
		error = objects ? add_frame_object(thread, chain.item) : add_interpreter_frame(thread, chain.item);
	if (!error && chain.circular)
		error = notes_add(thread->roots->notes, true,
				  "%s: the chain of its calls is damaged: it leads in a circle", thread->name);
	return error;
}

/* ---- its state ---- */

/* What roots.def says of PyThreadState. */
static const struct state_root {
	size_t field; /* in struct layout */
	const char *label;
	unsigned int flags;
} state_roots[] = {
#define THREAD(name, members, label, flags) { offsetof(struct layout, name), label, flags },
#include "runtime/cpython/roots.def"
};

static struct inspect_error *add_state(struct thread_roots *thread)
{
	struct cpython *cpython = thread->roots->cpython;
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < sizeof(state_roots) / sizeof(*state_roots) && !error; i++) {
		const struct state_root *root = &state_roots[i];
		int32_t offset;
		uint64_t target;
		memcpy(&offset, (const char *)&cpython->layout + root->field, sizeof(offset));
		if (!read_pointer(cpython, thread->state, offset, &target) || target % sizeof(target))
			continue;
		error = roots_add(thread->roots, target | root->flags, RUNTIME_ROOT_THREAD, thread->name,
				  text_label(root->label));
	}
	return error;
}

static struct inspect_error *add_thread(struct roots *roots, uint64_t state)
{
	struct thread_roots thread = { .roots = roots, .state = state };
	name_thread(&thread);
	struct inspect_error *error = add_state(&thread);
	if (!error)
		error = add_calls(&thread);
	runtime_references_deinit(&thread.references);
	return error;
}

struct inspect_error *roots_add_threads(struct roots *roots, const struct cpython_interpreter *interpreter)
{
	struct cpython *cpython = roots->cpython;
	struct inspect_error *error = NULL;
	uint64_t first;
	read_pointer(cpython, interpreter->address, cpython->layout.interpreter_threads, &first);
	struct chain chain = chain_begin(cpython, first, cpython->layout.thread_next);
	for (; chain.item && !error; chain_next(&chain))
		error = add_thread(roots, chain.item);
	if (!error && chain.circular)
		error = notes_add(roots->notes, true, "the list of threads is damaged: it leads in a circle");
	return error;
}

/* ---- the code that runs ---------------------------------------------------------------------------- */

static void each_code_of_thread(struct thread_roots *thread, void (*each)(void *context, uint64_t code), void *context)
{
	struct cpython *cpython = thread->roots->cpython;
	const struct layout *layout = &cpython->layout;
	struct visit visit = { .cpython = cpython, .layout = layout };
	bool objects = layout->thread_frame != LAYOUT_ABSENT;
	struct chain chain = chain_begin(cpython, current_frame(thread),
					 objects ? layout->frame_back : layout->interpreter_frame_previous);
	for (; chain.item; chain_next(&chain)) {
		uint64_t code;
		if (!objects)
			each(context, interpreter_frame_code(&visit, chain.item));
		else if (read_pointer(cpython, chain.item, layout->frame_code, &code))
			each(context, code);
	}
}

void roots_each_code(struct cpython *cpython, void (*each)(void *context, uint64_t code), void *context)
{
	struct roots roots = { .cpython = cpython };
	for (size_t i = 0; i < cpython->interpreter_count; i++) {
		uint64_t first;
		read_pointer(cpython, cpython->interpreters[i].address, cpython->layout.interpreter_threads, &first);
		struct chain chain = chain_begin(cpython, first, cpython->layout.thread_next);
		for (; chain.item; chain_next(&chain)) {
			struct thread_roots thread = { .roots = &roots, .state = chain.item };
			each_code_of_thread(&thread, each, context);
		}
	}
}
