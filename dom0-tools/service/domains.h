/* SPDX-License-Identifier: MIT */
/*
 * The records of the domains that the service has created: the list, names, and which part of its
 * life each domain is in. It knows no rings, devices or store. Private to dom0-tools/service.
 */
#ifndef TOOLS_SERVICE_DOMAINS_H
#define TOOLS_SERVICE_DOMAINS_H

#include <tools/service.h>

#include "console.h"
#include "index.h"

enum life {
    LIFE_BUILDING, /* its name is taken, and only its builder touches the rest */
    LIFE_RUNNING,  /* complete: running, paused or not yet started */
    LIFE_STOPPING, /* it stopped by itself; a thread does what its configuration says */
    LIFE_STOPPED,  /* it stopped by itself and was kept */
    LIFE_DYING,    /* being taken apart, and its record goes with it */
};

struct managed_domain {
    struct managed_domain *next, **link;
    struct index_entry by_number, by_name, by_uuid, by_port;
    uint64_t serial; /* no other record ever has the same */
    enum life life;
    domid_t
        domid;   /* of a domain that is being rebuilt: the former one's until there is a new one */
    bool exists; /* the hypervisor has this domain */
    bool restarting;         /* it has stopped, and is to run again under another number */
    bool cancelled;          /* a thread waits for it to be destroyed: see domain_destroy */
    bool last_words;         /* it has stopped; what it wrote is being shown before that is said */
    unsigned int quick_ends; /* ends in a row that came soon after the start */
    struct guest_config config; /* its name is the domain's name */
    uint64_t started;           /* platform_now; 0 while it is being built */

    /* The near end of its console's ring; NULL and -1 while there is none. */
    void *console_page;
    struct console *console;
    int console_port;
};

/* All records, the latest first. */
extern struct managed_domain *service_domains;

/* Receives the messages that the service sends on its own account. */
extern service_notice_fn *service_notice;

/* The record of a domain, or NULL; one that exists comes before one that is being rebuilt. */
struct managed_domain *managed_domain_find(domid_t domid);

/* Changes the number of a record, and its name, which was checked. */
void managed_domain_set_number(struct managed_domain *d, domid_t domid);
void managed_domain_set_name(struct managed_domain *d, const char *name);

/* The record with that name, or NULL. */
struct managed_domain *managed_domain_named(const char *name);

/* The record with that serial number, or NULL when it is gone. */
struct managed_domain *managed_domain_serial(uint64_t serial);

/*
 * Makes a record, which holds its name and UUID from now on, in LIFE_BUILDING. A UUID that the
 * configuration leaves open is made up, and so are the addresses of its vifs. @return NULL with the
 * reason in @e.
 */
struct managed_domain *managed_domain_enter(const struct guest_config *config, struct error *e);

/* Frees a record, whose domain is gone. */
void managed_domain_leave(struct managed_domain *d);

/* Whether a domain may take that name. @return 0, or -1 with the reason in @e. */
int managed_domain_check_name(const char *name, struct error *e);

/* Domain 0's name, of GUEST_NAME_SIZE bytes. */
extern char service_dom0_name[GUEST_NAME_SIZE];

/*
 * Whether the domain is complete and has not stopped by itself. @return its record, or NULL with
 * the reason in @e.
 */
struct managed_domain *managed_domain_running(domid_t domid, struct error *e);

/* Explains in @e why the service has no record of that domain. @return -1. */
int managed_domain_missing(domid_t domid, struct error *e);

/* Makes up an address that no other vif has. */
void managed_domain_make_mac(struct vif_config *vif);

/* Sends the notice "domain 'NAME' (NUMBER) ...". */
void managed_domain_say(const struct managed_domain *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
