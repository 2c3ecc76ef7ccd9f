/* SPDX-License-Identifier: MIT */
/*
 * The boot loader's information, multiboot 1 (qemu -kernel) and multiboot2 (GRUB), converted to one
 * form.
 *
 * Everything is copied: after multiboot_parse() the loader's own structures may be overwritten. It
 * runs on the early page tables, where the first 4 GiB are reachable through the direct map. We
 * cannot print yet, so we count what does not fit and report it later.
 *
 * Command lines: QEMU puts the image's path in front of each, GRUB does not, so the first word is
 * dropped unless the loader is GRUB. The word "placeholder" is ignored: some boot entries have it
 * for loaders that drop the first word.
 *
 * Sources: Multiboot Specification 0.6.96 and Multiboot2 Specification 2.0.
 */

#include <asm/acpi.h>
#include <asm/efi.h>
#include <page.h>

#include "boot.h"

#define MB1_BOOT_MAGIC 0x2badb002U
#define MB2_BOOT_MAGIC 0x36d76289U

#define MB1_INFO_CMDLINE     (1U << 2)
#define MB1_INFO_MODULES     (1U << 3)
#define MB1_INFO_MEMORY_MAP  (1U << 6)
#define MB1_INFO_LOADER      (1U << 9)
#define MB1_INFO_FRAMEBUFFER (1U << 12)

struct mb1_info {
    u32 flags;
    u32 mem_lower, mem_upper;
    u32 boot_device;
    u32 cmdline;
    u32 mods_count, mods_addr;
    u32 syms[4];
    u32 mmap_length, mmap_addr;
    u32 drives_length, drives_addr;
    u32 config_table;
    u32 boot_loader_name;
    u32 apm_table;
    u32 vbe_control_info, vbe_mode_info;
    u16 vbe_mode, vbe_interface_seg, vbe_interface_off, vbe_interface_len;
    u64 framebuffer_addr;
    u32 framebuffer_pitch, framebuffer_width, framebuffer_height;
    u8 framebuffer_bpp, framebuffer_type;
    u8 color_info[6];
} __packed;

struct mb1_module {
    u32 start, end, string, reserved;
};

struct mb1_memory {
    u32 size; /* of what follows */
    u64 addr, len;
    u32 type;
} __packed;

enum mb2_tag_type {
    MB2_END = 0,
    MB2_CMDLINE = 1,
    MB2_LOADER = 2,
    MB2_MODULE = 3,
    MB2_MEMORY_MAP = 6,
    MB2_FRAMEBUFFER = 8,
    MB2_EFI64 = 12,  /* machine address of the system table of a 64-bit UEFI */
    MB2_RSDP_1 = 14, /* ACPI root pointer of revision 1, of revision 2 and up */
    MB2_RSDP_2 = 15,
    MB2_EFI_MEMORY_MAP = 17,
};

struct mb2_tag {
    u32 type, size;
    u8 data[];
};

struct mb2_module {
    u32 start, end;
    char string[];
};

struct mb2_memory_map {
    u32 entry_size, entry_version;
    u8 entries[];
};

struct mb2_memory {
    u64 addr, len;
    u32 type, reserved;
};

struct mb2_efi_memory_map {
    u32 descriptor_size, descriptor_version;
    u8 descriptors[];
};

struct mb2_framebuffer {
    u64 addr;
    u32 pitch, width, height;
    u8 bpp, type;
    u16 reserved;
    u8 color_info[6];
} __packed;

#define FRAMEBUFFER_RGB  1
#define FRAMEBUFFER_TEXT 2

struct boot_info boot_info __initdata;

static void __init set_loader(const char *name)
{
    strlcpy(boot_info.loader, name, sizeof(boot_info.loader));
    boot_info.loader_is_grub = !strncmp(name, "GRUB", 4);
}

/* Copies a command line in the form that we want. The loader's name must be known. */
static void __init set_cmdline(char *dst, const char *src)
{
    size_t n = 0;

    if (!boot_info.loader_is_grub)
        while (*src && *src != ' ')
            src++;
    while (*src) {
        size_t word;

        while (*src == ' ')
            src++;
        for (word = 0; src[word] && src[word] != ' '; word++)
            ;
        if (word == 11 && !strncmp(src, "placeholder", 11)) {
            src += word;
            continue;
        }
        if (n && n < BOOT_CMDLINE_MAX - 1 && word)
            dst[n++] = ' ';
        for (; word; word--, src++)
            if (n < BOOT_CMDLINE_MAX - 1)
                dst[n++] = *src;
    }
    dst[n] = '\0';
}

static void __init add_module(u32 start, u32 end, const char *cmdline)
{
    struct boot_module *m = &boot_info.modules[boot_info.nr_modules];

    if (boot_info.nr_modules == BOOT_MODULES_MAX) {
        boot_info.modules_dropped++;
        return;
    }
    boot_info.nr_modules++;
    m->start = start;
    m->size = end > start ? end - start : 0;
    set_cmdline(m->cmdline, cmdline);
}

static void __init add_memory(u64 start, u64 size, u32 type)
{
    if (boot_info.nr_memory == BOOT_MEMORY_MAX)
        boot_info.memory_dropped++;
    else
        boot_info.memory[boot_info.nr_memory++] = (struct boot_memory){start, size, type};
}

