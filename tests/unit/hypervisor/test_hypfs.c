/* SPDX-License-Identifier: MIT */
/*
 * The tree of hypfs: what it holds, how it is listed, which paths and buffers are refused, and that
 * a level that is written counts for the next message. What a guest can see of it stands in
 * tests/guest/test-hypfs.c, which Xen passes, too.
 */
/* SOURCES: hypervisor/hypfs.c hypervisor/console.c hypervisor/spinlock.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <console.h>
#include <domain.h>
#include <hypercall.h>
#include <public/hypfs.h>
#include <version.h>

/* ---- the machine around it ---- */

s_time_t host_now;
__thread bool host_irqs_on = true;
static struct cpu_info info;
static struct domain domain;
static struct vcpu vcpu;
static unsigned long fault_at; /* guest address from which on access faults; 0: none */

const struct xen_compile_info hv_compile_info = {
    .compiler = "gcc 12", .compile_by = "somebody", .compile_date = "Jan  1 2026 12:00:00"};
const char hv_changeset[] = "cc8e592";

void tlb_relax(void)
{
    __builtin_trap(); /* nobody else runs who could end a wait */
}

struct cpu_info *get_cpu_info(void)
{
    return &info;
}

void *host_guest_pointer(unsigned long addr, unsigned long bytes)
{
    return !addr || (fault_at && addr + bytes > fault_at && addr < fault_at + PAGE_SIZE)
               ? NULL
               : (void *)addr;
}

void host_guest_window(bool open)
{
}

unsigned long guest_copy_raw(void *dst, const void *src, unsigned long bytes)
{
    if (bytes && (!host_guest_pointer((unsigned long)dst, bytes) ||
                  !host_guest_pointer((unsigned long)src, bytes)))
        return bytes;
    memcpy(dst, src, bytes);
    return 0;
}

void panic(const char *fmt, ...)
{
    fail_msg("panic: %s", fmt);
    __builtin_unreachable();
}

/* ---- what was printed ---- */

static unsigned int writes;

static void device_write(const char *text, size_t len)
{
    writes++;
}

static struct console_driver device = {.name = "test", .write = device_write};

static bool is_printed(enum loglevel level)
{
    writes = 0;
    printk(level, "message");
    return writes != 0;
}

static bool guest_is_printed(enum loglevel level)
{
    host_now += SECONDS(100);
    writes = 0;
    printk_guest(level, "message");
    return writes != 0;
}

/* ---- calls ---- */

static union {
    struct xen_hypfs_direntry entry;
    char bytes[4096];
} room;
static const char *const content = room.bytes + sizeof(room.entry);

static long hypfs(unsigned int op, const void *path, unsigned long path_size, const void *buffer,
                  unsigned long size)
{
    return do_hypfs_op(op, (unsigned long)path, path_size, (unsigned long)buffer, size);
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
    return hypfs(XEN_HYPFS_OP_write_contents, path, strlen(path) + 1, data, size);
}

static long write_text(const char *path, const char *text)
{
    return write_bytes(path, text, strlen(text) + 1);
}

static void assert_text(const char *path, const char *text)
{
    assert_int_equal(read_path(path), 0);
    assert_int_equal(room.entry.type, XEN_HYPFS_TYPE_STRING);
    assert_int_equal(room.entry.content_len, strlen(text) + 1);
    assert_string_equal(content, text);
}

static void assert_number(const char *path, u32 number)
{
    assert_int_equal(read_path(path), 0);
    assert_int_equal(room.entry.type, XEN_HYPFS_TYPE_UINT);
    assert_int_equal(room.entry.content_len, sizeof(number));
    assert_memory_equal(content, &number, sizeof(number));
}

static int setup(void **state)
{
    console_set_levels("info", "none/warning");
    info.vcpu = &vcpu;
    vcpu.domain = &domain;
    domain.privileged = true;
    fault_at = 0;
    return 0;
}

/* ---- tests ---- */

