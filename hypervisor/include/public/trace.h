/* SPDX-License-Identifier: MIT */
/*
 * Trace buffers: what the hypervisor notes of its own work, for the tools of a privileged domain.
 *
 * XEN_SYSCTL_tbuf_op (sysctl.h) makes them once: for each CPU a ring of `size` pages, which belong
 * to DOMID_XEN and which the tool maps read-write. get_info gives the first frame of a list, which
 * the tool maps read-only: struct t_info, with the machine frames of all rings.
 *
 * The first page of a ring begins with struct t_buf, the records follow. The hypervisor alone
 * writes `prod` and the records, the tool `cons`; it gets VIRQ_TBUF when a ring has become half
 * full. A record never crosses the end of the ring: what is left there is filled by a record
 * TRC_TRACE_WRAP_BUFFER. While there is no room, records are lost; TRC_LOST_RECORDS says later how
 * many.
 */
#ifndef XEN_PUBLIC_TRACE_H
#define XEN_PUBLIC_TRACE_H

#include "xen.h"

#define TRACE_EXTRA_MAX   7 /* words of data that a record has at most */
#define TRACE_EXTRA_SHIFT 28

/*
 * An event is a class (bits 16 to 27), a subclass (bits 12 to 15) and a number. set_evt_mask names
 * classes and subclasses; both of an event have to be among them.
 */
#define TRC_CLS_SHIFT    16
#define TRC_SUBCLS_SHIFT 12
#define TRC_GEN          0x0001f000 /* about the trace itself */
#define TRC_SCHED        0x0002f000
#define TRC_DOM0OP       0x0004f000
#define TRC_PV           0x0020f000
#define TRC_HW           0x0080f000
#define TRC_ALL          0x0ffff000

/* The first word of a record: event, words of data, and whether a time stamp comes before them. */
#define TRC_HD_TO_EVENT(x)             ((x)&0x0fffffff)
#define TRC_HD_CYCLE_FLAG              (1UL << 31)
#define TRC_HD_INCLUDES_CYCLE_COUNT(x) (!!((x)&TRC_HD_CYCLE_FLAG))
#define TRC_HD_EXTRA(x)                (((x) >> TRACE_EXTRA_SHIFT) & TRACE_EXTRA_MAX)

#define TRC_64_FLAG 0x100 /* part of an event: addresses are 64 bits wide */

#define TRC_LOST_RECORDS      (TRC_GEN + 1) /* u32 how many, u16 domain, u16 vCPU, u64 since */
#define TRC_TRACE_WRAP_BUFFER (TRC_GEN + 2)

/* ---- The scheduler: "vCPU" is a word for the domain and one for the vCPU -------------------- */

#define TRC_SCHED_MIN     0x00021000 /* states of vCPUs */
#define TRC_SCHED_VERBOSE 0x00028000 /* and all else */

/*
 * The word of data has the vCPU in its low half, the domain in its high half. The event has the old
 * state of the vCPU in bits 8 and 9, the new one in bits 4 and 5 (RUNSTATE_* of vcpu.h).
 */
#define TRC_SCHED_RUNSTATE_CHANGE  (TRC_SCHED_MIN + 1)
#define TRC_SCHED_CONTINUE_RUNNING (TRC_SCHED_MIN + 2) /* the same word */

#define TRC_SCHED_DOM_ADD        (TRC_SCHED_VERBOSE + 1)  /* domain */
#define TRC_SCHED_DOM_REM        (TRC_SCHED_VERBOSE + 2)  /* domain */
#define TRC_SCHED_SLEEP          (TRC_SCHED_VERBOSE + 3)  /* vCPU */
#define TRC_SCHED_WAKE           (TRC_SCHED_VERBOSE + 4)  /* vCPU */
#define TRC_SCHED_YIELD          (TRC_SCHED_VERBOSE + 5)  /* vCPU */
#define TRC_SCHED_BLOCK          (TRC_SCHED_VERBOSE + 6)  /* vCPU */
#define TRC_SCHED_SHUTDOWN       (TRC_SCHED_VERBOSE + 7)  /* vCPU, reason */
#define TRC_SCHED_SWITCH         (TRC_SCHED_VERBOSE + 10) /* old vCPU, new vCPU */
#define TRC_SCHED_SWITCH_INFPREV (TRC_SCHED_VERBOSE + 14) /* vCPU, ns that it ran */
#define TRC_SCHED_SWITCH_INFNEXT (TRC_SCHED_VERBOSE + 15) /* vCPU, ns that it waited, its slice */
#define TRC_SCHED_SHUTDOWN_CODE  (TRC_SCHED_VERBOSE + 16) /* vCPU, reason */
#define TRC_SCHED_SWITCH_INFCONT (TRC_SCHED_VERBOSE + 17) /* vCPU, ns that it ran, its slice */

