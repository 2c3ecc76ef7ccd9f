/* SPDX-License-Identifier: MIT */
/* Disks and network interfaces in xl's syntax: every form, the limits, the exact messages. */
/* SOURCES: dom0-tools/error.c dom0-tools/config/config.c dom0-tools/config/guest_config.c */
/* SOURCES: dom0-tools/utf8.c dom0-tools/config/foreign_keys.c */
/* SOURCES: dom0-tools/config/device_list.c dom0-tools/config/parameters.c */
/* SOURCES: dom0-tools/config/cpu_list.c */
/* SOURCES: dom0-tools/config/disk_config.c dom0-tools/config/vif_config.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tools/guest_config.h>

#include "guest_text.h"

#define DISK_FORM \
    "expected `target, format, vdev, access` or key=value, such as '/dev/vda1,raw,xvda,rw'"
#define VIF_FORM "expected key=value pairs, such as 'mac=00:16:3e:01:02:03,bridge=xenbr0'"

static struct disk_config disk(const char *text)
{
    struct disk_config d;
    struct error e;

    if (disk_config_parse(&d, &text, 1, &e))
        fail_msg("%s: %s", text, e.text);
    return d;
}

static void assert_bad_disk(const char *text, const char *expected)
{
    struct disk_config d;
    struct error e;

    assert_int_equal(disk_config_parse(&d, &text, 1, &e), -1);
    assert_string_equal(e.text, expected);
}

static void test_disk_forms(void **state)
{
    static const char *const same[] = {
        "/dev/vg/guest-volume,,hda",
        "/dev/vg/guest-volume,raw,hda,rw",
        "format=raw, vdev=hda, access=rw, target=/dev/vg/guest-volume",
        "raw:/dev/vg/guest-volume,hda,w",
        "vg/guest-volume,,hda,",
        "phy:vg/guest-volume,hda,w",
        "tap:aio:/dev/vg/guest-volume,hda,rw",
        "/dev/vg/guest-volume,hda,w",
        "/dev/vg/guest-volume,0x300,rw",
        "/dev/vg/guest-volume,hda:disk",
        "vdev=hda,/dev/vg/guest-volume,raw,w,backend=0,backendtype=phy,script=block",
        " /dev/vg/guest-volume , raw , hda , devtype=disk , specification=xen",
    };
    static const char *const cds[] = {
        "/root/image.iso,,hdc,cdrom",
        "/root/image.iso,,hdc,,cdrom",
        "/root/image.iso,raw,hdc,devtype=cdrom",
        "format=raw, vdev=hdc, access=ro, devtype=cdrom, target=/root/image.iso",
        "raw:/root/image.iso,hdc:cdrom,ro",
        "/root/image.iso,hdc:cdrom,r",
    };

    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct disk_config d = disk(same[i]);

        assert_string_equal(d.target, "/dev/vg/guest-volume");
        assert_string_equal(d.vdev, strstr(same[i], "0x") ? "0x300" : "hda");
        assert_int_equal(d.number, 0x300);
        assert_int_equal(d.access, DISK_WRITE);
        assert_false(d.cdrom || d.direct_io_safe);
        assert_true(d.discard && d.trusted);
    }
    for (size_t i = 0; i < sizeof(cds) / sizeof(cds[0]); i++) {
        struct disk_config d = disk(cds[i]);

        assert_string_equal(d.target, "/root/image.iso");
        assert_int_equal(d.number, 0x1600);
        assert_int_equal(d.access, DISK_READ_ONLY);
        assert_true(d.cdrom);
    }
}

/* A drive without a medium. */
static void test_empty_drives(void **state)
{
    static const char *const empty[] = {",hdc:cdrom,r", ",,hdc,cdrom",
                                        "vdev=hdc,cdrom,target=", "vdev=hdc,devtype=cdrom"};

    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
        struct disk_config d = disk(empty[i]);

        assert_string_equal(d.target, "");
        assert_int_equal(d.number, 0x1600);
        assert_true(d.cdrom);
    }
}

