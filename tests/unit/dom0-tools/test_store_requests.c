/* SPDX-License-Identifier: MIT */
/*
 * Each request of the store's wire protocol with the forms that it has and those that it has not,
 * and its answer word for word.
 */
/* SOURCES: dom0-tools/utf8.c */
/* SOURCES: tests/unit/dom0-tools/store_fixture.c tests/unit/dom0-tools/store_wire.c */
/* SOURCES: $(STORE_SRCS) dom0-tools/error.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <public/errno.h>

#include "store_fixture.h"

static struct store_session *bare; /* its host can do nothing */

static int setup(void **state)
{
    static struct store_host bare_host;

    bare_host.is_introduced = host.is_introduced;
    store_fixture_start(NULL, NULL);
    bare = store_session_open(store, 0, true, &limits, &bare_host, NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    assert_int_equal(wire_fetch(dom0, &text), -1);
    assert_int_equal(wire_fetch(dom1, &text), -1);
    store_session_close(bare);
    return store_fixture_end(state);
}

static void send_and_expect(struct store_session *session, uint32_t type, uint32_t t,
                            const char *payload, size_t length, const char *answer)
{
    int got;

    assert_true(wire_send(session, type, t, payload, length));
    got = wire_fetch(session, &text);
    assert_string_equal(text, answer);
    assert_int_equal(got, *answer == 'E' ? XS_ERROR : (int)type);
}

/* Answers that begin with E are errors here. */
#define EXPECT(session, type, t, payload, answer) \
    send_and_expect(session, type, t, payload, sizeof(payload) - 1, answer)

static void expect_event(struct store_session *session, const char *what)
{
    assert_int_equal(wire_fetch(session, &text), XS_WATCH_EVENT);
    assert_string_equal(text, what);
}

/* The requests about one path. */
static void test_forms_of_paths(void **state)
{
    static const uint32_t types[] = {XS_READ, XS_MKDIR, XS_RM, XS_DIRECTORY, XS_GET_PERMS};

    for (unsigned int i = 0; i < 5; i++) {
        EXPECT(dom1, types[i], 0, "", "EINVAL|");
        EXPECT(dom1, types[i], 0, "\0", "EINVAL|");
        EXPECT(dom1, types[i], 0, "data", "EINVAL|");
        EXPECT(dom1, types[i], 0, "data\0data", "EINVAL|");
        EXPECT(dom1, types[i], 0, "data\0data\0", "EINVAL|");
        EXPECT(dom1, types[i], 0, "data/\0", "EINVAL|");
        EXPECT(dom1, types[i], 0, "@data\0", "EINVAL|");
        EXPECT(dom1, types[i], 7, "data\0", "ENOENT|");
        EXPECT(dom1, types[i], 0, "/local/domain/2/x\0", "EACCES|");
        if (types[i] != XS_GET_PERMS)
            EXPECT(dom0, types[i], 0, "@releaseDomain\0", "EINVAL|");
    }
    EXPECT(dom0, XS_RM, 0, "/none/below\0", "ENOENT|");
    EXPECT(dom0, XS_RM, 0, "/\0", "EINVAL|");
}

static void test_values(void **state)
{
    char large[XENSTORE_PAYLOAD_MAX + 1];

    EXPECT(dom1, XS_WRITE, 0, "data\0", "OK|");
    EXPECT(dom1, XS_READ, 0, "data\0", "");
    EXPECT(dom1, XS_WRITE, 0, "data\0one\0two", "OK|");
    EXPECT(dom1, XS_READ, 0, "data\0", "one|two");
    EXPECT(dom1, XS_WRITE, 0, "data", "EINVAL|");
    EXPECT(dom1, XS_WRITE, 0, "", "EINVAL|");
    EXPECT(dom1, XS_WRITE, 0, "@data\0x", "EINVAL|");
    EXPECT(dom1, XS_WRITE, 3, "data\0x", "ENOENT|");
    EXPECT(dom1, XS_WRITE, 0, "/data\0x", "EACCES|");
    EXPECT(dom1, XS_READ, 0, "/local/domain/1/data\0", "one|two");
    /* A value that no message can hold. */
    memset(large, 'v', sizeof(large));
    assert_int_equal(xs_write(tools, 0, "/large", large, 4096), 0);
    assert_true(wire_send(dom0, XS_READ, 0, "/large", 7));
    assert_int_equal(wire_fetch(dom0, &text), XS_READ);
    assert_int_equal(strlen(text), 4096);
    assert_int_equal(xs_write(tools, 0, "/large", large, 4097), 0);
    EXPECT(dom0, XS_READ, 0, "/large\0", "E2BIG|");
}

/* Makes /d with two children, whose names have these lengths. */
static void make_names(size_t first, size_t second)
{
    char path[STORE_PATH_SIZE];

    (void)xs_remove(tools, 0, "/d");
    memset(path, 'a', sizeof(path));
    memcpy(path, "/d/", 3);
    path[3 + first] = '\0';
    assert_int_equal(xs_mkdir(tools, 0, path), 0);
    memset(path + 3, 'b', second);
    path[3 + second] = '\0';
    assert_int_equal(xs_mkdir(tools, 0, path), 0);
}

static void test_directories(void **state)
{
    make_names(2047, 2047);
    assert_true(wire_send(dom0, XS_DIRECTORY, 0, "/d", 3));
    assert_int_equal(wire_fetch(dom0, &text), XS_DIRECTORY);
    assert_int_equal(strlen(text), 4096);
    assert_int_equal(strchr(text, '|') - text, 2047);
    assert_int_equal(text[4095], '|');
    make_names(2047, 2048);
    EXPECT(dom0, XS_DIRECTORY, 0, "/d\0", "E2BIG|");
    EXPECT(dom0, XS_DIRECTORY, 0, "/local/domain/1\0", "");
}

/* Asks for a part of /d; returns the length of all of the answer. */
static size_t part_of_d(const char *offset, const char **names)
{
    char payload[32] = "/d";
    int length = 3 + snprintf(payload + 3, sizeof(payload) - 3, "%s", offset) + 1;

    assert_true(wire_send(dom0, XS_DIRECTORY_PART, 0, payload, (size_t)length));
    assert_int_equal(wire_fetch(dom0, &text), XS_DIRECTORY_PART);
    *names = strchr(text, '|') + 1;
    return strlen(text);
}

static void test_parts_of_directories(void **state)
{
    const char *names;
    char generation[32];
    size_t digits;

    make_names(3, 2);
    part_of_d("0", &names);
    assert_string_equal(names, "aaa|bb||");
    digits = (size_t)(names - text);
    assert_in_range(digits, 2, 20);
    memcpy(generation, text, digits);
    part_of_d("4", &names);
    assert_string_equal(names, "bb||");
    part_of_d("7", &names);
    assert_string_equal(names, "|");
    part_of_d("8", &names);
    assert_string_equal(names, "|");
    part_of_d("4294967295", &names);
    assert_string_equal(names, "|");
    /* The number stands for the set of names. */
    assert_int_equal(xs_mkdir(tools, 0, "/elsewhere"), 0);
    assert_int_equal(xs_write(tools, 0, "/d/bb", "x", 1), 0);
    assert_int_equal(xs_mkdir(tools, 0, "/d/bb/c"), 0);
    part_of_d("0", &names);
    assert_memory_equal(text, generation, digits);
    assert_int_equal(xs_mkdir(tools, 0, "/d/c"), 0);
    part_of_d("0", &names);
    assert_string_equal(names, "aaa|bb|c||");
    assert_memory_not_equal(text, generation, digits);
    memcpy(generation, text, digits);
    assert_int_equal(xs_remove(tools, 0, "/d/c"), 0);
    part_of_d("0", &names);
    assert_memory_not_equal(text, generation, digits);

    EXPECT(dom0, XS_DIRECTORY_PART, 0, "/d\0004294967296\0", "EINVAL|");
    EXPECT(dom0, XS_DIRECTORY_PART, 0, "/d\0-1\0", "EINVAL|");
    EXPECT(dom0, XS_DIRECTORY_PART, 0, "/d\0\0", "EINVAL|");
    EXPECT(dom0, XS_DIRECTORY_PART, 0, "/d\0", "EINVAL|");
    EXPECT(dom0, XS_DIRECTORY_PART, 0, "/d\0000\0000\0", "EINVAL|");
    EXPECT(dom0, XS_DIRECTORY_PART, 0, "/none\0000\0", "ENOENT|");
    EXPECT(dom0, XS_DIRECTORY_PART, 0, "@releaseDomain\0000\0", "EINVAL|");
    EXPECT(dom0, XS_DIRECTORY_PART, 9, "/d\0000\0", "ENOENT|");
    EXPECT(dom1, XS_DIRECTORY_PART, 0, "/d\0000\0", "EACCES|");
}

/* The last name and the mark of the end fit exactly, or the name waits for the next part. */
static void test_parts_that_fill_a_message(void **state)
{
    const char *names;
    size_t digits;

    make_names(1, 1);
    part_of_d("0", &names);
    digits = (size_t)(names - text); /* the zero byte among them */
    make_names(2000, 4096 - digits - 2001 - 2);
    assert_int_equal(part_of_d("0", &names), 4096);
    assert_string_equal(text + 4094, "||");
    make_names(2000, 4096 - digits - 2001 - 1);
    assert_int_equal(part_of_d("0", &names), digits + 2001);
    assert_int_equal(part_of_d("2001", &names), digits + (4096 - digits - 2001) + 1);
}

static void test_permissions(void **state)
{
    char payload[XENSTORE_PAYLOAD_MAX], wanted[XENSTORE_PAYLOAD_MAX];
    size_t length = 3, end = 0;

    EXPECT(dom0, XS_MKDIR, 0, "/p\0", "OK|");
    EXPECT(dom0, XS_GET_PERMS, 0, "/p\0", "n0|");
    EXPECT(dom0, XS_SET_PERMS, 0, "/p\0b1\0n2\0w3\0r32751\0b0\0", "OK|");
    EXPECT(dom0, XS_GET_PERMS, 0, "/p\0", "b1|n2|w3|r32751|b0|");
    EXPECT(dom0, XS_SET_PERMS, 0, "/p\0", "EINVAL|");
    EXPECT(dom0, XS_SET_PERMS, 0, "", "EINVAL|");
    EXPECT(dom0, XS_SET_PERMS, 0, "/p\0r1", "EINVAL|");
    EXPECT(dom0, XS_SET_PERMS, 0, "/p\0r\0", "EINVAL|");
    EXPECT(dom0, XS_SET_PERMS, 0, "/p\0\0", "EINVAL|");
    EXPECT(dom0, XS_SET_PERMS, 0, "/p\0r32752\0", "EINVAL|");
    EXPECT(dom0, XS_SET_PERMS, 0, "/p\0r1\0r1x\0", "EINVAL|");
    EXPECT(dom0, XS_SET_PERMS, 0, "/p\0r1x\0r1\0", "EINVAL|");
    EXPECT(dom0, XS_SET_PERMS, 0, "/p\0r1\0x1\0", "EINVAL|");
    EXPECT(dom0, XS_SET_PERMS, 0, "@else\0r1\0", "EINVAL|");
    EXPECT(dom0, XS_SET_PERMS, 0, "/none\0r1\0", "ENOENT|");
    EXPECT(dom0, XS_SET_PERMS, 4, "/p\0r1\0", "ENOENT|");
    EXPECT(dom0, XS_GET_PERMS, 0, "/p\0", "b1|n2|w3|r32751|b0|");
    EXPECT(dom0, XS_SET_PERMS, 0, "@introduceDomain\0n0\0r2\0", "OK|");
    EXPECT(dom0, XS_GET_PERMS, 0, "@introduceDomain\0", "n0|r2|");
    EXPECT(dom0, XS_GET_PERMS, 0, "@releaseDomain\0", "n0|");
    EXPECT(dom0, XS_GET_PERMS, 0, "@else\0", "EINVAL|");

    /* As many as there may be, as long as they may be. */
    memcpy(payload, "/p", 3);
    for (unsigned int i = 0; i < 65; i++) {
        if (i == 64) {
            send_and_expect(dom0, XS_SET_PERMS, 0, payload, length, "OK|");
            EXPECT(dom0, XS_GET_PERMS, 0, "/p\0", wanted);
        }
        memcpy(payload + length, "b32751", 7);
        length += 7;
        memcpy(wanted + end, "b32751|", 8);
        end += 7;
    }
    send_and_expect(dom0, XS_SET_PERMS, 0, payload, length, "EINVAL|");
}

static void test_watches(void **state)
{
    EXPECT(dom1, XS_WATCH, 0, "data\0", "EINVAL|");
    EXPECT(dom1, XS_WATCH, 0, "data\0t", "EINVAL|");
    EXPECT(dom1, XS_WATCH, 0, "data\0t\0u\0", "EINVAL|");
    EXPECT(dom1, XS_WATCH, 0, "data/\0t\0", "EINVAL|");
    assert_int_equal(wire_fetch(dom1, &text), -1);
    EXPECT(dom1, XS_WATCH, 0, "data\0\0", "OK|");
    expect_event(dom1, "data||");
    EXPECT(dom1, XS_WATCH, 0, "data\0\0", "EEXIST|");
    assert_int_equal(wire_fetch(dom1, &text), -1);
    EXPECT(dom1, XS_WATCH, 0, "/none\0t\0", "OK|"); /* whatever is there, and whosever it is */
    expect_event(dom1, "/none|t|");
    EXPECT(dom1, XS_UNWATCH, 0, "data\0", "EINVAL|");
    EXPECT(dom1, XS_UNWATCH, 0, "data\0\0\0", "EINVAL|");
    EXPECT(dom1, XS_UNWATCH, 0, "data\0t\0", "ENOENT|");
    EXPECT(dom1, XS_UNWATCH, 0, "data\0\0", "OK|");
    EXPECT(dom1, XS_UNWATCH, 0, "data\0\0", "ENOENT|");
    EXPECT(dom1, XS_MKDIR, 0, "data\0", "OK|");
    assert_int_equal(wire_fetch(dom1, &text), -1);
    EXPECT(dom1, XS_RESET_WATCHES, 0, "\0", "OK|");
    EXPECT(dom1, XS_UNWATCH, 0, "/none\0t\0", "ENOENT|");
}

static void test_transactions(void **state)
{
    limits.transactions = 2;
    EXPECT(dom1, XS_TRANSACTION_START, 0, "\0", "1|");
    EXPECT(dom1, XS_TRANSACTION_START, 1, "\0", "EBUSY|");
    EXPECT(dom1, XS_TRANSACTION_START, 0, "\0", "2|");
    EXPECT(dom1, XS_TRANSACTION_START, 0, "\0", "ENOSPC|");
    EXPECT(dom1, XS_WRITE, 1, "data\0x", "OK|");
    EXPECT(dom1, XS_TRANSACTION_END, 1, "", "EINVAL|");
    EXPECT(dom1, XS_TRANSACTION_END, 1, "\0", "EINVAL|");
    EXPECT(dom1, XS_TRANSACTION_END, 1, "T", "EINVAL|");
    EXPECT(dom1, XS_TRANSACTION_END, 1, "TF\0", "EINVAL|");
    EXPECT(dom1, XS_TRANSACTION_END, 1, "T\0T\0", "EINVAL|");
    EXPECT(dom1, XS_TRANSACTION_END, 3, "T\0", "ENOENT|");
    EXPECT(dom1, XS_TRANSACTION_END, 0, "T\0", "ENOENT|");
    EXPECT(dom1, XS_TRANSACTION_END, 1, "F\0", "OK|");
    EXPECT(dom1, XS_READ, 0, "data\0", "ENOENT|");
    EXPECT(dom1, XS_WRITE, 2, "data\0x", "OK|");
    EXPECT(dom1, XS_TRANSACTION_END, 2, "T\0", "OK|");
    EXPECT(dom1, XS_READ, 0, "data\0", "x");
    EXPECT(dom1, XS_TRANSACTION_START, 0, "\0", "3|");
    EXPECT(dom1, XS_RESET_WATCHES, 0, "\0", "OK|");
    EXPECT(dom1, XS_TRANSACTION_END, 3, "T\0", "ENOENT|");
}

static void test_numbers_of_domains(void **state)
{
    EXPECT(dom1, XS_GET_DOMAIN_PATH, 0, "0\0", "/local/domain/0|");
    EXPECT(dom1, XS_GET_DOMAIN_PATH, 0, "00000000000000000000017\0", "/local/domain/17|");
    EXPECT(dom1, XS_GET_DOMAIN_PATH, 0, "32751\0", "/local/domain/32751|");
    EXPECT(dom1, XS_GET_DOMAIN_PATH, 0, "32752\0", "EINVAL|");
    EXPECT(dom1, XS_GET_DOMAIN_PATH, 0, "65537\0", "EINVAL|");
    EXPECT(dom1, XS_GET_DOMAIN_PATH, 0, "18446744073709551617\0", "EINVAL|");
    EXPECT(dom1, XS_GET_DOMAIN_PATH, 0, "\0", "EINVAL|");
    EXPECT(dom1, XS_GET_DOMAIN_PATH, 0, "", "EINVAL|");
    EXPECT(dom1, XS_GET_DOMAIN_PATH, 0, "-1\0", "EINVAL|");
    EXPECT(dom1, XS_GET_DOMAIN_PATH, 0, "1/\0", "EINVAL|");
    EXPECT(dom1, XS_GET_DOMAIN_PATH, 0, "1:\0", "EINVAL|");
    EXPECT(dom1, XS_GET_DOMAIN_PATH, 0, "1\0002\0", "EINVAL|");
    EXPECT(dom0, XS_IS_DOMAIN_INTRODUCED, 0, "0\0", "T|");
    EXPECT(dom0, XS_IS_DOMAIN_INTRODUCED, 0, "3\0", "F|");
    EXPECT(dom0, XS_IS_DOMAIN_INTRODUCED, 0, "32752\0", "EINVAL|");
    EXPECT(dom0, XS_IS_DOMAIN_INTRODUCED, 0, "1\0001\0", "EINVAL|");
    EXPECT(dom1, XS_IS_DOMAIN_INTRODUCED, 0, "1\0", "EACCES|");
}

static void test_introduce(void **state)
{
    EXPECT(dom0, XS_INTRODUCE, 0, "32751\00018446744073709551615\0004294967295\0", "OK|");
    assert_string_equal(asked, "introduce 32751 18446744073709551615 4294967295");
    EXPECT(dom0, XS_INTRODUCE, 0, "3\0000\0000\0", "OK|");
    assert_string_equal(asked, "introduce 3 0 0");
    asked[0] = '\0';
    EXPECT(dom1, XS_INTRODUCE, 0, "3\0001\0001\0", "EACCES|");
    EXPECT(dom0, XS_INTRODUCE, 0, "0\0001\0001\0", "EINVAL|");
    EXPECT(dom0, XS_INTRODUCE, 0, "32752\0001\0001\0", "EINVAL|");
    EXPECT(dom0, XS_INTRODUCE, 0, "3\00018446744073709551616\0001\0", "EINVAL|");
    EXPECT(dom0, XS_INTRODUCE, 0, "3\0001\0004294967296\0", "EINVAL|");
    EXPECT(dom0, XS_INTRODUCE, 0, "3\000x\0001\0", "EINVAL|");
    EXPECT(dom0, XS_INTRODUCE, 0, "3\0001\000x\0", "EINVAL|");
    EXPECT(dom0, XS_INTRODUCE, 0, "3\0001\0001\0001\0", "EINVAL|");
    EXPECT(dom0, XS_INTRODUCE, 0, "3\0001\0", "EINVAL|");
    assert_string_equal(asked, "");
    EXPECT(bare, XS_INTRODUCE, 0, "3\0001\0001\0", "ENOSYS|");
    host_error = XEN_EBUSY;
    EXPECT(dom0, XS_INTRODUCE, 0, "3\0001\0001\0", "EBUSY|");
}

/* Release and resume are about a domain that was introduced and is not domain 0. */
static void test_about_domains(void **state)
{
    static const uint32_t types[] = {XS_RELEASE, XS_RESUME};
    static const char *const wanted[] = {"release 2", "resume 2"};

    for (unsigned int i = 0; i < 2; i++) {
        host_error = 0;
        EXPECT(dom0, types[i], 0, "2\0", "OK|");
        assert_string_equal(asked, wanted[i]);
        asked[0] = '\0';
        EXPECT(dom1, types[i], 0, "2\0", "EACCES|");
        EXPECT(dom0, types[i], 0, "0\0", "EINVAL|");
        EXPECT(dom0, types[i], 0, "x\0", "EINVAL|");
        EXPECT(dom0, types[i], 0, "2\0002\0", "EINVAL|");
        EXPECT(dom0, types[i], 0, "", "EINVAL|");
        EXPECT(dom0, types[i], 0, "3\0", "ENOENT|");
        assert_string_equal(asked, "");
        EXPECT(bare, types[i], 0, "2\0", "ENOSYS|");
        host_error = XEN_EIO;
        EXPECT(dom0, types[i], 0, "2\0", "EIO|");
    }
}

static void test_set_target(void **state)
{
    EXPECT(dom0, XS_SET_TARGET, 0, "1\0002\0", "OK|");
    assert_string_equal(asked, "target 1 2");
    EXPECT(dom0, XS_SET_TARGET, 0, "2\0000\0", "OK|");
    assert_string_equal(asked, "target 2 0");
    asked[0] = '\0';
    EXPECT(dom1, XS_SET_TARGET, 0, "1\0002\0", "EACCES|");
    EXPECT(dom0, XS_SET_TARGET, 0, "0\0002\0", "EINVAL|");
    EXPECT(dom0, XS_SET_TARGET, 0, "x\0002\0", "EINVAL|");
    EXPECT(dom0, XS_SET_TARGET, 0, "1\000x\0", "EINVAL|");
    EXPECT(dom0, XS_SET_TARGET, 0, "1\0", "EINVAL|");
    EXPECT(dom0, XS_SET_TARGET, 0, "1\0002\0002\0", "EINVAL|");
    EXPECT(dom0, XS_SET_TARGET, 0, "1\0003\0", "ENOENT|");
    EXPECT(dom0, XS_SET_TARGET, 0, "3\0001\0", "ENOENT|");
    assert_string_equal(asked, "");
    EXPECT(bare, XS_SET_TARGET, 0, "1\0002\0", "ENOSYS|");
    host_error = XEN_EAGAIN;
    EXPECT(dom0, XS_SET_TARGET, 0, "1\0002\0", "EAGAIN|");
}

static void test_types(void **state)
{
    static const uint32_t unknown[] = {XS_WATCH_EVENT, XS_ERROR,   XS_SET_TARGET + 1,
                                       XS_TYPE_COUNT,  XS_INVALID, 1000000};

    for (unsigned int i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        EXPECT(dom0, unknown[i], 0, "/\0", "ENOSYS|");
    /* What each error is called; an unknown one is EINVAL. */
    for (unsigned int i = 0; i < 4; i++) {
        static const int errors[] = {XEN_EISDIR, XEN_ENOTEMPTY, XEN_EISCONN, 9999};
        static const char *const names[] = {"EISDIR|", "ENOTEMPTY|", "EISCONN|", "EINVAL|"};

        host_error = errors[i];
        EXPECT(dom0, XS_RESUME, 0, "1\0", names[i]);
    }
}

/* ---- XS_CONTROL ---- */

static void test_quota(void **state)
{
    EXPECT(dom0, XS_CONTROL, 0, "quota\0",
           "nodes            :     1000\n"
           "node-size        :     2048\n"
           "node-permissions :        5\n"
           "watches          :      128\n"
           "transactions     :       10\n"
           "transaction-nodes:     1024\n"
           "outstanding      :       20\n"
           "memory           :  1048576\n|");
    EXPECT(dom0, XS_CONTROL, 0, "quota\0set\0transaction-nodes\0004294967295\0", "OK|");
    assert_int_equal(limits.changes, 4294967295u);
    EXPECT(dom0, XS_CONTROL, 0, "quota\0set\0memory\0004294967296\0", "EINVAL|");
    assert_int_equal(limits.memory, 1048576);
    EXPECT(dom0, XS_CONTROL, 0, "quota\0set\0memory\0007\0", "OK|");
    assert_int_equal(limits.memory, 7);
    EXPECT(dom0, XS_CONTROL, 0, "quota\0set\0memory\0", "EINVAL|");
    EXPECT(dom0, XS_CONTROL, 0, "quota\0set\0memory\0001\0002\0", "EINVAL|");
    EXPECT(dom0, XS_CONTROL, 0, "quota\0get\0memory\0001\0", "EINVAL|");
    EXPECT(dom0, XS_CONTROL, 0, "quota\0set\0", "EINVAL|");
    EXPECT(bare, XS_CONTROL, 0, "quota\0", "ENOSYS|");
    EXPECT(bare, XS_CONTROL, 0, "quota\0set\0nodes\0001\0", "ENOSYS|");
}

static void test_quota_of_a_domain(void **state)
{
    char wanted[160];

    EXPECT(dom1, XS_WATCH, 0, "data\0t\0", "OK|");
    expect_event(dom1, "data|t|");
    EXPECT(dom1, XS_WATCH, 0, "data\0u\0", "OK|");
    expect_event(dom1, "data|u|");
    EXPECT(dom1, XS_TRANSACTION_START, 0, "\0", "1|");
    EXPECT(dom0, XS_TRANSACTION_START, 0, "\0", "1|");
    snprintf(wanted, sizeof(wanted),
             "Domain 1:\n"
             "nodes            :        1\n"
             "watches          :        2\n"
             "transactions     :        1\n"
             "memory           : %8zu\n|",
             xs_memory_used(store, 1));
    EXPECT(dom0, XS_CONTROL, 0, "quota\0001\0", wanted);
    EXPECT(dom0, XS_CONTROL, 0, "quota\00065535\0",
           "Domain 65535:\n"
           "nodes            :        0\n"
           "watches          :        0\n"
           "transactions     :        0\n"
           "memory           :        0\n|");
    EXPECT(dom0, XS_CONTROL, 0, "quota\00065536\0", "EINVAL|");
}

static void test_other_commands(void **state)
{
    EXPECT(dom0, XS_CONTROL, 0, "help\0",
           "check      compare the counts of nodes with the tree\n"
           "help       this list\n"
           "memreport  nodes and memory of each domain\n"
           "quota      [set NAME VALUE | DOMID]: show or set limits, show what a domain uses\n|");
    EXPECT(dom0, XS_CONTROL, 0, "check\0", "OK|");
    EXPECT(dom0, XS_CONTROL, 0, "check\0all\0", "EINVAL|");
    EXPECT(dom0, XS_CONTROL, 0, "memreport\0all\0", "EINVAL|");
    EXPECT(dom0, XS_CONTROL, 0, "hel\0", "EINVAL|");
    EXPECT(dom0, XS_CONTROL, 0, "", "EINVAL|");
    EXPECT(dom0, XS_CONTROL, 0, "help", "EINVAL|");
    EXPECT(dom1, XS_CONTROL, 0, "help\0", "EACCES|");
}

/* A report that no message can hold ends with its last whole line. */
static void test_memory_report(void **state)
{
    char line[64];

    assert_true(wire_send(dom0, XS_CONTROL, 0, "memreport", 10));
    assert_int_equal(wire_fetch(dom0, &text), XS_CONTROL);
    snprintf(line, sizeof(line), "domain     1:      1 nodes, %8zu bytes\n",
             xs_memory_used(store, 1));
    assert_non_null(strstr(text, line));
    assert_non_null(strstr(text, "domain     0:      3 nodes"));
    assert_non_null(strstr(text, "\ntransactions: 0 bytes\n|"));
    for (unsigned int i = 1000; i < 1150; i++) {
        struct store_permission p = {.domid = (uint16_t)i};

        snprintf(line, sizeof(line), "/of/%u", i);
        assert_int_equal(xs_mkdir(tools, 0, line), 0);
        assert_int_equal(xs_set_permissions(tools, 0, line, &p, 1), 0);
    }
    assert_true(wire_send(dom0, XS_CONTROL, 0, "memreport", 10));
    assert_int_equal(wire_fetch(dom0, &text), XS_CONTROL);
    assert_in_range(strlen(text), 4000, 4096);
    assert_string_equal(text + strlen(text) - 2, "\n|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_forms_of_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_directories, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parts_of_directories, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parts_that_fill_a_message, setup, teardown),
        cmocka_unit_test_setup_teardown(test_permissions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transactions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers_of_domains, setup, teardown),
        cmocka_unit_test_setup_teardown(test_introduce, setup, teardown),
        cmocka_unit_test_setup_teardown(test_about_domains, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_target, setup, teardown),
        cmocka_unit_test_setup_teardown(test_types, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quota, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quota_of_a_domain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_commands, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_report, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
