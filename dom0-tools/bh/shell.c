/* SPDX-License-Identifier: MIT */
/*
 * The prompt with its line editor and completion, and the autorun file. The word "bh" in front of a
 * command may be left out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <platform.h>
#include <tools/control.h>
#include <tools/service.h>
#include <tools/utf8.h>

#include "bh.h"
#include "line_editor.h"
#include "progress.h"
#include "shell.h"

#define PROMPT  "bh> "
#define AUTORUN "/guests/autorun"

#define LIST_CHUNK 64 /* domains asked for at a time */

static struct editor editor;
static bool prompting; /* the editor's line is on the screen */

/* ---- Completion ---- */

struct file_completion {
    void (*add)(void *context, const char *word);
    void *context;
    const char *directory; /* as typed, with its slash */
};

static bool complete_entry(void *context, const char *name, bool directory, size_t size)
{
    const struct file_completion *c = context;
    char word[256];

    snprintf(word, sizeof(word), "%s%s%s", c->directory, name, directory ? "/" : "");
    c->add(c->context, word);
    return true;
}

static void complete_files(const char *word, void (*add)(void *, const char *), void *context)
{
    char typed[256], path[256];
    struct file_completion c = {.add = add, .context = context, .directory = typed};
    char *slash;

    snprintf(typed, sizeof(typed), "%s", *word ? word : "/");
    slash = strrchr(typed, '/');
    if (!slash)
        return;
    slash[1] = '\0';
    snprintf(path, sizeof(path), "%s", typed);
    if (strlen(path) > 1)
        path[strlen(path) - 1] = '\0';
    platform_directory(path, complete_entry, &c);
}

static void complete_domains(void (*add)(void *, const char *), void *context)
{
    struct xen_domctl_getdomaininfo *list = calloc(LIST_CHUNK, sizeof(*list));
    char name[GUEST_NAME_SIZE];
    domid_t next = 0;
    int count;

    do {
        count = list ? control_list(next, list, LIST_CHUNK, NULL) : 0;
        for (int i = 0; i < count; i++)
            add(context, service_name(list[i].domain, name));
        if (count > 0)
            next = (domid_t)(list[count - 1].domain + 1);
    } while (count == LIST_CHUNK);
    free(list);
}

static void complete_verbs(void (*add)(void *, const char *), void *context)
{
    for (const struct bh_verb *const *group = bh_verbs; *group; group++)
        for (const struct bh_verb *v = *group; v->name; v++)
            add(context, v->name);
}

static void complete_line(const char *line, size_t start, void (*add)(void *, const char *),
                          void *context)
{
    char before[EDITOR_LINE_SIZE], *words[BH_MAX_WORDS], **argv = words;
    const struct bh_verb *verb;
    int argc;

    memcpy(before, line, start);
    before[start] = '\0';
    argc = bh_split_words(before, words);
    if (argc > 0 && !strcmp(argv[0], "bh")) {
        argv++;
        argc--;
    }
    if (argc <= 0) {
        if (argc == 0)
            complete_verbs(add, context);
        return;
    }
    verb = bh_find_verb(argv[0]);
    if (!verb)
        return;
    if (verb->argument == ARGUMENT_DOMAIN)
        complete_domains(add, context);
    else if (verb->argument == ARGUMENT_FILE)
        complete_files(line + start, add, context);
    else if (verb->argument == ARGUMENT_VERB)
        complete_verbs(add, context);
}

/* ---- The shell ---- */

static void write_terminal(const char *text, size_t length)
{
    platform_terminal_write(text, length);
}

void bh_notice(const char *text)
{
    char printable[2 * ERROR_TEXT_SIZE];

    if (prompting)
        editor_hide(&editor);
    bh_progress_hide();
    bh_end_console_line();
    bh_end_part();
    utf8_printable(printable, sizeof(printable), text);
    bh_print("%s\n", printable);
    if (prompting)
        editor_show(&editor);
}

/* One command a line; each is shown before it runs, as if it had been typed. */
static void run_autorun(void)
{
    struct platform_file file;
    const char *at, *end;

    if (platform_file_open(AUTORUN, &file) < 0)
        return;
    at = file.data;
    end = at + file.size;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = stop ? (size_t)(stop - at) : (size_t)(end - at);
        char *line = strndup(at, length);

        if (line && length && line[length - 1] == '\r')
            line[length - 1] = '\0';
        if (line && line[strspn(line, " \t")] && line[strspn(line, " \t")] != '#') {
            bh_print(PROMPT "%s\n", line);
            bh_run(line);
        }
        free(line);
        at += length + 1;
    }
    platform_file_close(&file);
}

void bh_shell(void)
{
    editor.prompt = PROMPT;
    editor.write = write_terminal;
    editor.complete = complete_line;
    run_autorun();
    for (;;) {
        editor_begin(&editor);
        prompting = true;
        for (;;) {
            int key = platform_terminal_read();

            if (key >= 0 && editor_key(&editor, key) == EDITOR_DONE)
                break;
        }
        prompting = false;
        bh_run(editor.line);
    }
}
