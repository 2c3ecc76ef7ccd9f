/* SPDX-License-Identifier: MIT */
/* The counters of Linux's back drivers, from a fake of the files that Linux shows them in. */
/* SOURCES: dom0-tools/platform/linux/devices.c */
/* CFLAGS: -Idom0-tools */
/* LDFLAGS: -Wl,--wrap=opendir -Wl,--wrap=readdir -Wl,--wrap=closedir -Wl,--wrap=fopen */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <platform.h>

DIR *__wrap_opendir(const char *path);
struct dirent *__wrap_readdir(DIR *directory);
int __wrap_closedir(DIR *directory);
FILE *__wrap_fopen(const char *path, const char *mode);

/* What a folder holds; NULL ends it. */
static const char *const interfaces[] = {".",          "lo",    "vif1.0", "vif12.3",
                                         "vif1.0-emu", "vif9.", "eth.1",  NULL};
static const char *const back_ends[] = {"vbd-1-51712", "vif-1-0", "vbd-70000-1", "vbd-2-51728",
                                        NULL};

static bool there; /* the folders */
static const char *const *next;
static unsigned int open_folders;

DIR *__wrap_opendir(const char *path)
{
    if (!there)
        return NULL;
    next = !strcmp(path, "/sys/class/net") ? interfaces : back_ends;
    open_folders++;
    return (DIR *)&next;
}

struct dirent *__wrap_readdir(DIR *directory)
{
    static struct dirent entry;

    if (!*next)
        return NULL;
    strcpy(entry.d_name, *next++);
    return &entry;
}

int __wrap_closedir(DIR *directory)
{
    open_folders--;
    return 0;
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
    static const struct {
        const char *path, *text;
    } files[] = {
        {"/sys/class/net/vif1.0/statistics/rx_packets", "1\n"},
        {"/sys/class/net/vif1.0/statistics/rx_bytes", "18446744073709551615\n"},
        {"/sys/class/net/vif1.0/statistics/rx_dropped", "3\n"},
        {"/sys/class/net/vif1.0/statistics/tx_packets", "4\n"},
        {"/sys/class/net/vif1.0/statistics/tx_bytes", "5\n"},
        {"/sys/class/net/vif1.0/statistics/tx_dropped", "6\n"},
        {"/sys/bus/xen-backend/devices/vbd-1-51712/statistics/oo_req", "1\n"},
        {"/sys/bus/xen-backend/devices/vbd-1-51712/statistics/rd_req", "2\n"},
        {"/sys/bus/xen-backend/devices/vbd-1-51712/statistics/rd_sect", "3\n"},
        {"/sys/bus/xen-backend/devices/vbd-1-51712/statistics/wr_req", "4\n"},
        {"/sys/bus/xen-backend/devices/vbd-1-51712/statistics/wr_sect", "5\n"},
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (!strcmp(files[i].path, path))
            return fmemopen((void *)files[i].text, strlen(files[i].text), "r");
    return NULL;
}

/* ---- Tests ---- */

static domid_t domids[4];
static struct platform_vif_counters vifs[4];
static struct platform_vbd_counters vbds[4];
static unsigned int count;

static void take_vif(void *context, domid_t domid, const struct platform_vif_counters *counters)
{
    assert_ptr_equal(context, &count);
    assert_true(count < 4);
    domids[count] = domid;
    vifs[count++] = *counters;
}

static void take_vbd(void *context, domid_t domid, const struct platform_vbd_counters *counters)
{
    assert_ptr_equal(context, &count);
    assert_true(count < 4);
    domids[count] = domid;
    vbds[count++] = *counters;
}

static void test_vifs(void **state)
{
    there = true;
    count = 0;
    platform_each_vif(take_vif, &count);
    assert_int_equal(count, 2);
    assert_int_equal(domids[0], 1);
    assert_int_equal(vifs[0].tx_packets, 1); /* what Linux received, the domain sent */
    assert_true(vifs[0].tx_bytes == UINT64_MAX);
    assert_int_equal(vifs[0].tx_dropped, 3);
    assert_int_equal(vifs[0].rx_packets, 4);
    assert_int_equal(vifs[0].rx_bytes, 5);
    assert_int_equal(vifs[0].rx_dropped, 6);
    assert_int_equal(domids[1], 12);
    assert_int_equal(vifs[1].rx_bytes, 0); /* its files have gone meanwhile */
    assert_int_equal(open_folders, 0);
}

static void test_vbds(void **state)
{
    there = true;
    count = 0;
    platform_each_vbd(take_vbd, &count);
    assert_int_equal(count, 2);
    assert_int_equal(domids[0], 1);
    assert_int_equal(vbds[0].held_back, 1);
    assert_int_equal(vbds[0].reads, 2);
    assert_int_equal(vbds[0].sectors_read, 3);
    assert_int_equal(vbds[0].writes, 4);
    assert_int_equal(vbds[0].sectors_written, 5);
    assert_int_equal(domids[1], 2);
    assert_int_equal(open_folders, 0);
}

static void test_no_drivers(void **state)
{
    there = false;
    count = 0;
    platform_each_vif(take_vif, &count);
    platform_each_vbd(take_vbd, &count);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vifs),
        cmocka_unit_test(test_vbds),
        cmocka_unit_test(test_no_drivers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
