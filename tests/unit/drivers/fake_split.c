/* SPDX-License-Identifier: MIT */
/* See fake_split.h. The line of flags is for lint; the programs say the same. */
/* CFLAGS: -include pv-guest/include/memory.h -idirafter pv-guest/include */
#undef calloc
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "fake_split.h"
#include "notes.h"

struct split_driver *driver;
struct split_device split;
bool no_memory;
unsigned int writes, fail_write;
int state_error;

static struct {
    char key[48];
    char value[40];
} nodes[40];

void fake_split_start(uint32_t id)
{
    memset(nodes, 0, sizeof(nodes));
    writes = fail_write = 0;
    state_error = 0;
    no_memory = false;
    notes[0] = '\0';
    split = (struct split_device){.other = FRONT, .id = id};
}

void *counted_calloc(size_t count, size_t size);

void *counted_calloc(size_t count, size_t size)
{
    return no_memory ? NULL : calloc(count, size);
}

/* ---- The store ---- */

void set(const char *key, const char *value)
{
    unsigned int i = 0;

    while (nodes[i].key[0] && strcmp(nodes[i].key, key) != 0)
        assert_true(++i < 40);
    snprintf(nodes[i].key, sizeof(nodes[i].key), "%s", key);
    snprintf(nodes[i].value, sizeof(nodes[i].value), "%s", value ? value : "");
    if (!value)
        nodes[i].key[0] = '-';
}

static const char *node(const char *whose, const char *key)
{
    char name[48];

    snprintf(name, sizeof(name), "%s/%s", whose, key);
    for (unsigned int i = 0; i < 40; i++)
        if (strcmp(nodes[i].key, name) == 0)
            return nodes[i].value;
    return NULL;
}

int read_node(const char *whose, const char *key, char **value)
{
    const char *text = node(whose, key);

    if (!text)
        return -ENOENT;
    *value = strdup(text);
    return (int)strlen(text);
}

int split_own_text(const struct split_device *device, const char *key, char **value)
{
    return read_node("own", key, value);
}

int split_other_text(const struct split_device *device, const char *key, char **value)
{
    return read_node("other", key, value);
}

static int give_number(const char *text, uint64_t *value)
{
    if (!text)
        return -ENOENT;
    *value = strtoull(text, NULL, 10);
    return 0;
}

int split_own_number(const struct split_device *device, const char *key, uint64_t *value)
{
    return give_number(node("own", key), value);
}

int split_other_number(const struct split_device *device, const char *key, uint64_t *value)
{
    return give_number(node("other", key), value);
}

uint64_t split_other_feature(const struct split_device *device, const char *key)
{
    uint64_t value;

    return split_other_number(device, key, &value) ? 0 : value;
}

int split_write(struct split_device *device, store_transaction transaction, const char *key,
                const char *format, ...)
{
    char value[64];
    va_list args;

    assert_int_equal(transaction, 0);
    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    note("%s=%s ", key, value);
    return ++writes == fail_write ? -ENOSPC : 0;
}

/* ---- The driver and its device ---- */

int split_register(struct split_driver *new_driver)
{
    driver = new_driver;
    return -EEXIST;
}

int split_set_state(struct split_device *device, enum xenbus_state state)
{
    note("state=%d ", (int)state);
    device->state = state;
    return state_error;
}

void split_fail(struct split_device *device, int error, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    note("fail(%d, %s) ", error, text);
}
