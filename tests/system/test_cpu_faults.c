/* SPDX-License-Identifier: MIT */
/*
 * CPUs that fail, other than CPU 0: one that hangs is found by the watchdog, one whose stack runs
 * over meets the guard page, one reports a machine check, and each of these ends the machine with
 * one report; one that is lesser than CPU 0 is left out; an NMI of the hardware comes to dom0
 * wherever that runs. And how CPUs idle.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the end of the machine ---- */

/*
 * Has gdb stop CPU 1 when it is about to idle, in ring 0, after all are up and watched, and do
 * there what @then says.
 */
static const char *run_in_gdb(const char *name, const char *then)
{
    const char *qemu = getenv("QEMU") ? getenv("QEMU") : "qemu-system-x86_64";
    char script[512], serial[512];
    FILE *file;

    snprintf(script, sizeof(script), "%s", build_path("logs/%s", name));
    snprintf(serial, sizeof(serial), "%s", build_path("logs/%s.serial", name));
    file = fopen(script, "we");
    assert_non_null(file);
    fprintf(file,
            "hbreak watchdog_start\ncontinue\nhbreak sched_start\ncontinue\ndelete\n"
            "hbreak arch_idle thread 2\ncontinue\ndelete\nthread 2\n%s",
            then);
    fclose(file);
    run_command("timeout 120 gdb -q -batch %s -ex 'target remote | exec %s -M q35 -smp 3 -m 256 "
                "-nic none -display none -no-reboot -serial file:%s -kernel %s -append "
                "\"console=com1 watchdog=yes watchdog_timeout=2\" -initrd %s -S -gdb stdio' -x %s "
                ">%s 2>&1 || true",
                build_path("bulkhead"), qemu, serial, build_path("bulkhead"), dom0_kernel(), script,
                build_path("logs/%s.log", name));
    return read_whole_file(serial);
}

/* CPU 1 of three ended the machine: the others stopped, and one report says where. */
static void expect_one_report(const char *text)
{
    const char *panic = strstr(text, "PANIC on CPU 1");

    assert_non_null(panic);
    assert_null(strstr(panic + 1, "PANIC"));
    assert_non_null(strstr(text, "CPU 0 was at "));
    assert_non_null(strstr(text, "CPU 2 was at "));
    assert_non_null(strstr(text, "Restarting in 1 second."));
}

/* It loops with interrupts off. */
static void a_hung_cpu_is_found(void **state)
{
    const char *text = run_in_gdb("cpu-hangs", "set $rip = machine_halt\ncontinue\n");

    assert_non_null(strstr(text, "Watchdog: a CPU that hangs for 2 s ends the machine"));
    assert_non_null(strstr(text, "this CPU hangs (watchdog) in ring 0: vector 2,"));
    assert_non_null(strstr(text, "machine_halt"));
    expect_one_report(text);
}

/* Its stack pointer goes to the middle of the guard page (STACK_SIZE, STACK_GUARD). */
static void a_stack_that_runs_over_is_found(void **state)
{
    const char *text = run_in_gdb("cpu-guard",
                                  "set $rsp = ((long)$rsp & ~0x7fffL) + 0x4800\ncontinue\n");

    assert_non_null(strstr(text, "double fault in ring 0: vector 8,"));
    expect_one_report(text);
}

/* A machine of @cpus whose monitor is monitor(). */
static struct machine *start(const char *name, const char *cpus, const char *module, bool fatal)
{
    char qmp[512], modules[512];
    const char *extra[] = {"-qmp", qmp, "-smp", cpus, NULL};

    snprintf(qmp, sizeof(qmp), "unix:%s,server=on,wait=off", build_path("logs/%s.qmp", name));
    snprintf(modules, sizeof(modules), "%s", module);
    return machine_start(&(struct machine_options){.name = name,
                                                   .kernel = bulkhead_image(),
                                                   .cmdline = "console=com1 noreboot",
                                                   .modules = modules,
                                                   .extra = extra,
                                                   .expect_fatal = fatal});
}

