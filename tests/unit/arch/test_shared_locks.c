/* SPDX-License-Identifier: MIT */
/*
 * Which locks a domain takes on the hot paths: none that a domain that has nothing to do with it
 * takes there, too, and none of the domain while the contents of a table are looked at
 * (docs/locking.md).
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) */
/* LDFLAGS: -Wl,--wrap=lock_order_acquire -Wl,--wrap=lock_order_release */
/* LDFLAGS: -Wl,--wrap=arch_validate_page */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/apic.h>
#include <asm/irq.h>
#include <asm/pv.h>
#include <asm/tlb.h>
#include <event_channel.h>
#include <grant_impl.h>
#include <public/sched.h>

#include "own_frames.h"

#define LOCKS_MAX 64U

struct locks {
    const spinlock_t *lock[LOCKS_MAX];
    unsigned int count;
};

static struct locks *recording;
static unsigned int held, validated;

void __real_lock_order_acquire(spinlock_t *lock);
void __wrap_lock_order_acquire(spinlock_t *lock);
void __real_lock_order_release(spinlock_t *lock);
void __wrap_lock_order_release(spinlock_t *lock);
int __real_arch_validate_page(struct page *pg, u64 type, bool preemptible);
int __wrap_arch_validate_page(struct page *pg, u64 type, bool preemptible);

static bool takes(const struct locks *locks, const spinlock_t *lock)
{
    for (unsigned int i = 0; i < locks->count; i++)
        if (locks->lock[i] == lock)
            return true;
    return false;
}

void __wrap_lock_order_acquire(spinlock_t *lock)
{
    held++;
    if (recording && !takes(recording, lock)) {
        assert_true(recording->count < LOCKS_MAX);
        recording->lock[recording->count++] = lock;
    }
    __real_lock_order_acquire(lock);
}

void __wrap_lock_order_release(spinlock_t *lock)
{
    held--;
    __real_lock_order_release(lock);
}

int __wrap_arch_validate_page(struct page *pg, u64 type, bool preemptible)
{
    validated++;
    assert_int_equal(held, 0);
    return __real_arch_validate_page(pg, type, preemptible);
}

/* The other CPU flushes at once, and looks at all else when it is its turn. */
void apic_send_ipi(u32 dest_apic_id, u8 vector)
{
    unsigned int self = smp_processor_id();

    if (vector != IPI_FLUSH_VECTOR)
        return;
    host_run_on(dest_apic_id);
    tlb_flush_interrupt();
    host_run_on(self);
}

/* ---- two domains, each with another one that it talks to ---- */

#define PAIRS 2U
#define REF   20U

static struct domain *peers[PAIRS];
static evtchn_port_t ports[PAIRS], own_ports[PAIRS];

/* What domain 1 + @pair does is done on CPU @pair. */
static void become(unsigned int pair)
{
    host_run_on(pair);
    machine_switch(1 + pair, 0);
}

static long event_op(unsigned int cmd, void *op, unsigned long size)
{
    return host_call2(do_event_channel_op, cmd, op, size);
}

static void connect(unsigned int pair)
{
    struct evtchn_alloc_unbound offer = {.remote_dom = (domid_t)(1 + pair)};
    struct evtchn_bind_interdomain bind;
    struct evtchn_bind_ipi ipi = {0};

    peers[pair] = host_domain((domid_t)(5 + pair), 1, 4, false);
    assert_non_null(peers[pair]);
    peers[pair]->vcpu[0]->processor = pair;
    host_run_on(pair);
    machine_switch(0, 0);
    offer.dom = peers[pair]->id;
    assert_int_equal(event_op(EVTCHNOP_alloc_unbound, &offer, sizeof(offer)), 0);
    become(pair);
    vcpu_time_move(current, pair);
    bind = (struct evtchn_bind_interdomain){.remote_dom = offer.dom, .remote_port = offer.port};
    assert_int_equal(event_op(EVTCHNOP_bind_interdomain, &bind, sizeof(bind)), 0);
    ports[pair] = bind.local_port;
    assert_int_equal(event_op(EVTCHNOP_bind_ipi, &ipi, sizeof(ipi)), 0);
    own_ports[pair] = ipi.port;
    *shared_entry(peers[pair]->grant_table, REF) = (struct grant_entry_v1){
        .flags = GTF_permit_access,
        .domid = (domid_t)(1 + pair),
        .frame = (u32)page_to_mfn(host_frame(peers[pair], 1)).n};
}

static int setup(void **state)
{
    recording = NULL;
    host_boot_cpus = PAIRS;
    machine_start(14);
    for (unsigned int pair = 0; pair < PAIRS; pair++)
        connect(pair);
    validated = 0;
    return held;
}

static int teardown(void **state)
{
    recording = NULL;
    for (unsigned int cpu = PAIRS; cpu-- > 0;) {
        host_run_on(cpu);
        machine_run(this_cpu()->rq.idle);
    }
    for (unsigned int pair = 0; pair < PAIRS; pair++)
        host_kill(peers[pair]);
    machine_end();
    return held;
}

/* ---- the paths ---- */

static void send_events(unsigned int pair)
{
    struct evtchn_send send = {.port = ports[pair]};

    assert_int_equal(event_op(EVTCHNOP_send, &send, sizeof(send)), 0);
    send.port = own_ports[pair];
    assert_int_equal(event_op(EVTCHNOP_send, &send, sizeof(send)), 0);
}

