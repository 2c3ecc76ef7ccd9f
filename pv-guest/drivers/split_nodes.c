/* SPDX-License-Identifier: MIT */
/*
 * The nodes of split devices: reading those of both ends, and writing our own, which never brings
 * back a node that the tools have removed.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "split_internal.h"

int split_read_text(const char *folder, const char *key, char **value)
{
    char path[NODE_SIZE];

    if (snprintf(path, sizeof(path), "%s/%s", folder, key) >= (int)sizeof(path))
        return -E2BIG;
    return store_read(0, path, value);
}

/* All of @text is a decimal number. */
int split_parse_number(const char *text, uint64_t *value)
{
    uint64_t number = 0;

    if (!*text)
        return -EINVAL;
    for (; *text; text++) {
        unsigned int digit = (unsigned int)(*text - '0');

        if (digit > 9 || number > (UINT64_MAX - digit) / 10)
            return -EINVAL;
        number = number * 10 + digit;
    }
    *value = number;
    return 0;
}

int split_read_number(const char *folder, const char *key, uint64_t *value)
{
    char *text;
    int error = split_read_text(folder, key, &text);

    if (error < 0)
        return error;
    error = split_parse_number(text, value);
    free(text);
    return error;
}

/* A state; one that is absent, unreadable to us or nonsense is Unknown. */
int split_read_state(const char *folder, enum xenbus_state *state)
{
    uint64_t value = XenbusStateUnknown;
    int error = split_read_number(folder, "state", &value);

    if (error && error != -ENOENT && error != -EACCES && error != -EINVAL)
        return error;
    *state = value <= XenbusStateReconfigured ? (enum xenbus_state)value : XenbusStateUnknown;
    return 0;
}

int split_own_number(const struct split_device *device, const char *key, uint64_t *value)
{
    return split_read_number(device->path, key, value);
}

int split_other_number(const struct split_device *device, const char *key, uint64_t *value)
{
    return split_read_number(device->other_path, key, value);
}

uint64_t split_other_feature(const struct split_device *device, const char *key)
{
    uint64_t value;

    return split_read_number(device->other_path, key, &value) ? 0 : value;
}

int split_own_text(const struct split_device *device, const char *key, char **value)
{
    return split_read_text(device->path, key, value);
}

int split_other_text(const struct split_device *device, const char *key, char **value)
{
    return split_read_text(device->other_path, key, value);
}

struct node_write {
    const struct split_device *device;
    const char *key, *value;
};

/* Writes a node unless the device's own is gone: that must not come back by our writing. */
static int write_node_in(store_transaction transaction, void *argument)
{
    const struct node_write *node = argument;
    const struct split_device *device = node->device;
    char path[NODE_SIZE];
    char *state;
    int error;

    snprintf(path, sizeof(path), "%s/state", device->path);
    error = store_read(transaction, path, &state);
    if (error < 0)
        return error;
    free(state);
    if (snprintf(path, sizeof(path), "%s/%s", device->path, node->key) >= (int)sizeof(path))
        return -E2BIG;
    return store_write(transaction, path, node->value);
}

int split_write(struct split_device *device, store_transaction transaction, const char *key,
                const char *format, ...)
{
    struct node_write node = {.device = device, .key = key};
    va_list arguments;
    char *value;
    int error;

    va_start(arguments, format);
    error = vasprintf(&value, format, arguments);
    va_end(arguments);
    if (error < 0)
        return -ENOMEM;
    node.value = value;
    error = transaction ? write_node_in(transaction, &node) : store_change(write_node_in, &node);
    free(value);
    return error;
}

int split_set_state(struct split_device *device, enum xenbus_state state)
{
    char text[4];
    int error;

    snprintf(text, sizeof(text), "%d", (int)state);
    error = store_change(write_node_in, &(struct node_write){device, "state", text});
    if (!error)
        device->state = state;
    return error;
}
