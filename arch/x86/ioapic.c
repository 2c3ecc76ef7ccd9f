/* SPDX-License-Identifier: MIT */
/*
 * IO-APICs: masking, routing, trigger modes of interrupt lines.
 *
 * Every input starts masked. An input belongs to the global interrupt number gsi_base + pin; only
 * we write its redirection entry. Dom0 may read the registers, and its writes are ignored: it names
 * the interrupts to us instead (PHYSDEVOP_setup_gsi and _map_pirq).
 */
#include <asm/acpi.h>
#include <asm/apic.h>
#include <asm/io.h>
#include <asm/ioapic.h>
#include <asm/irq.h>
#include <lib.h>
#include <percpu.h>
#include <public/errno.h>
#include <spinlock.h>

#define IOREGSEL        0x00
#define IOWIN           0x10
#define REG_ID          0x00
#define REG_VERSION     0x01
#define REG_ARBITRATION 0x02
#define REG_ENTRY(pin)  (0x10U + 2U * (pin))

#define ENTRY_MASKED     (1U << 16)
#define ENTRY_LEVEL      (1U << 15)
#define ENTRY_ACTIVE_LOW (1U << 13)

static struct ioapic {
    u8 *regs;
    paddr_t address;
    unsigned int gsi_base, pins;
} ioapics[ACPI_MAX_IOAPICS];
static unsigned int nr_ioapics;
static spinlock_t ioapic_lock = SPINLOCK_INIT(RANK_DEVICE);

static u32 read_reg(const struct ioapic *io, u32 reg)
{
    writel(reg, io->regs + IOREGSEL);
    return readl(io->regs + IOWIN);
}

static void write_reg(const struct ioapic *io, u32 reg, u32 value)
{
    writel(reg, io->regs + IOREGSEL);
    writel(value, io->regs + IOWIN);
}

static const struct ioapic *find_by_gsi(unsigned int gsi)
{
    for (unsigned int i = 0; i < nr_ioapics; i++)
        if (gsi - ioapics[i].gsi_base < ioapics[i].pins)
            return &ioapics[i];
    return NULL;
}

static void set_mask(unsigned int irq, bool masked)
{
    const struct ioapic *io = find_by_gsi(irq);
    u32 reg, low;

    if (!io)
        return;
    reg = REG_ENTRY(irq - io->gsi_base);
    spin_lock(&ioapic_lock);
    low = read_reg(io, reg);
    write_reg(io, reg, masked ? low | ENTRY_MASKED : low & ~ENTRY_MASKED);
    if (masked)
        read_reg(io, reg); /* the mask must have arrived before the EOI that may follow */
    spin_unlock(&ioapic_lock);
}

static void ioapic_mask(unsigned int irq)
{
    set_mask(irq, true);
}

static void ioapic_unmask(unsigned int irq)
{
    set_mask(irq, false);
}

/* Programs fixed delivery to one CPU, by its physical id. */
static void ioapic_setup(unsigned int irq, u8 vector, bool level, bool active_low)
{
    const struct ioapic *io = find_by_gsi(irq);
    u32 reg;

    if (!io)
        return;
    reg = REG_ENTRY(irq - io->gsi_base);
    spin_lock(&ioapic_lock);
    write_reg(io, reg, ENTRY_MASKED);
    write_reg(io, reg + 1, irq_destination(irq) << 24);
    write_reg(io, reg,
              ENTRY_MASKED | (level ? ENTRY_LEVEL : 0) | (active_low ? ENTRY_ACTIVE_LOW : 0) |
                  vector);
    spin_unlock(&ioapic_lock);
}

/* The destination is a register of its own, so an interrupt meets the old or the new one. */
static void ioapic_redirect(unsigned int irq)
{
    const struct ioapic *io = find_by_gsi(irq);

    if (!io)
        return;
    spin_lock(&ioapic_lock);
    write_reg(io, REG_ENTRY(irq - io->gsi_base) + 1, irq_destination(irq) << 24);
    spin_unlock(&ioapic_lock);
}

static const struct irq_controller ioapic_controller = {
    .name = "IO-APIC",
    .mask = ioapic_mask,
    .unmask = ioapic_unmask,
    .setup = ioapic_setup,
    .redirect = ioapic_redirect,
};

static void __init init_one(const struct acpi_ioapic *a)
{
    struct ioapic *io = &ioapics[nr_ioapics];

    *io = (struct ioapic){
        .regs = ioremap(a->address, PAGE_SIZE), .address = a->address, .gsi_base = a->gsi_base};
    if (!io->regs || read_reg(io, REG_VERSION) == ~0U) {
        printk(LOG_WARNING, "IO-APIC %u at %#lx does not answer, ignored", a->id,
               (unsigned long)a->address);
        return;
    }
    io->pins = (read_reg(io, REG_VERSION) >> 16 & 0xff) + 1;
    if (io->gsi_base >= MAX_IRQS || io->pins > MAX_IRQS - io->gsi_base || io->pins > 240) {
        printk(LOG_WARNING, "IO-APIC %u: interrupts %u and up are out of our range, ignored", a->id,
               io->gsi_base);
        return;
    }
    for (unsigned int pin = 0; pin < io->pins; pin++) {
        write_reg(io, REG_ENTRY(pin), ENTRY_MASKED);
        irq_set_controller(io->gsi_base + pin, &ioapic_controller);
    }
    nr_gsis = MAX(nr_gsis, io->gsi_base + io->pins);
    nr_ioapics++;
    printk(LOG_INFO, "IO-APIC %u: interrupts %u-%u", a->id, io->gsi_base,
           io->gsi_base + io->pins - 1);
}

void __init ioapic_init(void)
{
    for (unsigned int i = 0; i < acpi.nr_ioapics; i++)
        init_one(&acpi.ioapic[i]);
    if (!nr_ioapics)
        printk(LOG_WARNING, "No IO-APIC: dom0 gets no device interrupts");
}

static const struct ioapic *find_by_address(u64 physbase)
{
    for (unsigned int i = 0; i < nr_ioapics; i++)
        if (ioapics[i].address == physbase)
            return &ioapics[i];
    return NULL;
}

static bool register_exists(const struct ioapic *io, u32 reg)
{
    return reg <= REG_ARBITRATION || (reg >= REG_ENTRY(0) && reg < REG_ENTRY(io->pins));
}

int ioapic_guest_read(u64 physbase, u32 reg, u32 *value)
{
    const struct ioapic *io = find_by_address(physbase);
    unsigned long flags;

    if (!io || !register_exists(io, reg))
        return -XEN_EINVAL;
    flags = spin_lock_irqsave(&ioapic_lock);
    *value = read_reg(io, reg);
    spin_unlock_irqrestore(&ioapic_lock, flags);
    return 0;
}

int ioapic_guest_write(u64 physbase, u32 reg, u32 value)
{
    const struct ioapic *io = find_by_address(physbase);

    return io && register_exists(io, reg) ? 0 : -XEN_EINVAL;
}
