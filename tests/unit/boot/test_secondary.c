/* SPDX-License-Identifier: MIT */
/*
 * Bringing up CPUs, on a machine whose CPUs are threads of which one runs at a time: up to 256,
 * with APIC ids that only x2APIC mode can name; such as never answer, miss the first startup
 * interrupt, stop on their way, come too late, or are not fit. Each one that fails leaves a line,
 * its stacks and its number, and CPU 0 waits for none for ever.
 */
/* SOURCES: arch/x86/smp.c hypervisor/lib/printf.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <semaphore.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <asm/config.h>

/* Where the stacks are: in our own address space. Pages that are not mapped cannot be touched. */
static char *stacks;
#undef CPU_STACKS_START
#define CPU_STACKS_START ((unsigned long)stacks)

#include "../../../arch/x86/boot/secondary.c" /* NOLINT(bugprone-suspicious-include) */

#include <asm/topology.h>
#include <asm/watchdog.h>

/* pthread.h includes <sched.h>, and that is the hypervisor's here. */
int pthread_create(unsigned long *thread, const void *attr, void *(*fn)(void *), void *arg);
int pthread_join(unsigned long thread, void **result);
void pthread_exit(void *result) __noreturn;
void *calloc(size_t n, size_t size);
void free(void *p);

char *strstr(const char *haystack, const char *needle);

__asm__(".section .rodata\n"
        ".globl trampoline_start, trampoline_end, trampoline_gdt_base, trampoline_long_mode\n"
        "trampoline_start: .fill 40, 1, 0x90\n"
        "trampoline_gdt_base: .long 0x28\n"
        "trampoline_long_mode: .long 0x12\n"
        ".short 8\n"
        "trampoline_end:\n"
        ".text\n");

/* ---- the machine ---- */

enum behaviour {
    GOOD,
    SILENT,       /* no startup interrupt starts it */
    SECOND_CALL,  /* the second one does */
    TOO_LATE,     /* starts when its INIT is on its way already */
    STUCK,        /* stops before it is compared, and goes on when its INIT is on its way */
    STUCK_AT_TSC, /* does not finish the comparison of TSCs */
    LESSER,
    OTHER_MEMORY,
};

static struct machine_cpu {
    u32 apic_id;
    enum behaviour behaviour;
    s64 tsc_found, tsc_left;
    unsigned int inits, startups;
    struct cpu_info *info; /* since it runs */
    bool halted, flushed, scheduled, joined;
} machine[NR_CPUS];

struct acpi_info acpi;
bool x2apic_enabled;
s_time_t host_now;
__thread bool host_irqs_on;
char *host_ram;
void *host_frame_table;

#define RAM_BYTES     (64UL << 20)
#define FIRST_PAGE    16UL /* of what is allocated */
#define STACK_PAGES   (STACK_SIZE / PAGE_SIZE - 1)
#define STEP          MICROSECS(50)
#define ALL_LOW_PAGES 0xffffU

static unsigned long pages_taken, page_limit, pages_mapped;
static unsigned int low_ram; /* which of the first pages are RAM */
static unsigned int idle_vcpus, tsc_warnings;
static const char *broken; /* what went wrong on a thread */

static char messages[65536];

void printk(enum loglevel level, const char *fmt, ...)
{
    size_t n = strlen(messages);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(messages + n, sizeof(messages) - n, fmt, ap);
    va_end(ap);
    n = strlen(messages);
    snprintf(messages + n, sizeof(messages) - n, "\n");
}

static void must(bool ok, const char *what)
{
    if (!ok)
        broken = what;
}

static struct machine_cpu *by_apic_id(u32 apic_id)
{
    for (unsigned int i = 0; i < NR_CPUS; i++)
        if (i < acpi.nr_cpus && machine[i].apic_id == apic_id)
            return &machine[i];
    fail_msg("there is no APIC with id %u", apic_id);
    return NULL;
}

/* ---- one CPU runs at a time ---- */

