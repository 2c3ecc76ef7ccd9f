/* SPDX-License-Identifier: MIT */
/*
 * The line editor. Any change redraws the line from its start; a line longer than the screen is
 * shown by a part around the cursor, so that it never wraps.
 */
#include <stdlib.h>
#include <string.h>

#include "line_editor.h"

#define COLUMNS 80

#define CTRL(letter) ((letter) - 'A' + 1)
#define KEY_ESCAPE   27
#define KEY_DELETE   127

static void put(struct editor *e, const char *text)
{
    e->write(text, strlen(text));
}

void editor_hide(struct editor *e)
{
    put(e, "\r\033[K");
}

void editor_show(struct editor *e)
{
    size_t prompt = strlen(e->prompt), width = COLUMNS - 1 - prompt, from = 0, shown;

    if (e->cursor > width)
        from = e->cursor - width;
    shown = e->length - from < width ? e->length - from : width;
    put(e, "\r");
    put(e, e->prompt);
    e->write(e->line + from, shown);
    put(e, "\033[K");
    for (size_t i = from + shown; i > e->cursor; i--)
        put(e, "\b");
}

void editor_begin(struct editor *e)
{
    e->length = e->cursor = 0;
    e->line[0] = '\0';
    e->escape = 0;
    e->history_at = e->history_count;
    put(e, e->prompt);
}

static void insert(struct editor *e, const char *text, size_t length)
{
    if (length > EDITOR_LINE_SIZE - 1 - e->length)
        length = EDITOR_LINE_SIZE - 1 - e->length;
    memmove(e->line + e->cursor + length, e->line + e->cursor, e->length - e->cursor + 1);
    memcpy(e->line + e->cursor, text, length);
    e->length += length;
    e->cursor += length;
    /* The usual case needs no redrawing. */
    if (e->cursor == e->length && strlen(e->prompt) + e->length < COLUMNS - 1)
        e->write(text, length);
    else
        editor_show(e);
}

/* Removes the bytes from @from up to @to and puts the cursor there. */
static void erase(struct editor *e, size_t from, size_t to)
{
    memmove(e->line + from, e->line + to, e->length - to + 1);
    e->length -= to - from;
    e->cursor = from;
    editor_show(e);
}

static void move(struct editor *e, size_t cursor)
{
    e->cursor = cursor;
    editor_show(e);
}

static void set_line(struct editor *e, const char *text)
{
    e->length = e->cursor = strlen(text);
    memcpy(e->line, text, e->length + 1);
    editor_show(e);
}

static void remember(struct editor *e)
{
    char *copy;

    if (!e->length || (e->history_count && !strcmp(e->history[e->history_count - 1], e->line)))
        return;
    copy = strdup(e->line);
    if (!copy)
        return;
    if (e->history_count == EDITOR_HISTORY) {
        free(e->history[0]);
        memmove(e->history, e->history + 1, (EDITOR_HISTORY - 1) * sizeof(e->history[0]));
        e->history_count--;
    }
    e->history[e->history_count++] = copy;
}

static void history_up(struct editor *e)
{
    if (!e->history_at)
        return;
    if (e->history_at == e->history_count)
        memcpy(e->saved, e->line, sizeof(e->saved));
    set_line(e, e->history[--e->history_at]);
}

static void history_down(struct editor *e)
{
    if (e->history_at == e->history_count)
        return;
    e->history_at++;
    set_line(e, e->history_at == e->history_count ? e->saved : e->history[e->history_at]);
}

/* ---- Completion ---- */

struct completion {
    struct editor *editor;
    size_t start, typed; /* the word, and how much of it is there */
    unsigned int count;
    char common[EDITOR_LINE_SIZE]; /* what all candidates begin with */
    bool list;                     /* second pass: print them */
};

static void candidate(void *context, const char *word)
{
    struct completion *c = context;
    size_t same = 0;

    if (strncmp(word, c->editor->line + c->start, c->typed) != 0)
        return;
    if (c->list) {
        put(c->editor, word);
        put(c->editor, "  ");
        return;
    }
    if (c->count++ == 0) {
        strncpy(c->common, word, sizeof(c->common) - 1);
        c->common[sizeof(c->common) - 1] = '\0';
        return;
    }
    while (c->common[same] && c->common[same] == word[same])
        same++;
    c->common[same] = '\0';
}

