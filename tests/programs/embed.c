// SPDX-License-Identifier: MIT
/*
 * embed.c - a program that has Python inside: runs the Python text that is its first argument.
 *
 * Linked with libpython (shared or static), or compiled with -DLIBRARY='"/path/libpython3.x.so"' to load it at run
 * time as a plug-in of a server does. It needs no Python headers.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef LIBRARY
static void (*Py_InitializeEx)(int);
static int (*PyRun_SimpleStringFlags)(const char *, void *);

static void *find(void *library, const char *name)
{
	void *symbol = dlsym(library, name);
	if (!symbol) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return symbol;
}

static void load(void)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_GLOBAL);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	Py_InitializeEx = find(library, "Py_InitializeEx");
	PyRun_SimpleStringFlags = find(library, "PyRun_SimpleStringFlags");
}
#else
void Py_InitializeEx(int);
int PyRun_SimpleStringFlags(const char *, void *);

static void load(void)
{
}
#endif

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	load();
	Py_InitializeEx(1);
	return PyRun_SimpleStringFlags(argv[1], NULL) ? 1 : 0;
}
