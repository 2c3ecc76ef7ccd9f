/* SPDX-License-Identifier: MIT */
/* What a worker of the stress test does with its pages (stress.h). */
#include <errno.h>
#include <hypercall.h>
#include <pagetable.h>
#include <public/memory.h>
#include <public/sched.h>
#include <string.h>
#include <traps.h>
#include <vcpu.h>

#include "stress.h"

#define WORDS         (PAGE_SIZE / sizeof(uint64_t))
#define ODD           0x9e3779b97f4a7c15ull
#define TREE_ADDRESS  ((const volatile uint64_t *)(1ul << 39)) /* the second entry of a root */
#define PATIENCE      100000 /* tries to get a frame back, which others have for a moment */
#define TABLE_ENTRIES 8u
#define WRITES        16u /* to a page of another worker, at a time */

/* ---- contents ---- */

void stress_fill(uint8_t *page, uint64_t tag)
{
    uint64_t *words = (uint64_t *)page;

    for (unsigned int i = 0; i < WORDS; i++)
        words[i] = tag ^ i * ODD;
}

bool stress_is_filled(const uint8_t *page, uint64_t tag)
{
    const volatile uint64_t *words = (const volatile uint64_t *)page;

    for (unsigned int i = 0; i < WORDS; i++)
        if (words[i] != (tag ^ i * ODD))
            return false;
    return true;
}

uint64_t stress_public_tag(domid_t domain, unsigned int vcpu)
{
    return 0xfeedull << 48 | (uint64_t)domain << 16 | vcpu;
}

static void check_page(struct worker *w, unsigned int page)
{
    const uint64_t *words = (const uint64_t *)w->pages[page];

    if (page == PAGE_MAILBOX || stress_is_filled(w->pages[page], w->tags[page]))
        return;
    stress_trouble(w, "page %u (frame %#lx) holds %#lx %#lx instead of %#lx", page,
                   va_to_mfn(w->pages[page]), words[0], words[1], w->tags[page]);
}

void stress_check_pages(struct worker *w)
{
    for (unsigned int page = 0; page < PAGES; page++)
        check_page(w, page);
}

void stress_rewrite(struct worker *w)
{
    unsigned int page = PAGE_DATA + hostile_below(&w->random, PAGES - PAGE_DATA);

    check_page(w, page);
    w->tags[page] = hostile_number(&w->random);
    stress_fill(w->pages[page], w->tags[page]);
}

/* Any page that no other domain uses. @return PAGES: this one is used */
static unsigned int take_page(struct worker *w)
{
    unsigned int page = hostile_below(&w->random, PAGES);

    if (page < OFFERED_PAGES && !stress_revoke(w, page))
        return PAGES;
    check_page(w, page);
    return page;
}

/* Its own content again, and for others what they may see. */
static void put_page(struct worker *w, unsigned int page)
{
    stress_fill(w->pages[page], w->tags[page]);
    if (page < OFFERED_PAGES)
        stress_offer(w, page);
}

static void must(struct worker *w, const char *what, long result)
{
    if (result)
        stress_trouble(w, "%s: %ld", what, result);
}

/* ---- what other vCPUs of the domain do with the same addresses ---- */

/* No page table takes this: an entry that is present, of a frame that no machine has. */
#define NO_ENTRY (0x000ffff000000000ull | PTE_PRESENT | PTE_RW)

struct target {
    volatile uint64_t *words;
    uint64_t random;
};

static void write_to_target(void *argument)
{
    struct target *target = argument;

    for (unsigned int i = 0; i < WRITES; i++)
        target->words[(target->random >> i) % WORDS] = target->random | NO_ENTRY;
}

/*
 * Writes where a worker of this domain has its mailbox, or a granted page. If there is none now,
 * the write fails; else this CPU remembers a translation, of which the page's owner knows nothing.
 */
