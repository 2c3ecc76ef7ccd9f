/* SPDX-License-Identifier: MIT */
/*
 * Port I/O of a guest. Two questions decide: may the guest's present mode use the instruction at
 * all (virtual IOPL, or the bitmap that the kernel gave us; else #GP), and does the domain have the
 * port (its rangeset; else reads give all ones and writes are discarded)?
 *
 * PCI configuration and the CMOS are reached through an index port, so two users would disturb each
 * other: dom0 gets both by emulation under our lock, and nobody else gets them.
 */
#include <asm/context.h>
#include <asm/guest_access.h>
#include <asm/pci.h>
#include <asm/pv.h>

#define PORT_CMOS_INDEX 0x70U
#define PORT_CMOS_DATA  0x71U

/*
 * How many elements of a string instruction are done before the guest executes the rest of it. This
 * bounds the time in the hypervisor.
 */
#define STRING_BATCH 1024U

static spinlock_t index_lock = SPINLOCK_INIT(
    RANK_DEVICE); /* the index ports and what they select */

/*
 * The kernel counts as ring 1, as in 32-bit guests, unless it asked for IOPL as the architecture
 * defines it.
 */
bool pv_iopl_ok(const struct vcpu *v)
{
    unsigned int ring = 3;

    if (in_guest_kernel(v))
        ring = v->domain->vm_assist & 1UL << VMASST_TYPE_architectural_iopl ? 0 : 1;
    return v->arch.iopl >> 12 >= ring;
}

/* The bitmap lies in the kernel's address space, which user mode's tables need not map. */
static bool bitmap_allows(struct vcpu *v, unsigned int port, unsigned int bytes)
{
    unsigned long at = (unsigned long)v->arch.iobmp + port / 8;
    bool user = !in_guest_kernel(v);
    u8 bits[2] = {0xff, 0xff};

    if (v->arch.iobmp_limit <= port + bytes)
        return false;
    if (user)
        enter_guest_kernel(v);
    if (copy_from_guest(bits, at, 2))
        if (copy_from_guest(bits, at, 1))
            bits[0] = 0xff;
    if (user)
        enter_guest_user(v);
    return !((unsigned int)(bits[0] | bits[1] << 8) >> (port & 7) & ((1U << bytes) - 1));
}

/* Is there a port among these that is not the hardware's for anybody, since its users share it? */
static bool has_index_port(unsigned int port, unsigned int bytes)
{
    return (port == PCI_PORT_ADDRESS && bytes == 4) ||
           (port <= PORT_CMOS_DATA && port + bytes > PORT_CMOS_INDEX);
}

unsigned long pv_lock_index_ports(void)
{
    return spin_lock_irqsave(&index_lock);
}

void pv_unlock_index_ports(unsigned long flags)
{
    spin_unlock_irqrestore(&index_lock, flags);
}

static u32 access_cmos(const struct domain *d, bool write, u32 value)
{
    unsigned long flags;

    if (!rangeset_contains(d->ioports, PORT_CMOS_INDEX, PORT_CMOS_DATA))
        return ~0U;
    flags = spin_lock_irqsave(&index_lock);
    hw_port_write(PORT_CMOS_INDEX, 1, d->arch.cmos_index & 0x7f); /* bit 7 masks NMI: ours */
    if (write)
        hw_port_write(PORT_CMOS_DATA, 1, value);
    else
        value = hw_port_read(PORT_CMOS_DATA, 1);
    spin_unlock_irqrestore(&index_lock, flags);
    return value;
}

static u32 port_read(struct domain *d, unsigned int port, unsigned int bytes)
{
    bool own = rangeset_contains(d->ioports, port, port + bytes - 1);
    u32 value = 0;

    if (own && !has_index_port(port, bytes))
        return hw_port_read((u16)port, bytes);
    for (unsigned int done = 0, size; done < bytes; done += size, port += size) {
        u32 part = ~0U;

        size = 1;
        if (port == PORT_CMOS_INDEX) {
            part = d->arch.cmos_index;
        } else if (port == PORT_CMOS_DATA) {
            part = access_cmos(d, false, 0);
        } else if (port == PCI_PORT_ADDRESS && bytes == 4 && !done) {
            size = 4;
            part = d->arch.pci_cf8;
        } else if ((port & ~3U) == PCI_PORT_DATA) {
            size = MIN(bytes - done, 4 - (port & 3));
            if (size == 3)
                size = 2;
            part = pci_guest_read(d, port, size);
        } else if (own) {
            part = hw_port_read((u16)port, 1);
        }
        if (size == 4)
            return part;
        value |= (part & ((1U << 8 * size) - 1)) << 8 * done;
    }
    return value;
}

