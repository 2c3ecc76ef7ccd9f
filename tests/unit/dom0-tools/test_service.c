/* SPDX-License-Identifier: MIT */
/*
 * The builder and the service on a fake machine: what a new domain finds, that creation is all or
 * nothing whatever fails, and what happens to domains that stop.
 */
/* SOURCES: tests/unit/dom0-tools/service_fixture.c */
/* SOURCES: tests/unit/dom0-tools/fake_platform.c tests/unit/image/make_elf.c */
/* SOURCES: dom0-tools/error.c */
/* SOURCES: dom0-tools/config/config.c dom0-tools/config/guest_config.c */
/* SOURCES: dom0-tools/utf8.c */
/* SOURCES: dom0-tools/config/foreign_keys.c */
/* SOURCES: dom0-tools/config/device_list.c dom0-tools/config/parameters.c */
/* SOURCES: dom0-tools/config/cpu_list.c */
/* SOURCES: dom0-tools/config/disk_config.c dom0-tools/config/vif_config.c */
/* SOURCES: $(IMAGE_SRCS) dom0-tools/image/kernel_image.c dom0-tools/image/unpack.c */
/* SOURCES: dom0-tools/control/control.c dom0-tools/control/scheduling.c */
/* SOURCES: dom0-tools/builder/build.c dom0-tools/service/vcpu_requests.c */
/* SOURCES: dom0-tools/builder/guest_memory.c */
/* SOURCES: $(STORE_SRCS) */
/* SOURCES: dom0-tools/service/index.c dom0-tools/service/domains.c dom0-tools/service/console.c */
/* SOURCES: dom0-tools/service/console_archive.c dom0-tools/service/store_clients.c */
/* SOURCES: dom0-tools/service/domain_rings.c dom0-tools/service/domain_nodes.c */
/* SOURCES: dom0-tools/service/memory_target.c dom0-tools/service/device_nodes.c */
/* SOURCES: dom0-tools/service/device_late.c dom0-tools/service/device_set.c */
/* SOURCES: dom0-tools/service/construction.c dom0-tools/service/domain_requests.c */
/* SOURCES: dom0-tools/service/console_requests.c dom0-tools/service/device_requests.c */
/* SOURCES: dom0-tools/service/domain_life.c dom0-tools/service/service.c */
/* CFLAGS: -Idom0-tools -Dmalloc=fake_malloc -Dcalloc=fake_calloc -Drealloc=fake_realloc */
/* CFLAGS: -Dfree=fake_free -Dstrdup=fake_strdup */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <public/errno.h>
#include <public/io/xs_wire.h>
#include <public/sched.h>
#include <service/domain_life.h>
#include <service/store_clients.h>
#include <service/turn.h>

#include "fake_platform.h"
#include "service_fixture.h"

/* ---- What a domain finds ---- */

/* Walks the tables as the processor does. Returns the entry, or 0. */
static uint64_t walk(const struct fake_domain *d, uint64_t address)
{
    uint64_t entry = d->context.ctrlreg[3];

    assert_int_equal(entry >> 12, d->pinned);
    for (int level = 4; level >= 1; level--) {
        const uint64_t *table = fake_frame((entry & 0x000ffffffffff000ull) >> 12);

        entry = table[(address >> (12 + 9 * (level - 1))) & 511];
        if (!(entry & 1))
            return 0;
    }
    return entry;
}

static void *reach(const struct fake_domain *d, uint64_t address)
{
    uint64_t entry = walk(d, address);

    assert_int_not_equal(entry, 0);
    return (uint8_t *)fake_frame((entry & 0x000ffffffffff000ull) >> 12) + address % PAGE;
}

static bool equal(const struct fake_domain *d, uint64_t address, const uint8_t *bytes,
                  size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (*(uint8_t *)reach(d, address + i) != bytes[i])
            return false;
    return true;
}

