/* SPDX-License-Identifier: MIT */
/*
 * The verbs that show and change the store. Options and output are those of the xenstore-*
 * commands; a path that does not start with / is below domain 0's own directory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>

#include <platform.h>
#include <tools/service.h>

#include "bh.h"
#include "json.h"

#define CTRL_C       0x03
#define CTRL_BRACKET 0x1d /* what leaves consoles too */

#define LISTING_INTERRUPTED 4 /* EINTR, beside the store's errors: "interrupted" in error_words */

/* The options of each verb. */
enum {
    LS_FULL,
    LS_PERMISSIONS,
    LS_JSON,
};
enum {
    LIST_PREFIX,
    LIST_JSON,
};
enum {
    READ_PREFIX,
    READ_RAW,
};
enum {
    RM_PARENTS,
};
enum {
    CHMOD_BELOW,
    CHMOD_ABOVE,
};
enum {
    WATCH_COUNT,
};

static bool ignore_event(void *context, const char *path, const char *token)
{
    return true;
}

static struct store_connection *store_open(const struct bh_call *call)
{
    struct store_connection *c = service_store_connect(ignore_event, NULL);

    if (!c)
        bh_fail(call, "not enough memory");
    return c;
}

static int store_fail(const struct bh_call *call, const char *path, int error)
{
    return bh_fail(call, "%s: %s", path,
                   error == XEN_ENOENT   ? "no such node"
                   : error == XEN_EINVAL ? "not a path of the store"
                                         : error_words(error));
}

static void write_text(struct bh_writer *w, const char *text)
{
    bh_write(w, text, strlen(text));
}

/* Writes a value; what does not print is written as in C. */
static void write_value(struct bh_writer *w, const char *value, size_t length)
{
    static const char special[] = "\n\t\r\\", letters[] = "ntr\\";

    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)value[i];
        const char *found = c ? strchr(special, c) : NULL;
        char escape[8];

        if (found) {
            bh_write(w, "\\", 1);
            bh_write(w, &letters[found - special], 1);
        } else if (c < 0x20 || c >= 0x7f) {
            snprintf(escape, sizeof(escape), "\\x%02x", c);
            write_text(w, escape);
        } else {
            bh_write(w, &value[i], 1);
        }
    }
}

/*
 * Copies the value of a node, for a long look at it: other threads may change the node meanwhile.
 * The caller frees *@value.
 */
static int copy_value(struct store_connection *c, const char *path, char **value, size_t *length)
{
    const void *bytes;
    int error = xs_read(c, STORE_NO_TRANSACTION, path, &bytes, length);

    if (error)
        return error;
    *value = malloc(*length ? *length : 1);
    if (!*value)
        return XEN_ENOMEM;
    memcpy(*value, bytes, *length);
    return 0;
}

/* Domains decide how long a listing gets. @return 0, or LISTING_INTERRUPTED if Ctrl-C ends it. */
static int check_interrupted(void)
{
    return platform_terminal_interrupted() ? LISTING_INTERRUPTED : 0;
}

/* ---- store-ls ---- */

struct listing {
    struct store_connection *connection;
    bool full, permissions;
    bool shallow;      /* only the nodes directly below */
    struct json *json; /* NULL: as text */
    size_t strip;      /* bytes at the front of the path that the user left out */
    char path[STORE_PATH_SIZE];
};

/* "n0,r1" */
static void permissions_text(const struct store_permission *p, unsigned int count, char *text,
                             size_t size)
{
    size_t length = 0;

    for (unsigned int i = 0; i < count && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%c%u", i ? "," : "",
                                   p[i].read ? (p[i].write ? 'b' : 'r') : (p[i].write ? 'w' : 'n'),
                                   p[i].domid);
}

/* A node that was read. */
struct node {
    const char *name;
    char *value;
    size_t length;
    char permissions[STORE_MAX_PERMS * 8];
};

static void node_json(const struct listing *l, const struct node *n)
{
    json_open(l->json, NULL, '{');
    json_text(l->json, "path", l->path);
    json_bytes(l->json, "value", n->value, n->length);
    json_text(l->json, "permissions", n->permissions);
    json_close(l->json, '}');
}

