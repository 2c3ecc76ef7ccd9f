/* SPDX-License-Identifier: MIT */
/*
 * The store's wire protocol, as an unprivileged domain sees it. What is checked here holds for
 * Debian's xenstored (the one in C) as well.
 */
#include <guest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "raw_store.h"

/* The request's payload is a string literal; its last zero byte is not sent. */
#define ASK(type, transaction, payload) \
    raw_ask(type, transaction, payload, sizeof(payload) - 1, &text)
#define CHECK_TEXT(expected) check_text(__FILE__, __LINE__, expected)
#define CHECK_ERROR(asked, name)   \
    do {                           \
        CHECK_EQ(asked, XS_ERROR); \
        CHECK_TEXT(name "|");      \
    } while (0)

static const char *text;

static void check_text(const char *file, int line, const char *expected)
{
    if (strcmp(text, expected) != 0)
        test_fail(file, line, "the answer is \"%.200s\", not \"%s\"", text, expected);
}

static void begin(void)
{
    ASK(XS_RESET_WATCHES, 0, "\0");
    ASK(XS_RM, 0, "data/t\0");
    raw_events = 0;
}

static void test_nodes(void)
{
    begin();
    CHECK_EQ(ASK(XS_WRITE, 0, "data/t/a\0hello"), XS_WRITE);
    CHECK_TEXT("OK|");
    CHECK_EQ(ASK(XS_READ, 0, "data/t/a\0"), XS_READ);
    CHECK_TEXT("hello");
    CHECK_EQ(ASK(XS_WRITE, 0, "data/t/a\0"), XS_WRITE);
    CHECK_EQ(ASK(XS_READ, 0, "data/t/a\0"), XS_READ);
    CHECK_TEXT("");
    CHECK_EQ(ASK(XS_MKDIR, 0, "data/t/b/c\0"), XS_MKDIR);
    CHECK_EQ(ASK(XS_DIRECTORY, 0, "data/t\0"), XS_DIRECTORY);
    CHECK_TEXT("a|b|");
    CHECK_EQ(ASK(XS_RM, 0, "data/t/b\0"), XS_RM);
    CHECK_ERROR(ASK(XS_READ, 0, "data/t/b/c\0"), "ENOENT");
    CHECK_ERROR(ASK(XS_RM, 0, "data/t/b/c\0"), "ENOENT");
    CHECK_EQ(ASK(XS_RM, 0, "data/t/b\0"), XS_RM); /* its parent is there */
    CHECK_EQ(ASK(XS_DIRECTORY_PART, 0, "data/t\0000\0"), XS_DIRECTORY_PART);
    if (CHECK(strchr(text, '|')))
        CHECK(strcmp(strchr(text, '|'), "|a||") == 0);
}

/* What docs/porting.md lists of a domain's own directory. */
static void test_own_nodes(void)
{
    static const char *const readable[] = {"name",
                                           "vm",
                                           "memory/target",
                                           "memory/static-max",
                                           "store/ring-ref",
                                           "store/port",
                                           "console/port",
                                           "console/ring-ref",
                                           "console/type",
                                           "console/limit",
                                           "control/shutdown",
                                           "cpu/0/availability"};
    static const char *const writable[] = {
        "control/shutdown", "control/sysrq", "data",  "drivers",
        "feature",          "attr",          "error", "control/feature-poweroff"};
    static const char *const refused[] = {"name", "memory/target", "cpu/0/availability",
                                          "console/port"};
    char request[64];

    begin();
    for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
        CHECK_EQ(raw_ask(XS_READ, 0, readable[i], strlen(readable[i]) + 1, &text), XS_READ);
    for (size_t i = 0; i < sizeof(writable) / sizeof(writable[0]); i++)
        CHECK_EQ(raw_ask(XS_WRITE, 0, writable[i], strlen(writable[i]) + 1, &text), XS_WRITE);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        size_t length = (size_t)snprintf(request, sizeof(request), "%s%cx", refused[i], 0);

        CHECK_ERROR(raw_ask(XS_WRITE, 0, request, length, &text), "EACCES");
    }
}

