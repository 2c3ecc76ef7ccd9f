/* SPDX-License-Identifier: MIT */
/*
 * Building a domain, step by step: hypervisor/image says what goes where (image/start_of_day.h),
 * this file takes the memory, fills it, and makes the hypercalls.
 */
#include <stdlib.h>
#include <string.h>

#include <image/start_of_day.h>
#include <tools/builder.h>
#include <tools/control.h>
#include <tools/kernel_image.h>

#include "guest_memory.h"

struct build {
    const struct build_request *request;
    struct build_result *result;
    struct guest_memory memory;
    struct start_of_day start;
    struct error *error;
};

static int load_kernel(struct build *b)
{
    struct image_target target = {
        .write = guest_memory_write,
        .clear = guest_memory_clear,
        .context = &b->memory,
        .limit = b->memory.frames << PAGE_SHIFT,
    };

    if (kernel_image_load(b->request->kernel.data, b->request->kernel.size, &target,
                          b->request->cancelled, &b->start.image, b->error))
        return error_prefix(b->error, "%s", b->request->kernel_name);
    return 0;
}

static int lay_out(struct build *b)
{
    struct image_report report = image_report_to(b->error);

    b->start.ramdisk_bytes = b->request->ramdisk.size;
    b->start.nr_pages = b->memory.frames;
    if (start_of_day_lay_out(&b->start, &report))
        return error_prefix(b->error, "%s", b->request->kernel_name);
    if (b->start.end > b->memory.frames)
        return error_set(b->error,
                         "memory of %u MiB is not enough: kernel and ramdisk need %llu MiB",
                         b->request->memory_mib,
                         (unsigned long long)((b->start.end << PAGE_SHIFT) + (1u << 20) - 1) >> 20);
    return 0;
}

static int load_ramdisk(struct build *b)
{
    const struct platform_file *file = &b->request->ramdisk;
    uint64_t address = b->start.ramdisk << PAGE_SHIFT;
    uint64_t tail = (b->start.ramdisk_pages << PAGE_SHIFT) - file->size;

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

    for (uint64_t page = 0; page < b->start.p2m_pages;) {
        size_t run;
        uint64_t *list = guest_memory_window(&b->memory, b->start.p2m + page, &run);

        if (!list)
            return -1;
        for (; run && page < b->start.p2m_pages; run--, page++)
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
    const struct page_tables *t = &b->start.tables;

    for (unsigned int r = 0; r < t->regions; r++) {
        uint64_t count = page_tables_count(t, r);

        for (uint64_t n = 0; n < count; n++) {
            size_t run;
            uint64_t *entries = guest_memory_window(&b->memory, t->region[r].tables_pfn + n, &run);

            if (!entries)
                return -1;
            page_tables_fill(t, r, n, entries, frame_of, &b->memory);
            if (guest_memory_let_others_run(&b->memory))
                return -1;
        }
    }
    return 0;
}

static int write_start_info(struct build *b, xen_pfn_t shared_info)
{
    start_info_t *si;
    size_t run;

    si = guest_memory_window(&b->memory, b->start.start_info, &run);
    if (!si)
        return -1;
    memset(si, 0, PAGE_BYTES);
    start_of_day_info(&b->start, si, b->memory.frames, shared_info << PAGE_SHIFT,
                      b->request->cmdline);
    si->flags |= SIF_VIRT_P2M_4TOOLS;
    si->store_mfn = b->result->store_frame;
    si->store_evtchn = b->result->store_port;
    si->console.domU.mfn = b->result->console_frame;
    si->console.domU.evtchn = b->result->console_port;
    return 0;
}

/* The rings start out empty, the stack clean. */
static int clear_pages(struct build *b)
{
    return guest_memory_clear(&b->memory, b->start.store << PAGE_SHIFT, PAGE_BYTES) ||
                   guest_memory_clear(&b->memory, b->start.console << PAGE_SHIFT, PAGE_BYTES) ||
                   guest_memory_clear(&b->memory, b->start.stack << PAGE_SHIFT, PAGE_BYTES)
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
        .arg1.mfn = guest_memory_frame(&b->memory, b->start.root),
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
    vcpu_guest_context_t *c = malloc(sizeof(*c));
    int status;

    if (!c)
        return error_set(b->error, "not enough memory");
    start_of_day_context(&b->start, c, guest_memory_frame(&b->memory, b->start.root));
    status = control_set_vcpu(b->request->domid, 0, c, b->error);
    free(c);
    return status;
}

static int place_hypercall_page(struct build *b)
{
    uint64_t address = b->start.image.hypercall_page;

    if (address == IMAGE_NO_ADDRESS)
        return 0;
    address = (address - b->start.image.virt_base) >> PAGE_SHIFT;
    return control_fill_hypercall_page(b->request->domid, guest_memory_frame(&b->memory, address),
                                       b->error);
}

static int build_all(struct build *b)
{
    const struct build_request *request = b->request;
    struct xen_domctl_getdomaininfo info;

    /* The limit follows the target, as with libxl; the map shows all that there may ever be. */
    if (control_set_max_memory(
            request->domid, ((uint64_t)request->memory_mib << 10) + DOMAIN_SLACK_KIB, b->error) ||
        control_set_memory_map(request->domid, (uint64_t)request->maxmem_mib << 10, b->error) ||
        guest_memory_populate(&b->memory, request->domid, (uint64_t)request->memory_mib << 8,
                              request->cancelled, b->error) ||
        load_kernel(b) || lay_out(b) || load_ramdisk(b))
        return -1;
    b->result->store_frame = guest_memory_frame(&b->memory, b->start.store);
    b->result->console_frame = guest_memory_frame(&b->memory, b->start.console);
    if (control_alloc_port(request->domid, &b->result->store_port, b->error) ||
        control_alloc_port(request->domid, &b->result->console_port, b->error))
        return -1;
    if (control_domain_info(request->domid, &info))
        return error_set(b->error, "the domain has gone away");
    if (clear_pages(b) || write_p2m(b) || write_start_info(b, info.shared_info_frame) ||
        write_tables(b) || write_shared_info(b, info.shared_info_frame))
        return -1;
    if (pin_tables(b) || place_hypercall_page(b))
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
    status = build_all(b);
    guest_memory_free(&b->memory);
    free(b);
    return status;
}
