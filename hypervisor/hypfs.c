/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_hypfs_op: the tree of named values that `xenhypfs` shows, and in which xl changes boot
 * options of the running machine (public/hypfs.h).
 *
 * The tree is that of Xen 4.17, as far as we have what it names: Xen's /buildinfo/config is the
 * configuration that it was compiled with, and we have none; /params holds those of our options
 * that can be changed later. The tree itself never changes, so it needs no lock.
 */
#include <console.h>
#include <domain.h>
#include <guest_access.h>
#include <hypercall.h>
#include <public/hypfs.h>
#include <version.h>

#define SHOWN_MAX     16U  /* bytes of a text that is made at the moment it is read */
#define PARAMETER_MAX 128U /* bytes that may be written to a parameter, whatever it understands */

STATIC_ASSERT(CONSOLE_LEVEL_MAX <= SHOWN_MAX);

struct entry {
    const char *name;
    u8 type; /* XEN_HYPFS_TYPE_DIR, _STRING or _UINT */
    /* A directory has its entries, in the order of their names. */
    bool numbered; /* its entries have numbers for names */
    u8 nr_entries;
    const struct entry *entries;
    /* A number is a value, a string a text, or one that show() makes. */
    u32 value;
    const char *text;
    void (*show)(char *text);
    /* NULL: the entry is read-only. */
    long (*write)(unsigned long buffer, u32 size);
    u32 max_write_len;
};

/* What an entry holds at this moment; of a directory the size alone, since list() writes it. */
struct content {
    const void *data;
    u32 size;
    char shown[SHOWN_MAX];
};

/* ---- what can be written ---- */

static long write_level(enum console_level level, unsigned long buffer, u32 size)
{
    char text[PARAMETER_MAX];

    if (size > sizeof(text))
        return -XEN_ENOSPC;
    if (copy_from_guest(text, buffer, size))
        return -XEN_EFAULT;
    if (!size || memchr(text, '\0', size) != text + size - 1)
        return -XEN_EDOM;
    return console_set_level(level, text) ? 0 : -XEN_EINVAL;
}

static void show_loglvl(char *text)
{
    console_get_level(CONSOLE_LOGLVL, text);
}

static long write_loglvl(unsigned long buffer, u32 size)
{
    return write_level(CONSOLE_LOGLVL, buffer, size);
}

static void show_guest_loglvl(char *text)
{
    console_get_level(CONSOLE_GUEST_LOGLVL, text);
}

static long write_guest_loglvl(unsigned long buffer, u32 size)
{
    return write_level(CONSOLE_GUEST_LOGLVL, buffer, size);
}

#define GRANULARITY_MAX 8U

/*
 * What is scheduled as one: a thread, a core, or a socket. Only a pool without CPUs can change it,
 * and ours has all of them.
 */
static long write_granularity(unsigned long buffer, u32 size)
{
    static const char names[][GRANULARITY_MAX] = {"cpu", "core", "socket"};
    char text[GRANULARITY_MAX];

    if (size > sizeof(text))
        return -XEN_ENOSPC;
    if (copy_from_guest(text, buffer, size))
        return -XEN_EFAULT;
    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
        if (size == strlen(names[i]) + 1 && !memcmp(text, names[i], size))
            return -XEN_EBUSY;
    return -XEN_EINVAL;
}

/* ---- the tree ---- */

#define DIR(entry_name, list)                                            \
    {                                                                    \
        .name = entry_name, .type = XEN_HYPFS_TYPE_DIR, .entries = list, \
        .nr_entries = ARRAY_SIZE(list)                                   \
    }
#define TEXT(entry_name, string)                                          \
    {                                                                     \
        .name = entry_name, .type = XEN_HYPFS_TYPE_STRING, .text = string \
    }
#define NUMBER(entry_name, number)                                       \
    {                                                                    \
        .name = entry_name, .type = XEN_HYPFS_TYPE_UINT, .value = number \
    }
#define LEVEL(option)                                                          \
    {                                                                          \
        .name = #option, .type = XEN_HYPFS_TYPE_STRING, .show = show_##option, \
        .write = write_##option, .max_write_len = CONSOLE_LEVEL_MAX            \
    }

static const struct entry compileinfo[] = {
    TEXT("compile_by", hv_compile_info.compile_by),
    TEXT("compile_date", hv_compile_info.compile_date),
    TEXT("compile_domain", hv_compile_info.compile_domain),
    TEXT("compiler", hv_compile_info.compiler),
};
static const struct entry version[] = {
    TEXT("extra", BULKHEAD_EXTRAVERSION),
    NUMBER("major", XEN_ABI_MAJOR),
    NUMBER("minor", XEN_ABI_MINOR),
};
static const struct entry buildinfo[] = {
    TEXT("changeset", hv_changeset),
    DIR("compileinfo", compileinfo),
    DIR("version", version),
};
static const struct entry pool[] = {
    {.name = "sched-gran",
     .type = XEN_HYPFS_TYPE_STRING,
     .text = "cpu",
     .write = write_granularity,
     .max_write_len = GRANULARITY_MAX},
};
static const struct entry pools[] = {DIR("0", pool)};
static const struct entry params[] = {LEVEL(guest_loglvl), LEVEL(loglvl)};
static const struct entry top[] = {
    DIR("buildinfo", buildinfo),
    {.name = "cpupool",
     .type = XEN_HYPFS_TYPE_DIR,
     .numbered = true,
     .entries = pools,
     .nr_entries = ARRAY_SIZE(pools)},
    DIR("params", params),
};
static const struct entry root = DIR("", top);

