/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/*
 * The life of a domain: creation that fails at every allocation, destruction whole and in pieces,
 * zombies that others keep alive, pausing and shutting down. What is asserted throughout: nothing
 * is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <domain_table.h>
#include <event_channel.h>
#include <host.h>

#define FRAMES 4096UL

struct totals {
    unsigned long pages, objects, bytes;
};

static struct totals totals(void)
{
    return (struct totals){heap_free_pages(), host_objects(), xalloc_in_use()};
}

static void assert_same(struct totals a)
{
    struct totals b = totals();

    assert_int_equal(a.pages, b.pages);
    assert_int_equal(a.objects, b.objects);
    assert_int_equal(a.bytes, b.bytes);
    assert_int_equal(heap_claimed_pages(), 0);
}

static int setup(void **state)
{
    host_boot(FRAMES);
    host_fail_allocation(0);
    host_preempt_every(0);
    host_arch_domain_error = host_arch_vcpu_error = 0;
    return 0;
}

static void create_and_kill(void **state)
{
    struct totals before = totals();

    for (unsigned int i = 0; i < 50; i++) {
        struct domain *d = host_domain((domid_t)(1 + i % 7), 1 + i % 5, i % 3 * 40, false);

        assert_non_null(d);
        assert_ptr_equal(get_domain_by_id(d->id), d);
        put_domain(d);
        assert_int_equal(d->tot_pages, i % 3 * 40);
        host_kill(d);
        assert_null(get_domain_by_id((domid_t)(1 + i % 7)));
        assert_same(before);
    }
}

/* Each allocation of the whole creation fails once. */
static void creation_survives_failures(void **state)
{
    struct totals before = totals();
    unsigned int failures = 0;

    for (unsigned long n = 1;; n++) {
        struct domain *d;

        host_fail_allocation(n);
        d = host_domain(5, 3, 10, false);
        if (!host_failed()) {
            host_fail_allocation(0);
            assert_non_null(d);
            host_kill(d);
            break;
        }
        host_fail_allocation(0);
        assert_null(d);
        assert_int_equal(host_error, -XEN_ENOMEM);
        host_settle();
        assert_null(get_domain_by_id(5));
        assert_same(before);
        failures++;
    }
    assert_true(failures > 20);
    assert_same(before);
}

static void creation_survives_the_architecture(void **state)
{
    struct totals before = totals();

    host_arch_domain_error = -XEN_EINVAL;
    assert_null(host_domain(5, 1, 1, false));
    assert_int_equal(host_error, -XEN_EINVAL);
    assert_same(before);
    host_arch_domain_error = 0;
    host_arch_vcpu_error = -XEN_EPERM;
    assert_null(host_domain(5, 2, 1, false));
    assert_int_equal(host_error, -XEN_EPERM);
    host_arch_vcpu_error = 0;
    assert_same(before);
}

static void bad_configurations(void **state)
{
    struct xen_domctl_createdomain config = {.max_vcpus = 0, .max_grant_frames = 1};
    struct totals before = totals();
    struct domain *d, *other;

    assert_int_equal(domain_create(3, &config, false, &d), -XEN_EINVAL);
    config.max_vcpus = MAX_VCPUS + 1;
    assert_int_equal(domain_create(3, &config, false, &d), -XEN_EINVAL);
    config.max_vcpus = 1;
    config.max_grant_frames = 0;
    assert_int_equal(domain_create(3, &config, false, &d), -XEN_EINVAL);
    config.max_grant_frames = 1 << 20;
    assert_int_equal(domain_create(3, &config, false, &d), -XEN_EINVAL);
    assert_same(before);
    d = host_domain(3, 1, 0, false);
    assert_non_null(d);
    config.max_grant_frames = 1;
    assert_int_equal(domain_create(3, &config, false, &other), -XEN_EEXIST);
    host_kill(d);
    assert_same(before);
}

