/* SPDX-License-Identifier: MIT */
/*
 * Debian's Linux as the test of the hypervisor below it: a program that asks of the kernel what a
 * paravirtual one must get right and sees whether it did. It is the first and only program of a
 * ramdisk, or started from a shell:
 *
 *     stress [SECONDS [SUBJECT...]]
 *
 * Each subject runs alone, then all at once, so that the state of one process would be seen in
 * another. As first process it loads the modules of its ramdisk before, and once a line is typed
 * after, it powers the machine off. It prints
 *
 *     STRESS <subject>: ok | FAIL <why> | skip <why>
 *     STRESS DONE <n> passed, <m> failed
 *
 * The last subject is the kernel's log: no warning, oops or complaint may have been added.
 */
#include "stress.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PASSED = 0, FAILED = 1, SKIPPED = 2, SUBJECTS_MAX = 64 };

static struct subject subjects[SUBJECTS_MAX];
static unsigned int nr_subjects;
static const char *subject_name = "stress";
static unsigned int passed, failed;

/* ---- for the subjects ---- */

/* One write for a line: many processes print at once. */
static void report(const char *verdict, const char *format, va_list arguments)
{
    char line[300];
    int length = snprintf(line, sizeof(line), "STRESS %s: %s", subject_name, verdict);

    length += vsnprintf(line + length, sizeof(line) - 1 - (size_t)length, format, arguments);
    length = length > (int)sizeof(line) - 2 ? (int)sizeof(line) - 2 : length;
    line[length++] = '\n';
    (void)!write(STDOUT_FILENO, line, (size_t)length);
}

void fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    report("FAIL ", format, arguments);
    va_end(arguments);
    _exit(FAILED);
}

void skip(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    report("skip ", format, arguments);
    va_end(arguments);
    _exit(SKIPPED);
}

uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

bool elapsed(uint64_t start, unsigned int seconds)
{
    return now() - start >= seconds * 1000000000ULL;
}

void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    check(memory != MAP_FAILED, "mmap: %s", strerror(errno));
    return memory;
}

pid_t spawn(void)
{
    pid_t child = fork();

    check(child >= 0, "fork: %s", strerror(errno));
    return child;
}

void join(pid_t child)
{
    int status;

    check(waitpid(child, &status, 0) == child, "waitpid: %s", strerror(errno));
    check(status == 0, "a process ended with status %#x", status);
}

void run_copies(unsigned int copies, void (*action)(unsigned int copy, unsigned int seconds),
                unsigned int seconds)
{
    pid_t children[64];

    for (unsigned int i = 0; i < copies; i++) {
        children[i] = spawn();
        if (children[i] == 0) {
            action(i, seconds);
            _exit(0);
        }
    }
    for (unsigned int i = 0; i < copies; i++) {
        join(children[i]);
    }
}

