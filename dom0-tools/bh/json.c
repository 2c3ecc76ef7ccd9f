/* SPDX-License-Identifier: MIT */
/* JSON output. The state is which brackets are open, and whether a comma is due. */
#include "json.h"

#include <string.h>

#include <tools/utf8.h>

#include "bh.h"

/* Bytes that are not UTF-8 are shown as the characters of these numbers. */
static void print_text(const char *text, size_t length)
{
    const char *end = text + length;

    bh_print("\"");
    while (text < end) {
        size_t character = utf8_length(text, (size_t)(end - text));
        unsigned char byte = (unsigned char)*text;

        if (byte == '"' || byte == '\\')
            bh_print("\\%c", byte);
        else if (!character || byte < 0x20 || byte == 0x7f)
            bh_print("\\u%04x", byte);
        else
            bh_print("%.*s", (int)character, text);
        text += character ? character : 1;
    }
    bh_print("\"");
}

/* What comes in front of a value: a comma, a new line, the key. */
static void json_begin(struct json *j, const char *key)
{
    if (!j->depth)
        return;
    bh_print("%s\n%*s", j->empty[j->depth] ? "" : ",", (int)(2 * j->depth), "");
    j->empty[j->depth] = false;
    if (key) {
        print_text(key, strlen(key));
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
    print_text(bytes, length);
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
