/* SPDX-License-Identifier: MIT */
/*
 * What Linux's back drivers have counted: xen-netback as interfaces vifDOMAIN.NUMBER, xen-blkback
 * as devices vbd-DOMAIN-NUMBER, with a file for each counter (Linux, Documentation/ABI).
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include <platform.h>

#define INTERFACES "/sys/class/net"
#define BACK_ENDS  "/sys/bus/xen-backend/devices"

/* Reads a counter of a device. @return 0 if it has none. */
static uint64_t read_counter(const char *folder, const char *device, const char *counter)
{
    char path[512], text[32] = "";
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s/statistics/%s", folder, device, counter);
    file = fopen(path, "re");
    if (!file)
        return 0;
    if (!fgets(text, sizeof(text), file))
        text[0] = '\0';
    fclose(file);
    return strtoull(text, NULL, 10);
}

/* Calls @found for each device of a folder whose name has @format, with a domain and a number. */
static void each_device(const char *folder, const char *format,
                        void (*found)(void *context, const char *name, domid_t domid),
                        void *context)
{
    DIR *directory = opendir(folder);
    const struct dirent *entry;

    while (directory && (entry = readdir(directory))) {
        unsigned int domid, number;
        char more;

        if (sscanf(entry->d_name, format, &domid, &number, &more) == 2 &&
            domid < DOMID_FIRST_RESERVED)
            found(context, entry->d_name, (domid_t)domid);
    }
    if (directory)
        closedir(directory);
}

/* ---- Network ---- */

/* What Linux has received is what the domain sent. */
static void read_vif(const char *name, struct platform_vif_counters *c)
{
    c->tx_packets = read_counter(INTERFACES, name, "rx_packets");
    c->tx_bytes = read_counter(INTERFACES, name, "rx_bytes");
    c->tx_dropped = read_counter(INTERFACES, name, "rx_dropped");
    c->rx_packets = read_counter(INTERFACES, name, "tx_packets");
    c->rx_bytes = read_counter(INTERFACES, name, "tx_bytes");
    c->rx_dropped = read_counter(INTERFACES, name, "tx_dropped");
}

struct each_vif {
    void (*entry)(void *context, domid_t domid, const struct platform_vif_counters *counters);
    void *context;
};

static void pass_vif(void *context, const char *name, domid_t domid)
{
    const struct each_vif *each = context;
    struct platform_vif_counters counters;

    read_vif(name, &counters);
    each->entry(each->context, domid, &counters);
}

void platform_each_vif(void (*entry)(void *context, domid_t domid,
                                     const struct platform_vif_counters *counters),
                       void *context)
{
    each_device(INTERFACES, "vif%u.%u%c", pass_vif,
                &(struct each_vif){.entry = entry, .context = context});
}

/* ---- Disks ---- */

struct each_vbd {
    void (*entry)(void *context, domid_t domid, const struct platform_vbd_counters *counters);
    void *context;
};

static void pass_vbd(void *context, const char *name, domid_t domid)
{
    const struct each_vbd *each = context;
    struct platform_vbd_counters counters = {
        .held_back = read_counter(BACK_ENDS, name, "oo_req"),
        .reads = read_counter(BACK_ENDS, name, "rd_req"),
        .sectors_read = read_counter(BACK_ENDS, name, "rd_sect"),
        .writes = read_counter(BACK_ENDS, name, "wr_req"),
        .sectors_written = read_counter(BACK_ENDS, name, "wr_sect"),
    };

    each->entry(each->context, domid, &counters);
}

void platform_each_vbd(void (*entry)(void *context, domid_t domid,
                                     const struct platform_vbd_counters *counters),
                       void *context)
{
    each_device(BACK_ENDS, "vbd-%u-%u%c", pass_vbd,
                &(struct each_vbd){.entry = entry, .context = context});
}
