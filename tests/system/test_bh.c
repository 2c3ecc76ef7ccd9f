/* SPDX-License-Identifier: MIT */
/*
 * The commands of dom0's prompt, each with what it changes and what it prints; creations that fail
 * and leave nothing; the life of a domain through reboot and shutdown; the autorun file.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <string.h>

static struct machine *boot_with_demo(const char *name)
{
    static const char *const files[] = {"demo", "demo.cfg", NULL};

    return start_dom0(&(struct machine_options){.name = name}, make_ramdisk(name, files));
}

/* Types COMMAND; fails unless its output holds PART. */
static void expect_output(struct machine *machine, const char *command, const char *part)
{
    const char *output = bh(machine, "%s", command);

    if (!strstr(output, part)) {
        machine_fail(machine, "%s: \"%s\" is not in its output", command, part);
    }
}

static void each_verb_does_its_work(void **state)
{
    struct machine *machine = boot_with_demo("bh-verbs");

    expect_output(machine, "help", "vcpu-list");
    expect_output(machine, "help create", "-p");
    expect_output(machine, "ls /guests", "demo.cfg");
    expect_output(machine, "ls --json /guests",
                  "\"name\": \"demo.cfg\",\n    \"directory\": "
                  "false,\n    \"size\": ");
    expect_output(machine, "cat /guests/demo.cfg", "kernel = \"/guests/demo\"");
    expect_output(machine, "dmesg", "dom0");
    expect_output(machine, "nonsense", "nonsense");

    bh(machine, "create -p /guests/demo.cfg extra=\"two words\" 'vif=[]'");
    expect_output(machine, "list demo", "--p---");
    expect_output(machine, "list -l demo", "\"cmdline\": \"two words\"");
    bh(machine, "unpause demo");
    talk_to_demo(machine, "running");
    expect_output(machine, "list --json", "\"name\": \"demo\"");
    expect_output(machine, "list -l demo", "\"kernel\": \"/guests/demo\"");
    expect_output(machine, "domid demo", "1");
    expect_output(machine, "domname 1", "demo");
    expect_output(machine, "vcpu-list", "demo");
    expect_output(machine, "uptime", "demo");

    bh(machine, "pause demo");
    expect_output(machine, "list demo", "p---");
    bh(machine, "unpause demo");
    talk_to_demo(machine, "again");
    bh(machine, "rename demo other");
    expect_output(machine, "list", "other");
    bh(machine, "destroy other");
    assert_null(strstr(bh(machine, "list"), "other"));

    machine_type(machine, "restart");
    machine_expect_exit(machine);
}

/* What is asked wrongly gets one line that says so, and nothing else. */
static void wrong_words_are_named(void **state)
{
    struct machine *machine = boot_with_demo("bh-wrong");

    expect_output(machine, "list -v", "bh list: unknown option '-v'; usage: bh list [-l");
    expect_output(machine, "create -q /guests/demo.cfg", "unknown option '-q'");
    expect_output(machine, "block-list -h", "usage: bh block-list [--json] DOMAIN...");
    assert_string_equal(bh(machine, "list none"), "bh list: there is no domain named 'none'\n");
    assert_string_equal(bh(machine, "block-list --json Domain-0 none"),
                        "bh block-list: there is no domain named 'none'\n");
    assert_string_equal(bh(machine, "store-ls --json /none"), "bh store-ls: /none: no such node\n");
    expect_output(machine, "create /guests/demo.cfg type=hvm", "type=hvm: expected \"pv\"");
    assert_null(strstr(bh(machine, "create -p /guests/demo.cfg type=pv"), "warning"));
}

