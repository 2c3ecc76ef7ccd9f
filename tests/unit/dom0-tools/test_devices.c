/* SPDX-License-Identifier: MIT */
/*
 * Devices of domains, with a back driver that is faked: what the store gets, that a refusal undoes
 * the creation, and how devices come and go while the domain runs.
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
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <public/sched.h>
#include <service/domain_life.h>
#include <service/store_clients.h>
#include <service/turn.h>

#include "fake_platform.h"
#include "service_fixture.h"

static const char *read_node(const char *path)
{
    static char text[STORE_PATH_SIZE];
    const void *value;
    size_t length;

    if (xs_read(service_tools, STORE_NO_TRANSACTION, path, &value, &length))
        return NULL;
    memcpy(text, value, length);
    text[length] = '\0';
    return text;
}

static void assert_node(const char *path, const char *expected)
{
    const char *value = read_node(path);

    if (!value)
        fail_msg("%s is not there", path);
    assert_string_equal(value, expected);
}

static void assert_permissions(const char *path, uint16_t owner, uint16_t reader)
{
    struct store_permission p[STORE_MAX_PERMS];
    unsigned int count;

    assert_int_equal(xs_get_permissions(service_tools, STORE_NO_TRANSACTION, path, p, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(p[0].domid, owner);
    assert_false(p[0].read || p[0].write);
    assert_int_equal(p[1].domid, reader);
    assert_true(p[1].read && !p[1].write);
}

static bool has_children(const char *path)
{
    uint64_t generation;
    size_t length = 0;
    char *names;

    if (xs_directory(service_tools, STORE_NO_TRANSACTION, path, &names, &length, &generation))
        return false;
    free(names);
    return length != 0;
}

/* ---- The back driver ---- */

static bool front_holds_on, back_is_stuck;
static unsigned int probes; /* that it still does now */
static const char *refused; /* a target */

/* Does what the driver of one device would do next. */
static void serve(const char *kind, const char *domain, const char *id)
{
    char back[128], path[192], front[192];
    const char *value;

    snprintf(back, sizeof(back), "/local/domain/0/backend/%s/%s/%s", kind, domain, id);
    snprintf(path, sizeof(path), "%s/frontend", back);
    snprintf(front, sizeof(front), "%s", read_node(path));
    snprintf(path, sizeof(path), "%s/params", back);
    value = read_node(path);
    if (value && refused && !strcmp(value, refused)) {
        snprintf(path, sizeof(path), "/local/domain/0/error/backend/%s/%s/%s/error", kind, domain,
                 id);
        xs_printf(service_tools, STORE_NO_TRANSACTION, path, "16 %s is in use", refused);
    }
    snprintf(path, sizeof(path), "%s/state", back);
    value = read_node(path);
    if (!strcmp(value, "1") && probes && probes--)
        xs_printf(service_tools, STORE_NO_TRANSACTION, path, "2");
    else if (!strcmp(value, "5") && !back_is_stuck && (!front_holds_on || !read_node(front)))
        xs_printf(service_tools, STORE_NO_TRANSACTION, path, "6");
}

static void serve_all(void)
{
    static const char *const kinds[] = {"vbd", "vif"};

    for (unsigned int k = 0; k < 2; k++) {
        for (unsigned int domid = 1; domid < FAKE_DOMAINS; domid++) {
            char folder[64], domain[8], *names;
            uint64_t generation;
            size_t length;

            snprintf(domain, sizeof(domain), "%u", domid);
            snprintf(folder, sizeof(folder), "/local/domain/0/backend/%s/%u", kinds[k], domid);
            if (xs_directory(service_tools, STORE_NO_TRANSACTION, folder, &names, &length,
                             &generation))
                continue;
            for (size_t at = 0; at < length; at += strlen(names + at) + 1)
                serve(kinds[k], domain, names + at);
            free(names);
        }
    }
}

/* A driver that takes four seconds for each device. */
static void serve_slowly(void)
{
    fake_pass_time(4000000000);
    probes = 1;
    serve_all();
}

/* In place of a driver. */
static void sleep_long(void)
{
    fake_pass_time(1000000000);
}

