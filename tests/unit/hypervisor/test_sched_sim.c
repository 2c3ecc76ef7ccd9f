/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) tests/unit/hypervisor/sched_sim.c */
/*
 * The bounds of docs/scheduler.md, in simulated time, over random workloads. A test that fails says
 * of which seed. The argument is by how much more of them there are to be than usual.
 */
#include "sched_sim.h"

#define CHAOS_RUNS    150U
#define SHARE_RUNS    90U
#define CAP_RUNS      60U
#define WAKE_RUNS     60U
#define WAIT_RUNS     90U
#define QUIET_RUNS    30U
#define ROUND_RUNS    8U
#define SHORT_RUNS    40U
#define CAP_BUSY_RUNS 40U

/* The bounds. */
#define LAG_BOUND    (3 * SCHED_SLICE)
#define SHARE_WINDOW SECONDS(2)
/* One of so many may be off by more than the bound. */
#define SHARE_RARELY     5000
#define SHARE_NOW_RARELY 1000           /* over any time */
#define SHARE_BOUND      MILLISECS(30)  /* of the others; weights within a factor of four */
#define SHARE_LIMIT      MILLISECS(100) /* of all */
#define WIDE_SHARE_BOUND MILLISECS(150) /* the same, any weights */
#define WIDE_SHARE_LIMIT MILLISECS(250)
#define CAP_ERROR        1.0 /* per cent of a CPU: 1 to 16 CPUs, from a start in common */
#define CAP_ANY_ERROR    0.5 /* besides one period's budget, over any second */
#define SHORT_SLEEP      MICROSECS(10)
#define SHORT_SHARE      0.9          /* of a vCPU's share, if it sleeps for 1 per cent at most */
#define WAKE_BOUND       MILLISECS(4) /* of 99 of 100 */
#define WAKE_LIMIT       (2 * SCHED_SLICE)
#define ROUND            8 /* vCPUs a CPU, whose timers are late by 3 ms at most */
#define ROUND_LATE       MILLISECS(3)
#define ROUND_BOUND      ((ROUND + 4) * SCHED_SLICE)
#define WAIT_MOSTLY      4 /* 99 of 100 wait for no more than the bound divided by this */

static unsigned int times = 1; /* as many runs */

static struct sim sim;

static int setup(void **state)
{
    sim_boot();
    return 0;
}

static u64 seed_now;

static void begin(unsigned int nr, unsigned int siblings, u64 seed)
{
    seed_now = seed;
    sim_begin(&sim, nr, siblings, seed);
}

/* Ends the test if @ok is false, and says of which seed. */
static void expect(bool ok, const char *what, double value)
{
    if (!ok)
        print_error("seed %lu: %s %f\n", seed_now, what, value);
    assert_true(ok);
}

/* From 1 to 128, mostly few. */
static unsigned int some_cpus(u64 seed)
{
    static const unsigned int nr[] = {1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128};

    return nr[seed % ARRAY_SIZE(nr)];
}

/* ---- everything at once ---- */

static u16 any_weight(struct sim *s)
{
    switch (sim_random(s, 4)) {
    case 0:
        return (u16)(1 + sim_random(s, 65535));
    case 1:
        return (u16)(1 + sim_random(s, 20));
    default:
        return (u16)(128 + sim_random(s, 400));
    }
}

static cpumask_t any_cpus(struct sim *s)
{
    cpumask_t m = {{0}};
    unsigned int n = 1 + (unsigned int)sim_random(s, s->cpus);

    while (n--)
        cpumask_set(&m, (unsigned int)sim_random(s, s->cpus));
    return m;
}

