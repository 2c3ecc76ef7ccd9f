/* SPDX-License-Identifier: MIT */
/*
 * Reading ACPI tables from a small made-up memory: what a sound machine yields, and that no
 * malformed table leads outside the memory that was mapped for it (the address sanitizer watches,
 * since each mapping is a heap copy).
 */
/* SOURCES: arch/x86/acpi.c arch/x86/acpi_aml.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asm/acpi.h>
#include <lib.h>

void *malloc(size_t n);
void free(void *p);

#define MEMORY_SIZE 0x100000U
#define RSDP_AT     0xf0000U
#define ROOT_AT     0xe1000U
#define MADT_AT     0xe2000U
#define FADT_AT     0xe3000U
#define DSDT_AT     0xe4000U
#define HPET_AT     0xe5000U
#define MCFG_AT     0xe6000U

#define SLEEP_REGISTER_AT 0xfea00000U

static u8 memory[MEMORY_SIZE];
static unsigned int warnings;
static void *mapped[1024];
static unsigned int nr_mapped;

/* A copy of exactly the bytes asked for, so that a step beyond them is seen. */
const void *acpi_map(paddr_t pa, size_t len)
{
    void *copy;

    if (pa > MEMORY_SIZE || len > MEMORY_SIZE - pa || nr_mapped == ARRAY_SIZE(mapped))
        return NULL;
    copy = malloc(len);
    assert_non_null(copy);
    mapped[nr_mapped++] = copy;
    return memcpy(copy, memory + pa, len);
}

static u8 sleep_register;

volatile u8 *acpi_map_register(paddr_t pa)
{
    return pa == SLEEP_REGISTER_AT ? &sleep_register : NULL;
}

void printk(enum loglevel level, const char *fmt, ...)
{
    warnings += level <= LOG_WARNING;
}

static void set_sum(u8 *p, size_t len, size_t at)
{
    u8 sum = 0;

    p[at] = 0;
    for (size_t i = 0; i < len; i++)
        sum = (u8)(sum + p[i]);
    p[at] = (u8)-sum;
}

static void put32(u32 at, u32 v)
{
    memcpy(memory + at, &v, 4);
}

static void put64(u32 at, u64 v)
{
    memcpy(memory + at, &v, 8);
}

static void finish_table(u32 at, const char *signature, u32 length)
{
    memcpy(memory + at, signature, 4);
    put32(at + 4, length);
    set_sum(memory + at, length, 9);
}

static u32 append(u32 at, const void *bytes, u32 n)
{
    memcpy(memory + at, bytes, n);
    return at + n;
}

#define APPEND(at, ...) append(at, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

static void make_rsdp(void)
{
    memcpy(memory + RSDP_AT, "RSD PTR ", 8);
    memory[RSDP_AT + 15] = 2;
    put32(RSDP_AT + 16, 0);
    put32(RSDP_AT + 20, 36);
    put64(RSDP_AT + 24, ROOT_AT);
    set_sum(memory + RSDP_AT, 20, 8);
    set_sum(memory + RSDP_AT, 36, 32);
}

