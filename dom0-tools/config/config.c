/* SPDX-License-Identifier: MIT */
/*
 * The parser of xl's configuration syntax. It is a plain recursive descent over one buffer that
 * need not end in a zero byte; it never reads behind the end, and nesting of lists is bounded.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tools/config.h>

#define MAX_NESTING 8

struct parser {
    const char *file;
    const char *at, *end;
    unsigned int line;
    bool bare_words; /* on a command line: an unquoted value is a string */
    struct error *error;
};

#define FAIL(p, ...) parser_fail(p, (p)->line, __VA_ARGS__)

static int __attribute__((format(printf, 3, 4)))
parser_fail(struct parser *p, unsigned int line, const char *format, ...)
{
    char text[ERROR_TEXT_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return line ? error_set(p->error, "%s:%u: %s", p->file, line, text)
                : error_set(p->error, "%.100s: %s", p->file, text);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int parse_hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool has_more(const struct parser *p)
{
    return p->at < p->end;
}

/* Skips blanks and a comment; with @lines newlines too, as inside a list. */
static void skip_blanks(struct parser *p, bool lines)
{
    while (has_more(p)) {
        char c = *p->at;

        if (c == '#') {
            while (has_more(p) && *p->at != '\n')
                p->at++;
        } else if (c == '\n' && lines) {
            p->line += p->line != 0;
            p->at++;
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v') {
            p->at++;
        } else {
            return;
        }
    }
}

static char *copy_text(struct parser *p, const char *from, size_t length)
{
    char *copy = malloc(length + 1);

    if (!copy) {
        FAIL(p, "not enough memory");
        return NULL;
    }
    memcpy(copy, from, length);
    copy[length] = '\0';
    return copy;
}

/*
 * Reads what follows a backslash, p->at behind it. @return the byte, or -1 for what is
 * not an escape.
 */
static int parse_escape(struct parser *p)
{
    static const char names[] = "abfnrtv", bytes[] = "\a\b\f\n\r\t\v";
    char c = *p->at++;
    const char *name;
    int value = 0;

    if (c == 'x') {
        for (int digits = 0; digits < 2; digits++) {
            int digit = has_more(p) ? parse_hex_digit(*p->at) : -1;

            if (digit < 0)
                return -1;
            value = value * 16 + digit;
            p->at++;
        }
        return value ? value : -1;
    }
    if (c >= '0' && c <= '7') {
        value = c - '0';
        for (int digits = 1; digits < 3 && has_more(p) && *p->at >= '0' && *p->at <= '7'; digits++)
            value = value * 8 + (*p->at++ - '0');
        return value > 0 && value < 256 ? value : -1;
    }
    if (c == '\'' || c == '"' || c == '\\')
        return c;
    name = c ? strchr(names, c) : NULL;
    return name ? bytes[name - names] : -1;
}

static int parse_string(struct parser *p, struct config_value *value)
{
    char quote = *p->at++;
    /* A string is never longer than its source: one allocation for what is left of the line. */
    size_t room = 0, used = 0;

    while (p->at + room < p->end && p->at[room] != '\n')
        room++;
    value->kind = CONFIG_STRING;
    value->text = malloc(room + 1);
    if (!value->text)
        return FAIL(p, "not enough memory");
    for (;;) {
        int c;

        if (!has_more(p) || *p->at == '\n')
            return FAIL(p, "the string has no closing %c", quote);
        c = (unsigned char)*p->at++;
        if (c == quote)
            break;
        if (c == '\0')
            return FAIL(p, "a zero byte inside a string");
        if (c == '\\') {
            if (!has_more(p) || *p->at == '\n')
                return FAIL(p, "the string has no closing %c", quote);
            c = parse_escape(p);
            if (c < 0)
                return FAIL(p, "a string has an escape that is none of \\a \\b \\f \\n \\r \\t \\v "
                               "\\\\ \\' \\\" \\xHH \\OOO");
        }
        value->text[used++] = (char)c;
    }
    value->text[used] = '\0';
    return 0;
}

static void free_value(struct config_value *value)
{
    for (size_t i = 0; i < value->count; i++)
        free_value(&value->items[i]);
    free(value->items);
    free(value->text);
    memset(value, 0, sizeof(*value));
}

static int parse_value(struct parser *p, struct config_value *value, unsigned int depth);

/* Adds an empty item to a list. @return it, or NULL with the error set. */
static struct config_value *add_item(struct parser *p, struct config_value *list)
{
    /* Grow at powers of two: the count alone shows when. */
    if ((list->count & (list->count - 1)) == 0) {
        size_t room = list->count ? list->count * 2 : 1;
        struct config_value *items = realloc(list->items, room * sizeof(*items));

        if (!items) {
            FAIL(p, "not enough memory");
            return NULL;
        }
        list->items = items;
    }
    memset(&list->items[list->count], 0, sizeof(*list->items));
    return &list->items[list->count++];
}

static int parse_list(struct parser *p, struct config_value *value, unsigned int depth)
{
    unsigned int start = p->line;

    if (depth >= MAX_NESTING)
        return FAIL(p, "lists are nested more than %d deep", MAX_NESTING);
    value->kind = CONFIG_LIST;
    p->at++;
    for (;;) {
        struct config_value *item;

        skip_blanks(p, true);
        if (!has_more(p))
            return parser_fail(p, start, "the list has no closing ]");
        if (*p->at == ']')
            break;
        item = add_item(p, value);
        if (!item || parse_value(p, item, depth + 1))
            return -1;
        skip_blanks(p, true);
        if (!has_more(p))
            return parser_fail(p, start, "the list has no closing ]");
        if (*p->at == ',')
            p->at++;
        else if (*p->at != ']')
            return FAIL(p, "expected , or ] in the list that starts in line %u", start);
    }
    p->at++;
    return 0;
}

static int parse_value(struct parser *p, struct config_value *value, unsigned int depth)
{
    const char *start = p->at;

    value->line = p->line;
    if (has_more(p) && (*p->at == '\'' || *p->at == '"'))
        return parse_string(p, value);
    if (has_more(p) && *p->at == '[')
        return parse_list(p, value, depth);
    if (has_more(p) &&
        (is_digit(*p->at) || (*p->at == '-' && p->at + 1 < p->end && is_digit(p->at[1])))) {
        p->at++;
        while (has_more(p) && (is_digit(*p->at) || is_letter(*p->at)))
            p->at++;
        value->kind = CONFIG_NUMBER;
        value->text = copy_text(p, start, (size_t)(p->at - start));
        return value->text ? 0 : -1;
    }
    return FAIL(p, "expected a string in quotes, a number or a list in [ ]");
}

/* On a command line: the whole rest is the value, unless it is written as in a file. */
static int parse_argument_value(struct parser *p, struct config_value *value)
{
    const char *start = p->at;
    const char *c;

    if (has_more(p) && (*p->at == '\'' || *p->at == '"' || *p->at == '['))
        return parse_value(p, value, 0);
    value->kind = CONFIG_NUMBER;
    for (c = start; c < p->end; c++)
        if (!is_digit(*c))
            value->kind = CONFIG_STRING;
    if (start == p->end)
        value->kind = CONFIG_STRING;
    value->text = copy_text(p, start, (size_t)(p->end - start));
    p->at = p->end;
    return value->text ? 0 : -1;
}

/* `key += value`: puts the former setting's items or text in front of the new ones. */
static int append_value(struct parser *p, const struct config_value *former,
                        struct config_value *value)
{
    size_t before, after;
    char *joined;

    if (former->kind != value->kind || value->kind == CONFIG_NUMBER)
        return FAIL(p, "+= joins two lists or two strings only");
    if (value->kind == CONFIG_LIST) {
        /* The former list stays in its own setting: what moves here are copies of its texts. */
        struct config_value joined_list = {.kind = CONFIG_LIST, .line = value->line};

        for (size_t i = 0; i < former->count; i++) {
            struct config_value *item;

            if (former->items[i].kind == CONFIG_LIST) {
                free_value(&joined_list);
                return FAIL(p, "+= does not join lists of lists");
            }
            item = add_item(p, &joined_list);
            if (item) {
                item->kind = former->items[i].kind;
                item->line = former->items[i].line;
                item->text = copy_text(p, former->items[i].text, strlen(former->items[i].text));
            }
            if (!item || !item->text) {
                free_value(&joined_list);
                return -1;
            }
        }
        for (size_t i = 0; i < value->count; i++) {
            struct config_value *item = add_item(p, &joined_list);

            if (!item) {
                free_value(&joined_list);
                return -1;
            }
            *item = value->items[i];
            memset(&value->items[i], 0, sizeof(value->items[i]));
        }
        free_value(value);
        *value = joined_list;
        return 0;
    }
    before = strlen(former->text);
    after = strlen(value->text);
    joined = malloc(before + after + 1);
    if (!joined)
        return FAIL(p, "not enough memory");
    memcpy(joined, former->text, before);
    memcpy(joined + before, value->text, after + 1);
    free(value->text);
    value->text = joined;
    return 0;
}

static void free_setting(struct config_setting *setting)
{
    if (!setting)
        return;
    free_value(&setting->value);
    free(setting->key);
    free(setting->file);
    free(setting);
}

/* Parses one setting that starts at p->at. @return it, or NULL with the error set. */
static struct config_setting *parse_setting(struct parser *p, const struct config *c)
{
    struct config_setting *setting = calloc(1, sizeof(*setting));
    const struct config_setting *former;
    const char *start = p->at;
    bool append;

    if (!setting) {
        FAIL(p, "not enough memory");
        return NULL;
    }
    setting->line = p->line;
    while (has_more(p) && (is_letter(*p->at) || is_digit(*p->at) || *p->at == '-'))
        p->at++;
    if (p->at == start || !is_letter(*start)) {
        FAIL(p, "expected `key = value`");
        goto failed;
    }
    setting->key = copy_text(p, start, (size_t)(p->at - start));
    setting->file = copy_text(p, p->file, strlen(p->file));
    if (!setting->key || !setting->file)
        goto failed;
    skip_blanks(p, false);
    append = p->end - p->at >= 2 && p->at[0] == '+' && p->at[1] == '=';
    if (!append && (!has_more(p) || *p->at != '=')) {
        FAIL(p, "expected = after '%s'", setting->key);
        goto failed;
    }
    p->at += append ? 2 : 1;
    if (!p->bare_words)
        skip_blanks(p, false);
    if (p->bare_words ? parse_argument_value(p, &setting->value)
                      : parse_value(p, &setting->value, 0))
        goto failed;
    former = append ? config_find(c, setting->key) : NULL;
    if (former && append_value(p, &former->value, &setting->value))
        goto failed;
    skip_blanks(p, false);
    if (has_more(p) && *p->at != '\n' && *p->at != ';') {
        FAIL(p, "expected the end of the line or ; after the value of '%s'", setting->key);
        goto failed;
    }
    return setting;

failed:
    free_setting(setting);
    return NULL;
}

static int parse_all(struct parser *p, struct config *c)
{
    for (;;) {
        struct config_setting *setting;

        skip_blanks(p, true);
        if (!has_more(p))
            return 0;
        if (*p->at == ';') {
            p->at++;
            continue;
        }
        setting = parse_setting(p, c);
        if (!setting)
            return -1;
        *c->end = setting;
        c->end = &setting->next;
    }
}

void config_init(struct config *c)
{
    c->first = NULL;
    c->end = &c->first;
}

void config_free(struct config *c)
{
    while (c->first) {
        struct config_setting *setting = c->first;

        c->first = setting->next;
        free_setting(setting);
    }
    config_init(c);
}

int config_parse(struct config *c, const char *file, const char *text, size_t length,
                 struct error *e)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of byte order, which some editors write */
    struct parser p = {.file = file, .at = text, .end = text + length, .line = 1, .error = e};

    if (length >= strlen(mark) && !memcmp(text, mark, strlen(mark)))
        p.at += strlen(mark);
    return parse_all(&p, c);
}

int config_parse_argument(struct config *c, const char *argument, struct error *e)
{
    struct parser p = {
        .file = argument,
        .at = argument,
        .end = argument + strlen(argument),
        .bare_words = true,
        .error = e,
    };

    if (!is_letter(*argument) || !strchr(argument, '='))
        return error_set(e, "%.100s: expected key=value", argument);
    return parse_all(&p, c);
}

const struct config_setting *config_find(const struct config *c, const char *key)
{
    const struct config_setting *found = NULL;

    for (const struct config_setting *s = c->first; s; s = s->next)
        if (!strcmp(s->key, key))
            found = s;
    return found;
}
