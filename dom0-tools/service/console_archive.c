/* SPDX-License-Identifier: MIT */
/* The last console output of domains that are gone: see console_archive.h. */
#include "console_archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tools/guest_config.h>

struct archived_console {
    char name[GUEST_NAME_SIZE], number[8];
    char *text; /* NULL: nothing is here */
    size_t length;
};

static struct archived_console archive[ARCHIVE_DOMAINS];
static unsigned int next_slot; /* the oldest, which is replaced first */

void console_archive_keep(domid_t domid, const char *name, const struct console *console)
{
    struct archived_console *a = &archive[next_slot];
    uint64_t end = console_written(console), position = end;
    size_t part;
    char *text;

    if (!end)
        return;
    position -= end < ARCHIVE_TEXT_SIZE ? end : ARCHIVE_TEXT_SIZE;
    text = malloc(end - position);
    if (!text)
        return;
    next_slot = (next_slot + 1) % ARCHIVE_DOMAINS;
    free(a->text);
    snprintf(a->name, sizeof(a->name), "%s", name);
    snprintf(a->number, sizeof(a->number), "%u", domid);
    a->text = text;
    a->length = 0;
    do {
        part = console_read_log(console, &position, text + a->length, end - position);
        a->length += part;
    } while (part);
}

int console_archive_find(const char *name_or_number, const char **text, size_t *length)
{
    for (unsigned int age = 1; age <= ARCHIVE_DOMAINS; age++) {
        const struct archived_console *a =
            &archive[(next_slot + ARCHIVE_DOMAINS - age) % ARCHIVE_DOMAINS];

        if (a->text && (!strcmp(a->name, name_or_number) || !strcmp(a->number, name_or_number))) {
            *text = a->text;
            *length = a->length;
            return 0;
        }
    }
    return -1;
}

void console_archive_clear(void)
{
    for (unsigned int i = 0; i < ARCHIVE_DOMAINS; i++) {
        free(archive[i].text);
        archive[i].text = NULL;
    }
}
