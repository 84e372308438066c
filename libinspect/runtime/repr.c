/* SPDX-License-Identifier: MIT */
/*
 * repr.c - values as Python's repr() writes them: Objects/unicodeobject.c, bytesobject.c, floatobject.c,
 * complexobject.c, Python/pystrtod.c.
 */
#include "runtime/repr.h"

#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "base/array.h"
#include "base/text.h"

enum { ESCAPE_MAX = sizeof("\\Uffffffff") };

/* ---- what can be printed ---- */

/* What the C library takes for printable and Python does not: format characters, spaces but ' ', private
 * use. */
static const uint32_t unprintable[][2] = {
	{ 0x7f, 0xa0 }, { 0xad, 0xad }, { 0x600, 0x605 }, { 0x61c, 0x61c },
	{ 0x6dd, 0x6dd }, { 0x70f, 0x70f }, { 0x890, 0x891 }, { 0x8e2, 0x8e2 },
	{ 0x1680, 0x1680 }, { 0x180e, 0x180e }, { 0x2000, 0x200f }, { 0x2028, 0x202f },
	{ 0x205f, 0x206f }, { 0x3000, 0x3000 }, { 0xd800, 0xf8ff }, { 0xfeff, 0xfeff },
	{ 0xfff0, 0xfffb }, { 0x110bd, 0x110bd }, { 0x110cd, 0x110cd }, { 0x13430, 0x1343f },
	{ 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe00ff }, { 0xf0000, 0xffffffff },
};

/* str.isprintable() of one character; false where the C library knows no Unicode. */
static bool is_printable(uint32_t character)
{
	if (character < 0x7f)
		return character >= ' ';
	for (size_t i = 0; i < sizeof(unprintable) / sizeof(unprintable[0]); i++)
		if (character >= unprintable[i][0] && character <= unprintable[i][1])
			return false;
	static locale_t unicode;
	static bool looked_up;
	if (!looked_up)
		unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	looked_up = true;
	return unicode && iswprint_l((wint_t)character, unicode);
}

/* Writes @character to @text as repr() does in a str, or in bytes: itself or an escape, but for quotes.
 * Returns how many characters that are; *@size_ret is how many bytes. */
static unsigned int escape(char *text, uint32_t character, bool bytes, size_t *size_ret)
{
	int length;
	if (character == '\n' || character == '\r' || character == '\t')
		length = sprintf(text, "\\%c", character == '\n' ? 'n' : character == '\r' ? 'r' : 't');
	else if (bytes ? character >= ' ' && character < 0x7f : is_printable(character)) {
		*size_ret = (size_t)(utf8_append(text, character) - text);
		return 1;
	} else if (character < 0x100)
		length = sprintf(text, "\\x%02x", character);
	else if (character < 0x10000)
		length = sprintf(text, "\\u%04x", character);
	else
		length = sprintf(text, "\\U%08x", character);
	*size_ret = (size_t)length;
	return (unsigned int)length;
}

/* ---- lines ---- */

/* Appends @size bytes that are @length characters, all or none. */
static bool append(struct line *line, const char *text, size_t size, unsigned int length)
{
	line->cut |= line->length + length > LINE_LIMIT;
	if (line->cut)
		return false;
	memcpy(line->text + line->size, text, size);
	line->size += size;
	line->length += length;
	return true;
}

static void append_ascii(struct line *line, const char *text)
{
	size_t size = strlen(text);
	append(line, text, size, (unsigned int)size);
}

void line_character(struct line *line, uint32_t character)
{
	char text[ESCAPE_MAX];
	size_t size;
	unsigned int length = escape(text, character, false, &size);
	append(line, text, size, length);
}

void line_text(struct line *line, const char *text)
{
	while (*text && !line->cut) {
		uint32_t character = (uint8_t)*text;
		size_t size = utf8_decode(text, &character);
		line_character(line, character);
		text += size ? size : 1; /* a byte that is no UTF-8 is a character of its own */
	}
}

void line_format(struct line *line, const char *format, ...)
{
	char *text AUTO_FREE = NULL;
	va_list arguments;
	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	line_text(line, text ? text : "…");
}