static void check_domain(const struct fake_domain *d, bool modern)
{
    const vcpu_guest_context_t *c = &d->context;
    const start_info_t *si = reach(d, c->user_regs.rsi);
    uint64_t end = si->pt_base + (si->nr_pt_frames + 1) * PAGE, address;

    assert_int_equal(c->user_regs.rip, ENTRY);
    assert_true(c->flags & VGCF_in_kernel);
    assert_int_equal(c->user_regs.rsp, end);
    assert_int_equal(*(uint64_t *)reach(d, c->user_regs.rsp - 8), 0);
    assert_string_equal((const char *)si->cmd_line, "hello world");
    assert_int_equal(si->nr_pages, 16 << 8);
    assert_int_equal(si->shared_info >> 12, d->shared_info);
    assert_int_equal(si->store_evtchn, 1);
    assert_int_equal(si->console.domU.evtchn, 2);
    assert_int_equal(*(uint8_t *)reach(d, BASE + LOAD_AT + KERNEL_SIZE + 99), 0);
    assert_true(equal(d, BASE + LOAD_AT, kernel.bytes + TEXT_OFFSET, KERNEL_SIZE));
    assert_int_equal(walk(d, BASE + LOAD_AT + 0x1000) >> 12, d->hypercall_page);
    /* The list agrees with the tables: virtual base + n pages is pfn n. */
    for (address = BASE; walk(d, address); address += PAGE) {
        const uint64_t *p2m = reach(d, si->mfn_list + (address - BASE) / PAGE * 8);
        uint64_t entry = walk(d, address);
        bool table = address >= si->pt_base && address < si->pt_base + si->nr_pt_frames * PAGE;

        assert_int_equal(*p2m, (entry & 0x000ffffffffff000ull) >> 12);
        if (table)
            assert_false(entry & 2);
    }
    /* At least 512 KiB to spare, up to a multiple of 4 MiB. */
    assert_int_equal(address % (4 << 20), 0);
    assert_in_range(address - end, 512 << 10, (512 << 10) + (4 << 20));
    assert_int_equal(si->mod_len, RAMDISK_SIZE);
    if (modern) {
        const uint64_t *p2m = reach(d, OWN_P2M + si->mod_start * 8);

        assert_int_equal(si->mfn_list, OWN_P2M);
        assert_true(si->flags & SIF_MOD_START_PFN);
        assert_memory_equal(fake_frame(*p2m), ramdisk, PAGE);
        assert_int_equal(*(uint64_t *)reach(d, OWN_P2M + si->first_p2m_pfn * 8),
                         walk(d, OWN_P2M) >> 12);
        assert_int_equal(si->nr_p2m_frames, 8 + 3); /* the list, and a table of each lower level */
    } else {
        assert_true(equal(d, si->mod_start, ramdisk, RAMDISK_SIZE));
        assert_int_equal(si->mod_start % PAGE, 0);
    }
    for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        assert_int_equal(
            ((struct shared_info *)fake_frame(d->shared_info))->vcpu_info[i].evtchn_upcall_mask, 1);
}

static void test_start_of_day(void **state)
{
    struct error e;
    domid_t domid;

    for (int variant = 0; variant < 4; variant++) {
        fake_superpages(variant & 1);
        make_kernel(variant & 2);
        if (service_create(&config, false, &domid, &e))
            fail_msg("%s", e.text);
        assert_false(fake_domains[domid].paused);
        check_domain(&fake_domains[domid], variant & 2);
        assert_int_equal(service_destroy(domid, &e), 0);
        assert_int_equal(fake_domain_count(), 0);
    }
}

/* Where the first domain's page tables came to lie, and how many others saw filled in. */
static uint64_t table_frames[16];
static unsigned int table_count, tables_seen, most_at_once;

static void count_tables(void)
{
    unsigned int filled = 0;

    /* A new frame holds rubbish, which no entry begins with. */
    for (unsigned int i = 0; i < table_count; i++)
        filled += ((const uint8_t *)fake_frame(table_frames[i]))[0] != 0xcc;
    if (filled > tables_seen && filled - tables_seen > most_at_once)
        most_at_once = filled - tables_seen;
    tables_seen = filled;
}

