/* SPDX-License-Identifier: MIT */
/*
 * The streaming ELF reader. All sizes and offsets come from a file that may be damaged or hostile:
 * each is checked against the target's limit or a bound of ours before it is used.
 */
#include <image/elf_stream.h>

#include "bytes.h"

static bool ends_within(uint64_t start, uint64_t length, uint64_t limit)
{
    return length <= limit && start <= limit - length;
}

static int check_header(const struct elf_stream *s)
{
    const struct elf_header *h = &s->header;

    if (!bytes_equal(h->e_magic, ELF_MAGIC, sizeof(h->e_magic)))
        return image_refuse(s->report, "neither an ELF file nor a bzImage");
    if (h->e_class == ELF_CLASS_32)
        return image_refuse(s->report, "a 32-bit kernel; only 64-bit kernels are supported");
    if (h->e_class != ELF_CLASS_64 || h->e_data != ELF_DATA_LITTLE ||
        h->e_machine != ELF_MACHINE_X86_64)
        return image_refuse(s->report, "an ELF file for another machine than x86-64");
    if (h->e_type != ELF_TYPE_EXEC && h->e_type != ELF_TYPE_DYN)
        return image_refuse(s->report, "an ELF file that is not executable (type %u)", h->e_type);
    if (!h->e_phnum || h->e_phentsize != sizeof(struct elf_segment))
        return image_refuse(s->report, "an ELF file without program headers");
    if (h->e_phoff % 8 ||
        !ends_within(h->e_phoff, (uint64_t)h->e_phnum * sizeof(struct elf_segment),
                     ELF_STREAM_HEAD))
        return image_refuse(s->report,
                            "an ELF file with its program headers not in its first page");
    return 0;
}

/*
 * Reserves room for the notes in a range of the file.
 * @return false: there is no room, or the range wraps around
 */
static bool reserve_notes(struct elf_stream *s, uint64_t offset, uint64_t size)
{
    if (s->kept_count == ELF_MAX_NOTES || size > ELF_NOTES_BYTES - s->notes_used ||
        offset > UINT64_MAX - size)
        return false;
    s->kept[s->kept_count++] = (struct elf_kept){offset, (uint32_t)size, s->notes_used};
    s->notes_used += (uint32_t)size;
    return true;
}

/* Where the segments lie, and how many bytes all of them have. */
struct segment_sum {
    uint64_t start, end, bytes;
};

/*
 * Adds a segment, whose sizes are possible.
 * @return whether the sum is still less than 2^64
 */
static bool add_segment(struct segment_sum *sum, const struct elf_segment *p)
{
    uint64_t end = p->p_paddr + p->p_memsz;

    sum->start = p->p_paddr < sum->start ? p->p_paddr : sum->start;
    sum->end = end > sum->end ? end : sum->end;
    sum->bytes += p->p_memsz;
    return sum->bytes >= p->p_memsz;
}

/*
 * Reads the program headers. Segments may lie over each other, but as with Xen's libelf all of them
 * together have at most twice the bytes that they cover: so filling them takes a time that the
 * domain's memory bounds, and not the number of the headers.
 */
static int read_segments(struct elf_stream *s)
{
    bool wanted = !s->kept_count && !s->sections_wanted;
    struct segment_sum sum = {.start = UINT64_MAX};

    s->segments = (const struct elf_segment *)(const void *)(s->head + s->header.e_phoff);
    for (unsigned int i = 0; i < s->header.e_phnum; i++) {
        const struct elf_segment *p = &s->segments[i];

        /* As on Xen: some linkers leave the offset of a note segment unset. */
        if (p->p_type == ELF_PT_NOTE && p->p_offset && wanted &&
            !reserve_notes(s, p->p_offset, p->p_filesz))
            return image_refuse(s->report, "an ELF file with unreasonably many notes");
        if (p->p_type != ELF_PT_LOAD)
            continue;
        if (p->p_filesz > p->p_memsz || p->p_offset > UINT64_MAX - p->p_filesz ||
            p->p_paddr > UINT64_MAX - p->p_memsz)
            return image_refuse(s->report, "ELF segment %u has impossible sizes", i);
        if (!p->p_memsz)
            continue;
        if (!add_segment(&sum, p))
            return image_refuse(s->report, "the ELF segments together have impossible sizes");
        s->fits = s->fits && s->target &&
                  ends_within(p->p_paddr - s->paddr_offset, p->p_memsz, s->target->limit);
    }
    if (!sum.bytes)
        return image_refuse(s->report, "an ELF file without loadable segments");
    if (sum.bytes / 2 > sum.end - sum.start)
        return image_refuse(s->report,
                            "the ELF segments lie over each other: %lu bytes in %lu of memory",
                            sum.bytes, sum.end - sum.start);
    return 0;
}

/*
 * Finds the part that file range [@offset, @offset + @size) and the current bytes share.
 *
 * @return its length; @in_range and @in_data receive where it starts within the range and within
 * the bytes
 */