static void test_disk_options(void **state)
{
    static const char *const parts[] = {"phy:/dev/vda1", "xvdb", "w!"};
    static const char *const old_parts[] = {"/guests/i.img", "xvdr", "r"};
    struct disk_config d;
    struct error e;

    assert_int_equal(disk("/a,,xvda,ro").access, DISK_READ_ONLY);
    assert_int_equal(disk("/a,,xvda,!").access, DISK_WRITE_SHARED);
    assert_int_equal(disk("/a,,xvda,access=w!").access, DISK_WRITE_SHARED);
    assert_false(disk("/a,,xvda,no-discard").discard);
    assert_true(disk("/a,,xvda,discard,direct-io-safe").direct_io_safe);
    assert_false(disk("/a,,xvda,untrusted").trusted);
    /* The target by name takes commas. */
    assert_string_equal(disk("vdev=xvda,target=/a,b,ro").target, "/a,b,ro");
    /* Arguments that continue each other. */
    assert_int_equal(disk_config_parse(&d, parts, 3, &e), 0);
    assert_string_equal(d.target, "/dev/vda1");
    assert_string_equal(d.vdev, "xvdb");
    assert_int_equal(d.access, DISK_WRITE_SHARED);
    assert_int_equal(disk_config_parse(&d, old_parts, 3, &e), 0);
    assert_string_equal(d.target, "/guests/i.img");
    assert_string_equal(d.vdev, "xvdr");
    assert_int_equal(d.access, DISK_READ_ONLY);
}

static void test_bad_disks(void **state)
{
    char text[600];

    assert_bad_disk("", "vdev is missing: " DISK_FORM);
    assert_bad_disk("/dev/vda", "vdev is missing: " DISK_FORM);
    assert_bad_disk("target=/dev/vda,vdev=xvda",
                    "vdev is missing: target= takes all that follows, so it must be the last");
    assert_bad_disk("vdev=xvda", "target is missing: " DISK_FORM);
    assert_bad_disk("/a,qcow2,xvda", "format 'qcow2' is not supported here: expected raw");
    assert_bad_disk("format=vhd,vdev=xvda,target=/a",
                    "format 'vhd' is not supported here: expected raw");
    assert_bad_disk("tap:qcow2:/a,xvda,w", "format 'qcow2' is not supported here: expected raw");
    assert_bad_disk("/a,tar,xvda", "'tar' is not a format: " DISK_FORM);
    assert_bad_disk(
        "/a,raw,vda",
        "vdev 'vda': expected a name such as xvda, xvdb1, sda or hdc, or a device number "
        "such as 51712 or 0xca00");
    assert_bad_disk("/a,raw,xvda,maybe",
                    "access 'maybe': expected r, ro, w, rw, or w! for a disk that is shared for "
                    "writing");
    assert_bad_disk("/a,raw,xvda,w,more", "'more' is one too many: " DISK_FORM);
    assert_bad_disk("/a,raw,xvda,vdev=xvdb", "vdev is given twice");
    assert_bad_disk("/a,raw,xvda,access=r,access=w", "access is given twice");
    assert_bad_disk("/a,raw,xvda,discard,no-discard", "discard is given twice");
    assert_bad_disk("/a,,xvda,size=3", "unknown parameter 'size': " DISK_FORM);
    assert_bad_disk("/a,,xvda,devtype=tape", "devtype 'tape': expected disk or cdrom");
    assert_bad_disk("/a,,xvda,backendtype=qdisk",
                    "backendtype 'qdisk' is not supported here: expected phy");
    assert_bad_disk("/a,,xvda,backend=storage",
                    "backend 'storage': back ends in other domains than Domain-0 are not "
                    "supported here");
    assert_bad_disk("/a,,xvda,script=block-iscsi",
                    "script 'block-iscsi': scripts are not supported here");
    assert_bad_disk("iscsi:target,xvda,w",
                    "'iscsi:target' needs a script: scripts are not supported here");
    assert_bad_disk("/a,,xvda,specification=virtio",
                    "specification 'virtio' is not supported here: expected xen");
    assert_bad_disk("/a,,xvda,colo", "'colo' is not supported here");
    memset(text, 'x', sizeof(text) - 1);
    text[0] = '/';
    text[sizeof(text) - 1] = '\0';
    assert_bad_disk(text, "a parameter has more than 319 bytes");
    text[310] = '\0';
    assert_bad_disk(text, "target has more than 255 bytes");
}

