/* SPDX-License-Identifier: MIT */
/*
 * What several system tests do with Bulkhead: make a CD, boot to dom0's prompt, run a bh command.
 */
#include "bulkhead.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *dom0_kernel(void)
{
    return build_path("pv-guest/dom0");
}

const char *dom0_ramdisk(void)
{
    return build_path("dom0-ramdisk.cpio");
}

const char *make_iso(const char *name, const char *hypervisor, const char *cmdline,
                     const char *kernel, const char *kernel_cmdline, const char *ramdisk)
{
    const char *iso = build_path("logs/%s.iso", name);

    run_command("mk/make-iso.sh %s %s '%s' %s%s%s%s %s%s", iso, hypervisor, cmdline,
                kernel ? kernel : "", kernel ? " '" : "", kernel ? kernel_cmdline : "",
                kernel ? "'" : "", ramdisk ? ramdisk : "", ramdisk ? " ''" : "");
    return iso;
}

const char *bulkhead_image(void)
{
    const char *image = getenv("BULKHEAD");

    return image ? image : build_path("bulkhead");
}

const char *make_dom0_iso(const char *name, const char *ramdisk)
{
    return make_iso(name, bulkhead_image(), "console=com1 noreboot", dom0_kernel(), "", ramdisk);
}

const char *make_ramdisk(const char *name, const char *const *files)
{
    const char *ramdisk = build_path("logs/%s.cpio", name);
    const char *folder = build_path("logs/%s.guests", name);

    run_command("rm -rf %s && mkdir -p %s", folder, folder);
    for (; *files; files++) {
        run_command("cp -L %s %s", build_path("guests/%s", *files), folder);
    }
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    return ramdisk;
}

void make_guest(const char *folder, const char *name, const char *image, const char *config)
{
    char path[PATH_MAX];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.cfg", folder, name);
    file = fopen(path, "we");
    run_command("objcopy --strip-debug %s %s/%s", build_path("pv-guest/%s", image), folder, name);
    assert_non_null(file);
    fprintf(file, "name = \"%s\"\nkernel = \"/guests/%s\"\n%s", name, name, config);
    assert_int_equal(fclose(file), 0);
}

void expect_prompt(struct machine *machine)
{
    machine_expect(machine, BH_PROMPT);
}

struct machine *start_dom0(const struct machine_options *options, const char *ramdisk)
{
    struct machine_options all = *options;
    char modules[2 * PATH_MAX];
    struct machine *machine;

    snprintf(modules, sizeof(modules), "%s,%s", dom0_kernel(), ramdisk);
    all.kernel = bulkhead_image();
    all.modules = modules;
    if (!all.cmdline)
        all.cmdline = "console=com1";
    machine = machine_start(&all);
    expect_prompt(machine);
    return machine;
}

#define CLEARED " s)\x1b[K"

/* Takes out the line by which dom0 has shown how far a long action was, and then cleared. */
static void leave_out_progress(char *text)
{
    char *end, *start;

    while ((end = strstr(text, CLEARED)) != NULL) {
        for (start = end; start > text && start[-1] != '\n';)
            start--;
        end += strlen(CLEARED);
        memmove(start, end, strlen(end) + 1);
    }
}

/*
 * How the message of a domain's end begins that hides a line which is being typed. The prompt is
 * drawn anew behind it, before the line has run.
 */
#define NOTICE "\x1b[Kdomain '"

const char *bh(struct machine *machine, const char *format, ...)
{
    static char *output;
    char command[512];
    bool redrawn;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    machine_type(machine, "%s", command);
    do {
        /* The echo ends with its line feed; a prompt redrawn for a long line lies before that. */
        machine_expect(machine, "\n");
        redrawn = strstr(machine_between(machine), NOTICE) != NULL;
        machine_expect(machine, BH_PROMPT);
        free(output);
        output = strdup(machine_between(machine));
        assert_non_null(output);
        leave_out_progress(output);
        redrawn |= strstr(output, NOTICE) != NULL;
    } while (redrawn);
    return output;
}

void leave_console(struct machine *machine)
{
    machine_send(machine, "\x1d"); /* Ctrl-] */
    expect_prompt(machine);
}

void ask_linux(struct machine *machine, const char *command, const char *line)
{
    machine_type(machine, "console linux");
    machine_send(machine, "\r");
    machine_expect(machine, LINUX_PROMPT);
    machine_type(machine, "%s", command);
    machine_expect(machine, line);
    machine_expect(machine, LINUX_PROMPT);
    leave_console(machine);
}

