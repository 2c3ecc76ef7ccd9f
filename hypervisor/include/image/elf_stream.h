/* SPDX-License-Identifier: MIT */
/*
 * An ELF file read as a stream, from its first byte to its last: segments are passed on as their
 * bytes come by, headers and notes are kept. So a kernel that is larger than this domain's memory
 * can be unpacked straight into another domain's. Nothing is allocated: what is kept lies in the
 * structure.
 */
#ifndef IMAGE_ELF_STREAM_H
#define IMAGE_ELF_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "elf.h"
#include "report.h"

#define ELF_STREAM_HEAD 4096        /* ELF and program headers lie in the first page of kernels */
#define ELF_MAX_NOTES   16          /* note segments or sections */
#define ELF_NOTES_BYTES (64u << 10) /* in all of them */

/* Where segments go. Addresses are pseudo-physical: pfn 0 of the domain is address 0. */
struct image_target {
    /* Stores @length bytes. @return 0; or -1 with the reason reported by the target. */
    int (*write)(void *context, uint64_t address, const void *data, size_t length);
    /* Clears @length bytes. @return as write. */
    int (*clear)(void *context, uint64_t address, uint64_t length);
    void *context;
    uint64_t limit; /* bytes of pseudo-physical memory; no access reaches beyond */
};

/* A range of the file whose bytes are kept. */
struct elf_kept {
    uint64_t offset;
    uint32_t size;
    uint32_t at; /* where they are in elf_stream.notes */
};

struct elf_stream {
    const struct image_report *report;
    const struct image_target *target; /* NULL: headers and notes are read, nothing is loaded */
    uint64_t paddr_offset;             /* what segments' addresses count from in this pass */
    bool fits; /* all segments lie in the target; while false, none is passed on */

    uint64_t at; /* bytes seen */
    bool head_done;
    struct elf_header header;
    const struct elf_segment *segments; /* header.e_phnum of them, in head */
    struct elf_section section;         /* the section header that comes by */

    struct elf_kept kept[ELF_MAX_NOTES];     /* note segments, or sections once asked for */
    struct elf_kept sections[ELF_MAX_NOTES]; /* note sections, found while they come by */
    unsigned int kept_count, section_count;
    bool sections_wanted; /* kept holds sections */
    uint32_t notes_used;

    _Alignas(8) uint8_t head[ELF_STREAM_HEAD];
    uint8_t notes[ELF_NOTES_BYTES];
};

/*
 * Makes @s ready for a pass over the file, which begins with its first byte. Everything in it but
 * report, target, paddr_offset and what elf_stream_want_sections() asked for is reset.
 */
void elf_stream_start(struct elf_stream *s);

/*
 * Takes the next bytes.
 *
 * @return 0; or -1, refused through s->report or by the target.
 */
int elf_stream_feed(struct elf_stream *s, const void *data, size_t length);

/*
 * Says that the file has ended: clears what segments have beyond their file content.
 *
 * @return 0; or -1, refused through s->report or by the target.
 */
int elf_stream_finish(struct elf_stream *s);

/*
 * When the program headers led to no notes: asks for the note sections in the next pass.
 *
 * @return whether there are any.
 */
bool elf_stream_want_sections(struct elf_stream *s);

#endif
