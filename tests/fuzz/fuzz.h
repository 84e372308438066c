/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - what the fuzzers share. Each is a program of libFuzzer's (doc/fuzzing.md) that hands one piece of hostile input to
 * one part of the library, many thousand times a second: everything stays in memory and in one process.
 */
#ifndef INSPECT_TESTS_FUZZ_H
#define INSPECT_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "inspect.h"

/* What a fuzzer does with one input. */
void fuzz_one(const uint8_t *data, size_t size);

/* A file in memory with the @size bytes at @data: its path, which is good until the next call for the same @slot (below 40). */
const char *fuzz_file(unsigned int slot, const uint8_t *data, size_t size);

/* Reads the file at @path, which has fewer than @size bytes; returns how many. Ends the program if it cannot. */
size_t fuzz_read(const char *path, uint8_t *bytes, size_t size);

/* Options under which no file of this machine is looked at: the fuzzers open nothing but fuzz_file()s and, by whatever
 * path, files of the names that are in the folder $FUZZ_FILES. */
extern const struct inspect_target_options fuzz_options;

/* Runs the calls of verbs whose bits are in @verbs (the first one's is 1) on @session, with @address as the operand of those that need
 * one; what they say is read and forgotten. */
enum { FUZZ_FORMS = 23 };
void fuzz_run_verbs(struct inspect_session *session, uint64_t verbs, uint64_t address);

/* Takes the next @size bytes of the input; zeros where it has ended. */
struct fuzz_input {
	const uint8_t *data;
	size_t size;
};
uint64_t fuzz_take(struct fuzz_input *input, size_t size);

#endif
