/* SPDX-License-Identifier: MIT */
/*
 * Consoles of many domains: nothing is lost at 1 MiB a second, neither while a client is attached
 * nor in the log while none is; consoles that share the terminal keep their lines apart; a domain
 * that never stops writing blocks neither the prompt nor the other domains. And the hypervisor,
 * which shares the serial line with dom0.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE  64
#define LOG_LINES  1900u  /* with their ends as \r\n a little less than the 128 KiB that are kept */
#define LONG_LINES 16384u /* 1 MiB */

static struct machine *boot(const char *name)
{
    const char *folder = build_path("logs/%s.files", name),
               *ramdisk = build_path("logs/%s.cpio", name);

    run_command("rm -rf %s && mkdir -p %s", folder, folder);
    make_guest(folder, "writer", "writer", "memory = 8\n");
    run_command("cp %s %s %s", build_path("guests/demo"), build_path("guests/demo.cfg"), folder);
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    return start_dom0(&(struct machine_options){.name = name}, ramdisk);
}

/* Starts a writer that is called, and tags its lines, TAG. */
static void start_writer(struct machine *machine, const char *how, const char *tag,
                         unsigned int lines, unsigned int rate)
{
    bh(machine, "create %s /guests/writer.cfg name=%s cmdline=\"tag=%s lines=%u rate=%u\"", how,
       tag, tag, lines, rate);
}

/*
 * Fails unless TEXT has the lines 0 to COUNT - 1 of TAG, whole and in order, whatever is between.
 */
static void expect_lines(struct machine *machine, const char *text, const char *tag,
                         unsigned int count)
{
    for (unsigned int n = 0; n < count; n++) {
        char line[LINE_SIZE];
        int length = snprintf(line, sizeof(line), "%s %08u ", tag, n);

        memset(line + length, 'a' + (int)(n % 26), LINE_SIZE - 1 - (size_t)length);
        line[LINE_SIZE - 1] = '\0';
        text = strstr(text, line);
        if (!text) {
            machine_fail(machine, "line %u of %s is lost", n, tag);
        }
        text += LINE_SIZE - 1;
    }
}

/*
 * What follows the label "[TAG] " in the lines of TEXT that have it, without the ends of lines: a
 * line that another console interrupted continues in the next such line. Kept until the program
 * ends.
 */
static const char *labelled(const char *text, const char *tag)
{
    char *all = malloc(strlen(text) + 1), *to = all, label[32];

    assert_non_null(all);
    snprintf(label, sizeof(label), "[%s] ", tag);
    while (*text) {
        size_t length = strcspn(text, "\n");

        if (strncmp(text, label, strlen(label)) == 0) {
            memcpy(to, text + strlen(label), length - strlen(label));
            to += length - strlen(label);
        }
        text += length + (text[length] == '\n');
    }
    *to = '\0';
    return all;
}

/* What a writer said at its end: how long it took. */
static unsigned int milliseconds(const char *text, const char *tag)
{
    char done[32];
    const char *place;

    snprintf(done, sizeof(done), "%s done: ", tag);
    place = strstr(text, done);
    assert_non_null(place);
    place = strstr(place, " in ");
    assert_non_null(place);
    return (unsigned int)strtoul(place + 4, NULL, 10);
}

/* Waits until the log of TAG's console tells its end. Returns the log. */
static const char *finished_log(struct machine *machine, const char *tag)
{
    char done[32];
    const char *log;

    snprintf(done, sizeof(done), "%s done: ", tag);
    do {
        log = bh(machine, "console --log %s", tag);
    } while (!strstr(log, done));
    return log;
}

static void nothing_is_lost_while_attached(void **state)
{
    struct machine *machine = boot("consoles-attached");
    const char *text;

    machine_type(machine,
                 "create -c /guests/writer.cfg name=w cmdline=\"tag=w lines=%u rate=1048576\"",
                 LONG_LINES);
    machine_expect(machine, "w done: ");
    machine_expect(machine, " ms\n");
    text = machine_text(machine);
    expect_lines(machine, text, "w", LONG_LINES);
    print_message("1 MiB over an attached console took %u ms\n", milliseconds(text, "w"));
    machine_type(machine, "hello");
    machine_expect(machine, "w heard: hello");
    leave_console(machine);
}

