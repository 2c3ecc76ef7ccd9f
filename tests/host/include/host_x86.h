/* SPDX-License-Identifier: MIT */
/*
 * The x86 half of the faked machine (tests/host/x86.c), for tests that link $(HOST_PV): the real
 * arch/x86/pv/ and arch/x86/{domain,context,tlb,domctl}.c on faked instructions.
 */
#ifndef HOST_X86_H
#define HOST_X86_H

#include <asm/instructions.h>
#include <host.h>

#define HOST_HV_CR3      0xfffe000UL /* our root, which nothing walks */
#define HOST_IMAGE_PADDR 0xffff000UL /* what image_paddr() gives */

/* After host_boot(): the parts of each CPU that boot makes. Once. */
void host_boot_x86(void);

#endif
