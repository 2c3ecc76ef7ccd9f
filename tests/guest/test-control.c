/* SPDX-License-Identifier: MIT */
/*
 * What Xen's tools ask as they save and restore domains and describe the machine: a vCPU's state
 * besides its context, the M2P table as they map it, topology, power, patches.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <public/domctl.h>
#include <public/sysctl.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

#define NO_VCPU 2u /* the domain has two */

static domid_t domain;
static uint64_t words[512];

static long domctl(struct xen_domctl *op, uint32_t cmd, domid_t id)
{
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = id;
    return hypercall_domctl(op);
}

static long sysctl(struct xen_sysctl *op, uint32_t cmd)
{
    op->cmd = cmd;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall_sysctl(op);
}

static bool create(void)
{
    struct xen_domctl op = {.u.createdomain = {.ssidref = 7,
                                               .max_vcpus = 2,
                                               .max_evtchn_port = 1023,
                                               .max_grant_frames = -1,
                                               .max_maptrack_frames = -1,
                                               .grant_opts = XEN_DOMCTL_GRANT_version(1)}};

    if (!CHECK_EQ(domctl(&op, XEN_DOMCTL_createdomain, DOMID_INVALID), 0))
        return false;
    domain = op.domain;
    op = (struct xen_domctl){.u.max_vcpus.max = 2};
    CHECK_EQ(domctl(&op, XEN_DOMCTL_max_vcpus, domain), 0);
    return true;
}

static void destroy(void)
{
    struct xen_domctl op = {0};

    CHECK_EQ(domctl(&op, XEN_DOMCTL_destroydomain, domain), 0);
}

/* Nobody has labels, whatever the creator says. */
static void test_label(void)
{
    struct xen_domctl op = {.u.getdomaininfo.ssidref = 9};

    if (!create())
        return;
    CHECK_EQ(domctl(&op, XEN_DOMCTL_getdomaininfo, domain), 0);
    CHECK_EQ(op.u.getdomaininfo.ssidref, 0);
    destroy();
}

/* What a domain cannot be sent, and frames that are not for stubs. */
static void test_refusals(void)
{
    struct xen_domctl op;

    if (!create())
        return;
    op = (struct xen_domctl){.u.sendtrigger = {.trigger = XEN_DOMCTL_SENDTRIGGER_NMI, .vcpu = 2}};
    CHECK_EQ(domctl(&op, XEN_DOMCTL_sendtrigger, domain), -ESRCH);
    op.u.sendtrigger.vcpu = ~0u;
    CHECK_EQ(domctl(&op, XEN_DOMCTL_sendtrigger, domain), -ESRCH);
    op.u.sendtrigger.vcpu = 0;
    CHECK_EQ(domctl(&op, XEN_DOMCTL_sendtrigger, domain), 0);
    op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_POWER;
    CHECK_EQ(domctl(&op, XEN_DOMCTL_sendtrigger, domain), -EINVAL);
    op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_SLEEP;
    CHECK_EQ(domctl(&op, XEN_DOMCTL_sendtrigger, domain), -EINVAL);
    op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_RESET;
    CHECK_EQ(domctl(&op, XEN_DOMCTL_sendtrigger, domain), -ENOSYS);
    op.u.sendtrigger.trigger = 99;
    CHECK_EQ(domctl(&op, XEN_DOMCTL_sendtrigger, domain), -ENOSYS);
    op = (struct xen_domctl){0};
    CHECK_EQ(domctl(&op, XEN_DOMCTL_gettscinfo, domain), 0);
    CHECK_EQ(domctl(&op, XEN_DOMCTL_gettscinfo, 0), -EINVAL);
    op = (struct xen_domctl){.u.hypercall_init.gmfn = va_to_mfn(words)};
    CHECK_EQ(domctl(&op, XEN_DOMCTL_hypercall_init, domain), -EINVAL); /* dom0's */
    op.u.hypercall_init.gmfn = va_to_mfn((const void *)start_info->pt_base);
    CHECK_EQ(domctl(&op, XEN_DOMCTL_hypercall_init, 0), -EPERM); /* a page table */
    destroy();
}

/* ---- entry points ---- */

static long set_entries(struct xen_domctl_ext_vcpucontext context, domid_t id)
{
    struct xen_domctl op = {.u.ext_vcpucontext = context};

    return domctl(&op, XEN_DOMCTL_set_ext_vcpucontext, id);
}

