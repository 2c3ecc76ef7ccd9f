/* SPDX-License-Identifier: MIT */
/*
 * dom0 of the stress test. Its vCPU 0 builds the domains that work, looks after them, and judges
 * at the end of each round; the other vCPUs work, and do by chance what a control domain may do
 * (stress-control.c). It prints
 *
 *     STRESS COUNTERS   what follows is the answer to debug keys, when all domains are gone
 *     STRESS ROUND n    that is the end of it, and of a round
 *     STRESS FAIL ...   a domain saw what it must not see, or does not come to its end
 *     STRESS DONE       after the last round
 *
 * Options: seed=N rounds=N seconds=N (of each round)
 */
#include <clock.h>
#include <errno.h>
#include <hypercall.h>
#include <pagetable.h>
#include <platform.h>
#include <public/sysctl.h>
#include <public/vcpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>
#include <tools/builder.h>
#include <tools/control.h>
#include <vcpu.h>

#include "stress-control.h"

#define KERNEL       "/guests/stress-domu"
#define MEMORY_MIB   4
#define DOMU_WEIGHT  256
#define TEND_EVERY   MILLISECONDS(2)
#define SETTLE_TIME  MILLISECONDS(300)
#define END_LIMIT    (120 * NANOSECONDS_PER_SECOND) /* for work that has been told to stop */
#define MOST_REPORTS 10 /* of what domains saw; a domain that saw something is asked every time */

static struct stress_board own_board = {.stage = STRESS_WORKS, .stop = 1};
static struct stress_board *boards[STRESS_PEERS]; /* in the shared pages, which dom0 maps */
static struct platform_file kernel;
static unsigned long seed = 1, built;
static uint64_t steps_done; /* of domUs that have gone */

/* ---- one domain ---- */

static void close_board(domid_t id)
{
    if (!boards[id])
        return;
    for (unsigned int i = 0; i < STRESS_VCPUS; i++)
        steps_done += boards[id]->done[i].steps;
    unmap_frames((void *)((uintptr_t)boards[id] & PAGE_MASK), 1);
    boards[id] = NULL;
}

static void open_board(domid_t id, xen_pfn_t shared_frame)
{
    mfn_t frame = shared_frame;
    uint8_t *page = map_frames(&frame, 1, id, PTE_KERNEL_DATA, NULL);

    if (page)
        boards[id] = (struct stress_board *)(page + STRESS_BOARD_OFFSET);
}

/* What was known of the old domain is not, and nobody does any more what it was known for. */
static void wait_for_holders(domid_t id)
{
    __atomic_store_n(&subjects[id].ready, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&subjects[id].frame, 0, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&subjects[id].holders, __ATOMIC_SEQ_CST))
        thread_sleep(100000);
}

static int build(domid_t id, struct error *e)
{
    struct xen_domctl op = {.u.createdomain = stress_new_domain(STRESS_VCPUS)};
    struct xen_domctl vcpus = {.u.max_vcpus.max = STRESS_VCPUS};
    struct xen_domctl_getdomaininfo info;
    struct build_result result;
    char cmdline[32];
    const bool cancelled = false;
    struct build_request request = {.domid = id,
                                    .memory_mib = MEMORY_MIB,
                                    .maxmem_mib = MEMORY_MIB,
                                    .cmdline = cmdline,
                                    .cancelled = &cancelled,
                                    .kernel = kernel,
                                    .kernel_name = KERNEL};

    wait_for_holders(id);
    if (stress_domctl(XEN_DOMCTL_createdomain, id, &op) ||
        stress_domctl(XEN_DOMCTL_max_vcpus, id, &vcpus))
        return error_set(e, "there is no domain");
    snprintf(cmdline, sizeof(cmdline), "seed=%lu", seed * 100000 + ++built);
    if (build_domain(&request, &result, e) || control_domain_info(id, &info))
        return -1;
    open_board(id, info.shared_info_frame);
    return control_unpause(id, e);
}

static void fail(domid_t id, const char *text)
{
    printf("STRESS FAIL domain %u: %s\n", id, text);
}

/* Ends a domain that is not to be there any more. */
static void destroy(domid_t id)
{
    wait_for_holders(id);
    close_board(id);
    control_destroy(id, NULL);
}

static void judge_shutdown(domid_t id, uint32_t flags)
{
    unsigned int reason = flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;

    if (id >= FIRST_VICTIM && reason == SHUTDOWN_reboot)
        return;
    printf("STRESS FAIL domain %u has shut down (%u)\n", id, reason);
}

static void read_board(domid_t id, const struct stress_board *board)
{
    struct subject *subject = &subjects[id];
    static unsigned int told;

    __atomic_store_n(&subject->frame, __atomic_load_n(&board->frame, __ATOMIC_RELAXED),
                     __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&board->troubles, __ATOMIC_ACQUIRE) && told++ < MOST_REPORTS)
        fail(id, board->text);
    if (__atomic_load_n(&board->stage, __ATOMIC_ACQUIRE) == STRESS_WORKS)
        __atomic_store_n(&subject->ready, 1, __ATOMIC_SEQ_CST);
}

