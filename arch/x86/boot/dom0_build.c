/* SPDX-License-Identifier: MIT */
/*
 * Dom0: its kernel and ramdisk from the boot modules, laid out and started as Xen starts a 64-bit
 * PV dom0.
 *
 * What the kernel finds at its virtual base, in this order, each on a page boundary:
 *
 *   kernel image | ramdisk (1) | P2M list (2) | start_info | page tables | stack (1) | padding
 *
 * ending on a 4 MiB boundary with at least 512 KiB of padding. Pseudo-physical frame 0 lies at the
 * virtual base, so address and frame number go together. All of it is mapped writable, except the
 * page tables. (1) With MOD_START_PFN the ramdisk is not mapped but follows in the pseudo-physical
 * frames behind this region. (2) With INIT_P2M the list is mapped where that note says, from frames
 * behind the ramdisk, together with the tables that map it.
 *
 * Public xen.h describes the contract ("start of day"); struct start_info there names the fields.
 */
#include <arch.h>
#include <asm/pv.h>
#include <console.h>
#include <options.h>
#include <page_alloc.h>
#include <sched.h>

#include "dom0_build.h"

#define REGION_ALIGN    (4UL << 20)
#define REGION_PADDING  (512UL << 10)
#define VGA_FONT_HEIGHT 16

/* Where things lie: [start, end) as virtual addresses, unless it says frames. */
struct layout {
    unsigned long base; /* pseudo-physical frame 0 */
    unsigned long kernel_end;
    unsigned long ramdisk; /* 0: not mapped */
    unsigned long p2m;     /* wherever it is mapped */
    unsigned long start_info;
    unsigned long tables, nr_tables;
    unsigned long stack, stack_end;
    unsigned long end;
    unsigned long ramdisk_pfn;
    unsigned long p2m_pfn;       /* first frame of the list */
    unsigned long nr_p2m_frames; /* with the tables that map it, if INIT_P2M */
    unsigned long frames;        /* all of the above needs: frames [0, frames) */
};

static struct layout layout __initdata;
static struct vcpu_guest_context context __initdata;

/* ---- layout ---- */

static unsigned long __init page_up(unsigned long x)
{
    return ROUND_UP(x, PAGE_SIZE);
}

static unsigned long __init pages_of(unsigned long bytes)
{
    return page_up(bytes) >> PAGE_SHIFT;
}

static unsigned long __init pfn_of(unsigned long va)
{
    return (va - layout.base) >> PAGE_SHIFT;
}

/* Page tables map the region that they lie in, so their number is found by trying. */
static bool __init place_tables(struct layout *l)
{
    for (l->nr_tables = 2;; l->nr_tables++) {
        l->stack = l->tables + l->nr_tables * PAGE_SIZE;
        l->stack_end = l->stack + PAGE_SIZE;
        l->end = ROUND_UP(l->stack_end, REGION_ALIGN);
        if (l->end - l->stack_end < REGION_PADDING)
            l->end += REGION_ALIGN;
        if (l->end <= l->base)
            return false; /* past the end of the address space */
        if (1 + dom0_tables_needed(l->base, l->end) <= l->nr_tables)
            return true;
    }
}

/* Does [@start, @end) keep out of our slots and stay in one half of the address space? */
static bool __init is_guest_range(unsigned long start, unsigned long end)
{
    return start < end && is_canonical(start) && is_canonical(end - 1) &&
           (long)start >> 47 == (long)(end - 1) >> 47 &&
           (start >= HV_VIRT_END || end <= HV_VIRT_START);
}

static void __init make_layout(const struct kernel_info *info, unsigned long ramdisk_bytes,
                               unsigned long nr_pages)
{
    struct layout *l = &layout;
    unsigned long p2m_bytes = nr_pages * sizeof(unsigned long), next;
    bool p2m_inside = info->init_p2m == UNSET_ADDR;

    *l = (struct layout){.base = info->virt_base, .kernel_end = page_up(info->kernel_end)};
    next = l->kernel_end;
    if (ramdisk_bytes && !info->mod_start_pfn) {
        l->ramdisk = next;
        l->ramdisk_pfn = pfn_of(next);
        next += page_up(ramdisk_bytes);
    }
    if (p2m_inside) {
        l->p2m = next;
        l->p2m_pfn = pfn_of(next);
        next += page_up(p2m_bytes);
    }
    l->start_info = next;
    l->tables = next + page_up(sizeof(struct start_info) + sizeof(struct dom0_vga_console_info));
    if (!place_tables(l) || !is_guest_range(l->base, l->end))
        boot_fatal("dom0's kernel: no room for the start-of-day layout from %lx on", l->base);

    l->frames = pfn_of(l->end);
    if (ramdisk_bytes && !l->ramdisk) {
        l->ramdisk_pfn = l->frames;
        l->frames += pages_of(ramdisk_bytes);
    }
    if (!p2m_inside) {
        l->p2m = info->init_p2m;
        if ((l->p2m & (PAGE_SIZE - 1)) || !is_guest_range(l->p2m, l->p2m + p2m_bytes))
            boot_fatal("dom0's kernel: INIT_P2M %lx is no place for %lu KiB", l->p2m,
                       p2m_bytes >> 10);
        l->p2m_pfn = l->frames;
        l->nr_p2m_frames = pages_of(p2m_bytes) + dom0_tables_needed(l->p2m, l->p2m + p2m_bytes);
        l->frames += l->nr_p2m_frames;
    }
}

