/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/*
 * Grants: what may be mapped and copied, counts on frames while it is, and ways to confuse the two:
 * entries changed under way, handles that outlive their entry or their granting domain, domains
 * that die in the middle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "grants.h"

static void (*at_flush)(void); /* what a test looks at meanwhile */

void arch_grant_flush(const struct domain *d)
{
    if (at_flush)
        at_flush();
}

static int setup(void **state)
{
    at_flush = host_at_grant_unmap = NULL;
    make_two_domains(1, 1, 16);
    return 0;
}

static struct gnttab_map_grant_ref map(grant_ref_t ref, unsigned int pte, u32 flags)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = (u64)pte << PAGE_SHIFT, .flags = flags, .ref = ref, .dom = 1};

    assert_int_equal(host_grant_op(GNTTABOP_map_grant_ref, &op, sizeof(op), 1), 0);
    return op;
}

static int unmap(grant_handle_t handle, unsigned int pte, u64 dev)
{
    struct gnttab_unmap_grant_ref op = {
        .host_addr = (u64)pte << PAGE_SHIFT, .dev_bus_addr = dev, .handle = handle};

    assert_int_equal(host_grant_op(GNTTABOP_unmap_grant_ref, &op, sizeof(op), 1), 0);
    return op.status;
}

static void map_and_unmap(void **state)
{
    mfn_t m = grant(8, 0, 0);
    struct gnttab_map_grant_ref w, r;

    w = map(8, 1, GNTMAP_host_map);
    assert_int_equal(w.status, GNTST_okay);
    assert_int_equal(w.dev_bus_addr, m.n << PAGE_SHIFT);
    assert_int_equal(entry(a, 8)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(refs(m), 2);
    assert_int_equal(types(m), 1);
    r = map(8, 2, GNTMAP_host_map | GNTMAP_readonly);
    assert_int_equal(r.status, GNTST_okay);
    assert_int_not_equal(r.handle, w.handle);
    assert_int_equal(refs(m), 3);

    assert_int_equal(unmap(w.handle, 2, 0), GNTST_general_error); /* the other one's entry */
    assert_int_equal(unmap(w.handle, 1, 0), GNTST_okay);
    assert_int_equal(unmap(w.handle, 1, 0), GNTST_bad_handle);
    assert_int_equal(entry(a, 8)->flags, GTF_permit_access | GTF_reading);
    assert_int_equal(types(m), 0);
    assert_int_equal(unmap(r.handle, 2, 0), GNTST_okay);
    assert_int_equal(entry(a, 8)->flags, GTF_permit_access);
    assert_int_equal(refs(m), 1);
}

static void refused(void **state)
{
    struct gnttab_map_grant_ref op;

    assert_int_equal(map(8, 1, GNTMAP_host_map).status, GNTST_general_error); /* not granted */
    grant(8, 0, GTF_readonly);
    assert_int_equal(map(8, 1, GNTMAP_host_map).status, GNTST_general_error);
    assert_int_equal(map(8, 1, GNTMAP_readonly).status, GNTST_bad_gntref);
    entry(a, 8)->domid = 3;
    assert_int_equal(map(8, 1, GNTMAP_host_map | GNTMAP_readonly).status, GNTST_general_error);
    entry(a, 8)->domid = 2;
    entry(a, 8)->flags = GTF_accept_transfer;
    assert_int_equal(map(8, 1, GNTMAP_host_map | GNTMAP_readonly).status, GNTST_general_error);
    assert_int_equal(map(GRANTS_PER_FRAME, 1, GNTMAP_host_map).status, GNTST_bad_gntref);
    assert_int_equal(map(~0U, 1, GNTMAP_host_map).status, GNTST_bad_gntref);
    /* Frames that are not a's own, or not RAM. */
    grant(8, 0, 0);
    entry(a, 8)->frame = (u32)page_to_mfn(host_frame(b, 0)).n;
    assert_int_equal(map(8, 1, GNTMAP_host_map).status, GNTST_general_error);
    entry(a, 8)->frame = (u32)virt_to_mfn(a).n;
    assert_int_equal(map(8, 1, GNTMAP_host_map).status, GNTST_general_error);
    entry(a, 8)->frame = ~0U;
    assert_int_equal(map(8, 1, GNTMAP_host_map | GNTMAP_readonly).status, GNTST_bad_page);
    assert_int_equal(entry(a, 8)->flags, GTF_permit_access);
    /* A page table can be mapped for reading only. */
    grant(8, 3, 0);
    assert_int_equal(get_page_and_type(host_frame(a, 3), a, PG_TYPE_L2), 0);
    assert_int_equal(map(8, 1, GNTMAP_host_map).status, GNTST_general_error);
    op = map(8, 1, GNTMAP_host_map | GNTMAP_readonly);
    assert_int_equal(op.status, GNTST_okay);
    put_page_and_type(host_frame(a, 3));
    assert_int_equal(unmap(op.handle, 1, 0), GNTST_okay);
    /* No such place, no such domain. */
    grant(8, 0, 0);
    assert_int_equal(map(8, HOST_PTES, GNTMAP_host_map).status, GNTST_bad_virt_addr);
    assert_int_equal(entry(a, 8)->flags, GTF_permit_access);
    op = (struct gnttab_map_grant_ref){.flags = GNTMAP_host_map, .ref = 8, .dom = 9};
    assert_int_equal(host_grant_op(GNTTABOP_map_grant_ref, &op, sizeof(op), 1), 0);
    assert_int_equal(op.status, GNTST_bad_domain);
    op.dom = DOMID_IO;
    assert_int_equal(host_grant_op(GNTTABOP_map_grant_ref, &op, sizeof(op), 1), 0);
    assert_int_equal(op.status, GNTST_permission_denied);
}

/* Domain 0, whose number is easily taken for none. */
static void not_granted_to_dom0(void **state)
{
    struct domain *zero = host_domain(0, 1, 2, true);

    assert_non_null(zero);
    grant(8, 0, 0);
    host_become(zero->vcpu[0]);
    assert_int_equal(map(8, 1, GNTMAP_host_map).status, GNTST_general_error);
    assert_int_equal(map(8, 1, GNTMAP_host_map | GNTMAP_readonly).status, GNTST_general_error);
    entry(a, 8)->domid = 0;
    assert_int_equal(map(8, 1, GNTMAP_host_map).status, GNTST_okay);
    host_become(b->vcpu[0]);
    assert_int_equal(map(8, 1, GNTMAP_host_map).status, GNTST_general_error);
    host_kill(zero);
}

/*
 * The granting guest changes its entry while it is mapped: the first frame counts until the last
 * unmap.
 */
static void entry_changes(void **state)
{
    mfn_t first = grant(8, 0, 0), second = page_to_mfn(host_frame(a, 1));
    struct gnttab_map_grant_ref x = map(8, 1, GNTMAP_host_map), y;

    entry(a, 8)->frame = (u32)second.n;
    y = map(8, 2, GNTMAP_host_map);
    assert_int_equal(y.status, GNTST_okay);
    assert_int_equal(y.dev_bus_addr, first.n << PAGE_SHIFT);
    entry(a, 8)->flags = 0;
    entry(a, 8)->domid = 77;
    assert_int_equal(unmap(x.handle, 1, 0), GNTST_okay);
    assert_int_equal(unmap(y.handle, 2, 0), GNTST_okay);
    assert_int_equal(refs(first), 1);
    assert_int_equal(refs(second), 1);
}

static void device_mappings(void **state)
{
    mfn_t m = grant(8, 0, 0);
    struct gnttab_map_grant_ref op = map(8, 1, GNTMAP_host_map | GNTMAP_device_map);

    assert_int_equal(op.status, GNTST_okay);
    assert_int_equal(refs(m), 3);
    assert_int_equal(unmap(op.handle, 0, PAGE_SIZE), GNTST_general_error);
    assert_int_equal(unmap(op.handle, 0, op.dev_bus_addr), GNTST_okay);
    assert_int_equal(refs(m), 2);
    assert_int_equal(unmap(op.handle, 1, 0), GNTST_okay);
    assert_int_equal(refs(m), 1);
    assert_int_equal(unmap(op.handle, 1, 0), GNTST_bad_handle);
}

static void replace(void **state)
{
    mfn_t m = grant(8, 0, 0), own = page_to_mfn(host_frame(b, 5));
    struct gnttab_map_grant_ref op = map(8, 1, GNTMAP_host_map);
    struct gnttab_unmap_and_replace rep = {
        .host_addr = PAGE_SIZE, .new_addr = 2 * PAGE_SIZE, .handle = op.handle};

    assert_true(get_page(mfn_to_page(own), b));
    assert_int_equal(arch_grant_map(2 * PAGE_SIZE, own, GNTMAP_readonly), GNTST_okay);
    assert_int_equal(host_grant_op(GNTTABOP_unmap_and_replace, &rep, sizeof(rep), 1), 0);
    assert_int_equal(rep.status, GNTST_okay);
    assert_int_equal(refs(m), 1);
    assert_int_equal(host_ptes[1].frame.n, own.n);
    assert_false(host_ptes[2].present);
    assert_int_equal(host_grant_op(GNTTABOP_unmap_and_replace, &rep, sizeof(rep), 1), 0);
    assert_int_equal(rep.status, GNTST_bad_handle);
}

/* Only the entry is replaced: a mapping for devices stays until it is unmapped by its address. */
static void replace_leaves_the_device(void **state)
{
    mfn_t m = grant(8, 0, 0), own = page_to_mfn(host_frame(b, 5));
    struct gnttab_map_grant_ref op = map(8, 1, GNTMAP_host_map | GNTMAP_device_map);
    struct gnttab_unmap_and_replace rep = {
        .host_addr = PAGE_SIZE, .new_addr = 2 * PAGE_SIZE, .handle = op.handle};

    assert_true(get_page(mfn_to_page(own), b));
    assert_int_equal(arch_grant_map(2 * PAGE_SIZE, own, GNTMAP_readonly), GNTST_okay);
    assert_int_equal(host_grant_op(GNTTABOP_unmap_and_replace, &rep, sizeof(rep), 1), 0);
    assert_int_equal(rep.status, GNTST_okay);
    assert_int_equal(host_ptes[1].frame.n, own.n);
    assert_int_equal(refs(m), 2);
    assert_int_equal(unmap(op.handle, 0, op.dev_bus_addr), GNTST_okay);
    assert_int_equal(refs(m), 1);
}

static void overwritten_entry(void **state)
{
    mfn_t m = grant(8, 0, 0);
    struct gnttab_map_grant_ref op = map(8, 1, GNTMAP_host_map);

    host_overwrite_pte(1);
    assert_int_equal(refs(m), 1);
    assert_int_equal(unmap(op.handle, 1, 0), GNTST_general_error);
    assert_int_equal(refs(m), 1);
    /* The pin stays until b dies; the entry shows it. */
    assert_int_equal(entry(a, 8)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    host_kill(b);
    b = NULL;
    assert_int_equal(entry(a, 8)->flags, GTF_permit_access);
}

/*
 * As before, and the granting domain dies first. Its number must not be given to another one
 * meanwhile.
 */
static void overwritten_and_orphaned(void **state)
{
    struct gnttab_map_grant_ref op;

    grant(8, 0, 0);
    op = map(8, 1, GNTMAP_host_map);
    host_overwrite_pte(1);
    host_kill(a);
    assert_non_null(get_domain_by_id(1));
    put_domain(a);
    assert_null(host_domain(1, 1, 0, false));
    assert_int_equal(host_error, -XEN_EEXIST);
    host_become(b->vcpu[0]);
    assert_int_equal(unmap(op.handle, 1, 0), GNTST_general_error);
    host_kill(b);
    assert_null(get_domain_by_id(1));
    a = b = NULL;
}

static void owner_dies_while_mapped(void **state)
{
    struct gnttab_map_grant_ref x, y;
    mfn_t m;

    m = grant(8, 0, 0);
    grant(9, 1, 0);
    x = map(8, 1, GNTMAP_host_map);
    y = map(9, 2, GNTMAP_host_map | GNTMAP_readonly);
    host_kill(a);
    assert_int_equal(a->tot_pages, 2);
    host_become(b->vcpu[0]);
    assert_int_equal(map(8, 3, GNTMAP_host_map).status, GNTST_general_error); /* it is dead */
    assert_int_equal(refs(m), 1);
    assert_int_equal(unmap(x.handle, 1, 0), GNTST_okay);
    assert_int_equal(a->tot_pages, 1);
    assert_int_equal(unmap(y.handle, 2, 0), GNTST_okay);
    host_settle();
    assert_null(get_domain_by_id(1));
    a = NULL;
}

static void user_dies_while_mapping(void **state)
{
    mfn_t m = grant(8, 0, 0);

    for (unsigned int i = 1; i <= 100; i++)
        assert_int_equal(
            map(8, i,
                GNTMAP_host_map | (i % 2 ? GNTMAP_readonly : 0) | (i % 3 ? 0 : GNTMAP_device_map))
                .status,
            GNTST_okay);
    assert_int_equal(refs(m), 1 + 100 + 33);
    host_preempt_every(1);
    host_kill(b);
    host_preempt_every(0);
    b = NULL;
    assert_int_equal(refs(m), 1);
    assert_int_equal(types(m), 0);
    assert_int_equal(entry(a, 8)->flags, GTF_permit_access);
}

/* Handles run out (the domain has 4 pages of them), then come back. */
static void handles_run_out(void **state)
{
    const unsigned int limit = 4 * MAPPINGS_PER_PAGE;
    struct gnttab_map_grant_ref op;
    grant_handle_t last = 0;

    grant(8, 0, 0);
    for (unsigned int i = 0; i < limit; i++) {
        op = map(8, 0, GNTMAP_device_map | GNTMAP_readonly);
        assert_int_equal(op.status, GNTST_okay);
        last = op.handle;
    }
    assert_int_equal(map(8, 0, GNTMAP_device_map).status, GNTST_no_device_space);
    assert_int_equal(unmap(last, 0, op.dev_bus_addr), GNTST_okay);
    op = map(8, 0, GNTMAP_device_map);
    assert_int_equal(op.status, GNTST_okay);
    assert_int_equal(op.handle, last);
    assert_int_equal(unmap(limit, 0, op.dev_bus_addr), GNTST_bad_handle);
    assert_int_equal(unmap(~0U, 0, op.dev_bus_addr), GNTST_bad_handle);
}

static void batches(void **state)
{
    enum { N = 150 };
    static struct gnttab_map_grant_ref maps[N];
    static struct gnttab_unmap_grant_ref unmaps[N];
    mfn_t m = grant(8, 0, 0);

    for (unsigned int i = 0; i < N; i++)
        maps[i] = (struct gnttab_map_grant_ref){
            .host_addr = (u64)(i + 1) << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = 8, .dom = 1};
    maps[70].ref = 5; /* fails alone */
    host_preempt_every(7);
    assert_int_equal(host_grant_op(GNTTABOP_map_grant_ref, maps, sizeof(maps[0]), N), 0);
    assert_int_equal(refs(m), N);
    for (unsigned int i = 0; i < N; i++) {
        assert_int_equal(maps[i].status, i == 70 ? GNTST_general_error : GNTST_okay);
        unmaps[i] = (struct gnttab_unmap_grant_ref){.host_addr = (u64)(i + 1) << PAGE_SHIFT,
                                                    .handle = maps[i].handle};
    }
    unmaps[70].handle = maps[69].handle; /* twice */
    unmaps[70].host_addr = unmaps[69].host_addr;
    assert_int_equal(host_grant_op(GNTTABOP_unmap_grant_ref, unmaps, sizeof(unmaps[0]), N), 0);
    host_preempt_every(0);
    for (unsigned int i = 0; i < N; i++)
        assert_int_equal(unmaps[i].status, i == 70 ? GNTST_bad_handle : GNTST_okay);
    assert_int_equal(refs(m), 1);
    assert_int_equal(entry(a, 8)->flags, GTF_permit_access);
}

/* Where a batch stops to be preempted. */
static void expect_preempted(unsigned int cmd, unsigned int count, unsigned long size)
{
    unsigned int left = count;
    unsigned long at = GUEST(0);
    long rc;

    host_preempt_every(1);
    while ((rc = do_grant_table_op(cmd, at, left)) == HOST_CONTINUED) {
        assert_int_equal(host_continued.op, __HYPERVISOR_grant_table_op);
        assert_int_equal(host_continued.nargs, 3);
        assert_int_equal(host_continued.args[0], cmd);
        assert_true(host_continued.args[2] < left && host_continued.args[2] > 0);
        /* It looks at least once in 32 elements. */
        assert_true(left - host_continued.args[2] <= 32);
        at += (left - host_continued.args[2]) * size;
        assert_int_equal(host_continued.args[1], at);
        left = (unsigned int)host_continued.args[2];
    }
    assert_int_equal(rc, 0);
    assert_true(left <= 32);
    host_preempt_every(0);
}

static void long_batches_are_preempted(void **state)
{
    enum { N = 100 };
    struct gnttab_map_grant_ref *maps = (void *)host_guest;
    struct gnttab_unmap_grant_ref *unmaps = (void *)host_guest;
    struct gnttab_unmap_and_replace *replaces = (void *)host_guest;
    static grant_handle_t handles[N];
    mfn_t m = grant(8, 0, 0);

    for (unsigned int i = 0; i < N; i++)
        maps[i] = (struct gnttab_map_grant_ref){
            .host_addr = (u64)(i + 1) << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = 8, .dom = 1};
    expect_preempted(GNTTABOP_map_grant_ref, N, sizeof(maps[0]));
    assert_int_equal(refs(m), 1 + N);
    for (unsigned int i = 0; i < N; i++) {
        assert_int_equal(maps[i].status, GNTST_okay);
        handles[i] = maps[i].handle;
    }
    for (unsigned int i = 0; i < N / 2; i++)
        unmaps[i] = (struct gnttab_unmap_grant_ref){.host_addr = (u64)(i + 1) << PAGE_SHIFT,
                                                    .handle = handles[i]};
    expect_preempted(GNTTABOP_unmap_grant_ref, N / 2, sizeof(unmaps[0]));
    assert_int_equal(refs(m), 1 + N / 2);
    for (unsigned int i = 0; i < N / 2; i++)
        replaces[i] = (struct gnttab_unmap_and_replace){.host_addr = (u64)(N / 2 + i + 1)
                                                                     << PAGE_SHIFT,
                                                        .new_addr = (u64)(N + i + 1) << PAGE_SHIFT,
                                                        .handle = handles[N / 2 + i]};
    expect_preempted(GNTTABOP_unmap_and_replace, N / 2, sizeof(replaces[0]));
    assert_int_equal(refs(m), 1);
}

static unsigned int flushes;

static void expect_still_pinned(void)
{
    flushes++;
    assert_int_equal(entry(a, 8)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(refs(MFN(entry(a, 8)->frame)), 2);
}

/* Until no CPU remembers the mapping, the frame is the mapper's still, and its owner is told so. */
static void pins_outlive_translations(void **state)
{
    struct gnttab_unmap_and_replace op;
    grant_handle_t handle;

    grant(8, 0, 0);
    handle = map(8, 1, GNTMAP_host_map).handle;
    at_flush = expect_still_pinned;
    flushes = 0;
    assert_int_equal(unmap(handle, 1, 0), GNTST_okay);
    assert_int_equal(flushes, 1);
    assert_int_equal(entry(a, 8)->flags, GTF_permit_access);
    at_flush = NULL;
    handle = map(8, 1, GNTMAP_host_map).handle;
    op = (struct gnttab_unmap_and_replace){
        .host_addr = 1UL << PAGE_SHIFT, .new_addr = 2UL << PAGE_SHIFT, .handle = handle};
    at_flush = expect_still_pinned;
    assert_int_equal(host_grant_op(GNTTABOP_unmap_and_replace, &op, sizeof(op), 1), 0);
    assert_int_equal(flushes, 2);
    assert_int_equal(op.status, GNTST_okay);
    assert_int_equal(entry(a, 8)->flags, GTF_permit_access);
}

static grant_handle_t busy_handle;

static void unmap_from_another_vcpu(void)
{
    struct gnttab_unmap_grant_ref *op = (void *)(host_guest + PAGE_SIZE);

    host_at_grant_unmap = NULL;
    *op = (struct gnttab_unmap_grant_ref){.host_addr = 1UL << PAGE_SHIFT, .handle = busy_handle};
    assert_int_equal(do_grant_table_op(GNTTABOP_unmap_grant_ref, GUEST(PAGE_SIZE), 1), 0);
    assert_int_equal(op->status, GNTST_bad_handle);
}

static void a_handle_is_unmapped_once(void **state)
{
    mfn_t m = grant(8, 0, 0);

    busy_handle = map(8, 1, GNTMAP_host_map).handle;
    host_at_grant_unmap = unmap_from_another_vcpu;
    assert_int_equal(unmap(busy_handle, 1, 0), GNTST_okay);
    assert_null(host_at_grant_unmap);
    assert_int_equal(refs(m), 1);
}

static void copies(void **state)
{
    mfn_t m = grant(8, 0, 0), own = page_to_mfn(host_frame(b, 1));
    char *theirs = mfn_to_virt(m), *mine = mfn_to_virt(own);
    struct gnttab_copy op = {.source = {.u.ref = 8, .domid = 1, .offset = 100},
                             .dest = {.u.gmfn = own.n, .domid = DOMID_SELF, .offset = 4000},
                             .len = 96,
                             .flags = GNTCOPY_source_gref};

    memset(theirs, 'x', PAGE_SIZE);
    memset(mine, 'y', PAGE_SIZE);
    assert_int_equal(host_grant_op(GNTTABOP_copy, &op, sizeof(op), 1), 0);
    assert_int_equal(op.status, GNTST_okay);
    assert_int_equal(mine[3999], 'y');
    assert_int_equal(mine[4000], 'x');
    assert_int_equal(mine[4095], 'x');
    op.len = 97;
    assert_int_equal(host_grant_op(GNTTABOP_copy, &op, sizeof(op), 1), 0);
    assert_int_equal(op.status, GNTST_bad_copy_arg);
    op = (struct gnttab_copy){.source = {.u.gmfn = own.n, .domid = DOMID_SELF},
                              .dest = {.u.ref = 8, .domid = 1, .offset = 4095},
                              .len = 1,
                              .flags = GNTCOPY_dest_gref};
    assert_int_equal(host_grant_op(GNTTABOP_copy, &op, sizeof(op), 1), 0);
    assert_int_equal(op.status, GNTST_okay);
    assert_int_equal(theirs[4095], 'y');
    entry(a, 8)->flags |= GTF_readonly;
    assert_int_equal(host_grant_op(GNTTABOP_copy, &op, sizeof(op), 1), 0);
    assert_int_equal(op.status, GNTST_general_error);
    op.dest.u.gmfn = m.n; /* by number only what is one's own */
    op.dest.domid = 1;
    op.flags = 0;
    assert_int_equal(host_grant_op(GNTTABOP_copy, &op, sizeof(op), 1), 0);
    assert_int_equal(op.status, GNTST_permission_denied);
    op.dest.domid = DOMID_SELF;
    assert_int_equal(host_grant_op(GNTTABOP_copy, &op, sizeof(op), 1), 0);
    assert_int_equal(op.status, GNTST_general_error);
    op.dest.u.gmfn = ~0UL;
    assert_int_equal(host_grant_op(GNTTABOP_copy, &op, sizeof(op), 1), 0);
    assert_int_equal(op.status, GNTST_bad_page);
    assert_int_equal(refs(m), 1);
    /* Nor is another's frame read by its number. */
    memset(mine, 'y', PAGE_SIZE);
    op = (struct gnttab_copy){.source = {.u.gmfn = m.n, .domid = DOMID_SELF},
                              .dest = {.u.gmfn = own.n, .domid = DOMID_SELF},
                              .len = 16};
    assert_int_equal(host_grant_op(GNTTABOP_copy, &op, sizeof(op), 1), 0);
    assert_int_equal(op.status, GNTST_general_error);
    assert_int_equal(mine[0], 'y');
    grant(9, 2, 0);
    assert_int_equal(get_page_and_type(host_frame(a, 2), a, PG_TYPE_WRITABLE), 0);
    op.dest = (struct gnttab_copy_ptr){.u.ref = 9, .domid = 1};
    op.flags = GNTCOPY_dest_gref;
    assert_int_equal(host_grant_op(GNTTABOP_copy, &op, sizeof(op), 1), 0);
    assert_int_equal(op.status, GNTST_general_error);
    put_page_and_type(host_frame(a, 2));
    assert_int_equal(refs(m), 1);
    assert_int_equal(refs(own), 1);
    assert_int_equal(entry(a, 8)->flags, GTF_permit_access | GTF_readonly);
}

/*
 * Each way of naming both frames, with grants that are free or in use, and frames with and without
 * the type: one result.
 */
static void copies_every_way(void **state)
{
    for (unsigned int way = 0; way < 32; way++) {
        bool src_gref = way & 1, dst_gref = way & 2, same = way & 16;
        mfn_t from = src_gref ? grant(8, 0, GTF_readonly) : page_to_mfn(host_frame(b, 0));
        mfn_t to = dst_gref ? grant(9, same ? 0 : 1, 0) : page_to_mfn(host_frame(b, same ? 0 : 1));
        char *src = mfn_to_virt(from), *dst = mfn_to_virt(to);
        struct gnttab_map_grant_ref other = {0};
        struct gnttab_copy op = {.source = {.u.ref = 8, .domid = 1, .offset = 10},
                                 .dest = {.u.ref = 9, .domid = 1, .offset = 20},
                                 .len = 1001,
                                 .flags = (u16)(way & 3)};
        u64 before_from = refs(from), before_to = refs(to);

        if (same && src_gref != dst_gref)
            continue;
        if (!src_gref)
            op.source = (struct gnttab_copy_ptr){
                .u.gmfn = from.n, .domid = DOMID_SELF, .offset = 10};
        if (!dst_gref)
            op.dest = (struct gnttab_copy_ptr){.u.gmfn = to.n, .domid = DOMID_SELF, .offset = 20};
        if ((way & 4) && !(way & 3))
            continue;
        if (way & 4) /* another domain uses the grant */
            other = map(dst_gref ? 9 : 8, 1, GNTMAP_host_map | (dst_gref ? 0 : GNTMAP_readonly));
        if (way & 8) { /* the frame was of another type last */
            assert_int_equal(get_page_and_type(mfn_to_page(to), dst_gref ? a : b, PG_TYPE_L1),
                             other.status == GNTST_okay && (way & 4) && dst_gref ? -XEN_EINVAL : 0);
            if (!(way & 4) || !dst_gref)
                put_page_and_type(mfn_to_page(to));
        }
        for (unsigned int i = 0; i < PAGE_SIZE; i++) {
            dst[i] = 'd';
            src[i] = (char)i;
        }
        assert_int_equal(host_grant_op(GNTTABOP_copy, &op, sizeof(op), 1), 0);
        assert_int_equal(op.status, GNTST_okay);
        for (unsigned int i = 0; i < PAGE_SIZE; i++)
            if (i >= 20 && i < 1021)
                assert_int_equal(dst[i], (char)(i - 10));
            else if (!same)
                assert_int_equal(dst[i], 'd');
        if (way & 4) {
            assert_int_equal(other.status, GNTST_okay);
            assert_int_equal(unmap(other.handle, 1, 0), GNTST_okay);
        }
        assert_int_equal(refs(from), before_from);
        assert_int_equal(refs(to), before_to);
        assert_int_equal(types(to), 0);
        assert_int_equal(entry(a, 8)->flags & (GTF_reading | GTF_writing), 0);
        assert_int_equal(entry(a, 9)->flags & (GTF_reading | GTF_writing), 0);
    }
}

/*
 * Of a domain that dies nothing can be copied or mapped any more, and what was pinned is given
 * back.
 */
static void dying_domains_grant_nothing(void **state)
{
    struct gnttab_map_grant_ref held, refused;
    struct gnttab_copy op = {
        .source = {.u.ref = 8, .domid = 1},
        .dest = {.u.gmfn = page_to_mfn(host_frame(b, 1)).n, .domid = DOMID_SELF},
        .len = 8,
        .flags = GNTCOPY_source_gref};
    mfn_t m = grant(8, 0, 0);

    grant(9, 1, 0);
    held = map(8, 1, GNTMAP_host_map);
    assert_int_equal(held.status, GNTST_okay);
    grant_table_close(a);
    refused = map(9, 2, GNTMAP_host_map);
    assert_int_equal(refused.status, GNTST_general_error);
    refused = map(100000, 2, GNTMAP_host_map);
    assert_int_equal(refused.status, GNTST_bad_gntref);
    assert_int_equal(host_grant_op(GNTTABOP_copy, &op, sizeof(op), 1), 0);
    assert_int_equal(op.status, GNTST_general_error);
    assert_int_equal(unmap(held.handle, 1, 0), GNTST_okay);
    assert_int_equal(refs(m), 1);
}

static void table_operations(void **state)
{
    struct gnttab_setup_table set = {.dom = DOMID_SELF, .nr_frames = 4};
    struct gnttab_query_size query = {.dom = DOMID_SELF};
    struct gnttab_set_version version = {.version = 2};
    struct gnttab_get_version get = {.dom = DOMID_SELF};
    struct gnttab_swap_grant_ref swap = {.ref_a = 8, .ref_b = 9};
    struct gnttab_map_grant_ref op;
    xen_pfn_t list[4];

    set_xen_guest_handle(set.frame_list, (xen_pfn_t *)GUEST(4096));
    host_preempt_every(1); /* it grows one frame at a time */
    assert_int_equal(host_grant_op(GNTTABOP_setup_table, &set, sizeof(set), 1), 0);
    assert_int_equal(host_continued.op, __HYPERVISOR_grant_table_op);
    host_preempt_every(0);
    assert_int_equal(set.status, GNTST_okay);
    memcpy(list, (void *)GUEST(4096), sizeof(list));
    for (unsigned int i = 0; i < 4; i++)
        assert_ptr_equal(page_owner(mfn_to_page(MFN(list[i]))), b);
    set.nr_frames = 5;
    assert_int_equal(host_grant_op(GNTTABOP_setup_table, &set, sizeof(set), 1), 0);
    assert_int_equal(set.status, GNTST_general_error);
    set.dom = 1;
    assert_int_equal(host_grant_op(GNTTABOP_setup_table, &set, sizeof(set), 1), 0);
    assert_int_equal(set.status, GNTST_permission_denied);
    assert_int_equal(do_grant_table_op(GNTTABOP_setup_table, GUEST(0), 2), -XEN_EINVAL);

    assert_int_equal(host_grant_op(GNTTABOP_query_size, &query, sizeof(query), 1), 0);
    assert_int_equal(query.nr_frames, 4);
    assert_int_equal(query.max_nr_frames, 4);
    assert_int_equal(host_grant_op(GNTTABOP_set_version, &version, sizeof(version), 1),
                     -XEN_ENOSYS);
    version.version = 3;
    assert_int_equal(host_grant_op(GNTTABOP_set_version, &version, sizeof(version), 1),
                     -XEN_EINVAL);
    version.version = 1;
    assert_int_equal(host_grant_op(GNTTABOP_set_version, &version, sizeof(version), 1), 0);
    assert_int_equal(host_grant_op(GNTTABOP_get_version, &get, sizeof(get), 1), 0);
    assert_int_equal(get.version, 1);

    grant(8, 0, 0);
    op = map(8, 1, GNTMAP_host_map);
    host_become(a->vcpu[0]);
    assert_int_equal(host_grant_op(GNTTABOP_swap_grant_ref, &swap, sizeof(swap), 1), 0);
    assert_int_equal(swap.status, GNTST_eagain); /* in use */
    host_become(b->vcpu[0]);
    assert_int_equal(unmap(op.handle, 1, 0), GNTST_okay);
    host_become(a->vcpu[0]);
    assert_int_equal(host_grant_op(GNTTABOP_swap_grant_ref, &swap, sizeof(swap), 1), 0);
    assert_int_equal(swap.status, GNTST_okay);
    assert_int_equal(entry(a, 9)->flags, GTF_permit_access);
    assert_int_equal(entry(a, 8)->flags, 0);
}

static void faults_and_failures(void **state)
{
    struct gnttab_map_grant_ref op;
    struct gnttab_setup_table set = {.dom = DOMID_SELF, .nr_frames = 3};

    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, GUEST(0), ~0U), -XEN_EINVAL);
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, ~0UL - 10, 1), -XEN_EFAULT);
    for (unsigned int cmd = 0; cmd < 20; cmd++)
        assert_true(do_grant_table_op(cmd, GUEST(HOST_WINDOW), 1) < 0);
    grant(8, 0, 0);
    host_fail_allocation(1); /* the first page of handles */
    op = map(8, 1, GNTMAP_host_map);
    assert_int_equal(op.status, GNTST_no_device_space);
    set_xen_guest_handle(set.frame_list, (xen_pfn_t *)GUEST(4096));
    for (unsigned long n = 0; n < 24; n++) {
        host_fail_allocation(1 + n % 4);
        assert_int_equal(host_grant_op(GNTTABOP_setup_table, &set, sizeof(set), 1), 0);
        assert_int_equal(set.status, host_failed() ? GNTST_general_error : GNTST_okay);
    }
    host_fail_allocation(0);
    assert_int_equal(b->grant_table->nr_frames, 3);
}