static void any_change(struct sim *s)
{
    struct sim_vcpu *w = &s->vcpus[sim_random(s, s->count)];
    unsigned int cpu = (unsigned int)sim_random(s, s->cpus);
    cpumask_t m = any_cpus(s);

    host_run_on(cpumask_next(&sched_cpus, 0));
    switch (sim_random(s, 12)) {
    case 0:
        sched_set_weight(w->v->domain, any_weight(s));
        break;
    case 1:
        sched_set_cap(w->v->domain, sim_random(s, 2) ? 0 : (u16)(5 + sim_random(s, 300)));
        break;
    case 2:
        sched_set_affinity(w->v, &m, NULL);
        break;
    case 3:
        sched_set_affinity(w->v, NULL, &m);
        break;
    case 4:
        memset(&m, 0xff, sizeof(m));
        sched_set_affinity(w->v, &m, &m);
        break;
    case 5:
        domain_pause_nosync(w->v->domain);
        sim_settle(s);
        domain_unpause(w->v->domain);
        break;
    case 6:
        if (cpumask_test(&sched_cpus, cpu))
            (void)sched_cpu_down(cpu);
        break;
    case 7:
    case 8:
        sched_cpu_up(cpu);
        break;
    case 9:
        if (!test_bit(&w->v->pause_flags, VPF_BLOCKED))
            vcpu_kick(w->v);
        break;
    default:
        if (w->wake_at)
            sim_wake(s, w);
        break;
    }
    sim_settle(s);
    sim_check(s);
}

/*
 * vCPUs run, sleep and yield as they like while weights, caps, affinities and CPUs change: what
 * sim_check() says holds at any time, and no lag exceeds its bound.
 */
static void chaos(void **state)
{
    for (u64 seed = 1; seed <= CHAOS_RUNS * times; seed++) {
        unsigned int nr = some_cpus(seed), n;

        begin(nr, nr % 2 ? 1 : 1 + seed % 2, seed);
        n = 1 + (unsigned int)sim_random(&sim, MIN(4 * nr, SIM_ALL));
        for (unsigned int i = 0; i < n; i++)
            sim_add(&sim, i % SIM_DOMAINS, i / SIM_DOMAINS,
                    sim_random(&sim, 3) ? (s_time_t)sim_random(&sim, (u64)MILLISECS(8)) + 1000
                                        : SCHED_NEVER,
                    (s_time_t)sim_random(&sim, 4) * (s_time_t)sim_random(&sim, (u64)MILLISECS(4)));
        for (unsigned int i = 0; i < 40; i++) {
            sim_run(&sim, (s_time_t)sim_random(&sim, (u64)MILLISECS(10)));
            sim_check(&sim);
            any_change(&sim);
            expect(sim_largest_lag(&sim) <= LAG_BOUND, "lag", (double)sim_largest_lag(&sim));
        }
        sim_end(&sim);
    }
}

/* ---- shares ---- */

/*
 * Works out what each of @n vCPUs with the weights in ->share should get of @nr CPUs: in
 * proportion, but none gets more than one CPU; what is too much for one is the others'.
 */
static void fair_shares(unsigned int n, unsigned int nr)
{
    double total = 0, left = nr;
    bool again = true;

    for (unsigned int i = 0; i < n; i++)
        total += sim.vcpus[i].share;
    while (again) {
        again = false;
        for (unsigned int i = 0; i < n; i++) {
            struct sim_vcpu *w = &sim.vcpus[i];

            if (w->before || w->share * left < total)
                continue;
            total -= w->share;
            left -= 1;
            w->before = again = true;
        }
    }
    for (unsigned int i = 0; i < n; i++) {
        struct sim_vcpu *w = &sim.vcpus[i];

        w->share = w->before ? 1 : w->share * left / total;
    }
}

static u16 weight_of_class(struct sim *s, u64 class)
{
    static const unsigned int spread[] = {1, 400, 4000, 65535};

    return (u16)((class < 2 ? 128 : 1) + sim_random(s, spread[class]));
}

static unsigned long shares_seen, shares_off; /* in all; by more than most are */

static void check_share(double error, s_time_t bound, s_time_t limit)
{
    expect(error <= (double)limit && -error <= (double)limit, "share is wrong by", error);
    shares_seen++;
    shares_off += error > (double)bound || -error > (double)bound;
}

static void check_shares(s_time_t ns, s_time_t bound, s_time_t limit)
{
    for (unsigned int i = 0; i < sim.count; i++) {
        double got = (double)(sim_cpu_time(sim.vcpus[i].v) - sim.vcpus[i].before);

        check_share(got - sim.vcpus[i].share * (double)ns, bound, limit);
    }
}

/* What each vCPU had got at moments drawn by chance. */
#define MOMENTS 8U
static struct moment {
    s_time_t at;
    u64 got[SIM_ALL];
} moments[MOMENTS];

