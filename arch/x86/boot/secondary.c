/* SPDX-License-Identifier: MIT */
/*
 * Bringing up the CPUs other than the boot CPU: see secondary.h.
 *
 * The boot CPU makes what the new one needs (struct cpu, stacks, idle vCPU), sends it an INIT and a
 * startup interrupt, and waits. The new CPU comes through trampoline.S to secondary_start(), is
 * compared with the boot CPU, sets itself up, and goes to its idle loop. What it uses from there on
 * is not discarded. A CPU that does not get so far is sent another INIT, in which it stays.
 */
#include "secondary.h"

#include <arch.h>
#include <asm/acpi.h>
#include <asm/apic.h>
#include <asm/context.h>
#include <asm/memory_map.h>
#include <asm/pte.h>
#include <asm/setup.h>
#include <asm/smp.h>
#include <asm/time.h>
#include <asm/tlb.h>
#include <page_alloc.h>
#include <percpu.h>
#include <sched.h>

#include "boot.h"
#include "tsc_sync.h"

#define INIT_DELAY    MILLISECS(10)
#define STARTUP_DELAY MICROSECS(200)
#define ANSWER_LIMIT  SECONDS(1)
#define READY_LIMIT   SECONDS(10) /* an emulated CPU may not run for long */
#define LOW_PAGES     0x10U       /* a startup interrupt names a page below 1 MiB; we keep these */
#define XAPIC_IDS     0xffU

#define STACK_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_NX | PTE_GLOBAL | PTE_ACCESSED | PTE_DIRTY)

extern const char trampoline_start[], trampoline_end[], trampoline_gdt_base[],
    trampoline_long_mode[];

/* The CPU that is being brought up, as it sees and says it. */
enum start_state { START_CALLED, START_ANSWERED, START_UNFIT, START_SYNC, START_READY, START_LATE };

unsigned long secondary_stack __initdata; /* trampoline.S */
static u32 start_state __initdata;        /* enum start_state */
static char unfit[96] __initdata;
static s64 tsc_found __initdata, tsc_left __initdata;

void secondary_start(void) __noreturn;

/* ---- on the new CPU ---- */

static void __init __noreturn wait_for_init(void)
{
    store_release(&start_state, (u32)START_UNFIT);
    for (;;)
        cpu_relax();
}

void __init secondary_start(void)
{
    u32 called = START_CALLED, syncing = START_SYNC;

    early_idt_load();
    if (!cmpxchg(&start_state, &called, (u32)START_ANSWERED))
        machine_halt(); /* too late; an INIT is on its way */
    if (!secondary_features_fit(unfit, sizeof(unfit)))
        wait_for_init();
    cpu_setup();
    if (!secondary_memory_types_fit(unfit, sizeof(unfit)))
        wait_for_init();
    trap_cpu_init();
    fpu_cpu_init();
    apic_cpu_init();
    store_release(&start_state, (u32)START_SYNC);
    tsc_found = tsc_sync_measure(&tsc_left);
    time_cpu_init(tsc_left);
    if (!cmpxchg(&start_state, &syncing, (u32)START_READY))
        machine_halt(); /* too late, as above */
    smp_join();
}

/* ---- on the boot CPU ---- */

static void __init wait_ns(s_time_t ns)
{
    s_time_t end = now() + ns;

    while (now() < end)
        cpu_relax();
}

/* @return the state that follows @state, within @limit ns, or @state */
static enum start_state __init wait_while(enum start_state state, s_time_t limit)
{
    s_time_t end = now() + limit;
    u32 seen;

    while ((seen = load_acquire(&start_state)) == state && now() < end)
        tlb_relax();
    return seen;
}

/*
 * Copies the trampoline to a page below 1 MiB.
 * @return the page's number; 0: there is none
 */
static u8 __init place_trampoline(void)
{
    for (u8 page = LOW_PAGES - 1; page > 0; page--) {
        u32 at = (u32)page << PAGE_SHIFT;
        char *copy = maddr_to_virt(at);

        if (!frame_is_ram(MFN(page)))
            continue;
        memcpy(copy, trampoline_start, (size_t)(trampoline_end - trampoline_start));
        *(volatile u32 *)(copy + (trampoline_gdt_base - trampoline_start)) += at;
        *(volatile u32 *)(copy + (trampoline_long_mode - trampoline_start)) += at;
        return page;
    }
    return 0;
}

/* Maps the stacks of @id, without the guard page. @return the end of the block; 0: no memory */
static unsigned long __init make_stacks(unsigned int id)
{
    unsigned long block = CPU_STACKS_START + (unsigned long)id * STACK_SIZE;

    for (unsigned long offset = 0; offset < STACK_SIZE; offset += PAGE_SIZE) {
        void *page;

        if (offset == STACK_GUARD)
            continue;
        page = alloc_hv_pages(0);
        if (!page)
            return 0;
        map_range(block + offset, virt_to_maddr(page), PAGE_SIZE, STACK_FLAGS);
    }
    return block + STACK_SIZE;
}

