/* SPDX-License-Identifier: MIT */
/*
 * Dom0's kernel as an ELF file: its segments and its Xen notes.
 *
 * Where a segment goes: its physical address plus (VIRT_BASE - PADDR_OFFSET), as Xen has always
 * done it; the virtual addresses of the segments are not looked at. Every offset and size is
 * checked against the file before it is used.
 */
#include <public/features.h>

#include "dom0_build.h"
#include "elf.h"

#define NOTE_OWNER "Xen"

/* Kernels may need these; anything else that they require they do not get. */
#define KNOWN_REQUIRED_FEATURES                                                      \
    (1U << XENFEAT_writable_page_tables | 1U << XENFEAT_writable_descriptor_tables | \
     1U << XENFEAT_supervisor_mode_kernel | 1U << XENFEAT_pae_pgdir_above_4gb |      \
     1U << XENFEAT_dom0)

static bool __init in_file(const struct kernel_file *file, u64 offset, u64 size)
{
    return offset <= file->size && size <= file->size - offset;
}

static const struct elf_header *__init header(const struct kernel_file *file)
{
    return (const void *)file->data;
}

static const struct elf_segment *__init segment(const struct kernel_file *file, unsigned int i)
{
    return (const void *)(file->data + header(file)->phoff + i * sizeof(struct elf_segment));
}

static void __init check_header(const struct kernel_file *file)
{
    const struct elf_header *h = header(file);

    if (file->size < sizeof(*h))
        boot_fatal("dom0's kernel: truncated ELF file of %zu bytes", file->size);
    if (h->class != ELF_CLASS_64 || h->data != ELF_DATA_LSB || h->machine != ELF_MACHINE_X86_64)
        boot_fatal("dom0's kernel: an ELF file, but not for x86-64 (class %u, machine %u)",
                   h->class, h->machine);
    if (h->type != ELF_TYPE_EXEC && h->type != ELF_TYPE_DYN)
        boot_fatal("dom0's kernel: an ELF file, but not executable (type %u)", h->type);
    if (!h->phnum || h->phentsize != sizeof(struct elf_segment) || h->phoff % 8 ||
        !in_file(file, h->phoff, (u64)h->phnum * h->phentsize))
        boot_fatal("dom0's kernel: truncated ELF file: no program headers in %zu bytes",
                   file->size);
    for (unsigned int i = 0; i < h->phnum; i++) {
        const struct elf_segment *s = segment(file, i);

        if (s->type != ELF_PT_LOAD && s->type != ELF_PT_NOTE)
            continue;
        if (!in_file(file, s->offset, s->filesz))
            boot_fatal("dom0's kernel: truncated ELF file: segment %u ends at %lu of %zu bytes", i,
                       s->offset + s->filesz, file->size);
        if (s->type == ELF_PT_LOAD && (s->filesz > s->memsz || s->paddr + s->memsz < s->paddr))
            boot_fatal("dom0's kernel: segment %u has impossible sizes", i);
    }
}

/* A number of 4 or 8 bytes, aligned to 4; other sizes are no number. */
static u64 __init note_number(const u8 *desc, u32 size)
{
    u64 number = 0;

    if (size == 4 || size == 8)
        memcpy(&number, desc, size);
    return number;
}

static void __init copy_text(char *dst, size_t room, const u8 *desc, u32 size)
{
    size_t n = MIN(strnlen((const char *)desc, size), room - 1);

    memcpy(dst, desc, n);
    dst[n] = '\0';
}

/* FEATURES: names separated by '|', a '!' in front of those that the kernel cannot do without. */
static void __init check_features(const u8 *desc, u32 size)
{
    static const char *const names[] __initconst = {
        "writable_page_tables",   "writable_descriptor_tables", "auto_translated_physmap",
        "supervisor_mode_kernel", "pae_pgdir_above_4gb",
    };
    char text[256];

    copy_text(text, sizeof(text), desc, size);
    for (const char *s = text; *s;) {
        const char *end = strchr(s, '|');
        size_t len = end ? (size_t)(end - s) : strlen(s);
        bool required = *s == '!';

        for (unsigned int i = 0; required && i < ARRAY_SIZE(names); i++)
            if (strlen(names[i]) == len - 1 && !strncmp(s + 1, names[i], len - 1) &&
                !(KNOWN_REQUIRED_FEATURES >> i & 1))
                boot_fatal("dom0's kernel: requires feature %s, which a PV domain does not have",
                           names[i]);
        s += len + (end != NULL);
    }
}

