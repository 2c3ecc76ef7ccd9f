/* SPDX-License-Identifier: MIT */
/*
 * What the guest log says of refused page-table, descriptor and grant operations: the sentence that
 * lets a porter find the mistake. The errno is checked, too.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/pte.h>
#include <asm/pv.h>
#include <public/grant_table.h>

#include "../../fuzz/pv_machine.h"

#define FRAMES 14U

char *strstr(const char *text, const char *part);

static unsigned long mfn_of(unsigned int n)
{
    return page_to_mfn(host_frame(current->domain, n)).n;
}

static u64 *table(unsigned int n)
{
    return mfn_to_virt(MFN(mfn_of(n)));
}

static u64 entry_for(unsigned int n, u64 flags)
{
    return (mfn_of(n) << PAGE_SHIFT) | PTE_PRESENT | flags;
}

/* @rc is @error, and a line of the log is "@before @mfn@after", or contains @before alone. */
static void expect(long rc, long error, const char *before, unsigned long mfn, const char *after)
{
    char line[160];

    if (*after)
        snprintf(line, sizeof(line), "%s %lx%s\n", before, mfn, after);
    else
        strlcpy(line, before, sizeof(line));
    assert_int_equal(rc, error);
    if (!strstr(host_guest_log, line))
        fail_msg("no \"%s\" in:\n%s", line, host_guest_log);
    host_guest_log[0] = 0;
    machine_check();
}

static long mmuext(unsigned int cmd, unsigned long mfn, domid_t domid)
{
    struct mmuext_op *op = (void *)host_guest;

    *op = (struct mmuext_op){.cmd = cmd, .arg1.mfn = mfn};
    return do_mmuext_op(GUEST(0), 1, 0, domid);
}

static long mmu_update(u64 ptr, u64 val, unsigned int foreign)
{
    struct mmu_update *req = (void *)host_guest;

    *req = (struct mmu_update){.ptr = ptr, .val = val};
    return do_mmu_update(GUEST(0), 1, 0, foreign);
}

static long map(unsigned int slot, u64 e)
{
    return do_update_va_mapping((unsigned long)slot << PAGE_SHIFT, e, UVMF_NONE);
}

static void pins(void **state)
{
    machine_start(FRAMES);
    host_guest_log[0] = 0;
    expect(mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(8), DOMID_SELF), -XEN_EINVAL, "pin of L4", mfn_of(8),
           ": it is mapped writable (1 times)");
    expect(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(2), DOMID_SELF), -XEN_EINVAL, "pin of L1", mfn_of(2),
           ": it is an L2 table");
    expect(mmuext(MMUEXT_PIN_L4_TABLE, machine_frames, DOMID_SELF), -XEN_EINVAL, "pin of L4",
           machine_frames, ": it is not RAM");
    expect(mmuext(MMUEXT_PIN_L4_TABLE, 1, DOMID_SELF), -XEN_EINVAL, "pin of L4", 1,
           ": frame 1 has no owner; is it a pfn?");
    assert_int_equal(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(3), DOMID_SELF), 0);
    expect(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(3), DOMID_SELF), -XEN_EINVAL, "pin of L1", mfn_of(3),
           ": it is pinned already");
    expect(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(2), DOMID_SELF), -XEN_EINVAL, "unpin of", mfn_of(2),
           ": it is not pinned");
    expect(mmuext(MMUEXT_NEW_BASEPTR, mfn_of(8), DOMID_SELF), -XEN_EINVAL, "root", mfn_of(8),
           ": it is mapped writable (1 times)");
    expect(mmuext(MMUEXT_CLEAR_PAGE, mfn_of(3), DOMID_SELF), -XEN_EINVAL, "clear of frame",
           mfn_of(3), ": it is an L1 table, pinned");
    machine_end();
}

