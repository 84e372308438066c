/* SPDX-License-Identifier: MIT */
/*
 * roots_scan.c - roots that no structure of the interpreter leads to: variables of C code, and the C stacks and
 * registers of threads.
 *
 * C globals are the words of .data and .bss of every image (a static `PyObject *cache`) that point at an object on the
 * heap. As a rule such a variable holds a reference: it is RUNTIME_GUESSED and counts. A word on a C stack or in a
 * register is as a rule borrowed, or left over from a call that has returned: RUNTIME_GUESSED and RUNTIME_UNCOUNTED.
 *
 * Static objects (types and module definitions in C code) are roots by being there. A word that points at one
 * explains nothing, and is most often an address that the linker put there: it is passed over. What static types and
 * other static objects refer to is known from their descriptions: their words are no roots of their own. Nor is
 * _PyRuntime looked through, which roots.c knows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "runtime/cpython/scan.h"
#include "target/threads.h"

enum {
	WORD = sizeof(uint64_t),
	CHUNK = 4096, /* bytes read at once */
	/* of one range, where it is not known what is mapped (a debugger's target) */
	UNMAPPED_LIMIT = 64 << 20,
};

/* One search for roots. */
struct root_scan {
	struct cpython *cpython;
	struct runtime_root_sink *sink;
	struct notes *notes;
	struct address_range described; /* data that roots.c knows */
	uint64_t low, high; /* where objects can be */
	uint64_t scanned;   /* data up to this address has been looked at: images of a damaged target may overlap */
	uint64_t skip;      /* up to this address are words of a static object */
	struct target_image *image; /* that is being looked at */
	uint64_t lost;      /* bytes that could not be read */
};

/* What is done with each word and where it is. */
typedef struct inspect_error *word_fn(struct root_scan *scan, uint64_t address, uint64_t word, void *context);

/* ---- words of a range ------------------------------------------------------------------------------ */

static bool may_be_object(const struct root_scan *scan, uint64_t word)
{
	return word % WORD == 0 && word >= scan->low && word < scan->high;
}

static struct inspect_error *scan_bytes(struct root_scan *scan, uint64_t address, const uint8_t *bytes, uint64_t size,
					word_fn *each, void *context)
{
	for (uint64_t i = 0; i + WORD <= size; i += WORD) {
		uint64_t word;
		memcpy(&word, bytes + i, sizeof(word));
		if (!may_be_object(scan, word))
			continue;
		struct inspect_error *error = each(scan, address + i, word, context);
		if (error)
			return error;
	}
	return NULL;
}

/* The same by reading, for a target without segments. What cannot be read is passed over. */
static struct inspect_error *scan_unmapped(struct root_scan *scan, uint64_t start, uint64_t end, word_fn *each,
					   void *context)
{
	uint8_t buffer[CHUNK];
	if (end - start > UNMAPPED_LIMIT) {
		scan->lost += end - start - UNMAPPED_LIMIT;
		end = start + UNMAPPED_LIMIT;
	}
	while (start < end) {
		uint64_t size = CHUNK - start % CHUNK;
		size = size < end - start ? size : end - start;
		struct inspect_error *unread = target_read(scan->cpython->target, start, buffer, size);
		struct inspect_error *error = unread ? NULL : scan_bytes(scan, start, buffer, size, each, context);
		scan->lost += unread ? size : 0;
		inspect_error_destroy(unread);
		if (error)
			return error;
		start += size;
	}
	return NULL;
}

