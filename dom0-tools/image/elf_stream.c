/* SPDX-License-Identifier: MIT */
/*
 * The streaming ELF reader. All sizes and offsets come from a file that may be damaged or hostile:
 * each is checked against the target's limit or a bound of ours before it is used.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "elf_stream.h"

#define MAX_SECTIONS 4096
#define MIB          (1ull << 20)

static bool ends_within(uint64_t start, uint64_t length, uint64_t limit)
{
    return length <= limit && start <= limit - length;
}

static void free_kept(struct elf_kept *kept)
{
    free(kept->bytes);
    memset(kept, 0, sizeof(*kept));
}

static int keep(struct elf_stream *s, struct elf_kept *kept, uint64_t offset, uint64_t size)
{
    kept->offset = offset;
    kept->size = size;
    kept->bytes = calloc(1, size);
    return kept->bytes ? 0 : error_set(s->error, "not enough memory");
}

static int check_header(struct elf_stream *s)
{
    const struct elf_header *h = &s->header;

    if (memcmp(h->e_magic, ELF_MAGIC, sizeof(h->e_magic)) != 0)
        return error_set(s->error, "neither an ELF file nor a bzImage");
    if (h->e_class == ELF_CLASS_32)
        return error_set(s->error, "a 32-bit kernel; only 64-bit kernels are supported");
    if (h->e_class != ELF_CLASS_64 || h->e_data != ELF_DATA_LITTLE ||
        h->e_machine != ELF_MACHINE_X86_64)
        return error_set(s->error, "an ELF file for another machine than x86-64");
    if (!h->e_phnum || h->e_phentsize != sizeof(struct elf_segment))
        return error_set(s->error, "an ELF file without program headers");
    if (h->e_phoff % 8 ||
        !ends_within(h->e_phoff, (uint64_t)h->e_phnum * sizeof(struct elf_segment),
                     ELF_STREAM_HEAD))
        return error_set(s->error, "an ELF file with its program headers not in its first page");
    return 0;
}

static int read_segments(struct elf_stream *s)
{
    bool any = false;

    s->segments = (const struct elf_segment *)(const void *)(s->head + s->header.e_phoff);
    for (unsigned int i = 0; i < s->header.e_phnum; i++) {
        const struct elf_segment *p = &s->segments[i];

        if (p->p_type == ELF_PT_NOTE && s->load) {
            if (p->p_filesz > ELF_MAX_NOTES || p->p_offset > UINT64_MAX - ELF_MAX_NOTES ||
                s->note_count == ELF_MAX_KEPT)
                return error_set(s->error, "an ELF file with unreasonably many notes");
            if (keep(s, &s->notes[s->note_count++], p->p_offset, p->p_filesz))
                return -1;
        }
        if (p->p_type != ELF_PT_LOAD || !p->p_memsz)
            continue;
        if (p->p_filesz > p->p_memsz || p->p_offset > UINT64_MAX - p->p_filesz)
            return error_set(s->error, "ELF segment %u has a damaged header", i);
        any = true;
        s->fits = s->fits &&
                  ends_within(p->p_paddr - s->paddr_offset, p->p_memsz, s->target->limit);
        if (!s->fits && !s->first)
            return error_set(
                s->error, "the kernel needs memory up to %llu MiB, the domain has %llu",
                (unsigned long long)(p->p_paddr - s->paddr_offset + p->p_memsz + MIB - 1) / MIB,
                (unsigned long long)s->target->limit / MIB);
    }
    if (!any)
        return error_set(s->error, "an ELF file without loadable segments");
    if (s->load && s->header.e_shnum && s->header.e_shentsize == sizeof(struct elf_section) &&
        s->header.e_shnum <= MAX_SECTIONS && s->header.e_shoff < UINT64_MAX / 2)
        return keep(s, &s->sections, s->header.e_shoff,
                    (uint64_t)s->header.e_shnum * sizeof(struct elf_section));
    return 0;
}

/*
 * The part that file range [offset, offset + size) and the current bytes share. Returns its length,
 * and where it starts within the range and within the bytes.
 */
static size_t overlap(const struct elf_stream *s, size_t length, uint64_t offset, uint64_t size,
                      uint64_t *in_range, size_t *in_data)
{
    uint64_t start = s->at > offset ? s->at : offset;
    uint64_t end = s->at + length < offset + size ? s->at + length : offset + size;

    if (start >= end)
        return 0;
    *in_range = start - offset;
    *in_data = (size_t)(start - s->at);
    return (size_t)(end - start);
}

