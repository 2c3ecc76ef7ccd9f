/* SPDX-License-Identifier: MIT */
/*
 * Reading the firmware's ACPI tables into `acpi`.
 *
 * RSDP -> XSDT or RSDT -> MADT (APICs, interrupt overrides), FADT (power management ports, DSDT),
 * HPET, MCFG. We do not trust them to be well formed: we check lengths before we use them, verify
 * sums, and cut lists at the size of our arrays. Structure layouts: ACPI 6.4, chapter 5; HPET
 * specification 1.0a, 3.2.4; PCI firmware specification 3.2, 4.1.2.
 */
#include <asm/acpi.h>
#include <asm/irq.h>
#include <lib.h>

#define MAX_TABLES     256U
#define MAX_TABLE_SIZE (8U << 20)

struct rsdp {
    char signature[8];
    u8 checksum; /* over the first 20 bytes */
    char oem_id[6];
    u8 revision; /* 2 and up: the members from here on exist */
    u32 rsdt;
    u32 length;
    u64 xsdt;
    u8 extended_checksum;
    u8 reserved[3];
} __packed;

struct header {
    char signature[4];
    u32 length;
    u8 revision, checksum;
    char oem_id[6], oem_table_id[8];
    u32 oem_revision, creator_id, creator_revision;
} __packed;

enum { SPACE_MEMORY = 0, SPACE_PORT = 1 };

struct generic_address {
    u8 space; /* SPACE_* */
    u8 width, offset, access;
    u64 address;
} __packed;

struct fadt {
    struct header h;
    u32 firmware_control, dsdt;
    u8 reserved0, profile;
    u16 sci_irq;
    u32 smi_command;
    u8 acpi_enable, acpi_disable, s4bios, pstate;
    u32 pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
    u8 pm1_event_len, pm1_control_len, pm2_control_len, pm_timer_len, gpe0_len, gpe1_len, gpe1_base;
    u8 cst_control;
    u16 c2_latency, c3_latency, flush_size, flush_stride;
    u8 duty_offset, duty_width, day_alarm, month_alarm, century;
    u16 boot_flags;
    u8 reserved1;
    u32 flags;
    struct generic_address reset_register;
    u8 reset_value;
    u16 arm_flags;
    u8 minor;
    u64 x_firmware_control, x_dsdt;
    struct generic_address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control,
        x_pm2_control, x_pm_timer, x_gpe0, x_gpe1, sleep_control, sleep_status;
} __packed;

#define FADT_TIMER_32BIT    (1U << 8)
#define FADT_RESET_REGISTER (1U << 10)
#define FADT_HW_REDUCED     (1U << 20)

struct madt {
    struct header h;
    u32 lapic_address;
    u32 flags; /* bit 0: there is a legacy PIC as well */
} __packed;

enum {
    MADT_LAPIC = 0,
    MADT_IOAPIC = 1,
    MADT_ISA_IRQ = 2,
    MADT_LAPIC_NMI = 4,
    MADT_LAPIC_ADDRESS = 5,
    MADT_X2APIC = 9
};
#define MADT_CPU_ENABLED 1U
#define MADT_CPU_CAPABLE 2U
#define MPS_LOW          3U /* polarity field */
#define MPS_LEVEL        3U /* trigger field, two bits up */

struct hpet_table {
    struct header h;
    u32 id;
    struct generic_address base;
} __packed;

struct mcfg_table {
    struct header h;
    u64 reserved;
    struct {
        u64 address;
        u16 segment;
        u8 first_bus, last_bus;
        u32 reserved;
    } __packed entry[];
} __packed;

struct acpi_info acpi;
static struct rsdp loader_rsdp __initdata;
static bool have_loader_rsdp __initdata;

static bool __init sum_ok(const void *p, size_t len)
{
    const u8 *b = p;
    u8 sum = 0;

    while (len--)
        sum = (u8)(sum + *b++);
    return sum == 0;
}

static bool __init rsdp_ok(const struct rsdp *r)
{
    if (memcmp(r->signature, "RSD PTR ", 8) || !sum_ok(r, 20))
        return false;
    return r->revision < 2 ||
           (r->length >= sizeof(*r) && r->length <= 4096 && sum_ok(r, sizeof(*r)));
}