/* Looks at a domain, and builds it if there is none. */
static void tend(domid_t id)
{
    struct xen_domctl_getdomaininfo info;
    struct error e = {.text = "it went away"};

    if (boards[id])
        read_board(id, boards[id]);
    if (control_domain_info(id, &info)) {
        if (boards[id]) /* its last frame is the one that we map */
            close_board(id);
        if (build(id, &e) == 0)
            return;
        if (id < FIRST_VICTIM)
            fail(id, e.text);
        destroy(id);
    } else if (info.flags & XEN_DOMINF_dying) {
        close_board(id);
    } else if (info.flags & XEN_DOMINF_shutdown) {
        judge_shutdown(id, info.flags);
        destroy(id);
    }
}

/* ---- the end of a round ---- */

/* Nothing holds the domain back any more. */
static void set_free(domid_t id)
{
    struct xen_domctl share = {
        .u.scheduler_op = {.sched_id = XEN_SCHEDULER_CREDIT2, .cmd = XEN_DOMCTL_SCHEDOP_putinfo}};
    uint8_t all = 0xff;

    share.u.scheduler_op.u.credit2.weight = id == 0 ? DOM0_WEIGHT : DOMU_WEIGHT;
    stress_domctl(XEN_DOMCTL_scheduler_op, id, &share);
    for (unsigned int vcpu = 0; vcpu < STRESS_VCPUS; vcpu++) {
        struct xen_domctl op = {
            .u.vcpuaffinity = {.vcpu = vcpu,
                               .flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT,
                               .cpumap_hard.nr_bits = 8,
                               .cpumap_soft.nr_bits = 8}};

        set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, &all);
        set_xen_guest_handle(op.u.vcpuaffinity.cpumap_soft.bitmap, &all);
        stress_domctl(XEN_DOMCTL_setvcpuaffinity, id, &op);
    }
    while (id != 0 && control_unpause(id, NULL) == 0)
        continue;
}

static bool own_vcpus_end(void)
{
    uint64_t limit = clock_now() + END_LIMIT;

    __atomic_store_n(&own_board.stop, 1, __ATOMIC_RELEASE);
    for (unsigned int vcpu = 1; vcpu < STRESS_VCPUS; vcpu++) {
        while (!__atomic_load_n(&stress_workers[vcpu].finished, __ATOMIC_ACQUIRE)) {
            if (clock_now() > limit) {
                printf("STRESS FAIL vCPU %u of dom0 does not come to its end\n", vcpu);
                return false;
            }
            hypercall_vcpu_op(VCPUOP_up, vcpu, NULL);
            thread_sleep(TEND_EVERY);
        }
    }
    return true;
}

static void domain_ends(domid_t id)
{
    uint64_t limit = clock_now() + END_LIMIT;

    if (!boards[id])
        return;
    __atomic_store_n(&boards[id]->stop, 1, __ATOMIC_RELEASE);
    while (__atomic_load_n(&boards[id]->stage, __ATOMIC_ACQUIRE) != STRESS_DONE) {
        if (clock_now() > limit) {
            fail(id, "does not come to its end");
            return;
        }
        thread_sleep(TEND_EVERY);
    }
    for (unsigned int vcpu = 0; vcpu < STRESS_VCPUS; vcpu++)
        if (id < FIRST_VICTIM && boards[id]->done[vcpu].steps == 0)
            fail(id, "a vCPU did nothing");
}

static bool exists(domid_t id)
{
    struct xen_domctl_getdomaininfo info;

    return control_domain_info(id, &info) == 0;
}

static void all_go(void)
{
    uint64_t limit;

    for (domid_t id = FIRST_STEADY; id < DOMAINS; id++) {
        if (id < STRESS_PEERS)
            destroy(id);
        else
            control_destroy(id, NULL);
    }
    limit = clock_now() + END_LIMIT;
    for (domid_t id = FIRST_STEADY; id < DOMAINS; id++) {
        while (exists(id)) {
            if (clock_now() > limit) {
                fail(id, "does not go");
                break;
            }
            thread_sleep(TEND_EVERY);
        }
    }
}

/* All have gone to whom dom0 offered its pages: nobody has a count on any of them. */
static void nothing_is_used(void)
{
    for (unsigned int vcpu = 1; vcpu < STRESS_VCPUS; vcpu++) {
        for (unsigned int page = 0; page < PAGES; page++) {
            if (page < OFFERED_PAGES && !stress_revoke(&stress_workers[vcpu], page))
                printf("STRESS FAIL page %u of vCPU %u is still granted\n", page, vcpu);
            if (!stress_move(&stress_workers[vcpu], page))
                printf("STRESS FAIL page %u of vCPU %u is still in use\n", page, vcpu);
        }
    }
}

static uint64_t free_bytes(void)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_availheap,
                            .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
                            .u.availheap.node = -1};

    return hypercall_sysctl(&op) ? 0 : op.u.availheap.avail_bytes;
}

