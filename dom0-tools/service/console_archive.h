/* SPDX-License-Identifier: MIT */
/*
 * The last console output of domains that are gone, so that the last words of a kernel that crashed
 * can still be read. Private to dom0-tools/service.
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
 * Finds the output of the latest domain with that name, or with that number. @text is valid until
 * the next call that keeps something. @return 0, or -1 when nothing was kept.
 */
int console_archive_find(const char *name_or_number, const char **text, size_t *length);

/* Frees all that was kept. */
void console_archive_clear(void);

#endif
