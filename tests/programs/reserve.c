/* SPDX-License-Identifier: MIT */
/*
 * reserve.c - a program without Python that reserves terabytes of memory and uses a page of them, as sanitizers and
 * other runtimes do.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	char *memory = mmap(NULL, 1UL << 44, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	memory[1UL << 43] = 1;
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
