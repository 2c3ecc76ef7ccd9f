/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables of guests: which descriptors are taken and as what, what the window shows for a
 * GDT and an LDT, and the counts on their frames, each by the values of the ABI and the manual.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) */
/* LDFLAGS: -Wl,--wrap=drop_ldts */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/paging.h>
#include <asm/pv.h>
#include <percpu.h>
#include <pv/descriptor.h>

#include "own_frames.h"

#define FRAMES 18U

/* As the window's entries are: present, accessed, dirty, never executed; a slot without a frame. */
#define SHOWN 0x8000000000000063UL
#define EMPTY (HOST_IMAGE_PADDR | 0x8000000000000021UL)

#define CODE      0x00affb000000ffffUL /* of ring 3, 64-bit */
#define CODE_KERN 0x00af9b000000ffffUL /* the same of ring 0 */
#define TSS       0x0000890000000067UL

static u64 *window(unsigned int vcpu)
{
    return machine_domains[1]->vcpu[vcpu]->arch.window;
}

/* Where the processor sees the LDT of @vcpu. */
static unsigned long ldt(unsigned int vcpu)
{
    return LDT_VIRT(machine_domains[1]->vcpu[vcpu]->arch.window_nr);
}

static int setup(void **state)
{
    own_frames_start(FRAMES);
    return 0;
}

/* Intel SDM volume 3, figures 3-8 and 5-8; 0 in the last column: refused. */
static void each_kind_of_descriptor(void **state)
{
    static const struct {
        u64 asked, taken;
        bool ok;
    } cases[] = {
        {0, 0, true},
        {CODE, CODE, true},
        {CODE_KERN, CODE, true},
        {0x00cf92000000ffffUL, 0x00cff2000000ffffUL, true}, /* data */
        {0x00cfb2000000ffffUL, 0x00cff2000000ffffUL, true}, /* of ring 1 */
        {0x0000090000000067UL, 0x0000090000000067UL, true}, /* a TSS that is not present */
        {0x00000c0000000000UL, 0x00000c0000000000UL, true}, /* a gate that is not */
        {0x0000800000000000UL, 0x0000e00000000000UL, true}, /* type 0: half a gate */
        {0x1234800056789abcUL, 0x1234e00056789abcUL, true},
        {0x0000810000000000UL, 0, false},
        {0x0000820000000000UL, 0, false}, /* LDT */
        {0x0000840000000000UL, 0, false}, /* call gate of 16 bits */
        {0x0000880000000000UL, 0, false},
        {TSS, 0, false},
        {0x00008b0000000067UL, 0, false}, /* a busy one */
        {0x00008d00e0330000UL, 0, false},
        {0x00008e00e0330000UL, 0, false},                   /* interrupt gate */
        {0x00008f00e0330000UL, 0, false},                   /* trap gate */
        {0x00008c00e0330000UL, 0x0000ec00e0330000UL, true}, /* to the flat code segment */
        {0x00008c00e0300000UL, 0x0000ec00e0330000UL, true},
        {0xffff8c00e0331234UL, 0xffffec00e0331234UL, true},
        {0x00008c0000080000UL, 0x0000ec00000b0000UL, true},
        {0x00008c00dff80000UL, 0x0000ec00dffb0000UL, true}, /* the guest's last one */
        {0x00008c00e0000000UL, 0, false},                   /* our first one */
        {0x00008c00e0030000UL, 0, false},
        {0x00008c00e0080000UL, 0, false},
        {0x00008c00e02b0000UL, 0, false},
        {0x00008c00fffb0000UL, 0, false},
        {0x00008c00e0040000UL, 0x0000ec00e0070000UL, true}, /* in the LDT */
        {0x00008c00fffc0000UL, 0x0000ec00ffff0000UL, true},
        {0x00008c0100080000UL, 0, false}, /* with a count of parameters or an IST */
        {0x00008c8000080000UL, 0, false},
        {0x00008c1000080000UL, 0, false},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        u64 d = cases[i].asked, at = ((u64)mfn(10) << PAGE_SHIFT) + 8UL * i;

        assert_int_equal(check_descriptor(&d), cases[i].ok);
        assert_int_equal(d, cases[i].ok ? cases[i].taken : cases[i].asked);
        words(10)[i] = 0x5555;
        assert_int_equal(do_update_descriptor(at, cases[i].asked), cases[i].ok ? 0 : -XEN_EINVAL);
        assert_int_equal(words(10)[i], cases[i].ok ? cases[i].taken : 0x5555);
    }
}