void stress_meddle(struct worker *w)
{
    const struct worker *other = &stress_workers[hostile_below(&w->random, STRESS_VCPUS)];
    uint8_t *page = stress_chance(w, 2) ? other->pages[PAGE_MAILBOX]
                                        : other->slots[hostile_below(&w->random, SLOTS)].va;
    struct target target = {(volatile uint64_t *)page, hostile_number(&w->random)};

    trap_catch(write_to_target, &target, NULL);
}

/* ---- frames that come and go ---- */

/* The flush is one of those that are enough for the worker itself. */
static long map_as(struct worker *w, const void *va, pte_t entry)
{
    bool everywhere = this_vcpu()->id != w->vcpu || stress_chance(w, 2);

    return hypercall_update_va_mapping(va, entry,
                                       UVMF_INVLPG | (everywhere ? UVMF_ALL : UVMF_LOCAL));
}

static long protect_as(struct worker *w, const void *va, pte_t flags)
{
    return map_as(w, va, make_pte(va_to_mfn(va), flags));
}

static void unmap_page(struct worker *w, unsigned int page)
{
    must(w, "unmapping a page", map_as(w, w->pages[page], 0));
}

static void map_page(struct worker *w, unsigned int page, mfn_t frame)
{
    must(w, "mapping a page",
         hypercall_update_va_mapping(w->pages[page], make_pte(frame, PTE_KERNEL_DATA), UVMF_NONE));
}

/* The page has another frame now. */
static void change_frame(struct worker *w, unsigned int page, mfn_t frame)
{
    if (mfn_to_pfn(frame) != va_to_pfn(w->pages[page]))
        stress_trouble(w, "frame %#lx of page %#lx belongs to page %#lx", frame,
                       va_to_pfn(w->pages[page]), mfn_to_pfn(frame));
    pfn_set_mfn(va_to_pfn(w->pages[page]), frame);
    map_page(w, page, frame);
    w->board->done[w->vcpu].moves++;
}

bool stress_move(struct worker *w, unsigned int page)
{
    xen_pfn_t in = va_to_mfn(w->pages[page]), out = va_to_pfn(w->pages[page]);
    struct xen_memory_exchange exchange = {.in = {.nr_extents = 1, .domid = DOMID_SELF},
                                           .out = {.nr_extents = 1, .domid = DOMID_SELF}};

    set_xen_guest_handle(exchange.in.extent_start, &in);
    set_xen_guest_handle(exchange.out.extent_start, &out);
    unmap_page(w, page);
    hypercall_memory_op(XENMEM_exchange, &exchange);
    if (exchange.nr_exchanged == 1) {
        change_frame(w, page, out);
    } else {
        map_page(w, page, in);
        check_page(w, page);
    }
    return exchange.nr_exchanged == 1;
}

void stress_exchange(struct worker *w)
{
    unsigned int page = take_page(w);

    if (page == PAGES)
        return;
    stress_move(w, page); /* unless dom0 uses it, or memory is short */
    put_page(w, page);
}

void stress_give_back(struct worker *w)
{
    unsigned int page = take_page(w);
    xen_pfn_t extent;
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

    if (page == PAGES)
        return;
    extent = va_to_mfn(w->pages[page]);
    set_xen_guest_handle(r.extent_start, &extent);
    unmap_page(w, page);
    if (hypercall_memory_op(XENMEM_decrease_reservation, &r) != 1)
        stress_trouble(w, "frame %#lx is not taken back", extent);
    for (unsigned int i = 0; i < PATIENCE; i++) {
        extent = va_to_pfn(w->pages[page]);
        if (hypercall_memory_op(XENMEM_populate_physmap, &r) == 1) {
            change_frame(w, page, extent);
            put_page(w, page);
            return;
        }
        stress_nap(w, 1000000);
    }
    stress_trouble(w, "no frame for page %#lx", va_to_pfn(w->pages[page]));
}

/* ---- pages as tables ---- */