/* The index of the first segment that ends behind @address. */
static size_t first_segment(const struct inspect_target *target, uint64_t address)
{
	size_t low = 0, high = target->segment_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (target->segments[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Calls @each for the words from @start to @end that may be addresses of objects. */
static struct inspect_error *scan_range(struct root_scan *scan, uint64_t start, uint64_t end, word_fn *each,
					void *context)
{
	const struct inspect_target *target = scan->cpython->target;
	start = (start + WORD - 1) / WORD * WORD;
	if (start >= end)
		return NULL;
	if (!target->segment_count)
		return scan_unmapped(scan, start, end, each, context);
	for (size_t i = first_segment(target, start); i < target->segment_count && target->segments[i].start < end; i++) {
		const struct target_segment *segment = &target->segments[i];
		uint64_t from = segment->start > start ? segment->start : start;
		uint64_t to = segment->end < end ? segment->end : end;
		if (!segment->data) {
			scan->lost += segment->readable ? to - from : 0;
			continue;
		}
		struct inspect_error *error =
			scan_bytes(scan, from, segment->data + (from - segment->start), to - from, each, context);
		if (error)
			return error;
	}
	return NULL;
}

/* ---- C globals ------------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

/* Sends a root in the data of the image: "libfoo.so: cache" and "+0x8", or "libfoo.so" and "+0x4040" where no symbol
 * is known: the address that nm and objdump show. */
static struct inspect_error *add_in_image(struct root_scan *scan, uint64_t address, uint64_t reference,
					  enum runtime_root_kind kind)
{
	uint64_t offset = address - scan->image->bias;
	const char *file = base_name(scan->image->path);
	const char *symbol = image_symbol_at(scan->cpython->target, scan->image, address, &offset);
	char *place AUTO_FREE = NULL;
	if (asprintf(&place, "%s%s%.200s", file, symbol ? ": " : "", symbol ? symbol : "") < 0)
		return &inspect_error_no_memory;
	struct runtime_label label = { .kind = RUNTIME_LABEL_OFFSET, .value = offset, .word = address };
	if (symbol && !offset)
		label = (struct runtime_label){ .kind = RUNTIME_LABEL_TEXT, .text = "", .word = address };
	return scan->sink->add(scan->sink, reference, kind, place, &label);
}

/* Have static objects of CPython's own such a reference count? 3.12 and later: immortal; before, the compiled-in code
 * objects of 3.11 (Tools/scripts/deepfreeze.py) begin at 999999999. */
static bool is_static_refcount(const struct cpython *cpython, uint64_t refcount)
{
	return cpython_at_least(cpython, 3, 12) ? (int32_t)refcount < 0 : refcount >> 29 == 1;
}

/* The object at @address is static and of @type: its words are not looked at. */
static void skip_object(struct root_scan *scan, uint64_t address, const struct cpython_type *type)
{
	const struct layout *layout = &scan->cpython->layout;
	uint64_t size = (uint64_t)type->basicsize;
	int64_t items;
	if (type->flags & TPFLAGS_TYPE_SUBCLASS && layout->size_of_type != LAYOUT_ABSENT)
		size = (uint64_t)layout->size_of_type; /* and no heap type's */
	else if (type->itemsize && !(type->flags & TPFLAGS_TYPE_SUBCLASS) &&
		 read_ssize(scan->cpython, address, layout->var_size, &items) && items > 0 && items < 1 << 24)
		size += (uint64_t)items * (uint64_t)type->itemsize;
	scan->skip = address + size;
}

/* Definitions of modules are the other kind of object that C code makes in its data; m_copy is a dict of theirs. */
static bool is_moduledef(const struct cpython *cpython, const struct cpython_type *type)
{
	return strcmp(cpython->runtime.types[type->index].name, "moduledef") == 0;
}

/* The word at @address points at @type, a static one: does a static object begin there with its header? */
static struct inspect_error *look_at_header(struct root_scan *scan, uint64_t address, const struct cpython_type *type)
{
	struct cpython *cpython = scan->cpython;
	uint64_t object = address - (uint64_t)cpython->layout.object_type, refcount;
	if (type->flags & TPFLAGS_TYPE_SUBCLASS || is_moduledef(cpython, type)) {
		if (!cpython_is_object(cpython, object))
			return NULL;
		skip_object(scan, object, type);
		return add_in_image(scan, object, object, RUNTIME_ROOT_STATIC);
	}
	/* Two variables that point at types look like a header, too, if the first one's address looks like a count. */
	if (scan->image == cpython->image && !(type->flags & TPFLAGS_HEAPTYPE) &&
	    read_pointer(cpython, object, cpython->layout.object_refcnt, &refcount) &&
	    is_static_refcount(cpython, refcount) && !cpython_is_object(cpython, refcount))
		skip_object(scan, object, type);
	return NULL;
}

/* A word of an image's data. */
static struct inspect_error *look_at_global(struct root_scan *scan, uint64_t address, uint64_t word,
					    void *context __attribute__((unused)))
{
	struct cpython *cpython = scan->cpython;
	if (address < scan->skip || (address >= scan->described.start && address < scan->described.end))
		return NULL;
	uint64_t type_address;
	if (!cpython_is_object(cpython, word) ||
	    !read_pointer(cpython, word, cpython->layout.object_type, &type_address))
		return NULL;
	const struct cpython_type *type = cpython_known_type(cpython, type_address);
	if (type && type->flags & TPFLAGS_TYPE_SUBCLASS) {
		/* the word may be the ob_type of a static object */
		const struct cpython_type *pointed = cpython_type(cpython, word);
		struct inspect_error *error = pointed ? look_at_header(scan, address, pointed) : &inspect_error_no_memory;
		if (error || address < scan->skip)
			return error;
	}
	if (target_image_at(cpython->target, word))
		return NULL; /* a static object */
	return add_in_image(scan, address, word | RUNTIME_GUESSED, RUNTIME_ROOT_GLOBAL);
}

/* The data from @start to @end, without _PyRuntime. */
static struct inspect_error *scan_data(struct root_scan *scan, uint64_t start, uint64_t end)
{
	const struct cpython *cpython = scan->cpython;
	uint64_t runtime = cpython->runtime_address, runtime_end = runtime;
	start = start > scan->scanned ? start : scan->scanned;
	if (start >= end)
		return NULL;
	scan->scanned = end;
	if (runtime && cpython->layout.size_of_runtime != LAYOUT_ABSENT)
		runtime_end = runtime + (uint64_t)cpython->layout.size_of_runtime;
	if (runtime_end <= start || runtime >= end)
		return scan_range(scan, start, end, look_at_global, NULL);
	struct inspect_error *error = scan_range(scan, start, runtime, look_at_global, NULL);
	return error ? error : scan_range(scan, runtime_end, end, look_at_global, NULL);
}

static struct inspect_error *scan_images(struct root_scan *scan)
{
	struct inspect_target *target = scan->cpython->target;
	for (size_t i = 0; i < target->image_count; i++) {
		uint64_t start, end;
		scan->image = &target->images[i];
		for (size_t j = 0; image_data(scan->image, j, &start, &end); j++) {
			struct inspect_error *error = scan_data(scan, start, end);
			if (error)
				return error;
		}
	}
	return NULL;
}

/* ---- threads --------------------------------------------------------------------------------------- */

struct stack {
	const char *place; /* what it is called */
	uint64_t begin;    /* its lowest address in use */
};

static struct inspect_error *look_at_stack(struct root_scan *scan, uint64_t address, uint64_t word, void *context)
{
	const struct stack *stack = context;
	if (target_image_at(scan->cpython->target, word) || !cpython_is_object(scan->cpython, word))
		return NULL;
	const struct runtime_label label = { .kind = RUNTIME_LABEL_OFFSET, .value = address - stack->begin, .word = address };
	return scan->sink->add(scan->sink, word | RUNTIME_GUESSED | RUNTIME_UNCOUNTED, RUNTIME_ROOT_STACK, stack->place,
			       &label);
}

static struct inspect_error *scan_registers(struct root_scan *scan, const struct target_thread *thread,
					    const struct thread_register *registers, size_t count)
{
	char place[64];
	snprintf(place, sizeof(place), "registers of thread %d", (int)thread->tid);
	for (size_t i = 0; i < count; i++) {
		uint64_t word = registers[i].value;
		if (!may_be_object(scan, word) || !cpython_is_object(scan->cpython, word))
			continue;
		const struct runtime_label label = { .kind = RUNTIME_LABEL_TEXT, .text = registers[i].name };
		struct inspect_error *error = scan->sink->add(scan->sink, word | RUNTIME_GUESSED | RUNTIME_UNCOUNTED,
							      RUNTIME_ROOT_STACK, place, &label);
		if (error)
			return error;
	}
	return NULL;
}

static struct inspect_error *scan_stack(struct root_scan *scan, const struct target_thread *thread)
{
	char place[64];
	uint64_t start, end;
	if (!thread_stack(scan->cpython->target, thread, &start, &end))
		return NULL;
	snprintf(place, sizeof(place), "stack of thread %d", (int)thread->tid);
	struct stack stack = { .place = place, .begin = start };
	struct inspect_error *error = scan_range(scan, start, end, look_at_stack, &stack);
	if (error || !thread_stack_is_cut(thread, end))
		return error;
	return notes_add(scan->notes, false, "of the stack of thread %d only %d MiB from its stack pointer on were searched for roots",
			 (int)thread->tid, THREAD_STACK_LIMIT >> 20);
}

/* Notes how many threads' stacks are lost, calls that run in them included: from Python 3.11 on these are partly there. */
static struct inspect_error *note_blank_stacks(struct root_scan *scan)
{
	struct inspect_target *target = scan->cpython->target;
	size_t blank = 0;
	for (size_t i = 0; target->kind == TARGET_CORE && i < target->thread_count; i++)
		blank += thread_stack_is_blank(target, &target->threads[i]);
	if (!blank)
		return NULL;
	return notes_add(scan->notes, true,
			 "the core has zeros in place of the stacks of %zu of %zu threads: what only they hold, and some of the calls that "
			 "run there, are not seen; gdb's gcore cannot read stacks that glibc 2.42 or newer made: have the kernel "
			 "write the core, or look at the process itself",
			 blank, target->thread_count);
}

static struct inspect_error *scan_threads(struct root_scan *scan)
{
	const struct inspect_target *target = scan->cpython->target;
	size_t without = 0;
	for (size_t i = 0; i < target->thread_count; i++) {
		const struct target_thread *thread = &target->threads[i];
		struct thread_register registers[THREAD_REGISTERS];
		size_t count = thread_registers(target, thread, registers);
		without += !count;
		struct inspect_error *error = scan_registers(scan, thread, registers, count);
		if (!error)
			error = scan_stack(scan, thread);
		if (error)
			return error;
	}
	struct inspect_error *error = note_blank_stacks(scan);
	if (error)
		return error;
	if (without == target->thread_count)
		return notes_add(scan->notes, false,
				 "C stacks and registers were not searched for roots: this target does not show them");
	if (!without)
		return NULL;
	return notes_add(scan->notes, false,
			 "C stacks and registers of %zu of %zu threads were not searched for roots: they could not be had",
			 without, target->thread_count);
}

/* ---- all of it ------------------------------------------------------------------------------------- */

struct inspect_error *scan_roots(struct cpython *cpython, struct runtime_root_sink *sink, struct notes *notes,
				 struct address_range described)
{
	const struct inspect_target *target = cpython->target;
	struct root_scan scan = {
		.cpython = cpython, .sink = sink, .notes = notes, .described = described, .low = 4096, .high = UINT64_C(1) << 56,
	};
	scan_set_budget(cpython);
	scan_learn(cpython);
	if (target->segment_count) {
		scan.low = target->segments[0].start;
		scan.high = target->segments[target->segment_count - 1].end;
	}
	struct inspect_error *error = scan_images(&scan);
	if (!error && scan.lost)
		error = notes_add(notes, false,
				  "%" PRIu64 " bytes of C variables could not be read, and were not searched for roots",
				  scan.lost);
	if (!error)
		error = scan_threads(&scan);
	return error;
}