static void assert_number(const char *vdev, uint32_t expected)
{
    uint32_t number = 0;

    assert_int_equal(disk_number_parse(vdev, &number), 0);
    assert_int_equal(number, expected);
}

static void test_disk_numbers(void **state)
{
    static const char *const bad[] = {
        "",      "xvd",   "xvdA", "xvda0",    "xvda256", "xvda1x",   "hde", "hda64",       "sdq",
        "sda16", "d0",    "d0p",  "d0p256",   "12a",     "xvdzzzzz", "-1",  "99999999999", "0x",
        "08",    "0xcag", "+1",   "536870912"};
    uint32_t number;

    assert_number("xvda", 51712);
    assert_number("xvda1", 51713);
    assert_number("xvdp15", 202 << 8 | 0xff);
    assert_number("xvdq", 1 << 28 | 16 << 8);
    assert_number("xvda16", 1 << 28 | 16);
    assert_number("xvdaa", 1 << 28 | 26 << 8);
    assert_number("xvdaa255", 1 << 28 | 26 << 8 | 255);
    assert_number("hda", 0x300);
    assert_number("hdb5", 0x345);
    assert_number("hdd63", 0x167f);
    assert_number("sda", 0x800);
    assert_number("sdp15", 0x8ff);
    assert_number("d0p0", 51712);
    assert_number("d26p1", 1 << 28 | 26 << 8 | 1);
    assert_number("51728", 51728);
    assert_number("0145000", 51712);
    assert_number("0xca00", 51712);
    assert_number("0Xca10", 51728);
    assert_number("536870911", 536870911);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (!disk_number_parse(bad[i], &number))
            fail_msg("%s is taken for %u", bad[i], number);
}

static struct vif_config vif(const char *text)
{
    struct vif_config v;
    struct error e;

    if (vif_config_parse(&v, &text, 1, &e))
        fail_msg("%s: %s", text, e.text);
    return v;
}

static void assert_bad_vif(const char *text, const char *expected)
{
    struct vif_config v;
    struct error e;

    assert_int_equal(vif_config_parse(&v, &text, 1, &e), -1);
    assert_string_equal(e.text, expected);
}

static void test_vif_forms(void **state)
{
    static const char *const parts[] = {"mac=00:16:3e:00:00:01", "antispoof"};
    struct vif_config v = vif("");
    char mac[MAC_TEXT_SIZE];
    struct error e;

    assert_string_equal(v.bridge, "xenbr0");
    assert_false(v.mac_set || v.devid_set || v.antispoof || v.mtu || v.rate_bytes);
    assert_true(v.trusted);
    v = vif("mac=00:16:3E:ab:cd:ef, bridge=br1, vifname=web0, ip=10.0.0.2, type=vif, model=e1000, "
            "script=/etc/xen/scripts/vif-bridge, backend=Domain-0, mtu=9000, devid=3, "
            "rate=10Mb/s, antispoof, untrusted");
    mac_format(mac, v.mac);
    assert_string_equal(mac, "00:16:3e:ab:cd:ef");
    assert_string_equal(v.bridge, "br1");
    assert_string_equal(v.vifname, "web0");
    assert_string_equal(v.ip, "10.0.0.2");
    assert_int_equal(v.mtu, 9000);
    assert_true(v.devid_set && v.devid == 3);
    assert_int_equal(v.rate_bytes, 62500);
    assert_int_equal(v.rate_interval, 50000);
    assert_true(v.antispoof && !v.trusted);
    assert_int_equal(vif("rate=1MB/s@20ms").rate_bytes, 20000);
    assert_int_equal(vif("rate=1MB/s@20ms").rate_interval, 20000);
    assert_int_equal(vif("rate=1MB/s@20m").rate_interval, 20000);
    assert_int_equal(vif("rate=1MB/s@500u").rate_interval, 500);
    assert_int_equal(vif("rate=250KB/s").rate_bytes, 12500);
    assert_int_equal(vif("rate=1GB/s@1s").rate_bytes, 1000000000);
    assert_int_equal(vif("rate=100B/s@1s").rate_bytes, 100);
    assert_int_equal(vif_config_parse(&v, parts, 2, &e), 0);
    assert_true(v.mac_set && v.antispoof);
    v = vif("accel=eth0, mac=0:16:3e:1:2:f");
    mac_format(mac, v.mac);
    assert_string_equal(mac, "00:16:3e:01:02:0f");
}

