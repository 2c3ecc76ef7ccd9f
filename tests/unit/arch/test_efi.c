/* SPDX-License-Identifier: MIT */
/*
 * UEFI: what is read of the firmware's tables at boot, what is not believed of them, and dom0's
 * calls of the runtime services, on a firmware that the test plays: on which root it runs, with
 * which registers, and what it and dom0 can make of each other's sizes.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) arch/x86/efi.c arch/x86/boot/efi.c */
#include <asm/efi.h>
#include <asm/memory_map.h>
#include <asm/paging.h>

#include "../../../arch/x86/boot/boot.h"
#include "pv_guest.h"

#define TABLE_AT    0x7f000000UL
#define SERVICES_AT 0x7f001000UL
#define VENDOR_AT   0x7f002000UL
#define TABLES_AT   0x7f003000UL

#define NAME 0x1000UL /* offsets into dom0's window */
#define DATA 0x2000UL
#define NOTE 0x3000UL

#define EFI_NOT_FOUND        (EFI_ERROR_BIT | 14)
#define EFI_BUFFER_TOO_SMALL (EFI_ERROR_BIT | 5)

/* ---- the machine at boot ---- */

struct mem_ranges ram; /* as the boot loader's other map has it */

static struct {
    struct efi_header header;
    u64 vendor;
    u32 vendor_revision, pad;
    u64 consoles[6];
    u64 runtime_services, boot_services;
    u64 nr_tables, tables;
} table;
static struct efi_services services;
static u16 vendor[EFI_VENDOR_MAX];

/* The real one maps a page or more, whatever is asked for. */
void *ioremap_cached(paddr_t pa, size_t bytes)
{
    switch (pa) {
    case TABLE_AT:
        assert_int_equal(bytes, sizeof(table));
        return &table;
    case SERVICES_AT:
        assert_int_equal(bytes, sizeof(services));
        return &services;
    case VENDOR_AT:
        assert_int_equal(bytes, sizeof(vendor));
        return vendor;
    default:
        return NULL;
    }
}

static u64 *services_root;

void *boot_alloc_table(void)
{
    services_root = alloc_hv_pages(0);
    assert_non_null(services_root);
    return services_root;
}

static struct mapping {
    unsigned long va;
    paddr_t pa;
    size_t bytes;
    u64 flags;
} mappings[16];
static unsigned int nr_mappings;

void map_range_in(u64 *root, unsigned long va, paddr_t pa, size_t bytes, u64 flags)
{
    assert_ptr_equal(root, services_root);
    assert_true(nr_mappings < ARRAY_SIZE(mappings));
    mappings[nr_mappings++] = (struct mapping){va, pa, bytes, flags};
}

/* Descriptors as the firmware's, which are longer than ours. */
static struct {
    struct efi_memory m;
    u64 later;
} map[1100];

#define RUNTIME (EFI_MEMORY_RUNTIME | EFI_MEMORY_WB)

static void describe(unsigned int i, u32 type, u64 start, u64 pages, u64 attributes)
{
    map[i].m = (struct efi_memory){
        .type = type, .start = start, .pages = pages, .attributes = attributes};
}

static void set_services(void);

static void start(void)
{
    static const char name[] = "Nobody's";

    guest_start(0);
    memset(&efi, 0, sizeof(efi));
    efi_set_system_table(0);
    memset(map, 0, sizeof(map));
    nr_mappings = 0;
    services_root = NULL;
    memset(vendor, 0, sizeof(vendor));
    for (unsigned int i = 0; name[i]; i++)
        vendor[i] = (u16)name[i];
    memset(&table, 0, sizeof(table));
    table.header.signature = 0x5453595320494249UL;
    table.header.revision = 0x00020046;
    table.vendor = VENDOR_AT;
    table.vendor_revision = 7;
    table.runtime_services = SERVICES_AT;
    table.nr_tables = 9;
    table.tables = TABLES_AT;
    services.header.signature = 0x56524553544e5552UL;
    services.header.revision = 0x00020046;
    services.header.size = sizeof(services);
    set_services();
    describe(0, 7, 0x100000, 0x700, EFI_MEMORY_WB);
    describe(1, EFI_RUNTIME_SERVICES_CODE, 0x7e000000, 16, RUNTIME);
    describe(2, 6, 0x7e010000, 32, RUNTIME);
    describe(3, 11, 0xffc00000, 0x400, EFI_MEMORY_RUNTIME | 1);
}