unsigned int lines_of(const char *text)
{
    unsigned int lines = 0;

    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

void talk_to_demo(struct machine *machine, const char *word)
{
    char answer[64];

    snprintf(answer, sizeof(answer), "you said: %s", word);
    machine_type(machine, "console demo");
    /* What dom0 says of another domain may come amid the answer: then it is asked for again. */
    do
        machine_type(machine, "%s", word);
    while (machine_expect_any(machine, answer, "domain '") != 0);
    leave_console(machine);
}

long long json_number(struct machine *machine, const char *json, const char *key)
{
    char quoted[64];
    const char *place;

    snprintf(quoted, sizeof(quoted), "\"%s\"", key);
    place = strstr(json, quoted);
    if (!place) {
        machine_fail(machine, "no %s in: %s", quoted, json);
    }
    place += strlen(quoted);
    place += strspn(place, " \t:\"");
    return strtoll(place, NULL, 10);
}

/*
 * With several CPUs what is left of a dead domain goes when all have passed their schedulers, which
 * takes a moment: so a figure counts when it is the same after SETTLE_US.
 */
#define SETTLE_US 100000

static bool several_cpus(void)
{
    return getenv("BULKHEAD_CPUS") != NULL;
}

static long long free_memory_now(struct machine *machine)
{
    return json_number(machine, bh(machine, "info --json"), "free_memory_kib");
}

long long free_memory(struct machine *machine)
{
    long long seen = free_memory_now(machine), last = -1;

    while (several_cpus() && seen != last) {
        last = seen;
        usleep(SETTLE_US);
        seen = free_memory_now(machine);
    }
    return seen;
}

static unsigned int domains_in(const char *list)
{
    return lines_of(list) - 2; /* a heading, dom0 */
}

void expect_domains(struct machine *machine, unsigned int count)
{
    const char *list = bh(machine, "list");

    for (unsigned int last = ~0U; several_cpus() && domains_in(list) != last;) {
        last = domains_in(list);
        usleep(SETTLE_US);
        list = bh(machine, "list");
    }
    if (domains_in(list) != count)
        machine_fail(machine, "%u domains besides dom0 are expected, and not:\n%s", count, list);
}

/* Between two looks at whether a domain is gone; it has WAIT_LOOKS of them. */
#define LOOK_US    100000
#define WAIT_LOOKS 600

void expect_gone(struct machine *machine, const char *name)
{
    const char *list = bh(machine, "list");

    for (unsigned int looks = 1; strstr(list, name); looks++) {
        if (looks == WAIT_LOOKS)
            machine_fail(machine, "'%s' has stopped and is still there:\n%s", name, list);
        usleep(LOOK_US);
        list = bh(machine, "list");
    }
}

/*
 * The room for a domain's mappings never shrinks: how much there is tells what was mapped at the
 * same time once, and not what is lost. It is taken out of the counters.
 */
#define MAPPINGS "mappings of others"

static char *without_room_for_mappings(const char *counters)
{
    char *result = malloc(strlen(counters) + 64), *to = result;
    unsigned long all = 0, frames, of, claimed, bytes;
    const char *at = counters, *found, *rest;

    assert_non_null(result);
    while ((found = strstr(at, MAPPINGS " in "))) {
        at = found + strlen(MAPPINGS " in ");
        all += strtoul(at, NULL, 10);
    }
    found = strstr(counters, "memory: ");
    rest = strstr(counters, " bytes of objects");
    assert_true(found && rest);
    assert_int_equal(sscanf(found, "memory: %lu of %lu frames free, %lu claimed, %lu", &frames, &of,
                            &claimed, &bytes),
                     4);
    to += sprintf(to, "%.*smemory: %lu of %lu frames free, %lu claimed, %lu",
                  (int)(found - counters), counters, frames + all, of, claimed, bytes - all * 4096);
    for (at = rest; (found = strstr(at, MAPPINGS " in ")); at = found + strcspn(found, "\n")) {
        to += sprintf(to, "%.*s" MAPPINGS, (int)(found - at), at);
    }
    strcpy(to, at);
    return result;
}

static void leave_out(char *text, const char *words)
{
    for (char *at = text; (at = strstr(at, words)) != NULL;)
        memmove(at, at + strlen(words), strlen(at + strlen(words)) + 1);
}

const char *counters_in(const char *messages)
{
    char *counters = without_room_for_mappings(messages), *line, *next;

    assert_non_null(strstr(counters, "frames free"));
    assert_non_null(strstr(counters, "d0 grants: "));
    /* Not the vCPUs' lines, which say what dom0 happens to do. */
    for (line = counters; *line; line = next) {
        next = line + strcspn(line, "\n");
        next += *next == '\n';
        if (strstr(line, "  v") && strstr(line, "  v") < next) {
            memmove(line, next, strlen(next) + 1);
            next = line;
        }
    }
    /* Nor whether a port of a domain that works has just been rung. */
    leave_out(counters, ", pending");
    leave_out(counters, ", masked");
    return counters;
}

static const char *counters_now(struct machine *machine)
{
    bh(machine, "dmesg -c");
    bh(machine, "debug-keys megq");
    return counters_in(bh(machine, "dmesg -c"));
}

const char *hypervisor_counters(struct machine *machine)
{
    const char *seen = counters_now(machine), *last = "";

    while (several_cpus() && strcmp(seen, last) != 0) {
        last = seen;
        usleep(SETTLE_US);
        seen = counters_now(machine);
    }
    return seen;
}

const char *linux_release(void)
{
    static char target[PATH_MAX];
    ssize_t length = readlink(build_path("packages/vmlinuz"), target, sizeof(target) - 1);
    const char *release;

    assert_true(length > 0);
    target[length] = '\0';
    release = strstr(target, "vmlinuz-");
    assert_non_null(release);
    return release + strlen("vmlinuz-");
}
