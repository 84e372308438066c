/* SPDX-License-Identifier: MIT */
/*
 * type-coverage.c - which types nobody has described.
 *
 *     type-coverage PID    for each address of a type on stdin: "ADDRESS python|scanned|described TP_NAME"
 *
 * Classes of Python code are told by their traverse function. What they add to their base is always known.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "runtime/cpython/cpython.h"

static void check(struct inspect_error *error)
{
	if (!error)
		return;
	fprintf(stderr, "type-coverage: %s\n", inspect_error_message(error));
	exit(3);
}

static void show(struct cpython *cpython, uint64_t address)
{
	const struct cpython_type *type = cpython_type(cpython, address);
	uint64_t traverse, name_address;
	char *name AUTO_FREE = NULL;
	read_pointer(cpython, address, cpython->layout.type_traverse, &traverse);
	read_pointer(cpython, address, cpython->layout.type_name, &name_address);
	check(target_read_string(cpython->target, name_address, 200, &name));
	bool python = traverse && traverse == cpython->subtype_traverse;
	printf("0x%" PRIx64 " %s %s\n", address, python ? "python" : type->scanned ? "scanned" : "described", name);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: type-coverage PID\n");
		return 2;
	}
	struct inspect_target *target;
	struct runtime *runtime;
	check(inspect_target_open(argv[1], NULL, &target));
	check(runtime_attach(target, "cpython", &runtime));
	char line[4096];
	while (fgets(line, sizeof(line), stdin))
		show((struct cpython *)runtime, strtoull(line, NULL, 16));
	runtime_detach(runtime);
	inspect_target_close(target);
	return 0;
}