/* Between any two moments that are no further apart than SHARE_WINDOW each got its share. */
static void check_moments(s_time_t bound, s_time_t limit)
{
    for (unsigned int n = 0; n < MOMENTS * MOMENTS; n++) {
        const struct moment *from = &moments[n / MOMENTS], *to = &moments[n % MOMENTS];
        s_time_t ns = to->at - from->at;

        for (unsigned int i = 0; i < sim.count && ns > 0 && ns <= SHARE_WINDOW; i++) {
            check_share((double)(to->got[i] - from->got[i]) - sim.vcpus[i].share * (double)ns,
                        bound, limit);
        }
    }
}

/* Begins a run of vCPUs that are always busy, more than there are CPUs, with any weights. */
static unsigned int begin_busy(u64 seed)
{
    unsigned int nr = some_cpus(seed / 4), n;

    begin(nr, 1, seed);
    n = MIN(nr + 1 + (unsigned int)sim_random(&sim, 2 * nr + 8), SIM_ALL);
    for (unsigned int i = 0; i < SIM_DOMAINS; i++)
        sched_set_weight(sim_domains[i], weight_of_class(&sim, seed % 4));
    for (unsigned int i = 0; i < n; i++)
        sim_add(&sim, i % SIM_DOMAINS, i / SIM_DOMAINS, SCHED_NEVER, 0)->share =
            sim_domains[i % SIM_DOMAINS]->sched_weight;
    fair_shares(n, nr);
    sim_run(&sim, MILLISECS(500));
    return n;
}

/*
 * Who is always busy gets its share of all CPUs from half a second on: without an exception in the
 * usual runs, with rare ones in the others.
 */
static void shares(void **state)
{
    shares_seen = shares_off = 0;
    for (u64 seed = 1; seed <= SHARE_RUNS * times; seed++) {
        s_time_t bound = seed % 4 < 2 ? SHARE_BOUND : WIDE_SHARE_BOUND,
                 limit = seed % 4 < 2 ? SHARE_LIMIT : WIDE_SHARE_LIMIT;
        unsigned int n = begin_busy(seed);

        for (unsigned int i = 0; i < n; i++)
            sim.vcpus[i].before = sim_cpu_time(sim.vcpus[i].v);
        for (unsigned int part = 1; part <= 4; part++) {
            sim_run(&sim, MILLISECS(500));
            check_shares(part * MILLISECS(500), bound, seed <= SHARE_RUNS ? bound : limit);
        }
        sim_check(&sim);
        sim_end(&sim);
    }
    assert_true(shares_off * SHARE_RARELY <= shares_seen);
}

/* So it does over any time, with more exceptions. */
static void shares_at_any_time(void **state)
{
    shares_seen = shares_off = 0;
    for (u64 seed = 1; seed <= SHARE_RUNS * times; seed++) {
        unsigned int n = begin_busy(seed);

        for (unsigned int m = 0; m < MOMENTS; m++) {
            moments[m].at = host_now;
            for (unsigned int i = 0; i < n; i++)
                moments[m].got[i] = sim_cpu_time(sim.vcpus[i].v);
            sim_run(&sim, (s_time_t)sim_random(&sim, (u64)MILLISECS(700)));
        }
        if (seed % 4 < 2)
            check_moments(SHARE_BOUND, SHARE_LIMIT);
        else
            check_moments(WIDE_SHARE_BOUND, WIDE_SHARE_LIMIT);
        sim_check(&sim);
        sim_end(&sim);
    }
    assert_true(shares_off * SHARE_NOW_RARELY <= shares_seen);
}

/* ---- caps ---- */

static u64 domain_time(const struct domain *d)
{
    u64 sum = 0;

    for (unsigned int k = 0; k < SIM_VCPUS; k++)
        sum += sim_cpu_time(d->vcpu[k]);
    return sum;
}

