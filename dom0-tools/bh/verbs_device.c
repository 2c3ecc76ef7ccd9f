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

enum {
    DETACH_FORCE,
};

/* block-list and network-list; the second has both. */
enum {
    LIST_JSON,
    LIST_COUNTERS,
};

/* ---- Attaching ---- */

static int run_block_attach(struct bh_call *call)
{
    struct disk_config disk;
    struct error e;
    domid_t domid;

    if (call->argc < 2)
        return bh_usage(call);
    if (service_find(call->argv[0], &domid, &e) ||
        disk_config_parse(&disk, (const char *const *)call->argv + 1, (size_t)call->argc - 1, &e) ||
        service_attach_disk(domid, &disk, &e))
        return bh_fail(call, "%s", e.text);
    return 0;
}

static int run_network_attach(struct bh_call *call)
{
    struct vif_config vif;
    struct error e;
    domid_t domid;

    if (call->argc < 1)
        return bh_usage(call);
    if (service_find(call->argv[0], &domid, &e) ||
        vif_config_parse(&vif, (const char *const *)call->argv + 1, (size_t)call->argc - 1, &e) ||
        service_attach_vif(domid, &vif, &e))
        return bh_fail(call, "%s", e.text);
    return 0;
}

/* ---- Detaching ---- */

/* Whether a domain of the service has a disk, so that the message can name it as it was typed. */
static bool lacks_disk(domid_t domid, uint32_t number)
{
    struct guest_config c;
    bool lacks;

    if (service_config(domid, &c))
        return false; /* the service says why it cannot be detached */
    lacks = !guest_config_disk(&c, number);
    guest_config_free(&c);
    return lacks;
}

static int run_block_detach(struct bh_call *call)
{
    char name[GUEST_NAME_SIZE];
    uint32_t number;
    struct error e;
    domid_t domid;

    if (call->argc != 2)
        return bh_usage(call);
    if (disk_number_parse(call->argv[1], &number))
        return bh_fail(call, "'%s': expected a name such as xvda, or a device's number",
                       call->argv[1]);
    if (bh_find_domain(call, 0, &domid))
        return -1;
    if (lacks_disk(domid, number))
        return bh_fail(call, "domain '%s' has no disk %s", service_name(domid, name),
                       call->argv[1]);
    return service_detach_disk(domid, number, call->given[DETACH_FORCE], &e)
               ? bh_fail(call, "%s", e.text)
               : 0;
}

static int find_vif_by_mac(domid_t domid, const char *text, const uint8_t mac[6],
                           unsigned int *devid, struct error *e)
{
    char name[GUEST_NAME_SIZE];
    struct guest_config c;
    bool found = false;

    if (!service_config(domid, &c)) {
        for (unsigned int i = 0; i < c.vif_count && !found; i++) {
            found = !memcmp(c.vifs[i].mac, mac, sizeof(c.vifs[i].mac));
            *devid = c.vifs[i].devid;
        }
        guest_config_free(&c);
    }
    return found ? 0
                 : error_set(e, "domain '%s' has no vif with the address %s",
                             service_name(domid, name), text);
}

/* A vif's number from a number or a MAC address. @return 0, or -1 with the reason in @e. */
static int find_vif(domid_t domid, const char *text, unsigned int *devid, struct error *e)
{
    uint8_t mac[6];
    char *end;

    if (!mac_parse(mac, text))
        return find_vif_by_mac(domid, text, mac, devid, e);
    *devid = (unsigned int)strtoul(text, &end, 10);
    return *text && !*end ? 0 : error_set(e, "'%s': expected a vif's number or address", text);
}

