/* SPDX-License-Identifier: MIT */
/*
 * Devices of domains in the store: the two nodes of each, as libxl writes them, through which the
 * front and the back driver find each other; and the waits for the back driver, all of them
 * bounded.
 *
 *   front  /local/domain/FRONT/device/KIND/ID     owned by the domain, readable by dom0
 *   back   /local/domain/0/backend/KIND/FRONT/ID  owned by dom0, readable by the domain
 *
 * A back driver that refuses a device says why below /local/domain/0/error.
 *
 * Waiting lets other threads run, which may destroy the domain: what waits here holds no pointer to
 * a record, unless the record's life protects it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>
#include <public/io/xenbus.h>

#include <tools/control.h>

#include "state.h"

#define NODE_SIZE   96
#define POLL        5000000ull     /* ns between looks at a back end */
#define MOMENT      200000000ull   /* ns for a driver to take notice of a device */
#define PATIENCE    10000000000ull /* ns that a driver gets for a step, as long as libxl waits */
#define MAX_COMMITS 8              /* attempts to write a device's nodes */

struct device {
    domid_t domid;
    enum device_kind kind;
    uint32_t id;
    bool empty;                     /* a drive without a medium, which its domain is not shown */
    char name[16 + DISK_VDEV_SIZE]; /* for messages: "disk xvda", "vif 0" */
    char front[NODE_SIZE], back[NODE_SIZE];
};

static const char *kind_name(enum device_kind kind)
{
    return kind == DEVICE_DISK ? "vbd" : "vif";
}

static void locate(struct device *v, domid_t domid, enum device_kind kind, uint32_t id)
{
    v->domid = domid;
    v->kind = kind;
    v->id = id;
    v->empty = false;
    snprintf(v->front, sizeof(v->front), "/local/domain/%u/device/%s/%u", domid, kind_name(kind),
             id);
    snprintf(v->back, sizeof(v->back), "/local/domain/0/backend/%s/%u/%u", kind_name(kind), domid,
             id);
}

static struct device disk_device(domid_t domid, const struct disk_config *disk)
{
    struct device v;

    locate(&v, domid, DEVICE_DISK, disk->number);
    v.empty = !disk->target[0];
    snprintf(v.name, sizeof(v.name), "disk %s", disk->vdev);
    return v;
}

static struct device vif_device(domid_t domid, const struct vif_config *vif)
{
    struct device v;

    locate(&v, domid, DEVICE_VIF, vif->devid);
    snprintf(v.name, sizeof(v.name), "vif %u", vif->devid);
    return v;
}

/* The devices of a configuration, the disks first. Returns whether there is an @n-th. */
static bool nth_device(const struct managed_domain *d, unsigned int n, struct device *v)
{
    const struct guest_config *c = &d->config;

    if (n < c->disk_count)
        *v = disk_device(d->domid, &c->disks[n]);
    else if (n - c->disk_count < c->vif_count)
        *v = vif_device(d->domid, &c->vifs[n - c->disk_count]);
    else
        return false;
    return true;
}

/* ---- Reading ---- */

static int read_text(const char *folder, const char *key, char *text, size_t size)
{
    char path[NODE_SIZE + 32];
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

/* A number that may have been written by the domain. Returns -1 if there is none. */
static long read_number(const char *folder, const char *key)
{
    char text[12];
    long number = 0;

    if (read_text(folder, key, text, sizeof(text)) || !*text)
        return -1;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9')
            return -1;
        number = number * 10 + (*c - '0');
    }
    return number;
}

/* The back end's state; Unknown if the node is not there. */
static long back_state(const struct device *v)
{
    long state = read_number(v->back, "state");

    return state < 0 ? XenbusStateUnknown : state;
}

static void error_path(const struct device *v, char path[NODE_SIZE])
{
    snprintf(path, NODE_SIZE, "/local/domain/0/error/backend/%s/%u/%u", kind_name(v->kind),
             v->domid, v->id);
}

