/* SPDX-License-Identifier: MIT */
/*
 * What memory_op says of memory maps and of the M2P table's frames: whole answers, word for word,
 * and each refusal.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/memory_map.h>
#include <asm/paging.h>
#include <guest_access.h>
#include <host_x86.h>
#include <public/memory.h>
#include <pv/pte.h>

#define BUFFER 4096U /* where in the guest's window lists stand */

static struct domain *a, *b; /* a is privileged */

static int setup(void **state)
{
    static bool booted;

    host_boot(4096);
    if (!booted)
        host_boot_x86();
    booted = true;
    host_preempt_every(0);
    host_guest_limit(0, 0);
    memset(host_guest, 0x5a, 2 * BUFFER);
    a = host_domain(1, 1, 4, true);
    b = host_domain(2, 1, 4, false);
    host_become(a->vcpu[0]);
    return a && b ? 0 : -1;
}

static int teardown(void **state)
{
    host_kill(a);
    host_kill(b);
    return 0;
}

#define MEMORY_OP(cmd, op) host_memory_op(XENMEM_##cmd, &(op), sizeof(op))

/* ---- the map of a domain ---- */

static long set_map(domid_t id, const struct e820_entry *map, unsigned int nr)
{
    struct xen_foreign_memory_map op = {.domid = id, .map.nr_entries = nr};

    if (map)
        memcpy(host_guest + BUFFER, map, nr * sizeof(*map));
    set_xen_guest_handle(op.map.buffer, (void *)GUEST(BUFFER));
    return MEMORY_OP(set_memory_map, op);
}

/* *@nr: in, the room; out, what is said. */
static long get_map(unsigned int *nr)
{
    struct xen_memory_map op = {.nr_entries = *nr};
    long rc;

    set_xen_guest_handle(op.buffer, (void *)GUEST(BUFFER));
    rc = MEMORY_OP(memory_map, op);
    *nr = op.nr_entries;
    return rc;
}

static void a_domain_gets_its_map(void **state)
{
    static const struct e820_entry map[2] = {{0, 0xa0000, 1}, {0x100000, 0x700000, 1}};
    unsigned long objects = host_objects();
    u32 refs = b->refs;
    unsigned int nr = 5;

    host_become(b->vcpu[0]);
    assert_int_equal(get_map(&nr), -XEN_ENOSYS);
    assert_int_equal(nr, 5);
    host_become(a->vcpu[0]);
    for (unsigned int again = 0; again < 2; again++) {
        assert_int_equal(set_map(2, map, 2), 0);
        assert_int_equal(host_objects(), objects + 1);
        assert_int_equal(b->refs, refs);
    }
    host_become(b->vcpu[0]);
    memset(host_guest + BUFFER, 0x5a, 100);
    assert_int_equal(get_map(&nr), 0);
    assert_int_equal(nr, 2);
    assert_memory_equal(host_guest + BUFFER, map, 40);
    assert_int_equal(host_guest[BUFFER + 40], 0x5a);
    memset(host_guest + BUFFER, 0x5a, 100);
    nr = 1; /* as much as there is room for */
    assert_int_equal(get_map(&nr), 0);
    assert_int_equal(nr, 1);
    assert_memory_equal(host_guest + BUFFER, map, 20);
    assert_int_equal(host_guest[BUFFER + 20], 0x5a);
    /* A domain may change its own map itself. An empty map is not one. */
    assert_int_equal(set_map(DOMID_SELF, NULL, 0), 0);
    assert_int_equal(get_map(&nr), -XEN_ENOSYS);
    assert_int_equal(set_map(2, map, 1), 0);
    nr = 9;
    assert_int_equal(get_map(&nr), 0);
    assert_int_equal(nr, 1);
}

