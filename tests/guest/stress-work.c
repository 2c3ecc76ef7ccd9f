/* SPDX-License-Identifier: MIT */
/* A worker of the stress test from its beginning to its end (stress.h). */
#include "stress.h"

#include <clock.h>
#include <events.h>
#include <hypercall.h>
#include <pagetable.h>
#include <public/sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <traps.h>
#include <vcpu.h>

struct worker stress_workers[STRESS_VCPUS];

static void add(uint64_t *counter)
{
    __atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

void stress_trouble(struct worker *w, const char *format, ...)
{
    struct stress_board *board = w->board;
    va_list arguments;

    if (__atomic_fetch_add(&board->claims, 1, __ATOMIC_SEQ_CST) == 0) {
        size_t length = (size_t)snprintf(board->text, sizeof(board->text), "d%uv%u: ", w->domain,
                                         w->vcpu);

        va_start(arguments, format);
        vsnprintf(board->text + length, sizeof(board->text) - length, format, arguments);
        va_end(arguments);
    }
    __atomic_fetch_add(&board->troubles, 1, __ATOMIC_SEQ_CST);
}

/* ---- beginning ---- */

static uint8_t *take(unsigned long pages)
{
    uint8_t *va = pages_alloc(pages);

    if (!va)
        guest_panic("no memory for the work");
    return va;
}

static void timer_event(evtchn_port_t port, void *argument)
{
}

/* An NMI may come at any time; other exceptions, only where they are caught. */
static bool take_trap(struct registers *regs)
{
    struct worker *w = &stress_workers[this_vcpu()->id];

    if (regs->vector == TRAP_NMI) {
        add(&w->board->done[w->vcpu].nmis);
        return true;
    }
    if (this_vcpu()->catching)
        return false;
    stress_trouble(w, "exception %lu, error %#lx, address %#lx, at %#lx", regs->vector,
                   regs->error_code, trap_fault_address(), regs->rip);
    return false;
}

void stress_prepare(unsigned int vcpu, struct stress_board *board)
{
    struct worker *w = &stress_workers[vcpu];

    w->board = board;
    w->vcpu = vcpu;
    w->domain = guest_domid();
    for (unsigned int i = 0; i < PAGES; i++)
        w->pages[i] = take(1);
    for (unsigned int i = 0; i < TREE_PAGES; i++)
        w->tree[i] = take(1);
    for (unsigned int i = 0; i < SLOTS; i++) {
        w->slots[i].va = window_reserve(1);
        if (!w->slots[i].va)
            guest_panic("no addresses for the work");
    }
    grant_table();
    hostile_init(&w->random, vcpu, w->pages[0], 1);
    vcpu_record(vcpu)->hook = take_trap;
    if (vcpu == 0)
        return;
    w->timer_port = event_bind_virq(VIRQ_TIMER, vcpu);
    if (w->timer_port < 0)
        guest_panic("no timer for the work");
    event_set_handler((evtchn_port_t)w->timer_port, timer_event, NULL);
}

/* ---- the registers of the FPU ---- */

static uint64_t register_tag(const struct worker *w)
{
    return 0x5851f42d4c957f2dull * (w->domain * 64ull + w->vcpu + 1);
}

static void load_register(const struct worker *w)
{
    uint64_t tag = register_tag(w);

    asm volatile("movq %0, %%xmm15" ::"r"(tag));
}

static void check_register(struct worker *w)
{
    uint64_t seen;

    asm volatile("movq %%xmm15, %0" : "=r"(seen));
    if (seen == register_tag(w))
        return;
    stress_trouble(w, "xmm15 is %#lx instead of %#lx", seen, register_tag(w));
    load_register(w);
}

/* ---- the work ---- */

void stress_begin(struct worker *w)
{
    for (unsigned int page = 0; page < PAGES; page++) {
        w->tags[page] = page == PAGE_PUBLIC ? stress_public_tag(w->domain, w->vcpu)
                                            : hostile_number(&w->random);
        stress_fill(w->pages[page], w->tags[page]);
        if (page < OFFERED_PAGES)
            stress_offer(w, page);
    }
    load_register(w);
}

void stress_nap(struct worker *w, uint64_t nanoseconds)
{
    struct sched_poll poll = {.nr_ports = 1};
    evtchn_port_t never = w->vcpu ? (evtchn_port_t)w->timer_port : w->ports[0];

    poll.timeout = clock_now() + nanoseconds;
    set_xen_guest_handle(poll.ports, &never);
    if (!never || hypercall_sched_op(SCHEDOP_poll, &poll))
        hypercall_sched_op(SCHEDOP_yield, NULL);
}

void stress_step(struct worker *w)
{
    static void (*const works[])(struct worker *) = {
        stress_rewrite, stress_meddle, stress_exchange, stress_give_back, stress_pin,  stress_tree,
        stress_ldt,     stress_flush,  stress_map,      stress_map,       stress_copy, stress_ports,
        stress_ports,   stress_ports,  stress_wait,     stress_vcpus,
    };

    works[hostile_below(&w->random, sizeof(works) / sizeof(works[0]))](w);
    check_register(w);
    if (stress_chance(w, 64))
        stress_check_pages(w);
    __atomic_store_n(&w->board->frame, va_to_mfn(w->pages[hostile_below(&w->random, PAGES)]),
                     __ATOMIC_RELAXED);
    add(&w->board->done[w->vcpu].steps);
}

void stress_end(struct worker *w)
{
    for (unsigned int i = 0; i < SLOTS; i++)
        if (w->slots[i].mapped)
            stress_unmap(w, &w->slots[i]);
    stress_drop_tree(w);
    stress_close_ports(w);
    stress_check_pages(w);
    __atomic_store_n(&w->finished, true, __ATOMIC_RELEASE);
}