static void boot(unsigned int descriptors)
{
    boot_cpu.phys_bits = 40;
    efi_set_system_table(TABLE_AT);
    efi_set_memory_map(map, descriptors * sizeof(map[0]), sizeof(map[0]));
    efi_init();
}

/* ---- the firmware ---- */

static unsigned int calls, saves, resets, loads;
static efi_status_t answer;
static unsigned long dom0_root, objects;

void fpu_save(struct vcpu *v)
{
    saves++;
}

void fpu_reset_registers(void)
{
    assert_int_equal(saves, calls + 1);
    resets++;
}

void fpu_load(struct vcpu *v)
{
    loads++;
}

/* What each service finds: its own root, no breakpoint, a stack as compilers want it. */
static void in_service(void)
{
    assert_int_equal(host_registers()->cr3, efi.root);
    assert_int_equal(host_registers()->dr[7], DR7_RESET);
    assert_int_equal(saves, calls + 1);
    assert_int_equal(resets, calls + 1);
    assert_int_equal(loads, calls);
    calls++;
}

static const struct xenpf_efi_time noon = {2026, 11, 30, 12, 1, 2, 3, -60, 1};

static EFI_CALL efi_status_t get_time(struct xenpf_efi_time *time,
                                      struct efi_time_capabilities *caps)
{
    in_service();
    assert_false(host_irqs_on);
    *time = noon;
    *caps = (struct efi_time_capabilities){1, 50000000, 1};
    return answer;
}

static EFI_CALL efi_status_t set_time(struct xenpf_efi_time *time)
{
    in_service();
    assert_false(host_irqs_on);
    assert_memory_equal(time, &noon, sizeof(noon));
    return answer;
}

static EFI_CALL efi_status_t get_wakeup_time(u8 *enabled, u8 *pending, struct xenpf_efi_time *time)
{
    in_service();
    *enabled = 1;
    *pending = 1;
    *time = noon;
    return answer;
}

static u8 alarm_enabled;
static bool alarm_has_time;

static EFI_CALL efi_status_t set_wakeup_time(u8 enable, struct xenpf_efi_time *time)
{
    in_service();
    alarm_enabled = enable;
    alarm_has_time = time != NULL;
    return answer;
}

static const u16 name_of_variable[] = {'B', 'o', 'o', 't', 0};
static struct xenpf_efi_guid guid = {0x8be4df61, 0x93ca, 0x11d2, {1, 2, 3, 4, 5, 6, 7, 8}};
static u64 size_seen, size_told;
static void *data_seen;
static u32 attributes_seen;
static char value[4096];

static EFI_CALL efi_status_t get_variable(u16 *name, struct xenpf_efi_guid *g, u32 *attributes,
                                          u64 *size, void *data)
{
    in_service();
    assert_true(host_irqs_on);
    assert_memory_equal(name, name_of_variable, sizeof(name_of_variable));
    assert_memory_equal(g, &guid, sizeof(guid));
    size_seen = *size;
    data_seen = data;
    *attributes = 7;
    if (!(answer & EFI_ERROR_BIT))
        memcpy(data, value, MIN(*size, size_told));
    *size = size_told;
    return answer;
}

static EFI_CALL efi_status_t set_variable(u16 *name, struct xenpf_efi_guid *g, u32 attributes,
                                          u64 size, void *data)
{
    in_service();
    assert_memory_equal(name, name_of_variable, sizeof(name_of_variable));
    assert_memory_equal(g, &guid, sizeof(guid));
    attributes_seen = attributes;
    size_seen = size;
    memcpy(value, data, size);
    return answer;
}

static bool without_end; /* dom0's does not */

