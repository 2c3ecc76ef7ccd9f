/* SPDX-License-Identifier: MIT */
/*
 * The Xen notes of a kernel, and whether they agree with its segments.
 *
 * A kernel is refused where Xen's libelf refuses it, which the hypervisor and xl share: without
 * XEN_VERSION "xen-3.0", for a LOADER other than "generic" unless GUEST_OS is Linux, for a required
 * feature that is not known, for a PADDR_OFFSET without a VIRT_BASE. Beyond that, a kernel that
 * would start but cannot work is refused: an unaligned hypercall page or base.
 */
#include <public/elfnote.h>
#include <public/features.h>

#include "bytes.h"
#include "notes.h"

#define PAGE_BYTES 4096u

/* Features that a kernel may insist on: what a PV domain has, and what only dom0 has. */
#define FEATURES_OFFERED                                                             \
    (1u << XENFEAT_writable_page_tables | 1u << XENFEAT_writable_descriptor_tables | \
     1u << XENFEAT_pae_pgdir_above_4gb)
#define FEATURES_OF_DOM0 (1u << XENFEAT_dom0)

/* The part of the notes that is needed to judge them, but not afterwards. */
struct notes {
    struct kernel_reader *reader;
    bool any, has_base, has_entry, has_offset, has_features, phys_entry;
    char xen_version[16], loader[16];
};

static const struct image_report *notes_report(const struct notes *n)
{
    return n->reader->stream.report;
}

/* @return the bit of the feature whose name is the zero-terminated @name, or 0 */
static uint32_t feature_bit(const char *name)
{
    static const struct {
        uint8_t feature;
        char name[31];
    } names[] = {
        {XENFEAT_writable_page_tables, "writable_page_tables"},
        {XENFEAT_writable_descriptor_tables, "writable_descriptor_tables"},
        {XENFEAT_auto_translated_physmap, "auto_translated_physmap"},
        {XENFEAT_supervisor_mode_kernel, "supervisor_mode_kernel"},
        {XENFEAT_pae_pgdir_above_4gb, "pae_pgdir_above_4gb"},
        {XENFEAT_dom0, "dom0"},
    };

    for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (bytes_equal(name, names[i].name, __builtin_strlen(names[i].name) + 1))
            return 1u << names[i].feature;
    return 0;
}

static int require_feature(const struct notes *n, const char *name)
{
    uint32_t bit = feature_bit(name);

    if (bit & FEATURES_OF_DOM0 && !n->reader->dom0)
        return image_refuse(notes_report(n),
                            "the kernel can only be dom0: it requires the feature '%s'", name);
    if (!(bit & (FEATURES_OFFERED | FEATURES_OF_DOM0)))
        return image_refuse(notes_report(n),
                            "the kernel requires the feature '%s', which a PV domain does not have",
                            name);
    return 0;
}

/*
 * Reads the text form of the features note: names separated by '|', with a '!' in front of those
 * required.
 */
static int read_features(struct notes *n, const char *text, size_t length)
{
    const char *end = text + length;

    while (text < end && *text) {
        const char *stop = text;
        bool required = *text == '!';
        char name[40] = "";

        while (stop < end && *stop && *stop != '|')
            stop++;
        text += required;
        text_copy(name, sizeof(name), text, (size_t)(stop - text));
        if (required && require_feature(n, name))
            return -1;
        n->reader->image.features |= feature_bit(name);
        text = stop + (stop < end && *stop == '|');
    }
    return 0;
}

static int read_note(struct notes *n, uint32_t type, const uint8_t *desc, size_t length)
{
    struct kernel_image *image = &n->reader->image;
    uint64_t number = length == 4 || length == 8 ? bytes_little(desc, (unsigned int)length) : 0;

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
        n->has_features = true;
        break;
    case XEN_ELFNOTE_PHYS32_ENTRY:
        n->phys_entry = true;
        break;
    case XEN_ELFNOTE_FEATURES:
        return read_features(n, (const char *)desc, length);
    case XEN_ELFNOTE_XEN_VERSION:
        text_copy(n->xen_version, sizeof(n->xen_version), desc, length);
        break;
    case XEN_ELFNOTE_LOADER:
        text_copy(n->loader, sizeof(n->loader), desc, length);
        break;
    case XEN_ELFNOTE_GUEST_OS:
        text_copy(image->guest_os, sizeof(image->guest_os), desc, length);
        break;
    default: /* a loader of 64-bit PV kernels needs no other note */
        break;
    }
    return 0;
}

/* Reads the notes in @left bytes at @at. */
static int read_range(struct notes *n, const uint8_t *at, uint64_t left)
{
    while (left >= sizeof(struct elf_note)) {
        struct elf_note note;
        uint64_t name, desc, padded;

        __builtin_memcpy(&note, at, sizeof(note));
        at += sizeof(note);
        left -= sizeof(note);
        name = ((uint64_t)note.n_namesz + 3) & ~3ul;
        desc = note.n_descsz;
        padded = (desc + 3) & ~3ul;
        if (name > left || desc > left - name)
            break;
        if (note.n_namesz == 4 && bytes_equal(at, "Xen", 4) &&
            read_note(n, note.n_type, at + name, (size_t)desc))
            return -1;
        if (padded > left - name) /* the last one need not be padded */
            break;
        at += name + padded;
        left -= name + padded;
    }
    return 0;
}