/* Domains with caps from 5 to @largest per cent, each with vCPUs enough. @return how many */
static unsigned int begin_capped(unsigned int nr, u64 seed, unsigned int largest)
{
    unsigned int left = (seed % 2 ? 60 : 110) * nr, n = 0;

    begin(nr, 1, seed);
    while (n < SIM_DOMAINS && left > 10) {
        unsigned int cap = MIN(5 + (unsigned int)sim_random(&sim, largest), left);

        sched_set_cap(sim_domains[n], (u16)cap);
        for (unsigned int k = 0; k < MIN(cap / 50 + 1 + seed % 3, SIM_VCPUS); k++)
            sim_add(&sim, n, k, SCHED_NEVER, 0);
        left -= cap;
        n++;
    }
    sim_run(&sim, MILLISECS(200));
    return n;
}

/* How much more each of @n domains gets of a CPU than its cap, over a second, in per cent. */
static void measure_caps(unsigned int n, double error[SIM_DOMAINS])
{
    u64 before[SIM_DOMAINS];

    for (unsigned int i = 0; i < n; i++)
        before[i] = domain_time(sim_domains[i]);
    sim_run(&sim, SECONDS(1));
    sim_check(&sim);
    for (unsigned int i = 0; i < n; i++)
        error[i] = (double)(domain_time(sim_domains[i]) - before[i]) / 1e7 -
                   sim_domains[i]->cap.percent;
}

/*
 * Domains that could run more get what their caps say if the caps leave room, and never more, on a
 * full machine either.
 */
static void caps(void **state)
{
    double error[SIM_DOMAINS];

    for (u64 seed = 1; seed <= CAP_RUNS * times; seed++) {
        unsigned int nr = some_cpus(seed) % 16 + 1, n = begin_capped(nr, seed, nr * 60);

        measure_caps(n, error);
        for (unsigned int i = 0; i < n; i++) {
            expect(error[i] <= CAP_ERROR, "above the cap by", error[i]);
            expect(seed % 2 == 0 || sim_domains[i]->cap.percent > 400 || -error[i] <= CAP_ERROR,
                   "below the cap by", -error[i]);
        }
        sim_end(&sim);
    }
}

/* The same on larger machines, over a second that begins by chance. */
static void caps_at_any_time(void **state)
{
    double error[SIM_DOMAINS];

    for (u64 seed = 1; seed <= CAP_RUNS * times; seed++) {
        unsigned int nr = some_cpus(seed), n = begin_capped(nr, seed, MIN(nr * 60, 396U));

        sim_run(&sim, (s_time_t)sim_random(&sim, (u64)MILLISECS(40)));
        measure_caps(n, error);
        for (unsigned int i = 0; i < n; i++) {
            double bound = CAP_ANY_ERROR + sim_domains[i]->cap.percent / 100.0;

            expect(error[i] <= bound, "above the cap by", error[i]);
            expect(seed % 2 == 0 || -error[i] <= bound, "below the cap by", -error[i]);
        }
        sim_end(&sim);
    }
}

/*
 * One that often sleeps for a moment gets what one gets that never stops: what it is owed is not
 * forgotten when nobody has run. No affinity, the same weight for all.
 */
static void short_sleeps(void **state)
{
    for (u64 seed = 1; seed <= SHORT_RUNS * times; seed++) {
        unsigned int nr = some_cpus(seed) % 16 + 1, n = (unsigned int)(2 + seed % 3) * nr;

        begin(nr, 1, seed);
        for (unsigned int i = 0; i < n; i++) {
            bool sleeps = i % 2;
            s_time_t run = MILLISECS(1) + (s_time_t)sim_random(&sim, (u64)MILLISECS(12));

            sim_add(&sim, i % SIM_DOMAINS, i / SIM_DOMAINS, sleeps ? run : SCHED_NEVER,
                    sleeps ? SHORT_SLEEP : 0)
                ->light = sleeps;
        }
        sim_run(&sim, SHARE_WINDOW);
        for (unsigned int i = 0; i < n; i++) {
            double share = (double)sim_cpu_time(sim.vcpus[i].v) * n / nr / (double)SHARE_WINDOW;

            expect(!sim.vcpus[i].light || share >= SHORT_SHARE, "gets of its share", share);
        }
        sim_end(&sim);
    }
}

/*
 * A domain whose cap is less than its share gets what the cap says beside others that never stop,
 * though each of their slices takes as long as a period.
 */
