/* SPDX-License-Identifier: MIT */
/* What bh makes of the words of a command, and the JSON that it prints. */
/* SOURCES: dom0-tools/bh/arguments.c dom0-tools/bh/json.c dom0-tools/bh/output.c */
/* SOURCES: dom0-tools/utf8.c */
/* CFLAGS: -Idom0-tools */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <platform.h>

#include <bh/bh.h>
#include <bh/json.h>
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
    size_t used = strlen(printed);

    assert_true(used + length < sizeof(printed));
    memcpy(printed + used, data, length);
    printed[used + length] = '\0';
}

void platform_terminal_complain(const void *data, size_t length)
{
    platform_terminal_write(data, length);
}

enum {
    LS_FULL,
    LS_PERMISSIONS,
    LS_COUNT,
    LS_JSON,
};

static const struct bh_verb verb = {
    .name = "ls",
    .options = {[LS_FULL] = {'f', NULL, NULL},
                [LS_PERMISSIONS] = {'p', "permissions", NULL},
                [LS_COUNT] = {'n', "count", "COUNT"},
                [LS_JSON] = {'\0', "json", NULL}},
    .arguments = "[PATH...]",
    .help = "help",
};

#define USAGE "; usage: bh ls [-f] [-p|--permissions] [-n|--count COUNT] [--json] [PATH...]\n"

int service_find(const char *name, domid_t *domid, struct error *e)
{
    if (strcmp(name, "web") != 0)
        return error_set(e, "there is no domain named '%s'", name);
    *domid = 7;
    return 0;
}

int error_set(struct error *e, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (e)
        vsnprintf(e->text, sizeof(e->text), format, args);
    va_end(args);
    return -1;
}

static void test_quotes(void **state)
{
    static const struct {
        const char *line;
        int count;
        const char *words[4];
    } lines[] = {
        {"", 0, {NULL}},
        {"  # nothing", 0, {NULL}},
        {" create\t/a.cfg  # and a comment", 2, {"create", "/a.cfg"}},
        {"cat 'a b' \"c d\" e' 'f", 4, {"cat", "a b", "c d", "e f"}},
        {"create extra=\"a b\" x='it is \"y\"'", 3, {"create", "extra=a b", "x=it is \"y\""}},
        {"create 'disk=[\"a b\"]' \"vif=['c d']\"", 3, {"create", "disk=[\"a b\"]", "vif=['c d']"}},
        {"create disk='[\"a b\"]' 'extra=a b'", 3, {"create", "disk=[\"a b\"]", "extra=a b"}},
        /* A list that is typed as it stands in a file. */
        {"create disk=[\"a b\",'c'] x'y z'", 3, {"create", "disk=[\"a b\",'c']", "xy z"}},
        {"x [['a b'],\"c]\"]'d e' ]'f g'", 3, {"x", "[['a b'],\"c]\"]d e", "]f g"}},
        {"create 'disk=[\"a\"]", -1, {NULL}},
        {"cat 'a b", -1, {NULL}},
        {"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32",
         -1,
         {NULL}},
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char copy[128], *words[BH_MAX_WORDS];

        snprintf(copy, sizeof(copy), "%s", lines[i].line);
        assert_int_equal(bh_split_words(copy, words), lines[i].count);
        for (int n = 0; n < lines[i].count; n++)
            assert_string_equal(words[n], lines[i].words[n]);
    }
}

/* A command line, split into words. */
struct words {
    char text[128];
    char *argv[BH_MAX_WORDS];
    struct bh_call call;
};

static int parse(struct words *w, const char *line)
{
    memset(w, 0, sizeof(*w));
    snprintf(w->text, sizeof(w->text), "%s", line);
    bh_split_words(w->text, w->argv);
    w->call.verb = &verb;
    w->call.argv = w->argv + 1;
    printed[0] = '\0';
    return bh_parse_options(&w->call);
}