/*
 * How much memory dom0 gets, and the layout that goes with it: the P2M list is as long as the
 * memory is large, and the memory may not be smaller than the layout. Both only grow, a page of
 * list for two MiB of memory, until they fit.
 */
static unsigned long __init choose_size(const struct kernel_info *info, unsigned long ramdisk_bytes,
                                        unsigned long reclaimable)
{
    unsigned long nr_pages = dom0_size(info, 0, reclaimable), former;

    do {
        former = nr_pages;
        make_layout(info, ramdisk_bytes, nr_pages);
        nr_pages = dom0_size(info, layout.frames, reclaimable);
    } while (nr_pages > former);
    return nr_pages;
}

/* ---- contents ---- */

static void __init copy_to_dom0(unsigned long va, const void *src, size_t bytes)
{
    while (bytes) {
        size_t offset = va & (PAGE_SIZE - 1), n = MIN(bytes, PAGE_SIZE - offset);

        memcpy((u8 *)dom0_frame(pfn_of(va)) + offset, src, n);
        va += n;
        src = (const u8 *)src + n;
        bytes -= n;
    }
}

static void __init clear_region(void)
{
    for (unsigned long pfn = 0; pfn < pfn_of(layout.end); pfn++)
        memset(dom0_frame(pfn), 0, PAGE_SIZE);
}

static void __init copy_ramdisk(const struct boot_module *m)
{
    const u8 *src = maddr_to_virt(m->start);

    for (size_t done = 0; done < m->size; done += PAGE_SIZE) {
        u8 *page = dom0_frame(layout.ramdisk_pfn + (done >> PAGE_SHIFT));
        size_t n = MIN(m->size - done, PAGE_SIZE);

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
            page = dom0_frame(layout.p2m_pfn + pfn / per_page);
        page[pfn % per_page] = pfn < nr_pages ? dom0_pfn_to_mfn(pfn).n : ~0UL;
    }
}

/* Maps everything, the root first. */
static void __init build_tables(const struct kernel_info *info, unsigned long nr_pages)
{
    unsigned long root = pfn_of(layout.tables),
                  p2m_frames = pages_of(nr_pages * sizeof(unsigned long));
    struct table_pool pool = {root + 1, root + layout.nr_tables};
    struct table_pool p2m_pool = {layout.p2m_pfn + p2m_frames,
                                  layout.p2m_pfn + layout.nr_p2m_frames};

    for (unsigned long va = layout.base; va < layout.end; va += PAGE_SIZE)
        dom0_map(root, &pool, va, pfn_of(va), va < layout.tables || va >= layout.stack);
    if (info->init_p2m != UNSET_ADDR)
        for (unsigned long i = 0; i < p2m_frames; i++)
            dom0_map(root, &p2m_pool, layout.p2m + (i << PAGE_SHIFT), layout.p2m_pfn + i, true);
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

static void __init fill_start_info(const struct domain *d, const struct kernel_info *info,
                                   const struct boot_module *kernel,
                                   const struct boot_module *ramdisk, unsigned long nr_pages)
{
    struct start_info *si = dom0_frame(pfn_of(layout.start_info));

    STATIC_ASSERT(sizeof(struct start_info) + sizeof(struct dom0_vga_console_info) <= PAGE_SIZE);
    strlcpy(si->magic, "xen-3.0-x86_64", sizeof(si->magic));
    si->nr_pages = nr_pages;
    si->shared_info = virt_to_maddr(d->shared_info);
    si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
    si->pt_base = layout.tables;
    si->nr_pt_frames = layout.nr_tables;
    si->mfn_list = layout.p2m;
    if (info->init_p2m != UNSET_ADDR) {
        si->first_p2m_pfn = layout.p2m_pfn;
        si->nr_p2m_frames = layout.nr_p2m_frames;
    }
    if (ramdisk) {
        si->mod_start = layout.ramdisk ? layout.ramdisk : layout.ramdisk_pfn;
        si->mod_len = ramdisk->size;
        si->flags |= layout.ramdisk ? 0 : SIF_MOD_START_PFN;
    }
    strlcpy((char *)si->cmd_line, kernel->cmdline, sizeof(si->cmd_line));
    si->console.dom0.info_off = sizeof(*si);
    si->console.dom0.info_size = sizeof(struct dom0_vga_console_info);
    describe_screen((struct dom0_vga_console_info *)(si + 1));
}

/* ---- the domain ---- */

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
    dom0_grant_access(d);
    return d;
}