static void refused(void **state)
{
    domain.privileged = false;
    assert_int_equal(hypfs(XEN_HYPFS_OP_get_version, NULL, 0, NULL, 0), -XEN_EPERM);
    assert_int_equal(hypfs(99, NULL, 0, NULL, 0), -XEN_EPERM);
    assert_int_equal(read_path("/"), -XEN_EPERM);
    assert_int_equal(write_text("/params/loglvl", "all"), -XEN_EPERM);
    domain.privileged = true;
    assert_text("/params/loglvl", "info/info");
}

static void operations(void **state)
{
    assert_int_equal(hypfs(XEN_HYPFS_OP_get_version, NULL, 0, NULL, 0), XEN_HYPFS_VERSION);
    assert_int_equal(hypfs(XEN_HYPFS_OP_get_version, "", 0, NULL, 0), -XEN_EINVAL);
    assert_int_equal(hypfs(XEN_HYPFS_OP_get_version, NULL, 1, NULL, 0), -XEN_EINVAL);
    assert_int_equal(hypfs(XEN_HYPFS_OP_get_version, NULL, 0, "", 0), -XEN_EINVAL);
    assert_int_equal(hypfs(XEN_HYPFS_OP_get_version, NULL, 0, NULL, 1), -XEN_EINVAL);
    assert_int_equal(hypfs(3, NULL, 0, NULL, 0), -XEN_EINVAL);
    assert_int_equal(hypfs(3, "/none", 6, NULL, 0), -XEN_ENOENT);
    assert_int_equal(hypfs(3, "/", 2, NULL, 0), -XEN_EOPNOTSUPP);
}

static void contents(void **state)
{
    assert_text("/buildinfo/changeset", hv_changeset);
    assert_text("/buildinfo/compileinfo/compile_by", "somebody");
    assert_text("/buildinfo/compileinfo/compile_date", "Jan  1 2026 12:00:00");
    assert_text("/buildinfo/compileinfo/compile_domain", "");
    assert_text("/buildinfo/compileinfo/compiler", "gcc 12");
    assert_text("/buildinfo/version/extra", "-bulkhead");
    assert_number("/buildinfo/version/major", 4);
    assert_number("/buildinfo/version/minor", 17);
    assert_text("/cpupool/0/sched-gran", "cpu");
    assert_int_equal(room.entry.max_write_len, 8);
    assert_text("/params/guest_loglvl", "none/warning");
    assert_text("/params/loglvl", "info/info");
    assert_int_equal(room.entry.max_write_len, 16);
}

static unsigned int entries_seen;

/* A listing agrees with what its entries say of themselves, is in order, and as long as it says. */
static void check_tree(const char *path)
{
    char copy[sizeof(room)], name[64], sub[256], last[64] = "";
    u32 at = 0, length, size;

    assert_int_equal(read_path(path), 0);
    entries_seen++;
    assert_int_equal(room.entry.pad, 0);
    assert_int_equal(room.entry.encoding, XEN_HYPFS_ENC_PLAIN);
    length = room.entry.content_len;
    assert_int_equal(room.bytes[sizeof(room.entry) + length], 0x5a);
    if (room.entry.type != XEN_HYPFS_TYPE_DIR)
        return;
    assert_int_equal(room.entry.max_write_len, 0);
    memcpy(copy, content, length);
    while (at < length) {
        struct xen_hypfs_direntry e;
        u16 next;

        memcpy(&e, copy + at, sizeof(e));
        memcpy(&next, copy + at + 12, sizeof(next));
        snprintf(name, sizeof(name), "%s", copy + at + 14);
        assert_true(strcmp(last, name) < 0);
        memcpy(last, name, sizeof(last));
        snprintf(sub, sizeof(sub), "%s/%s", path[1] ? path : "", name);
        assert_int_equal(read_path(sub), 0);
        assert_memory_equal(&room.entry, &e, sizeof(e));
        check_tree(sub);
        size = 14 + (strcmp(path, "/cpupool") ? ROUND_UP((u32)strlen(name) + 1, 4U) : 8U);
        at += size;
        assert_int_equal(next, at < length ? size : 0);
    }
    assert_int_equal(at, length);
}

