/* SPDX-License-Identifier: MIT */
/*
 * Disk controllers and network cards that no driver here can use: they are named at boot, so that a
 * missing disk is explained.
 */
#ifndef DRIVERS_UNDRIVEN_H
#define DRIVERS_UNDRIVEN_H

/*
 * Prints one line for each PCI disk controller and network card that no driver has claimed. After
 * all drivers' own start. For threads, in dom0.
 */
void undriven_report(void);

#endif
