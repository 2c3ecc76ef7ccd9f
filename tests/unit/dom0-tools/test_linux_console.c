/* SPDX-License-Identifier: MIT */
/*
 * A domain's console in a Linux program, over real pseudoterminals in xenconsoled's place. The
 * thread that reads a console runs when the test says.
 */
/* SOURCES: dom0-tools/platform/linux/console.c dom0-tools/error.c dom0-tools/utf8.c */
/* CFLAGS: -Idom0-tools */
/* LDFLAGS: -Wl,--wrap=open -Wl,--wrap=stat -Wl,--wrap=flock */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <platform/linux/domain_nodes.h>
#include <platform/linux/linux_platform.h>
#include <platform/linux/xenstore.h>
#include <tools/control.h>
#include <tools/service.h>

/* ---- What lies below ---- */

static bool store_reachable, domain_exists, threads_start;
static char tty[64];           /* the store's node */
static unsigned int sleeps;    /* that were slept */
static unsigned int tty_after; /* so many of them */
static void (*thread)(void *); /* that was started */
static void *thread_argument;

int xenstore_open(struct error *e)
{
    return store_reachable ? 0 : error_set(e, "no store");
}

char *domain_node_read(domid_t domid, const char *node)
{
    assert_string_equal(node, "console/tty");
    return sleeps >= tty_after ? strdup(tty) : NULL;
}

int control_domain_info(domid_t domid, struct xen_domctl_getdomaininfo *info)
{
    return domain_exists ? 0 : -1;
}

void platform_sleep(uint64_t nanoseconds)
{
    sleeps++;
}

int platform_thread_start(const char *name, void (*function)(void *), void *argument)
{
    if (!threads_start)
        return -1;
    thread = function;
    thread_argument = argument;
    return 0;
}

void linux_turn_take(void)
{
}

void linux_turn_give(void)
{
}

/* The files by which the readers of a console keep each other out: one, whatever its name. */
#define LOCK "/var/lock/xenconsole."

static bool somebody_reads; /* xl, this console */
static bool file_removed;   /* by the last reader, once, after we have opened it */
static unsigned int locks;
static int lock_file;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_flock(int fd, int operation);
int __wrap_stat(const char *path, struct stat *s);

int __wrap_open(const char *path, int flags, ...)
{
    if (strncmp(path, LOCK, strlen(LOCK)) != 0)
        return __real_open(path, flags, 0);
    lock_file = memfd_create("lock", MFD_CLOEXEC);
    return lock_file;
}

int __wrap_flock(int fd, int operation)
{
    assert_int_equal(fd, lock_file);
    locks++;
    errno = EWOULDBLOCK;
    return somebody_reads ? -1 : 0;
}

int __wrap_stat(const char *path, struct stat *s)
{
    bool removed = file_removed;

    assert_int_equal(strncmp(path, LOCK, strlen(LOCK)), 0);
    file_removed = false;
    errno = ENOENT;
    return removed ? -1 : fstat(lock_file, s);
}

/* ---- The client ---- */

static int daemon_end; /* the pseudoterminal's, which xenconsoled holds */
static char output[256];
static size_t close_after; /* so much output: Linux drops what has not been read then */
static unsigned int ends;

static void take_output(void *context, const void *data, size_t length)
{
    strncat(output, data, length);
    if (close_after && strlen(output) >= close_after)
        close(daemon_end);
}

static void take_end(void *context)
{
    ends++;
}

static const struct console_client client = {.output = take_output, .gone = take_end};

/* ---- Tests ---- */

static struct error e;
static unsigned int handle;

static int begin(void **state)
{
    store_reachable = domain_exists = threads_start = true;
    sleeps = tty_after = ends = locks = 0;
    somebody_reads = file_removed = false;
    close_after = 0;
    output[0] = '\0';
    thread = NULL;
    daemon_end = posix_openpt(O_RDWR | O_NOCTTY);
    if (daemon_end < 0 || grantpt(daemon_end) || unlockpt(daemon_end) ||
        ptsname_r(daemon_end, tty, sizeof(tty)))
        return -1;
    return 0;
}

static void test_output_and_end(void **state)
{
    tty_after = 3; /* xenconsoled needs a moment */
    assert_int_equal(service_console_attach(1, &client, &handle, &e), 0);
    assert_int_equal(sleeps, 3);
    close_after = 8;
    assert_int_equal(write(daemon_end, "one\r\ntwo", 8), 8);
    thread(thread_argument);
    assert_string_equal(output, "one\r\ntwo");
    assert_int_equal(ends, 1);
    assert_int_equal(service_console_input(1, "x", 1), 0); /* nobody is there any more */
}

