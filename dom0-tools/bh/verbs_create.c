/* SPDX-License-Identifier: MIT */
/* bh create and bh console. */
#include <string.h>

#include <platform.h>
#include <tools/service.h>

#include "bh.h"

#define DETACH_KEY    0x1d        /* Ctrl-] */
#define INPUT_RETRY   10000000ull /* ns between attempts while the guest does not read */
#define INPUT_RETRIES 100

struct attachment {
    bool gone;
};

static void show_output(void *context, const void *data, size_t length)
{
    (void)context;
    platform_terminal_write(data, length);
}

static void domain_gone(void *context)
{
    struct attachment *a = context;

    a->gone = true;
    platform_terminal_wake();
}

int bh_attach_console(const char *verb, uint16_t domid)
{
    struct attachment a = {false};
    struct error e;
    char name[GUEST_NAME_SIZE];

    strncpy(name, service_name(domid), sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    if (service_console_attach(domid, show_output, domain_gone, &a, &e))
        return bh_fail(verb, "%s", e.text);
    while (!a.gone) {
        int key = platform_terminal_read();
        char byte = (char)key;

        if (key < 0)
            continue;
        if (key == DETACH_KEY)
            break;
        /* A guest that does not read keeps us for a second, then its input is lost. */
        for (int i = 0; !a.gone && !service_console_input(domid, &byte, 1) && i < INPUT_RETRIES;
             i++)
            platform_sleep(INPUT_RETRY);
    }
    if (a.gone) {
        bh_print("\n[%s is gone]\n", name);
    } else {
        service_console_detach(domid);
        bh_print("\n[detached from %s]\n", name);
    }
    return 0;
}

static int run_console(int argc, char **argv)
{
    struct error e;
    domid_t domid;

    if (argc != 2)
        return bh_usage(argv[0]);
    if (service_find(argv[1], &domid, &e))
        return bh_fail(argv[0], "%s", e.text);
    return bh_attach_console(argv[0], domid);
}

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
    return bh_attach_console(argv[0], domid);
}

const struct bh_verb bh_create_verbs[] = {
    {"create", "[-p] [-c] FILE [key=value...]",
     "create a domain from a configuration file (-p: paused, -c: with its console)", ARGUMENT_FILE,
     run_create},
    {"console", "DOMAIN", "attach to a domain's console; Ctrl-] leaves it", ARGUMENT_DOMAIN,
     run_console},
    {NULL, NULL, NULL, ARGUMENT_NONE, NULL},
};