static void make_machine(void)
{
    u32 at;

    make_rsdp();
    put64(ROOT_AT + 36, MADT_AT);
    put64(ROOT_AT + 44, FADT_AT);
    put64(ROOT_AT + 52, HPET_AT);
    put64(ROOT_AT + 60, MCFG_AT);
    finish_table(ROOT_AT, "XSDT", 68);

    put32(MADT_AT + 36, 0xfee00000);
    put32(MADT_AT + 40, 1);
    at = APPEND(MADT_AT + 44, 0, 8, 0, 0, 1, 0, 0, 0); /* CPU 0 */
    at = APPEND(at, 0, 8, 1, 2, 0, 0, 0, 0);           /* a CPU that cannot be used */
    at = APPEND(at, 9, 16, 0, 0, 0x2c, 1, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0); /* x2APIC id 300 */
    at = APPEND(at, 1, 12, 3, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0); /* IO-APIC 3 at 0xfec00000 */
    at = APPEND(at, 2, 10, 0, 0, 2, 0, 0, 0, 0, 0);             /* ISA 0 on GSI 2 */
    at = APPEND(at, 2, 10, 0, 9, 9, 0, 0, 0, 0x0f, 0);          /* ISA 9 level, active low */
    at = APPEND(at, 4, 6, 0xff, 0, 0, 1);                       /* NMI on LINT1 */
    finish_table(MADT_AT, "APIC", at - MADT_AT);

    put32(FADT_AT + 40, DSDT_AT);
    memory[FADT_AT + 46] = 9;
    put32(FADT_AT + 64, 0x604);
    put32(FADT_AT + 76, 0x608);
    memory[FADT_AT + 108] = 0x32;
    put32(FADT_AT + 112, 1U << 8 | 1U << 10);
    memory[FADT_AT + 116] = 1;
    put64(FADT_AT + 120, 0xcf9);
    memory[FADT_AT + 128] = 0x0f;
    finish_table(FADT_AT, "FACP", 244);

    at = APPEND(DSDT_AT + 36, 0x10, 0x20, 0x08, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 5, 0x01, 0,
                0);
    finish_table(DSDT_AT, "DSDT", at - DSDT_AT);

    put64(HPET_AT + 44, 0xfed00000);
    finish_table(HPET_AT, "HPET", 56);

    put64(MCFG_AT + 44, 0xb0000000);
    memory[MCFG_AT + 55] = 255;
    finish_table(MCFG_AT, "MCFG", 60);
}

static int setup(void **state)
{
    memset(memory, 0, sizeof(memory));
    warnings = 0;
    make_machine();
    return 0;
}

static int teardown(void **state)
{
    while (nr_mapped)
        free(mapped[--nr_mapped]);
    return 0;
}

static void sound_machine(void **state)
{
    assert_true(acpi_init(0));
    assert_int_equal(warnings, 0);
    assert_int_equal(acpi.nr_cpus, 2);
    assert_int_equal(acpi.cpu[1].apic_id, 300);
    assert_int_equal(acpi.cpu[1].acpi_id, 7);
    assert_int_equal(acpi.nr_ioapics, 1);
    assert_int_equal(acpi.ioapic[0].id, 3);
    assert_int_equal(acpi.ioapic[0].address, 0xfec00000);
    assert_int_equal(acpi.isa[0].gsi, 2);
    assert_false(acpi.isa[0].level);
    assert_true(acpi.isa[9].level && acpi.isa[9].active_low);
    assert_int_equal(acpi.isa[4].gsi, 4);
    assert_true(acpi.lapic_nmi_present);
    assert_int_equal(acpi.lapic_nmi_lint, 1);
    assert_int_equal(acpi.sci_irq, 9);
    assert_int_equal(acpi.pm1a_control, 0x604);
    assert_int_equal(acpi.pm_timer_port, 0x608);
    assert_true(acpi.pm_timer_32bit);
    assert_int_equal(acpi.century_register, 0x32);
    assert_int_equal(acpi.reset.port, 0xcf9);
    assert_int_equal(acpi.reset_value, 0x0f);
    assert_true(acpi.has_s5);
    assert_int_equal(acpi.s5_type_a, 5);
    assert_int_equal(acpi.s5_type_b, 1);
    assert_true(acpi_can_power_off());
    assert_int_equal(acpi.hpet_address, 0xfed00000);
    assert_int_equal(acpi.nr_mcfg, 1);
    assert_int_equal(acpi.mcfg[0].address, 0xb0000000);
    assert_int_equal(acpi.mcfg[0].last_bus, 255);
}

static void no_tables(void **state)
{
    memory[RSDP_AT]++;
    assert_false(acpi_init(0));
    assert_int_equal(acpi.isa[4].gsi, 4);
    assert_int_equal(acpi.lapic_address, 0xfee00000);
}

