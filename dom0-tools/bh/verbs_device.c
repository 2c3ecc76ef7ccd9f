/* SPDX-License-Identifier: MIT */
/* The verbs for disks and network interfaces of domains. Columns are xl's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <platform.h>
#include <tools/device_config.h>
#include <tools/service.h>

#include "bh.h"
#include "json.h"

/* ---- Attaching ---- */

static int run_block_attach(int argc, char **argv)
{
    struct disk_config disk;
    struct error e;
    domid_t domid;

    if (argc < 3)
        return bh_usage(argv[0]);
    if (service_find(argv[1], &domid, &e) ||
        disk_config_parse(&disk, (const char *const *)argv + 2, (size_t)argc - 2, &e) ||
        service_attach_disk(domid, &disk, &e))
        return bh_fail(argv[0], "%s", e.text);
    return 0;
}

static int run_network_attach(int argc, char **argv)
{
    struct vif_config vif;
    struct error e;
    domid_t domid;

    if (argc < 2)
        return bh_usage(argv[0]);
    if (service_find(argv[1], &domid, &e) ||
        vif_config_parse(&vif, (const char *const *)argv + 2, (size_t)argc - 2, &e) ||
        service_attach_vif(domid, &vif, &e))
        return bh_fail(argv[0], "%s", e.text);
    return 0;
}

/* ---- Detaching ---- */

static int run_block_detach(int argc, char **argv)
{
    bool force = bh_take_option(&argc, argv, "--force");
    uint32_t number;
    struct error e;
    domid_t domid;

    if (argc != 3)
        return bh_usage(argv[0]);
    if (disk_number_parse(argv[2], &number))
        return bh_fail(argv[0], "'%s': expected a name such as xvda, or a device's number",
                       argv[2]);
    if (service_find(argv[1], &domid, &e))
        return bh_fail(argv[0], "%s", e.text);
    if (service_config(domid) && !guest_config_disk(service_config(domid), number))
        return bh_fail(argv[0], "domain '%s' has no disk %s", service_name(domid), argv[2]);
    return service_detach_disk(domid, number, force, &e) ? bh_fail(argv[0], "%s", e.text) : 0;
}

/* A vif's number from a number or a MAC address. Returns 0, or -1 with the reason in @e. */
static int find_vif(domid_t domid, const char *text, unsigned int *devid, struct error *e)
{
    const struct guest_config *c = service_config(domid);
    uint8_t mac[6];
    char *end;

    if (!mac_parse(mac, text)) {
        for (unsigned int i = 0; c && i < c->vif_count; i++) {
            if (!memcmp(c->vifs[i].mac, mac, sizeof(mac))) {
                *devid = c->vifs[i].devid;
                return 0;
            }
        }
        return error_set(e, "domain '%s' has no vif with the address %s", service_name(domid),
                         text);
    }
    *devid = (unsigned int)strtoul(text, &end, 10);
    return *text && !*end ? 0 : error_set(e, "'%s': expected a vif's number or address", text);
}

static int run_network_detach(int argc, char **argv)
{
    bool force = bh_take_option(&argc, argv, "--force");
    unsigned int devid = 0;
    struct error e;
    domid_t domid;

    if (argc != 3)
        return bh_usage(argv[0]);
    if (service_find(argv[1], &domid, &e) || find_vif(domid, argv[2], &devid, &e) ||
        service_detach_vif(domid, devid, force, &e))
        return bh_fail(argv[0], "%s", e.text);
    return 0;
}

/* ---- Listing ---- */

/* What devices of all kinds have, with the keys of libxl's diskinfo and nicinfo. */
static void json_state(struct json *j, domid_t domid, uint32_t id, const struct device_state *s)
{
    json_text(j, "backend", s->backend);
    json_number(j, "backend_id", 0);
    json_text(j, "frontend", s->frontend);
    json_number(j, "frontend_id", domid);
    json_number(j, "devid", id);
    json_signed(j, "state", s->state);
    json_signed(j, "evtch", s->event_channel);
}