static void test_input(void **state)
{
    char typed[8] = "";

    assert_int_equal(service_console_attach(1, &client, &handle, &e), 0);
    assert_int_equal(service_console_input(2, "x", 1), 0); /* not attached to that one */
    assert_int_equal(service_console_input(1, "\003\r", 2), 2);
    assert_int_equal(read(daemon_end, typed, sizeof(typed)), 2);
    assert_string_equal(typed, "\003\r"); /* bytes pass as they are */
    close(daemon_end);
    thread(thread_argument);
}

/* A client that has left is not called any more, whatever comes. */
static void test_detach(void **state)
{
    assert_int_equal(service_console_attach(1, &client, &handle, &e), 0);
    service_console_detach(handle);
    assert_int_equal(service_console_input(1, "x", 1), 0);
    assert_int_equal(write(daemon_end, "late", 4), 4);
    thread(thread_argument);
    assert_string_equal(output, "");
    assert_int_equal(ends, 0);
    close(daemon_end);
}

static void test_one_reader(void **state)
{
    somebody_reads = true;
    assert_int_equal(service_console_attach(1, &client, &handle, &e), -1);
    assert_string_equal(e.text, "somebody else is attached to the console of domain 1 "
                                "(/var/lock/xenconsole.1)");
    assert_null(thread);
    somebody_reads = false;
    file_removed = true; /* a lock on a file without a name keeps nobody out */
    locks = 0;
    assert_int_equal(service_console_attach(1, &client, &handle, &e), 0);
    assert_int_equal(locks, 2);
    assert_int_equal(fcntl(lock_file, F_GETFD), FD_CLOEXEC);
    close(daemon_end);
    thread(thread_argument);
    assert_int_equal(fcntl(lock_file, F_GETFD), -1); /* given back */
}

static void test_refusals(void **state)
{
    assert_int_equal(service_console_attach(0, &client, &handle, &e), -1);
    assert_string_equal(e.text, "domain 0 has no console: it is this system");
    assert_int_equal(sleeps, 0);
    store_reachable = false;
    assert_int_equal(service_console_attach(1, &client, &handle, &e), -1);
    assert_string_equal(e.text, "no store");
    store_reachable = true;

    tty[0] = '\0'; /* xenconsoled never makes it */
    assert_int_equal(service_console_attach(1, &client, &handle, &e), -1);
    assert_string_equal(e.text, "domain 1 has no console: xenconsoled gives it none");
    assert_int_equal(sleeps, 250);
    domain_exists = false; /* not waited for then */
    assert_int_equal(service_console_attach(1, &client, &handle, &e), -1);
    assert_int_equal(sleeps, 250);

    strcpy(tty, "/dev/pts/none");
    assert_int_equal(service_console_attach(1, &client, &handle, &e), -1);
    assert_string_equal(e.text,
                        "the console of domain 1, /dev/pts/none: No such file or directory");
    close(daemon_end);
}

static void test_no_thread(void **state)
{
    threads_start = false;
    assert_int_equal(service_console_attach(1, &client, &handle, &e), -1);
    assert_string_equal(e.text, "not enough memory");
    assert_int_equal(fcntl(lock_file, F_GETFD), -1);
    assert_int_equal(service_console_input(1, "x", 1), 0);
    close(daemon_end);
}

static void test_too_many(void **state)
{
    void (*threads[33])(void *);
    void *arguments[33];
    int count = 0;

    while (!service_console_attach(1, &client, &handle, &e)) {
        assert_true(count < 33);
        threads[count] = thread;
        arguments[count++] = thread_argument;
    }
    assert_string_equal(e.text, "too many consoles are attached");
    assert_int_equal(count, 32);
    close(daemon_end);
    while (count--)
        threads[count](arguments[count]);
    assert_int_equal(ends, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_output_and_end, begin),
        cmocka_unit_test_setup(test_input, begin),
        cmocka_unit_test_setup(test_detach, begin),
        cmocka_unit_test_setup(test_one_reader, begin),
        cmocka_unit_test_setup(test_refusals, begin),
        cmocka_unit_test_setup(test_no_thread, begin),
        cmocka_unit_test_setup(test_too_many, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
