/* SPDX-License-Identifier: MIT */
/*
 * read.c - reads a mapped file once by one thread: for bench/run, what this machine's memory allows.
 *
 *   bench-read FILE       prints the sum of its words
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
	struct stat status;
	int file = argc == 2 ? open(argv[1], O_RDONLY) : -1;
	if (file < 0 || fstat(file, &status) != 0)
		return 1;
	size_t count = (size_t)status.st_size / sizeof(uint64_t);
	const uint64_t *words = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
	if (words == MAP_FAILED)
		return 1;
	uint64_t sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += words[i];
	printf("%016jx\n", (uintmax_t)sum);
	return 0;
}