static void test_bad_vifs(void **state)
{
    static const char *const bad_rates[] = {
        "",
        "1",
        "1MB",
        "MB/s",
        "1TB/s",
        "1B/s",
        "1MB/s@",
        "1MB/s@1h",
        "1MB/s@0us",
        "9999999999999999B/s",
        "1MB/s@5000s",
        "999999999999999GB/s",
    };
    char text[100], expected[200];

    assert_bad_vif("mac=00:16:3e:00:00", "mac '00:16:3e:00:00': expected six bytes such as "
                                         "00:16:3e:01:02:03");
    assert_bad_vif("mac=0016:3e:0:0:0:0", "mac '0016:3e:0:0:0:0': expected six bytes such as "
                                          "00:16:3e:01:02:03");
    assert_bad_vif("mac=0::3e:0:0:0",
                   "mac '0::3e:0:0:0': expected six bytes such as 00:16:3e:01:02:03");
    assert_bad_vif("mac=0:16:3e:0:0:0:0",
                   "mac '0:16:3e:0:0:0:0': expected six bytes such as 00:16:3e:01:02:03");
    assert_bad_vif("mac=01:16:3e:00:00:00",
                   "mac '01:16:3e:00:00:00' is not the address of one interface");
    assert_bad_vif("mac=00:00:00:00:00:00",
                   "mac '00:00:00:00:00:00' is not the address of one interface");
    assert_bad_vif("bridge=", "bridge '': expected the name of a network interface");
    assert_bad_vif("bridge=averyverylongname", "bridge has more than 15 bytes");
    assert_bad_vif("type=ioemu", "type 'ioemu' is not for this kind of domain: expected vif");
    assert_bad_vif("script=vif-route",
                   "script 'vif-route' is not supported here: expected vif-bridge");
    assert_bad_vif("backend=net", "backend 'net': back ends in other domains than Domain-0 are "
                                  "not supported here");
    assert_bad_vif("gatewaydev=eth0",
                   "gatewaydev 'eth0': routed interfaces are not supported here");
    assert_bad_vif("mtu=67", "mtu '67': expected a number from 68 to 9000");
    assert_bad_vif("mtu=9001", "mtu '9001': expected a number from 68 to 9000");
    assert_bad_vif("devid=256", "devid '256': expected a number from 0 to 255");
    assert_bad_vif("speed=3", "unknown parameter 'speed': " VIF_FORM);
    assert_bad_vif("br0", "'br0': " VIF_FORM);
    for (size_t i = 0; i < sizeof(bad_rates) / sizeof(bad_rates[0]); i++) {
        snprintf(text, sizeof(text), "rate=%s", bad_rates[i]);
        snprintf(expected, sizeof(expected),
                 "rate '%s': expected NUMBER[K|M|G](B|b)/s[@NUMBER(us|ms|s)], such as 10Mb/s or "
                 "1MB/s@20ms",
                 bad_rates[i]);
        assert_bad_vif(text, expected);
    }
}

