/* SPDX-License-Identifier: MIT */
/*
 * bind.c - choosing the layout that is true of a target.
 *
 * Candidates come from DWARF, from _Py_DebugOffsets and from the tables, best first. A candidate is believed
 * only if it validates (validate.c).
 */
#include "runtime/cpython/bind.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/cpython/validate.h"

enum { CANDIDATE_LIMIT = 32 };

/* ---- candidates ---- */

/* What the search for a layout has come to. */
struct search {
	struct cpython *cpython;
	uint32_t hint; /* the version, as far as it is known before anything is bound; 0: it is not */
	bool has_offsets;
	struct layout offsets;       /* what _Py_DebugOffsets say, the rest absent */
	bool has_dwarf;
	struct layout dwarf;
	struct inspect_error *reason; /* why the first candidate failed */
	uint64_t lost_address;        /* memory that a candidate wanted and the target lacks, or 0 */
};

/* Tries @layout as one of @version. True if it is now bound (or memory ran out: see *error_ret). */
static bool try_layout(struct search *search, const struct layout *layout, uint32_t version, const char *source,
		       const char *addition, struct inspect_error **error_ret)
{
	struct cpython *cpython = search->cpython;
	cpython->layout = *layout;
	cpython->version = version;
	struct inspect_error *error = validate_layout(cpython);
	if (error && inspect_error_kind(error) != INSPECT_ERROR_NO_MEMORY) {
		if (!search->lost_address)
			search->lost_address = cpython->lost_address;
		if (search->reason)
			inspect_error_destroy(error);
		else
			search->reason = inspect_error_prefix(error, "%s%s", source, addition);
		return false;
	}
	free(cpython->layout_source);
	cpython->layout_source = NULL;
	if (!error && asprintf(&cpython->layout_source, "%s%s", source, addition) < 0)
		error = &inspect_error_no_memory;
	*error_ret = error;
	return true;
}

/* Puts the fields that @over knows over those of @layout. */
static void overlay(struct layout *layout, const struct layout *over)
{
	for (unsigned int i = 0; i < layout_field_count; i++) {
		int32_t value = *layout_at((struct layout *)over, i);
		if (value != LAYOUT_ABSENT)
			*layout_at(layout, i) = value;
	}
}

static bool try_table(struct search *search, const struct layout_table *table, struct inspect_error **error_ret)
{
	struct layout layout, overlaid;
	layout_table_read(table, &layout);
	if (search->has_offsets) {
		overlaid = layout;
		overlay(&overlaid, &search->offsets);
		if (try_layout(search, &overlaid, search->hint, table->source, " and _Py_DebugOffsets", error_ret))
			return true;
	}
	return try_layout(search, &layout, search->hint ? search->hint : table->version, table->source, "", error_ret);
}

/* Tries the DWARF of the image itself, completed from the nearest table. */
static bool try_dwarf(struct search *search, uint32_t version, const struct layout_table *nearest,
		      struct inspect_error **error_ret)
{
	struct layout layout = search->dwarf;
	if (nearest) {
		struct layout table;
		layout_table_read(nearest, &table);
		layout_complete(&layout, &table);
	}
	return try_layout(search, &layout, version, "DWARF", "", error_ret);
}

/* Is the collector's state in @table as large as the target publishes? Nothing else tells the incremental
 * collector of 3.14.0 to 3.14.4 from the one of later releases: the heads of their lists are in the same places. */
static bool same_collector(const struct search *search, const struct layout_table *table)
{
	struct layout layout;
	layout_table_read(table, &layout);
	return !search->has_offsets || search->offsets.size_of_gc == LAYOUT_ABSENT ||
	       search->offsets.size_of_gc == layout.size_of_gc;
}

static bool try_release(struct search *search, uint32_t version, struct inspect_error **error_ret)
{
	static const enum layout_flavour flavours[] = { LAYOUT_RELEASE, LAYOUT_DEBUG };
	for (size_t i = 0; i < 2; i++) {
		const struct layout_table *tables[CANDIDATE_LIMIT];
		unsigned int count = layout_candidates(version, flavours[i], search->cpython->target->machine, tables,
						       CANDIDATE_LIMIT);
		if (search->has_dwarf && try_dwarf(search, version, count ? tables[0] : NULL, error_ret))
			return true;
		for (unsigned int j = 0; j < count; j++)
			if (same_collector(search, tables[j]) && try_table(search, tables[j], error_ret))
				return true;
		for (unsigned int j = 0; j < count; j++)
			if (!same_collector(search, tables[j]) && try_table(search, tables[j], error_ret))
				return true;
	}
	return false;
}

/* The oldest and newest minor version for which a table is compiled in. */
enum { OLDEST_MINOR = 6, NEWEST_MINOR = 15 };