static void a_map_is_refused(void **state)
{
    static const struct e820_entry map[2] = {{0, 0xa0000, 1}, {0x100000, 0x700000, 1}};
    unsigned long objects = host_objects();
    u32 refs = a->refs, refs_b = b->refs;
    unsigned int nr = 2;

    assert_int_equal(set_map(77, map, 2), -XEN_ESRCH);
    assert_int_equal(set_map(2, NULL, 1025), -XEN_EINVAL);
    assert_int_equal(do_memory_op(XENMEM_set_memory_map, GUEST(HOST_WINDOW) - 8), -XEN_EFAULT);
    host_guest_limit(0, BUFFER + 39);
    assert_int_equal(set_map(2, map, 2), -XEN_EFAULT);
    host_guest_limit(0, 0);
    host_fail_allocation(1);
    assert_int_equal(set_map(2, map, 2), -XEN_ENOMEM);
    host_fail_allocation(0);
    host_become(b->vcpu[0]);
    assert_int_equal(set_map(1, map, 2), -XEN_EPERM);
    assert_int_equal(host_objects(), objects);
    assert_int_equal(a->refs, refs);
    assert_int_equal(b->refs, refs_b);
    assert_int_equal(get_map(&nr), -XEN_ENOSYS);

    assert_int_equal(set_map(2, NULL, 1024), 0);
    assert_int_equal(set_map(2, map, 2), 0);
    assert_int_equal(do_memory_op(XENMEM_memory_map, GUEST(HOST_WINDOW) - 8), -XEN_EFAULT);
    host_guest_limit(0, BUFFER + 39);
    assert_int_equal(get_map(&nr), -XEN_EFAULT);
    host_guest_limit(0, 0);
    assert_int_equal(get_map(&nr), 0);
}

/* ---- the machine's map ---- */

static void allow(unsigned long first, unsigned long last)
{
    assert_int_equal(rangeset_add(a->iomem, first, last), 0);
}

static long machine_map_of(void *buffer, unsigned int *nr)
{
    struct xen_memory_map op = {.nr_entries = *nr};
    long rc;

    set_xen_guest_handle(op.buffer, buffer);
    memset(host_guest + BUFFER, 0x5a, 500);
    rc = MEMORY_OP(machine_memory_map, op);
    *nr = op.nr_entries;
    return rc;
}

/* What dom0 may not map shows as reserved, between the machine's ranges and behind them. */
static void the_machine_map_hides_what_is_ours(void **state)
{
    static const struct e820_entry machine[] = {
        {0x1000, 0x9e001, 1}, /* it ends within frame 9f */
        {0xf0000, 0x10000, 2},
        {0x100000, 0x7f00000, 1},
    };
    static const struct e820_entry shown[] = {
        {0, 0x1000, 2},
        {0x1000, 0x9e001, 1},
        {0xc0000, 0x20000, 2},
        {0xf0000, 0x10000, 2},
        {0x100000, 0x7f00000, 1},
        {0xfec00000, 0x100000, 2},
        {0xfed01000, 0x12ff000, 2},
    };
    unsigned int nr = 0;

    memcpy(machine_map, machine, sizeof(machine));
    machine_map_entries = 3;
    allow(0xa0, 0xbf);
    allow(0xe0, 0xef);
    allow(0x8000, 0xfebff);
    allow(0xfed00, 0xfed00);
    assert_int_equal(machine_map_of(NULL, &nr), 0);
    assert_int_equal(nr, 7);
    nr = 7;
    assert_int_equal(machine_map_of((void *)GUEST(BUFFER), &nr), 0);
    assert_int_equal(nr, 7);
    assert_memory_equal(host_guest + BUFFER, shown, sizeof(shown));
    assert_int_equal(host_guest[BUFFER + sizeof(shown)], 0x5a);
    /* Not enough room: known at once, or at the entry. */
    for (nr = 0; nr < 7;) {
        unsigned int room = nr;

        assert_int_equal(machine_map_of((void *)GUEST(BUFFER), &room), -XEN_EINVAL);
        assert_int_equal(room, nr);
        /* With room for the machine's own and one more it is found out while writing. */
        assert_int_equal(host_guest[BUFFER], nr < 4 ? 0x5a : 0);
        assert_int_equal(host_guest[BUFFER + 20UL * nr], 0x5a);
        nr++;
    }
    for (unsigned int full = 0; full < 7; full++) {
        nr = 7;
        host_guest_limit(0, BUFFER + 20 * full);
        memset(host_guest + BUFFER, 0, 20);
        assert_int_equal(machine_map_of((void *)GUEST(BUFFER), &nr), -XEN_EFAULT);
        host_guest_limit(0, 0);
    }
    assert_int_equal(do_memory_op(XENMEM_machine_memory_map, GUEST(HOST_WINDOW) - 8), -XEN_EFAULT);
    host_become(b->vcpu[0]);
    assert_int_equal(machine_map_of(NULL, &nr), -XEN_EPERM);
}

