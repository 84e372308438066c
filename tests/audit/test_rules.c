/* SPDX-License-Identifier: MIT */
/*
 * test_rules.c - files of rules: what they may say, what is said about those that are wrong, and damaged ones.
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

#include "audit/message.h"
#include "audit/rules.h"
#include "base/error.h"

#define HEAD "severity = error\nmessage = m\n"

static void parse_all(const char *text, struct rules *rules)
{
	*rules = (struct rules){ 0 };
	struct inspect_error *error = rules_parse(text, strlen(text), "f", rules);
	if (error)
		fail_msg("%s", inspect_error_message(error));
}

/* ---- what files may say ------------------------------------------------------------------------------ */

static const char whole[] =
	"\xef\xbb\xbf# A comment\r\n"
	"\n"
	"[sessions]\r\n"
	"severity = error\r\n"
	"message  = {count} of {type}, {bytes} bytes; {limit} = {{limit}}\r\n"
	"check    = count  of\tapp.Session at most\n"
	"  # a comment between the lines\n"
	"\t40_000\n"
	"\n"
	"[long.strings-2_X]\n"
	"query =\n"
	"    SELECT address -- not '#'\n"
	"\n"
	"    FROM objects   \n"
	"    # left out\n"
	"    WHERE size > 1 # 'kept'\n"
	"severity=warning\n"
	"message=a = b\n"
	" and {anything}\n"
	"[last]\n"
	"severity = info\n"
	"message = größer\n"
	"check = gc enabled";

static void a_file_is_read(void **state __attribute__((unused)))
{
	struct rules rules;
	parse_all(whole, &rules);
	assert_int_equal(rules.count, 3);
	const struct rule *rule = &rules.items[0];
	assert_string_equal(rule->name, "sessions");
	assert_string_equal(rule->file, "f");
	assert_int_equal(rule->line, 3);
	assert_int_equal(rule->severity, RULE_ERROR);
	assert_string_equal(rule->message, "{count} of {type}, {bytes} bytes; {limit} = {{limit}}");
	assert_string_equal(rule->check_text, "count of app.Session at most 40_000");
	assert_null(rule->query);
	assert_int_equal(rule->check.subject, CHECK_TYPE_COUNT);
	assert_int_equal(rule->check.comparison, CHECK_AT_MOST);
	assert_int_equal(rule->check.limit, 40000);
	assert_string_equal(rule->check.type, "app.Session");
	rule = &rules.items[1];
	assert_string_equal(rule->name, "long.strings-2_X");
	assert_int_equal(rule->line, 10);
	assert_int_equal(rule->severity, RULE_WARNING);
	assert_int_equal(rule->message_line, 18);
	assert_string_equal(rule->message, "a = b and {anything}");
	assert_string_equal(rule->query, "SELECT address -- not '#'\n\nFROM objects\n\nWHERE size > 1 # 'kept'");
	assert_int_equal(rule->query_line, 11);
	assert_string_equal(rule->check_text, "query");
	assert_int_equal(rule->check.subject, CHECK_QUERY);
	rule = &rules.items[2];
	assert_int_equal(rule->severity, RULE_INFO);
	assert_int_equal(rule->check.subject, CHECK_GC_ENABLED);
	assert_string_equal(rule->message, "größer");
	rules_deinit(&rules);
}

static void files_add_up(void **state __attribute__((unused)))
{
	static const char other[] = "[other]\n" HEAD "check = gc enabled\n[last]\n" HEAD "check = gc enabled\n";
	struct rules rules;
	parse_all(whole, &rules);
	struct inspect_error *error = rules_parse(other, strlen(other), "g", &rules);
	assert_non_null(error);
	assert_string_equal(inspect_error_message(error),
			    "g:5: there is a rule 'last' already, at f:20: each needs a name of its own");
	inspect_error_destroy(error);
	assert_int_equal(rules.count, 4);
	assert_string_equal(rules.items[3].file, "g");
	rules_deinit(&rules);
}

/* ---- checks ------------------------------------------------------------------------------------------ */