static void updates_go_where_a_guest_may_write(void **state)
{
    const u64 at = (u64)mfn(10) << PAGE_SHIFT;
    unsigned long other = mfn_of(2, 10), list = mfn(10);

    words(10)[1] = 7;
    for (unsigned int i = 1; i < 8; i++)
        assert_int_equal(do_update_descriptor(at + i, CODE), -XEN_EINVAL);
    assert_int_equal(do_update_descriptor((u64)machine_frames << PAGE_SHIFT, CODE), -XEN_EINVAL);
    assert_int_equal(do_update_descriptor(1UL << 51, CODE), -XEN_EINVAL);
    assert_int_equal(do_update_descriptor((u64)other << PAGE_SHIFT, CODE), -XEN_EINVAL);
    assert_int_equal(do_update_descriptor((u64)mfn(3) << PAGE_SHIFT, CODE), -XEN_EINVAL);
    assert_int_equal(words(10)[0], 0);
    assert_int_equal(words(10)[1], 7);
    /* Plain memory, and a table in use; counts stay as they were. */
    assert_int_equal(do_update_descriptor(at + 4088, CODE_KERN), 0);
    assert_int_equal(words(10)[511], CODE);
    assert_int_equal(types(10), 0);
    assert_int_equal(refs(10), 1);
    memcpy(host_guest, &list, sizeof(list));
    words(10)[1] = 0;
    assert_int_equal(do_set_gdt(GUEST(0), 512), 0);
    assert_int_equal(do_update_descriptor(at + 8, CODE_KERN), 0);
    assert_int_equal(words(10)[1], CODE);
    assert_int_equal(do_update_descriptor(at + 8, TSS), -XEN_EINVAL);
    assert_int_equal(words(10)[1], CODE);
    assert_int_equal(types(10), 1);
    assert_int_equal(refs(10), 2);
}

static long set_gdt_of(const unsigned long *frames, unsigned int nr, unsigned int entries)
{
    memcpy(host_guest, frames, nr * sizeof(*frames));
    return do_set_gdt(GUEST(0), entries);
}

static void a_gdt_is_shown(void **state)
{
    const struct vcpu *v = current;
    unsigned long list[14];
    u32 now;

    for (unsigned int i = 0; i < 14; i++)
        list[i] = mfn(9);
    for (unsigned int i = 0; i < 14; i++)
        assert_int_equal(window(0)[i], EMPTY);
    words(9)[511] = CODE_KERN;
    now = tlb_now;
    assert_int_equal(set_gdt_of(list, 1, 512), 0);
    assert_int_equal(tlb_now, now + 1);
    assert_int_equal(words(9)[511], CODE);
    assert_int_equal(v->arch.gdt_entries, 512);
    assert_int_equal(window(0)[0], (mfn(9) << 12) | SHOWN);
    assert_int_equal(window(0)[1], EMPTY);
    assert_int_equal(types(9), 1);
    assert_int_equal(refs(9), 2);
    assert_int_equal(frame(9)->state & PG_TYPE_MASK, PG_TYPE_SEGDESC);
    /* One descriptor more is one frame more. */
    list[1] = mfn(8);
    assert_int_equal(set_gdt_of(list, 2, 513), 0);
    assert_int_equal(v->arch.gdt_entries, 513);
    assert_int_equal(window(0)[0], (mfn(9) << 12) | SHOWN);
    assert_int_equal(window(0)[1], (mfn(8) << 12) | SHOWN);
    assert_int_equal(window(0)[2], EMPTY);
    assert_int_equal(types(8), 1);
    assert_int_equal(types(9), 1);
    /* As many as there may be: the next page is ours. */
    assert_int_equal(set_gdt_of(list, 14, 7168), 0);
    assert_int_equal(v->arch.gdt_entries, 7168);
    assert_int_equal(window(0)[13], (mfn(9) << 12) | SHOWN);
    assert_int_equal(window(0)[14], virt_to_maddr(cpus[0]->arch.gdt) | SHOWN);
    assert_int_equal(window(0)[15], EMPTY);
    assert_int_equal(types(9), 13);
    assert_ptr_equal(pv_reserved_gdt_entry(v), &window(0)[14]);
    assert_ptr_equal(pv_reserved_gdt_entry(machine_domains[1]->vcpu[1]), &window(1)[14]);
    now = tlb_now;
    assert_int_equal(set_gdt_of(list, 14, 7169), -XEN_EINVAL);
    assert_int_equal(tlb_now, now);
    assert_int_equal(v->arch.gdt_entries, 7168);
    machine_check();

    assert_int_equal(set_gdt_of(list, 0, 0), 0);
    assert_int_equal(v->arch.gdt_entries, 0);
    for (unsigned int i = 0; i < 14; i++)
        assert_int_equal(window(0)[i], EMPTY);
    assert_int_equal(types(9), 0);
    assert_int_equal(types(8), 0);
    assert_int_equal(refs(9), 1);
    assert_int_equal(v->arch.gdt_frames[0].n, 0);
    /* It is plain memory again. */
    assert_int_equal(map(9, PTE_PRESENT | PTE_WRITE), 0);
}