int fate_of(void (*action)(void))
{
    int status;
    pid_t child = spawn();

    if (child == 0) {
        const struct rlimit none = {0, 0};

        setrlimit(RLIMIT_CORE, &none);
        action();
        _exit(0);
    }
    check(waitpid(child, &status, 0) == child, "waitpid: %s", strerror(errno));
    check(WIFSIGNALED(status) || WEXITSTATUS(status) != FAILED, "a process failed");
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

bool in_dom0(void)
{
    char text[9] = "";
    int file = open("/sys/hypervisor/uuid", O_RDONLY | O_CLOEXEC);

    (void)!read(file, text, sizeof(text) - 1);
    close(file);
    return !strcmp(text, "00000000");
}

bool in_domu(void)
{
    return access("/sys/hypervisor/uuid", R_OK) == 0 && !in_dom0();
}

uint64_t random_number(void)
{
    static uint64_t state;
    static pid_t owner;

    if (owner != getpid()) {
        owner = getpid();
        state = (uint64_t)owner * 0x9e3779b97f4a7c15ULL + 1;
    }
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* ---- the kernel's log ---- */

/* Reads what the log has gained since the last call; complains of bad lines when asked to. */
static void check_log(bool judge)
{
    static const char *const bad[] = {"WARNING:",    "BUG:",      "Oops",
                                      "Bad page",    "bad page",  "soft lockup",
                                      "blocked for", "rcu: INFO", "unchecked MSR"};
    static int log = -1;
    char line[2048];
    ssize_t length;

    if (log < 0) {
        log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    }
    if (log < 0) {
        skip("/dev/kmsg: %s", strerror(errno));
    }
    while ((length = read(log, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
        line[length < 0 ? 0 : length] = '\0';
        for (size_t i = 0; judge && i < sizeof(bad) / sizeof(bad[0]); i++) {
            check(!strstr(line, bad[i]), "%s", line);
        }
    }
}

static void log_is_clean(unsigned int seconds)
{
    check_log(true);
}

/* ---- running ---- */

static pid_t start(const struct subject *subject, unsigned int seconds)
{
    pid_t child = spawn();

    if (child == 0) {
        subject_name = subject->name;
        subject->run(seconds);
        _exit(PASSED);
    }
    return child;
}

static void judge(const struct subject *subject, const char *how, int status)
{
    if (status == 0) {
        printf("STRESS %s%s: ok\n", subject->name, how);
        passed++;
    } else if (WIFSIGNALED(status)) {
        printf("STRESS %s%s: FAIL killed by signal %d\n", subject->name, how, WTERMSIG(status));
        failed++;
    } else if (WEXITSTATUS(status) != SKIPPED) {
        failed++; /* it has said why */
    }
}

static void run_alone(const struct subject *subject, unsigned int seconds)
{
    int status = 0;
    pid_t child = start(subject, seconds);

    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    judge(subject, "", status);
}

static void run_together(unsigned int seconds)
{
    pid_t children[SUBJECTS_MAX];

    for (unsigned int i = 0; i < nr_subjects; i++) {
        children[i] = start(&subjects[i], seconds);
    }
    for (unsigned int i = 0; i < nr_subjects; i++) {
        int status = 0;

        while (waitpid(children[i], &status, 0) < 0 && errno == EINTR) {
        }
        judge(&subjects[i], " beside the others", status);
    }
}

static bool is_wanted(const char *name, char **names)
{
    if (!*names) {
        return true;
    }
    for (; *names; names++) {
        if (!strcmp(*names, name)) {
            return true;
        }
    }
    return false;
}

static void collect(const struct subject *table, char **names)
{
    for (; table->name; table++) {
        if (is_wanted(table->name, names) && nr_subjects < SUBJECTS_MAX) {
            subjects[nr_subjects++] = *table;
        }
    }
}

/* ---- as first process ---- */

static void load_modules(void)
{
    DIR *folder = opendir("/lib/modules");
    struct dirent *entry;

    while (folder && (entry = readdir(folder))) {
        int file = openat(dirfd(folder), entry->d_name, O_RDONLY | O_CLOEXEC);

        if (entry->d_name[0] != '.' && file >= 0 && syscall(SYS_finit_module, file, "", 0) < 0) {
            printf("%s: %s\n", entry->d_name, strerror(errno));
        }
        close(file);
    }
    if (folder) {
        closedir(folder);
    }
}

static void set_up_machine(void)
{
    static const char *const mounts[][2] = {
        {"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}};

    for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
        mkdir(mounts[i][1], 0755);
        mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, NULL);
    }
    load_modules();
}

int main(int argc, char **argv)
{
    static const struct subject log = {"log", log_is_clean};
    unsigned int seconds = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 1;
    char **names = argv + (argc > 1 ? 2 : 1);
    bool first = getpid() == 1;

    if (argc > 1 && !strcmp(argv[1], "exit")) { /* a program to be executed, no more */
        return 0;
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    if (first) {
        set_up_machine();
    }
    check_log(false);
    collect(memory_subjects, names);
    collect(cpu_subjects, names);
    collect(segment_subjects, names);
    collect(debug_subjects, names);
    collect(time_subjects, names);
    collect(xen_subjects, names);

    for (unsigned int i = 0; i < nr_subjects; i++) {
        run_alone(&subjects[i], seconds);
    }
    if (nr_subjects > 1) {
        run_together(seconds);
    }
    run_alone(&log, 0);
    printf("STRESS DONE %u passed, %u failed\n", passed, failed);
    if (first) {
        char key;

        (void)!read(STDIN_FILENO, &key, 1);
        reboot(RB_POWER_OFF);
    }
    return failed != 0;
}