/* Others run after each page table that is filled in: a large domain has many. */
static void test_others_run_between_page_tables(void **state)
{
    const struct fake_domain *d;
    const start_info_t *si;
    struct error e;
    domid_t domid;

    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    d = &fake_domains[domid];
    si = reach(d, d->context.user_regs.rsi);
    table_count = (unsigned int)si->nr_pt_frames;
    assert_in_range(table_count, 5, 16);
    for (unsigned int i = 0; i < table_count; i++)
        table_frames[i] = (walk(d, si->pt_base + i * PAGE) & 0x000ffffffffff000ull) >> 12;
    assert_int_equal(service_destroy(domid, &e), 0);

    tables_seen = table_count;
    fake_on_yield(count_tables);
    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    fake_on_yield(NULL);
    assert_int_equal(tables_seen, table_count);
    assert_int_equal(most_at_once, 1);
    assert_int_equal(service_destroy(domid, &e), 0);
}

/* ---- All or nothing ---- */

static void test_creation_is_all_or_nothing(void **state)
{
    unsigned int free_frames = fake_free_frames(), ports = fake_bound_ports(), failed = 0;
    struct error e;
    domid_t domid;
    long blocks;

    /* Once, so that what the store keeps per domain number is there. */
    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    assert_int_equal(service_destroy(domid, &e), 0);
    blocks = fake_blocks();
    for (unsigned int nth = 1;; nth++) {
        int status;

        fake_domains[1].exists = false;
        fake_fail_at(nth);
        e.text[0] = '\0';
        status = service_create(&config, false, &domid, &e);
        if (!status && fake_calls() < nth)
            break;
        fake_fail_at(0);
        if (!status) { /* a failure that did not matter, such as of superpages */
            assert_int_equal(service_destroy(domid, &e), 0);
        } else {
            failed++;
            assert_memory_equal(e.text, "cannot create 'test': ", 22);
        }
        assert_null(service_domains);
        assert_int_equal(fake_domain_count(), 0);
        assert_int_equal(fake_mappings(), 0);
        assert_int_equal(fake_bound_ports(), ports);
        assert_int_equal(fake_free_frames(), free_frames);
        /* The store may keep a count per domain number that it has seen, nothing else. */
        assert_in_range(fake_blocks(), blocks, blocks + 16);
    }
    assert_in_range(failed, 100, 100000);
}

/* A new domain gets nothing of a former one of its number whose nodes could not be removed. */
static void test_leftovers(void **state)
{
    static const char secret[] = "/local/domain/1/data/secret", shared[] = "/tool/shared";
    struct store_permission p[] = {{.domid = 1}, {.domid = 1, .read = true, .write = true}};
    struct error e;
    domid_t domid;
    const void *value;
    size_t length;
    unsigned int count;

    xs_write(service_tools, 0, secret, "s", 1);
    xs_set_permissions(service_tools, 0, secret, p, 1);
    xs_mkdir(service_tools, 0, shared);
    p[0].domid = 0;
    xs_set_permissions(service_tools, 0, shared, p, 2);
    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    assert_int_equal(domid, 1);
    assert_int_equal(xs_read(service_tools, 0, secret, &value, &length), XEN_ENOENT);
    assert_int_equal(xs_get_permissions(service_tools, 0, shared, p, &count), 0);
    assert_int_equal(count, 1);
}

static void assert_create_fails(const char *expected)
{
    struct error e;
    domid_t domid;

    assert_int_equal(service_create(&config, false, &domid, &e), -1);
    assert_string_equal(e.text, expected);
}