/* What is refused leaves the old one as it is, and no count on the frames before the bad one. */
static void a_gdt_is_refused(void **state)
{
    const struct vcpu *v = current;
    unsigned long good = mfn(9), list[3] = {mfn(10), mfn(11), mfn(12)};
    const unsigned long bad[] = {mfn(3), mfn(7) /* mapped writable */, ~0UL, machine_frames,
                                 mfn_of(2, 9)};
    u32 now;

    assert_int_equal(set_gdt_of(&good, 1, 8), 0);
    now = tlb_now;
    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        list[2] = bad[i];
        assert_int_equal(set_gdt_of(list, 3, 1025), -XEN_EINVAL);
    }
    words(12)[300] = TSS;
    list[2] = mfn(12);
    assert_int_equal(set_gdt_of(list, 3, 1025), -XEN_EINVAL);
    host_guest_limit(0, 23);
    assert_int_equal(set_gdt_of(list, 3, 1025), -XEN_EFAULT);
    host_guest_limit(0, 0);
    assert_int_equal(tlb_now, now);
    for (unsigned int n = 10; n <= 12; n++) {
        assert_int_equal(types(n), 0);
        assert_int_equal(refs(n), 1);
    }
    assert_int_equal(v->arch.gdt_entries, 8);
    assert_int_equal(window(0)[0], (good << 12) | SHOWN);
    assert_int_equal(window(0)[1], EMPTY);
    /* Exactly as much of the list is read as is needed. */
    words(12)[300] = 0;
    memcpy(host_guest, list, sizeof(list));
    host_guest_limit(0, 24);
    assert_int_equal(do_set_gdt(GUEST(0), 1025), 0);
    host_guest_limit(0, 0);
    assert_int_equal(v->arch.gdt_entries, 1025);
}

/* ---- the LDT ---- */

static long set_ldt_at(unsigned long base, unsigned int entries)
{
    struct mmuext_op op = {.cmd = MMUEXT_SET_LDT};

    op.arg1.linear_addr = base;
    op.arg2.nr_ents = entries;
    memcpy(host_guest, &op, sizeof(op));
    return do_mmuext_op(GUEST(0), 1, 0, DOMID_SELF);
}