static __thread struct machine_cpu *self; /* NULL: CPU 0 */
static struct machine_cpu *started;       /* the one whose thread there is */
static unsigned long thread;
static sem_t boot_turn, started_turn;
static bool blocked, ended, reset;

/* On the new CPU: lets CPU 0 go on. */
static void pass(void)
{
    sem_post(&boot_turn);
    sem_wait(&started_turn);
    if (reset)
        pthread_exit(NULL);
}

/* On the new CPU: it does nothing until an INIT. */
static void __noreturn block(void)
{
    blocked = true;
    for (;;)
        pass();
}

static void __noreturn end_thread(void)
{
    ended = true;
    sem_post(&boot_turn);
    pthread_exit(NULL);
}

static void let_it_run(void)
{
    sem_post(&started_turn);
    sem_wait(&boot_turn);
}

static void relax(void)
{
    if (self) {
        pass();
        return;
    }
    host_now += STEP;
    if (started && !blocked && !ended)
        let_it_run();
    if (started && ended) {
        pthread_join(thread, NULL);
        started = NULL;
    }
}

void host_relax(void)
{
    relax();
}

void tlb_relax(void)
{
    relax();
}

static void *run(void *cpu)
{
    sem_wait(&started_turn);
    self = cpu;
    /* The trampoline loads this stack pointer; from it the CPU finds itself. */
    self->info = (struct cpu_info *)(secondary_stack + CPU_INFO_ROOM) - 1;
    must((secondary_stack + CPU_INFO_ROOM) % STACK_SIZE == 0, "a stack that is not aligned");
    must(self->info->cpu->arch.apic_id == self->apic_id, "the stack of another CPU");
    secondary_start();
}

static void start_thread(struct machine_cpu *cpu)
{
    assert_null(started);
    started = cpu;
    blocked = ended = reset = false;
    sem_init(&started_turn, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, run, cpu), 0);
}

static void end_by_init(void)
{
    reset = true;
    sem_post(&started_turn);
    pthread_join(thread, NULL);
    started = NULL;
}

/* ---- what CPU 0 does to the others ---- */

static struct cpu_info first_info;

struct cpu_info *get_cpu_info(void)
{
    return self ? self->info : &first_info;
}

void apic_send_init(u32 apic_id)
{
    struct machine_cpu *cpu = by_apic_id(apic_id);

    cpu->inits++;
    if (cpu->behaviour == TOO_LATE && cpu->startups)
        start_thread(cpu);
    if (started != cpu)
        return;
    if (cpu->behaviour == TOO_LATE || cpu->behaviour == STUCK) {
        blocked = false;
        cpu->behaviour = GOOD;
        while (!blocked)
            let_it_run();
    }
    end_by_init();
}

void apic_send_startup(u32 apic_id, u8 page)
{
    struct machine_cpu *cpu = by_apic_id(apic_id);
    const char *copy = host_ram + page * PAGE_SIZE;
    u32 gdt_base, long_mode;

    assert_int_equal(cpu->inits, 1);
    assert_true(page && page < 16 && (low_ram >> page & 1));
    assert_memory_equal(copy, trampoline_start, 40);
    memcpy(&gdt_base, copy + 40, 4);
    memcpy(&long_mode, copy + 44, 4);
    assert_int_equal(gdt_base, page * PAGE_SIZE + 0x28);
    assert_int_equal(long_mode, page * PAGE_SIZE + 0x12);
    cpu->startups++;
    if (cpu->behaviour == SILENT || cpu->behaviour == TOO_LATE ||
        (cpu->behaviour == SECOND_CALL && cpu->startups == 1))
        return;
    start_thread(cpu);
}

bool frame_is_ram(mfn_t mfn)
{
    assert_true(mfn.n < 16);
    return low_ram >> mfn.n & 1;
}

void *alloc_hv_pages(unsigned int order)
{
    assert_int_equal(order, 0);
    if (pages_taken == page_limit)
        return NULL;
    return host_ram + (FIRST_PAGE + pages_taken++) * PAGE_SIZE;
}

