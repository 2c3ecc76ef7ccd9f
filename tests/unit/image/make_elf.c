/* SPDX-License-Identifier: MIT */
/* A small kernel for tests: see make_elf.h. */
#include "make_elf.h"

#include <stdlib.h>
#include <string.h>

#include <image/elf.h>
#include <public/elfnote.h>

uint8_t text_byte(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

static void add_note(uint8_t *notes, size_t *size, uint32_t type, const void *desc, uint32_t length)
{
    struct elf_note note = {.n_namesz = 4, .n_descsz = length, .n_type = type};

    memcpy(notes + *size, &note, sizeof(note));
    memcpy(notes + *size + sizeof(note), "Xen", 4);
    memcpy(notes + *size + sizeof(note) + 4, desc, length);
    *size += sizeof(note) + 4 + ((length + 3) & ~3u);
}

static bool is_empty(const struct elf_extra *extra)
{
    return !extra->type && !extra->text;
}

static void add_extra(uint8_t *notes, size_t *size, const struct elf_extra *extra)
{
    if (extra->drop)
        return;
    if (extra->text)
        add_note(notes, size, extra->type, extra->text, (uint32_t)strlen(extra->text) + 1);
    else
        add_note(notes, size, extra->type, &extra->number, sizeof(extra->number));
}

/* The note, or what the variant has in its place. */
static void add_usual(const struct elf_variant *v, uint8_t *notes, size_t *size,
                      const struct elf_extra *usual)
{
    for (unsigned int i = 0; i < sizeof(v->extra) / sizeof(v->extra[0]); i++)
        if (!is_empty(&v->extra[i]) && v->extra[i].type == usual->type)
            return;
    add_extra(notes, size, usual);
}

static size_t add_notes(const struct elf_variant *v, uint8_t *notes)
{
    const struct elf_extra usual[] = {
        {XEN_ELFNOTE_XEN_VERSION, .text = "xen-3.0"},
        {XEN_ELFNOTE_GUEST_OS, .text = "test"},
        {XEN_ELFNOTE_LOADER, .text = "generic"},
        {XEN_ELFNOTE_VIRT_BASE, .number = BASE},
        {XEN_ELFNOTE_ENTRY, .number = BASE + LOAD_AT + 0x40},
        {XEN_ELFNOTE_HYPERCALL_PAGE, .number = BASE + LOAD_AT + 0x1000},
        {XEN_ELFNOTE_PADDR_OFFSET, .number = v->paddr_offset},
        {XEN_ELFNOTE_MOD_START_PFN, .number = 1},
    };
    size_t size = 0;

    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
        add_usual(v, notes, &size, &usual[i]);
    for (size_t i = 0; i < sizeof(v->extra) / sizeof(v->extra[0]); i++)
        if (!is_empty(&v->extra[i]))
            add_extra(notes, &size, &v->extra[i]);
    return size;
}

struct file make_elf(const struct elf_variant *v)
{
    struct file f = {.bytes = calloc(1, TEXT_SIZE + 16384), .size = TEXT_SIZE + 16384};
    size_t text_at = 4096, notes_at = text_at + TEXT_SIZE, notes_size = 0, sections_at;
    uint8_t notes[1024] = {0};
    struct elf_header h = {
        .e_magic = {0x7f, 'E', 'L', 'F'},
        .e_class = ELF_CLASS_64,
        .e_data = ELF_DATA_LITTLE,
        .e_type = ELF_TYPE_EXEC,
        .e_machine = ELF_MACHINE_X86_64,
        .e_phoff = sizeof(h),
        .e_phnum = 2,
        .e_phentsize = sizeof(struct elf_segment),
        .e_shentsize = sizeof(struct elf_section),
    };
    struct elf_segment p[2] = {
        {
            .p_type = ELF_PT_LOAD,
            .p_offset = text_at,
            .p_vaddr = BASE + LOAD_AT,
            .p_paddr = LOAD_AT + v->paddr_offset + v->paddr_extra,
            .p_filesz = TEXT_SIZE,
            .p_memsz = TEXT_SIZE + BSS_SIZE,
        },
        {.p_type = ELF_PT_NOTE, .p_offset = notes_at},
    };
    struct elf_section s[2] = {{0}, {.sh_type = ELF_SHT_NOTE, .sh_offset = notes_at}};

    if (!v->no_notes)
        notes_size = add_notes(v, notes);
    for (size_t i = 0; i < TEXT_SIZE; i++)
        f.bytes[text_at + i] = text_byte(i);
    memcpy(f.bytes + notes_at, notes, notes_size);
    sections_at = (notes_at + notes_size + 63) & ~63ul;
    p[1].p_filesz = v->section_notes ? 0 : notes_size;
    s[1].sh_size = notes_size;
    if (v->section_notes) {
        h.e_shoff = sections_at;
        h.e_shnum = 2;
        memcpy(f.bytes + sections_at, s, sizeof(s));
    }
    memcpy(f.bytes, &h, sizeof(h));
    memcpy(f.bytes + sizeof(h), p, sizeof(p));
    f.size = sections_at + sizeof(s);
    return f;
}
