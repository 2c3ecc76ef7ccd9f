/* SPDX-License-Identifier: MIT */
/*
 * Building a domain, step by step. Pseudo-physical memory from 0 on is laid out as the ABI asks:
 *
 *   kernel | ramdisk | P2M list | start_info | store ring | console ring | tables | stack | spare
 *
 * all of it mapped from the kernel's virtual base on, up to a multiple of 4 MiB with 512 KiB to
 * spare. A kernel that takes its ramdisk unmapped gets it behind the stack; one that names a place
 * for the P2M list gets it there, in frames behind all others, with tables of their own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tools/builder.h>
#include <tools/control.h>

#include "guest_memory.h"
#include "page_tables.h"

#define SPARE_BYTES (512ull << 10)
#define SPARE_ALIGN (4ull << 20)

#define RFLAGS_IF   (1ul << 9)
#define DR6_DEFAULT 0xffff0ff0ul
#define DR7_DEFAULT 0x400ul

/* Where things lie, in pfns. */
struct layout {
    uint64_t kernel_end;
    uint64_t ramdisk, ramdisk_pages;
    uint64_t p2m, p2m_pages; /* the list itself */
    uint64_t p2m_tables;     /* frames of tables for a list at its own address */
    uint64_t start_info, store, console;
    uint64_t tables, table_pages;
    uint64_t stack;
    uint64_t end;        /* all that is in use */
    uint64_t mapped_end; /* virtual address */
};

struct build {
    const struct build_request *request;
    struct build_result *result;
    struct guest_memory memory;
    struct layout at;
    struct page_tables tables;
    struct error *error;
};

static uint64_t pages(uint64_t bytes)
{
    return (bytes + PAGE_BYTES - 1) >> PAGE_SHIFT;
}

static uint64_t to_virtual(const struct build *b, uint64_t pfn)
{
    return b->result->image.virt_base + (pfn << PAGE_SHIFT);
}

/*
 * Sizes the mapping: it holds its own tables, whose number depends on its end. The number only
 * grows, and so does the end, until they agree.
 */
static int size_tables(struct build *b, uint64_t tables_pfn)
{
    struct table_region *main = &b->tables.region[0];
    uint64_t base = b->result->image.virt_base, count = 0;

    b->tables.regions = 1;
    main->start = base;
    main->pfn = 0;
    main->limit = b->memory.frames;
    main->tables_pfn = tables_pfn;
    for (;;) {
        uint64_t end = base + ((tables_pfn + count + 1) << PAGE_SHIFT) + SPARE_BYTES;
        uint64_t needed;

        end = (end + SPARE_ALIGN - 1) & ~(SPARE_ALIGN - 1);
        if (end <= base && end != 0)
            return error_set(b->error, "%s: its virtual base leaves no room for a domain",
                             b->request->kernel_name);
        main->end = end;
        needed = page_tables_count(&b->tables, 0);
        if (needed == count)
            break;
        count = needed;
    }
    b->at.tables = tables_pfn;
    b->at.table_pages = count;
    b->at.mapped_end = main->end;
    b->tables.read_only = tables_pfn;
    b->tables.read_only_end = tables_pfn + count;
    return 0;
}

/* A list at an address of the kernel's choice: its frames and tables come last. */
static void place_p2m(struct build *b, uint64_t pfn)
{
    struct table_region *list = &b->tables.region[1];

    b->at.p2m = pfn;
    b->tables.regions = 2;
    list->start = b->result->image.init_p2m;
    list->end = list->start + (b->at.p2m_pages << PAGE_SHIFT);
    list->pfn = pfn;
    list->limit = b->memory.frames;
    list->tables_pfn = pfn + b->at.p2m_pages;
    b->at.p2m_tables = page_tables_count(&b->tables, 1);
    b->tables.read_only2 = list->tables_pfn;
    b->tables.read_only2_end = list->tables_pfn + b->at.p2m_tables;
}

static int lay_out(struct build *b)
{
    const struct kernel_image *image = &b->result->image;
    bool own_p2m = image->init_p2m != IMAGE_NO_ADDRESS;
    struct layout *at = &b->at;
    uint64_t next = pages(image->end);

    if (image->virt_base % PAGE_BYTES || (own_p2m && image->init_p2m % PAGE_BYTES))
        return error_set(b->error, "%s: a Xen note gives an address that is not aligned to a page",
                         b->request->kernel_name);
    at->kernel_end = next;
    at->ramdisk_pages = pages(b->request->ramdisk.size);
    at->p2m_pages = pages(b->memory.frames * sizeof(uint64_t));
    if (!image->unmapped_ramdisk) {
        at->ramdisk = next;
        next += at->ramdisk_pages;
    }
    if (!own_p2m) {
        at->p2m = next;
        next += at->p2m_pages;
    }
    at->start_info = next++;
    at->store = next++;
    at->console = next++;
    if (size_tables(b, next))
        return -1;
    next += at->table_pages;
    at->stack = next++;
    if (image->unmapped_ramdisk) {
        at->ramdisk = next;
        next += at->ramdisk_pages;
    }
    if (own_p2m) {
        place_p2m(b, next);
        next += at->p2m_pages + at->p2m_tables;
    }
    at->end = next;
    if (at->end > b->memory.frames)
        return error_set(b->error,
                         "memory of %u MiB is not enough: kernel and ramdisk need %llu MiB",
                         b->request->memory_mib,
                         (unsigned long long)((at->end << PAGE_SHIFT) + (1u << 20) - 1) >> 20);
    return 0;
}

