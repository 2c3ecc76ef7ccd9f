/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's file system as dom0 sees it: the tree and its listings, what is wrong with paths
 * and buffers, and the message levels, which can be written. Other domains may not use it.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <public/hypfs.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

#define LEVEL "/params/loglvl"
#define GUEST "/params/guest_loglvl"
#define GRAN  "/cpupool/0/sched-gran"

static union {
    struct xen_hypfs_direntry entry;
    char bytes[4096];
} room;
static const char *const content = room.bytes + sizeof(room.entry);

static long hypfs(unsigned long op, const void *path, unsigned long path_size, void *buffer,
                  unsigned long size)
{
    return hypercall_any(__HYPERVISOR_hypfs_op, op, (unsigned long)path, path_size,
                         (unsigned long)buffer, size, 0);
}

static long read_some(const char *path, unsigned long size)
{
    memset(&room, 0x5a, sizeof(room));
    return hypfs(XEN_HYPFS_OP_read, path, strlen(path) + 1, &room, size);
}

static long read_path(const char *path)
{
    return read_some(path, sizeof(room));
}

static long write_bytes(const char *path, const void *data, unsigned long size)
{
    return hypfs(XEN_HYPFS_OP_write_contents, path, strlen(path) + 1, (void *)data, size);
}

static long write_text(const char *path, const char *text)
{
    return write_bytes(path, text, strlen(text) + 1);
}

/* All of it is for dom0. */
static bool is_refused(void)
{
    if (guest_is_dom0())
        return false;
    CHECK_EQ(hypfs(XEN_HYPFS_OP_get_version, NULL, 0, NULL, 0), -EPERM);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_get_version, "/", 2, NULL, 0), -EPERM);
    CHECK_EQ(hypfs(99, NULL, 0, NULL, 0), -EPERM);
    CHECK_EQ(read_path("/"), -EPERM);
    CHECK_EQ(read_path("nonsense"), -EPERM);
    CHECK_EQ(write_text(LEVEL, "all"), -EPERM);
    return true;
}

static void test_version(void)
{
    if (is_refused())
        return;
    CHECK_EQ(hypfs(XEN_HYPFS_OP_get_version, NULL, 0, NULL, 0), XEN_HYPFS_VERSION);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_get_version, "/", 0, NULL, 0), -EINVAL);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_get_version, NULL, 1, NULL, 0), -EINVAL);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_get_version, NULL, 0, &room, 0), -EINVAL);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_get_version, NULL, 0, NULL, 1), -EINVAL);
    /* An operation that there is not: the path is looked at first. */
    CHECK_EQ(hypfs(3, NULL, 0, NULL, 0), -EINVAL);
    CHECK_EQ(hypfs(3, "/nothing", 9, NULL, 0), -ENOENT);
    CHECK_EQ(hypfs(3, "/", 2, NULL, 0), -EOPNOTSUPP);
    CHECK_EQ(hypfs(99, LEVEL, sizeof(LEVEL), &room, sizeof(room)), -EOPNOTSUPP);
    CHECK_EQ(hypfs(1ul << 32, NULL, 0, NULL, 0), XEN_HYPFS_VERSION);
}

