/* SPDX-License-Identifier: MIT */
/* The built-in dom0's prompt. */
#ifndef TOOLS_BH_SHELL_H
#define TOOLS_BH_SHELL_H

/* Runs /guests/autorun, if there is one, then the prompt. Does not return. */
void bh_shell(void);

/* Prints a line between others, keeping the prompt whole. A service_notice_fn. */
void bh_notice(const char *text);

#endif
