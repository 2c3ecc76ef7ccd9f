/* SPDX-License-Identifier: MIT */
/* bh as a Linux program: its arguments are a command. */
#include <stdio.h>
#include <string.h>

#include "../../bh/bh.h"
#include "linux_platform.h"

/* "", "help ...", "--help" and "VERB --help" ask nothing of the hypervisor, and work for anybody. */
static bool asks_for_help(int count, char **words)
{
    return !strcmp(words[0], "help") ||
           (count == 2 && (!strcmp(words[1], "-h") || !strcmp(words[1], "--help")));
}

int main(int argc, char **argv)
{
    static char help[] = "help";
    char *words[BH_MAX_WORDS] = {help};
    struct error e;
    bool only_help = argc < 2 || !strcmp(argv[1], "-h") || !strcmp(argv[1], "--help");
    int count = only_help ? 1 : argc - 1;

    if (count > BH_MAX_WORDS - 1) {
        fprintf(stderr, "bh: there are more than %d words\n", BH_MAX_WORDS - 1);
        return 1;
    }
    if (!only_help)
        memcpy(words, argv + 1, (size_t)count * sizeof(*words));
    linux_turn_take();
    if (!asks_for_help(count, words) && linux_hypercalls_open(&e)) {
        fprintf(stderr, "bh: %s\n", e.text);
        return 1;
    }
    return bh_run_words(words) || linux_output_lost() ? 1 : 0;
}