static int run_network_detach(struct bh_call *call)
{
    unsigned int devid = 0;
    struct error e;
    domid_t domid;

    if (call->argc != 2)
        return bh_usage(call);
    if (service_find(call->argv[0], &domid, &e) || find_vif(domid, call->argv[1], &devid, &e) ||
        service_detach_vif(domid, devid, call->given[DETACH_FORCE], &e))
        return bh_fail(call, "%s", e.text);
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

/* Lists what @show prints of each domain's configuration, below a line that @header prints. */
static int list_devices(struct bh_call *call, void (*header)(const struct bh_call *call),
                        void (*show)(const struct bh_call *call, struct json *j, domid_t domid,
                                     const struct guest_config *c))
{
    struct json json = {0}, *j = call->given[LIST_JSON] ? &json : NULL;
    domid_t domids[BH_MAX_WORDS];
    int count;

    if (call->argc < 1)
        return bh_usage(call);
    count = bh_find_domains(call, domids);
    if (count < 0)
        return -1;
    if (j)
        json_open(j, NULL, '[');
    else
        header(call);
    for (int i = 0; i < count; i++) {
        struct guest_config c;

        if (service_config(domids[i], &c))
            continue;
        show(call, j, domids[i], &c);
        guest_config_free(&c);
    }
    if (j)
        json_close(j, ']');
    return 0;
}

static void disk_header(const struct bh_call *call)
{
    bh_print("%-5s %-3s %-6s %-5s %-6s %-8s %-30s\n", "Vdev", "BE", "handle", "state", "evt-ch",
             "ring-ref", "BE-path");
}

static void print_disks(const struct bh_call *call, struct json *j, domid_t domid,
                        const struct guest_config *c)
{
    for (unsigned int n = 0; n < c->disk_count; n++)
        print_disk(j, domid, &c->disks[n]);
}

static int run_block_list(struct bh_call *call)
{
    return list_devices(call, disk_header, print_disks);
}

static void vif_header(const struct bh_call *call)
{
    if (call->given[LIST_COUNTERS])
        bh_print("%-3s %12s %15s %8s %12s %15s %8s\n", "Idx", "rx-packets", "rx-bytes", "rx-drop",
                 "tx-packets", "tx-bytes", "tx-drop");
    else
        bh_print("%-3s %-2s %-17s %-6s %-5s %-6s %5s/%-11s %-30s\n", "Idx", "BE", "Mac Addr.",
                 "handle", "state", "evt-ch", "tx-", "rx-ring-ref", "BE-path");
}

static void print_vifs(const struct bh_call *call, struct json *j, domid_t domid,
                       const struct guest_config *c)
{
    for (unsigned int n = 0; n < c->vif_count; n++)
        if (call->given[LIST_COUNTERS] && !j)
            print_counters(domid, &c->vifs[n]);
        else
            print_vif(j, domid, &c->vifs[n]);
}

static int run_network_list(struct bh_call *call)
{
    return list_devices(call, vif_header, print_vifs);
}

const struct bh_verb bh_device_verbs[] = {
    {.name = "block-attach",
     .arguments = "DOMAIN DISK...",
     .help = "give a domain a disk, written as in its configuration: TARGET,FORMAT,VDEV,ACCESS",
     .argument = ARGUMENT_DOMAIN,
     .run = run_block_attach},
    {.name = "block-detach",
     .options = {[DETACH_FORCE] = {'\0', "force", NULL}},
     .arguments = "DOMAIN VDEV",
     .help = "take a disk away from a domain (--force: even if it is in use)",
     .argument = ARGUMENT_DOMAIN,
     .run = run_block_detach},
    {.name = "block-list",
     .options = {[LIST_JSON] = {'\0', "json", NULL}},
     .arguments = "DOMAIN...",
     .help = "list domains' disks",
     .argument = ARGUMENT_DOMAIN,
     .run = run_block_list},
    {.name = "network-attach",
     .arguments = "DOMAIN [KEY=VALUE...]",
     .help = "give a domain a network interface, written as in its configuration",
     .argument = ARGUMENT_DOMAIN,
     .run = run_network_attach},
    {.name = "network-detach",
     .options = {[DETACH_FORCE] = {'\0', "force", NULL}},
     .arguments = "DOMAIN DEVID|MAC",
     .help = "take a network interface away from a domain (--force: without asking it)",
     .argument = ARGUMENT_DOMAIN,
     .run = run_network_detach},
    {.name = "network-list",
     .options = {[LIST_JSON] = {'\0', "json", NULL}, [LIST_COUNTERS] = {'\0', "counters", NULL}},
     .arguments = "DOMAIN...",
     .help = "list domains' network interfaces (--counters: what they have carried)",
     .argument = ARGUMENT_DOMAIN,
     .run = run_network_list},
    {.name = NULL},
};
