/* SPDX-License-Identifier: MIT */
/* One turn of the service's thread. Private to dom0-tools/service. */
#ifndef TOOLS_SERVICE_TURN_H
#define TOOLS_SERVICE_TURN_H

/*
 * Serves an event on @port, or, with -1, the work that the parts of the service have without an
 * event. The work is bounded.
 */
void service_turn(int port);

#endif
