/* SPDX-License-Identifier: MIT */
/*
 * An ELF file read as a stream, from its first byte to its last: segments are passed on as their
 * bytes come by, headers and notes are kept. Private to dom0-tools/image.
 */
#ifndef TOOLS_IMAGE_ELF_STREAM_H
#define TOOLS_IMAGE_ELF_STREAM_H

#include <stdbool.h>

#include <tools/kernel_image.h>

#include "elf.h"

#define ELF_STREAM_HEAD 4096 /* ELF and program headers lie in the first page of every kernel */
#define ELF_MAX_KEPT    16   /* note segments or sections */
#define ELF_MAX_NOTES   (64u << 10)

/* A range of the file that is kept: notes, or the section headers. */
struct elf_kept {
    uint64_t offset, size;
    uint8_t *bytes;
};

struct elf_stream {
    const struct image_target *target;
    uint64_t paddr_offset; /* what segments' addresses count from in this pass */
    bool load;             /* pass segments on (or only keep what is to be kept) */
    bool first;            /* the notes are not known yet: what does not fit may fit later */
    bool fits;             /* all segments lie in the target; while not, none is passed on */
    struct error *error;

    uint64_t at; /* bytes seen */
    uint8_t head[ELF_STREAM_HEAD];
    bool head_done;
    struct elf_header header;
    const struct elf_segment *segments; /* header.e_phnum of them, in head */
    struct elf_kept notes[ELF_MAX_KEPT];
    unsigned int note_count;
    struct elf_kept sections;
};

/* Makes @s ready for a pass. Notes asked for by elf_stream_want_sections of a former pass stay. */
void elf_stream_start(struct elf_stream *s, uint64_t paddr_offset, bool load, bool first);

/* Takes the next bytes; an unpack_sink. */
int elf_stream_feed(void *stream, const void *data, size_t length);

/*
 * Says that the file has ended: clears what segments have beyond their file content. Returns 0 or
 * -1.
 */
int elf_stream_finish(struct elf_stream *s);

/*
 * When the program headers led to no notes: asks for the note sections in the next pass. Returns
 * whether there are any.
 */
bool elf_stream_want_sections(struct elf_stream *s);

/* Frees what was kept. */
void elf_stream_free(struct elf_stream *s);

#endif