static const struct {
    const char *path;
    unsigned int type, max_write_len;
} entries[] = {
    {"/", XEN_HYPFS_TYPE_DIR, 0},
    {"/buildinfo", XEN_HYPFS_TYPE_DIR, 0},
    {"/buildinfo/changeset", XEN_HYPFS_TYPE_STRING, 0},
    {"/buildinfo/compileinfo", XEN_HYPFS_TYPE_DIR, 0},
    {"/buildinfo/compileinfo/compile_by", XEN_HYPFS_TYPE_STRING, 0},
    {"/buildinfo/compileinfo/compile_date", XEN_HYPFS_TYPE_STRING, 0},
    {"/buildinfo/compileinfo/compile_domain", XEN_HYPFS_TYPE_STRING, 0},
    {"/buildinfo/compileinfo/compiler", XEN_HYPFS_TYPE_STRING, 0},
    {"/buildinfo/version", XEN_HYPFS_TYPE_DIR, 0},
    {"/buildinfo/version/extra", XEN_HYPFS_TYPE_STRING, 0},
    {"/buildinfo/version/major", XEN_HYPFS_TYPE_UINT, 0},
    {"/buildinfo/version/minor", XEN_HYPFS_TYPE_UINT, 0},
    {"/cpupool", XEN_HYPFS_TYPE_DIR, 0},
    {"/cpupool/0", XEN_HYPFS_TYPE_DIR, 0},
    {GRAN, XEN_HYPFS_TYPE_STRING, 8},
    {"/params", XEN_HYPFS_TYPE_DIR, 0},
    {GUEST, XEN_HYPFS_TYPE_STRING, 16},
    {LEVEL, XEN_HYPFS_TYPE_STRING, 16},
};

static void test_entries(void)
{
    if (is_refused())
        return;
    for (unsigned int i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        const struct xen_hypfs_direntry *e = &room.entry;
        uint32_t len;

        if (!CHECK_EQ(read_path(entries[i].path), 0)) {
            printf("%s\n", entries[i].path);
            continue;
        }
        CHECK_EQ(e->type, entries[i].type);
        CHECK_EQ(e->encoding, XEN_HYPFS_ENC_PLAIN);
        CHECK_EQ(e->pad, 0);
        CHECK_EQ(e->max_write_len, entries[i].max_write_len);
        if (e->type == XEN_HYPFS_TYPE_STRING)
            CHECK_EQ(strlen(content) + 1, e->content_len);
        if (e->type == XEN_HYPFS_TYPE_UINT)
            CHECK_EQ(e->content_len, 4);
        /* One byte less of room: then there is the description alone. */
        len = e->content_len;
        CHECK_EQ(room.bytes[sizeof(*e) + len], 0x5a);
        CHECK_EQ(read_some(entries[i].path, sizeof(*e) + len), 0);
        CHECK_EQ(read_some(entries[i].path, sizeof(*e) + len - 1), -ENOBUFS);
        CHECK_EQ(e->content_len, len);
        CHECK_EQ(room.bytes[sizeof(*e)], 0x5a);
    }
}

static void test_contents(void)
{
    xen_compile_info_t compile;
    xen_extraversion_t extra;
    xen_changeset_info_t changeset;

    if (is_refused())
        return;
    CHECK_EQ(read_path("/buildinfo/version/major"), 0);
    CHECK(!memcmp(content, &(uint32_t){4}, 4));
    CHECK_EQ(read_path("/buildinfo/version/minor"), 0);
    CHECK(!memcmp(content, &(uint32_t){17}, 4));
    CHECK_EQ(hypercall_xen_version(XENVER_extraversion, extra), 0);
    CHECK_EQ(hypercall_xen_version(XENVER_changeset, changeset), 0);
    CHECK_EQ(hypercall_xen_version(XENVER_compile_info, &compile), 0);
    /* Xen's xen_version shows its name behind that. */
    CHECK_EQ(read_path("/buildinfo/version/extra"), 0);
    CHECK(!strncmp(content, extra, strlen(content)));
    CHECK_EQ(read_path("/buildinfo/changeset"), 0);
    CHECK(!strcmp(content, changeset));
    CHECK_EQ(read_path("/buildinfo/compileinfo/compiler"), 0);
    CHECK(!strncmp(content, compile.compiler, sizeof(compile.compiler) - 1));
    CHECK_EQ(read_path("/buildinfo/compileinfo/compile_date"), 0);
    CHECK(!strncmp(content, compile.compile_date, sizeof(compile.compile_date) - 1));
    CHECK_EQ(read_path(GRAN), 0);
    CHECK(!strcmp(content, "cpu"));
}