static void kill_in_pieces(void **state)
{
    struct totals before = totals();
    struct domain *d = host_domain(9, 2, 300, false);
    struct page *held = host_frame(d, 100);
    unsigned int rounds = 0;

    host_become(cpus[0]->rq.idle);
    assert_true(get_page(held, d)); /* such a frame is let go by itself */
    host_preempt_every(1);
    while (domain_kill(d) == -ERESTART) {
        rounds++;
        host_return_to_guest();
    }
    host_preempt_every(0);
    assert_in_range(rounds, 300 / 64 + 1, 300 / 64 + 20);
    put_page(held);
    host_settle();
    assert_same(before);
}

/*
 * Frames that are still held, wherever on the list, keep the domain, and do not hide the others
 * from the walk.
 */
static void zombie(void **state)
{
    static const unsigned int held[] = {0, 1, 17, 18, 199};
    struct totals before = totals();
    struct domain *d = host_domain(9, 1, 200, false);
    struct page *pg[ARRAY_SIZE(held)];

    for (unsigned int i = 0; i < ARRAY_SIZE(held); i++) {
        pg[i] = host_frame(d, held[i]);
        assert_true(get_page(pg[i], d));
    }
    /* The guest gave some of them back itself before. */
    assert_true(free_domain_page(pg[0]));
    assert_true(free_domain_page(pg[3]));
    assert_false(free_domain_page(pg[3]));
    host_kill(d);
    assert_int_equal(d->dying, DOMAIN_DEAD);
    assert_int_equal(d->tot_pages, ARRAY_SIZE(held));
    assert_ptr_equal(get_next_domain(9), d);
    put_domain(d);
    assert_null(alloc_domain_pages(d, 0, 0));
    for (unsigned int i = 0; i < ARRAY_SIZE(held); i++) {
        assert_non_null(get_domain_by_id(9));
        put_domain(d);
        put_page(pg[i]);
    }
    host_settle();
    assert_null(get_domain_by_id(9));
    assert_same(before);
}

/* Shared info and grant frames outlive the domain while they are mapped. */
static void lent_frames(void **state)
{
    struct totals before = totals();
    struct domain *d = host_domain(9, 1, 5, false);
    struct page *pg = virt_to_page(d->shared_info);

    assert_int_equal(d->hv_pages, 2); /* shared info and the first grant frame */
    assert_int_equal(get_page_and_type(pg, d, PG_TYPE_WRITABLE), 0);
    assert_int_equal(get_page_and_type(pg, d, PG_TYPE_L1), -XEN_EINVAL);
    host_become(cpus[0]->rq.idle);
    assert_int_equal(domain_kill(d), 0);
    assert_null(d->shared_info);
    assert_int_equal(d->hv_pages, 1);
    assert_int_equal(page_type_count(pg->state), 2); /* another CPU may still write there */
    host_settle();
    assert_int_equal(page_type_count(pg->state), 1);
    assert_ptr_equal(get_domain_by_id(9), d);
    put_domain(d);
    put_page_and_type(pg);
    host_settle();
    assert_same(before);
}

static void last_frame_and_references(void **state)
{
    struct totals before = totals();
    struct domain *d = host_domain(4, 1, 0, false);
    u32 refs = d->refs;
    struct page *pg;

    d->max_pages = 2;
    host_fail_allocation(1);
    assert_null(alloc_domain_pages(d, 0, 0));
    host_fail_allocation(0);
    assert_null(alloc_domain_pages(d, 2, 0)); /* over the limit */
    assert_int_equal(d->refs, refs);
    for (unsigned int i = 0; i < 3; i++) {
        pg = alloc_domain_pages(d, 1, 0);
        assert_non_null(pg);
        assert_int_equal(d->refs, refs + 1);
        assert_true(free_domain_page(pg));
        assert_int_equal(d->refs, refs + 1);
        assert_true(free_domain_page(pg + 1));
        assert_int_equal(d->refs, refs);
    }
    host_kill(d);
    assert_same(before);
}

