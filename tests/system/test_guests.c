/* SPDX-License-Identifier: MIT */
/*
 * Runs guest tests: images of tests/guest, each a kernel that checks one subject of the ABI from
 * inside and prints
 *
 *     TEST <name>: ok
 *     TEST <name>: FAIL <what was seen>
 *     TEST <name>: skip <why>
 *     TESTS DONE <n> passed, <m> failed
 *
 * and shuts down. Arguments: the hypervisor (bulkhead, debug for its debug build, or xen; with
 * -bochs behind it in Bochs instead of QEMU, with -smp on two CPUs), the role (dom0 or domu), the
 * image names. As dom0 the image is booted in dom0's place; as domu it is created with bh by the
 * built-in dom0. Each image is one test of this program; each hypervisor is a run of its own, so
 * that the report tells what holds on the oracle and what holds here.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_IMAGES 64
#define DONE       "TESTS DONE "

static const char *hypervisor;
static bool on_xen;
static bool debug_build;
static bool in_bochs;
static bool as_domu;

static const char *hypervisor_image(void)
{
    if (on_xen)
        return build_path("packages/xen");
    return debug_build ? build_path("debug/bulkhead") : build_path("bulkhead");
}

/*
 * As little of the hypervisor's own talk as possible, and no reboot when dom0 ends: what it says of
 * a domU would come in the middle of the domU's lines, which dom0 shows in parts. In Bochs, which
 * shows faults on the way out to a guest, that way is the one that clears the CPU's buffers.
 */
static const char *hypervisor_cmdline(void)
{
    if (on_xen && as_domu)
        return "console=com1 noreboot loglvl=none guest_loglvl=none dom0_mem=256M";
    if (on_xen)
        return "console=com1 noreboot loglvl=warning guest_loglvl=none/warning dom0_mem=256M";
    if (as_domu)
        return "console=com1 noreboot dom0_mem=256M guest_loglvl=none";
    return in_bochs ? "console=com1 noreboot dom0_mem=256M spec-ctrl=md-clear"
                    : "console=com1 noreboot dom0_mem=256M";
}

/*
 * Reads the TEST lines up to the closing line and fails unless they agree with it and all passed.
 */
static void check_results(struct machine *machine, const char *image, const char *closing)
{
    unsigned int ok = 0, failed = 0, skipped = 0, said_ok = 0, said_failed = 0;
    const char *line = machine_text(machine);

    while (line && (line = strstr(line, "TEST "))) {
        const char *end = strchr(line, '\n');
        const char *result = strstr(line, ": ");

        if (end && result && result < end) {
            if (!strncmp(result, ": ok", 4)) {
                ok++;
            } else if (!strncmp(result, ": skip", 6)) {
                skipped++;
            } else if (!strncmp(result, ": FAIL", 6)) {
                failed++;
                print_error("%s on %s: %.*s\n", image, hypervisor, (int)(end - line), line);
            }
        }
        line = end;
    }
    if (sscanf(closing, "%u passed, %u failed", &said_ok, &said_failed) != 2) {
        machine_fail(machine, "the closing line is: %s", closing);
    }
    if (failed || said_failed) {
        machine_fail(machine, "%s on %s: %u of %u tests failed", image, hypervisor, said_failed,
                     said_ok + said_failed);
    }
    if (ok == 0 || ok != said_ok) {
        machine_fail(machine, "%s on %s: saw %u passing tests, the guest counted %u", image,
                     hypervisor, ok, said_ok);
    }
    print_message("%s on %s: %u passed, %u skipped\n", image, hypervisor, ok, skipped);
}

static void wait_for_results(struct machine *machine, const char *image)
{
    char closing[64];

    machine_expect(machine, DONE);
    machine_expect(machine, "\n");
    snprintf(closing, sizeof(closing), "%s", machine_between(machine));
    if (!on_xen)
        assert_int_equal(debug_build, strstr(machine_text(machine), "debug build") != NULL);
    check_results(machine, image, closing);
}

/* What test-pci looks for: devices with MSI, with MSI-X, and with a line. */
static const char *const devices[] = {
    "-device", "edu", "-device", "e1000e,romfile=", "-device", "e1000,romfile=", NULL};

/*
 * The CPU of an image: with all of the vCPU's state that tools save, but without hardware
 * virtualisation, which changes what Xen says of the machine. NULL: QEMU's default.
 */
static const char *cpu_of(const char *image)
{
    return strcmp(image, "test-control") ? NULL : "max,-svm";
}

