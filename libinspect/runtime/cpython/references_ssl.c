/* SPDX-License-Identifier: MIT */
/*
 * references_ssl.c - what an SSL context holds that not all releases visit: Modules/_ssl.c.
 *
 * gh-142516 came with 3.13.14 and 3.14.4, and distributions have taken it over into older releases: Debian's
 * 3.13.5-2+deb13u3 has it. Nothing but the code of context_traverse() differs then.
 */
#include <elf.h>

#include "runtime/cpython/references.h"

/* mov OFFSET(%REG),%REG with 64 bits, and a distance of one byte */
static bool reads_x86_64(const uint8_t *code, size_t size, int32_t offset)
{
	for (size_t i = 0; i + 3 < size; i++)
		if ((code[i] & 0xf8) == 0x48 && code[i + 1] == 0x8b && code[i + 2] >> 6 == 1 &&
		    code[i + 3] == offset)
			return true;
	return false;
}

/* ldr Xn, [Xm, #OFFSET] and ldp Xn, Xo, [Xm, #OFFSET] */
static bool reads_aarch64(const uint8_t *code, size_t size, int32_t offset)
{
	for (size_t i = 0; i + 4 <= size; i += 4) {
		uint32_t instruction;
		memcpy(&instruction, code + i, sizeof(instruction));
		int32_t single = (int32_t)(instruction >> 10 & 0xfff) * 8;
		if ((instruction & 0xffc00000) == 0xf9400000 && single == offset)
			return true;
		int32_t pair = (int32_t)(instruction >> 15 & 0x3f) * 8;
		if ((instruction & 0xffc00000) == 0xa9400000 && (pair == offset || pair + 8 == offset))
			return true;
	}
	return false;
}

/* Does context_traverse() visit the name of the key log? By its code, or by the version where that cannot be
 * read. */
static bool visits_all(struct visit *visit)
{
	struct cpython *cpython = visit->cpython;
	const struct layout *layout = visit->layout;
	enum { DEPTH_LIMIT = 100, CODE_SIZE = 256 };
	uint64_t type = visit->type->address, traverse, clear;
	uint8_t code[CODE_SIZE];
	int32_t offset = layout->ssl_context_keylog_filename;
	if (!cpython_at_least(cpython, 3, 13))
		return false;
	for (int i = 0; i < DEPTH_LIMIT; i++) {
		if (!read_pointer(cpython, type, layout->type_traverse, &traverse))
			break;
		if (traverse != cpython->subtype_traverse) {
			/* context_clear() follows it, and has to do with all members */
			bool follows = read_pointer(cpython, type, layout->type_clear, &clear) &&
				       clear > traverse && clear - traverse < CODE_SIZE;
			size_t size = follows ? clear - traverse : CODE_SIZE;
			if (!read_field(cpython, traverse, 0, code, size))
				break;
			if (cpython->target->machine == EM_X86_64)
				return reads_x86_64(code, size, offset);
			if (cpython->target->machine == EM_AARCH64)
				return reads_aarch64(code, size, offset);
			break;
		}
		if (!read_pointer(cpython, type, layout->type_base, &type) || !type)
			break;
	}
	return cpython_has_fix(cpython, FIX_142516);
}

void ssl_context_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	unsigned int flags = step->flags | (visits_all(visit) ? 0 : RUNTIME_UNVISITED);
	visit_member(visit, visit->address, layout->ssl_context_keylog_filename, flags, ".keylog_filename");
	visit_member(visit, visit->address, layout->ssl_context_psk_client, flags, "psk_client_callback");
	visit_member(visit, visit->address, layout->ssl_context_psk_server, flags, "psk_server_callback");
}