static void node_text(const struct listing *l, const struct node *n, unsigned int depth)
{
    struct bh_writer w = {.others_run = true};

    while (!l->full && depth--)
        bh_write(&w, " ", 1);
    write_text(&w, l->full ? l->path + l->strip : n->name);
    write_text(&w, " = \"");
    write_value(&w, n->value, n->length);
    write_text(&w, "\"");
    if (l->permissions) {
        write_text(&w, "   (");
        write_text(&w, n->permissions);
        write_text(&w, ")");
    }
    write_text(&w, "\n");
    bh_write_end(&w);
}

static int show_node(const struct listing *l, const char *name, unsigned int depth)
{
    struct store_permission p[STORE_MAX_PERMS];
    struct node n = {.name = name};
    unsigned int count;
    int error = xs_get_permissions(l->connection, STORE_NO_TRANSACTION, l->path, p, &count);

    if (!error)
        error = copy_value(l->connection, l->path, &n.value, &n.length);
    if (error)
        return error;
    permissions_text(p, count, n.permissions, sizeof(n.permissions));
    if (l->json)
        node_json(l, &n);
    else
        node_text(l, &n, depth);
    free(n.value);
    return check_interrupted();
}

/*
 * Shows all below l->path, which is the same again afterwards. A node that goes while others run is
 * left out.
 */
static int show_children(struct listing *l, unsigned int depth)
{
    size_t end = strlen(l->path), length;
    uint64_t generation;
    char *names;
    int error = xs_directory(l->connection, STORE_NO_TRANSACTION, l->path, &names, &length,
                             &generation);

    if (error)
        return error;
    for (size_t at = 0; at < length && !error; at += strlen(names + at) + 1) {
        snprintf(l->path + end, sizeof(l->path) - end, "%s%s", end > 1 ? "/" : "", names + at);
        error = show_node(l, names + at, depth);
        /* The depth of the store's tree is bounded. NOLINTNEXTLINE(misc-no-recursion) */
        if (!error && !l->shallow)
            error = show_children(l, depth + 1);
        if (error == XEN_ENOENT)
            error = 0;
        l->path[end] = '\0';
    }
    free(names);
    return error;
}

/* Whether all of @paths are there. @return 0, or -1 after having said which is not. */
static int check_paths(const struct bh_call *call, struct store_connection *c, char **paths)
{
    char path[STORE_PATH_SIZE];

    for (; *paths; paths++) {
        const void *value;
        size_t length;
        int error = xs_resolve(c, *paths, path);

        if (!error && strcmp(path, "/") != 0)
            error = xs_read(c, STORE_NO_TRANSACTION, path, &value, &length);
        if (error)
            return store_fail(call, *paths, error);
    }
    return 0;
}

static int list_paths(const struct bh_call *call, struct listing *l, char **paths)
{
    static char *root[] = {(char *)"/", NULL};
    int status;

    if (!*paths)
        paths = root;
    status = check_paths(call, l->connection, paths);
    if (status)
        return status;
    if (l->json)
        json_open(l->json, NULL, '[');
    for (; *paths && !status; paths++) {
        int error = xs_resolve(l->connection, *paths, l->path);

        l->strip = !error && **paths != '/' ? strlen(l->path) - strlen(*paths) : 0;
        if (!error)
            error = show_children(l, 0);
        if (error)
            status = store_fail(call, *paths, error);
    }
    if (l->json)
        json_close(l->json, ']');
    return status;
}

/* Lists what is below the arguments, as @options says. */
static int list_store(const struct bh_call *call, const struct listing *options)
{
    struct listing *l = malloc(sizeof(*l));
    int status = -1;

    if (!l)
        return bh_fail(call, "not enough memory");
    *l = *options;
    l->connection = store_open(call);
    if (l->connection) {
        status = list_paths(call, l, call->argv);
        store_disconnect(l->connection);
    }
    free(l);
    return status;
}

static int run_store_ls(struct bh_call *call)
{
    struct json json = {.others_run = true};

    return list_store(call, &(struct listing){.full = call->given[LS_FULL],
                                              .permissions = call->given[LS_PERMISSIONS],
                                              .json = call->given[LS_JSON] ? &json : NULL});
}

/* ---- store-list, store-read, store-rm, store-write ---- */

/*
 * Does @what to each node that is named, until one fails. It gets the path as it was typed and the
 * absolute one, and returns 0 or a positive errno.
 */