/* Where a configuration may come from, and what may stand in it. */
static void configurations_are_xls(void **state)
{
    struct machine *machine = boot_with_demo("bh-config");

    expect_output(machine, "create -p name=one kernel=/guests/demo memory=16 localtime=1",
                  "localtime=1: xl's key 'localtime' is not supported here");
    expect_output(machine, "list one", "--p---");
    bh(machine, "create -p /dev/null name=two kernel=/guests/demo memory=16");
    expect_output(machine, "list two", "--p---");
    machine_type(machine, "create -p - memory=16");
    machine_expect(machine, "Parsing config from -");
    machine_type(machine, "name = \"na\xc3\xafve\"");
    machine_type(machine, "kernel = \"/guests/demo\"");
    machine_send(machine, "\x04"); /* Ctrl-D */
    expect_prompt(machine);
    /* Both lines have the same columns. */
    expect_output(machine, "list na\xc3\xafve",
                  "na\xc3\xafve                                        3    16     1     --p---");
    expect_output(machine, "list two",
                  "two                                          2    16     1     --p---");
    bh(machine, "rename two \xc3\xbc");
    expect_output(machine, "domname 2", "\xc3\xbc");
    expect_output(machine, "create /guests/demo.cfg name=x memroy=16",
                  "unknown key 'memroy' ignored: is 'memory' meant?");
}

/* A command that is longer than the screen costs its bytes, not a screen a key. */
static void long_lines_are_cheap(void **state)
{
    struct machine *machine = boot_with_demo("bh-long");
    char command[400] = "store-write /long ";
    const char *shown;

    memset(command + strlen(command), 'x', 380 - strlen(command));
    machine_type(machine, "%s", command);
    machine_expect(machine, "\n");
    shown = machine_between(machine);
    assert_true(strlen(shown) < 1200);
    expect_prompt(machine);
    expect_output(machine, "store-read /long", "xxx");
}

static void store_verbs_take_options(void **state)
{
    struct machine *machine = boot_with_demo("bh-store");

    bh(machine, "store-write /a/b/c 1 /a/b/d 2 /a/e 3");
    assert_string_equal(bh(machine, "store-list /a"), "b\ne\n");
    assert_string_equal(bh(machine, "store-list -p /a/b /a"), "/a/b/c\n/a/b/d\n/a/b\n/a/e\n");
    expect_output(machine, "store-list /a /none", "/none: no such node");
    assert_string_equal(bh(machine, "store-chmod -r /a/b n0 r3"), "");
    assert_string_equal(bh(machine, "store-ls -fp /a"), "/a/b = \"\"   (n0,r3)\n"
                                                        "/a/b/c = \"1\"   (n0,r3)\n"
                                                        "/a/b/d = \"2\"   (n0,r3)\n"
                                                        "/a/e = \"3\"   (n0)\n");
    assert_string_equal(bh(machine, "store-chmod -u /a/b/c b0"), "");
    expect_output(machine, "store-ls -p /",
                  "a = \"\"   (b0)\n b = \"\"   (b0)\n  c = \"1\"   (b0)\n"
                  "  d = \"2\"   (n0,r3)\n");
    assert_string_equal(bh(machine, "store-chmod -r /none n0"),
                        "bh store-chmod: /none: no such node\n");
    bh(machine, "store-rm -t /a/b/c");
    assert_string_equal(bh(machine, "store-list /a/b"), "d\n");
    expect_output(machine, "store-ls --json /a/b", "\"permissions\": \"n0,r3\"");
    expect_output(machine, "store-list --json /a",
                  "[\n  {\n    \"path\": \"/a/b\",\n"
                  "    \"value\": \"\",\n");
    assert_null(strstr(bh(machine, "store-list --json /a"), "/a/b/d"));
    expect_output(machine, "store-list --json", "usage: bh store-list");
}

