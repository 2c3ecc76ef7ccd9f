/* SPDX-License-Identifier: MIT */
/*
 * Creation is all or nothing: whatever step fails, no domain, no memory, no name, no port remains,
 * and the same domain can be created afterwards.
 */
#include "bulkhead.h"

#include <string.h>

struct failure {
    const char *arguments; /* of create */
    const char *told;      /* part of the message */
};

static const struct failure failures[] = {
    {"/guests/nosuch.cfg", "/guests/nosuch.cfg"},
    {"/guests/demo.cfg memory=65536", "memory"},
    {"/guests/demo.cfg memory=plenty", "memory"},
    {"/guests/demo.cfg kernel=\"/guests/nosuch\"", "/guests/nosuch"},
    {"/guests/demo.cfg kernel=\"/guests/demo.cfg\"", "/guests/demo.cfg"},
    {"/guests/demo.cfg kernel=\"/guests/truncated\"", "/guests/truncated"},
    {"/guests/demo.cfg kernel=\"/guests/another-abi\"", "the hypervisor ABI 'xen-2.0'"},
    {"/guests/demo.cfg kernel=\"/guests/damaged\" memory=64", "kernel and ramdisk need"},
    {"/guests/demo.cfg kernel=\"/guests/damaged\" memory=96", "/guests/damaged"},
    {"/guests/demo.cfg ramdisk=\"/guests/nosuch\"", "/guests/nosuch"},
    {"/guests/demo.cfg ramdisk=\"/guests/large\"", "memory"},
    {"/guests/demo.cfg vcpus=0", "vcpus"},
    {"/guests/demo.cfg vcpus=100000", "vcpus"},
    {"/guests/demo.cfg uuid=\"12\"", "uuid"},
    {"/guests/demo.cfg name=\"Domain-0\"", "Domain-0"},
};

/* /guests with images that cannot be run, and one that can. */
static const char *make_bad_ramdisk(const char *name)
{
    const char *folder = build_path("logs/%s.guests", name),
               *ramdisk = build_path("logs/%s.cpio", name);

    run_command("rm -rf %s && mkdir -p %s && cp %s %s %s", folder, folder,
                build_path("guests/demo"), build_path("guests/demo.cfg"), folder);
    run_command("head -c 20000 %s >%s/truncated", build_path("guests/demo"), folder);
    run_command("sed s/xen-3.0/xen-2.0/ %s >%s/another-abi", build_path("guests/demo"), folder);
    /* A bzImage whose payload breaks off is found out only while it is unpacked into the domain. */
    run_command("head -c 3000000 %s >%s/damaged", build_path("guests/vmlinuz"), folder);
    run_command("head -c 20000000 /dev/zero >%s/large", folder);
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    return ramdisk;
}

static void fail_to_create(struct machine *machine, const struct failure *failure)
{
    const char *output = bh(machine, "create %s", failure->arguments);

    if (!strstr(output, "bh create: ") || !strstr(strstr(output, "bh create: "), failure->told)) {
        machine_fail(machine, "create %s says: %s", failure->arguments, output);
    }
}

static void nothing_remains(void **state)
{
    const char *iso = make_dom0_iso("create-fails", make_bad_ramdisk("create-fails"));
    struct machine *machine = machine_start(
        &(struct machine_options){.name = "create-fails", .iso = iso});
    const char *before, *list;
    long long free_before;

    expect_prompt(machine);
    list = strdup(bh(machine, "list --json"));
    assert_null(strstr(list, "demo"));
    free_before = free_memory(machine);
    before = hypervisor_counters(machine);
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        fail_to_create(machine, &failures[i]);
        assert_null(strstr(bh(machine, "list"), "demo"));
        assert_int_equal(free_memory(machine), free_before);
    }
    assert_string_equal(hypervisor_counters(machine), before);

    bh(machine, "create /guests/demo.cfg");
    talk_to_demo(machine, "hello");
    free_before = free_memory(machine);
    before = hypervisor_counters(machine);
    fail_to_create(machine, &(struct failure){"/guests/demo.cfg", "'demo' is taken"});
    assert_int_equal(free_memory(machine), free_before);
    /* Dom0 and the domain talk meanwhile, but nothing of it is counted. */
    assert_string_equal(hypervisor_counters(machine), before);
    talk_to_demo(machine, "again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(nothing_remains, machines_stop),
    };

    return cmocka_run_group_tests_name("creation that fails", tests, NULL, NULL);
}
