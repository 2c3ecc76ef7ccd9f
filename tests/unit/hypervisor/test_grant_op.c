/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/*
 * The grant operations word for word: what is written back and what is left as it was, each
 * refusal, whose table, where a batch stops and how it continues, and how often translations are
 * flushed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "grants.h"

static int setup(void **state)
{
    make_two_domains(1, 1, 16);
    return 0;
}

#define OP(cmd, op) host_grant_op(GNTTABOP_##cmd, &(op), sizeof(op), 1)

/* ---- the table ---- */

#define LIST 4096U /* where in the window a list of frames is written */

static struct gnttab_setup_table set_up(domid_t dom, unsigned int nr)
{
    struct gnttab_setup_table op = {.dom = dom, .nr_frames = nr, .status = 77};

    set_xen_guest_handle(op.frame_list, (xen_pfn_t *)GUEST(LIST));
    memset(host_guest + LIST, 0x5a, 64);
    assert_int_equal(OP(setup_table, op), 0);
    return op;
}

static void a_table_is_listed(void **state)
{
    const u64 *list = (u64 *)(void *)(host_guest + LIST);
    u32 refs_a = a->refs, refs_b = b->refs;
    struct gnttab_setup_table op = {.dom = DOMID_SELF, .nr_frames = 3};

    assert_int_equal(b->grant_table->nr_frames, 1);
    assert_int_equal(set_up(DOMID_SELF, 0).status, GNTST_okay);
    assert_int_equal(b->grant_table->nr_frames, 1);
    assert_int_equal(list[0], 0x5a5a5a5a5a5a5a5a);
    assert_int_equal(set_up(2, 2).status, GNTST_okay); /* its own number, too */
    assert_int_equal(b->grant_table->nr_frames, 2);
    assert_int_equal(b->grant_table->open_entries, 512 + 64);
    assert_int_equal(list[0], virt_to_mfn(shared_entry(b->grant_table, 0 * GRANTS_PER_FRAME)).n);
    assert_int_equal(list[1], virt_to_mfn(shared_entry(b->grant_table, 1 * GRANTS_PER_FRAME)).n);
    assert_int_equal(list[2], 0x5a5a5a5a5a5a5a5a);
    assert_int_equal(set_up(DOMID_SELF, 1).status, GNTST_okay);
    assert_int_equal(list[1], 0x5a5a5a5a5a5a5a5a);
    assert_int_equal(b->grant_table->nr_frames, 2);
    /* Refusals. */
    refs_b = b->refs;
    assert_int_equal(set_up(DOMID_SELF, 5).status, GNTST_general_error);
    assert_int_equal(list[0], 0x5a5a5a5a5a5a5a5a);
    assert_int_equal(set_up(1, 1).status, GNTST_permission_denied);
    assert_int_equal(set_up(77, 1).status, GNTST_bad_domain);
    assert_int_equal(set_up(DOMID_IO, 1).status, GNTST_permission_denied);
    host_become(a->vcpu[0]);
    assert_int_equal(set_up(DOMID_IO, 1).status, GNTST_permission_denied);
    assert_int_equal(set_up(2, 1).status, GNTST_okay);
    assert_int_equal(list[0], virt_to_mfn(shared_entry(b->grant_table, 0 * GRANTS_PER_FRAME)).n);
    b->dying = DOMAIN_DYING;
    assert_int_equal(set_up(2, 1).status, GNTST_general_error);
    b->dying = DOMAIN_ALIVE;
    assert_int_equal(a->refs, refs_a);
    assert_int_equal(b->refs, refs_b);
    /* The list cannot be written; the structure cannot. */
    host_become(b->vcpu[0]);
    set_xen_guest_handle(op.frame_list, (xen_pfn_t *)GUEST(HOST_WINDOW - 16));
    assert_int_equal(OP(setup_table, op), 0);
    assert_int_equal(op.status, GNTST_bad_virt_addr);
    assert_int_equal(b->grant_table->nr_frames, 3);
    assert_int_equal(do_grant_table_op(GNTTABOP_setup_table, GUEST(HOST_WINDOW) - 8, 1),
                     -XEN_EFAULT);
    assert_int_equal(b->refs, refs_b + 1); /* for the frame lent */
}