static EFI_CALL efi_status_t get_next_variable_name(u64 *size, u16 *name, struct xenpf_efi_guid *g)
{
    in_service();
    size_seen = *size;
    assert_true(without_end || name[0] == 0);
    for (unsigned int i = 0; name[i]; i++) /* as old ones do */
        assert_true(i <= *size / sizeof(u16));
    if (!(answer & EFI_ERROR_BIT))
        memcpy(name, name_of_variable, sizeof(name_of_variable));
    *g = guid;
    *size = size_told;
    return answer;
}

static EFI_CALL efi_status_t get_next_high_monotonic_count(u32 *count)
{
    in_service();
    *count = 0x12345678;
    return answer;
}

static EFI_CALL efi_status_t query_variable_info(u32 attributes, u64 *max_store, u64 *remaining,
                                                 u64 *max_size)
{
    in_service();
    attributes_seen = attributes;
    *max_store = 0x10000;
    *remaining = 0x8000;
    *max_size = 0x400;
    return answer;
}

static void set_services(void)
{
    services.get_time = get_time;
    services.set_time = set_time;
    services.get_wakeup_time = get_wakeup_time;
    services.set_wakeup_time = set_wakeup_time;
    services.get_variable = get_variable;
    services.set_variable = set_variable;
    services.get_next_variable_name = get_next_variable_name;
    services.get_next_high_monotonic_count = get_next_high_monotonic_count;
    services.query_variable_info = query_variable_info;
}

static struct xenpf_efi_runtime_call op;

static void start_services(void)
{
    start();
    boot(4);
    assert_int_not_equal(efi.root, 0);
    calls = saves = resets = loads = 0;
    answer = EFI_SUCCESS;
    size_told = 0;
    memset(&op, 0, sizeof(op));
    memcpy(window(NAME), name_of_variable, sizeof(name_of_variable));
    current->arch.debugreg[7] = DR7_RESET | 1;
    load_debug_registers(current);
    dom0_root = host_registers()->cr3;
    objects = host_objects();
}

/* Calls @function. dom0 must find its registers as they were. @return as efi_runtime_call() */
static long call(u32 function, u32 misc)
{
    unsigned int before = calls;
    long rc;

    op.function = function;
    op.misc = misc;
    op.status = 0x5555;
    rc = efi_runtime_call(&op);
    assert_int_equal(host_registers()->cr3, dom0_root);
    assert_int_equal(host_registers()->dr[7], DR7_RESET | 1);
    assert_true(host_irqs_on);
    assert_int_equal(loads, calls);
    assert_int_equal(host_objects(), objects);
    if (calls == before)
        assert_true(op.status == 0x5555 || op.status == EFI_NOT_STARTED ||
                    op.status == EFI_SUCCESS);
    else
        assert_int_equal(op.status, answer);
    return rc;
}

static void set_names(unsigned long name, unsigned long data, u64 size)
{
    op.u.get_variable.name.p = (void *)name;
    op.u.get_variable.data.p = (void *)data;
    op.u.get_variable.size = size;
    op.u.get_variable.vendor_guid = guid;
}

static void end(void)
{
    xfree((void *)(unsigned long)efi.memory);
    efi.memory = NULL;
    if (services_root)
        free_hv_pages(services_root, 0);
    current->arch.debugreg[7] = DR7_RESET;
    guest_end();
}

/* ---- boot ---- */

static void tables_are_read(void **state)
{
    union xenpf_efi_info info;

    start();
    boot(4);
    assert_int_equal(efi.version, 0x00020046);
    assert_int_equal(efi_get_info(XEN_FW_EFI_VERSION, &info), 0);
    assert_int_equal(info.version, 0x00020046);
    assert_int_equal(efi_get_info(XEN_FW_EFI_RT_VERSION, &info), 0);
    assert_int_equal(info.version, 0x00020046);
    assert_int_equal(efi_get_info(XEN_FW_EFI_CONFIG_TABLE, &info), 0);
    assert_true(info.cfg.addr == TABLES_AT && info.cfg.nent == 9);
    assert_int_equal(efi_get_info(XEN_FW_EFI_PCI_ROM, &info), -XEN_ESRCH);
    assert_int_equal(efi_get_info(XEN_FW_EFI_APPLE_PROPERTIES, &info), -XEN_ENODATA);
    assert_int_equal(efi_get_info(7, &info), -XEN_EINVAL);
    end();
}