void map_range(unsigned long va, paddr_t pa, size_t bytes, u64 flags)
{
    assert_int_equal(bytes, PAGE_SIZE);
    assert_int_equal(flags & (PTE_PRESENT | PTE_WRITE | PTE_NX | PTE_USER),
                     PTE_PRESENT | PTE_WRITE | PTE_NX);
    assert_int_equal(pa, (FIRST_PAGE + pages_taken - 1) * PAGE_SIZE);
    assert_int_equal(mprotect((void *)va, bytes, PROT_READ | PROT_WRITE), 0);
    pages_mapped++;
}

static void *objects[2 * NR_CPUS]; /* until the test's end */
static unsigned int nr_objects;

void *xzalloc_bytes(size_t size)
{
    assert_true(nr_objects < ARRAY_SIZE(objects));
    return objects[nr_objects++] = calloc(1, size);
}

static struct vcpu *idle[NR_CPUS];

struct vcpu *idle_vcpu_create(unsigned int cpu)
{
    assert_null(idle[cpu]);
    idle_vcpus++;
    return idle[cpu] = xzalloc(struct vcpu);
}

void sched_cpu_init(unsigned int cpu)
{
    cpumask_set(&cpus[cpu]->siblings, cpu);
}

void timer_cpu_init(unsigned int cpu)
{
    assert_non_null(cpus[cpu]);
}

void time_tsc_differs(void)
{
    tsc_warnings++;
}

void secondary_check_init(void)
{
}

/* ---- what the new CPU does ---- */

void early_idt_load(void)
{
}

bool secondary_features_fit(char *why, size_t size)
{
    while (self->behaviour == STUCK) {
        blocked = true;
        pass();
    }
    if (self->behaviour == LESSER)
        snprintf(why, size, "it lacks something");
    return self->behaviour != LESSER;
}

bool secondary_memory_types_fit(char *why, size_t size)
{
    if (self->behaviour == OTHER_MEMORY)
        snprintf(why, size, "its memory is other");
    return self->behaviour != OTHER_MEMORY;
}

void cpu_setup(void)
{
    must(self->behaviour != LESSER, "a CPU is told to do what it cannot");
}

void trap_cpu_init(void)
{
    must(self->behaviour != OTHER_MEMORY, "a CPU goes on with other memory types");
}

void fpu_cpu_init(void)
{
}

void apic_cpu_init(void)
{
}

static bool served, measured;

s64 tsc_sync_measure(s64 *left)
{
    if (self->behaviour == STUCK_AT_TSC)
        block();
    measured = false;
    /* After an INIT there is no other CPU that would answer. */
    for (unsigned int i = 0; !served; i++) {
        if (i == 1000)
            block();
        pass();
    }
    measured = true;
    *left = self->tsc_left;
    return self->tsc_found;
}

void tsc_sync_serve(s_time_t end)
{
    served = true;
    while (!measured && now() < end)
        relax();
    measured = served = false;
}

void time_cpu_init(s64 distance)
{
    must(distance == self->tsc_left, "the clock does not know how far the TSC is behind");
}

void machine_halt(void)
{
    self->halted = true;
    block();
}

static bool is_online(void)
{
    return cpumask_test(&cpu_online, self->info->cpu_id);
}

/* A CPU that is online may be asked how old its translations are. */
void tlb_flush_local(void)
{
    must(!is_online(), "a CPU is online before it has flushed");
    self->flushed = true;
}

void sched_cpu_up(unsigned int cpu)
{
    must(cpu == self->info->cpu_id && is_online(), "a CPU is to be used that is not online");
    self->scheduled = true;
}

void sched_start(void)
{
    must(self->flushed && self->scheduled, "a CPU begins unprepared");
    self->joined = true;
    end_thread();
}

/* Two threads a core. */
struct topology cpu_topology(void)
{
    return (struct topology){1, 8, 2, 128};
}

/* ---- what smp.c has besides ---- */

void apic_send_nmi(u32 apic_id)
{
}

static s_time_t irqs_left_at, caches_flushed_at, watchdog_left_at;

