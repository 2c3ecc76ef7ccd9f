/* SPDX-License-Identifier: MIT */
/* C library: the few POSIX types that headers of static archives ask for. */
#ifndef SYS_TYPES_H
#define SYS_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef long ssize_t;
typedef long off_t;

#endif