static int each_node(struct bh_call *call,
                     int (*what)(struct bh_call *call, struct store_connection *c,
                                 const char *typed, char *path))
{
    struct store_connection *c;
    char path[STORE_PATH_SIZE];
    int status = 0;

    if (call->argc < 1)
        return bh_usage(call);
    c = store_open(call);
    if (!c)
        return -1;
    for (int i = 0; i < call->argc && !status; i++) {
        int error = xs_resolve(c, call->argv[i], path);

        if (!error)
            error = what(call, c, call->argv[i], path);
        if (error)
            status = store_fail(call, call->argv[i], error);
    }
    store_disconnect(c);
    return status;
}

static int list_children(struct bh_call *call, struct store_connection *c, const char *typed,
                         char *path)
{
    const char *prefix = call->given[LIST_PREFIX] ? typed : "";
    const char *slash = *prefix && prefix[strlen(prefix) - 1] != '/' ? "/" : "";
    struct bh_writer w = {.others_run = true};
    uint64_t generation;
    size_t length = 0;
    char *names;
    int error = xs_directory(c, STORE_NO_TRANSACTION, path, &names, &length, &generation);

    if (error)
        return error;
    for (size_t at = 0; at < length && !error; at += strlen(names + at) + 1) {
        write_text(&w, prefix);
        write_text(&w, slash);
        write_text(&w, names + at);
        write_text(&w, "\n");
        bh_write_end(&w);
        error = check_interrupted();
    }
    free(names);
    return error;
}

static int run_store_list(struct bh_call *call)
{
    struct json json = {.others_run = true};

    if (call->argc && call->given[LIST_JSON])
        return list_store(call, &(struct listing){.shallow = true, .json = &json});
    return each_node(call, list_children);
}

static int read_node(struct bh_call *call, struct store_connection *c, const char *typed,
                     char *path)
{
    struct bh_writer w = {.others_run = true};
    char *value;
    size_t length;
    int error = copy_value(c, path, &value, &length);

    if (error)
        return error;
    if (call->given[READ_PREFIX]) {
        write_text(&w, typed);
        write_text(&w, ": ");
    }
    if (call->given[READ_RAW])
        bh_write(&w, value, length);
    else
        write_value(&w, value, length);
    write_text(&w, "\n");
    bh_write_end(&w);
    free(value);
    return check_interrupted();
}

static int run_store_read(struct bh_call *call)
{
    return each_node(call, read_node);
}

/* Removes the parents of @path that hold nothing any more. */
static void remove_empty_parents(struct store_connection *c, char *path)
{
    for (;;) {
        char *slash = strrchr(path, '/'), *names;
        uint64_t generation;
        const void *value;
        size_t length, children;

        if (!slash || slash == path)
            return;
        *slash = '\0';
        if (xs_read(c, STORE_NO_TRANSACTION, path, &value, &length) || length ||
            xs_directory(c, STORE_NO_TRANSACTION, path, &names, &children, &generation))
            return;
        free(names);
        if (children || xs_remove(c, STORE_NO_TRANSACTION, path))
            return;
    }
}

static int remove_node(struct bh_call *call, struct store_connection *c, const char *typed,
                       char *path)
{
    const void *value;
    size_t length;
    int error = xs_read(c, STORE_NO_TRANSACTION, path, &value, &length);

    if (!error)
        error = xs_remove(c, STORE_NO_TRANSACTION, path);
    if (!error && call->given[RM_PARENTS])
        remove_empty_parents(c, path);
    return error;
}

static int run_store_rm(struct bh_call *call)
{
    return each_node(call, remove_node);
}

/* All or nothing, in one transaction. Nobody comes between: no function here waits. */
static int run_store_write(struct bh_call *call)
{
    struct store_connection *c;
    char path[STORE_PATH_SIZE];
    uint32_t transaction;
    const char *at = "/";
    int error;

    if (call->argc < 2 || call->argc % 2)
        return bh_usage(call);
    c = store_open(call);
    if (!c)
        return -1;
    error = xs_transaction_start(c, &transaction);
    for (int i = 0; i < call->argc && !error; i += 2) {
        at = call->argv[i];
        error = xs_resolve(c, at, path);
        if (!error)
            error = xs_write(c, transaction, path, call->argv[i + 1], strlen(call->argv[i + 1]));
    }
    if (!error)
        error = xs_transaction_end(c, transaction, true);
    store_disconnect(c);
    return error ? store_fail(call, at, error) : 0;
}

