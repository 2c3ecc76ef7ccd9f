/* SPDX-License-Identifier: MIT */
/*
 * The ramdisk as a read-only tree: a "newc" cpio archive, searched from its start each time. An
 * entry is a header of hexadecimal text, the name, and the data, each padded to four bytes.
 */
#include <errno.h>
#include <fs.h>
#include <guest.h>
#include <string.h>

#define MAGIC          "070701"
#define TRAILER        "TRAILER!!!"
#define MODE_TYPE      0170000u
#define MODE_DIRECTORY 0040000u
#define NAME_MAX       255

struct header {
    char magic[6], ino[8], mode[8], uid[8], gid[8], nlink[8], mtime[8], filesize[8];
    char devmajor[8], devminor[8], rdevmajor[8], rdevminor[8], namesize[8], check[8];
};

/* A position in the archive and the entry found there. */
struct cursor {
    const char *at;
    const char *end;
    const char *name;
    struct fs_file file;
};

static uint32_t hex_field(const char field[8])
{
    uint32_t value = 0;

    for (unsigned int i = 0; i < 8; i++) {
        unsigned int digit = (unsigned char)field[i];

        value <<= 4;
        value |= digit >= 'a' ? digit - 'a' + 10 : digit >= 'A' ? digit - 'A' + 10 : digit - '0';
    }
    return value;
}

static size_t padded(size_t size)
{
    return (size + 3) & ~(size_t)3;
}

/* Names start without "/" or "./", so that "/a", "./a" and "a" are one. */
static const char *bare_name(const char *name)
{
    for (;;) {
        if (name[0] == '/')
            name++;
        else if (name[0] == '.' && (name[1] == '/' || name[1] == '\0'))
            name++;
        else
            return name;
    }
}

static bool open_archive(struct cursor *cursor)
{
    cursor->at = (const char *)start_info->mod_start;
    cursor->end = cursor->at + start_info->mod_len;
    return start_info->mod_len >= sizeof(struct header) &&
           memcmp(cursor->at, MAGIC, sizeof(MAGIC) - 1) == 0;
}

/* Go to the next entry. Sizes are checked: the archive may be cut short. */
static bool next_entry(struct cursor *cursor)
{
    const struct header *header = (const struct header *)cursor->at;
    size_t left = (size_t)(cursor->end - cursor->at);
    size_t name_size, data_offset;

    if (left < sizeof(*header) || memcmp(header->magic, MAGIC, sizeof(header->magic)) != 0)
        return false;
    name_size = hex_field(header->namesize);
    data_offset = padded(sizeof(*header) + name_size);
    cursor->file.size = hex_field(header->filesize);
    if (name_size == 0 || data_offset > left || cursor->file.size > left - data_offset)
        return false;
    cursor->name = cursor->at + sizeof(*header);
    if (cursor->name[name_size - 1] != '\0' || strcmp(cursor->name, TRAILER) == 0)
        return false;
    cursor->name = bare_name(cursor->name);
    cursor->file.mode = hex_field(header->mode);
    cursor->file.directory = (cursor->file.mode & MODE_TYPE) == MODE_DIRECTORY;
    cursor->file.data = cursor->file.directory ? NULL : cursor->at + data_offset;
    data_offset += padded(cursor->file.size);
    cursor->at = data_offset < left ? cursor->at + data_offset : cursor->end;
    return true;
}

static const struct fs_file any_directory = {.directory = true, .mode = MODE_DIRECTORY | 0755};

/* Length of a path without the slashes at its end. */
static size_t path_length(const char *path)
{
    size_t length = strlen(path);

    while (length > 0 && path[length - 1] == '/')
        length--;
    return length;
}

int fs_lookup(const char *path, struct fs_file *file)
{
    struct cursor cursor;
    size_t length;

    if (!open_archive(&cursor))
        return -ENODEV;
    path = bare_name(path);
    length = path_length(path);
    *file = any_directory;
    if (length == 0)
        return 0;
    while (next_entry(&cursor)) {
        if (strncmp(cursor.name, path, length) != 0)
            continue;
        if (cursor.name[length] == '/')
            return 0;
        if (cursor.name[length] == '\0') {
            *file = cursor.file;
            return 0;
        }
    }
    return -ENOENT;
}

/* Whether an entry before @stop already had @name below the directory. */
static bool listed_before(const char *stop, const char *prefix, size_t prefix_length,
                          const char *name, size_t name_length)
{
    struct cursor cursor;

    open_archive(&cursor);
    while (cursor.at < stop && next_entry(&cursor)) {
        const char *rest = cursor.name + prefix_length;

        if (cursor.at >= stop)
            return false;
        if (strncmp(cursor.name, prefix, prefix_length) == 0 &&
            strncmp(rest, name, name_length) == 0 &&
            (rest[name_length] == '\0' || rest[name_length] == '/'))
            return true;
    }
    return false;
}

int fs_list(const char *path,
            bool (*entry)(const char *name, const struct fs_file *file, void *argument),
            void *argument)
{
    char prefix[NAME_MAX + 2], name[NAME_MAX + 1];
    struct cursor cursor;
    struct fs_file directory;
    size_t prefix_length;
    int error = fs_lookup(path, &directory);

    if (error)
        return error;
    if (!directory.directory)
        return -ENOTDIR;
    path = bare_name(path);
    prefix_length = path_length(path);
    if (prefix_length > NAME_MAX)
        return -ENOENT;
    memcpy(prefix, path, prefix_length);
    if (prefix_length > 0)
        prefix[prefix_length++] = '/';
    open_archive(&cursor);
    while (next_entry(&cursor)) {
        const char *rest = cursor.name + prefix_length;
        size_t length;

        if (strncmp(cursor.name, prefix, prefix_length) != 0)
            continue;
        length = strcspn(rest, "/");
        if (length == 0 || length > NAME_MAX ||
            listed_before(cursor.at, prefix, prefix_length, rest, length))
            continue;
        memcpy(name, rest, length);
        name[length] = '\0';
        if (!entry(name, rest[length] ? &any_directory : &cursor.file, argument))
            break;
    }
    return 0;
}
