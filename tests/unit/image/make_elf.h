/* SPDX-License-Identifier: MIT */
/* A small kernel, made byte by byte, for the tests of hypervisor/image and of what uses it. */
#ifndef MAKE_ELF_H
#define MAKE_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BASE      0xffffffff80000000ull
#define LOAD_AT   0x100000u
#define TEXT_SIZE 300000u
#define BSS_SIZE  5000u

/* A note that stands for a usual one of its type or comes on top of these. */
struct elf_extra {
    uint32_t type;
    bool drop;        /* the note is left out */
    bool word;        /* the number has 32 bits */
    const char *text; /* NULL: the number counts */
    uint64_t number;
};

/* How the ELF file of a test differs from the usual one. What is 0 is as usual. */
struct elf_variant {
    uint64_t virt_base;         /* BASE */
    uint64_t load_at;           /* LOAD_AT */
    size_t text_size, bss_size; /* TEXT_SIZE, BSS_SIZE */
    uint64_t paddr_offset;
    uint64_t paddr_extra; /* p_paddr is larger by this than the note PADDR_OFFSET says */
    bool section_notes;   /* notes found only through the section headers */
    bool no_notes;
    struct elf_extra extra[6];
};

struct file {
    uint8_t *bytes;
    size_t size;
};

/* Its text follows the headers. */
#define TEXT_OFFSET 0xb0u

/* Byte @i of its text. */
uint8_t text_byte(size_t i);

/*
 * The kernel: text at LOAD_AT, then zeroes; entry 0x40 and hypercall page 0x1000 behind its start;
 * it takes its ramdisk unmapped. To be freed.
 */
struct file make_elf(const struct elf_variant *v);

#endif
