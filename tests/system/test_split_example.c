/* SPDX-License-Identifier: MIT */
/*
 * The worked example of docs/drivers.md: a split device whose two ends are two domains, put into
 * the store by hand. Text typed at the front end comes back changed by the back end.
 */
#include "bulkhead.h"

#include <string.h>

#define BACK  "/local/domain/1/backend/shout/2/0"
#define FRONT "/local/domain/2/device/shout/0"

static struct machine *boot(void)
{
    const char *folder = build_path("logs/split-example.files"),
               *ramdisk = build_path("logs/split-example.cpio");

    run_command("rm -rf %s && mkdir -p %s", folder, folder);
    make_guest(folder, "shout-back", "shout-back", "memory = 8\n");
    make_guest(folder, "shout-front", "shout-front", "memory = 8\n");
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    return start_dom0(&(struct machine_options){.name = "split-example"}, ramdisk);
}

/* A node for one end, which its domain may write and the other's may read. */
static void make_node(struct machine *machine, const char *path, unsigned int own,
                      unsigned int other)
{
    bh(machine, "store-write %s \"\"", path);
    bh(machine, "store-chmod %s n%u r%u", path, own, other);
}

static void type_and_expect(struct machine *machine, const char *text, const char *answer)
{
    machine_type(machine, "console shout-front");
    machine_type(machine, "%s", text);
    machine_expect(machine, answer);
    leave_console(machine);
}

static void text_goes_through(void **state)
{
    struct machine *machine = boot();

    bh(machine, "create /guests/shout-back.cfg");
    bh(machine, "create /guests/shout-front.cfg");
    make_node(machine, BACK, 1, 2);
    make_node(machine, FRONT, 2, 1);
    bh(machine, "store-write " BACK "/frontend " FRONT " " BACK "/frontend-id 2 " BACK
                "/online 1 " BACK "/state 1");
    bh(machine, "store-write " FRONT "/backend " BACK " " FRONT "/backend-id 1 " FRONT "/state 1");
    type_and_expect(machine, "as loud as you can", "AS LOUD AS YOU CAN");
    machine_type(machine, "store-read " BACK "/state " FRONT "/state");
    machine_expect(machine, "4\n4\n");
    expect_prompt(machine);

    bh(machine, "store-rm " FRONT " " BACK);
    bh(machine, "destroy shout-front");
    bh(machine, "destroy shout-back");
    if (strstr(bh(machine, "list"), "shout")) {
        machine_fail(machine, "a domain is left");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(text_goes_through, machines_stop),
    };

    return cmocka_run_group_tests_name("the example of a split device", tests, NULL, NULL);
}