/*
 * Each element of a listing says what the entry itself says, and is as long as its name needs; but
 * there is more room for a number.
 */
static void check_listing(const char *path)
{
    static char copy[sizeof(room)];
    bool numbered = !strcmp(path, "/cpupool");
    char last[64] = "", entry_path[128];
    uint32_t at = 0, length;

    if (!CHECK_EQ(read_path(path), 0))
        return;
    length = room.entry.content_len;
    memcpy(copy, content, length);
    while (at < length) {
        struct xen_hypfs_dirlistentry *e = (void *)(copy + at);
        uint32_t size = 14 + (numbered ? 8 : (strlen(e->name) + 1 + 3) & ~3u);

        CHECK(strcmp(last, e->name) < 0);
        snprintf(last, sizeof(last), "%s", e->name);
        snprintf(entry_path, sizeof(entry_path), "%s/%s", path[1] ? path : "", e->name);
        CHECK_EQ(read_path(entry_path), 0);
        CHECK(!memcmp(&room.entry, &e->e, sizeof(e->e)));
        at += size;
        CHECK_EQ(e->off_next, at < length ? size : 0);
    }
    CHECK_EQ(at, length);
}

static void test_listings(void)
{
    if (is_refused())
        return;
    for (unsigned int i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        if (entries[i].type == XEN_HYPFS_TYPE_DIR)
            check_listing(entries[i].path);
    /* What fills up the name of an element is left as it was. */
    CHECK_EQ(read_path("/cpupool/0"), 0);
    CHECK_EQ(room.entry.content_len, 26);
    CHECK_EQ(content[25], 0x5a);
}

static const struct {
    const char *path;
    long result;
} paths[] = {
    {"", -EINVAL},
    {"params", -EINVAL},
    {"params/loglvl", -EINVAL},
    {"//", -ENOENT},
    {"//params", -ENOENT},
    {"/params/", 0},
    {"/params//", -ENOENT},
    {"/params//loglvl", -ENOENT},
    {"/nothing", -ENOENT},
    {"/nothing/more", -ENOENT},
    {LEVEL "/", -ENOENT},
    {LEVEL "//", -ENOENT},
    {LEVEL "/more", -ENOENT},
    {"/params/logl", -ENOENT},
    {"/params/loglvll", -ENOENT},
    {"/params/LOGLVL", -ENOENT},
    {"/cpupool/0/", 0},
    {"/cpupool/0/nothing", -ENOENT},
    {GRAN "/", -ENOENT},
    /* Names of pools are numbers. */
    {"/cpupool/00", 0},
    {"/cpupool/0000000000000000000000000/sched-gran", 0},
    {"/cpupool/1", -ENOENT},
    {"/cpupool/01", -ENOENT},
    {"/cpupool/1/sched-gran", -ENOENT},
    {"/cpupool/-0", -ENOENT},
    {"/cpupool/+0", -ENOENT},
    {"/cpupool/ 0", -ENOENT},
    {"/cpupool/0 ", -ENOENT},
    {"/cpupool/0x0", -ENOENT},
    {"/cpupool/0a", -ENOENT},
    {"/cpupool/4294967296", -ENOENT},
    {"/cpupool0", -ENOENT},
    {"/00", -ENOENT},
};

static void test_paths(void)
{
    static char longest[XEN_HYPFS_MAX_PATHLEN + 1];
    unsigned long max = XEN_HYPFS_MAX_PATHLEN;

    if (is_refused())
        return;
    for (unsigned int i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        long result = read_path(paths[i].path);

        if (result != paths[i].result)
            test_fail(__FILE__, __LINE__, "'%s' gives %ld", paths[i].path, result);
    }
    /* The 0 is at the end, and nowhere else. */
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, "/params", 0, &room, sizeof(room)), -EINVAL);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, "/params", 7, &room, sizeof(room)), -EINVAL);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, "/params\0", 9, &room, sizeof(room)), -EINVAL);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, "/params", 1ul << 32 | 8, &room, sizeof(room)), -EINVAL);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, "/params", ~0ul, &room, sizeof(room)), -EINVAL);
    memset(longest, 'a', max);
    longest[0] = '/';
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, longest, max + 1, &room, sizeof(room)), -EINVAL);
    longest[max - 1] = '\0';
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, longest, max, &room, sizeof(room)), -ENOENT);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, UNMAPPED_ADDRESS, 5, &room, sizeof(room)), -EFAULT);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, HYPERVISOR_ADDRESS, 5, &room, sizeof(room)), -EFAULT);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, NULL, 5, &room, sizeof(room)), -EFAULT);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, UNMAPPED_ADDRESS, 0, &room, sizeof(room)), -EINVAL);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, UNMAPPED_ADDRESS, max + 1, &room, sizeof(room)), -EINVAL);
}