void cache_flush_local(void)
{
    caches_flushed_at = now();
}

void irq_leave_cpu(void)
{
    irqs_left_at = now();
}

void watchdog_leave(void)
{
    watchdog_left_at = now();
}

void watchdog_return(void)
{
}

const char *symbol_lookup(unsigned long addr, unsigned long *offset)
{
    return NULL;
}

/* ---- the tests ---- */

static void *reserve(size_t bytes, int protection)
{
    void *p = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert_ptr_not_equal(p, MAP_FAILED);
    return p;
}

/* A machine with CPU 0 alone, whose APIC has the id 0. */
static int setup(void **state)
{
    static char *room;
    const size_t bytes = NR_CPUS * STACK_SIZE;

    if (!room) {
        host_ram = reserve(RAM_BYTES, PROT_READ | PROT_WRITE);
        room = reserve(bytes + STACK_SIZE, PROT_NONE);
        stacks = (char *)ROUND_UP((unsigned long)room, (unsigned long)STACK_SIZE);
        sem_init(&boot_turn, 0, 0);
    }
    /* What is written there again begins with zeros. */
    madvise(stacks, bytes, MADV_DONTNEED);
    mprotect(stacks, bytes, PROT_NONE);
    memset(machine, 0, sizeof(machine));
    memset(&acpi, 0, sizeof(acpi));
    memset(&cpu_online, 0, sizeof(cpu_online));
    nr_cpus = 1;
    smp_init_boot_cpu();
    memset(&cpus[0]->siblings, 0, sizeof(cpumask_t));
    sched_cpu_init(0);
    cpus[0]->arch.apic_id = 0;
    acpi.nr_cpus = 1;
    acpi.cpu[0].enabled = true;
    x2apic_enabled = true;
    host_now = 0;
    pages_taken = pages_mapped = 0;
    page_limit = ~0UL;
    low_ram = ALL_LOW_PAGES;
    idle_vcpus = tsc_warnings = 0;
    messages[0] = '\0';
    broken = NULL;
    return 0;
}

static int teardown(void **state)
{
    while (nr_objects)
        free(objects[--nr_objects]);
    memset(idle, 0, sizeof(idle));
    memset(&cpus[1], 0, sizeof(cpus) - sizeof(cpus[0]));
    return 0;
}

static struct machine_cpu *add(u32 apic_id, enum behaviour behaviour)
{
    struct machine_cpu *cpu = &machine[acpi.nr_cpus];

    cpu->apic_id = apic_id;
    cpu->behaviour = behaviour;
    acpi.cpu[acpi.nr_cpus].apic_id = apic_id;
    acpi.cpu[acpi.nr_cpus++].enabled = true;
    return cpu;
}

/* Starts what is there. @used: how many CPUs are then in use */
static void start(unsigned int maxcpus, unsigned int used)
{
    secondary_start_all(maxcpus);
    if (broken)
        fail_msg("%s", broken);
    assert_null(started);
    assert_int_equal(nr_cpus, used);
    assert_int_equal(cpumask_weight(&cpu_online), used);
    for (unsigned int id = 1; id < used; id++) {
        const struct cpu *cpu = cpus[id];
        const struct machine_cpu *m = by_apic_id(cpu->arch.apic_id);

        assert_true(cpumask_test(&cpu_online, id));
        assert_int_equal(cpu->id, id);
        assert_ptr_equal(cpu->info, m->info);
        assert_ptr_equal(cpu->info + 1, stacks + (id + 1) * STACK_SIZE);
        assert_int_equal(cpu->info->cpu_id, id);
        assert_ptr_equal(cpu->info->vcpu, idle[id]);
        assert_true(cpu->arch.on_own_root);
        assert_true(m->joined);
        assert_false(m->halted);
        assert_int_equal(m->inits, 1);
    }
}

static void expect_line(const char *line)
{
    if (!strstr(messages, line))
        fail_msg("no line \"%s\" in: %s", line, messages);
}

