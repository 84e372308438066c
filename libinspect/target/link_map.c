/* SPDX-License-Identifier: MIT */
/*
 * link_map.c - the images of a target as its dynamic linker lists them.
 *
 * The executable's DT_DEBUG entry, or the dynamic linker's symbol _r_debug, leads to a struct r_debug, and
 * that to a list of struct link_map (System V ABI; glibc 2.36, elf/link.h; musl 1.2.3, include/link.h). The
 * words that are read here are at the same places in all 64-bit ones.
 */
#include "target/link_map.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "target/backend.h"
#include "target/image.h"

enum {
	ENTRY_LIMIT = 8192,       /* in all lists together */
	SEARCH_LIMIT = 256 << 10, /* pages looked at for the beginnings of images, for all together */
	NAME_LIMIT = 4096,
};

/* struct r_debug */
struct debug_words {
	uint64_t version; /* an int; 2: there is a next one, of another namespace (glibc 2.35) */
	uint64_t map;
	uint64_t brk, state, base;
	uint64_t next;
};

/* struct link_map */
struct link_words {
	uint64_t bias, name, dynamic, next, previous;
};

static bool try_read(struct inspect_target *target, uint64_t address, void *buffer, size_t size)
{
	struct inspect_error *error INSPECT_ERROR_AUTO = target_read(target, address, buffer, size);
	return !error;
}

/* Reads a text, "" if it cannot be read. NULL when out of memory. */
static char *read_name(struct inspect_target *target, uint64_t address)
{
	char *name = NULL;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_string(target, address, NAME_LIMIT, &name);
	return error ? strdup("") : name;
}

/* The address of the image's own struct r_debug or of the one that it points to; 0 if there is none. */
static uint64_t find_debug(struct inspect_target *target, struct target_image *image)
{
	struct image_dynamic dynamic;
	uint64_t address = 0;
	image_dynamic(target, image, &dynamic);
	if (dynamic.known && dynamic.debug)
		return dynamic.debug;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		image_symbol(target, image, "_r_debug", &address, NULL);
	if (error || address)
		return error ? 0 : address;
	error = image_symbol(target, image, "_dl_debug_addr", &address, NULL); /* musl's: a pointer to it */
	return !error && address && try_read(target, address, &address, sizeof(address)) ? address : 0;
}

/* ---- making images ------------------------------------------------------------------------------- */

/* Reads the image whose first byte is at @start; false if there is none. */
static bool read_image(struct inspect_target *target, struct target_image *image, uint64_t start)
{
	image->start = start;
	if (!image_read_headers(target, image))
		return false;
	image_set_bias(image);
	image->end = start + image_span(image);
	if (image->end <= start)
		return false;
	image_read_build_id(target, image);
	return true;
}

static bool has_dynamic_at(const struct target_image *image, uint64_t address)
{
	const Elf64_Phdr *header = image_header(image, PT_DYNAMIC);
	return header && image->bias + header->p_vaddr == address;
}

/* Finds where the image begins that has its dynamic section at @words->dynamic: a library at what the linker
 * added to its addresses; else in one of the pages before the section. */
static bool locate_image(struct inspect_target *target, struct target_image *image,
			 const struct link_words *words, size_t *searched)
{
	enum { STEP = 4096 };
	if (words->bias && read_image(target, image, words->bias) && has_dynamic_at(image, words->dynamic))
		return true;
	uint64_t page = words->dynamic & ~(uint64_t)(STEP - 1);
	for (; *searched < SEARCH_LIMIT && page >= STEP; ++*searched, page -= STEP) {
		char magic[SELFMAG];
		if (!try_read(target, page, magic, sizeof(magic)))
			return false;
		if (memcmp(magic, ELFMAG, SELFMAG) == 0 && read_image(target, image, page) &&
		    has_dynamic_at(image, words->dynamic))
			return true;
	}
	return false;
}

struct image_list {
	struct inspect_target *target;
	size_t capacity;
	size_t searched; /* pages, of SEARCH_LIMIT */
	uint64_t main;   /* where the main image starts */
};

/* Adds @image (taken over) to the target. */
static struct inspect_error *add_image(struct image_list *list, struct target_image *image)
{
	struct inspect_target *target = list->target;
	if (!array_reserve(target->images, target->image_count, list->capacity)) {
		image_deinit(image);
		return &inspect_error_no_memory;
	}
	target->images[target->image_count++] = *image;
	return NULL;
}

