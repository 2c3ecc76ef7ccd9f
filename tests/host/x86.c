/* SPDX-License-Identifier: MIT */
/*
 * What arch/x86/pv/ and arch/x86/{domain,context,tlb,domctl}.c ask of the rest of arch/x86, as
 * little of it as they need: descriptors of CPUs, the FPU, the hypervisor's root, PCI, clocks. See
 * host.h.
 */
#include <asm/apic.h>
#include <asm/context.h>
#include <asm/entry.h>
#include <asm/instructions.h>
#include <asm/memory_map.h>
#include <asm/paging.h>
#include <asm/pci.h>
#include <asm/pv.h>
#include <asm/time.h>
#include <guest_access.h>
#include <host_x86.h>

#define WEAK __attribute__((weak))

struct cpu_features boot_cpu = {
    .vendor = "GenuineIntel", .fsgsbase = true, .rdtscp = true, .ibpb = true};
unsigned long hv_cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE | CR4_DE;
u64 xfeature_mask = 7;
u64 hv_l4[PT_ENTRIES];
unsigned long m2p_bytes;
struct e820_entry machine_map[MACHINE_MAP_MAX];
unsigned int machine_map_entries;

static struct host_registers registers[HOST_CPUS];

static void *descriptor_window(unsigned long addr, unsigned long bytes);

struct host_registers *host_registers(void)
{
    (void)READ_ONCE(max_page); /* tests/smp: other CPUs run between two instructions */
    return &registers[smp_processor_id()];
}

void host_boot_x86(void)
{
    host_more_guest_memory = descriptor_window;
    for (unsigned int i = HV_L4_FIRST; i <= HV_L4_LAST; i++)
        hv_l4[i] = 0x100000UL * i | 1;
    descriptors_l4_entry = hv_l4[DESCRIPTORS_L4_SLOT];
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
        struct arch_cpu *arch = &cpus[cpu]->arch;

        arch->gdt = alloc_hv_pages(0);
        BUG_ON(!arch->gdt);
        arch->apic_id = cpu;
        arch->cr4 = hv_cr4;
        registers[cpu] = (struct host_registers){
            .cr0 = CR0_PE | CR0_PG, .cr3 = HOST_HV_CR3, .cr4 = hv_cr4, .efer = 0xd01};
    }
}

/* ---- boot ---- */

paddr_t hv_cr3(void)
{
    return HOST_HV_CR3;
}

WEAK bool frame_is_ram(mfn_t mfn)
{
    return mfn.n < max_page;
}

/* Addresses of our image are in no frame: nothing follows them. */
paddr_t image_paddr(const void *p)
{
    return HOST_IMAGE_PADDR;
}

void set_ldt_descriptor(struct cpu *cpu, unsigned long base, unsigned int entries)
{
}

void show_registers(const struct cpu_user_regs *regs)
{
}

void exit_to_guest(void)
{
    host_leave();
}

WEAK bool tscs_differ;

WEAK void apic_send_ipi(u32 dest_apic_id, u8 vector)
{
    panic("an IPI to CPU %u", dest_apic_id);
}

/* ---- the FPU ---- */

#define FPU_OFFSET ((sizeof(struct vcpu) + 63) & ~63UL)

size_t arch_vcpu_size(void)
{
    return FPU_OFFSET + xsave_size(~0UL);
}

void fpu_vcpu_create(struct vcpu *v)
{
    v->arch.fpu = (u8 *)v + FPU_OFFSET;
}

WEAK void fpu_save(struct vcpu *v)
{
}

WEAK void fpu_load(struct vcpu *v)
{
}

void fpu_get_legacy(const struct vcpu *v, void *fxsave)
{
    memcpy(fxsave, v->arch.fpu, 512);
}

void fpu_set_legacy(struct vcpu *v, const void *fxsave)
{
    memcpy(v->arch.fpu, fxsave, 512);
}

void fpu_get_xstate(const struct vcpu *v, void *area, unsigned int bytes)
{
    memcpy(area, v->arch.fpu, bytes);
}

void fpu_set_xstate(struct vcpu *v, const void *area, unsigned int bytes)
{
    memcpy(v->arch.fpu, area, bytes);
}

bool fpu_xcr0_ok(u64 xcr0)
{
    return xcr0 & 1 && !(xcr0 & ~xfeature_mask);
}

bool fpu_set_xcr0(struct vcpu *v, u64 xcr0)
{
    if (!fpu_xcr0_ok(xcr0))
        return false;
    v->arch.xcr0 = (u32)xcr0;
    v->arch.xcr0_accum |= (u32)xcr0;
    return true;
}

/* The legacy part and the header, and behind them AVX. */
unsigned int xsave_size(u64 xcr0)
{
    return xcr0 & 4 ? 832 : 576;
}

/* ---- devices and clocks ---- */

WEAK u32 pci_guest_read(const struct domain *d, unsigned int port, unsigned int bytes)
{
    return ~0U;
}

WEAK void pci_guest_write(const struct domain *d, unsigned int port, unsigned int bytes, u32 value)
{
}

bool time_write_secondary(struct vcpu *v, unsigned long addr)
{
    u64 word = 0;

    return put_guest(addr, &word) == 0;
}

/* ---- the window of descriptor tables, as the processor and read_segment() see it ---- */

static void *descriptor_window(unsigned long addr, unsigned long bytes)
{
    static u8 zeros[PAGE_SIZE];
    const struct vcpu *v = current;
    unsigned long page = (addr - GDT_VIRT(v->arch.window_nr)) >> PAGE_SHIFT;
    u64 e;

    if (!v->arch.window || (addr & ~PAGE_MASK) + bytes > PAGE_SIZE || page >= 32)
        return NULL;
    e = v->arch.window[page];
    if (!(e & PTE_PRESENT))
        return NULL;
    if ((e & PTE_ADDR_MASK) == HOST_IMAGE_PADDR)
        return &zeros[addr & ~PAGE_MASK];
    return (char *)maddr_to_virt(e & PTE_ADDR_MASK) + (addr & ~PAGE_MASK);
}

/* A data segment or readable code that ring 3 may load; Intel SDM volume 2, MOV to a segment. */
bool host_selector_ok(u32 sel)
{
    const struct host_registers *r = host_registers();
    const u64 *desc;
    u64 d;

    if (sel < 4)
        return true;
    if (sel & 4)
        desc = r->ldt ? descriptor_window(LDT_VIRT(current->arch.window_nr) + (sel & ~7U), 8)
                      : NULL;
    else
        desc = (sel | 7) <= r->gdt_limit ? descriptor_window(r->gdt + (sel & ~7U), 8) : NULL;
    if (!desc)
        return false;
    d = *desc;
    return (d >> 47 & 1) && (d >> 44 & 1) && (d >> 45 & 3) == 3 && (sel & 3) == 3 &&
           (!(d >> 43 & 1) || (d >> 41 & 1));
}