static void the_log_keeps_what_nobody_sees(void **state)
{
    struct machine *machine = boot("consoles-log");
    const char *log;

    /* Several at once, each at 1 MiB a second. */
    start_writer(machine, "", "one", LOG_LINES, 1 << 20);
    start_writer(machine, "", "two", LOG_LINES, 1 << 20);
    start_writer(machine, "", "three", LOG_LINES, 1 << 20);
    expect_lines(machine, finished_log(machine, "one"), "one", LOG_LINES);
    expect_lines(machine, finished_log(machine, "two"), "two", LOG_LINES);
    expect_lines(machine, finished_log(machine, "three"), "three", LOG_LINES);
    /* The log stays after it was looked at, and attaching shows output that no client has had. */
    expect_lines(machine, bh(machine, "console --log one"), "one", LOG_LINES);
    machine_type(machine, "console one");
    machine_expect(machine, "one done: ");
    leave_console(machine);
    /* More than the log holds: the guest is not held up, and the last is there. */
    start_writer(machine, "", "much", 4 * LONG_LINES, 1 << 20);
    log = finished_log(machine, "much");
    print_message("4 MiB at 1 MiB/s took %u ms with nobody attached\n", milliseconds(log, "much"));
    assert_null(strstr(log, "much 00000000 "));
    assert_non_null(strstr(log, "much 00065535 "));
    assert_non_null(strstr(bh(machine, "console --log nobody"), "no domain named 'nobody'"));
}

static void lines_of_several_consoles_stay_apart(void **state)
{
    struct machine *machine = boot("consoles-several");
    const char *text;

    start_writer(machine, "-p", "left", LOG_LINES, 1 << 18);
    start_writer(machine, "-p", "right", LOG_LINES, 1 << 18);
    bh(machine, "create -p /guests/demo.cfg cmdline=\"tick=0\"");
    bh(machine, "unpause left");
    bh(machine, "unpause right");
    bh(machine, "unpause demo");
    machine_type(machine, "console demo left right");
    /* Keys go to the first of them. */
    machine_expect(machine, "[demo] pv-guest demo");
    machine_type(machine, "hello");
    machine_expect(machine, "you said: hello");
    leave_console(machine);
    expect_lines(machine, finished_log(machine, "left"), "left", LOG_LINES);
    expect_lines(machine, finished_log(machine, "right"), "right", LOG_LINES);
    machine_type(machine, "console left right");
    machine_expect(machine, "right done: ");
    leave_console(machine);
    text = machine_text(machine);
    expect_lines(machine, labelled(text, "left"), "left", LOG_LINES);
    expect_lines(machine, labelled(text, "right"), "right", LOG_LINES);
}

static void floods_keep_nobody_waiting(void **state)
{
    struct machine *machine = boot("consoles-flood");

    bh(machine, "create /guests/demo.cfg cmdline=\"tick=0\"");
    start_writer(machine, "", "flood", 0, 0);
    start_writer(machine, "", "deluge", 0, 0);
    assert_non_null(strstr(bh(machine, "list"), "deluge"));
    talk_to_demo(machine, "still here");
    machine_type(machine, "console flood");
    machine_expect(machine, "flood 0");
    leave_console(machine);
    machine_type(machine, "console flood deluge");
    machine_expect(machine, "[flood] ");
    machine_expect(machine, "[deluge] ");
    leave_console(machine);
    bh(machine, "destroy flood");
    bh(machine, "destroy deluge");
    assert_null(strstr(bh(machine, "list"), "deluge"));
    talk_to_demo(machine, "quiet again");
}

#define SWITCH "\001\001\001" /* three times Ctrl-A */

/* What is typed goes to the hypervisor and back to dom0, which sees nothing of it. */
static void input_goes_to_the_hypervisor_and_back(void **state)
{
    struct machine *machine = boot("consoles-switch");

    machine_send(machine, SWITCH);
    machine_expect(machine, "(BH) input: to the hypervisor; h lists its keys, Ctrl-A three times");
    machine_send(machine, "h");
    machine_expect(machine, "(BH) key 'u': memory by NUMA node");
    machine_send(machine, "m");
    machine_expect(machine, "(BH) memory: ");
    machine_send(machine, SWITCH);
    machine_expect(machine, "(BH) input: to dom0");
    assert_non_null(strstr(bh(machine, "list"), "Domain-0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(nothing_is_lost_while_attached, machines_stop),
        cmocka_unit_test_teardown(the_log_keeps_what_nobody_sees, machines_stop),
        cmocka_unit_test_teardown(lines_of_several_consoles_stay_apart, machines_stop),
        cmocka_unit_test_teardown(floods_keep_nobody_waiting, machines_stop),
        cmocka_unit_test_teardown(input_goes_to_the_hypervisor_and_back, machines_stop),
    };

    return cmocka_run_group_tests_name("consoles", tests, NULL, NULL);
}