static long get_entries(struct xen_domctl_ext_vcpucontext *context, domid_t id)
{
    struct xen_domctl op = {.u.ext_vcpucontext = *context};
    long rc = domctl(&op, XEN_DOMCTL_get_ext_vcpucontext, id);

    *context = op.u.ext_vcpucontext;
    return rc;
}

static void test_entry_points(void)
{
    static const uint32_t sizes[] = {32, 39, 40, 48, 64, 72, 200};
    struct xen_domctl_ext_vcpucontext context = {.vcpu = 1,
                                                 .size = 64,
                                                 .syscall32_callback_eip = 0x1234,
                                                 .sysenter_callback_eip = 0xffff828000000000,
                                                 .syscall32_callback_cs = 0x23,
                                                 .sysenter_callback_cs = 0x10,
                                                 .syscall32_disables_events = 2,
                                                 .vmce.caps = 2};

    if (!create())
        return;
    for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        CHECK_EQ(set_entries((struct xen_domctl_ext_vcpucontext){.size = sizes[i]}, domain), 0);
    CHECK_EQ(set_entries((struct xen_domctl_ext_vcpucontext){.size = 31}, domain), -EINVAL);
    CHECK_EQ(set_entries(context, domain), 0);
    context = (struct xen_domctl_ext_vcpucontext){.vcpu = 1};
    CHECK_EQ(get_entries(&context, domain), 0);
    CHECK_EQ(context.vcpu, 1);
    CHECK_EQ(context.size, 64);
    CHECK_EQ(context.syscall32_callback_eip, 0x1234);
    CHECK_EQ(context.sysenter_callback_eip, 0xffff828000000000);
    CHECK_EQ(context.syscall32_callback_cs, 0x23);
    CHECK_EQ(context.sysenter_callback_cs, 0x13);
    CHECK_EQ(context.syscall32_disables_events, 1);
    CHECK_EQ(context.sysenter_disables_events, 0);
    /* What a domain has saved can be given to the next one. */
    CHECK_EQ(set_entries(context, domain), 0);

    context.sysenter_callback_eip = 1ul << 47;
    CHECK_EQ(set_entries(context, domain), -EINVAL);
    context = (struct xen_domctl_ext_vcpucontext){.size = 64, .vmce.caps = 1ul << 40};
    CHECK_EQ(set_entries(context, domain), -EINVAL);
    context.size = 40;
    CHECK_EQ(set_entries(context, domain), -EINVAL);
    context.size = 39;
    CHECK_EQ(set_entries(context, domain), 0);
    context.vcpu = NO_VCPU;
    CHECK_EQ(set_entries(context, domain), -ESRCH);
    CHECK_EQ(get_entries(&context, domain), -ESRCH);
    context.vcpu = 0;
    CHECK_EQ(set_entries(context, 0), -ESRCH); /* one's own */
    CHECK_EQ(get_entries(&context, 0), -ESRCH);
    destroy();
}

/* ---- extended state ---- */

#define LEGACY  2u /* in words: where the area begins in what is passed, */
#define HEADER  66u
#define MINIMUM (8 * (HEADER + 8)) /* in bytes: without AVX */
#define AVX     4u

static struct xen_domctl_vcpuextstate last;

static long get_state(uint32_t vcpu, uint64_t size, uint64_t mask, void *buffer)
{
    struct xen_domctl op = {.u.vcpuextstate = {.vcpu = vcpu, .size = size, .xfeature_mask = mask}};
    long rc;

    set_xen_guest_handle(op.u.vcpuextstate.buffer, buffer);
    rc = domctl(&op, XEN_DOMCTL_getvcpuextstate, domain);
    last = op.u.vcpuextstate;
    return rc;
}

static long set_state(uint32_t vcpu, uint64_t size, void *buffer)
{
    struct xen_domctl op = {.u.vcpuextstate = {.vcpu = vcpu, .size = size}};

    set_xen_guest_handle(op.u.vcpuextstate.buffer, buffer);
    return domctl(&op, XEN_DOMCTL_setvcpuextstate, domain);
}

static long set_words(uint64_t size, uint64_t xcr0, uint64_t accum, uint64_t present)
{
    words[0] = xcr0;
    words[1] = accum;
    words[HEADER] = present;
    return set_state(0, size, words);
}