/*
 * What the back driver says against the device: "2 vda is not a disk", the number being an errno.
 */
static bool back_refuses(const struct device *v, char *reason, size_t size)
{
    char path[NODE_SIZE];
    char *text = reason;

    error_path(v, path);
    if (read_text(path, "error", reason, size))
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
put(struct writing *w, const char *folder, const char *key, const char *format, ...)
{
    char path[NODE_SIZE + 32], value[DISK_TARGET_SIZE];
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
    char at[NODE_SIZE], *names;
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
 * or memory that is short for the moment, is tried again. Returns 0 or an errno. May wait.
 */
static int commit(void (*write)(struct writing *w, const struct device *v, const void *argument),
                  const struct device *v, const void *argument)
{
    int error = 0;

    for (unsigned int i = 0; i < MAX_COMMITS; i++) {
        struct writing w = {0};

        if (error == XEN_ENOMEM)
            platform_sleep(POLL);
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
    put(w, v->front, "backend", "%s", v->back);
    put(w, v->front, "backend-id", "0");
    put(w, v->front, "state", "%d", XenbusStateInitialising);
    put(w, v->back, "frontend", "%s", v->front);
    put(w, v->back, "frontend-id", "%u", v->domid);
    put(w, v->back, "online", "1");
    put(w, v->back, "state", "%d", XenbusStateInitialising);
}

static void put_disk(struct writing *w, const struct device *v, const void *argument)
{
    const struct disk_config *disk = argument;
    const char *type = disk->cdrom ? "cdrom" : "disk";
    bool device = !strncmp(disk->target, "/dev/", 5);

    put_common(w, v);
    put(w, v->front, "virtual-device", "%u", v->id);
    put(w, v->front, "device-type", "%s", type);
    put(w, v->front, "trusted", "%d", disk->trusted);
    put(w, v->back, "removable", "%d", disk->cdrom);
    put(w, v->back, "bootable", "1");
    put(w, v->back, "dev", "%s", disk->vdev);
    put(w, v->back, "type", "%s", device ? "phy" : "file");
    put(w, v->back, "mode", "%s", disk_access_word(disk->access));
    put(w, v->back, "device-type", "%s", type);
    put(w, v->back, "discard-enable", "%d", disk->discard);
    if (disk->direct_io_safe)
        put(w, v->back, "direct-io-safe", "1");
    put(w, v->back, "params", "%s", disk->target);
}

static void put_vif(struct writing *w, const struct device *v, const void *argument)
{
    const struct vif_config *vif = argument;
    char mac[MAC_TEXT_SIZE];

    mac_format(mac, vif->mac);
    put_common(w, v);
    put(w, v->front, "handle", "%u", v->id);
    put(w, v->front, "mac", "%s", mac);
    put(w, v->front, "trusted", "%d", vif->trusted);
    put(w, v->back, "handle", "%u", v->id);
    put(w, v->back, "mac", "%s", mac);
    put(w, v->back, "type", "vif");
    put(w, v->back, "script", "/etc/xen/scripts/vif-bridge");
    put(w, v->back, "bridge", "%s", vif->bridge);
    if (vif->vifname[0])
        put(w, v->back, "vifname", "%s", vif->vifname);
    if (vif->ip[0])
        put(w, v->back, "ip", "%s", vif->ip);
    if (vif->mtu) {
        put(w, v->front, "mtu", "%u", vif->mtu);
        put(w, v->back, "mtu", "%u", vif->mtu);
    }
    if (vif->rate_bytes)
        put(w, v->back, "rate", "%llu,%u", (unsigned long long)vif->rate_bytes, vif->rate_interval);
    if (vif->antispoof)
        put(w, v->back, "antispoof", "1");
}

static bool is_closed(const struct device *v)
{
    long state = back_state(v);

    return state == XenbusStateClosed || state == XenbusStateUnknown;
}

/* Asks the back end to close the device; it waits for the front end, if that is connected. */
static void put_closing(struct writing *w, const struct device *v, const void *argument)
{
    if (is_closed(v))
        return; /* since it was asked before: its driver does not look again */
    put(w, v->back, "online", "0");
    put(w, v->back, "state", "%d", XenbusStateClosing);
}

/*
 * The same, the front end having no say any more. A device that no driver has taken so far keeps
 * its state, and will be refused by one that finds it now.
 */
static void put_gone(struct writing *w, const struct device *v, const void *argument)
{
    remove_node(w, v->front);
    if (back_state(v) == XenbusStateInitialising)
        put(w, v->back, "online", "0");
    else
        put_closing(w, v, argument);
}

static void put_nothing(struct writing *w, const struct device *v, const void *argument)
{
    char path[NODE_SIZE];

    remove_node(w, v->front);
    remove_node(w, v->back);
    error_path(v, path);
    if (!w->error && !xs_remove(service_tools, w->transaction, path))
        remove_node(w, path);
}

/* ---- Waiting ---- */

/* Waits until the back end is ready for the front end. Returns 0, or -1 with the reason in @e. */
static int wait_ready(const struct device *v, struct error *e)
{
    uint64_t deadline = platform_now() + PATIENCE;
    char reason[240];

    for (;;) {
        long state = back_state(v);

        if (back_refuses(v, reason, sizeof(reason)))
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
        platform_sleep(POLL);
    }
}

/*
 * Waits until the back end has let go of the device, which it was asked for. Returns whether it
 * did. If no driver has taken the device, it is given a moment only.
 */
static bool wait_closed(const struct device *v)
{
    uint64_t start = platform_now();

    for (;;) {
        if (is_closed(v) ||
            (back_state(v) == XenbusStateInitialising && platform_now() > start + MOMENT))
            return true;
        if (platform_now() > start + PATIENCE)
            return false;
        platform_sleep(POLL);
    }
}

/* ---- Domains that let go late ---- */

static void forget(struct managed_domain *d, const struct device *v)
{
    if (v->kind == DEVICE_DISK)
        guest_config_remove_disk(&d->config, v->id);
    else
        guest_config_remove_vif(&d->config, v->id);
}

/*
 * A device that its domain was asked for, and has not let go of in the time that the asker waits.
 */
struct late {
    struct late *next;
    struct device device;
};

static struct late *late_devices;
static bool waiting_late; /* there is a thread for them */

/* Takes a device off that list, if it is there. */
static void end_late(const struct device *v)
{
    struct late **link = &late_devices, *l;

    while (*link && strcmp((*link)->device.back, v->back) != 0)
        link = &(*link)->next;
    l = *link;
    if (!l)
        return;
    *link = l->next;
    free(l);
}

/* Removes what is left of a device that is closed, if its domain still runs and has it. */
static void take_away(const struct device *v)
{
    struct managed_domain *d = managed_find(v->domid);

    end_late(v);
    if (!d || d->life != LIFE_RUNNING)
        return; /* it goes with the domain */
    commit(put_nothing, v, NULL);
    d = managed_find(v->domid);
    if (d && d->life == LIFE_RUNNING)
        forget(d, v);
}

/* Handles the first device that its domain has let go of. Returns whether there was one. */
static bool look_after_one_late(void)
{
    const struct late *l = late_devices;
    const struct managed_domain *d;
    char text[ERROR_TEXT_SIZE];
    struct device v;

    while (l && !is_closed(&l->device))
        l = l->next;
    if (!l)
        return false;
    v = l->device;
    d = managed_find(v.domid);
    snprintf(text, sizeof(text), "domain '%s' (%u) has let go of %s", d ? d->config.name : "",
             v.domid, v.name);
    take_away(&v);
    service_notice(text);
    return true;
}

static void wait_late(void *unused)
{
    while (late_devices)
        if (!look_after_one_late())
            platform_sleep(MOMENT);
    waiting_late = false;
}

/*
 * Has a device taken away when its domain lets go of it, be it hours later. Without memory somebody
 * must ask again.
 */
static void begin_late(const struct device *v)
{
    struct late *l;

    end_late(v);
    l = malloc(sizeof(*l));
    if (!l)
        return;
    *l = (struct late){.next = late_devices, .device = *v};
    late_devices = l;
    if (!waiting_late)
        waiting_late = !platform_thread_start("late devices", wait_late, NULL);
}

/* ---- All devices of a domain ---- */

static int put_device(const struct managed_domain *d, unsigned int n, const struct device *v)
{
    const struct guest_config *c = &d->config;

    return v->kind == DEVICE_DISK ? commit(put_disk, v, &c->disks[n])
                                  : commit(put_vif, v, &c->vifs[n - c->disk_count]);
}

int create_devices(const struct managed_domain *d, struct error *e)
{
    struct device v;

    for (unsigned int n = 0; nth_device(d, n, &v); n++) {
        int error = v.empty ? 0 : put_device(d, n, &v);

        if (error)
            return error_set(e, "%s: writing to the store: %s", v.name, error_words(error));
    }
    for (unsigned int n = 0; nth_device(d, n, &v); n++)
        if (!v.empty && wait_ready(&v, e))
            return -1;
    return 0;
}

void remove_devices(const struct managed_domain *d)
{
    char text[ERROR_TEXT_SIZE];
    struct device v;

    /* All at once, then wait for all. */
    for (unsigned int n = 0; nth_device(d, n, &v); n++) {
        end_late(&v);
        if (back_state(&v) != XenbusStateUnknown)
            commit(put_gone, &v, NULL);
    }
    for (unsigned int n = 0; nth_device(d, n, &v); n++) {
        if (!wait_closed(&v)) {
            snprintf(text, sizeof(text), "domain '%s' (%u): the back end of %s does not close",
                     d->config.name, d->domid, v.name);
            service_notice(text);
        }
        commit(put_nothing, &v, NULL);
    }
}

/* ---- One device of a running domain ---- */

static struct managed_domain *find_running(domid_t domid, struct error *e)
{
    struct managed_domain *d = managed_find(domid);

    if (d && d->life == LIFE_RUNNING)
        return d;
    if (d)
        error_set(e, "domain '%s' has stopped", d->config.name);
    else if (domid == 0)
        error_set(e, "domain 0 has its devices from the machine");
    else
        error_set(e, "domain %u was not created here", domid);
    return NULL;
}

/*
 * The device is in the configuration. Writes its nodes and waits; takes all of it back if that
 * fails.
 */
static int attach(const struct device *v, int error, struct error *e)
{
    struct managed_domain *d;
    int status;

    if (error)
        status = error_set(e, "%s: writing to the store: %s", v->name, error_words(error));
    else
        status = wait_ready(v, e);
    d = managed_find(v->domid);
    if (!d || d->life != LIFE_RUNNING)
        status = error_set(e, "%s: the domain has stopped", v->name);
    if (!status)
        return 0;
    /*
     * Also when the domain has gone with its devices: the nodes may have been written after that.
     */
    if (!error && back_state(v) != XenbusStateUnknown) {
        commit(put_gone, v, NULL);
        wait_closed(v);
        commit(put_nothing, v, NULL);
    }
    d = managed_find(v->domid);
    if (d && d->life == LIFE_RUNNING)
        forget(d, v);
    return -1;
}

int service_attach_disk(domid_t domid, const struct disk_config *disk, struct error *e)
{
    struct managed_domain *d = find_running(domid, e);
    struct device v;

    if (!d)
        return -1;
    if (guest_config_disk(&d->config, disk->number))
        return error_set(e, "domain '%s' has a disk %s already", d->config.name, disk->vdev);
    if (!guest_config_add_disk(&d->config, disk))
        return error_set(e, "not enough memory");
    v = disk_device(domid, disk);
    return v.empty ? 0 : attach(&v, commit(put_disk, &v, disk), e);
}

int service_attach_vif(domid_t domid, struct vif_config *vif, struct error *e)
{
    struct managed_domain *d = find_running(domid, e);
    struct device v;

    if (!d)
        return -1;
    if (vif->devid_set && guest_config_vif(&d->config, vif->devid))
        return error_set(e, "domain '%s' has a vif %u already", d->config.name, vif->devid);
    if (!vif->devid_set)
        vif->devid = guest_config_free_devid(&d->config);
    if (vif->devid > VIF_MAX_DEVID)
        return error_set(e, "domain '%s' has as many vifs as it may have", d->config.name);
    vif->devid_set = true;
    if (!vif->mac_set)
        make_mac(vif);
    if (!guest_config_add_vif(&d->config, vif))
        return error_set(e, "not enough memory");
    v = vif_device(domid, vif);
    return attach(&v, commit(put_vif, &v, vif), e);
}

static int detach(const struct device *v, bool force, struct error *e)
{
    int error = commit(force ? put_gone : put_closing, v, NULL);

    if (error)
        return error_set(e, "%s: writing to the store: %s", v->name, error_words(error));
    if (!wait_closed(v) && !force) {
        begin_late(v);
        return error_set(e,
                         "%s: the domain does not let go of it, it may be in use; once it does, "
                         "the device is taken away",
                         v->name);
    }
    take_away(v);
    /*
     * A front driver may write once more to the node that it loses. It shall not hit the next
     * device's.
     */
    platform_sleep(MOMENT);
    return 0;
}

int service_detach_disk(domid_t domid, uint32_t number, bool force, struct error *e)
{
    const struct managed_domain *d = find_running(domid, e);
    const struct disk_config *disk = d ? guest_config_disk(&d->config, number) : NULL;
    struct device v;

    if (!d)
        return -1;
    if (!disk)
        return error_set(e, "domain '%s' has no disk %u", d->config.name, number);
    v = disk_device(domid, disk);
    return detach(&v, force, e);
}

int service_detach_vif(domid_t domid, unsigned int devid, bool force, struct error *e)
{
    const struct managed_domain *d = find_running(domid, e);
    const struct vif_config *vif = d ? guest_config_vif(&d->config, devid) : NULL;
    struct device v;

    if (!d)
        return -1;
    if (!vif)
        return error_set(e, "domain '%s' has no vif %u", d->config.name, devid);
    v = vif_device(domid, vif);
    return detach(&v, force, e);
}

void service_device_state(domid_t domid, enum device_kind kind, uint32_t id,
                          struct device_state *state)
{
    struct device v;

    locate(&v, domid, kind, id);
    snprintf(state->frontend, sizeof(state->frontend), "%s", v.front);
    snprintf(state->backend, sizeof(state->backend), "%s", v.back);
    state->state = read_number(v.front, "state");
    state->event_channel = read_number(v.front, "event-channel");
    state->ring_ref = read_number(v.front, "ring-ref");
    state->tx_ring_ref = read_number(v.front, "tx-ring-ref");
    state->rx_ring_ref = read_number(v.front, "rx-ring-ref");
}

void make_mac(struct vif_config *vif)
{
    static const uint8_t prefix[3] = {0x00, 0x16, 0x3e}; /* the Xen project's */
    bool taken;

    memcpy(vif->mac, prefix, sizeof(prefix));
    do {
        platform_random(vif->mac + 3, 3);
        taken = false;
        for (const struct managed_domain *d = service_domains; d; d = d->next)
            for (unsigned int i = 0; i < d->config.vif_count; i++)
                taken = taken || (d->config.vifs[i].mac_set &&
                                  !memcmp(d->config.vifs[i].mac, vif->mac, sizeof(vif->mac)));
    } while (taken);
    vif->mac_set = true;
}