char *line_finish(struct line *line)
{
	static const char ellipsis[] = "…";
	if (line->cut) {
		while (line->length >= LINE_LIMIT) {
			do
				line->size--;
			while (((uint8_t)line->text[line->size] & 0xc0) == 0x80);
			line->length--;
		}
		memcpy(line->text + line->size, ellipsis, sizeof(ellipsis) - 1);
		line->size += sizeof(ellipsis) - 1;
		line->length++;
	}
	return strndup(line->text, line->size);
}

/* ---- str and bytes ---- */

/* Appends the prefix, the quote and as much of the text as fits in @limit characters. Returns how many. */
static size_t append_quoted(struct line *line, const struct quoted *quoted, char quote, unsigned int limit)
{
	append_ascii(line, quoted->prefix);
	append(line, &quote, 1, 1);
	for (size_t i = 0; i < quoted->count; i++) {
		char text[ESCAPE_MAX];
		size_t size;
		unsigned int length;
		uint32_t character = quoted->text[i];
		if (character == '\\' || character == (uint8_t)quote ||
		    (character == '\'' && quoted->escape_single)) {
			length = (unsigned int)sprintf(text, "\\%c", (char)character);
			size = length;
		} else {
			length = escape(text, character, quoted->bytes, &size);
		}
		if (line->length + length > limit)
			return i;
		append(line, text, size, length);
	}
	return quoted->count;
}

void line_quoted(struct line *line, const struct quoted *quoted)
{
	char quote = quoted->has_single && !quoted->has_double ? '"' : '\'';
	unsigned int closing = 1 + (unsigned int)strlen(quoted->suffix);
	size_t fitting = append_quoted(line, quoted, quote, LINE_LIMIT - closing);
	if (fitting == quoted->length) {
		append(line, &quote, 1, 1);
		append_ascii(line, quoted->suffix);
		return;
	}

	char rest[96];
	snprintf(rest, sizeof(rest), "…%c%s (%llu %s)", quote, quoted->suffix,
		 (unsigned long long)quoted->length, quoted->unit);
	*line = (struct line){ 0 };
	append_quoted(line, quoted, quote, LINE_LIMIT - (unsigned int)strlen(rest));
	line_text(line, rest);
}

/* ---- float and complex ---- */

/* The upper neighbour of the decimal @digits of @count digits, unless it needs one more. */
static bool increment(char *digits, int count)
{
	for (int i = count - 1; i >= 0; i--) {
		if (digits[i] != '9') {
			digits[i]++;
			return true;
		}
		digits[i] = '0';
	}
	return false;
}

static bool is_value(const char *digits, int count, int exponent, double value)
{
	char text[48];
	snprintf(text, sizeof(text), "%.*se%d", count, digits, exponent - (count - 1));
	return strtod(text, NULL) == value;
}

/* The fewest decimal digits that make the positive @value: @digits[0] . @digits[1]… × 10^*@exponent_ret.
 * Below a power of two the floats lie closer, so that the shortest may be above the nearest of its length. */
static int shortest_digits(double value, char digits[18], int *exponent_ret)
{
	for (int count = 1;; count++) {
		char text[40];
		snprintf(text, sizeof(text), "%.*e", count - 1, value);
		*exponent_ret = atoi(strchr(text, 'e') + 1);
		int length = 0;
		for (const char *c = text; *c != 'e'; c++) /* the decimal point is the locale's */
			if (*c >= '0' && *c <= '9')
				digits[length++] = *c;
		if (count == 17 || is_value(digits, count, *exponent_ret, value))
			return count;
		if (increment(digits, count) && is_value(digits, count, *exponent_ret, value))
			return count;
	}
}

