/* SPDX-License-Identifier: MIT */
/*
 * From a kernel's file to a loaded kernel: finds the ELF file (in a bzImage, packed or plain),
 * streams it into the domain, and reads the Xen notes.
 *
 * Segments are placed before the notes are known, since these may come late in the stream. That
 * takes for granted that the notes leave XEN_ELFNOTE_PADDR_OFFSET at 0, as every kernel we know
 * does; if they do not, or if notes are only found through the section headers, a second pass
 * follows.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <public/elfnote.h>
#include <public/features.h>
#include <tools/kernel_image.h>
#include <tools/unpack.h>

#include "elf_stream.h"

/* Offsets into a bzImage's setup header (Linux boot protocol 2.08 and 2.10). */
#define BZ_SETUP_SECTS     0x1f1
#define BZ_BOOT_FLAG       0x1fe
#define BZ_HEADER          0x202
#define BZ_VERSION         0x206
#define BZ_PAYLOAD_OFFSET  0x248
#define BZ_PAYLOAD_LENGTH  0x24c
#define BZ_END             0x250
#define BZ_VERSION_PAYLOAD 0x0208 /* the first one with a payload offset */
#define BZ_PREF_ADDRESS    0x258
#define BZ_INIT_SIZE       0x260
#define BZ_NEEDS_END       0x264
#define BZ_VERSION_NEEDS   0x020a /* the first one with these two */

/* Features that a kernel may insist on; what a PV domain has. */
#define FEATURES_OFFERED                                                             \
    (1u << XENFEAT_writable_page_tables | 1u << XENFEAT_writable_descriptor_tables | \
     1u << XENFEAT_pae_pgdir_above_4gb)

struct notes {
    bool any, has_base, has_entry, has_offset, phys_entry;
    struct kernel_image *image;
    struct error *error;
};

static uint64_t little(const uint8_t *bytes, unsigned int length)
{
    uint64_t value = 0;

    while (length--)
        value = value << 8 | bytes[length];
    return value;
}

static bool is_bzimage(const uint8_t *file, size_t size)
{
    return size >= BZ_END && little(file + BZ_BOOT_FLAG, 2) == 0xaa55 &&
           !memcmp(file + BZ_HEADER, "HdrS", 4);
}

uint64_t kernel_image_needs(const void *file, size_t size)
{
    const uint8_t *header = file;
    uint64_t address;

    if (!is_bzimage(header, size) || size < BZ_NEEDS_END ||
        little(header + BZ_VERSION, 2) < BZ_VERSION_NEEDS)
        return 0;
    address = little(header + BZ_PREF_ADDRESS, 8);
    return address < UINT32_MAX ? address + little(header + BZ_INIT_SIZE, 4) : 0;
}

/* Finds the payload if @file is a bzImage; else the payload is all of the file. */
static int find_payload(const uint8_t *file, size_t size, const uint8_t **payload, size_t *length,
                        struct error *e)
{
    uint64_t start, bytes;

    *payload = file;
    *length = size;
    if (!is_bzimage(file, size))
        return 0;
    if (little(file + BZ_VERSION, 2) < BZ_VERSION_PAYLOAD)
        return error_set(e, "a bzImage of boot protocol %u.%02u; 2.08 or newer is needed",
                         file[BZ_VERSION + 1], file[BZ_VERSION]);
    start = file[BZ_SETUP_SECTS] ? file[BZ_SETUP_SECTS] : 4;
    start = (start + 1) * 512 + little(file + BZ_PAYLOAD_OFFSET, 4);
    bytes = little(file + BZ_PAYLOAD_LENGTH, 4);
    if (!bytes)
        return error_set(e, "a bzImage without a payload");
    if (start > size || bytes > size - start)
        return error_set(
            e, "a truncated bzImage: its payload ends at byte %" PRIu64 ", the file has %zu",
            start + bytes, size);
    *payload = file + start;
    *length = (size_t)bytes;
    return 0;
}

/*
 * Reads the text form of the features note: "!name" insists, "|" parts. Names that we need are few.
 */
