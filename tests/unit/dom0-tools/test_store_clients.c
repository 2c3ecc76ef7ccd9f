/* SPDX-License-Identifier: MIT */
/*
 * Domains that the service did not create, introduced to the store over the wire: served, moved to
 * another port, released, and detached when they die.
 */
/* SOURCES: tests/unit/dom0-tools/service_fixture.c tests/unit/dom0-tools/store_wire.c */
/* SOURCES: tests/unit/dom0-tools/fake_platform.c tests/unit/image/make_elf.c */
/* SOURCES: dom0-tools/error.c */
/* SOURCES: dom0-tools/config/config.c dom0-tools/config/guest_config.c */
/* SOURCES: dom0-tools/utf8.c dom0-tools/config/foreign_keys.c */
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

#include <service/domain_life.h>
#include <service/store_clients.h>
#include <service/turn.h>
#include <tools/control.h>

#include "fake_platform.h"
#include "service_fixture.h"
#include "store_wire.h"

static struct store_session *session;
static const char *text;
static xen_pfn_t frame;
static evtchn_port_t port;
static domid_t domid;

/* A domain with one page and one port, not created by the service. */
static void make_domain(void)
{
    struct xen_memory_reservation r = {.nr_extents = 1};
    static const uint8_t uuid[16] = {7};
    xen_pfn_t frames[1] = {0};
    struct error e;

    assert_int_equal(control_create(uuid, 1, &domid, &e), 0);
    assert_int_equal(control_set_max_memory(domid, 1024, &e), 0);
    r.domid = domid;
    set_xen_guest_handle(r.extent_start, frames);
    assert_int_equal(platform_memory_op(XENMEM_populate_physmap, &r), 1);
    frame = frames[0];
    assert_int_equal(control_alloc_port(domid, &port, &e), 0);
}

/* Asks as a privileged client; the answer's type is that of the request, or XS_ERROR. */
static int ask(uint32_t type, const char *format, ...)
{
    char payload[64];
    va_list args;
    int length, got;

    va_start(args, format);
    length = vsnprintf(payload, sizeof(payload), format, args);
    va_end(args);
    for (int i = 0; i < length; i++)
        if (payload[i] == '|')
            payload[i] = '\0';
    assert_true(wire_send(session, type, 0, payload, (size_t)length));
    do
        got = wire_fetch(session, &text);
    while (got == XS_WATCH_EVENT);
    return got;
}

static int introduce(void)
{
    return ask(XS_INTRODUCE, "%u|%llu|%u|", domid, (unsigned long long)frame, port);
}

static int begin(void **state)
{
    if (setup(state))
        return -1;
    session = service_store_session(NULL, NULL);
    make_domain();
    return session ? 0 : -1;
}

static int end(void **state)
{
    if (fake_domain_count())
        control_destroy(domid, NULL);
    store_clients_look();
    assert_int_equal(fake_mappings(), 0);
    store_session_close(session);
    return teardown(state);
}

static bool is_introduced(void)
{
    assert_int_equal(ask(XS_IS_DOMAIN_INTRODUCED, "%u|", domid), XS_IS_DOMAIN_INTRODUCED);
    return *text == 'T';
}

/* The domain reads a node through its ring. */
static void check_served(void)
{
    struct xenstore_domain_interface *ring = fake_frame(frame);
    struct xsd_sockmsg m = {.type = XS_GET_DOMAIN_PATH, .len = 2};
    uint32_t at = ring->rsp_cons;

    memcpy(ring->req + ring->req_prod, &m, sizeof(m));
    memcpy(ring->req + ring->req_prod + sizeof(m), "5", 2);
    ring->req_prod += sizeof(m) + 2;
    for (int p = 0; p < FAKE_PORTS; p++)
        store_clients_serve(p);
    assert_true(ring->rsp_prod != at);
    memcpy(&m, ring->rsp + at, sizeof(m));
    assert_int_equal(m.type, XS_GET_DOMAIN_PATH);
    assert_string_equal(ring->rsp + at + sizeof(m), "/local/domain/5");
    ring->rsp_cons = ring->rsp_prod;
}

static void test_introduce_and_release(void **state)
{
    struct error e;

    assert_false(is_introduced());
    assert_int_equal(introduce(), XS_INTRODUCE);
    assert_true(is_introduced());
    assert_true(store_client_is_connected(domid));
    check_served();
    /* By another port, as after its kernel has been changed; never by another page. */
    assert_int_equal(control_alloc_port(domid, &port, &e), 0);
    assert_int_equal(introduce(), XS_INTRODUCE);
    check_served();
    frame++;
    assert_int_equal(introduce(), XS_ERROR);
    frame--;
    assert_int_equal(ask(XS_RESUME, "%u|", domid), XS_RESUME);
    assert_int_equal(ask(XS_SET_TARGET, "%u|0|", domid), XS_SET_TARGET);
    assert_int_equal(ask(XS_RELEASE, "%u|", domid), XS_RELEASE);
    assert_false(is_introduced());
    assert_int_equal(fake_mappings(), 0);
    assert_int_equal(ask(XS_RELEASE, "%u|", domid), XS_ERROR);
}

static void test_death(void **state)
{
    assert_int_equal(introduce(), XS_INTRODUCE);
    assert_int_equal(ask(XS_WATCH, "@releaseDomain|t|"), XS_WATCH);
    while (wire_fetch(session, &text) >= 0)
        ;
    store_clients_look();
    assert_int_equal(wire_fetch(session, &text), -1);
    /* It stops: one event. */
    fake_domains[domid].shutdown_flags = XEN_DOMINF_shutdown;
    store_clients_look();
    store_clients_look();
    assert_int_equal(wire_fetch(session, &text), XS_WATCH_EVENT);
    assert_string_equal(text, "@releaseDomain|t|");
    assert_int_equal(wire_fetch(session, &text), -1);
    /* It is destroyed: nothing of it is held. */
    control_destroy(domid, NULL);
    store_clients_look();
    assert_int_equal(wire_fetch(session, &text), XS_WATCH_EVENT);
    assert_false(is_introduced());
    assert_int_equal(fake_mappings(), 0);
}

static void test_failures(void **state)
{
    unsigned int n = 0;
    int type;

    do {
        long blocks = fake_blocks();

        fake_fail_at(++n);
        type = introduce();
        fake_fail_at(0);
        if (type == XS_ERROR) {
            assert_int_equal(fake_mappings(), 0);
            assert_false(is_introduced());
            assert_int_equal(fake_blocks(), blocks);
        }
    } while (type == XS_ERROR);
    assert_true(n > 4);
    check_served();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_introduce_and_release, begin, end),
        cmocka_unit_test_setup_teardown(test_death, begin, end),
        cmocka_unit_test_setup_teardown(test_failures, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