static void services_get_their_memory_and_no_other(void **state)
{
    start();
    boot(4);
    assert_int_equal(efi.root, virt_to_maddr(services_root));
    assert_int_equal(nr_mappings, 3);
    for (unsigned int i = 0; i < 3; i++) {
        const struct mapping *m = &mappings[i];

        assert_true(m->va == map[i + 1].m.start && m->pa == m->va);
        assert_int_equal(m->bytes, map[i + 1].m.pages * PAGE_SIZE);
        assert_false(m->flags & (PTE_USER | PTE_GLOBAL));
        assert_int_equal(!(m->flags & PTE_NX), i == 0); /* the code alone may run */
        assert_int_equal(!!(m->flags & PTE_UNCACHED), i == 2);
    }
    for (unsigned int i = HV_L4_FIRST; i <= HV_L4_LAST; i++)
        assert_int_equal(services_root[i],
                         i == DESCRIPTORS_L4_SLOT ? descriptors_l4_entry : hv_l4[i]);
    end();
}

static void no_uefi(void **state)
{
    union xenpf_efi_info info;

    start();
    efi_set_system_table(0);
    efi_init();
    for (unsigned int i = 0; i < 8; i++)
        assert_int_equal(efi_get_info(i, &info), -XEN_ENOSYS);
    assert_int_equal(efi_runtime_call(&op), -XEN_ENOSYS);
    table.header.signature++;
    boot(4);
    assert_int_equal(efi.version, 0);
    assert_int_equal(nr_mappings, 0);
    efi_set_system_table(0x1000); /* cannot be mapped */
    efi_init();
    assert_int_equal(efi.version, 0);
    end();
}

static void expect_no_services(unsigned int descriptors)
{
    union xenpf_efi_info info;

    boot(descriptors);
    assert_int_equal(efi.root, 0);
    assert_int_equal(efi_get_info(XEN_FW_EFI_VERSION, &info), 0);
    assert_int_equal(efi_get_info(XEN_FW_EFI_RT_VERSION, &info), -XEN_EOPNOTSUPP);
    op.function = XEN_EFI_get_time;
    assert_int_equal(efi_runtime_call(&op), -XEN_EOPNOTSUPP);
    end();
}

/* Tables that are wrong cost dom0 the services, and nothing else. */
static void wrong_tables(void **state)
{
    start();
    services.header.signature++;
    expect_no_services(4);
    start();
    services.header.size = 100;
    expect_no_services(4);
    start();
    services.header.size = sizeof(services) - 8; /* of revision 2, which has one more */
    expect_no_services(4);
    start();
    services.set_time = NULL;
    expect_no_services(4);
    start();
    services.query_variable_info = NULL;
    expect_no_services(4);
    start();
    table.runtime_services = 0;
    expect_no_services(4);
    start();
    ram.range[ram.count++] = (struct mem_range){0x7e008000, 0x7e009000}; /* given to domains */
    expect_no_services(4);
    ram.count--;
    start();
    expect_no_services(0); /* without a memory map */
    start();
    describe(2, 6, 0x7e00f000, 32, RUNTIME); /* overlaps the one before */
    expect_no_services(4);
    start();
    describe(2, 6, 0x7e010800, 32, RUNTIME);
    expect_no_services(4);
    start();
    describe(2, 6, 1UL << 40, 1, RUNTIME); /* the processor has no such address */
    expect_no_services(4);
    start();
    describe(2, 6, 0x7e010000, (1UL << 52) + 1, RUNTIME);
    expect_no_services(4);
    start();
    for (unsigned int i = 4; i < 1025; i++)
        describe(i, 7, 0x100000000UL + i * 0x1000UL, 1, EFI_MEMORY_WB);
    expect_no_services(1025); /* more than there is room for: one may be missing */
}

/* What is not the services' need not be sound, and what is empty is nothing. */
static void other_memory_does_not_matter(void **state)
{
    start();
    describe(0, 7, 0x7e000123, ~0UL, EFI_MEMORY_WB);
    describe(2, 6, 0x7e000000, 0, RUNTIME);
    boot(4);
    assert_int_not_equal(efi.root, 0);
    assert_int_equal(nr_mappings, 2);
    end();
}

