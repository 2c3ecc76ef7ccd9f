/* SPDX-License-Identifier: MIT */
/*
 * Which of the leaks by speculation this CPU has: Meltdown, L1TF, MDS. Against the last one there
 * is VERW, on the way to a guest, where microcode makes it clear the CPU's buffers. At boot we tell
 * the administrator of the others; docs/architecture.md says what follows. And whether IBRS keeps a
 * guest from choosing where branches in ring 0 are predicted to go.
 *
 * Newer CPUs say in IA32_ARCH_CAPABILITIES what they do not suffer from. For older ones we follow
 * the vendors' lists: of the CPUs that run 64-bit code, Intel's (and the first of Centaur and
 * Zhaoxin, which we take to leak as well) have all three, except Intel's small cores; AMD's and
 * Hygon's have none.
 */
#include <asm/cpu_leaks.h>
#include <asm/topology.h>
#include <lib.h>
#include <options.h>

/* IA32_ARCH_CAPABILITIES (Intel SDM volume 4, table 2-2). */
#define CAP_RDCL_NO  (1ULL << 0) /* neither Meltdown nor L1TF */
#define CAP_IBRS_ALL (1ULL << 1) /* enhanced IBRS */
#define CAP_MDS_NO   (1ULL << 5)
#define CAP_RFDS_CLEAR \
    (1ULL << 28) /* VERW clears registers' old contents, which leak on some small cores */

#define ALL_LEAKS (CPU_LEAK_MELTDOWN | CPU_LEAK_L1TF | CPU_LEAK_MDS)

/* Intel's models of family 6 that have fewer leaks than the rest. */
struct small_core {
    u8 model;
    u8 leaks;
};

static const struct small_core small_cores[] __initconst = {
    /* Bonnell, Saltwell: no speculation */
    {0x1c, 0},
    {0x26, 0},
    {0x27, 0},
    {0x35, 0},
    {0x36, 0},
    /* Silvermont, Airmont */
    {0x37, CPU_LEAK_MELTDOWN | CPU_LEAK_MDS},
    {0x4a, CPU_LEAK_MELTDOWN | CPU_LEAK_MDS},
    {0x4c, CPU_LEAK_MELTDOWN | CPU_LEAK_MDS},
    {0x4d, CPU_LEAK_MELTDOWN | CPU_LEAK_MDS},
    {0x5a, CPU_LEAK_MELTDOWN | CPU_LEAK_MDS},
    {0x5d, CPU_LEAK_MELTDOWN | CPU_LEAK_MDS},
    {0x75, CPU_LEAK_MELTDOWN | CPU_LEAK_MDS},
    /* Goldmont, Goldmont Plus */
    {0x5c, CPU_LEAK_MELTDOWN},
    {0x5f, CPU_LEAK_MELTDOWN},
    {0x7a, CPU_LEAK_MELTDOWN},
    /* Xeon Phi */
    {0x57, CPU_LEAK_MELTDOWN | CPU_LEAK_MDS},
    {0x85, CPU_LEAK_MELTDOWN | CPU_LEAK_MDS},
};

static unsigned int __init leaks_of_model(const struct cpu_features *cpu)
{
    if (!strcmp(cpu->vendor, "AuthenticAMD") || !strcmp(cpu->vendor, "HygonGenuine"))
        return 0;
    if (!strcmp(cpu->vendor, "GenuineIntel") && cpu->family == 6)
        for (unsigned int i = 0; i < ARRAY_SIZE(small_cores); i++)
            if (small_cores[i].model == cpu->model)
                return small_cores[i].leaks;
    return ALL_LEAKS;
}

unsigned int __init cpu_leaks(const struct cpu_features *cpu)
{
    unsigned int leaks = leaks_of_model(cpu);

    if (cpu->arch_capabilities & CAP_RDCL_NO)
        leaks &= ~(CPU_LEAK_MELTDOWN | CPU_LEAK_L1TF);
    if (cpu->arch_capabilities & CAP_MDS_NO)
        leaks &= ~CPU_LEAK_MDS;
    return leaks;
}

bool __init cpu_uses_verw(const struct cpu_features *cpu)
{
    if (hv_options.md_clear != MD_CLEAR_BY_CPU)
        return hv_options.md_clear == MD_CLEAR_ALWAYS;
    return hv_options.spec_ctrl && ((cpu->md_clear && cpu_leaks(cpu) & CPU_LEAK_MDS) ||
                                    cpu->arch_capabilities & CAP_RFDS_CLEAR);
}

enum ibrs cpu_ibrs(const struct cpu_features *cpu)
{
    if (!hv_options.spec_ctrl)
        return IBRS_NONE;
    if (cpu->ibrs && cpu->arch_capabilities & CAP_IBRS_ALL)
        return IBRS_ENHANCED;
    return cpu->automatic_ibrs ? IBRS_AUTOMATIC : IBRS_NONE;
}

void __init cpu_warn_leaks(void)
{
    unsigned int leaks = cpu_leaks(&boot_cpu);

    /* A thread that shares the core reads the buffers while they are in use. */
    if (boot_cpu.md_clear && cpu_uses_verw(&boot_cpu) && cpu_topology().threads_per_core == 1)
        leaks &= ~CPU_LEAK_MDS;

    if (leaks)
        printk(
            LOG_WARNING,
            "this CPU leaks memory to guests, and nothing defends against it yet:%s%s%s. Run only guests you trust.",
            leaks & CPU_LEAK_MELTDOWN ? " Meltdown" : "", leaks & CPU_LEAK_L1TF ? " L1TF" : "",
            leaks & CPU_LEAK_MDS ? " MDS" : "");
}