static void an_ldt_is_shown_as_it_is_used(void **state)
{
    const struct vcpu *v = current;
    const unsigned long at = ldt(0);
    u32 now;

    for (unsigned int n = 8; n <= 10; n++)
        assert_int_equal(map(n, PTE_PRESENT | PTE_USER), 0);
    words(9)[3] = CODE_KERN;
    now = tlb_now;
    assert_int_equal(set_ldt_at(8 * PAGE_SIZE, 1025), 0);
    assert_int_equal(tlb_now, now); /* there was none */
    assert_int_equal(v->arch.ldt_base, 8 * PAGE_SIZE);
    assert_int_equal(v->arch.ldt_entries, 1025);
    for (unsigned int i = 16; i < 32; i++)
        assert_int_equal(window(0)[i], 0);

    assert_true(pv_ldt_fault(at + PAGE_SIZE + 24));
    assert_int_equal(window(0)[17], (mfn(9) << 12) | SHOWN);
    assert_int_equal(window(0)[16], 0);
    assert_int_equal(words(9)[3], CODE);
    assert_int_equal(v->arch.ldt_shadow, 1);
    assert_int_equal(types(9), 1);
    /* Again: a stale translation. */
    assert_true(pv_ldt_fault(at + PAGE_SIZE));
    assert_int_equal(v->arch.ldt_shadow, 1);
    assert_int_equal(types(9), 1);
    assert_int_equal(refs(9), 3); /* its own, the mapping's, the window's */
    /* The last descriptor, and what is behind it. */
    assert_false(pv_ldt_fault(at + 8200));
    assert_false(pv_ldt_fault(at - 1));
    assert_int_equal(window(0)[18], 0);
    assert_true(pv_ldt_fault(at + 8199));
    assert_int_equal(window(0)[18], (mfn(10) << 12) | SHOWN);
    assert_int_equal(v->arch.ldt_shadow, 2);
    assert_int_equal(pv_ldt_address(at), 8 * PAGE_SIZE);
    assert_int_equal(pv_ldt_address(at + 8199), 8 * PAGE_SIZE + 8199);
    assert_int_equal(pv_ldt_address(at + 8200), at + 8200);
    assert_int_equal(pv_ldt_address(1234), 1234);
    machine_check();

    /* The same once more changes nothing; another one drops all, and flushes. */
    now = tlb_now;
    assert_int_equal(set_ldt_at(8 * PAGE_SIZE, 1025), 0);
    assert_int_equal(tlb_now, now);
    assert_int_equal(v->arch.ldt_shadow, 2);
    assert_int_equal(set_ldt_at(8 * PAGE_SIZE, 1024), 0);
    assert_int_equal(tlb_now, now + 1);
    assert_int_equal(v->arch.ldt_entries, 1024);
    assert_int_equal(v->arch.ldt_shadow, 0);
    assert_int_equal(window(0)[17], 0);
    assert_int_equal(window(0)[18], 0);
    for (unsigned int n = 8; n <= 10; n++) {
        assert_int_equal(types(n), 0);
        assert_int_equal(refs(n), 2);
    }
    assert_int_equal(set_ldt_at(9 * PAGE_SIZE, 1024), 0);
    assert_int_equal(tlb_now, now + 1);
    assert_int_equal(v->arch.ldt_base, 9 * PAGE_SIZE);
}

static void an_ldt_is_refused(void **state)
{
    const struct vcpu *v = current;
    const unsigned long at = ldt(0);

    assert_int_equal(set_ldt_at(8 * PAGE_SIZE, 8193), -XEN_EINVAL);
    assert_int_equal(set_ldt_at(8 * PAGE_SIZE + 8, 10), -XEN_EINVAL);
    assert_int_equal(set_ldt_at(9 * PAGE_SIZE - 1, 10), -XEN_EINVAL);
    assert_int_equal(set_ldt_at(HV_VIRT_START, 10), -XEN_EINVAL);
    assert_int_equal(v->arch.ldt_entries, 0);
    assert_int_equal(set_ldt_at(12345, 0), 0); /* none: its address is nothing */
    assert_int_equal(v->arch.ldt_base, 0);
    assert_false(pv_ldt_fault(at));
    assert_int_equal(set_ldt_at(8 * PAGE_SIZE, 8192), 0);
    assert_int_equal(v->arch.ldt_entries, 8192);
    /* Not mapped, writable, with a bad descriptor, another domain's. */
    assert_false(pv_ldt_fault(at));
    assert_int_equal(map(8, PTE_PRESENT | PTE_WRITE), 0);
    assert_false(pv_ldt_fault(at));
    words(9)[0] = TSS;
    assert_int_equal(map(9, PTE_PRESENT), 0);
    assert_false(pv_ldt_fault(at + PAGE_SIZE));
    assert_int_equal(map(8, PTE_PRESENT), 0);
    assert_true(pv_ldt_fault(at));
    assert_int_equal(v->arch.ldt_shadow, 1);
    assert_int_equal(types(8), 1);
    assert_int_equal(types(9), 0);
    for (unsigned int i = 17; i < 32; i++)
        assert_int_equal(window(0)[i], 0);
}

