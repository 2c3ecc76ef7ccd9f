/* SPDX-License-Identifier: MIT */
/*
 * The lists of a configuration's devices: `disk = [ ... ]` and `vif = [ ... ]` as a whole, and what
 * attaching and detaching change later.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tools/guest_config.h>

#include "device_list.h"

struct disk_config *guest_config_add_disk(struct guest_config *g, const struct disk_config *disk)
{
    struct disk_config *disks = realloc(g->disks, (g->disk_count + 1) * sizeof(*disks));

    if (!disks)
        return NULL;
    g->disks = disks;
    disks[g->disk_count] = *disk;
    return &disks[g->disk_count++];
}

struct vif_config *guest_config_add_vif(struct guest_config *g, const struct vif_config *vif)
{
    struct vif_config *vifs = realloc(g->vifs, (g->vif_count + 1) * sizeof(*vifs));

    if (!vifs)
        return NULL;
    g->vifs = vifs;
    vifs[g->vif_count] = *vif;
    return &vifs[g->vif_count++];
}

struct disk_config *guest_config_disk(const struct guest_config *g, uint32_t number)
{
    for (unsigned int i = 0; i < g->disk_count; i++)
        if (g->disks[i].number == number)
            return &g->disks[i];
    return NULL;
}

struct vif_config *guest_config_vif(const struct guest_config *g, unsigned int devid)
{
    for (unsigned int i = 0; i < g->vif_count; i++)
        if (g->vifs[i].devid_set && g->vifs[i].devid == devid)
            return &g->vifs[i];
    return NULL;
}

void guest_config_remove_disk(struct guest_config *g, uint32_t number)
{
    struct disk_config *disk = guest_config_disk(g, number);

    if (disk)
        memmove(disk, disk + 1, (size_t)(g->disks + g->disk_count-- - (disk + 1)) * sizeof(*disk));
}

void guest_config_remove_vif(struct guest_config *g, unsigned int devid)
{
    struct vif_config *vif = guest_config_vif(g, devid);

    if (vif)
        memmove(vif, vif + 1, (size_t)(g->vifs + g->vif_count-- - (vif + 1)) * sizeof(*vif));
}

unsigned int guest_config_free_devid(const struct guest_config *g)
{
    unsigned int devid = 0;

    while (devid <= VIF_MAX_DEVID && guest_config_vif(g, devid))
        devid++;
    return devid;
}

/* ---- Reading ---- */

static int list_bad_item(const struct config_setting *s, const struct config_value *item,
                         const char *why, struct error *e)
{
    const char *text = item->text ? item->text : "[...]";

    return item->line
               ? error_set(e, "%s:%u: %s '%.100s': %s", s->file, item->line, s->key, text, why)
               : error_set(e, "%s '%.100s': %s", s->key, text, why);
}

static int check_list(const struct config_setting *s, const char *form, struct error *e)
{
    if (s->value.kind == CONFIG_LIST)
        return 0;
    return s->line ? error_set(e, "%s:%u: %s: expected %s", s->file, s->line, s->key, form)
                   : error_set(e, "%.100s: expected %s", s->file, form);
}

static int list_read_disk(struct guest_config *g, const struct config_setting *s,
                          const struct config_value *item, struct error *e)
{
    const char *text = item->text;
    struct disk_config disk;
    struct error why;

    if (item->kind != CONFIG_STRING)
        return list_bad_item(s, item, "expected a string in quotes", e);
    if (disk_config_parse(&disk, &text, 1, &why))
        return list_bad_item(s, item, why.text, e);
    if (guest_config_disk(g, disk.number)) {
        error_set(&why, "vdev %s is taken by another disk of this domain", disk.vdev);
        return list_bad_item(s, item, why.text, e);
    }
    return guest_config_add_disk(g, &disk) ? 0 : list_bad_item(s, item, "not enough memory", e);
}

int read_disk_list(struct guest_config *g, const struct config_setting *s, struct error *e)
{
    if (check_list(s, "a list, disk = [ 'TARGET,raw,VDEV,ACCESS', ... ]", e))
        return -1;
    g->disk_count = 0;
    for (size_t i = 0; i < s->value.count; i++)
        if (list_read_disk(g, s, &s->value.items[i], e))
            return -1;
    return 0;
}

static int list_read_vif(struct guest_config *g, const struct config_setting *s,
                         const struct config_value *item, struct error *e)
{
    const char *text = item->text;
    struct vif_config vif;
    struct error why;

    if (item->kind != CONFIG_STRING)
        return list_bad_item(s, item, "expected a string in quotes", e);
    if (vif_config_parse(&vif, &text, 1, &why))
        return list_bad_item(s, item, why.text, e);
    if (vif.devid_set && guest_config_vif(g, vif.devid)) {
        error_set(&why, "devid %u is taken by another vif of this domain", vif.devid);
        return list_bad_item(s, item, why.text, e);
    }
    return guest_config_add_vif(g, &vif) ? 0 : list_bad_item(s, item, "not enough memory", e);
}

int read_vif_list(struct guest_config *g, const struct config_setting *s, struct error *e)
{
    if (check_list(s, "a list, vif = [ 'mac=MAC,bridge=BRIDGE', ... ]", e))
        return -1;
    g->vif_count = 0;
    for (size_t i = 0; i < s->value.count; i++)
        if (list_read_vif(g, s, &s->value.items[i], e))
            return -1;
    /* Those that asked for a number have it; the others get what is left. */
    for (unsigned int i = 0; i < g->vif_count; i++) {
        if (g->vifs[i].devid_set)
            continue;
        g->vifs[i].devid = guest_config_free_devid(g);
        g->vifs[i].devid_set = true;
        if (g->vifs[i].devid > VIF_MAX_DEVID)
            return list_bad_item(s, &s->value.items[i], "a domain has at most 256 vifs", e);
    }
    return 0;
}