static void listings(void **state)
{
    entries_seen = 0;
    check_tree("/");
    assert_int_equal(entries_seen, 18);
    assert_int_equal(read_path("/"), 0);
    assert_int_equal(room.entry.content_len, 70); /* as on Xen, whose names they are */
    /* What fills up a name is not written. */
    assert_int_equal(read_path("/cpupool/0"), 0);
    assert_int_equal(room.entry.content_len, 26);
    assert_int_equal(content[25], 0x5a);
}

static void paths(void **state)
{
    static const struct {
        const char *path;
        long result;
    } cases[] = {
        {"", -XEN_EINVAL},
        {"params", -XEN_EINVAL},
        {"//", -XEN_ENOENT},
        {"/params/", 0},
        {"/params//", -XEN_ENOENT},
        {"/params//loglvl", -XEN_ENOENT},
        {"/params/loglvl/", -XEN_ENOENT},
        {"/params/loglvl/x", -XEN_ENOENT},
        {"/params/logl", -XEN_ENOENT},
        {"/params/loglvll", -XEN_ENOENT},
        {"/cpupool/00", 0},
        {"/cpupool/000/sched-gran", 0},
        {"/cpupool/1", -XEN_ENOENT},
        {"/cpupool/01", -XEN_ENOENT},
        {"/cpupool/0x0", -XEN_ENOENT},
        {"/00", -XEN_ENOENT},
    };
    char longest[XEN_HYPFS_MAX_PATHLEN + 1];
    unsigned long max = XEN_HYPFS_MAX_PATHLEN;

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(read_path(cases[i].path), cases[i].result);
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, "/params", 0, &room, 4096), -XEN_EINVAL);
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, "/params", 7, &room, 4096), -XEN_EINVAL);
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, "/params\0", 9, &room, 4096), -XEN_EINVAL);
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, "/params", 1UL << 32 | 8, &room, 4096), -XEN_EINVAL);
    memset(longest, 'a', sizeof(longest));
    longest[0] = '/';
    longest[max] = '\0';
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, longest, max + 1, &room, 4096), -XEN_EINVAL);
    longest[max - 1] = '\0';
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, longest, max, &room, 4096), -XEN_ENOENT);
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, NULL, 8, &room, 4096), -XEN_EFAULT);
}

static void buffers(void **state)
{
    unsigned long size = sizeof(room.entry) + sizeof("info/info");

    assert_int_equal(read_some("/params/loglvl", sizeof(room.entry) - 1), -XEN_EINVAL);
    assert_int_equal(room.bytes[0], 0x5a);
    assert_int_equal(read_some("/params/loglvl", size - 1), -XEN_ENOBUFS);
    assert_int_equal(room.entry.content_len, sizeof("info/info"));
    assert_int_equal(*content, 0x5a);
    assert_int_equal(read_some("/params/loglvl", size), 0);
    assert_int_equal(room.bytes[size], 0x5a);
    assert_int_equal(read_some("/params", sizeof(room.entry)), -XEN_ENOBUFS);
    assert_int_equal(read_some("/params", ~0UL), 0);
    /* The description, the content, the head and the name of an element. */
    fault_at = (unsigned long)&room;
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, "/", 2, &room, 4096), -XEN_EFAULT);
    fault_at = (unsigned long)content;
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, "/params/loglvl", 15, &room, 4096), -XEN_EFAULT);
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, "/", 2, &room, 4096), -XEN_EFAULT);
    fault_at = (unsigned long)content + offsetof(struct xen_hypfs_dirlistentry, name);
    assert_int_equal(hypfs(XEN_HYPFS_OP_read, "/", 2, &room, 4096), -XEN_EFAULT);
}

