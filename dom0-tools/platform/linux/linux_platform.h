/* SPDX-License-Identifier: MIT */
/* What the parts of the platform for Linux share. Private to dom0-tools/platform/linux. */
#ifndef TOOLS_LINUX_PLATFORM_H
#define TOOLS_LINUX_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include <tools/error.h>

/*
 * Opens Linux's devices for hypercalls; before any of those. @return 0, or -1 with the reason in
 * @e: no Xen below this Linux, not its control domain, or not root.
 */
int linux_hypercalls_open(struct error *e);

/*
 * The turn to run, which one thread has at a time (platform.h). A thread that may wait gives it
 * away meanwhile; main() takes it first of all.
 */
void linux_turn_take(void);
void linux_turn_give(void);

/* @return whether output could not be written: nobody reads it, or there is no room for it */
bool linux_output_lost(void);

#endif
