/* SPDX-License-Identifier: MIT */
/*
 * The verbs about vCPUs and the scheduler, on a machine with two CPUs: on Bulkhead and, by the same
 * built-in dom0, on Debian's Xen, whose hypervisor has to take what they ask for and answer with
 * what they set. And Linux, which brings vCPUs up and down as it is told, and whose vCPUs do not
 * wait for each other while they share a CPU.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct machine *machine;

/* Types a command, which has to print exactly @output. */
static void expect(const char *command, const char *output)
{
    const char *printed = bh(machine, "%s", command);

    if (strcmp(printed, output) != 0) {
        machine_fail(machine, "%s: printed \"%s\", not \"%s\"", command, printed, output);
    }
}

/* Types a command, whose output has to hold @part. */
static void expect_part(const char *command, const char *part)
{
    if (!strstr(bh(machine, "%s", command), part)) {
        machine_fail(machine, "%s: \"%s\" is not in its output", command, part);
    }
}

static void boot(const char *name, bool on_xen, const char *options)
{
    static const char *const files[] = {"demo", "demo.cfg", NULL};
    static const char *const extra[] = {"-smp", "2", NULL};
    char modules[1024], cmdline[128];

    snprintf(modules, sizeof(modules), "%s,%s", dom0_kernel(), make_ramdisk(name, files));
    snprintf(cmdline, sizeof(cmdline), "console=com1 noreboot dom0_mem=256M %s", options);
    machine = machine_start(
        &(struct machine_options){.name = name,
                                  .kernel = on_xen ? build_path("packages/xen") : bulkhead_image(),
                                  .cmdline = cmdline,
                                  .modules = modules,
                                  .extra = extra});
    expect_prompt(machine);
}

#define VCPUS_HEADER \
    "Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)\n"
#define DEMO_OFFLINE "demo                                 1     1    -   --p       0.0  "

/* What holds on a machine with any number of CPUs. */
static void place_vcpus(void)
{
    bh(machine, "create -p /guests/demo.cfg maxvcpus=2 cpus=['0','all'] cpu_weight=512");
    expect_part("vcpu-list", VCPUS_HEADER "Domain-0                             0     0 ");
    expect_part("vcpu-list demo", DEMO_OFFLINE "all / all\n");
    expect("vcpu-pin demo 1 0", "");
    expect("vcpu-pin demo all 255", "bh vcpu-pin: demo: vCPU 0: the machine has none of the CPUs "
                                    "255\n");
    expect("vcpu-pin demo 2 0", "bh vcpu-pin: demo: the domain has no vCPU 2\n");
    expect("create /guests/demo.cfg name=two cpus='255'",
           "Parsing config from /guests/demo.cfg\n"
           "bh create: cannot create 'two': vCPU 0: the machine has none of the CPUs 255\n");
    expect("sched-credit2 -d demo", "Name                                ID Weight  Cap\n"
                                    "demo                                 1    512    0\n");
    expect("sched-credit2 -d 0 -w 1024", "");
    expect_part("sched-credit2", "Domain-0                             0   1024    0\n");
    expect_part("cpupool-list --json", "\"name\": \"Pool-0\"");
    expect("vcpu-set -i demo 2", "");
    expect("store-read /local/domain/1/cpu/1/availability", "online\n");
    expect("unpause demo", "");
    talk_to_demo(machine, "hello");
    expect_part("top -b -i 1", "      demo ");
}

/* What needs two CPUs, and a scheduler with caps, soft affinity and a rate limit. */
static void share_cpus(void)
{
    expect("vcpu-pin demo 0 1 0-1", "");
    expect(
        "vcpu-pin demo 1 all,^0 0",
        "bh vcpu-pin: warning: demo: the hard affinity of vCPU 1 leaves none of the CPUs that it "
        "should run on\n");
    expect_part("vcpu-list demo", DEMO_OFFLINE "1 / 0\n");
    talk_to_demo(machine, "moved");
    expect_part("vcpu-list demo", "demo                                 1     0    1 ");
    expect("sched-credit2 -d demo -c 50", "");
    expect("sched-credit2 -d demo", "Name                                ID Weight  Cap\n"
                                    "demo                                 1    512   50\n");
    expect("sched-credit2 -s -r 2000", "");
    expect("sched-credit2 -s", "Cpupool Pool-0: ratelimit=2000us\n");
    expect("cpupool-list", "Name               CPUs   Sched     Active   Domain count\n"
                           "Pool-0               2   credit2       y          2\n");
    expect("cpupool-list -c", "Name               CPU list\nPool-0             0,1\n");
}

static void verbs_on_bulkhead(void **state)
{
    boot("vcpus", false, "");
    place_vcpus();
    share_cpus();
}

