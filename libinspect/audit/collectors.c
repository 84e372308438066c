/* SPDX-License-Identifier: MIT */
/*
 * collectors.c - checks of the state that garbage collectors are in.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/audit.h"
#include "base/error.h"
#include "runtime/runtime.h"

/* Does the collector run by itself? RUNTIME_UNKNOWN if that is not known. Python's gc takes a threshold of 0 for never. */
static int64_t runs(const struct runtime_collector *collector)
{
	int64_t threshold = collector->generation_count ? collector->generations[0].threshold : RUNTIME_UNKNOWN;
	if (collector->enabled == 0 || threshold == 0)
		return 0;
	return collector->enabled == RUNTIME_UNKNOWN ? RUNTIME_UNKNOWN : 1;
}

static int64_t has_no_debug_flags(const struct runtime_collector *collector)
{
	return collector->debug == RUNTIME_UNKNOWN ? RUNTIME_UNKNOWN : collector->debug == 0;
}

static int problem_text(const struct runtime_collector *collector, bool enabled, char **text_ret)
{
	if (!enabled)
		return asprintf(text_ret, "interpreter %" PRId64 ": gc.get_debug() is %s", collector->id,
				collector->debug_text ? collector->debug_text : "not 0");
	return asprintf(text_ret, "interpreter %" PRId64 ": %s", collector->id,
			collector->enabled == 0 ? "gc.isenabled() is False" : "gc.get_threshold()[0] is 0");
}

static struct inspect_error *decide_collector(struct decision *decision, const struct runtime_collector *collector,
					      uint64_t *found)
{
	bool enabled = decision->rule->check.subject == CHECK_GC_ENABLED;
	int64_t good = enabled ? runs(collector) : has_no_debug_flags(collector);
	struct violation violation = { .count = -1, .bytes = -1 };
	if (good == RUNTIME_UNKNOWN)
		return notes_add(&decision->context.notes, true, "rule %s: the state of the collector of interpreter %" PRId64
				 " is not known", decision->rule->name, collector->id);
	if (good)
		return NULL;
	++*found;
	if (problem_text(collector, enabled, &violation.text) < 0)
		violation.text = NULL;
	return outcome_violation(decision->outcome, violation);
}

struct inspect_error *decide_collectors(struct decision *decision)
{
	struct runtime *runtime;
	uint64_t found = 0;
	struct inspect_error *error = verb_runtime(&decision->context, &runtime);
	for (size_t i = 0; !error && i < runtime->collector_count; i++)
		error = decide_collector(decision, &runtime->collectors[i], &found);
	if (error)
		return error;
	decide_by_limit(decision, found);
	return outcome_name_number(decision->outcome, "count", (int64_t)found);
}