static void a_table_grows_in_pieces(void **state)
{
    struct gnttab_setup_table op = {.dom = DOMID_SELF, .nr_frames = 4};
    u32 refs_b = b->refs;

    set_xen_guest_handle(op.frame_list, (xen_pfn_t *)GUEST(LIST));
    memcpy(host_guest, &op, sizeof(op));
    host_preempt_every(1);
    for (unsigned int n = 2; n <= 3; n++) {
        assert_int_equal(do_grant_table_op(GNTTABOP_setup_table, GUEST(0), 1), HOST_CONTINUED);
        assert_int_equal(host_continued.op, __HYPERVISOR_grant_table_op);
        assert_int_equal(host_continued.nargs, 3);
        assert_int_equal(host_continued.args[0], GNTTABOP_setup_table);
        assert_int_equal(host_continued.args[1], GUEST(0));
        assert_int_equal(host_continued.args[2], 1);
        assert_int_equal(b->grant_table->nr_frames, n);
        assert_int_equal(b->refs, refs_b + n - 1);
    }
    assert_int_equal(do_grant_table_op(GNTTABOP_setup_table, GUEST(0), 1), 0);
    host_preempt_every(0);
    assert_int_equal(b->grant_table->nr_frames, 4);
}

static void what_a_table_says_of_itself(void **state)
{
    struct gnttab_query_size size = {.dom = DOMID_SELF};
    struct gnttab_get_version version = {.dom = DOMID_SELF, .version = 9};
    struct gnttab_get_status_frames frames = {.nr_frames = 1, .dom = DOMID_SELF};
    struct gnttab_set_version set = {.version = 0};
    u32 refs_b = b->refs;

    assert_int_equal(OP(query_size, size), 0);
    assert_int_equal(size.status, GNTST_okay);
    assert_int_equal(size.nr_frames, 1);
    assert_int_equal(size.max_nr_frames, 4);
    size = (struct gnttab_query_size){.dom = 77, .nr_frames = 9};
    assert_int_equal(OP(query_size, size), 0);
    assert_int_equal(size.status, GNTST_bad_domain);
    assert_int_equal(size.nr_frames, 9);
    size.dom = 1;
    assert_int_equal(OP(query_size, size), 0);
    assert_int_equal(size.status, GNTST_permission_denied);
    assert_int_equal(size.nr_frames, 9);

    assert_int_equal(OP(get_version, version), 0);
    assert_int_equal(version.version, 1);
    version.dom = 77;
    assert_int_equal(OP(get_version, version), -XEN_ESRCH);
    version.dom = 1;
    assert_int_equal(OP(get_version, version), -XEN_EPERM);
    assert_int_equal(OP(get_status_frames, frames), 0);
    assert_int_equal(frames.status, GNTST_general_error);
    frames.dom = 1;
    assert_int_equal(OP(get_status_frames, frames), 0);
    assert_int_equal(frames.status, GNTST_permission_denied);
    frames.dom = 77;
    assert_int_equal(OP(get_status_frames, frames), 0);
    assert_int_equal(frames.status, GNTST_bad_domain);
    for (unsigned int v = 0; v < 5; v++) {
        set.version = v;
        assert_int_equal(OP(set_version, set), v == 1 ? 0 : v == 2 ? -XEN_ENOSYS : -XEN_EINVAL);
    }
    host_become(a->vcpu[0]);
    size.dom = version.dom = 2;
    assert_int_equal(OP(query_size, size), 0);
    assert_int_equal(size.status, GNTST_okay);
    assert_int_equal(size.nr_frames, 1);
    assert_int_equal(OP(get_version, version), 0);
    assert_int_equal(b->refs, refs_b);
}

static void single_operations_are_single(void **state)
{
    static const unsigned int single[] = {
        GNTTABOP_setup_table, GNTTABOP_query_size,        GNTTABOP_set_version,
        GNTTABOP_get_version, GNTTABOP_get_status_frames,
    };
    static const unsigned int lists[] = {
        GNTTABOP_map_grant_ref,     GNTTABOP_unmap_grant_ref, GNTTABOP_copy,
        GNTTABOP_unmap_and_replace, GNTTABOP_swap_grant_ref,  GNTTABOP_cache_flush,
    };
    static const unsigned int none[] = {GNTTABOP_dump_table, GNTTABOP_transfer, 13, 14, ~0U};

    memset(host_guest, 0, 256);
    for (unsigned int i = 0; i < ARRAY_SIZE(single); i++) {
        assert_int_equal(do_grant_table_op(single[i], GUEST(0), 0), -XEN_EINVAL);
        assert_int_equal(do_grant_table_op(single[i], GUEST(0), 2), -XEN_EINVAL);
        assert_int_equal(do_grant_table_op(single[i], GUEST(HOST_WINDOW) - 1, 1), -XEN_EFAULT);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(lists); i++) {
        assert_int_equal(do_grant_table_op(lists[i], GUEST(0), 0), 0);
        assert_int_equal(do_grant_table_op(lists[i], GUEST(HOST_WINDOW) - 1, 1), -XEN_EFAULT);
        assert_int_equal(do_grant_table_op(lists[i], ~0UL - 10, 1), -XEN_EFAULT);
        assert_int_equal(do_grant_table_op(lists[i], ~0UL - 10, 2), -XEN_EFAULT);
        assert_int_equal(do_grant_table_op(lists[i], GUEST(0), 1U << 31), -XEN_EINVAL);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(none); i++)
        assert_int_equal(do_grant_table_op(none[i], GUEST(0), 1), -XEN_ENOSYS);
}