static long mmuext(unsigned int command, mfn_t frame)
{
    struct mmuext_op op = {.cmd = command, .arg1.mfn = frame};

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static uint64_t sum(const uint64_t *words)
{
    uint64_t total = 0;

    for (unsigned int i = 0; i < WORDS; i++)
        total = total * ODD + ((const volatile uint64_t *)words)[i];
    return total;
}

static pte_t data_entry(struct worker *w)
{
    unsigned int page = PAGE_DATA + hostile_below(&w->random, PAGES - PAGE_DATA);

    return make_pte(va_to_mfn(w->pages[page]), PTE_KERNEL_RO);
}

/* While the page is a table, only the hypervisor writes to it. */
static void use_table(struct worker *w, uint64_t *table)
{
    unsigned int index = hostile_below(&w->random, WORDS);
    uint64_t before = sum(table);
    pte_t entry = stress_chance(w, 2) ? data_entry(w) : 0;

    if (stress_chance(w, 2))
        hypercall_sched_op(SCHEDOP_yield, NULL);
    if (sum(table) != before)
        stress_trouble(w, "table %#lx has changed", va_to_mfn(table));
    must(w, "changing an entry", pte_set(&table[index], entry));
    /* The hypervisor adds what the kernel's user mode needs. */
    if ((((volatile uint64_t *)table)[index] ^ entry) & (PTE_FRAME_MASK | PTE_PRESENT | PTE_RW))
        stress_trouble(w, "entry %u of table %#lx is %#lx", index, va_to_mfn(table), table[index]);
    w->board->done[w->vcpu].pins++;
}

/*
 * What was a table becomes data again. Another vCPU's write to it (stress_meddle()) may be under
 * emulation at this moment, which keeps it a table until that is done: for long, when the thread of
 * QEMU that is that vCPU's CPU has to wait.
 */
static void write_to_former_table(struct worker *w, const uint64_t *table)
{
    long rc = protect_as(w, table, PTE_KERNEL_DATA);

    for (unsigned int i = 0; rc == -EBUSY && i < PATIENCE; i++) {
        if (i < 1000)
            hypercall_sched_op(SCHEDOP_yield, NULL);
        else
            stress_nap(w, 1000000);
        rc = protect_as(w, table, PTE_KERNEL_DATA);
    }
    must(w, "writing to what was a table", rc);
}

/* A mailbox is not taken away from the others first: then only one of both uses succeeds. */
void stress_pin(struct worker *w)
{
    unsigned int page = stress_chance(w, 2) ? PAGE_MAILBOX : take_page(w);
    uint64_t *table;
    mfn_t frame;

    if (page == PAGES)
        return;
    table = (uint64_t *)w->pages[page];
    frame = va_to_mfn(table);
    memset(table, 0, PAGE_SIZE);
    for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
        table[hostile_below(&w->random, WORDS)] = data_entry(w);
    must(w, "protecting a table", protect_as(w, table, PTE_KERNEL_RO));
    if (mmuext(MMUEXT_PIN_L1_TABLE, frame) == 0) {
        use_table(w, table);
        must(w, "unpinning a table", mmuext(MMUEXT_UNPIN_TABLE, frame));
    }
    write_to_former_table(w, table);
    put_page(w, page);
}

/* ---- another root ---- */

static uint64_t leaf_tag(const struct worker *w)
{
    return 0x1eafull << 48 | (uint64_t)w->domain << 16 | w->vcpu;
}

static void make_tree(struct worker *w)
{
    const uint64_t *kernel = (const uint64_t *)start_info->pt_base;
    uint64_t *root = (uint64_t *)w->tree[0];

    for (unsigned int i = 0; i + 1 < TREE_PAGES; i++)
        memset(w->tree[i], 0, PAGE_SIZE);
    stress_fill(w->tree[TREE_PAGES - 1], leaf_tag(w));
    root[511] = kernel[511];
    root[1] = make_pte(va_to_mfn(w->tree[1]), PTE_TABLE);
    *(uint64_t *)w->tree[1] = make_pte(va_to_mfn(w->tree[2]), PTE_TABLE);
    *(uint64_t *)w->tree[2] = make_pte(va_to_mfn(w->tree[3]), PTE_TABLE);
    *(uint64_t *)w->tree[3] = make_pte(va_to_mfn(w->tree[4]), PTE_KERNEL_RO);
    for (unsigned int i = 0; i + 1 < TREE_PAGES; i++)
        must(w, "protecting a tree", protect_as(w, w->tree[i], PTE_KERNEL_RO));
    must(w, "pinning a root", mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(root)));
    w->tree_pinned = true;
}

