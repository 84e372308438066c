/* SPDX-License-Identifier: MIT */
/*
 * link_map.h - the images of a target as its dynamic linker lists them. Only for target/.
 */
#ifndef INSPECT_TARGET_LINK_MAP_H
#define INSPECT_TARGET_LINK_MAP_H

#include "target/target.h"

/* Makes the images of a target that has none, from its auxiliary vector and the dynamic linker's list. For
 * targets that do not tell what is mapped where: debuggers, cores without NT_FILE. */
struct inspect_error *link_map_make_images(struct inspect_target *target) __attribute__((warn_unused_result));

/* Corrects target->main_image where it is the dynamic linker, because the program was started as an argument
 * of it: `/lib64/ld-linux-x86-64.so.2 ./python`. */
void link_map_correct_main_image(struct inspect_target *target);

#endif
