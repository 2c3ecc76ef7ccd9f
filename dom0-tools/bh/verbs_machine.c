/* SPDX-License-Identifier: MIT */
/* Verbs of the built-in prompt: files, the machine's end, help. */
#include <string.h>

#include <platform.h>

#include "bh.h"

static bool list_entry(void *context, const char *name, bool directory, size_t size)
{
    if (directory)
        bh_print("%10s  %s/\n", "", name);
    else
        bh_print("%10zu  %s\n", size, name);
    return true;
}

static int run_ls(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/";
    int status;

    if (argc > 2)
        return bh_usage(argv[0]);
    status = platform_directory(path, list_entry, NULL);
    return status < 0 ? bh_fail(argv[0], "%s: %s", path, error_file_words(-status)) : 0;
}

static int run_cat(int argc, char **argv)
{
    struct platform_file file;
    int status;

    if (argc != 2)
        return bh_usage(argv[0]);
    status = platform_file_open(argv[1], &file);
    if (status < 0)
        return bh_fail(argv[0], "%s: %s", argv[1], error_file_words(-status));
    platform_terminal_write(file.data, file.size);
    if (file.size && ((const char *)file.data)[file.size - 1] != '\n')
        bh_print("\n");
    platform_file_close(&file);
    return 0;
}

static int run_poweroff(int argc, char **argv)
{
    if (argc != 1)
        return bh_usage(argv[0]);
    platform_machine_stop(false);
    return bh_fail(argv[0], "the machine does not power off");
}

static int run_restart(int argc, char **argv)
{
    if (argc != 1)
        return bh_usage(argv[0]);
    platform_machine_stop(true);
    return bh_fail(argv[0], "the machine does not restart");
}

static int run_help(int argc, char **argv)
{
    if (argc > 2)
        return bh_usage(argv[0]);
    if (argc == 2) {
        const struct bh_verb *v = bh_find_verb(argv[1]);

        if (!v)
            return bh_fail(argv[0], "there is no command '%s'", argv[1]);
        bh_explain(v);
        return 0;
    }
    for (const struct bh_verb *const *group = bh_verbs; *group; group++)
        for (const struct bh_verb *v = *group; v->name; v++)
            bh_print(" %-15s %s\n", v->name, v->help);
    return 0;
}

const struct bh_verb bh_machine_verbs[] = {
    {"ls", "[DIRECTORY]", "list files", ARGUMENT_FILE, run_ls},
    {"cat", "FILE", "print a file", ARGUMENT_FILE, run_cat},
    {"poweroff", "", "turn the machine off", ARGUMENT_NONE, run_poweroff},
    {"restart", "", "restart the machine", ARGUMENT_NONE, run_restart},
    {"help", "[VERB]", "list the commands, or explain one", ARGUMENT_VERB, run_help},
    {NULL, NULL, NULL, ARGUMENT_NONE, NULL},
};