/* ---- finding an entry ---- */

/* Is the name, of @len bytes, that of @e? A number may have zeros in front. */
static bool is_named(const struct entry *dir, const struct entry *e, const char *name, size_t len)
{
    size_t own = strlen(e->name);

    for (; dir->numbered && len != own && *name == '0'; len--)
        name++;
    return len == own && !memcmp(name, e->name, len);
}

/*
 * Follows @path, which has no slash at its beginning, from @dir on. A slash at the end of the name
 * of a directory is ignored.
 * @return NULL: there is no such entry
 */
static const struct entry *follow(const struct entry *dir, const char *path)
{
    while (*path) {
        const char *slash = strchr(path, '/');
        size_t len = slash ? (size_t)(slash - path) : strlen(path);
        const struct entry *e = NULL;

        for (unsigned int i = 0; i < dir->nr_entries && !e; i++)
            if (is_named(dir, &dir->entries[i], path, len))
                e = &dir->entries[i];
        if (!e || !slash)
            return e;
        if (e->type != XEN_HYPFS_TYPE_DIR)
            return NULL;
        dir = e;
        path = slash + 1;
    }
    return dir;
}

/*
 * @size: of the path, the 0 at its end included
 * @return 0; -XEN_EINVAL: this is no path; -XEN_EFAULT; -XEN_ENOENT
 */
static long find_entry(unsigned long path, unsigned long size, const struct entry **found)
{
    char text[XEN_HYPFS_MAX_PATHLEN];

    if (!size || size > sizeof(text))
        return -XEN_EINVAL;
    if (copy_from_guest(text, path, size))
        return -XEN_EFAULT;
    if (memchr(text, '\0', size) != text + size - 1 || *text != '/')
        return -XEN_EINVAL;
    *found = follow(&root, text + 1);
    return *found ? 0 : -XEN_ENOENT;
}

/* ---- reading ---- */

/*
 * @return how many bytes @e takes in the listing of @dir. As in Xen, each number has room for one
 * of seven digits.
 */
static u32 element_size(const struct entry *dir, const struct entry *e)
{
    size_t name = dir->numbered ? 8 : strlen(e->name) + 1;

    return (u32)(offsetof(struct xen_hypfs_dirlistentry, name) +
                 ROUND_UP(name, __alignof__(struct xen_hypfs_direntry)));
}

static void get_content(const struct entry *e, struct content *c)
{
    switch (e->type) {
    case XEN_HYPFS_TYPE_DIR:
        c->data = NULL;
        c->size = 0;
        for (unsigned int i = 0; i < e->nr_entries; i++)
            c->size += element_size(e, &e->entries[i]);
        break;
    case XEN_HYPFS_TYPE_UINT:
        c->data = &e->value;
        c->size = sizeof(e->value);
        break;
    default:
        c->data = e->text;
        if (e->show) {
            e->show(c->shown);
            c->data = c->shown;
        }
        c->size = (u32)strlen(c->data) + 1;
        break;
    }
}

static struct xen_hypfs_direntry describe(const struct entry *e, const struct content *c)
{
    return (struct xen_hypfs_direntry){
        .type = e->type, .content_len = c->size, .max_write_len = e->max_write_len};
}

static long list(const struct entry *dir, unsigned long buffer)
{
    for (unsigned int i = 0; i < dir->nr_entries; i++) {
        const struct entry *e = &dir->entries[i];
        struct xen_hypfs_dirlistentry element = {0};
        struct content c;

        get_content(e, &c);
        element.e = describe(e, &c);
        if (i + 1 < dir->nr_entries)
            element.off_next = (u16)element_size(dir, e);
        if (copy_to_guest(buffer, &element, offsetof(struct xen_hypfs_dirlistentry, name)) ||
            copy_to_guest(buffer + offsetof(struct xen_hypfs_dirlistentry, name), e->name,
                          strlen(e->name) + 1))
            return -XEN_EFAULT;
        buffer += element_size(dir, e);
    }
    return 0;
}

/* @room: bytes of the buffer. See XEN_HYPFS_OP_read. */
static long read_entry(const struct entry *e, unsigned long buffer, unsigned long room)
{
    struct xen_hypfs_direntry head;
    struct content c;

    if (room < sizeof(head))
        return -XEN_EINVAL;
    get_content(e, &c);
    head = describe(e, &c);
    if (put_guest(buffer, &head))
        return -XEN_EFAULT;
    if (room - sizeof(head) < c.size)
        return -XEN_ENOBUFS;
    if (e->type == XEN_HYPFS_TYPE_DIR)
        return list(e, buffer + sizeof(head));
    return copy_to_guest(buffer + sizeof(head), c.data, c.size) ? -XEN_EFAULT : 0;
}

long do_hypfs_op(unsigned int cmd, unsigned long arg1, unsigned long arg2, unsigned long arg3,
                 unsigned long arg4)
{
    const struct entry *e;
    long rc;

    if (!current->domain->privileged)
        return -XEN_EPERM;
    if (cmd == XEN_HYPFS_OP_get_version)
        return arg1 || arg2 || arg3 || arg4 ? -XEN_EINVAL : XEN_HYPFS_VERSION;
    rc = find_entry(arg1, arg2, &e);
    if (rc)
        return rc;
    switch (cmd) {
    case XEN_HYPFS_OP_read:
        return read_entry(e, arg3, arg4);
    case XEN_HYPFS_OP_write_contents:
        return e->write ? e->write(arg3, (u32)arg4) : -XEN_EACCES;
    default:
        return -XEN_EOPNOTSUPP;
    }
}