static void __init set_screen(u64 address, u32 pitch, u32 width, u32 height, u8 bpp, u8 type,
                              const u8 *color)
{
    if (type == FRAMEBUFFER_TEXT) {
        boot_info.screen = (struct boot_screen){
            .address = address, .pitch = pitch, .width = width, .height = height};
    } else if (type == FRAMEBUFFER_RGB) {
        boot_info.screen = (struct boot_screen){true,     address,  pitch,    width,
                                                height,   bpp,      color[0], color[1],
                                                color[2], color[3], color[4], color[5]};
    }
}

static void __init parse_mb1(const struct mb1_info *mbi)
{
    if (mbi->flags & MB1_INFO_LOADER)
        set_loader(maddr_to_virt(mbi->boot_loader_name));
    if (mbi->flags & MB1_INFO_CMDLINE)
        set_cmdline(boot_info.cmdline, maddr_to_virt(mbi->cmdline));
    if (mbi->flags & MB1_INFO_MODULES) {
        const struct mb1_module *m = maddr_to_virt(mbi->mods_addr);

        for (u32 i = 0; i < mbi->mods_count; i++)
            add_module(m[i].start, m[i].end, m[i].string ? maddr_to_virt(m[i].string) : "");
    }
    if (mbi->flags & MB1_INFO_MEMORY_MAP) {
        const u8 *p = maddr_to_virt(mbi->mmap_addr), *end = p + mbi->mmap_length;

        while (p < end) {
            const struct mb1_memory *e = (const void *)p;

            add_memory(e->addr, e->len, e->type);
            p += e->size + sizeof(e->size);
        }
    }
    if (mbi->flags & MB1_INFO_FRAMEBUFFER)
        set_screen(mbi->framebuffer_addr, mbi->framebuffer_pitch, mbi->framebuffer_width,
                   mbi->framebuffer_height, mbi->framebuffer_bpp, mbi->framebuffer_type,
                   mbi->color_info);
}

/* @return the next tag of type @type at or after @tag; NULL: there is none */
static const struct mb2_tag *__init find_tag(const struct mb2_tag *tag, const void *end, u32 type)
{
    while ((const void *)tag < end && tag->type != MB2_END && tag->size >= sizeof(*tag)) {
        if (tag->type == type)
            return tag;
        tag = (const void *)((const u8 *)tag + ROUND_UP(tag->size, 8U));
    }
    return NULL;
}

#define for_each_tag(tag, first, end, type)     \
    for (tag = find_tag(first, end, type); tag; \
         tag = find_tag((const void *)((const u8 *)tag + ROUND_UP(tag->size, 8U)), end, type))

static void __init parse_mb2(const u32 *info)
{
    const struct mb2_tag *first = (const void *)(info + 2), *tag;
    const void *end = (const u8 *)info + info[0];

    /* The loader's name comes first: it decides how command lines look. */
    for_each_tag (tag, first, end, MB2_LOADER)
        set_loader((const char *)tag->data);
    for_each_tag (tag, first, end, MB2_CMDLINE)
        set_cmdline(boot_info.cmdline, (const char *)tag->data);
    for_each_tag (tag, first, end, MB2_MODULE) {
        const struct mb2_module *m = (const void *)tag->data;

        add_module(m->start, m->end, m->string);
    }
    for_each_tag (tag, first, end, MB2_MEMORY_MAP) {
        const struct mb2_memory_map *map = (const void *)tag->data;
        const u8 *p = map->entries, *stop = (const u8 *)tag + tag->size;

        for (; map->entry_size >= sizeof(struct mb2_memory) && p + map->entry_size <= stop;
             p += map->entry_size) {
            const struct mb2_memory *e = (const void *)p;

            add_memory(e->addr, e->len, e->type);
        }
    }
    /* The newer root pointer comes last, so that it wins. */
    for_each_tag (tag, first, end, MB2_RSDP_1)
        acpi_set_rsdp(tag->data, tag->size - sizeof(*tag));
    for_each_tag (tag, first, end, MB2_RSDP_2)
        acpi_set_rsdp(tag->data, tag->size - sizeof(*tag));
    for_each_tag (tag, first, end, MB2_EFI64)
        if (tag->size >= sizeof(*tag) + sizeof(u64))
            efi_set_system_table(*(const u64 *)tag->data);
    for_each_tag (tag, first, end, MB2_EFI_MEMORY_MAP) {
        const struct mb2_efi_memory_map *map = (const void *)tag->data;

        if (tag->size >= sizeof(*tag) + sizeof(*map))
            efi_set_memory_map(map->descriptors, tag->size - sizeof(*tag) - sizeof(*map),
                               map->descriptor_size);
    }
    for_each_tag (tag, first, end, MB2_FRAMEBUFFER) {
        const struct mb2_framebuffer *fb = (const void *)tag->data;

        set_screen(fb->addr, fb->pitch, fb->width, fb->height, fb->bpp, fb->type, fb->color_info);
    }
}

bool __init multiboot_parse(u32 magic, u32 info)
{
    /* A BIOS leaves 80 by 25 characters. */
    boot_info.screen = (struct boot_screen){
        .address = 0xb8000, .pitch = 160, .width = 80, .height = 25};
    switch (magic) {
    case MB1_BOOT_MAGIC:
        parse_mb1(maddr_to_virt(info));
        return true;
    case MB2_BOOT_MAGIC:
        parse_mb2(maddr_to_virt(info));
        return true;
    default:
        return false;
    }
}
