/* SPDX-License-Identifier: MIT */
/* reader.c - a program that uses libinspect as installed: `reader TARGET` prints what `heap` says as CSV. */
#include <inspect.h>
#include <stdio.h>

static bool write_stdout(void *context, const char *text, size_t size)
{
	(void)context;
	return fwrite(text, 1, size, stdout) == size;
}

static bool write_stderr(void *context, const char *text, size_t size)
{
	(void)context;
	return fwrite(text, 1, size, stderr) == size;
}

int main(int count, char **arguments)
{
	struct inspect_target *target;
	struct inspect_error *error = inspect_target_open(count > 1 ? arguments[1] : "", NULL, &target);
	if (error) {
		fprintf(stderr, "%s\n", inspect_error_message(error));
		inspect_error_destroy(error);
		return INSPECT_EXIT_UNUSABLE;
	}
	struct inspect_session *session = inspect_session_create(target);
	const char *verb[] = { "heap", "--format=csv" };
	static struct inspect_output output;
	output.write = write_stdout;
	output.write_message = write_stderr;
	int status = session ? inspect_session_run(session, 2, verb, &output) : INSPECT_EXIT_UNUSABLE;
	inspect_session_destroy(session);
	return status;
}