/* The image that AT_PHDR points into: its first page holds the program headers. */
static struct inspect_error *make_first_image(struct image_list *list, const char *path, bool *made_ret)
{
	struct inspect_target *target = list->target;
	struct target_image image;
	uint64_t headers;
	*made_ret = false;
	if (!target_auxv(target, AT_PHDR, &headers))
		return NULL;
	struct inspect_error *error = image_init(&image, path, 0, 0);
	if (error)
		return error;
	if (!read_image(target, &image, headers & ~UINT64_C(4095))) {
		image_deinit(&image);
		return NULL;
	}
	*made_ret = true;
	list->main = image.start;
	return add_image(list, &image);
}

static bool has_image(const struct inspect_target *target, uint64_t start)
{
	for (size_t i = 0; i < target->image_count; i++)
		if (target->images[i].start == start)
			return true;
	return false;
}

/* The name of the program that the dynamic linker was told to run: the first of its arguments. */
static char *argument_name(struct inspect_target *target, struct target_image *linker)
{
	uint64_t symbol, array, text;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		image_symbol(target, linker, "_dl_argv", &symbol, NULL);
	if (error || !symbol || !try_read(target, symbol, &array, sizeof(array)) ||
	    !try_read(target, array, &text, sizeof(text)))
		return strdup("");
	return read_name(target, text);
}

/* Adds the image of one entry of the list. @first: the entry is the main executable's. */
static struct inspect_error *make_listed_image(struct image_list *list, const struct link_words *words,
					       bool first)
{
	struct inspect_target *target = list->target;
	struct target_image image;
	for (size_t i = 0; i < target->image_count; i++)
		if (has_dynamic_at(&target->images[i], words->dynamic)) {
			if (i || first)
				return NULL;
			/* The first image is the dynamic linker: the list has its name. */
			char *name = read_name(target, words->name);
			free(target->images[i].path);
			target->images[i].path = name;
			return name ? NULL : &inspect_error_no_memory;
		}
	char *name AUTO_FREE = read_name(target, words->name);
	if (name && first && !*name) {
		free(name);
		name = argument_name(target, &target->images[0]);
	}
	if (!name)
		return &inspect_error_no_memory;
	struct inspect_error *error = image_init(&image, name, 0, 0);
	if (error)
		return error;
	if (!locate_image(target, &image, words, &list->searched) || has_image(target, image.start)) {
		image_deinit(&image);
		return NULL;
	}
	if (first)
		list->main = image.start;
	return add_image(list, &image);
}

static struct inspect_error *make_listed_images(struct image_list *list)
{
	struct inspect_target *target = list->target;
	uint64_t debug = find_debug(target, &target->images[0]);
	bool first = true;
	size_t left = ENTRY_LIMIT;
	while (debug && left) {
		struct debug_words words = { 0 };
		if (!try_read(target, debug, &words, sizeof(words)))
			break;
		for (uint64_t map = words.map; map && left; left--, first = false) {
			struct link_words link;
			if (!try_read(target, map, &link, sizeof(link)))
				break;
			struct inspect_error *error = make_listed_image(list, &link, first);
			if (error)
				return error;
			map = link.next;
		}
		debug = (uint32_t)words.version >= 2 ? words.next : 0;
		left -= left > 0;
	}
	return NULL;
}

static int compare_starts(const void *left, const void *right)
{
	const struct target_image *a = left, *b = right;
	return a->start < b->start ? -1 : a->start > b->start;
}

struct inspect_error *link_map_make_images(struct inspect_target *target)
{
	struct image_list list = { .target = target };
	uint64_t name;
	bool made;
	char *path AUTO_FREE = target_auxv(target, AT_EXECFN, &name) ? read_name(target, name) : strdup("");
	if (!path)
		return &inspect_error_no_memory;
	struct inspect_error *error = make_first_image(&list, path, &made);
	if (error || !made)
		return error;
	error = make_listed_images(&list);
	if (error)
		return error;
	qsort(target->images, target->image_count, sizeof(*target->images), compare_starts);
	for (size_t i = 0; i < target->image_count; i++) {
		if (target->images[i].start == list.main)
			target->main_image = (int32_t)i;
		if (i && target->images[i - 1].end > target->images[i].start)
			target->images[i - 1].end = target->images[i].start;
	}
	return NULL;
}

/* ---- the main image ------------------------------------------------------------------------------ */

void link_map_correct_main_image(struct inspect_target *target)
{
	struct debug_words words;
	struct link_words link;
	if (target->main_image < 0)
		return;
	struct target_image *image = &target->images[target->main_image];
	if (!image->is_elf || image_header(image, PT_INTERP))
		return;
	uint64_t debug = find_debug(target, image);
	if (!debug || !try_read(target, debug, &words, sizeof(words)) || !words.map ||
	    !try_read(target, words.map, &link, sizeof(link)))
		return;
	image = target_image_at(target, link.dynamic);
	if (image && has_dynamic_at(image, link.dynamic))
		target->main_image = (int32_t)(image - target->images);
}