static void every_check_is_read(void **state __attribute__((unused)))
{
	static const struct {
		const char *text;
		struct check check;
		bool has_bytes, has_limit;
	} checks[] = {
		{ "unreachable objects at most 0", { .subject = CHECK_UNREACHABLE_OBJECTS }, true, true },
		{ "unreachable bytes at most 10 MiB", { .subject = CHECK_UNREACHABLE_BYTES, .limit = 10 << 20 }, true, true },
		{ "reclaimable objects at most 7", { .subject = CHECK_RECLAIMABLE_OBJECTS, .limit = 7 }, true, true },
		{ "reclaimable bytes at most 1KiB", { .subject = CHECK_RECLAIMABLE_BYTES, .limit = 1024 }, true, true },
		{ "uncollectable none", { .subject = CHECK_UNCOLLECTABLE_OBJECTS }, true, true },
		{ "uncollectable objects at most 3", { .subject = CHECK_UNCOLLECTABLE_OBJECTS, .limit = 3 }, true, true },
		{ "objects at most 9223372036854775807", { .subject = CHECK_HEAP_OBJECTS, .limit = INT64_MAX }, true, true },
		{ "bytes at most 2 GiB", { .subject = CHECK_HEAP_BYTES, .limit = UINT64_C(2) << 30 }, true, true },
		{ "bytes at most 2T", { .subject = CHECK_HEAP_BYTES, .limit = UINT64_C(2) << 40 }, true, true },
		{ "bytes at most 17 bytes", { .subject = CHECK_HEAP_BYTES, .limit = 17 }, true, true },
		{ "bytes at most 17", { .subject = CHECK_HEAP_BYTES, .limit = 17 }, true, true },
		{ "count of a.B at most 4", { .subject = CHECK_TYPE_COUNT, .limit = 4, .type = (char *)"a.B" }, true, true },
		{ "count of at at least 4",
		  { .subject = CHECK_TYPE_COUNT, .comparison = CHECK_AT_LEAST, .limit = 4, .type = (char *)"at" }, true, true },
		{ "bytes of dict at most 512 MiB", { .subject = CHECK_TYPE_BYTES, .limit = 512 << 20, .type = (char *)"dict" }, true, true },
		{ "bytes of dict at least 1 k",
		  { .subject = CHECK_TYPE_BYTES, .comparison = CHECK_AT_LEAST, .limit = 1024, .type = (char *)"dict" }, true, true },
		{ "no object of type x.*", { .subject = CHECK_NO_OBJECT, .type = (char *)"x.*" }, true, true },
		{ "no object of type x.* larger than 3 MiB",
		  { .subject = CHECK_NO_OBJECT, .type = (char *)"x.*", .larger = 3 << 20, .has_larger = true }, true, true },
		{ "no object larger than 0", { .subject = CHECK_NO_OBJECT, .has_larger = true }, true, true },
		{ "threads at most 200", { .subject = CHECK_THREADS, .limit = 200 }, false, true },
		{ "gc enabled", { .subject = CHECK_GC_ENABLED }, false, false },
		{ "no gc debug flags", { .subject = CHECK_GC_DEBUG }, false, false },
		{ "no refcount finding", { .subject = CHECK_REFCOUNTS }, false, false },
		{ "no integrity finding", { .subject = CHECK_INTEGRITY }, false, false },
	};
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		const struct check *expected = &checks[i].check;
		struct check check;
		struct inspect_error *error = check_parse(checks[i].text, &check);
		if (error)
			fail_msg("%s: %s", checks[i].text, inspect_error_message(error));
		assert_int_equal(check.subject, expected->subject);
		assert_int_equal(check.comparison, expected->comparison);
		assert_true(check.limit == expected->limit);
		assert_int_equal(check.has_larger, expected->has_larger);
		assert_true(check.larger == expected->larger);
		if (expected->type)
			assert_string_equal(check.type, expected->type);
		else
			assert_null(check.type);
		assert_int_equal(check_has_bytes(&check), checks[i].has_bytes);
		assert_int_equal(check_has_limit(&check), checks[i].has_limit);
		check_deinit(&check);
	}
}

