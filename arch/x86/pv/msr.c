/* SPDX-License-Identifier: MIT */
/*
 * RDMSR and WRMSR of a guest's kernel. The policy, as Xen's for PV guests:
 *
 *   MSR                     read                               write
 *   FS_BASE, GS_BASE,
 *     KERNEL_GS_BASE        the vCPU's                         the vCPU's; canonical
 *   TSC_AUX                 the vCPU's (with RDTSCP)           32 bits
 *   TSC                     the counter                        #GP
 *   APIC_BASE               enabled at fee00000, BSP on vCPU 0 #GP
 *   EFER                    the real one, without AIBRSE       only what is read
 *   PAT                     the real one                       only what is there already
 *   MISC_ENABLE             the real one, without what we keep only what is read
 *   PLATFORM_INFO, MISC_FEATURES_ENABLES
 *                           0 (no CPUID faulting to have)      #GP
 *   microcode revision      the real one                       ignored
 *   MCG_CAP, MCG_STATUS     0 (no machine-check banks)         ignored
 *   PRED_CMD                #GP                                IBPB where the CPU has it
 *   APERF, MPERF            #GP                                ignored
 *   0x40000000              0                                  installs a hypercall page
 *   all others              #GP                                #GP
 *                           (with XEN_X86_MSR_RELAXED: 0)      (with XEN_X86_MSR_RELAXED: ignored)
 */
#include <asm/context.h>
#include <asm/pte.h>
#include <asm/pv.h>

#define MSR_IA32_PLATFORM_ID 0x17
#define MSR_PRED_CMD         0x49
#define MSR_UCODE_WRITE      0x79
#define MSR_UCODE_REV        0x8b
#define MSR_MPERF            0xe7
#define MSR_APERF            0xe8
#define MSR_MISC_FEATURES    0x140
#define MSR_MCG_CAP          0x179
#define MSR_MCG_STATUS       0x17a
#define MSR_MISC_ENABLE      0x1a0
#define MSR_HYPERCALL_PAGE   0x40000000

#define APIC_BASE_DEFAULT 0xfee00000UL
#define APIC_BASE_BSP     (1UL << 8)
#define APIC_BASE_ENABLED (1UL << 11)

#define MISC_ENABLE_PERF_MON (1UL << 7)  /* no performance counters for guests */
#define MISC_ENABLE_BTS      (1UL << 11) /* "unavailable" bits: branch trace, */
#define MISC_ENABLE_PEBS     (1UL << 12) /* precise events */
#define MISC_ENABLE_XD       (1UL << 34)

#define PRED_CMD_IBPB 1UL

static bool is_intel(void)
{
    return !strcmp(boot_cpu.vendor, "GenuineIntel");
}

/* Without what concerns the hypervisor alone. */
static u64 guest_efer(void)
{
    return rdmsr(MSR_EFER) & ~EFER_AIBRSE;
}

/*
 * Reads MISC_ENABLE as a guest sees it.
 * @return false: the processor has no such register
 */
static bool misc_enable(u64 *val)
{
    if (!is_intel() || !rdmsr_safe(MSR_MISC_ENABLE, val))
        return false;
    *val &= ~(MISC_ENABLE_PERF_MON | MISC_ENABLE_XD);
    *val |= MISC_ENABLE_BTS | MISC_ENABLE_PEBS;
    return true;
}

bool pv_rdmsr(struct vcpu *v, u32 msr, u64 *val)
{
    switch (msr) {
    case MSR_FS_BASE:
        *val = current_fs_base();
        return true;
    case MSR_GS_BASE:
        *val = current_gs_base();
        return true;
    case MSR_KERNEL_GS_BASE:
        /* While the kernel runs this register holds user mode's base. */
        *val = rdmsr(MSR_KERNEL_GS_BASE);
        return true;
    case MSR_TSC_AUX:
        *val = v->arch.tsc_aux;
        return boot_cpu.rdtscp;
    case MSR_TSC:
        *val = rdtsc();
        return true;
    case MSR_APIC_BASE:
        *val = APIC_BASE_DEFAULT | APIC_BASE_ENABLED | (v->id == 0 ? APIC_BASE_BSP : 0);
        return true;
    case MSR_EFER:
        *val = guest_efer();
        return true;
    case MSR_PAT:
        *val = PAT_VALUE;
        return true;
    case MSR_MISC_ENABLE:
        return misc_enable(val);
    case MSR_IA32_PLATFORM_ID:
        return is_intel() && rdmsr_safe(msr, val);
    case MSR_UCODE_REV: /* emulators and other hypervisors may lack it */
        return rdmsr_safe(msr, val);
    case MSR_PLATFORM_INFO:
    case MSR_MISC_FEATURES:
        *val = 0;
        return is_intel();
    case MSR_MCG_CAP:
    case MSR_MCG_STATUS:
    case MSR_HYPERCALL_PAGE:
        *val = 0;
        return true;
    default:
        if (v->domain->arch.msr_relaxed) {
            *val = 0;
            return true;
        }
        printk_guest(LOG_DEBUG, "RDMSR %#x is not for guests", msr);
        return false;
    }
}

/*
 * Installs a hypercall page. The page offset of @val names one of several pages; there is only one.
 */
static bool install_hypercall_page(struct vcpu *v, u64 val)
{
    mfn_t mfn = MFN(val >> PAGE_SHIFT);
    struct page *pg = mfn_to_page(mfn);

    if ((val & ~PAGE_MASK) || !mfn_valid(mfn) || get_page_and_type(pg, v->domain, PG_TYPE_WRITABLE))
        return false;
    hypercall_page_init(mfn_to_virt(mfn));
    put_page_and_type(pg);
    return true;
}

bool pv_wrmsr(struct vcpu *v, u32 msr, u64 val)
{
    u64 there;

    switch (msr) {
    case MSR_FS_BASE:
        if (!is_canonical(val))
            return false;
        load_fs_base(v, val);
        return true;
    case MSR_GS_BASE:
        if (!is_canonical(val))
            return false;
        load_gs_base_kernel(v, val);
        return true;
    case MSR_KERNEL_GS_BASE:
        if (!is_canonical(val))
            return false;
        load_gs_base_user(v, val);
        return true;
    case MSR_TSC_AUX:
        if (!boot_cpu.rdtscp || val >> 32)
            return false;
        v->arch.tsc_aux = (u32)val;
        load_tsc_aux(v);
        return true;
    case MSR_EFER:
        return val == guest_efer();
    case MSR_PAT:
        return val == PAT_VALUE;
    case MSR_MISC_ENABLE:
        return misc_enable(&there) && val == there;
    case MSR_UCODE_REV:
    case MSR_UCODE_WRITE:
    case MSR_MCG_STATUS:
    case MSR_APERF:
    case MSR_MPERF:
        return true;
    case MSR_PRED_CMD:
        if (!boot_cpu.ibpb || (val & ~PRED_CMD_IBPB))
            return false;
        wrmsr(MSR_PRED_CMD, val);
        return true;
    case MSR_HYPERCALL_PAGE:
        return install_hypercall_page(v, val);
    default:
        if (v->domain->arch.msr_relaxed)
            return true;
        printk_guest(LOG_DEBUG, "WRMSR %#x is not for guests", msr);
        return false;
    }
}