static void caps_beside_busy_ones(void **state)
{
    for (u64 seed = 1; seed <= CAP_BUSY_RUNS * times; seed++) {
        unsigned int nr = some_cpus(seed) % 4 + 1, vcpus = (unsigned int)(1 + seed % nr);
        double error[SIM_DOMAINS];

        begin(nr, 1, seed);
        sched_set_cap(sim_domains[0], (u16)(5 + sim_random(&sim, 40 * vcpus)));
        for (unsigned int i = 0; i < vcpus; i++)
            sim_add(&sim, 0, i, SCHED_NEVER, 0);
        for (unsigned int i = 0; i < nr; i++)
            sim_add(&sim, 1, i, SCHED_NEVER, 0);
        sim_run(&sim, MILLISECS(500));
        measure_caps(1, error);
        expect(error[0] <= CAP_ERROR && -error[0] <= CAP_ERROR, "differs from the cap by",
               error[0]);
        sim_end(&sim);
    }
}

/* ---- wake-ups ---- */

static unsigned long wakes_seen, wakes_late;

/*
 * Each CPU has more to do than it can; vCPUs of other domains that wake now and then still run
 * soon. The first @settle do not count for the share of those that wait for long.
 */
static void wake_now_and_then(unsigned int nr, u64 seed, s_time_t settle)
{
    unsigned int hogs;

    begin(nr, 1, seed);
    hogs = 2 * nr + (unsigned int)sim_random(&sim, nr);
    for (unsigned int i = 0; i < hogs; i++)
        sim_add(&sim, i % (SIM_DOMAINS / 2), i / (SIM_DOMAINS / 2), SCHED_NEVER, 0);
    for (unsigned int i = 0; i < MAX(nr / 2, 1U); i++)
        sim_add(&sim, SIM_DOMAINS / 2 + i % (SIM_DOMAINS / 2), i / (SIM_DOMAINS / 2),
                MICROSECS(200), MILLISECS(20))
            ->light = true;
    if (settle) {
        sim_run(&sim, settle);
        memset(sim.waits, 0, sizeof(sim.waits));
    }
    sim_run(&sim, SECONDS(1));
    for (unsigned int i = hogs; i < sim.count; i++)
        expect(sim.vcpus[i].longest <= WAKE_LIMIT, "waited", (double)sim.vcpus[i].longest);
    for (unsigned int i = 0; i < ARRAY_SIZE(sim.waits); i++) {
        wakes_seen += sim.waits[i];
        wakes_late += i >= WAKE_BOUND / SIM_WAIT_STEP ? sim.waits[i] : 0;
    }
    sim_end(&sim);
}

/* On up to 16 CPUs also the first wake-ups count. */
static void wakes(void **state)
{
    wakes_seen = wakes_late = 0;
    for (u64 seed = 1; seed <= WAKE_RUNS * times; seed++)
        wake_now_and_then(some_cpus(seed) % 16 + 1, seed, 0);
    assert_true(wakes_seen > 300);
    assert_true(wakes_late * 100 <= wakes_seen);
}

/* On larger ones those when all vCPUs have run once. */
static void wakes_on_large_machines(void **state)
{
    wakes_seen = wakes_late = 0;
    for (u64 seed = 1; seed <= WAKE_RUNS * times; seed++)
        wake_now_and_then(some_cpus(seed), seed, MILLISECS(100));
    assert_true(wakes_seen > 300);
    assert_true(wakes_late * 100 <= wakes_seen);
}

/* Nobody starves: each vCPU waits, at most, for what the others may run before it. */
static void waits(void **state)
{
    unsigned long all = 0, longer = 0;

    for (u64 seed = 1; seed <= WAIT_RUNS * times; seed++) {
        unsigned int nr = some_cpus(seed), n;
        double total = 0;

        begin(nr, 1, seed);
        n = MIN(nr + 1 + (unsigned int)sim_random(&sim, 3 * nr + 4), SIM_ALL);
        for (unsigned int i = 0; i < SIM_DOMAINS; i++)
            sched_set_weight(sim_domains[i], weight_of_class(&sim, seed % 4));
        for (unsigned int i = 0; i < n; i++) {
            total += sim_domains[i % SIM_DOMAINS]->sched_weight;
            sim_add(&sim, i % SIM_DOMAINS, i / SIM_DOMAINS, i % 3 ? SCHED_NEVER : MILLISECS(2),
                    MILLISECS(2));
        }
        sim_run(&sim, SECONDS(3));
        for (unsigned int i = 0; i < n; i++) {
            double slices = total / sim.vcpus[i].v->fair.weight + n;
            double waited = (double)sim.vcpus[i].longest / (double)SCHED_SLICE;

            expect(waited <= slices, "waited, in slices,", waited);
            all++;
            longer += waited * WAIT_MOSTLY > slices;
        }
        sim_end(&sim);
    }
    assert_true(longer * 100 <= all);
}