static void test_buffers(void)
{
    if (is_refused())
        return;
    CHECK_EQ(read_some("/", 0), -EINVAL);
    CHECK_EQ(read_some("/", sizeof(room.entry) - 1), -EINVAL);
    CHECK_EQ(room.bytes[0], 0x5a);
    CHECK_EQ(read_some("/", sizeof(room.entry)), -ENOBUFS);
    CHECK_EQ(room.entry.type, XEN_HYPFS_TYPE_DIR);
    CHECK_EQ(read_some(LEVEL, 1ul << 32), 0);
    CHECK_EQ(read_some(LEVEL, ~0ul), 0);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, "/", 2, UNMAPPED_ADDRESS, sizeof(room)), -EFAULT);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, "/", 2, UNMAPPED_ADDRESS, sizeof(room.entry)), -EFAULT);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, "/", 2, UNMAPPED_ADDRESS, 5), -EINVAL);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, "/", 2, HYPERVISOR_ADDRESS, sizeof(room)), -EFAULT);
    CHECK_EQ(hypfs(XEN_HYPFS_OP_read, "/nothing", 9, UNMAPPED_ADDRESS, 5), -ENOENT);
}

/* What is written, and what the option is then; NULL: it is refused with -EINVAL. */
static const struct {
    const char *text, *then;
} levels[] = {
    {"all", "all/all"},
    {"none", "none/none"},
    {"error", "error/error"},
    {"warning", "warning/warning"},
    {"info", "info/info"},
    {"debug", "all/all"},
    {"error/all", "error/all"},
    {"none/debug", "none/all"},
    {"all/error", "all/all"},
    {"warning/none", "warning/warning"},
    {"", "warning/warning"},
    {"/info", "warning/info"},
    {"/error", "warning/warning"},
    {"/", NULL},
    {"info/", NULL},
    {"infox", NULL},
    {"inf", NULL},
    {"Info", NULL},
    {" info", NULL},
    {"info ", NULL},
    {"1", NULL},
    {"info/x", NULL},
    {"x/info", NULL},
    {"info/all/", NULL},
    {"info/warning/error", NULL},
    {"errorwarning", NULL},
};

static void check_levels(const char *path)
{
    static char before[16];

    CHECK_EQ(read_path(path), 0);
    snprintf(before, sizeof(before), "%s", content);
    for (unsigned int i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        long result = write_text(path, levels[i].text);

        CHECK_EQ(read_path(path), 0);
        if (result != (levels[i].then ? 0 : -EINVAL) ||
            (levels[i].then && strcmp(content, levels[i].then) != 0))
            test_fail(__FILE__, __LINE__, "%s: '%s' gives %ld, '%s'", path, levels[i].text, result,
                      content);
    }
    CHECK_EQ(write_text(path, before), 0);
    CHECK_EQ(read_path(path), 0);
    CHECK(!strcmp(content, before));
}

static void test_levels(void)
{
    if (is_refused())
        return;
    check_levels(LEVEL);
    check_levels(GUEST);
}