static int setup_devices(void **state)
{
    const char *disk = "/dev/vda1,raw,xvda,w", *cd = "/guests/cd.iso,,hdc,cdrom,direct-io-safe";
    const char *vif = "mac=00:16:3e:01:02:03,mtu=9000,rate=1MB/s,antispoof,ip=10.0.0.1";
    struct disk_config d;
    struct vif_config v;
    struct error e;

    setup(state);
    front_holds_on = back_is_stuck = false;
    probes = UINT_MAX;
    refused = NULL;
    fake_on_sleep(serve_all);
    assert_int_equal(disk_config_parse(&d, &disk, 1, &e), 0);
    assert_non_null(guest_config_add_disk(&config, &d));
    assert_int_equal(disk_config_parse(&d, &cd, 1, &e), 0);
    assert_non_null(guest_config_add_disk(&config, &d));
    assert_int_equal(vif_config_parse(&v, &vif, 1, &e), 0);
    v.devid_set = true;
    assert_non_null(guest_config_add_vif(&config, &v));
    memset(&v, 0, sizeof(v));
    strcpy(v.bridge, "xenbr0");
    v.devid_set = true;
    v.devid = 1;
    assert_non_null(guest_config_add_vif(&config, &v));
    return 0;
}

static int teardown_devices(void **state)
{
    free(config.disks);
    free(config.vifs);
    config.disks = NULL;
    config.vifs = NULL;
    config.disk_count = config.vif_count = 0;
    teardown(state);
    fake_on_sleep(NULL);
    return 0;
}

static void assert_nothing_left(void)
{
    assert_null(service_domains);
    assert_int_equal(fake_domain_count(), 0);
    assert_null(read_node("/local/domain/0/backend"));
    assert_null(read_node("/local/domain/0/error"));
    assert_null(read_node("/local/domain/1/device/vbd/51712/state"));
}

/* The disks of a domain's configuration. */
static unsigned int count_disks(domid_t domid)
{
    struct guest_config c;
    unsigned int count;

    assert_int_equal(service_config(domid, &c), 0);
    count = c.disk_count;
    guest_config_free(&c);
    return count;
}

/* ---- Tests ---- */

static void test_nodes(void **state)
{
    static const char *const nodes[][2] = {
        {"0/backend/vbd/1/51712/frontend", "/local/domain/1/device/vbd/51712"},
        {"0/backend/vbd/1/51712/frontend-id", "1"},
        {"0/backend/vbd/1/51712/online", "1"},
        {"0/backend/vbd/1/51712/removable", "0"},
        {"0/backend/vbd/1/51712/bootable", "1"},
        {"0/backend/vbd/1/51712/state", "2"},
        {"0/backend/vbd/1/51712/dev", "xvda"},
        {"0/backend/vbd/1/51712/type", "phy"},
        {"0/backend/vbd/1/51712/mode", "w"},
        {"0/backend/vbd/1/51712/device-type", "disk"},
        {"0/backend/vbd/1/51712/discard-enable", "1"},
        {"0/backend/vbd/1/51712/params", "/dev/vda1"},
        {"0/backend/vbd/1/5632/mode", "r"},
        {"0/backend/vbd/1/5632/type", "file"},
        {"0/backend/vbd/1/5632/device-type", "cdrom"},
        {"0/backend/vbd/1/5632/removable", "1"},
        {"0/backend/vbd/1/5632/direct-io-safe", "1"},
        {"1/device/vbd/51712/backend", "/local/domain/0/backend/vbd/1/51712"},
        {"1/device/vbd/51712/backend-id", "0"},
        {"1/device/vbd/51712/state", "1"},
        {"1/device/vbd/51712/virtual-device", "51712"},
        {"1/device/vbd/51712/device-type", "disk"},
        {"1/device/vbd/5632/device-type", "cdrom"},
        {"0/backend/vif/1/0/frontend", "/local/domain/1/device/vif/0"},
        {"0/backend/vif/1/0/mac", "00:16:3e:01:02:03"},
        {"0/backend/vif/1/0/bridge", "xenbr0"},
        {"0/backend/vif/1/0/handle", "0"},
        {"0/backend/vif/1/0/type", "vif"},
        {"0/backend/vif/1/0/mtu", "9000"},
        {"0/backend/vif/1/0/rate", "50000,50000"},
        {"0/backend/vif/1/0/antispoof", "1"},
        {"0/backend/vif/1/0/ip", "10.0.0.1"},
        {"1/device/vif/0/backend", "/local/domain/0/backend/vif/1/0"},
        {"1/device/vif/0/mac", "00:16:3e:01:02:03"},
        {"1/device/vif/0/mtu", "9000"},
        {"1/device/vif/0/handle", "0"},
    };
    struct error e;
    domid_t domid;
    char path[96];

    if (service_create(&config, false, &domid, &e))
        fail_msg("%s", e.text);
    assert_int_equal(domid, 1);
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        snprintf(path, sizeof(path), "/local/domain/%s", nodes[i][0]);
        assert_node(path, nodes[i][1]);
    }
    assert_permissions("/local/domain/1/device/vbd/51712", 1, 0);
    assert_permissions("/local/domain/1/device/vbd/51712/state", 1, 0);
    assert_permissions("/local/domain/0/backend/vbd/1/51712", 0, 1);
    assert_permissions("/local/domain/0/backend/vbd/1/51712/state", 0, 1);
    assert_null(read_node("/local/domain/0/backend/vif/1/1/mtu"));
    assert_int_equal(service_destroy(domid, &e), 0);
    assert_nothing_left();
}

