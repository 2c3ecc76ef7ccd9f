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

static bool ignore(void *context, const char *path, const char *token)
{
    return true;
}

static struct store_connection *connect(const char *verb)
{
    struct store_connection *c = service_store_connect(ignore, NULL);

    if (!c)
        bh_fail(verb, "not enough memory");
    return c;
}

static int fail(const char *verb, const char *path, int error)
{
    return bh_fail(verb, "%s: %s", path,
                   error == XEN_ENOENT   ? "no such node"
                   : error == XEN_EINVAL ? "not a path of the store"
                                         : error_words(error));
}

/* Prints a value; what does not print is written as in C. */
static void print_value(const char *value, size_t length, bool raw)
{
    if (raw) {
        platform_terminal_write(value, length);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)value[i];

        if (c == '\n')
            bh_print("\\n");
        else if (c == '\t')
            bh_print("\\t");
        else if (c == '\r')
            bh_print("\\r");
        else if (c == '\\')
            bh_print("\\\\");
        else if (c < 0x20 || c >= 0x7f)
            bh_print("\\x%02x", c);
        else
            bh_print("%c", c);
    }
}

/* ---- store-ls ---- */

struct listing {
    struct store_connection *connection;
    bool full, permissions;
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

static int show_node(struct listing *l, const char *name, unsigned int depth)
{
    struct store_permission p[STORE_MAX_PERMS];
    char permissions[STORE_MAX_PERMS * 8];
    const void *value;
    unsigned int count;
    size_t length;
    int error = xs_read(l->connection, STORE_NO_TRANSACTION, l->path, &value, &length);

    if (!error)
        error = xs_get_permissions(l->connection, STORE_NO_TRANSACTION, l->path, p, &count);
    if (error)
        return error;
    permissions_text(p, count, permissions, sizeof(permissions));
    if (l->json) {
        json_open(l->json, NULL, '{');
        json_text(l->json, "path", l->path);
        json_bytes(l->json, "value", value, length);
        json_text(l->json, "permissions", permissions);
        json_close(l->json, '}');
        return 0;
    }
    if (l->full)
        bh_print("%s = \"", l->path + l->strip);
    else
        bh_print("%*s%s = \"", (int)depth, "", name);
    print_value(value, length, false);
    if (l->permissions)
        bh_print("\"   (%s)\n", permissions);
    else
        bh_print("\"\n");
    return 0;
}

/* Shows all below l->path, which is the same again afterwards. */
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
        if (!error)
            error = show_children(l, depth + 1);
        l->path[end] = '\0';
    }
    free(names);
    return error;
}

/* Whether all of @paths are there. Returns 0, or -1 after having said which is not. */
static int check_paths(const char *verb, struct store_connection *c, char **paths)
{
    char path[STORE_PATH_SIZE];

    for (; *paths; paths++) {
        const void *value;
        size_t length;
        int error = xs_resolve(c, *paths, path);

        if (!error && strcmp(path, "/") != 0)
            error = xs_read(c, STORE_NO_TRANSACTION, path, &value, &length);
        if (error)
            return fail(verb, *paths, error);
    }
    return 0;
}

static int list_paths(const char *verb, struct listing *l, char **paths)
{
    static char *root[] = {(char *)"/", NULL};
    int status;

    if (!*paths)
        paths = root;
    status = check_paths(verb, l->connection, paths);
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
            status = fail(verb, *paths, error);
    }
    if (l->json)
        json_close(l->json, ']');
    return status;
}

static int run_ls(int argc, char **argv)
{
    struct listing *l = calloc(1, sizeof(*l));
    struct json json = {.depth = 0};
    int status = -1;

    if (!l)
        return bh_fail(argv[0], "not enough memory");
    l->full = bh_take_option(&argc, argv, "-f");
    l->permissions = bh_take_option(&argc, argv, "-p");
    if (bh_take_option(&argc, argv, "--json"))
        l->json = &json;
    l->connection = connect(argv[0]);
    if (l->connection) {
        status = list_paths(argv[0], l, argv + 1);
        store_disconnect(l->connection);
    }
    free(l);
    return status;
}