static void print_disk(struct json *j, domid_t domid, const struct disk_config *disk)
{
    struct device_state s;

    service_device_state(domid, DEVICE_DISK, disk->number, &s);
    if (!j) {
        bh_print("%-5u %-3d %-6u %-5ld %-6ld %-8ld %-30s\n", disk->number, 0, domid, s.state,
                 s.event_channel, s.ring_ref, s.backend);
        return;
    }
    json_open(j, NULL, '{');
    json_state(j, domid, disk->number, &s);
    json_signed(j, "rref", s.ring_ref);
    json_disk(j, "disk", disk);
    json_close(j, '}');
}

static void print_vif(struct json *j, domid_t domid, const struct vif_config *vif)
{
    struct platform_vif_counters n;
    char mac[MAC_TEXT_SIZE];
    struct device_state s;

    service_device_state(domid, DEVICE_VIF, vif->devid, &s);
    mac_format(mac, vif->mac);
    if (!j) {
        bh_print("%-3u %-2d %s %6u %5ld %6ld %5ld/%-11ld %-30s\n", vif->devid, 0, mac, vif->devid,
                 s.state, s.event_channel, s.tx_ring_ref, s.rx_ring_ref, s.backend);
        return;
    }
    json_open(j, NULL, '{');
    json_state(j, domid, vif->devid, &s);
    json_signed(j, "rref_tx", s.tx_ring_ref);
    json_signed(j, "rref_rx", s.rx_ring_ref);
    json_vif(j, "nic", vif);
    if (platform_vif_counters(domid, vif->devid, &n)) {
        json_number(j, "rx_packets", n.rx_packets);
        json_number(j, "rx_bytes", n.rx_bytes);
        json_number(j, "rx_dropped", n.rx_dropped);
        json_number(j, "tx_packets", n.tx_packets);
        json_number(j, "tx_bytes", n.tx_bytes);
        json_number(j, "tx_dropped", n.tx_dropped);
    }
    json_close(j, '}');
}

/* What a vif has carried, as its domain sees it: rx is what the domain received. */
static void print_counters(domid_t domid, const struct vif_config *vif)
{
    struct platform_vif_counters n;

    if (!platform_vif_counters(domid, vif->devid, &n))
        memset(&n, 0, sizeof(n));
    bh_print("%-3u %12llu %15llu %8llu %12llu %15llu %8llu\n", vif->devid,
             (unsigned long long)n.rx_packets, (unsigned long long)n.rx_bytes,
             (unsigned long long)n.rx_dropped, (unsigned long long)n.tx_packets,
             (unsigned long long)n.tx_bytes, (unsigned long long)n.tx_dropped);
}

static int run_block_list(int argc, char **argv)
{
    bool as_json = bh_take_option(&argc, argv, "--json");
    struct json json = {0}, *j = as_json ? &json : NULL;
    domid_t domids[BH_MAX_WORDS];
    int count;

    if (argc < 2)
        return bh_usage(argv[0]);
    count = bh_find_domains(argc, argv, domids);
    if (count < 0)
        return -1;
    if (j)
        json_open(j, NULL, '[');
    else
        bh_print("%-5s %-3s %-6s %-5s %-6s %-8s %-30s\n", "Vdev", "BE", "handle", "state", "evt-ch",
                 "ring-ref", "BE-path");
    for (int i = 0; i < count; i++) {
        const struct guest_config *c = service_config(domids[i]);

        for (unsigned int n = 0; c && n < c->disk_count; n++)
            print_disk(j, domids[i], &c->disks[n]);
    }
    if (j)
        json_close(j, ']');
    return 0;
}

static void vif_header(bool counters)
{
    if (counters)
        bh_print("%-3s %12s %15s %8s %12s %15s %8s\n", "Idx", "rx-packets", "rx-bytes", "rx-drop",
                 "tx-packets", "tx-bytes", "tx-drop");
    else
        bh_print("%-3s %-2s %-17s %-6s %-5s %-6s %5s/%-11s %-30s\n", "Idx", "BE", "Mac Addr.",
                 "handle", "state", "evt-ch", "tx-", "rx-ring-ref", "BE-path");
}

