/* SPDX-License-Identifier: MIT */
/* Parameters of device descriptions: separated by commas, each `key=value` or a word. */
#include <string.h>

#include "parameters.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* How many bytes at @text could be a key: a small letter, then small letters, digits and dashes. */
static size_t key_length(const char *text)
{
    size_t length = 0;

    while ((text[length] >= 'a' && text[length] <= 'z') ||
           (length && ((text[length] >= '0' && text[length] <= '9') || text[length] == '-' ||
                       text[length] == '_')))
        length++;
    return length;
}

int parameter_next(const char **text, struct parameter *p, struct error *e)
{
    const char *at = *text, *end;
    size_t key, length;

    while (is_blank(*at))
        at++;
    key = key_length(at);
    if (key && at[key] == '=' && key < sizeof(p->key)) {
        memcpy(p->key, at, key);
        p->key[key] = '\0';
        at += key + 1;
    } else {
        p->key[0] = '\0';
    }
    p->rest = at;
    length = strcspn(at, ",");
    end = at + length;
    *text = *end ? end + 1 : NULL;
    while (length && is_blank(at[length - 1]))
        length--;
    if (length >= sizeof(p->value))
        return error_set(e, "a parameter has more than %d bytes", PARAMETER_SIZE - 1);
    memcpy(p->value, at, length);
    p->value[length] = '\0';
    return 0;
}

int parameter_copy(char *to, size_t size, const char *name, const char *value, struct error *e)
{
    size_t length = strlen(value);

    if (length >= size)
        return error_set(e, "%s has more than %zu bytes", name, size - 1);
    memcpy(to, value, length + 1);
    return 0;
}

int parameter_number(const char *text, uint64_t max, uint64_t *number)
{
    uint64_t value = 0;

    if (!*text)
        return -1;
    for (; *text; text++) {
        unsigned int digit = (unsigned int)(*text - '0');

        if (digit > 9 || value > (max - digit) / 10)
            return -1;
        value = value * 10 + digit;
    }
    *number = value;
    return value <= max ? 0 : -1;
}
