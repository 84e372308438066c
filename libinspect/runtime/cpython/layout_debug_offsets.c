/* SPDX-License-Identifier: MIT */
/*
 * layout_debug_offsets.c - layouts from what CPython 3.13 and later publish about themselves: the structure
 * _Py_DebugOffsets at the start of _PyRuntime (internal/pycore_debug_offsets.h; 3.13: pycore_runtime.h).
 *
 * It has another shape in each feature release. Where its members are is in the compiled-in tables too, as
 * layout.def's PUBLISHED entries; those of the nearest release of the target's feature release are used.
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "runtime/cpython/layout.h"

/* What all its shapes begin with. */
struct debug_offsets_header {
	char cookie[8];
	uint64_t version; /* PY_VERSION_HEX */
	uint64_t free_threaded;
};

/* One value of it: the field that it is the value of, the field that says where it is, and its name. */
struct published_value {
	uint16_t field, place;
	const char *name; /* "gc.collecting" */
};

#define INDEX(field) (offsetof(struct layout, field) / sizeof(int32_t))
static const struct published_value published[] = {
#define FIELD(name, types, members)
#define SIZE(name, types)
#define PUBLISHED(name, members) { INDEX(name), INDEX(published_##name), members },
#include "runtime/cpython/layout.def"
#undef FIELD
#undef SIZE
};
#undef INDEX

enum {
	PUBLISHED_COUNT = sizeof(published) / sizeof(published[0]),
	LARGEST_OFFSET = 1 << 20, /* PyInterpreterState has 200 to 400 kB */
	NOT_PUBLISHED = -1,
};

/* The values at @address, in the order of published[]; NOT_PUBLISHED where this release has none. */
static struct inspect_error *read_values(struct inspect_target *target, uint64_t address,
					 struct layout *shape, int64_t *values)
{
	for (unsigned int i = 0; i < PUBLISHED_COUNT; i++) {
		int32_t place = *layout_at(shape, published[i].place);
		values[i] = NOT_PUBLISHED;
		if (place == LAYOUT_ABSENT)
			continue;
		uint64_t value;
		struct inspect_error *error = target_read_u64(target, address + place, &value);
		if (error)
			return inspect_error_prefix(error, "_Py_DebugOffsets.%s", published[i].name);
		if (value > LARGEST_OFFSET)
			return inspect_error_create(INSPECT_ERROR_CORRUPT,
						    "_Py_DebugOffsets at 0x%" PRIx64
						    " is damaged: %s is %" PRIu64,
						    address, published[i].name, value);
		values[i] = value;
	}
	return NULL;
}

/* The size of the struct that value number @member is about: "gc.size" for "gc.collecting". */
static int64_t struct_size(unsigned int member, const int64_t *values)
{
	size_t group = strcspn(published[member].name, ".");
	for (unsigned int i = 0; i < PUBLISHED_COUNT; i++)
		if (!strncmp(published[i].name, published[member].name, group) &&
		    !strcmp(published[i].name + group, ".size"))
			return values[i];
	return NOT_PUBLISHED;
}

static struct inspect_error *check_values(uint64_t address, const int64_t *values)
{
	for (unsigned int i = 0; i < PUBLISHED_COUNT; i++) {
		int64_t size = struct_size(i, values);
		if (size != NOT_PUBLISHED && values[i] > size)
			return inspect_error_create(INSPECT_ERROR_CORRUPT,
						    "_Py_DebugOffsets at 0x%" PRIx64
						    " contradicts itself: %s is %" PRId64
						    " in a struct of %" PRId64 " bytes",
						    address, published[i].name, values[i], size);
	}
	return NULL;
}

struct inspect_error *layout_from_debug_offsets(struct inspect_target *target, uint64_t address,
						struct layout *layout, uint32_t *version_ret,
						bool *free_threaded_ret)
{
	*version_ret = 0;
	*free_threaded_ret = false;
	struct debug_offsets_header header;
	struct inspect_error *error = target_read(target, address, &header, sizeof(header));
	if (error)
		return inspect_error_prefix(error, "_Py_DebugOffsets");
	if (memcmp(header.cookie, "xdebugpy", sizeof(header.cookie)))
		return NULL;
	if (header.version >> 24 != 3 || header.free_threaded > 1)
		return inspect_error_create(INSPECT_ERROR_CORRUPT,
					    "_Py_DebugOffsets at 0x%" PRIx64
					    " is damaged: version is 0x%" PRIx64
					    ", free_threaded is %" PRIu64,
					    address, header.version, header.free_threaded);
	*version_ret = header.version;
	*free_threaded_ret = header.free_threaded;

	const struct layout_table *table;
	if (!layout_candidates(header.version, LAYOUT_RELEASE, target->machine, &table, 1))
		return NULL; /* a feature release whose shape we do not know */
	struct layout shape;
	layout_table_read(table, &shape);
	int64_t values[PUBLISHED_COUNT];
	error = read_values(target, address, &shape, values);
	if (!error)
		error = check_values(address, values);
	if (error)
		return error;
	for (unsigned int i = 0; i < PUBLISHED_COUNT; i++)
		if (values[i] != NOT_PUBLISHED)
			*layout_at(layout, published[i].field) = values[i];
	return NULL;
}
