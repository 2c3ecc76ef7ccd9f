/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's two modes: which registers are written, in memory or by MSR, to set it up and to
 * send interrupts, also to CPUs with ids that xAPIC mode cannot name.
 */
/* SOURCES: arch/x86/apic.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asm/acpi.h>
#include <asm/apic.h>
#include <asm/cpu_features.h>
#include <percpu.h>

#define X2APIC_ICR    0x830U
#define X2APIC_EOI    0x80bU
#define APIC_BASE_BSP 0x100UL
#define LAPIC_ADDRESS 0xfee00000UL

struct cpu_features boot_cpu;
struct acpi_info acpi = {.lapic_address = LAPIC_ADDRESS};
__thread bool host_irqs_on;

static struct cpu cpu;
static struct cpu_info info = {.cpu = &cpu};
struct cpu *cpus[NR_CPUS] = {&cpu};

struct cpu_info *get_cpu_info(void)
{
    return &info;
}

static u32 registers[PAGE_SIZE / sizeof(u32)];
static u64 base = LAPIC_ADDRESS | APIC_BASE_BSP;
static u64 x2apic_msr[0x40]; /* x2APIC's, from MSR_X2APIC_FIRST on */
static unsigned int msr_writes;

void printk(enum loglevel level, const char *fmt, ...)
{
}

void panic(const char *fmt, ...)
{
    fail_msg("panic: %s", fmt);
    __builtin_trap();
}

void *ioremap(paddr_t pa, size_t bytes)
{
    assert_int_equal(pa, LAPIC_ADDRESS);
    return registers;
}

/* There is a local APIC. */
struct cpuid cpuid_count(u32 leaf, u32 subleaf)
{
    assert_int_equal(leaf, 1);
    return (struct cpuid){.edx = 1U << 9};
}

u64 rdmsr(u32 msr)
{
    if (msr == MSR_APIC_BASE)
        return base;
    assert_in_range(msr, MSR_X2APIC_FIRST, MSR_X2APIC_FIRST + ARRAY_SIZE(x2apic_msr) - 1);
    return x2apic_msr[msr - MSR_X2APIC_FIRST];
}

void wrmsr(u32 msr, u64 v)
{
    if (msr == MSR_APIC_BASE) {
        base = v;
        return;
    }
    assert_in_range(msr, MSR_X2APIC_FIRST, MSR_X2APIC_FIRST + ARRAY_SIZE(x2apic_msr) - 1);
    x2apic_msr[msr - MSR_X2APIC_FIRST] = v;
    msr_writes++;
}

static u32 reg(unsigned int n)
{
    return registers[n / sizeof(u32)];
}

static int setup(void **state)
{
    memset(registers, 0, sizeof(registers));
    memset(x2apic_msr, 0, sizeof(x2apic_msr));
    base = LAPIC_ADDRESS | APIC_BASE_BSP;
    msr_writes = 0;
    registers[APIC_VERSION / sizeof(u32)] = 5U << 16;
    x2apic_msr[APIC_VERSION >> 4] = 5U << 16;
    registers[APIC_ID / sizeof(u32)] = 7U << 24;
    x2apic_msr[APIC_ID >> 4] = 0x12345;
    return 0;
}

static void xapic(void **state)
{
    boot_cpu.x2apic = true;
    apic_init(true);
    assert_false(x2apic_enabled);
    assert_int_equal(base, LAPIC_ADDRESS | APIC_BASE_BSP | 1UL << 11);
    assert_int_equal(cpu.arch.apic_id, 7);
    assert_int_equal(reg(APIC_SPIV), 0x1ff);
    assert_int_equal(reg(APIC_LVT_LINT0), 0x10000);
    assert_int_equal(reg(APIC_LVT_ERROR), 0xfe);
    apic_send_ipi(0xfe, 0xfd);
    assert_int_equal(reg(APIC_ICR2), 0xfe000000);
    assert_int_equal(reg(APIC_ICR), 0x40fd);
    apic_send_nmi(3);
    assert_int_equal(reg(APIC_ICR2), 0x03000000);
    assert_int_equal(reg(APIC_ICR), 0x4400);
    apic_send_init(4);
    assert_int_equal(reg(APIC_ICR2), 0x04000000);
    assert_int_equal(reg(APIC_ICR), 0x4500);
    apic_send_startup(5, 0xf);
    assert_int_equal(reg(APIC_ICR2), 0x05000000);
    assert_int_equal(reg(APIC_ICR), 0x460f);
    assert_int_equal(msr_writes, 0);
}

/* Ids above 255 are the reason for this mode. */
static void x2apic(void **state)
{
    boot_cpu.x2apic = true;
    apic_init(false);
    assert_true(x2apic_enabled);
    assert_int_equal(base, LAPIC_ADDRESS | APIC_BASE_BSP | 3UL << 10);
    assert_int_equal(cpu.arch.apic_id, 0x12345);
    apic_send_ipi(0xabcdef01, 0xfc);
    assert_int_equal(x2apic_msr[X2APIC_ICR - MSR_X2APIC_FIRST], 0xabcdef01000040fcUL);
    apic_send_nmi(0x100);
    assert_int_equal(x2apic_msr[X2APIC_ICR - MSR_X2APIC_FIRST], 0x10000004400UL);
    apic_send_init(0x101);
    assert_int_equal(x2apic_msr[X2APIC_ICR - MSR_X2APIC_FIRST], 0x10100004500UL);
    apic_send_startup(0x102, 8);
    assert_int_equal(x2apic_msr[X2APIC_ICR - MSR_X2APIC_FIRST], 0x10200004608UL);
    x2apic_msr[X2APIC_EOI - MSR_X2APIC_FIRST] = 1;
    apic_eoi();
    assert_int_equal(x2apic_msr[X2APIC_EOI - MSR_X2APIC_FIRST], 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(registers); i++)
        if (i != APIC_VERSION / sizeof(u32) && i != APIC_ID / sizeof(u32))
            assert_int_equal(registers[i], 0);
}

/* The firmware chose x2APIC mode: only a reset would leave it. */
static void firmware_decides(void **state)
{
    boot_cpu.x2apic = true;
    base |= 3UL << 10;
    apic_init(true);
    assert_true(x2apic_enabled);
}

static void without_x2apic(void **state)
{
    boot_cpu.x2apic = false;
    apic_init(false);
    assert_false(x2apic_enabled);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(xapic),
        TEST(x2apic),
        TEST(firmware_decides),
        TEST(without_x2apic),
    };

    return cmocka_run_group_tests_name("local APIC", tests, NULL, NULL);
}