/* All that is not RAM is permitted up to the end of the address space, or RAM ends above 4 GiB. */
static void nothing_is_to_hide(void **state)
{
    static const struct e820_entry low[] = {{0, 0x8000000, 1}};
    static const struct e820_entry high[] = {{0, 0x80000000, 1}, {0x100000000, 0x1000, 1}};
    struct e820_entry hole = {0x80000000, 0x80000000, 2};
    unsigned int nr = 9;

    memcpy(machine_map, low, sizeof(low));
    machine_map_entries = 1;
    allow(0x8000, ~0UL);
    assert_int_equal(machine_map_of((void *)GUEST(BUFFER), &nr), 0);
    assert_int_equal(nr, 1);
    assert_memory_equal(host_guest + BUFFER, low, sizeof(low));

    assert_int_equal(rangeset_remove(a->iomem, 0, ~0UL), 0);
    memcpy(machine_map, high, sizeof(high));
    machine_map_entries = 2;
    nr = 9;
    assert_int_equal(machine_map_of((void *)GUEST(BUFFER), &nr), 0);
    assert_int_equal(nr, 3);
    assert_memory_equal(host_guest + BUFFER, &high[0], 20);
    assert_memory_equal(host_guest + BUFFER + 20, &hole, 20);
    assert_memory_equal(host_guest + BUFFER + 40, &high[1], 20);
    /* Permission for what is above does not matter. */
    allow(0x100000, 0x200000);
    nr = 9;
    assert_int_equal(machine_map_of((void *)GUEST(BUFFER), &nr), 0);
    assert_int_equal(nr, 3);
    assert_memory_equal(host_guest + BUFFER + 20, &hole, 20);
}

/* ---- arguments that cannot be read ---- */

#define NOWHERE (1UL << 40)
static unsigned int looks;

/* No memory is at NOWHERE; whoever asks is counted. */
static void *nowhere(unsigned long addr, unsigned long bytes)
{
    looks += addr - NOWHERE < PAGE_SIZE;
    return NULL;
}

/* Zeros the stack below the caller: an argument that nobody reads has no list there. */
static __noinline void empty_stack(void)
{
    char below[4096];

    memset(below, 0, sizeof(below));
    __asm__ volatile("" ::"r"(below) : "memory");
}

/* The first word that cannot be read ends the call: nothing is made of an argument without it. */
static void what_cannot_be_read_is_not_used(void **state)
{
    static const struct e820_entry map[1] = {{0, 0xa0000, 1}};
    void *(*more)(unsigned long, unsigned long) = host_more_guest_memory;
    const unsigned int cmds[] = {XENMEM_set_memory_map, XENMEM_memory_map,
                                 XENMEM_machine_memory_map, XENMEM_machphys_mfn_list};

    assert_int_equal(set_map(DOMID_SELF, map, 1), 0);
    host_more_guest_memory = nowhere;
    for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++) {
        looks = 0;
        empty_stack();
        assert_int_equal(do_memory_op(cmds[i], NOWHERE), -XEN_EFAULT);
        assert_int_equal(looks, 1);
    }
    host_more_guest_memory = more;
}

/* ---- the M2P table ---- */

static void where_the_m2p_is(void **state)
{
    struct xen_machphys_mapping op = {0};

    host_become(b->vcpu[0]);
    assert_int_equal(MEMORY_OP(machphys_mapping, op), 0);
    assert_int_equal(op.v_start, 0xffff800000000000);
    assert_int_equal(op.v_end, 0xffff804000000000);
    assert_int_equal(op.max_mfn, 0x7ffffffff);
    assert_int_equal(do_memory_op(XENMEM_machphys_mapping, GUEST(HOST_WINDOW) - 8), -XEN_EFAULT);
    assert_int_equal(do_memory_op(61, GUEST(0)), -XEN_ENOSYS);
}

static long m2p_list(unsigned int room, unsigned int *nr)
{
    struct xen_machphys_mfn_list op = {.max_extents = room};
    long rc;

    set_xen_guest_handle(op.extent_start, (void *)GUEST(BUFFER));
    memset(host_guest + BUFFER, 0x5a, 100);
    memcpy(host_guest, &op, sizeof(op));
    rc = do_memory_op(XENMEM_machphys_mfn_list, GUEST(0));
    memcpy(&op, host_guest, sizeof(op));
    *nr = op.nr_extents;
    return rc;
}

/*
 * The table is 4 MiB and two pages: a large page, a gap, and a table with its first two pages. Who
 * may map any of it gets it lent, in pieces, and once.
 */