/* ---- store-list ---- */

static int run_list(int argc, char **argv)
{
    bool prefix = bh_take_option(&argc, argv, "-p");
    struct store_connection *c;
    char path[STORE_PATH_SIZE];
    int status = 0;

    if (argc < 2)
        return bh_usage(argv[0]);
    c = connect(argv[0]);
    if (!c)
        return -1;
    for (int i = 1; i < argc && !status; i++) {
        uint64_t generation;
        size_t length = 0;
        char *names;
        int error = xs_resolve(c, argv[i], path);

        if (!error)
            error = xs_directory(c, STORE_NO_TRANSACTION, path, &names, &length, &generation);
        if (error) {
            status = fail(argv[0], argv[i], error);
            break;
        }
        for (size_t at = 0; at < length; at += strlen(names + at) + 1)
            bh_print("%s%s%s\n", prefix ? argv[i] : "",
                     prefix && argv[i][strlen(argv[i]) - 1] != '/' ? "/" : "", names + at);
        free(names);
    }
    store_disconnect(c);
    return status;
}

/* ---- store-read, store-write, store-rm ---- */

static int run_read(int argc, char **argv)
{
    bool prefix = bh_take_option(&argc, argv, "-p"), raw = bh_take_option(&argc, argv, "-R");
    struct store_connection *c;
    char path[STORE_PATH_SIZE];
    int status = 0;

    if (argc < 2)
        return bh_usage(argv[0]);
    c = connect(argv[0]);
    if (!c)
        return -1;
    for (int i = 1; i < argc && !status; i++) {
        const void *value;
        size_t length;
        int error = xs_resolve(c, argv[i], path);

        if (!error)
            error = xs_read(c, STORE_NO_TRANSACTION, path, &value, &length);
        if (error) {
            status = fail(argv[0], argv[i], error);
            break;
        }
        if (prefix)
            bh_print("%s: ", argv[i]);
        print_value(value, length, raw);
        bh_print("\n");
    }
    store_disconnect(c);
    return status;
}

/* All or nothing, in one transaction. Nobody comes between: no function here waits. */
static int run_write(int argc, char **argv)
{
    struct store_connection *c;
    char path[STORE_PATH_SIZE];
    uint32_t transaction;
    const char *at = "/";
    int error;

    if (argc < 3 || argc % 2 == 0)
        return bh_usage(argv[0]);
    c = connect(argv[0]);
    if (!c)
        return -1;
    error = xs_transaction_start(c, &transaction);
    for (int i = 1; i < argc && !error; i += 2) {
        at = argv[i];
        error = xs_resolve(c, at, path);
        if (!error)
            error = xs_write(c, transaction, path, argv[i + 1], strlen(argv[i + 1]));
    }
    if (!error)
        error = xs_transaction_end(c, transaction, true);
    store_disconnect(c);
    return error ? fail(argv[0], at, error) : 0;
}

/* Removes the parents of @path that hold nothing any more. */
static void tidy(struct store_connection *c, char *path)
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

