/* SPDX-License-Identifier: MIT */
/*
 * key.c - keys of dictionaries as text: unlike in a value's description, tuples show what is in them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "runtime/cpython/cpython.h"
#include "runtime/repr.h"

enum {
	ITEMS_MAX = 8, /* of a tuple that is shown with its items */
	DEPTH_MAX = 3, /* of tuples in tuples */
};

/* A key being written. */
struct key {
	struct cpython *cpython;
	struct line line;
	bool no_memory;
};

static void write_object(struct key *key, uint64_t address, unsigned int depth);

/* The name of @type without its module; "" for tuple itself. */
static const char *class_name(const struct cpython *cpython, const struct cpython_type *type)
{
	const char *name = cpython->runtime.types[type->index].name, *dot = strrchr(name, '.');
	return strcmp(name, "tuple") == 0 ? "" : dot ? dot + 1 : name;
}

/* Writes "(1, 'x')", or "Point(1, 'x')" for an object of a class that inherits from tuple. */
static void write_tuple(struct key *key, const struct cpython_type *type, uint64_t address, int64_t count,
			unsigned int depth)
{
	const char *name = class_name(key->cpython, type);
	line_text(&key->line, name);
	line_text(&key->line, "(");
	for (int64_t i = 0; i < count && !key->line.cut; i++) {
		uint64_t item = 0;
		line_text(&key->line, i ? ", " : "");
		read_pointer(key->cpython, address + (uint64_t)i * sizeof(item), key->cpython->layout.tuple_items, &item);
		write_object(key, item, depth + 1);
	}
	line_text(&key->line, count == 1 && !*name ? ",)" : ")");
}

/* Has it few enough items to be shown, *@count_ret many? */
static bool is_short_tuple(const struct key *key, const struct cpython_type *type, uint64_t address,
			   unsigned int depth, int64_t *count_ret)
{
	return type->flags & TPFLAGS_TUPLE_SUBCLASS && depth < DEPTH_MAX &&
	       read_ssize(key->cpython, address, key->cpython->layout.var_size, count_ret) && *count_ret >= 0 &&
	       *count_ret <= ITEMS_MAX;
}

static void write_object(struct key *key, uint64_t address, unsigned int depth)
{
	uint64_t type_address;
	int64_t count;
	if (!address || !read_pointer(key->cpython, address, key->cpython->layout.object_type, &type_address)) {
		line_text(&key->line, "?");
		return;
	}
	struct cpython_type *type = cpython_type(key->cpython, type_address);
	key->no_memory |= !type;
	if (!type)
		return;
	if (!type->damaged && is_short_tuple(key, type, address, depth, &count)) {
		write_tuple(key, type, address, count, depth);
		return;
	}
	char *value AUTO_FREE = type->damaged ? strdup("?") : cpython_value(key->cpython, type, address);
	key->no_memory |= !value;
	line_text(&key->line, value ? value : "");
}

char *cpython_key(struct cpython *cpython, uint64_t address)
{
	struct key *key AUTO_FREE = calloc(1, sizeof(*key));
	if (!key)
		return NULL;
	key->cpython = cpython;
	write_object(key, address, 0);
	return key->no_memory ? NULL : line_finish(&key->line);
}