static void test_options(void **state)
{
    static const struct {
        const char *line;
        const char *given;  /* letters of the options that are there */
        const char *count;  /* the value of -n */
        const char *others; /* the arguments, each with a blank behind */
    } good[] = {
        {"ls", "", NULL, ""},
        {"ls -f", "f", NULL, ""},
        {"ls -p -f /", "pf", NULL, "/ "},
        {"ls --permissions /a", "p", NULL, "/a "},
        {"ls -fp", "fp", NULL, ""},
        {"ls -pfp", "fp", NULL, ""},
        {"ls /a -f /b --json", "fj", NULL, "/a /b "},
        {"ls -n 3 /", "n", "3", "/ "},
        {"ls -n3", "n", "3", ""},
        {"ls -fn3 /", "fn", "3", "/ "},
        {"ls -fn 3 /", "fn", "3", "/ "},
        {"ls --count 3 /", "n", "3", "/ "},
        {"ls --count=3", "n", "3", ""},
        {"ls --count=", "n", "", ""},
        {"ls -n -3", "n", "-3", ""},
        {"ls -n 1 -n 2", "n", "2", ""},
        {"ls -", "", NULL, "- "},
        {"ls / -x", "", NULL, "/ -x "}, /* as of `store-write /a -5` */
        {"ls / -fx", "", NULL, "/ -fx "},
        {"ls -- -f", "", NULL, "-f "},
        {"ls -f -- -n -- x", "f", NULL, "-n -- x "},
    };
    static const struct {
        const char *line, *message;
    } bad[] = {
        {"ls -x", "bh ls: unknown option '-x'" USAGE},
        {"ls -fx", "bh ls: unknown option '-fx'" USAGE},
        {"ls -f -x /", "bh ls: unknown option '-x'" USAGE},
        {"ls -n 3 -x /", "bh ls: unknown option '-x'" USAGE},
        {"ls --perm", "bh ls: unknown option '--perm'" USAGE},
        {"ls -permissions", "bh ls: unknown option '-permissions'" USAGE},
        {"ls --json=1", "bh ls: --json takes no value" USAGE},
        {"ls -n", "bh ls: an option lacks its value, COUNT" USAGE},
        {"ls / --count", "bh ls: an option lacks its value, COUNT" USAGE},
        {"ls -fn", "bh ls: an option lacks its value, COUNT" USAGE},
    };
    struct words w;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        static const char letters[] = "fpnj";
        char others[64] = "";

        assert_int_equal(parse(&w, good[i].line), 0);
        assert_string_equal(printed, "");
        for (int n = 0; n < 4; n++)
            if (w.call.given[n] != (strchr(good[i].given, letters[n]) != NULL))
                fail_msg("%s: option %c", good[i].line, letters[n]);
        if (good[i].count)
            assert_string_equal(w.call.values[LS_COUNT], good[i].count);
        else
            assert_null(w.call.values[LS_COUNT]);
        for (int n = 0; n < w.call.argc; n++) {
            strcat(others, w.call.argv[n]);
            strcat(others, " ");
        }
        assert_string_equal(others, good[i].others);
        assert_null(w.call.argv[w.call.argc]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse(&w, bad[i].line), -1);
        assert_string_equal(printed, bad[i].message);
    }
}

static void test_domains(void **state)
{
    uint16_t domids[BH_MAX_WORDS];
    struct words w;

    parse(&w, "ls web web");
    assert_int_equal(bh_find_domains(&w.call, domids), 2);
    assert_int_equal(domids[1], 7);
    parse(&w, "ls");
    assert_int_equal(bh_find_domains(&w.call, domids), 0);
    parse(&w, "ls web db");
    assert_int_equal(bh_find_domains(&w.call, domids), -1);
    assert_string_equal(printed, "bh ls: there is no domain named 'db'\n");
}

/* Columns are aligned by what a terminal shows. */
static void test_padding(void **state)
{
    printed[0] = '\0';
    bh_print_padded("na\xc3\xafve", 7);
    bh_print("|");
    bh_print_padded("\xe6\xbc\xa2", 4);
    bh_print("|");
    bh_print_padded("long", 3);
    bh_print("|");
    assert_string_equal(printed, "na\xc3\xafve  |\xe6\xbc\xa2  |long|");
}

static void test_json(void **state)
{
    struct json j = {0};

    printed[0] = '\0';
    json_open(&j, NULL, '[');
    json_open(&j, NULL, '{');
    json_number(&j, "a", 1);
    json_signed(&j, "b", -1);
    json_bool(&j, "c", true);
    json_open(&j, "d", '[');
    json_close(&j, ']');
    json_close(&j, '}');
    json_text(&j, NULL, "e");
    json_close(&j, ']');
    assert_string_equal(printed, "[\n  {\n    \"a\": 1,\n    \"b\": -1,\n    \"c\": true,\n"
                                 "    \"d\": []\n  },\n  \"e\"\n]\n");
}

static void test_json_texts(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *json;
    } texts[] = {
        {"a\"b\\c/", 6, "\"a\\\"b\\\\c/\""},
        {"\n\x1f\x7f\0x", 5, "\"\\u000a\\u001f\\u007f\\u0000x\""},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xff\x80\xc3", 3, "\"\\u00ff\\u0080\\u00c3\""},
        {"\xc0\x80", 2, "\"\\u00c0\\u0080\""},                       /* too long */
        {"\xed\xa0\x80", 3, "\"\\u00ed\\u00a0\\u0080\""},            /* a surrogate */
        {"\xf4\x90\x80\x80", 4, "\"\\u00f4\\u0090\\u0080\\u0080\""}, /* beyond the last */
        {"\xe2\x82", 2, "\"\\u00e2\\u0082\""},                       /* cut off */
        {"\xc2\x9b\xc2\x80\xc2\x9f\xc2\xa0", 8, "\"\\u009b\\u0080\\u009f\xc2\xa0\""}, /* C1 */
        {"", 0, "\"\""},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct json j = {0};

        printed[0] = '\0';
        json_bytes(&j, NULL, texts[i].bytes, texts[i].length);
        printed[strcspn(printed, "\n")] = '\0';
        assert_string_equal(printed, texts[i].json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quotes),  cmocka_unit_test(test_options),
        cmocka_unit_test(test_domains), cmocka_unit_test(test_padding),
        cmocka_unit_test(test_json),    cmocka_unit_test(test_json_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
