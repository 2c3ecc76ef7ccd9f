/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) hypervisor/debug_keys.c */
/*
 * The debug keys: each prints what it is for, and of what a domain can have many of, only so much.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <control_impl.h>
#include <irq.h>

#include "two_domains.h"

#define PIRQS 80U

unsigned int arch_nr_pirqs(bool privileged)
{
    return PIRQS;
}

static int setup(void **state)
{
    make_two_domains(6, 2, 4);
    host_become(a->vcpu[0]);
    dom0 = a;
    host_dumps = 0;
    return 0;
}

static int teardown(void **state)
{
    dom0 = NULL;
    domain_pause_nosync(b);
    host_become(cpus[0]->rq.idle);
    host_settle();
    return end_two_domains(state);
}

static void press(char key)
{
    host_console_log[0] = '\0';
    debug_key(key);
}

static void shows(const char *text)
{
    if (!strstr(host_console_log, text))
        fail_msg("no \"%s\" in:\n%s", text, host_console_log);
}

static void does_not_show(const char *text)
{
    if (strstr(host_console_log, text))
        fail_msg("\"%s\" in:\n%s", text, host_console_log);
}

static void help(void **state)
{
    static const char keys[] = "0MRaeghimqru";
    char entry[] = "key '?': ";

    press('h');
    for (const char *k = keys; *k; k++) {
        entry[5] = *k;
        shows(entry);
    }
    press('X');
    assert_string_equal(host_console_log, "no debug key 'X'; h lists them\n");
}

static void domains(void **state)
{
    press('q');
    shows("d1: refs ");
    shows("d2: refs ");
    shows("  v5: cpu 0");
    press('e');
    does_not_show("no debug key");
    press('g');
    shows("d1 grants: ");
    shows("d2 grants: ");
}

static void memory(void **state)
{
    char frames[64];

    snprintf(frames, sizeof(frames), "%lu of %lu frames free", heap_free_pages(),
             heap_total_pages());
    press('m');
    shows("memory: ");
    shows(frames);
    press('u');
    shows("node 0: 1 CPUs, ");
    shows(frames);
    snprintf(frames, sizeof(frames), "d2: %lu frames on node 0\n", b->tot_pages);
    shows("d1: ");
    shows(frames);
}

/* Four vCPUs, but for those that run elsewhere or never did. */
static void registers(void **state)
{
    struct vcpu *v;

    for_each_vcpu (a, v)
        v->initialised = v->id != 1;
    WRITE_ONCE(a->vcpu[0]->runstate.state, RUNSTATE_running);
    WRITE_ONCE(a->vcpu[3]->runstate.state, RUNSTATE_running);
    press('0');
    assert_int_equal(host_dumps, 3);
    assert_string_equal(host_console_log, "d1v3 runs on CPU 0\nd1: 1 more vCPUs are not shown\n");
    a->vcpu[5]->initialised = false;
    WRITE_ONCE(a->vcpu[3]->runstate.state, RUNSTATE_offline);
    press('0');
    assert_int_equal(host_dumps, 3 + 4);
    assert_string_equal(host_console_log, "");
    WRITE_ONCE(a->vcpu[0]->runstate.state, RUNSTATE_offline);
    host_become(cpus[0]->rq.idle); /* pressed on a CPU that idles */
    press('0');
    assert_int_equal(host_dumps, 3 + 4 + 4);
    dom0 = NULL;
    press('0');
    assert_int_equal(host_dumps, 3 + 4 + 4);
}

static void interrupts(void **state)
{
    struct pirq *p;

    press('i');
    assert_string_equal(host_console_log, "");
    for (unsigned int i = 0; i < PIRQS; i++) {
        p = pirq_get(b, i, true);
        assert_non_null(p);
        p->irq = i == 2 ? PIRQ_UNMAPPED : (int)i + 100;
    }
    p->irq = PIRQ_RESERVED;
    p = pirq_get(b, 3, false);
    p->evtchn = 7;
    p->masked = true;
    press('i');
    shows("d2 pirq 1: interrupt 101, port 0\n");
    does_not_show("d2 pirq 2:");
    shows("d2 pirq 3: interrupt 103, port 7, waits for the guest\n");
    shows("d2 pirq 64: interrupt 164, port 0\n");
    does_not_show("d2 pirq 65:");
    shows("d2: 14 more pirqs\n");
}

static void queues(void **state)
{
    press('r');
    shows("rate limit 1000 us\n");
    shows("CPU 0: d1v0 runs, 0 vCPUs wait\n");
    assert_true(vcpu_set_down(b->vcpu[1], false));
    vcpu_wake(b->vcpu[1]);
    press('r');
    shows("CPU 0: d1v0 runs, 1 vCPUs wait\n");
    host_become(cpus[0]->rq.idle);
    press('r');
    shows("CPU 0: idle, 1 vCPUs wait\n");
    host_become(a->vcpu[0]);
}

static void at_nothing(void *arg)
{
}

static void timers(void **state)
{
    struct timer *others = cpus[0]->timers.root;
    struct timer t;

    cpus[0]->timers.root = NULL;
    press('a');
    shows("CPU 0: no timer\n");
    cpus[0]->timers.root = others;
    timer_init(&t, at_nothing, NULL, 0);
    timer_set(&t, now() + 5);
    press('a');
    shows("CPU 0: the first timer expires in 5 ns\n");
    timer_stop(&t);
}

static void restart(void *arg)
{
    debug_key('R');
}

static void restarts(void **state)
{
    host_restarts = 0;
    assert_true(host_panics(restart, NULL));
    assert_int_equal(host_restarts, 1);
    press('M'); /* only a build with METER=1 has something to say */
    assert_string_equal(host_console_log, "");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(help),       TEST(domains), TEST(memory), TEST(registers),
        TEST(interrupts), TEST(queues),  TEST(timers), TEST(restarts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
