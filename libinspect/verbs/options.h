/* SPDX-License-Identifier: MIT */
/*
 * options.h - the options and operands of one call of a verb.
 */
#ifndef INSPECT_VERBS_OPTIONS_H
#define INSPECT_VERBS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/words.h"
#include "inspect.h"

struct option_given {
	const struct inspect_verb_option *option;
	const char *argument; /* NULL where it takes none */
};

struct options {
	const struct inspect_verb_info *verb;
	struct option_given *given; /* in the order of the call */
	size_t given_count, given_capacity;
	const char **operands;
	size_t operand_count, operand_capacity;
};

/* Sorts out @arguments, which follow the verb's name: `--name=argument`, `--name argument`, `--flag`, `-h`,
 * `--` and operands, in any order. The strings stay the caller's. Errors are of the kind
 * INSPECT_ERROR_USAGE. */
struct inspect_error *options_parse(const struct inspect_verb_info *verb, int count,
				    const char *const *arguments, struct options *options)
	__attribute__((warn_unused_result));
void options_deinit(struct options *options);

/* The argument of the option called @name that was given last, or NULL. */
const char *option_argument(const struct options *options, const char *name);
/* Was it given? */
bool option_flag(const struct options *options, const char *name);
/* The same for options that add up: the argument of the next one at or behind *@position, or NULL. Start with
 * *@position 0. */
const char *option_next(const struct options *options, const char *name, size_t *position);
/* The argument as a number of objects or bytes: "4096", "0x1000", "4k", "2M", "1G" (powers of 1024);
 * @fallback where it was not given. */
struct inspect_error *option_number(const struct options *options, const char *name, uint64_t fallback,
				    uint64_t *number_ret) __attribute__((warn_unused_result));

/* The argument as seconds: "90", "0.5"; unchanged where it was not given. */
struct inspect_error *option_seconds(const struct options *options, const char *name, double *seconds_ret)
	__attribute__((warn_unused_result));

#endif