static int run_network_list(int argc, char **argv)
{
    bool as_json = bh_take_option(&argc, argv, "--json");
    bool counters = bh_take_option(&argc, argv, "--counters") && !as_json;
    struct json json = {0}, *j = as_json ? &json : NULL;
    domid_t domids[BH_MAX_WORDS];
    int count;

    if (argc < 2)
        return bh_usage(argv[0]);
    count = bh_find_domains(argc, argv, domids);
    if (count < 0)
        return -1;
    if (j)
        json_open(j, NULL, '[');
    else
        vif_header(counters);
    for (int i = 0; i < count; i++) {
        const struct guest_config *c = service_config(domids[i]);

        for (unsigned int n = 0; c && n < c->vif_count; n++) {
            if (counters)
                print_counters(domids[i], &c->vifs[n]);
            else
                print_vif(j, domids[i], &c->vifs[n]);
        }
    }
    if (j)
        json_close(j, ']');
    return 0;
}

/* ---- Configurations as JSON ---- */

/* A truth value that could also be left open, which libxl writes as a text. */
static void json_defbool(struct json *j, const char *key, bool value)
{
    json_text(j, key, value ? "True" : "False");
}

void json_disk(struct json *j, const char *key, const struct disk_config *disk)
{
    json_open(j, key, '{');
    json_text(j, "pdev_path", disk->target);
    json_text(j, "vdev", disk->vdev);
    json_text(j, "backend", "phy");
    json_text(j, "format", "raw");
    json_number(j, "removable", disk->cdrom);
    json_number(j, "readwrite", disk->access != DISK_READ_ONLY);
    json_number(j, "is_cdrom", disk->cdrom);
    json_bool(j, "direct_io_safe", disk->direct_io_safe);
    json_defbool(j, "discard_enable", disk->discard);
    json_defbool(j, "trusted", disk->trusted);
    json_text(j, "access", disk_access_word(disk->access));
    json_close(j, '}');
}

void json_vif(struct json *j, const char *key, const struct vif_config *vif)
{
    char mac[MAC_TEXT_SIZE];

    mac_format(mac, vif->mac);
    json_open(j, key, '{');
    json_number(j, "devid", vif->devid);
    json_text(j, "mac", mac);
    json_text(j, "bridge", vif->bridge);
    json_text(j, "nictype", "vif");
    if (vif->ip[0])
        json_text(j, "ip", vif->ip);
    if (vif->vifname[0])
        json_text(j, "ifname", vif->vifname);
    if (vif->mtu)
        json_number(j, "mtu", vif->mtu);
    if (vif->rate_bytes) {
        json_number(j, "rate_bytes_per_interval", vif->rate_bytes);
        json_number(j, "rate_interval_usecs", vif->rate_interval);
    }
    json_defbool(j, "trusted", vif->trusted);
    json_bool(j, "antispoof", vif->antispoof);
    json_close(j, '}');
}

const struct bh_verb bh_device_verbs[] = {
    {"block-attach", "DOMAIN DISK...",
     "give a domain a disk, written as in its configuration: TARGET,FORMAT,VDEV,ACCESS",
     ARGUMENT_DOMAIN, run_block_attach},
    {"block-detach", "[--force] DOMAIN VDEV",
     "take a disk away from a domain (--force: even if it is in use)", ARGUMENT_DOMAIN,
     run_block_detach},
    {"block-list", "[--json] DOMAIN...", "list domains' disks", ARGUMENT_DOMAIN, run_block_list},
    {"network-attach", "DOMAIN [KEY=VALUE...]",
     "give a domain a network interface, written as in its configuration", ARGUMENT_DOMAIN,
     run_network_attach},
    {"network-detach", "[--force] DOMAIN DEVID|MAC",
     "take a network interface away from a domain (--force: without asking it)", ARGUMENT_DOMAIN,
     run_network_detach},
    {"network-list", "[--counters] [--json] DOMAIN...",
     "list domains' network interfaces (--counters: what they have carried)", ARGUMENT_DOMAIN,
     run_network_list},
    {NULL, NULL, NULL, ARGUMENT_NONE, NULL},
};
