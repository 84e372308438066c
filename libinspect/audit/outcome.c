/* SPDX-License-Identifier: MIT */
/*
 * outcome.c - what came of one rule of an audit.
 */
#include "audit/outcome.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "verbs/emit.h"

/* Messages have at most RULES_MESSAGE_MAX / 3 names: so much for each of them is no danger. */
enum { NAMED_VALUE_MAX = 200 };

static void violation_deinit(struct violation *violation)
{
	free(violation->type);
	free(violation->text);
}

void outcome_deinit(struct outcome *outcome)
{
	for (size_t i = 0; i < outcome->count; i++)
		violation_deinit(&outcome->violations[i]);
	for (size_t i = 0; i < outcome->name_count; i++) {
		free(outcome->names[i].name);
		free(outcome->names[i].value);
	}
	free(outcome->violations);
	free(outcome->names);
	free(outcome->message);
	notes_deinit(&outcome->notes);
	*outcome = (struct outcome){ 0 };
}

struct inspect_error *outcome_violation(struct outcome *outcome, struct violation violation)
{
	outcome->total++;
	if (violation.text && array_reserve(outcome->violations, outcome->count, outcome->capacity)) {
		outcome->violations[outcome->count++] = violation;
		return NULL;
	}
	violation_deinit(&violation);
	return &inspect_error_no_memory;
}

/* @value, at most NAMED_VALUE_MAX bytes of it, without half a character at its end. */
static char *cut(const char *value)
{
	size_t size = strnlen(value, NAMED_VALUE_MAX);
	while (size && value[size] && ((uint8_t)value[size] & 0xc0) == 0x80)
		size--;
	return strndup(value, size);
}

struct inspect_error *outcome_name(struct outcome *outcome, const char *name, const char *value)
{
	for (size_t i = 0; i < outcome->name_count; i++)
		if (strcmp(outcome->names[i].name, name) == 0)
			return NULL;
	struct outcome_name added = { strdup(name), cut(value) };
	if (added.name && added.value && array_reserve(outcome->names, outcome->name_count, outcome->name_capacity)) {
		outcome->names[outcome->name_count++] = added;
		return NULL;
	}
	free(added.name);
	free(added.value);
	return &inspect_error_no_memory;
}

struct inspect_error *outcome_name_number(struct outcome *outcome, const char *name, int64_t number)
{
	char text[NUMBER_TEXT_SIZE];
	snprintf(text, sizeof(text), "%" PRId64, number);
	return outcome_name(outcome, name, text);
}

struct inspect_error *outcome_name_amounts(struct outcome *outcome, uint64_t count, uint64_t bytes)
{
	char size[NUMBER_TEXT_SIZE];
	int64_t known = bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
	bytes_human(known, size);
	if (!*size)
		snprintf(size, sizeof(size), "%" PRId64 " bytes", known);
	struct inspect_error *error = outcome_name_number(outcome, "count", (int64_t)count);
	if (!error)
		error = outcome_name_number(outcome, "bytes", known);
	return error ? error : outcome_name(outcome, "size", size);
}

const char *outcome_result_name(enum outcome_result result)
{
	static const char *const names[] = {
		[OUTCOME_OK] = "ok", [OUTCOME_VIOLATED] = "FAIL", [OUTCOME_UNKNOWN] = "unknown",
	};
	return names[result];
}
