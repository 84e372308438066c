/* SPDX-License-Identifier: MIT */
/*
 * fake.h - how often the made-up runtime was asked.
 */
#ifndef TESTS_VERBS_FAKE_H
#define TESTS_VERBS_FAKE_H

extern unsigned int fake_attached, fake_walked, fake_closed;

#endif
