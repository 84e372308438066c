/* SPDX-License-Identifier: MIT */
/*
 * emit.c - buffered output, and the spelling of text and numbers.
 */
#include "verbs/emit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void emit_flush(struct emitter *emitter)
{
	if (emitter->used && !emitter->closed)
		emitter->closed =
			!emitter->output->write(emitter->output->context, emitter->buffer, emitter->used);
	emitter->used = 0;
}

void emit(struct emitter *emitter, const char *text, size_t size)
{
	while (size && !emitter->closed) {
		if (emitter->used == sizeof(emitter->buffer))
			emit_flush(emitter);
		size_t part = sizeof(emitter->buffer) - emitter->used;
		if (part > size)
			part = size;
		memcpy(emitter->buffer + emitter->used, text, part);
		emitter->used += part;
		text += part;
		size -= part;
	}
}

void emit_text(struct emitter *emitter, const char *text)
{
	emit(emitter, text, strlen(text));
}

void emit_format(struct emitter *emitter, const char *format, ...)
{
	char text[256];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length > 0)
		emit(emitter, text, (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

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
	/* The longest escape for a byte of input has four bytes. */
	char *safe = malloc(4 * strlen(text) + 1);
	if (!safe)
		return NULL;
	char *to = safe;
	while (*text) {
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

void number_grouped(int64_t number, char text[NUMBER_TEXT_SIZE])
{
	char digits[NUMBER_TEXT_SIZE];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64,
			      number < 0 ? -(uint64_t)number : (uint64_t)number);
	if (number < 0)
		*text++ = '-';
	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*text++ = ' ';
		*text++ = digits[i];
	}
	*text = '\0';
}

void bytes_human(int64_t bytes, char text[NUMBER_TEXT_SIZE])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	text[0] = '\0';
	if (bytes < 1024)
		return;
	double amount = bytes / 1024.0;
	unsigned int unit = 0;
	while (amount >= 1023.95 && unit + 1 < sizeof(units) / sizeof(*units)) {
		amount /= 1024;
		unit++;
	}
	unsigned int tenths = (unsigned int)(amount * 10 + 0.5);
	snprintf(text, NUMBER_TEXT_SIZE, "%u.%u %s", tenths / 10, tenths % 10, units[unit]);
}
