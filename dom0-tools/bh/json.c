/* SPDX-License-Identifier: MIT */
/* JSON output. The state is which brackets are open, and whether a comma is due. */
#include "json.h"

#include "bh.h"

static void print_text(const char *text)
{
    bh_print("\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            bh_print("\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            bh_print("\\u%04x", c);
        else
            bh_print("%c", c);
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
        print_text(key);
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

void json_text(struct json *j, const char *key, const char *text)
{
    begin(j, key);
    print_text(text);
    end(j);
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
