/* SPDX-License-Identifier: MIT */
/* One turn of the service's thread. Private to dom0-tools/service. */
#ifndef TOOLS_SERVICE_TURN_H
#define TOOLS_SERVICE_TURN_H

/*
 * Serves an event on @port, or, with -1, what the parts of the service have to tell and to do
 * otherwise. The work is bounded.
 */
void service_turn(int port);

#endif
