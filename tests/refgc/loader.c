/* SPDX-License-Identifier: MIT */
/* loader.c - loads the shared libraries that it is given, calls stranger_fill() of each, and waits. */
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		void *library = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
		void (*fill)(void) = library ? (void (*)(void))dlsym(library, "stranger_fill") : NULL;
		if (!fill) {
			fprintf(stderr, "%s\n", dlerror());
			return 1;
		}
		fill();
	}
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
