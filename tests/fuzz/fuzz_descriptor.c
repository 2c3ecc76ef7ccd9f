/* SPDX-License-Identifier: MIT */
/*
 * Descriptor checks: whatever a guest puts into a descriptor table, what the processor would make
 * of an accepted one is judged here a second time, field by field, independently of the code that
 * accepted it.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) */
#include <asm/pte.h>
#include <pv/descriptor.h>

#include "pv_machine.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* A descriptor as Intel SDM volume 3, figure 3-8 and 5-8 draw it. */
struct fields {
    bool present, segment;
    unsigned int dpl, type, gate_selector, gate_reserved;
};

static struct fields take_apart(u64 d)
{
    u32 low = (u32)d, high = (u32)(d >> 32);

    return (struct fields){
        .present = high & 0x8000,
        .segment = high & 0x1000,
        .dpl = high >> 13 & 3,
        .type = high >> 8 & 15,
        .gate_selector = low >> 16,
        .gate_reserved = high & 0xff,
    };
}

/* Can ring 3 do no more with it than without it? */
static bool harmless(u64 d)
{
    struct fields f = take_apart(d);
    bool own;

    if (!f.present)
        return true;
    if (f.dpl != 3)
        return false;
    if (f.segment || f.type == 0)
        return true;
    /*
     * A call gate of 64-bit mode, to the guest's GDT, its LDT, or the flat code segment of ring 3.
     */
    own = f.gate_selector < 14 * 4096 || f.gate_selector & 4;
    return f.type == 12 && f.gate_reserved == 0 && (f.gate_selector & 3) == 3 &&
           (own || f.gate_selector == 0xe033);
}

static void check_one(u64 d)
{
    u64 seen = d, again;

    if (!check_descriptor(&seen)) {
        /*
         * Refused: then it is a system descriptor, of a kind or with a target that cannot be made
         * harmless.
         */
        struct fields f = take_apart(d);

        if (!f.present || f.segment || f.type == 0)
            panic("descriptor %lx is refused", d);
        return;
    }
    if (!harmless(seen))
        panic("descriptor %lx is taken as %lx", d, seen);
    if ((seen ^ d) & ~(3UL << 45 | 3UL << 16))
        panic("descriptor %lx becomes %lx", d, seen);
    again = seen;
    if (!check_descriptor(&again) || again != seen)
        panic("descriptor %lx is not what it was checked to be", seen);
}

/* The same through the hypercalls: a table of the guest's making, and a change to it. */
static void check_table(const u8 *data, size_t size)
{
    struct domain *d = machine_domains[1];
    struct page *pg = host_frame(d, 5);
    u64 *table = mfn_to_virt(page_to_mfn(pg));
    unsigned long frame = page_to_mfn(pg).n;
    u64 desc;

    memcpy(table, data, MIN(size, PAGE_SIZE));
    memcpy(host_guest, &frame, sizeof(frame));
    do_update_va_mapping(5UL << L1_SHIFT, ((u64)frame << PAGE_SHIFT) | PTE_PRESENT, UVMF_TLB_FLUSH);
    if (do_set_gdt(GUEST(0), 512) == 0)
        for (unsigned int i = 0; i < 512; i++)
            if (!harmless(table[i]))
                panic("entry %u of a GDT is %lx", i, table[i]);
    for (size_t i = 0; i + sizeof(desc) <= size && i < 64; i += sizeof(desc)) {
        memcpy(&desc, data + i, sizeof(desc));
        do_update_descriptor(((u64)frame << PAGE_SHIFT) + i, desc);
        if (d->vcpu[0]->arch.gdt_entries && !harmless(table[i / sizeof(desc)]))
            panic("update_descriptor wrote %lx", table[i / sizeof(desc)]);
    }
    machine_check();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    for (size_t i = 0; i + sizeof(u64) <= size; i++) {
        u64 d;

        memcpy(&d, data + i, sizeof(d));
        check_one(d);
    }
    machine_start(14);
    check_table(data, size);
    machine_end();
    return 0;
}
