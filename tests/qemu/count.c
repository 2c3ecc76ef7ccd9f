/* SPDX-License-Identifier: MIT */
/*
 * A TCG plugin for QEMU that counts instructions between two marks in a guest, each one by the
 * program that executed it: exactly, without a trace of itself in the guest.
 *
 *     qemu-system-x86_64 -plugin count.so,out=FILE[,profile=FILE][,at=ADDRESS][,first=ADDRESS] ...
 *
 * A mark is the instruction `nopl DISP(%rax)` with displacement 0x424c4b01 (begin) or 0x424c4b02
 * (end). For each pair a line goes to the file:
 *
 *     region N hypervisor A marker B dom0 C other D
 *
 * Instructions in L4 slots 256-271 are the hypervisor's. Guest kernels all run at the same
 * addresses, so they are distinguished by the place of their instructions in the machine's memory:
 * near the mark, or near the first guest instruction after power-on, which is dom0's. An image is
 * loaded into neighbouring frames; what is near neither is counted as "other".
 *
 * With at=, a hexadecimal address in dom0's program, each execution of it there ends a pair and
 * begins the next. With first=, one in another program, its first execution writes a line of the
 * same kind that begins with "first" and has what was counted since the pair began, which goes on.
 *
 * The profile has a line for each address: region, program, address, count.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- What is used of QEMU's plugin interface, version 1 ---- */

#define EXPORT __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;

enum { CB_NO_REGS = 0, INLINE_ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
                                           void (*cb)(uint64_t id, struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            void (*cb)(unsigned int vcpu, void *data), int flags,
                                            void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int operation,
                                                void *counter, uint64_t value);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

/* ---- Counters ---- */

#define HYPERVISOR_BEGIN 0xffff800000000000ull
#define HYPERVISOR_END   0xffff880000000000ull
#define NEAR             (4ull << 20)
#define TABLE_SIZE       (1u << 20)

/* One instruction of one program. */
struct counter {
    uint64_t vaddr;
    uint64_t haddr; /* in QEMU's memory; 0: the place is free */
    uint64_t count;
    uint64_t before; /* the count at the last mark */
};

enum program { HYPERVISOR, MARKER, DOM0, OTHER, PROGRAMS };

static struct counter table[TABLE_SIZE];
static unsigned int table_used;
static uint64_t first_guest; /* haddr of the first guest instruction */
static unsigned int region;
static uint64_t at_address;    /* 0: marks alone */
static uint64_t first_address; /* 0: none */
static FILE *out, *profile;

static struct counter *counter_of(uint64_t vaddr, uint64_t haddr)
{
    uint64_t hash = (vaddr ^ haddr * 0x9e3779b97f4a7c15ull) * 0xd6e8feb86659fd93ull;
    unsigned int i = (unsigned int)(hash >> 44);

    while (table[i].haddr && (table[i].vaddr != vaddr || table[i].haddr != haddr))
        i = (i + 1) % TABLE_SIZE;
    if (!table[i].haddr) {
        if (++table_used > TABLE_SIZE / 4 * 3) {
            fprintf(stderr, "count: too many different instructions\n");
            abort();
        }
        table[i].vaddr = vaddr;
        table[i].haddr = haddr;
    }
    return &table[i];
}

static bool near(uint64_t a, uint64_t b, uint64_t *distance)
{
    *distance = a > b ? a - b : b - a;
    return *distance < NEAR;
}

static enum program program_of(const struct counter *c, uint64_t mark)
{
    uint64_t from_mark, from_dom0;
    bool near_mark = near(c->haddr, mark, &from_mark);
    bool near_dom0 = near(c->haddr, first_guest, &from_dom0);

