/* SPDX-License-Identifier: MIT */
/*
 * fuzz_rules.c - the input is a file of rules for an audit.
 */
#include <stdlib.h>

#include "fuzz.h"

#include "audit/message.h"
#include "audit/rules.h"

static const char *find(const struct message_names *names __attribute__((unused)), const char *name, size_t length)
{
	return length && name[0] != 'x' ? "12 345" : NULL;
}

void fuzz_one(const uint8_t *data, size_t size)
{
	const struct message_names names = { .find = find };
	struct rules rules = { 0 };
	inspect_error_destroy(rules_parse((const char *)data, size, "fuzz.rules", &rules));
	for (size_t i = 0; i < rules.count; i++) {
		char *text = NULL;
		inspect_error_destroy(message_expand(rules.items[i].message, &names, &text));
		free(text);
	}
	rules_deinit(&rules);
}
