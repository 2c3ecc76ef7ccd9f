/* SPDX-License-Identifier: MIT */
/* What bh makes of the words of a command, and the JSON that it prints. */
/* SOURCES: dom0-tools/bh/arguments.c dom0-tools/bh/json.c dom0-tools/utf8.c */
/* CFLAGS: -Idom0-tools */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bh/bh.h>
#include <bh/json.h>
#include <tools/service.h>

static char printed[4096];

void bh_print(const char *format, ...)
{
    size_t length = strlen(printed);
    va_list args;

    va_start(args, format);
    vsnprintf(printed + length, sizeof(printed) - length, format, args);
    va_end(args);
}

int bh_fail(const char *verb, const char *format, ...)
{
    va_list args;

    snprintf(printed, sizeof(printed), "%s: ", verb);
    va_start(args, format);
    vsnprintf(printed + strlen(printed), sizeof(printed) - strlen(printed), format, args);
    va_end(args);
    return -1;
}

static const struct bh_verb verb = {.name = "ls",
                                    .usage = "[-f] [-p|--permissions] [-n COUNT] [PATH...]"};

const struct bh_verb *bh_find_verb(const char *name)
{
    assert_string_equal(name, "ls");
    return &verb;
}

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

/* A command line, of which the options may be changed. */
struct words {
    char text[8][16];
    char *argv[9];
    int argc;
};

static void make_words(struct words *w, const char *line)
{
    char copy[128], *rest = copy, *word;

    memset(w, 0, sizeof(*w));
    snprintf(copy, sizeof(copy), "%s", line);
    while ((word = strtok_r(rest, " ", &rest))) {
        snprintf(w->text[w->argc], sizeof(w->text[0]), "%s", word);
        w->argv[w->argc] = w->text[w->argc];
        w->argc++;
    }
    printed[0] = '\0';
}

static void test_known_options(void **state)
{
    static const char *const good[] = {"ls",     "ls -f",      "ls -p -f /", "ls --permissions",
                                       "ls -fp", "ls -n 3 -x", "ls / -x",    "ls -"};
    static const char *const bad[] = {"ls -x",     "ls -fx", "ls -f -x /",     "ls --perm",
                                      "ls -COUNT", "ls --",  "ls -permissions"};
    struct words w;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        make_words(&w, good[i]);
        assert_int_equal(bh_check_options(&verb, w.argv), 0);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        make_words(&w, bad[i]);
        assert_int_equal(bh_check_options(&verb, w.argv), -1);
        assert_non_null(strstr(printed, "unknown option '-"));
        assert_non_null(strstr(printed, "usage: bh ls [-f]"));
    }
}

static void test_options_are_taken(void **state)
{
    struct words w;

    make_words(&w, "ls -f /a -p /b");
    assert_true(bh_take_option(&w.argc, w.argv, "-p"));
    assert_false(bh_take_option(&w.argc, w.argv, "-p"));
    assert_true(bh_take_option(&w.argc, w.argv, "-f"));
    assert_int_equal(w.argc, 3);
    assert_string_equal(w.argv[1], "/a");
    assert_string_equal(w.argv[2], "/b");
    assert_null(w.argv[3]);

    make_words(&w, "ls -pf /a");
    assert_true(bh_take_option(&w.argc, w.argv, "-f"));
    assert_true(bh_take_option(&w.argc, w.argv, "-p"));
    assert_int_equal(w.argc, 2);
    assert_string_equal(w.argv[1], "/a");

    make_words(&w, "ls -pfp");
    assert_true(bh_take_option(&w.argc, w.argv, "-p"));
    assert_true(bh_take_option(&w.argc, w.argv, "-f"));
    assert_int_equal(w.argc, 1);

    make_words(&w, "ls -value");
    assert_false(bh_take_option(&w.argc, w.argv, "-p"));
    assert_string_equal(w.argv[1], "-value");
}

static void test_domains(void **state)
{
    uint16_t domids[BH_MAX_WORDS];
    struct words w;

    make_words(&w, "ls web web");
    assert_int_equal(bh_find_domains(w.argc, w.argv, domids), 2);
    assert_int_equal(domids[1], 7);
    make_words(&w, "ls");
    assert_int_equal(bh_find_domains(w.argc, w.argv, domids), 0);
    make_words(&w, "ls web db");
    assert_int_equal(bh_find_domains(w.argc, w.argv, domids), -1);
    assert_string_equal(printed, "ls: there is no domain named 'db'");
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
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_known_options),
        cmocka_unit_test(test_options_are_taken),
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
