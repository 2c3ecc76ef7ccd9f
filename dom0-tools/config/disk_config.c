/* SPDX-License-Identifier: MIT */
/*
 * An item of `disk = [ ... ]`, in the syntax of xl-disk-configuration: the positional parameters
 * target, format, vdev and access, each of them by name as well, flags, and the prefixes of older
 * versions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tools/device_config.h>

#include "parameters.h"

#define EXPECTED \
    "expected `target, format, vdev, access` or key=value, such as '/dev/vda1,raw,xvda,rw'"

struct reading {
    struct disk_config *disk;
    struct error *error;
    bool target_set, format_set, vdev_set, access_set, discard_set;
};

/* ---- Virtual device numbers ---- */

#define EXTENDED_NUMBER   (1u << 28) /* disk << 8 | partition */
#define MAX_EXTENDED_DISK ((1u << 20) - 1)
#define MAX_NUMBER        ((1u << 29) - 1)
#define XVD_MAJOR         202u
#define SD_MAJOR          8u

/*
 * Reads letters as a number: a is 0, z 25, aa 26. @return what follows, or NULL if there are none.
 */
static const char *disk_read_letters(const char *at, uint32_t *disk)
{
    uint32_t value = 0;
    const char *start = at;

    for (; *at >= 'a' && *at <= 'z'; at++) {
        value = value * 26 + (uint32_t)(*at - 'a') + 1;
        if (value > MAX_EXTENDED_DISK + 1)
            return NULL;
    }
    *disk = value - 1;
    return at == start ? NULL : at;
}

/* Reads up to @max in decimal. @return what follows, or NULL. */
static const char *disk_read_decimal(const char *at, uint32_t max, uint32_t *number)
{
    const char *start = at;
    uint32_t value = 0;

    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (uint32_t)(*at - '0');
        if (value > max)
            return NULL;
    }
    *number = value;
    return at == start ? NULL : at;
}

/* A number as strtoul has it: decimal, octal behind 0, hexadecimal behind 0x. */
static int disk_read_number(const char *text, uint32_t *number)
{
    char *end;
    unsigned long value;

    if (*text < '0' || *text > '9')
        return -1;
    value = strtoul(text, &end, 0);
    if (*end || value > MAX_NUMBER)
        return -1;
    *number = (uint32_t)value;
    return 0;
}

static int xvd_number(uint32_t disk, uint32_t partition, uint32_t *number)
{
    if (disk > MAX_EXTENDED_DISK || partition > 255)
        return -1;
    *number = disk < 16 && partition < 16 ? XVD_MAJOR << 8 | disk << 4 | partition
                                          : EXTENDED_NUMBER | disk << 8 | partition;
    return 0;
}

static int hd_number(uint32_t disk, uint32_t partition, uint32_t *number)
{
    if (disk > 3 || partition > 63)
        return -1;
    *number = (disk < 2 ? 3u : 22u) << 8 | (disk & 1) << 6 | partition;
    return 0;
}

static int sd_number(uint32_t disk, uint32_t partition, uint32_t *number)
{
    if (disk > 15 || partition > 15)
        return -1;
    *number = SD_MAJOR << 8 | disk << 4 | partition;
    return 0;
}

/* "d2p1" */
static int disk_read_plain(const char *vdev, uint32_t *number)
{
    uint32_t disk, partition;
    const char *at = disk_read_decimal(vdev + 1, MAX_EXTENDED_DISK, &disk);

    if (!at || *at != 'p')
        return -1;
    at = disk_read_decimal(at + 1, 255, &partition);
    return at && !*at ? xvd_number(disk, partition, number) : -1;
}

int disk_number_parse(const char *vdev, uint32_t *number)
{
    static const struct {
        const char *prefix;
        int (*number)(uint32_t disk, uint32_t partition, uint32_t *number);
    } kinds[] = {{"xvd", xvd_number}, {"hd", hd_number}, {"sd", sd_number}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t length = strlen(kinds[i].prefix);
        uint32_t disk = 0, partition = 0;
        const char *at;

        if (strncmp(vdev, kinds[i].prefix, length) != 0)
            continue;
        at = disk_read_letters(vdev + length, &disk);
        if (at && *at)
            at = *at == '0' ? NULL : disk_read_decimal(at, 255, &partition);
        return at && !*at ? kinds[i].number(disk, partition, number) : -1;
    }
    if (vdev[0] == 'd')
        return disk_read_plain(vdev, number);
    return disk_read_number(vdev, number);
}

/* ---- The parameters ---- */

static int given_twice(struct reading *r, const char *name)
{
    return error_set(r->error, "%s is given twice", name);
}