static void test_messages(void **state)
{
    struct guest_config good = config;
    char name[GUEST_NAME_SIZE];
    struct error e;
    domid_t domid;

    config.kernel = (char *)"/none";
    assert_create_fails("cannot create 'test': kernel /none: no such file or directory");
    config = good;
    config.ramdisk = (char *)"/none";
    assert_create_fails("cannot create 'test': ramdisk /none: no such file or directory");
    config = good;
    config.kernel = (char *)"/ramdisk";
    assert_create_fails("cannot create 'test': /ramdisk: neither an ELF file nor a bzImage");
    config = good;
    config.memory_mib = config.maxmem_mib = 1000;
    assert_create_fails(
        "cannot create 'test': not enough free memory: 1000 MiB wanted, 127 MiB free");
    config = good;
    config.memory_mib = config.maxmem_mib = 1;
    assert_create_fails("cannot create 'test': /kernel: the kernel needs memory up to 2 MiB, the "
                        "domain has 1");
    config = good;
    snprintf(config.name, sizeof(config.name), "Domain-0");
    assert_create_fails("cannot create 'Domain-0': the name 'Domain-0' is taken by domain 0");
    config = good;
    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    assert_create_fails("cannot create 'test': the name 'test' is taken by domain 3");
    assert_int_equal(service_rename(domid, "Domain-0", &e), -1);
    assert_string_equal(e.text, "the name 'Domain-0' is taken by domain 0");
    assert_int_equal(service_rename(domid, "12", &e), -1);
    assert_int_equal(service_rename(domid, "web", &e), 0);
    assert_int_equal(service_find("test", &domid, &e), -1);
    assert_string_equal(e.text, "there is no domain named 'test'");
    assert_int_equal(service_find("77", &domid, &e), -1);
    assert_string_equal(e.text, "there is no domain 77");
    assert_int_equal(service_find("web", &domid, &e), 0);
    assert_string_equal(service_name(domid, name), "web");
    assert_int_equal(service_destroy(0, &e), -1);
    assert_string_equal(e.text, "domain 0 cannot be destroyed");
    config = good;
}

/* ---- Life ---- */

static void stop(domid_t domid, unsigned int reason)
{
    fake_domains[domid].shutdown_flags = XEN_DOMINF_shutdown | reason << XEN_DOMINF_shutdownshift;
    domain_life_look();
}

/* A hypervisor that tells which domains have changed is asked, and no others are looked at. */
static void test_changed_domains(void **state)
{
    const uint32_t off = XEN_DOMINF_shutdown | SHUTDOWN_poweroff << XEN_DOMINF_shutdownshift;
    domid_t first, second;
    struct error e;
    int port;

    fake_tells_changes = true;
    assert_int_equal(service_create(&config, false, &first, &e), 0);
    strcpy(config.name, "other");
    assert_int_equal(service_create(&config, false, &second, &e), 0);
    strcpy(config.name, "test");
    port = fake_exception_port();
    service_turn(port);
    fake_domains[first].shutdown_flags = fake_domains[second].shutdown_flags = off;
    service_turn(port);
    assert_int_equal(managed_domain_find(first)->life, LIFE_RUNNING);
    fake_domains[second].changed = true;
    fake_domains[7].changed = true; /* a stranger, which is gone */
    service_turn(port);
    assert_int_equal(managed_domain_find(first)->life, LIFE_RUNNING);
    assert_int_equal(managed_domain_find(second)->life, LIFE_STOPPING);
    assert_false(fake_domains[7].changed);
    fake_domains[first].changed = true;
    service_turn(port);
    fake_run_threads();
    assert_int_equal(fake_domain_count(), 0);
}

static void test_policies(void **state)
{
    struct error e;
    domid_t domid;

    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    stop(domid, SHUTDOWN_poweroff);
    assert_true(service_is_alive(domid));
    /* A request to destroy it now waits until it is gone. */
    fake_on_sleep(fake_run_threads);
    assert_int_equal(service_destroy(domid, &e), 0);
    fake_on_sleep(NULL);
    assert_null(service_domains);
    assert_int_equal(fake_domain_count(), 0);
    assert_string_equal(notices, "domain 'test' (1) has powered off: destroy\n");

    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    stop(domid, SHUTDOWN_reboot);
    fake_run_threads();
    assert_int_equal(fake_domain_count(), 1);
    assert_int_equal(service_find("test", &domid, &e), 0);
    assert_int_equal(domid, 3);
    assert_false(fake_domains[3].paused);

    notices[0] = '\0';
    stop(domid, SHUTDOWN_crash);
    fake_run_threads();
    assert_string_equal(notices, "domain 'test' (3) has crashed: rename-restart\n"
                                 "domain 'test' (4) is running again\n");
    assert_int_equal(service_find("test-1", &domid, &e), 0);
    assert_int_equal(domid, 3);
    assert_int_equal(fake_domain_count(), 2);
    domain_life_look(); /* what was kept is not looked at again */
    assert_int_equal(fake_domain_count(), 2);

    assert_int_equal(service_find("test", &domid, &e), 0);
    stop(domid, SHUTDOWN_suspend);
    assert_int_equal(fake_domain_count(), 2);
    assert_false(service_is_alive(domid));
}

