/* SPDX-License-Identifier: MIT */
/*
 * UEFI at boot: the system table, the memory map, and the root page table on which the runtime
 * services run.
 *
 * The firmware is trusted code, but its tables are read with care, so that a wrong one costs dom0
 * the services and nothing more: signatures, lengths, and addresses that the services' half of the
 * address space can hold.
 */
#include <asm/cpu_features.h>
#include <asm/efi.h>
#include <asm/memory_map.h>
#include <asm/paging.h>
#include <asm/pv.h>
#include <page_alloc.h>

#include "boot.h"

#define SYSTEM_TABLE_SIGNATURE  0x5453595320494249UL                          /* "IBI SYST" */
#define RUNTIME_TABLE_SIGNATURE 0x56524553544e5552UL                          /* "RUNTSERV" */
#define FIRST_SERVICES_SIZE     offsetof(struct efi_services, update_capsule) /* revision 1 */
#define MEMORY_MAX              1024U
#define SERVICES_END            (1UL << 47) /* the lower half: what is mapped one to one */

#define CODE (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY)
#define DATA (CODE | PTE_NX)

struct efi_system_table {
    struct efi_header header;
    u64 vendor; /* machine address of a UCS-2 string */
    u32 vendor_revision;
    u32 pad;
    u64 consoles[6];
    u64 runtime_services, boot_services;
    u64 nr_tables, tables;
};

static u64 system_table __initdata;
static struct efi_memory memory[MEMORY_MAX] __initdata;
static unsigned int nr_memory __initdata, memory_dropped __initdata;

void __init efi_set_system_table(u64 table)
{
    system_table = table;
}

void __init efi_set_memory_map(const void *map, size_t bytes, size_t stride)
{
    nr_memory = memory_dropped = 0;
    if (stride < sizeof(struct efi_memory))
        return;
    for (const char *p = map; bytes >= stride; p += stride, bytes -= stride) {
        if (nr_memory == MEMORY_MAX)
            memory_dropped++;
        else
            memcpy(&memory[nr_memory++], p, sizeof(struct efi_memory));
    }
}

static void __init read_vendor(u64 address)
{
    const u16 *vendor = address ? ioremap_cached(address, sizeof(efi.vendor)) : NULL;

    for (unsigned int i = 0; vendor && i < EFI_VENDOR_MAX - 1 && vendor[i]; i++)
        efi.vendor[i] = vendor[i];
}

/* @return the end of what @m describes; 0: the services' address space cannot hold it */
static u64 __init mapped_end(const struct efi_memory *m)
{
    u64 limit = MIN(SERVICES_END, 1UL << boot_cpu.phys_bits);

    if (m->start % PAGE_SIZE || m->start >= limit || m->pages > (limit - m->start) / PAGE_SIZE)
        return 0;
    return m->start + m->pages * PAGE_SIZE;
}

/* Does one of the first @n descriptors for the services describe a part of [@start, @end), too? */
static bool __init described_before(unsigned int n, u64 start, u64 end)
{
    for (const struct efi_memory *m = memory; m < memory + n; m++)
        if (m->attributes & EFI_MEMORY_RUNTIME && m->start < end && mapped_end(m) > start)
            return true;
    return false;
}

/* Is a part of [@start, @end) RAM for domains, as the boot loader's other map has it? */
static bool __init is_ours(u64 start, u64 end)
{
    for (unsigned int i = 0; i < ram.count; i++)
        if (ram.range[i].start < end && start < ram.range[i].end)
            return true;
    return false;
}

/* @return the services' root page table; NULL: the memory map is unusable */
static u64 *__init build_root(void)
{
    u64 *root = boot_alloc_table();

    for (unsigned int i = HV_L4_FIRST; i <= HV_L4_LAST; i++)
        root[i] = hv_l4[i];
    root[DESCRIPTORS_L4_SLOT] = descriptors_l4_entry; /* the CPU looks for the GDT there */
    for (unsigned int i = 0; i < nr_memory; i++) {
        const struct efi_memory *m = &memory[i];
        u64 end = mapped_end(m), flags = m->type == EFI_RUNTIME_SERVICES_CODE ? CODE : DATA;

        if (!(m->attributes & EFI_MEMORY_RUNTIME) || !m->pages)
            continue;
        if (!end || described_before(i, m->start, end) || is_ours(m->start, end)) {
            printk(LOG_WARNING, "EFI: memory %#lx, %lu pages, overlaps or lies too high", m->start,
                   m->pages);
            return NULL;
        }
        if (!(m->attributes & EFI_MEMORY_WB))
            flags |= PTE_UNCACHED;
        map_range_in(root, m->start, m->start, end - m->start, flags);
    }
    return root;
}

static bool __init has_all(const struct efi_services *s)
{
    return s->get_time && s->set_time && s->get_wakeup_time && s->set_wakeup_time &&
           s->get_variable && s->get_next_variable_name && s->set_variable &&
           s->get_next_high_monotonic_count &&
           (s->header.revision < EFI_REVISION_2 ||
            (s->header.size >= sizeof(*s) && s->query_variable_info));
}

/*
 * Copies the table of services, as much of it as the firmware has.
 * @return false: it lacks one that dom0 may call
 */
static bool __init read_services(u64 address)
{
    const struct efi_services *s = address ? ioremap_cached(address, sizeof(*s)) : NULL;

    if (!s || s->header.signature != RUNTIME_TABLE_SIGNATURE ||
        s->header.size < FIRST_SERVICES_SIZE)
        return false;
    memcpy(&efi.services, s, MIN((size_t)s->header.size, sizeof(efi.services)));
    return has_all(&efi.services);
}

static void __init keep_memory_map(void)
{
    struct efi_memory *kept = nr_memory ? xzalloc_array(struct efi_memory, nr_memory) : NULL;

    if (!kept)
        return;
    memcpy(kept, memory, nr_memory * sizeof(*kept));
    efi.memory = kept;
    efi.nr_memory = nr_memory;
}

void __init efi_init(void)
{
    const struct efi_system_table *table = NULL;
    u64 *root = NULL;

    if (system_table)
        table = ioremap_cached(system_table, sizeof(*table));
    if (!table)
        return;
    if (table->header.signature != SYSTEM_TABLE_SIGNATURE) {
        printk(LOG_WARNING, "EFI: there is no system table at %#lx", system_table);
        return;
    }
    efi.version = table->header.revision;
    efi.vendor_revision = table->vendor_revision;
    efi.tables = table->tables;
    efi.nr_tables = (u32)table->nr_tables;
    read_vendor(table->vendor);
    keep_memory_map();
    if (memory_dropped)
        printk(LOG_WARNING, "EFI: %u descriptors of memory more than %u are not read",
               memory_dropped, MEMORY_MAX);
    else if (efi.nr_memory && read_services(table->runtime_services))
        root = build_root();
    efi.root = root ? virt_to_maddr(root) : 0;
    printk(LOG_INFO, "EFI: version %u.%u, %u tables, runtime services%s", efi.version >> 16,
           (efi.version & 0xffff) / 10, efi.nr_tables, root ? "" : " cannot be called");
}
