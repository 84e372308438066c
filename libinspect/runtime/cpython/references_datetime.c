/* SPDX-License-Identifier: MIT */
/*
 * references_datetime.c - what times and time zones refer to: Modules/_datetimemodule.c, _zoneinfo.c.
 */
#include "runtime/cpython/references.h"

/* The object with the byte @has_offset of 0 is shorter than the type says: the member is not there. */
static void emit_tzinfo(struct visit *visit, const struct reference_step *step, int32_t has_offset,
			int32_t offset)
{
	uint8_t has;
	if (visit_byte(visit, visit->address, has_offset, &has) && has)
		visit_member(visit, visit->address, offset, step->flags, ".tzinfo");
}

void time_references(struct visit *visit, const struct reference_step *step)
{
	emit_tzinfo(visit, step, visit->layout->time_has_tzinfo, visit->layout->time_tzinfo);
}

void datetime_references(struct visit *visit, const struct reference_step *step)
{
	emit_tzinfo(visit, step, visit->layout->datetime_has_tzinfo, visit->layout->datetime_tzinfo);
}

/* What is said of local time at @kind: a _ttinfo. With @number 0 or more it is that one of the zone's. */
static void emit_kind(struct visit *visit, uint64_t kind, int64_t number)
{
	const struct layout *layout = visit->layout;
	const struct {
		int32_t offset;
		const char *text, *rule_text;
	} members[] = {
		{ layout->zoneinfo_kind_offset, "utcoffset", "utcoffset after all transitions" },
		{ layout->zoneinfo_kind_daylight, "dst", "dst after all transitions" },
		{ layout->zoneinfo_kind_name, "tzname", "tzname after all transitions" },
	};
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		uint64_t target;
		if (!visit_pointer(visit, kind, members[i].offset, &target))
			return;
		if (number < 0)
			visit_emit(visit, target, RUNTIME_UNVISITED, RUNTIME_LABEL_TEXT, 0,
				   members[i].rule_text);
		else
			visit_emit(visit, target, RUNTIME_UNVISITED, RUNTIME_LABEL_INDEX, (uint64_t)number,
				   members[i].text);
	}
}

/* The kinds of local time that the zone has: an array, and two for the time after the last transition. */
void zoneinfo_references(struct visit *visit, const struct reference_step *step __attribute__((unused)))
{
	const struct layout *layout = visit->layout;
	enum { KINDS_LIMIT = 1 << 16 }; /* a file has at most 256 */
	uint64_t kinds;
	int64_t count;
	if (layout->size_of_zoneinfo_kind == LAYOUT_ABSENT || layout->zoneinfo_standard == LAYOUT_ABSENT ||
	    layout->zoneinfo_daylight == LAYOUT_ABSENT)
		return;
	if (visit_pointer(visit, visit->address, layout->zoneinfo_kinds, &kinds) && kinds &&
	    visit_ssize(visit, visit->address, layout->zoneinfo_kind_count, &count)) {
		visit->damaged |= count < 0 || count > KINDS_LIMIT;
		for (int64_t i = 0; i < count && !visit->damaged; i++)
			emit_kind(visit, kinds + (uint64_t)i * (uint64_t)layout->size_of_zoneinfo_kind, i);
	}
	emit_kind(visit, visit->address + (uint64_t)layout->zoneinfo_standard, -1);
	emit_kind(visit, visit->address + (uint64_t)layout->zoneinfo_daylight, -1);
}
