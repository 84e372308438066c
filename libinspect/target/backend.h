/* SPDX-License-Identifier: MIT */
/*
 * backend.h - what the kinds of target share, and what each adds. Only for the files of target/.
 */
#ifndef INSPECT_TARGET_BACKEND_H
#define INSPECT_TARGET_BACKEND_H

#include "target/segments.h"
#include "target/target.h"

/* What one kind of target does its own way. Functions may be NULL. */
struct target_backend {
	/* The bytes of a range that is in no segment, or NULL. They stay until close(). */
	const void *(*map)(struct inspect_target *target, uint64_t address, uint64_t size);
	/* Copies bytes that are in no segment; false if they cannot all be read. */
	bool (*read)(struct inspect_target *target, uint64_t address, void *buffer, size_t size);
	/* How many bytes that are in no segment have been read. */
	uint64_t (*bytes)(const struct inspect_target *target);
	/* Frees target->backend_data. */
	void (*close)(struct inspect_target *target);
};

/* Makes an empty target. @name and the strings of @options (may be NULL) are copied. */
struct inspect_error *target_create(enum target_kind kind, const char *name,
				    const struct inspect_target_options *options,
				    struct inspect_target **target_ret) __attribute__((warn_unused_result));

/* What opens one kind of target: @what it names is the kind's own. It may leave *@target_ret as it is on an error. */
typedef struct inspect_error *(*target_open_fn)(const void *what, const struct inspect_target_options *options,
						struct inspect_target **target_ret);

/* Calls @open within the limits of @options (may be NULL), which are the target's from then on. */
struct inspect_error *target_open_within(const struct inspect_target_options *options, target_open_fn open, const void *what,
					 struct inspect_target **target_ret) __attribute__((warn_unused_result));

/* Hands the sorted @segments over to the target, in place of those that it has. */
void target_set_segments(struct inspect_target *target, struct segments *segments);

/* The value of the entry of @type (AT_PHDR, ...) in the auxiliary vector; false if there is none. */
bool target_auxv(const struct inspect_target *target, uint64_t type, uint64_t *value_ret);

static inline void target_cleanup(struct inspect_target **target)
{
	inspect_target_close(*target);
}

/* struct inspect_target *target TARGET_AUTO = NULL; */
#define TARGET_AUTO __attribute__((cleanup(target_cleanup)))

#endif
