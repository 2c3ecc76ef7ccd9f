/* SPDX-License-Identifier: MIT */
/*
 * What the CPU can do, and the control registers that make it do so.
 *
 * Guarantees to everyone else: long mode with NX, SSE2, SYSCALL, FXSAVE, CMPXCHG8B, global pages, a
 * local APIC and a TSC are there (otherwise we have stopped with a line that names what is
 * missing); write protection is on in ring 0; SMEP and SMAP are on where the CPU has them; the PAT
 * is the one of the guest ABI.
 */
#include <asm/cpu_features.h>
#include <asm/cpu_leaks.h>
#include <asm/msr.h>
#include <asm/paging.h>

#include "boot/boot.h"

struct cpu_features boot_cpu;
unsigned long hv_cr4;

/* A required feature: bit @bit of register @reg (0: EDX of leaf 1, 1: EDX of leaf 0x80000001). */
struct requirement {
    u8 reg, bit;
    char name[14];
};

static const struct requirement required[] __initconst = {
    {0, 0, "FPU"},   {0, 3, "PSE"},      {0, 4, "TSC"},   {0, 5, "MSR"},
    {0, 6, "PAE"},   {0, 8, "CX8"},      {0, 9, "APIC"},  {0, 13, "PGE"},
    {0, 15, "CMOV"}, {0, 16, "PAT"},     {0, 24, "FXSR"}, {0, 25, "SSE"},
    {0, 26, "SSE2"}, {1, 11, "SYSCALL"}, {1, 20, "NX"},   {1, 29, "LM"},
};

static void __init check_required(u32 edx1, u32 edx81)
{
    char missing[128] = "";
    size_t n = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(required); i++)
        if (!((required[i].reg ? edx81 : edx1) >> required[i].bit & 1))
            n += (size_t)snprintf(missing + n, sizeof(missing) - n, " %s", required[i].name);
    if (n)
        boot_fatal("this CPU lacks a feature that is needed:%s", missing);
}

/*
 * QEMU's TCG (seen in 7.2) lets IRET in ring 3 read its frame as ring 0 would, so with SMAP that
 * faults on a user page. Linux executes an IRET long before it has a page-fault handler.
 */
static bool __init smap_breaks_iret(void)
{
    return boot_cpu.hypervisor && cpuid(0x40000000).ebx == 0x54474354; /* "TCGT" */
}

