/* SPDX-License-Identifier: MIT */
/*
 * The line editor. It uses one line of COLUMNS on the screen, so that nothing wraps: of a longer
 * line it shows a part around the cursor, which moves by half a screen when the cursor leaves it.
 * Typing or erasing at the end of the line, and moving inside the part, sends only the bytes of the
 * characters; that keeps pastes cheap, and the logs of scripts short.
 */
#include <stdlib.h>
#include <string.h>

#include <tools/utf8.h>

#include "line_editor.h"

#define COLUMNS 80

#define CTRL(letter) ((letter) - 'A' + 1)
#define KEY_ESCAPE   27
#define KEY_DELETE   127

static void editor_put(struct editor *e, const char *text)
{
    e->write(text, strlen(text));
}

static void editor_put_repeated(struct editor *e, const char *text, size_t count)
{
    while (count--)
        editor_put(e, text);
}

/* The columns between two places in the line. */
static size_t line_columns(const struct editor *e, size_t from, size_t to)
{
    return utf8_columns(e->line + from, to - from);
}

/* The columns that the line may take, one being left for the cursor. */
static size_t line_width(const struct editor *e)
{
    return COLUMNS - 1 - utf8_columns(e->prompt, strlen(e->prompt));
}

static size_t character_before(const struct editor *e, size_t at)
{
    do {
        at--;
    } while (at && ((unsigned char)e->line[at] & 0xc0) == 0x80);
    return at;
}

static size_t character_after(const struct editor *e, size_t at)
{
    size_t length = utf8_length(e->line + at, e->length - at);

    return at + (length ? length : 1);
}

static bool is_shown(const struct editor *e, size_t at)
{
    return at >= e->shown && line_columns(e, e->shown, at) <= line_width(e);
}

/* Has the screen show a part of the line around the cursor, or all of it. */
static void editor_scroll(struct editor *e)
{
    if (line_columns(e, 0, e->length) <= line_width(e))
        e->shown = 0;
    if (is_shown(e, e->cursor))
        return;
    e->shown = e->cursor;
    while (e->shown && line_columns(e, e->shown, e->cursor) < line_width(e) / 2)
        e->shown = character_before(e, e->shown);
}

void editor_hide(struct editor *e)
{
    editor_put(e, "\r\033[K");
}

void editor_show(struct editor *e)
{
    size_t end;

    editor_scroll(e);
    end = e->cursor;
    while (end < e->length && is_shown(e, character_after(e, end)))
        end = character_after(e, end);
    editor_put(e, "\r");
    editor_put(e, e->prompt);
    e->write(e->line + e->shown, end - e->shown);
    editor_put(e, "\033[K");
    editor_put_repeated(e, "\b", line_columns(e, e->cursor, end));
}

void editor_begin(struct editor *e)
{
    e->length = e->cursor = e->shown = 0;
    e->line[0] = '\0';
    e->escape = 0;
    e->pending_length = 0;
    e->history_at = e->history_count;
    editor_put(e, e->prompt);
}

static void editor_insert(struct editor *e, const char *text, size_t length)
{
    if (length > EDITOR_LINE_SIZE - 1 - e->length)
        length = utf8_whole(text, EDITOR_LINE_SIZE - 1 - e->length);
    memmove(e->line + e->cursor + length, e->line + e->cursor, e->length - e->cursor + 1);
    memcpy(e->line + e->cursor, text, length);
    e->length += length;
    e->cursor += length;
    if (e->cursor == e->length && is_shown(e, e->cursor))
        e->write(text, length);
    else
        editor_show(e);
}

/* Removes the bytes from @from up to @to and puts the cursor there. */
static void editor_erase(struct editor *e, size_t from, size_t to)
{
    size_t columns = line_columns(e, from, to);
    bool at_end = to == e->length && e->cursor == to && columns && from > e->shown;

    memmove(e->line + from, e->line + to, e->length - to + 1);
    e->length -= to - from;
    e->cursor = from;
    if (!at_end) {
        editor_show(e);
        return;
    }
    editor_put_repeated(e, "\b", columns);
    editor_put(e, "\033[K");
}

static void editor_move(struct editor *e, size_t cursor)
{
    size_t former = e->cursor;

    e->cursor = cursor;
    if (!is_shown(e, cursor))
        editor_show(e);
    else if (cursor < former)
        editor_put_repeated(e, "\b", line_columns(e, cursor, former));
    else
        e->write(e->line + former, cursor - former);
}

static void editor_set_line(struct editor *e, const char *text)
{
    e->length = e->cursor = strlen(text);
    memcpy(e->line, text, e->length + 1);
    editor_show(e);
}

static void editor_remember(struct editor *e)
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

