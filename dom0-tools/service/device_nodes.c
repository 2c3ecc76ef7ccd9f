/* SPDX-License-Identifier: MIT */
/* One device of a domain in the store: see device_nodes.h. */
#include "device_nodes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>
#include <public/io/xenbus.h>

#include "store_clients.h"

#define PATIENCE    10000000000ull /* ns that a driver gets for a step, as long as libxl waits */
#define MAX_COMMITS 8              /* attempts to write a device's nodes */

static const char *device_kind_name(enum device_kind kind)
{
    return kind == DEVICE_DISK ? "vbd" : "vif";
}

void device_locate(struct device *v, domid_t domid, enum device_kind kind, uint32_t id)
{
    v->domid = domid;
    v->kind = kind;
    v->id = id;
    v->empty = false;
    snprintf(v->front, sizeof(v->front), "/local/domain/%u/device/%s/%u", domid,
             device_kind_name(kind), id);
    snprintf(v->back, sizeof(v->back), "/local/domain/0/backend/%s/%u/%u", device_kind_name(kind),
             domid, id);
}

struct device device_of_disk(domid_t domid, const struct disk_config *disk)
{
    struct device v;

    device_locate(&v, domid, DEVICE_DISK, disk->number);
    v.empty = !disk->target[0];
    snprintf(v.name, sizeof(v.name), "disk %s", disk->vdev);
    return v;
}

struct device device_of_vif(domid_t domid, const struct vif_config *vif)
{
    struct device v;

    device_locate(&v, domid, DEVICE_VIF, vif->devid);
    snprintf(v.name, sizeof(v.name), "vif %u", vif->devid);
    return v;
}

/* ---- Reading ---- */

static int device_read_text(const char *folder, const char *key, char *text, size_t size)
{
    char path[DEVICE_NODE_SIZE + 32];
    const void *value;
    size_t length;

    snprintf(path, sizeof(path), "%s/%s", folder, key);
    if (xs_read(service_tools, STORE_NO_TRANSACTION, path, &value, &length))
        return -1;
    if (length >= size)
        length = size - 1;
    memcpy(text, value, length);
    text[length] = '\0';
    return 0;
}

long device_read_number(const char *folder, const char *key)
{
    char text[12];
    long number = 0;

    if (device_read_text(folder, key, text, sizeof(text)) || !*text)
        return -1;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9')
            return -1;
        number = number * 10 + (*c - '0');
    }
    return number;
}

long device_back_state(const struct device *v)
{
    long state = device_read_number(v->back, "state");

    return state < 0 ? XenbusStateUnknown : state;
}

static void device_error_path(const struct device *v, char path[DEVICE_NODE_SIZE])
{
    snprintf(path, DEVICE_NODE_SIZE, "/local/domain/0/error/backend/%s/%u/%u",
             device_kind_name(v->kind), v->domid, v->id);
}

/*
 * What the back driver says against the device: "2 vda is not a disk", the number being an errno.
 */
static bool device_back_refuses(const struct device *v, char *reason, size_t size)
{
    char path[DEVICE_NODE_SIZE];
    char *text = reason;

    device_error_path(v, path);
    if (device_read_text(path, "error", reason, size))
        return false;
    while (*text >= '0' && *text <= '9')
        text++;
    if (text > reason && *text == ' ')
        memmove(reason, text + 1, strlen(text + 1) + 1);
    return true;
}

/* ---- Writing ---- */

struct writing {
    uint32_t transaction;
    int error; /* the first; nothing is done after it */
};

static void __attribute__((format(printf, 4, 5)))
put_node(struct writing *w, const char *folder, const char *key, const char *format, ...)
{
    char path[DEVICE_NODE_SIZE + 32], value[DISK_TARGET_SIZE];
    va_list args;

    if (w->error)
        return;
    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    snprintf(path, sizeof(path), "%s/%s", folder, key);
    w->error = xs_write(service_tools, w->transaction, path, value, strlen(value));
}

