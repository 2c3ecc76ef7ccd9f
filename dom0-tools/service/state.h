/* SPDX-License-Identifier: MIT */
/* What the parts of the service share. Private to dom0-tools/service. */
#ifndef TOOLS_SERVICE_STATE_H
#define TOOLS_SERVICE_STATE_H

#include <tools/builder.h>
#include <tools/service.h>

enum life {
    LIFE_CREATING, /* its name is taken, nothing else may touch it */
    LIFE_RUNNING,  /* complete: running, paused or not yet started */
    LIFE_STOPPING, /* it stopped by itself; a thread does what its configuration says */
    LIFE_STOPPED,  /* it stopped by itself and was kept */
    LIFE_DYING,    /* being taken apart */
};

struct managed_domain {
    struct managed_domain *next;
    enum life life;
    domid_t domid;
    struct guest_config config; /* its name is the domain's name */
    uint64_t started;           /* platform_now */

    /* The near end of its console's ring; NULL and -1 while there is none. */
    void *console_page;
    struct console *console;
    int console_port;
};

extern struct managed_domain *service_domains;
extern struct store *service_store;
extern struct store_connection *service_tools; /* dom0's own connection to the store */
extern service_notice_fn *service_notice;

/* The record of a domain, or NULL. */
struct managed_domain *managed_find(domid_t domid);

/* Connects to the rings of a domain that was just built. Returns 0, or -1 with @e. */
int attach_rings(struct managed_domain *d, const struct build_result *built, struct error *e);

/* Lets go of the rings and of the session, as far as there are any. */
void detach_rings(struct managed_domain *d);

/* Writes the nodes that a new domain finds in the store. Returns 0, or -1 with @e. */
int write_store_nodes(const struct managed_domain *d, const struct build_result *built,
                      struct error *e);

/* Removes them. May wait. */
void remove_store_nodes(const struct managed_domain *d);

/*
 * Makes the devices that a new domain's configuration names, and waits until their back ends are
 * ready. Returns 0, or -1 with @e. @d is protected by its life. May wait.
 */
int create_devices(const struct managed_domain *d, struct error *e);

/* Takes all devices away from a domain that does not run any more. The same holds. */
void remove_devices(const struct managed_domain *d);

/* Makes up an address that no other vif has. */
void make_mac(struct vif_config *vif);

/* As service_destroy, for a domain that has stopped by itself. */
int destroy_managed(struct managed_domain *d, struct error *e);

/* Serves the ring behind @port (-1: none), and what the store has to tell to domains. */
void serve_port(int port);

/* Looks which domains have stopped, and does what their configurations say. */
void look_after_domains(void);

#endif
