/* SPDX-License-Identifier: MIT */
/* How CPUs share cores and sockets, which their APIC ids tell. */
#include <asm/cpu_features.h>
#include <asm/msr.h>
#include <asm/topology.h>
#include <lib.h>

#define LEAF_TOPOLOGY    0xbU
#define TOPOLOGY_THREADS 1U /* level type, leaf 0xb ECX[15:8] */
#define TOPOLOGY_CORES   2U

static unsigned int bits_for(u32 n)
{
    return n <= 1 ? 0 : 32U - (unsigned int)__builtin_clz(n - 1);
}

/* Reads the topology from CPUID (Intel SDM volume 3, 9.9.2; AMD APM volume 3, appendix E.5). */
struct topology cpu_topology(void)
{
    struct topology t = {0, 0, 1, 1};
    u32 logical = cpuid(1).edx & (1U << 28) ? cpuid(1).ebx >> 16 & 0xff : 1, cores = 1;

    if (boot_cpu.max_leaf >= LEAF_TOPOLOGY && cpuid_count(LEAF_TOPOLOGY, 0).ebx) {
        for (u32 level = 0; level < 4; level++) {
            struct cpuid c = cpuid_count(LEAF_TOPOLOGY, level);
            u32 type = c.ecx >> 8 & 0xff;

            if (!(c.ebx & 0xffff))
                break;
            t.socket_shift = c.eax & 31;
            if (type == TOPOLOGY_THREADS) {
                t.core_shift = c.eax & 31;
                t.threads_per_core = c.ebx & 0xffff;
            } else if (type == TOPOLOGY_CORES) {
                logical = c.ebx & 0xffff;
            }
        }
        t.threads_per_core = MAX(t.threads_per_core, 1U);
        t.cores_per_socket = MAX(logical / t.threads_per_core, 1U);
        return t;
    }
    if (boot_cpu.max_ext_leaf >= 0x80000008 && !strcmp(boot_cpu.vendor, "AuthenticAMD"))
        cores = (cpuid(0x80000008).ecx & 0xff) + 1;
    else if (boot_cpu.max_leaf >= 4)
        cores = (cpuid_count(4, 0).eax >> 26) + 1;
    t.cores_per_socket = cores;
    t.threads_per_core = MAX(logical / cores, 1U);
    t.core_shift = bits_for(t.threads_per_core);
    t.socket_shift = t.core_shift + bits_for(cores);
    return t;
}