/* ---- Domains: the word of data is the domain ------------------------------------------------ */

#define TRC_DOM0_DOMOPS  0x00041000
#define TRC_DOM0_DOM_ADD (TRC_DOM0_DOMOPS + 1)
#define TRC_DOM0_DOM_REM (TRC_DOM0_DOMOPS + 2)

/* ---- Entries from PV guests ----------------------------------------------------------------- */

#define TRC_PV_ENTRY   0x00201000
#define TRC_PV_SUBCALL 0x00202000 /* the elements of a multicall */

/*
 * All of these have TRC_64_FLAG, and data of 64 bits but for the last word of the first two.
 */
#define TRC_PV_TRAP              (TRC_PV_ENTRY + 3)  /* RIP; vector, bit 15: with error << 16 */
#define TRC_PV_PAGE_FAULT        (TRC_PV_ENTRY + 4)  /* RIP, address; error code */
#define TRC_PV_FORCED_INVALID_OP (TRC_PV_ENTRY + 5)  /* RIP; CPUID by the emulation prefix */
#define TRC_PV_EMULATE_PRIVOP    (TRC_PV_ENTRY + 6)  /* RIP */
#define TRC_PV_PTWR_EMULATION    (TRC_PV_ENTRY + 11) /* new entry, its address, RIP */

/*
 * The first word is the number of the hypercall, with two bits for each argument (ARG_32 or ARG_64)
 * that say which of its arguments follow.
 */
#define TRC_PV_HYPERCALL_V2           (TRC_PV_ENTRY + 13)
#define TRC_PV_HYPERCALL_SUBCALL      (TRC_PV_SUBCALL + 14)
#define TRC_PV_HYPERCALL_V2_ARG_32(i) (0x1 << (20 + 2 * (i)))
#define TRC_PV_HYPERCALL_V2_ARG_64(i) (0x2 << (20 + 2 * (i)))
#define TRC_PV_HYPERCALL_V2_ARG_MASK  (0xfff00000)

/* ---- Interrupts ----------------------------------------------------------------------------- */

#define TRC_HW_IRQ                 0x00802000
#define TRC_HW_IRQ_UNMAPPED_VECTOR (TRC_HW_IRQ + 0x7) /* vector */
#define TRC_HW_IRQ_HANDLED         (TRC_HW_IRQ + 0x8) /* interrupt, TSC before, after (low half) */

/* A record, as a tool may read it. */
struct t_rec {
    uint32_t event : 28;
    uint32_t extra_u32 : 3; /* words of data */
    uint32_t cycles_included : 1;
    union {
        struct {
            uint32_t cycles_lo, cycles_hi; /* the TSC */
            uint32_t extra_u32[7];
        } cycles;
        struct {
            uint32_t extra_u32[7];
        } nocycles;
    } u;
};

/*
 * The head of a ring. With X the bytes of the ring less this head, both count modulo 2 * X, so that
 * a full ring (X apart) differs from an empty one.
 */
struct t_buf {
    uint32_t cons; /* where the tool reads next */
    uint32_t prod; /* where the hypervisor writes next */
};

/*
 * The list of frames. mfn_offset[n] says where those of CPU n begin, counted in words of 32 bits
 * from the beginning of this structure.
 */
struct t_info {
    uint16_t tbuf_size; /* pages of each ring */
    uint16_t mfn_offset[];
};

#endif /* XEN_PUBLIC_TRACE_H */