/*
 * On a machine whose timers fire late, as an emulated one's do, those that never stop keep their
 * order: nobody is the first in one round and the last in the next.
 */
static void rounds_keep_their_order(void **state)
{
    for (u64 seed = 1; seed <= ROUND_RUNS * times; seed++) {
        unsigned int nr = some_cpus(seed) % 16 + 1, n = ROUND * nr;

        begin(nr, 1, seed);
        sim.late = ROUND_LATE;
        for (unsigned int i = 0; i < n; i++)
            sim_add(&sim, i % SIM_DOMAINS, i / SIM_DOMAINS, SCHED_NEVER, 0);
        sim_run(&sim, SECONDS(1));
        for (unsigned int i = 0; i < n; i++)
            sim.vcpus[i].longest = 0;
        sim_run(&sim, SECONDS(3));
        for (unsigned int i = 0; i < n; i++)
            expect(sim.vcpus[i].longest <= ROUND_BOUND, "waited",
                   (double)sim.vcpus[i].longest / 1e6);
        sim_end(&sim);
    }
}

/* ---- no ticks ---- */

/* Has any of the CPUs a timer set? */
static bool any_clock(void)
{
    for (unsigned int cpu = 0; cpu < sim.cpus; cpu++)
        if (cpus[cpu]->timers.root || cpus[cpu]->rq.fair.slice.queued)
            return true;
    return false;
}

/*
 * Where no vCPU waits and none that runs has a cap, no timer is set, whatever there was before: the
 * last one has fired when the slice for which it was set is over.
 */
static void no_ticks(void **state)
{
    for (u64 seed = 1; seed <= QUIET_RUNS * times; seed++) {
        unsigned int nr = some_cpus(seed), n;

        begin(nr, 1, seed);
        n = 1 + (unsigned int)sim_random(&sim, nr);
        for (unsigned int i = 0; i < n; i++)
            sim_add(&sim, i % SIM_DOMAINS, i / SIM_DOMAINS, SCHED_NEVER, 0);
        sim_run(&sim, 2 * SCHED_SLICE);
        assert_false(any_clock());
        sim_run(&sim, SECONDS(1));
        assert_false(any_clock());

        /* Some that wait for a while; then they are gone. */
        while (sim.count < n + nr)
            sim_add(&sim, sim.count % SIM_DOMAINS, sim.count / SIM_DOMAINS, SCHED_NEVER, 0);
        assert_true(n + nr == nr || any_clock());
        sim_run(&sim, (s_time_t)sim_random(&sim, (u64)MILLISECS(50)));
        while (sim.count > n) {
            struct vcpu *v = sim.vcpus[--sim.count].v;

            set_bit(&v->pause_flags, VPF_DOWN);
            vcpu_sleep_nosync(v);
        }
        sim_settle(&sim);
        sim_run(&sim, 2 * SCHED_SLICE);
        assert_false(any_clock());

        sched_set_cap(sim_domains[0], 50);
        sim_settle(&sim);
        assert_true(any_clock());
        sim_end(&sim);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chaos),
        cmocka_unit_test(shares),
        cmocka_unit_test(shares_at_any_time),
        cmocka_unit_test(short_sleeps),
        cmocka_unit_test(caps),
        cmocka_unit_test(caps_at_any_time),
        cmocka_unit_test(caps_beside_busy_ones),
        cmocka_unit_test(wakes),
        cmocka_unit_test(wakes_on_large_machines),
        cmocka_unit_test(waits),
        cmocka_unit_test(rounds_keep_their_order),
        cmocka_unit_test(no_ticks),
    };

    if (argc > 1)
        times = (unsigned int)strtoul(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, setup, NULL);
}