/* ---- Restarts ---- */

/* Interrupts a restart: at the nth time that a thread waits. */
static unsigned int waits, destroy_at;
static int destroyed;
static char refusals[6][120];

/* Kept for later: a test that failed here would leave a domain half built. */
static void note_refusal(unsigned int i, int status, const struct error *e)
{
    snprintf(refusals[i], sizeof(refusals[i]), "%.100s", status ? e->text : "accepted");
}

static void during_restart(void)
{
    struct error e;
    domid_t domid;

    waits++;
    if (waits != destroy_at)
        return;
    /* The domain has its name for every verb, whichever number that is now. */
    assert_int_equal(service_find("test", &domid, &e), 0);
    note_refusal(0, service_pause(domid, &e), &e);
    note_refusal(1, service_unpause(domid, &e), &e);
    note_refusal(2, service_request_stop(domid, "poweroff", &e), &e);
    note_refusal(3, service_rename(domid, "other", &e), &e);
    managed_domain_find(domid)->cancelled = true; /* as service_destroy does, which then waits */
    destroyed = 1;
}

/*
 * A domain that is being restarted is found by its name and its number, refuses what would be lost,
 * and does not come back when it is destroyed, however far its restart has come.
 */
static void test_a_restart_can_be_cancelled(void **state)
{
    unsigned int cancelled = 0;
    struct error e;
    domid_t domid;

    config.on_crash = STOP_RESTART;
    config.memory_mib = config.maxmem_mib = 16;
    for (destroy_at = 1;; destroy_at++) {
        assert_int_equal(service_create(&config, false, &domid, &e), 0);
        stop(domid, SHUTDOWN_crash);
        waits = 0;
        destroyed = 0;
        fake_on_yield(during_restart);
        fake_run_threads();
        fake_on_yield(NULL);
        if (!destroyed)
            break;
        cancelled++;
        assert_null(service_domains);
        assert_int_equal(fake_domain_count(), 0);
        assert_null(strstr(notices, "running again"));
        for (unsigned int i = 0; i < 4; i++)
            assert_string_equal(refusals[i], "domain 'test' is being rebuilt");
        notices[0] = '\0';
    }
    assert_true(cancelled > 3);
    assert_int_equal(fake_domain_count(), 1);
    config.on_crash = STOP_RENAME_RESTART;
}

static unsigned int cancel_at;

static void cancel_creation(void)
{
    if (++waits == cancel_at)
        service_cancel_create("test");
}

/* A creation that is cancelled stops where it waits next, wherever that is, and leaves nothing. */
static void test_a_creation_can_be_cancelled(void **state)
{
    unsigned int free_frames = fake_free_frames(), cancelled = 0;
    struct error e;
    domid_t domid;

    fake_superpages(false);        /* so that there are more waits */
    service_cancel_create("test"); /* which is nobody's name */
    for (cancel_at = 1;; cancel_at++) {
        waits = 0;
        fake_on_yield(cancel_creation);
        if (!service_create(&config, false, &domid, &e))
            break;
        assert_string_equal(e.text, "cannot create 'test': it was destroyed meanwhile");
        assert_in_range(waits, cancel_at, cancel_at + 1);
        assert_null(service_domains);
        assert_int_equal(fake_domain_count(), 0);
        assert_int_equal(fake_free_frames(), free_frames);
        cancelled++;
    }
    fake_on_yield(NULL);
    assert_int_equal(waits, cancelled);
    assert_in_range(cancelled, 10, 100);
    service_cancel_create("test"); /* it is complete */
    assert_true(service_is_alive(domid));
    assert_false(managed_domain_find(domid)->cancelled);
}

