/* SPDX-License-Identifier: MIT */
/*
 * What ACPI's tables say about the fixed hardware: where the power button's registers are and how
 * its interrupt is wired. The program (AML) in the tables is not run.
 */
#ifndef DRIVERS_ACPI_TABLES_H
#define DRIVERS_ACPI_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Blocks of registers are I/O ports; 0: the machine does not have them. */
struct acpi_fixed {
    uint16_t pm1a_event, pm1b_event; /* status, then enable: pm1_length / 2 bytes each */
    uint16_t pm1a_control;
    uint16_t gpe0, gpe1; /* likewise, of gpe0_length and gpe1_length bytes */
    uint8_t pm1_length, gpe0_length, gpe1_length;
    uint16_t smi_command; /* the port that takes acpi_enable; 0: the machine is in ACPI mode */
    uint8_t acpi_enable;
    bool power_button; /* the fixed one, with a bit in the PM1 registers */
    uint32_t sci;      /* the interrupt's line (GSI) */
    bool sci_level, sci_active_low;
};

/*
 * Reads a FADT.
 * @return false: it is too short, or the machine has no fixed hardware.
 */
bool acpi_read_fadt(const void *table, size_t length, struct acpi_fixed *fixed);

/* Reads a MADT for how the SCI is wired; after acpi_read_fadt(). */
void acpi_read_madt(const void *table, size_t length, struct acpi_fixed *fixed);

/*
 * Finds the tables in the memory where a BIOS has them and reads both. For threads, in dom0.
 * @return 0, -ENOENT: there are none, or no fixed hardware; -ENOMEM.
 */
int acpi_find_fixed(struct acpi_fixed *fixed);

#endif
