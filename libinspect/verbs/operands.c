/* SPDX-License-Identifier: MIT */
/*
 * operands.c - operands that are objects.
 */
#include "verbs/operands.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "graph/sort.h"
#include "target/target.h"
#include "verbs/options.h"

/* ---- addresses ------------------------------------------------------------------------------------- */

static bool parse_number(const char *text, int base, uint64_t *number_ret)
{
	char *end;
	errno = 0;
	*number_ret = strtoull(text, &end, base);
	return isxdigit((unsigned char)text[0]) && !*end && !errno;
}

struct inspect_error *operand_address(struct inspect_target *target, const char *text, uint64_t *address_ret)
{
	uint64_t hexadecimal;
	if (!parse_number(text, 16, &hexadecimal))
		return inspect_error_create(INSPECT_ERROR_USAGE,
					    "'%s' is not an address; write 0x7f12…, or the number that id() "
					    "gave",
					    text);
	bool prefixed = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	uint64_t decimal;
	*address_ret = hexadecimal;
	if (prefixed || !parse_number(text, 10, &decimal))
		return NULL;
	if (target_has(target, decimal, sizeof(uint64_t)) ||
	    !target_has(target, hexadecimal, sizeof(uint64_t)))
		*address_ret = decimal;
	return NULL;
}

struct inspect_error *operand_note(struct verb_context *context, struct inspect_error *error)
{
	enum inspect_error_kind kind = inspect_error_kind(error);
	if (kind == INSPECT_ERROR_CANCELLED || kind == INSPECT_ERROR_NO_MEMORY)
		return error;
	struct inspect_error *noted = notes_add(&context->notes, true, "%s", inspect_error_message(error));
	inspect_error_destroy(error);
	return noted;
}

/* ---- objects --------------------------------------------------------------------------------------- */

/* Says what is wrong with @address, and what the user may have meant. */
static struct inspect_error *no_object(struct inspect_target *target, const struct heap *heap, uint64_t address)
{
	size_t below = count_below(heap->address, heap->count, address);
	uint32_t id = (uint32_t)below - 1; /* the last one that begins before it */
	if (!target_has(target, address, sizeof(uint64_t)))
		return inspect_error_create(INSPECT_ERROR_UNREADABLE, "0x%" PRIx64 ": not in the target's memory", address);
	if (below && address - heap->address[id] < heap_size_of(heap, id))
		return inspect_error_create(INSPECT_ERROR_UNREADABLE,
					    "0x%" PRIx64 ": no object begins here; it is %" PRIu64 " bytes into the %s at 0x%"
					    PRIx64 ": ask for that",
					    address, address - heap->address[id], heap_type_name(heap, id), heap->address[id]);
	return inspect_error_create(INSPECT_ERROR_UNREADABLE,
				    "0x%" PRIx64 ": none of the %zu objects that the collectors and the roots lead to begins "
				    "here; `objects` lists them, and `object 0x%" PRIx64 "` says what these bytes may be",
				    address, heap->count, address);
}

/* Operands on their way to ids. */
struct gathering {
	uint32_t *ids;
	size_t count;
	uint8_t *seen; /* a bit for each object */
};

static void gather(struct gathering *gathering, uint32_t id)
{
	uint8_t bit = 1u << id % 8;
	if (!(gathering->seen[id / 8] & bit))
		gathering->ids[gathering->count++] = id;
	gathering->seen[id / 8] |= bit;
}

static struct inspect_error *gather_operand(struct verb_context *context, const struct graph *graph, const char *operand,
					    struct gathering *gathering)
{
	struct inspect_target *target = verb_target(context);
	uint64_t address;
	uint32_t id;
	struct inspect_error *error = operand_address(target, operand, &address);
	if (error)
		return error;
	if (!heap_find(graph->heap, address, &id)) {
		error = no_object(target, graph->heap, address);
		return context->options->operand_count > 1 ? operand_note(context, error) : error;
	}
	gather(gathering, id);
	return NULL;
}

struct inspect_error *operand_objects(struct verb_context *context, const struct graph *graph, uint32_t **ids_ret,
				      size_t *count_ret)
{
	const struct options *given = context->options;
	uint8_t *seen AUTO_FREE = calloc(graph->heap->count / 8 + 1, sizeof(*seen));
	uint32_t *ids AUTO_FREE = reallocarray(NULL, given->operand_count + 1, sizeof(*ids));
	if (!ids || !seen)
		return &inspect_error_no_memory;
	struct gathering gathering = { .ids = ids, .seen = seen };
	for (size_t i = 0; i < given->operand_count; i++) {
		struct inspect_error *error = gather_operand(context, graph, given->operands[i], &gathering);
		if (error)
			return error;
	}
	*count_ret = gathering.count;
	*ids_ret = ids;
	ids = NULL;
	return NULL;
}
