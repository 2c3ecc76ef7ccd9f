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
        add_note(notes, size, extra->type, &extra->number, extra->word ? 4 : sizeof(extra->number));
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

static uint64_t or_usual(uint64_t value, uint64_t usual)
{
    return value ? value : usual;
}

static size_t add_notes(const struct elf_variant *v, uint8_t *notes)
{
    uint64_t base = or_usual(v->virt_base, BASE), text = base + or_usual(v->load_at, LOAD_AT);
    const struct elf_extra usual[] = {
        {XEN_ELFNOTE_XEN_VERSION, .text = "xen-3.0"},
        {XEN_ELFNOTE_GUEST_OS, .text = "test"},
        {XEN_ELFNOTE_LOADER, .text = "generic"},
        {XEN_ELFNOTE_VIRT_BASE, .number = base},
        {XEN_ELFNOTE_ENTRY, .number = text + 0x40},
        {XEN_ELFNOTE_HYPERCALL_PAGE, .number = text + 0x1000},
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
    size_t text_size = or_usual(v->text_size, TEXT_SIZE), notes_size = 0, sections_at;
    size_t notes_at = TEXT_OFFSET + text_size;
    uint64_t load_at = or_usual(v->load_at, LOAD_AT);
    struct file f = {.bytes = calloc(1, notes_at + 2048)};
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
            .p_offset = TEXT_OFFSET,
            .p_vaddr = or_usual(v->virt_base, BASE) + load_at,
            .p_paddr = load_at + v->paddr_offset + v->paddr_extra,
            .p_filesz = text_size,
            .p_memsz = text_size + or_usual(v->bss_size, BSS_SIZE),
        },
        {.p_type = ELF_PT_NOTE, .p_offset = notes_at},
    };
    struct elf_section s[2] = {{0}, {.sh_type = ELF_SHT_NOTE, .sh_offset = notes_at}};

    if (!v->no_notes)
        notes_size = add_notes(v, f.bytes + notes_at);
    for (size_t i = 0; i < text_size; i++)
        f.bytes[TEXT_OFFSET + i] = text_byte(i);
    f.size = notes_at + notes_size;
    if (v->section_notes) {
        sections_at = (f.size + 7) & ~7ul;
        s[1].sh_size = notes_size;
        h.e_shoff = sections_at;
        h.e_shnum = 2;
        memcpy(f.bytes + sections_at, s, sizeof(s));
        f.size = sections_at + sizeof(s);
    } else {
        p[1].p_filesz = notes_size;
    }
    _Static_assert(sizeof(h) + sizeof(p) == TEXT_OFFSET, "the headers end where the text begins");
    memcpy(f.bytes, &h, sizeof(h));
    memcpy(f.bytes + sizeof(h), p, sizeof(p));
    return f;
}