static void short_descriptors_are_refused(void **state)
{
    start();
    efi_set_memory_map(map, sizeof(map), sizeof(struct efi_memory) - 1);
    boot(0);
    assert_int_equal(efi.nr_memory, 0);
    end();
}

static void memory_is_described(void **state)
{
    union xenpf_efi_info info = {.mem = {.addr = 0x7e011000, .size = 0x1000}};

    start();
    boot(4);
    assert_int_equal(efi_get_info(XEN_FW_EFI_MEM_INFO, &info), 0);
    assert_true(info.mem.type == 6 && info.mem.attr == RUNTIME && info.mem.size == 0x1000);
    info.mem.size = 0x1f000; /* exactly to the end */
    assert_int_equal(efi_get_info(XEN_FW_EFI_MEM_INFO, &info), 0);
    assert_int_equal(info.mem.size, 0x1f000);
    info.mem.size = ~0UL;
    assert_int_equal(efi_get_info(XEN_FW_EFI_MEM_INFO, &info), 0);
    assert_int_equal(info.mem.size, 0x1f000);
    info.mem.addr = 0x7e030000;
    assert_int_equal(efi_get_info(XEN_FW_EFI_MEM_INFO, &info), -XEN_ESRCH);
    info.mem.addr = 0xfffff;
    assert_int_equal(efi_get_info(XEN_FW_EFI_MEM_INFO, &info), -XEN_ESRCH);
    end();
}

static void vendor_fits_dom0s_room(void **state)
{
    union xenpf_efi_info info = {.vendor = {.bufsz = 200, .name.p = (void *)GUEST(NAME)}};

    start();
    boot(4);
    memset(window(NAME), 0xff, 64);
    assert_int_equal(efi_get_info(XEN_FW_EFI_VENDOR, &info), 0);
    assert_int_equal(info.vendor.revision, 7);
    assert_memory_equal(window(NAME), vendor, 9 * sizeof(u16));
    assert_int_equal(((u16 *)(void *)window(NAME))[9], 0xffff);
    memset(window(NAME), 0xff, 64);
    info.vendor.bufsz = 7;
    assert_int_equal(efi_get_info(XEN_FW_EFI_VENDOR, &info), 0);
    assert_int_equal(((u16 *)(void *)window(NAME))[2], 'b');
    assert_int_equal(((u16 *)(void *)window(NAME))[3], 0xffff);
    info.vendor.name.p = NULL;
    assert_int_equal(efi_get_info(XEN_FW_EFI_VENDOR, &info), -XEN_EFAULT);
    info.vendor.bufsz = 1;
    assert_int_equal(efi_get_info(XEN_FW_EFI_VENDOR, &info), 0);
    end();
    /* A vendor without an end, and none. */
    start();
    for (unsigned int i = 0; i < EFI_VENDOR_MAX; i++)
        vendor[i] = 'x';
    boot(4);
    info.vendor.bufsz = ~0U;
    info.vendor.name.p = (void *)GUEST(NAME);
    assert_int_equal(efi_get_info(XEN_FW_EFI_VENDOR, &info), 0);
    assert_int_equal(((u16 *)(void *)window(NAME))[EFI_VENDOR_MAX - 1], 0);
    end();
}

/* ---- services ---- */