static void the_m2p_is_listed_and_lent(void **state)
{
    u64 *l3 = alloc_hv_pages(0), *l2 = alloc_hv_pages(0), *l1 = alloc_hv_pages(0);
    void *large = alloc_hv_pages(9), *small = alloc_hv_pages(1);
    const u64 list[] = {virt_to_mfn(large).n, virt_to_mfn(large).n, virt_to_mfn(small).n};
    const struct page *first = virt_to_page(large);
    u64 *slot = &hv_l4[257], before = *slot;
    unsigned int nr, pieces = 0;
    u32 refs = dom_xen->refs;
    long rc;

    *slot = virt_to_maddr(l3) | PTE_PRESENT;
    l3[0] = virt_to_maddr(l2) | PTE_PRESENT;
    l2[0] = virt_to_maddr(large) | PTE_PRESENT | PTE_LARGE;
    l2[2] = virt_to_maddr(l1) | PTE_PRESENT;
    l1[0] = virt_to_maddr(small) | PTE_PRESENT;
    l1[1] = (virt_to_maddr(small) + PAGE_SIZE) | PTE_PRESENT;
    m2p_bytes = (4UL << 20) + 2 * PAGE_SIZE;

    host_become(b->vcpu[0]);
    assert_int_equal(m2p_list(2, &nr), 0);
    assert_int_equal(nr, 2);
    assert_memory_equal(host_guest + BUFFER, list, 16);
    assert_int_equal(host_guest[BUFFER + 16], 0x5a);
    assert_int_equal(m2p_list(10, &nr), 0);
    assert_int_equal(nr, 3);
    assert_memory_equal(host_guest + BUFFER, list, 24);
    assert_int_equal(host_guest[BUFFER + 24], 0x5a);
    assert_int_equal(dom_xen->refs, refs);

    host_become(a->vcpu[0]);
    host_preempt_every(1);
    rc = m2p_list(10, &nr);
    assert_int_equal(rc, HOST_CONTINUED);
    assert_int_equal(host_continued.op, __HYPERVISOR_memory_op);
    assert_int_equal(host_continued.nargs, 2);
    assert_int_equal(host_continued.args[0], XENMEM_machphys_mfn_list);
    assert_int_equal(host_continued.args[1], GUEST(0));
    assert_ptr_equal(page_owner(&first[0]), dom_xen);
    assert_ptr_not_equal(page_owner(&first[1]), dom_xen);
    while (rc == HOST_CONTINUED) {
        pieces++;
        rc = m2p_list(10, &nr);
    }
    host_preempt_every(0);
    assert_int_equal(rc, 0);
    assert_int_equal(pieces, 1025); /* pages, and none for the last one */
    assert_int_equal(nr, 3);
    assert_memory_equal(host_guest + BUFFER, list, 24);
    assert_int_equal(dom_xen->refs, refs + 514);
    assert_ptr_equal(page_owner(&first[511]), dom_xen);
    assert_ptr_equal(page_owner(virt_to_page(small)), dom_xen);
    assert_ptr_equal(page_owner(virt_to_page(small) + 1), dom_xen);
    assert_int_equal(page_type_count(first[5].state), 1);
    assert_int_equal(first[5].state & PG_TYPE_MASK, PG_TYPE_NONE); /* no mapping is writable */
    assert_int_equal(m2p_list(10, &nr), 0);
    assert_int_equal(dom_xen->refs, refs + 514);

    host_guest_limit(0, BUFFER + 16);
    memset(host_guest + BUFFER, 0, 16);
    assert_int_equal(do_memory_op(XENMEM_machphys_mfn_list, GUEST(0)), -XEN_EFAULT);
    host_guest_limit(0, 0);
    assert_int_equal(do_memory_op(XENMEM_machphys_mfn_list, GUEST(HOST_WINDOW) - 8), -XEN_EFAULT);
    l2[0] = 0; /* before the first frame there is none to repeat */
    assert_int_equal(m2p_list(1, &nr), 0);
    assert_int_equal(nr, 1);
    assert_int_equal(*(xen_pfn_t *)(void *)(host_guest + BUFFER), 0);
    *slot = before;
    m2p_bytes = 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_domain_gets_its_map),
        TEST(a_map_is_refused),
        TEST(the_machine_map_hides_what_is_ours),
        TEST(nothing_is_to_hide),
        TEST(what_cannot_be_read_is_not_used),
        TEST(where_the_m2p_is),
        TEST(the_m2p_is_listed_and_lent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