static void failed_creations_leave_nothing(void **state)
{
    struct machine *machine = boot_with_demo("bh-failures");
    long long free_before;

    bh(machine, "create /guests/demo.cfg");
    free_before = json_number(machine, bh(machine, "info --json"), "free_pages");
    expect_output(machine, "create /guests/demo.cfg", "taken");
    expect_output(machine, "create /guests/demo.cfg name=big memory=100000", "memory");
    expect_output(machine, "create /guests/demo.cfg name=bad kernel=/guests/demo.cfg", "ELF");
    expect_output(machine, "create /guests/demo.cfg name=none kernel=/none", "/none");
    expect_output(machine, "create /guests/demo.cfg name=odd memory=abc", "expected");
    expect_output(machine, "create /none.cfg", "/none.cfg");
    assert_int_equal(json_number(machine, bh(machine, "info --json"), "free_pages"), free_before);
    /* An unknown key only warns. */
    expect_output(machine, "create /guests/demo.cfg name=odd frobnicate=1", "frobnicate");
    expect_output(machine, "list", "odd");
    bh(machine, "destroy odd");
    assert_int_equal(json_number(machine, bh(machine, "info --json"), "free_pages"), free_before);
    talk_to_demo(machine, "unharmed");
}

static void domains_reboot_and_shut_down(void **state)
{
    struct machine *machine = boot_with_demo("bh-life");
    long long free_before = json_number(machine, bh(machine, "info --json"), "free_pages");

    bh(machine, "create /guests/demo.cfg");
    talk_to_demo(machine, "first");
    machine_type(machine, "reboot -w demo");
    machine_expect(machine, "domain 'demo' (2) is running again");
    expect_prompt(machine);
    /* It is back as a new domain with the same name. */
    talk_to_demo(machine, "second");
    expect_output(machine, "domid demo", "2");
    bh(machine, "create /guests/demo.cfg name=two");
    /* One that does not listen is not waited for without end. */
    bh(machine, "pause two");
    machine_type(machine, "reboot -w two");
    machine_expect(machine, "Rebooting domain 3");
    machine_send(machine, "\x03");
    machine_expect(machine, "bh reboot: domain 3 has not stopped yet");
    expect_prompt(machine);
    machine_type(machine, "unpause two");
    machine_expect(machine, "domain 'two' (4) is running again");
    expect_prompt(machine);
    expect_output(machine, "shutdown -aw", "Shutting down domain 2\nShutting down domain 4\n");
    assert_null(strstr(bh(machine, "list"), "demo"));
    assert_null(strstr(bh(machine, "list"), "two"));
    assert_int_equal(json_number(machine, bh(machine, "info --json"), "free_pages"), free_before);
    machine_type(machine, "poweroff");
    machine_expect_exit(machine);
}

static void autorun_is_run_once(void **state)
{
    const char *folder = build_path("logs/bh-autorun.files"),
               *ramdisk = build_path("logs/bh-autorun.cpio");
    struct machine *machine;

    run_command("rm -rf %s && mkdir %s && cp %s %s %s && "
                "printf '%%s\\n' '# a comment' 'bh create /guests/demo.cfg' 'list' >%s/autorun",
                folder, folder, build_path("guests/demo"), build_path("guests/demo.cfg"), folder,
                folder);
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    machine = start_dom0(&(struct machine_options){.name = "bh-autorun"}, ramdisk);
    machine_expect(machine, "Domain-0");
    machine_expect(machine, "demo ");
    expect_prompt(machine);
    talk_to_demo(machine, "hello");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_verb_does_its_work, machines_stop),
        cmocka_unit_test_teardown(wrong_words_are_named, machines_stop),
        cmocka_unit_test_teardown(configurations_are_xls, machines_stop),
        cmocka_unit_test_teardown(long_lines_are_cheap, machines_stop),
        cmocka_unit_test_teardown(store_verbs_take_options, machines_stop),
        cmocka_unit_test_teardown(failed_creations_leave_nothing, machines_stop),
        cmocka_unit_test_teardown(domains_reboot_and_shut_down, machines_stop),
        cmocka_unit_test_teardown(autorun_is_run_once, machines_stop),
    };

    return cmocka_run_group_tests_name("bh", tests, NULL, NULL);
}
