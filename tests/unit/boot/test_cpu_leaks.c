/* SPDX-License-Identifier: MIT */
/*
 * Which CPUs the administrator is warned of, and that the warning is one line.
 */
/* SOURCES: arch/x86/cpu_leaks.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asm/cpu_leaks.h>
#include <asm/topology.h>
#include <lib.h>
#include <options.h>

struct cpu_features boot_cpu;
static u32 threads = 1;

struct topology cpu_topology(void)
{
    return (struct topology){.threads_per_core = threads, .cores_per_socket = 1};
}

struct hv_options hv_options = {.spec_ctrl = true};
static char messages[512];

void printk(enum loglevel level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(messages, sizeof(messages), fmt, ap);
    va_end(ap);
    assert_int_equal(level, LOG_WARNING);
}

#define RDCL_NO  (1u << 0)
#define IBRS_ALL (1u << 1)
#define MDS_NO   (1u << 5)
#define ALL      (CPU_LEAK_MELTDOWN | CPU_LEAK_L1TF | CPU_LEAK_MDS)

static void leaks_by_model(void **state)
{
    static const struct {
        struct cpu_features cpu;
        unsigned int leaks;
    } known[] = {
        {{.vendor = "AuthenticAMD", .family = 15, .model = 107}, 0},
        {{.vendor = "AuthenticAMD", .family = 25, .model = 1}, 0},
        {{.vendor = "HygonGenuine", .family = 24, .model = 1}, 0},
        {{.vendor = "GenuineIntel", .family = 15, .model = 6}, ALL},
        {{.vendor = "GenuineIntel", .family = 6, .model = 0x0f}, ALL},
        {{.vendor = "GenuineIntel", .family = 6, .model = 0x1a}, ALL},
        {{.vendor = "GenuineIntel", .family = 6, .model = 0x9e}, ALL},
        /*
         * Cascade Lake: the same model as Skylake, distinguished by the features that it reports.
         */
        {{.vendor = "GenuineIntel", .family = 6, .model = 0x55}, ALL},
        {{.vendor = "GenuineIntel", .family = 6, .model = 0x55, .arch_capabilities = RDCL_NO},
         CPU_LEAK_MDS},
        {{.vendor = "GenuineIntel",
          .family = 6,
          .model = 0x55,
          .arch_capabilities = RDCL_NO | MDS_NO},
         0},
        {{.vendor = "GenuineIntel", .family = 6, .model = 0x9e, .arch_capabilities = MDS_NO},
         CPU_LEAK_MELTDOWN | CPU_LEAK_L1TF},
        {{.vendor = "GenuineIntel", .family = 6, .model = 0x1c}, 0},
        {{.vendor = "GenuineIntel", .family = 6, .model = 0x4c}, CPU_LEAK_MELTDOWN | CPU_LEAK_MDS},
        {{.vendor = "GenuineIntel", .family = 6, .model = 0x5c}, CPU_LEAK_MELTDOWN},
        {{.vendor = "CentaurHauls", .family = 6, .model = 0x1c}, ALL},
        {{.vendor = "NobodyKnows", .family = 6, .model = 1}, ALL},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(known); i++)
        assert_int_equal(cpu_leaks(&known[i].cpu), known[i].leaks);
}

static void warning(void **state)
{
    boot_cpu = (struct cpu_features){.vendor = "AuthenticAMD", .family = 15};
    cpu_warn_leaks();
    assert_string_equal(messages, "");
    boot_cpu = (struct cpu_features){.vendor = "GenuineIntel", .family = 6, .model = 0x1a};
    cpu_warn_leaks();
    assert_ptr_not_equal(strchr(messages, ':'), NULL);
    assert_string_equal(strchr(messages, ':'), ": Meltdown L1TF MDS. Run only guests you trust.");
}

/* VERW where it helps, and wherever or nowhere if the administrator says so. */
static void clearing(void **state)
{
    const struct cpu_features leaks = {.vendor = "GenuineIntel", .family = 6, .model = 0x9e};
    struct cpu_features cpu = leaks;

    assert_false(cpu_uses_verw(&cpu)); /* old microcode: VERW would clear nothing */
    cpu.md_clear = true;
    assert_true(cpu_uses_verw(&cpu));
    hv_options.spec_ctrl = false;
    assert_false(cpu_uses_verw(&cpu));
    hv_options.md_clear = MD_CLEAR_ALWAYS;
    assert_true(cpu_uses_verw(&cpu));
    hv_options.spec_ctrl = true;
    hv_options.md_clear = MD_CLEAR_NEVER;
    assert_false(cpu_uses_verw(&cpu));
    hv_options.md_clear = MD_CLEAR_BY_CPU;
    cpu.arch_capabilities = MDS_NO;
    assert_false(cpu_uses_verw(&cpu));
    cpu = (struct cpu_features){.vendor = "AuthenticAMD", .family = 25, .md_clear = true};
    assert_false(cpu_uses_verw(&cpu));

    boot_cpu = leaks;
    boot_cpu.md_clear = true;
    cpu_warn_leaks();
    assert_string_equal(strchr(messages, ':'), ": Meltdown L1TF. Run only guests you trust.");
}

/* What protects ring 0 from a guest's predictions is used where once is enough. */
static void prediction(void **state)
{
    struct cpu_features cpu = {.vendor = "GenuineIntel", .family = 6, .model = 0x55, .ibrs = true};

    assert_int_equal(cpu_ibrs(&cpu), IBRS_NONE);
    cpu.arch_capabilities = IBRS_ALL;
    assert_int_equal(cpu_ibrs(&cpu), IBRS_ENHANCED);
    cpu.ibrs = false; /* the register is not there */
    assert_int_equal(cpu_ibrs(&cpu), IBRS_NONE);
    cpu = (struct cpu_features){.vendor = "AuthenticAMD", .family = 25, .ibrs = true};
    assert_int_equal(cpu_ibrs(&cpu), IBRS_NONE);
    cpu.automatic_ibrs = true;
    assert_int_equal(cpu_ibrs(&cpu), IBRS_AUTOMATIC);
    hv_options.spec_ctrl = false;
    assert_int_equal(cpu_ibrs(&cpu), IBRS_NONE);
    hv_options.spec_ctrl = true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prediction),
        cmocka_unit_test(leaks_by_model),
        cmocka_unit_test(warning),
        cmocka_unit_test(clearing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