/* A CD drive without a medium is in the configuration, and its domain does not see it. */
static void test_an_empty_drive_is_not_shown(void **state)
{
    const char *text = ",,hdd,cdrom";
    struct disk_config d;
    struct error e;
    domid_t domid;

    assert_int_equal(disk_config_parse(&d, &text, 1, &e), 0);
    assert_non_null(guest_config_add_disk(&config, &d));
    if (service_create(&config, false, &domid, &e))
        fail_msg("%s", e.text);
    assert_node("/local/domain/0/backend/vbd/1/51712/state", "2");
    assert_null(read_node("/local/domain/0/backend/vbd/1/5696/state"));
    assert_int_equal(service_detach_disk(domid, 5696, false, &e), 0);
    assert_int_equal(service_attach_disk(domid, &d, &e), 0);
    assert_null(read_node("/local/domain/0/backend/vbd/1/5696/state"));
    assert_int_equal(service_destroy(domid, &e), 0);
    assert_nothing_left();
}

static void test_made_up_address_stays(void **state)
{
    char first[MAC_TEXT_SIZE];
    struct error e;
    domid_t domid;

    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    snprintf(first, sizeof(first), "%s", read_node("/local/domain/0/backend/vif/1/1/mac"));
    assert_memory_equal(first, "00:16:3e:", 9);
    fake_domains[domid].shutdown_flags = XEN_DOMINF_shutdown | SHUTDOWN_reboot
                                                                   << XEN_DOMINF_shutdownshift;
    domain_life_look();
    fake_run_threads();
    assert_int_equal(service_find("test", &domid, &e), 0);
    assert_int_equal(domid, 2);
    assert_node("/local/domain/0/backend/vif/2/1/mac", first);
    assert_node("/local/domain/0/backend/vbd/2/51712/state", "2");
    assert_false(has_children("/local/domain/0/backend/vbd/1"));
}

static void test_a_domain_set_aside_has_no_devices(void **state)
{
    struct error e;
    domid_t domid;

    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    fake_domains[domid].shutdown_flags = XEN_DOMINF_shutdown | SHUTDOWN_crash
                                                                   << XEN_DOMINF_shutdownshift;
    domain_life_look();
    fake_run_threads();
    assert_int_equal(fake_domain_count(), 2);
    assert_false(has_children("/local/domain/0/backend/vbd/1"));
    assert_node("/local/domain/0/backend/vbd/2/51712/state", "2");
}

static unsigned int sleeps, destroy_at;

/* Another thread's `bh destroy` at a certain sleep. It waits, too, while the domain is ended. */
static void destroy_while_ending(void)
{
    struct managed_domain *d = managed_domain_find(1);

    if (++sleeps == destroy_at && d && d->life == LIFE_STOPPING)
        d->cancelled = true;
    if (sleeps >= 3) /* the back ends take that long */
        serve_all();
}

/*
 * A domain that is destroyed while it is set aside for a restart goes, so that nobody waits for it
 * for ever; and no other takes its place.
 */
static void test_destroyed_while_set_aside(void **state)
{
    struct error e;
    domid_t domid;

    for (destroy_at = 1; destroy_at <= 3; destroy_at++) {
        fake_on_sleep(serve_all);
        assert_int_equal(service_create(&config, false, &domid, &e), 0);
        assert_int_equal(domid, 1);
        fake_domains[domid].shutdown_flags = XEN_DOMINF_shutdown | SHUTDOWN_crash
                                                                       << XEN_DOMINF_shutdownshift;
        domain_life_look();
        sleeps = 0;
        fake_on_sleep(destroy_while_ending);
        fake_run_threads();
        assert_true(sleeps >= 3);
        assert_nothing_left();
        teardown_devices(state);
        setup_devices(state);
    }
}