/* With a processor that has AVX, which is what test_guests gives this image. */
static void check_areas(uint64_t mask, uint64_t most)
{
    CHECK_EQ(mask & 7, 7);
    CHECK(most >= MINIMUM + 256);
    CHECK_EQ(set_words(MINIMUM, 0, 0, 0), -EINVAL);
    CHECK_EQ(set_words(16, 3, 3, 0), -EINVAL);
    CHECK_EQ(set_words(MINIMUM - 1, 3, 3, 3), -EINVAL);
    CHECK_EQ(set_words(MINIMUM + 256, 3, 3, 3), -EINVAL);
    CHECK_EQ(set_words(most + 1, 3, 3, 3), -EINVAL);
    CHECK_EQ(set_words(MINIMUM, 3, 3, 7), -EINVAL);
    CHECK_EQ(set_words(MINIMUM, 7, 3, 3), -EINVAL);
    CHECK_EQ(set_words(MINIMUM, 0, 3, 1), -EINVAL);
    CHECK_EQ(set_words(MINIMUM, 2, 3, 1), -EINVAL);
    CHECK_EQ(set_words(MINIMUM, 1, 1, 3), -EINVAL);
    CHECK_EQ(set_words(MINIMUM, 5, 5, 1), -EINVAL);
    CHECK_EQ(set_words(MINIMUM, 3, 3 | 1ul << 62, 3), -EINVAL);
    words[HEADER + 1] = 1ul << 63;
    CHECK_EQ(set_words(MINIMUM, 3, 3, 3), -EOPNOTSUPP);
    words[HEADER + 1] = 0;
    for (unsigned int i = 2; i < 8; i++) {
        words[HEADER + i] = 1;
        CHECK_EQ(set_words(MINIMUM, 3, 3, 3), -EIO);
        words[HEADER + i] = 0;
    }
    CHECK_EQ(set_words(MINIMUM, 1, 1, 1), 0);
    CHECK_EQ(set_words(MINIMUM, 3, 3, 0), 0);
    CHECK_EQ(set_words(MINIMUM, 7, 7, 7), -EINVAL);
    CHECK_EQ(set_words(MINIMUM + 256, 1, 7, 7), 0);

    words[LEGACY] = 0x1234;
    words[HEADER + 10] = 0x5678;
    CHECK_EQ(set_words(MINIMUM + 256, 3, 7, 7), 0);
    memset(words, 0xee, sizeof(words));
    CHECK_EQ(get_state(0, MINIMUM + 255, mask, words), -EINVAL);
    CHECK_EQ(get_state(0, most, mask, words), 0);
    CHECK_EQ(last.size, MINIMUM + 256);
    CHECK_EQ(words[0], 3);
    CHECK_EQ(words[1], 7);
    CHECK_EQ(words[HEADER], 7);
    CHECK_EQ(words[LEGACY], 0x1234);
    CHECK_EQ(words[HEADER + 10], 0x5678);
    CHECK_EQ(words[(MINIMUM + 256) / 8], 0xeeeeeeeeeeeeeeee);
    CHECK_EQ(get_state(0, most, mask, UNMAPPED_ADDRESS), -EFAULT);
    /* What a domain has saved can be given to the next one. */
    CHECK_EQ(set_state(1, MINIMUM + 256, words), 0);
}

