/* SPDX-License-Identifier: MIT */
/*
 * bh with its real table of verbs and no hypervisor: `bh help` and `bh VERB -h` print what they
 * print in dom0. It is linked without what the other verbs would call (mk/tests.mk).
 */
/* CFLAGS: -Idom0-tools */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <platform.h>

#include <bh/bh.h>

void platform_terminal_write(const void *data, size_t length)
{
    fwrite(data, 1, length, stdout);
}

void platform_terminal_complain(const void *data, size_t length)
{
    platform_terminal_write(data, length);
}

int main(int argc, char **argv)
{
    char line[128] = "bh";

    for (int i = 1; i < argc; i++) {
        size_t used = strlen(line);

        snprintf(line + used, sizeof(line) - used, " %s", argv[i]);
    }
    return bh_run(line) ? EXIT_FAILURE : EXIT_SUCCESS;
}
