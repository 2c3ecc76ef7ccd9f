/* SPDX-License-Identifier: MIT */
/*
 * The service (bhd): it keeps the store and the consoles, and manages the domains that it has
 * created.
 *
 * `bh` talks to it through these functions, which are requests and answers: all that is passed is a
 * value, copied in or copied out, and domains and consoles are named by numbers. In the built-in
 * dom0 they are plain calls; elsewhere a client can send the same through a socket. Callbacks stand
 * for messages that the service sends on its own account. Sessions and connections of the store use
 * its own protocol (tools/store_protocol.h).
 *
 * Functions that return int give 0, or -1 with the reason in @e; the sentence names the domain.
 */
#ifndef TOOLS_SERVICE_H
#define TOOLS_SERVICE_H

#include <platform.h>
#include <tools/guest_config.h>
#include <tools/store_protocol.h>

/*
 * Called when a domain stops by itself: @text, without a newline, says why and which action
 * follows.
 */
typedef void service_notice_fn(const char *text);

/* Makes the store and starts the service's thread. */
int service_start(service_notice_fn *notice, struct error *e);

/*
 * Opens a session of domain 0 with the service's store, for drivers in the same image; see
 * store_session_open. @return NULL when memory is short.
 */
struct store_session *service_store_session(void (*output)(void *context), void *context);

/* Opens a connection of domain 0; see store_connect. @return NULL when memory is short. */
struct store_connection *service_store_connect(store_event_fn *event, void *context);

/*
 * Creates a domain as @config asks, all or nothing. With @paused it stays paused. May wait.
 */
int service_create(const struct guest_config *config, bool paused, domid_t *domid, struct error *e);

/*
 * Cancels the creation of the domain of that name: its service_create, which another thread has
 * called, fails soon. Has no effect on a domain that is complete, or is being rebuilt. Does not
 * wait.
 */
void service_cancel_create(const char *name);

/*
 * Destroys a domain at once. If it is being built, restarted or taken apart, that is cancelled, and
 * the call returns when the domain is gone. May wait.
 */
int service_destroy(domid_t domid, struct error *e);

/*
 * Finds a domain by its name or its number. One that is being restarted is found by its name, and
 * by its former number until it has a new one.
 */
int service_find(const char *name_or_number, domid_t *domid, struct error *e);

/* Copies the name of a domain, "(null)" if it has none. @return @name. */
const char *service_name(domid_t domid, char name[GUEST_NAME_SIZE]);

int service_rename(domid_t domid, const char *name, struct error *e);

/* Writes "poweroff" or "reboot" into the domain's control/shutdown. */
int service_request_stop(domid_t domid, const char *word, struct error *e);

/*
 * Whether the domain exists and has not stopped for good; one that is being destroyed still does.
 */
bool service_is_alive(domid_t domid);

/* Passes a magic SysRq key to the domain's kernel. */
int service_sysrq(domid_t domid, char key, struct error *e);

/*
 * Writes into the store which vCPUs a domain's kernel is to use: the first @count. It keeps that
 * over a reboot.
 */
int service_set_vcpus(domid_t domid, unsigned int count, struct error *e);

/*
 * Sets a domain's weight and cap (tools/scheduling.h); one that is NULL stays as it is. A domain
 * that was created here keeps them over a reboot.
 */
int service_set_share(domid_t domid, const unsigned int *weight, const unsigned int *cap,
                      struct error *e);

enum device_kind {
    DEVICE_DISK,
    DEVICE_VIF,
};

/* The nodes of a device's front end in the store; -1 for one that is absent. */
struct device_state {
    long state; /* public/io/xenbus.h */
    long event_channel, ring_ref, tx_ring_ref, rx_ring_ref;
    char frontend[96], backend[96]; /* paths of their nodes */
};

/*
 * Give a running domain another disk or network interface, and wait until its back end is ready.
 * @vif receives the number and the address that were chosen for it. May wait.
 */
int service_attach_disk(domid_t domid, const struct disk_config *disk, struct error *e);
int service_attach_vif(domid_t domid, struct vif_config *vif, struct error *e);

/*
 * Take a device away from a running domain. Fails if the domain does not release it within seconds;
 * with @force the domain is not asked. May wait.
 */
int service_detach_disk(domid_t domid, uint32_t number, bool force, struct error *e);
int service_detach_vif(domid_t domid, unsigned int devid, bool force, struct error *e);

/* The state of a device. */
void service_device_state(domid_t domid, enum device_kind kind, uint32_t id,
                          struct device_state *state);

/* Lets a paused domain run; pauses one. */
int service_unpause(domid_t domid, struct error *e);
int service_pause(domid_t domid, struct error *e);

/* The receiver of a console's output. The functions get @context, and must not call the service. */
struct console_client {
    /* Takes output, a few bytes at a time; does not wait. */
    void (*output)(void *context, const void *data, size_t length);
    /* The domain has gone, and the client is detached. */
    void (*gone)(void *context);
    void *context;
};

/*
 * Attaches a client to a domain's console. The service's thread passes it the output that no client
 * has had yet, and all that follows, in small parts, between which others run. While a client is
 * attached, output waits in the domain's ring until all clients have taken what came before.
 * *@handle is for detaching; the handle of a console that has gone is ignored.
 */
int service_console_attach(domid_t domid, const struct console_client *client, unsigned int *handle,
                           struct error *e);
void service_console_detach(unsigned int handle);

/*
 * Copies a console's log up to now, or the part that is kept for a domain that has gone. The caller
 * frees *@text, of *@length bytes.
 */
int service_console_log(const char *name_or_number, char **text, size_t *length, struct error *e);

/* Passes typed bytes to a domain's console. @return how many it took. */
size_t service_console_input(domid_t domid, const void *data, size_t length);

/*
 * Copies a domain's configuration with the changes since its creation; guest_config_free frees it.
 * @return 0, or -1 if the domain has none or memory is short.
 */
int service_config(domid_t domid, struct guest_config *config);

/*
 * For how long a domain, or domain 0, has been running. @return false if that is not known: it is
 * being built or dying, or was not created here.
 */
bool service_uptime(domid_t domid, uint64_t *nanoseconds);

#endif
