/* SPDX-License-Identifier: MIT */
/*
 * What bh shows of the store, of which domains decide how much there is: in small parts, between
 * which others run and change it.
 */
/* SOURCES: $(addprefix dom0-tools/bh/,json.c output.c verbs_store.c) */
/* SOURCES: $(STORE_SRCS) dom0-tools/error.c dom0-tools/utf8.c */
/* CFLAGS: -Idom0-tools */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bh/bh.h>
#include <tools/service.h>

#define DATA "/local/domain/1/data"

#define CHARACTER 87000u /* ns on a serial line of 115200 baud */

static uint64_t now;
static struct store *store;
static struct store_connection *domain;
static char printed[1u << 20];
static size_t used;
static unsigned int writes, yields, interrupt_at; /* interrupt_at: a yield; 0: none */
static void (*on_yield)(void);
static int keys[4]; /* that are typed when a verb waits; 0: no more, which is Ctrl-C */
static unsigned int next_key;

void platform_terminal_write(const void *data, size_t length)
{
    assert_true(length <= 64 && used + length < sizeof(printed));
    memcpy(printed + used, data, length);
    used += length;
    printed[used] = '\0';
    writes++;
    now += length * CHARACTER;
}

void platform_terminal_complain(const void *data, size_t length)
{
    platform_terminal_write(data, length);
}

uint64_t platform_now(void)
{
    return now;
}

void platform_yield(void)
{
    yields++;
    if (on_yield)
        on_yield();
}

bool platform_terminal_interrupted(void)
{
    return interrupt_at && yields >= interrupt_at;
}

int platform_terminal_read(void)
{
    return keys[next_key] ? keys[next_key++] : 0x03;
}

int platform_terminal_read_until(uint64_t deadline)
{
    return -1;
}

void platform_terminal_wake(void)
{
}

struct store_connection *service_store_connect(store_event_fn *event, void *context)
{
    return store_connect(store, 0, true, NULL, event, context);
}

/* A verb, its options by number ("02"), and one argument. */
static int run(const char *name, const char *options, const char *argument)
{
    char *argv[] = {(char *)(uintptr_t)argument, NULL};
    struct bh_call call = {.argc = 1, .argv = argv};

    for (const struct bh_verb *v = bh_store_verbs; v->name; v++)
        if (!strcmp(v->name, name))
            call.verb = v;
    for (; *options; options++)
        call.given[*options - '0'] = true;
    used = writes = yields = next_key = 0;
    printed[0] = '\0';
    return call.verb->run(&call);
}

#define LS_JSON  "2"
#define READ_RAW "1"

static bool ignore(void *context, const char *path, const char *token)
{
    return true;
}

static int set_up(void **state)
{
    struct store_permission p = {.domid = 1};
    struct store_connection *tools;

    store = store_create(1);
    domain = store_connect(store, 1, false, &store_default_limits, ignore, NULL);
    tools = store_connect(store, 0, true, NULL, ignore, NULL);
    assert_int_equal(xs_mkdir(tools, 0, DATA), 0);
    assert_int_equal(xs_set_permissions(tools, 0, DATA, &p, 1), 0);
    store_disconnect(tools);
    on_yield = NULL;
    interrupt_at = 0;
    memset(keys, 0, sizeof(keys));
    return 0;
}

static int tear_down(void **state)
{
    store_disconnect(domain);
    store_destroy(store);
    return 0;
}

static void set(const char *path, const char *value, size_t length)
{
    assert_int_equal(xs_write(domain, 0, path, value, length), 0);
}

/* Texts and JSON are what they were when each character was written alone. */
static void test_output(void **state)
{
    set(DATA "/a", "1\n\t\r\\\x01\x7f\xff\0x", 10);
    set(DATA "/a/b", "", 0);
    assert_int_equal(run("store-ls", "", DATA), 0);
    assert_string_equal(printed, "a = \"1\\n\\t\\r\\\\\\x01\\x7f\\xff\\x00x\"\n b = \"\"\n");
    assert_int_equal(run("store-ls", "01", DATA), 0);
    assert_string_equal(strchr(printed, '\n'), "\n" DATA "/a/b = \"\"   (n1)\n");
    assert_int_equal(run("store-ls", LS_JSON, DATA "/a"), 0);
    assert_string_equal(printed, "[\n  {\n    \"path\": \"" DATA "/a/b\",\n    \"value\": \"\",\n"
                                 "    \"permissions\": \"n1\"\n  }\n]\n");
    assert_int_equal(run("store-list", "", DATA), 0);
    assert_string_equal(printed, "a\n");
    assert_int_equal(run("store-list", "0", DATA), 0);
    assert_string_equal(printed, DATA "/a\n");
    assert_int_equal(run("store-read", "0", DATA "/a/b"), 0);
    assert_string_equal(printed, DATA "/a/b: \n");
    assert_int_equal(run("store-read", READ_RAW, DATA "/a"), 0);
    assert_memory_equal(printed, "1\n\t\r\\\x01\x7f\xff\0x\n", 11);
}

