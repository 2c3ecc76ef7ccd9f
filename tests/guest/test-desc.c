/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables: setting GDT and LDT, what the checks let through and what they weaken or
 * refuse, update_descriptor, and frames that are a descriptor table and nothing else.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <stdio.h>
#include <string.h>
#include <traps.h>

#include "harness.h"

/* Flat 64-bit code and data descriptors; the privilege level goes to bits 45-46. */
#define CODE64      0x00af9b000000ffffull
#define DATA32      0x00cf93000000ffffull
#define MSR_FS_BASE 0xc0000100u
#define DPL(n)      ((uint64_t)(n) << 45)

static uint64_t *gdt;
static unsigned long gdt_frames[16];

static struct trap_report report;

static void load_ds(void *argument)
{
    asm volatile("mov %0, %%ds" : : "r"((uint32_t)(uintptr_t)argument));
}

static void load_fs(void *argument)
{
    asm volatile("mov %0, %%fs" : : "r"((uint32_t)(uintptr_t)argument));
}

static bool ds_loads(unsigned int selector)
{
    bool loaded = !trap_catch(load_ds, (void *)(uintptr_t)selector, &report);

    load_ds(NULL);
    return loaded;
}

static void test_set_gdt(void)
{
    gdt[2] = DATA32 | DPL(3);
    gdt[3] = 0;
    CHECK_EQ(page_protect(gdt, PTE_KERNEL_RO), 0);
    CHECK_EQ(hypercall_set_gdt(gdt_frames, 512), 0);
    CHECK(ds_loads(0x13));
    CHECK(!ds_loads(0x1b));
    CHECK_EQ(report.regs.vector, TRAP_GP);
    CHECK_EQ(report.regs.error_code, 0x18);
    /* The flat selectors stay where they are. */
    CHECK(ds_loads(FLAT_USER_DS32));
    /* In use as a GDT: not writable, not a page table. */
    CHECK_EQ(page_protect(gdt, PTE_KERNEL_DATA), -EBUSY);
    CHECK_EQ(mmuext_mfn(MMUEXT_PIN_L1_TABLE, va_to_mfn(gdt)), -EINVAL);
    CHECK_EQ(hypercall_set_gdt(NULL, 0), 0);
    CHECK_EQ(page_protect(gdt, PTE_KERNEL_DATA), 0);
}

static void test_set_gdt_refused(void)
{
    unsigned long bad[1] = {BAD_MFN};

    /* Writable elsewhere; too many; no frame; no address. */
    CHECK_EQ(hypercall_set_gdt(gdt_frames, 512), -EINVAL);
    CHECK_EQ(page_protect(gdt, PTE_KERNEL_RO), 0);
    CHECK_EQ(hypercall_set_gdt(gdt_frames, FIRST_RESERVED_GDT_ENTRY + 1), -EINVAL);
    CHECK_EQ(hypercall_set_gdt(bad, 512), -EINVAL);
    CHECK_EQ(hypercall_set_gdt(UNMAPPED_ADDRESS, 512), -EFAULT);
    CHECK_EQ(hypercall_set_gdt(HYPERVISOR_ADDRESS, 512), -EFAULT);
    CHECK_EQ(page_protect(gdt, PTE_KERNEL_DATA), 0);
}

struct attempt {
    uint64_t descriptor;
    uint64_t kept; /* what stands in the table afterwards */
    bool allowed;
};

/* What a table may hold when it becomes one: the check rewrites privilege levels. */
static void test_descriptor_checks(void)
{
    static const struct attempt attempts[] = {
        {0, 0, true},
        {DATA32 | DPL(3), DATA32 | DPL(3), true},
        {CODE64 | DPL(3), CODE64 | DPL(3), true},
        {CODE64, CODE64 | DPL(3), true}, /* level 0 is raised */
        {DATA32, DATA32 | DPL(3), true},
        {DATA32 & ~(1ull << 47), DATA32 & ~(1ull << 47), true}, /* not present: anything */
        {0x0000820000000000ull, 0, false},                      /* LDT */
        {0x0000890000000000ull, 0, false},                      /* TSS */
        {0x00008e0000000000ull, 0, false},                      /* interrupt gate */
        {CODE64 | DPL(3) | (1ull << 54), 0, true},              /* L and D together */
        {0x00cf9f000000ffffull | DPL(3), 0, true},              /* conforming code */
    };

    for (unsigned int i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        long error;

        memset(gdt, 0, PAGE_SIZE);
        gdt[5] = attempts[i].descriptor;
        CHECK_EQ(page_protect(gdt, PTE_KERNEL_RO), 0);
        error = hypercall_set_gdt(gdt_frames, 512);
        if (!error) {
            if (attempts[i].kept)
                CHECK_EQ(gdt[5], attempts[i].kept);
            CHECK_EQ(hypercall_set_gdt(NULL, 0), 0);
        }
        CHECK_EQ(error, attempts[i].allowed ? 0 : -EINVAL);
        CHECK_EQ(page_protect(gdt, PTE_KERNEL_DATA), 0);
    }
}

