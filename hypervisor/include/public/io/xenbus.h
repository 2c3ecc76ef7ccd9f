/* SPDX-License-Identifier: MIT */
/*
 * The states that the two ends of a split device publish in the store, as decimal numbers under
 * "state" in each one's folder. Each end watches the other's and moves its own.
 */
#ifndef XEN_PUBLIC_IO_XENBUS_H
#define XEN_PUBLIC_IO_XENBUS_H

enum xenbus_state {
    XenbusStateUnknown = 0,       /* no such node */
    XenbusStateInitialising = 1,  /* where both begin */
    XenbusStateInitWait = 2,      /* back end: my part is known, I wait for the other's */
    XenbusStateInitialised = 3,   /* front end: my ring and port are in the store */
    XenbusStateConnected = 4,     /* ready for requests */
    XenbusStateClosing = 5,       /* I finish what is under way */
    XenbusStateClosed = 6,        /* all is unmapped and unbound */
    XenbusStateReconfiguring = 7, /* the set of devices behind this one changes */
    XenbusStateReconfigured = 8
};
typedef enum xenbus_state XenbusState;

#endif /* XEN_PUBLIC_IO_XENBUS_H */