/* Writes @value as format(value, "r") does; @point: with ".0" where it would look like an int. */
static void format_float(char text[48], double value, bool point)
{
	char digits[18];
	int exponent;
	if (isnan(value) || isinf(value)) {
		strcpy(text, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
		return;
	}
	if (signbit(value))
		*text++ = '-';
	if (value == 0) {
		strcpy(text, point ? "0.0" : "0");
		return;
	}
	int count = shortest_digits(fabs(value), digits, &exponent);
	while (count > 1 && digits[count - 1] == '0')
		count--;
	if (exponent < -4 || exponent >= 16)
		sprintf(text, "%c%s%.*se%+03d", digits[0], count > 1 ? "." : "", count - 1, digits + 1,
			exponent);
	else if (exponent < 0)
		sprintf(text, "0.%.*s%.*s", -exponent - 1, "0000", count, digits);
	else if (count <= exponent + 1)
		sprintf(text, "%.*s%.*s%s", count, digits, exponent + 1 - count, "0000000000000000",
			point ? ".0" : "");
	else
		sprintf(text, "%.*s.%.*s", exponent + 1, digits, count - exponent - 1, digits + exponent + 1);
}

void line_float(struct line *line, double value)
{
	char text[48];
	format_float(text, value, true);
	append_ascii(line, text);
}

void line_complex(struct line *line, double real, double imaginary)
{
	char real_text[48], imaginary_text[48];
	format_float(imaginary_text, imaginary, false);
	if (real == 0 && !signbit(real)) {
		line_format(line, "%sj", imaginary_text);
		return;
	}
	format_float(real_text, real, false);
	line_format(line, "(%s%s%sj)", real_text, imaginary_text[0] == '-' ? "" : "+", imaginary_text);
}

/* ---- int ---- */

/* Divides the number by @divisor and returns the remainder. */
static uint32_t divide(uint32_t *digits, size_t count, unsigned int bits, uint32_t divisor)
{
	uint64_t remainder = 0;
	for (size_t i = count; i-- > 0;) {
		remainder = remainder << bits | digits[i];
		digits[i] = (uint32_t)(remainder / divisor);
		remainder %= divisor;
	}
	return (uint32_t)remainder;
}

/* Numbers of more bits have more decimal digits than a line has characters: 2^665 > 10^200. */
enum { DECIMAL_BITS = 690 };

/* Appends the number in decimal; false if that does not fit. */
static bool append_decimal(struct line *line, const uint32_t *number, size_t count, unsigned int bits)
{
	enum { PART = 1000000000, PART_DIGITS = 9 };
	uint32_t digits[DECIMAL_BITS];
	char text[DECIMAL_BITS / 3 + PART_DIGITS + 1];
	if (count * bits > DECIMAL_BITS)
		return false;
	memcpy(digits, number, count * sizeof(*digits));
	size_t start = sizeof(text) - 1;
	text[start] = '\0';
	while (count) {
		char part[PART_DIGITS + 1];
		snprintf(part, sizeof(part), "%09u", divide(digits, count, bits, PART));
		start -= PART_DIGITS;
		memcpy(text + start, part, PART_DIGITS);
		while (count && digits[count - 1] == 0)
			count--;
	}
	while (text[start] == '0')
		start++;
	if (line->length + strlen(text + start) > LINE_LIMIT)
		return false;
	append_ascii(line, text[start] ? text + start : "0");
	return true;
}

/* Four bits of the number, from bit @position on. */
static unsigned int nibble(const uint32_t *digits, size_t count, unsigned int bits, uint64_t position)
{
	unsigned int value = 0;
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t digit = (position + i) / bits;
		if (digit < count)
			value |= (digits[digit] >> (position + i) % bits & 1) << i;
	}
	return value;
}

void line_integer(struct line *line, bool negative, const uint32_t *digits, size_t count, unsigned int bits)
{
	enum { NIBBLES = 32 };
	while (count && digits[count - 1] == 0)
		count--;
	if (negative)
		append_ascii(line, "-");
	if (append_decimal(line, digits, count, bits))
		return;
	uint64_t length = (uint64_t)count * bits;
	for (uint32_t top = digits[count - 1]; !(top >> (bits - 1) & 1); top <<= 1)
		length--;
	append_ascii(line, "0x");
	uint64_t position = (length + 3) / 4;
	for (unsigned int i = 0; i < NIBBLES && position > 0; i++) {
		char hexadecimal = "0123456789abcdef"[nibble(digits, count, bits, --position * 4)];
		append(line, &hexadecimal, 1, 1);
	}
	line_format(line, "… (%llu bits)", (unsigned long long)length);
}
