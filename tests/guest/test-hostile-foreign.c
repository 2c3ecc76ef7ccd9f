/* SPDX-License-Identifier: MIT */
/*
 * Hostile guest: reaches for what belongs to others: every machine frame, other domains' ports and
 * grants, and the calls that only privileged domains may make. In dom0, which may do much of this,
 * only calls that no domain may make are tried.
 */
#include <errno.h>
#include <grant.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <public/domctl.h>
#include <public/platform.h>
#include <public/sysctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

static char *window;
static uint8_t *ours; /* one bit per machine frame */
static unsigned long frames;

static void note_frame(mfn_t mfn)
{
    ours[mfn / 8] |= (uint8_t)(1u << (mfn % 8));
}

/* Our memory, and what the hypervisor shares with us: the shared page and the grant table. */
static void note_our_frames(void)
{
    const char *grants = (const char *)grant_table();

    frames = (unsigned long)hypercall_memory_op(XENMEM_maximum_ram_page, NULL) + 1;
    ours = calloc(1, frames / 8 + 1);
    if (!ours)
        guest_panic("no memory");
    for (pfn_t pfn = 0; pfn < memory_pages(); pfn++)
        note_frame(pfn_to_mfn(pfn));
    note_frame(start_info->shared_info >> PAGE_SHIFT);
    for (size_t at = 0; at < grant_entries() * sizeof(grant_entry_v1_t); at += PAGE_SIZE)
        note_frame(pte_mfn(*pte_lookup(grants + at, 1)));
}

static bool is_ours(mfn_t mfn)
{
    return ours[mfn / 8] & (1u << (mfn % 8));
}

/* Every frame of the machine, writable and read-only, as ours, as I/O, as the hypervisor's. */
static void test_all_frames(void)
{
    static const domid_t owners[] = {DOMID_SELF, DOMID_IO, DOMID_XEN};
    unsigned long mapped = 0;

    if (guest_is_dom0())
        return;
    for (mfn_t mfn = 0; mfn < frames; mfn++) {
        if (is_ours(mfn))
            continue;
        for (unsigned int i = 0; i < 3; i++) {
            for (unsigned int writable = 0; writable < 2; writable++) {
                pte_t pte = make_pte(mfn, writable ? PTE_KERNEL_DATA : PTE_KERNEL_RO);

                if (hypercall_update_va_mapping_otherdomain(window, pte, UVMF_INVLPG, owners[i]) ==
                    0)
                    mapped++;
            }
        }
    }
    CHECK_EQ(mapped, 0);
    CHECK_EQ(*pte_lookup(window, 1), 0);
}

/* As page tables, descriptor tables, and in the other calls that take frames. */
static void test_frames_in_calls(void)
{
    unsigned long accepted = 0;

    if (guest_is_dom0())
        return;
    for (mfn_t mfn = 0; mfn < frames; mfn += 7) {
        unsigned long gdt[1] = {mfn};
        xen_pfn_t extent = mfn;
        struct xen_memory_reservation decrease = {.nr_extents = 1, .domid = DOMID_SELF};

        if (is_ours(mfn))
            continue;
        set_xen_guest_handle(decrease.extent_start, &extent);
        accepted += mmuext_mfn(MMUEXT_PIN_L1_TABLE, mfn) == 0;
        accepted += mmuext_mfn(MMUEXT_PIN_L4_TABLE, mfn) == 0;
        accepted += mmuext_mfn(MMUEXT_UNPIN_TABLE, mfn) == 0;
        accepted += mmuext_mfn(MMUEXT_NEW_USER_BASEPTR, mfn) == 0 && mfn != 0;
        accepted += mmuext_mfn(MMUEXT_CLEAR_PAGE, mfn) == 0;
        accepted += hypercall_set_gdt(gdt, 512) == 0;
        accepted += mmu_update_one((uint64_t)mfn << PAGE_SHIFT, 0) == 0;
        accepted += mmu_update_one((uint64_t)mfn << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 0) == 0;
        accepted += hypercall_update_descriptor((uint64_t)mfn << PAGE_SHIFT, 0) == 0;
        accepted += hypercall_memory_op(XENMEM_decrease_reservation, &decrease) != 0;
    }
    CHECK_EQ(accepted, 0);
}

static void test_ports(void)
{
    unsigned long bound = 0;

    for (evtchn_port_t port = 0; port < 4096; port++) {
        struct evtchn_bind_interdomain bind = {.remote_dom = 0, .remote_port = port};

        if (!guest_is_dom0())
            bound += hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind) == 0;
        bind.remote_dom = 0x7000;
        bound += hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind) == 0;
    }
    CHECK_EQ(bound, 0);
}