static int load_kernel(struct build *b)
{
    struct image_target target = {
        .write = guest_memory_write,
        .clear = guest_memory_clear,
        .context = &b->memory,
        .limit = b->memory.frames << PAGE_SHIFT,
    };

    if (kernel_image_load(b->request->kernel.data, b->request->kernel.size, &target,
                          &b->result->image, b->error))
        return error_prefix(b->error, "%s", b->request->kernel_name);
    return 0;
}

static int load_ramdisk(struct build *b)
{
    const struct platform_file *file = &b->request->ramdisk;
    uint64_t address = b->at.ramdisk << PAGE_SHIFT;
    uint64_t tail = (b->at.ramdisk_pages << PAGE_SHIFT) - file->size;

    if (!file->data)
        return 0;
    if (guest_memory_write(&b->memory, address, file->data, file->size) ||
        guest_memory_clear(&b->memory, address + file->size, tail))
        return error_prefix(b->error, "%s", b->request->ramdisk_name);
    return 0;
}

static int write_p2m(struct build *b)
{
    uint64_t per_page = PAGE_BYTES / sizeof(uint64_t), pfn = 0;

    for (uint64_t page = 0; page < b->at.p2m_pages;) {
        size_t run;
        uint64_t *list = guest_memory_window(&b->memory, b->at.p2m + page, &run);

        if (!list)
            return -1;
        for (; run && page < b->at.p2m_pages; run--, page++)
            for (uint64_t i = 0; i < per_page; i++, pfn++)
                *list++ = pfn < b->memory.frames ? guest_memory_frame(&b->memory, pfn) : ~0ull;
    }
    return 0;
}

static uint64_t frame_of(const void *memory, uint64_t pfn)
{
    return guest_memory_frame(memory, pfn);
}

static int write_tables(struct build *b)
{
    for (unsigned int r = 0; r < b->tables.regions; r++) {
        uint64_t count = page_tables_count(&b->tables, r);

        for (uint64_t n = 0; n < count; n++) {
            size_t run;
            uint64_t *entries = guest_memory_window(&b->memory, b->tables.region[r].tables_pfn + n,
                                                    &run);

            if (!entries)
                return -1;
            page_tables_fill(&b->tables, r, n, entries, frame_of, &b->memory);
        }
    }
    return 0;
}

static int write_start_info(struct build *b, xen_pfn_t shared_info)
{
    const struct build_request *request = b->request;
    struct layout *at = &b->at;
    bool own_p2m = b->tables.regions == 2;
    start_info_t *si;
    size_t run;

    si = guest_memory_window(&b->memory, at->start_info, &run);
    if (!si)
        return -1;
    memset(si, 0, PAGE_BYTES);
    snprintf(si->magic, sizeof(si->magic), "xen-3.0-x86_64");
    si->nr_pages = b->memory.frames;
    si->shared_info = shared_info << PAGE_SHIFT;
    si->flags = SIF_VIRT_P2M_4TOOLS;
    si->store_mfn = b->result->store_frame;
    si->store_evtchn = b->result->store_port;
    si->console.domU.mfn = b->result->console_frame;
    si->console.domU.evtchn = b->result->console_port;
    si->pt_base = to_virtual(b, at->tables);
    si->nr_pt_frames = at->table_pages;
    si->mfn_list = own_p2m ? b->result->image.init_p2m : to_virtual(b, at->p2m);
    if (own_p2m) {
        si->first_p2m_pfn = at->p2m;
        si->nr_p2m_frames = at->p2m_pages + at->p2m_tables;
    }
    if (request->ramdisk.data) {
        si->mod_len = request->ramdisk.size;
        si->mod_start = to_virtual(b, at->ramdisk);
        if (b->result->image.unmapped_ramdisk) {
            si->mod_start = at->ramdisk;
            si->flags |= SIF_MOD_START_PFN;
        }
    }
    snprintf((char *)si->cmd_line, sizeof(si->cmd_line), "%s", request->cmdline);
    return 0;
}