static void test_paths(void)
{
    char number[16];

    begin();
    snprintf(number, sizeof(number), "%u", guest_domid());
    CHECK_EQ(ASK(XS_READ, 0, "domid\0"), XS_READ);
    CHECK_TEXT(number);
    CHECK_ERROR(ASK(XS_READ, 0, "data//t\0"), "EINVAL");
    CHECK_ERROR(ASK(XS_READ, 0, "data/t/\0"), "EINVAL");
    CHECK_ERROR(ASK(XS_READ, 0, "da ta\0"), "EINVAL");
    CHECK_ERROR(ASK(XS_READ, 0, "data"), "EINVAL");
    CHECK_ERROR(ASK(XS_READ, 0, "\0"), "EINVAL");
    CHECK_ERROR(ASK(XS_READ, 0, "data\0more\0"), "EINVAL");
    CHECK_ERROR(ASK(XS_WRITE, 0, "/elsewhere\0x"), "EACCES");
    CHECK_ERROR(ASK(XS_WRITE, 0, "domid\0007"), "EACCES");
    CHECK_ERROR(ASK(XS_RM, 0, "name\0"), "EACCES");
    CHECK_ERROR(ASK(XS_DIRECTORY, 0, "/local/domain/0\0"), "EACCES");
    CHECK_EQ(ASK(XS_GET_DOMAIN_PATH, 0, "7\0"), XS_GET_DOMAIN_PATH);
    CHECK_TEXT("/local/domain/7|");
}

static void test_permissions(void)
{
    char expected[32];

    begin();
    ASK(XS_WRITE, 0, "data/t/p\0x");
    CHECK_EQ(ASK(XS_GET_PERMS, 0, "data/t/p\0"), XS_GET_PERMS);
    snprintf(expected, sizeof(expected), "n%u|", guest_domid());
    CHECK_TEXT(expected);
    CHECK_ERROR(ASK(XS_SET_PERMS, 0, "data/t/p\0n0\0"), "EPERM"); /* cannot be given away */
    CHECK_ERROR(ASK(XS_SET_PERMS, 0, "data/t/p\0x1\0"), "EINVAL");
    CHECK_ERROR(ASK(XS_SET_PERMS, 0, "data/t/p\0"), "EINVAL");
    CHECK_ERROR(ASK(XS_SET_PERMS, 0, "domid\0n0\0"), "EACCES");
}

static void test_watches(void)
{
    begin();
    CHECK_EQ(ASK(XS_WATCH, 0, "data/t\0tok\0"), XS_WATCH);
    CHECK_EQ(raw_fetch_any(&text), XS_WATCH_EVENT);
    CHECK_TEXT("data/t|tok|");
    CHECK_ERROR(ASK(XS_WATCH, 0, "data/t\0tok\0"), "EEXIST");
    raw_events = 0;
    CHECK_EQ(ASK(XS_WRITE, 0, "data/t/deep/er\0x"), XS_WRITE);
    ASK(XS_READ, 0, "domid\0");
    CHECK_EQ(raw_events, 1);
    CHECK_EQ(ASK(XS_WRITE, 0, "data/other\0x"), XS_WRITE);
    ASK(XS_RM, 0, "data/other\0");
    ASK(XS_READ, 0, "domid\0");
    CHECK_EQ(raw_events, 1);
    CHECK_ERROR(ASK(XS_UNWATCH, 0, "data/t\0else\0"), "ENOENT");
    CHECK_EQ(ASK(XS_UNWATCH, 0, "data/t\0tok\0"), XS_UNWATCH);
    CHECK_EQ(ASK(XS_WATCH, 0, "data/t\0tok\0"), XS_WATCH);
    CHECK_EQ(ASK(XS_RESET_WATCHES, 0, "\0"), XS_RESET_WATCHES);
    CHECK_ERROR(ASK(XS_UNWATCH, 0, "data/t\0tok\0"), "ENOENT");
}

/* A watch is one thing, whichever way its path is written. */
static void test_watch_names(void)
{
    char request[64];
    size_t length;

    begin();
    length = (size_t)snprintf(request, sizeof(request), "/local/domain/%u/data/t%ctok",
                              guest_domid(), '\0') +
             1;
    CHECK_EQ(ASK(XS_WATCH, 0, "data/t\0tok\0"), XS_WATCH);
    CHECK_EQ(raw_ask(XS_WATCH, 0, request, length, &text), XS_ERROR);
    CHECK_TEXT("EEXIST|");
    CHECK_EQ(raw_ask(XS_UNWATCH, 0, request, length, &text), XS_UNWATCH);
    CHECK_ERROR(ASK(XS_UNWATCH, 0, "data/t\0tok\0"), "ENOENT");
    CHECK_ERROR(ASK(XS_UNWATCH, 0, "data//t\0tok\0"), "ENOENT");
}

/* An event that no message can hold is not delivered, and the next one is. */
static void test_long_event(void)
{
    char request[XENSTORE_PAYLOAD_MAX];

    begin();
    memset(request, 'x', sizeof(request));
    strcpy(request, "data/t");
    request[3007] = '\0'; /* the token */
    CHECK_EQ(raw_ask(XS_WATCH, 0, request, 3008, &text), XS_WATCH);
    memset(request, 'x', sizeof(request));
    memcpy(request, "data/t/", 7);
    request[1500] = '\0';
    CHECK_EQ(raw_ask(XS_MKDIR, 0, request, 1501, &text), XS_MKDIR);
    CHECK_EQ(ASK(XS_MKDIR, 0, "data/t/y\0"), XS_MKDIR);
    ASK(XS_READ, 0, "domid\0");
    CHECK_EQ(raw_events, 2); /* the first, and of y */
    begin();
}

