/* SPDX-License-Identifier: MIT */
/*
 * Descriptions of virtual devices in xl's syntax: an item of `disk = [ ... ]`
 * (xl-disk-configuration) or of `vif = [ ... ]` (xl-network-configuration), or the arguments of
 * block-attach and network-attach.
 *
 * Nothing here touches the platform or allocates memory.
 */
#ifndef TOOLS_DEVICE_CONFIG_H
#define TOOLS_DEVICE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tools/error.h>

#define DISK_TARGET_SIZE 256 /* bytes, terminator included, as all sizes of text here */
#define DISK_VDEV_SIZE   16
#define VIF_NAME_SIZE    16 /* the limit of Linux for the name of an interface */
#define VIF_IP_SIZE      128

#define VIF_DEFAULT_BRIDGE "xenbr0"
#define VIF_MIN_MTU        68
#define VIF_MAX_MTU        9000
#define VIF_MAX_DEVID      255

#define MAC_TEXT_SIZE 18

enum disk_access {
    DISK_READ_ONLY,
    DISK_WRITE,
    DISK_WRITE_SHARED, /* "w!": others may write it, too */
};

struct disk_config {
    char target[DISK_TARGET_SIZE]; /* an absolute path; "": a CD drive without a medium */
    char vdev[DISK_VDEV_SIZE];     /* "xvda1" */
    uint32_t number;               /* the same as the virtual device number of the ABI */
    enum disk_access access;
    bool cdrom, discard, direct_io_safe, trusted;
};

struct vif_config {
    uint8_t mac[6];
    bool mac_set;   /* else the service makes one up */
    bool devid_set; /* else the lowest that is free */
    unsigned int devid;
    char bridge[VIF_NAME_SIZE];
    char vifname[VIF_NAME_SIZE]; /* "": vifDOMID.DEVID */
    char ip[VIF_IP_SIZE];        /* "": any */
    uint32_t mtu;                /* bytes, or 0: the bridge's */
    uint64_t rate_bytes;         /* in each interval, or 0: unlimited */
    uint32_t rate_interval;      /* microseconds */
    bool antispoof, trusted;
};

/*
 * Reads a disk's description: @count texts that continue each other, as block-attach's arguments
 * do. @return 0, or -1 with the mistake and the expected form in @e.
 */
int disk_config_parse(struct disk_config *disk, const char *const *texts, size_t count,
                      struct error *e);

/* The same for a network interface. */
int vif_config_parse(struct vif_config *vif, const char *const *texts, size_t count,
                     struct error *e);

/*
 * The virtual device number for a name: "xvda1", "hdc", "sdb3", "d2p1", or the number itself.
 * @return 0, or -1 if it is not one.
 */
int disk_number_parse(const char *vdev, uint32_t *number);

/* "r", "w" or "w!", as the back driver reads it. */
const char *disk_access_word(enum disk_access access);

/*
 * Read and write "00:16:3e:01:02:03". mac_parse() accepts digits without leading zeros. @return 0,
 * or -1 if @text is not an address.
 */
int mac_parse(uint8_t mac[6], const char *text);
void mac_format(char text[MAC_TEXT_SIZE], const uint8_t mac[6]);

#endif