/* ---- The lists ---- */

static void assert_list_error(const char *text, const char *expected)
{
    assert_value_error(text, expected);
    assert_string_equal(warnings, "");
}

static void test_lists(void **state)
{
    struct guest_config g, copy;
    struct error e;

    assert_int_equal(read_guest(&g,
                                MINIMUM "disk=['/dev/vda,raw,xvda,w']\n"
                                        "disk+=['/guests/x.img,,xvdb,r']\n"
                                        "vif=['', 'devid=0', 'devid=2', '', 'bridge=b']\n",
                                &e),
                     0);
    assert_string_equal(warnings, "");
    assert_int_equal(g.disk_count, 2);
    assert_string_equal(g.disks[1].target, "/guests/x.img");
    assert_int_equal(g.vif_count, 5);
    assert_int_equal(g.vifs[0].devid, 1);
    assert_int_equal(g.vifs[1].devid, 0);
    assert_int_equal(g.vifs[2].devid, 2);
    assert_int_equal(g.vifs[3].devid, 3);
    assert_int_equal(g.vifs[4].devid, 4);
    assert_int_equal(guest_config_copy(&copy, &g), 0);
    guest_config_remove_disk(&g, 51712);
    assert_int_equal(g.disk_count, 1);
    assert_null(guest_config_disk(&g, 51712));
    assert_string_equal(guest_config_disk(&g, 51728)->vdev, "xvdb");
    guest_config_remove_disk(&g, 51712);
    guest_config_remove_vif(&g, 2);
    assert_int_equal(g.vif_count, 4);
    assert_int_equal(guest_config_free_devid(&g), 2);
    guest_config_free(&g);
    assert_int_equal(copy.disk_count, 2);
    assert_string_equal(guest_config_disk(&copy, 51712)->target, "/dev/vda");
    assert_string_equal(guest_config_vif(&copy, 4)->bridge, "b");
    guest_config_free(&copy);
}

static void test_bad_lists(void **state)
{
    assert_list_error(MINIMUM "disk='/dev/vda,raw,xvda,w'",
                      "f.cfg:3: disk: expected a list, disk = [ 'TARGET,raw,VDEV,ACCESS', ... ]");
    assert_list_error(MINIMUM "vif=1",
                      "f.cfg:3: vif: expected a list, vif = [ 'mac=MAC,bridge=BRIDGE', ... ]");
    assert_list_error(MINIMUM "disk=['/a,,xvda',\n'/b,qcow2,xvdb']",
                      "f.cfg:4: disk '/b,qcow2,xvdb': format 'qcow2' is not supported here: "
                      "expected raw");
    assert_list_error(MINIMUM "disk=['/a,,xvda',\n'/b,,d0p0']",
                      "f.cfg:4: disk '/b,,d0p0': vdev d0p0 is taken by another disk of this "
                      "domain");
    assert_list_error(MINIMUM "disk=[3]", "f.cfg:3: disk '3': expected a string in quotes");
    assert_list_error(MINIMUM "vif=[['']]", "f.cfg:3: vif '[...]': expected a string in quotes");
    assert_list_error(MINIMUM "vif=['devid=1',\n\n'devid=1']",
                      "f.cfg:5: vif 'devid=1': devid 1 is taken by another vif of this domain");
    assert_list_error(MINIMUM "vif=['mtu=1']",
                      "f.cfg:3: vif 'mtu=1': mtu '1': expected a number from 68 to 9000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disk_forms),   cmocka_unit_test(test_empty_drives),
        cmocka_unit_test(test_disk_options), cmocka_unit_test(test_bad_disks),
        cmocka_unit_test(test_disk_numbers), cmocka_unit_test(test_vif_forms),
        cmocka_unit_test(test_bad_vifs),     cmocka_unit_test(test_lists),
        cmocka_unit_test(test_bad_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