static void entries_are_swapped(void **state)
{
    struct gnttab_swap_grant_ref op = {.ref_a = 8, .ref_b = 511, .status = 9};
    struct grant_entry_v1 x = {GTF_permit_access, 1, 0x1234}, y = {GTF_invalid, 7, 0x777};

    *entry(b, 8) = x;
    *entry(b, 511) = y;
    assert_int_equal(OP(swap_grant_ref, op), 0);
    assert_int_equal(op.status, GNTST_okay);
    assert_memory_equal(entry(b, 8), &y, sizeof(y));
    assert_memory_equal(entry(b, 511), &x, sizeof(x));
    op = (struct gnttab_swap_grant_ref){.ref_a = 8, .ref_b = 512, .status = 9};
    assert_int_equal(OP(swap_grant_ref, op), 0);
    assert_int_equal(op.status, GNTST_bad_gntref);
    op = (struct gnttab_swap_grant_ref){.ref_a = 512, .ref_b = 8, .status = 9};
    assert_int_equal(OP(swap_grant_ref, op), 0);
    assert_int_equal(op.status, GNTST_bad_gntref);
    assert_memory_equal(entry(b, 8), &y, sizeof(y));
    /* With itself, in use or not. */
    op = (struct gnttab_swap_grant_ref){.ref_a = 8, .ref_b = 8, .status = 9};
    active_entry(b->grant_table, 8)->readers = 1;
    assert_int_equal(OP(swap_grant_ref, op), 0);
    assert_int_equal(op.status, GNTST_okay);
    for (unsigned int way = 0; way < 2; way++) {
        op = (struct gnttab_swap_grant_ref){way ? 8 : 511, way ? 511 : 8, 9};
        assert_int_equal(OP(swap_grant_ref, op), 0);
        assert_int_equal(op.status, GNTST_eagain);
        assert_memory_equal(entry(b, 8), &y, sizeof(y));
    }
    active_entry(b->grant_table, 8)->readers = 0;
}

/* ---- caches ---- */

static struct {
    unsigned int calls;
    unsigned long frame;
    unsigned int offset, length;
    bool invalidate;
} flushed;

void arch_cache_flush(mfn_t frame, unsigned int offset, unsigned int length, bool invalidate)
{
    flushed.calls++;
    flushed.frame = frame.n;
    flushed.offset = offset;
    flushed.length = length;
    flushed.invalidate = invalidate;
}

static long flush(u64 addr, u16 offset, u16 length, u32 op)
{
    struct gnttab_cache_flush f = {
        .a.dev_bus_addr = addr, .offset = offset, .length = length, .op = op};

    flushed.calls = 0;
    return OP(cache_flush, f);
}