static void old_root_table(void **state)
{
    memory[RSDP_AT + 15] = 0;
    put32(RSDP_AT + 16, ROOT_AT);
    set_sum(memory + RSDP_AT, 20, 8);
    memset(memory + ROOT_AT + 36, 0, 32);
    put32(ROOT_AT + 36, MADT_AT);
    finish_table(ROOT_AT, "RSDT", 40);
    assert_true(acpi_init(0));
    assert_int_equal(acpi.nr_ioapics, 1);
    assert_int_equal(acpi.hpet_address, 0);
}

static void bad_checksum_skips_one_table(void **state)
{
    memory[MADT_AT + 44]++;
    assert_true(acpi_init(0));
    assert_int_equal(warnings, 1);
    assert_int_equal(acpi.nr_ioapics, 0);
    assert_int_equal(acpi.hpet_address, 0xfed00000);
}

static void impossible_lengths(void **state)
{
    static const u32 lengths[] = {0, 4, 35, 0xffffffff, 16U << 20, MEMORY_SIZE};

    for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
        put32(MADT_AT + 4, lengths[i]);
        assert_true(acpi_init(0));
        assert_int_equal(acpi.nr_ioapics, 0);
    }
    put32(ROOT_AT + 4, 17);
    assert_false(acpi_init(0));
}

/* Every length that cuts a table short, and every entry length: never a step outside. */
static void truncated_tables(void **state)
{
    static const u32 tables[] = {MADT_AT, FADT_AT, HPET_AT, MCFG_AT, DSDT_AT, ROOT_AT};

    for (unsigned int t = 0; t < ARRAY_SIZE(tables); t++) {
        u32 full;

        setup(NULL);
        memcpy(&full, memory + tables[t] + 4, 4);
        for (u32 len = 36; len < full; len++) {
            put32(tables[t] + 4, len);
            set_sum(memory + tables[t], len, 9);
            acpi_init(0);
            teardown(NULL);
        }
    }
    for (unsigned int len = 0; len < 256; len++) {
        u32 full;

        setup(NULL);
        memcpy(&full, memory + MADT_AT + 4, 4);
        memory[MADT_AT + 45] = (u8)len;
        set_sum(memory + MADT_AT, full, 9);
        acpi_init(0);
        teardown(NULL);
    }
}

static void too_many_entries(void **state)
{
    u32 at = MADT_AT + 44;

    for (unsigned int i = 0; i < 400 && at < MADT_AT + 0xff0; i++)
        at = APPEND(at, 0, 8, (u8)i, (u8)i, 1, (u8)(i >> 8), 0, 0);
    for (unsigned int i = 0; i < 8; i++)
        at = APPEND(at, 2, 10, 0, 200, 1, 0, 0, 0, 0, 0);
    finish_table(MADT_AT, "APIC", at - MADT_AT);
    /* The FADT follows at the next page and must still be there. */
    assert_true(at <= FADT_AT);
    assert_true(acpi_init(0));
    assert_true(acpi.nr_cpus <= NR_CPUS);
}

static void sleep_types(void **state)
{
    static const u8 good[] = {0,    0x08, '\\', '_',  'S',  '5', '_',
                              0x12, 0x06, 0x02, 0x00, 0x0b, 3,   0};
    static const u8 long_length[] = {0,    0x08, '_',  'S',  '5', '_', 0x12,
                                     0x45, 0x00, 0x02, 0x0a, 7,   0x00};
    static const u8 one_element[] = {0, 0x08, '_', 'S', '5', '_', 0x12, 0x03, 0x01, 0x01};
    static const u8 not_a_name[] = {0, 0x10, '_', 'S', '5', '_', 0x12, 0x06, 0x02, 0x00, 0x00};
    static const u8 too_big[] = {0, 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x02, 0x0a, 9, 0x00};
    static const u8 method[] = {0, 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x02, 0x70, 0x00};
    u8 a, b;

    assert_true(acpi_find_s5(good, sizeof(good), &a, &b));
    assert_true(a == 0 && b == 3);
    assert_true(acpi_find_s5(long_length, sizeof(long_length), &a, &b));
    assert_true(a == 7 && b == 0);
    assert_true(acpi_find_s5(one_element, sizeof(one_element), &a, &b));
    assert_true(a == 1 && b == 1);
    assert_false(acpi_find_s5(not_a_name, sizeof(not_a_name), &a, &b));
    assert_false(acpi_find_s5(too_big, sizeof(too_big), &a, &b));
    assert_false(acpi_find_s5(method, sizeof(method), &a, &b));
    for (size_t len = 0; len < sizeof(good); len++) {
        u8 *copy = malloc(len + 1);

        memcpy(copy, good, len);
        acpi_find_s5(copy, len, &a, &b);
        free(copy);
    }
}