static void complete(struct editor *e)
{
    struct completion *c = calloc(1, sizeof(*c));
    char before[EDITOR_LINE_SIZE];

    if (!c || !e->complete) {
        free(c);
        return;
    }
    memcpy(before, e->line, e->cursor);
    before[e->cursor] = '\0';
    c->editor = e;
    for (c->start = e->cursor; c->start && before[c->start - 1] != ' ';)
        c->start--;
    c->typed = e->cursor - c->start;
    e->complete(before, c->start, candidate, c);
    if (c->count && strlen(c->common) > c->typed)
        insert(e, c->common + c->typed, strlen(c->common) - c->typed);
    if (c->count == 1 && c->common[strlen(c->common) - 1] != '/') {
        insert(e, " ", 1);
    } else if (c->count > 1 && strlen(c->common) == c->typed) {
        put(e, "\n");
        c->list = true;
        e->complete(before, c->start, candidate, c);
        put(e, "\n");
        editor_show(e);
    }
    free(c);
}

/* ---- Keys ---- */

static void escape_key(struct editor *e, int key)
{
    if (e->escape == 1) {
        e->escape = key == '[' || key == 'O' ? 2 : 0;
        e->parameter = 0;
        return;
    }
    if (key >= '0' && key <= '9') {
        e->parameter = (char)key;
        return;
    }
    if (key == ';')
        return;
    e->escape = 0;
    if (key == '~')
        key = e->parameter == '3'                          ? 'P'
              : e->parameter == '1' || e->parameter == '7' ? 'H'
              : e->parameter == '4' || e->parameter == '8' ? 'F'
                                                           : 0;
    switch (key) {
    case 'A':
        history_up(e);
        break;
    case 'B':
        history_down(e);
        break;
    case 'C':
        if (e->cursor < e->length)
            move(e, e->cursor + 1);
        break;
    case 'D':
        if (e->cursor)
            move(e, e->cursor - 1);
        break;
    case 'H':
        move(e, 0);
        break;
    case 'F':
        move(e, e->length);
        break;
    case 'P': /* Delete */
        if (e->cursor < e->length)
            erase(e, e->cursor, e->cursor + 1);
        break;
    default:
        break;
    }
}

static size_t word_start(const struct editor *e)
{
    size_t at = e->cursor;

    while (at && e->line[at - 1] == ' ')
        at--;
    while (at && e->line[at - 1] != ' ')
        at--;
    return at;
}

enum editor_result editor_key(struct editor *e, int key)
{
    bool after_return = e->after_return;
    char c = (char)key;

    e->after_return = key == '\r';
    if (e->escape) {
        escape_key(e, key);
        return EDITOR_MORE;
    }
    switch (key) {
    case '\n':
        if (after_return)
            break;
        /* fall through */
    case '\r':
        put(e, "\n");
        remember(e);
        return EDITOR_DONE;
    case KEY_ESCAPE:
        e->escape = 1;
        break;
    case '\b':
    case KEY_DELETE:
        if (e->cursor)
            erase(e, e->cursor - 1, e->cursor);
        break;
    case '\t':
        complete(e);
        break;
    case CTRL('A'):
        move(e, 0);
        break;
    case CTRL('B'):
        if (e->cursor)
            move(e, e->cursor - 1);
        break;
    case CTRL('C'):
        put(e, "^C\n");
        editor_begin(e);
        break;
    case CTRL('D'):
        if (e->cursor < e->length)
            erase(e, e->cursor, e->cursor + 1);
        break;
    case CTRL('E'):
        move(e, e->length);
        break;
    case CTRL('F'):
        if (e->cursor < e->length)
            move(e, e->cursor + 1);
        break;
    case CTRL('K'):
        erase(e, e->cursor, e->length);
        break;
    case CTRL('L'):
        put(e, "\033[H\033[2J");
        editor_show(e);
        break;
    case CTRL('N'):
        history_down(e);
        break;
    case CTRL('P'):
        history_up(e);
        break;
    case CTRL('U'):
        erase(e, 0, e->cursor);
        break;
    case CTRL('W'):
        erase(e, word_start(e), e->cursor);
        break;
    default:
        if (key >= ' ' && key < 256)
            insert(e, &c, 1);
        break;
    }
    return EDITOR_MORE;
}
