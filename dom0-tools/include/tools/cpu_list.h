/* SPDX-License-Identifier: MIT */
/*
 * Sets of the machine's CPUs, and the lists by which a person names them: "0-3,5,^1", "all". The
 * syntax is that of cpus= in xl.cfg(5), without the nodes of a NUMA machine.
 */
#ifndef TOOLS_CPU_LIST_H
#define TOOLS_CPU_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tools/error.h>

#define CPU_SET_CPUS       256 /* CPUs 0 to 255 */
#define CPU_LIST_TEXT_SIZE 768 /* bytes of the longest list that cpu_list_format writes */

struct cpu_set {
    uint64_t words[CPU_SET_CPUS / 64]; /* bit 0 of the first word is CPU 0 */
};

static inline bool cpu_set_has(const struct cpu_set *set, unsigned int cpu)
{
    return set->words[cpu / 64] >> (cpu % 64) & 1;
}

static inline void cpu_set_put(struct cpu_set *set, unsigned int cpu, bool in)
{
    uint64_t bit = 1ull << (cpu % 64);

    set->words[cpu / 64] = in ? set->words[cpu / 64] | bit : set->words[cpu / 64] & ~bit;
}

/*
 * Reads a list: items separated by commas, each a number, a range or "all"; one behind a ^ is taken
 * out of those before it. "all" is every CPU that a set can have.
 *
 * @return 0; or -1 with the reason in @e: @text is no list, or there is no CPU in it.
 */
int cpu_list_parse(struct cpu_set *set, const char *text, struct error *e);

/*
 * Writes which of CPUs 0 to @cpus - 1 are in @set, as xl does: "all", "none", or ranges, "0-3,5".
 * @return @text.
 */
const char *cpu_list_format(char text[CPU_LIST_TEXT_SIZE], const struct cpu_set *set,
                            unsigned int cpus);

#endif