static void a_wrong_check_says_what_is_expected(void **state __attribute__((unused)))
{
	static const char *const checks[][2] = {
		{ "", "the check is empty" },
		{ " \n ", "the check is empty" },
		{ "unreachable byte at most 1", "the check says 'byte' where it should say objects or bytes; did you mean 'bytes'?" },
		{ "unreachible bytes at most 1",
		  "the check says 'unreachible' where it should say unreachable, reclaimable, uncollectable, objects, bytes, count, "
		  "no, threads or gc; did you mean 'unreachable'?" },
		{ "unreachable bytes", "the check ends too early: after 'bytes' comes at" },
		{ "unreachable bytes at most", "the check ends too early: after 'most' comes a whole number of bytes, KiB, MiB, GiB or TiB" },
		{ "unreachable bytes at most ten",
		  "the check says 'ten' where it should say a whole number of bytes, KiB, MiB, GiB or TiB" },
		{ "unreachable bytes at most -1",
		  "the check says '-1' where it should say a whole number of bytes, KiB, MiB, GiB or TiB" },
		{ "unreachable bytes at most 10 MB", "the check says 'MB' where it should say bytes, KiB, MiB, GiB, TiB or nothing more; did you mean "
		  "'MiB'?" },
		{ "no object larger than 10 kb",
		  "the check says 'kb' where it should say bytes, KiB, MiB, GiB, TiB or nothing more" },
		{ "unreachable bytes at most 10 MiB now", "the check says 'now' where it should say nothing more" },
		{ "unreachable bytes at most 10MiB now", "the check says 'now' where it should say nothing more" },
		{ "unreachable bytes at most 1.5 GiB",
		  "the check says '1.5' where it should say a whole number of bytes, KiB, MiB, GiB or TiB" },
		{ "unreachable bytes at most 8388608 TiB",
		  "the check says '8388608' where it should say a whole number of bytes, KiB, MiB, GiB or TiB" },
		{ "threads at most 9223372036854775808", "the check says '9223372036854775808' where it should say a whole number" },
		{ "threads at most 99999999999999999999", "the check says '99999999999999999999' where it should say a whole number" },
		{ "threads at most _1", "the check says '_1' where it should say a whole number" },
		{ "threads at most 1k", "the check says '1k' where it should say a whole number" },
		{ "threads at least 1", "the check says 'least' where it should say most" },
		{ "count of at most 5", "the check says 'most' where it should say at" },
		{ "count of dict at mst 5", "the check says 'mst' where it should say most or least; did you mean 'most'?" },
		{ "count of dict", "the check ends too early: after 'dict' comes at" },
		{ "count of", "the check ends too early: after 'of' comes a type such as app.Session or app.*" },
		{ "no object of type dict larger", "the check ends too early: after 'larger' comes than" },
		{ "no object of type dict bigger than 3", "the check says 'bigger' where it should say nothing more or larger; did you mean 'larger'?" },
		{ "no object", "the check ends too early: after 'object' comes of or larger" },
		{ "gc enabled now", "the check says 'now' where it should say nothing more" },
		{ "a b c d e f g h i j k l m n o p q r s t u v w x y z",
		  "the check says 'a' where it should say unreachable, reclaimable, uncollectable, objects, bytes, count, no, threads "
		  "or gc" },
		{ "gc enabled b c d e f g h i j k l m n o p q r s t u v w x y z",
		  "the check says 'b' where it should say nothing more" },
	};
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		struct check check;
		struct inspect_error *error = check_parse(checks[i][0], &check);
		assert_non_null(error);
		assert_string_equal(inspect_error_message(error), checks[i][1]);
		assert_int_equal(inspect_error_kind(error), INSPECT_ERROR_USAGE);
		inspect_error_destroy(error);
		check_deinit(&check);
	}
}

/* ---- what is said about wrong files -------------------------------------------------------------------- */

static char long_line[RULES_LINE_MAX + 100], long_name[RULES_NAME_MAX + 100], long_message[RULES_LINE_MAX + 100];

