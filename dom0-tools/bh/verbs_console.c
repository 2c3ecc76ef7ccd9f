/* SPDX-License-Identifier: MIT */
/*
 * bh console: the terminal as a reader of one or several domains' consoles. With several, each line
 * shows whose it is; a line that another domain interrupts goes on in a line of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <platform.h>
#include <tools/service.h>

#include "bh.h"

#define DETACH_KEY    0x1d        /* Ctrl-] */
#define INPUT_RETRY   10000000ull /* ns between attempts while the guest does not read */
#define INPUT_RETRIES 100

/* One console on the terminal. */
struct attachment {
    struct console_reader reader;
    domid_t domid;
    char name[GUEST_NAME_SIZE];
    bool attached;
    bool labelled; /* one of several */
};

/* Who has left a line open on the terminal, if anybody has. */
static const struct attachment *line_owner;

void bh_end_console_line(void)
{
    if (line_owner)
        platform_terminal_write("\n", 1);
    line_owner = NULL;
}

static void show_output(void *context, const void *data, size_t length)
{
    const struct attachment *a = context;
    const char *text = data;

    if (line_owner != a)
        bh_end_console_line();
    while (length) {
        const char *end = memchr(text, '\n', length);
        size_t part = end ? (size_t)(end - text) + 1 : length;

        if (a->labelled && !line_owner)
            bh_print("[%s] ", a->name);
        platform_terminal_write(text, part);
        line_owner = end ? NULL : a;
        text += part;
        length -= part;
    }
}

static void domain_gone(void *context)
{
    struct attachment *a = context;

    a->attached = false;
    platform_terminal_wake();
}

/* A guest that does not read keeps us for a second, then its input is lost. */
static void type_key(const struct attachment *a, char key)
{
    for (int i = 0; a->attached && !service_console_input(a->domid, &key, 1) && i < INPUT_RETRIES;
         i++)
        platform_sleep(INPUT_RETRY);
}

static unsigned int count_attached(const struct attachment *all, unsigned int count)
{
    unsigned int attached = 0;

    for (unsigned int i = 0; i < count; i++)
        attached += all[i].attached;
    return attached;
}

/* Until Ctrl-], or until all domains are gone. Keys go to the first that is still there. */
static void run_terminal(struct attachment *all, unsigned int count)
{
    unsigned int left = count;

    while (left) {
        int key = platform_terminal_read();
        unsigned int i = 0;

        if (key == DETACH_KEY)
            break;
        while (i < count - 1 && !all[i].attached)
            i++;
        if (key >= 0)
            type_key(&all[i], (char)key);
        left = count_attached(all, count);
    }
}

int bh_attach_console(const char *verb, const uint16_t *domids, unsigned int count)
{
    struct attachment *all = calloc(count, sizeof(*all));
    struct error e;
    int status = 0;

    if (!all)
        return bh_fail(verb, "not enough memory");
    for (unsigned int i = 0; !status && i < count; i++) {
        struct attachment *a = &all[i];

        a->reader.sink = show_output;
        a->reader.gone = domain_gone;
        a->reader.context = a;
        a->domid = domids[i];
        a->labelled = count > 1;
        snprintf(a->name, sizeof(a->name), "%s", service_name(domids[i]));
        a->attached = true;
        status = service_console_attach(a->domid, &a->reader, &e);
        if (status)
            a->attached = false;
    }
    if (!status)
        run_terminal(all, count);
    bh_end_console_line();
    for (unsigned int i = 0; i < count; i++) {
        if (all[i].attached)
            service_console_detach(all[i].domid, &all[i].reader);
        if (!status)
            bh_print(all[i].attached ? "[detached from %s]\n" : "[%s is gone]\n", all[i].name);
    }
    free(all);
    return status ? bh_fail(verb, "%s", e.text) : 0;
}

static void print_log(void *context, const void *data, size_t length)
{
    char *last = context;

    platform_terminal_write(data, length);
    *last = ((const char *)data)[length - 1];
}

static int show_log(const char *verb, domid_t domid)
{
    struct error e;
    char last = '\n';

    if (service_console_log(domid, print_log, &last, &e))
        return bh_fail(verb, "%s", e.text);
    if (last != '\n')
        bh_print("\n");
    return 0;
}

static int run_console(int argc, char **argv)
{
    bool log = bh_take_option(&argc, argv, "--log");
    domid_t domids[16];
    unsigned int count = 0;
    struct error e;

    if (argc < 2 || (log && argc != 2) || argc > (int)(sizeof(domids) / sizeof(domids[0])))
        return bh_usage(argv[0]);
    for (int i = 1; i < argc; i++) {
        if (service_find(argv[i], &domids[count], &e))
            return bh_fail(argv[0], "%s", e.text);
        for (unsigned int k = 0; k < count; k++)
            if (domids[k] == domids[count])
                return bh_fail(argv[0], "%s is named twice", argv[i]);
        count++;
    }
    return log ? show_log(argv[0], domids[0]) : bh_attach_console(argv[0], domids, count);
}

const struct bh_verb bh_console_verbs[] = {
    {"console", "[--log] DOMAIN...",
     "attach to domains' consoles; Ctrl-] leaves them (--log: print what was kept of one)",
     ARGUMENT_DOMAIN, run_console},
    {NULL, NULL, NULL, ARGUMENT_NONE, NULL},
};