/* ---- store-chmod ---- */

/* "r5": what domain 5 may do; n, r, w or b for nothing, reading, writing or both. */
static bool parse_mode(const char *text, struct store_permission *p)
{
    static const char letters[] = "nrwb";
    const char *access = *text ? strchr(letters, *text) : NULL;
    unsigned long domid;
    char *end;

    if (!access || text[1] < '0' || text[1] > '9')
        return false;
    domid = strtoul(text + 1, &end, 10);
    if (*end || domid > UINT16_MAX)
        return false;
    *p = (struct store_permission){
        .domid = (uint16_t)domid, .read = (access - letters) & 1, .write = (access - letters) & 2};
    return true;
}

struct chmod {
    struct store_connection *connection;
    uint32_t transaction;
    struct store_permission permissions[STORE_MAX_PERMS];
    unsigned int count;
    char path[STORE_PATH_SIZE];
};

/*
 * Sets the permissions of the node at c->path, and of all below it. The path is the same again
 * afterwards.
 */
static int chmod_all(struct chmod *c, bool below)
{
    size_t end = strlen(c->path), length = 0;
    uint64_t generation;
    char *names = NULL;
    int error = xs_set_permissions(c->connection, c->transaction, c->path, c->permissions,
                                   c->count);

    if (!error && below)
        error = xs_directory(c->connection, c->transaction, c->path, &names, &length, &generation);
    for (size_t at = 0; at < length && !error; at += strlen(names + at) + 1) {
        snprintf(c->path + end, sizeof(c->path) - end, "%s%s", end > 1 ? "/" : "", names + at);
        error = chmod_all(c, true); /* to a bounded depth. NOLINT(misc-no-recursion) */
        c->path[end] = '\0';
    }
    free(names);
    return error;
}

/* Of the parents, but not of the root. */
static int chmod_parents(struct chmod *c)
{
    char *slash = strrchr(c->path, '/');
    int error = 0;

    while (!error && slash && slash != c->path) {
        *slash = '\0';
        error = chmod_all(c, false);
        slash = strrchr(c->path, '/');
    }
    return error;
}

/* All or nothing, in one transaction. Nobody comes between: no function here waits. */
static int change_mode(struct chmod *c, const char *path, bool below, bool above)
{
    int error = xs_transaction_start(c->connection, &c->transaction);

    if (!error)
        error = xs_resolve(c->connection, path, c->path);
    if (!error)
        error = chmod_all(c, below);
    if (!error && above)
        error = chmod_parents(c);
    return error ? error : xs_transaction_end(c->connection, c->transaction, true);
}

static int run_store_chmod(struct bh_call *call)
{
    struct chmod *c;
    int error = 0;

    if (call->argc < 2 || call->argc - 1 > STORE_MAX_PERMS)
        return bh_usage(call);
    c = calloc(1, sizeof(*c));
    if (!c)
        return bh_fail(call, "not enough memory");
    for (int i = 1; i < call->argc && !error; i++)
        if (!parse_mode(call->argv[i], &c->permissions[c->count++]))
            error = bh_fail(
                call, "'%s' is not a permission: n, r, w or b and a domain's number, such as r5",
                call->argv[i]);
    if (!error) {
        c->connection = store_open(call);
        error = c->connection ? change_mode(c, call->argv[0], call->given[CHMOD_BELOW],
                                            call->given[CHMOD_ABOVE])
                              : -1;
        if (error > 0)
            store_fail(call, call->argv[0], error);
        if (c->connection)
            store_disconnect(c->connection);
    }
    free(c);
    return error ? -1 : 0;
}

/* ---- store-watch ---- */

#define WATCHER_ROOM (2 * STORE_PATH_SIZE)

/*
 * Events are told inside of the change, where any number of them may come at once and nobody waits:
 * they are noted there, and shown by the verb. One that finds no room comes again later.
 */
struct watcher {
    uint64_t left; /* events to note, 0: no end */
    bool bounded, over;
    char lines[WATCHER_ROOM]; /* paths that are still to be shown, a line each */
    size_t used;
    char shown[WATCHER_ROOM];
};