/* A domain that crashes again and again soon after its start is left dead; others are not. */
static void test_quick_ends(void **state)
{
    struct error e;
    domid_t domid;

    config.on_crash = STOP_COREDUMP_RESTART;
    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    for (unsigned int i = 0; i < 3 * QUICK_ENDS; i++) {
        assert_int_equal(service_find("test", &domid, &e), 0);
        fake_pass_time(QUICK_LIFE); /* it lives long enough */
        stop(domid, SHUTDOWN_crash);
        fake_run_threads();
        notices[0] = '\0';
    }
    for (unsigned int i = 1; i < QUICK_ENDS; i++) {
        assert_int_equal(service_find("test", &domid, &e), 0);
        stop(domid, SHUTDOWN_crash);
        assert_non_null(strstr(notices, "has crashed: restart\n"));
        fake_run_threads();
        notices[0] = '\0';
    }
    assert_int_equal(service_find("test", &domid, &e), 0);
    stop(domid, SHUTDOWN_crash);
    fake_run_threads();
    assert_non_null(strstr(notices,
                           " has crashed, 4 times in a row within seconds of its start: it "
                           "is left dead\n"));
    assert_false(service_is_alive(domid));
    assert_int_equal(fake_domain_count(), 1);
    assert_int_equal(service_destroy(domid, &e), 0);

    /* Those that are kept under other names do not pile up either. */
    config.on_crash = STOP_RENAME_RESTART;
    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    for (unsigned int i = 0; i < 2 * QUICK_ENDS; i++) {
        assert_int_equal(service_find("test", &domid, &e), 0);
        if (service_is_alive(domid))
            stop(domid, SHUTDOWN_crash);
        fake_run_threads();
    }
    assert_int_equal(fake_domain_count(), QUICK_ENDS);
}

/* A name of characters of several bytes is not cut inside of one when it makes room. */
static void test_long_names(void **state)
{
    char name[GUEST_NAME_SIZE] = "";
    struct error e;
    domid_t domid;

    for (unsigned int i = 0; i < 31; i++)
        strcat(name, "\xc3\xa4");
    strcpy(config.name, name);
    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    stop(domid, SHUTDOWN_crash);
    fake_run_threads();
    assert_int_equal(guest_name_check(service_name(domid, name), &e), 0);
    assert_non_null(strstr(name, "\xc3\xa4-1"));
    strcpy(config.name, "test");
}

/* A kept domain, one under construction and a stranger: uptime is a domain's own or not known. */
static void test_uptime(void **state)
{
    uint64_t uptime = 0;
    struct error e;
    domid_t domid;

    fake_pass_time(1000000000);
    assert_true(service_uptime(0, &uptime));
    assert_true(uptime > 1000000000);
    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    fake_pass_time(500000000);
    assert_true(service_uptime(domid, &uptime));
    assert_in_range(uptime, 500000000, 600000000);
    stop(domid, SHUTDOWN_reboot);
    assert_true(service_uptime(domid, &uptime)); /* until it is taken apart */
    managed_domain_find(domid)->life = LIFE_DYING;
    assert_false(service_uptime(domid, &uptime));
    managed_domain_find(domid)->life = LIFE_STOPPING;
    fake_run_threads();
    assert_int_equal(service_find("test", &domid, &e), 0);
    managed_domain_find(domid)->started = 0; /* as while it is built */
    assert_false(service_uptime(domid, &uptime));
    assert_int_equal(service_destroy(domid, &e), 0);
    fake_domains[9].exists = true; /* a zombie that the service did not create */
    assert_false(service_uptime(9, &uptime));
    fake_domains[9].exists = false;
}

