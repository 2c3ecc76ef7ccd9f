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

/* @status is what the operation answered, and @line is in the log. */
static void expect_status(long rc, int status, int error, const char *line)
{
    assert_int_equal(status, error);
    expect(rc, 0, line, 0, "");
}

static void grant_tables(void **state)
{
    struct gnttab_setup_table setup = {.dom = 77};
    struct gnttab_query_size size = {.dom = 2};
    struct gnttab_swap_grant_ref swap = {.ref_a = 1U << 30};
    struct gnttab_cache_flush flush = {.length = 8, .op = GNTTAB_CACHE_CLEAN, .offset = 4095};
    long rc;

    machine_start(FRAMES);
    host_guest_log[0] = 0;
    rc = host_grant_op(GNTTABOP_setup_table, &setup, sizeof(setup), 1);
    expect_status(rc, setup.status, GNTST_bad_domain,
                  "grant table of another: there is no domain 77\n");
    setup.dom = DOMID_SELF;
    setup.nr_frames = 1U << 20;
    rc = host_grant_op(GNTTABOP_setup_table, &setup, sizeof(setup), 1);
    expect_status(rc, setup.status, GNTST_general_error,
                  "grant table of 1048576 frames for d1: it may have 4\n");
    rc = host_grant_op(GNTTABOP_query_size, &size, sizeof(size), 1);
    expect_status(rc, size.status, GNTST_permission_denied, "no access to the grant table of d2\n");
    rc = host_grant_op(GNTTABOP_swap_grant_ref, &swap, sizeof(swap), 1);
    expect_status(rc, swap.status, GNTST_bad_gntref,
                  "swap of grants 1073741824 and 0: the grant table has no such entry\n");
    expect(host_grant_op(GNTTABOP_cache_flush, &flush, sizeof(flush), 1), -XEN_EINVAL,
           "cache flush of 8 bytes at 0 + 4095: it leaves its page\n", 0, "");
    flush.offset = 0;
    flush.a.dev_bus_addr = machine_frames << PAGE_SHIFT;
    expect(host_grant_op(GNTTABOP_cache_flush, &flush, sizeof(flush), 1), -XEN_EPERM,
           ": it is not RAM\n", 0, "");
    flush.a.dev_bus_addr = 1UL << PAGE_SHIFT;
    expect(host_grant_op(GNTTABOP_cache_flush, &flush, sizeof(flush), 1), -XEN_EPERM,
           "cache flush of 8 bytes at 1000 + 0: the frame is not the caller's\n", 0, "");
    machine_end();
}

static void trap_tables(void **state)
{
    struct trap_info *table = (void *)host_guest;

    machine_start(FRAMES);
    table[0] = (struct trap_info){.vector = 14, .address = 1UL << 60};
    host_guest_log[0] = 0;
    expect(do_set_trap_table(GUEST(0)), -XEN_EINVAL,
           "trap handler 1000000000000000 of vector 14: not a canonical address\n", 0, "");
    machine_end();
}

/* The log's lines begin with the vCPU, which the message must not name again. */
static void named_once(void **state)
{
    u64 val;

    machine_start(FRAMES);
    host_guest_log[0] = 0;
    assert_false(pv_rdmsr(current, 0x123, &val));
    assert_string_equal(host_guest_log, "RDMSR 0x123 is not for guests\n");
    host_guest_log[0] = 0;
    assert_false(pv_wrmsr(current, 0x123, 0));
    assert_string_equal(host_guest_log, "WRMSR 0x123 is not for guests\n");
    machine_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pins),          cmocka_unit_test(contents),
        cmocka_unit_test(updates),       cmocka_unit_test(descriptors),
        cmocka_unit_test(other_domains), cmocka_unit_test(grants),
        cmocka_unit_test(grant_tables),  cmocka_unit_test(trap_tables),
        cmocka_unit_test(named_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