    if (c->vaddr >= HYPERVISOR_BEGIN && c->vaddr < HYPERVISOR_END)
        return HYPERVISOR;
    if (near_mark && (!near_dom0 || from_mark <= from_dom0 || near(mark, first_guest, &from_dom0)))
        return MARKER;
    return near_dom0 ? DOM0 : OTHER;
}

static void begin(unsigned int vcpu, void *data)
{
    for (unsigned int i = 0; i < TABLE_SIZE; i++)
        table[i].before = table[i].count;
}

/* Writes what was counted since the pair began, which contains or ends with MARK. */
static void write_counts(const char *word, const struct counter *mark)
{
    static const char *const names[PROGRAMS] = {"hypervisor", "marker", "dom0", "other"};
    uint64_t sums[PROGRAMS] = {0};

    for (unsigned int i = 0; i < TABLE_SIZE; i++) {
        uint64_t count = table[i].count - table[i].before;
        enum program program;

        if (count == 0)
            continue;
        program = program_of(&table[i], mark->haddr);
        sums[program] += count;
        if (profile)
            fprintf(profile, "%u %s %" PRIx64 " %" PRIu64 "\n", region, names[program],
                    table[i].vaddr, count);
    }
    fprintf(out, "%s %u", word, region);
    for (unsigned int i = 0; i < PROGRAMS; i++)
        fprintf(out, " %s %" PRIu64, names[i], sums[i]);
    fputc('\n', out);
    fflush(out);
    if (profile)
        fflush(profile);
}

static void end(unsigned int vcpu, void *data)
{
    write_counts("region", data);
    region++;
}

static void next(unsigned int vcpu, void *data)
{
    static bool begun;
    const struct counter *here = data;
    uint64_t distance;

    if (!near(here->haddr, first_guest, &distance))
        return; /* another program has something at this address, too */
    if (begun)
        end(vcpu, data);
    begun = true;
    begin(vcpu, data);
}

/* The counts of dom0's program are told from the others' by its place: it is no marker here. */
static void first(unsigned int vcpu, void *data)
{
    static bool seen;
    const struct counter *here = data;
    struct counter none = {.haddr = first_guest};
    uint64_t distance;

    if (seen || near(here->haddr, first_guest, &distance))
        return;
    seen = true;
    write_counts("first", &none);
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
    static const uint8_t mark[] = {0x0f, 0x1f, 0x80};
    static const uint32_t begin_mark = 0x424c4b01, end_mark = 0x424c4b02;

    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const uint8_t *bytes = qemu_plugin_insn_data(insn);
        uint64_t vaddr = qemu_plugin_insn_vaddr(insn);
        uint64_t haddr = (uint64_t)(uintptr_t)qemu_plugin_insn_haddr(insn);
        struct counter *counter = counter_of(vaddr, haddr ? haddr : 1);

        if (!first_guest && vaddr >= HYPERVISOR_END)
            first_guest = haddr;
        qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &counter->count, 1);
        if (at_address && vaddr == at_address)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, next, CB_NO_REGS, counter);
        if (first_address && vaddr == first_address)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, first, CB_NO_REGS, counter);
        if (qemu_plugin_insn_size(insn) != sizeof(mark) + sizeof(begin_mark) ||
            memcmp(bytes, mark, sizeof(mark)) != 0)
            continue;
        if (memcmp(bytes + sizeof(mark), &begin_mark, sizeof(begin_mark)) == 0)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, begin, CB_NO_REGS, counter);
        else if (memcmp(bytes + sizeof(mark), &end_mark, sizeof(end_mark)) == 0)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, end, CB_NO_REGS, counter);
    }
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0)
            out = fopen(argv[i] + 4, "we");
        else if (strncmp(argv[i], "profile=", 8) == 0)
            profile = fopen(argv[i] + 8, "we");
        else if (strncmp(argv[i], "at=", 3) == 0)
            at_address = strtoull(argv[i] + 3, NULL, 16);
        else if (strncmp(argv[i], "first=", 6) == 0)
            first_address = strtoull(argv[i] + 6, NULL, 16);
    }
    if (!out) {
        fprintf(stderr, "count: no file to write to\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
