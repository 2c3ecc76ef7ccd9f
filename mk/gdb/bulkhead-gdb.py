# SPDX-License-Identifier: MIT
"""gdb commands for Bulkhead, loaded by `make gdb`.

bh-domains      every domain: id, state, pages, vCPUs
bh-vcpus [ID]   every vCPU (of domain ID): state, where its guest is
bh-frame MFN    owner, type, counts and flags of a machine frame
bh-cpu          the current CPU's block: current vCPU, pending work, guest registers
"""

import gdb

STACK_SIZE = 4096 << 3
FRAME_TABLE = 0xFFFF82E000000000
DIRECT_MAP = 0xFFFF830000000000
MASK64 = (1 << 64) - 1

# struct page's state word; see hypervisor/include/page.h.
COUNT_BITS = 26
TYPES = ["none", "L1", "L2", "L3", "L4", "descriptors", "writable", "7?"]
FLAGS = ["valid", "partial", "pinned", "busy", "allocated", "hypervisor", "free", "scrubbed"]
FLAG_SHIFT = 55


def address_of(value):
    return int(value) & MASK64


def structure(name, address):
    return gdb.Value(address).cast(gdb.lookup_type("struct " + name).pointer())


def domains():
    """Every domain, by its number."""
    buckets = gdb.parse_and_eval("domain_buckets")
    found = []
    for number in range(buckets.type.range()[1] + 1):
        domain = buckets[number]
        while address_of(domain):
            found.append(domain)
            domain = domain["hash_next"]
    return sorted(found, key=lambda domain: int(domain["id"]))


def domain_state(domain):
    if int(domain["dying"]) != 0:
        return "dying" if int(domain["dying"]) == 1 else "dead"
    if domain["is_shut_down"]:
        return "shut down (%d)" % int(domain["shutdown_code"])
    if domain["system"]:
        return "system"
    if int(domain["pause_count"]) > 0:
        return "paused"
    return "running"


def vcpus(domain):
    for number in range(int(domain["max_vcpus"])):
        vcpu = domain["vcpu"][number]
        if address_of(vcpu):
            yield vcpu


def cpu_info():
    """The block at the top of the stack that RSP lies in."""
    stack_top = (address_of(gdb.parse_and_eval("$rsp")) | (STACK_SIZE - 1)) + 1
    return structure("cpu_info", stack_top - gdb.lookup_type("struct cpu_info").sizeof)


class Domains(gdb.Command):
    """List the domains: id, state, pages owned and allowed, vCPUs."""

    def __init__(self):
        super().__init__("bh-domains", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        print("%6s %-16s %10s %10s %5s  %s" % ("id", "state", "pages", "max", "vcpus", "struct"))
        for domain in domains():
            limit = int(domain["max_pages"])
            print("%6d %-16s %10d %10s %5d  %#x" % (
                int(domain["id"]), domain_state(domain), int(domain["tot_pages"]),
                "none" if limit >= 0xFFFFFFFF else limit, len(list(vcpus(domain))),
                address_of(domain)))


class Vcpus(gdb.Command):
    """List the vCPUs, of all domains or of the one whose id is given."""

    RUNSTATES = ["running", "runnable", "blocked", "offline"]

    def __init__(self):
        super().__init__("bh-vcpus", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        wanted = int(argument, 0) if argument else None
        print("%8s %-9s %4s %-18s %-18s %s" % ("vcpu", "state", "cpu", "rip", "rsp", "struct"))
        for domain in domains():
            if wanted is not None and int(domain["id"]) != wanted:
                continue
            for vcpu in vcpus(domain):
                # While it runs, its registers lie on its CPU's stack (bh-cpu), not here.
                registers = vcpu["arch"]["user_regs"]
                running = bool(vcpu["is_running"])
                print("%8s %-9s %4d %-18s %-18s %#x" % (
                    "d%dv%d" % (int(domain["id"]), int(vcpu["id"])),
                    self.RUNSTATES[int(vcpu["runstate"]["state"]) & 3], int(vcpu["processor"]),
                    "on the CPU" if running else "%#x" % address_of(registers["rip"]),
                    "" if running else "%#x" % address_of(registers["rsp"]), address_of(vcpu)))


class Frame(gdb.Command):
    """Show what the hypervisor knows of a machine frame: owner, type, counts, flags."""

    def __init__(self):
        super().__init__("bh-frame", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        mfn = address_of(gdb.parse_and_eval(argument))
        page_type = gdb.lookup_type("struct page")
        page = structure("page", FRAME_TABLE + mfn * page_type.sizeof).dereference()
        state = address_of(page["state"])
        owner = int(page["owner"])
        owner_text = "none"
        if owner:
            domain = structure("domain", DIRECT_MAP + owner * 4096)
            owner_text = "d%d" % int(domain["id"])
        kind = (state >> (2 * COUNT_BITS)) & 7
        flags = [name for bit, name in enumerate(FLAGS) if state >> (FLAG_SHIFT + bit) & 1]
        print("mfn %#x: owner %s, type %s x %d, references %d, flags %s, validated entries %d" % (
            mfn, owner_text, TYPES[kind], state >> COUNT_BITS & ((1 << COUNT_BITS) - 1),
            state & ((1 << COUNT_BITS) - 1), " ".join(flags) or "none", int(page["done"])))


class Cpu(gdb.Command):
    """Show the CPU's block: its current vCPU, what is pending, the guest's registers."""

    def __init__(self):
        super().__init__("bh-cpu", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        info = cpu_info().dereference()
        vcpu = info["vcpu"]
        name = "none"
        if address_of(vcpu):
            name = "d%dv%d" % (int(vcpu["domain"]["id"]), int(vcpu["id"]))
        print("cpu %d: vCPU %s, softirqs %#x, exit work %#x" % (
            int(info["cpu_id"]), name, int(info["softirq_pending"]), int(info["exit_work"])))
        registers = info["guest_regs"]
        for row in (("rip", "rsp", "rflags"), ("rax", "rbx", "rcx"), ("rdx", "rsi", "rdi"),
                    ("rbp", "r8", "r9"), ("r10", "r11", "r12"), ("r13", "r14", "r15")):
            print("  ".join("%6s %#018x" % (name, address_of(registers[name])) for name in row))


for command in (Domains, Vcpus, Frame, Cpu):
    command()
