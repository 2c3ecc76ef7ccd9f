/* SPDX-License-Identifier: MIT */
/*
 * What the firmware's ACPI tables say about the machine, as far as the hypervisor itself needs it
 * (ACPI 6.4). Dom0 reads the tables again for itself. acpi.c checks all sizes and counts in the
 * tables; it skips a table with a bad checksum or length with a warning.
 */
#ifndef ASM_ACPI_H
#define ASM_ACPI_H

#include <cpumask.h>
#include <types.h>

#define ACPI_MAX_IOAPICS 16U
#define ACPI_MAX_MCFG    8U

struct acpi_cpu {
    u32 apic_id;
    u32 acpi_id; /* processor UID */
    bool enabled;
};

struct acpi_ioapic {
    u8 id;
    u32 gsi_base;
    paddr_t address;
};

/*
 * An ISA interrupt that does not arrive on the GSI of its own number, or not edge-triggered
 * active-high.
 */
struct acpi_isa_irq {
    u32 gsi;
    bool level;
    bool active_low;
};

/*
 * A register of 8 bits: a port, or memory that stays mapped. When both are 0 there is no register.
 */
struct acpi_register {
    u16 port;
    volatile u8 *memory;
};

struct acpi_mcfg {
    paddr_t address;
    u16 segment;
    u8 first_bus, last_bus;
};

struct acpi_info {
    /* MADT */
    paddr_t lapic_address;
    unsigned int nr_cpus; /* listed and usable or to be enabled later, at most NR_CPUS */
    struct acpi_cpu cpu[NR_CPUS];
    unsigned int nr_ioapics;
    struct acpi_ioapic ioapic[ACPI_MAX_IOAPICS];
    struct acpi_isa_irq isa[16];
    bool has_pic;
    u8 lapic_nmi_lint; /* local APIC input that NMI arrives on */
    bool lapic_nmi_present;

    /* FADT */
    bool has_fadt;
    u16 sci_irq;
    u16 pm_timer_port; /* 0: none */
    bool pm_timer_32bit;
    u16 pm1a_control, pm1b_control;     /* ports; 0: none, as on hardware-reduced machines */
    struct acpi_register sleep_control; /* hardware-reduced machines have this instead */
    u8 s5_type_a, s5_type_b;
    bool has_s5;
    u8 century_register; /* RTC CMOS index; 0: none */
    struct acpi_register reset;
    u8 reset_value;

    paddr_t hpet_address; /* 0: none */
    unsigned int nr_mcfg;
    struct acpi_mcfg mcfg[ACPI_MAX_MCFG];
};

extern struct acpi_info acpi;

/*
 * Boot: keeps a copy of the RSDP that the boot loader handed over (multiboot2 tags 14 and 15).
 * Without it acpi_init() searches the BIOS area.
 */
void acpi_set_rsdp(const void *rsdp, size_t len);
/*
 * Boot: reads the tables into `acpi`. The root pointer is the one at machine address @rsdp (0: none
 * was named), else the boot loader's, else one in the BIOS area.
 * @return false: there are no tables
 */
bool acpi_init(paddr_t rsdp);
/* Can acpi_poweroff() work: are there a sleep type and a register for soft power-off? */
bool acpi_can_power_off(void);
/* Switches the machine off (S5). Returns when the machine has no soft power-off. */
void acpi_poweroff(void);
/* Resets the machine through the FADT's register. Returns when there is none. */
void acpi_reset(void);
/* Is @port one that we use (the PM timer) and dom0 must not get? */
bool acpi_owns_port(u16 port);

/*
 * Maps [@pa, @pa + @len) for reading, and leaves it mapped. (acpi_power.c)
 * @return its address; NULL: not possible
 */
const void *acpi_map(paddr_t pa, size_t len);
/*
 * Maps the register of one byte at @pa, and leaves it mapped. (acpi_power.c)
 * @return its address; NULL: not possible
 */
volatile u8 *acpi_map_register(paddr_t pa);

/*
 * Finds the S5 sleep types in @aml (the body of a DSDT or SSDT, @len bytes). (acpi_aml.c)
 * @return false: there are none
 */
bool acpi_find_s5(const u8 *aml, size_t len, u8 *type_a, u8 *type_b);

#endif
