/* SPDX-License-Identifier: MIT */
/* Obeying the words of control/shutdown in the store. */
#ifndef APPS_SHUTDOWN_H
#define APPS_SHUTDOWN_H

/* Starts a thread that ends the domain when the tools ask it to; no-op without a store. */
void shutdown_obey(void);

#endif
