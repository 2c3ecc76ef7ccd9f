/* SPDX-License-Identifier: MIT */
/*
 * The builder and the service on a fake machine: what a new domain finds, that creation is all or
 * nothing whatever fails, and what happens to domains that stop.
 */
/* SOURCES: tests/unit/dom0-tools/service_fixture.c */
/* SOURCES: tests/unit/dom0-tools/fake_platform.c dom0-tools/error.c */
/* SOURCES: dom0-tools/config/config.c dom0-tools/config/guest_config.c */
/* SOURCES: dom0-tools/utf8.c dom0-tools/config/foreign_keys.c */
/* SOURCES: dom0-tools/config/device_list.c dom0-tools/config/parameters.c */
/* SOURCES: dom0-tools/config/disk_config.c dom0-tools/config/vif_config.c */
/* SOURCES: dom0-tools/image/elf_stream.c dom0-tools/image/kernel_image.c */
/* SOURCES: dom0-tools/image/unpack.c */
/* SOURCES: dom0-tools/control/control.c dom0-tools/builder/build.c */
/* SOURCES: dom0-tools/builder/guest_memory.c dom0-tools/builder/page_tables.c */
/* SOURCES: dom0-tools/store/protocol.c dom0-tools/store/requests.c dom0-tools/store/control.c */
/* SOURCES: dom0-tools/store/ring.c dom0-tools/store/store.c dom0-tools/store/transaction.c */
/* SOURCES: dom0-tools/service/store_clients.c */
/* SOURCES: dom0-tools/store/tree.c dom0-tools/store/watch.c dom0-tools/service/console.c */
/* SOURCES: dom0-tools/service/life.c dom0-tools/service/rings.c dom0-tools/service/service.c */
/* SOURCES: dom0-tools/service/devices.c */
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
#include <public/io/console.h>
#include <public/io/xs_wire.h>
#include <public/sched.h>
#include <service/state.h>

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
    assert_int_equal(*(uint8_t *)reach(d, BASE + KERNEL_AT + KERNEL_SIZE + 99), 0);
    assert_true(equal(d, BASE + KERNEL_AT, kernel + 4096, KERNEL_SIZE));
    assert_int_equal(walk(d, BASE + KERNEL_AT + 0x1000) >> 12, d->hypercall_page);
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
    assert_string_equal(service_name(domid), "web");
    assert_int_equal(service_destroy(0, &e), -1);
    assert_string_equal(e.text, "domain 0 cannot be destroyed");
    config = good;
}

/* ---- Life ---- */

static void stop(domid_t domid, unsigned int reason)
{
    fake_domains[domid].shutdown_flags = XEN_DOMINF_shutdown | reason << XEN_DOMINF_shutdownshift;
    look_after_domains();
}

static void test_policies(void **state)
{
    struct error e;
    domid_t domid;

    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    stop(domid, SHUTDOWN_poweroff);
    assert_true(service_is_alive(domid));
    assert_int_equal(service_destroy(domid, &e), -1);
    assert_string_equal(e.text, "domain 'test' has stopped and is being taken care of");
    fake_run_threads();
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
    look_after_domains(); /* what was kept is not looked at again */
    assert_int_equal(fake_domain_count(), 2);

    assert_int_equal(service_find("test", &domid, &e), 0);
    stop(domid, SHUTDOWN_suspend);
    assert_int_equal(fake_domain_count(), 2);
    assert_false(service_is_alive(domid));
}

/* ---- Rings ---- */

static void serve_all_ports(void)
{
    for (int port = 0; port < FAKE_PORTS; port++)
        serve_port(port);
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

    /* It begins anew. */
    ring->connection = XENSTORE_RECONNECT;
    serve_all_ports();
    assert_int_equal(ring->connection, XENSTORE_CONNECTED);
    assert_int_equal(ring->error, XENSTORE_ERROR_NONE);
    assert_int_equal(service_request_stop(domid, "poweroff", &e), 0);
}

static char shown[2 * CONSOLE_LOG_SIZE];
static size_t shown_length;
static unsigned int gone_count;

static void sink(void *context, const void *data, size_t length)
{
    memcpy(shown + shown_length, data, length);
    shown_length += length;
}

static void gone(void *context)
{
    gone_count++;
}

static size_t other_length;

static void other_sink(void *context, const void *data, size_t length)
{
    other_length += length;
}

static void test_console(void **state)
{
    struct console_reader reader = {.sink = sink, .gone = gone};
    struct console_reader other = {.sink = other_sink, .gone = gone};
    struct xencons_interface *ring;
    struct managed_domain *d;
    uint8_t next = 0;
    struct error e;
    domid_t domid;

    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    d = managed_find(domid);
    ring = d->console_page;
    /* Twice the log, unattended: the last part is kept. */
    for (size_t i = 0; i < (size_t)2 * CONSOLE_LOG_SIZE; i++) {
        ring->out[MASK_XENCONS_IDX(ring->out_prod++, ring->out)] = (char)next++;
        if (ring->out_prod - ring->out_cons == sizeof(ring->out))
            serve_port(d->console_port);
    }
    assert_int_equal(service_console_log(domid, sink, NULL, &e), 0);
    assert_int_equal(shown_length, CONSOLE_LOG_SIZE);
    memset(shown, 0, sizeof(shown));
    shown_length = 0;
    assert_int_equal(service_console_attach(domid, &reader, &e), 0);
    assert_int_equal(shown_length, CONSOLE_LOG_SIZE);
    for (size_t i = 0; i < shown_length; i++)
        assert_int_equal((uint8_t)shown[i],
                         (uint8_t)((size_t)2 * CONSOLE_LOG_SIZE - shown_length + i));
    service_console_detach(domid, &reader);
    assert_int_equal(service_console_attach(domid, &reader, &e), 0);
    assert_int_equal(shown_length, CONSOLE_LOG_SIZE); /* nothing twice */
    /* Another reader gets what comes from now on, too. */
    assert_int_equal(service_console_attach(domid, &other, &e), 0);
    assert_int_equal(other_length, 0);
    ring->out[MASK_XENCONS_IDX(ring->out_prod++, ring->out)] = '!';
    serve_port(d->console_port);
    assert_int_equal(shown_length, CONSOLE_LOG_SIZE + 1);
    assert_int_equal(other_length, 1);
    service_console_detach(domid, &other);
    ring->out[MASK_XENCONS_IDX(ring->out_prod++, ring->out)] = '?';
    serve_port(d->console_port);
    assert_int_equal(shown_length, CONSOLE_LOG_SIZE + 2);
    assert_int_equal(other_length, 1);

    /* Input: a ring full, a queue full, then no more. */
    for (unsigned int i = 0; i < sizeof(ring->in) + CONSOLE_INPUT_SIZE; i++)
        assert_int_equal(service_console_input(domid, "x", 1), 1);
    assert_int_equal(service_console_input(domid, "x", 1), 0);
    ring->in_cons += 10;
    serve_port(d->console_port);
    assert_int_equal(service_console_input(domid, "0123456789abc", 13), 10);

    ring->out_prod = ring->out_cons + 100000; /* nonsense */
    serve_port(d->console_port);
    ring->in_cons = ring->in_prod + 100000;
    serve_port(d->console_port);
    assert_int_equal(service_destroy(domid, &e), 0);
    assert_int_equal(gone_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_start_of_day, setup, teardown),
        cmocka_unit_test_setup_teardown(test_creation_is_all_or_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leftovers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_policies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_store_ring, setup, teardown),
        cmocka_unit_test_setup_teardown(test_console, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