/* The mistake is below the table that is pinned. */
static void contents(void **state)
{
    machine_start(FRAMES);
    assert_int_equal(map(8, 0), 0);
    table(8)[1] = entry_for(9, PTE_WRITE); /* an L2 whose L1 is mapped writable */
    host_guest_log[0] = 0;
    expect(mmuext(MMUEXT_PIN_L2_TABLE, mfn_of(8), DOMID_SELF), -XEN_EINVAL, "L2 entry for L1",
           mfn_of(9), ": it is mapped writable (1 times)");
    expect(mmuext(MMUEXT_PIN_L2_TABLE, mfn_of(8), DOMID_SELF), -XEN_EINVAL, "entry 1 of L2",
           mfn_of(8), " is refused");
    expect(mmuext(MMUEXT_PIN_L2_TABLE, mfn_of(8), DOMID_SELF), -XEN_EINVAL, "pin of L2", mfn_of(8),
           ": its contents are refused");
    table(8)[1] = entry_for(8, PTE_WRITE); /* an L4 with a self-map */
    expect(mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(8), DOMID_SELF), -XEN_EINVAL, "entry 1 of L4",
           mfn_of(8), " is refused: a table may not name itself");
    table(8)[1] = entry_for(0, PTE_WRITE);
    expect(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(8), DOMID_SELF), -XEN_EBUSY,
           "writable mapping of frame", mfn_of(0), ": it is an L4 table");
    machine_end();
}

static void updates(void **state)
{
    machine_start(FRAMES);
    assert_int_equal(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(3), DOMID_SELF), 0);
    host_guest_log[0] = 0;
    expect(map(8, entry_for(3, PTE_WRITE)), -XEN_EBUSY, "writable mapping of frame", mfn_of(3),
           ": it is an L1 table, pinned");
    expect(map(8, (5UL << PAGE_SHIFT) | PTE_PRESENT), -XEN_EBUSY, "mapping of frame", 5,
           ": frame 5 has no owner; is it a pfn?");
    expect(do_update_va_mapping(1UL << L3_SHIFT, 0, 0), -XEN_EINVAL, "update_va_mapping of",
           1UL << L3_SHIFT, ": no L1 table is there");
    expect(do_update_va_mapping(HV_VIRT_START, 0, 0), -XEN_EINVAL, "update_va_mapping of",
           HV_VIRT_START, ": not an address of the guest's");
    expect(mmu_update(machine_frames << PAGE_SHIFT, 0, DOMID_SELF), -XEN_EINVAL,
           "mmu_update of an entry in frame", machine_frames, ": it is not RAM");
    expect(mmu_update((mfn_of(0) << PAGE_SHIFT) + 260 * 8, 0, DOMID_SELF), -XEN_EINVAL, "slot 260",
           0, "");
    machine_end();
}

static void descriptors(void **state)
{
    machine_start(FRAMES);
    *(unsigned long *)(void *)host_guest = mfn_of(8);
    host_guest_log[0] = 0;
    expect(do_set_gdt(GUEST(0), 512), -XEN_EINVAL, "GDT frame", mfn_of(8),
           ": it is mapped writable (1 times)");
    expect(do_update_descriptor((mfn_of(3) << PAGE_SHIFT) + 8, 0), -XEN_EINVAL,
           "update_descriptor in frame", mfn_of(3), ": it is an L1 table");
    machine_end();
}

static void other_domains(void **state)
{
    machine_start(FRAMES);
    host_guest_log[0] = 0;
    expect(mmuext(MMUEXT_PIN_L1_TABLE, 0, 77), -XEN_ESRCH, "there is no domain 77", 0, "");
    expect(mmu_update(mfn_of(3) << PAGE_SHIFT, 0, 2), -XEN_EPERM,
           "not privileged: it may not name frames or tables of d2", 0, "");
    machine_end();
}

static void grants(void **state)
{
    struct gnttab_map_grant_ref op = {.host_addr = 8 * PAGE_SIZE, .flags = GNTMAP_host_map};

    machine_start(FRAMES);
    host_guest_log[0] = 0;
    op.dom = 77;
    expect(host_grant_op(GNTTABOP_map_grant_ref, &op, sizeof(op), 1), 0,
           "grant map: there is no domain 77 with grants", 0, "");
    op.dom = 2;
    op.ref = 20;
    expect(host_grant_op(GNTTABOP_map_grant_ref, &op, sizeof(op), 1), 0,
           "grant 20 of d2 is not d1's for writing: flags 0, domain", 0, "");
    op.ref = 1U << 30;
    expect(host_grant_op(GNTTABOP_map_grant_ref, &op, sizeof(op), 1), 0,
           "grant 1073741824: no grant table has such an entry", 0, "");
    machine_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pins),        cmocka_unit_test(contents),      cmocka_unit_test(updates),
        cmocka_unit_test(descriptors), cmocka_unit_test(other_domains), cmocka_unit_test(grants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