static void caches_are_flushed(void **state)
{
    const mfn_t own = page_to_mfn(host_frame(b, 3)), other = page_to_mfn(host_frame(a, 3));
    const u64 addr = own.n << PAGE_SHIFT;

    assert_int_equal(flush(addr, 16, 4080, GNTTAB_CACHE_CLEAN), 0);
    assert_int_equal(flushed.calls, 1);
    assert_int_equal(flushed.frame, own.n);
    assert_int_equal(flushed.offset, 16);
    assert_int_equal(flushed.length, 4080);
    assert_false(flushed.invalidate);
    assert_int_equal(flush(addr + 5, 0, 1, GNTTAB_CACHE_INVAL), 0);
    assert_true(flushed.invalidate);
    assert_int_equal(flush(addr, 0, 4096, GNTTAB_CACHE_INVAL | GNTTAB_CACHE_CLEAN), 0);
    assert_int_equal(flushed.calls, 1);
    assert_int_equal(refs(own), 1);
    /* Nothing to do. */
    assert_int_equal(flush(addr, 0, 0, GNTTAB_CACHE_CLEAN), 0);
    assert_int_equal(flushed.calls, 0);
    assert_int_equal(flush(addr, 0, 8, 0), 0);
    assert_int_equal(flush(addr, 0, 8, GNTTAB_CACHE_SOURCE_GREF), 0);
    assert_int_equal(flushed.calls, 0);
    /* Refusals. */
    assert_int_equal(flush(addr, 17, 4080, GNTTAB_CACHE_CLEAN), -XEN_EINVAL);
    assert_int_equal(flush(addr, 1, 4096, GNTTAB_CACHE_CLEAN), -XEN_EINVAL);
    for (unsigned int bit = 2; bit < 31; bit++)
        assert_int_equal(flush(addr, 0, 8, GNTTAB_CACHE_CLEAN | 1U << bit), -XEN_EINVAL);
    assert_int_equal(flush(addr, 0, 8, GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_SOURCE_GREF),
                     -XEN_EOPNOTSUPP);
    assert_int_equal(flush(other.n << PAGE_SHIFT, 0, 8, GNTTAB_CACHE_CLEAN), -XEN_EPERM);
    assert_int_equal(flush(max_page << PAGE_SHIFT, 0, 8, GNTTAB_CACHE_CLEAN), -XEN_EPERM);
    assert_int_equal(flushed.calls, 0);
    assert_int_equal(refs(other), 1);
    assert_int_equal(refs(own), 1);
}

/* ---- mapping ---- */

static struct gnttab_map_grant_ref map_of(grant_ref_t ref, unsigned int pte, u32 flags)
{
    return (struct gnttab_map_grant_ref){.host_addr = (u64)pte << PAGE_SHIFT,
                                         .flags = flags,
                                         .ref = ref,
                                         .dom = 1,
                                         .status = 77,
                                         .handle = 99,
                                         .dev_bus_addr = 99};
}

static struct gnttab_map_grant_ref map(grant_ref_t ref, unsigned int pte, u32 flags)
{
    struct gnttab_map_grant_ref op = map_of(ref, pte, flags);

    assert_int_equal(OP(map_grant_ref, op), 0);
    return op;
}

static int unmap(grant_handle_t handle, unsigned int pte, u64 dev)
{
    struct gnttab_unmap_grant_ref op = {
        .host_addr = (u64)pte << PAGE_SHIFT, .dev_bus_addr = dev, .handle = handle};

    assert_int_equal(OP(unmap_grant_ref, op), 0);
    assert_int_equal(op.handle, handle);
    return op.status;
}

static const struct grant_mapping *mapping(grant_handle_t handle)
{
    return &b->grant_table->mappings[handle / MAPPINGS_PER_PAGE][handle % MAPPINGS_PER_PAGE];
}

static void a_mapping_is_remembered(void **state)
{
    mfn_t m = grant(8, 2, 0);
    struct gnttab_map_grant_ref op = map(8, 5, GNTMAP_host_map | GNTMAP_application_map);
    u32 refs_a = a->refs;

    assert_int_equal(op.status, GNTST_okay);
    assert_int_equal(op.handle, 0);
    assert_int_equal(op.dev_bus_addr, m.n << 12);
    assert_int_equal(op.host_addr, 5 << 12);
    assert_int_equal(mapping(0)->flags, GNTMAP_host_map | GNTMAP_application_map);
    assert_int_equal(mapping(0)->ref, 8);
    assert_int_equal(mapping(0)->frame, m.n);
    assert_int_equal(mapping(0)->owner, virt_to_mfn(a).n);
    assert_int_equal(host_ptes[5].frame.n, m.n);
    assert_true(host_ptes[5].writable);
    assert_int_equal(mfn_to_page(m)->marks, PAGE_FOREIGN);
    op = map(8, 6, GNTMAP_device_map | GNTMAP_readonly);
    assert_int_equal(op.handle, 1);
    assert_int_equal(mapping(1)->flags, GNTMAP_device_map | GNTMAP_readonly);
    assert_false(host_ptes[6].present);
    assert_int_equal(a->refs, refs_a + 1);
    assert_int_equal(refs(m), 3);
    assert_int_equal(types(m), 1);
    assert_int_equal(active_entry(a->grant_table, 8)->writers, 1);
    assert_int_equal(active_entry(a->grant_table, 8)->readers, 1);
    assert_int_equal(active_entry(a->grant_table, 8)->domid, 2);
    /* Only by the device's address; its host address is not looked at. */
    assert_int_equal(unmap(1, 6, 0), GNTST_okay);
    assert_int_equal(refs(m), 3);
    assert_int_equal(unmap(1, 0, op.dev_bus_addr + 1), GNTST_general_error);
    assert_int_equal(refs(m), 3);
    assert_int_equal(unmap(1, 0, op.dev_bus_addr), GNTST_okay);
    assert_int_equal(refs(m), 2);
    assert_int_equal(a->refs, refs_a);
    assert_int_equal(unmap(0, 5, 0), GNTST_okay);
    assert_int_equal(a->refs, refs_a - 1);
    assert_int_equal(refs(m), 1);
    assert_int_equal(mapping(0)->flags, 0);
    /* The handle given up last is the next. */
    assert_int_equal(map(8, 5, GNTMAP_host_map).handle, 0);
    assert_int_equal(map(8, 6, GNTMAP_host_map).handle, 1);
    assert_int_equal(map(8, 7, GNTMAP_host_map).handle, 2);
    assert_int_equal(b->grant_table->nr_map_pages, 1);
}