/* An uncorrected error (MCi_STATUS: VAL, UC, EN, PCC) of bank 0 of CPU 1. */
static void a_machine_check_is_reported(void **state)
{
    struct machine *machine = start("cpu-mce", "3", dom0_kernel(), true);
    const char *text;

    machine_expect(machine, "(BH) CPUs: 3 present, 3 used");
    machine_expect(machine, BH_PROMPT);
    monitor_execute(build_path("logs/cpu-mce.qmp"),
                    "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":"
                    "\"mce 1 0 0xb200000000000000 0x4 0x1000 0\"}}");
    machine_expect(machine, "Machine check: status 0x4");
    machine_expect(machine, "bank 0: status b200000000000000");
    machine_expect(machine, "PANIC on CPU 1\n(BH) machine check\n");
    machine_expect(machine, "CPU 2 was at ");
    machine_expect(machine, "(BH) Stopped.");
    text = strstr(machine_text(machine), "Machine check:");
    assert_null(strstr(text + 1, "Machine check:"));
    assert_null(strstr(strstr(text, "PANIC") + 1, "PANIC"));
}

/* ---- an NMI ---- */

static void a_hardware_nmi_comes_to_dom0(void **state)
{
    struct machine *machine = start("cpu-nmi", "2", build_path("pv-guest/hardware-nmi"), false);

    machine_expect(machine, "waiting for an NMI");
    monitor_execute(build_path("logs/cpu-nmi.qmp"), "{\"execute\":\"inject-nmi\"}");
    machine_expect(machine, "TESTS DONE 1 passed, 0 failed");
}

/* ---- a lesser CPU ---- */

static void a_lesser_cpu_is_left_out(void **state)
{
    static const char *const lesser[] = {
        "-smp",    "1,sockets=3,maxcpus=3",
        "-device", "max-x86_64-cpu,smep=off,socket-id=1,core-id=0,thread-id=0",
        "-device", "max-x86_64-cpu,socket-id=2,core-id=0,thread-id=0",
        NULL};
    struct machine *machine = start_dom0(
        &(struct machine_options){.name = "cpu-lesser", .cpu = "max", .extra = lesser},
        dom0_ramdisk());

    assert_non_null(strstr(machine_text(machine),
                           "CPU 1 (APIC id 1) is not used: it lacks features of CPU 0: CPUID leaf "
                           "0x7 EBX, bits 0x80\n"));
    assert_non_null(strstr(machine_text(machine), "(BH) CPUs: 3 present, 2 used\n"));
    assert_int_equal(json_number(machine, bh(machine, "info --json"), "nr_cpus"), 2);
}

/* ---- how CPUs idle ---- */

/* @return the instructions of arch_idle() that a machine with this CPU has executed */
static const char *idle_instructions(const char *name, const char *cpu)
{
    const char *log = build_path("logs/%s.instructions", name);
    char filter[64], address[64];
    const char *extra[] = {"-smp", "2", "-d", "in_asm", "-D", log, "-dfilter", filter, NULL};

    run_command("nm -S %s | awk '$4 == \"arch_idle\" {print \"0x\" $1 \"+0x\" $2}' >%s",
                bulkhead_image(), build_path("logs/%s.filter", name));
    snprintf(address, sizeof(address), "%s", read_whole_file(build_path("logs/%s.filter", name)));
    assert_int_equal(sscanf(address, "%63s", filter), 1);
    start_dom0(&(struct machine_options){.name = name, .cpu = cpu, .extra = extra}, dom0_ramdisk());
    machines_stop(NULL);
    return read_whole_file(log);
}

/* Under a hypervisor HLT tells that one; bare hardware has MWAIT. */
static void hlt_or_mwait(void **state)
{
    const char *seen = idle_instructions("cpu-hlt", "max");

    assert_non_null(strstr(seen, "hlt"));
    assert_null(strstr(seen, "mwait"));
    seen = idle_instructions("cpu-mwait", "max,-hypervisor");
    assert_non_null(strstr(seen, "monitor"));
    assert_non_null(strstr(seen, "mwait"));
    assert_null(strstr(seen, "hlt"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hung_cpu_is_found),
        cmocka_unit_test(a_stack_that_runs_over_is_found),
        cmocka_unit_test_teardown(a_machine_check_is_reported, machines_stop),
        cmocka_unit_test_teardown(a_hardware_nmi_comes_to_dom0, machines_stop),
        cmocka_unit_test_teardown(a_lesser_cpu_is_left_out, machines_stop),
        cmocka_unit_test_teardown(hlt_or_mwait, machines_stop),
    };

    return cmocka_run_group_tests_name("CPUs that fail", tests, NULL, NULL);
}