/* An LDT in use ends with its mapping, on all vCPUs, or with the kernel's root. */
static void an_ldt_ends_with_its_mapping(void **state)
{
    struct vcpu *v = current;
    u32 now;

    assert_int_equal(map(8, PTE_PRESENT), 0);
    assert_int_equal(set_ldt_at(8 * PAGE_SIZE, 10), 0);
    assert_true(pv_ldt_fault(ldt(0)));
    machine_switch(1, 1);
    assert_int_equal(set_ldt_at(8 * PAGE_SIZE, 20), 0);
    assert_true(pv_ldt_fault(ldt(1)));
    assert_int_equal(window(1)[16], (mfn(8) << 12) | SHOWN);
    assert_int_equal(types(8), 2);
    now = tlb_now;
    assert_int_equal(do_update_va_mapping(8 * PAGE_SIZE, 0, UVMF_NONE), 0);
    assert_int_equal(tlb_now, now + 1);
    assert_int_equal(types(8), 0);
    assert_int_equal(window(0)[16], 0);
    assert_int_equal(window(1)[16], 0);
    assert_int_equal(v->arch.ldt_shadow, 0);
    assert_int_equal(v->arch.ldt_entries, 10); /* to be shown again at the next fault */
    drop_ldts(machine_domains[1]);
    assert_int_equal(tlb_now, now + 1);
    machine_check();
}

static unsigned int drops;

void __real_drop_ldts(struct domain *d);
void __wrap_drop_ldts(struct domain *d);

/* Another vCPU uses its LDT again at once. */
void __wrap_drop_ldts(struct domain *d)
{
    struct vcpu *self = current;

    drops++;
    __real_drop_ldts(d);
    if (d == machine_domains[1]) {
        machine_switch(1, 1);
        pv_ldt_fault(ldt(1));
        machine_run(self);
    }
}

/* A whole table of an LDT's pages does so once: each time other CPUs may have to flush. */
static void a_table_ends_an_ldt_once(void **state)
{
    const u64 slot = maddr(2) + 8, table = maddr(9) | PTE_PRESENT | PTE_WRITE | PTE_USER;
    struct mmu_update *update = (void *)host_guest;

    for (unsigned int refused = 0; refused < 2; refused++) {
        assert_int_equal(map(8, PTE_PRESENT), 0);
        assert_int_equal(map(9, PTE_PRESENT | PTE_WRITE), 0);
        for (unsigned int i = 0; i < 100; i++)
            words(9)[i] = maddr(8) | PTE_PRESENT;
        words(9)[100] = refused ? maddr(0) | PTE_PRESENT | PTE_WRITE : 0;
        assert_int_equal(map(9, 0), 0);
        machine_switch(1, 1);
        assert_int_equal(set_ldt_at(8 * PAGE_SIZE, 20), 0);
        pv_ldt_fault(ldt(1));
        assert_int_equal(types(8), 1);
        machine_switch(1, 0);
        drops = 0;
        *update = (struct mmu_update){.ptr = slot, .val = table};
        assert_int_equal(do_mmu_update(GUEST(0), 1, 0, DOMID_SELF), refused ? -XEN_EBUSY : 0);
        if (!refused) {
            assert_int_equal(refs(8), 1 + 1 + 1 + 100); /* ours, mapped, shown, in the table */
            *update = (struct mmu_update){.ptr = slot};
            assert_int_equal(do_mmu_update(GUEST(0), 1, 0, DOMID_SELF), 0);
        }
        assert_int_equal(drops, 1);
        assert_int_equal(refs(8), 1 + 1 + 1);
        __real_drop_ldts(machine_domains[1]);
        assert_int_equal(map(8, 0), 0);
    }
}

/* ---- the tables behind the windows ---- */