static void pausing(void **state)
{
    struct domain *d = host_domain(4, 2, 0, false);
    struct vcpu *v = d->vcpu[0];

    host_become(cpus[0]->rq.idle);
    clear_bit(&v->pause_flags, VPF_DOWN);
    assert_true(vcpu_runnable(v));
    domain_pause(d);
    domain_pause(d);
    assert_false(vcpu_runnable(v));
    domain_unpause(d);
    assert_false(vcpu_runnable(v));
    domain_unpause(d);
    assert_true(vcpu_runnable(v));
    assert_true(v->on_queue);

    assert_int_equal(domain_unpause_by_controller(d), -XEN_EINVAL);
    assert_int_equal(domain_pause_by_controller(d), 0);
    assert_false(v->on_queue);
    assert_int_equal(domain_unpause_by_controller(d), 0);
    host_become(v);
    assert_int_equal(domain_pause_by_controller(d), -XEN_EINVAL);
    host_become(cpus[0]->rq.idle);
    vcpu_pause(v);
    assert_false(vcpu_runnable(v));
    vcpu_unpause(v);
    assert_true(vcpu_runnable(v));
    host_kill(d);
}

static void shutting_down(void **state)
{
    struct domain *d = host_domain(4, 1, 0, false);
    struct vcpu *v = d->vcpu[0];

    clear_bit(&v->pause_flags, VPF_DOWN);
    host_become(cpus[0]->rq.idle);
    domain_shutdown(d, SHUTDOWN_suspend);
    assert_false(d->is_shut_down);
    host_settle();
    assert_true(d->is_shut_down);
    assert_int_equal(d->shutdown_code, SHUTDOWN_suspend);
    assert_false(vcpu_runnable(v));
    domain_shutdown(d, SHUTDOWN_crash); /* the first reason stays */
    assert_int_equal(d->shutdown_code, SHUTDOWN_suspend);
    domain_resume(d);
    assert_false(d->is_shut_down);
    assert_true(vcpu_runnable(v));
    domain_resume(d); /* without effect */
    assert_int_equal(d->pause_count, 0);
    domain_crash(d, "test %d", 1);
    assert_int_equal(d->shutdown_code, SHUTDOWN_crash);
    host_kill(d);
}

/* Of vCPUs that fail at once one tells why; the others only stop the domain. */
static void one_tells_of_a_crash(void **state)
{
    struct domain *d = host_domain(4, 2, 0, false);
    const char *line;

    host_become(cpus[0]->rq.idle);
    host_console_log[0] = '\0';
    assert_true(domain_crash_begin(d));
    assert_false(d->shutting_down);
    domain_crash(d, "the second one");
    assert_true(d->shutting_down);
    assert_false(domain_crash_begin(d));
    domain_crash_end(d, "the first one");
    line = strstr(host_console_log, "crashed");
    assert_non_null(line);
    assert_non_null(strstr(line, "the first one"));
    assert_null(strstr(line + 1, "crashed"));
    assert_int_equal(d->shutdown_code, SHUTDOWN_crash);
    /* It may crash again when it goes on. */
    host_settle();
    domain_resume(d);
    assert_true(domain_crash_begin(d));
    host_kill(d);
}

/* Has the state of @d changed, and that of no other domain, since this was last asked? */
static bool told_of(const struct domain *d)
{
    domid_t id;

    if (!domain_take_changed(&id))
        return false;
    assert_int_equal(id, d->id);
    assert_false(domain_take_changed(&id));
    return true;
}

static struct vcpu *leaving; /* its CPU, when so many rounds of all schedulers are over */
static unsigned int rounds;
static struct rcu_head round_over;

static void leave_in_the_end(struct rcu_head *head)
{
    assert_false(leaving->domain->is_shut_down);
    if (--rounds)
        call_rcu(head, leave_in_the_end);
    else
        leaving->is_running = false;
}

