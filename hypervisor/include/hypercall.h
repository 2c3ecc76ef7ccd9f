/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: the table, its conventions, continuations.
 *
 * A handler takes up to six register arguments and returns 0 or more, or a negative errno. Guest
 * addresses arrive as unsigned long. A handler that wants to be continued returns
 * hypercall_continue(), which arranges that the guest executes the same hypercall again, with
 * changed arguments, after the pending work was done.
 */
#ifndef BULKHEAD_HYPERCALL_H
#define BULKHEAD_HYPERCALL_H

#include <public/errno.h>
#include <public/xen.h>

#include "types.h"

/* Internal result: preempted, to be turned into a continuation. Never reaches a guest. */
#define ERESTART 85

#define NR_HYPERCALLS 64U

typedef long (*hypercall_fn)(unsigned long, unsigned long, unsigned long, unsigned long,
                             unsigned long, unsigned long);
extern const hypercall_fn hypercall_table[NR_HYPERCALLS];

/*
 * Should a long operation stop here? True when softirqs are pending or, in a multicall, when the
 * batch should yield.
 */
bool hypercall_preempt_check(void);

/*
 * Arranges that hypercall @op is executed again with @nargs arguments. Inside a multicall the batch
 * is continued at this element.
 * @return what the handler must return
 */
long hypercall_continue(unsigned int op, unsigned int nargs, ...);

/*
 * Logs an unknown hypercall or sub-operation, at debug level and once for each domain and number.
 * @return -XEN_ENOSYS
 */
long hypercall_unknown(unsigned int op, unsigned long cmd);
/*
 * Answers a number beyond the table; the entry code calls it.
 * @return -XEN_ENOSYS
 */
long hypercall_bad_number(unsigned long op);

/* The handlers, by file. */
long do_multicall(unsigned long call_list, unsigned int nr_calls);              /* multicall.c */
long do_xen_version(unsigned int cmd, unsigned long arg);                       /* version.c */
long do_console_io(unsigned int cmd, unsigned int count, unsigned long buffer); /* console_io.c */
long do_memory_op(unsigned long cmd, unsigned long arg);                        /* memory_op.c */
long do_domctl(unsigned long u_domctl);                                         /* domctl.c */
long do_sysctl(unsigned long u_sysctl);                                         /* sysctl.c */
long do_vm_assist(unsigned int cmd, unsigned int type);                         /* version.c */
long do_hypfs_op(unsigned int cmd, unsigned long arg1, unsigned long arg2, unsigned long arg3,
                 unsigned long arg4); /* hypfs.c */
/* Architecture: arch/x86/pv and arch/x86. */
long do_nmi_op(unsigned int cmd, unsigned long arg);
long do_set_trap_table(unsigned long traps);
long do_mmu_update(unsigned long ureqs, unsigned int count, unsigned long pdone,
                   unsigned int foreigndom);
long do_set_gdt(unsigned long frame_list, unsigned int entries);
long do_stack_switch(unsigned long ss, unsigned long esp);
long do_set_callbacks(unsigned long event, unsigned long failsafe, unsigned long syscall);
long do_fpu_taskswitch(int set);
long do_platform_op(unsigned long u_op);
long do_mca(unsigned long u_mc);
long do_set_debugreg(int reg, unsigned long value);
unsigned long do_get_debugreg(int reg);
long do_update_descriptor(u64 maddr, u64 desc);
long do_update_va_mapping(unsigned long va, u64 val64, unsigned long flags);
long do_update_va_mapping_otherdomain(unsigned long va, u64 val64, unsigned long flags,
                                      domid_t domid);
long do_iret(void);
long do_set_segment_base(unsigned int which, unsigned long base);
long do_mmuext_op(unsigned long uops, unsigned int count, unsigned long pdone,
                  unsigned int foreigndom);
long do_callback_op(int cmd, unsigned long arg);
long do_physdev_op(int cmd, unsigned long arg);
long do_physdev_op_compat(unsigned long uop);
long do_event_channel_op_compat(unsigned long uop);

/* State of a multicall in progress, per CPU. */
struct multicall_state {
    bool active;
    bool preempted; /* the current element asked to be continued */
    u8 nr_args;     /* how many of its arguments are in ->call; the others are older */
    struct multicall_entry call;
};

#endif