static void time(void **state)
{
    start_services();
    assert_int_equal(call(XEN_EFI_get_time, 0), 0);
    assert_memory_equal(&op.u.get_time.time, &noon, sizeof(noon));
    assert_true(op.u.get_time.resolution == 1 && op.u.get_time.accuracy == 50000000);
    assert_int_equal(op.misc, XEN_EFI_GET_TIME_SET_CLEARS_NS);
    assert_int_equal(call(XEN_EFI_get_time, 1), -XEN_EINVAL);
    op.u.set_time = noon;
    assert_int_equal(call(XEN_EFI_set_time, 0), 0);
    assert_int_equal(call(XEN_EFI_set_time, 1), -XEN_EINVAL);
    memset(&op.u, 0, sizeof(op.u));
    assert_int_equal(call(XEN_EFI_get_wakeup_time, 0), 0);
    assert_memory_equal(&op.u.get_wakeup_time, &noon, sizeof(noon));
    assert_int_equal(op.misc, 3);
    assert_int_equal(call(XEN_EFI_get_wakeup_time, 2), -XEN_EINVAL);
    assert_int_equal(calls, 3);
    answer = EFI_ERROR_BIT | 3;
    assert_int_equal(call(XEN_EFI_get_time, 0), 0);
    assert_int_equal(op.misc, 0);
    assert_int_equal(call(XEN_EFI_get_wakeup_time, 0), 0);
    assert_int_equal(op.misc, 0);
    end();
}

static void alarm(void **state)
{
    start_services();
    for (u32 misc = 0; misc < 4; misc++) {
        assert_int_equal(call(XEN_EFI_set_wakeup_time, misc), 0);
        assert_int_equal(alarm_enabled, misc & 1);
        assert_int_equal(alarm_has_time, !(misc & 2));
        assert_int_equal(op.misc, 0);
    }
    assert_int_equal(call(XEN_EFI_set_wakeup_time, 4), -XEN_EINVAL);
    assert_int_equal(calls, 4);
    end();
}

static void count(void **state)
{
    start_services();
    assert_int_equal(call(XEN_EFI_get_next_high_monotonic_count, 0), 0);
    assert_int_equal(op.misc, 0x12345678);
    assert_int_equal(call(XEN_EFI_get_next_high_monotonic_count, 1), -XEN_EINVAL);
    end();
}

static void read_variable(void **state)
{
    start_services();
    memset(value, 0x77, sizeof(value));
    memset(window(DATA), 0, 32);
    set_names(GUEST(NAME), GUEST(DATA), 16);
    size_told = 5;
    assert_int_equal(call(XEN_EFI_get_variable, 0), 0);
    assert_true(size_seen == 16 && op.u.get_variable.size == 5 && op.misc == 7);
    assert_memory_equal(window(DATA), value, 5);
    assert_int_equal(((char *)window(DATA))[5], 0);
    /* A firmware that tells more than it was given room for. */
    set_names(GUEST(NAME), GUEST(DATA), 16);
    size_told = 4096;
    assert_int_equal(call(XEN_EFI_get_variable, 0), 0);
    assert_int_equal(((char *)window(DATA))[15], 0x77);
    assert_int_equal(((char *)window(DATA))[16], 0);
    /* Asking for the size. */
    set_names(GUEST(NAME), 0, 0);
    answer = EFI_BUFFER_TOO_SMALL;
    size_told = 300;
    assert_int_equal(call(XEN_EFI_get_variable, 0), 0);
    assert_null(data_seen);
    assert_int_equal(op.u.get_variable.size, 300);
    assert_int_equal(call(XEN_EFI_get_variable, 1), -XEN_EINVAL);
    end();
}

static void variable_refused(void **state)
{
    unsigned long last = HOST_WINDOW - 2;

    start_services();
    set_names(0, GUEST(DATA), 16);
    assert_int_equal(call(XEN_EFI_get_variable, 0), -XEN_EFAULT);
    assert_int_equal(call(XEN_EFI_set_variable, 7), -XEN_EFAULT);
    /* A name that ends with the memory, without a 0. */
    *(u16 *)(void *)(host_guest + last) = 'x';
    set_names(GUEST(last), GUEST(DATA), 16);
    assert_int_equal(call(XEN_EFI_get_variable, 0), -XEN_EFAULT);
    for (unsigned int i = 0; i < 2048; i++)
        ((u16 *)(void *)window(NOTE))[i] = 'x';
    set_names(GUEST(NOTE), GUEST(DATA), 16);
    assert_int_equal(call(XEN_EFI_set_variable, 7), -XEN_ENOMEM);
    set_names(GUEST(NAME), GUEST(DATA), (1UL << 20) + 1);
    assert_int_equal(call(XEN_EFI_get_variable, 0), -XEN_ENOMEM);
    assert_int_equal(call(XEN_EFI_set_variable, 7), -XEN_ENOMEM);
    set_names(GUEST(NAME), GUEST(HOST_WINDOW - 8), 16);
    assert_int_equal(call(XEN_EFI_set_variable, 7), -XEN_EFAULT);
    assert_int_equal(calls, 0);
    size_told = 16;
    assert_int_equal(call(XEN_EFI_get_variable, 0), -XEN_EFAULT);
    for (unsigned long n = 1; n <= 2; n++) {
        set_names(GUEST(NAME), GUEST(DATA), 16);
        host_fail_allocation(n);
        assert_int_equal(call(n == 1 ? XEN_EFI_get_variable : XEN_EFI_set_variable, 0),
                         -XEN_ENOMEM);
        assert_true(host_failed());
    }
    end();
}

