/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_multicall: an array of hypercalls that a guest makes in one.
 *
 * Each element is read once, called, and its result stored. A handler that wants to be continued
 * changes the element's arguments (hypercall_continue), which go back to the guest's array, and the
 * batch is continued at that element.
 */
#include <asm/hypercall.h>
#include <domain.h>
#include <guest_access.h>
#include <hypercall.h>
#include <meter.h>
#include <percpu.h>
#include <trace.h>

static void write_result(unsigned long to, long result)
{
    to += offsetof(struct multicall_entry, result);
    (void)put_guest(to, &result); /* whether or not the present tables map it */
}

/* @traced: each element that is called leaves a record */
HOT_INLINE long multicall(unsigned long call_list, unsigned int nr_calls, bool traced)
{
    struct cpu_info *info = get_cpu_info();
    struct multicall_state *mcs = &info->cpu->multicall;
    unsigned long at = call_list, end;
    long result = 0;

    if (unlikely(mcs->active))
        return -XEN_EINVAL; /* a batch inside a batch */
    if (unlikely(!guest_range_ok(call_list, nr_calls, sizeof(struct multicall_entry))))
        return -XEN_EFAULT;
    if (!nr_calls)
        return 0;
    mcs->active = true;
    mcs->preempted = false;
    end = call_list + nr_calls * sizeof(struct multicall_entry);
    do {
        u64 *w = (u64 *)at;
        u64 op, a0, a1, a2, a3, a4, a5;

        guest_window_open();
        guest_window_load(op, w, fault);
        guest_window_load(a0, w + 2, fault); /* w[1] is the result's place */
        guest_window_load(a1, w + 3, fault);
        guest_window_load(a2, w + 4, fault);
        guest_window_load(a3, w + 5, fault);
        guest_window_load(a4, w + 6, fault);
        guest_window_load(a5, w + 7, fault);
        guest_window_close();
        mcs->call.op = op;
        result = -XEN_ENOSYS;
        if (likely(op < NR_HYPERCALLS)) {
            meter_hypercall(op, a0);
            if (traced) {
                const unsigned long args[TRACE_HYPERCALL_ARGS] = {a0, a1, a2};

                trace_hypercall(TRC_PV_HYPERCALL_SUBCALL, op, args);
            }
            HIDE_VALUE(op); /* the mask is for what runs when the branch was mispredicted */
            result = hypercall_table[op & (NR_HYPERCALLS - 1)](a0, a1, a2, a3, a4, a5);
        }
        if (unlikely(mcs->preempted)) {
            mcs->call.result = (unsigned long)result;
            if (copy_to_guest(at, &mcs->call, offsetof(struct multicall_entry, args[mcs->nr_args])))
                goto bad_address;
            goto preempted;
        }
        if (unlikely(op == __HYPERVISOR_iret)) {
            /*
             * The registers, RAX too, are what iret loaded. The elements behind it are not called.
             */
            write_result(at, result);
            mcs->active = false;
            return result;
        }
        guest_window_open();
        guest_window_store(w + 1, result, fault);
        guest_window_close();
        at += sizeof(struct multicall_entry);
    } while (likely(at != end && !READ_ONCE(info->softirq_pending)));

    if (at != end)
        goto preempted;
    mcs->active = false;
    return 0;

fault:
    guest_window_close();
bad_address:
    mcs->active = false;
    return -XEN_EFAULT;

preempted:
    mcs->active = false;
    return hypercall_continue(__HYPERVISOR_multicall, 2, at,
                              (end - at) / sizeof(struct multicall_entry));
}

long do_multicall(unsigned long call_list, unsigned int nr_calls)
{
    return multicall(call_list, nr_calls, false);
}

long do_multicall_traced(unsigned long call_list, unsigned int nr_calls)
{
    return multicall(call_list, nr_calls, true);
}
