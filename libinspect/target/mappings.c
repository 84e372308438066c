/* SPDX-License-Identifier: MIT */
/*
 * mappings.c - the files that are mapped in a target, and the images that they make up.
 */
#include "target/mappings.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "target/backend.h"
#include "target/image.h"

struct inspect_error *mappings_add(struct mappings *mappings, const struct mapping *mapping)
{
	if (!mapping->path || !array_reserve(mappings->items, mappings->count, mappings->capacity)) {
		free(mapping->path);
		return &inspect_error_no_memory;
	}
	mappings->items[mappings->count++] = *mapping;
	return NULL;
}

static int compare_starts(const void *left, const void *right)
{
	const struct mapping *a = left, *b = right;
	return a->start < b->start ? -1 : a->start > b->start;
}

void mappings_sort(struct mappings *mappings)
{
	if (mappings->count)
		qsort(mappings->items, mappings->count, sizeof(*mappings->items), compare_starts);
}

void mappings_deinit(struct mappings *mappings)
{
	for (size_t i = 0; i < mappings->count; i++)
		free(mappings->items[i].path);
	free(mappings->items);
	*mappings = (struct mappings){ 0 };
}

/* ---- images -------------------------------------------------------------------------------------- */

/* The mapping of the sorted list that has @address in it, or NULL. */
static const struct mapping *find_mapping(const struct mappings *mappings, uint64_t address)
{
	size_t low = 0, high = mappings->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (mappings->items[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < mappings->count && mappings->items[low].start <= address ? &mappings->items[low] : NULL;
}

/* Is the file mapped as a program, each segment at its own place, and not just for its bytes? */
static bool is_loaded(const struct mappings *mappings, const struct target_image *image)
{
	for (size_t i = 0; i < image->private->header_count; i++) {
		const Elf64_Phdr *header = &image->private->headers[i];
		if (header->p_type != PT_LOAD || !header->p_filesz)
			continue;
		uint64_t address = image->bias + header->p_vaddr;
		const struct mapping *mapping = find_mapping(mappings, address);
		if (mapping && strcmp(mapping->path, image->path) == 0 &&
		    mapping->offset + (address - mapping->start) != header->p_offset)
			return false;
	}
	return true;
}

/* Reads what is known of the image whose first mapping is @first from the target's memory. */
static void look_at(struct inspect_target *target, const struct mappings *mappings,
		    const struct mapping *first, struct target_image *image)
{
	image->private->first_offset = first->offset;
	if (first->offset || !image_read_headers(target, image))
		return;
	image_set_bias(image);
	image->is_elf = is_loaded(mappings, image);
	if (image->is_elf)
		image_read_build_id(target, image);
}

/* May the mapping of the same file behind those of @image, the last one at @offset, be a part of it, too? A file of which it
 * is @known that it is no program is one as far as it is mapped in one piece: it may be mapped a second time, anything may be in
 * between. What cannot be read may be a program: its file offsets go up. */
static bool may_follow(const struct mapping *mapping, const struct target_image *image, uint64_t offset, bool known)
{
	return known ? mapping->start == image->end : mapping->offset > offset;
}

/* Gives the mappings of the same file that follow number @first to the image number @index, and sets where it
 * ends. With headers it is known how far they may be. */
static void gather(struct mappings *mappings, size_t first, int32_t index, struct target_image *image, bool known)
{
	enum { STRANGERS = 64 }; /* other mappings in between; real ones have hardly any */
	uint64_t span = image->is_elf ? image_span(image) : 0;
	uint64_t offset = mappings->items[first].offset;
	size_t strangers = 0;
	for (size_t i = first; i < mappings->count && strangers < STRANGERS; i++) {
		struct mapping *mapping = &mappings->items[i];
		bool same = mapping->image < 0 && strcmp(mapping->path, image->path) == 0;
		if (span ? mapping->start - image->start >= span :
			   same && i > first && !may_follow(mapping, image, offset, known))
			break;
		if (!same) {
			strangers++;
			continue;
		}
		mapping->image = index;
		image->end = mapping->end > image->end ? mapping->end : image->end;
		offset = mapping->offset;
	}
}

/* What follows the file's bytes (.bss) belongs to the image, too, but no two images share addresses. */
void mappings_settle_images(struct inspect_target *target)
{
	for (size_t i = 0; i < target->image_count; i++) {
		struct target_image *image = &target->images[i];
		uint64_t end = image->start + (image->is_elf ? image_span(image) : 0);
		if (end > image->end)
			image->end = end;
	}
	for (size_t i = 0; i + 1 < target->image_count; i++)
		if (target->images[i].end > target->images[i + 1].start)
			target->images[i].end = target->images[i + 1].start;
}

struct inspect_error *mappings_make_images(struct inspect_target *target, struct mappings *mappings)
{
	enum { IMAGE_LIMIT = 65536 };
	size_t capacity = target->image_count;
	for (size_t i = 0; i < mappings->count; i++) {
		const struct mapping *first = &mappings->items[i];
		if (first->image >= 0 || first->path[0] != '/')
			continue;
		if (target->image_count == IMAGE_LIMIT) {
			struct inspect_error *error = notes_add(&target->notes, true,
								"%s maps more than %d files; "
								"only the first are looked at",
								target->name, IMAGE_LIMIT);
			if (error)
				return error;
			break;
		}
		if (!array_reserve(target->images, target->image_count, capacity))
			return &inspect_error_no_memory;
		struct target_image *image = &target->images[target->image_count];
		struct inspect_error *error = image_init(image, first->path, first->start, first->end);
		if (error)
			return error;
		look_at(target, mappings, first, image);
		gather(mappings, i, (int32_t)target->image_count, image, target_has(target, first->start, EI_NIDENT));
		target->image_count++;
	}
	mappings_settle_images(target);
	return NULL;
}

struct inspect_error *mappings_of_images(struct inspect_target *target, struct mappings *mappings)
{
	static const uint64_t rest = 4095;
	for (size_t i = 0; i < target->image_count; i++) {
		const struct target_image *image = &target->images[i];
		for (size_t j = 0; j < image->private->header_count; j++) {
			const Elf64_Phdr *header = &image->private->headers[j];
			if (header->p_type != PT_LOAD || !header->p_filesz)
				continue;
			uint64_t start = image->bias + header->p_vaddr;
			struct mapping mapping = {
				.start = start & ~rest,
				.end = (start + header->p_filesz + rest) & ~rest,
				.offset = header->p_offset & ~rest,
				.path = strdup(image->path),
				.image = (int32_t)i,
				.readable = header->p_flags & PF_R,
				.writable = header->p_flags & PF_W,
				.executable = header->p_flags & PF_X,
			};
			struct inspect_error *error = mappings_add(mappings, &mapping);
			if (error)
				return error;
		}
	}
	mappings_sort(mappings);
	return NULL;
}

void mappings_find_main_image(struct inspect_target *target)
{
	uint64_t headers;
	const struct target_image *image = NULL;
	if (target_auxv(target, AT_PHDR, &headers))
		image = target_image_at(target, headers);
	/* Executables are at lower addresses than the libraries, some of which can be run like them. */
	for (size_t i = 0; i < target->image_count && !image; i++)
		if (target->images[i].is_elf && image_header(&target->images[i], PT_INTERP))
			image = &target->images[i];
	if (image)
		target->main_image = (int32_t)(image - target->images);
}

/* ---- segments ------------------------------------------------------------------------------------ */

struct inspect_error *mappings_file_segments(struct inspect_target *target, const struct mappings *mappings,
					     struct segments *segments)
{
	for (size_t i = 0; i < mappings->count; i++) {
		const struct mapping *mapping = &mappings->items[i];
		if (mapping->image < 0)
			continue;
		struct target_segment segment = {
			.start = mapping->start,
			.end = mapping->end,
			.image = mapping->image,
			.readable = mapping->readable,
			.writable = mapping->writable,
			.executable = mapping->executable,
			.loss = SEGMENT_IN_FILE,
		};
		const struct mapped_file *file = target->images[mapping->image].private->file;
		/* The rest of the file's last page reads as zeros, here as there. */
		uint64_t size = file ? (file->size + 4095) & ~(uint64_t)4095 : 0;
		if (mapping->offset < size) {
			struct target_segment held = segment;
			held.data = file->bytes + mapping->offset;
			held.loss = SEGMENT_WHOLE;
			if (held.end - held.start > size - mapping->offset)
				held.end = held.start + (size - mapping->offset);
			struct inspect_error *error = segments_add(segments, &held);
			if (error)
				return error;
			segment.start = held.end;
		}
		struct inspect_error *error = segments_add(segments, &segment);
		if (error)
			return error;
	}
	return NULL;
}

void mappings_label(struct inspect_target *target, const struct mappings *mappings, struct segments *segments)
{
	for (size_t i = 0; i < segments->count; i++) {
		uint64_t start = segments->items[i].start;
		const struct mapping *mapping = find_mapping(mappings, start);
		if (mapping && mapping->image >= 0) {
			segments->items[i].image = mapping->image;
			continue;
		}
		const struct target_image *image = target_image_at(target, start); /* its .bss */
		segments->items[i].image = image ? (int32_t)(image - target->images) : -1;
	}
}
