/* SPDX-License-Identifier: MIT */
/*
 * test_repr.c - values are written as Python's repr() writes them. What is expected was printed by CPython
 * 3.11.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "runtime/repr.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	double value;
	const char *repr;
} floats[] = {
	{ 0x0.0p+0, "0.0" },
	{ -0x0.0p+0, "-0.0" },
	{ 0x1.0000000000000p+0, "1.0" },
	{ -0x1.8000000000000p+0, "-1.5" },
	{ 0x1.999999999999ap-4, "0.1" },
	{ 0x1.5555555555555p-2, "0.3333333333333333" },
	{ 0x1.5555555555555p-1, "0.6666666666666666" },
	{ 0x1.c6bf526340000p+49, "1000000000000000.0" },
	{ 0x1.1c37937e08000p+53, "1e+16" },
	{ 0x1.b69b4ba630f35p+56, "1.2345678901234568e+17" },
	{ 0x1.0000000000000p+53, "9007199254740992.0" },
	{ 0x1.a36e2eb1c432dp-14, "0.0001" },
	{ 0x1.4f8b588e368f1p-17, "1e-05" },
	{ 0x1.02e4b6ce5dc68p-13, "0.00012345" },
	{ 0x0.0000000000001p-1022, "5e-324" },
	{ 0x1.0000000000000p-1022, "2.2250738585072014e-308" },
	{ 0x1.fffffffffffffp+1023, "1.7976931348623157e+308" },
	{ 0x1.0000000000000p-44, "5.684341886080802e-14" },
	{ 0x1.0000000000000p-1022, "2.2250738585072014e-308" },
	{ 0x1.0000000000000p-20, "9.5367431640625e-07" },
	{ 0x1.0f0cf064dd592p+73, "1e+22" },
	{ 0x1.52d02c7e14af6p+76, "1e+23" },
	{ INFINITY, "inf" },
	{ -INFINITY, "-inf" },
	{ NAN, "nan" },
	{ 0x1.9000000000000p+6, "100.0" },
	{ 0x1.2d68700000000p+20, "1234567.0" },
	{ 0x1.0000000000000p+70, "1.1805916207174113e+21" },
	{ 0x1.0000000000000p+89, "6.189700196426902e+26" },
	{ 0x1.279a9c8073d8bp-100, "9.109e-31" },
	{ 0x0.0000000000001p-1022, "5e-324" },
	{ 0x0.0000000004000p-1022, "8.095e-320" },
	{ 0x1.0000000000000p-700, "1.90109156629516e-211" },
	{ 0x1.0000000000000p-24, "5.960464477539063e-08" },
	{ 0x1.0000000000000p-3, "0.125" },
	{ 0x1.0000000000000p+63, "9.223372036854776e+18" },
	{ 0x1.0000000000000p+64, "1.8446744073709552e+19" },
	{ 0x1.0000000000000p+90, "1.2379400392853803e+27" },
	{ 0x1.0000000000000p+500, "3.273390607896142e+150" },
	{ 0x1.0000000000000p+1023, "8.98846567431158e+307" },
	{ -0x1.1494c73cf256dp+475, "-1.0539756485530688e+143" },
	{ -0x1.b5fab8f4d3e27p+438, "-1.2143721666352482e+132" },
	{ -0x1.de805ec99108dp+128, "-6.360375184993316e+38" },
	{ 0x1.b48767734d7c1p+827, "1.526087629730313e+249" },
	{ -0x1.445508201e2bdp+431, "-7.02551513787579e+129" },
	{ 0x1.d6b79965eda32p-246, "1.6260771785726701e-74" },
	{ -0x1.c69292f45e678p+221, "-5.984009685093657e+66" },
	{ 0x1.b9e86830c71c2p+925, "4.8959585264576934e+278" },
	{ -0x1.c67eda13ffe79p-557, "-3.7634144828029947e-168" },
	{ 0x1.91425cb008853p-261, "4.2301541954837196e-79" },
	{ 0x1.3edc618187993p+806, "5.315422088462547e+242" },
	{ 0x1.caf9c4dabb481p-443, "7.893354548061464e-134" },
};

static const struct {
	double real, imaginary;
	const char *repr;
} complexes[] = {
	{ 0x0.0p+0, 0x0.0p+0, "0j" },
	{ 0x0.0p+0, 0x1.0000000000000p+0, "1j" },
	{ -0x0.0p+0, -0x1.0000000000000p+0, "(-0-1j)" },
	{ 0x1.0000000000000p+0, 0x1.0000000000000p+1, "(1+2j)" },
	{ -0x0.0p+0, 0x1.0000000000000p+0, "(-0+1j)" },
	{ 0x0.0p+0, -0x0.0p+0, "-0j" },
	{ NAN, INFINITY, "(nan+infj)" },
	{ 0x1.8000000000000p+0, -INFINITY, "(1.5-infj)" },
	{ 0x1.1c37937e08000p+53, 0x1.4f8b588e368f1p-17, "(1e+16+1e-05j)" },
};

struct text {
	uint32_t characters[16];
	size_t length;
	const char *repr;
};

static const struct text strs[] = {
	{ { 0 }, 0, "''" },
	{ { 0x61, 0x62, 0x63 }, 3, "'abc'" },
	{ { 0x69, 0x74, 0x27, 0x73 }, 4, "\"it's\"" },
	{ { 0x22 }, 1, "'\"'" },
	{ { 0x27, 0x22 }, 2, "'\\'\"'" },
	{ { 0x5c }, 1, "'\\\\'" },
	{ { 0x61, 0xa, 0x62, 0xd, 0x9 }, 5, "'a\\nb\\r\\t'" },
	{ { 0x0, 0x1f, 0x7f }, 3, "'\\x00\\x1f\\x7f'" },
	{ { 0xe9, 0xa0, 0xad }, 3, "'\303\251\\xa0\\xad'" },
	{ { 0x20ac, 0x200b, 0x2028 }, 3, "'\342\202\254\\u200b\\u2028'" },
	{ { 0xd800, 0xdfff }, 2, "'\\ud800\\udfff'" },
	{ { 0x1f600, 0xe0001, 0x10ffff }, 3, "'\360\237\230\200\\U000e0001\\U0010ffff'" },
	{ { 0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x72, 0x65, 0x64 }, 8, "'\\x1b[31mred'" },
	{ { 0x202e, 0x72, 0x74, 0x6c }, 4, "'\\u202ertl'" },
	{ { 0x5c, 0x27 }, 2, "\"\\\\'\"" },
};

static const struct text byte_strings[] = {
	{ { 0 }, 0, "b''" },
	{ { 0x61, 0x62, 0x63 }, 3, "b'abc'" },
	{ { 0x69, 0x74, 0x27, 0x73 }, 4, "b\"it's\"" },
	{ { 0x22 }, 1, "b'\"'" },
	{ { 0x27, 0x22 }, 2, "b'\\'\"'" },
	{ { 0x5c }, 1, "b'\\\\'" },
	{ { 0x61, 0xa, 0x62, 0xd, 0x9 }, 5, "b'a\\nb\\r\\t'" },
	{ { 0x0, 0x1f, 0x7f }, 3, "b'\\x00\\x1f\\x7f'" },
	{ { 0xe9, 0xa0, 0xad }, 3, "b'\\xe9\\xa0\\xad'" },
	{ { 0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x72, 0x65, 0x64 }, 8, "b'\\x1b[31mred'" },
	{ { 0x5c, 0x27 }, 2, "b\"\\\\'\"" },
};

static const struct {
	uint32_t digits[24];
	size_t count;
	const char *repr;
} ints[] = {
	{ { 0 }, 0, "0" },
	{ { 0x1 }, 1, "1" },
	{ { 0x3fffffff }, 1, "1073741823" },
	{ { 0x0, 0x1 }, 2, "1073741824" },
	{ { 0x0, 0x0, 0x1 }, 3, "1152921504606846976" },
	{ { 0x27640000, 0x3782dace }, 2, "1000000000000000000" },
	{ { 0x7, 0x0, 0x0, 0x0, 0x0, 0x0, 0x11680000, 0x2ee5171, 0x241f374, 0x242b1ee6, 0x2630dc53,
	    0x2e8d03f6, 0x13da153, 0x73257dc, 0x12fea0ec, 0x3acf6c4d, 0x35c53a03, 0x90080c5, 0x199e1139,
	    0x2f6872d5, 0x189d5d15, 0x5c70565, 0x2 }, 23,
	    "100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	  "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	  "000000000000000007" },
	{ { 0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff, 0x2e0fffff,
	    0x1d4f2e6c, 0x16938288, 0x29af34fc, 0x3de89b43, 0x118227a1, 0xc684d45, 0x7f76e98, 0x3df24939,
	    0xc1a3b04, 0x19b44427, 0x1a0507ba, 0x2cac3b, 0x1a147c56, 0x3625a2d9, 0x39c635f5, 0x14 }, 23,
	    "999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999"
	  "99999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999"
	  "999999999999999999" },
	{ { 0x3039, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0,
	    0x0, 0x0, 0x0, 0x0, 0x1 }, 23,
	    "478406573306381097358188515761878867629124197521666597776700737364875035773100609923282403"
	  "20399240328942896384034413292402127192419209712744557825959890404646605235676619891802980998"
	  "89009174801035321" },
	{ { 0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff,
	    0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff,
	    0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff, 0x3fffffff,
	    0x3fffffff, 0xf }, 23,
	    "765450517290209755773101625219006188206598716034666556442721179783800057236960975877251845"
	  "12638784526308634214455061267843403507870735540391292521535824647434568377082591826884769598"
	  "224146796816367615" },
};

static void check_line(struct line *line, const char *expected)
{
	char *text = line_finish(line);
	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void test_floats(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(floats); i++) {
		struct line line = { 0 };
		line_float(&line, floats[i].value);
		check_line(&line, floats[i].repr);
	}
}

static void test_complexes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(complexes); i++) {
		struct line line = { 0 };
		line_complex(&line, complexes[i].real, complexes[i].imaginary);
		check_line(&line, complexes[i].repr);
	}
}

static void check_texts(const struct text *texts, size_t count, const char *prefix, bool bytes)
{
	for (size_t i = 0; i < count; i++) {
		struct line line = { 0 };
		struct quoted quoted = {
			.prefix = prefix, .suffix = "", .unit = "items", .bytes = bytes,
			.text = texts[i].characters, .count = texts[i].length, .length = texts[i].length,
		};
		for (size_t j = 0; j < texts[i].length; j++) {
			quoted.has_single |= texts[i].characters[j] == '\'';
			quoted.has_double |= texts[i].characters[j] == '"';
		}
		line_quoted(&line, &quoted);
		check_line(&line, texts[i].repr);
	}
}

static void test_strs(void **state)
{
	(void)state;
	check_texts(strs, COUNT(strs), "", false);
}

static void test_byte_strings(void **state)
{
	(void)state;
	check_texts(byte_strings, COUNT(byte_strings), "b", true);
}

static void test_ints(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ints); i++) {
		struct line line = { 0 };
		line_integer(&line, false, ints[i].digits, ints[i].count, 30);
		check_line(&line, ints[i].repr);
	}
	struct line line = { 0 };
	line_integer(&line, true, ints[1].digits, ints[1].count, 30);
	check_line(&line, "-1");
}

/* hex(1 << 900 | 0xabc << 888) and its bit_length() */
static void test_large_int(void **state)
{
	(void)state;
	uint32_t digits[31] = { [30] = 1, [29] = 0xabc << 18 };
	struct line line = { 0 };
	line_integer(&line, true, digits, COUNT(digits), 30);
	check_line(&line, "-0x1abc0000000000000000000000000000… (901 bits)");
}

