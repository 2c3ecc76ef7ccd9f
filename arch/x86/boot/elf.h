/* SPDX-License-Identifier: MIT */
/* The parts of the 64-bit ELF format that a kernel image has (System V ABI, chapter 4 and 5). */
#ifndef BOOT_ELF_H
#define BOOT_ELF_H

#include <types.h>

#define ELF_CLASS_64       2
#define ELF_DATA_LSB       1
#define ELF_TYPE_EXEC      2
#define ELF_TYPE_DYN       3
#define ELF_MACHINE_X86_64 62
#define ELF_PT_LOAD        1
#define ELF_PT_NOTE        4
#define ELF_SHT_NOTE       7

struct elf_header {
    u8 magic[4];
    u8 class, data, version, abi;
    u8 pad[8];
    u16 type, machine;
    u32 file_version;
    u64 entry, phoff, shoff;
    u32 flags;
    u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
    u32 type, flags;
    u64 offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_section {
    u32 name, type;
    u64 flags, addr, offset, size;
    u32 link, info;
    u64 addralign, entsize;
};

struct elf_note {
    u32 namesz, descsz, type;
};

#endif