/* Ids above 255 are among them; CPU 0 is not the first one that the firmware lists. */
static void all_256(void **state)
{
    acpi.nr_cpus = 0;
    for (unsigned int i = 0; i < NR_CPUS; i++)
        add(3 * i, GOOD);
    cpus[0]->arch.apic_id = 15;
    start(~0U, NR_CPUS);
    assert_int_equal(machine[5].inits, 0);
    assert_int_equal(cpus[1]->arch.apic_id, 0);
    assert_int_equal(cpus[5]->arch.apic_id, 12);
    assert_int_equal(cpus[6]->arch.apic_id, 18);
    assert_int_equal(cpus[255]->arch.apic_id, 765);
    assert_int_equal(idle_vcpus, 255);
    assert_int_equal(pages_mapped, 255 * STACK_PAGES);
    assert_string_equal(messages, "");
    /* None of them was waited for longer than it takes. */
    assert_true(host_now < 255 * MILLISECS(15));
}

/* Below the main stack lies a page that no mapping has. */
static void stacks_have_guards(void **state)
{
    add(1, GOOD);
    add(2, GOOD);
    start(~0U, 3);
    for (unsigned int id = 1; id < 3; id++)
        for (unsigned int offset = 0; offset < STACK_SIZE; offset += PAGE_SIZE) {
            /* This fails where nothing is mapped. */
            int rc = madvise(stacks + id * STACK_SIZE + offset, PAGE_SIZE, MADV_POPULATE_READ);

            assert_int_equal(rc == 0, offset != STACK_GUARD);
        }
}

static void threads_of_a_core_know_each_other(void **state)
{
    add(1, GOOD);
    add(2, GOOD);
    add(5, GOOD);
    add(4, GOOD);
    start(~0U, 5);
    for (unsigned int id = 0; id < 5; id++) {
        unsigned int core = cpus[id]->arch.apic_id / 2, other;
        unsigned int threads = 0;

        for_each_cpu (other, &cpus[id]->siblings) {
            assert_int_equal(cpus[other]->arch.apic_id / 2, core);
            threads++;
        }
        assert_int_equal(threads, core == 1 ? 1 : 2);
    }
}

static void as_many_as_wanted(void **state)
{
    for (unsigned int i = 1; i < 8; i++)
        add(i, GOOD);
    acpi.cpu[2].enabled = false;
    start(4, 4);
    assert_int_equal(cpus[1]->arch.apic_id, 1);
    assert_int_equal(cpus[2]->arch.apic_id, 3);
    assert_int_equal(cpus[3]->arch.apic_id, 4);
    assert_int_equal(machine[2].inits + machine[5].inits, 0);
    assert_string_equal(messages, "");
}

/* In xAPIC mode 255 means all. */
static void ids_that_need_x2apic(void **state)
{
    x2apic_enabled = false;
    add(254, GOOD);
    add(255, GOOD);
    add(256, GOOD);
    add(7, GOOD);
    start(~0U, 3);
    assert_int_equal(cpus[1]->arch.apic_id, 254);
    assert_int_equal(cpus[2]->arch.apic_id, 7);
    assert_string_equal(messages, "the CPU with APIC id 255 is not used: it needs x2APIC mode\n"
                                  "the CPU with APIC id 256 is not used: it needs x2APIC mode\n");
}

static void silent_ones(void **state)
{
    struct machine_cpu *silent = add(1, SILENT), *second = add(2, SECOND_CALL);

    add(3, GOOD);
    start(~0U, 3);
    assert_string_equal(messages, "CPU 1 (APIC id 1) is not used: it does not start\n");
    assert_int_equal(silent->startups, 2);
    assert_int_equal(silent->inits, 2);
    assert_int_equal(second->startups, 2);
    assert_in_range(host_now, SECONDS(1), SECONDS(2));
    /* What was made for it serves the next one. */
    assert_int_equal(cpus[1]->arch.apic_id, 2);
    assert_int_equal(idle_vcpus, 2);
    assert_int_equal(pages_mapped, 2 * STACK_PAGES);
}