/* Checks the notes by themselves, as Xen does. */
static int check_notes(const struct notes *n)
{
    const struct kernel_image *image = &n->reader->image;

    if (n->phys_entry && !n->has_entry && !n->has_base)
        return image_refuse(notes_report(n), "a kernel for PVH only; it has no PV entry");
    if (!*n->xen_version)
        return image_refuse(notes_report(n),
                            "the note XEN_VERSION is missing; it should be xen-3.0");
    if (!text_starts(n->xen_version, "xen-3.0"))
        return image_refuse(notes_report(n),
                            "the kernel is for the hypervisor ABI '%s'; this one is xen-3.0",
                            n->xen_version);
    if (!text_starts(n->loader, "generic") && !text_starts(image->guest_os, "linux"))
        return image_refuse(
            notes_report(n),
            "the note LOADER is '%s' and GUEST_OS '%s'; kernels other than linux need the LOADER generic",
            n->loader, image->guest_os);
    if (n->reader->dom0 && n->has_features && !(image->features & 1u << XENFEAT_dom0))
        return image_refuse(
            notes_report(n),
            "cannot be dom0, by its own notes (SUPPORTED_FEATURES and FEATURES: %#x)",
            image->features);
    return 0;
}

/* Finds where the segments lie: sets image->start and image->end. */
static int find_extent(const struct notes *n)
{
    const struct elf_stream *s = &n->reader->stream;
    struct kernel_image *image = &n->reader->image;
    uint64_t start = UINT64_MAX, end = 0;

    for (unsigned int i = 0; i < s->header.e_phnum; i++) {
        const struct elf_segment *p = &s->segments[i];

        if (p->p_type != ELF_PT_LOAD || !p->p_memsz)
            continue;
        start = p->p_paddr < start ? p->p_paddr : start;
        end = p->p_paddr + p->p_memsz > end ? p->p_paddr + p->p_memsz : end;
    }
    if (n->has_offset && !n->has_base)
        return image_refuse(notes_report(n),
                            "the note VIRT_BASE is missing, although PADDR_OFFSET is there; "
                            "the segments' p_paddr are %#lx-%#lx",
                            start, end);
    image->start = start - image->paddr_offset;
    image->end = end - image->paddr_offset;
    if (start < image->paddr_offset || image->virt_base > UINT64_MAX - image->end)
        return image_refuse(
            notes_report(n),
            "the segments leave the address space: p_paddr %#lx-%#lx, less PADDR_OFFSET %#lx, plus VIRT_BASE %#lx; p_paddr should count from 0, or the note PADDR_OFFSET say from where",
            start, end, image->paddr_offset, image->virt_base);
    return 0;
}

/* Checks whether what the notes say agrees with where the segments lie. */
static int check_addresses(const struct notes *n)
{
    const struct kernel_image *image = &n->reader->image;
    uint64_t start = image->virt_base + image->start, end = image->virt_base + image->end;

    if (image->entry < start || image->entry >= end)
        return image_refuse(
            notes_report(n),
            "the entry point %#lx lies outside of the kernel, which is at %#lx-%#lx (p_paddr - PADDR_OFFSET + VIRT_BASE)%s",
            image->entry, start, end, n->has_base ? "" : "; the note VIRT_BASE is missing");
    if (image->virt_base % PAGE_BYTES)
        return image_refuse(notes_report(n),
                            "the address %#lx in the note VIRT_BASE is not page-aligned",
                            image->virt_base);
    if (image->init_p2m != IMAGE_NO_ADDRESS && image->init_p2m % PAGE_BYTES)
        return image_refuse(notes_report(n),
                            "the address %#lx in the note INIT_P2M is not page-aligned",
                            image->init_p2m);
    if (image->hypercall_page == IMAGE_NO_ADDRESS)
        return 0;
    if (image->hypercall_page % PAGE_BYTES)
        return image_refuse(notes_report(n),
                            "the address %#lx in the note HYPERCALL_PAGE is not page-aligned",
                            image->hypercall_page);
    if (image->hypercall_page < start || image->hypercall_page >= end)
        return image_refuse(
            notes_report(n),
            "the hypercall page %#lx lies outside of the kernel, which is at %#lx-%#lx",
            image->hypercall_page, start, end);
    return 0;
}

int notes_read(struct kernel_reader *reader)
{
    struct notes n = {.reader = reader};
    const struct elf_stream *s = &reader->stream;

    reader->image = (struct kernel_image){
        .hypercall_page = IMAGE_NO_ADDRESS,
        .init_p2m = IMAGE_NO_ADDRESS,
        .entry = s->header.e_entry,
    };
    for (unsigned int i = 0; i < s->kept_count; i++)
        if (read_range(&n, s->notes + s->kept[i].at, s->kept[i].size))
            return -1;
    if (!n.any)
        return 0;
    return check_notes(&n) || find_extent(&n) || check_addresses(&n) ? -1 : 1;
}
