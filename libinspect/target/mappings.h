/* SPDX-License-Identifier: MIT */
/*
 * mappings.h - the files that are mapped in a target, and the images that they make up. Only for target/.
 */
#ifndef INSPECT_TARGET_MAPPINGS_H
#define INSPECT_TARGET_MAPPINGS_H

#include "target/segments.h"
#include "target/target.h"

/* A run of addresses that a part of a file is mapped to (or, in a process, anonymous memory). */
struct mapping {
	uint64_t start, end;
	uint64_t offset; /* in the file, of the byte at @start */
	char *path;      /* "" for anonymous memory */
	int32_t image;   /* the image that it belongs to, or -1 */
	bool readable, writable, executable, shared;
	uint64_t device, inode; /* of a process' mappings */
};

/* A growing list of mappings; all zero is empty. */
struct mappings {
	struct mapping *items;
	size_t count, capacity;
};

/* Adds a copy of @mapping; its path is taken over, even if this fails. */
struct inspect_error *mappings_add(struct mappings *mappings, const struct mapping *mapping)
	__attribute__((warn_unused_result));
/* Sorts the list by address. */
void mappings_sort(struct mappings *mappings);
void mappings_deinit(struct mappings *mappings);

/* struct mappings mappings MAPPINGS_AUTO = { 0 }; */
#define MAPPINGS_AUTO __attribute__((cleanup(mappings_deinit)))

/* Makes the target's images of the sorted @mappings and sets @mappings' image fields. The first page of an
 * image is read through the target's memory, as far as that is there already. */
struct inspect_error *mappings_make_images(struct inspect_target *target, struct mappings *mappings)
	__attribute__((warn_unused_result));

/* Sets where the images end once more, by the headers that have become known since. */
void mappings_settle_images(struct inspect_target *target);

/* Fills the empty @mappings with what the program headers of the target's images say was mapped. */
struct inspect_error *mappings_of_images(struct inspect_target *target, struct mappings *mappings)
	__attribute__((warn_unused_result));

/* Sets target->main_image to the image that the auxiliary vector's AT_PHDR points into. */
void mappings_find_main_image(struct inspect_target *target);

/* Adds a segment to @segments for what each mapping has in its image's file: with bytes where the file may be
 * used and is long enough, else without. */
struct inspect_error *mappings_file_segments(struct inspect_target *target, const struct mappings *mappings,
					     struct segments *segments) __attribute__((warn_unused_result));

/* Sets the image of every segment that begins in a mapping of an image or in its .bss. */
void mappings_label(struct inspect_target *target, const struct mappings *mappings,
		    struct segments *segments);

#endif