static void test_refusals_undo_creation(void **state)
{
    struct error e;
    domid_t domid;

    refused = "/dev/vda1";
    assert_int_equal(service_create(&config, false, &domid, &e), -1);
    assert_string_equal(e.text, "cannot create 'test': disk xvda: /dev/vda1 is in use");
    assert_nothing_left();
    refused = NULL;
    fake_on_sleep(NULL);
    assert_int_equal(service_create(&config, false, &domid, &e), -1);
    assert_string_equal(e.text, "cannot create 'test': disk xvda: no back driver has taken it");
    assert_nothing_left();
    assert_string_equal(notices, "");
}

static void test_a_stuck_back_end_keeps_nobody(void **state)
{
    struct error e;
    domid_t domid;

    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    back_is_stuck = true;
    assert_int_equal(service_destroy(domid, &e), 0);
    assert_nothing_left();
    assert_memory_equal(
        notices, "domain 'test' (1) goes while the back end of disk xvda does not close\n", 60);
}

/* The patience is for each device: many take longer altogether. */
static void test_a_slow_back_end(void **state)
{
    struct error e;
    domid_t domid;

    fake_on_sleep(serve_slowly);
    assert_int_equal(service_create(&config, false, &domid, &e), 0);
}

static void test_creation_is_all_or_nothing(void **state)
{
    unsigned int free_frames = fake_free_frames(), ports = fake_bound_ports();
    struct error e;
    domid_t domid;
    long blocks;

    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    assert_int_equal(service_destroy(domid, &e), 0);
    fake_on_sleep(sleep_long); /* the driver shall not meet the failures */
    blocks = fake_blocks();
    /* What comes before the devices fails in test_service.c. */
    fake_fail_at(0);
    assert_int_equal(service_create(&config, false, &domid, &e), -1);
    for (unsigned int nth = fake_calls() > 900 ? fake_calls() - 900 : 1;; nth++) {
        fake_fail_at(nth);
        assert_int_equal(service_create(&config, false, &domid, &e), -1);
        if (fake_calls() < nth)
            break;
        fake_fail_at(0);
        assert_nothing_left();
        assert_int_equal(fake_mappings(), 0);
        assert_int_equal(fake_bound_ports(), ports);
        assert_int_equal(fake_free_frames(), free_frames);
        assert_in_range(fake_blocks(), blocks, blocks + 16);
    }
    fake_fail_at(0);
}

static void test_attach_and_detach(void **state)
{
    const char *text = "/dev/vdb,,xvdb,r", *card = "";
    struct device_state s;
    struct disk_config disk;
    struct vif_config vif;
    struct error e;
    domid_t domid;

    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    assert_int_equal(disk_config_parse(&disk, &text, 1, &e), 0);
    assert_int_equal(service_attach_disk(domid, &disk, &e), 0);
    assert_node("/local/domain/0/backend/vbd/1/51728/mode", "r");
    assert_int_equal(service_attach_disk(domid, &disk, &e), -1);
    assert_string_equal(e.text, "domain 'test' has a disk xvdb already");
    service_device_state(domid, DEVICE_DISK, disk.number, &s);
    assert_int_equal(s.state, 1);
    assert_int_equal(s.ring_ref, -1);
    assert_string_equal(s.backend, "/local/domain/0/backend/vbd/1/51728");

    /* A domain that does not let go, until it is not asked. */
    front_holds_on = true;
    assert_int_equal(service_detach_disk(domid, disk.number, false, &e), -1);
    assert_string_equal(e.text, "disk xvdb: the domain does not let go of it, it may be in use; "
                                "once it does, the device is taken away");
    assert_int_equal(count_disks(domid), 3);
    assert_int_equal(service_detach_disk(domid, disk.number, true, &e), 0);
    assert_int_equal(count_disks(domid), 2);
    assert_null(read_node("/local/domain/1/device/vbd/51728/state"));
    assert_null(read_node("/local/domain/0/backend/vbd/1/51728/state"));
    assert_int_equal(service_detach_disk(domid, disk.number, false, &e), -1);
    assert_string_equal(e.text, "domain 'test' has no disk 51728");
    front_holds_on = false;
    fake_run_threads();

    refused = "/dev/vdb";
    assert_int_equal(service_attach_disk(domid, &disk, &e), -1);
    assert_string_equal(e.text, "disk xvdb: /dev/vdb is in use");
    assert_int_equal(count_disks(domid), 2);
    assert_null(read_node("/local/domain/0/backend/vbd/1/51728/state"));

    assert_int_equal(vif_config_parse(&vif, &card, 1, &e), 0);
    assert_int_equal(service_attach_vif(domid, &vif, &e), 0);
    assert_int_equal(vif.devid, 2);
    assert_true(vif.mac_set);
    assert_int_equal(service_attach_vif(domid, &vif, &e), -1);
    assert_string_equal(e.text, "domain 'test' has a vif 2 already");
    assert_int_equal(service_detach_vif(domid, 0, false, &e), 0);
    assert_false(has_children("/local/domain/1/device/vif/0"));
    vif.devid_set = false;
    assert_int_equal(service_attach_vif(domid, &vif, &e), 0);
    assert_int_equal(vif.devid, 0);
    assert_int_equal(service_attach_disk(0, &disk, &e), -1);
    assert_string_equal(e.text, "domain 0 has its devices from the machine");
}

