/* SPDX-License-Identifier: MIT */
/*
 * Line editing on a plain terminal: cursor movement, history, completion. Driven key by key, so
 * that it needs no terminal of its own. Private to dom0-tools/bh.
 */
#ifndef TOOLS_BH_LINE_EDITOR_H
#define TOOLS_BH_LINE_EDITOR_H

#include <stdbool.h>
#include <stddef.h>

#define EDITOR_LINE_SIZE 512 /* bytes, terminator included */
#define EDITOR_HISTORY   32

enum editor_result {
    EDITOR_MORE, /* the line continues */
    EDITOR_DONE, /* Enter: editor->line is complete */
};

/*
 * Completion: calls @add for each word that can stand at the end of @line (the text before the
 * cursor), given whole; @start is where that word starts.
 */
typedef void editor_complete_fn(const char *line, size_t start,
                                void (*add)(void *context, const char *word), void *context);

struct editor {
    const char *prompt;
    void (*write)(const char *text, size_t length);
    editor_complete_fn *complete;
    char line[EDITOR_LINE_SIZE];
    size_t length, cursor; /* bytes; the cursor stands in front of a whole character */
    size_t shown;          /* the first byte of the line that is on the screen */
    char pending[4];       /* the first bytes of a character in UTF-8 */
    size_t pending_length;
    unsigned int escape; /* how far into an escape sequence */
    char parameter;
    bool after_return; /* a newline right after a return is the same key */
    char *history[EDITOR_HISTORY];
    unsigned int history_count, history_at;
    char saved[EDITOR_LINE_SIZE]; /* the line that was left for the history */
};

/* Starts a line: prints the prompt. */
void editor_begin(struct editor *e);

/* Takes one key. */
enum editor_result editor_key(struct editor *e, int key);

/* Removes the line from the screen, and draws it again, around other output. */
void editor_hide(struct editor *e);
void editor_show(struct editor *e);

#endif