/*
 * A new domain has active entries for its first 64 grants. More are made when one is used, 64 at a
 * time; a domain that uses few needs less memory.
 */
static void active_entries_come_with_use(void **state)
{
    struct gnttab_copy copy = {.flags = GNTCOPY_source_gref, .len = 8, .source.u.ref = 300};
    struct gnttab_setup_table set = {.dom = DOMID_SELF, .nr_frames = 2};
    const struct grant_table *gt = a->grant_table;
    struct gnttab_map_grant_ref op;
    unsigned long bytes;
    mfn_t m;

    assert_int_equal(gt->open_entries, 64);
    m = grant(8, 0, 0);
    for (grant_ref_t ref = 60; ref < 512; ref++)
        *entry(a, ref) = *entry(a, 8);
    op = map(63, 1, GNTMAP_host_map); /* and the handles are made */
    assert_int_equal(op.status, GNTST_okay);
    bytes = xalloc_in_use();
    assert_int_equal(gt->open_entries, 64);
    host_fail_allocation(1);
    assert_int_equal(map(64, 2, GNTMAP_host_map).status, GNTST_eagain);
    assert_int_equal(refs(m), 2);
    assert_int_equal(entry(a, 64)->flags, GTF_permit_access);
    host_fail_allocation(0);
    assert_int_equal(map(64, 2, GNTMAP_host_map | GNTMAP_readonly).status, GNTST_okay);
    assert_int_equal(gt->open_entries, 128);
    assert_int_equal(xalloc_in_use(), bytes + 1024);
    assert_int_equal(active_entry(gt, 64)->readers, 1);
    assert_int_equal(active_entry(gt, 63)->writers, 1);
    /* What is not granted makes none, so strangers cannot; a copy does. */
    entry(a, 128)->domid = 3;
    assert_int_equal(map(128, 3, GNTMAP_host_map).status, GNTST_general_error);
    entry(a, 129)->flags |= GTF_readonly;
    assert_int_equal(map(129, 3, GNTMAP_host_map).status, GNTST_general_error);
    entry(a, 130)->flags = 0;
    assert_int_equal(map(130, 3, GNTMAP_host_map).status, GNTST_general_error);
    assert_int_equal(gt->open_entries, 128);
    assert_int_equal(xalloc_in_use(), bytes + 1024);
    copy.source.domid = 1;
    copy.dest.domid = DOMID_SELF;
    copy.dest.u.gmfn = page_to_mfn(host_frame(b, 0)).n;
    assert_int_equal(host_grant_op(GNTTABOP_copy, &copy, sizeof(copy), 1), 0);
    assert_int_equal(copy.status, GNTST_okay);
    assert_int_equal(gt->open_entries, 320);
    assert_int_equal(entry(a, 300)->flags, GTF_permit_access);
    assert_int_equal(map(512, 3, GNTMAP_host_map).status, GNTST_bad_gntref);
    assert_int_equal(gt->open_entries, 320);
    /* What has none is not in use: it can be swapped. */
    host_become(a->vcpu[0]);
    {
        struct gnttab_swap_grant_ref swap = {.ref_a = 400, .ref_b = 401};

        entry(a, 400)->flags = 0;
        assert_int_equal(host_grant_op(GNTTABOP_swap_grant_ref, &swap, sizeof(swap), 1), 0);
        assert_int_equal(swap.status, GNTST_okay);
        assert_int_equal(entry(a, 401)->flags, 0);
        swap.ref_a = 63;
        assert_int_equal(host_grant_op(GNTTABOP_swap_grant_ref, &swap, sizeof(swap), 1), 0);
        assert_int_equal(swap.status, GNTST_eagain);
    }
    assert_int_equal(gt->open_entries, 320);
    /* Another frame completes the one before it; what is pinned stays pinned. */
    set_xen_guest_handle(set.frame_list, (xen_pfn_t *)GUEST(4096));
    assert_int_equal(host_grant_op(GNTTABOP_setup_table, &set, sizeof(set), 1), 0);
    assert_int_equal(set.status, GNTST_okay);
    assert_int_equal(gt->open_entries, 512 + 64);
    assert_int_equal(active_entry(gt, 64)->readers, 1);
    host_become(b->vcpu[0]);
    *entry(a, 1023) = *entry(a, 8);
    assert_int_equal(map(1023, 4, GNTMAP_host_map).status, GNTST_okay);
    assert_int_equal(gt->open_entries, 1024);
    /* A closed table makes none. */
    grant_table_close(a);
    bytes = xalloc_in_use();
    assert_int_equal(map(8, 5, GNTMAP_host_map).status, GNTST_general_error);
    assert_int_equal(xalloc_in_use(), bytes);
    assert_int_equal(unmap(op.handle, 1, 0), GNTST_okay);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, end_two_domains)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(map_and_unmap),
        TEST(refused),
        TEST(not_granted_to_dom0),
        TEST(entry_changes),
        TEST(device_mappings),
        TEST(replace),
        TEST(replace_leaves_the_device),
        TEST(overwritten_entry),
        TEST(overwritten_and_orphaned),
        TEST(owner_dies_while_mapped),
        TEST(user_dies_while_mapping),
        TEST(handles_run_out),
        TEST(batches),
        TEST(long_batches_are_preempted),
        TEST(pins_outlive_translations),
        TEST(a_handle_is_unmapped_once),
        TEST(copies),
        TEST(copies_every_way),
        TEST(dying_domains_grant_nothing),
        TEST(table_operations),
        TEST(faults_and_failures),
        TEST(active_entries_come_with_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