static void go_to_root(struct worker *w, bool tree)
{
    const void *root = tree ? w->tree[0] : (const void *)start_info->pt_base;

    must(w, "changing the root", mmuext(MMUEXT_NEW_BASEPTR, va_to_mfn(root)));
    w->on_tree = tree;
}

static void check_leaf(struct worker *w)
{
    if (TREE_ADDRESS[1] != (leaf_tag(w) ^ ODD))
        stress_trouble(w, "the tree shows %#lx", TREE_ADDRESS[1]);
}

void stress_drop_tree(struct worker *w)
{
    if (w->on_tree)
        go_to_root(w, false);
    if (!w->tree_pinned)
        return;
    must(w, "unpinning a root", mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(w->tree[0])));
    for (unsigned int i = 0; i + 1 < TREE_PAGES; i++)
        must(w, "writing to what was a tree", protect_as(w, w->tree[i], PTE_KERNEL_DATA));
    w->tree_pinned = false;
}

void stress_tree(struct worker *w)
{
    if (!w->tree_pinned)
        make_tree(w);
    else if (stress_chance(w, 4))
        stress_drop_tree(w);
    else
        go_to_root(w, !w->on_tree);
    if (w->on_tree)
        check_leaf(w);
}

/* ---- descriptors, flushes ---- */

static void load_descriptor(void *unused)
{
    unsigned int selector = 7; /* the first of the LDT */

    asm volatile("lar %0, %0" : "+r"(selector)::"cc");
}

/* If dom0 has the page mapped writable, the processor does not get to see it: a page fault. */
void stress_ldt(struct worker *w)
{
    unsigned int page = take_page(w);
    struct mmuext_op op = {.cmd = MMUEXT_SET_LDT, .arg2.nr_ents = 512};

    if (page == PAGES)
        return;
    memset(w->pages[page], 0, PAGE_SIZE);
    op.arg1.linear_addr = (unsigned long)w->pages[page];
    must(w, "protecting an LDT", protect_as(w, w->pages[page], PTE_KERNEL_RO));
    must(w, "setting an LDT", hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF));
    trap_catch(load_descriptor, NULL, NULL);
    op.arg2.nr_ents = 0;
    must(w, "dropping an LDT", hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF));
    must(w, "writing to what was an LDT", protect_as(w, w->pages[page], PTE_KERNEL_DATA));
    put_page(w, page);
}

void stress_flush(struct worker *w)
{
    static const unsigned int commands[] = {MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_INVLPG_LOCAL,
                                            MMUEXT_TLB_FLUSH_MULTI, MMUEXT_INVLPG_MULTI,
                                            MMUEXT_TLB_FLUSH_ALL,   MMUEXT_INVLPG_ALL};
    unsigned long vcpus = hostile_below(&w->random, 1 << STRESS_VCPUS);
    struct mmuext_op op = {
        .cmd = commands[hostile_below(&w->random, sizeof(commands) / sizeof(commands[0]))]};

    if (op.cmd != MMUEXT_TLB_FLUSH_LOCAL && op.cmd != MMUEXT_TLB_FLUSH_MULTI &&
        op.cmd != MMUEXT_TLB_FLUSH_ALL)
        op.arg1.linear_addr = (unsigned long)w->pages[0];
    set_xen_guest_handle(op.arg2.vcpumask, (void *)&vcpus);
    must(w, "a flush", hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF));
}
