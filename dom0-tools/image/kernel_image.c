/* SPDX-License-Identifier: MIT */
/* From a kernel's file to a loaded kernel: hypervisor/image over the tools' unpackers. */
#include <stdlib.h>

#include <tools/kernel_image.h>
#include <tools/unpack.h>

static void report_refusal(void *context, const char *format, va_list args)
{
    error_vset(context, format, args);
}

struct image_report image_report_to(struct error *e)
{
    return (struct image_report){.refuse = report_refusal, .context = e};
}

/* Where unpacked bytes go. */
struct elf_sink {
    struct kernel_reader *reader;
    const bool *cancelled;
    struct error *error;
};

static int feed_elf(void *context, const void *data, size_t length)
{
    const struct elf_sink *sink = context;

    if (*sink->cancelled)
        return error_set(sink->error, "cancelled");
    return elf_stream_feed(&sink->reader->stream, data, length);
}

int kernel_image_load(const void *file, size_t size, const struct image_target *target,
                      const bool *cancelled, struct kernel_image *image, struct error *e)
{
    struct image_report report = image_report_to(e);
    struct elf_sink sink = {.cancelled = cancelled, .error = e};
    struct kernel_reader *reader;
    struct image_payload payload;
    int status;

    if (image_find_payload(file, size, &payload, &report))
        return -1;
    reader = malloc(sizeof(*reader));
    if (!reader)
        return error_set(e, "not enough memory");
    sink.reader = reader;
    kernel_reader_init(reader, false, &report);
    do {
        kernel_reader_begin(reader, target);
        status = unpack(payload.data, payload.size, feed_elf, &sink, e);
        if (!status)
            status = kernel_reader_end(reader);
    } while (status > 0);
    *image = reader->image;
    free(reader);
    return status;
}