/* A refusal gives back the pin, the counts, the handle and the domain. */
static void a_refused_mapping_leaves_nothing(void **state)
{
    mfn_t m = grant(8, 2, 0);
    u32 refs_a = a->refs;
    struct gnttab_map_grant_ref op;

    for (unsigned int i = 0; i < 3; i++) {
        op = map(8, HOST_PTES, GNTMAP_host_map | (i ? GNTMAP_device_map : 0));
        assert_int_equal(op.status, GNTST_bad_virt_addr);
        assert_int_equal(op.handle, 0);
        assert_int_equal(op.dev_bus_addr, 0);
        assert_int_equal(map(8, HOST_PTES, 7).status, GNTST_bad_virt_addr);
        assert_int_equal(map(9, 1, GNTMAP_host_map).status, GNTST_general_error);
        assert_int_equal(map(8, 1, GNTMAP_readonly).status, GNTST_bad_gntref);
        assert_int_equal(a->refs, refs_a);
        assert_int_equal(refs(m), 1);
        assert_int_equal(types(m), 0);
        assert_int_equal(active_entry(a->grant_table, 8)->in_use, 0);
        assert_int_equal(entry(a, 8)->flags, GTF_permit_access);
    }
    assert_int_equal(map(8, 1, GNTMAP_host_map).handle, 0);
}

static void both_kinds_at_once(void **state)
{
    mfn_t m = grant(8, 2, 0);

    for (unsigned int readonly = 0; readonly < 2; readonly++) {
        const u32 flags = GNTMAP_host_map | GNTMAP_device_map | (readonly ? GNTMAP_readonly : 0);
        struct gnttab_map_grant_ref op = map(8, 1, flags);

        assert_int_equal(mapping(op.handle)->flags, flags);
        assert_int_equal(refs(m), 3);
        assert_int_equal(types(m), readonly ? 0 : 2);
        assert_int_equal(active_entry(a->grant_table, 8)->pins[readonly], 2);
        assert_int_equal(active_entry(a->grant_table, 8)->pins[!readonly], 0);
        assert_int_equal(unmap(op.handle, 1, op.dev_bus_addr), GNTST_okay);
        assert_int_equal(refs(m), 1);
        assert_int_equal(types(m), 0);
        assert_int_equal(active_entry(a->grant_table, 8)->in_use, 0);
        assert_int_equal(unmap(op.handle, 1, 0), GNTST_bad_handle);
    }
}

/* Handles may be taken under the table's lock; debug builds know that order. */
static void the_locks_of_a_table(void **state)
{
    struct grant_table *gt = b->grant_table;

    spin_lock(&gt->lock);
    spin_lock(&gt->map_lock);
    spin_unlock(&gt->map_lock);
    spin_unlock(&gt->lock);
}

