/* SPDX-License-Identifier: MIT */
/*
 * Which CPUs a flush interrupts: those that may hold what is to be forgotten, and no other one.
 * Several flushes are under way at once, and one that is answered does not wait for another one.
 */
/* SOURCES: arch/x86/tlb.c tests/host/instructions.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arch.h>
#include <asm/apic.h>
#include <asm/control.h>
#include <asm/irq.h>
#include <asm/tlb.h>
#include <percpu.h>

#define CPUS          6U
#define FIRST_APIC_ID 0x100U
#define PAGE          0xffff880000123000UL
#define CPU(n)        (1UL << (n))
#define MASK(...)     ((cpumask_t){{__VA_ARGS__}})
#define ALL_BUT(mask) ((CPU(CPUS) - 1) & ~(mask))

static struct cpu cpu_of[CPUS];
static struct cpu_info info_of[CPUS];
static unsigned int here;

struct cpu *cpus[NR_CPUS];
unsigned int nr_cpus = CPUS;
cpumask_t cpu_online = {{CPU(CPUS) - 1}};
struct cpu_features boot_cpu;
unsigned long hv_cr4 = CR4_PAE | CR4_PGE;
void (*host_after_clock)(void);
char *host_ram; /* there is none */

void panic(const char *fmt, ...)
{
    fail_msg("panic: %s", fmt);
    __builtin_unreachable();
}

struct cpu_info *get_cpu_info(void)
{
    return &info_of[here];
}

/* ---- the CPUs ---- */

static struct {
    unsigned int interrupts; /* sent to it */
    bool raised;             /* one has been sent that it has not taken */
    bool deaf;               /* it has interrupts off */
    unsigned int flushes, pages;
    unsigned long cr3;
} did[CPUS];
static struct host_registers registers[CPUS];

struct host_registers *host_registers(void)
{
    return &registers[here];
}

void host_tlb_event(enum host_tlb_event event, unsigned long value)
{
    if (event == HOST_TLB_INVLPG) {
        assert_int_equal(value, PAGE);
        did[here].pages++;
    } else if (event == HOST_TLB_CR4 && value & CR4_PGE) {
        did[here].flushes++; /* the other write only switches global translations off */
    }
}

static void take_interrupt(unsigned int cpu)
{
    unsigned int back = here;

    if (!did[cpu].raised || did[cpu].deaf)
        return;
    did[cpu].raised = false;
    here = cpu;
    tlb_flush_interrupt();
    here = back;
}

/* A CPU that waits: it sees the others go on. */
static void (*meanwhile)(void);
static unsigned int waits;

void apic_send_ipi(u32 apic_id, u8 vector)
{
    unsigned int cpu = apic_id - FIRST_APIC_ID;

    assert_in_range(cpu, 0, CPUS - 1);
    assert_int_not_equal(cpu, here);
    assert_int_equal(vector, IPI_FLUSH_VECTOR);
    did[cpu].interrupts++;
    did[cpu].raised = true;
}

void host_relax(void)
{
    void (*other)(void) = meanwhile;

    if (++waits > 1000)
        fail_msg("CPU %u waits for ever", here);
    meanwhile = NULL;
    if (other) {
        other();
        return;
    }
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        take_interrupt(cpu);
}

static int setup(void **state)
{
    memset(did, 0, sizeof(did));
    memset(registers, 0, sizeof(registers));
    memset(cpu_of, 0, sizeof(cpu_of));
    for (unsigned int i = 0; i < CPUS; i++) {
        info_of[i] = (struct cpu_info){.cpu = &cpu_of[i], .cpu_id = i};
        cpu_of[i].id = i;
        cpu_of[i].info = &info_of[i];
        cpu_of[i].arch.apic_id = FIRST_APIC_ID + i;
        cpu_of[i].arch.cr4 = registers[i].cr4 = hv_cr4;
        cpus[i] = &cpu_of[i];
        here = i;
        tlb_flush_local();
        did[i].flushes = 0;
    }
    here = 0;
    meanwhile = NULL;
    waits = 0;
    cpu_online = MASK(CPU(CPUS) - 1);
    return 0;
}

