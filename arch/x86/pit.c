/* SPDX-License-Identifier: MIT */
/*
 * The PIT's channel 2 as the reference clock of last resort (Intel 8254 data sheet). It counts down
 * 16 bits, 55 ms a round; its gate and the speaker are in port 0x61.
 */
#include <asm/io.h>
#include <asm/refclock.h>
#include <lib.h>

#define PIT_CHANNEL2       0x42
#define PIT_COMMAND        0x43
#define PIT_LATCH_CHANNEL2 0x80
#define PIT_CHANNEL2_MODE2 0xb4 /* low byte then high byte, rate generator, binary */
#define NMI_STATUS         0x61
#define GATE2              0x01
#define SPEAKER            0x02
#define MAX_POLLS          100000U

/* Reads the counter as one that counts up, as the other clocks do. */
static u64 __init pit_read(void)
{
    u8 low;

    outb(PIT_LATCH_CHANNEL2, PIT_COMMAND);
    low = inb(PIT_CHANNEL2);
    return (u16) - (u16)(low | inb(PIT_CHANNEL2) << 8);
}

static bool __init pit_probe(void)
{
    u64 first;

    outb((u8)((inb(NMI_STATUS) & ~SPEAKER) | GATE2), NMI_STATUS);
    outb(PIT_CHANNEL2_MODE2, PIT_COMMAND);
    outb(0, PIT_CHANNEL2);
    outb(0, PIT_CHANNEL2);
    first = pit_read();
    for (unsigned int i = 0; i < MAX_POLLS; i++)
        if (pit_read() != first)
            return true;
    return false;
}

struct refclock pit_refclock __initdata = {
    .name = "pit", .mask = 0xffff, .frequency = 1193182, .probe = pit_probe, .read = pit_read};