static void test_grants(void)
{
    unsigned long mapped = 0;

    for (grant_ref_t ref = 0; ref < 4096; ref++) {
        struct gnttab_map_grant_ref map = {.host_addr = (uintptr_t)window,
                                           .flags = GNTMAP_host_map,
                                           .ref = ref,
                                           .dom = guest_is_dom0() ? 0x7000 : 0};

        CHECK_EQ(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1), 0);
        mapped += map.status == GNTST_okay;
    }
    CHECK_EQ(mapped, 0);
    CHECK_EQ(*pte_lookup(window, 1), 0);
}

static void test_privileged_calls(void)
{
    static const uint32_t domctls[] = {XEN_DOMCTL_createdomain,   XEN_DOMCTL_destroydomain,
                                       XEN_DOMCTL_pausedomain,    XEN_DOMCTL_unpausedomain,
                                       XEN_DOMCTL_getdomaininfo,  XEN_DOMCTL_setvcpucontext,
                                       XEN_DOMCTL_getvcpucontext, XEN_DOMCTL_max_mem};
    struct xen_domctl domctl = {.interface_version = XEN_DOMCTL_INTERFACE_VERSION, .domain = 0};
    struct xen_sysctl sysctl = {.cmd = XEN_SYSCTL_physinfo,
                                .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    struct xen_platform_op platform = {.cmd = XENPF_settime64,
                                       .interface_version = XENPF_INTERFACE_VERSION};
    struct xen_memory_domain other = {.domid = 0};
    struct sched_remote_shutdown remote = {.domain_id = 0, .reason = SHUTDOWN_crash};
    struct evtchn_alloc_unbound alloc = {.dom = 0, .remote_dom = DOMID_SELF};
    struct evtchn_status status = {.dom = 0, .port = 1};
    struct evtchn_reset reset = {.dom = 0};
    char text[4] = "no\n";

    if (guest_is_dom0())
        return;
    for (unsigned int i = 0; i < sizeof(domctls) / sizeof(domctls[0]); i++) {
        domctl.cmd = domctls[i];
        CHECK_EQ(hypercall_domctl(&domctl), -EPERM);
    }
    CHECK_EQ(hypercall_sysctl(&sysctl), -EPERM);
    CHECK_EQ(hypercall_platform_op(&platform), -EPERM);
    CHECK_EQ(hypercall_memory_op(XENMEM_current_reservation, &other), -EPERM);
    CHECK_EQ(hypercall_sched_op(SCHEDOP_remote_shutdown, &remote), -EPERM);
    CHECK_EQ(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc), -EPERM);
    CHECK_EQ(hypercall_event_channel_op(EVTCHNOP_status, &status), -EPERM);
    CHECK_EQ(hypercall_event_channel_op(EVTCHNOP_reset, &reset), -EPERM);
    CHECK_EQ(hypercall_console_io(CONSOLEIO_read, 4, text), -EPERM);
    /* The wrong version of an interface is noticed first. */
    domctl.interface_version = 1;
    CHECK_EQ(hypercall_domctl(&domctl), -EACCES);
    sysctl.interface_version = 1;
    CHECK_EQ(hypercall_sysctl(&sysctl), -EACCES);
    CHECK_EQ(hypercall_domctl(UNMAPPED_ADDRESS), -EFAULT);
    CHECK_EQ(hypercall_sysctl(UNMAPPED_ADDRESS), -EFAULT);
}

static void test_foreign_mapping(void)
{
    mmu_update_t update = {.ptr = pte_maddr(pte_lookup(window, 1)), .val = 0};
    struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = 1};

    if (guest_is_dom0())
        return;
    CHECK_EQ(hypercall_mmu_update(&update, 1, NULL, 0), -EPERM);
    CHECK_EQ(hypercall_mmuext_op(&pin, 1, NULL, 0), -EPERM);
    CHECK_EQ(hypercall_update_va_mapping_otherdomain(window, 0, 0, 0), -EPERM);
    /* The upper half names whose page table is meant. */
    CHECK_EQ(hypercall_any(__HYPERVISOR_mmu_update, (unsigned long)&update, 1, 0,
                           (1ul << 16) | DOMID_SELF, 0, 0),
             -EPERM);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"all_frames", test_all_frames},
        {"frames_in_calls", test_frames_in_calls},
        {"ports", test_ports},
        {"grants", test_grants},
        {"privileged_calls", test_privileged_calls},
        {"foreign_mapping", test_foreign_mapping},
        {NULL, NULL},
    };

    window = window_reserve(1);
    note_our_frames();
    run_tests(tests);
}