static void update_entries(unsigned int pair)
{
    const u64 frame9 = (u64)mfn_of(1 + pair, 9) << PAGE_SHIFT;
    struct mmu_update update = {.ptr = ((u64)mfn_of(1 + pair, 3) << PAGE_SHIFT) + 8UL * 9,
                                .val = frame9 | PTE_PRESENT};

    assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, 0, UVMF_INVLPG), 0);
    assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, frame9 | PTE_PRESENT | PTE_WRITE, 0), 0);
    assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, 0, UVMF_INVLPG), 0);
    memcpy(host_guest, &update, sizeof(update));
    assert_int_equal(do_mmu_update(GUEST(0), 1, 0, DOMID_SELF), 0);
    assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, 0, UVMF_INVLPG), 0);
}

static void ext_op(unsigned int pair, unsigned int cmd, unsigned int frame)
{
    struct mmuext_op op = {.cmd = cmd, .arg1.mfn = mfn_of(1 + pair, frame)};

    memcpy(host_guest, &op, sizeof(op));
    assert_int_equal(do_mmuext_op(GUEST(0), 1, 0, DOMID_SELF), 0);
}

/* A table of its own comes and goes, pinned and by an entry of the next level. */
static void change_tables(unsigned int pair)
{
    const u64 l2 = (u64)mfn_of(1 + pair, 2) << PAGE_SHIFT, l1 = (u64)mfn_of(1 + pair, 10)
                                                                << PAGE_SHIFT;
    struct mmu_update link = {.ptr = l2 + 8, .val = l1 | PTE_PRESENT | PTE_WRITE | PTE_USER};

    assert_int_equal(do_update_va_mapping(10 * PAGE_SIZE, 0, UVMF_INVLPG), 0);
    ext_op(pair, MMUEXT_PIN_L1_TABLE, 10);
    memcpy(host_guest, &link, sizeof(link));
    assert_int_equal(do_mmu_update(GUEST(0), 1, 0, DOMID_SELF), 0);
    ext_op(pair, MMUEXT_UNPIN_TABLE, 10);
    link.val = 0;
    memcpy(host_guest, &link, sizeof(link));
    assert_int_equal(do_mmu_update(GUEST(0), 1, 0, DOMID_SELF), 0);
}

static void use_grants(unsigned int pair)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = 11 * PAGE_SIZE, .flags = GNTMAP_host_map, .ref = REF, .dom = peers[pair]->id};
    struct gnttab_unmap_grant_ref unmap = {.host_addr = 11 * PAGE_SIZE};
    struct gnttab_copy copy = {
        .source = {.u.ref = REF, .domid = peers[pair]->id},
        .dest = {.u.gmfn = mfn_of(1 + pair, 12), .domid = DOMID_SELF},
        .len = 64,
        .flags = GNTCOPY_source_gref,
    };

    assert_int_equal(do_update_va_mapping(11 * PAGE_SIZE, 0, UVMF_INVLPG), 0);
    assert_int_equal(host_grant_op(GNTTABOP_map_grant_ref, &map, sizeof(map), 1), 0);
    assert_int_equal(map.status, GNTST_okay);
    unmap.handle = map.handle;
    assert_int_equal(host_grant_op(GNTTABOP_unmap_grant_ref, &unmap, sizeof(unmap), 1), 0);
    assert_int_equal(unmap.status, GNTST_okay);
    assert_int_equal(host_grant_op(GNTTABOP_copy, &copy, sizeof(copy), 1), 0);
    assert_int_equal(copy.status, GNTST_okay);
}

static void set_timers(unsigned int pair)
{
    assert_int_equal(do_set_timer_op(host_now + 1000000), 0);
    assert_int_equal(do_set_timer_op(0), 0);
}

static void no_lock_is_shared(void **state)
{
    static void (*const paths[])(unsigned int pair) = {send_events, update_entries, change_tables,
                                                       use_grants, set_timers};

    for (unsigned int i = 0; i < ARRAY_SIZE(paths); i++) {
        struct locks locks[PAIRS] = {{{0}, 0}};

        for (unsigned int round = 0; round < 2; round++) { /* the second finds all in place */
            for (unsigned int pair = 0; pair < PAIRS; pair++) {
                become(pair);
                recording = round ? &locks[pair] : NULL;
                paths[i](pair);
                recording = NULL;
            }
        }
        assert_int_equal(locks[0].count, locks[1].count);
        for (unsigned int k = 0; k < locks[0].count; k++)
            if (takes(&locks[1], locks[0].lock[k]))
                fail_msg("path %u: both domains take a lock of rank %d", i, locks[0].lock[k]->rank);
    }
}

/* Whatever has a table validated: a pin, an entry, a new root, a context. */
static void none_is_held_while_a_table_is_validated(void **state)
{
    struct mmu_update link;

    become(0);
    for (unsigned int n = 8; n < 14; n++)
        assert_int_equal(map(n, 0), 0);
    ext_op(0, MMUEXT_PIN_L1_TABLE, 8);
    ext_op(0, MMUEXT_UNPIN_TABLE, 8);
    link = (struct mmu_update){.ptr = maddr(2) + 8,
                               .val = maddr(9) | PTE_PRESENT | PTE_WRITE | PTE_USER};
    memcpy(host_guest, &link, sizeof(link));
    assert_int_equal(do_mmu_update(GUEST(0), 1, 0, DOMID_SELF), 0);
    ext_op(0, MMUEXT_NEW_BASEPTR, 10);
    ext_op(0, MMUEXT_NEW_BASEPTR, 0);
    ext_op(0, MMUEXT_NEW_USER_BASEPTR, 11);
    assert_int_equal(validated, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_lock_is_shared, setup, teardown),
        cmocka_unit_test_setup_teardown(none_is_held_while_a_table_is_validated, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
