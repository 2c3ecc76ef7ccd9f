/* SPDX-License-Identifier: MIT */
/*
 * Commands as lines of words: finding the verb, the autorun file, the prompt with completion. The
 * word "bh" in front of a command may be left out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <platform.h>
#include <tools/control.h>
#include <tools/service.h>

#include "bh.h"
#include "line_editor.h"
#include "shell.h"

#define PROMPT  "bh> "
#define AUTORUN "/guests/autorun"

const struct bh_verb *const bh_verbs[] = {
    bh_create_verbs, bh_domain_verbs, bh_console_verbs, bh_device_verbs,
    bh_store_verbs,  bh_info_verbs,   bh_machine_verbs, NULL,
};

static struct editor editor;
static bool prompting; /* the editor's line is on the screen */

const struct bh_verb *bh_find_verb(const char *name)
{
    for (const struct bh_verb *const *group = bh_verbs; *group; group++)
        for (const struct bh_verb *v = *group; v->name; v++)
            if (!strcmp(v->name, name))
                return v;
    return NULL;
}

int bh_run(const char *line)
{
    char *words[BH_MAX_WORDS], *copy = strdup(line), **argv = words;
    const struct bh_verb *verb;
    int argc, status = -1;

    if (!copy)
        return bh_fail("", "not enough memory");
    argc = bh_split_words(copy, words);
    if (argc < 0) {
        bh_print("bh: a quote is not closed, or there are more than %d words\n", BH_MAX_WORDS - 1);
    } else {
        if (argc && !strcmp(argv[0], "bh")) {
            argv++;
            argc--;
            if (!argc) {
                *--argv = (char *)"help";
                argc = 1;
            }
        }
        verb = argc ? bh_find_verb(argv[0]) : NULL;
        if (!argc)
            status = 0;
        else if (!verb)
            bh_print("bh: there is no command '%s'; `help` lists them\n", argv[0]);
        else if (argc == 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")))
            bh_explain(verb);
        else if (!bh_check_options(verb, argv))
            status = verb->run(argc, argv);
    }
    free(copy);
    return status;
}

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
    struct xen_domctl_getdomaininfo *list = calloc(64, sizeof(*list));
    int count = list ? control_list(0, list, 64, NULL) : 0;

    for (int i = 0; i < count; i++)
        add(context, service_name(list[i].domain));
    free(list);
}

static void complete_verbs(void (*add)(void *, const char *), void *context)
{
    for (const struct bh_verb *const *group = bh_verbs; *group; group++)
        for (const struct bh_verb *v = *group; v->name; v++)
            add(context, v->name);
}

static void complete(const char *line, size_t start, void (*add)(void *, const char *),
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
    if (prompting)
        editor_hide(&editor);
    bh_end_console_line();
    bh_print("%s\n", text);
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
    editor.complete = complete;
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