static int disk_read_target(struct reading *r, const char *value)
{
    char path[DISK_TARGET_SIZE + 8];

    if (r->target_set)
        return given_twice(r, "target");
    r->target_set = true;
    if (!*value)
        return 0;
    snprintf(path, sizeof(path), "%s%s", *value == '/' ? "" : "/dev/", value);
    return parameter_copy(r->disk->target, sizeof(r->disk->target), "target", path, r->error);
}

static int disk_read_format(struct reading *r, const char *value)
{
    if (r->format_set)
        return given_twice(r, "format");
    r->format_set = true;
    if (!*value || !strcmp(value, "raw"))
        return 0;
    if (!strcmp(value, "qcow") || !strcmp(value, "qcow2") || !strcmp(value, "vhd") ||
        !strcmp(value, "qed"))
        return error_set(r->error, "format '%s' is not supported here: expected raw", value);
    return error_set(r->error, "'%s' is not a format: %s", value, EXPECTED);
}

static int disk_read_devtype(struct reading *r, const char *value)
{
    if (!strcmp(value, "cdrom"))
        r->disk->cdrom = true;
    else if (*value && strcmp(value, "disk") != 0)
        return error_set(r->error, "devtype '%s': expected disk or cdrom", value);
    return 0;
}

/* Also "xvdc:cdrom", an older form. */
static int disk_read_vdev(struct reading *r, const char *value)
{
    char name[PARAMETER_SIZE];
    char *colon;

    if (r->vdev_set)
        return given_twice(r, "vdev");
    r->vdev_set = true;
    snprintf(name, sizeof(name), "%s", value);
    colon = strchr(name, ':');
    if (colon) {
        *colon = '\0';
        if (disk_read_devtype(r, colon + 1))
            return -1;
    }
    if (*name && disk_number_parse(name, &r->disk->number))
        return error_set(r->error,
                         "vdev '%s': expected a name such as xvda, xvdb1, sda or hdc, or a "
                         "device number such as 51712 or 0xca00",
                         name);
    return parameter_copy(r->disk->vdev, sizeof(r->disk->vdev), "vdev", name, r->error);
}

static int disk_read_access(struct reading *r, const char *value)
{
    static const struct {
        const char *word;
        enum disk_access access;
    } words[] = {
        {"r", DISK_READ_ONLY},      {"ro", DISK_READ_ONLY},   {"w", DISK_WRITE},
        {"rw", DISK_WRITE},         {"", DISK_WRITE},         {"w!", DISK_WRITE_SHARED},
        {"rw!", DISK_WRITE_SHARED}, {"!", DISK_WRITE_SHARED},
    };

    if (r->access_set)
        return given_twice(r, "access");
    r->access_set = true;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!strcmp(value, words[i].word)) {
            r->disk->access = words[i].access;
            return 0;
        }
    }
    return error_set(r->error,
                     "access '%s': expected r, ro, w, rw, or w! for a disk that is "
                     "shared for writing",
                     value);
}

static int disk_read_backend(struct reading *r, const char *value)
{
    if (!*value || !strcmp(value, "0") || !strcmp(value, "Domain-0"))
        return 0;
    return error_set(r->error,
                     "backend '%s': back ends in other domains than Domain-0 are not "
                     "supported here",
                     value);
}

static int disk_read_backendtype(struct reading *r, const char *value)
{
    if (!*value || !strcmp(value, "phy"))
        return 0;
    return error_set(r->error, "backendtype '%s' is not supported here: expected phy", value);
}

static int disk_read_script(struct reading *r, const char *value)
{
    if (!*value || !strcmp(value, "block"))
        return 0;
    return error_set(r->error, "script '%s': scripts are not supported here", value);
}

static int disk_read_specification(struct reading *r, const char *value)
{
    if (!*value || !strcmp(value, "xen"))
        return 0;
    return error_set(r->error, "specification '%s' is not supported here: expected xen", value);
}

static const struct {
    const char *key;
    int (*read)(struct reading *r, const char *value);
} keys[] = {
    {"format", disk_read_format},   {"vdev", disk_read_vdev},
    {"access", disk_read_access},   {"devtype", disk_read_devtype},
    {"backend", disk_read_backend}, {"backendtype", disk_read_backendtype},
    {"script", disk_read_script},   {"specification", disk_read_specification},
};

static int disk_read_key(struct reading *r, const struct parameter *p)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (!strcmp(p->key, keys[i].key))
            return keys[i].read(r, p->value);
    return error_set(r->error, "unknown parameter '%s': %s", p->key, EXPECTED);
}

static int set_discard(struct reading *r, bool discard)
{
    if (r->discard_set)
        return given_twice(r, "discard");
    r->discard_set = true;
    r->disk->discard = discard;
    return 0;
}