static uint32_t start(void)
{
    if (!CHECK_EQ(ASK(XS_TRANSACTION_START, 0, "\0"), XS_TRANSACTION_START))
        return 0;
    return (uint32_t)strtoul(text, NULL, 10);
}

static void test_transactions(void)
{
    uint32_t a, b;

    begin();
    ASK(XS_WRITE, 0, "data/t/x\0000");
    a = start();
    b = start();
    CHECK(a != b);
    CHECK_EQ(ASK(XS_WRITE, a, "data/t/x\0001"), XS_WRITE);
    CHECK_EQ(ASK(XS_READ, 0, "data/t/x\0"), XS_READ);
    CHECK_TEXT("0");
    CHECK_EQ(ASK(XS_READ, b, "data/t/x\0"), XS_READ);
    CHECK_EQ(ASK(XS_WRITE, b, "data/t/y\0002"), XS_WRITE);
    CHECK_EQ(ASK(XS_TRANSACTION_END, a, "T\0"), XS_TRANSACTION_END);
    CHECK_ERROR(ASK(XS_TRANSACTION_END, b, "T\0"), "EAGAIN"); /* what it read has changed */
    CHECK_ERROR(ASK(XS_TRANSACTION_END, b, "T\0"), "ENOENT");
    CHECK_ERROR(ASK(XS_READ, 0, "data/t/y\0"), "ENOENT");
    a = start();
    CHECK_ERROR(ASK(XS_TRANSACTION_START, a, "\0"), "EBUSY");
    CHECK_ERROR(ASK(XS_TRANSACTION_END, a, "maybe\0"), "EINVAL");
    CHECK_EQ(ASK(XS_RM, a, "data/t\0"), XS_RM);
    CHECK_EQ(ASK(XS_TRANSACTION_END, a, "F\0"), XS_TRANSACTION_END);
    CHECK_EQ(ASK(XS_READ, 0, "data/t/x\0"), XS_READ);
    CHECK_ERROR(ASK(XS_READ, 77777, "data/t/x\0"), "ENOENT");
}

/* Watches hear of a transaction when it ends, once of each node. */
static void test_transaction_events(void)
{
    uint32_t a;

    begin();
    ASK(XS_WRITE, 0, "data/t/x\0000");
    ASK(XS_WATCH, 0, "data/t\0tok\0");
    ASK(XS_WATCH, 0, "data/t/x\0deep\0");
    ASK(XS_READ, 0, "domid\0");
    raw_events = 0;
    a = start();
    ASK(XS_WRITE, a, "data/t/x\0001");
    ASK(XS_WRITE, a, "data/t/y\0001");
    ASK(XS_WRITE, a, "data/t/x\0002");
    CHECK_EQ(raw_events, 0);
    CHECK_EQ(ASK(XS_TRANSACTION_END, a, "T\0"), XS_TRANSACTION_END);
    ASK(XS_READ, 0, "domid\0");
    CHECK_EQ(raw_events, 3);
    a = start();
    ASK(XS_WRITE, a, "data/t/x\0003");
    CHECK_EQ(ASK(XS_TRANSACTION_END, a, "F\0"), XS_TRANSACTION_END);
    ASK(XS_READ, 0, "domid\0");
    CHECK_EQ(raw_events, 3);
    ASK(XS_RM, 0, "data/t\0");
    ASK(XS_READ, 0, "domid\0");
    CHECK_EQ(raw_events, 5);
    begin();
}

static void test_transaction_conflicts(void)
{
    uint32_t a;

    begin();
    ASK(XS_MKDIR, 0, "data/t/x\0");
    a = start();
    ASK(XS_WRITE, a, "data/t/x/y\0001");
    ASK(XS_RM, 0, "data/t/x\0");
    CHECK_ERROR(ASK(XS_TRANSACTION_END, a, "T\0"), "EAGAIN"); /* its folder is gone */
    CHECK_ERROR(ASK(XS_READ, 0, "data/t/x\0"), "ENOENT");
    a = start();
    ASK(XS_READ, a, "data/t/z\0");
    ASK(XS_WRITE, 0, "data/t/z\0001");
    CHECK_ERROR(ASK(XS_TRANSACTION_END, a, "T\0"), "EAGAIN"); /* it was not there */
    a = start();
    ASK(XS_DIRECTORY, a, "data/t\0");
    ASK(XS_WRITE, 0, "data/t/z\0002");
    CHECK_EQ(ASK(XS_TRANSACTION_END, a, "T\0"), XS_TRANSACTION_END); /* the names are the same */
    a = start();
    ASK(XS_READ, a, "data/t/z\0");
    ASK(XS_WRITE, 0, "data/t/z\0002");
    CHECK_ERROR(ASK(XS_TRANSACTION_END, a, "T\0"), "EAGAIN"); /* the same value, written again */
    a = start();
    ASK(XS_RESET_WATCHES, 0, "\0");
    CHECK_ERROR(ASK(XS_TRANSACTION_END, a, "T\0"), "ENOENT");
}