/* The CPUs of @asked, and they alone, were interrupted once. */
static void expect_interrupts(unsigned long asked)
{
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        assert_int_equal(did[cpu].interrupts, asked >> cpu & 1);
}

static void expect_flushes(unsigned long forgot)
{
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        assert_int_equal(did[cpu].flushes, forgot >> cpu & 1);
}

/* ---- who is asked ---- */

static void only_the_mask(void **state)
{
    cpumask_t mask = MASK(CPU(0) | CPU(2) | CPU(3));

    tlb_flush_mask(&mask);
    expect_interrupts(CPU(2) | CPU(3));
    expect_flushes(CPU(0) | CPU(2) | CPU(3));
    setup(state);
    mask = MASK(CPU(4));
    tlb_flush_page_mask(&mask, PAGE);
    expect_interrupts(CPU(4));
    expect_flushes(0);
    assert_int_equal(did[4].pages, 1);
    assert_int_equal(did[0].pages, 0);
    setup(state);
    mask = MASK(CPU(0));
    tlb_flush_mask(&mask);
    expect_interrupts(0);
    expect_flushes(CPU(0));
}

static void not_those_that_are_away(void **state)
{
    cpumask_t mask = MASK(CPU(1) | CPU(2));

    cpumask_clear(&cpu_online, 1);
    tlb_flush_mask(&mask);
    expect_interrupts(CPU(2));
    expect_flushes(CPU(2));
}

/* One that has flushed since, and one that is idle, hold no old translation. */
static void stale_ones_only(void **state)
{
    u32 stamp;

    here = 1;
    tlb_flush_local();
    here = 0;
    stamp = tlb_now;
    here = 2;
    tlb_flush_local(); /* later than the frame's last use */
    here = 3;
    cpu_of[3].arch.on_own_root = true;
    here = 0;
    memset(did, 0, sizeof(did));
    tlb_flush_stale(&cpu_online, stamp);
    expect_interrupts(ALL_BUT(CPU(0) | CPU(2) | CPU(3)));
    expect_flushes(ALL_BUT(CPU(2) | CPU(3)));
    /* By now none is. */
    memset(did, 0, sizeof(did));
    tlb_flush_stale(&cpu_online, stamp);
    expect_interrupts(0);
    expect_flushes(0);
}

static void the_others_are_not_asked_for_ones_own(void **state)
{
    cpumask_t mask = MASK(CPU(0) | CPU(1));
    u32 stamp = tlb_now;

    here = 1;
    tlb_flush_local();
    here = 0;
    memset(did, 0, sizeof(did));
    tlb_flush_stale(&mask, stamp);
    expect_interrupts(0);
    expect_flushes(CPU(0));
}

/* ---- the clock turns over ---- */

#define QUARTER (1U << 30) /* of a round of the clock */

/* When a quarter of a round is over, all who have not flushed for half of it do. */
static void nobody_falls_behind(void **state)
{
    for (unsigned int i = 0; i < 5; i++) {
        tlb_now = (i + 1) * QUARTER - 2;
        here = 3;
        tlb_flush_local();
        here = 0;
        memset(did, 0, sizeof(did));
        tlb_flush_local(); /* the clock shows a whole number of quarters now */
        expect_interrupts(ALL_BUT(CPU(0)));
        for (unsigned int cpu = 0; cpu < CPUS; cpu++)
            take_interrupt(cpu);
        expect_flushes(ALL_BUT(CPU(3)));
        for (unsigned int cpu = 0; cpu < CPUS; cpu++)
            assert_true(tlb_now - cpu_of[cpu].arch.tlb_stamp < QUARTER / 2);
    }
}