static void a_table_is_described(void **state)
{
    grant(8, 2, 0);
    grant(9, 3, 0);
    map(8, 1, GNTMAP_host_map);
    map(8, 2, GNTMAP_host_map);
    map(9, 3, GNTMAP_host_map | GNTMAP_readonly);
    host_console_log[0] = '\0';
    grant_table_dump(a);
    assert_string_equal(host_console_log,
                        "d1 grants: 1 frames, 2 entries in use by others, 0 mappings of "
                        "others in 1 pages\n\n");
    host_console_log[0] = '\0';
    set_up(DOMID_SELF, 2);
    grant_table_dump(b);
    assert_string_equal(host_console_log,
                        "d2 grants: 2 frames, 0 entries in use by others, 3 mappings of "
                        "others in 1 pages\n\n");
}

/* ---- batches ---- */

static void maps_stop_and_continue(void **state)
{
    struct gnttab_map_grant_ref *ops = (void *)host_guest;

    grant(8, 2, 0);
    for (unsigned int i = 0; i < 4; i++)
        ops[i] = map_of(8, 1 + i, GNTMAP_host_map);
    host_preempt_every(2);
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, GUEST(0), 4), HOST_CONTINUED);
    host_preempt_every(0);
    assert_int_equal(host_continued.args[0], GNTTABOP_map_grant_ref);
    assert_int_equal(host_continued.args[1], GUEST(64));
    assert_int_equal(host_continued.args[2], 2);
    assert_int_equal(ops[1].status, GNTST_okay);
    assert_int_equal(ops[2].status, 77);
    /* In: 24 bytes of 32; out: the last 16. */
    host_guest_limit(64, 23);
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, GUEST(64), 1), -XEN_EFAULT);
    assert_false(host_ptes[3].present);
    host_guest_limit(64, 24);
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, GUEST(64), 1), -XEN_EFAULT);
    assert_true(host_ptes[3].present);
    host_guest_limit(0, 0);
    host_overwrite_pte(3);
    host_guest_limit(64, 32);
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, GUEST(64), 1), 0);
    host_guest_limit(0, 0);
    assert_int_equal(ops[2].dom, 1);
    assert_int_equal(ops[2].handle, 3);
}

/* Thirty-two at a time, with one flush each, before anything of them is given up. */
static void unmaps_flush_by_the_batch(void **state)
{
    struct gnttab_unmap_grant_ref *ops = (void *)host_guest;
    mfn_t m = grant(8, 2, 0);
    unsigned long flushes;

    for (unsigned int i = 0; i < 65; i++)
        map(8, 1 + i, GNTMAP_host_map);
    assert_int_equal(refs(m), 66);
    for (unsigned int i = 0; i < 65; i++)
        ops[i] = (struct gnttab_unmap_grant_ref){
            .host_addr = (u64)(1 + i) << PAGE_SHIFT, .handle = i, .status = 77};
    flushes = host_tlb_flushes;
    host_preempt_every(1);
    assert_int_equal(do_grant_table_op(GNTTABOP_unmap_grant_ref, GUEST(0), 65), HOST_CONTINUED);
    host_preempt_every(0);
    assert_int_equal(host_continued.args[0], GNTTABOP_unmap_grant_ref);
    assert_int_equal(host_continued.args[1], GUEST(32 * 24));
    assert_int_equal(host_continued.args[2], 33);
    assert_int_equal(host_tlb_flushes, flushes + 1);
    assert_int_equal(refs(m), 34);
    assert_int_equal(ops[31].status, GNTST_okay);
    assert_int_equal(ops[32].status, 77);
    assert_int_equal(do_grant_table_op(GNTTABOP_unmap_grant_ref, GUEST(32 * 24), 33), 0);
    assert_int_equal(host_tlb_flushes, flushes + 3);
    assert_int_equal(refs(m), 1);
}

/* What was unmapped before a fault is given up all the same. */
static void unmaps_end_at_a_fault(void **state)
{
    struct gnttab_unmap_grant_ref *ops = (void *)host_guest;
    mfn_t m = grant(8, 2, 0);

    for (unsigned int i = 0; i < 4; i++)
        map(8, 1 + i, GNTMAP_host_map);
    for (unsigned int i = 0; i < 4; i++)
        ops[i] = (struct gnttab_unmap_grant_ref){
            .host_addr = (u64)(1 + i) << PAGE_SHIFT, .handle = i, .status = 77};
    host_guest_limit(0, 2 * 24 + 20);
    assert_int_equal(do_grant_table_op(GNTTABOP_unmap_grant_ref, GUEST(0), 4), -XEN_EFAULT);
    host_guest_limit(0, 0);
    assert_int_equal(refs(m), 3);
    assert_int_equal(ops[1].status, GNTST_okay);
    assert_true(host_ptes[3].present);
    assert_int_equal(unmap(2, 3, 0), GNTST_okay);
    assert_int_equal(unmap(3, 4, 0), GNTST_okay);
    assert_int_equal(refs(m), 1);
}

