/* SPDX-License-Identifier: MIT */
/*
 * The parts of the ELF64 file format that a kernel loader reads (System V ABI, "Object Files" and
 * "Program Loading"). Fields have the specification's names.
 */
#ifndef IMAGE_ELF_H
#define IMAGE_ELF_H

#include <stdint.h>

#define ELF_MAGIC          "\177ELF"
#define ELF_CLASS_32       1
#define ELF_CLASS_64       2
#define ELF_DATA_LITTLE    1
#define ELF_MACHINE_X86_64 62
#define ELF_TYPE_EXEC      2
#define ELF_TYPE_DYN       3

#define ELF_PT_LOAD  1
#define ELF_PT_NOTE  4
#define ELF_SHT_NOTE 7

struct elf_header {
    uint8_t e_magic[4];
    uint8_t e_class, e_data, e_ident_version, e_ident_rest[9];
    uint16_t e_type, e_machine;
    uint32_t e_version;
    uint64_t e_entry, e_phoff, e_shoff;
    uint32_t e_flags;
    uint16_t e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx;
};

struct elf_segment {
    uint32_t p_type, p_flags;
    uint64_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
};

struct elf_section {
    uint32_t sh_name, sh_type;
    uint64_t sh_flags, sh_addr, sh_offset, sh_size;
    uint32_t sh_link, sh_info;
    uint64_t sh_addralign, sh_entsize;
};

/* A note: this header, the name and the descriptor, each padded to 4 bytes. */
struct elf_note {
    uint32_t n_namesz, n_descsz, n_type;
};

#endif
