/* SPDX-License-Identifier: MIT */
/*
 * What a configuration asks for: the meaning of xl.cfg's keys, checked, with defaults filled in.
 */
#ifndef TOOLS_GUEST_CONFIG_H
#define TOOLS_GUEST_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <tools/config.h>
#include <tools/cpu_list.h>
#include <tools/device_config.h>

#define GUEST_NAME_SIZE      64  /* bytes, terminator included */
#define GUEST_MAX_VCPUS      128 /* the hypervisor's limit; a kernel registers number 32 and up */
#define GUEST_MIN_MEMORY_MIB 1
#define GUEST_MAX_MEMORY_MIB (1u << 20)
#define GUEST_MAX_WEIGHT     65535
#define GUEST_VCPU_CAP       100u /* a cap is at most this for each vCPU */
#define GUEST_CMDLINE_SIZE   1024 /* start_info's field, terminator included */

/* What to do with a domain that has stopped. */
enum stop_action {
    STOP_DESTROY,
    STOP_RESTART,
    STOP_RENAME_RESTART,
    STOP_PRESERVE,
    STOP_COREDUMP_DESTROY,
    STOP_COREDUMP_RESTART,
    STOP_SOFT_RESET,
};

/* On which CPUs vCPUs are to run. */
struct guest_affinity {
    struct cpu_set *sets; /* from malloc; NULL: on any */
    unsigned int count;
    bool each; /* the nth set is for vCPU n, and those behind may run on any; else one is for all */
};

struct guest_config {
    char name[GUEST_NAME_SIZE];
    uint8_t uuid[16]; /* all zero: the service makes one up */
    char *kernel;     /* path */
    char *ramdisk;    /* path, or NULL */
    char *cmdline;    /* never NULL */
    uint32_t memory_mib, maxmem_mib;
    unsigned int vcpus, maxvcpus;
    struct guest_affinity cpus, cpus_soft;
    uint16_t cpu_weight; /* 0: the hypervisor's default */
    uint16_t cap;        /* per cent of one CPU; 0: no limit */
    enum stop_action on_poweroff, on_reboot, on_crash, on_watchdog, on_soft_reset;
    struct disk_config *disks; /* arrays from malloc; no two devices have the same number */
    struct vif_config *vifs;
    unsigned int disk_count, vif_count;
};

/* Called for each warning; @text has no newline. */
typedef void config_warn_fn(void *context, const char *text);

/*
 * Fills @g from @c; @file names the configuration in messages that concern no single line. Unknown
 * keys, and actions of which only a part can be carried out, are reported through @warn. @return 0,
 * or -1 with the reason in @e, @g then holding nothing to free.
 */
int guest_config_read(struct guest_config *g, const struct config *c, const char *file,
                      config_warn_fn *warn, void *context, struct error *e);

/* The CPUs that @a has for a vCPU, or NULL if it may be any. */
const struct cpu_set *guest_affinity_of(const struct guest_affinity *a, unsigned int vcpu);

/* Frees what @g points to. */
void guest_config_free(struct guest_config *g);

/* Copies @from into @to. @return 0, or -1 when memory is short. */
int guest_config_copy(struct guest_config *to, const struct guest_config *from);

/*
 * Adds a device, whose number is not in use. @return its copy in @g, valid until the next change,
 * or NULL when memory is short.
 */
struct disk_config *guest_config_add_disk(struct guest_config *g, const struct disk_config *disk);
struct vif_config *guest_config_add_vif(struct guest_config *g, const struct vif_config *vif);

/* The device with that number, or NULL. */
struct disk_config *guest_config_disk(const struct guest_config *g, uint32_t number);
struct vif_config *guest_config_vif(const struct guest_config *g, unsigned int devid);

/* Removes the device with that number, if there is one. */
void guest_config_remove_disk(struct guest_config *g, uint32_t number);
void guest_config_remove_vif(struct guest_config *g, unsigned int devid);

/* The lowest number that no vif of @g has; above VIF_MAX_DEVID: all are taken. */
unsigned int guest_config_free_devid(const struct guest_config *g);

/* Whether @name may name a domain. @return 0, or -1 with the reason in @e. */
int guest_name_check(const char *name, struct error *e);

/*
 * The part of an action that is carried out: there is no place for core dumps, and the soft reset
 * of a PV domain is a restart.
 */
enum stop_action stop_action_part(enum stop_action action);

/* The configuration word for an action: "destroy", "coredump-restart", ... */
const char *stop_action_word(enum stop_action action);

/* Writes the 36 characters of a UUID and a terminator. */
void uuid_format(char text[37], const uint8_t uuid[16]);

/* Reads a UUID, with or without dashes. @return 0, or -1 if @text is not one. */
int uuid_parse(uint8_t uuid[16], const char *text);

#endif