static void test_update_descriptor(void)
{
    uint64_t maddr = va_to_maddr(gdt);

    memset(gdt, 0, PAGE_SIZE);
    /* On an ordinary page it is a checked write. */
    CHECK_EQ(hypercall_update_descriptor(maddr + 16, DATA32 | DPL(3)), 0);
    CHECK_EQ(gdt[2], DATA32 | DPL(3));
    CHECK_EQ(hypercall_update_descriptor(maddr + 16, 0x0000890000000000ull), -EINVAL);
    CHECK_EQ(page_protect(gdt, PTE_KERNEL_RO), 0);
    CHECK_EQ(hypercall_set_gdt(gdt_frames, 512), 0);
    CHECK_EQ(hypercall_update_descriptor(maddr + 24, DATA32 | DPL(3)), 0);
    CHECK_EQ(gdt[3], DATA32 | DPL(3));
    CHECK(ds_loads(0x1b));
    CHECK_EQ(hypercall_update_descriptor(maddr + 24, 0), 0);
    CHECK(!ds_loads(0x1b));
    CHECK_EQ(hypercall_update_descriptor(maddr + 24, 0x0000820000000000ull), -EINVAL);
    CHECK_EQ(hypercall_update_descriptor(maddr + 25, 0), -EINVAL);
    CHECK_EQ(hypercall_update_descriptor((uint64_t)BAD_MFN << PAGE_SHIFT, 0), -EINVAL);
    CHECK_EQ(hypercall_update_descriptor(va_to_maddr((void *)start_info->pt_base), 0), -EINVAL);
    CHECK_EQ(hypercall_set_gdt(NULL, 0), 0);
    CHECK_EQ(page_protect(gdt, PTE_KERNEL_DATA), 0);
}

static long set_ldt(const void *address, unsigned int entries)
{
    struct mmuext_op op = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (unsigned long)address, .arg2.nr_ents = entries};

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

/* The LDT is mapped page by page when it is first used. */
static void test_ldt(void)
{
    uint64_t *ldt = page_alloc_zeroed();

    ldt[1] = DATA32 | DPL(3);
    ldt[2] = (DATA32 | DPL(3)) & ~(1ull << 47);
    CHECK_EQ(page_protect(ldt, PTE_KERNEL_RO), 0);
    CHECK_EQ(set_ldt(ldt, 512), 0);
    CHECK(ds_loads(0xf));
    CHECK_EQ(page_protect(ldt, PTE_KERNEL_DATA), -EBUSY);
    CHECK(!ds_loads(0x17));
    CHECK_EQ(report.regs.vector, TRAP_NO_SEGMENT);
    CHECK_EQ(report.regs.error_code, 0x14);
    CHECK(!ds_loads(0x1007));
    CHECK_EQ(report.regs.vector, TRAP_GP);
    CHECK_EQ(report.regs.error_code, 0x1004);
    CHECK_EQ(set_ldt(NULL, 0), 0);
    CHECK(!ds_loads(0xf));
    CHECK_EQ(report.regs.vector, TRAP_GP);
    CHECK_EQ(page_protect(ldt, PTE_KERNEL_DATA), 0);
    /* On a writable page it is found unusable when it is used. */
    CHECK_EQ(set_ldt(ldt, 512), 0);
    CHECK(!ds_loads(0xf));
    CHECK_EQ(report.regs.vector, TRAP_PAGE_FAULT);
    CHECK_EQ(report.regs.error_code, 0);
    CHECK_EQ(report.address, (uintptr_t)ldt + 8);
    CHECK_EQ(set_ldt(NULL, 0), 0);
    CHECK_EQ(set_ldt((char *)ldt + 8, 512), -EINVAL);
    CHECK_EQ(set_ldt(HYPERVISOR_ADDRESS, 512), -EINVAL);
    CHECK_EQ(set_ldt(ldt, 8193), -EINVAL);
    page_free(ldt);
}

static void read_word(void *argument)
{
    (void)*(volatile uint64_t *)argument;
}