static void test_long_text_is_cut(void **state)
{
	(void)state;
	uint32_t text[LINE_LIMIT];
	for (size_t i = 0; i < LINE_LIMIT; i++)
		text[i] = i % 2 ? 0x20ac : 1;
	for (uint64_t length = 1; length < 5000; length += 7) {
		struct line line = { 0 };
		size_t count = length < LINE_LIMIT ? (size_t)length : LINE_LIMIT;
		line_quoted(&line, &(struct quoted){ .prefix = "", .suffix = "", .unit = "characters",
						     .text = text, .count = count, .length = length });
		char *result = line_finish(&line);
		size_t characters = 0;
		for (const char *c = result; *c; c++)
			characters += ((uint8_t)*c & 0xc0) != 0x80;
		assert_in_range(characters, 1, LINE_LIMIT);
		bool cut = characters != length / 2 + (length + 1) / 2 * 4 + 2;
		assert_true(cut == (strstr(result, "…' (") != NULL));
		free(result);
	}
}

static void test_line_is_cut(void **state)
{
	(void)state;
	struct line line = { 0 };
	for (int i = 0; i < LINE_LIMIT; i++)
		line_character(&line, 'x');
	assert_false(line.cut);
	line_text(&line, "y");
	char *text = line_finish(&line);
	assert_int_equal(strlen(text), LINE_LIMIT - 1 + strlen("…"));
	assert_string_equal(text + LINE_LIMIT - 2, "x…");
	free(text);
}

static void test_broken_utf8(void **state)
{
	(void)state;
	struct line line = { 0 };
	line_text(&line, "a\xff\xc3(\xe2\x82 \x1b");
	check_line(&line, "aÿÃ(â\\x82 \\x1b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floats),
		cmocka_unit_test(test_complexes),
		cmocka_unit_test(test_strs),
		cmocka_unit_test(test_byte_strings),
		cmocka_unit_test(test_ints),
		cmocka_unit_test(test_large_int),
		cmocka_unit_test(test_long_text_is_cut),
		cmocka_unit_test(test_line_is_cut),
		cmocka_unit_test(test_broken_utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
