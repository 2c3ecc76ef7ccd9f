/* SPDX-License-Identifier: MIT */
/*
 * Domains that trouble the store without end, two at a time: others' consoles and store
 * connections, and dom0's prompt, continue to work meanwhile. When they are gone nothing of them is
 * left.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <string.h>

static const char *const modes[] = {"ask", "deaf", "watch", "fill", "break"};

static struct machine *boot(void)
{
    const char *folder = build_path("logs/store-flood.guests"),
               *ramdisk = build_path("logs/store-flood.cpio");

    run_command("rm -rf %s && mkdir -p %s && cp %s %s %s", folder, folder,
                build_path("guests/demo"), build_path("guests/demo.cfg"), folder);
    make_guest(folder, "flood", "store-flood", "memory = 16\n");
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    return start_dom0(&(struct machine_options){.name = "store-flood"}, ramdisk);
}

static unsigned int count(const char *text, const char *part)
{
    unsigned int found = 0;

    while ((text = strstr(text, part))) {
        found++;
        text += strlen(part);
    }
    return found;
}

/*
 * Starts a domain that floods the store; for one that breaks its ring, waits for the notice first.
 */
static void start_flood(struct machine *machine, const char *name, const char *mode)
{
    machine_type(machine, "create /guests/flood.cfg name=%s extra=\"mode=%s\"", name, mode);
    if (strcmp(mode, "break") == 0) {
        machine_expect(machine, "broke the store's ring");
        /* A notice draws the prompt again, so that not each prompt is the end of a command. */
        machine_type(machine, "domname 0");
        machine_expect(machine, "Domain-0");
    }
    expect_prompt(machine);
}

static void others_do_not_notice(void **state)
{
    struct machine *machine = boot();
    const char *before;
    char word[64];

    bh(machine, "create /guests/demo.cfg");
    talk_to_demo(machine, "before");
    before = hypervisor_counters(machine);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        start_flood(machine, "one", modes[i]);
        start_flood(machine, "two", modes[i]);
        for (int round = 0; round < 5; round++) {
            snprintf(word, sizeof(word), "%s-%d", modes[i], round);
            talk_to_demo(machine, word);
            bh(machine, "store-write /tool/word %s", word);
            if (!strstr(bh(machine, "store-read /tool/word"), word)) {
                machine_fail(machine, "the store has lost %s", word);
            }
        }
        /* A domain comes and goes through the store meanwhile. */
        bh(machine, "create /guests/demo.cfg name=passer-by");
        bh(machine, "shutdown -w passer-by");
        bh(machine, "destroy one");
        bh(machine, "destroy two");
        if (strcmp(hypervisor_counters(machine), before) != 0) {
            machine_fail(machine, "after %s something is left", modes[i]);
        }
    }
    bh(machine, "store-rm -t /tool/word");
    if (strstr(bh(machine, "store-ls -p"), "flood")) {
        machine_fail(machine, "the store still knows the domains");
    }
    /* One line for each domain that broke its ring, however often it did. */
    assert_int_equal(count(machine_text(machine), "broke the store's ring"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(others_do_not_notice, machines_stop),
    };

    return cmocka_run_group_tests_name("store-flood", tests, NULL, NULL);
}
