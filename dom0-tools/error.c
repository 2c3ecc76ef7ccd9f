/* SPDX-License-Identifier: MIT */
/* Sentences about failures: see tools/error.h. */
#include <stdio.h>
#include <string.h>

#include <public/errno.h>

#include <tools/error.h>
#include <tools/utf8.h>

int error_vset(struct error *e, const char *format, va_list args)
{
    char text[ERROR_TEXT_SIZE];

    if (!e)
        return -1;
    vsnprintf(text, sizeof(text), format, args);
    utf8_printable(e->text, sizeof(e->text), text);
    return -1;
}

int error_set(struct error *e, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    error_vset(e, format, args);
    va_end(args);
    return -1;
}

int error_prefix(struct error *e, const char *format, ...)
{
    char rest[ERROR_TEXT_SIZE];
    size_t used;
    va_list args;

    if (!e)
        return -1;
    memcpy(rest, e->text, sizeof(rest));
    va_start(args, format);
    error_vset(e, format, args);
    va_end(args);
    used = strlen(e->text);
    snprintf(e->text + used, sizeof(e->text) - used, ": %s", rest);
    return -1;
}

const char *error_file_words(int xen_errno)
{
    switch (xen_errno) {
    case XEN_ENOENT:
        return "no such file or directory";
    case XEN_EISDIR:
        return "is a directory";
    case XEN_ENOTDIR:
        return "is not a directory";
    case XEN_ENODEV:
        return "there is no file system";
    default:
        return error_words(xen_errno);
    }
}

const char *error_words(int xen_errno)
{
    static const struct {
        int number;
        const char *words;
    } table[] = {
        {1, "operation not permitted"},
        {2, "no such thing"},
        {3, "no such domain"},
        {4, "interrupted"},
        {5, "input/output error"},
        {7, "argument list too long"},
        {11, "busy, try again"},
        {12, "not enough memory"},
        {13, "the hypervisor has another interface version"},
        {14, "bad address"},
        {16, "busy"},
        {17, "exists already"},
        {19, "no such device"},
        {22, "invalid argument"},
        {28, "no space left"},
        {34, "out of range"},
        {38, "not implemented"},
        {39, "not empty"},
        {75, "value too large"},
        {85, "interrupted, to be restarted"},
        {90, "message too long"},
        {95, "not supported"},
        {106, "connected already"},
        {107, "not connected"},
        {110, "timed out"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].number == xen_errno)
            return table[i].words;
    return "unknown error";
}