static const char *filled(char *text, const char *before, size_t size, const char *after)
{
	strcpy(text, before);
	memset(text + strlen(before), 'x', size);
	strcpy(text + strlen(before) + size, after);
	return text;
}

static void a_wrong_file_says_what_to_do(void **state __attribute__((unused)))
{
	const char *files[][2] = {
		{ "", "f: there is no rule in it: one begins with '[its-name]'" },
		{ "# nothing\n\n", "f: there is no rule in it: one begins with '[its-name]'" },
		{ "severity = error\n", "f:1: 'severity' stands before the first '[rule]'" },
		{ "[a\n", "f:1: '[a' has no ']' at its end: a rule begins with '[its-name]'" },
		{ "[\n", "f:1: '[' has no ']' at its end: a rule begins with '[its-name]'" },
		{ "[]\n", "f:1: '[]' has no name: a rule begins with '[its-name]'" },
		{ "[a b]\n", "f:1: 'a b' is no name of a rule: names have letters, digits, '-', '_' and '.'" },
		{ "[a]\n", "f:1: rule 'a' has no severity: it needs a line 'severity = error', or warning, or info" },
		{ "\n\n[a]\nseverity = error\n\n",
		  "f:3: rule 'a' has no message: it needs a line 'message = …' for whoever reads the result" },
		{ "[a]\n" HEAD, "f:1: rule 'a' has no check: it needs a line 'check = …', or 'query = SELECT …'" },
		{ "[a]\n" HEAD "check = gc enabled\nquery = SELECT 1\n",
		  "f:5: rule 'a' has both a check and a query: it takes one of them" },
		{ "[a]\n" HEAD "check =\n\n[b]\n", "f:4: 'check' has no value" },
		{ "[a]\nseverity = error\nmessage =\n# \ncheck = gc enabled", "f:3: 'message' has no value" },
		{ "[a]\nsevirity = error\n", "f:2: there is no key 'sevirity'; did you mean 'severity'?" },
		{ "[a]\ncolour = red\n", "f:2: there is no key 'colour'; a rule has severity, message, and check or query" },
		{ "[a]\nseverity = fatal\nmessage = m\ncheck = gc enabled\n", "f:2: a severity is error, warning or info, not 'fatal'" },
		{ "[a]\nseverity = eror\nmessage = m\ncheck = gc enabled\n",
		  "f:2: a severity is error, warning or info, not 'eror'; did you mean 'error'?" },
		{ "[a]\nseverity = error\nseverity = info\n", "f:3: rule 'a' has a severity already, on line 2" },
		{ "[a]\n" HEAD "check = gc on\n", "f:4: the check says 'on' where it should say enabled" },
		{ "[a]\n" HEAD "check = gc enabled\n[a]\n", "f:5: there is a rule 'a' already, at f:1: each needs a name of its own" },
		{ "[a]\njust words\n", "f:2: 'just words' is no '[rule]', no 'key = value' and no '# comment'; a line that goes on with "
				       "a value begins with a space" },
		{ " [a]\n", "f:1: the line begins with white space, and there is no value above it to go on with" },
		{ "[a]\n  severity = error\n", "f:2: the line begins with white space, and there is no value above it to go on with" },
		{ "[a]\nseverity = error\nmessage = {count\ncheck = gc enabled",
		  "f:3: the message has a '{' without '}'; a brace itself is written '{{' or '}}'; there is {count}, and what the check is "
		  "about has no more to name" },
		{ "[a]\nseverity = error\nmessage = }\ncheck = threads at most 3",
		  "f:3: the message has a '}' without '{'; a brace itself is written '}}'; there is {count}, and what the check is about: "
		  "{limit}" },
		{ "[a]\nseverity = error\nmessage = {type}\ncheck = bytes at most 3",
		  "f:3: the message has no '{type}' to name; there is {count}, and what the check is about: {bytes}, {size}, {limit}" },
		{ "[a]\nseverity = error\nmessage = {sum}\ncheck = count of int at most 3",
		  "f:3: the message has no '{sum}' to name; there is {count}, and what the check is about: {bytes}, {size}, {limit}, {type}" },
		{ "[a]\nseverity = error\nmessage = {}\nquery = SELECT 1",
		  "f:3: the message has no '{}' to name; there is {count}, and the columns of the query" },
		{ "[a]\nseverity = error\nmessage = \xff\n", "f:3: byte 11 is not UTF-8 (0xff)" },
		{ "[a]\nmessage = a\x1b[2J\n", "f:2: byte 12 is a control character (U+001B)" },
		{ "[a]\nmessage = a\u202eb\n", "f:2: byte 12 is a control character (U+202E)" },
		{ "[a]\rseverity = error\r\n", "f:1: byte 4 is a control character (U+000D)" },
		{ filled(long_line, "# ", RULES_LINE_MAX - 1, "\n"), "f:1: the line is longer than 4000 bytes" },
		{ filled(long_name, "[", RULES_NAME_MAX + 1, "]\n"), "f:1: the name is longer than 100 bytes" },
		{ filled(long_message, "[a]\nseverity = error\ncheck = gc enabled\nmessage = ", RULES_MESSAGE_MAX + 1, "\n"),
		  "f:4: the message is longer than 1000 bytes" },
	};
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		struct rules rules = { 0 };
		struct inspect_error *error = rules_parse(files[i][0], strlen(files[i][0]), "f", &rules);
		if (!error)
			fail_msg("not refused: %s", files[i][0]);
		assert_string_equal(inspect_error_message(error), files[i][1]);
		assert_int_equal(inspect_error_kind(error), INSPECT_ERROR_USAGE);
		inspect_error_destroy(error);
		rules_deinit(&rules);
	}
}

