/* SPDX-License-Identifier: MIT */
/*
 * Builds dom0 from its kernel and ramdisk in the boot modules, laid out and started as Xen starts a
 * 64-bit PV dom0. hypervisor/image says what goes where (image/start_of_day.h) and what is wrong
 * with a kernel; this file takes the memory and fills it.
 */
#include <arch.h>
#include <asm/pv.h>
#include <console.h>
#include <image/start_of_day.h>
#include <options.h>
#include <page_alloc.h>
#include <sched.h>

#include "dom0_build.h"

#define VGA_FONT_HEIGHT 16

static struct start_of_day plan __initdata;
static struct vcpu_guest_context context __initdata;

/* ---- what hypervisor/image asks for ---- */

static void __init refuse_kernel(void *unused, const char *format, va_list args)
{
    char text[320];

    vsnprintf(text, sizeof(text), format, args);
    boot_fatal("dom0's kernel: %s", text);
}

const struct image_report dom0_report __initconst = {.refuse = refuse_kernel};

static int __init write_to_dom0(void *unused, u64 address, const void *src, size_t bytes)
{
    while (bytes) {
        size_t offset = address & (PAGE_SIZE - 1), n = MIN(bytes, PAGE_SIZE - offset);

        memcpy((u8 *)dom0_frame(address >> PAGE_SHIFT) + offset, src, n);
        address += n;
        src = (const u8 *)src + n;
        bytes -= n;
    }
    return 0;
}

/* All of the kernel's memory is zero before it is loaded. */
static int __init clear_in_dom0(void *unused, u64 address, u64 bytes)
{
    return 0;
}

static u64 __init frame_of(const void *unused, u64 pfn)
{
    return dom0_pfn_to_mfn(pfn).n;
}

/* ---- the kernel and where things lie ---- */

/* Describes the kernel, or loads it to @target. */
static void __init read_kernel(struct kernel_reader *reader, const struct kernel_file *file,
                               const struct image_target *target)
{
    do {
        kernel_reader_begin(reader, target);
        elf_stream_feed(&reader->stream, file->data, file->size);
    } while (kernel_reader_end(reader));
}

static struct kernel_reader *__init describe_kernel(const struct kernel_file *file)
{
    struct kernel_reader *reader = scratch_alloc(sizeof(*reader));

    if (!reader)
        boot_fatal("too little memory to read dom0's kernel");
    kernel_reader_init(reader, true, &dom0_report);
    read_kernel(reader, file, NULL);
    return reader;
}

static void __init load_dom0_kernel(struct kernel_reader *reader, const struct kernel_file *file)
{
    struct image_target target = {
        .write = write_to_dom0,
        .clear = clear_in_dom0,
        .limit = plan.end << PAGE_SHIFT,
    };

    for (unsigned long pfn = 0; pfn < start_of_day_mapped_pages(&plan); pfn++)
        memset(dom0_frame(pfn), 0, PAGE_SIZE);
    read_kernel(reader, file, &target);
}

/*
 * Decides how much memory dom0 gets, and the layout that goes with it: the P2M list is as long as
 * the memory is large, and the memory may not be smaller than the layout. Both only grow, by a page
 * of list for two MiB of memory, until they fit.
 */
static void __init choose_dom0_size(unsigned long reclaimable)
{
    plan.nr_pages = dom0_size(&plan.image, 0, reclaimable);
    for (;;) {
        unsigned long nr_pages;

        start_of_day_lay_out(&plan, &dom0_report);
        nr_pages = dom0_size(&plan.image, plan.end, reclaimable);
        if (nr_pages <= plan.nr_pages)
            return;
        plan.nr_pages = nr_pages;
    }
}

/* ---- contents ---- */

static void __init copy_ramdisk(paddr_t from)
{
    const u8 *src = maddr_to_virt(from);

    for (size_t done = 0; done < plan.ramdisk_bytes; done += PAGE_SIZE) {
        u8 *page = dom0_frame(plan.ramdisk + (done >> PAGE_SHIFT));
        size_t n = MIN(plan.ramdisk_bytes - done, PAGE_SIZE);

        memcpy(page, src + done, n);
        memset(page + n, 0, PAGE_SIZE - n);
    }
}

