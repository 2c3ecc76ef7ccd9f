/* SPDX-License-Identifier: MIT */
/*
 * The benchmark guest: what each operation of the PV interface costs, counted with the time-stamp
 * counter. Under QEMU's `-icount shift=0` one tick is one instruction. Each figure is that of the
 * cheapest of several rounds, divided by its operations, so that a timer interrupt of the
 * hypervisor does not show. The guest's own side of each loop is included.
 *
 * Output: lines `BENCH name value`, at the end `BENCH DONE`.
 */
#include <clock.h>
#include <events.h>
#include <grant.h>
#include <guest.h>
#include <hypercall.h>
#include <inttypes.h>
#include <memory.h>
#include <pagetable.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <traps.h>
#include <user.h>
#include <vcpu.h>

#define ROUNDS     20
#define OPERATIONS 32

extern char bench_invalid_opcode[], bench_page_fault[], bench_syscall[], bench_event[];
extern const char bench_user_code[];
extern const uint64_t bench_user_code_size;
extern void *bench_vcpu_info, *bench_pending;
extern volatile uint64_t bench_events;

/* entry.S's, to be put back after a measurement replaced them. */
extern char trap_invalid_opcode[], trap_page_fault[], trap_syscall[], event_entry[];

static uint8_t *page, *other_page;
static char *window;
static const pte_t *window_entry;

static void report(const char *name, uint64_t value)
{
    printf("BENCH %s %" PRIu64 "\n", name, value);
}

static void must(bool condition, const char *what)
{
    if (!condition)
        guest_panic("benchmark: %s", what);
}

/* Run `body` OPERATIONS times per round, after `prepare`, which is not counted. */
#define MEASURE_PREPARED(name, prepare, body)                      \
    do {                                                           \
        uint64_t best_ = ~0ull;                                    \
        for (unsigned int round_ = 0; round_ < ROUNDS; round_++) { \
            uint64_t start_, took_;                                \
            prepare;                                               \
            start_ = clock_tsc();                                  \
            for (unsigned int i = 0; i < OPERATIONS; i++) {        \
                body;                                              \
            }                                                      \
            took_ = clock_tsc() - start_;                          \
            best_ = took_ < best_ ? took_ : best_;                 \
        }                                                          \
        report(name, best_ / OPERATIONS);                          \
    } while (0)

#define MEASURE(name, body) MEASURE_PREPARED(name, (void)0, body)

static void set_handler(uint8_t vector, const char *handler)
{
    trap_info_t table[2] = {{vector, 0, FLAT_KERNEL_CS, (unsigned long)handler}, {0}};

    must(hypercall_set_trap_table(table) == 0, "set_trap_table");
}

static void set_callback(uint16_t type, const char *handler)
{
    struct callback_register callback = {.type = type, .address = (unsigned long)handler};

    must(hypercall_callback_op(CALLBACKOP_register, &callback) == 0, "callback_op");
}

static void bench_hypercalls(void)
{
    static multicall_entry_t calls[32];

    MEASURE("null_hypercall", hypercall_xen_version(XENVER_version, NULL));
    MEASURE("multicall_32", {
        for (unsigned int call = 0; call < 32; call++) {
            calls[call].op = __HYPERVISOR_xen_version;
            calls[call].args[0] = XENVER_version;
            calls[call].args[1] = 0;
            asm volatile("" ::: "memory");
        }
        hypercall_multicall(calls, 32);
    });
    MEASURE("stack_switch", hypercall_stack_switch(FLAT_KERNEL_SS, 0xffffffff80001000));
    MEASURE("set_segment_base", hypercall_set_segment_base(SEGBASE_GS_USER, 0x1000));
    MEASURE("fpu_taskswitch", hypercall_fpu_taskswitch(0));
}

static pte_t data_pte(const void *va)
{
    return make_pte(va_to_mfn(va), PTE_KERNEL_DATA);
}

/* Fills the window's entries with two values in turn. */
static void set_window(pte_t even, pte_t odd)
{
    for (unsigned int slot = 0; slot < OPERATIONS; slot++)
        must(pte_set(&window_entry[slot], slot & 1 ? odd : even) == 0, "pte_set");
}

