/* SPDX-License-Identifier: MIT */
/*
 * bh console: the terminal as a client of one or several domains' consoles. With several, each line
 * shows its domain; when another domain's output interrupts a line, the rest of it follows on a
 * line of its own.
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
    domid_t domid;
    unsigned int handle; /* the service's, while attached */
    char name[GUEST_NAME_SIZE];
    bool attached;
    bool labelled; /* one of several */
};

/* The console that has left a line open on the terminal, if any has. */
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
static void send_key(const struct attachment *a, char key)
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
            send_key(&all[i], (char)key);
        left = count_attached(all, count);
    }
}

static int attach_one(struct attachment *a, domid_t domid, bool labelled, struct error *e)
{
    struct console_client client = {.output = show_output, .gone = domain_gone, .context = a};

    a->domid = domid;
    a->labelled = labelled;
    service_name(domid, a->name);
    a->attached = true;
    if (!service_console_attach(domid, &client, &a->handle, e))
        return 0;
    a->attached = false;
    return -1;
}

int bh_attach_console(const struct bh_call *call, const uint16_t *domids, unsigned int count)
{
    struct attachment *all = calloc(count, sizeof(*all));
    struct error e;
    int status = 0;

    if (!all)
        return bh_fail(call, "not enough memory");
    for (unsigned int i = 0; !status && i < count; i++)
        status = attach_one(&all[i], domids[i], count > 1, &e);
    if (!status)
        run_terminal(all, count);
    bh_end_console_line();
    for (unsigned int i = 0; i < count; i++) {
        if (all[i].attached)
            service_console_detach(all[i].handle);
        if (!status)
            bh_print(all[i].attached ? "[detached from %s]\n" : "[%s is gone]\n", all[i].name);
    }
    free(all);
    return status ? bh_fail(call, "%s", e.text) : 0;
}

static int show_log(const struct bh_call *call)
{
    size_t length;
    struct error e;
    char *text;
    bool whole;

    if (service_console_log(call->argv[0], &text, &length, &e))
        return bh_fail(call, "%s", e.text);
    whole = bh_print_long(text, length);
    if (whole && length && text[length - 1] != '\n')
        bh_print("\n");
    free(text);
    return whole ? 0 : bh_fail(call, "interrupted");
}

enum {
    CONSOLE_LOG,
};

static int run_console(struct bh_call *call)
{
    domid_t domids[BH_MAX_WORDS];
    int count;

    if (call->argc < 1 || (call->given[CONSOLE_LOG] && call->argc != 1))
        return bh_usage(call);
    if (call->given[CONSOLE_LOG])
        return show_log(call);
    count = bh_find_domains(call, domids);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < i; k++)
            if (domids[k] == domids[i])
                return bh_fail(call, "%s is named twice", call->argv[i]);
    return count <= 0 ? -1 : bh_attach_console(call, domids, (unsigned int)count);
}

const struct bh_verb bh_console_verbs[] = {
    {.name = "console",
     .options = {[CONSOLE_LOG] = {'\0', "log", NULL}},
     .arguments = "DOMAIN...",
     .help = "attach to domains' consoles; Ctrl-] leaves them (--log: print what was kept of one, "
             "even after its end)",
     .argument = ARGUMENT_DOMAIN,
     .run = run_console},
    {.name = NULL},
};