void __init acpi_set_rsdp(const void *rsdp, size_t len)
{
    memset(&loader_rsdp, 0, sizeof(loader_rsdp));
    memcpy(&loader_rsdp, rsdp, MIN(len, sizeof(loader_rsdp)));
    if (len < 20 || (loader_rsdp.revision >= 2 && len < sizeof(loader_rsdp)))
        return;
    have_loader_rsdp = rsdp_ok(&loader_rsdp);
}

/* Searches the EBDA's first KiB, whose segment the BIOS data area names, then the BIOS area. */
static const struct rsdp *__init scan_bios(void)
{
    const u16 *ebda = acpi_map(0x40e, 2);
    const struct {
        paddr_t start;
        size_t len;
    } areas[] = {{ebda ? (paddr_t)*ebda << 4 : 0, 1024}, {0xe0000, 0x20000}};

    for (unsigned int a = 0; a < ARRAY_SIZE(areas); a++) {
        const char *area;

        if (areas[a].start < 0x80000 || areas[a].start >= 0x100000)
            continue;
        area = acpi_map(areas[a].start, areas[a].len);
        for (size_t i = 0; area && i + sizeof(struct rsdp) <= areas[a].len; i += 16)
            if (rsdp_ok((const struct rsdp *)(area + i)))
                return (const struct rsdp *)(area + i);
    }
    return NULL;
}

/* Finds the root pointer: the named one, the boot loader's or one in the BIOS area. */
static const struct rsdp *__init find_rsdp(paddr_t named)
{
    const struct rsdp *r = named ? acpi_map(named, sizeof(*r)) : NULL;

    if (r && rsdp_ok(r))
        return r;
    if (named)
        printk(LOG_WARNING, "acpi_rsdp=%#lx: no root pointer of ACPI's there, ignored",
               (unsigned long)named);
    return have_loader_rsdp ? &loader_rsdp : scan_bios();
}

/*
 * Maps the table at @pa.
 * @return NULL, after a warning: it is not a sound table
 */
static const struct header *__init acpi_map_table(paddr_t pa)
{
    const struct header *h = pa ? acpi_map(pa, sizeof(*h)) : NULL;
    u32 len;

    if (!h)
        return NULL;
    len = h->length;
    if (len < sizeof(*h) || len > MAX_TABLE_SIZE || (h = acpi_map(pa, len)) == NULL) {
        printk(LOG_WARNING, "ACPI: table at %#lx: impossible length %u", (unsigned long)pa, len);
        return NULL;
    }
    if (!sum_ok(h, len)) {
        printk(LOG_WARNING, "ACPI: table %.4s at %#lx: bad checksum, ignored", h->signature,
               (unsigned long)pa);
        return NULL;
    }
    return h;
}

static void __init add_cpu(u32 apic_id, u32 acpi_id, u32 flags)
{
    if (!(flags & (MADT_CPU_ENABLED | MADT_CPU_CAPABLE)) || acpi.nr_cpus == NR_CPUS)
        return;
    for (unsigned int i = 0; i < acpi.nr_cpus; i++)
        if (acpi.cpu[i].apic_id == apic_id) /* listed as LAPIC and as x2APIC */
            return;
    acpi.cpu[acpi.nr_cpus++] = (struct acpi_cpu){apic_id, acpi_id, flags & MADT_CPU_ENABLED};
}