static bool note_event(void *context, const char *path, const char *token)
{
    struct watcher *w = context;
    size_t length = strlen(path);

    if (w->over)
        return true;
    if (length + 1 > sizeof(w->lines) - w->used)
        return false;
    memcpy(w->lines + w->used, path, length);
    w->used += length;
    w->lines[w->used++] = '\n';
    w->over = w->bounded && --w->left == 0;
    platform_terminal_wake();
    return true;
}

/* Shows what was noted. @return false if Ctrl-C was typed. */
static bool show_events(struct watcher *w, struct store_connection *c)
{
    size_t length = w->used;

    memcpy(w->shown, w->lines, length);
    w->used = 0;
    xs_missed_events(c);
    return bh_print_long(w->shown, length);
}

/* Shows events until there are enough, or a key ends it. */
static void follow_events(struct watcher *w, struct store_connection *c)
{
    while (show_events(w, c)) {
        int key;

        if (w->used)
            key = platform_terminal_read_until(0); /* more to show: only a look */
        else if (w->over)
            return;
        else
            key = platform_terminal_read();
        if (key == CTRL_C || key == CTRL_BRACKET)
            return;
    }
}

/* Sets the watches, and notes their first events. @return 0, or -1 after having said why not. */
static int watch_all(const struct bh_call *call, struct store_connection *c)
{
    for (int i = 0; i < call->argc; i++) {
        int error = xs_watch(c, call->argv[i], "");

        if (error)
            return store_fail(call, call->argv[i], error);
        xs_watch_first(c, call->argv[i], "");
    }
    return 0;
}

static int run_store_watch(struct bh_call *call)
{
    const char *count = call->values[WATCH_COUNT];
    struct store_connection *c = NULL;
    uint64_t events = 0;
    struct watcher *w;
    int status = -1;
    char *end;

    if (count) {
        events = strtoull(count, &end, 10);
        if (*end || *count == '-' || !events)
            return bh_fail(call, "-n %s: expected how many events, a number from 1 on", count);
    }
    if (!call->argc)
        return bh_usage(call);
    w = calloc(1, sizeof(*w));
    if (w)
        c = service_store_connect(note_event, w);
    if (c) {
        w->bounded = count;
        w->left = events;
        status = watch_all(call, c);
        if (!status)
            follow_events(w, c);
        store_disconnect(c);
    }
    free(w);
    return c ? status : bh_fail(call, "not enough memory");
}

const struct bh_verb bh_store_verbs[] = {
    {.name = "store-ls",
     .options = {[LS_FULL] = {'f', NULL, NULL},
                 [LS_PERMISSIONS] = {'p', NULL, NULL},
                 [LS_JSON] = {'\0', "json", NULL}},
     .arguments = "[PATH...]",
     .help = "show the store, or what is below PATH (-f: full paths, -p: permissions)",
     .run = run_store_ls},
    {.name = "store-list",
     .options = {[LIST_PREFIX] = {'p', NULL, NULL}, [LIST_JSON] = {'\0', "json", NULL}},
     .arguments = "PATH...",
     .help = "show the names below PATH (-p: with the path)",
     .run = run_store_list},
    {.name = "store-read",
     .options = {[READ_PREFIX] = {'p', NULL, NULL}, [READ_RAW] = {'R', NULL, NULL}},
     .arguments = "PATH...",
     .help = "show values (-p: with their paths, -R: raw)",
     .run = run_store_read},
    {.name = "store-write",
     .arguments = "PATH VALUE [PATH VALUE...]",
     .help = "write values",
     .run = run_store_write},
    {.name = "store-rm",
     .options = {[RM_PARENTS] = {'t', NULL, NULL}},
     .arguments = "PATH...",
     .help = "remove nodes and all below them (-t: and parents that become empty)",
     .run = run_store_rm},
    {.name = "store-chmod",
     .options = {[CHMOD_BELOW] = {'r', NULL, NULL}, [CHMOD_ABOVE] = {'u', NULL, NULL}},
     .arguments = "PATH MODE...",
     .help =
         "set a node's owner and who else may do what (-r: of all below, too; -u: of all above)",
     .run = run_store_chmod},
    {.name = "store-watch",
     .options = {[WATCH_COUNT] = {'n', NULL, "COUNT"}},
     .arguments = "PATH...",
     .help = "show what changes, until Ctrl-C",
     .run = run_store_watch},
    {.name = NULL},
};