static void test_extended_state(void)
{
    struct xen_domctl op = {0};
    uint64_t mask, most;

    if (!create())
        return;
    CHECK_EQ(get_state(0, 0, 0, words), 0);
    mask = last.xfeature_mask;
    most = last.size;
    CHECK_EQ(get_state(0, 1, 1, NULL), 0);
    CHECK(last.xfeature_mask == mask && last.size == most);
    words[0] = words[1] = words[2] = 1;
    CHECK_EQ(get_state(0, 15, mask, words), -EINVAL);
    CHECK_EQ(get_state(0, 16, mask + 1, words), -EINVAL);
    CHECK_EQ(get_state(0, most, mask, words), 0);
    CHECK_EQ(last.size, 16);
    CHECK(words[0] == 0 && words[1] == 0 && words[2] == 1);
    CHECK_EQ(get_state(0, 16, mask, UNMAPPED_ADDRESS), -EFAULT);
    memset(words, 0, sizeof(words));
    CHECK_EQ(set_words(15, 0, 0, 0), -EINVAL);
    CHECK_EQ(set_words(16, 0, 0, 0), 0);
    CHECK_EQ(set_words(17, 0, 0, 0), -EINVAL);
    CHECK_EQ(set_words(16, 3, 0, 0), -EINVAL);
    CHECK_EQ(set_state(0, 16, UNMAPPED_ADDRESS), -EFAULT);
    CHECK_EQ(set_state(NO_VCPU, 16, words), -ESRCH);
    CHECK_EQ(get_state(NO_VCPU, 16, mask, words), -ESRCH);
    if (mask & AVX)
        check_areas(mask, most);
    CHECK_EQ(domctl(&op, XEN_DOMCTL_getvcpuextstate, 0), -EINVAL); /* oneself */
    op = (struct xen_domctl){.u.vcpuextstate.size = 16};
    CHECK_EQ(domctl(&op, XEN_DOMCTL_setvcpuextstate, 0), -EINVAL);
    destroy();
}

/* ---- MSRs ---- */

#define MSR_TSC_AUX 0xc0000103u

static xen_domctl_vcpu_msr_t msrs[8];
static uint32_t count; /* what the last call said */

static long msrs_op(uint32_t cmd, uint32_t vcpu, uint32_t n, void *buffer, domid_t id)
{
    struct xen_domctl op = {.u.vcpu_msrs = {.vcpu = vcpu, .msr_count = n}};
    long rc;

    set_xen_guest_handle(op.u.vcpu_msrs.msrs, buffer);
    rc = domctl(&op, cmd, id);
    count = op.u.vcpu_msrs.msr_count;
    return rc;
}

static long get_msrs(uint32_t n, void *buffer)
{
    return msrs_op(XEN_DOMCTL_get_vcpu_msrs, 0, n, buffer, domain);
}

static long set_msrs(uint32_t n, void *buffer)
{
    return msrs_op(XEN_DOMCTL_set_vcpu_msrs, 0, n, buffer, domain);
}

static void refuse_msr(xen_domctl_vcpu_msr_t msr)
{
    msrs[1] = msr;
    CHECK_EQ(set_msrs(2, msrs), -EINVAL);
    CHECK_EQ(count, 1);
}

static void test_msrs(void)
{
    if (!create())
        return;
    CHECK_EQ(get_msrs(0, NULL), 0);
    CHECK_EQ(count, 7);
    CHECK_EQ(get_msrs(0, msrs), 0);
    CHECK_EQ(count, 0);
    msrs[0] = (xen_domctl_vcpu_msr_t){.index = MSR_TSC_AUX, .value = 5};
    CHECK_EQ(set_msrs(1, msrs), 0);
    CHECK_EQ(count, 1);
    msrs[0].index = 0;
    CHECK_EQ(get_msrs(0, msrs), -ENOBUFS);
    CHECK_EQ(count, 1);
    CHECK_EQ(get_msrs(1, UNMAPPED_ADDRESS), -EFAULT);
    CHECK_EQ(get_msrs(8, msrs), 0);
    CHECK_EQ(count, 1);
    CHECK(msrs[0].index == MSR_TSC_AUX && msrs[0].reserved == 0 && msrs[0].value == 5);

    refuse_msr((xen_domctl_vcpu_msr_t){.index = MSR_TSC_AUX, .reserved = 1});
    refuse_msr((xen_domctl_vcpu_msr_t){.index = MSR_TSC_AUX, .value = 1ul << 32});
    refuse_msr((xen_domctl_vcpu_msr_t){.index = 0x10}); /* TSC */
    refuse_msr((xen_domctl_vcpu_msr_t){.index = 0xc0011027});
    refuse_msr((xen_domctl_vcpu_msr_t){.index = 0x140, .value = 2}); /* MISC_FEATURES_ENABLES */
    msrs[1] = (xen_domctl_vcpu_msr_t){.index = 0x140};
    CHECK_EQ(set_msrs(2, msrs), 0);
    CHECK_EQ(set_msrs(0, NULL), 0);
    CHECK_EQ(set_msrs(8, msrs), -EINVAL);
    CHECK_EQ(count, 8);
    CHECK_EQ(set_msrs(1, UNMAPPED_ADDRESS), -EFAULT);
    CHECK_EQ(count, 0);
    CHECK_EQ(msrs_op(XEN_DOMCTL_get_vcpu_msrs, NO_VCPU, 0, NULL, domain), -ESRCH);
    CHECK_EQ(msrs_op(XEN_DOMCTL_set_vcpu_msrs, NO_VCPU, 0, NULL, domain), -ESRCH);
    CHECK_EQ(msrs_op(XEN_DOMCTL_get_vcpu_msrs, 0, 0, NULL, 0), -EINVAL); /* oneself */
    CHECK_EQ(msrs_op(XEN_DOMCTL_set_vcpu_msrs, 0, 0, NULL, 0), -EINVAL);
    destroy();
}