/* What is said of a domain that has no record any more: the hypervisor has it still. */
static void test_dying_domains(void **state)
{
    struct console_client client = {NULL, NULL, NULL};
    unsigned int handle;
    struct error e;

    fake_domains[5].exists = true;
    assert_int_equal(service_rename(5, "zz", &e), -1);
    assert_string_equal(e.text, "domain 5 was not created here");
    fake_domains[5].shutdown_flags = XEN_DOMINF_dying;
    assert_int_equal(service_rename(5, "zz", &e), -1);
    assert_string_equal(e.text, "domain 5 is dying");
    assert_int_equal(service_request_stop(5, "poweroff", &e), -1);
    assert_string_equal(e.text, "domain 5 is dying");
    assert_int_equal(service_console_attach(5, &client, &handle, &e), -1);
    assert_string_equal(e.text, "domain 5 is dying");
    assert_int_equal(service_detach_disk(5, 51712, false, &e), -1);
    assert_string_equal(e.text, "domain 5 is dying");
    fake_domains[5].exists = false;
    assert_int_equal(service_sysrq(5, 's', &e), -1);
    assert_string_equal(e.text, "there is no domain 5");
}

/* The hypervisor's limit is the target, and follows it up to maxmem; the map shows all. */
static void test_memory_targets(void **state)
{
    static const char target[] = "/local/domain/1/memory/target";
    static const struct {
        const char *value;
        uint64_t mib; /* the limit without what every domain has beyond it */
    } cases[] = {{"24576", 24},
                 {"32768", 32},
                 {"999999999", 32},
                 {"10240", 10},
                 {"", 10},
                 {"many", 10},
                 {"0", 10},
                 {"-1", 10},
                 {"16384", 16},
                 {"16385x", 16},
                 {"18446744073709551616", 32}};
    struct error e;
    domid_t domid;

    config.maxmem_mib = 32;
    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    assert_int_equal(domid, 1);
    assert_int_equal(fake_domains[1].map_end, 32 << 20);
    assert_int_equal(fake_domains[1].max_frames, (16 + 1) << 8);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        xs_printf(service_tools, STORE_NO_TRANSACTION, target, "%s", cases[i].value);
        service_turn(-1);
        assert_int_equal(fake_domains[1].max_frames, (cases[i].mib + 1) << 8);
    }
    config.maxmem_mib = 16;
}

/* ---- Rings ---- */

static void serve_all_ports(void)
{
    for (int port = 0; port < FAKE_PORTS; port++)
        service_turn(port);
}

static void test_store_ring(void **state)
{
    static const char request[] = "/local/domain/1/name";
    struct xsd_sockmsg m = {.type = XS_READ, .req_id = 5, .len = sizeof(request)};
    struct xenstore_domain_interface *ring;
    const void *frame;
    struct error e;
    size_t length;
    domid_t domid;

    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    assert_int_equal(xs_read(service_tools, 0, "/local/domain/1/store/ring-ref", &frame, &length),
                     0);
    ring = fake_frame(strtoul(frame, NULL, 10));
    memcpy(ring->req, &m, sizeof(m));
    memcpy(ring->req + sizeof(m), request, sizeof(request));
    ring->req_prod = sizeof(m) + sizeof(request);
    serve_all_ports();
    memcpy(&m, ring->rsp, sizeof(m));
    assert_int_equal(m.type, XS_READ);
    assert_memory_equal(ring->rsp + sizeof(m), "test", 4);
    assert_int_equal(service_request_stop(domid, "poweroff", &e), 0);

    ring->req_prod = ring->req_cons + 5000;
    serve_all_ports();
    assert_string_equal(notices, "domain 'test' (1) broke the store's ring: disconnected\n");
    assert_int_equal(ring->error, XENSTORE_ERROR_RINGIDX);
    assert_int_equal(service_request_stop(domid, "poweroff", &e), -1);
    assert_string_equal(e.text, "domain 1 has no connection to the store");

    /* It connects again. */
    ring->connection = XENSTORE_RECONNECT;
    serve_all_ports();
    assert_int_equal(ring->connection, XENSTORE_CONNECTED);
    assert_int_equal(ring->error, XENSTORE_ERROR_NONE);
    assert_int_equal(service_request_stop(domid, "poweroff", &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_start_of_day, setup, teardown),
        cmocka_unit_test_setup_teardown(test_others_run_between_page_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_creation_is_all_or_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leftovers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changed_domains, setup, teardown),
        cmocka_unit_test_setup_teardown(test_policies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_restart_can_be_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_creation_can_be_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quick_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_uptime, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dying_domains, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_targets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_store_ring, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
