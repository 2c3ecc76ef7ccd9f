/* SPDX-License-Identifier: MIT */
/* What the fakes around a driver were asked, in words and in order. */
#ifndef NOTES_H
#define NOTES_H

extern char notes[8192];

__attribute__((format(printf, 1, 2))) void note(const char *format, ...);
/* @wanted is what was noted since the last time. */
void assert_noted(const char *wanted);

#endif
