/* SPDX-License-Identifier: MIT */
/* JSON output. The state is which brackets are open, and whether a comma is due. */
#include "json.h"

#include <stdio.h>
#include <string.h>

#include <tools/utf8.h>

#include "bh.h"

/* Writes one character, or its number if a terminal would take it for a command. */
static void write_character(struct bh_writer *w, const char *text, size_t length)
{
    unsigned int number = (unsigned char)*text;
    char escape[8];

    if (length == 2 && utf8_is_control(text, length))
        number = (unsigned char)text[1]; /* U+0080 to U+009f */
    if (number == '"' || number == '\\') {
        bh_write(w, "\\", 1);
        bh_write(w, text, 1);
    } else if (!length || utf8_is_control(text, length)) {
        snprintf(escape, sizeof(escape), "\\u%04x", number);
        bh_write(w, escape, strlen(escape));
    } else {
        bh_write(w, text, length);
    }
}

/* Bytes that are not UTF-8 are shown as the characters of these numbers. */
static void print_text(const struct json *j, const char *text, size_t length)
{
    struct bh_writer w = {.others_run = j->others_run};
    const char *end = text + length;

    bh_write(&w, "\"", 1);
    while (text < end) {
        size_t character = utf8_length(text, (size_t)(end - text));

        write_character(&w, text, character);
        text += character ? character : 1;
    }
    bh_write(&w, "\"", 1);
    bh_write_end(&w);
}

/* What comes in front of a value: a comma, a new line, the key. */
static void json_begin(struct json *j, const char *key)
{
    if (!j->depth)
        return;
    bh_print("%s\n%*s", j->empty[j->depth] ? "" : ",", (int)(2 * j->depth), "");
    j->empty[j->depth] = false;
    if (key) {
        print_text(j, key, strlen(key));
        bh_print(": ");
    }
}

static void json_end(const struct json *j)
{
    if (!j->depth)
        bh_print("\n");
}

void json_open(struct json *j, const char *key, char bracket)
{
    json_begin(j, key);
    bh_print("%c", bracket);
    j->empty[++j->depth] = true;
}

void json_close(struct json *j, char bracket)
{
    bool empty = j->empty[j->depth--];

    if (empty)
        bh_print("%c", bracket);
    else
        bh_print("\n%*s%c", (int)(2 * j->depth), "", bracket);
    json_end(j);
}

void json_bytes(struct json *j, const char *key, const void *bytes, size_t length)
{
    json_begin(j, key);
    print_text(j, bytes, length);
    json_end(j);
}

void json_text(struct json *j, const char *key, const char *text)
{
    json_bytes(j, key, text, strlen(text));
}

void json_number(struct json *j, const char *key, uint64_t number)
{
    json_begin(j, key);
    bh_print("%llu", (unsigned long long)number);
    json_end(j);
}

void json_signed(struct json *j, const char *key, int64_t number)
{
    json_begin(j, key);
    bh_print("%lld", (long long)number);
    json_end(j);
}

void json_tenths(struct json *j, const char *key, uint64_t tenths)
{
    json_begin(j, key);
    bh_print("%llu.%llu", (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10));
    json_end(j);
}

void json_null(struct json *j, const char *key)
{
    json_begin(j, key);
    bh_print("null");
    json_end(j);
}

void json_bool(struct json *j, const char *key, bool value)
{
    json_begin(j, key);
    bh_print("%s", value ? "true" : "false");
    json_end(j);
}
