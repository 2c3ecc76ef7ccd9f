/* SPDX-License-Identifier: MIT */
/*
 * I/O ports, for the domain that owns devices (dom0). The hypervisor completes the instructions by
 * emulation, once ports_allow() has raised the privilege of the vCPU that runs.
 */
#ifndef PORTS_H
#define PORTS_H

#include <hypercall.h>
#include <stdint.h>

/* Lets this vCPU use I/O ports. @return 0 or a negative errno. */
static inline int ports_allow(void)
{
    struct physdev_set_iopl iopl = {.iopl = 1}; /* where the kernel counts as running */

    return (int)hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl);
}

static inline void out8(uint16_t port, uint8_t value)
{
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out16(uint16_t port, uint16_t value)
{
    asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out32(uint16_t port, uint32_t value)
{
    asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint16_t in16(uint16_t port)
{
    uint16_t value;

    asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t in32(uint16_t port)
{
    uint32_t value;

    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

#endif
