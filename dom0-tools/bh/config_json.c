/* SPDX-License-Identifier: MIT */
/* Devices' configurations as JSON, with the keys of libxl. See json.h. */
#include <string.h>

#include "json.h"

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
