/* SPDX-License-Identifier: MIT */
/*
 * The start of day: every step from the first C instruction to the first entry of dom0, in order.
 *
 * Runs on the boot CPU with interrupts off, on CPU 0's block. Until trap_init() an exception ends
 * in early_exception(), which says where it was.
 */
#include <arch.h>
#include <asm/acpi.h>
#include <asm/control.h>
#include <asm/cpu_features.h>
#include <asm/efi.h>
#include <asm/paging.h>
#include <asm/pv.h>
#include <asm/setup.h>
#include <asm/smp.h>
#include <asm/watchdog.h>
#include <console.h>
#include <options.h>
#include <page_alloc.h>
#include <sched.h>
#include <version.h>

#include "boot.h"
#include "secondary.h"

void start_of_day(u32 magic, u32 info) __noreturn;
void early_exception(const unsigned long *frame, unsigned long rbp) __noreturn;

/* ---- exceptions before trap_init() ---- */

#define EXCEPTIONS             32UL
#define STUB_SIZE              16UL
#define GATE_INTERRUPT_PRESENT 0x8e00UL
#define BOOT_CS                0x08UL /* head.S */

extern const char early_exception_stubs[];
static u64 early_idt[2 * EXCEPTIONS] __initdata;

void __init early_idt_load(void)
{
    lidt((unsigned long)early_idt, sizeof(early_idt) - 1);
}

static void __init early_idt_init(void)
{
    for (unsigned long i = 0; i < EXCEPTIONS; i++) {
        unsigned long at = (unsigned long)early_exception_stubs + i * STUB_SIZE;

        early_idt[2 * i] = (at & 0xffff) | BOOT_CS << 16 | GATE_INTERRUPT_PRESENT << 32 |
                           (at >> 16 & 0xffff) << 48;
        early_idt[2 * i + 1] = at >> 32;
    }
    early_idt_load();
}

/*
 * Reports an exception before trap_init().
 * @frame: vector, error code, RIP, CS, RFLAGS, RSP
 */
void __init early_exception(const unsigned long *frame, unsigned long rbp)
{
    panic(
        "exception %lu during boot: error code %#lx, RIP %016lx, RSP %016lx, CR2 %016lx, RBP %016lx",
        frame[0], frame[1], frame[2], frame[5], read_cr2(), rbp);
}

/* ---- fatal errors ---- */

void __init boot_fatal(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintk(LOG_ERR, fmt, ap);
    va_end(ap);
    machine_give_up();
}

/* ---- the steps ---- */

static void __init say_hello(void)
{
    printk(LOG_INFO, "Bulkhead, PV ABI of Xen %u.%u%s%s", XEN_ABI_MAJOR, XEN_ABI_MINOR,
           BULKHEAD_EXTRAVERSION, BUILD_KIND);
    printk(LOG_INFO, "boot loader: %s", *boot_info.loader ? boot_info.loader : "unknown");
    printk(LOG_INFO, "command line: %s", boot_info.cmdline);
}

static unsigned long __init heap_used(void)
{
    return (heap_total_pages() - heap_free_pages()) << PAGE_SHIFT;
}

static void __init cpus_start(void)
{
    unsigned int present = MAX(acpi.nr_cpus, 1U);
    unsigned long used = heap_used();

    secondary_start_all(hv_options.maxcpus);
    fixed_memory.cpus = heap_used() - used;
    if (hv_options.maxcpus < present)
        printk(LOG_INFO, "CPUs: %u present, at most %u by maxcpus=, %u used", present,
               hv_options.maxcpus, nr_cpus);
    else
        printk(LOG_INFO, "CPUs: %u present, %u used", present, nr_cpus);
}

/* CPU 0 leaves the hypervisor for the first time soon after this. */
static void __init watch_cpus(void)
{
    if (hv_options.watchdog)
        watchdog_start(hv_options.watchdog_timeout);
}

static void __init memory_init(void)
{
    memory_map_init();
    cpu_setup();
    paging_init();
    descriptor_windows_init();
    frame_table_init();
    memory_to_heap();
    printk(LOG_INFO, "heap: %lu of %lu MiB", heap_free_pages() >> (20 - PAGE_SHIFT),
           memory_ram_pages() >> (20 - PAGE_SHIFT));
}

void __init start_of_day(u32 magic, u32 info)
{
    u64 *init_l1[INIT_L1_MAX];
    bool known;

    early_idt_init();
    smp_init_boot_cpu();
    known = multiboot_parse(magic, info);
    options_parse(boot_info.cmdline);
    console_init_early(&hv_options);
    say_hello();
    if (!known)
        boot_fatal("boot loader protocol %#x is neither multiboot 1 nor multiboot2", magic);
    options_report();
    cpu_identify();
    memory_init();
    trap_init();
    patch_code();
    platform_init();
    efi_init();
    domain_init();
    sched_cpu_init(0);
    sched_cpu_up(0);
    timer_cpu_init(0);
    cpus_start();
    console_init_input();
    fixed_memory.heap = heap_used();
    dom0_build();
    time_settle();
    watch_cpus();
    discard_init(init_l1, prepare_discard(init_l1));
}
