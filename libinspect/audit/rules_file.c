/* SPDX-License-Identifier: MIT */
/*
 * rules_file.c - finding and reading files of rules: those of users, and those that come with libinspect.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/rules.h"
#include "base/array.h"
#include "base/error.h"

/* ---- rules that come with libinspect ----------------------------------------------------------------- */

/* The folder that holds this code's file; false if it is not known. */
static bool own_folder(char folder[PATH_MAX])
{
	Dl_info info;
	if (!dladdr((void *)rules_read, &info) || !info.dli_fname)
		return false;
	/* Of a program it is only what it was called as. */
	if (!realpath(strchr(info.dli_fname, '/') ? info.dli_fname : "/proc/self/exe", folder))
		return false;
	*strrchr(folder, '/') = '\0';
	return true;
}

/* A folder with sets of rules: below @own, or where they were installed if that is NULL. */
struct set_folder {
	bool beside_own;
	const char *path;
};

static const struct set_folder set_folders[] = {
	{ true, "/rules" },    /* a build that is not installed: the command, */
	{ true, "/../rules" }, /* and the library, which libtool has in .libs */
	{ true, "/../share/" PACKAGE_TARNAME "/rules" },
	{ false, PKGDATADIR "/rules" },
};

enum { FOLDER_COUNT = sizeof(set_folders) / sizeof(*set_folders) };

/* The path of the set called @name in a folder, for the caller to free; "" if there is no such folder. */
static char *path_of_set(const struct set_folder *folder, const char *name)
{
	char own[PATH_MAX] = "", *path;
	if (folder->beside_own && !own_folder(own))
		return strdup("");
	return asprintf(&path, "%s%s/%s.rules", own, folder->path, name) < 0 ? NULL : path;
}

/* The path of the set called @name, "" if there is none; for the caller to free. */
static char *find_set(const char *name)
{
	for (size_t i = 0; i < FOLDER_COUNT; i++) {
		char *path = path_of_set(&set_folders[i], name);
		if (!path || (*path && access(path, R_OK) == 0))
			return path;
		free(path);
	}
	return strdup("");
}

/* The names of the sets in the first folder that has any: "web-service, worker"; for the caller to free. */
static char *list_sets(void)
{
	glob_t found = { 0 };
	for (size_t i = 0; i < FOLDER_COUNT && !found.gl_pathc; i++) {
		char *pattern AUTO_FREE = path_of_set(&set_folders[i], "*");
		if (!pattern)
			return NULL;
		globfree(&found);
		if (glob(pattern, 0, NULL, &found) != 0)
			found.gl_pathc = 0;
	}
	char *list = strdup("");
	for (size_t i = 0; i < found.gl_pathc && list; i++) {
		const char *name = strrchr(found.gl_pathv[i], '/') + 1;
		char *longer;
		if (asprintf(&longer, "%s%s%.*s", list, i ? ", " : "", (int)(strlen(name) - strlen(".rules")), name) < 0)
			longer = NULL;
		free(list);
		list = longer;
	}
	globfree(&found);
	return list;
}

/* Is @path no path, but a name that a set may have? */
static bool is_mere_name(const char *path)
{
	return *path && !strchr(path, '/') && *path != '.';
}

static struct inspect_error *no_such_file(const char *path)
{
	if (!is_mere_name(path))
		return inspect_error_create(INSPECT_ERROR_USAGE, "%s: there is no such file", path);
	char *sets AUTO_FREE = list_sets();
	if (!sets)
		return &inspect_error_no_memory;
	return inspect_error_create(INSPECT_ERROR_USAGE,
				    "%s: there is no such file, and no set of rules of this name%s%s", path,
				    *sets ? "; the sets that come with libinspect are: " : "", sets);
}

/* ---- reading ----------------------------------------------------------------------------------------- */

static struct inspect_error *unreadable(const char *path, int number)
{
	return inspect_error_create(INSPECT_ERROR_USAGE, "%s: cannot be read: %s", path, strerror(number));
}

/* Reads what is left of @file into @text, which has room for one byte more than a file of rules may have. */
static struct inspect_error *read_all(const char *path, int file, char *text, size_t *size_ret)
{
	*size_ret = 0;
	while (*size_ret <= RULES_FILE_MAX) {
		ssize_t size = read(file, text + *size_ret, RULES_FILE_MAX + 1 - *size_ret);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return unreadable(path, errno);
		if (size == 0)
			return NULL;
		*size_ret += (size_t)size;
	}
	return NULL; /* rules_parse() says that it is too long */
}

static struct inspect_error *read_file(const char *path, int file, struct rules *rules)
{
	struct stat status;
	if (fstat(file, &status) != 0)
		return unreadable(path, errno);
	/* It is read more than once, so a pipe would not do. */
	if (!S_ISREG(status.st_mode))
		return inspect_error_create(INSPECT_ERROR_USAGE, "%s: is no regular file", path);
	char *text AUTO_FREE = malloc(RULES_FILE_MAX + 1);
	if (!text)
		return &inspect_error_no_memory;
	size_t size;
	struct inspect_error *error = read_all(path, file, text, &size);
	return error ? error : rules_parse(text, size, path, rules);
}

/* Opens @path without waiting for a pipe's other end. */
static int open_file(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

struct inspect_error *rules_read(const char *path, struct rules *rules)
{
	char *set AUTO_FREE = NULL;
	int file = open_file(path);
	if (file < 0 && errno == ENOENT) {
		set = is_mere_name(path) ? find_set(path) : strdup("");
		if (!set)
			return &inspect_error_no_memory;
		if (!*set)
			return no_such_file(path);
		path = set;
		file = open_file(path);
	}
	if (file < 0)
		return unreadable(path, errno);
	struct inspect_error *error = read_file(path, file, rules);
	close(file);
	return error;
}
