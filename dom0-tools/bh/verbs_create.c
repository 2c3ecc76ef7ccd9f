/* SPDX-License-Identifier: MIT */
/* bh create. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <platform.h>
#include <tools/control.h>
#include <tools/service.h>

#include "bh.h"
#include "progress.h"

#define CTRL_C 0x03
#define CTRL_D 0x04

enum {
    CREATE_PAUSED,
    CREATE_CONSOLE,
};

/* ---- Where the configuration comes from ---- */

/* A configuration's text: a file's, or what was typed. */
struct source {
    const char *name; /* for messages */
    struct platform_file file;
    char *typed; /* NULL: it is a file */
};

/* Adds what a key stands for to the text. @return 0, or -1 when memory is short. */
static int source_type_key(struct source *s, int key)
{
    char *text, typed = key == '\r' ? '\n' : (char)key;

    if (typed == '\b' || typed == 0x7f) {
        if (s->file.size && s->typed[s->file.size - 1] != '\n') {
            s->file.size--;
            bh_print("\b \b");
        }
        return 0;
    }
    text = realloc(s->typed, s->file.size + 1);
    if (!text)
        return -1;
    s->typed = text;
    s->typed[s->file.size++] = typed;
    bh_print("%c", typed);
    return 0;
}

/* Reads from the terminal, up to Ctrl-D at the start of a line. @return 0, or -1 with @e. */
static int source_read_terminal(struct source *s, struct error *e)
{
    s->typed = malloc(1); /* so that an empty text is not NULL */
    for (;;) {
        int key = s->typed ? platform_terminal_read() : CTRL_C;

        if (key == CTRL_C)
            return error_set(e, s->typed ? "interrupted" : "not enough memory");
        if (key == CTRL_D && (!s->file.size || s->typed[s->file.size - 1] == '\n'))
            break;
        if (key >= 0 && source_type_key(s, key))
            return error_set(e, "not enough memory");
    }
    s->file.data = s->typed;
    return 0;
}

static bool is_terminal(const char *path)
{
    return !strcmp(path, "-") || !strcmp(path, "/dev/stdin");
}

/* Opens the configuration at @path, or an empty one for NULL. @return 0, or -1 with @e. */
static int source_open(struct source *s, const char *path, struct error *e)
{
    int status;

    memset(s, 0, sizeof(*s));
    s->name = path ? path : "command line";
    if (!path)
        return 0;
    if (is_terminal(path)) {
        s->name = "standard input";
        return source_read_terminal(s, e);
    }
    status = platform_file_open(path, &s->file);
    return status < 0 ? error_set(e, "%s: %s", path, error_file_words(-status)) : 0;
}

static void source_close(struct source *s)
{
    if (s->file.data && !s->typed)
        platform_file_close(&s->file);
    free(s->typed);
}

/* ---- The verb ---- */

static void warn_on_terminal(void *context, const char *text)
{
    const struct bh_call *call = context;

    bh_print("bh %s: warning: %s\n", call->verb->name, text);
}

/* Reads the file and the key=value arguments behind it. */
static int create_read_config(struct bh_call *call, const char *path, char **settings,
                              struct guest_config *g, struct error *e)
{
    struct source source;
    struct config c;
    int status;

    config_init(&c);
    status = source_open(&source, path, e);
    if (!status && source.file.data)
        status = config_parse(&c, source.name, source.file.data, source.file.size, e);
    for (; !status && *settings; settings++)
        status = config_parse_argument(&c, *settings, e);
    if (!status)
        status = guest_config_read(g, &c, source.name, warn_on_terminal, call, e);
    config_free(&c);
    source_close(&source);
    return status;
}

/* A creation that is under way. */
struct creation {
    const struct guest_config *config;
    bool interrupted;
};

/* How much memory a domain that is being built has got. */
static void tell_construction(void *context, char text[PROGRESS_TEXT_SIZE])
{
    const struct creation *c = context;
    const struct guest_config *g = c->config;
    struct xen_domctl_getdomaininfo info;
    unsigned long long got = 0;
    domid_t domid;

    if (!service_find(g->name, &domid, NULL) && !control_domain_info(domid, &info))
        got = info.tot_pages >> 8;
    snprintf(text, PROGRESS_TEXT_SIZE, "creating: %llu of %u MiB", got, g->memory_mib);
}

static void interrupt_construction(void *context)
{
    struct creation *c = context;

    c->interrupted = true;
    service_cancel_create(c->config->name);
}

/* Creates the domain, unless Ctrl-C is typed. @return 0, or -1 with the reason in @e. */
static int create_interruptibly(const struct guest_config *g, bool paused, domid_t *domid,
                                struct error *e)
{
    struct creation c = {.config = g};
    int status;

    bh_progress_begin(tell_construction, interrupt_construction, &c);
    status = service_create(g, paused, domid, e);
    bh_progress_end();
    return status && c.interrupted ? error_set(e, "interrupted: '%s' is not created", g->name)
                                   : status;
}

static int run_create(struct bh_call *call)
{
    bool console = call->given[CREATE_CONSOLE], paused = call->given[CREATE_PAUSED];
    bool has_file = call->argc && !strchr(call->argv[0], '=');
    const char *path = has_file ? call->argv[0] : NULL;
    struct guest_config g;
    struct error e;
    domid_t domid;
    int status;

    if (!call->argc)
        return bh_usage(call);
    if (has_file)
        bh_print("Parsing config from %s\n", path);
    if (create_read_config(call, path, call->argv + has_file, &g, &e))
        return bh_fail(call, "%s", e.text);
    /* Started only when the console is attached, so that nothing is missed. */
    status = create_interruptibly(&g, paused || console, &domid, &e);
    guest_config_free(&g);
    if (status)
        return bh_fail(call, "%s", e.text);
    if (!console)
        return 0;
    if (!paused && service_unpause(domid, &e))
        return bh_fail(call, "%s", e.text);
    return bh_attach_console(call, &domid, 1);
}

const struct bh_verb bh_create_verbs[] = {
    {.name = "create",
     .options = {[CREATE_PAUSED] = {'p', NULL, NULL}, [CREATE_CONSOLE] = {'c', NULL, NULL}},
     .arguments = "[FILE] [key=value...]",
     .help = "create a domain from a configuration file (-p: paused, -c: with its console)",
     .argument = ARGUMENT_FILE,
     .run = run_create},
    {.name = NULL},
};