static int read_features(struct notes *n, const char *text, size_t length)
{
    static const char *const names[] = {
        [XENFEAT_writable_page_tables] = "writable_page_tables",
        [XENFEAT_writable_descriptor_tables] = "writable_descriptor_tables",
        [XENFEAT_auto_translated_physmap] = "auto_translated_physmap",
        [XENFEAT_supervisor_mode_kernel] = "supervisor_mode_kernel",
        [XENFEAT_pae_pgdir_above_4gb] = "pae_pgdir_above_4gb",
    };
    const char *end = text + length;

    while (text < end && *text) {
        const char *stop = text;
        bool required = *text == '!';
        size_t bytes;
        unsigned int i = 0;

        text += required;
        while (stop < end && *stop && *stop != '|')
            stop++;
        bytes = (size_t)(stop - text);
        while (i < sizeof(names) / sizeof(names[0]) &&
               (strlen(names[i]) != bytes || memcmp(names[i], text, bytes) != 0))
            i++;
        if (i < sizeof(names) / sizeof(names[0]))
            n->image->features |= 1u << i;
        else
            i = 31;
        if (required && !(FEATURES_OFFERED & (1u << i)))
            return error_set(n->error,
                             "the kernel requires the feature '%.*s', which a PV domain "
                             "does not have",
                             (int)bytes, text);
        text = stop + (stop < end && *stop == '|');
    }
    return 0;
}

static bool text_is(const uint8_t *bytes, size_t length, const char *text)
{
    size_t wanted = strlen(text);

    return length >= wanted && !memcmp(bytes, text, wanted) &&
           (length == wanted || bytes[wanted] == '\0');
}

static int read_note(struct notes *n, uint32_t type, const uint8_t *desc, size_t length)
{
    struct kernel_image *image = n->image;
    uint64_t number = length == 4 || length == 8 ? little(desc, (unsigned int)length) : 0;

    n->any = true;
    switch (type) {
    case XEN_ELFNOTE_ENTRY:
        image->entry = number;
        n->has_entry = true;
        break;
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        image->hypercall_page = number;
        break;
    case XEN_ELFNOTE_VIRT_BASE:
        image->virt_base = number;
        n->has_base = true;
        break;
    case XEN_ELFNOTE_PADDR_OFFSET:
        image->paddr_offset = number;
        n->has_offset = true;
        break;
    case XEN_ELFNOTE_INIT_P2M:
        image->init_p2m = number;
        break;
    case XEN_ELFNOTE_MOD_START_PFN:
        image->unmapped_ramdisk = number != 0;
        break;
    case XEN_ELFNOTE_SUPPORTED_FEATURES:
        image->features |= (uint32_t)number;
        break;
    case XEN_ELFNOTE_PHYS32_ENTRY:
        n->phys_entry = true;
        break;
    case XEN_ELFNOTE_FEATURES:
        return read_features(n, (const char *)desc, length);
    case XEN_ELFNOTE_XEN_VERSION:
        if (!text_is(desc, length, "xen-3.0"))
            return error_set(n->error, "the kernel is for another hypervisor ABI than xen-3.0");
        break;
    case XEN_ELFNOTE_GUEST_OS:
        if (length >= sizeof(image->guest_os))
            length = sizeof(image->guest_os) - 1;
        memcpy(image->guest_os, desc, length);
        image->guest_os[length] = '\0';
        break;
    default: /* the others say nothing to a loader of 64-bit PV kernels */
        break;
    }
    return 0;
}

static int read_notes(struct notes *n, const struct elf_kept *kept)
{
    const uint8_t *at = kept->bytes;
    uint64_t left = kept->size;

    while (left >= sizeof(struct elf_note)) {
        struct elf_note note;
        uint64_t name, desc;

        memcpy(&note, at, sizeof(note));
        name = ((uint64_t)note.n_namesz + 3) & ~3ull;
        desc = ((uint64_t)note.n_descsz + 3) & ~3ull;
        if (name + desc > left - sizeof(note))
            break;
        if (note.n_namesz == 4 && !memcmp(at + sizeof(note), "Xen", 4) &&
            read_note(n, note.n_type, at + sizeof(note) + name, note.n_descsz))
            return -1;
        at += sizeof(note) + name + desc;
        left -= sizeof(note) + name + desc;
    }
    return 0;
}