static size_t part_here(const struct elf_stream *s, size_t length, uint64_t offset, uint64_t size,
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

static void keep_notes(struct elf_stream *s, const uint8_t *data, size_t length)
{
    for (unsigned int i = 0; i < s->kept_count; i++) {
        uint64_t in_range;
        size_t in_data,
            shared = part_here(s, length, s->kept[i].offset, s->kept[i].size, &in_range, &in_data);

        if (shared)
            __builtin_memcpy(s->notes + s->kept[i].at + in_range, data + in_data, shared);
    }
}

/* Notes the note sections, of which each header may come in pieces. */
static void look_at_sections(struct elf_stream *s, const uint8_t *data, size_t length)
{
    const struct elf_header *h = &s->header;
    uint64_t in_range;
    size_t in_data, shared;

    if (h->e_shentsize != sizeof(s->section) || h->e_shoff > UINT64_MAX / 2)
        return;
    shared = part_here(s, length, h->e_shoff, (uint64_t)h->e_shnum * sizeof(s->section), &in_range,
                       &in_data);
    while (shared) {
        size_t part = in_range % sizeof(s->section), missing = sizeof(s->section) - part;
        size_t step = shared < missing ? shared : missing;

        __builtin_memcpy((uint8_t *)&s->section + part, data + in_data, step);
        if (step == missing && s->section.sh_type == ELF_SHT_NOTE &&
            s->section.sh_size <= ELF_NOTES_BYTES && s->section_count < ELF_MAX_NOTES)
            s->sections[s->section_count++] = (struct elf_kept){s->section.sh_offset,
                                                                (uint32_t)s->section.sh_size, 0};
        in_range += step;
        in_data += step;
        shared -= step;
    }
}

/* Passes on bytes at file offset s->at; the headers are known. */
static int feed_bytes(struct elf_stream *s, const uint8_t *data, size_t length)
{
    keep_notes(s, data, length);
    look_at_sections(s, data, length);
    for (unsigned int i = 0; s->fits && i < s->header.e_phnum; i++) {
        const struct elf_segment *p = &s->segments[i];
        uint64_t in_range;
        size_t in_data, shared;

        if (p->p_type != ELF_PT_LOAD)
            continue;
        shared = part_here(s, length, p->p_offset, p->p_filesz, &in_range, &in_data);
        if (shared && s->target->write(s->target->context, p->p_paddr - s->paddr_offset + in_range,
                                       data + in_data, shared))
            return -1;
    }
    s->at += length;
    return 0;
}

void elf_stream_start(struct elf_stream *s)
{
    s->fits = s->target;
    s->at = 0;
    s->head_done = false;
    s->section_count = 0;
}

/* Reads the headers once s->head holds @length bytes, then treats these as any others. */
static int open_head(struct elf_stream *s, size_t length)
{
    s->head_done = true;
    if (length < sizeof(s->header))
        return image_refuse(s->report, "too short for a kernel (%zu bytes)", length);
    __builtin_memcpy(&s->header, s->head, sizeof(s->header));
    __builtin_memset(s->head + length, 0, sizeof(s->head) - length);
    if (check_header(s) || read_segments(s))
        return -1;
    s->at = 0;
    return feed_bytes(s, s->head, length);
}

int elf_stream_feed(struct elf_stream *s, const void *data, size_t length)
{
    const uint8_t *bytes = data;

    if (!s->head_done) {
        size_t missing = ELF_STREAM_HEAD - s->at;
        size_t part = length < missing ? length : missing;

        __builtin_memcpy(s->head + s->at, bytes, part);
        s->at += part;
        bytes += part;
        length -= part;
        if (s->at < ELF_STREAM_HEAD)
            return 0;
        if (open_head(s, ELF_STREAM_HEAD))
            return -1;
    }
    return feed_bytes(s, bytes, length);
}

int elf_stream_finish(struct elf_stream *s)
{
    if (!s->head_done && open_head(s, s->at))
        return -1;
    for (unsigned int i = 0; i < s->header.e_phnum; i++) {
        const struct elf_segment *p = &s->segments[i];

        if (p->p_type != ELF_PT_LOAD)
            continue;
        if (p->p_filesz && p->p_offset + p->p_filesz > s->at)
            return image_refuse(s->report,
                                "truncated: segment %u ends at byte %lu of the ELF file, "
                                "which has %lu",
                                i, p->p_offset + p->p_filesz, s->at);
        if (s->fits && p->p_memsz > p->p_filesz &&
            s->target->clear(s->target->context, p->p_paddr - s->paddr_offset + p->p_filesz,
                             p->p_memsz - p->p_filesz))
            return -1;
    }
    for (unsigned int i = 0; i < s->kept_count; i++)
        if (s->kept[i].offset + s->kept[i].size > s->at)
            return image_refuse(s->report,
                                "truncated: notes end at byte %lu of the ELF file, which has %lu",
                                s->kept[i].offset + s->kept[i].size, s->at);
    return 0;
}

bool elf_stream_want_sections(struct elf_stream *s)
{
    s->kept_count = 0;
    s->notes_used = 0;
    s->sections_wanted = true;
    for (unsigned int i = 0; i < s->section_count; i++)
        reserve_notes(s, s->sections[i].offset, s->sections[i].size);
    return s->kept_count;
}
