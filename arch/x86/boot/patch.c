/* SPDX-License-Identifier: MIT */
/*
 * Patches code once at boot for this CPU: the sites of STAC and CLAC, those of speculation
 * barriers, and the ways out to a guest where they have to clear the CPU's buffers.
 *
 * Each site is built as a NOP of the right length, or as the instruction that a jump to a longer
 * way replaces, and listed in a section of the image as two words: the distance from the entry to
 * the site, and what belongs there. The text stays mapped read-only; write protection is off in CR0
 * for the moment of writing, with interrupts off and before any guest exists.
 */
#include <asm/cpu_features.h>
#include <asm/cpu_leaks.h>
#include <asm/paging.h>
#include <options.h>

#include <page.h>

#include "boot.h"

struct patch_site {
    s32 distance; /* from here to the instruction */
    u32 kind;
};

extern const struct patch_site smap_sites_start[], smap_sites_end[];
extern const struct patch_site spec_sites_start[], spec_sites_end[];
extern const struct patch_site exit_sites_start[], exit_sites_end[];

/* Where the longer way begins (entry.S), indexed by the kind of an exit's site. */
extern const u8 exit_sysret_clearing[], exit_iret_clearing[];

#define SITE_BYTES 3U
#define JUMP_BYTES 5

/* Indexed by kind. */
static const u8 smap_code[][SITE_BYTES] __initconst = {
    {0x0f, 0x01, 0xca}, /* clac */
    {0x0f, 0x01, 0xcb}, /* stac */
};
static const u8 spec_code[][SITE_BYTES] __initconst = {
    {0x0f, 0xae, 0xe8}, /* lfence */
};

/* Lets the text be written through its usual address, while nothing else runs. */
static unsigned long __init text_unlock(void)
{
    unsigned long cr0;

    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("mov %0, %%cr0" ::"r"(cr0 & ~CR0_WP) : "memory");
    return cr0;
}

static void __init text_lock(unsigned long cr0)
{
    /* A serialising instruction before patched code runs: MOV to CR0 is one. */
    __asm__ volatile("mov %0, %%cr0" ::"r"(cr0) : "memory");
}

static unsigned int __init patch(const struct patch_site *site, const struct patch_site *end,
                                 const u8 (*code)[SITE_BYTES], unsigned int kinds)
{
    unsigned long cr0 = text_unlock();
    unsigned int n = 0;

    for (; site < end; site++, n++) {
        volatile u8 *at = (u8 *)&site->distance + site->distance;

        for (unsigned int i = 0; i < SITE_BYTES && site->kind < kinds; i++)
            at[i] = code[site->kind][i];
    }
    text_lock(cr0);
    return n;
}

/*
 * Replaces the last instruction but one of each exit, which is no shorter, by a jump to the longer
 * way.
 */
static unsigned int __init patch_exits(void)
{
    const u8 *const targets[] = {exit_sysret_clearing, exit_iret_clearing};
    const struct patch_site *site = exit_sites_start;
    unsigned long cr0 = text_unlock();

    for (; site < exit_sites_end; site++) {
        volatile u8 *at = (u8 *)&site->distance + site->distance;
        u32 distance = (u32)(targets[site->kind] - (const u8 *)at - JUMP_BYTES);

        at[0] = 0xe9;
        for (unsigned int i = 0; i < 4; i++)
            at[1 + i] = (u8)(distance >> 8 * i);
    }
    text_lock(cr0);
    return (unsigned int)(exit_sites_end - exit_sites_start);
}

void __init patch_code(void)
{
    unsigned int smap = 0, spec = 0, exits = 0;

    if (boot_cpu.smap)
        smap = patch(smap_sites_start, smap_sites_end, smap_code, ARRAY_SIZE(smap_code));
    if (hv_options.spec_ctrl)
        spec = patch(spec_sites_start, spec_sites_end, spec_code, ARRAY_SIZE(spec_code));
    if (cpu_uses_verw(&boot_cpu))
        exits = patch_exits();
    printk(LOG_DEBUG, "patched %u SMAP sites, %u speculation barriers and %u exits", smap, spec,
           exits);
}