static void test_refusals(void)
{
    begin();
    CHECK_ERROR(ASK(XS_RM, 0, "/\0"), "EACCES");
    CHECK_ERROR(ASK(XS_MKDIR, 0, "/\0"), "EACCES");
    CHECK_ERROR(ASK(XS_INTRODUCE, 0, "1\0002\0003\0"), "EACCES");
    CHECK_ERROR(ASK(XS_IS_DOMAIN_INTRODUCED, 0, "0\0"), "EACCES");
    CHECK_ERROR(ASK(XS_RELEASE, 0, "1\0"), "EACCES");
    CHECK_ERROR(ASK(XS_RESUME, 0, "1\0"), "EACCES");
    CHECK_ERROR(ASK(XS_SET_TARGET, 0, "1\0002\0"), "EACCES");
    CHECK_ERROR(ASK(XS_CONTROL, 0, "help\0"), "EACCES");
    CHECK_ERROR(ASK(999, 0, "x\0"), "ENOSYS");
    CHECK_ERROR(ASK(XS_WATCH_EVENT, 0, "x\0y\0"), "ENOSYS");
}

static void test_limits(void)
{
    char request[XENSTORE_PAYLOAD_MAX] = "data/t/big";
    unsigned int made = 0;
    uint32_t transaction;
    int type;

    begin();
    CHECK_EQ(raw_ask(XS_WRITE, 0, request, 11 + 2049, &text), XS_ERROR);
    CHECK_TEXT("ENOSPC|");
    CHECK_EQ(raw_ask(XS_WRITE, 0, request, 11 + 1500, &text), XS_WRITE);
    do {
        int length = snprintf(request, sizeof(request), "data/t/n%u", made++);

        type = raw_ask(XS_MKDIR, 0, request, (size_t)length + 1, &text);
    } while (type == XS_MKDIR && made < 5000);
    CHECK_EQ(type, XS_ERROR);
    CHECK_TEXT("ENOSPC|");
    CHECK(made > 100);
    CHECK_EQ(ASK(XS_RM, 0, "data/t\0"), XS_RM);
    /* What a transaction removes makes room in it. */
    transaction = start();
    for (made = 0; made < 40; made++) {
        CHECK_EQ(ASK(XS_MKDIR, transaction,
                     "data/t/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/A/B/C\0"),
                 XS_MKDIR);
        CHECK_EQ(ASK(XS_RM, transaction, "data/t/a\0"), XS_RM);
    }
    CHECK_EQ(ASK(XS_TRANSACTION_END, transaction, "T\0"), XS_TRANSACTION_END);
    for (made = 0; made < 1000; made++) {
        type = ASK(XS_TRANSACTION_START, 0, "\0");
        if (type != XS_TRANSACTION_START)
            break;
    }
    CHECK_TEXT("ENOSPC|");
    CHECK(made == 10 || made == 11); /* Xen's store compares with > */
    for (made = 0; made < 1000; made++) {
        int length = snprintf(request, sizeof(request), "data/w%u%ct", made, '\0');

        type = raw_ask(XS_WATCH, 0, request, (size_t)length + 1, &text);
        if (type != XS_WATCH)
            break;
    }
    CHECK_TEXT("E2BIG|");
    CHECK(made == 128 || made == 129);
    CHECK_EQ(ASK(XS_RESET_WATCHES, 0, "\0"), XS_RESET_WATCHES);
    CHECK(start() != 0);
    begin();
}

static const struct test tests[] = {
    {"nodes", test_nodes},
    {"own_nodes", test_own_nodes},
    {"paths", test_paths},
    {"permissions", test_permissions},
    {"watches", test_watches},
    {"watch_names", test_watch_names},
    {"long_event", test_long_event},
    {"transactions", test_transactions},
    {"transaction_events", test_transaction_events},
    {"transaction_conflicts", test_transaction_conflicts},
    {"refusals", test_refusals},
    {"limits", test_limits},
    {NULL, NULL},
};

void guest_main(void)
{
    raw_store_init();
    run_tests(tests);
}
