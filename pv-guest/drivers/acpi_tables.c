/* SPDX-License-Identifier: MIT */
/*
 * The way to the fixed hardware: the RSDP names the RSDT or XSDT, which names the FADT and the
 * MADT. Whatever a table says about lengths is checked against the bytes that were mapped.
 *
 * The search for the RSDP covers the BIOS' read-only memory, where all firmware but UEFI has it.
 * Source: ACPI 6.4, chapters 5.2.5 to 5.2.12.
 */
#include <drivers/acpi_tables.h>

#include <errno.h>
#include <pagetable.h>
#include <string.h>

#define BIOS_START  0xe0000u
#define BIOS_END    0x100000u
#define RSDP_ALIGN  16u
#define RSDP_LENGTH 20u /* of revision 0, which its checksum covers */
#define HEADER      36u /* every other table's */
#define TABLE_MAX   0x10000u

#define RSDP_REVISION 15u
#define RSDP_RSDT     16u
#define RSDP_XSDT     24u

#define FADT_SCI          46u
#define FADT_SMI_COMMAND  48u
#define FADT_ACPI_ENABLE  52u
#define FADT_PM1A_EVENT   56u
#define FADT_PM1B_EVENT   60u
#define FADT_PM1A_CONTROL 64u
#define FADT_GPE0         80u
#define FADT_GPE1         84u
#define FADT_PM1_LENGTH   88u
#define FADT_GPE0_LENGTH  92u
#define FADT_GPE1_LENGTH  93u
#define FADT_FLAGS        112u
#define FADT_LENGTH       116u      /* of ACPI 1.0 */
#define FLAG_BUTTON_AML   (1u << 4) /* the button is a device of the program's */
#define FLAG_REDUCED      (1u << 20)

#define MADT_ENTRIES    44u
#define MADT_OVERRIDE   2u
#define OVERRIDE_LENGTH 10u
#define POLARITY_MASK   0x3u
#define POLARITY_HIGH   0x1u
#define TRIGGER_MASK    0xcu
#define TRIGGER_EDGE    0x4u

static uint16_t get16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t get32(const uint8_t *bytes)
{
    return get16(bytes) | (uint32_t)get16(bytes + 2) << 16;
}

bool acpi_read_fadt(const void *table, size_t length, struct acpi_fixed *fixed)
{
    const uint8_t *fadt = table;
    uint32_t flags;

    *fixed = (struct acpi_fixed){0};
    if (length < FADT_LENGTH)
        return false;
    flags = get32(fadt + FADT_FLAGS);
    fixed->pm1a_event = get16(fadt + FADT_PM1A_EVENT);
    fixed->pm1b_event = get16(fadt + FADT_PM1B_EVENT);
    fixed->pm1a_control = get16(fadt + FADT_PM1A_CONTROL);
    fixed->pm1_length = fadt[FADT_PM1_LENGTH];
    fixed->gpe0 = get16(fadt + FADT_GPE0);
    fixed->gpe0_length = fadt[FADT_GPE0_LENGTH];
    fixed->gpe1 = get16(fadt + FADT_GPE1);
    fixed->gpe1_length = fadt[FADT_GPE1_LENGTH];
    fixed->smi_command = get16(fadt + FADT_SMI_COMMAND);
    fixed->acpi_enable = fadt[FADT_ACPI_ENABLE];
    fixed->power_button = !(flags & FLAG_BUTTON_AML);
    fixed->sci = get16(fadt + FADT_SCI);
    fixed->sci_level = fixed->sci_active_low = true; /* unless the MADT says otherwise */
    return !(flags & FLAG_REDUCED) && fixed->pm1a_event && fixed->pm1a_control &&
           fixed->pm1_length >= 4;
}

void acpi_read_madt(const void *table, size_t length, struct acpi_fixed *fixed)
{
    const uint8_t *madt = table;
    size_t size;

    for (size_t at = MADT_ENTRIES; at + 2 <= length; at += size) {
        const uint8_t *entry = madt + at;
        uint16_t flags;

        size = entry[1];
        if (size < 2 || size > length - at)
            return;
        if (entry[0] != MADT_OVERRIDE || size < OVERRIDE_LENGTH || entry[3] != fixed->sci)
            continue;
        flags = get16(entry + 8);
        fixed->sci = get32(entry + 4);
        fixed->sci_active_low = (flags & POLARITY_MASK) != POLARITY_HIGH;
        fixed->sci_level = (flags & TRIGGER_MASK) != TRIGGER_EDGE;
        return;
    }
}

