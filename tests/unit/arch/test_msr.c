/* SPDX-License-Identifier: MIT */
/* SOURCES: arch/x86/pv/msr.c tests/host/instructions.c */
/*
 * RDMSR and WRMSR of a guest where the processor lacks the register: #GP for the guest, and no read
 * without an entry in the exception table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/context.h>
#include <asm/pv.h>

#define MISC_ENABLE 0x1a0U

struct cpu_features boot_cpu;
void *host_frame_table;
char *host_ram;
unsigned long max_page;

static bool there; /* has the processor the register? */
static u64 value;

bool rdmsr_safe(u32 msr, u64 *val)
{
    *val = there ? value : 0;
    return there;
}

unsigned long current_fs_base(void)
{
    return 1;
}

unsigned long current_gs_base(void)
{
    return 2;
}

void load_fs_base(struct vcpu *v, unsigned long base)
{
}

void load_gs_base_kernel(struct vcpu *v, unsigned long base)
{
}

void load_gs_base_user(struct vcpu *v, unsigned long base)
{
}

void load_tsc_aux(const struct vcpu *v)
{
}

void hypercall_page_init(void *page)
{
}

int get_page_and_type(struct page *pg, struct domain *d, u64 type)
{
    return -1;
}

void put_page_and_last_type(struct page *pg)
{
}

void printk_guest(enum loglevel level, const char *fmt, ...)
{
}

static struct domain d;
static struct vcpu v = {.domain = &d};

/* 0x17, 0x8b, 0x1a0: on some processors only, whatever the vendor. */
static void absent_registers(void **state)
{
    static const u32 msrs[] = {0x17, 0x8b, MISC_ENABLE};

    memcpy(boot_cpu.vendor, "GenuineIntel", sizeof("GenuineIntel"));
    for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++) {
        u64 val;

        there = false;
        assert_false(pv_rdmsr(&v, msrs[i], &val));
        there = true;
        value = 0x1234;
        assert_true(pv_rdmsr(&v, msrs[i], &val));
    }
    there = false;
    assert_false(pv_wrmsr(&v, MISC_ENABLE, 0x1800));
    memcpy(boot_cpu.vendor, "AuthenticAMD", sizeof("AuthenticAMD"));
    there = true;
    assert_false(pv_rdmsr(&v, 0x17, &value));
    assert_true(pv_rdmsr(&v, 0x8b, &value));
    assert_false(pv_rdmsr(&v, MISC_ENABLE, &value));
}

/* MISC_ENABLE hides what we keep, and takes only what it shows. */
static void misc_enable_is_fixed(void **state)
{
    u64 val;

    memcpy(boot_cpu.vendor, "GenuineIntel", sizeof("GenuineIntel"));
    there = true;
    value = 1UL << 34 | 1UL << 7 | 1;
    assert_true(pv_rdmsr(&v, MISC_ENABLE, &val));
    assert_true(val == (1UL << 11 | 1UL << 12 | 1));
    assert_true(pv_wrmsr(&v, MISC_ENABLE, val));
    assert_false(pv_wrmsr(&v, MISC_ENABLE, val | 1UL << 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_registers),
        cmocka_unit_test(misc_enable_is_fixed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
