/* SPDX-License-Identifier: MIT */
/*
 * Two-level delivery: a pending and a mask bit a port in shared_info, and a selector word a vCPU
 * that says which words of pending bits to look at. All bits belong to the guest as well; nothing
 * is concluded from them but what to wake.
 */
#include <evtchn_impl.h>
#include <sched.h>

void evtchn_2l_clear_pending(struct domain *d, struct evtchn *chn)
{
    clear_bit(d->shared_info->evtchn_pending, chn->port);
}

void evtchn_2l_unmask(struct domain *d, struct evtchn *chn)
{
    struct vcpu *v = d->vcpu[chn->notify_vcpu];
    unsigned int port = chn->port;

    if (test_and_clear_bit(d->shared_info->evtchn_mask, port) &&
        test_bit(d->shared_info->evtchn_pending, port) &&
        !test_and_set_bit(&v->info->evtchn_pending_sel, port / BITS_PER_LONG))
        vcpu_set_pending(v);
}

bool evtchn_2l_is_pending(const struct domain *d, const struct evtchn *chn)
{
    return test_bit(d->shared_info->evtchn_pending, chn->port);
}

bool evtchn_2l_is_masked(const struct domain *d, const struct evtchn *chn)
{
    return test_bit(d->shared_info->evtchn_mask, chn->port);
}
