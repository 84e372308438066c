/* SPDX-License-Identifier: MIT */
/*
 * error.h - making and passing errors (see inspect.h for what a caller sees).
 */
#ifndef INSPECT_BASE_ERROR_H
#define INSPECT_BASE_ERROR_H

#include "inspect.h"

struct inspect_error *inspect_error_create(enum inspect_error_kind kind, const char *format, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull, warn_unused_result));

/* An error from errno-style @number; the message is "@format: reason". */
struct inspect_error *inspect_error_from_errno(int number, const char *format, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull, warn_unused_result));

/* The one error that needs no memory. */
extern struct inspect_error inspect_error_no_memory;

/* Puts "@format: " before the message of @error and returns it. Takes @error over. */
struct inspect_error *inspect_error_prefix(struct inspect_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull, warn_unused_result));

static inline void inspect_error_cleanup(struct inspect_error **error)
{
	inspect_error_destroy(*error);
}

/* struct inspect_error *error INSPECT_ERROR_AUTO = NULL; */
#define INSPECT_ERROR_AUTO __attribute__((cleanup(inspect_error_cleanup)))

#endif