static void other_lists_continue(void **state)
{
    static const struct {
        unsigned int cmd, size;
    } lists[] = {
        {GNTTABOP_copy, sizeof(struct gnttab_copy)},
        {GNTTABOP_unmap_and_replace, sizeof(struct gnttab_unmap_and_replace)},
        {GNTTABOP_swap_grant_ref, sizeof(struct gnttab_swap_grant_ref)},
        {GNTTABOP_cache_flush, sizeof(struct gnttab_cache_flush)},
    };

    memset(host_guest, 0, 512);
    for (unsigned int i = 0; i < ARRAY_SIZE(lists); i++) {
        host_preempt_every(2);
        assert_int_equal(do_grant_table_op(lists[i].cmd, GUEST(0), 5), HOST_CONTINUED);
        host_preempt_every(0);
        assert_int_equal(host_continued.op, __HYPERVISOR_grant_table_op);
        assert_int_equal(host_continued.args[0], lists[i].cmd);
        assert_int_equal(host_continued.args[1], GUEST(2UL * lists[i].size));
        assert_int_equal(host_continued.args[2], 3);
        /* The last one of a list is not preempted after. */
        host_preempt_every(1);
        assert_int_equal(do_grant_table_op(lists[i].cmd, GUEST(0), 1), 0);
        host_preempt_every(0);
        host_guest_limit(0, 2UL * lists[i].size);
        assert_int_equal(do_grant_table_op(lists[i].cmd, GUEST(0), 3), -XEN_EFAULT);
        host_guest_limit(0, lists[i].size);
        assert_int_equal(do_grant_table_op(lists[i].cmd, GUEST(0), 1), 0);
        host_guest_limit(0, 0);
    }
}

/* A fault ends a list there: what was done is not done again. */
static void swaps_end_at_a_fault(void **state)
{
    const struct gnttab_swap_grant_ref op = {.ref_a = 8, .ref_b = 9};

    grant(8, 2, 0);
    *entry(b, 8) = (struct grant_entry_v1){GTF_permit_access, 1, 0x1234};
    memcpy(host_guest, &op, sizeof(op));
    host_guest_limit(0, sizeof(op) + 4);
    assert_int_equal(do_grant_table_op(GNTTABOP_swap_grant_ref, GUEST(0), 2), -XEN_EFAULT);
    host_guest_limit(0, 0);
    assert_int_equal(entry(b, 8)->frame, 0);
    assert_int_equal(entry(b, 9)->frame, 0x1234);
}

/* What cannot be read is not the element before it once more. */
static void replacements_end_at_a_fault(void **state)
{
    const struct gnttab_unmap_and_replace op = {.host_addr = 1UL << PAGE_SHIFT,
                                                .new_addr = 2UL << PAGE_SHIFT};

    grant(8, 2, 0);
    assert_int_equal(map(8, 1, GNTMAP_host_map).handle, 0);
    memcpy(host_guest, &op, sizeof(op));
    host_guest_limit(0, sizeof(op) + 8);
    host_guest_log[0] = '\0';
    assert_int_equal(do_grant_table_op(GNTTABOP_unmap_and_replace, GUEST(0), 2), -XEN_EFAULT);
    host_guest_limit(0, 0);
    assert_false(host_ptes[1].present);
    assert_string_equal(host_guest_log, "");
}

static unsigned long unread; /* bytes */

/* Another vCPU takes the argument away once it was read. */
static void argument_goes(void *place, unsigned long bytes)
{
    unread -= MIN(bytes, unread);
    if (unread == 0)
        host_guest_limit(HOST_WINDOW - 8, 8);
}