/* ---- the M2P table ---- */

#define EXTENT_BYTES (2ul << 20) /* that Xen's library maps from each frame of the list on */
#define MOST_EXTENTS 64u

static const uint64_t *window;

/* Shows the page of the M2P table that lies @offset bytes behind frame @mfn. */
static bool show_m2p(xen_pfn_t mfn, unsigned long offset)
{
    uint64_t pte = make_pte(mfn + (offset >> PAGE_SHIFT), PTE_KERNEL_RO);

    return CHECK_EQ(hypercall_update_va_mapping_otherdomain(window, pte, UVMF_INVLPG, DOMID_XEN),
                    0);
}

static void test_m2p(void)
{
    static xen_pfn_t extents[MOST_EXTENTS];
    unsigned long frames = (unsigned long)hypercall_memory_op(XENMEM_maximum_ram_page, NULL);
    struct xen_machphys_mfn_list list = {.max_extents = MOST_EXTENTS};
    unsigned int n;

    set_xen_guest_handle(list.extent_start, extents);
    CHECK_EQ(hypercall_memory_op(XENMEM_machphys_mfn_list, &list), 0);
    n = list.nr_extents;
    if (!CHECK_EQ(n, (frames * 8 + EXTENT_BYTES - 1) / EXTENT_BYTES))
        return;
    window = window_reserve(1);
    /* All of an extent is there, also what describes no frame. */
    for (unsigned long offset = 0; offset < EXTENT_BYTES; offset += PAGE_SIZE)
        if (!show_m2p(extents[n - 1], offset))
            break;
    for (unsigned int i = 0; i < 8; i++) {
        void *page = page_alloc_zeroed();
        unsigned long at = va_to_mfn(page) * 8;

        if (show_m2p(extents[at / EXTENT_BYTES], at % EXTENT_BYTES))
            CHECK_EQ(window[at % PAGE_SIZE / 8], mfn_to_pfn(va_to_mfn(page)));
        page_free(page);
    }
    CHECK_EQ(hypercall_update_va_mapping(window, 0, UVMF_INVLPG), 0);
    window_release((void *)(unsigned long)window, 1);
}

/* ---- the machine ---- */

static void test_no_sharing(void)
{
    CHECK_EQ(hypercall_memory_op(XENMEM_get_sharing_freed_pages, NULL), 0);
    CHECK_EQ(hypercall_memory_op(XENMEM_get_sharing_shared_pages, UNMAPPED_ADDRESS), 0);
    CHECK_EQ(hypercall_memory_op(XENMEM_get_sharing_freed_pages | 1 << 6, NULL), -ENOSYS);
}

static long list_patches(struct xen_sysctl_livepatch_list *list)
{
    struct xen_sysctl op = {.u.livepatch = {.cmd = XEN_SYSCTL_LIVEPATCH_LIST, .u.list = *list}};
    long rc = sysctl(&op, XEN_SYSCTL_livepatch_op);

    *list = op.u.livepatch.u.list;
    return rc;
}

static void test_patches(void)
{
    struct xen_sysctl_livepatch_list list = {.nr = 2, .name_total_size = 9};
    struct xen_sysctl op = {.u.livepatch.cmd = 99};

    CHECK_EQ(list_patches(&list), 0);
    CHECK(list.nr == 0 && list.name_total_size == 0 && list.metadata_total_size == 0);
    CHECK_EQ(list.version, 1);
    list = (struct xen_sysctl_livepatch_list){.idx = 1, .nr = 1024};
    CHECK_EQ(list_patches(&list), 0);
    CHECK_EQ(list.nr, 0);
    list = (struct xen_sysctl_livepatch_list){.pad = 1};
    CHECK_EQ(list_patches(&list), -EINVAL);
    list = (struct xen_sysctl_livepatch_list){.nr = 1025};
    CHECK_EQ(list_patches(&list), -E2BIG);
    CHECK_EQ(sysctl(&op, XEN_SYSCTL_livepatch_op), -EOPNOTSUPP);
    op.u.livepatch.pad = 1;
    CHECK_EQ(sysctl(&op, XEN_SYSCTL_livepatch_op), -EINVAL);
}

