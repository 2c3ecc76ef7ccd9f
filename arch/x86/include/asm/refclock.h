/* SPDX-License-Identifier: MIT */
/* Clocks of known frequency, against which the TSC is measured at boot. */
#ifndef ASM_REFCLOCK_H
#define ASM_REFCLOCK_H

#include <types.h>

struct refclock {
    const char *name; /* as in clocksource= */
    u64 mask;         /* of the counter's valid bits */
    u64 frequency;    /* Hz; set by probe() */
    bool (*probe)(void);
    u64 (*read)(void);
};

extern struct refclock hpet_refclock, pmtimer_refclock, pit_refclock;

#endif
