/* SPDX-License-Identifier: MIT */
/*
 * Backtraces with names. The table of names is made from a first link of the image (mk/symbols.awk)
 * and linked into it in a second one, behind all code; in the first link it is empty.
 *
 * Layout of section .symbols: number of symbols (u32), then for each, by ascending address, offset
 * of the address from HV_TEXT_START and offset of the name from the start of the names (u32 each),
 * then the names.
 */
#include <asm/backtrace.h>
#include <asm/current.h>
#include <lib.h>

struct symbol {
    u32 address;
    u32 name;
};

extern const u32 hv_symbols_start[], hv_symbols_end[];
extern const char hv_text_start[], hv_text_end[], hv_init_text_start[], hv_own_init_text_end[];
extern const char hv_init_text_end[];

#define FRAMES_MAX 32U

static bool is_text(unsigned long addr)
{
    return (addr >= (unsigned long)hv_text_start && addr < (unsigned long)hv_text_end) ||
           (addr >= (unsigned long)hv_init_text_start && addr < (unsigned long)hv_init_text_end);
}

const char *symbol_lookup(unsigned long addr, unsigned long *offset)
{
    const struct symbol *symbols = (const struct symbol *)(hv_symbols_start + 1);
    u32 rel = (u32)(addr - HV_TEXT_START), count, low = 0, high;

    /* The first link has no table; the libraries of the boot part are not in it. */
    if (!is_text(addr) ||
        (addr >= (unsigned long)hv_own_init_text_end && addr < (unsigned long)hv_init_text_end) ||
        &hv_symbols_start[0] == &hv_symbols_end[0])
        return NULL;
    count = hv_symbols_start[0];
    if (!count || rel < symbols[0].address)
        return NULL;
    /* symbols[low].address <= rel < symbols[high].address */
    for (high = count; high - low > 1;) {
        u32 mid = low + (high - low) / 2;

        if (symbols[mid].address <= rel)
            low = mid;
        else
            high = mid;
    }
    *offset = rel - symbols[low].address;
    return (const char *)&symbols[count] + symbols[low].name;
}

static void print_address(unsigned long addr)
{
    unsigned long offset;
    const char *name = symbol_lookup(addr, &offset);

    if (name)
        printk(LOG_ERR, "  [%016lx] %s+%#lx", addr, name, offset);
    else
        printk(LOG_ERR, "  [%016lx]", addr);
}

void print_backtrace(unsigned long rip, unsigned long rbp)
{
    unsigned long end = (unsigned long)get_cpu_info(), start = end & ~(STACK_SIZE - 1UL);

    printk(LOG_ERR, "Backtrace:");
    print_address(rip);
    for (unsigned int i = 0; i < FRAMES_MAX; i++) {
        const unsigned long *frame = (const unsigned long *)rbp;

        if (rbp < start || rbp > end - 2 * sizeof(*frame) || rbp % sizeof(*frame) ||
            !is_text(frame[1]))
            break;
        print_address(frame[1]);
        if (frame[0] <= rbp)
            break;
        rbp = frame[0];
    }
}