void __init cpu_identify(void)
{
    struct cpuid leaf0 = cpuid(0), leaf1 = cpuid(1), ext = cpuid(0x80000000), r;

    boot_cpu.max_leaf = leaf0.eax;
    boot_cpu.max_ext_leaf = ext.eax >= 0x80000000 ? ext.eax : 0;
    memcpy(boot_cpu.vendor, &leaf0.ebx, 4);
    memcpy(boot_cpu.vendor + 4, &leaf0.edx, 4);
    memcpy(boot_cpu.vendor + 8, &leaf0.ecx, 4);
    boot_cpu.family = leaf1.eax >> 8 & 0xf;
    boot_cpu.model = leaf1.eax >> 4 & 0xf;
    boot_cpu.stepping = leaf1.eax & 0xf;
    if (boot_cpu.family == 6 || boot_cpu.family == 15)
        boot_cpu.model |= leaf1.eax >> 12 & 0xf0;
    if (boot_cpu.family == 15)
        boot_cpu.family += leaf1.eax >> 20 & 0xff;

    ext = boot_cpu.max_ext_leaf >= 0x80000001 ? cpuid(0x80000001) : (struct cpuid){0};
    check_required(leaf1.edx, ext.edx);
    boot_cpu.page_1g = ext.edx >> 26 & 1;
    boot_cpu.rdtscp = ext.edx >> 27 & 1;
    boot_cpu.pcid = leaf1.ecx >> 17 & 1;
    boot_cpu.x2apic = leaf1.ecx >> 21 & 1;
    boot_cpu.tsc_deadline = leaf1.ecx >> 24 & 1;
    boot_cpu.xsave = leaf1.ecx >> 26 & 1;
    boot_cpu.hypervisor = leaf1.ecx >> 31 & 1;
    boot_cpu.monitor = leaf1.ecx >> 3 & 1;
    if (boot_cpu.max_leaf >= 7) {
        r = cpuid_count(7, 0);
        boot_cpu.fsgsbase = r.ebx & 1;
        boot_cpu.smep = r.ebx >> 7 & 1;
        boot_cpu.smap = r.ebx >> 20 & 1;
        boot_cpu.md_clear = r.edx >> 10 & 1;
        boot_cpu.ibrs = boot_cpu.ibpb = r.edx >> 26 & 1;
        boot_cpu.stibp = r.edx >> 27 & 1;
        if (r.edx >> 29 & 1)
            boot_cpu.arch_capabilities = rdmsr(MSR_ARCH_CAPABILITIES);
    }
    if (boot_cpu.smap && smap_breaks_iret()) {
        printk(LOG_INFO, "SMAP is not used: QEMU's emulated CPU applies it to IRET in ring 3");
        boot_cpu.smap = false;
    }
    if (boot_cpu.xsave && boot_cpu.max_leaf >= 0xd)
        boot_cpu.xsaveopt = cpuid_count(0xd, 1).eax & 1;
    if (boot_cpu.max_ext_leaf >= 0x80000007)
        boot_cpu.invariant_tsc = cpuid(0x80000007).edx >> 8 & 1;
    boot_cpu.phys_bits = 36;
    if (boot_cpu.max_ext_leaf >= 0x80000008) {
        r = cpuid(0x80000008);
        boot_cpu.phys_bits = r.eax & 0xff;
        boot_cpu.ibpb |= r.ebx >> 12 & 1;
        boot_cpu.ibrs |= r.ebx >> 14 & 1;
        boot_cpu.stibp |= r.ebx >> 15 & 1;
    }
    if (boot_cpu.max_ext_leaf >= 0x80000021)
        boot_cpu.automatic_ibrs = cpuid(0x80000021).eax >> 8 & 1;
    /* From Ivy Bridge on; older ones do not know the register. */
    if (!strcmp(boot_cpu.vendor, "GenuineIntel") && !boot_cpu.hypervisor && boot_cpu.family == 6 &&
        boot_cpu.model >= 0x3a)
        boot_cpu.cpuid_faulting = rdmsr(MSR_PLATFORM_INFO) >> 31 & 1;

    hv_cr4 = CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (boot_cpu.smep)
        hv_cr4 |= CR4_SMEP;
    if (boot_cpu.smap)
        hv_cr4 |= CR4_SMAP;
    if (boot_cpu.xsave)
        hv_cr4 |= CR4_OSXSAVE;
    if (boot_cpu.fsgsbase)
        hv_cr4 |= CR4_FSGSBASE;
    printk(LOG_INFO, "CPU: %s family %u model %u stepping %u, %u-bit addresses, SMEP %s, SMAP %s",
           boot_cpu.vendor, boot_cpu.family, boot_cpu.model, boot_cpu.stepping, boot_cpu.phys_bits,
           boot_cpu.smep ? "on" : "not there", boot_cpu.smap ? "on" : "not there");
    cpu_warn_leaks();
}

void cpu_setup(void)
{
    enum ibrs ibrs = cpu_ibrs(&boot_cpu);

    wrmsr(MSR_EFER, (rdmsr(MSR_EFER) & (EFER_LME | EFER_LMA)) | EFER_NXE | EFER_SCE |
                        (ibrs == IBRS_AUTOMATIC ? EFER_AIBRSE : 0));
    if (ibrs == IBRS_ENHANCED)
        wrmsr(MSR_SPEC_CTRL, SPEC_CTRL_IBRS);
    /*
     * No TLB entry or cache line has a memory type that changes here: our early tables use only
     * entry 0 of the PAT.
     */
    wrmsr(MSR_PAT, PAT_VALUE);
    __asm__ volatile(
        "mov %0, %%cr0" ::"r"(CR0_PG | CR0_AM | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE)
        : "memory");
    __asm__ volatile("mov %0, %%cr4" ::"r"(hv_cr4) : "memory");
}