/* Makes a node of @owner's that @reader may read, as may be what is made below it. */
static void make_folder(struct writing *w, const char *path, domid_t owner, domid_t reader)
{
    struct store_permission p[] = {{.domid = owner}, {.domid = reader, .read = true}};

    if (!w->error)
        w->error = xs_mkdir(service_tools, w->transaction, path);
    if (!w->error)
        w->error = xs_set_permissions(service_tools, w->transaction, path, p, 2);
}

/* Removes a node, and those above it that have no other children, as libxl does. */
static void remove_node(struct writing *w, const char *path)
{
    char at[DEVICE_NODE_SIZE], *names;
    uint64_t generation;
    size_t children = 0;

    snprintf(at, sizeof(at), "%s", path);
    while (!w->error && !children) {
        w->error = xs_remove(service_tools, w->transaction, at);
        if (w->error == XEN_ENOENT)
            w->error = 0;
        *strrchr(at, '/') = '\0'; /* ends at the domain's own node, which has a name */
        if (!w->error)
            w->error = xs_directory(service_tools, w->transaction, at, &names, &children,
                                    &generation);
        if (!w->error)
            free(names);
        else if (w->error == XEN_ENOENT)
            w->error = 0;
    }
}

/*
 * Calls @write inside of a transaction, so that the drivers see all of it or nothing. A conflict,
 * or memory that is short for the moment, is tried again. @return 0 or an errno. May wait.
 */
static int commit_nodes(void (*write)(struct writing *w, const struct device *v,
                                      const void *argument),
                        const struct device *v, const void *argument)
{
    int error = 0;

    for (unsigned int i = 0; i < MAX_COMMITS; i++) {
        struct writing w = {0};

        if (error == XEN_ENOMEM)
            platform_sleep(DEVICE_POLL);
        error = xs_transaction_start(service_tools, &w.transaction);
        if (!error) {
            write(&w, v, argument);
            error = xs_transaction_end(service_tools, w.transaction, !w.error);
            if (w.error)
                error = w.error;
        }
        if (error != XEN_EAGAIN && error != XEN_ENOMEM)
            break;
    }
    return error;
}

/* What the nodes of all kinds have. */
static void put_common(struct writing *w, const struct device *v)
{
    make_folder(w, v->front, v->domid, 0);
    make_folder(w, v->back, 0, v->domid);
    put_node(w, v->front, "backend", "%s", v->back);
    put_node(w, v->front, "backend-id", "0");
    put_node(w, v->front, "state", "%d", XenbusStateInitialising);
    put_node(w, v->back, "frontend", "%s", v->front);
    put_node(w, v->back, "frontend-id", "%u", v->domid);
    put_node(w, v->back, "online", "1");
    put_node(w, v->back, "state", "%d", XenbusStateInitialising);
}

static void put_disk(struct writing *w, const struct device *v, const void *argument)
{
    const struct disk_config *disk = argument;
    const char *type = disk->cdrom ? "cdrom" : "disk";
    bool device = !strncmp(disk->target, "/dev/", 5);

    put_common(w, v);
    put_node(w, v->front, "virtual-device", "%u", v->id);
    put_node(w, v->front, "device-type", "%s", type);
    put_node(w, v->front, "trusted", "%d", disk->trusted);
    put_node(w, v->back, "removable", "%d", disk->cdrom);
    put_node(w, v->back, "bootable", "1");
    put_node(w, v->back, "dev", "%s", disk->vdev);
    put_node(w, v->back, "type", "%s", device ? "phy" : "file");
    put_node(w, v->back, "mode", "%s", disk_access_word(disk->access));
    put_node(w, v->back, "device-type", "%s", type);
    put_node(w, v->back, "discard-enable", "%d", disk->discard);
    if (disk->direct_io_safe)
        put_node(w, v->back, "direct-io-safe", "1");
    put_node(w, v->back, "params", "%s", disk->target);
}

