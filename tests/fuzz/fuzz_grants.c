/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/*
 * Fuzzing grants: two domains that grant to each other, map, copy, overwrite page-table entries,
 * give frames back, turn them into page tables, change entries under way, and die. Counts on frames
 * always cover the entries that map them, no page table is mapped writable, and nothing is left
 * when both are gone.
 */
#include <grant_impl.h>
#include <host.h>
#include <public/memory.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define FRAMES 8U
#define PTES   16U

static struct domain *dom[2];
static const u8 *next, *end;
static struct page *tables[8]; /* frames that hold a type count of a page table */
static unsigned int nr_tables;

static u32 take(unsigned int bytes)
{
    u32 v = 0;

    while (bytes--)
        v = v << 8 | (next < end ? *next++ : 0U);
    return v;
}

static grant_ref_t gref(void)
{
    u32 n = take(1);

    return n < 0xf0 ? n & 7 : take(4);
}

static grant_handle_t handle(void)
{
    u32 n = take(1);

    return n < 0xf0 ? n & 15 : take(4);
}

/* Some frame: of either domain, or anything. */
static u64 any_frame(void)
{
    u32 n = take(1);
    struct domain *d = dom[n & 1];

    if (n >= 0xf0)
        return take(4);
    if ((n >> 1) % (FRAMES + 2) == FRAMES)
        return virt_to_mfn(d->shared_info).n;
    if ((n >> 1) % (FRAMES + 2) > FRAMES)
        return virt_to_mfn(d->grant_table->shared[0]).n;
    return d->pages.count ? page_to_mfn(host_frame(d, (n >> 1) % d->pages.count)).n : 0;
}

static u64 pte(void)
{
    u32 n = take(1);

    return n < 0xf0 ? (u64)(n % PTES + 1) << PAGE_SHIFT : (u64)take(4) << PAGE_SHIFT;
}

static void write_entry(void)
{
    struct domain *d = current->domain;
    struct grant_entry_v1 *e = &d->grant_table->shared[0][take(1) & 7];

    switch (take(1) & 3) {
    case 0:
        e->flags = (u16)take(2);
        break;
    case 1:
        e->domid = dom[take(1) & 1]->id;
        break;
    case 2:
        e->frame = (u32)any_frame();
        break;
    default:
        *e = (struct grant_entry_v1){GTF_permit_access, dom[d == dom[0]]->id, (u32)any_frame()};
        break;
    }
}

static void kill_and_renew(unsigned int i)
{
    struct domain *other = dom[!i], *fresh;

    for (unsigned int k = 0; k < nr_tables; k++) /* its vCPUs no longer use them */
        put_page_and_type(tables[k]);
    nr_tables = 0;
    host_kill(dom[i]);
    fresh = host_domain((domid_t)(i + 1), 1, FRAMES, i == 0);
    /* As long as it is a zombie, its number is taken. */
    for (domid_t id = 10; !fresh; id++)
        fresh = host_domain(id, 1, FRAMES, i == 0);
    dom[i] = fresh;
    host_become(other->vcpu[0]);
}

