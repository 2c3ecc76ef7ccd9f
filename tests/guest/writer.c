/* SPDX-License-Identifier: MIT */
/*
 * A guest that writes numbered lines of 64 bytes on its console, then says how long that took and
 * repeats what is typed. Command line:
 *
 *     tag=WORD     what lines begin with
 *     lines=COUNT  0: without end, and not listening
 *     rate=BYTES   a second at most; 0: as fast as the console takes them
 */
#include <clock.h>
#include <console.h>
#include <guest.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>

#define LINE_SIZE 64u

static uint64_t option(const char *name)
{
    char value[16];

    return guest_option(name, value, sizeof(value)) ? strtoul(value, NULL, 10) : 0;
}

static void write_line(const char *tag, uint64_t number)
{
    char line[LINE_SIZE + 1];
    int length = snprintf(line, sizeof(line), "%s %08" PRIu64 " ", tag, number);

    memset(line + length, 'a' + (int)(number % 26), LINE_SIZE - 1 - (size_t)length);
    line[LINE_SIZE - 1] = '\n';
    console_write(line, LINE_SIZE);
}

void guest_main(void)
{
    uint64_t lines = option("lines"), rate = option("rate"), start = clock_now();
    char tag[16] = "writer", line[64];

    guest_option("tag", tag, sizeof(tag));
    for (uint64_t n = 0; !lines || n < lines; n++) {
        write_line(tag, n);
        /* In steps of about a millisecond at 1 MiB a second. */
        if (rate && n % 16 == 15) {
            uint64_t due = start + (n + 1) * LINE_SIZE * NANOSECONDS_PER_SECOND / rate;
            uint64_t now = clock_now();

            if (due > now)
                thread_sleep(due - now);
        }
    }
    printf("%s done: %" PRIu64 " lines in %" PRIu64 " ms\n", tag, lines,
           (uint64_t)((clock_now() - start) / MILLISECONDS(1)));
    for (;;) {
        console_read_line(line, sizeof(line));
        printf("%s heard: %s\n", tag, line);
    }
}
