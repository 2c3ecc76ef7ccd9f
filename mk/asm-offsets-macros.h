/* SPDX-License-Identifier: MIT */
/*
 * How a file asm-offsets.c hands numbers of C to assembly.
 *
 * The file includes this header and holds one function (of any name) whose body is a list of
 *
 *     DEFINE(NAME, constant expression);
 *     OFFSET(NAME, struct tag, member);
 *     SIZEOF(NAME, struct tag);
 *
 * The build compiles it to assembly, picks the marked lines and writes a header of #defines:
 * arch/x86/asm-offsets.c becomes <asm-offsets.h> for the hypervisor's .S files.
 */
#ifndef ASM_OFFSETS_MACROS_H
#define ASM_OFFSETS_MACROS_H

#include <stddef.h>

#define DEFINE(name, value) \
    asm volatile("\n.ascii \"->" #name " %c0\"" : : "i"((unsigned long)(value)))
#define OFFSET(name, type, member) DEFINE(name, offsetof(type, member))
#define SIZEOF(name, type)         DEFINE(name, sizeof(type))

#endif
