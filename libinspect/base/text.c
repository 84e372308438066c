/* SPDX-License-Identifier: MIT */
/*
 * text.c - making text from targets safe to show.
 */
#include "base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t utf8_decode(const char *text, uint32_t *code_ret)
{
	const uint8_t *bytes = (const uint8_t *)text;
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = bytes[0] < 0x80 ? 1 : bytes[0] >> 5 == 6 ? 2 : bytes[0] >> 4 == 14 ? 3 :
			bytes[0] >> 3 == 30 ? 4 : 0;
	if (!length)
		return 0;
	uint32_t code = length == 1 ? bytes[0] : bytes[0] & (0x7f >> length);
	for (size_t i = 1; i < length; i++) {
		if (bytes[i] >> 6 != 2)
			return 0;
		code = code << 6 | (bytes[i] & 0x3f);
	}
	if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*code_ret = code;
	return length;
}

char *utf8_append(char *end, uint32_t character)
{
	if (character < 0x80) {
		*end++ = (char)character;
	} else if (character < 0x800) {
		*end++ = (char)(0xc0 | character >> 6);
		*end++ = (char)(0x80 | (character & 0x3f));
	} else if (character < 0x10000) {
		*end++ = (char)(0xe0 | character >> 12);
		*end++ = (char)(0x80 | (character >> 6 & 0x3f));
		*end++ = (char)(0x80 | (character & 0x3f));
	} else {
		*end++ = (char)(0xf0 | character >> 18);
		*end++ = (char)(0x80 | (character >> 12 & 0x3f));
		*end++ = (char)(0x80 | (character >> 6 & 0x3f));
		*end++ = (char)(0x80 | (character & 0x3f));
	}
	return end;
}

bool code_is_unsafe(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e ||
	       code == 0x200f || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
	       code == 0xfeff;
}

static int escape(char *to, uint32_t code)
{
	switch (code) {
	case '\n':
		return sprintf(to, "\\n");
	case '\r':
		return sprintf(to, "\\r");
	case '\t':
		return sprintf(to, "\\t");
	}
	return sprintf(to, code < 0x100 ? "\\x%02" PRIx32 : "\\u%04" PRIx32, code);
}

char *text_safe(const char *text)
{
	return text_safe_sized(text, strlen(text));
}

char *text_safe_sized(const char *text, size_t size)
{
	/* The longest escape for a byte of input has four bytes. */
	char *safe = malloc(4 * size + 1);
	if (!safe)
		return NULL;
	char *to = safe;
	const char *end = text + size;
	while (text < end) {
		uint32_t code;
		size_t length = utf8_decode(text, &code);
		if (!length) {
			to += escape(to, (uint8_t)*text++);
			continue;
		}
		if (code_is_unsafe(code)) {
			to += escape(to, code);
		} else {
			memcpy(to, text, length);
			to += length;
		}
		text += length;
	}
	*to = '\0';
	return safe;
}

/* ---- words ----------------------------------------------------------------------------------------- */

static bool is_in_word(char character)
{
	return isalnum((unsigned char)character) || character == '_' || (unsigned char)character >= 0x80;
}

/* How many bytes the number at @text has that must not be seen, 0 if there is none. @hexadecimal_ret: how it is written. */
static size_t hidden_number(const char *text, bool *hexadecimal_ret, bool (*is_address)(void *context, uint64_t number),
			    void *context)
{
	enum { HARMLESS = 1 << 16, HARMLESS_DIGITS = 12 };
	*hexadecimal_ret = text[0] == '0' && text[1] == 'x';
	if (!*hexadecimal_ret) {
		size_t digits = strspn(text, "0123456789");
		return digits > HARMLESS_DIGITS && !is_in_word(text[digits]) ? digits : 0;
	}
	size_t size = 2 + strspn(text + 2, "0123456789abcdefABCDEF");
	uint64_t number = strtoull(text, NULL, 16);
	return number >= HARMLESS && !is_address(context, number) ? size : 0;
}

char *text_without_words(const char *text, bool (*is_address)(void *context, uint64_t number), void *context)
{
	static const char ellipsis[] = "…";
	char *result = malloc(strlen(text) + sizeof(ellipsis)), *to = result; /* what is hidden is longer than "0x…" */
	bool within = false; /* a word, or an offset */
	while (result && *text) {
		bool hexadecimal;
		size_t size = within ? 0 : hidden_number(text, &hexadecimal, is_address, context);
		if (size) {
			to = stpcpy(stpcpy(to, hexadecimal ? "0x" : ""), ellipsis);
			text += size;
			continue;
		}
		within = is_in_word(*text) || *text == '+';
		*to++ = *text++;
	}
	if (result)
		*to = '\0';
	return result;
}
