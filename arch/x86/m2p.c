/* SPDX-License-Identifier: MIT */
/*
 * The machine-to-physical table: for each machine frame, which of its owner's pseudo-physical
 * frames it is.
 */
#include <arch.h>
#include <asm/config.h>
#include <asm/paging.h>

unsigned long m2p_bytes;

static u64 *entry(mfn_t mfn)
{
    return (u64 *)RW_M2P_START + mfn.n;
}

void arch_set_m2p(mfn_t mfn, unsigned long pfn)
{
    WRITE_ONCE(*entry(mfn), pfn);
}

unsigned long arch_get_m2p(mfn_t mfn)
{
    return READ_ONCE(*entry(mfn));
}