/* Where devices are: none of them says. */
static void test_device_nodes(void)
{
    physdev_pci_device_t devices[] = {{0, 77, 0}, {0, 0, 0x18}};
    struct physdev_pci_device_add add = {.devfn = 0x18};
    struct xen_sysctl op = {.u.pcitopoinfo.num_devs = 2};
    uint32_t nodes[] = {1, 1, 1};

    CHECK_EQ(sysctl(&op, XEN_SYSCTL_pcitopoinfo), -EINVAL);
    set_xen_guest_handle(op.u.pcitopoinfo.devs, devices);
    CHECK_EQ(sysctl(&op, XEN_SYSCTL_pcitopoinfo), -EINVAL);
    set_xen_guest_handle(op.u.pcitopoinfo.nodes, nodes);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_pci_device_add, &add), 0);
    CHECK_EQ(sysctl(&op, XEN_SYSCTL_pcitopoinfo), 0);
    CHECK_EQ(op.u.pcitopoinfo.num_devs, 2);
    CHECK_EQ(nodes[0], XEN_INVALID_DEV);
    CHECK_EQ(nodes[1], XEN_INVALID_NODE_ID);
    CHECK_EQ(nodes[2], 1);
    set_xen_guest_handle(op.u.pcitopoinfo.nodes, UNMAPPED_ADDRESS);
    CHECK_EQ(sysctl(&op, XEN_SYSCTL_pcitopoinfo), -EFAULT);
    set_xen_guest_handle(op.u.pcitopoinfo.devs, UNMAPPED_ADDRESS);
    CHECK_EQ(sysctl(&op, XEN_SYSCTL_pcitopoinfo), -EFAULT);
    op.u.pcitopoinfo.num_devs = 0;
    CHECK_EQ(sysctl(&op, XEN_SYSCTL_pcitopoinfo), 0);
}

/* ---- power ---- */

static long statistics(struct xen_sysctl *op, uint32_t type, uint32_t cpu, uint32_t room)
{
    struct pm_cx_stat *stat = &op->u.get_pmstat.u.getcx;

    memset(op, 0, sizeof(*op));
    memset(words, 0xee, sizeof(words));
    op->u.get_pmstat.type = type;
    op->u.get_pmstat.cpuid = cpu;
    stat->nr = room;
    stat->nr_pc = stat->nr_cc = 0;
    set_xen_guest_handle(stat->triggers, words);
    set_xen_guest_handle(stat->residencies, words + 8);
    return sysctl(op, XEN_SYSCTL_get_pmstat);
}

static void test_idle_states(void)
{
    const uint64_t none = 0xeeeeeeeeeeeeeeee;
    struct xen_sysctl op;
    struct pm_cx_stat *stat = &op.u.get_pmstat.u.getcx;

    CHECK_EQ(statistics(&op, PMSTAT_get_max_cx, 0, 0), 0);
    CHECK_EQ(stat->nr, 2);
    for (uint32_t room = 0; room < 4; room++) {
        CHECK_EQ(statistics(&op, PMSTAT_get_cxstat, 0, room), 0);
        CHECK(stat->nr == 2 && stat->nr_pc == 0 && stat->nr_cc == 0);
        CHECK_EQ(words[0], room > 0 ? 1 : none);
        CHECK_EQ(words[1], room > 1 ? 1 : none);
        CHECK_EQ(words[2], none);
        CHECK_EQ(words[8] == none, room < 1);
        CHECK_EQ(words[9], room > 1 ? stat->idle_time : none);
        CHECK_EQ(words[10], none);
    }
    op.u.get_pmstat.u.getcx.nr = 2;
    set_xen_guest_handle(stat->triggers, UNMAPPED_ADDRESS);
    CHECK_EQ(sysctl(&op, XEN_SYSCTL_get_pmstat), -EFAULT);
    CHECK_EQ(statistics(&op, PMSTAT_reset_cxstat, 0, 0), 0);
    CHECK_EQ(statistics(&op, PMSTAT_CX, 0, 0), -ENOSYS);
    CHECK_EQ(statistics(&op, 0x24, 0, 0), -ENOSYS);
    CHECK_EQ(statistics(&op, PMSTAT_get_max_px, 0, 0), -ENODEV);
    CHECK_EQ(statistics(&op, 0, 0, 0), -ENODEV);
    CHECK_EQ(statistics(&op, PMSTAT_get_max_cx, 4000, 0), -EINVAL);
}

