/* SPDX-License-Identifier: MIT */
/* The hypervisor's own unpackers in a host process: arch/x86/boot/unpack.c and unpack_libs.c. */
#ifndef BOOT_UNPACK_H
#define BOOT_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Opens @size bytes at @module as dom0's kernel.
 *
 * @return whether it was accepted; the ELF file is then at *@elf until boot_unpack_free(). If not,
 *         boot_unpack_refusal() says why.
 */
bool boot_unpack(const uint8_t *module, size_t size, const uint8_t **elf, size_t *elf_size);
const char *boot_unpack_refusal(void);
void boot_unpack_free(void);

#endif