static void bench_page_tables(void)
{
    pte_t ptes[2] = {data_pte(page), data_pte(other_page)};
    static mmu_update_t updates[32];
    uint64_t maddr = pte_maddr(window_entry);
    struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
    struct mmuext_op invlpg = {.cmd = MMUEXT_INVLPG_LOCAL};

    invlpg.arg1.linear_addr = (unsigned long)window;
    MEASURE("update_va_mapping", hypercall_update_va_mapping(window, ptes[i & 1], UVMF_NONE));
    MEASURE("mmu_update_32", {
        for (unsigned int slot = 0; slot < 32; slot++) {
            updates[slot].ptr = maddr + slot * sizeof(pte_t);
            updates[slot].val = ptes[i & 1];
        }
        hypercall_mmu_update(updates, 32, NULL, DOMID_SELF);
    });
    set_window(0, 0);
    MEASURE("tlb_flush_local", hypercall_mmuext_op(&flush, 1, NULL, DOMID_SELF));
    MEASURE("invlpg_local", hypercall_mmuext_op(&invlpg, 1, NULL, DOMID_SELF));
}

static void bench_pin(void)
{
    pte_t *table = page_alloc_zeroed();
    struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = va_to_mfn(table)};
    struct mmuext_op unpin = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = va_to_mfn(table)};
    uint8_t *pages = pages_alloc(512);
    long status = 0;

    for (unsigned int i = 0; i < 512; i++)
        table[i] = make_pte(va_to_mfn(pages + i * PAGE_SIZE), PTE_KERNEL_DATA);
    must(page_protect(table, PTE_KERNEL_RO) == 0, "protect");
    MEASURE("pin_unpin_l1", {
        status |= hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF);
        status |= hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF);
    });
    must(status == 0, "pin and unpin");
    must(page_protect(table, PTE_KERNEL_DATA) == 0, "unprotect");
    page_free(table);
    pages_free(pages, 512);
}

static void bench_traps(void)
{
    uint64_t value;

    set_handler(TRAP_INVALID_OPCODE, bench_invalid_opcode);
    MEASURE("invalid_opcode", asm volatile("ud2" ::: "memory"));
    set_handler(TRAP_INVALID_OPCODE, trap_invalid_opcode);
    set_handler(TRAP_PAGE_FAULT, bench_page_fault);
    MEASURE("page_fault", asm volatile("mov (%1), %0" : "=a"(value) : "d"(window) : "memory"));
    set_handler(TRAP_PAGE_FAULT, trap_page_fault);
    MEASURE("read_cr0", asm volatile("mov %%cr0, %0" : "=r"(value)));
}

static void bench_system_call(void)
{
    struct user_space space;
    uint64_t best = ~0ull;

    must(user_space_create(&space) == 0, "user space");
    memcpy(page, bench_user_code, bench_user_code_size);
    must(user_map(&space, 0x400000, va_to_mfn(page), PTE_KERNEL_TEXT) == 0, "user page");
    set_callback(CALLBACKTYPE_syscall, bench_syscall);
    /* The difference of a long and a short run leaves out entering and leaving. */
    for (unsigned int round = 0; round < ROUNDS; round++) {
        uint64_t took[2];

        for (unsigned int run = 0; run < 2; run++) {
            struct registers regs = {.rip = 0x400000, .rdi = run ? 2 * OPERATIONS : OPERATIONS};
            uint64_t start = clock_tsc();

            user_run(&space, &regs);
            took[run] = clock_tsc() - start;
            must(regs.vector == TRAP_INVALID_OPCODE, "end of the user code");
        }
        if (took[1] - took[0] < best)
            best = took[1] - took[0];
    }
    report("user_syscall", best / OPERATIONS);
    set_callback(CALLBACKTYPE_syscall, trap_syscall);
    user_space_destroy(&space);
}

