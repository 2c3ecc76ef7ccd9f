/* SPDX-License-Identifier: MIT */
/*
 * What the guest asks about the hypervisor: HYPERVISOR_xen_version and vm_assist (public/version.h,
 * public/features.h). The version is that of the ABI; the extra version says who we are.
 */
#include <arch.h>
#include <asm/config.h>
#include <domain.h>
#include <guest_access.h>
#include <hypercall.h>
#include <options.h>
#include <public/features.h>
#include <public/version.h>
#include <version.h>

const struct xen_compile_info hv_compile_info = {
    .compiler = "gcc " __VERSION__,
    .compile_by = "bulkhead",
    .compile_domain = "",
    .compile_date = __DATE__ " " __TIME__,
};
const char hv_changeset[] = BULKHEAD_CHANGESET;

#define VM_ASSIST_VALID                                                                \
    (1UL << VMASST_TYPE_4gb_segments | 1UL << VMASST_TYPE_4gb_segments_notify |        \
     1UL << VMASST_TYPE_writable_pagetables | 1UL << VMASST_TYPE_pae_extended_cr3 |    \
     1UL << VMASST_TYPE_architectural_iopl | 1UL << VMASST_TYPE_runstate_update_flag | \
     1UL << VMASST_TYPE_m2p_strict)

static long get_features(unsigned long arg)
{
    struct domain *d = current->domain;
    struct xen_feature_info fi;

    if (get_guest(&fi, arg))
        return -XEN_EFAULT;
    if (fi.submap_idx != 0)
        return -XEN_EINVAL;
    fi.submap = 1U << XENFEAT_memory_op_vnode_supported | 1U << XENFEAT_mmu_pt_update_preserve_ad |
                1U << XENFEAT_highmem_assist | 1U << XENFEAT_gnttab_map_avail_bits |
                1U << XENFEAT_not_direct_mapped;
    if (d->vm_assist & 1UL << VMASST_TYPE_pae_extended_cr3)
        fi.submap |= 1U << XENFEAT_pae_pgdir_above_4gb;
    if (d == dom0)
        fi.submap |= 1U << XENFEAT_dom0;
    return put_guest(arg, &fi) ? -XEN_EFAULT : 0;
}

static long put_text(unsigned long arg, const char *text, size_t size)
{
    char buf[1024] = {0};

    strlcpy(buf, text, size);
    return copy_to_guest(arg, buf, size) ? -XEN_EFAULT : 0;
}

/* The linker's note: three words (name size, size, type), the name, the identification. */
extern const u32 hv_build_id_note[];

static long get_build_id(unsigned long arg)
{
    const u32 *note = hv_build_id_note;
    const char *id = (const char *)(note + 3) + ROUND_UP(note[0], 4);
    u32 size = note[1], room;

    if (!arg)
        return size;
    if (get_guest(&room, arg))
        return -XEN_EFAULT;
    if (room == 0)
        return -XEN_EINVAL;
    if (room < size)
        return -XEN_ENOBUFS;
    if (put_guest(arg, &size) || copy_to_guest(arg + sizeof(size), id, size))
        return -XEN_EFAULT;
    return size;
}

long do_xen_version(unsigned int cmd, unsigned long arg)
{
    /*
     * The commonest case comes first: guests use it as the call that does nothing but let events
     * in.
     */
    if (likely(cmd == XENVER_version))
        return XEN_ABI_MAJOR << 16 | XEN_ABI_MINOR;
    switch (cmd) {
    case XENVER_extraversion:
        return put_text(arg, BULKHEAD_EXTRAVERSION, sizeof(xen_extraversion_t));
    case XENVER_compile_info:
        return put_guest(arg, &hv_compile_info) ? -XEN_EFAULT : 0;
    case XENVER_capabilities:
        return put_text(arg, "xen-3.0-x86_64 ", sizeof(xen_capabilities_info_t));
    case XENVER_changeset:
        return put_text(arg, hv_changeset, sizeof(xen_changeset_info_t));
    case XENVER_platform_parameters: {
        struct xen_platform_parameters p = {.virt_start = HV_VIRT_START};

        return put_guest(arg, &p) ? -XEN_EFAULT : 0;
    }
    case XENVER_get_features:
        return get_features(arg);
    case XENVER_pagesize:
        return arg ? -XEN_EINVAL : (long)PAGE_SIZE;
    case XENVER_guest_handle:
        return copy_to_guest(arg, current->domain->handle, sizeof(xen_domain_handle_t))
                   ? -XEN_EFAULT
                   : 0;
    case XENVER_commandline:
        return put_text(arg, current->domain->privileged ? hv_options.cmdline : "<denied>",
                        sizeof(xen_commandline_t));
    case XENVER_build_id:
        return current->domain->privileged ? get_build_id(arg) : -XEN_EPERM;
    default:
        return hypercall_unknown(__HYPERVISOR_xen_version, cmd);
    }
}

long do_vm_assist(unsigned int cmd, unsigned int type)
{
    struct domain *d = current->domain;

    if (type >= BITS_PER_LONG || !(VM_ASSIST_VALID >> type & 1))
        return -XEN_EINVAL;
    switch (cmd) {
    case VMASST_CMD_enable:
        set_bit(&d->vm_assist, type);
        break;
    case VMASST_CMD_disable:
        clear_bit(&d->vm_assist, type);
        break;
    default:
        return -XEN_ENOSYS;
    }
    arch_vm_assist_changed(d);
    return 0;
}