static int read_all_notes(struct notes *n, const struct elf_stream *s)
{
    struct kernel_image *image = n->image;
    struct error *e = n->error;

    memset(n, 0, sizeof(*n));
    memset(image, 0, sizeof(*image));
    n->image = image;
    n->error = e;
    image->hypercall_page = image->init_p2m = IMAGE_NO_ADDRESS;
    image->entry = s->header.e_entry;
    for (unsigned int i = 0; i < s->note_count; i++)
        if (read_notes(n, &s->notes[i]))
            return -1;
    return 0;
}

/* The extent of the segments, and whether what the notes say agrees with it. */
static int check_image(const struct notes *n, const struct elf_stream *s)
{
    struct kernel_image *image = n->image;
    uint64_t start = UINT64_MAX, end = 0;

    if (n->phys_entry && !n->has_entry && !n->has_base)
        return error_set(n->error, "a kernel for PVH only; it has no PV entry");
    for (unsigned int i = 0; i < s->header.e_phnum; i++) {
        const struct elf_segment *p = &s->segments[i];

        if (p->p_type != ELF_PT_LOAD || !p->p_memsz)
            continue;
        if (p->p_paddr - image->paddr_offset < start)
            start = p->p_paddr - image->paddr_offset;
        if (p->p_paddr - image->paddr_offset + p->p_memsz > end)
            end = p->p_paddr - image->paddr_offset + p->p_memsz;
    }
    image->start = start;
    image->end = end;
    if (image->virt_base > UINT64_MAX - end)
        return error_set(n->error, "the kernel's virtual base 0x%llx leaves no room for it",
                         (unsigned long long)image->virt_base);
    if (image->entry < image->virt_base + start || image->entry >= image->virt_base + end)
        return error_set(n->error, "the entry point 0x%llx lies outside of the kernel",
                         (unsigned long long)image->entry);
    if (image->hypercall_page != IMAGE_NO_ADDRESS &&
        (image->hypercall_page % 4096 || image->hypercall_page < image->virt_base + start ||
         image->hypercall_page >= image->virt_base + end))
        return error_set(n->error, "the hypercall page 0x%llx lies outside of the kernel",
                         (unsigned long long)image->hypercall_page);
    return 0;
}

static int run_pass(struct elf_stream *s, const uint8_t *payload, size_t length, uint64_t offset,
                    bool load, bool first)
{
    elf_stream_start(s, offset, load, first);
    if (unpack(payload, length, elf_stream_feed, s, s->error))
        return -1;
    return elf_stream_finish(s);
}

static int load(struct elf_stream *s, const uint8_t *payload, size_t length, struct notes *n)
{
    if (run_pass(s, payload, length, 0, true, true) || read_all_notes(n, s))
        return -1;
    if (!n->any) {
        if (elf_stream_want_sections(s) &&
            (run_pass(s, payload, length, 0, false, true) || read_all_notes(n, s)))
            return -1;
        if (!n->any)
            return error_set(n->error, "not a kernel for PV domains: it has no Xen notes");
    }
    if ((n->image->paddr_offset || !s->fits) &&
        run_pass(s, payload, length, n->image->paddr_offset, true, false))
        return -1;
    return check_image(n, s);
}

int kernel_image_load(const void *file, size_t size, const struct image_target *target,
                      struct kernel_image *image, struct error *e)
{
    struct notes n = {.image = image, .error = e};
    const uint8_t *payload;
    struct elf_stream *s;
    size_t length;
    int status;

    if (find_payload(file, size, &payload, &length, e))
        return -1;
    s = calloc(1, sizeof(*s));
    if (!s)
        return error_set(e, "not enough memory");
    s->target = target;
    s->error = e;
    status = load(s, payload, length, &n);
    elf_stream_free(s);
    free(s);
    return status;
}