static bool try_all(struct search *search, struct inspect_error **error_ret)
{
	if (search->hint)
		return try_release(search, search->hint, error_ret);
	/* Without Py_Version (3.11) and _Py_DebugOffsets (3.13): 3.6 has no _PyRuntime, 3.7 to 3.10 have. */
	if (!search->cpython->runtime_address)
		return try_release(search, py_version(3, OLDEST_MINOR), error_ret);
	for (unsigned int minor = OLDEST_MINOR + 1; minor <= NEWEST_MINOR; minor++)
		if (try_release(search, py_version(3, minor), error_ret))
			return true;
	return false;
}

/* ---- what is known beforehand ---- */

static struct inspect_error *look_for_hints(struct search *search)
{
	struct cpython *cpython = search->cpython;
	bool free_threaded = false;
	struct inspect_error *error = NULL;
	layout_init(&search->offsets);
	if (cpython->runtime_address)
		error = layout_from_debug_offsets(cpython->target, cpython->runtime_address, &search->offsets,
						  &search->hint, &free_threaded);
	if (error && inspect_error_kind(error) == INSPECT_ERROR_NO_MEMORY)
		return error;
	search->has_offsets = !error && search->hint;
	inspect_error_destroy(error);
	if (free_threaded)
		return inspect_error_create(INSPECT_ERROR_LAYOUT,
					    "this is a free-threaded build of CPython %u.%u, which keeps no lists of its objects: "
					    "libinspect reads builds with the global interpreter lock only",
					    search->hint >> 24, search->hint >> 16 & 0xff);
	if (!cpython->image)
		return NULL;

	uint64_t address;
	uint32_t version;
	error = image_symbol(cpython->target, cpython->image, "Py_Version", &address, NULL);
	if (!error && address) {
		error = target_read_u32(cpython->target, address, &version);
		if (!error && version >> 24 == 3)
			search->hint = version;
	}
	inspect_error_destroy(error); /* the version can be found in other ways */
	return NULL;
}

/* Reads the DWARF of the image, looking for what a build of the version that is known so far has. */
static void read_dwarf(struct search *search)
{
	struct cpython *cpython = search->cpython;
	unsigned int found;
	if (!cpython->image)
		return;
	struct inspect_error *error =
		layout_from_dwarf(cpython->image, cpython->target, search->hint, &search->dwarf, &found);
	search->has_dwarf = !error && found;
	inspect_error_destroy(error); /* damaged debug information is as good as none */
}

static struct inspect_error *no_layout(struct search *search)
{
	const struct cpython *cpython = search->cpython;
	if (search->reason && inspect_error_kind(search->reason) == INSPECT_ERROR_NO_RUNTIME) {
		struct inspect_error *error = search->reason;
		search->reason = NULL;
		return error;
	}
	char version[32] = "of an unknown version";
	if (search->hint)
		snprintf(version, sizeof(version), "%u.%u.%u", search->hint >> 24, search->hint >> 16 & 0xff,
			 search->hint >> 8 & 0xff);
	const char *place = cpython->image ? cpython->image->path : "the target's memory";
	if (search->lost_address)
		return inspect_error_prefix(cpython_unreadable(search->cpython, search->lost_address, "what tells its layout is lost"),
					    "CPython %s is in %s, but cannot be read", version, place);
	char build_id[2 * sizeof(cpython->image->build_id) + 1] = "";
	if (cpython->image)
		image_build_id_text(cpython->image, build_id);
	bool newer = search->hint >> 16 > py_version(3, NEWEST_MINOR) >> 16;
	return inspect_error_create(INSPECT_ERROR_LAYOUT,
				    "CPython %s is in %s (build-id %s), but no layout fits it: %s%s%s. Install the debug "
				    "symbols of exactly this build (python3-dbg, debuginfo) and try again",
				    version, place, build_id[0] ? build_id : "unknown",
				    search->reason ? inspect_error_message(search->reason) : "none is known for it",
				    newer ? "; the newest known is " : "", newer ? "3.15" : "");
}

/* Finds out which version it is by the tables, whose layouts are near enough for that. */
static struct inspect_error *find_version(struct search *search)
{
	struct inspect_error *error = NULL;
	if (try_all(search, &error) && !error)
		search->hint = search->cpython->version;
	inspect_error_destroy(search->reason);
	search->reason = NULL;
	search->lost_address = 0;
	return error;
}

struct inspect_error *bind_layout(struct cpython *cpython)
{
	struct search search = { .cpython = cpython };
	struct inspect_error *error = look_for_hints(&search);
	if (!error && !search.hint)
		error = find_version(&search);
	if (error)
		return error;
	read_dwarf(&search);
	bool bound = try_all(&search, &error);
	if (bound && !error && !search.hint) {
		/* The exact version is known only now: another table may be nearer to it. */
		search.hint = cpython->version;
		bound = try_release(&search, search.hint, &error);
	}
	if (!bound)
		error = no_layout(&search);
	inspect_error_destroy(search.reason);
	return error;
}