static unsigned int reads;

/* Dom0's other vCPU shortens the name after it was measured. */
static void shorten(void *place, unsigned long bytes)
{
    if (bytes == sizeof(u16) && ++reads == ARRAY_SIZE(name_of_variable))
        ((u16 *)(void *)window(NAME))[2] = 0;
}

static void name_changes_meanwhile(void **state)
{
    start_services();
    set_names(GUEST(NAME), GUEST(DATA), 0);
    reads = 0;
    host_after_guest_read = shorten;
    assert_int_equal(call(XEN_EFI_set_variable, 7), -XEN_EIO);
    host_after_guest_read = NULL;
    assert_int_equal(calls, 0);
    end();
}

static void write_variable(void **state)
{
    start_services();
    memset(value, 0, sizeof(value));
    memset(window(DATA), 0x66, 32);
    set_names(GUEST(NAME), GUEST(DATA), 16);
    assert_int_equal(call(XEN_EFI_set_variable, 0x47), 0);
    assert_true(attributes_seen == 0x47 && size_seen == 16);
    assert_memory_equal(value, window(DATA), 16);
    assert_int_equal(value[16], 0);
    set_names(GUEST(NAME), 0, 0); /* removes it */
    answer = EFI_NOT_FOUND;
    assert_int_equal(call(XEN_EFI_set_variable, 7), 0);
    assert_int_equal(size_seen, 0);
    end();
}

static void next_name(void **state)
{
    start_services();
    memset(window(NOTE), 0, 64);
    op.u.get_next_variable_name.size = 32;
    op.u.get_next_variable_name.name.p = (void *)GUEST(NOTE);
    size_told = 10;
    assert_int_equal(call(XEN_EFI_get_next_variable_name, 0), 0);
    assert_true(size_seen == 32 && op.u.get_next_variable_name.size == 10);
    assert_memory_equal(window(NOTE), name_of_variable, sizeof(name_of_variable));
    assert_memory_equal(&op.u.get_next_variable_name.vendor_guid, &guid, sizeof(guid));
    assert_int_equal(call(XEN_EFI_get_next_variable_name, 1), -XEN_EINVAL);
    memset(window(NOTE), 'x', 64); /* without a 0 */
    without_end = true;
    for (u64 size = 31; size <= 32; size++) {
        op.u.get_next_variable_name.size = size;
        assert_int_equal(call(XEN_EFI_get_next_variable_name, 0), 0);
    }
    without_end = false;
    memset(window(NOTE), 0, 64);
    answer = EFI_BUFFER_TOO_SMALL;
    op.u.get_next_variable_name.size = 2;
    assert_int_equal(call(XEN_EFI_get_next_variable_name, 0), 0);
    assert_int_equal(*window(NOTE), 0);
    op.u.get_next_variable_name.size = (1UL << 20) + 2;
    assert_int_equal(call(XEN_EFI_get_next_variable_name, 0), -XEN_ENOMEM);
    op.u.get_next_variable_name.size = 16;
    op.u.get_next_variable_name.name.p = (void *)GUEST(HOST_WINDOW - 8);
    assert_int_equal(call(XEN_EFI_get_next_variable_name, 0), -XEN_EFAULT);
    assert_int_equal(calls, 4);
    end();
}