static void test_writes(void)
{
    static char text[1025];

    if (is_refused())
        return;
    memset(text, 'a', sizeof(text));
    CHECK_EQ(write_bytes(LEVEL, "info", 4), -EDOM);
    CHECK_EQ(write_bytes(LEVEL, "in\0fo", 6), -EDOM);
    CHECK_EQ(write_bytes(LEVEL, "info", 0), -EDOM);
    CHECK_EQ(write_bytes(LEVEL, "info", 1ul << 32), -EDOM);
    CHECK_EQ(write_bytes(LEVEL, text, 16), -EDOM);
    CHECK_EQ(write_bytes(LEVEL, text, 17), -EDOM);
    CHECK_EQ(write_bytes(LEVEL, text, 128), -EDOM);
    CHECK_EQ(write_bytes(LEVEL, text, 129), -ENOSPC);
    CHECK_EQ(write_bytes(LEVEL, text, sizeof(text)), -ENOSPC);
    CHECK_EQ(write_bytes(LEVEL, text, 1ul << 31), -ENOSPC);
    CHECK_EQ(write_bytes(LEVEL, text, ~0ul), -ENOSPC);
    CHECK_EQ(write_bytes(LEVEL, UNMAPPED_ADDRESS, 5), -EFAULT);
    CHECK_EQ(write_bytes(LEVEL, HYPERVISOR_ADDRESS, 5), -EFAULT);
    CHECK_EQ(write_bytes(LEVEL, NULL, 5), -EFAULT);
    CHECK_EQ(write_bytes(LEVEL, UNMAPPED_ADDRESS, sizeof(text)), -ENOSPC);
    CHECK_EQ(write_bytes(LEVEL, UNMAPPED_ADDRESS, 0), -EDOM);

    CHECK_EQ(write_text(GRAN, "cpu"), -EBUSY);
    CHECK_EQ(write_text(GRAN, "core"), -EBUSY);
    CHECK_EQ(write_text(GRAN, "socket"), -EBUSY);
    CHECK_EQ(write_bytes(GRAN, "cpu", 1ul << 32 | 4), -EBUSY);
    CHECK_EQ(write_text(GRAN, "thread"), -EINVAL);
    CHECK_EQ(write_text(GRAN, ""), -EINVAL);
    CHECK_EQ(write_bytes(GRAN, "cpu", 3), -EINVAL);
    CHECK_EQ(write_bytes(GRAN, "cpu\0x", 6), -EINVAL);
    CHECK_EQ(write_bytes(GRAN, text, 8), -EINVAL);
    CHECK_EQ(write_bytes(GRAN, text, 9), -ENOSPC);
    CHECK_EQ(write_bytes(GRAN, "cpu", 0), -EINVAL);
    CHECK_EQ(write_bytes(GRAN, UNMAPPED_ADDRESS, 8), -EFAULT);
    CHECK_EQ(write_bytes(GRAN, UNMAPPED_ADDRESS, 9), -ENOSPC);

    /* All else is read-only. */
    for (unsigned int i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        if (entries[i].max_write_len)
            continue;
        CHECK_EQ(write_text(entries[i].path, "x"), -EACCES);
        CHECK_EQ(write_bytes(entries[i].path, UNMAPPED_ADDRESS, 4), -EACCES);
        CHECK_EQ(write_bytes(entries[i].path, NULL, 0), -EACCES);
    }
    CHECK_EQ(write_text("/nothing", "x"), -ENOENT);
    CHECK_EQ(write_text("/params/nothing", "x"), -ENOENT);
    CHECK_EQ(write_text("/cpupool/1/sched-gran", "cpu"), -ENOENT);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"version", test_version},   {"entries", test_entries}, {"contents", test_contents},
        {"listings", test_listings}, {"paths", test_paths},     {"buffers", test_buffers},
        {"levels", test_levels},     {"writes", test_writes},   {NULL, NULL},
    };

    run_tests(tests);
}
