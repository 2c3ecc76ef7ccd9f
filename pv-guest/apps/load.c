/* SPDX-License-Identifier: MIT */
/*
 * A load on all vCPUs of a domain, and what the domain gets for it.
 *
 * Command line: work=KIND, which is
 *
 *   loop    computing,
 *   tables  changing page-table entries, pinning and unpinning a page table,
 *   wake    sleeping for 2 to 10 ms at a time, and seeing how much too late the end comes,
 *
 * and seconds=N (10), for how long it is measured. Each vCPU works for two seconds more before that
 * and after it, so that domains that began at about the same time all work while one of them
 * measures.
 *
 * Output, in nanoseconds and numbers of operations:
 *
 *   LOAD <vCPU> window <n> running <n> longest <n> operations <n>
 *   LATE <number of sleeps> median <n> p99 <n> longest <n>           (work=wake)
 *   LOAD DONE
 *
 * "longest" of a vCPU is the longest time from the end of one operation to the end of the next. The
 * domain then does nothing until it is destroyed.
 */
#include <clock.h>
#include <events.h>
#include <guest.h>
#include <hypercall.h>
#include <inttypes.h>
#include <memory.h>
#include <pagetable.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>
#include <vcpu.h>

#define BEFORE_AND_AFTER (2 * NANOSECONDS_PER_SECOND)
#define STEPS            10000u /* of an operation of the loop */
#define SLOTS            32u    /* page-table entries that are changed together */
#define MAX_SLEEPS       16384u

struct worker {
    uint64_t random;
    mfn_t frames[2];                               /* what the entries map in turn */
    uint64_t entries;                              /* machine address of the first one */
    mfn_t table;                                   /* an L1 table, not pinned */
    uint64_t window, running, longest, operations; /* as they are printed */
    bool measuring, done;
};

static struct worker workers[MAX_VCPUS];
static void (*operation)(struct worker *worker);
static uint64_t measured; /* nanoseconds */

static uint32_t lateness[MAX_SLEEPS]; /* ns, of all vCPUs */
static unsigned int sleeps;

static void must(bool condition, const char *what)
{
    if (!condition)
        guest_panic("load: %s", what);
}

static void compute(struct worker *worker)
{
    uint64_t value = worker->operations;

    for (unsigned int i = 0; i < STEPS; i++) {
        value = value * 5 + i;
        asm volatile("" : "+r"(value));
    }
}

static void change_tables(struct worker *worker)
{
    pte_t value = make_pte(worker->frames[worker->operations & 1], PTE_KERNEL_DATA);
    struct mmuext_op ops[] = {
        {.cmd = MMUEXT_TLB_FLUSH_LOCAL},
        {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = worker->table},
        {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = worker->table},
    };
    mmu_update_t updates[SLOTS];

    for (unsigned int i = 0; i < SLOTS; i++) {
        updates[i].ptr = worker->entries + i * sizeof(pte_t);
        updates[i].val = value;
    }
    must(hypercall_mmu_update(updates, SLOTS, NULL, DOMID_SELF) == 0, "mmu_update");
    must(hypercall_mmuext_op(ops, sizeof(ops) / sizeof(ops[0]), NULL, DOMID_SELF) == 0, "pin");
}

static uint64_t random_below(struct worker *worker, uint64_t limit)
{
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return worker->random % limit;
}

/*
 * With events disabled from the look at the clock to the block, no timer's event comes between. A
 * timer may fire a little early, as Xen's do: then it is set again.
 */
static void sleep_and_wake(struct worker *worker)
{
    uint64_t deadline = clock_now() + MILLISECONDS(2) + random_below(worker, MILLISECONDS(8)), now;

    events_disable();
    while ((now = clock_now()) < deadline) {
        hypercall_set_timer_op(deadline);
        hypercall_sched_op(SCHEDOP_block, NULL);
        events_disable();
    }
    events_restore(true);
    if (worker->measuring) {
        unsigned int slot = __atomic_fetch_add(&sleeps, 1, __ATOMIC_RELAXED);

        must(slot < MAX_SLEEPS, "too many sleeps");
        lateness[slot] = (uint32_t)(now - deadline);
    }
}