static void port_write(struct domain *d, unsigned int port, unsigned int bytes, u32 value)
{
    bool own = rangeset_contains(d->ioports, port, port + bytes - 1);

    if (own && !has_index_port(port, bytes)) {
        hw_port_write((u16)port, bytes, value);
        return;
    }
    for (unsigned int done = 0, size; done < bytes; done += size, port += size) {
        u32 part = value >> 8 * done;

        size = 1;
        if (port == PORT_CMOS_INDEX) {
            d->arch.cmos_index = (u8)part;
        } else if (port == PORT_CMOS_DATA) {
            access_cmos(d, true, part & 0xff);
        } else if (port == PCI_PORT_ADDRESS && bytes == 4 && !done) {
            size = 4;
            d->arch.pci_cf8 = part;
        } else if ((port & ~3U) == PCI_PORT_DATA) {
            size = MIN(bytes - done, 4 - (port & 3));
            if (size == 3)
                size = 2;
            pci_guest_write(d, port, size, part);
        } else if (own) {
            hw_port_write((u16)port, 1, part & 0xff);
        }
    }
}

/* Ends a string instruction of which an access faulted. */
static enum emulated string_fault(struct cpu_user_regs *regs, unsigned long addr, bool write)
{
    regs->entry_vector = EXC_PF;
    pv_inject_page_fault(regs, addr, write ? PFEC_WRITE : 0);
    return EMULATE_FAULT;
}

/* Advances RSI, RDI or RCX with the width that the address size gives them. */
static void advance(u64 *reg, const struct insn *insn, long by)
{
    u64 v = *reg + (u64)by;

    *reg = insn->addr_bytes == 8   ? v
           : insn->addr_bytes == 4 ? (u32)v
                                   : (*reg & ~0xffffULL) | (v & 0xffff);
}

static u64 masked(u64 reg, const struct insn *insn)
{
    return insn->addr_bytes == 8 ? reg : reg & ((1UL << 8 * insn->addr_bytes) - 1);
}

/*
 * Executes INS, from the port to ES:RDI whatever the prefix says, or OUTS, from DS:RSI or another
 * segment to the port.
 */
static enum emulated string_io(struct cpu_user_regs *regs, const struct insn *given,
                               unsigned int port, unsigned int bytes, bool out)
{
    struct domain *d = current->domain;
    long step = regs->rflags & EFLAGS_DF ? -(long)bytes : (long)bytes;
    bool repeat = given->rep || given->repne;
    u64 *index = out ? &regs->rsi : &regs->rdi;
    struct insn insn = *given;

    if (!out)
        insn.segment = SEG_ES;
    for (unsigned int n = 0; n < STRING_BATCH; n++) {
        unsigned long addr, missing;
        u32 value = 0;

        if (repeat && !masked(regs->rcx, &insn))
            return EMULATE_DONE;
        if (!pv_segment_address(&insn, regs, masked(*index, &insn), bytes, &addr))
            return EMULATE_REFUSED;
        if (out) {
            missing = copy_from_guest(&value, addr, bytes);
            if (missing)
                return string_fault(regs, addr + bytes - missing, false);
            port_write(d, port, bytes, value);
        } else {
            /*
             * The memory is accessed first, so that a fault does not lose a value that the device
             * gave.
             */
            missing = copy_from_guest(&value, addr, bytes);
            if (!missing)
                missing = copy_to_guest(addr, &value, bytes);
            if (missing)
                return string_fault(regs, addr + bytes - missing, true);
            value = port_read(d, port, bytes);
            if (copy_to_guest(addr, &value, bytes))
                return string_fault(regs, addr, true);
        }
        advance(index, &insn, step);
        if (!repeat)
            return EMULATE_DONE;
        advance(&regs->rcx, &insn, -1);
    }
    return masked(regs->rcx, &insn) ? EMULATE_AGAIN : EMULATE_DONE;
}

enum emulated pv_emulate_io(struct cpu_user_regs *regs, const struct insn *insn)
{
    struct vcpu *v = current;
    u8 op = insn->opcode;
    bool string = op < 0x70, immediate = op >= 0xe4 && op <= 0xe7, out = op & 2;
    unsigned int port = immediate ? (u8)insn->imm : regs->dx;
    unsigned int bytes = insn_is_byte(insn) ? 1 : MIN(insn->op_bytes, (u8)4);

    if (port + bytes > 0x10000)
        return EMULATE_REFUSED;
    if (!pv_iopl_ok(v) && !bitmap_allows(v, port, bytes))
        return EMULATE_REFUSED;
    if (string)
        return string_io(regs, insn, port, bytes, out);
    if (out)
        port_write(v->domain, port, bytes, (u32)insn_get_register(insn, regs, 0, bytes));
    else
        insn_set_register(insn, regs, 0, bytes, port_read(v->domain, port, bytes));
    return EMULATE_DONE;
}