static void levels(void **state)
{
    static const struct {
        const char *text, *then; /* NULL: refused */
    } cases[] = {
        {"all", "all/all"},
        {"none", "none/none"},
        {"debug", "all/all"},
        {"error/all", "error/all"},
        {"all/error", "all/all"},
        {"none/debug", "none/all"},
        {"", "warning/warning"},
        {"/info", "warning/info"},
        {"/", NULL},
        {"info/", NULL},
        {"infox", NULL},
        {"inf", NULL},
        {"info/x", NULL},
        {"x/info", NULL},
        {"info/warning/error", NULL},
    };
    const char *before = "info/info";

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(write_text("/params/loglvl", cases[i].text),
                         cases[i].then ? 0 : -XEN_EINVAL);
        before = cases[i].then ? cases[i].then : before; /* a refusal changes nothing */
        assert_text("/params/loglvl", before);
    }
    assert_text("/params/guest_loglvl", "none/warning");
}

static void levels_count(void **state)
{
    assert_false(is_printed(LOG_DEBUG));
    assert_int_equal(write_text("/params/loglvl", "all"), 0);
    assert_true(is_printed(LOG_DEBUG));
    assert_int_equal(write_text("/params/loglvl", "none"), 0);
    assert_false(is_printed(LOG_ERR));

    assert_false(guest_is_printed(LOG_INFO));
    assert_int_equal(write_text("/params/guest_loglvl", "none/info"), 0);
    assert_true(guest_is_printed(LOG_INFO));
    assert_text("/params/guest_loglvl", "none/info");
    assert_text("/params/loglvl", "none/none");
}

static void writes_refused(void **state)
{
    char text[200];

    memset(text, 'a', sizeof(text));
    assert_int_equal(write_bytes("/params/loglvl", "all", 3), -XEN_EDOM);
    assert_int_equal(write_bytes("/params/loglvl", "a\0ll", 5), -XEN_EDOM);
    assert_int_equal(write_bytes("/params/loglvl", "all", 0), -XEN_EDOM);
    assert_int_equal(write_bytes("/params/loglvl", "all", 1UL << 32), -XEN_EDOM);
    assert_int_equal(write_bytes("/params/loglvl", text, 128), -XEN_EDOM);
    assert_int_equal(write_bytes("/params/loglvl", text, 129), -XEN_ENOSPC);
    assert_int_equal(write_bytes("/params/loglvl", NULL, 4), -XEN_EFAULT);
    assert_text("/params/loglvl", "info/info");

    assert_int_equal(write_text("/cpupool/0/sched-gran", "cpu"), -XEN_EBUSY);
    assert_int_equal(write_text("/cpupool/0/sched-gran", "socket"), -XEN_EBUSY);
    assert_int_equal(write_text("/cpupool/0/sched-gran", "thread"), -XEN_EINVAL);
    assert_int_equal(write_bytes("/cpupool/0/sched-gran", "cpu", 3), -XEN_EINVAL);
    assert_int_equal(write_bytes("/cpupool/0/sched-gran", "cpu", 0), -XEN_EINVAL);
    assert_int_equal(write_bytes("/cpupool/0/sched-gran", text, 8), -XEN_EINVAL);
    assert_int_equal(write_bytes("/cpupool/0/sched-gran", text, 9), -XEN_ENOSPC);
    assert_int_equal(write_bytes("/cpupool/0/sched-gran", NULL, 4), -XEN_EFAULT);

    assert_int_equal(write_text("/", "x"), -XEN_EACCES);
    assert_int_equal(write_text("/params", "x"), -XEN_EACCES);
    assert_int_equal(write_bytes("/buildinfo/changeset", NULL, 4), -XEN_EACCES);
    assert_int_equal(write_text("/params/none", "x"), -XEN_ENOENT);
}

#define TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refused), TEST(operations), TEST(contents),     TEST(listings),       TEST(paths),
        TEST(buffers), TEST(levels),     TEST(levels_count), TEST(writes_refused),
    };

    console_register(&device);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