/* Intel SDM volume 3, 4.5: the addresses of a window are those of its entries. */
static void the_windows_hang_in_their_slot(void **state)
{
    const struct vcpu *v = current;
    const u64 entry = descriptors_l4_entry;

    assert_int_equal(words(0)[260], entry);
    descriptor_windows_init();
    assert_int_equal(descriptors_l4_entry, HOST_IMAGE_PADDR | 0x63);
    descriptors_l4_entry = entry;
    assert_int_equal(GDT_VIRT(0), 0xffff820000000000UL);
    assert_int_equal(GDT_VIRT(v->arch.window_nr) >> 12 & 511,
                     v->arch.window - (u64 *)((unsigned long)v->arch.window & PAGE_MASK));
    assert_int_equal(LDT_VIRT(65535), 0xffff8201ffff0000UL);
    assert_int_equal(v->arch.ldt_lock.rank, RANK_PAGE_TABLES);
}

#define MANY 40U /* vCPUs: two tables' windows and more */

static struct domain many_domain;
static struct vcpu many[MANY];

static int make_many(unsigned int from, unsigned int to)
{
    many_domain = (struct domain){.max_vcpus = MANY};
    for (unsigned int i = from; i < to; i++) {
        many[i] = (struct vcpu){.domain = &many_domain, .id = i};
        if (pv_descriptors_create(&many[i]))
            return (int)i;
    }
    return (int)to;
}

/*
 * Sixteen vCPUs share a table, whosever they are; the six of the machine's domains have the first
 * windows. A table goes with its last window, and what was destroyed is used again, the lowest
 * first.
 */
static void windows_are_made_and_go(void **state)
{
    const unsigned long pages = heap_free_pages();
    u32 first = 6, now;

    assert_int_equal(make_many(0, MANY), MANY);
    assert_int_equal(heap_free_pages(), pages - 2);
    for (unsigned int i = 0; i < MANY; i++) {
        assert_int_equal(many[i].arch.window_nr, first + i);
        for (unsigned int k = 0; k < 32; k++)
            assert_int_equal(many[i].arch.window[k], k < 16 ? EMPTY : 0);
    }
    assert_ptr_equal(many[0].arch.window, window(0) + 32 * (first - 2));
    assert_ptr_equal((unsigned long)many[9].arch.window & PAGE_MASK,
                     (unsigned long)window(0) & PAGE_MASK);
    assert_ptr_not_equal((unsigned long)many[10].arch.window & PAGE_MASK,
                         (unsigned long)window(0) & PAGE_MASK);

    now = tlb_now;
    pv_descriptors_destroy(&many[20]);
    pv_descriptors_destroy(&many[3]);
    assert_null(many[3].arch.window);
    assert_int_equal(make_many(3, 4), 4);
    assert_int_equal(many[3].arch.window_nr, first + 3);
    assert_int_equal(make_many(20, 21), 21);
    assert_int_equal(many[20].arch.window_nr, first + 20);
    assert_int_equal(tlb_now, now);
    assert_int_equal(heap_free_pages(), pages - 2);
    /* The second table's sixteen, of which the last takes it along, after a flush. */
    for (unsigned int i = 10; i < 26; i++) {
        assert_int_equal(heap_free_pages(), pages - 2);
        assert_int_equal(tlb_now, now);
        pv_descriptors_destroy(&many[i]);
    }
    assert_int_equal(tlb_now, now + 1);
    assert_int_equal(heap_free_pages(), pages - 1);
    /* A new table in its place. */
    host_fail_allocation(1);
    assert_int_equal(make_many(10, 11), 10);
    assert_null(many[10].arch.window);
    host_fail_allocation(0);
    assert_int_equal(make_many(10, 26), 26);
    for (unsigned int i = 10; i < 26; i++)
        assert_int_equal(many[i].arch.window_nr, first + i);
    for (unsigned int i = 0; i < MANY; i++)
        pv_descriptors_destroy(&many[i]);
    assert_int_equal(heap_free_pages(), pages);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, own_frames_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_kind_of_descriptor),
        TEST(updates_go_where_a_guest_may_write),
        TEST(a_gdt_is_shown),
        TEST(a_gdt_is_refused),
        TEST(an_ldt_is_shown_as_it_is_used),
        TEST(an_ldt_is_refused),
        TEST(an_ldt_ends_with_its_mapping),
        TEST(a_table_ends_an_ldt_once),
        TEST(the_windows_hang_in_their_slot),
        TEST(windows_are_made_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
