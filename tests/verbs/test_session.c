/* SPDX-License-Identifier: MIT */
/*
 * test_session.c - sessions as a program uses them: what they remember, how they end, what verbs they offer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "inspect.h"

/* ---- output into memory ----------------------------------------------------------------------------- */

struct text {
	char *bytes;
	size_t size;
};

struct capture {
	struct text written, said;
	size_t limit; /* bytes after which the output is closed */
};

static void append(struct text *text, const char *bytes, size_t size)
{
	text->bytes = realloc(text->bytes, text->size + size + 1);
	assert_non_null(text->bytes);
	memcpy(text->bytes + text->size, bytes, size);
	text->size += size;
	text->bytes[text->size] = '\0';
}

static bool capture_write(void *context, const char *bytes, size_t size)
{
	struct capture *capture = context;
	append(&capture->written, bytes, size);
	return capture->written.size < capture->limit;
}

static bool capture_message(void *context, const char *bytes, size_t size)
{
	append(&((struct capture *)context)->said, bytes, size);
	return true;
}

static struct inspect_output capture_output(struct capture *capture)
{
	*capture = (struct capture){ .limit = SIZE_MAX };
	return (struct inspect_output){
		.write = capture_write,
		.write_message = capture_message,
		.context = capture,
	};
}

static void capture_free(struct capture *capture)
{
	free(capture->written.bytes);
	free(capture->said.bytes);
}

/* ---- sessions --------------------------------------------------------------------------------------- */

static struct inspect_session *open_fake(const char *specification,
					 const struct inspect_target_options *options)
{
	static const struct inspect_target_options none;
	struct inspect_target *target;
	assert_null(inspect_target_open(specification, options ? options : &none, &target));
	fake_attached = fake_walked = fake_closed = 0;
	struct inspect_session *session = inspect_session_create(target);
	assert_non_null(session);
	return session;
}

/* Runs a verb without options, and forgets what it says. */
static enum inspect_exit run(struct inspect_session *session, const char *verb)
{
	struct capture capture;
	const struct inspect_output output = capture_output(&capture);
	enum inspect_exit status = inspect_session_run(session, 1, &verb, &output);
	capture_free(&capture);
	return status;
}

static void the_heap_is_built_once(void **state __attribute__((unused)))
{
	static const char *const verbs[] = { "status", "heap", "gc", "generations", "objects", "heap" };
	struct inspect_session *session = open_fake("fake", NULL);
	assert_int_equal(fake_attached + fake_walked, 0);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		assert_int_equal(run(session, verbs[i]), INSPECT_EXIT_OK);
	assert_int_equal(fake_attached, 1);
	assert_int_equal(fake_walked, 3); /* once for tracked objects, once to count all, and once to know them all */
	inspect_session_destroy(session);
	assert_int_equal(fake_closed, 1);
}

static void answers_stay_incomplete(void **state __attribute__((unused)))
{
	struct inspect_session *session = open_fake("fake,broken", NULL);
	assert_int_equal(run(session, "heap"), INSPECT_EXIT_INCOMPLETE);
	assert_int_equal(run(session, "heap"), INSPECT_EXIT_INCOMPLETE);
	assert_int_equal(fake_walked, 2); /* counting ends at the damage */
	inspect_session_destroy(session);
}

static void a_missing_runtime_is_looked_for_once(void **state __attribute__((unused)))
{
	struct inspect_session *session = open_fake("fake,noruntime", NULL);
	assert_int_equal(run(session, "heap"), INSPECT_EXIT_UNUSABLE);
	assert_int_equal(run(session, "status"), INSPECT_EXIT_UNUSABLE);
	assert_int_equal(fake_attached, 1);
	inspect_session_destroy(session);
}

/* Another one than before is looked for anew. */
static void a_runtime_can_be_chosen(void **state __attribute__((unused)))
{
	static const char *const of_cpython[] = { "heap", "--runtime=cpython" };
	struct inspect_session *session = open_fake("fake", NULL);
	struct capture capture;
	const struct inspect_output output = capture_output(&capture);
	assert_int_equal(run(session, "heap"), INSPECT_EXIT_OK);
	assert_int_equal(inspect_session_run(session, 2, of_cpython, &output), INSPECT_EXIT_UNUSABLE);
	assert_non_null(strstr(capture.said.bytes, "there is no Python"));
	assert_int_equal(fake_attached, 1);
	assert_int_equal(run(session, "heap"), INSPECT_EXIT_OK);
	assert_int_equal(run(session, "heap"), INSPECT_EXIT_OK);
	assert_int_equal(fake_attached, 2);
	capture_free(&capture);
	inspect_session_destroy(session);
}

static bool cancel_while(void *context, const char *what __attribute__((unused)),
			 uint64_t done __attribute__((unused)), uint64_t total __attribute__((unused)))
{
	return !*(const bool *)context;
}

