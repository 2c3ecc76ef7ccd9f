/* SPDX-License-Identifier: MIT */
/* The passes over a kernel's file: see image/kernel_image.h. */
#include "notes.h"

#define MIB (1ul << 20)

void kernel_reader_init(struct kernel_reader *reader, bool dom0, const struct image_report *report)
{
    reader->dom0 = dom0;
    reader->described = false;
    reader->image.paddr_offset = 0;
    reader->stream.report = report;
    reader->stream.kept_count = 0;
    reader->stream.notes_used = 0;
    reader->stream.sections_wanted = false;
}

void kernel_reader_begin(struct kernel_reader *reader, const struct image_target *target)
{
    reader->stream.target = target;
    reader->stream.paddr_offset = reader->image.paddr_offset;
    elf_stream_start(&reader->stream);
}

/*
 * Describes the kernel after the first pass, or after the one for notes that only the section
 * headers lead to.
 * @return as kernel_reader_end()
 */
static int describe_image(struct kernel_reader *reader)
{
    struct elf_stream *s = &reader->stream;
    int status = notes_read(reader);

    if (status < 0)
        return -1;
    if (!status) {
        if (!s->sections_wanted && elf_stream_want_sections(s))
            return 1;
        return image_refuse(s->report, "not a kernel for PV domains: it has no Xen notes");
    }
    reader->described = true;
    return s->target && (!s->fits || reader->image.paddr_offset != s->paddr_offset);
}

int kernel_reader_end(struct kernel_reader *reader)
{
    const struct elf_stream *s = &reader->stream;

    if (elf_stream_finish(&reader->stream))
        return -1;
    if (!reader->described)
        return describe_image(reader);
    if (s->target && !s->fits)
        return image_refuse(s->report, "the kernel needs memory up to %lu MiB, the domain has %lu",
                            (reader->image.end + MIB - 1) / MIB, s->target->limit / MIB);
    return 0;
}
