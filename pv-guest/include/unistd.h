/* SPDX-License-Identifier: MIT */
/* C library: nothing of it exists here; zlib.h includes it for off_t. */
#ifndef UNISTD_H
#define UNISTD_H

#include <sys/types.h>

#endif