/* Whoever hears of a shutdown may read what the domain left: none of its vCPUs runs any longer. */
static void shut_down_when_no_vcpu_runs(void **state)
{
    struct totals before = totals();
    struct domain *d = host_domain(4, 2, 0, false);
    u32 refs = d->refs;
    domid_t id;

    while (domain_take_changed(&id))
        ;
    host_become(cpus[0]->rq.idle);
    d->vcpu[1]->is_running = true;
    leaving = d->vcpu[1];
    rounds = 3;
    call_rcu(&round_over, leave_in_the_end);
    domain_shutdown(d, SHUTDOWN_poweroff);
    assert_true(d->shutting_down);
    assert_false(d->is_shut_down);
    host_settle();
    assert_int_equal(rounds, 0);
    assert_true(d->is_shut_down);
    assert_true(told_of(d));
    host_settle();
    assert_false(told_of(d));
    assert_int_equal(d->refs, refs);
    domain_resume(d);
    /* Resumed before it comes to that: nobody hears of it. */
    domain_shutdown(d, SHUTDOWN_suspend);
    domain_resume(d);
    host_settle();
    assert_false(d->is_shut_down);
    assert_false(told_of(d));
    /* And shut down again, also before. */
    domain_shutdown(d, SHUTDOWN_suspend);
    domain_resume(d);
    domain_shutdown(d, SHUTDOWN_reboot);
    host_settle();
    assert_true(d->is_shut_down);
    assert_int_equal(d->shutdown_code, SHUTDOWN_reboot);
    assert_true(told_of(d));
    domain_resume(d);
    /* Destroyed before. */
    domain_shutdown(d, SHUTDOWN_crash);
    host_kill(d);
    assert_same(before);
}

static void domains_in_order(void **state)
{
    static const domid_t ids[] = {300, 44, 556, 1, 257};
    static const domid_t sorted[] = {1, 44, 257, 300, 556};
    struct domain *d[ARRAY_SIZE(ids)], *it;
    domid_t next = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++)
        d[i] = host_domain(ids[i], 1, 0, false);
    for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
        it = get_next_domain(next);
        assert_int_equal(it->id, sorted[i]);
        next = (domid_t)(it->id + 1);
        put_domain(it);
    }
    assert_null(get_next_domain(next)); /* system domains are none */
    for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++)
        host_kill(d[i]);
}

/* While the last reference on a domain goes, another CPU makes one with the same id. */
static void an_id_is_used_again(void **state)
{
    static struct domain first, second;
    struct domain *found;

    first = second = (struct domain){.id = 9, .refs = 1};
    domain_table_insert(&first);
    first.refs = 0;
    assert_null(get_domain_by_id(9));
    domain_table_insert(&second);
    domain_table_remove(&first);
    found = get_next_domain(9);
    assert_ptr_equal(found, &second);
    second.refs = 0;
    domain_table_remove(&second);
    assert_null(get_next_domain(9));
}

static void claims(void **state)
{
    struct totals before = totals();
    struct domain *d = host_domain(4, 1, 10, false), *e = host_domain(6, 1, 0, false);
    unsigned long free = heap_free_pages();

    d->max_pages = e->max_pages = FRAMES;
    assert_int_equal(claim_domain_pages(d, 10), -XEN_EINVAL);
    assert_int_equal(claim_domain_pages(d, FRAMES + 1), -XEN_EINVAL);
    assert_int_equal(claim_domain_pages(d, 10 + free + 1), -XEN_ENOMEM);
    assert_int_equal(claim_domain_pages(d, 10 + free), 0);
    assert_int_equal(claim_domain_pages(d, 11), -XEN_EINVAL); /* one at a time */
    assert_int_equal(heap_claimed_pages(), free);
    assert_null(alloc_domain_pages(e, 0, 0));
    assert_null(alloc_hv_pages(0));
    assert_non_null(alloc_domain_pages(d, 3, 0));
    assert_int_equal(heap_claimed_pages(), free - 8);
    assert_int_equal(claim_domain_pages(d, 0), 0);
    assert_non_null(alloc_domain_pages(e, 0, 0));
    assert_int_equal(claim_domain_pages(d, 1000), 0);
    host_kill(d);
    host_kill(e);
    assert_same(before);
}

