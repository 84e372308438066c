/* SPDX-License-Identifier: MIT */
/*
 * operands.h - operands that are objects.
 */
#ifndef INSPECT_VERBS_OPERANDS_H
#define INSPECT_VERBS_OPERANDS_H

#include "graph/graph.h"
#include "verbs/verb.h"

/* An address as people have it: 0x7f12…, 7f12…, or the decimal that id() returned. Digits alone are a decimal number
 * unless only their hexadecimal meaning is an address of the target. */
struct inspect_error *operand_address(struct inspect_target *target, const char *text, uint64_t *address_ret)
	__attribute__((warn_unused_result));

/* The objects of @graph that the operands are, each once, in the order of the call. An operand that is none is an
 * error if it is the only one, and a note otherwise. The caller frees *@ids_ret. */
struct inspect_error *operand_objects(struct verb_context *context, const struct graph *graph, uint32_t **ids_ret,
				      size_t *count_ret) __attribute__((warn_unused_result));

/* One of several operands that cannot be answered leaves a note; the others are answered all the same. Takes @error
 * over; errors that end everything are returned. */
struct inspect_error *operand_note(struct verb_context *context, struct inspect_error *error)
	__attribute__((warn_unused_result));

#endif