/* A domain that releases a disk after the detaching command has given up. */
/* Another thread's `bh destroy`, the first time that anybody waits. */
static void destroy_meanwhile(void)
{
    struct error e;

    fake_on_sleep(serve_all);
    fake_fail_at(0);
    assert_int_equal(service_destroy(service_domains->domid, &e), 0);
}

/*
 * Whenever memory is short, and the domain is destroyed while it is waited for: nothing is left of
 * the device.
 */
static void test_destroyed_while_attached(void **state)
{
    const char *text = "/dev/vdb,raw,xvdb,w";
    struct disk_config disk;
    struct error e;
    domid_t domid;

    assert_int_equal(disk_config_parse(&disk, &text, 1, &e), 0);
    for (unsigned int n = 1; n < 40; n++) {
        assert_int_equal(service_create(&config, false, &domid, &e), 0);
        fake_on_sleep(destroy_meanwhile);
        fake_fail_at(n);
        assert_int_equal(service_attach_disk(domid, &disk, &e), -1);
        fake_fail_at(0);
        fake_on_sleep(serve_all);
        if (service_domains)
            assert_int_equal(service_destroy(domid, &e), 0);
        assert_nothing_left();
    }
}

static void test_late_detach(void **state)
{
    const char *back_state = "/local/domain/0/backend/vbd/1/51712/state";
    struct disk_config disk;
    struct error e;
    domid_t domid;

    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    disk = config.disks[0];
    front_holds_on = true;
    assert_int_equal(service_detach_disk(domid, disk.number, false, &e), -1);
    assert_int_equal(service_detach_disk(domid, disk.number, false, &e), -1);
    assert_int_equal(count_disks(domid), 2);

    /* Nobody asks again. */
    front_holds_on = false;
    fake_run_threads();
    assert_int_equal(count_disks(domid), 1);
    assert_null(read_node(back_state));
    assert_non_null(strstr(notices, "domain 'test' (1) has let go of disk xvda"));

    /*
     * Somebody does: what is closed is not asked to close, which its driver would not see any more.
     */
    assert_int_equal(service_attach_disk(domid, &disk, &e), 0);
    front_holds_on = true;
    assert_int_equal(service_detach_disk(domid, disk.number, false, &e), -1);
    front_holds_on = false;
    serve_all();
    assert_node(back_state, "6");
    back_is_stuck = true;
    assert_int_equal(service_detach_disk(domid, disk.number, false, &e), 0);
    assert_null(read_node(back_state));
    back_is_stuck = false;

    /* The domain goes before it lets go. */
    assert_int_equal(service_attach_disk(domid, &disk, &e), 0);
    front_holds_on = true;
    assert_int_equal(service_detach_disk(domid, disk.number, false, &e), -1);
    assert_int_equal(service_destroy(domid, &e), 0);
    fake_run_threads();
    assert_nothing_left();
}

int main(void)
{
#define DEVICE_TEST(name) cmocka_unit_test_setup_teardown(name, setup_devices, teardown_devices)
    const struct CMUnitTest tests[] = {
        DEVICE_TEST(test_nodes),
        DEVICE_TEST(test_an_empty_drive_is_not_shown),
        DEVICE_TEST(test_made_up_address_stays),
        DEVICE_TEST(test_a_domain_set_aside_has_no_devices),
        DEVICE_TEST(test_destroyed_while_set_aside),
        DEVICE_TEST(test_refusals_undo_creation),
        DEVICE_TEST(test_a_stuck_back_end_keeps_nobody),
        DEVICE_TEST(test_a_slow_back_end),
        DEVICE_TEST(test_creation_is_all_or_nothing),
        DEVICE_TEST(test_attach_and_detach),
        DEVICE_TEST(test_destroyed_while_attached),
        DEVICE_TEST(test_late_detach),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