static void __init take_note(struct kernel_info *info, u32 type, const u8 *desc, u32 size)
{
    u64 number = note_number(desc, size);
    char text[16];

    switch (type) {
    case XEN_ELFNOTE_ENTRY:
        info->entry = number;
        break;
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        info->hypercall_page = number;
        break;
    case XEN_ELFNOTE_VIRT_BASE:
        info->virt_base = number;
        break;
    case XEN_ELFNOTE_PADDR_OFFSET:
        info->paddr_offset = number;
        break;
    case XEN_ELFNOTE_INIT_P2M:
        info->init_p2m = number;
        break;
    case XEN_ELFNOTE_MOD_START_PFN:
        info->mod_start_pfn = number != 0;
        break;
    case XEN_ELFNOTE_GUEST_OS:
        copy_text(info->guest_os, sizeof(info->guest_os), desc, size);
        info->is_pv_guest = !strcmp(info->guest_os, "pv-guest");
        break;
    case XEN_ELFNOTE_XEN_VERSION:
        copy_text(text, sizeof(text), desc, size);
        if (strcmp(text, "xen-3.0") != 0)
            boot_fatal("dom0's kernel: made for ABI '%s'; we have xen-3.0", text);
        break;
    case XEN_ELFNOTE_FEATURES:
        check_features(desc, size);
        break;
    case XEN_ELFNOTE_SUPPORTED_FEATURES:
        if (!(number >> XENFEAT_dom0 & 1))
            boot_fatal("dom0's kernel: cannot be dom0, by its own notes (SUPPORTED_FEATURES %#lx)",
                       number);
        break;
    /* PAE_MODE, LOADER, HV_START_LOW, BSD_SYMTAB and L1_MFN_VALID do not matter to a 64-bit dom0 */
    default:
        break;
    }
}

/* Reads the notes in [@offset, @offset + @size) of the file; how many were Xen's. */
static unsigned int __init read_notes(const struct kernel_file *file, u64 offset, u64 size,
                                      struct kernel_info *info)
{
    unsigned int found = 0;

    while (offset % 4 == 0 && size >= sizeof(struct elf_note)) {
        const struct elf_note *n = (const void *)(file->data + offset);
        u64 name = ROUND_UP((u64)n->namesz, 4), desc = ROUND_UP((u64)n->descsz, 4);
        u64 total = sizeof(*n) + name + desc;

        if (total - (desc - n->descsz) > size)
            break;
        if (n->namesz == sizeof(NOTE_OWNER) && !memcmp(n + 1, NOTE_OWNER, sizeof(NOTE_OWNER))) {
            take_note(info, n->type, (const u8 *)(n + 1) + name, n->descsz);
            found++;
        }
        if (total >= size)
            break;
        offset += total;
        size -= total;
    }
    return found;
}

/* Notes are in segments; where there are none of ours, in sections. */
static bool __init find_notes(const struct kernel_file *file, struct kernel_info *info)
{
    const struct elf_header *h = header(file);
    unsigned int found = 0;

    for (unsigned int i = 0; i < h->phnum; i++)
        if (segment(file, i)->type == ELF_PT_NOTE)
            found += read_notes(file, segment(file, i)->offset, segment(file, i)->filesz, info);
    if (found || h->shentsize != sizeof(struct elf_section) || h->shoff % 8 ||
        !in_file(file, h->shoff, (u64)h->shnum * h->shentsize))
        return found;
    for (unsigned int i = 0; i < h->shnum; i++) {
        const struct elf_section *s = (const void *)(file->data + h->shoff + i * sizeof(*s));

        if (s->type == ELF_SHT_NOTE && in_file(file, s->offset, s->size))
            found += read_notes(file, s->offset, s->size, info);
    }
    return found;
}

void __init kernel_parse(const struct kernel_file *file, struct kernel_info *info)
{
    unsigned long low = ~0UL, high = 0, offset;

    check_header(file);
    *info = (struct kernel_info){
        .virt_base = UNSET_ADDR,
        .paddr_offset = UNSET_ADDR,
        .entry = UNSET_ADDR,
        .hypercall_page = UNSET_ADDR,
        .init_p2m = UNSET_ADDR,
    };
    if (!find_notes(file, info))
        boot_fatal("dom0's kernel: an ELF file without Xen notes: no PV kernel");
    if (info->virt_base == UNSET_ADDR)
        info->virt_base = 0;
    if (info->paddr_offset == UNSET_ADDR)
        info->paddr_offset = 0;
    if (info->entry == UNSET_ADDR)
        info->entry = header(file)->entry;

    offset = info->virt_base - info->paddr_offset;
    for (unsigned int i = 0; i < header(file)->phnum; i++) {
        const struct elf_segment *s = segment(file, i);

        if (s->type == ELF_PT_LOAD && s->memsz) {
            low = MIN(low, s->paddr);
            high = MAX(high, s->paddr + s->memsz);
        }
    }
    if (low >= high)
        boot_fatal("dom0's kernel: nothing to load");
    info->kernel_start = low + offset;
    info->kernel_end = high + offset;
    if (info->kernel_start > info->kernel_end || info->kernel_start < info->virt_base ||
        info->entry < info->kernel_start || info->entry >= info->kernel_end)
        boot_fatal("dom0's kernel: addresses do not fit together: %lx to %lx, entry %lx, base %lx",
                   info->kernel_start, info->kernel_end, info->entry, info->virt_base);
}

void __init kernel_load(const struct kernel_file *file, const struct kernel_info *info,
                        void (*copy)(unsigned long va, const void *src, size_t bytes))
{
    for (unsigned int i = 0; i < header(file)->phnum; i++) {
        const struct elf_segment *s = segment(file, i);

        if (s->type == ELF_PT_LOAD && s->filesz)
            copy(s->paddr + info->virt_base - info->paddr_offset, file->data + s->offset,
                 s->filesz);
    }
}
