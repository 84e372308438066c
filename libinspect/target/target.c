/* SPDX-License-Identifier: MIT */
/*
 * target.c - reading an address space, whatever kind of target it belongs to.
 */
#include "target/target.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "target/backend.h"
#include "target/image.h"

/* ---- opening and closing ------------------------------------------------------------------------- */

static bool copy_text(const char *text, char **copy_ret)
{
	*copy_ret = text ? strdup(text) : NULL;
	return !text || *copy_ret;
}

struct inspect_error *target_create(enum target_kind kind, const char *name,
				    const struct inspect_target_options *options,
				    struct inspect_target **target_ret)
{
	struct inspect_target *target TARGET_AUTO = calloc(1, sizeof(*target));
	if (!target)
		return &inspect_error_no_memory;
	target->kind = kind;
	target->main_image = -1;
	char *sysroot = NULL, *executable = NULL;
	bool copied = copy_text(name, &target->name);
	if (options) {
		copied &=
			copy_text(options->sysroot, &sysroot) && copy_text(options->executable, &executable);
		target->options = *options;
	}
	target->options.sysroot = sysroot;
	target->options.executable = executable;
	if (!copied)
		return &inspect_error_no_memory;
	*target_ret = target;
	target = NULL;
	return NULL;
}

struct inspect_error *target_open_within(const struct inspect_target_options *options, target_open_fn open, const void *what,
					 struct inspect_target **target_ret)
{
	struct limits limits = { 0 };
	*target_ret = NULL;
	if (options)
		limits = (struct limits){
			.allowed = options->limits,
			.progress = options->progress,
			.progress_context = options->progress_context,
		};
	LIMITS_ENTER(&limits);
	struct inspect_error *error = limits_explain(open(what, options, target_ret));
	if (!error) {
		(*target_ret)->limits = limits;
		return NULL;
	}
	inspect_target_close(*target_ret);
	*target_ret = NULL;
	return error;
}

static bool is_decimal(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if (!isdigit((unsigned char)*text))
			return false;
	return true;
}

struct inspect_error *inspect_target_open(const char *specification,
					  const struct inspect_target_options *options,
					  struct inspect_target **target_ret)
{
	*target_ret = NULL;
	if (!is_decimal(specification))
		return inspect_target_open_core(specification, options, target_ret);
	errno = 0;
	unsigned long number = strtoul(specification, NULL, 10);
	if (errno || number == 0 || number > INT32_MAX)
		return inspect_error_create(INSPECT_ERROR_USAGE,
					    "%s is not a process number; for a core file of that name, write "
					    "./%s",
					    specification, specification);
	return inspect_target_open_process((pid_t)number, options, target_ret);
}

void inspect_target_close(struct inspect_target *target)
{
	if (!target)
		return;
	for (size_t i = 0; i < target->image_count; i++)
		image_deinit(&target->images[i]);
	free(target->images);
	if (target->backend && target->backend->close)
		target->backend->close(target);
	free(target->segments);
	free(target->threads);
	free(target->auxv);
	free(target->name);
	free(target->command_line);
	free((char *)target->options.sysroot);
	free((char *)target->options.executable);
	notes_deinit(&target->notes);
	free(target);
}

void target_set_segments(struct inspect_target *target, struct segments *segments)
{
	free(target->segments);
	target->segments = segments->items;
	target->segment_count = segments->count;
	*segments = (struct segments){ 0 };
}

bool target_auxv(const struct inspect_target *target, uint64_t type, uint64_t *value_ret)
{
	for (size_t at = 0; at + 16 <= target->auxv_size; at += 16) {
		uint64_t entry[2];
		memcpy(entry, target->auxv + at, sizeof(entry));
		if (entry[0] == AT_NULL)
			break;
		if (entry[0] == type) {
			*value_ret = entry[1];
			return true;
		}
	}
	return false;
}

/* ---- reading ------------------------------------------------------------------------------------- */

const struct target_segment *target_segment_at(struct inspect_target *target, uint64_t address)
{
	return segments_find(target->segments, target->segment_count, address);
}

__thread uint32_t target_hints[TARGET_HINTS];

const void *target_map_slow(struct inspect_target *target, uint64_t address, uint64_t size)
{
	const struct target_segment *segment = target_segment_at(target, address);
	if (!segment) {
		const struct target_backend *backend = target->backend;
		return backend && backend->map ? backend->map(target, address, size) : NULL;
	}
	if (!segment->data || size > segment->end - address)
		return NULL;
	target_hints[address >> TARGET_HINT_SHIFT & (TARGET_HINTS - 1)] = (uint32_t)(segment - target->segments);
	return segment->data + (address - segment->start);
}

