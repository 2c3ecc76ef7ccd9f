/* SPDX-License-Identifier: MIT */
/* The near ends of a domain's store and console rings. Private to dom0-tools/service. */
#ifndef TOOLS_SERVICE_DOMAIN_RINGS_H
#define TOOLS_SERVICE_DOMAIN_RINGS_H

#include <tools/builder.h>

#include "domains.h"

/* Connects to the rings of a domain that was just built. @return 0, or -1 with the reason in @e. */
int domain_rings_attach(struct managed_domain *d, const struct build_result *built,
                        struct error *e);

/*
 * Releases the rings and the session with the store, as far as there are any. The end of the
 * console's output is shown to those who are attached, and archived. May wait; the life of @d
 * protects the record meanwhile.
 */
void domain_rings_detach(struct managed_domain *d);

/* Serves the console's ring behind @port. */
void domain_rings_serve(int port);

/*
 * Serves the ring of a console that there is: notifies the domain if anything moved, and wakes the
 * service's thread if the readers are to be shown something.
 */
void domain_rings_console_turn(struct managed_domain *d);

/* @return whether somebody is attached and has not been shown all that a stopped domain wrote. */
bool domain_rings_show_last_words(struct managed_domain *d);

#endif