/* Makes all that CPU @id needs to start. What a failure leaves behind is lost. @return success */
static bool __init prepare_cpu(unsigned int id, u32 apic)
{
    struct cpu *cpu = xzalloc(struct cpu);
    unsigned long end = make_stacks(id);

    if (!cpu || !end)
        return false;
    cpu->id = id;
    cpu->arch.apic_id = apic;
    cpu->arch.on_own_root = true;
    cpu->info = (struct cpu_info *)end - 1;
    cpu->info->cpu = cpu;
    cpu->info->cpu_id = id;
    cpus[id] = cpu;
    cpu->info->vcpu = idle_vcpu_create(id);
    if (!cpu->info->vcpu)
        return false;
    sched_cpu_init(id);
    timer_cpu_init(id);
    return true;
}

static void __init say_start_failed(unsigned int id, u32 apic, enum start_state state)
{
    if (state == START_UNFIT)
        printk(LOG_WARNING, "CPU %u (APIC id %u) is not used: %s", id, apic, unfit);
    else
        printk(LOG_WARNING, "CPU %u (APIC id %u) is not used: it %s", id, apic,
               state == START_LATE ? "does not start" : "stopped on its way");
}

/* @return does CPU @id, whose APIC has the id @apic, run? */
static bool __init start_cpu(unsigned int id, u32 apic, u8 page)
{
    enum start_state state;
    u32 called = START_CALLED;

    store_release(&start_state, (u32)START_CALLED);
    apic_send_init(apic);
    wait_ns(INIT_DELAY);
    apic_send_startup(apic, page);
    /* Old CPUs may miss the first one; one that runs does not see the second. */
    if (wait_while(START_CALLED, STARTUP_DELAY) == START_CALLED)
        apic_send_startup(apic, page);
    wait_while(START_CALLED, ANSWER_LIMIT);
    cmpxchg(&start_state, &called, (u32)START_LATE);
    state = wait_while(START_ANSWERED, READY_LIMIT);
    if (state == START_SYNC) {
        tsc_sync_serve(now() + READY_LIMIT);
        state = wait_while(START_SYNC, READY_LIMIT);
    }
    if (state != START_READY) { /* from here on it cannot become ready either */
        u32 seen = state;

        if (!cmpxchg(&start_state, &seen, (u32)START_LATE))
            state = seen;
    }
    if (state == START_READY) {
        while (!cpumask_test(&cpu_online, id))
            tlb_relax();
        return true;
    }
    apic_send_init(apic);
    wait_ns(INIT_DELAY);
    say_start_failed(id, apic, state);
    return false;
}

static void __init say_tsc(unsigned int id)
{
    if (tsc_left) {
        time_tsc_differs();
        printk(LOG_WARNING,
               "CPU %u: its TSC is %ld ticks behind that of CPU 0, which its clock makes up for; "
               "guests are not told that the TSC is stable",
               id, (long)tsc_left);
    } else if (tsc_found) {
        printk(LOG_INFO, "CPU %u: its TSC was %ld ticks behind that of CPU 0 and is set right", id,
               (long)tsc_found);
    }
}

void __init secondary_start_all(unsigned int maxcpus)
{
    unsigned int id = 1;
    u8 page = place_trampoline();

    secondary_check_init();
    for (unsigned int i = 0; i < acpi.nr_cpus && id < MIN(maxcpus, NR_CPUS); i++) {
        u32 apic = acpi.cpu[i].apic_id;

        if (!acpi.cpu[i].enabled || apic == cpus[0]->arch.apic_id)
            continue;
        if (!x2apic_enabled && apic >= XAPIC_IDS) {
            printk(LOG_WARNING, "the CPU with APIC id %u is not used: it needs x2APIC mode", apic);
            continue;
        }
        if (!page) {
            printk(LOG_WARNING, "only CPU 0 is used: no memory below 64 KiB, where others start");
            break;
        }
        /* A CPU that was not started leaves its stacks and its number to the next one. */
        if (!cpus[id] && !prepare_cpu(id, apic)) {
            printk(LOG_WARNING, "CPU %u and further ones are not used: out of memory", id);
            break;
        }
        cpus[id]->arch.apic_id = apic;
        secondary_stack = (unsigned long)(cpus[id]->info + 1) - CPU_INFO_ROOM;
        if (!start_cpu(id, apic, page))
            continue;
        say_tsc(id);
        id++;
    }
}