/* Why the bytes at @address are not to be had, as an error. */
static struct inspect_error *unreadable(struct inspect_target *target, uint64_t address)
{
	const struct target_segment *segment = target_segment_at(target, address);
	if (!segment && target->kind == TARGET_DEBUGGER)
		return inspect_error_create(INSPECT_ERROR_UNREADABLE,
					    "the debugger cannot read the memory at 0x%" PRIx64, address);
	if (!segment)
		return inspect_error_create(
			INSPECT_ERROR_UNREADABLE, "nothing is mapped at 0x%" PRIx64 " in %s%s", address,
			target->name, target->kind == TARGET_CORE ? ", or it was left out of the core" : "");
	const struct target_image *image = segment->image >= 0 ? &target->images[segment->image] : NULL;
	switch ((enum segment_loss)segment->loss) {
	case SEGMENT_CUT_OFF:
		return inspect_error_create(INSPECT_ERROR_UNREADABLE,
					    "the core file is cut off before the memory at 0x%" PRIx64,
					    address);
	case SEGMENT_SHARED:
		return inspect_error_create(INSPECT_ERROR_UNREADABLE,
					    "0x%" PRIx64 " is in shared memory%s%s, which was not copied",
					    address, image ? " of " : "", image ? image->path : "");
	case SEGMENT_UNREADABLE:
		return inspect_error_create(INSPECT_ERROR_UNREADABLE,
					    "the process has memory at 0x%" PRIx64 ", but it cannot be read",
					    address);
	case SEGMENT_IN_FILE:
		if (!image)
			break;
		if (image->problem)
			return inspect_error_create(INSPECT_ERROR_UNREADABLE, "0x%" PRIx64 " is in %s, %s",
						    address, image->path, image->problem);
		return inspect_error_create(INSPECT_ERROR_UNREADABLE,
					    "0x%" PRIx64 " is in the mapped file %s, whose bytes are not in "
					    "%s",
					    address, image->path, target->name);
	case SEGMENT_WHOLE:
	case SEGMENT_LEFT_OUT:
		break;
	}
	return inspect_error_create(INSPECT_ERROR_UNREADABLE,
				    "the memory at 0x%" PRIx64 " was left out of the core%s%s; see "
				    "coredump_filter "
				    "in core(5)",
				    address, image ? "; it belongs to " : "", image ? image->path : "");
}

struct inspect_error *target_read(struct inspect_target *target, uint64_t address, void *buffer, size_t size)
{
	uint8_t *to = buffer;
	if (size && address + (size - 1) < address)
		return inspect_error_create(INSPECT_ERROR_UNREADABLE,
					    "%zu bytes at 0x%" PRIx64 " are more than the address space has",
					    size, address);
	while (size) {
		const struct target_segment *segment = target_segment_at(target, address);
		if (!segment) {
			const struct target_backend *backend = target->backend;
			if (backend && backend->read && backend->read(target, address, to, size))
				return NULL;
			return unreadable(target, address);
		}
		if (!segment->data)
			return unreadable(target, address);
		uint64_t part = segment->end - address < size ? segment->end - address : size;
		memcpy(to, segment->data + (address - segment->start), part);
		address += part;
		to += part;
		size -= part;
	}
	return NULL;
}

/* Can the backend read [@address, @address + @size)? */
static bool backend_has(struct inspect_target *target, uint64_t address, uint64_t size)
{
	if (!target->backend || !target->backend->read)
		return false;
	uint8_t buffer[4096];
	while (size) {
		size_t part = sizeof(buffer) - address % sizeof(buffer);
		if (part > size)
			part = size;
		if (!target->backend->read(target, address, buffer, part))
			return false;
		address += part;
		size -= part;
	}
	return true;
}

bool target_has(struct inspect_target *target, uint64_t address, uint64_t size)
{
	if (size && address + (size - 1) < address)
		return false;
	while (size) {
		const struct target_segment *segment = target_segment_at(target, address);
		if (!segment)
			return backend_has(target, address, size);
		if (!segment->data)
			return false;
		if (size <= segment->end - address)
			return true;
		size -= segment->end - address;
		address = segment->end;
	}
	return true;
}

uint64_t target_bytes(const struct inspect_target *target)
{
	const struct target_backend *backend = target->backend;
	uint64_t bytes = backend && backend->bytes ? backend->bytes(target) : 0;
	for (size_t i = 0; i < target->segment_count; i++)
		if (target->segments[i].data)
			bytes += target->segments[i].end - target->segments[i].start;
	return bytes;
}

struct inspect_error *target_read_u64(struct inspect_target *target, uint64_t address, uint64_t *value_ret)
{
	return target_read(target, address, value_ret, sizeof(*value_ret));
}

struct inspect_error *target_read_u32(struct inspect_target *target, uint64_t address, uint32_t *value_ret)
{
	return target_read(target, address, value_ret, sizeof(*value_ret));
}

struct inspect_error *target_read_string(struct inspect_target *target, uint64_t address, size_t limit,
					 char **text_ret)
{
	enum { PIECE = 256 }; /* divides a page: a piece does not reach into the next one */
	char *text AUTO_FREE = NULL;
	size_t length = 0;
	*text_ret = NULL;
	for (;;) {
		size_t part = PIECE - (address + length) % PIECE;
		char *grown = realloc(text, length + part + 1);
		if (!grown)
			return &inspect_error_no_memory;
		text = grown;
		struct inspect_error *error = target_read(target, address + length, text + length, part);
		if (error)
			return error;
		size_t found = strnlen(text + length, part);
		length += found;
		if (length > limit)
			return inspect_error_create(INSPECT_ERROR_CORRUPT,
						    "the text at 0x%" PRIx64 " does not end within %zu bytes",
						    address, limit);
		if (found < part)
			break;
	}
	*text_ret = text;
	text = NULL;
	return NULL;
}

/* ---- images -------------------------------------------------------------------------------------- */

struct target_image *target_image_at(struct inspect_target *target, uint64_t address)
{
	size_t low = 0, high = target->image_count; /* the first image that starts behind @address */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (target->images[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || target->images[low - 1].end <= address)
		return NULL;
	return &target->images[low - 1];
}

bool target_is_program(struct inspect_target *target, uint64_t address)
{
	const struct target_image *image = target_image_at(target, address);
	return image && image->is_elf;
}

const char *target_program(const struct inspect_target *target)
{
	if (target->main_image < 0 || (size_t)target->main_image >= target->image_count)
		return NULL;
	const char *path = target->images[target->main_image].path;
	return path && *path ? path : NULL;
}