/* ---- limits ------------------------------------------------------------------------------------------ */

static void expect_parse(const char *text, size_t size, const char *expected)
{
	struct rules rules = { 0 };
	struct inspect_error *error = rules_parse(text, size, "f", &rules);
	if (expected) {
		assert_non_null(error);
		assert_string_equal(inspect_error_message(error), expected);
	} else if (error) {
		fail_msg("%s", inspect_error_message(error));
	}
	inspect_error_destroy(error);
	rules_deinit(&rules);
}

/* Writes @count rules. */
static char *many_rules(unsigned int count)
{
	char *text;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	for (unsigned int i = 0; i < count; i++)
		fprintf(stream, "[rule-%u]\n" HEAD "check = gc enabled\n", i);
	fclose(stream);
	return text;
}

/* A rule with a query of @lines lines of 100 bytes, newlines included but for the last. */
static char *long_query(unsigned int lines)
{
	char *text;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	fputs("[a]\n" HEAD "query =\n", stream);
	for (unsigned int i = 0; i < lines; i++)
		fprintf(stream, " %099d\n", i);
	fclose(stream);
	return text;
}

static void limits_are_exact(void **state __attribute__((unused)))
{
	char *text = many_rules(RULES_COUNT_MAX);
	expect_parse(text, strlen(text), NULL);
	free(text);
	text = many_rules(RULES_COUNT_MAX + 1);
	expect_parse(text, strlen(text), "f:4001: there are more than 1000 rules");
	free(text);
	text = long_query(RULES_VALUE_MAX / 100);
	expect_parse(text, strlen(text), NULL);
	free(text);
	text = long_query(RULES_VALUE_MAX / 100 + 1);
	expect_parse(text, strlen(text), "f:4: the value is longer than 65536 bytes");
	free(text);

	char *large = malloc(RULES_FILE_MAX + 1);
	memset(large, '\n', RULES_FILE_MAX + 1);
	memcpy(large, "[a]\n" HEAD "check = gc enabled", strlen("[a]\n" HEAD "check = gc enabled"));
	expect_parse(large, RULES_FILE_MAX, NULL);
	expect_parse(large, RULES_FILE_MAX + 1, "f: the file is longer than 1048576 bytes");
	free(large);

	long_name[RULES_NAME_MAX + 1] = ']';
	long_name[RULES_NAME_MAX + 2] = '\n';
	strcpy(long_name + RULES_NAME_MAX + 3, HEAD "check = gc enabled");
	expect_parse(long_name, strlen(long_name), NULL);
	static const char zero[] = "[a]\n" HEAD "check = gc\0 enabled";
	expect_parse(zero, sizeof(zero) - 1, "f:4: there is a byte 0 in the line: this is no text");
	expect_parse(NULL, 0, "f: there is no rule in it: one begins with '[its-name]'");
}

