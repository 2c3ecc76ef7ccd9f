/* SPDX-License-Identifier: MIT */
/* Which verb a command names, in full or shortened, and what is said of one that names none. */
/* SOURCES: $(addprefix dom0-tools/bh/,verbs.c arguments.c output.c) dom0-tools/utf8.c */
/* CFLAGS: -Idom0-tools */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <bh/bh.h>
#include <tools/service.h>

static char printed[4096];

uint64_t platform_now(void)
{
    return 0;
}

void platform_yield(void)
{
}

bool platform_terminal_interrupted(void)
{
    return false;
}

void platform_terminal_write(const void *data, size_t length)
{
    strncat(printed, data, length);
}

void platform_terminal_complain(const void *data, size_t length)
{
    platform_terminal_write(data, length);
}

int service_find(const char *name_or_number, domid_t *domid, struct error *e)
{
    fail();
    return -1;
}

static const char *ran;

static int run(struct bh_call *call)
{
    ran = call->verb->name;
    return 0;
}

static const struct bh_verb first_verbs[] = {
    {.name = "list", .arguments = "", .help = "list all", .run = run},
    {.name = "reboot", .arguments = "", .help = "reboot one", .run = run},
    {.name = NULL},
};
static const struct bh_verb second_verbs[] = {
    {.name = "vcpu-list", .arguments = "", .help = "list vCPUs", .run = run},
    {.name = "rename", .arguments = "", .help = "rename one", .run = run},
    {.name = "console", .arguments = "", .help = "attach", .run = run},
    {.name = "console-log", .arguments = "", .help = "log", .run = run},
    {.name = NULL},
};
const struct bh_verb *const bh_verbs[] = {first_verbs, second_verbs, bh_help_verbs, NULL};

static void expect_run(const char *line, const char *name)
{
    ran = NULL;
    assert_int_equal(bh_run(line), 0);
    assert_string_equal(ran, name);
}

static void expect_refusal(const char *line, const char *text)
{
    ran = NULL;
    printed[0] = '\0';
    assert_int_equal(bh_run(line), -1);
    assert_null(ran);
    assert_string_equal(printed, text);
}

static void test_short_verbs(void **state)
{
    expect_run("list", "list");
    expect_run("li", "list");
    expect_run("bh v", "vcpu-list");
    expect_run("reb", "reboot");
    expect_run("console", "console"); /* though another begins with it */
    expect_run("console-", "console-log");
    expect_refusal("cons", "bh: 'cons' is short for several commands: console console-log\n");
    expect_refusal("re", "bh: 're' is short for several commands: reboot rename\n");
    expect_refusal("lists", "bh: there is no command 'lists'; `help` lists them\n");
    expect_refusal("''", "bh: there is no command ''; `help` lists them\n");
    expect_refusal("help re", "bh: 're' is short for several commands: reboot rename\n");
    printed[0] = '\0';
    assert_int_equal(bh_run("hel ren"), 0);
    assert_string_equal(printed, "usage: bh rename\nrename one\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_verbs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