static void watchdog(void **state)
{
    struct totals before = totals();
    struct domain *d = host_domain(4, 1, 0, false);
    struct sched_watchdog w = {.id = 0, .timeout = 2};

    host_become(d->vcpu[0]);
    assert_int_equal(host_call2(do_sched_op, SCHEDOP_watchdog, &w, sizeof(w)), 1);
    assert_int_equal(host_call2(do_sched_op, SCHEDOP_watchdog, &w, sizeof(w)), 2);
    assert_int_equal(host_call2(do_sched_op, SCHEDOP_watchdog, &w, sizeof(w)), -XEN_ENOSPC);
    w.id = 3;
    assert_int_equal(host_call2(do_sched_op, SCHEDOP_watchdog, &w, sizeof(w)), -XEN_EINVAL);
    w = (struct sched_watchdog){.id = 1, .timeout = 0};
    assert_int_equal(host_call2(do_sched_op, SCHEDOP_watchdog, &w, sizeof(w)), 0);
    assert_int_equal(host_call2(do_sched_op, SCHEDOP_watchdog, &w, sizeof(w)), -XEN_EINVAL);
    host_advance(SECONDS(1));
    assert_false(d->is_shut_down);
    host_advance(SECONDS(2));
    host_settle();
    assert_true(d->is_shut_down);
    assert_int_equal(d->shutdown_code, SHUTDOWN_watchdog);
    host_kill(d);
    assert_same(before);
}

/* Text whose length the guest chooses: a dump has two vCPUs of 128, and a domain few dumps. */
static void dumps_are_limited(void **state)
{
    struct sched_watchdog w = {.id = 0, .timeout = 1};

    host_dumps = 0;
    for (unsigned int i = 0; i < 20; i++) {
        struct domain *d = host_domain((domid_t)(1 + i), 128, 0, false);
        unsigned long before = host_dumps;

        memset(d->handle, i < 10 ? 0xaa : 0xbb, sizeof(d->handle)); /* the same, built again */
        host_become(d->vcpu[0]);
        assert_int_equal(host_call2(do_sched_op, SCHEDOP_watchdog, &w, sizeof(w)), 1);
        host_become(cpus[0]->rq.idle);
        host_advance(SECONDS(1));
        assert_int_equal(d->shutdown_code, SHUTDOWN_watchdog);
        assert_in_range(host_dumps - before, i % 10 < 4 ? 1 : 0, i % 10 < 4 ? 2 : 0);
        host_kill(d);
    }
    host_advance(SECONDS(3600));
    for (unsigned int i = 0; i < 5; i++) {
        struct domain *d = host_domain(1, 1, 0, false);

        memset(d->handle, 0xaa, sizeof(d->handle));
        host_dumps = 0;
        domain_dump(d, 1);
        assert_int_equal(host_dumps, i < 4);
        host_kill(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(create_and_kill, setup),
        cmocka_unit_test_setup(creation_survives_failures, setup),
        cmocka_unit_test_setup(creation_survives_the_architecture, setup),
        cmocka_unit_test_setup(bad_configurations, setup),
        cmocka_unit_test_setup(kill_in_pieces, setup),
        cmocka_unit_test_setup(zombie, setup),
        cmocka_unit_test_setup(lent_frames, setup),
        cmocka_unit_test_setup(last_frame_and_references, setup),
        cmocka_unit_test_setup(pausing, setup),
        cmocka_unit_test_setup(shutting_down, setup),
        cmocka_unit_test_setup(one_tells_of_a_crash, setup),
        cmocka_unit_test_setup(shut_down_when_no_vcpu_runs, setup),
        cmocka_unit_test_setup(domains_in_order, setup),
        cmocka_unit_test_setup(an_id_is_used_again, setup),
        cmocka_unit_test_setup(claims, setup),
        cmocka_unit_test_setup(watchdog, setup),
        cmocka_unit_test_setup(dumps_are_limited, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
