/* SPDX-License-Identifier: MIT */
/* C library: assert() crashes the domain with a message. */
#include <guest.h>

#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition)  \
    ((condition) ? (void)0 \
                 : guest_panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition))
#endif

#ifndef static_assert
#define static_assert _Static_assert
#endif