/* As much as a domain may write, of what takes most room: others run all the time. */
static void test_volume(void **state)
{
    static const char *const verbs[][2] = {
        {"store-ls", ""}, {"store-ls", LS_JSON}, {"store-ls", "01"}};
    static char value[2000];
    char path[64];

    memset(value, 0x01, sizeof(value));
    for (unsigned int i = 0; i < 20; i++) {
        snprintf(path, sizeof(path), DATA "/%u", i);
        set(path, value, sizeof(value));
    }
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        assert_int_equal(run(verbs[i][0], verbs[i][1], DATA), 0);
        assert_true(used > 20 * 4 * sizeof(value));
        assert_true(yields >= used / (2 * TERMINAL_PART));
        assert_true(writes <= used / TERMINAL_PART + 20 * 20);
    }
    assert_int_equal(run("store-read", "", DATA "/1"), 0);
    assert_true(yields >= 4 * sizeof(value) / (2 * TERMINAL_PART));
    assert_true(writes <= 4 * sizeof(value) / TERMINAL_PART + 2);
    assert_int_equal(run("store-list", "0", DATA), 0);
    assert_true(yields >= 20);
}

static void change_all(void)
{
    static unsigned int n;
    char path[64];

    snprintf(path, sizeof(path), DATA "/%u", n % 10);
    if (n++ % 3)
        xs_remove(domain, 0, path);
    else
        xs_write(domain, 0, path, "other", 5);
}

/* Nodes change and go while they are shown. */
static void test_changes_meanwhile(void **state)
{
    static char value[1000];
    char path[64];

    memset(value, 'v', sizeof(value));
    for (unsigned int i = 0; i < 10; i++) {
        snprintf(path, sizeof(path), DATA "/%u", i);
        set(path, value, sizeof(value));
        snprintf(path, sizeof(path), DATA "/%u/below", i);
        set(path, value, sizeof(value));
    }
    on_yield = change_all;
    assert_int_equal(run("store-ls", "", DATA), 0);
    assert_int_equal(run("store-ls", LS_JSON, DATA), 0);
    assert_string_equal(printed + used - 2, "]\n");
    assert_int_equal(run("store-list", "", DATA), 0);
    on_yield = NULL;
    set(DATA "/1", value, sizeof(value));
    on_yield = change_all;
    assert_int_equal(run("store-read", "", DATA "/1"), 0);
    assert_int_equal(used, sizeof(value) + 1);
}

/* Ctrl-C ends what is long. */
static void test_interrupts(void **state)
{
    char path[64];

    for (unsigned int i = 0; i < 100; i++) {
        snprintf(path, sizeof(path), DATA "/%u", i);
        set(path, "v", 1);
    }
    interrupt_at = 20;
    assert_int_equal(run("store-ls", "", DATA), -1);
    assert_in_range(yields, 20, 22);
    assert_non_null(strstr(printed, "bh store-ls: " DATA ": interrupted\n"));
    assert_int_equal(run("store-list", "", DATA), -1);
    assert_int_equal(yields, 20);
}

static void write_some(void)
{
    char path[64];

    for (unsigned int i = 0; i < 300; i++) {
        snprintf(path, sizeof(path), DATA "/%u/a-rather-long-name-for-a-node", i);
        set(path, "", 0);
    }
    on_yield = NULL;
}

/*
 * A domain changes more at once than there is room for: nobody waits in the change, and what found
 * no room is told as a change of what is watched.
 */
static void test_watch(void **state)
{
    unsigned int lines = 0;

    on_yield = write_some; /* while the first event is shown */
    assert_int_equal(run("store-watch", "", DATA), 0);
    for (const char *at = printed; (at = strchr(at, '\n')); at++)
        lines++;
    assert_in_range(lines, 20, 299);
    assert_memory_equal(printed, DATA "\n" DATA "/0", strlen(DATA "\n" DATA "/0"));
    assert_string_equal(printed + used - strlen(DATA) - 1, DATA "\n");
    assert_true(yields >= used / (2 * TERMINAL_PART));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_output, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_volume, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changes_meanwhile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_interrupts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_watch, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