/* Each operation says that its result could not be written. */
static void results_that_cannot_be_written(void **state)
{
    static const struct {
        unsigned int cmd, read;
        u32 first; /* word of the argument */
    } ops[] = {
        {GNTTABOP_map_grant_ref, 24, 0},
        {GNTTABOP_unmap_grant_ref, 24, 0},
        {GNTTABOP_copy, 40, 0},
        {GNTTABOP_unmap_and_replace, 24, 0},
        {GNTTABOP_swap_grant_ref, 12, 0},
        {GNTTABOP_setup_table, 24, 0},
        {GNTTABOP_query_size, 16, 0},
        {GNTTABOP_set_version, 4, 1},
        {GNTTABOP_get_version, 8, DOMID_SELF},
        {GNTTABOP_get_status_frames, 16, 0},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
        memset(host_guest, 0, 64);
        memcpy(host_guest, &ops[i].first, 4);
        unread = ops[i].read;
        host_after_guest_read = argument_goes;
        if (do_grant_table_op(ops[i].cmd, GUEST(0), 1) != -XEN_EFAULT)
            fail_msg("operation %u", ops[i].cmd);
        assert_int_equal(unread, 0);
        host_after_guest_read = NULL;
        host_guest_limit(0, 0);
    }
}

/* ---- copies ---- */

static void copies_are_refused(void **state)
{
    mfn_t own = page_to_mfn(host_frame(b, 1)), other = page_to_mfn(host_frame(b, 2));
    const struct gnttab_copy good = {.source = {.u.ref = 8, .domid = 1},
                                     .dest = {.u.gmfn = own.n, .domid = DOMID_SELF},
                                     .len = 8,
                                     .flags = GNTCOPY_source_gref,
                                     .status = 77};
    struct gnttab_copy op;

#define TRY(change, expected)                  \
    do {                                       \
        op = good;                             \
        change;                                \
        assert_int_equal(OP(copy, op), 0);     \
        assert_int_equal(op.status, expected); \
        assert_int_equal(refs(own), 1);        \
        assert_int_equal(types(own), 0);       \
        assert_int_equal(refs(other), 1);      \
    } while (0)

    grant(8, 2, GTF_readonly);
    TRY(, GNTST_okay);
    TRY(op.source.domid = 77, GNTST_bad_domain);
    TRY(op.source.domid = DOMID_IO, GNTST_permission_denied);
    TRY(op.source.u.ref = 512, GNTST_bad_gntref);
    TRY(op.source.u.ref = 9, GNTST_general_error);
    TRY(op.source.domid = DOMID_SELF, GNTST_general_error); /* b's own table has no such grant */
    TRY(op.source.offset = 4089, GNTST_bad_copy_arg);
    TRY(op.source.offset = 4088, GNTST_okay);
    TRY(op.dest.offset = 4089, GNTST_bad_copy_arg);
    TRY(op.dest.offset = 4088, GNTST_okay);
    TRY(op.dest.domid = 2, GNTST_permission_denied);
    TRY(op.dest.u.gmfn = max_page, GNTST_bad_page);
    TRY(op.dest.u.gmfn = page_to_mfn(host_frame(a, 2)).n, GNTST_general_error);
    TRY(op.flags = 0, GNTST_permission_denied);
    TRY(op.flags = GNTCOPY_dest_gref, GNTST_permission_denied);
    TRY(op.len = 0, GNTST_okay);
    /* By number on both sides, the same frame as well. */
    TRY((op.flags = 0, op.source.u.gmfn = other.n, op.source.domid = DOMID_SELF), GNTST_okay);
    TRY((op.flags = 0, op.source.u.gmfn = own.n, op.source.domid = DOMID_SELF), GNTST_okay);
    TRY((op.flags = 3, op.dest.u.ref = 8, op.dest.domid = 1), GNTST_general_error);
    assert_int_equal(entry(a, 8)->flags, GTF_permit_access | GTF_readonly);
    /* One's own grant, by DOMID_SELF. */
    *entry(b, 8) = (struct grant_entry_v1){GTF_permit_access, 2, (u32)other.n};
    TRY(op.source.domid = DOMID_SELF, GNTST_okay);
#undef TRY
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, end_two_domains)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_table_is_listed),           TEST(a_table_grows_in_pieces),
        TEST(what_a_table_says_of_itself), TEST(single_operations_are_single),
        TEST(entries_are_swapped),         TEST(caches_are_flushed),
        TEST(a_mapping_is_remembered),     TEST(a_refused_mapping_leaves_nothing),
        TEST(both_kinds_at_once),          TEST(a_table_is_described),
        TEST(maps_stop_and_continue),      TEST(unmaps_flush_by_the_batch),
        TEST(unmaps_end_at_a_fault),       TEST(other_lists_continue),
        TEST(swaps_end_at_a_fault),        TEST(results_that_cannot_be_written),
        TEST(copies_are_refused),          TEST(replacements_end_at_a_fault),
        TEST(the_locks_of_a_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
