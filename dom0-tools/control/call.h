/* SPDX-License-Identifier: MIT */
/* What the parts of the control library share. Private to dom0-tools/control. */
#ifndef TOOLS_CONTROL_CALL_H
#define TOOLS_CONTROL_CALL_H

#include <platform.h>
#include <tools/error.h>

/* Carries out an operation. @return 0, or -1 with "@what: the reason" in @e. */
int control_call(struct xen_domctl *op, const char *what, struct error *e);

#endif