static void a_cancelled_answer_can_be_had_later(void **state __attribute__((unused)))
{
	bool cancel = true;
	const struct inspect_target_options options = {
		.progress = cancel_while,
		.progress_context = &cancel,
	};
	struct inspect_session *session = open_fake("fake", &options);
	assert_int_equal(run(session, "heap"), INSPECT_EXIT_INCOMPLETE);
	cancel = false;
	assert_int_equal(run(session, "heap"), INSPECT_EXIT_OK);
	assert_int_equal(fake_walked, 2);
	inspect_session_destroy(session);
}

static void closing_the_output_ends_the_verb(void **state __attribute__((unused)))
{
	static const char *const arguments[] = { "objects", "--format=jsonl" };
	struct inspect_session *session = open_fake("fake,count=100000", NULL);
	struct capture capture;
	const struct inspect_output output = capture_output(&capture);
	capture.limit = 100000;
	assert_int_equal(inspect_session_run(session, 2, arguments, &output), INSPECT_EXIT_OK);
	assert_true(capture.written.size >= 100000 && capture.written.size < 300000);
	assert_null(capture.said.bytes);
	capture_free(&capture);
	inspect_session_destroy(session);
}

static void nothing_to_destroy(void **state __attribute__((unused)))
{
	inspect_session_destroy(NULL);
	inspect_target_close(NULL);
	inspect_error_destroy(NULL);
}

/* ---- calls ------------------------------------------------------------------------------------------ */

static void check_call(enum inspect_exit expected, const char *said, int count, const char *const *arguments)
{
	struct capture capture;
	const struct inspect_output output = capture_output(&capture);
	assert_int_equal(inspect_check_call(count, arguments, &output), expected);
	assert_null(capture.written.bytes);
	if (said)
		assert_non_null(strstr(capture.said.bytes, said));
	else
		assert_null(capture.said.bytes);
	capture_free(&capture);
}

static void calls_are_checked(void **state __attribute__((unused)))
{
	check_call(INSPECT_EXIT_OK, NULL, 3, (const char *const[]){ "heap", "--limit", "4k" });
	check_call(INSPECT_EXIT_OK, NULL, 2, (const char *const[]){ "object", "0x10" });
	check_call(INSPECT_EXIT_OK, NULL, 2, (const char *const[]){ "object", "--help" });
	check_call(INSPECT_EXIT_USAGE, "ADDRESS", 1, (const char *const[]){ "object" });
	check_call(INSPECT_EXIT_USAGE, "no verb", 1, (const char *const[]){ "hep" });
	check_call(INSPECT_EXIT_USAGE, "no verb", 0, NULL);
	check_call(INSPECT_EXIT_USAGE, "argument", 2, (const char *const[]){ "heap", "--limit" });
	check_call(INSPECT_EXIT_USAGE, "4q", 3, (const char *const[]){ "heap", "--limit", "4q" });
}

/* A sentence that fits behind a label: no capital, no full stop, no line break. */
static void check_phrase(const char *text)
{
	assert_non_null(text);
	assert_true(*text && !strchr(text, '\n') && text[strlen(text) - 1] != '.');
}

static void check_options(const struct inspect_verb_option *options, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_true(*options[i].name && !strchr(options[i].name, ' '));
		check_phrase(options[i].help);
		if (options[i].values)
			assert_non_null(options[i].argument);
	}
}

static void verbs_explain_themselves(void **state __attribute__((unused)))
{
	const struct inspect_verb_info *verb;
	size_t count = 0, common_count;
	for (; (verb = inspect_verb(count)); count++) {
		check_phrase(verb->summary);
		assert_non_null(verb->operands);
		assert_true(strlen(verb->description) > 40);
		check_options(verb->options, verb->option_count);
		for (size_t i = 0; i < count; i++)
			assert_string_not_equal(inspect_verb(i)->name, verb->name);

		struct capture capture;
		const struct inspect_output output = capture_output(&capture);
		assert_true(inspect_verb_help(verb->name, &output));
		for (size_t i = 0; i < verb->option_count; i++)
			assert_non_null(strstr(capture.written.bytes, verb->options[i].help));
		capture_free(&capture);
	}
	assert_true(count > 0); /* which ones: test_verbs.py */
	const struct inspect_verb_option *common = inspect_common_options(&common_count);
	assert_int_equal(common_count, 7);
	check_options(common, common_count);
	assert_false(inspect_verb_help("nonsense", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_heap_is_built_once),
		cmocka_unit_test(answers_stay_incomplete),
		cmocka_unit_test(a_missing_runtime_is_looked_for_once),
		cmocka_unit_test(a_runtime_can_be_chosen),
		cmocka_unit_test(a_cancelled_answer_can_be_had_later),
		cmocka_unit_test(closing_the_output_ends_the_verb),
		cmocka_unit_test(nothing_to_destroy),
		cmocka_unit_test(calls_are_checked),
		cmocka_unit_test(verbs_explain_themselves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