static void verbs_on_debians_xen(void **state)
{
    boot("vcpus-xen", true, "");
    place_vcpus();
    share_cpus();
    /* What only Bulkhead tells. */
    expect_part("top --json -d 1", "\"run_queue_delay_percent\": null");
    expect("debug locks", "bh debug: this hypervisor does not count waits for its locks\n");
}

/* dom0_vcpus_pin: more vCPUs than CPUs begin again at the first. */
static void dom0_is_pinned(void **state)
{
    for (int on_xen = 0; on_xen <= 1; on_xen++) {
        boot(on_xen ? "vcpus-pin-xen" : "vcpus-pin", on_xen, "dom0_max_vcpus=3 dom0_vcpus_pin");
        expect_part("vcpu-list 0", "  0 / all\n");
        expect_part("vcpu-list 0", "  1 / all\n");
        assert_null(strstr(bh(machine, "vcpu-list 0"), "all / all"));
        expect("vcpu-pin 0 1 all", "");
        expect_part("vcpu-list 0", "  all / all\n");
        machines_stop(NULL);
    }
}

/* ---- Hot-plug ---- */

/* The processors that Linux uses, in a line that is not the echo of the command. */
#define ASK_ONLINE "echo \"[$(cat /sys/devices/system/cpu/online)]\""

static void linux_follows_vcpu_set(void **state)
{
    static const char *const extra[] = {"-smp", "2", NULL};

    machine = start_dom0(&(struct machine_options){.name = "vcpus-linux", .extra = extra},
                         dom0_ramdisk());
    machine_type(machine, "create -c /guests/linux.cfg memory=128 maxvcpus=3");
    machine_expect(machine, LINUX_BANNER);
    machine_expect(machine, LINUX_PROMPT);
    leave_console(machine);
    ask_linux(machine, ASK_ONLINE, "[0]\n");
    expect("vcpu-set -i linux 3", "");
    ask_linux(machine,
              "until [ -e /sys/devices/system/cpu/cpu2/online ]; do sleep 0.1; done; echo there",
              "\nthere\n");
    ask_linux(machine, "echo 1 >/sys/devices/system/cpu/cpu1/online; " ASK_ONLINE, "[0-1]\n");
    ask_linux(machine, "echo 1 >/sys/devices/system/cpu/cpu2/online; " ASK_ONLINE, "[0-2]\n");
    assert_null(strstr(bh(machine, "vcpu-list linux"), "--p"));
    expect("vcpu-set linux 2", "");
    ask_linux(machine,
              "while grep -q 2 /sys/devices/system/cpu/online; do sleep 0.1; done; " ASK_ONLINE,
              "[0-1]\n");
    expect_part("vcpu-list linux", "linux                                1     2    -   --p");
    expect("vcpu-set -i linux 4",
           "bh vcpu-set: linux: 4 vCPUs are more than the domain's maxvcpus, "
           "3\n");
}

/* ---- Two vCPUs on one CPU ---- */

/*
 * Each change of a descriptor table is a call of the other vCPU (tests/linux/ldt.c): it has to take
 * less than what waiting for the end of a slice takes, which is 6 ms. It takes 41000 instructions,
 * some 0.4 ms here; the limit leaves room for a host that is busy.
 */
#define LONGEST_CALL_NS 2000000L

static void siblings_answer_at_once(void **state)
{
    char modules[512];
    long median;

    snprintf(modules, sizeof(modules), "%s console=hvc0 quiet,%s", build_path("packages/vmlinuz"),
             build_path("tests/linux/ldt.cpio"));
    machine = machine_start(
        &(struct machine_options){.name = "vcpus-ldt",
                                  .kernel = bulkhead_image(),
                                  .cmdline = "console=com1 noreboot dom0_max_vcpus=2",
                                  .modules = modules});
    machine_expect(machine, "LDT ");
    machine_expect(machine, "\n");
    median = strtol(machine_between(machine), NULL, 10);
    print_message("half of the calls took at most %ld ns\n", median);
    if (median <= 0 || median > LONGEST_CALL_NS) {
        machine_fail(machine, "LDT %s", machine_between(machine));
    }
    machine_type(machine, "%s", ""); /* it powers off */
    machine_expect_exit(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(verbs_on_bulkhead, machines_stop),
        cmocka_unit_test_teardown(verbs_on_debians_xen, machines_stop),
        cmocka_unit_test_teardown(dom0_is_pinned, machines_stop),
        cmocka_unit_test_teardown(linux_follows_vcpu_set, machines_stop),
        cmocka_unit_test_teardown(siblings_answer_at_once, machines_stop),
    };

    return cmocka_run_group_tests_name("vcpus", tests, NULL, NULL);
}