static int run_rm(int argc, char **argv)
{
    bool with_parents = bh_take_option(&argc, argv, "-t");
    struct store_connection *c;
    char path[STORE_PATH_SIZE];
    int status = 0;

    if (argc < 2)
        return bh_usage(argv[0]);
    c = connect(argv[0]);
    if (!c)
        return -1;
    for (int i = 1; i < argc && !status; i++) {
        const void *value;
        size_t length;
        int error = xs_resolve(c, argv[i], path);

        if (!error)
            error = xs_read(c, STORE_NO_TRANSACTION, path, &value, &length);
        if (!error)
            error = xs_remove(c, STORE_NO_TRANSACTION, path);
        if (error)
            status = fail(argv[0], argv[i], error);
        else if (with_parents)
            tidy(c, path);
    }
    store_disconnect(c);
    return status;
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

static int run_chmod(int argc, char **argv)
{
    bool below = bh_take_option(&argc, argv, "-r"), above = bh_take_option(&argc, argv, "-u");
    struct chmod *c;
    int error = 0;

    if (argc < 3 || argc - 2 > STORE_MAX_PERMS)
        return bh_usage(argv[0]);
    c = calloc(1, sizeof(*c));
    if (!c)
        return bh_fail(argv[0], "not enough memory");
    for (int i = 2; i < argc && !error; i++)
        if (!parse_mode(argv[i], &c->permissions[c->count++]))
            error = bh_fail(argv[0],
                            "'%s' is no permission: n, r, w or b and a domain's number, as r5",
                            argv[i]);
    if (!error) {
        c->connection = connect(argv[0]);
        error = c->connection ? change_mode(c, argv[1], below, above) : -1;
        if (error > 0)
            fail(argv[0], argv[1], error);
        if (c->connection)
            store_disconnect(c->connection);
    }
    free(c);
    return error ? -1 : 0;
}

/* ---- store-watch ---- */

struct watcher {
    uint64_t left; /* events to show, 0: no end */
    bool bounded, over;
};

static bool show_event(void *context, const char *path, const char *token)
{
    struct watcher *w = context;

    if (w->over)
        return true;
    bh_print("%s\n", path);
    if (w->bounded && --w->left == 0) {
        w->over = true;
        platform_terminal_wake();
    }
    return true;
}

static int run_watch(int argc, char **argv)
{
    struct watcher w = {.left = 0};
    struct store_connection *c;
    int error = 0, first = 1;

    if (argc > 2 && !strcmp(argv[1], "-n")) {
        char *end;

        w.bounded = true;
        w.left = strtoull(argv[2], &end, 10);
        if (*end || !w.left)
            return bh_usage(argv[0]);
        first = 3;
    }
    if (first >= argc)
        return bh_usage(argv[0]);
    c = service_store_connect(show_event, &w);
    if (!c)
        return bh_fail(argv[0], "not enough memory");
    for (int i = first; i < argc && !error; i++) {
        error = xs_watch(c, argv[i], "");
        if (error)
            fail(argv[0], argv[i], error);
        else
            xs_watch_first(c, argv[i], "");
    }
    while (!error && !w.over) {
        int key = platform_terminal_read();

        if (key == CTRL_C || key == CTRL_BRACKET)
            break;
    }
    store_disconnect(c);
    return error ? -1 : 0;
}

const struct bh_verb bh_store_verbs[] = {
    {"store-ls", "[-f] [-p] [--json] [PATH...]",
     "show the store, or what is below PATH (-f: full paths, -p: permissions)", ARGUMENT_NONE,
     run_ls},
    {"store-list", "[-p] PATH...", "show the names below PATH (-p: with the path)", ARGUMENT_NONE,
     run_list},
    {"store-read", "[-p] [-R] PATH...", "show values (-p: with their paths, -R: raw)",
     ARGUMENT_NONE, run_read},
    {"store-write", "PATH VALUE [PATH VALUE...]", "write values", ARGUMENT_NONE, run_write},
    {"store-rm", "[-t] PATH...",
     "remove nodes and all below them (-t: and parents that become empty)", ARGUMENT_NONE, run_rm},
    {"store-chmod", "[-r] [-u] PATH MODE...",
     "set a node's owner and who else may do what (-r: of all below, too; -u: of all above)",
     ARGUMENT_NONE, run_chmod},
    {"store-watch", "[-n COUNT] PATH...", "show what changes, until Ctrl-C", ARGUMENT_NONE,
     run_watch},
    {NULL, NULL, NULL, ARGUMENT_NONE, NULL},
};