/* The rings start out empty, the stack clean. */
static int clear_pages(struct build *b)
{
    return guest_memory_clear(&b->memory, b->at.store << PAGE_SHIFT, PAGE_BYTES) ||
                   guest_memory_clear(&b->memory, b->at.console << PAGE_SHIFT, PAGE_BYTES) ||
                   guest_memory_clear(&b->memory, b->at.stack << PAGE_SHIFT, PAGE_BYTES)
               ? -1
               : 0;
}

static int write_shared_info(struct build *b, xen_pfn_t frame)
{
    struct shared_info *shared = platform_map_frames(b->request->domid, &frame, 1, true);

    if (!shared)
        return error_set(b->error, "mapping the domain's shared page failed");
    for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        shared->vcpu_info[i].evtchn_upcall_mask = 1;
    platform_unmap_frames(shared, 1);
    return 0;
}

static int pin_tables(struct build *b)
{
    struct mmuext_op op = {
        .cmd = MMUEXT_PIN_L4_TABLE,
        .arg1.mfn = guest_memory_frame(&b->memory, b->at.tables),
    };
    long status;

    /* A frame that is mapped writable, even by us, cannot become a page table. */
    guest_memory_close_window(&b->memory);
    status = platform_mmuext_op(&op, 1, b->request->domid);
    return status < 0
               ? error_set(b->error, "pinning the page tables: %s", error_words((int)-status))
               : 0;
}

static int set_first_vcpu(struct build *b)
{
    vcpu_guest_context_t *c = calloc(1, sizeof(*c));
    int status;

    if (!c)
        return error_set(b->error, "not enough memory");
    c->flags = VGCF_in_kernel | VGCF_online;
    c->user_regs.rip = b->result->image.entry;
    c->user_regs.rsp = to_virtual(b, b->at.stack + 1);
    c->user_regs.rsi = to_virtual(b, b->at.start_info);
    c->user_regs.rflags = RFLAGS_IF;
    c->user_regs.cs = FLAT_KERNEL_CS;
    c->user_regs.ss = FLAT_KERNEL_SS;
    c->user_regs.ds = c->user_regs.es = FLAT_KERNEL_DS;
    c->user_regs.fs = c->user_regs.gs = FLAT_KERNEL_DS;
    c->kernel_ss = c->user_regs.ss;
    c->kernel_sp = c->user_regs.rsp;
    c->ctrlreg[3] = guest_memory_frame(&b->memory, b->at.tables) << PAGE_SHIFT;
    c->debugreg[6] = DR6_DEFAULT;
    c->debugreg[7] = DR7_DEFAULT;
    status = control_set_vcpu(b->request->domid, 0, c, b->error);
    free(c);
    return status;
}

static int fill_hypercall_page(struct build *b)
{
    uint64_t address = b->result->image.hypercall_page;

    if (address == IMAGE_NO_ADDRESS)
        return 0;
    address = (address - b->result->image.virt_base) >> PAGE_SHIFT;
    return control_fill_hypercall_page(b->request->domid, guest_memory_frame(&b->memory, address),
                                       b->error);
}

static int build(struct build *b)
{
    const struct build_request *request = b->request;
    struct xen_domctl_getdomaininfo info;

    /* The limit follows the target, as with libxl; the map shows all that there may ever be. */
    if (control_set_max_memory(
            request->domid, ((uint64_t)request->memory_mib << 10) + DOMAIN_SLACK_KIB, b->error) ||
        control_set_memory_map(request->domid, (uint64_t)request->maxmem_mib << 10, b->error) ||
        guest_memory_populate(&b->memory, request->domid, (uint64_t)request->memory_mib << 8,
                              b->error) ||
        load_kernel(b) || lay_out(b) || load_ramdisk(b))
        return -1;
    b->result->store_frame = guest_memory_frame(&b->memory, b->at.store);
    b->result->console_frame = guest_memory_frame(&b->memory, b->at.console);
    if (control_alloc_port(request->domid, &b->result->store_port, b->error) ||
        control_alloc_port(request->domid, &b->result->console_port, b->error))
        return -1;
    if (control_domain_info(request->domid, &info))
        return error_set(b->error, "the domain has gone away");
    if (clear_pages(b) || write_p2m(b) || write_start_info(b, info.shared_info_frame) ||
        write_tables(b) || write_shared_info(b, info.shared_info_frame))
        return -1;
    if (pin_tables(b) || fill_hypercall_page(b))
        return -1;
    return set_first_vcpu(b);
}

int build_domain(const struct build_request *request, struct build_result *result, struct error *e)
{
    struct build *b = calloc(1, sizeof(*b));
    int status;

    if (!b)
        return error_set(e, "not enough memory");
    b->request = request;
    b->result = result;
    b->error = e;
    status = build(b);
    guest_memory_free(&b->memory);
    free(b);
    return status;
}
