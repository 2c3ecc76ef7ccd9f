/* SPDX-License-Identifier: MIT */
/*
 * A machine with two domains, made anew for each test: a, number 1, is privileged; b, number 2, is
 * not. Nothing may be left of them in the end.
 */
#ifndef TWO_DOMAINS_H
#define TWO_DOMAINS_H

#include <host.h>

/* A test that has killed one sets it to NULL. */
static struct domain *a, *b;
static struct totals {
    unsigned long pages, objects;
} before;

/* Each has @frames frames. The first vCPU of b is the current one. */
static inline void make_two_domains(unsigned int vcpus_a, unsigned int vcpus_b,
                                    unsigned long frames)
{
    host_boot(4096);
    host_preempt_every(0);
    host_fail_allocation(0);
    before = (struct totals){heap_free_pages(), host_objects()};
    a = host_domain(1, vcpus_a, frames, true);
    b = host_domain(2, vcpus_b, frames, false);
    assert_non_null(a);
    assert_non_null(b);
    host_become(b->vcpu[0]);
}

/* A test's teardown: it fails if pages or objects are lost. */
static inline int end_two_domains(void **state)
{
    host_guest_limit(0, 0);
    if (b)
        host_kill(b);
    if (a)
        host_kill(a);
    return before.pages == heap_free_pages() && before.objects == host_objects() ? 0 : -1;
}

#endif