static void variable_info(void **state)
{
    start_services();
    op.u.query_variable_info.attr = 3;
    assert_int_equal(call(XEN_EFI_query_variable_info, 0), 0);
    assert_int_equal(attributes_seen, 3);
    assert_true(op.u.query_variable_info.max_store_size == 0x10000 &&
                op.u.query_variable_info.remain_store_size == 0x8000 &&
                op.u.query_variable_info.max_size == 0x400);
    /* There is no snapshot. */
    assert_int_equal(call(XEN_EFI_query_variable_info, 1), -XEN_EINVAL);
    op.u.query_variable_info.attr = 0x47;
    assert_int_equal(call(XEN_EFI_query_variable_info, 1), 0);
    assert_int_equal(op.u.query_variable_info.max_store_size, 0);
    assert_int_equal(op.status, EFI_SUCCESS);
    assert_int_equal(call(XEN_EFI_query_variable_info, 2), -XEN_EINVAL);
    assert_int_equal(calls, 1);
    end();
}

/* A firmware before 2.0 has a shorter table: what lies behind it is not called. */
static void old_firmware(void **state)
{
    start_services();
    end();
    start();
    services.header.revision = 0x0001000a;
    services.header.size = offsetof(struct efi_services, update_capsule);
    boot(4);
    assert_null(efi.services.query_variable_info);
    calls = saves = resets = loads = 0;
    current->arch.debugreg[7] = DR7_RESET | 1;
    load_debug_registers(current);
    dom0_root = host_registers()->cr3;
    objects = host_objects();
    assert_int_equal(call(XEN_EFI_query_variable_info, 0), -XEN_EOPNOTSUPP);
    assert_int_equal(call(XEN_EFI_query_capsule_capabilities, 0), -XEN_EOPNOTSUPP);
    assert_int_equal(call(XEN_EFI_get_time, 0), 0);
    end();
}

/* A vCPU that came to this CPU in user mode, and entered its kernel by itself. */
static void kernels_root_comes_back(void **state)
{
    mfn_t usual;

    start_services();
    usual = current->arch.guest_table_user;
    current->arch.guest_table_user = page_to_mfn(host_frame(current->domain, 1));
    enter_guest_user(current);
    tlb_switch_root(vcpu_cr3(current));
    assert_int_not_equal(host_registers()->cr3, dom0_root);
    enter_guest_kernel(current);
    assert_int_equal(host_registers()->cr3, dom0_root);
    assert_int_equal(call(XEN_EFI_get_time, 0), 0);
    assert_int_equal(call(XEN_EFI_get_next_high_monotonic_count, 0), 0);
    current->arch.guest_table_user = usual;
    end();
}

static void no_such_function(void **state)
{
    start_services();
    assert_int_equal(call(0, 0), -XEN_ENOSYS);
    assert_int_equal(call(12, 0), -XEN_ENOSYS);
    assert_int_equal(call(XEN_EFI_query_capsule_capabilities, 0), -XEN_ENOSYS);
    assert_int_equal(call(XEN_EFI_update_capsule, 0), -XEN_ENOSYS);
    assert_int_equal(call(XEN_EFI_update_capsule, 1), -XEN_EINVAL);
    assert_int_equal(calls, 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_read),
        cmocka_unit_test(services_get_their_memory_and_no_other),
        cmocka_unit_test(no_uefi),
        cmocka_unit_test(wrong_tables),
        cmocka_unit_test(other_memory_does_not_matter),
        cmocka_unit_test(short_descriptors_are_refused),
        cmocka_unit_test(memory_is_described),
        cmocka_unit_test(vendor_fits_dom0s_room),
        cmocka_unit_test(time),
        cmocka_unit_test(alarm),
        cmocka_unit_test(count),
        cmocka_unit_test(read_variable),
        cmocka_unit_test(variable_refused),
        cmocka_unit_test(name_changes_meanwhile),
        cmocka_unit_test(write_variable),
        cmocka_unit_test(next_name),
        cmocka_unit_test(variable_info),
        cmocka_unit_test(old_firmware),
        cmocka_unit_test(kernels_root_comes_back),
        cmocka_unit_test(no_such_function),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