/* ---- Finding the tables ---- */

struct mapping {
    void *va;
    unsigned long pages;
};

static const uint8_t *map_physical(uint64_t address, size_t length, struct mapping *mapping)
{
    mfn_t mfns[TABLE_MAX / PAGE_SIZE + 1];
    size_t offset = address & (PAGE_SIZE - 1);

    mapping->pages = (offset + length + PAGE_SIZE - 1) >> PAGE_SHIFT;
    for (unsigned long i = 0; i < mapping->pages; i++)
        mfns[i] = (address >> PAGE_SHIFT) + i;
    mapping->va = map_frames(mfns, mapping->pages, DOMID_IO, PTE_KERNEL_RO, NULL);
    return mapping->va ? (uint8_t *)mapping->va + offset : NULL;
}

static void unmap_physical(const struct mapping *mapping)
{
    unmap_frames(mapping->va, mapping->pages);
}

static bool sum_is_zero(const uint8_t *bytes, size_t length)
{
    uint8_t sum = 0;

    while (length-- > 0)
        sum = (uint8_t)(sum + *bytes++);
    return sum == 0;
}

/* Maps a whole table. @return NULL: it cannot be mapped, or is not one. */
static const uint8_t *map_acpi_table(uint64_t address, size_t *length, struct mapping *mapping)
{
    const uint8_t *table = map_physical(address, HEADER, mapping);

    if (!table)
        return NULL;
    *length = get32(table + 4);
    unmap_physical(mapping);
    if (*length < HEADER || *length > TABLE_MAX)
        return NULL;
    table = map_physical(address, *length, mapping);
    if (table && !sum_is_zero(table, *length)) {
        unmap_physical(mapping);
        table = NULL;
    }
    return table;
}

/* The address of the RSDT, or of the XSDT (@wide); 0: there is none. */
static uint64_t find_root_table(bool *wide)
{
    struct mapping mapping[2];
    uint64_t address = 0;

    for (unsigned int half = 0; half < 2 && !address; half++) {
        uint32_t size = (BIOS_END - BIOS_START) / 2;
        const uint8_t *bios = map_physical(BIOS_START + half * size, size, &mapping[half]);

        if (!bios)
            return 0;
        for (uint32_t at = 0; at + HEADER <= size && !address; at += RSDP_ALIGN) {
            const uint8_t *rsdp = bios + at;

            if (memcmp(rsdp, "RSD PTR ", 8) != 0 || !sum_is_zero(rsdp, RSDP_LENGTH))
                continue;
            *wide = rsdp[RSDP_REVISION] >= 2;
            address = get32(rsdp + (*wide ? RSDP_XSDT : RSDP_RSDT));
            if (*wide)
                address |= (uint64_t)get32(rsdp + RSDP_XSDT + 4) << 32;
        }
        unmap_physical(&mapping[half]);
    }
    return address;
}

/* Reads one table if it has this signature. @return whether it was read. */
static bool read_acpi_table(uint64_t address, const char *signature, struct acpi_fixed *fixed)
{
    struct mapping mapping;
    size_t length;
    const uint8_t *table = map_acpi_table(address, &length, &mapping);
    bool found = table && memcmp(table, signature, 4) == 0;

    if (found && memcmp(signature, "FACP", 4) == 0)
        found = acpi_read_fadt(table, length, fixed);
    else if (found)
        acpi_read_madt(table, length, fixed);
    if (table)
        unmap_physical(&mapping);
    return found;
}

static bool read_named(const uint8_t *root, size_t length, bool wide, const char *signature,
                       struct acpi_fixed *fixed)
{
    size_t size = wide ? 8 : 4;

    for (size_t at = HEADER; at + size <= length; at += size) {
        uint64_t address = get32(root + at);

        if (wide)
            address |= (uint64_t)get32(root + at + 4) << 32;
        if (read_acpi_table(address, signature, fixed))
            return true;
    }
    return false;
}

int acpi_find_fixed(struct acpi_fixed *fixed)
{
    struct mapping mapping;
    const uint8_t *root;
    size_t length;
    bool wide, found;
    uint64_t address = find_root_table(&wide);

    if (!address)
        return -ENOENT;
    root = map_acpi_table(address, &length, &mapping);
    if (!root)
        return -ENOENT;
    found = read_named(root, length, wide, "FACP", fixed);
    if (found)
        read_named(root, length, wide, "APIC", fixed);
    unmap_physical(&mapping);
    return found ? 0 : -ENOENT;
}
