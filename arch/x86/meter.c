/* SPDX-License-Identifier: MIT */
/*
 * The meter of meter.h: clocks, tables, and the hooks of entry.S. Part of builds with METER=1
 * alone.
 */
#include <asm/backtrace.h>
#include <asm/entry.h>
#include <asm/msr.h>
#include <asm/pv.h>
#include <console.h>
#include <domain.h>
#include <hypercall.h>
#include <meter.h>
#include <softirq.h>

#define EXCEPTIONS   32U
#define USER_SYSCALL 31U /* shown as this exception: a SYSCALL of user mode to the guest's kernel */

enum stretch_kind { HYPERCALL, EXCEPTION, INTERRUPT, SOFTIRQ, EXIT_WORK, KINDS };

/* How many numbers each kind has. All interrupts have the same one. */
#define NUMBERS NR_HYPERCALLS

struct stretch {
    u64 ticks;
    unsigned long about;  /* first argument, or what exit work */
    const void *function; /* the callback; where interrupts were switched on */
};

/* Two tables: for stretches while a domU was current, and for those of dom0 and the idle vCPU. */
static struct stretch longest[2][KINDS][NUMBERS];
static struct stretch longest_irqs_off;

/* What each CPU is doing. */
static struct {
    bool inside; /* the hypervisor: a stretch is under way */
    bool of_dom0;
    enum stretch_kind kind;
    unsigned int number;
    struct stretch it; /* ticks: when it began */
    u64 irqs_off;      /* since when; 0: they are on */
} at_work[NR_CPUS];

/* Hooks of entry.S. */
void meter_enter(const struct cpu_user_regs *regs);
void meter_leave(void);

/* Ends the stretch, if there is one, and begins the next one of the same kind. */
static void end_stretch(void)
{
    typeof(&at_work[0]) w = &at_work[smp_processor_id()];
    struct stretch *l = &longest[w->of_dom0][w->kind][w->number];
    u64 t = rdtsc();

    if (w->inside && t - w->it.ticks > l->ticks) {
        *l = w->it;
        l->ticks = t - w->it.ticks;
    }
    w->it.ticks = rdtsc();
}

static void begin_stretch(enum stretch_kind kind, unsigned long number, unsigned long about)
{
    typeof(&at_work[0]) w = &at_work[smp_processor_id()];

    end_stretch();
    w->inside = true;
    w->of_dom0 = !current || current->domain->privileged || current->domain->system;
    w->kind = kind;
    w->number = MIN((unsigned int)number, NUMBERS - 1);
    w->it.about = about;
    w->it.function = NULL;
}

void meter_enter(const struct cpu_user_regs *regs)
{
    unsigned int vector = regs->entry_vector;

    at_work[smp_processor_id()].inside = false;
    if (regs->error_code & FRAME_SYSCALL && in_guest_kernel(current))
        begin_stretch(HYPERCALL, regs->rax, regs->rdi);
    else if (regs->error_code & FRAME_SYSCALL)
        begin_stretch(EXCEPTION, USER_SYSCALL, regs->rax);
    else if (vector < EXCEPTIONS)
        begin_stretch(EXCEPTION, vector, 0);
    else
        begin_stretch(INTERRUPT, 0, vector);
    meter_irqs_off();
}

void meter_leave(void)
{
    meter_irqs_on();
    end_stretch();
    at_work[smp_processor_id()].inside = false;
}

void meter_hypercall(unsigned long op, unsigned long argument)
{
    begin_stretch(HYPERCALL, op, argument);
}

void meter_preempt_check(bool stop)
{
    if (!stop)
        end_stretch();
}

void meter_softirq(unsigned int nr)
{
    begin_stretch(SOFTIRQ, nr, 0);
}

void meter_callback(const void *fn)
{
    at_work[smp_processor_id()].it.function = fn;
}

void meter_exit_work(u32 work)
{
    begin_stretch(EXIT_WORK, 0, work);
}

void meter_idle(void)
{
    end_stretch();
    at_work[smp_processor_id()].inside = false;
}

void meter_irqs_off(void)
{
    u64 *since = &at_work[smp_processor_id()].irqs_off;

    if (!*since)
        *since = rdtsc();
}

void meter_irqs_on(void)
{
    u64 *since = &at_work[smp_processor_id()].irqs_off, ticks = rdtsc() - *since;

    if (*since && ticks > longest_irqs_off.ticks)
        longest_irqs_off = (struct stretch){ticks, 0, __builtin_return_address(0)};
    *since = 0;
}

/* ---- the report ---- */

static void show_stretch(const char *who, const char *kind, unsigned int number,
                         const struct stretch *s)
{
    unsigned long offset;
    const char *name = s->function ? symbol_lookup((unsigned long)s->function, &offset) : NULL;

    if (s->ticks)
        printk(LOG_INFO, "meter: %lu %s %s %u about %lx%s%s", (unsigned long)s->ticks, who, kind,
               number, s->about, name ? " in " : "", name ? name : "");
}

void meter_show(void)
{
    static const char *const kinds[KINDS] = {"hypercall", "exception", "interrupt", "softirq",
                                             "exit-work"};
    /* The time of the printing itself must not be found the next time. */
    static struct stretch seen[2][KINDS][NUMBERS];
    struct stretch off = longest_irqs_off;

    memcpy(seen, longest, sizeof(seen));
    for (unsigned int who = 0; who < 2; who++)
        for (unsigned int kind = 0; kind < KINDS; kind++)
            for (unsigned int i = 0; i < NUMBERS; i++)
                show_stretch(who ? "dom0" : "domU", kinds[kind], i, &seen[who][kind][i]);
    show_stretch("any", "interrupts-off", 0, &off);
    memset(longest, 0, sizeof(longest));
    longest_irqs_off.ticks = 0;
    at_work[smp_processor_id()].inside = false;
}
