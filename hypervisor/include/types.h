/* SPDX-License-Identifier: MIT */
/*
 * Basic types.
 *
 * Machine frame numbers, guest-physical frame numbers and byte addresses are easy to mix up and a
 * mix-up is a security hole, so the frame numbers are one-member structures: handing one where the
 * other belongs does not compile, and the generated code is that of a plain integer.
 */
#ifndef BULKHEAD_TYPES_H
#define BULKHEAD_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

/* Machine byte address. */
typedef u64 paddr_t;
/* System time: nanoseconds since the clock was calibrated at boot. It never goes backwards. */
typedef s64 s_time_t;

/* A machine frame number: it names 4 KiB of real memory. */
typedef struct {
    unsigned long n;
} mfn_t;

/* A frame number as a paravirtualized guest counts its own memory (index of its physical-to-machine
 * table). */
typedef struct {
    unsigned long n;
} pfn_t;

#define MFN(x)      ((mfn_t){(unsigned long)(x)})
#define PFN(x)      ((pfn_t){(unsigned long)(x)})
#define INVALID_MFN MFN(~0UL)

static inline bool mfn_eq(mfn_t a, mfn_t b)
{
    return a.n == b.n;
}

static inline mfn_t mfn_add(mfn_t m, unsigned long frames)
{
    return MFN(m.n + frames);
}

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define NSEC_PER_SEC  1000000000LL
#define MICROSECS(us) ((s_time_t)(us)*1000)
#define MILLISECS(ms) ((s_time_t)(ms)*1000000)
#define SECONDS(s)    ((s_time_t)(s)*NSEC_PER_SEC)

#endif