static void fill_kept(struct elf_stream *s, struct elf_kept *kept, const uint8_t *data,
                      size_t length)
{
    uint64_t in_range;
    size_t in_data, shared = overlap(s, length, kept->offset, kept->size, &in_range, &in_data);

    if (shared)
        memcpy(kept->bytes + in_range, data + in_data, shared);
}

/* Passes on bytes at file offset s->at, the headers being known. */
static int take(struct elf_stream *s, const uint8_t *data, size_t length)
{
    for (unsigned int i = 0; i < s->note_count; i++)
        fill_kept(s, &s->notes[i], data, length);
    fill_kept(s, &s->sections, data, length);
    for (unsigned int i = 0; s->load && s->fits && i < s->header.e_phnum; i++) {
        const struct elf_segment *p = &s->segments[i];
        uint64_t in_range;
        size_t in_data, shared;

        if (p->p_type != ELF_PT_LOAD)
            continue;
        shared = overlap(s, length, p->p_offset, p->p_filesz, &in_range, &in_data);
        if (shared && s->target->write(s->target->context, p->p_paddr - s->paddr_offset + in_range,
                                       data + in_data, shared))
            return -1;
    }
    s->at += length;
    return 0;
}

void elf_stream_start(struct elf_stream *s, uint64_t paddr_offset, bool load, bool first)
{
    s->paddr_offset = paddr_offset;
    s->load = load;
    s->first = first;
    s->fits = true;
    s->at = 0;
    s->head_done = false;
    if (load)
        elf_stream_free(s);
}

/* Reads the headers once s->head holds @length bytes, then treats these as any others. */
static int open_head(struct elf_stream *s, size_t length)
{
    s->head_done = true;
    if (length < sizeof(s->header))
        return error_set(s->error, "too short for a kernel (%zu bytes)", length);
    memcpy(&s->header, s->head, sizeof(s->header));
    memset(s->head + length, 0, sizeof(s->head) - length);
    if (check_header(s) || read_segments(s))
        return -1;
    s->at = 0;
    return take(s, s->head, length);
}

int elf_stream_feed(void *stream, const void *data, size_t length)
{
    struct elf_stream *s = stream;
    const uint8_t *bytes = data;

    if (!s->head_done) {
        size_t missing = ELF_STREAM_HEAD - s->at;
        size_t part = length < missing ? length : missing;

        memcpy(s->head + s->at, bytes, part);
        s->at += part;
        bytes += part;
        length -= part;
        if (s->at < ELF_STREAM_HEAD)
            return 0;
        if (open_head(s, ELF_STREAM_HEAD))
            return -1;
    }
    return take(s, bytes, length);
}

int elf_stream_finish(struct elf_stream *s)
{
    if (!s->head_done && open_head(s, s->at))
        return -1;
    for (unsigned int i = 0; s->load && i < s->header.e_phnum; i++) {
        const struct elf_segment *p = &s->segments[i];

        if (p->p_type != ELF_PT_LOAD)
            continue;
        if (p->p_filesz && p->p_offset + p->p_filesz > s->at)
            return error_set(s->error,
                             "cut short: segment %u ends at byte %" PRIu64
                             " of the ELF file, which has %" PRIu64,
                             i, p->p_offset + p->p_filesz, s->at);
        if (s->fits && p->p_memsz > p->p_filesz &&
            s->target->clear(s->target->context, p->p_paddr - s->paddr_offset + p->p_filesz,
                             p->p_memsz - p->p_filesz))
            return -1;
    }
    return 0;
}

bool elf_stream_want_sections(struct elf_stream *s)
{
    const struct elf_section *sections =
        (const struct elf_section *)(const void *)s->sections.bytes;
    bool any = false;

    for (unsigned int i = 0; i < s->note_count; i++)
        free_kept(&s->notes[i]);
    s->note_count = 0;
    for (uint64_t i = 0; i < s->sections.size / sizeof(*sections); i++) {
        const struct elf_section *section = &sections[i];

        if (section->sh_type != ELF_SHT_NOTE || section->sh_size > ELF_MAX_NOTES ||
            section->sh_offset > UINT64_MAX - ELF_MAX_NOTES || s->note_count == ELF_MAX_KEPT)
            continue;
        if (keep(s, &s->notes[s->note_count++], section->sh_offset, section->sh_size))
            return false;
        any = true;
    }
    return any;
}

void elf_stream_free(struct elf_stream *s)
{
    for (unsigned int i = 0; i < s->note_count; i++)
        free_kept(&s->notes[i]);
    s->note_count = 0;
    free_kept(&s->sections);
}