static void __init fill_p2m(unsigned long nr_pages)
{
    unsigned long *page = NULL;
    unsigned int per_page = PAGE_SIZE / sizeof(*page);

    for (unsigned long pfn = 0; pfn < ROUND_UP(nr_pages, per_page); pfn++) {
        if (pfn % per_page == 0)
            page = dom0_frame(plan.p2m + pfn / per_page);
        page[pfn % per_page] = pfn < nr_pages ? dom0_pfn_to_mfn(pfn).n : ~0UL;
    }
}

static void __init build_tables(void)
{
    const struct page_tables *t = &plan.tables;

    for (unsigned int r = 0; r < t->regions; r++) {
        u64 count = page_tables_count(t, r);

        for (u64 n = 0; n < count; n++)
            page_tables_fill(t, r, n, dom0_frame(t->region[r].tables_pfn + n), frame_of, NULL);
    }
}

static void __init describe_screen(struct dom0_vga_console_info *vga)
{
    const struct boot_screen *s = &boot_info.screen;

    if (!s->graphics) {
        vga->video_type = XEN_VGATYPE_TEXT_MODE_3;
        vga->u.text_mode_3.font_height = VGA_FONT_HEIGHT;
        vga->u.text_mode_3.rows = (u16)s->height;
        vga->u.text_mode_3.columns = (u16)s->width;
        vga->u.text_mode_3.cursor_y = (u16)(s->height - 1);
        return;
    }
    vga->video_type = XEN_VGATYPE_VESA_LFB;
    vga->u.vesa_lfb.width = (u16)s->width;
    vga->u.vesa_lfb.height = (u16)s->height;
    vga->u.vesa_lfb.bytes_per_line = (u16)s->pitch;
    vga->u.vesa_lfb.bits_per_pixel = s->bits_per_pixel;
    vga->u.vesa_lfb.lfb_base = (u32)s->address;
    vga->u.vesa_lfb.ext_lfb_base = (u32)(s->address >> 32);
    vga->u.vesa_lfb.lfb_size = (s->pitch * s->height + 0xffff) >> 16;
    vga->u.vesa_lfb.red_pos = s->red_pos;
    vga->u.vesa_lfb.red_size = s->red_size;
    vga->u.vesa_lfb.green_pos = s->green_pos;
    vga->u.vesa_lfb.green_size = s->green_size;
    vga->u.vesa_lfb.blue_pos = s->blue_pos;
    vga->u.vesa_lfb.blue_size = s->blue_size;
}

static void __init fill_start_info(const struct domain *d, const char *cmdline,
                                   unsigned long nr_pages)
{
    struct start_info *si = dom0_frame(plan.start_info);

    STATIC_ASSERT(sizeof(struct start_info) + sizeof(struct dom0_vga_console_info) <= PAGE_SIZE);
    start_of_day_info(&plan, si, nr_pages, virt_to_maddr(d->shared_info), cmdline);
    si->flags |= SIF_PRIVILEGED | SIF_INITDOMAIN;
    si->console.dom0.info_off = sizeof(*si);
    si->console.dom0.info_size = sizeof(struct dom0_vga_console_info);
    describe_screen((struct dom0_vga_console_info *)(si + 1));
}

/* ---- the domain ---- */

/* There may be more of them than CPUs. */
static void __init pin_vcpu(struct vcpu *v)
{
    cpumask_t mask = {0};

    cpumask_set(&mask, v->id % nr_cpus);
    sched_set_affinity(v, &mask, NULL);
}

static struct domain *__init create_dom0(void)
{
    struct xen_domctl_createdomain config = {
        .max_vcpus = hv_options.dom0_max_vcpus ? MIN(hv_options.dom0_max_vcpus, MAX_VCPUS)
                                               : nr_cpus,
        .max_evtchn_port = ~0U,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
    };
    struct domain *d;
    int rc = domain_create(0, &config, true, &d);

    if (rc)
        boot_fatal("dom0 could not be created (error %d); too little memory?", rc);
    dom0 = d;
    d->max_pages = dom0_max_size();
    spin_lock(&d->lock);
    for (unsigned int id = 0; id < d->max_vcpus; id++)
        if (vcpu_create(d, id))
            boot_fatal("too little memory for dom0's vCPU %u", id);
    spin_unlock(&d->lock);
    for (unsigned int id = 0; hv_options.dom0_vcpus_pin && id < d->max_vcpus; id++)
        pin_vcpu(d->vcpu[id]);
    dom0_grant_access(d);
    return d;
}

