/* SPDX-License-Identifier: MIT */
/*
 * What the service does for those who are attached to consoles. Private to dom0-tools/service.
 */
#ifndef TOOLS_SERVICE_CONSOLE_REQUESTS_H
#define TOOLS_SERVICE_CONSOLE_REQUESTS_H

/*
 * Shows clients small parts of their consoles' output, for TERMINAL_TURN; wakes the service's
 * thread while there is more, of any console. A part belongs to another console than the one before
 * only when all of that is shown, or much: so that lines of one are rarely torn by another.
 */
void console_clients_follow(void);

#endif