/* What the boot loader hands over wins over the BIOS area, unless it is damaged. */
static void loader_rsdp(void **state)
{
    u8 rsdp[36];

    memcpy(rsdp, memory + RSDP_AT, sizeof(rsdp));
    memory[RSDP_AT]++;
    acpi_set_rsdp(rsdp, 19);
    assert_false(acpi_init(0));
    acpi_set_rsdp(rsdp, 20); /* claims revision 2 and ends where revision 1 does */
    assert_false(acpi_init(0));
    acpi_set_rsdp(rsdp, sizeof(rsdp));
    assert_true(acpi_init(0));
    rsdp[30]++;
    acpi_set_rsdp(rsdp, sizeof(rsdp));
    assert_false(acpi_init(0));
}

/* What the administrator names wins over both, unless there is no root pointer. */
static void named_rsdp(void **state)
{
    memcpy(memory + 0x5000, memory + RSDP_AT, 36);
    memory[RSDP_AT]++;
    assert_true(acpi_init(0x5000));
    assert_int_equal(warnings, 0);
    assert_false(acpi_init(0x6000));
    assert_int_equal(warnings, 1);
    memory[RSDP_AT]--;
    assert_true(acpi_init(0x6000));
    assert_true(acpi_init(MEMORY_SIZE - 8)); /* runs out of what can be mapped */
    assert_int_equal(warnings, 3);
}

/* Hardware-reduced: no PM1 registers, even where fields name some. */
static void sleep_control_register(void **state)
{
    put32(FADT_AT + 112, 1U << 20);
    finish_table(FADT_AT, "FACP", 268);
    assert_true(acpi_init(0));
    assert_true(acpi.has_s5);
    assert_int_equal(acpi.pm1a_control, 0);
    assert_false(acpi_can_power_off());

    put64(FADT_AT + 244 + 4, SLEEP_REGISTER_AT);
    finish_table(FADT_AT, "FACP", 268);
    assert_true(acpi_init(0));
    assert_ptr_equal(acpi.sleep_control.memory, &sleep_register);
    assert_true(acpi_can_power_off());

    finish_table(FADT_AT, "FACP", 255); /* the field is cut short */
    assert_true(acpi_init(0));
    assert_false(acpi_can_power_off());

    memory[FADT_AT + 244] = 1; /* a port */
    put64(FADT_AT + 244 + 4, 0x605);
    finish_table(FADT_AT, "FACP", 268);
    assert_true(acpi_init(0));
    assert_int_equal(acpi.sleep_control.port, 0x605);
    assert_true(acpi_can_power_off());
}

/* A sleep type alone switches nothing off. */
static void no_power_register(void **state)
{
    put32(FADT_AT + 64, 0);
    finish_table(FADT_AT, "FACP", 244);
    assert_true(acpi_init(0));
    assert_true(acpi.has_s5);
    assert_false(acpi_can_power_off());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sound_machine, setup, teardown),
        cmocka_unit_test_setup_teardown(named_rsdp, setup, teardown),
        cmocka_unit_test_setup_teardown(sleep_control_register, setup, teardown),
        cmocka_unit_test_setup_teardown(no_power_register, setup, teardown),
        cmocka_unit_test_setup_teardown(no_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(old_root_table, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_checksum_skips_one_table, setup, teardown),
        cmocka_unit_test_setup_teardown(impossible_lengths, setup, teardown),
        cmocka_unit_test_setup_teardown(truncated_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_entries, setup, teardown),
        cmocka_unit_test_setup_teardown(sleep_types, setup, teardown),
        cmocka_unit_test_setup_teardown(loader_rsdp, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