static void work_for(struct worker *worker, uint64_t nanoseconds)
{
    uint64_t start = clock_now(), last = start, now;

    do {
        operation(worker);
        now = clock_now();
        worker->operations++;
        if (now - last > worker->longest)
            worker->longest = now - last;
        last = now;
    } while (now - start < nanoseconds);
    worker->window = now - start;
}

static uint64_t time_running(void)
{
    struct vcpu_runstate_info info = {0};

    must(hypercall_vcpu_op(VCPUOP_get_runstate_info, this_vcpu()->id, &info) == 0, "run state");
    return info.time[RUNSTATE_running];
}

static void work(void *argument)
{
    struct worker *worker = argument, results;

    work_for(worker, BEFORE_AND_AFTER);
    worker->longest = 0;
    worker->operations = 0;
    worker->measuring = true;
    worker->running = time_running();
    work_for(worker, measured);
    worker->running = time_running() - worker->running;
    worker->measuring = false;
    results = *worker;
    work_for(worker, BEFORE_AND_AFTER);
    *worker = results;
    __atomic_store_n(&worker->done, true, __ATOMIC_RELEASE);
}

/* ---- what a worker needs ---- */

static void give_tables(struct worker *worker)
{
    uint8_t *pages = pages_alloc(2), *window = window_reserve(SLOTS);
    pte_t *table = page_alloc_zeroed();

    must(pages && window && table, "memory");
    must((uintptr_t)window / PAGE_SIZE % 512 + SLOTS <= 512, "entries in two tables");
    worker->frames[0] = va_to_mfn(pages);
    worker->frames[1] = va_to_mfn(pages + PAGE_SIZE);
    worker->entries = pte_maddr(pte_lookup(window, 1));
    for (unsigned int i = 0; i < 512; i++)
        table[i] = make_pte(worker->frames[0], PTE_KERNEL_DATA);
    must(page_protect(table, PTE_KERNEL_RO) == 0, "a table is writable");
    worker->table = va_to_mfn(table);
}

static void timer_event(evtchn_port_t port, void *argument)
{
}

/* Of vCPU 0 the library has it. */
static void give_timer(unsigned int vcpu)
{
    int port;

    hypercall_vcpu_op(VCPUOP_stop_periodic_timer, vcpu, NULL);
    port = event_bind_virq(VIRQ_TIMER, vcpu);
    must(port >= 0, "timer");
    event_set_handler((evtchn_port_t)port, timer_event, NULL);
}

/* ---- the report ---- */

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

static void report(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        const struct worker *worker = &workers[i];

        printf("LOAD %u window %" PRIu64 " running %" PRIu64 " longest %" PRIu64
               " operations %" PRIu64 "\n",
               i, worker->window, worker->running, worker->longest, worker->operations);
    }
    if (sleeps > 0) {
        qsort(lateness, sleeps, sizeof(lateness[0]), compare);
        printf("LATE %u median %u p99 %u longest %u\n", sleeps, lateness[sleeps / 2],
               lateness[sleeps - 1 - sleeps / 100], lateness[sleeps - 1]);
    }
    printf("LOAD DONE\n");
}

static void read_options(void)
{
    char text[12] = "";

    guest_option("work", text, sizeof(text));
    if (strcmp(text, "tables") == 0)
        operation = change_tables;
    else
        operation = strcmp(text, "wake") == 0 ? sleep_and_wake : compute;
    strcpy(text, "10");
    guest_option("seconds", text, sizeof(text));
    measured = strtoul(text, NULL, 10) * NANOSECONDS_PER_SECOND;
}

void guest_main(void)
{
    static struct wait_queue for_ever;
    unsigned int count = 0;

    read_options();
    while (count < MAX_VCPUS && vcpu_is_up(count) >= 0) {
        workers[count].random = clock_tsc() | 1;
        give_tables(&workers[count]);
        if (count > 0)
            give_timer(count);
        count++;
    }
    for (unsigned int i = 1; i < count; i++)
        must(vcpu_start(i, work, &workers[i]) == 0, "a vCPU does not start");
    work(&workers[0]);
    for (unsigned int i = 1; i < count; i++)
        while (!__atomic_load_n(&workers[i].done, __ATOMIC_ACQUIRE))
            thread_sleep(MILLISECONDS(10));
    report(count);
    wait_until(&for_ever, false);
}