static void __init set_context(struct vcpu *v, const struct kernel_info *info)
{
    int rc;

    context.flags = VGCF_in_kernel | VGCF_online;
    context.user_regs.rip = info->entry;
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = FLAT_KERNEL_SS;
    context.user_regs.rflags = EFLAGS_IF;
    context.user_regs.rsp = layout.stack_end;
    context.user_regs.rsi = layout.start_info;
    context.kernel_ss = FLAT_KERNEL_SS;
    context.kernel_sp = layout.stack_end;
    context.ctrlreg[3] = dom0_pfn_to_mfn(pfn_of(layout.tables)).n << PAGE_SHIFT;
    rc = arch_set_context(v, &context);
    if (rc)
        panic("dom0's first context was refused (error %d)", rc);
}

/* The root is pinned from the start, as kernels expect. */
static void __init pin_root(struct domain *d)
{
    struct page *pg = mfn_to_page(dom0_pfn_to_mfn(pfn_of(layout.tables)));

    if (get_page_and_type(pg, d, PG_TYPE_L4))
        panic("dom0's page tables were refused");
    atomic_or(&pg->state, PG_PINNED);
}

static void __init start(struct domain *d)
{
    struct vcpu *v = d->vcpu[0];

    clear_bit(&v->pause_flags, VPF_DOWN);
    domain_unpause_by_controller(d);
    vcpu_wake(v);
}

void __init dom0_build(void)
{
    const struct boot_module *kernel = &boot_info.modules[0];
    const struct boot_module *ramdisk = boot_info.nr_modules > 1 && boot_info.modules[1].size
                                            ? kernel + 1
                                            : NULL;
    unsigned long nr_pages, got, module_pages = 0;
    struct kernel_file file;
    struct kernel_info info;
    struct domain *d;

    if (!boot_info.nr_modules)
        boot_fatal("no module: the boot loader must give dom0's kernel as module 1");
    if (boot_info.nr_modules + boot_info.modules_dropped > 2)
        printk(LOG_WARNING, "modules after the second are ignored");
    kernel_open(kernel, &file);
    kernel_parse(&file, &info);

    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        module_pages += boot_info.modules[i].size >> PAGE_SHIFT;
    d = create_dom0();
    nr_pages = choose_size(&info, ramdisk ? ramdisk->size : 0,
                           module_pages + (file.scratch ? pages_of(file.size) : 0));
    if (dom0_populate(d, layout.frames) < layout.frames)
        boot_fatal("too little memory: %lu MiB for dom0's kernel and ramdisk",
                   layout.frames >> (20 - PAGE_SHIFT));
    clear_region();
    kernel_load(&file, &info, copy_to_dom0);
    if (ramdisk)
        copy_ramdisk(ramdisk);
    scratch_free(file.scratch);
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        memory_release(boot_info.modules[i].start,
                       boot_info.modules[i].start + boot_info.modules[i].size);

    got = dom0_populate(d, nr_pages);
    if (got < nr_pages)
        printk(LOG_WARNING, "dom0 gets %lu MiB instead of %lu", got >> (20 - PAGE_SHIFT),
               nr_pages >> (20 - PAGE_SHIFT));
    fill_p2m(got);
    build_tables(&info, nr_pages);
    fill_start_info(d, &info, kernel, ramdisk, got);
    if (info.hypercall_page != UNSET_ADDR) {
        if (info.hypercall_page < layout.base || info.hypercall_page >= layout.kernel_end)
            boot_fatal("dom0's kernel: hypercall page %lx lies outside of it", info.hypercall_page);
        hypercall_page_init(dom0_frame(pfn_of(info.hypercall_page)));
    }
    set_context(d->vcpu[0], &info);
    pin_root(d);

    printk(LOG_INFO, "dom0: %s at %lx-%lx, entry %lx, %u vCPU%s",
           *info.guest_os ? info.guest_os : "kernel", info.kernel_start, info.kernel_end,
           info.entry, d->max_vcpus, d->max_vcpus == 1 ? "" : "s");
    printk(LOG_INFO, "dom0: %lu MiB, ramdisk %zu KiB; %lu MiB left for other domains",
           got >> (20 - PAGE_SHIFT), ramdisk ? ramdisk->size >> 10 : 0,
           heap_free_pages() >> (20 - PAGE_SHIFT));
    console_choose_dom0(info.is_pv_guest);
    start(d);
}