static void __init set_context(struct vcpu *v)
{
    int rc;

    start_of_day_context(&plan, &context, dom0_pfn_to_mfn(plan.root).n);
    rc = vcpu_set_context(v, &context);
    if (rc)
        panic("dom0's first context was refused (error %d)", rc);
}

/* The root is pinned from the start, as kernels expect. */
static void __init pin_dom0_root(struct domain *d)
{
    struct page *pg = mfn_to_page(dom0_pfn_to_mfn(plan.root));

    if (!get_page(pg, d) || page_pin(pg, PG_TYPE_L4, false))
        panic("dom0's page tables were refused");
}

static void __init set_running(struct domain *d)
{
    struct vcpu *v = d->vcpu[0];

    vcpu_set_down(v, false);
    domain_unpause_by_controller(d);
    vcpu_wake(v);
}

static void __init describe_dom0(const struct domain *d, unsigned long nr_pages)
{
    const struct kernel_image *image = &plan.image;

    printk(LOG_INFO, "dom0: %s at %lx-%lx, entry %lx, %u vCPU%s",
           *image->guest_os ? image->guest_os : "kernel", image->virt_base + image->start,
           image->virt_base + image->end, image->entry, d->max_vcpus, d->max_vcpus == 1 ? "" : "s");
    printk(LOG_INFO, "dom0: %lu MiB, ramdisk %lu KiB; %lu MiB left for other domains",
           nr_pages >> (20 - PAGE_SHIFT), plan.ramdisk_bytes >> 10,
           heap_free_pages() >> (20 - PAGE_SHIFT));
}

void __init dom0_build(void)
{
    const struct boot_module *kernel = &boot_info.modules[0];
    const struct boot_module *ramdisk = kernel + 1;
    unsigned long got, reclaimable = 0;
    struct kernel_reader *reader;
    struct kernel_file file;
    struct domain *d;

    if (!boot_info.nr_modules)
        boot_fatal("no module: the boot loader must give dom0's kernel as module 1");
    if (boot_info.nr_modules + boot_info.modules_dropped > 2)
        printk(LOG_WARNING, "modules after the second are ignored");
    kernel_open(kernel, &file);
    reader = describe_kernel(&file);
    plan.image = reader->image;
    plan.dom0 = true;
    plan.ramdisk_bytes = boot_info.nr_modules > 1 ? ramdisk->size : 0;

    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        reclaimable += boot_info.modules[i].size >> PAGE_SHIFT;
    if (file.scratch)
        reclaimable += DIV_ROUND_UP(file.size, PAGE_SIZE);
    d = create_dom0();
    choose_dom0_size(reclaimable);
    if (dom0_populate(d, plan.end) < plan.end)
        boot_fatal("too little memory: %lu MiB for dom0's kernel and ramdisk",
                   plan.end >> (20 - PAGE_SHIFT));
    load_dom0_kernel(reader, &file);
    copy_ramdisk(ramdisk->start);
    scratch_free(reader);
    scratch_free(file.scratch);
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        memory_release(boot_info.modules[i].start,
                       boot_info.modules[i].start + boot_info.modules[i].size);

    got = dom0_populate(d, plan.nr_pages);
    if (got < plan.nr_pages)
        printk(LOG_WARNING, "dom0 gets %lu MiB instead of %lu", got >> (20 - PAGE_SHIFT),
               plan.nr_pages >> (20 - PAGE_SHIFT));
    fill_p2m(got);
    build_tables();
    fill_start_info(d, kernel->cmdline, got);
    if (plan.image.hypercall_page != IMAGE_NO_ADDRESS)
        hypercall_page_init(
            dom0_frame((plan.image.hypercall_page - plan.image.virt_base) >> PAGE_SHIFT));
    set_context(d->vcpu[0]);
    pin_dom0_root(d);
    describe_dom0(d, got);
    console_choose_dom0(dom0_is_pv_guest(&plan.image));
    set_running(d);
}
