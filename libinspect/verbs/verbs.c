/* SPDX-License-Identifier: MIT */
/*
 * verbs.c - the verbs that there are, and the options that all of them have.
 */
#include <string.h>

#include "verbs/options.h"
#include "verbs/verb.h"

static const struct verb *const verbs[] = {
	&verb_status, &verb_heap, &verb_gc, &verb_generations, &verb_objects, &verb_object,
	&verb_referents, &verb_referrers, &verb_roots, &verb_path,
	&verb_cycles, &verb_garbage, &verb_finalizers, &verb_weakrefs,
	&verb_refcounts, &verb_verify, &verb_sql, &verb_audit,
};

enum { VERB_COUNT = sizeof(verbs) / sizeof(*verbs) };

static const struct inspect_verb_option common_options[] = {
	{ "format", "FORMAT", "text for people, or json, jsonl (one row a line) or csv for programs",
	  "text|json|jsonl|csv" },
	{ "runtime", "KIND", "which heap, where a program has both: cpython, or one that describes itself; default: Python's",
	  "cpython|described" },
	{ "max-memory", "SIZE", "take no more memory: 512M, 2G; a live process's copy counts, pages of a core and temporary files do not",
	  NULL },
	{ "temporary-directory", "DIR", "where what --max-memory leaves no room for is put; default: $TMPDIR, /var/tmp; empty: nowhere",
	  NULL },
	{ "timeout", "SECONDS", "stop when this takes longer, opening the target included: 90, 0.5", NULL },
	{ "redact", NULL, "no values: no text, keys or numbers of the program's data, to show an answer to others; see "
			  "doc/secrets.md", NULL },
	{ "help", NULL, "say all this", NULL },
};

const struct verb *verb_at(size_t index)
{
	return index < VERB_COUNT ? verbs[index] : NULL;
}

const struct inspect_verb_info *inspect_verb(size_t index)
{
	return index < VERB_COUNT ? &verbs[index]->info : NULL;
}

const struct inspect_verb_option *inspect_common_options(size_t *count_ret)
{
	*count_ret = sizeof(common_options) / sizeof(*common_options);
	return common_options;
}

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (strcmp(verbs[i]->info.name, name) == 0)
			return verbs[i];
	return NULL;
}

const char *verb_nearest(const char *name)
{
	const char *nearest = NULL;
	unsigned int nearest_distance = 4;
	for (size_t i = 0; i < VERB_COUNT; i++) {
		unsigned int distance = word_distance(name, verbs[i]->info.name);
		if (distance < nearest_distance && distance < strlen(name)) {
			nearest_distance = distance;
			nearest = verbs[i]->info.name;
		}
	}
	return nearest;
}

const char *inspect_version(void)
{
	return PACKAGE_VERSION;
}
