/* SPDX-License-Identifier: MIT */
/*
 * debugger.c - whatever a debugger can read, through its read function.
 *
 * A debugger may be slow (a serial line, a network), so what it says is kept, in blocks, until the target is
 * closed; also what it cannot read. Pointers into the blocks stay valid. Unlike the other kinds of target,
 * this one reads while it is asked: only from the thread that the debugger wants its reads from.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "target/backend.h"
#include "target/files.h"
#include "target/image.h"
#include "target/link_map.h"
#include "target/threads.h"

enum {
	PAGE = 4096,
	PAGES = 16,
	BLOCK = PAGE * PAGES,
};

/* A piece of the address space; a bit for each page says that it is there, or that it cannot be read. */
struct block {
	uint64_t number; /* address / BLOCK */
	uint8_t *bytes;
	uint16_t present, failed;
};

struct debugger {
	struct inspect_debugger debugger;
	struct block *blocks; /* a hash table; free where bytes is NULL */
	size_t count, size;
};

static void debugger_close(struct inspect_target *target)
{
	struct debugger *debugger = target->backend_data;
	for (size_t i = 0; i < debugger->size; i++)
		free(debugger->blocks[i].bytes);
	free(debugger->blocks);
	free(debugger);
}

/* ---- the cache ----------------------------------------------------------------------------------- */

/* The block @number in the table, or the free place for it. */
static struct block *find_place(struct block *blocks, size_t size, uint64_t number)
{
	size_t place = (size_t)((number * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (size - 1);
	while (blocks[place].bytes && blocks[place].number != number)
		place = (place + 1) & (size - 1);
	return &blocks[place];
}

static bool grow(struct debugger *debugger)
{
	size_t size = debugger->size ? debugger->size * 2 : 256;
	struct block *blocks = calloc(size, sizeof(*blocks));
	if (!blocks)
		return false;
	for (size_t i = 0; i < debugger->size; i++)
		if (debugger->blocks[i].bytes)
			*find_place(blocks, size, debugger->blocks[i].number) = debugger->blocks[i];
	free(debugger->blocks);
	debugger->blocks = blocks;
	debugger->size = size;
	return true;
}

/* The block @number. A new one is read as a whole, if it can be. NULL when out of memory. */
static struct block *get_block(struct debugger *debugger, uint64_t number)
{
	if (debugger->count * 2 >= debugger->size && !grow(debugger))
		return NULL;
	struct block *block = find_place(debugger->blocks, debugger->size, number);
	if (block->bytes)
		return block;
	if (progress_is_over()) /* such reads may take long */
		return NULL;
	uint8_t *bytes = malloc(BLOCK);
	if (!bytes)
		return NULL;
	*block = (struct block){ .number = number, .bytes = bytes };
	debugger->count++;
	if (debugger->debugger.read(debugger->debugger.context, number * BLOCK, bytes, BLOCK))
		block->present = UINT16_MAX;
	return block;
}

/* Makes the pages that [@offset, @offset + @size) of the block is in present. */
static bool have_pages(struct debugger *debugger, struct block *block, size_t offset, size_t size)
{
	for (size_t page = offset / PAGE; page * PAGE < offset + size; page++) {
		uint16_t bit = (uint16_t)(1u << page);
		if (block->failed & bit)
			return false;
		if (block->present & bit)
			continue;
		if (!debugger->debugger.read(debugger->debugger.context, block->number * BLOCK + page * PAGE,
					     block->bytes + page * PAGE, PAGE)) {
			block->failed |= bit;
			return false;
		}
		block->present |= bit;
	}
	return true;
}

static const void *debugger_map(struct inspect_target *target, uint64_t address, uint64_t size)
{
	struct debugger *debugger = target->backend_data;
	size_t offset = address % BLOCK;
	if (size > BLOCK - offset)
		return NULL;
	struct block *block = get_block(debugger, address / BLOCK);
	return block && have_pages(debugger, block, offset, size ? size : 1) ? block->bytes + offset : NULL;
}

static bool debugger_read(struct inspect_target *target, uint64_t address, void *buffer, size_t size)
{
	uint8_t *to = buffer;
	while (size) {
		size_t part = BLOCK - address % BLOCK;
		if (part > size)
			part = size;
		const void *bytes = debugger_map(target, address, part);
		if (!bytes)
			return false;
		memcpy(to, bytes, part);
		address += part;
		to += part;
		size -= part;
	}
	return true;
}

static uint64_t debugger_bytes(const struct inspect_target *target)
{
	const struct debugger *debugger = target->backend_data;
	return (uint64_t)debugger->count * BLOCK;
}

static const struct target_backend debugger_backend = {
	.map = debugger_map,
	.read = debugger_read,
	.bytes = debugger_bytes,
	.close = debugger_close,
};

/* ---- opening ------------------------------------------------------------------------------------- */

static struct inspect_error *init_debugger(struct inspect_target *target, const struct inspect_debugger *from)
{
	struct debugger *debugger = calloc(1, sizeof(*debugger));
	if (!debugger)
		return &inspect_error_no_memory;
	debugger->debugger = *from;
	debugger->debugger.auxv = NULL;
	target->backend = &debugger_backend;
	target->backend_data = debugger;
	target->pid = from->pid;
	if (!from->auxv_size)
		return NULL;
	target->auxv = malloc(from->auxv_size);
	if (!target->auxv)
		return &inspect_error_no_memory;
	memcpy(target->auxv, from->auxv, from->auxv_size);
	target->auxv_size = from->auxv_size;
	return NULL;
}

static struct inspect_error *find_files(struct inspect_target *target)
{
	struct inspect_error *error = files_use_executable(target);
	for (size_t i = 0; !error && i < target->image_count; i++)
		if (!target->images[i].private->file && target->images[i].path[0] == '/')
			error = files_find(target, &target->images[i]);
	files_settle(target);
	return error;
}

static struct inspect_error *open_debugger(const void *what, const struct inspect_target_options *options,
					   struct inspect_target **target_ret)
{
	const struct inspect_debugger *debugger = what;
	struct inspect_target *target TARGET_AUTO = NULL;
	char name[64];
	if (debugger->pid)
		snprintf(name, sizeof(name), "process %d in the debugger", (int)debugger->pid);
	else
		snprintf(name, sizeof(name), "the debugger's process");
	struct inspect_error *error = target_create(TARGET_DEBUGGER, name, options, &target);
	if (!error)
		error = init_debugger(target, debugger);
	if (!error)
		error = link_map_make_images(target);
	if (error)
		return error;
	if (target->main_image < 0)
		return inspect_error_create(
			INSPECT_ERROR_UNREADABLE, "the debugger does not show where the program of %s is: %s",
			target->name,
			target->auxv_size ? "the memory that its auxiliary vector names cannot be read" :
					    "it has no auxiliary vector; is the program running?");
	target->machine = target->images[target->main_image].private->machine;
	error = threads_take(target);
	if (!error)
		error = find_files(target);
	if (error)
		return error;
	*target_ret = target;
	target = NULL;
	return NULL;
}

struct inspect_error *inspect_target_open_debugger(const struct inspect_debugger *debugger,
						   const struct inspect_target_options *options,
						   struct inspect_target **target_ret)
{
	return target_open_within(options, open_debugger, debugger, target_ret);
}