/* Also one that is asked to forget a page at that moment, which does not count as a flush. */
static void nor_does_one_that_is_asked_for_a_page(void **state)
{
    cpumask_t mask = MASK(CPU(2));

    tlb_now = QUARTER - 1;
    did[2].deaf = true;
    tlb_flush_local();
    expect_interrupts(ALL_BUT(CPU(0)));
    did[2].deaf = false;
    tlb_flush_page_mask(&mask, PAGE);
    assert_int_equal(did[2].pages, 1);
    assert_int_equal(did[2].flushes, 1);
}

/* ---- several at once ---- */

static bool second_is_done;

/* CPU 1 has a flush of its own while CPU 0 waits for CPU 3. */
static void another_flush(void)
{
    const cpumask_t mask = MASK(CPU(2) | CPU(4));

    here = 1;
    tlb_flush_mask(&mask);
    second_is_done = true;
    /* The one of CPU 0 is still under way. */
    assert_false(cpumask_empty(&cpu_of[0].arch.flush.unanswered));
    here = 0;
    did[3].deaf = false;
}

static void a_flush_does_not_wait_for_another_one(void **state)
{
    cpumask_t mask = MASK(CPU(2) | CPU(3));

    second_is_done = false;
    did[3].deaf = true;
    meanwhile = another_flush;
    tlb_flush_mask(&mask);
    assert_true(second_is_done);
    assert_int_equal(did[3].flushes, 1);
    assert_int_equal(did[4].flushes, 1);
}

/* Two ask CPU 2, which has its interrupts off; then it answers both by one flush. */
static void both_wait(void)
{
    assert_int_equal(did[2].interrupts, 1);
    assert_true(cpumask_test(&cpu_of[2].arch.flush_askers, 0));
    assert_true(cpumask_test(&cpu_of[2].arch.flush_askers, 1));
    did[2].deaf = false;
    take_interrupt(2);
    assert_true(cpumask_empty(&cpu_of[0].arch.flush.unanswered));
    assert_true(cpumask_empty(&cpu_of[1].arch.flush.unanswered));
    assert_int_equal(did[2].flushes, 1);
}

static void second_asker(void)
{
    const cpumask_t mask = MASK(CPU(2));

    meanwhile = both_wait;
    here = 1;
    tlb_flush_mask(&mask);
    here = 0;
}

static void one_answer_for_two(void **state)
{
    cpumask_t mask = MASK(CPU(2));

    did[2].deaf = true;
    meanwhile = second_asker;
    tlb_flush_mask(&mask);
    assert_null(meanwhile);
    expect_interrupts(CPU(2));
    /* The next request is one of its own. */
    tlb_flush_mask(&mask);
    assert_int_equal(did[2].interrupts, 2);
    assert_int_equal(did[2].flushes, 2);
}

static void first_looks_again(void)
{
    here = 0;
    tlb_relax();
    here = 1;
}

static void asks_back(void)
{
    const cpumask_t mask = MASK(CPU(0));

    meanwhile = first_looks_again;
    here = 1;
    tlb_flush_mask(&mask);
    here = 0;
}

/* Both have their interrupts off. */
static void two_that_ask_each_other(void **state)
{
    cpumask_t mask = MASK(CPU(1));

    did[0].deaf = did[1].deaf = true;
    meanwhile = asks_back;
    tlb_flush_mask(&mask);
    assert_int_equal(did[0].flushes, 1);
    assert_int_equal(did[1].flushes, 1);
}

static void caches_are_flushed_besides(void **state)
{
    const cpumask_t mask = MASK(CPU(5));

    cache_flush_mask(&mask);
    assert_int_equal(registers[5].wbinvds, 1);
    expect_interrupts(CPU(5));
    expect_flushes(0);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_the_mask),
        TEST(not_those_that_are_away),
        TEST(stale_ones_only),
        TEST(the_others_are_not_asked_for_ones_own),
        TEST(nobody_falls_behind),
        TEST(nor_does_one_that_is_asked_for_a_page),
        TEST(a_flush_does_not_wait_for_another_one),
        TEST(one_answer_for_two),
        TEST(two_that_ask_each_other),
        TEST(caches_are_flushed_besides),
    };

    return cmocka_run_group_tests_name("flushes", tests, NULL, NULL);
}