/* What is said of the CPUs: that all are used. */
static const char *cpus_line(void)
{
    const char *cpus = getenv("BULKHEAD_CPUS");

    return cpus && !strcmp(cpus, "2") ? "CPUs: 2 present, 2 used\n" : "CPUs: 1 present, 1 used\n";
}

static void run_as_dom0(void **state)
{
    const char *image = *state;
    char name[128], modules[512];
    struct machine *machine;

    snprintf(name, sizeof(name), "%s-%s", image, hypervisor);
    snprintf(modules, sizeof(modules), "%s", build_path("pv-guest/%s", image));
    if (in_bochs) {
        machine = machine_start(&(struct machine_options){
            .name = name,
            .iso = make_iso(name, hypervisor_image(), hypervisor_cmdline(), modules, "", NULL),
            .bochs = true});
        if (!on_xen) {
            /* QEMU 7.2's emulation has no such mode. */
            machine_expect(machine, ", x2APIC mode\n");
            machine_expect(machine, cpus_line());
        }
    } else {
        machine = machine_start(&(struct machine_options){.name = name,
                                                          .kernel = hypervisor_image(),
                                                          .cmdline = hypervisor_cmdline(),
                                                          .modules = modules,
                                                          .cpu = cpu_of(image),
                                                          .extra = devices});
    }
    wait_for_results(machine, image);
}

/*
 * Dom0's /guests: the image with a configuration file that names it, and the demonstration guest.
 */
static const char *make_domu_ramdisk(const char *image, const char *log_name)
{
    const char *folder = build_path("logs/%s.guests", log_name);
    const char *ramdisk = build_path("logs/%s.cpio", log_name);
    FILE *config;

    run_command("rm -rf %s && mkdir -p %s", folder, folder);
    run_command("objcopy --strip-debug %s %s/%s", build_path("pv-guest/%s", image), folder, image);
    run_command("cp %s %s %s", build_path("guests/demo"), build_path("guests/demo.cfg"), folder);
    config = fopen(build_path("logs/%s.guests/%s.cfg", log_name, image), "we");
    assert_non_null(config);
    fprintf(config, "name = \"%s\"\nkernel = \"/guests/%s\"\nmemory = 32\nvcpus = 2\n", image,
            image);
    fclose(config);
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    return ramdisk;
}

/*
 * The image runs next to a second domain, which must not notice, and leaves nothing behind. (How
 * soon Debian's Xen counts a page as free again is its own affair.)
 */
static void run_as_domu(void **state)
{
    const char *image = *state;
    char name[128], modules[1024];
    struct machine *machine;
    long long free_before;

    snprintf(name, sizeof(name), "%s-domu-%s", image, hypervisor);
    snprintf(modules, sizeof(modules), "%s,%s", dom0_kernel(), make_domu_ramdisk(image, name));
    machine = machine_start(&(struct machine_options){.name = name,
                                                      .kernel = hypervisor_image(),
                                                      .cmdline = hypervisor_cmdline(),
                                                      .modules = modules});
    expect_prompt(machine);
    bh(machine, "create /guests/demo.cfg");
    talk_to_demo(machine, "before");
    free_before = free_memory(machine);

    machine_type(machine, "create -c /guests/%s.cfg", image);
    wait_for_results(machine, image);
    /* It shuts down, so its console closes, and it is destroyed. */
    expect_prompt(machine);

    talk_to_demo(machine, "after");
    expect_gone(machine, image);
    if (!on_xen) {
        assert_int_equal(free_memory(machine), free_before);
    }
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[MAX_IMAGES] = {0};
    size_t count = 0;

    if (argc < 3 || argc - 3 > MAX_IMAGES) {
        fprintf(stderr, "usage: test_guests bulkhead|debug|xen[-bochs|-smp] dom0|domu IMAGE...\n");
        return 2;
    }
    hypervisor = argv[1];
    on_xen = !strncmp(hypervisor, "xen", 3);
    debug_build = !strncmp(hypervisor, "debug", 5);
    in_bochs = strstr(hypervisor, "-bochs") != NULL;
    if (strstr(hypervisor, "-smp")) {
        setenv("BULKHEAD_CPUS", "2", 1);
    }
    as_domu = !strcmp(argv[2], "domu");
    for (int i = 3; i < argc; i++) {
        tests[count++] = (struct CMUnitTest){.name = argv[i],
                                             .test_func = as_domu ? run_as_domu : run_as_dom0,
                                             .teardown_func = machines_stop,
                                             .initial_state = argv[i]};
    }
    return _cmocka_run_group_tests(on_xen ? "guest tests on Xen" : "guest tests on Bulkhead", tests,
                                   count, NULL, NULL);
}