/* @return 1 if @word is a flag, 0 if not, -1 with the error. */
static int disk_read_flag(struct reading *r, const char *word)
{
    if (!strcmp(word, "cdrom"))
        r->disk->cdrom = true;
    else if (!strcmp(word, "direct-io-safe"))
        r->disk->direct_io_safe = true;
    else if (!strcmp(word, "trusted") || !strcmp(word, "untrusted"))
        r->disk->trusted = *word == 't';
    else if (!strcmp(word, "discard") || !strcmp(word, "no-discard"))
        return set_discard(r, *word == 'd') ? -1 : 1;
    else if (!strncmp(word, "colo", 4))
        return error_set(r->error, "'%s' is not supported here", word);
    else
        return 0;
    return 1;
}

/*
 * Takes the prefixes of older versions off a target. @return where the target itself begins, or
 * NULL with the error.
 */
static const char *skip_prefixes(struct reading *r, const char *value)
{
    static const char *const ignored[] = {
        "phy:", "file:", "tap:", "tap2:", "aio:", "tapdisk:", "ioemu:"};
    static const char *const formats[] = {"raw:", "qcow:", "qcow2:", "vhd:"};
    static const char *const scripts[] = {"iscsi:", "nbd:", "enbd:", "drbd:"};
    char format[8];
    size_t i = 0;

    while (i < sizeof(ignored) / sizeof(ignored[0])) {
        if (!strncmp(value, ignored[i], strlen(ignored[i]))) {
            value += strlen(ignored[i]);
            r->format_set = true; /* the old syntax has no format at its place */
            i = 0;
        } else {
            i++;
        }
    }
    for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        size_t length = strlen(formats[i]);

        if (strncmp(value, formats[i], length) != 0)
            continue;
        snprintf(format, sizeof(format), "%.*s", (int)length - 1, formats[i]);
        r->format_set = false;
        return disk_read_format(r, format) ? NULL : value + length;
    }
    for (i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        if (!strncmp(value, scripts[i], strlen(scripts[i]))) {
            error_set(r->error, "'%s' needs a script: scripts are not supported here", value);
            return NULL;
        }
    }
    return value;
}

static int disk_read_positional(struct reading *r, const char *value)
{
    uint32_t number;

    if (!r->target_set) {
        value = skip_prefixes(r, value);
        return value ? disk_read_target(r, value) : -1;
    }
    /* "/a.img,xvda,w" and ",hdc:cdrom,r", an older form, have no format. */
    if (!r->format_set && !strchr(value, ':') && disk_number_parse(value, &number))
        return disk_read_format(r, value);
    r->format_set = true;
    if (!r->vdev_set)
        return disk_read_vdev(r, value);
    if (!r->access_set)
        return disk_read_access(r, value);
    return *value ? error_set(r->error, "'%s' is one too many: %s", value, EXPECTED) : 0;
}

/* Reads one text. */
static int disk_read_text(struct reading *r, const char *text)
{
    while (text) {
        struct parameter p;
        int flag;

        /* The target by name takes all the rest, commas too. */
        while (*text == ' ' || *text == '\t')
            text++;
        if (!strncmp(text, "target=", 7))
            return disk_read_target(r, text + 7);
        if (parameter_next(&text, &p, r->error))
            return -1;
        /* A comma at the very end does not begin another. */
        if (text && !*text)
            text = NULL;
        if (p.key[0]) {
            if (disk_read_key(r, &p))
                return -1;
            continue;
        }
        flag = disk_read_flag(r, p.value);
        if (flag < 0 || (!flag && disk_read_positional(r, p.value)))
            return -1;
    }
    return 0;
}

int disk_config_parse(struct disk_config *disk, const char *const *texts, size_t count,
                      struct error *e)
{
    struct reading r = {.disk = disk, .error = e};

    memset(disk, 0, sizeof(*disk));
    disk->access = DISK_WRITE;
    disk->discard = disk->trusted = true;
    for (size_t i = 0; i < count; i++)
        if (disk_read_text(&r, texts[i]))
            return -1;
    if (!disk->vdev[0] && strstr(disk->target, "vdev="))
        return error_set(e,
                         "vdev is missing: target= takes all that follows, so it must be the last");
    if (!disk->vdev[0])
        return error_set(e, "vdev is missing: %s", EXPECTED);
    if (disk->cdrom)
        disk->access = DISK_READ_ONLY;
    if (!disk->target[0] && !disk->cdrom)
        return error_set(e, "target is missing: %s", EXPECTED);
    return 0;
}

const char *disk_access_word(enum disk_access access)
{
    return access == DISK_READ_ONLY ? "r" : access == DISK_WRITE ? "w" : "w!";
}