static void editor_history_up(struct editor *e)
{
    if (!e->history_at)
        return;
    if (e->history_at == e->history_count)
        memcpy(e->saved, e->line, sizeof(e->saved));
    editor_set_line(e, e->history[--e->history_at]);
}

static void editor_history_down(struct editor *e)
{
    if (e->history_at == e->history_count)
        return;
    e->history_at++;
    editor_set_line(e, e->history_at == e->history_count ? e->saved : e->history[e->history_at]);
}

/* ---- Completion ---- */

struct completion {
    struct editor *editor;
    size_t start, typed; /* the word, and how much of it is there */
    unsigned int count;
    char common[EDITOR_LINE_SIZE]; /* what all candidates begin with */
    bool list;                     /* second pass: print them */
};

static void note_candidate(void *context, const char *word)
{
    struct completion *c = context;
    size_t same = 0;

    if (strncmp(word, c->editor->line + c->start, c->typed) != 0)
        return;
    if (c->list) {
        editor_put(c->editor, word);
        editor_put(c->editor, "  ");
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

static void editor_complete_word(struct editor *e)
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
    e->complete(before, c->start, note_candidate, c);
    if (c->count && strlen(c->common) > c->typed)
        editor_insert(e, c->common + c->typed, strlen(c->common) - c->typed);
    if (c->count == 1 && c->common[strlen(c->common) - 1] != '/') {
        editor_insert(e, " ", 1);
    } else if (c->count > 1 && strlen(c->common) == c->typed) {
        editor_put(e, "\n");
        c->list = true;
        e->complete(before, c->start, note_candidate, c);
        editor_put(e, "\n");
        editor_show(e);
    }
    free(c);
}

/* ---- Keys ---- */

static void editor_escape_key(struct editor *e, int key)
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
        editor_history_up(e);
        break;
    case 'B':
        editor_history_down(e);
        break;
    case 'C':
        if (e->cursor < e->length)
            editor_move(e, character_after(e, e->cursor));
        break;
    case 'D':
        if (e->cursor)
            editor_move(e, character_before(e, e->cursor));
        break;
    case 'H':
        editor_move(e, 0);
        break;
    case 'F':
        editor_move(e, e->length);
        break;
    case 'P': /* Delete */
        if (e->cursor < e->length)
            editor_erase(e, e->cursor, character_after(e, e->cursor));
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

/* Inserts a character when its last byte has come; bytes that cannot become one are dropped. */
static void editor_type_byte(struct editor *e, char byte)
{
    if (((unsigned char)byte & 0xc0) != 0x80 || e->pending_length == sizeof(e->pending))
        e->pending_length = 0;
    e->pending[e->pending_length++] = byte;
    if (!utf8_length(e->pending, e->pending_length))
        return;
    editor_insert(e, e->pending, e->pending_length);
    e->pending_length = 0;
}

enum editor_result editor_key(struct editor *e, int key)
{
    bool after_return = e->after_return;

    e->after_return = key == '\r';
    if (e->escape) {
        editor_escape_key(e, key);
        return EDITOR_MORE;
    }
    switch (key) {
    case '\n':
        if (after_return)
            break;
        /* fall through */
    case '\r':
        editor_put(e, "\n");
        editor_remember(e);
        return EDITOR_DONE;
    case KEY_ESCAPE:
        e->escape = 1;
        break;
    case '\b':
    case KEY_DELETE:
        if (e->cursor)
            editor_erase(e, character_before(e, e->cursor), e->cursor);
        break;
    case '\t':
        editor_complete_word(e);
        break;
    case CTRL('A'):
        editor_move(e, 0);
        break;
    case CTRL('B'):
        if (e->cursor)
            editor_move(e, character_before(e, e->cursor));
        break;
    case CTRL('C'):
        editor_put(e, "^C\n");
        editor_begin(e);
        break;
    case CTRL('D'):
        if (e->cursor < e->length)
            editor_erase(e, e->cursor, character_after(e, e->cursor));
        break;
    case CTRL('E'):
        editor_move(e, e->length);
        break;
    case CTRL('F'):
        if (e->cursor < e->length)
            editor_move(e, character_after(e, e->cursor));
        break;
    case CTRL('K'):
        editor_erase(e, e->cursor, e->length);
        break;
    case CTRL('L'):
        editor_put(e, "\033[H\033[2J");
        editor_show(e);
        break;
    case CTRL('N'):
        editor_history_down(e);
        break;
    case CTRL('P'):
        editor_history_up(e);
        break;
    case CTRL('U'):
        editor_erase(e, 0, e->cursor);
        break;
    case CTRL('W'):
        editor_erase(e, word_start(e), e->cursor);
        break;
    default:
        if (key >= ' ' && key < 256)
            editor_type_byte(e, (char)key);
        break;
    }
    return EDITOR_MORE;
}
