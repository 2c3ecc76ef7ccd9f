/* SPDX-License-Identifier: MIT */
/* The words of a request. */
#include <string.h>

#include <public/errno.h>

#include "session.h"

unsigned int session_split_payload(struct store_session *s, const char **strings, unsigned int max)
{
    unsigned int count = 0;
    size_t at = 0;

    while (at < s->header.len) {
        size_t length = strlen(s->payload + at);

        if (at + length >= s->header.len || count == max)
            return UINT32_MAX; /* not ended, or one too many: no request has such a form */
        strings[count++] = s->payload + at;
        at += length + 1;
    }
    return count;
}

int parse_decimal(const char *text, uint64_t max, uint64_t *number)
{
    uint64_t value = 0;

    if (!*text)
        return XEN_EINVAL;
    for (; *text; text++) {
        unsigned int digit = (unsigned int)(*text - '0');

        if (digit > 9 || value > (max - digit) / 10)
            return XEN_EINVAL;
        value = value * 10 + digit;
    }
    *number = value;
    return 0;
}