/* Each write goes to another of neighbouring entries, and changes what it maps. */
static void bench_pte_writes(void)
{
    volatile pte_t *entries = (volatile pte_t *)window_entry;
    pte_t pte = data_pte(page), other = data_pte(other_page);
    pte_t value;
    struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

    must(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables) == 0, "assist");
    MEASURE_PREPARED("pte_store", set_window(pte, pte), entries[i] = other);
    MEASURE_PREPARED("pte_lock_and", set_window(pte, pte),
                     asm volatile("lock andb $0xfd, %0"
                                  : "+m"(*(volatile uint8_t *)&entries[i])
                                  :
                                  : "memory", "cc"));
    MEASURE_PREPARED("pte_xchg", (set_window(pte, other), value = other),
                     asm volatile("xchg %0, %1"
                                  : "+r"(value), "+m"(entries[i])
                                  :
                                  : "memory"));
    set_window(0, 0);
    hypercall_mmuext_op(&flush, 1, NULL, DOMID_SELF);
}

static void bench_events_channel(void)
{
    int port = event_bind_ipi(0);
    struct evtchn_send send = {.port = (evtchn_port_t)port};
    uint64_t before;

    must(port >= 0, "ipi port");
    MEASURE("event_send_masked", {
        hypercall_event_channel_op(EVTCHNOP_send, &send);
        shared_info->evtchn_pending[0] = 0;
    });
    bench_vcpu_info = this_vcpu()->info;
    bench_pending = &shared_info->evtchn_pending[(unsigned int)port / 64];
    /* Only our port may bring an upcall meanwhile. */
    events_disable();
    unsigned long masks = shared_info->evtchn_mask[0];
    shared_info->evtchn_mask[0] = ~(1ul << ((unsigned int)port % 64));
    set_callback(CALLBACKTYPE_event, bench_event);
    events_restore(true);
    before = bench_events;
    MEASURE("event_send_self", hypercall_event_channel_op(EVTCHNOP_send, &send));
    must(bench_events - before == (uint64_t)ROUNDS * OPERATIONS, "every event arrived");
    events_disable();
    set_callback(CALLBACKTYPE_event, event_entry);
    shared_info->evtchn_mask[0] = masks;
    events_restore(true);
    event_close((evtchn_port_t)port);
}

static void bench_grants(void)
{
    domid_t self = guest_domid();
    uint8_t *target = page_alloc_zeroed();
    int ref = grant_offer(self, va_to_mfn(page), false);
    struct gnttab_map_grant_ref map = {.host_addr = (unsigned long)window,
                                       .flags = GNTMAP_host_map,
                                       .ref = (grant_ref_t)ref,
                                       .dom = self};
    struct gnttab_unmap_grant_ref unmap = {.host_addr = (unsigned long)window};
    struct gnttab_copy copy = {
        .source = {.u.ref = (grant_ref_t)ref, .domid = self},
        .dest = {.u.gmfn = va_to_mfn(target), .domid = DOMID_SELF},
        .len = PAGE_SIZE,
        .flags = GNTCOPY_source_gref,
    };
    int status = 0;

    MEASURE("grant_map_unmap", {
        hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);
        status |= map.status;
        unmap.handle = map.handle;
        hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
        status |= unmap.status;
    });
    must(status == GNTST_okay, "grant map and unmap");
    MEASURE("grant_copy_4096", {
        hypercall_grant_table_op(GNTTABOP_copy, &copy, 1);
        status |= copy.status;
    });
    must(status == GNTST_okay, "grant copy");
    must(grant_end((grant_ref_t)ref), "end of the grant");
    page_free(target);
}

static void bench_time(void)
{
    MEASURE("set_timer_op", hypercall_set_timer_op(clock_now() + NANOSECONDS_PER_SECOND));
    hypercall_set_timer_op(0);
    MEASURE("yield", hypercall_sched_op(SCHEDOP_yield, NULL));
}

void guest_main(void)
{
    page = page_alloc_zeroed();
    other_page = page_alloc_zeroed();
    window = window_reserve(32);
    must(page && other_page && window, "memory");
    window_entry = pte_lookup(window, 1);
    bench_hypercalls();
    bench_page_tables();
    bench_pin();
    bench_traps();
    bench_system_call();
    bench_pte_writes();
    bench_events_channel();
    bench_grants();
    bench_time();
    printf("BENCH DONE\n");
}
