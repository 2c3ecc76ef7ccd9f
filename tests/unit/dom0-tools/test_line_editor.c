/* SPDX-License-Identifier: MIT */
/* The line editor: what keys make of a line, and what a terminal shows of it afterwards. */
/* SOURCES: dom0-tools/bh/line_editor.c dom0-tools/utf8.c */
/* CFLAGS: -Idom0-tools */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bh/line_editor.h>

/* A terminal of one line, enough to see what the editor has drawn. */
static char screen[256], listed[256];
static size_t column, written;

static void write_screen(const char *text, size_t length)
{
    written += length;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\r') {
            column = 0;
        } else if (text[i] == '\b') {
            column--;
        } else if (text[i] == '\n') {
            strcpy(listed, screen);
            memset(screen, 0, sizeof(screen));
            column = 0;
        } else if (text[i] == '\033') {
            assert_memory_equal(text + i, "\033[K", 3);
            memset(screen + column, 0, sizeof(screen) - column);
            i += 2;
        } else {
            screen[column++] = text[i];
            assert_in_range(column, 0, 79);
        }
    }
}

static void complete(const char *line, size_t start, void (*add)(void *context, const char *word),
                     void *context)
{
    if (start == 0) {
        add(context, "create");
        add(context, "console");
        add(context, "list");
    } else {
        add(context, "/guests/");
    }
}

static struct editor editor;

static void type(const char *keys)
{
    for (; *keys; keys++)
        assert_int_equal(editor_key(&editor, (unsigned char)*keys), EDITOR_MORE);
}

static void assert_line(const char *line, size_t cursor)
{
    char expected[EDITOR_LINE_SIZE + 8];

    snprintf(expected, sizeof(expected), "> %s", line);
    assert_string_equal(editor.line, line);
    assert_int_equal(editor.cursor, cursor);
    assert_string_equal(screen, expected);
    assert_int_equal(column, cursor + 2);
}

static int setup(void **state)
{
    memset(&editor, 0, sizeof(editor));
    memset(screen, 0, sizeof(screen));
    column = 0;
    editor.prompt = "> ";
    editor.write = write_screen;
    editor.complete = complete;
    editor_begin(&editor);
    return 0;
}

static int teardown(void **state)
{
    for (unsigned int i = 0; i < editor.history_count; i++)
        free(editor.history[i]);
    return 0;
}

static void enter(void)
{
    assert_int_equal(editor_key(&editor, '\r'), EDITOR_DONE);
    editor_begin(&editor);
}

static void test_editing(void **state)
{
    type("hello");
    assert_line("hello", 5);
    type("\x7f\b");
    assert_line("hel", 3);
    type("\001X"); /* Ctrl-A */
    assert_line("Xhel", 1);
    type("\033[C\033[CY");
    assert_line("XheYl", 4);
    type("\033[D\033[3~");
    assert_line("Xhel", 3);
    type("\033[H\033[F z");
    assert_line("Xhel z", 6);
    type("\033OHq\033OF");
    assert_line("qXhel z", 7);
    type("\027"); /* Ctrl-W */
    assert_line("qXhel ", 6);
    type("\002\002\002\013"); /* Ctrl-B, Ctrl-K */
    assert_line("qXh", 3);
    type("\002\025"); /* Ctrl-U */
    assert_line("h", 0);
    type("\033[D\x7f\033[99;5~\001\002"); /* at the edge, and keys that are none */
    assert_line("h", 0);
    type("\003"); /* Ctrl-C */
    assert_line("", 0);
}

static void test_long_line(void **state)
{
    for (int i = 0; i < 600; i++)
        type("x");
    assert_int_equal(editor.length, EDITOR_LINE_SIZE - 1);
    assert_int_equal(screen[column], '\0');
    type("\001");
    assert_int_equal(column, 2);
    type("\005"); /* Ctrl-E */
    assert_int_equal(screen[column], '\0');
    type("\025a");
    assert_line("a", 1);
}

/* A line that is longer than the screen is not drawn again for each key, as scripts' logs show. */
static void test_keys_are_cheap(void **state)
{
    written = 0;
    for (int i = 0; i < 400; i++)
        type("x");
    assert_in_range(written, 400, 3 * 400);
    assert_true(column > 30);
    written = 0;
    for (int i = 0; i < 30; i++)
        type("\b");
    assert_in_range(written, 30, 4 * 30 + 90);
    written = 0;
    for (int i = 0; i < 300; i++)
        type("\033[D");
    assert_in_range(written, 300, 5 * 300);
    written = 0;
    for (int i = 0; i < 300; i++)
        type("\033[C");
    assert_in_range(written, 300, 5 * 300);
    assert_int_equal(editor.cursor, 370);
}

/* Characters of several bytes are one key, and one step of the cursor. */
static void test_characters(void **state)
{
    type("na\xc3\xafve \xe6\xbc\xa2");
    assert_int_equal(editor.cursor, 10);
    type("\x7f\x7f");
    assert_string_equal(editor.line, "na\xc3\xafve");
    type("\033[D\033[D\033[D");
    assert_int_equal(editor.cursor, 2);
    type("\033[C");
    assert_int_equal(editor.cursor, 4);
    type("\x7f");
    assert_line("nave", 2);
    type("\xc3");  /* half of one, */
    type("x\xaf"); /* given up, and the other half of none */
    assert_line("naxve", 3);
    type("\001\xc3\xa4\001\033[3~");
    assert_line("naxve", 0);
}

static void test_history(void **state)
{
    type("one");
    enter();
    type("two");
    enter();
    type("two"); /* the same again is kept once */
    enter();
    type("par\033[A");
    assert_line("two", 3);
    type("\033[A\033[A");
    assert_line("one", 3);
    type("\033[B\033[B\033[B");
    assert_line("par", 3);
    for (char i = 0; i < 60; i++) {
        char line[] = {(char)('A' + i), '\0'};

        enter();
        type(line);
    }
    enter();
    assert_int_equal(editor.history_count, EDITOR_HISTORY);
}

static void test_completion(void **state)
{
    type("l\t");
    assert_line("list ", 5);
    type("\025c\t\t"); /* two begin so: both are shown */
    assert_string_equal(listed, "create  console  ");
    assert_line("c", 1);
    type("o\t");
    assert_line("console ", 8);
    type("/g\t");
    assert_line("console /guests/", 16);
    type("x\t");
    assert_line("console /guests/x", 17);
}

static void test_line_ends(void **state)
{
    type("a");
    enter();
    type("\n"); /* belongs to the return */
    type("b");
    assert_int_equal(editor_key(&editor, '\n'), EDITOR_DONE);
    assert_string_equal(editor.line, "b");
    editor_begin(&editor);
    type("xy");
    editor_hide(&editor);
    assert_string_equal(screen, "");
    editor_show(&editor);
    assert_line("xy", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_editing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys_are_cheap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_history, setup, teardown),
        cmocka_unit_test_setup_teardown(test_completion, setup, teardown),
        cmocka_unit_test_setup_teardown(test_line_ends, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