static void late_ones_stay_out(void **state)
{
    struct machine_cpu *late = add(1, TOO_LATE), *stuck = add(2, STUCK);

    add(3, STUCK_AT_TSC);
    add(4, GOOD);
    start(~0U, 2);
    assert_int_equal(cpus[1]->arch.apic_id, 4);
    assert_string_equal(messages, "CPU 1 (APIC id 1) is not used: it does not start\n"
                                  "CPU 1 (APIC id 2) is not used: it stopped on its way\n"
                                  "CPU 1 (APIC id 3) is not used: it stopped on its way\n");
    assert_true(late->halted);
    assert_false(late->joined || stuck->joined);
}

static void unfit_ones_are_parked(void **state)
{
    struct machine_cpu *lesser = add(1, LESSER), *other;

    add(2, GOOD);
    other = add(3, OTHER_MEMORY);
    add(4, GOOD);
    start(~0U, 3);
    assert_int_equal(cpus[1]->arch.apic_id, 2);
    assert_int_equal(cpus[2]->arch.apic_id, 4);
    assert_string_equal(messages, "CPU 1 (APIC id 1) is not used: it lacks something\n"
                                  "CPU 2 (APIC id 3) is not used: its memory is other\n");
    assert_int_equal(lesser->inits, 2);
    assert_int_equal(other->inits, 2);
    assert_false(lesser->joined || other->joined);
    assert_true(host_now < SECONDS(1));
}

static void different_tscs(void **state)
{
    struct machine_cpu *cpu = add(1, GOOD);

    cpu->tsc_found = -5000;
    cpu = add(2, GOOD);
    cpu->tsc_found = cpu->tsc_left = 77;
    add(3, GOOD);
    start(~0U, 4);
    expect_line("CPU 1: its TSC was -5000 ticks behind that of CPU 0 and is set right\n");
    expect_line("CPU 2: its TSC is 77 ticks behind that of CPU 0, which its clock makes up for; "
                "guests are not told that the TSC is stable\n");
    assert_null(strstr(messages, "CPU 3"));
    assert_int_equal(tsc_warnings, 1);
}

static void the_lowest_page_is_not_used(void **state)
{
    add(1, GOOD);
    low_ram = 1U << 0 | 1U << 3 | 1U << 5;
    start(~0U, 2); /* apic_send_startup() looks which page */
}

static void no_low_page(void **state)
{
    add(1, GOOD);
    add(2, GOOD);
    low_ram = 1;
    start(~0U, 1);
    assert_string_equal(messages,
                        "only CPU 0 is used: no memory below 64 KiB, where others start\n");
    assert_int_equal(machine[1].inits + machine[2].inits, 0);
}

static void no_memory(void **state)
{
    add(1, GOOD);
    add(2, GOOD);
    add(3, GOOD);
    page_limit = 2 * STACK_PAGES - 1;
    start(~0U, 2);
    assert_string_equal(messages, "CPU 2 and further ones are not used: out of memory\n");
    assert_int_equal(machine[2].inits + machine[3].inits, 0);
}

/* A CPU that goes out of use still serves what devices sent to it before. */
static void a_cpu_leaves(void **state)
{
    host_now = SECONDS(1);
    irqs_left_at = caches_flushed_at = watchdog_left_at = 0;
    arch_cpu_leave();
    assert_true(watchdog_left_at && caches_flushed_at && irqs_left_at);
    assert_true(host_now - irqs_left_at >= MILLISECS(1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_256),
        TEST(stacks_have_guards),
        TEST(threads_of_a_core_know_each_other),
        TEST(as_many_as_wanted),
        TEST(ids_that_need_x2apic),
        TEST(silent_ones),
        TEST(late_ones_stay_out),
        TEST(unfit_ones_are_parked),
        TEST(different_tscs),
        TEST(the_lowest_page_is_not_used),
        TEST(no_low_page),
        TEST(no_memory),
        TEST(a_cpu_leaves),
    };

    return cmocka_run_group_tests_name("bringing up CPUs", tests, NULL, NULL);
}