static u32 __init acpi_get32(const u8 *p)
{
    u32 v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static void __init madt_entry(const u8 *e, u8 len)
{
    u64 address;

    if (e[0] == MADT_LAPIC && len >= 8) {
        add_cpu(e[3], e[2], acpi_get32(e + 4));
    } else if (e[0] == MADT_X2APIC && len >= 16) {
        add_cpu(acpi_get32(e + 4), acpi_get32(e + 12), acpi_get32(e + 8));
    } else if (e[0] == MADT_IOAPIC && len >= 12 && acpi.nr_ioapics < ACPI_MAX_IOAPICS) {
        acpi.ioapic[acpi.nr_ioapics++] = (struct acpi_ioapic){e[2], acpi_get32(e + 8),
                                                              acpi_get32(e + 4)};
    } else if (e[0] == MADT_ISA_IRQ && len >= 10 && e[2] == 0 && e[3] < NR_ISA_IRQS &&
               acpi_get32(e + 4) < MAX_IRQS) {
        acpi.isa[e[3]] = (struct acpi_isa_irq){acpi_get32(e + 4), (e[8] >> 2 & 3) == MPS_LEVEL,
                                               (e[8] & 3) == MPS_LOW};
    } else if (e[0] == MADT_LAPIC_NMI && len >= 6 && e[5] < 2) {
        acpi.lapic_nmi_lint = e[5];
        acpi.lapic_nmi_present = true;
    } else if (e[0] == MADT_LAPIC_ADDRESS && len >= 12) {
        memcpy(&address, e + 4, sizeof(address));
        acpi.lapic_address = address;
    }
}

static void __init parse_madt(const struct header *h)
{
    const struct madt *m = (const struct madt *)h;

    if (h->length < sizeof(*m))
        return;
    acpi.lapic_address = m->lapic_address;
    acpi.has_pic = m->flags & 1;
    for (u32 i = sizeof(*m); i + 2 <= h->length;) {
        const u8 *e = (const u8 *)m + i;

        if (e[1] < 2 || e[1] > h->length - i) {
            printk(LOG_WARNING, "ACPI: MADT: entry at %u runs past the end, rest ignored", i);
            return;
        }
        madt_entry(e, e[1]);
        i += e[1];
    }
}

/*
 * @return an I/O port from a 32-bit legacy field or, when that is empty, from its extended form; 0:
 * none
 */
static u16 __init fadt_port(u32 legacy, const struct fadt *f,
                            const struct generic_address *extended)
{
    bool has_extended = (const u8 *)(extended + 1) <= (const u8 *)f + f->h.length;

    if (legacy)
        return legacy <= 0xffff ? (u16)legacy : 0;
    if (has_extended && extended->space == SPACE_PORT && extended->address <= 0xffff)
        return (u16)extended->address;
    return 0;
}

/* @return a register of the FADT, if it ends within its @length bytes */
static struct acpi_register __init fadt_register(const struct fadt *f,
                                                 const struct generic_address *a)
{
    if ((const u8 *)(a + 1) > (const u8 *)f + f->h.length || !a->address)
        return (struct acpi_register){0};
    if (a->space == SPACE_PORT && a->address <= 0xffff)
        return (struct acpi_register){.port = (u16)a->address};
    if (a->space == SPACE_MEMORY)
        return (struct acpi_register){.memory = acpi_map_register(a->address)};
    return (struct acpi_register){0};
}

static bool __init table_has_s5(paddr_t pa)
{
    const struct header *h = acpi_map_table(pa);

    return h && acpi_find_s5((const u8 *)(h + 1), h->length - sizeof(*h), &acpi.s5_type_a,
                             &acpi.s5_type_b);
}

static void __init parse_fadt(const struct header *h)
{
    const struct fadt *f = (const struct fadt *)h;
    paddr_t dsdt;

    if (h->length < offsetof(struct fadt, reset_register)) /* ACPI 1.0 ends here */
        return;
    acpi.has_fadt = true;
    acpi.sci_irq = f->sci_irq;
    acpi.century_register = f->century;
    if (f->flags & FADT_HW_REDUCED) {
        acpi.sleep_control = fadt_register(f, &f->sleep_control);
    } else {
        acpi.pm1a_control = fadt_port(f->pm1a_control, f, &f->x_pm1a_control);
        acpi.pm1b_control = fadt_port(f->pm1b_control, f, &f->x_pm1b_control);
    }
    acpi.pm_timer_port = fadt_port(f->pm_timer, f, &f->x_pm_timer);
    acpi.pm_timer_32bit = f->flags & FADT_TIMER_32BIT;
    if (h->length >= offsetof(struct fadt, arm_flags) && (f->flags & FADT_RESET_REGISTER)) {
        acpi.reset = fadt_register(f, &f->reset_register);
        acpi.reset_value = f->reset_value;
    }
    dsdt = h->length >= offsetof(struct fadt, x_pm1a_event) && f->x_dsdt ? f->x_dsdt : f->dsdt;
    if (table_has_s5(dsdt))
        acpi.has_s5 = true;
}

static void __init parse_hpet(const struct header *h)
{
    const struct hpet_table *t = (const struct hpet_table *)h;

    if (h->length >= sizeof(*t) && t->base.space == SPACE_MEMORY)
        acpi.hpet_address = t->base.address;
}

static void __init parse_mcfg(const struct header *h)
{
    const struct mcfg_table *m = (const struct mcfg_table *)h;
    u32 n;

    if (h->length < sizeof(*m))
        return;
    n = (h->length - (u32)sizeof(*m)) / (u32)sizeof(m->entry[0]);
    for (u32 i = 0; i < n && acpi.nr_mcfg < ACPI_MAX_MCFG; i++)
        acpi.mcfg[acpi.nr_mcfg++] = (struct acpi_mcfg){m->entry[i].address, m->entry[i].segment,
                                                       m->entry[i].first_bus, m->entry[i].last_bus};
}

static void __init parse_table(paddr_t pa)
{
    const struct header *h = acpi_map_table(pa);

    if (!h)
        return;
    if (!memcmp(h->signature, "APIC", 4))
        parse_madt(h);
    else if (!memcmp(h->signature, "FACP", 4))
        parse_fadt(h);
    else if (!memcmp(h->signature, "HPET", 4))
        parse_hpet(h);
    else if (!memcmp(h->signature, "MCFG", 4))
        parse_mcfg(h);
    else if (!memcmp(h->signature, "SSDT", 4) && !acpi.has_s5)
        acpi.has_s5 = acpi_find_s5((const u8 *)(h + 1), h->length - sizeof(*h), &acpi.s5_type_a,
                                   &acpi.s5_type_b);
}

/* Reads the tables that the root table lists, by 4- or 8-byte addresses. */
static bool __init parse_root(paddr_t pa, const char *signature, size_t address_size)
{
    const struct header *root = acpi_map_table(pa);
    const u8 *entry;
    size_t n;

    if (!root || memcmp(root->signature, signature, 4))
        return false;
    entry = (const u8 *)(root + 1);
    n = (root->length - sizeof(*root)) / address_size;
    if (n > MAX_TABLES) {
        printk(LOG_WARNING, "ACPI: %.4s lists %lu tables; only %u are looked at", signature,
               (unsigned long)n, MAX_TABLES);
        n = MAX_TABLES;
    }
    for (size_t i = 0; i < n; i++, entry += address_size) {
        u64 address = 0;

        memcpy(&address, entry, address_size);
        parse_table(address);
    }
    return true;
}

bool acpi_can_power_off(void)
{
    return acpi.has_s5 &&
           (acpi.pm1a_control || acpi.sleep_control.port || acpi.sleep_control.memory);
}

bool __init acpi_init(paddr_t rsdp)
{
    const struct rsdp *r = find_rsdp(rsdp);
    bool found;

    memset(&acpi, 0, sizeof(acpi));
    acpi.lapic_address = 0xfee00000;
    for (unsigned int i = 0; i < NR_ISA_IRQS; i++)
        acpi.isa[i] = (struct acpi_isa_irq){.gsi = i};
    if (!r)
        return false;
    found = r->revision >= 2 && r->xsdt && parse_root(r->xsdt, "XSDT", 8);
    if (!found)
        found = parse_root(r->rsdt, "RSDT", 4);
    if (found)
        printk(LOG_INFO, "ACPI: %u CPUs, %u IO-APICs, %s%s%s", acpi.nr_cpus, acpi.nr_ioapics,
               acpi.hpet_address ? "HPET, " : "", acpi.pm_timer_port ? "PM timer, " : "",
               acpi_can_power_off() ? "soft off" : "no soft off");
    return found;
}
