/* SPDX-License-Identifier: MIT */
/* Verbs of the built-in prompt: files, and the machine's end. */
#include <string.h>

#include <platform.h>

#include "bh.h"
#include "json.h"

enum {
    LS_JSON,
};

/* Tells whether there is such a directory before anything is printed. */
static bool only_look(void *context, const char *name, bool directory, size_t size)
{
    return false;
}

static bool json_entry(void *context, const char *name, bool directory, size_t size)
{
    struct json *j = context;

    json_open(j, NULL, '{');
    json_text(j, "name", name);
    json_bool(j, "directory", directory);
    if (!directory)
        json_number(j, "size", size);
    json_close(j, '}');
    return true;
}

static bool print_entry(void *context, const char *name, bool directory, size_t size)
{
    if (directory)
        bh_print("%10s  %s/\n", "", name);
    else
        bh_print("%10zu  %s\n", size, name);
    return true;
}

static int run_ls(struct bh_call *call)
{
    const char *path = call->argc > 0 ? call->argv[0] : "/";
    struct json json = {0}, *j = call->given[LS_JSON] ? &json : NULL;
    int status;

    if (call->argc > 1)
        return bh_usage(call);
    status = platform_directory(path, only_look, NULL);
    if (status < 0)
        return bh_fail(call, "%s: %s", path, error_file_words(-status));
    if (j)
        json_open(j, NULL, '[');
    platform_directory(path, j ? json_entry : print_entry, j);
    if (j)
        json_close(j, ']');
    return 0;
}

static int run_cat(struct bh_call *call)
{
    struct platform_file file;
    int status;
    bool whole;

    if (call->argc != 1)
        return bh_usage(call);
    status = platform_file_open(call->argv[0], &file);
    if (status < 0)
        return bh_fail(call, "%s: %s", call->argv[0], error_file_words(-status));
    whole = bh_print_long(file.data, file.size);
    if (whole && file.size && ((const char *)file.data)[file.size - 1] != '\n')
        bh_print("\n");
    platform_file_close(&file);
    return whole ? 0 : bh_fail(call, "interrupted");
}

static int run_poweroff(struct bh_call *call)
{
    if (call->argc != 0)
        return bh_usage(call);
    platform_machine_stop(false);
    return bh_fail(call, "the machine does not power off");
}

static int run_restart(struct bh_call *call)
{
    if (call->argc != 0)
        return bh_usage(call);
    platform_machine_stop(true);
    return bh_fail(call, "the machine does not restart");
}

const struct bh_verb bh_machine_verbs[] = {
    {.name = "ls",
     .options = {[LS_JSON] = {'\0', "json", NULL}},
     .arguments = "[DIRECTORY]",
     .help = "list files",
     .argument = ARGUMENT_FILE,
     .run = run_ls},
    {.name = "cat",
     .arguments = "FILE",
     .help = "print a file",
     .argument = ARGUMENT_FILE,
     .run = run_cat},
    {.name = "poweroff", .arguments = "", .help = "turn the machine off", .run = run_poweroff},
    {.name = "restart", .arguments = "", .help = "restart the machine", .run = run_restart},
    {.name = NULL},
};