/* ---- damage ------------------------------------------------------------------------------------------ */

static const char *find_nothing(const struct message_names *names __attribute__((unused)),
				const char *name __attribute__((unused)), size_t length __attribute__((unused)))
{
	return "";
}

/* What is accepted makes sense; what is not is told in one sentence that names the file. The bytes end where their memory
 * does. */
static void try_damaged(const char *text, size_t size)
{
	char *exact = malloc(size + !size);
	memcpy(exact, text, size);
	struct rules rules = { 0 };
	struct inspect_error *error = rules_parse(exact, size, "f", &rules);
	for (size_t i = 0; i < rules.count; i++) {
		const struct rule *rule = &rules.items[i];
		const struct message_names names = { find_nothing };
		char *message = NULL;
		assert_true(*rule->name && *rule->message && *rule->check_text);
		assert_true((rule->check.subject == CHECK_QUERY) == (rule->query != NULL));
		assert_null(message_expand(rule->message, &names, &message));
		free(message);
	}
	if (error) {
		assert_int_equal(inspect_error_kind(error), INSPECT_ERROR_USAGE);
		assert_true(strncmp(inspect_error_message(error), "f:", 2) == 0);
		assert_null(strchr(inspect_error_message(error), '\n'));
	} else {
		assert_true(rules.count > 0);
	}
	inspect_error_destroy(error);
	rules_deinit(&rules);
	free(exact);
}

static void damaged_files_are_survived(void **state __attribute__((unused)))
{
	size_t size = strlen(whole);
	char *text = malloc(size + 1);
	for (size_t end = 0; end <= size; end++)
		try_damaged(whole, end);
	for (size_t i = 0; i < size; i++) {
		static const char bytes[] = { '\0', '\n', '[', ']', '{', '}', '=', ' ', '#', '\t', '\x1b', '\x80', '\xff' };
		for (size_t j = 0; j < sizeof(bytes); j++) {
			memcpy(text, whole, size);
			text[i] = bytes[j];
			try_damaged(text, size);
		}
		memcpy(text, whole, i);
		memcpy(text + i, whole + i + 1, size - i - 1);
		try_damaged(text, size - 1);
	}
	srand(1);
	for (unsigned int i = 0; i < 20000; i++) {
		memcpy(text, whole, size);
		for (unsigned int changes = 1 + rand() % 8; changes; changes--) {
			size_t from = (size_t)rand() % size, to = (size_t)rand() % size, length = (size_t)rand() % 40;
			if (length > size - from)
				length = size - from;
			if (length > size - to)
				length = size - to;
			memmove(text + to, text + from, length);
		}
		try_damaged(text, size);
	}
	free(text);
}

/* ---- messages ---------------------------------------------------------------------------------------- */

static const char *find_name(const struct message_names *names __attribute__((unused)), const char *name, size_t length)
{
	return length == 5 && memcmp(name, "count", 5) == 0 ? "{12}" : NULL;
}

static void messages_are_filled_in(void **state __attribute__((unused)))
{
	const struct message_names names = { find_name };
	char *text;
	assert_null(message_expand("{count} and {{{count}}} {{count}}", &names, &text));
	assert_string_equal(text, "{12} and {{12}} {count}");
	free(text);
	struct inspect_error *error = message_expand("a {counts}", &names, &text);
	assert_non_null(error);
	assert_string_equal(inspect_error_message(error), "the message has no '{counts}' to name");
	inspect_error_destroy(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read),
		cmocka_unit_test(files_add_up),
		cmocka_unit_test(every_check_is_read),
		cmocka_unit_test(a_wrong_check_says_what_is_expected),
		cmocka_unit_test(a_wrong_file_says_what_to_do),
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(damaged_files_are_survived),
		cmocka_unit_test(messages_are_filled_in),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
