/* SPDX-License-Identifier: MIT */
/* JSON output. The state is which brackets are open, and whether a comma is due. */
#include "json.h"

#include <string.h>

#include "bh.h"

/* How many bytes at @at are one character in UTF-8 of more than one byte; 0 if they are none. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
    size_t length = at[0] >= 0xc2 && at[0] < 0xe0   ? 2
                    : at[0] >= 0xe0 && at[0] < 0xf0 ? 3
                    : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                                    : 0;

    if (!length || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    /* Longer than needed; a surrogate; beyond the last character. */
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

/* Bytes that are not UTF-8 are shown as the characters of these numbers. */
static void print_text(const void *text, size_t length)
{
    const unsigned char *at = text, *end = at + length;

    bh_print("\"");
    while (at < end) {
        size_t character = utf8_length(at, (size_t)(end - at));

        if (character)
            bh_print("%.*s", (int)character, (const char *)at);
        else if (*at == '"' || *at == '\\')
            bh_print("\\%c", *at);
        else if (*at < 0x20 || *at >= 0x7f)
            bh_print("\\u%04x", *at);
        else
            bh_print("%c", *at);
        at += character ? character : 1;
    }
    bh_print("\"");
}

/* What comes in front of a value: a comma, a new line, the key. */
static void begin(struct json *j, const char *key)
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

static void end(const struct json *j)
{
    if (!j->depth)
        bh_print("\n");
}

void json_open(struct json *j, const char *key, char bracket)
{
    begin(j, key);
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
    end(j);
}

void json_bytes(struct json *j, const char *key, const void *bytes, size_t length)
{
    begin(j, key);
    print_text(bytes, length);
    end(j);
}

void json_text(struct json *j, const char *key, const char *text)
{
    json_bytes(j, key, text, strlen(text));
}

void json_number(struct json *j, const char *key, uint64_t number)
{
    begin(j, key);
    bh_print("%llu", (unsigned long long)number);
    end(j);
}

void json_signed(struct json *j, const char *key, int64_t number)
{
    begin(j, key);
    bh_print("%lld", (long long)number);
    end(j);
}

void json_bool(struct json *j, const char *key, bool value)
{
    begin(j, key);
    bh_print("%s", value ? "true" : "false");
    end(j);
}
