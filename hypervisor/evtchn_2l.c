/* SPDX-License-Identifier: MIT */
/*
 * Two-level delivery: each port has a pending and a mask bit in shared_info, and each vCPU has a
 * selector word that says which words of pending bits to look at. The guest may write all of these
 * bits, so we conclude nothing from them but which vCPU to wake.
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
