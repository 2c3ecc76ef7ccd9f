/* SPDX-License-Identifier: MIT */
/* bh create. */
#include <platform.h>
#include <tools/service.h>

#include "bh.h"

static void warn(void *context, const char *text)
{
    bh_print("bh %s: warning: %s\n", (const char *)context, text);
}

/* Reads the file and the key=value arguments behind it. */
static int read_config(int argc, char **argv, struct guest_config *g, struct error *e)
{
    struct platform_file file;
    struct config c;
    int status;

    status = platform_file_open(argv[1], &file);
    if (status < 0)
        return error_set(e, "%s: %s", argv[1], error_file_words(-status));
    config_init(&c);
    status = config_parse(&c, argv[1], file.data, file.size, e);
    for (int i = 2; !status && i < argc; i++)
        status = config_parse_argument(&c, argv[i], e);
    if (!status)
        status = guest_config_read(g, &c, argv[1], warn, argv[0], e);
    config_free(&c);
    platform_file_close(&file);
    return status;
}

static int run_create(int argc, char **argv)
{
    bool paused = bh_take_option(&argc, argv, "-p");
    bool console = bh_take_option(&argc, argv, "-c");
    struct guest_config g;
    struct error e;
    domid_t domid;
    int status;

    if (argc < 2 || argv[1][0] == '-')
        return bh_usage(argv[0]);
    bh_print("Parsing config from %s\n", argv[1]);
    if (read_config(argc, argv, &g, &e))
        return bh_fail(argv[0], "%s", e.text);
    /* Started only when the console is attached, so that nothing is missed. */
    status = service_create(&g, paused || console, &domid, &e);
    guest_config_free(&g);
    if (status)
        return bh_fail(argv[0], "%s", e.text);
    if (!console)
        return 0;
    if (!paused && service_unpause(domid, &e))
        return bh_fail(argv[0], "%s", e.text);
    return bh_attach_console(argv[0], &domid, 1);
}

const struct bh_verb bh_create_verbs[] = {
    {"create", "[-p] [-c] FILE [key=value...]",
     "create a domain from a configuration file (-p: paused, -c: with its console)", ARGUMENT_FILE,
     run_create},
    {NULL, NULL, NULL, ARGUMENT_NONE, NULL},
};
