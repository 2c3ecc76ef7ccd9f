/* SPDX-License-Identifier: MIT */
/*
 * The serial-port harness: starts QEMU, reads what the machine prints, types into it.
 *
 * A test waits for texts, never for a time. The time-out is only a bound on failure: it fails the
 * test when nothing of what it waits for has appeared. BULKHEAD_TIMEOUT_SCALE (a number, 1 unless
 * set) stretches it for slow machines.
 *
 * Bochs can take QEMU's place. It is slower and takes no input here, but it faults where hardware
 * faults: QEMU's TCG does not show a SYSRET to a non-canonical address nor some faults of IRET.
 *
 * All that a machine prints goes to $BUILD/logs/<name>.log as it comes. When a test fails, the end
 * of that log is printed. A machine never outlives its test: machines_stop() is the teardown of
 * every test, and the kernel kills QEMU when the test program dies.
 *
 * Every function that takes a machine fails the current cmocka test when it cannot do its job: on
 * time-out, when QEMU ends unasked, or when a fatal text (a hypervisor's or a kernel's panic)
 * appears. It does not return then.
 */
#ifndef TESTS_SYSTEM_HARNESS_H
#define TESTS_SYSTEM_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct machine;

struct machine_options {
    const char *name;         /* of the log file */
    const char *type;         /* QEMU's machine type; q35 when NULL */
    const char *cpu;          /* QEMU's CPU model; its default when NULL */
    unsigned int memory_mib;  /* 512 when 0 */
    const char *iso;          /* CD to boot from, or NULL and the next three: */
    const char *kernel;       /* multiboot 1 image */
    const char *cmdline;      /* its command line */
    const char *modules;      /* QEMU's -initrd: "file arguments,file arguments" */
    const char *const *extra; /* more arguments for QEMU, ended by NULL; or NULL */
    bool expect_fatal;        /* fatal texts do not fail the test */
    bool monitor;             /* no serial port: the test talks to QEMU's monitor in its place */
    bool bochs;               /* Bochs (a Haswell) instead of QEMU; takes only name, memory, iso */
};

/*
 * Starts QEMU with its serial port connected to the test. The machine has as many CPUs as the
 * environment's BULKHEAD_CPUS says, or one.
 */
struct machine *machine_start(const struct machine_options *options);

/*
 * Has the host run QEMU's main thread, by which the machine's timers fire, before its CPUs'
 * threads, so that a timer does not wait for a CPU's thread to use up its share of the host. Of a
 * machine that runs; needs root.
 */
void machine_fire_timers_first(const struct machine *machine);

/* @return what the file holds, at most 64 KiB of it, until the next call; no file fails the test */
const char *read_whole_file(const char *path);

/* Kills every machine that runs. The teardown of each test; returns 0. */
int machines_stop(void **state);

/*
 * Waits until TEXT appears after all that earlier calls waited for. Carriage returns are dropped
 * from what the machine prints, lines end in a line feed.
 */
#define machine_expect(machine, text) \
    ((void)machine_expect_any_at(machine, (const char *const[]){text, NULL}, __FILE__, __LINE__))

/* Waits for the first of several texts (the last one is followed by NULL) and returns its index. */
#define machine_expect_any(machine, ...) \
    machine_expect_any_at(machine, (const char *const[]){__VA_ARGS__, NULL}, __FILE__, __LINE__)

int machine_expect_any_at(struct machine *machine, const char *const *texts, const char *file,
                          int line);

/* What was printed between the last text waited for and the one before; valid until the next. */
const char *machine_between(const struct machine *machine);

/* All that the machine has printed so far; valid until the next call. */
const char *machine_text(const struct machine *machine);

/* Types a line: the formatted text and a carriage return. */
void machine_type(struct machine *machine, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sends bytes as they are, for control keys. */
void machine_send(struct machine *machine, const char *bytes);

/*
 * A machine with a monitor, whose first prompt was waited for: waits until the text screen shows
 * TEXT, reads it, or types keys by their names in QEMU ("a", "ret", "shift-a"; the last one is
 * followed by NULL).
 */
void machine_expect_screen(struct machine *machine, const char *text);
const char *machine_screen(struct machine *machine); /* rows end in line feeds; until the next */
void machine_press(struct machine *machine, const char *const *keys);

/* Waits until QEMU ends by itself (the machine was powered off) and fails unless it ended well. */
#define machine_expect_exit(machine) machine_expect_exit_at(machine, __FILE__, __LINE__)
void machine_expect_exit_at(struct machine *machine, const char *file, int line);

/* Fails the test with a sentence of the caller's and the end of the machine's log. */
#define machine_fail(machine, ...) machine_fail_at(machine, __FILE__, __LINE__, __VA_ARGS__)
void machine_fail_at(struct machine *machine, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5), noreturn));

/*
 * Has QEMU's monitor execute a command of QMP, {"execute": ...}, which must succeed. SOCKET is the
 * one that the machine was started with: -qmp unix:SOCKET,server=on,wait=off.
 */
void monitor_execute(const char *socket, const char *command);

/* A path below the build folder ($BUILD, or build). Kept until the program ends. */
const char *build_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs a shell command, fails the test unless it succeeds. */
void run_command(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
