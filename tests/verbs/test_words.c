/* SPDX-License-Identifier: MIT */
/*
 * test_words.c - spelling: safe text, numbers, and how unlike two words are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "verbs/emit.h"
#include "verbs/options.h"

static void check_safe(const char *text, const char *expected)
{
	char *safe = text_safe(text);
	assert_string_equal(safe, expected);
	free(safe);
}

static bool is_4_gib(void *context, uint64_t number)
{
	assert_ptr_equal(context, (void *)1);
	return number == UINT64_C(1) << 32;
}

static void check_without_words(const char *text, const char *expected)
{
	char *without = text_without_words(text, is_4_gib, (void *)1);
	assert_string_equal(without, expected);
	free(without);
}

static void words_are_left_out(void **state __attribute__((unused)))
{
	check_without_words("", "");
	check_without_words("leads to 0x7365637265742121", "leads to 0x…");
	check_without_words("leads to 0x73656372, not to 0x100000000.", "leads to 0x…, not to 0x100000000.");
	check_without_words("0x10000 0xffff 0x0 0x", "0x… 0xffff 0x0 0x");
	check_without_words("0x73656372652074657874206f66206d6f7265", "0x…");
	check_without_words("libfoo.so+0x404040, +0x7365637265742121", "libfoo.so+0x404040, +0x7365637265742121");
	check_without_words("1234567890123 123456789012 -8315168201739072883", "… 123456789012 -…");
	check_without_words("a1234567890123 1234567890123b é1234567890123", "a1234567890123 1234567890123b é1234567890123");
	check_without_words("1234567890123é", "1234567890123é");
	check_without_words("(0x73656372)0x73656372", "(0x…)0x…");
}

static void text_is_made_safe(void **state __attribute__((unused)))
{
	check_safe("", "");
	check_safe("plain", "plain");
	check_safe("a\nb\tc\rd", "a\\nb\\tc\\rd");
	check_safe("\x1b[31m\x07\x7f", "\\x1b[31m\\x07\\x7f");
	static const char fine[] = "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x90\x8d";
	check_safe(fine, fine);
	check_safe("\xc2\x9b" "31m", "\\x9b31m");                   /* CSI as one control character */
	check_safe("\xe2\x80\xae\xe2\x81\xa6", "\\u202e\\u2066"); /* writing backwards */
	check_safe("\xff\xfe", "\\xff\\xfe");
	check_safe("\xc0\xaf", "\\xc0\\xaf");                     /* an overlong '/' */
	check_safe("\xed\xa0\x80", "\\xed\\xa0\\x80");            /* a surrogate */
	check_safe("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");   /* beyond U+10FFFF */
	check_safe("cut \xe2\x82", "cut \\xe2\\x82");
	check_safe("\x80", "\\x80");
}

static void every_code_point_is_decoded(void **state __attribute__((unused)))
{
	for (uint32_t code = 1; code < 0x110000; code++) {
		char text[8] = { 0 };
		if (code >= 0xd800 && code < 0xe000)
			continue;
		if (code < 0x80) {
			text[0] = (char)code;
		} else if (code < 0x800) {
			text[0] = (char)(0xc0 | code >> 6);
			text[1] = (char)(0x80 | (code & 63));
		} else if (code < 0x10000) {
			text[0] = (char)(0xe0 | code >> 12);
			text[1] = (char)(0x80 | (code >> 6 & 63));
			text[2] = (char)(0x80 | (code & 63));
		} else {
			text[0] = (char)(0xf0 | code >> 18);
			text[1] = (char)(0x80 | (code >> 12 & 63));
			text[2] = (char)(0x80 | (code >> 6 & 63));
			text[3] = (char)(0x80 | (code & 63));
		}
		uint32_t decoded = 0;
		assert_int_equal(utf8_decode(text, &decoded), strlen(text));
		assert_int_equal(decoded, code);
	}
}

static void error_messages_are_safe(void **state __attribute__((unused)))
{
	struct inspect_error *error =
		inspect_error_create(INSPECT_ERROR_FORMAT, "%s: bad", "core\x1b[2J\n\xff");
	assert_string_equal(inspect_error_message(error), "core\\x1b[2J\\n\\xff: bad");
	inspect_error_destroy(error);
}

static void check_number(int64_t number, const char *grouped, const char *human)
{
	char text[NUMBER_TEXT_SIZE];
	number_grouped(number, text);
	assert_string_equal(text, grouped);
	bytes_human(number, text);
	assert_string_equal(text, human);
}

static void numbers_are_spelt(void **state __attribute__((unused)))
{
	check_number(0, "0", "");
	check_number(999, "999", "");
	check_number(1000, "1 000", "");
	check_number(1023, "1 023", "");
	check_number(1024, "1 024", "1.0 KiB");
	check_number(1204331, "1 204 331", "1.1 MiB");
	check_number(1048575, "1 048 575", "1.0 MiB");
	check_number(INT64_C(1) << 30, "1 073 741 824", "1.0 GiB");
	check_number(INT64_MAX, "9 223 372 036 854 775 807", "8.0 EiB");
	check_number(-1234567, "-1 234 567", "");
	check_number(INT64_MIN, "-9 223 372 036 854 775 808", "");
}

static void distances_of_words(void **state __attribute__((unused)))
{
	assert_int_equal(word_distance("limit", "limit"), 0);
	assert_int_equal(word_distance("limt", "limit"), 1);
	assert_int_equal(word_distance("limitt", "limit"), 1);
	assert_int_equal(word_distance("lemit", "limit"), 1);
	assert_int_equal(word_distance("ilmit", "limit"), 1);
	assert_int_equal(word_distance("", "limit"), 5);
	assert_int_equal(word_distance("kitten", "sitting"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_made_safe),
		cmocka_unit_test(words_are_left_out),
		cmocka_unit_test(every_code_point_is_decoded),
		cmocka_unit_test(error_messages_are_safe),
		cmocka_unit_test(numbers_are_spelt),
		cmocka_unit_test(distances_of_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