/*
 * The processor sees the LDT in the hypervisor's range. The guest itself has no business there,
 * mapped or not.
 */
static void test_ldt_window(void)
{
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } own;
    uint64_t *ldt = page_alloc_zeroed(), *window;

    __asm__ volatile("sgdt %0" : "=m"(own));
    window = (uint64_t *)(own.base + 0x10000); /* the LDT is behind the GDT */
    CHECK_EQ(own.base >> 39, 0xffff820000000000ul >> 39);
    ldt[1] = DATA32 | DPL(3);
    CHECK_EQ(page_protect(ldt, PTE_KERNEL_RO), 0);
    CHECK_EQ(set_ldt(ldt, 512), 0);
    for (int mapped = 0; mapped < 2; mapped++) {
        CHECK(trap_catch(read_word, window + 1, &report));
        CHECK_EQ(report.regs.vector, TRAP_PAGE_FAULT);
        CHECK_EQ(report.regs.error_code, mapped);
        CHECK_EQ(report.address, (uintptr_t)(window + 1));
        CHECK(ds_loads(0xf));
    }
    CHECK_EQ(set_ldt(NULL, 0), 0);
    CHECK_EQ(page_protect(ldt, PTE_KERNEL_DATA), 0);
    page_free(ldt);
}

/*
 * Returns by the hypercall to a code segment, and says which one the processor runs with then. The
 * segment is in the frame of the hypervisor's IRET, so the hypervisor is the first to use it.
 */
static unsigned int return_to_segment(uint64_t selector)
{
    static uint64_t frame[9];
    unsigned int cs;

    frame[5] = selector;
    frame[6] = 0x202;
    frame[8] = FLAT_KERNEL_SS;
    asm volatile("lea 1f(%%rip), %%rax\n\t"
                 "mov %%rax, 32(%[frame])\n\t"
                 "mov %%rsp, 56(%[frame])\n\t"
                 "mov %[frame], %%rsp\n\t"
                 "mov %[iret], %%eax\n\t"
                 "syscall\n"
                 "1:\tmov %%cs, %[cs]"
                 : [cs] "=a"(cs)
                 : [frame] "D"(frame), [iret] "i"(__HYPERVISOR_iret)
                 : "rcx", "r11", "memory");
    hypercall_xen_version(XENVER_version, NULL); /* returns to the flat segment */
    return cs;
}

/* The LDT's page is mapped when the hypervisor itself is the first to use it, too. */
static void test_ldt_return(void)
{
    uint64_t *ldt = page_alloc_zeroed();

    ldt[1] = CODE64 | DPL(3);
    CHECK_EQ(page_protect(ldt, PTE_KERNEL_RO), 0);
    CHECK_EQ(set_ldt(ldt, 512), 0);
    CHECK_EQ(return_to_segment(0xc), 0xf);
    CHECK_EQ(set_ldt(NULL, 0), 0);
    CHECK_EQ(page_protect(ldt, PTE_KERNEL_DATA), 0);
    page_free(ldt);
}

/* A base in a descriptor gets to the segment register. */
static void test_segment_base(void)
{
    uint32_t low, high, old_low, old_high;

    asm volatile("rdmsr" : "=a"(old_low), "=d"(old_high) : "c"(MSR_FS_BASE));
    gdt[4] = (DATA32 | DPL(3)) + (0x123456ull << 16);
    CHECK_EQ(page_protect(gdt, PTE_KERNEL_RO), 0);
    CHECK_EQ(hypercall_set_gdt(gdt_frames, 512), 0);
    load_fs((void *)0x23ul);
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_FS_BASE));
    load_fs(NULL);
    hypercall_set_segment_base(SEGBASE_FS, ((uint64_t)old_high << 32) | old_low);
    CHECK_EQ(low, 0x123456);
    CHECK_EQ(high, 0);
    CHECK_EQ(hypercall_set_gdt(NULL, 0), 0);
    CHECK_EQ(page_protect(gdt, PTE_KERNEL_DATA), 0);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"set_gdt", test_set_gdt},
        {"set_gdt_refused", test_set_gdt_refused},
        {"descriptor_checks", test_descriptor_checks},
        {"update_descriptor", test_update_descriptor},
        {"ldt", test_ldt},
        {"ldt_window", test_ldt_window},
        {"ldt_return", test_ldt_return},
        {"segment_base", test_segment_base},
        {NULL, NULL},
    };

    gdt = page_alloc_zeroed();
    gdt_frames[0] = va_to_mfn(gdt);
    run_tests(tests);
}