/* What is left of a dead domain goes when all CPUs have passed their schedulers. */
static void wait_until_settled(void)
{
    uint64_t before, now = free_bytes();

    do {
        before = now;
        thread_sleep(SETTLE_TIME);
        now = free_bytes();
    } while (now != before);
}

static void show_counters(unsigned int round)
{
    static char keys[] = "megq";
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_debug_keys,
                            .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
                            .u.debug_keys.nr_keys = sizeof(keys) - 1};

    set_xen_guest_handle(op.u.debug_keys.keys, keys);
    wait_until_settled();
    printf("STRESS COUNTERS\n");
    if (hypercall_sysctl(&op))
        printf("STRESS FAIL debug keys are refused\n");
    printf("STRESS ROUND %u\n", round);
}

static void show_work(void)
{
    uint64_t steps = 0, maps = 0, moves = 0, pins = 0, nmis = 0;

    for (unsigned int vcpu = 1; vcpu < STRESS_VCPUS; vcpu++) {
        steps += own_board.done[vcpu].steps;
        maps += own_board.done[vcpu].maps;
        moves += own_board.done[vcpu].moves;
        pins += own_board.done[vcpu].pins;
        nmis += own_board.done[vcpu].nmis;
    }
    printf("stress: so far dom0 %lu steps, %lu grants mapped, %lu frames changed, %lu tables, "
           "%lu NMIs; domUs %lu steps\n",
           steps, maps, moves, pins, nmis, steps_done);
    printf("stress: %lu domains built, %lu killed, %lu shut down; %lu pauses, %lu NMIs, "
           "%lu frames mapped, %lu with empty domains, %lu CPUs changed\n",
           built, controls.kills, controls.shutdowns, controls.pauses, controls.nmis, controls.maps,
           controls.empty, controls.cpus);
}

/* ---- rounds ---- */

static void work(void *argument)
{
    struct worker *w = argument;

    for (;;) {
        while (__atomic_load_n(&own_board.stop, __ATOMIC_ACQUIRE))
            stress_nap(w, TEND_EVERY);
        stress_begin(w);
        while (!__atomic_load_n(&own_board.stop, __ATOMIC_ACQUIRE)) {
            if (stress_chance(w, 2))
                stress_control(w);
            else
                stress_step(w);
        }
        stress_control_end(w);
        stress_end(w);
    }
}

static bool run_round(unsigned int round, uint64_t nanoseconds)
{
    uint64_t end = clock_now() + nanoseconds;
    unsigned int turn = 0;

    for (unsigned int vcpu = 1; vcpu < STRESS_VCPUS; vcpu++)
        stress_workers[vcpu].finished = false;
    set_free(0);
    __atomic_store_n(&own_board.stop, 0, __ATOMIC_RELEASE);
    while (clock_now() < end) {
        for (domid_t id = FIRST_STEADY; id < STRESS_PEERS; id++)
            tend(id);
        read_board(0, &own_board);
        /* One after the other, should all have gone down. */
        hypercall_vcpu_op(VCPUOP_up, 1 + turn++ / 16 % (STRESS_VCPUS - 1), NULL);
        thread_sleep(TEND_EVERY);
    }
    if (!own_vcpus_end())
        return false;
    stress_cpus_online();
    for (domid_t id = 0; id < STRESS_PEERS; id++)
        set_free(id);
    for (domid_t id = FIRST_STEADY; id < STRESS_PEERS; id++)
        tend(id);
    for (domid_t id = FIRST_STEADY; id < STRESS_PEERS; id++)
        domain_ends(id);
    for (domid_t id = FIRST_STEADY; id < STRESS_PEERS; id++)
        if (boards[id])
            read_board(id, boards[id]);
    read_board(0, &own_board);
    all_go();
    nothing_is_used();
    show_work();
    show_counters(round);
    return true;
}

static unsigned long number_option(const char *name, unsigned long value)
{
    char text[24];

    return guest_option(name, text, sizeof(text)) ? strtoul(text, NULL, 0) : value;
}

void guest_main(void)
{
    unsigned long rounds = number_option("rounds", 2), seconds = number_option("seconds", 10);

    seed = number_option("seed", 1);
    if (platform_file_open(KERNEL, &kernel)) {
        printf("STRESS FAIL no file %s\n", KERNEL);
        return;
    }
    for (unsigned int vcpu = 0; vcpu < STRESS_VCPUS; vcpu++)
        stress_prepare(vcpu, &own_board);
    for (unsigned int vcpu = 1; vcpu < STRESS_VCPUS; vcpu++) {
        stress_control_prepare(vcpu);
        if (vcpu_start(vcpu, work, &stress_workers[vcpu]))
            guest_panic("vCPU %u does not start", vcpu);
    }
    for (unsigned int round = 1; round <= rounds; round++)
        if (!run_round(round, seconds * NANOSECONDS_PER_SECOND))
            break;
    printf("STRESS DONE\n");
}