static void step(void)
{
    struct domain *d = current->domain;

    switch (take(1) % 14) {
    case 0:
    case 1:
        write_entry();
        break;
    case 2:
    case 3: {
        struct gnttab_map_grant_ref op = {
            .host_addr = pte(), .flags = take(1) & 7, .ref = gref(), .dom = dom[take(1) & 1]->id};

        host_grant_op(GNTTABOP_map_grant_ref, &op, sizeof(op), 1);
        break;
    }
    case 4: {
        struct gnttab_unmap_grant_ref op = {.host_addr = pte(), .handle = handle()};

        if (take(1) & 1)
            op.dev_bus_addr = any_frame() << PAGE_SHIFT;
        host_grant_op(GNTTABOP_unmap_grant_ref, &op, sizeof(op), 1);
        break;
    }
    case 5: {
        struct gnttab_unmap_and_replace op = {
            .host_addr = pte(), .new_addr = pte(), .handle = handle()};

        host_grant_op(GNTTABOP_unmap_and_replace, &op, sizeof(op), 1);
        break;
    }
    case 6: {
        struct gnttab_copy op = {.len = (u16)take(2), .flags = (u16)(take(1) & 3)};

        op.source.domid = take(1) & 1 ? DOMID_SELF : dom[take(1) & 1]->id;
        op.dest.domid = take(1) & 1 ? DOMID_SELF : dom[take(1) & 1]->id;
        op.source.offset = (u16)take(2);
        op.dest.offset = (u16)take(2);
        if (op.flags & GNTCOPY_source_gref)
            op.source.u.ref = gref();
        else
            op.source.u.gmfn = any_frame();
        if (op.flags & GNTCOPY_dest_gref)
            op.dest.u.ref = gref();
        else
            op.dest.u.gmfn = any_frame();
        /*
         * A guest may overwrite its own grant frames this way; the test's list of entries stays
         * sane all the same.
         */
        host_grant_op(GNTTABOP_copy, &op, sizeof(op), 1);
        break;
    }
    case 7: {
        unsigned int i = take(1) % PTES + 1;

        host_overwrite_pte(i);
        break;
    }
    case 8: {
        xen_pfn_t mfn = any_frame();
        struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

        memcpy((void *)GUEST(4096), &mfn, sizeof(mfn));
        set_xen_guest_handle(r.extent_start, (xen_pfn_t *)GUEST(4096));
        host_memory_op(take(1) & 1 ? XENMEM_decrease_reservation : XENMEM_populate_physmap, &r,
                       sizeof(r));
        break;
    }
    case 9: {
        u64 mfn = any_frame();

        if (nr_tables < ARRAY_SIZE(tables) && mfn_valid(MFN(mfn)) &&
            get_page_and_type(mfn_to_page(MFN(mfn)), d, PG_TYPE_L1) == 0)
            tables[nr_tables++] = mfn_to_page(MFN(mfn));
        break;
    }
    case 10:
        if (nr_tables)
            put_page_and_type(tables[--nr_tables]);
        break;
    case 11: {
        struct gnttab_swap_grant_ref op = {.ref_a = gref(), .ref_b = gref()};

        host_grant_op(GNTTABOP_swap_grant_ref, &op, sizeof(op), 1);
        break;
    }
    case 12:
        host_become(dom[take(1) & 1]->vcpu[0]);
        break;
    default:
        if (take(1) < 24)
            kill_and_renew(take(1) & 1);
        break;
    }
}

static void check(void)
{
    for (unsigned int i = 0; i < HOST_PTES; i++) {
        u64 s;

        if (!host_ptes[i].present)
            continue;
        s = mfn_to_page(host_ptes[i].frame)->state;
        BUG_ON(page_refs(s) == 0 || (s & PG_FREE));
        BUG_ON(host_ptes[i].writable &&
               ((s & PG_TYPE_MASK) != PG_TYPE_WRITABLE || page_type_count(s) == 0));
        BUG_ON(page_type_count(s) > page_refs(s));
    }
    for (unsigned int i = 0; i < nr_tables; i++)
        BUG_ON((tables[i]->state & PG_TYPE_MASK) != PG_TYPE_L1);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    unsigned long pages, objects;

    next = data;
    end = data + size;
    host_boot(1024);
    pages = heap_free_pages();
    objects = host_objects();
    for (unsigned int i = 0; i < 2; i++) {
        dom[i] = host_domain((domid_t)(i + 1), 1, FRAMES, i == 0);
        BUG_ON(!dom[i]);
    }
    host_become(dom[0]->vcpu[0]);
    while (next < end) {
        step();
        check();
    }
    while (nr_tables)
        put_page_and_type(tables[--nr_tables]);
    for (unsigned int i = 0; i < 2; i++)
        host_kill(dom[i]);
    BUG_ON(heap_free_pages() != pages || host_objects() != objects);
    return 0;
}
