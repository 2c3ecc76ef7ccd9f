/* SPDX-License-Identifier: MIT */
/*
 * What a vCPU tells the scheduler: that it has nothing to do, what it waits for, or that its
 * domain ends.
 *
 * long sched_op(SCHEDOP_*, struct sched_* *)
 */
#ifndef XEN_PUBLIC_SCHED_H
#define XEN_PUBLIC_SCHED_H

#include "event_channel.h"

#define SCHEDOP_yield           0 /* no argument: let others run, stay runnable */
#define SCHEDOP_block           1 /* no argument: unmask events and sleep until one is pending */
#define SCHEDOP_shutdown        2 /* sched_shutdown: the domain stops, all vCPUs with it */
#define SCHEDOP_poll            3 /* sched_poll: sleep until one of some ports has an event */
#define SCHEDOP_remote_shutdown 4 /* sched_remote_shutdown: for tools */
#define SCHEDOP_shutdown_code   5 /* sched_shutdown: only note the reason of a later shutdown */
#define SCHEDOP_watchdog        6 /* sched_watchdog */
#define SCHEDOP_pin_override    7 /* sched_pin_override: dom0 only */

struct sched_shutdown {
    unsigned int reason; /* SHUTDOWN_* */
};
typedef struct sched_shutdown sched_shutdown_t;
DEFINE_XEN_GUEST_HANDLE(sched_shutdown_t);

/* Events need not be unmasked for this; a pending bit of any of the ports ends it. */
struct sched_poll {
    XEN_GUEST_HANDLE(evtchn_port_t) ports;
    unsigned int nr_ports; /* at most 128 */
    uint64_t timeout;      /* system time in ns at which to give up; 0: never */
};
typedef struct sched_poll sched_poll_t;
DEFINE_XEN_GUEST_HANDLE(sched_poll_t);

struct sched_remote_shutdown {
    domid_t domain_id;
    unsigned int reason; /* SHUTDOWN_* */
};
typedef struct sched_remote_shutdown sched_remote_shutdown_t;
DEFINE_XEN_GUEST_HANDLE(sched_remote_shutdown_t);

/* Starts, restarts or stops a timer at whose end the domain shuts down as SHUTDOWN_watchdog. */
struct sched_watchdog {
    uint32_t id;      /* 0: make one, its number is the result; else the one meant */
    uint32_t timeout; /* seconds from now; 0 stops it */
};
typedef struct sched_watchdog sched_watchdog_t;
DEFINE_XEN_GUEST_HANDLE(sched_watchdog_t);

/* Holds the calling vCPU on one physical CPU for a while. */
struct sched_pin_override {
    int32_t pcpu; /* negative: as before again */
};
typedef struct sched_pin_override sched_pin_override_t;
DEFINE_XEN_GUEST_HANDLE(sched_pin_override_t);

/* Why a domain stopped. Tools read it from XEN_DOMINF_shutdownmask. */
#define SHUTDOWN_poweroff   0 /* it is done */
#define SHUTDOWN_reboot     1 /* it wants to be started again */
#define SHUTDOWN_suspend    2 /* it wants to be saved */
#define SHUTDOWN_crash      3 /* it gave up */
#define SHUTDOWN_watchdog   4 /* its watchdog ran out */
#define SHUTDOWN_soft_reset 5 /* it wants a fresh state in the same memory */
#define SHUTDOWN_MAX        5

#endif /* XEN_PUBLIC_SCHED_H */
