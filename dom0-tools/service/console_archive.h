/* SPDX-License-Identifier: MIT */
/*
 * The last console output of domains that are gone: without it, what a kernel said before it
 * crashed would go with the domain. Private to dom0-tools/service.
 */
#ifndef TOOLS_SERVICE_CONSOLE_ARCHIVE_H
#define TOOLS_SERVICE_CONSOLE_ARCHIVE_H

#include <platform.h>

#include "console.h"

#define ARCHIVE_DOMAINS   8           /* the latest that have gone */
#define ARCHIVE_TEXT_SIZE (16u << 10) /* bytes that are kept of each */

/*
 * Keeps the end of a console's log. Nothing is kept of a console without output, or when memory is
 * short.
 */
void console_archive_keep(domid_t domid, const char *name, const struct console *console);

/*
 * What was kept of the latest domain with that name, or with that number. @text is good until the
 * next call that keeps something. @return 0, or -1: nothing was.
 */
int console_archive_find(const char *name_or_number, const char **text, size_t *length);

/* Frees all that was kept. */
void console_archive_clear(void);

#endif
