/* SPDX-License-Identifier: MIT */
/* The service on the fake machine, with a small kernel and a configuration that uses it. */
#ifndef SERVICE_FIXTURE_H
#define SERVICE_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include <tools/guest_config.h>

#include "../image/make_elf.h"

#define PAGE         4096ull
#define ENTRY        (BASE + LOAD_AT + 0x40)
#define KERNEL_SIZE  20000u
#define OWN_P2M      0x8000000000ull
#define RAMDISK_SIZE 10000u

extern struct file kernel; /* its text has KERNEL_SIZE bytes, and 100 zeroes follow */
extern uint8_t ramdisk[RAMDISK_SIZE];
extern struct guest_config config;
extern char notices[2048]; /* what the service said since the test began */

/* Makes /kernel: one that gets its P2M list and ramdisk where modern kernels want them, or not. */
void make_kernel(bool modern);

/* For cmocka: starts the service; ends it, after which nothing may be left. */
int setup(void **state);
int teardown(void **state);

#endif
