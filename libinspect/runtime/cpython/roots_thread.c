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

/* The kernel's number of the thread; 0: not known, then *@pthread_ret is what the C library calls it. */
static uint64_t thread_number(const struct thread_roots *thread, uint64_t *pthread_ret)
{
	struct cpython *cpython = thread->roots->cpython;
	uint64_t native;
	*pthread_ret = 0;
	if (!read_pointer(cpython, thread->state, cpython->layout.thread_native_id, &native) &&
	    read_pointer(cpython, thread->state, cpython->layout.thread_id, pthread_ret))
		native = (uint64_t)find_thread(cpython->target, *pthread_ret);
	return native;
}

static void name_thread(struct thread_roots *thread)
{
	uint64_t pthread, native = thread_number(thread, &pthread);
	if (native)
		snprintf(thread->name, sizeof(thread->name), "thread %" PRIu64, native);
	else
		snprintf(thread->name, sizeof(thread->name), "thread 0x%" PRIx64, pthread);
}

/* ---- its calls ---- */

/* "handler() at app.py:12" of a call in @code, whose instruction is @offset bytes into it; for the caller to free. */
static char *call_text(struct cpython *cpython, uint64_t code, int64_t offset)
{
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
	    asprintf(&call, "%s() at %s:%d", safe_name, safe_file, cpython_line(cpython, code, offset)) < 0)
		return NULL;
	return call;
}

/* "thread 4711: handler() at app.py:12"; for the caller to free. */
static char *name_call(struct thread_roots *thread, uint64_t code, int64_t offset)
{
	char *call AUTO_FREE = call_text(thread->roots->cpython, code, offset);
	char *place;
	return !call || asprintf(&place, "%s: %s", thread->name, call) < 0 ? NULL : place;
}

/* Where the call of the frame object at @frame is. False if it has no code. */
static bool frame_object_place(struct cpython *cpython, uint64_t frame, uint64_t *code_ret, int64_t *offset_ret)
{
	int32_t last;
	if (!read_pointer(cpython, frame, cpython->layout.frame_code, code_ret))
		return false;
	read_int32(cpython, frame, cpython->layout.frame_lasti, &last);
	/* f_lasti counts bytes, in 3.10 instructions of two bytes */
	*offset_ret = cpython_at_least(cpython, 3, 10) ? (int64_t)last * 2 : last;
	return true;
}

/* The same of the interpreter frame at @frame, and whose it is. False if it is none of a call of Python code. */
static bool interpreter_frame_place(struct cpython *cpython, uint64_t frame, uint8_t *owner_ret, uint64_t *code_ret,
				    int64_t *offset_ret)
{
	const struct layout *layout = &cpython->layout;
	struct visit visit = { .cpython = cpython, .layout = layout };
	uint64_t instruction;
	if (!read_uint8(cpython, frame, layout->interpreter_frame_owner, owner_ret) || *owner_ret > FRAME_OWNED_BY_FRAME_OBJECT)
		return false;
	*code_ret = interpreter_frame_code(&visit, frame);
	read_pointer(cpython, frame, layout->interpreter_frame_instruction, &instruction);
	*offset_ret = (int64_t)(instruction - *code_ret) - (int64_t)layout->code_adaptive;
	return true;
}

/* Up to 3.10: frame objects. */
static struct inspect_error *add_frame_object(struct thread_roots *thread, uint64_t frame)
{
	struct cpython *cpython = thread->roots->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t code, generator;
	int64_t offset;
	if (!frame_object_place(cpython, frame, &code, &offset))
		return NULL;
	read_pointer(cpython, frame, layout->frame_generator, &generator);
	char *place AUTO_FREE = name_call(thread, code, offset);
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
	uint64_t code;
	int64_t offset;
	uint8_t owner;
	if (!interpreter_frame_place(cpython, frame, &owner, &code, &offset))
		return NULL;
	char *place AUTO_FREE = name_call(thread, code, offset);
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
		struct runtime_label label = text_label(root->label);
		label.word = thread->state + (uint64_t)offset;
		error = roots_add(thread->roots, target | root->flags, RUNTIME_ROOT_THREAD, thread->name, label);
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

/* ---- as a list -------------------------------------------------------------------------------------- */

/* The innermost call of Python code, for the caller to free; NULL: there is none. False when out of memory. */
static bool innermost_call(struct thread_roots *thread, char **call_ret)
{
	struct cpython *cpython = thread->roots->cpython;
	const struct layout *layout = &cpython->layout;
	bool objects = layout->thread_frame != LAYOUT_ABSENT;
	struct chain chain = chain_begin(cpython, current_frame(thread),
					 objects ? layout->frame_back : layout->interpreter_frame_previous);
	*call_ret = NULL;
	for (; chain.item; chain_next(&chain)) {
		uint64_t code;
		int64_t offset;
		uint8_t owner;
		if (!(objects ? frame_object_place(cpython, chain.item, &code, &offset) :
				interpreter_frame_place(cpython, chain.item, &owner, &code, &offset)))
			continue;
		*call_ret = call_text(cpython, code, offset);
		return *call_ret;
	}
	return true;
}

static struct inspect_error *list_thread(struct roots *roots, const struct cpython_interpreter *interpreter, uint64_t state,
					 struct runtime_threads *threads)
{
	struct thread_roots thread = { .roots = roots, .state = state };
	uint64_t pthread;
	if (!array_reserve(threads->items, threads->count, threads->capacity))
		return &inspect_error_no_memory;
	struct runtime_thread *item = &threads->items[threads->count];
	*item = (struct runtime_thread){
		.id = thread_number(&thread, &pthread), .state = state, .interpreter = interpreter->id,
	};
	if (!innermost_call(&thread, &item->call))
		return &inspect_error_no_memory;
	threads->count++;
	return NULL;
}

struct inspect_error *cpython_threads(struct runtime *runtime, struct runtime_threads *threads, struct notes *notes)
{
	struct cpython *cpython = (struct cpython *)runtime;
	struct roots roots = { .cpython = cpython, .notes = notes };
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < cpython->interpreter_count && !error; i++) {
		const struct cpython_interpreter *interpreter = &cpython->interpreters[i];
		uint64_t first;
		read_pointer(cpython, interpreter->address, cpython->layout.interpreter_threads, &first);
		struct chain chain = chain_begin(cpython, first, cpython->layout.thread_next);
		for (; chain.item && !error; chain_next(&chain))
			error = list_thread(&roots, interpreter, chain.item, threads);
		if (!error && chain.circular)
			error = notes_add(notes, true, "the list of threads is damaged: it leads in a circle");
	}
	return error;
}