static long power(uint32_t cmd, uint32_t cpu, uint32_t *value)
{
    struct xen_sysctl op = {.u.pm_op = {.cmd = cmd, .cpuid = cpu, .u.set_max_cstate = *value}};
    long rc = sysctl(&op, XEN_SYSCTL_pm_op);

    *value = op.u.pm_op.u.get_max_cstate;
    return rc;
}

static void test_power_policy(void)
{
    uint32_t value = 0;

    CHECK_EQ(power(XEN_SYSCTL_pm_op_get_max_cstate, 0, &value), 0);
    CHECK_EQ(value, 1);
    CHECK_EQ(power(XEN_SYSCTL_pm_op_get_max_cstate, 1, &value), 0);
    CHECK_EQ(value, XEN_SYSCTL_CX_UNLIMITED);
    for (uint32_t deepest = 2; deepest > 0; deepest--) {
        value = deepest;
        CHECK_EQ(power(XEN_SYSCTL_pm_op_set_max_cstate, 0, &value), 0);
        CHECK_EQ(power(XEN_SYSCTL_pm_op_get_max_cstate, 0, &value), 0);
        CHECK_EQ(value, deepest);
    }
    CHECK_EQ(power(XEN_SYSCTL_pm_op_get_max_cstate, 2, &value), -EINVAL);
    CHECK_EQ(power(XEN_SYSCTL_pm_op_set_max_cstate, 4000, &value), -EINVAL);
    value = 0;
    CHECK_EQ(power(XEN_SYSCTL_pm_op_set_sched_opt_smt, 0, &value), 0);
    CHECK_EQ(power(XEN_SYSCTL_pm_op_enable_turbo, 0, &value), -EACCES);
    CHECK_EQ(power(XEN_SYSCTL_pm_op_disable_turbo, 0, &value), -EACCES);
    CHECK_EQ(power(XEN_SYSCTL_pm_op_disable_turbo, 4000, &value), -EINVAL);
    CHECK_EQ(power(XEN_SYSCTL_pm_op_get_vcpu_migration_delay, 0, &value), -ENOSYS);
    CHECK_EQ(power(0, 0, &value), -ENOSYS);
    CHECK_EQ(power(GET_CPUFREQ_PARA, 0, &value), -EINVAL);
    CHECK_EQ(power(SET_CPUFREQ_GOV, 4000, &value), -EINVAL);
}

/* Builds and processors without what these are about. */
static void test_not_there(void)
{
    struct xen_sysctl op = {0};

    for (unsigned int i = 0; i < 3; i++) {
        op.u.psr_alloc.cmd = i;
        CHECK_EQ(sysctl(&op, XEN_SYSCTL_psr_alloc), -ENODEV);
        CHECK_EQ(sysctl(&op, XEN_SYSCTL_psr_cmt_op), -ENODEV);
        CHECK_EQ(sysctl(&op, XEN_SYSCTL_coverage_op), -EOPNOTSUPP);
    }
    op.u.psr_alloc.cmd = 3;
    CHECK_EQ(sysctl(&op, XEN_SYSCTL_psr_alloc), -EOPNOTSUPP);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"label", test_label},
        {"refusals", test_refusals},
        {"entry_points", test_entry_points},
        {"extended_state", test_extended_state},
        {"msrs", test_msrs},
        {"m2p", test_m2p},
        {"no_sharing", test_no_sharing},
        {"patches", test_patches},
        {"device_nodes", test_device_nodes},
        {"idle_states", test_idle_states},
        {"power_policy", test_power_policy},
        {"not_there", test_not_there},
        {NULL, NULL},
    };

    run_tests(tests);
}