static void put_vif(struct writing *w, const struct device *v, const void *argument)
{
    const struct vif_config *vif = argument;
    char mac[MAC_TEXT_SIZE];

    mac_format(mac, vif->mac);
    put_common(w, v);
    put_node(w, v->front, "handle", "%u", v->id);
    put_node(w, v->front, "mac", "%s", mac);
    put_node(w, v->front, "trusted", "%d", vif->trusted);
    put_node(w, v->back, "handle", "%u", v->id);
    put_node(w, v->back, "mac", "%s", mac);
    put_node(w, v->back, "type", "vif");
    put_node(w, v->back, "script", "/etc/xen/scripts/vif-bridge");
    put_node(w, v->back, "bridge", "%s", vif->bridge);
    if (vif->vifname[0])
        put_node(w, v->back, "vifname", "%s", vif->vifname);
    if (vif->ip[0])
        put_node(w, v->back, "ip", "%s", vif->ip);
    if (vif->mtu) {
        put_node(w, v->front, "mtu", "%u", vif->mtu);
        put_node(w, v->back, "mtu", "%u", vif->mtu);
    }
    if (vif->rate_bytes)
        put_node(w, v->back, "rate", "%llu,%u", (unsigned long long)vif->rate_bytes,
                 vif->rate_interval);
    if (vif->antispoof)
        put_node(w, v->back, "antispoof", "1");
}

bool device_is_closed(const struct device *v)
{
    long state = device_back_state(v);

    return state == XenbusStateClosed || state == XenbusStateUnknown;
}

static void put_closing(struct writing *w, const struct device *v, const void *argument)
{
    if (device_is_closed(v))
        return; /* it was asked before, and its driver does not look again */
    put_node(w, v->back, "online", "0");
    put_node(w, v->back, "state", "%d", XenbusStateClosing);
}

static void put_gone(struct writing *w, const struct device *v, const void *argument)
{
    remove_node(w, v->front);
    if (device_back_state(v) == XenbusStateInitialising)
        put_node(w, v->back, "online", "0");
    else
        put_closing(w, v, argument);
}

static void put_nothing(struct writing *w, const struct device *v, const void *argument)
{
    char path[DEVICE_NODE_SIZE];

    remove_node(w, v->front);
    remove_node(w, v->back);
    device_error_path(v, path);
    if (!w->error && !xs_remove(service_tools, w->transaction, path))
        remove_node(w, path);
}

int device_write_disk(const struct device *v, const struct disk_config *disk)
{
    return commit_nodes(put_disk, v, disk);
}

int device_write_vif(const struct device *v, const struct vif_config *vif)
{
    return commit_nodes(put_vif, v, vif);
}

int device_ask_close(const struct device *v)
{
    return commit_nodes(put_closing, v, NULL);
}

int device_ask_gone(const struct device *v)
{
    return commit_nodes(put_gone, v, NULL);
}

int device_remove_nodes(const struct device *v)
{
    return commit_nodes(put_nothing, v, NULL);
}

/* ---- Waiting ---- */

int device_wait_ready(const struct device *v, struct error *e)
{
    uint64_t deadline = platform_now() + PATIENCE;
    char reason[240];

    for (;;) {
        long state = device_back_state(v);

        if (device_back_refuses(v, reason, sizeof(reason)))
            return error_set(e, "%s: %s", v->name, reason);
        if (state == XenbusStateInitWait || state == XenbusStateInitialised ||
            state == XenbusStateConnected)
            return 0;
        if (state == XenbusStateUnknown)
            return error_set(e, "%s: it was taken away", v->name);
        if (state != XenbusStateInitialising)
            return error_set(e, "%s: the back driver closed it", v->name);
        if (platform_now() > deadline)
            return error_set(e, "%s: no back driver has taken it", v->name);
        platform_sleep(DEVICE_POLL);
    }
}

bool device_wait_closed(const struct device *v)
{
    uint64_t start = platform_now();

    for (;;) {
        if (device_is_closed(v) || (device_back_state(v) == XenbusStateInitialising &&
                                    platform_now() > start + DEVICE_MOMENT))
            return true;
        if (platform_now() > start + PATIENCE)
            return false;
        platform_sleep(DEVICE_POLL);
    }
}
