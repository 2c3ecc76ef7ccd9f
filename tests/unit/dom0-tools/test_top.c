/* SPDX-License-Identifier: MIT */
/*
 * bh top on a machine that is only told of: samples and their differences, the order of domains,
 * the lines of xentop, the screen and its keys.
 */
/* SOURCES: $(addprefix dom0-tools/bh/,arguments.c json.c output.c listing.c top.c verbs_top.c) */
/* SOURCES: dom0-tools/error.c dom0-tools/utf8.c */
/* CFLAGS: -Idom0-tools */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bh/top.h>
#include <public/sched.h>
#include <public/vcpu.h>
#include <tools/control.h>
#include <tools/measures.h>
#include <tools/service.h>

#define MANY 100 /* domains: more than a sample first has room for */

/* ---- The machine ---- */

static struct fake {
    domain_info info;
    bool exists;
    unsigned int vifs, vbds;
    struct platform_vif_counters vif; /* of each */
    struct platform_vbd_counters vbd;
    struct bulkhead_domain_times times;
} domains[MANY + 2];

static bool tells_times; /* Bulkhead does, Xen does not */

static uint64_t now;
static void (*on_sleep)(void);
static bool interrupted;
static const char *keys; /* typed as soon as they are read; a blank: nothing until the deadline */
static char printed[16384];

uint64_t platform_now(void)
{
    return now;
}

uint64_t platform_wall_clock(void)
{
    return (86400 + 3661) * SECOND;
}

void platform_sleep(uint64_t nanoseconds)
{
    now += nanoseconds;
    if (on_sleep)
        on_sleep();
}

bool platform_terminal_interrupted(void)
{
    return interrupted;
}

int platform_terminal_read_until(uint64_t deadline)
{
    if (*keys == ' ' || !*keys) {
        keys += *keys != '\0';
        now = deadline;
        if (on_sleep)
            on_sleep();
        return -1;
    }
    return (unsigned char)*keys++;
}

void platform_yield(void)
{
}

void platform_terminal_write(const void *data, size_t length)
{
    size_t used = strlen(printed);

    assert_true(used + length < sizeof(printed));
    memcpy(printed + used, data, length);
    printed[used + length] = '\0';
}

void platform_terminal_complain(const void *data, size_t length)
{
    platform_terminal_write(data, length);
}

void platform_each_vif(void (*entry)(void *context, domid_t domid,
                                     const struct platform_vif_counters *counters),
                       void *context)
{
    for (domid_t i = 0; i < MANY + 2; i++)
        for (unsigned int n = 0; n < domains[i].vifs; n++)
            entry(context, i, &domains[i].vif);
}

void platform_each_vbd(void (*entry)(void *context, domid_t domid,
                                     const struct platform_vbd_counters *counters),
                       void *context)
{
    for (domid_t i = 0; i < MANY + 2; i++)
        for (unsigned int n = 0; n < domains[i].vbds; n++)
            entry(context, i, &domains[i].vbd);
}

int control_list(domid_t first, domain_info *list, unsigned int max, struct error *e)
{
    int count = 0;

    for (domid_t i = first; i < MANY + 2 && (unsigned int)count < max; i++)
        if (domains[i].exists)
            list[count++] = domains[i].info;
    return count;
}

int control_domain_times(domid_t first, struct bulkhead_domain_times *list, unsigned int max)
{
    int count = 0;

    for (domid_t i = first; i < MANY + 2 && (unsigned int)count < max; i++)
        if (domains[i].exists && domains[i].times.domain == i)
            list[count++] = domains[i].times;
    return tells_times ? count : -1;
}

int control_domain_info(domid_t domid, domain_info *info)
{
    return -1;
}

int control_machine_info(struct xen_sysctl_physinfo *info, struct error *e)
{
    *info = (struct xen_sysctl_physinfo){
        .total_pages = 262144, .free_pages = 65536, .nr_cpus = 2, .cpu_khz = 2596125};
    return 0;
}

int service_find(const char *name, domid_t *domid, struct error *e)
{
    return error_set(e, "not here");
}

const char *service_name(domid_t domid, char name[GUEST_NAME_SIZE])
{
    snprintf(name, GUEST_NAME_SIZE, "%s",
             domid == 0   ? "Domain-0"
             : domid == 1 ? "na\xc3\xafve-long-name"
                          : "db");
    return name;
}

static void make_domain(domid_t domid, uint64_t mib)
{
    domains[domid].exists = true;
    domains[domid].times.domain = domid;
    domains[domid].info = (domain_info){
        .domain = domid,
        .tot_pages = mib << 8,
        .max_pages = domid ? (mib << 8) + 256 : UINT32_MAX,
        .handle = {(uint8_t)domid},
        .flags = domid ? XEN_DOMINF_blocked : XEN_DOMINF_running,
    };
}

/* Domain 0, domain 1 with two interfaces and domain 2 with a disk. */
static int setup(void **state)
{
    memset(domains, 0, sizeof(domains));
    make_domain(0, 64);
    make_domain(1, 256);
    make_domain(2, 128);
    domains[1].vifs = 2;
    domains[2].vbds = 1;
    domains[2].info.max_vcpu_id = 3;
    tells_times = true;
    now = 5 * SECOND;
    on_sleep = NULL;
    interrupted = false;
    keys = "";
    printed[0] = '\0';
    return 0;
}

/* What happens in each interval of a second. */
static void use_something(void)
{
    domains[0].info.cpu_time += SECOND / 100;
    domains[1].info.cpu_time += SECOND * 637 / 1000;
    domains[1].times.time[RUNSTATE_running] += SECOND * 637 / 1000;
    domains[1].times.time[RUNSTATE_runnable] += SECOND * 214 / 1000;
    domains[1].times.time[RUNSTATE_blocked] += SECOND * 99 / 1000;
    domains[1].times.time[RUNSTATE_offline] += SECOND / 20;
    domains[1].vif.tx_bytes += 10 << 10;
    domains[1].vif.rx_bytes += 1 << 10;
    domains[2].vbd.reads += 2;
    domains[2].vbd.sectors_read += 16;
    domains[2].vbd.writes++;
    domains[2].vbd.sectors_written += 2048;
}

/* ---- Samples ---- */

static void test_samples(void **state)
{
    struct top_sample first, second;
    struct error e;

    use_something();
    assert_int_equal(top_sample_take(&first, NULL, &e), 0);
    assert_int_equal(first.count, 3);
    assert_int_equal(first.interval, 0);
    assert_int_equal(first.rows[1].total.cpu_time, SECOND * 637 / 1000);
    assert_int_equal(first.rows[1].recent.cpu_time, 0);
    assert_int_equal(first.rows[1].total.delay, SECOND * 214 / 1000);
    assert_int_equal(first.rows[1].total.steal, SECOND * 264 / 1000);
    assert_int_equal(first.rows[1].recent.delay, 0);
    assert_int_equal(top_permille(&first, SECOND), 0);
    use_something();
    now += 2 * SECOND;
    assert_int_equal(top_sample_take(&second, &first, &e), 0);
    assert_int_equal(second.rows[1].nets, 2);
    assert_int_equal(second.rows[1].total.net_tx, 4 * (10 << 10));
    assert_int_equal(second.rows[1].recent.net_tx, 2 * (10 << 10));
    assert_int_equal(second.rows[2].recent.sectors_read, 16);
    assert_int_equal(second.rows[2].total.writes, 2);
    assert_int_equal(top_permille(&second, second.rows[1].recent.cpu_time), 319);
    assert_int_equal(second.rows[1].recent.delay, SECOND * 214 / 1000);
    assert_int_equal(second.rows[1].recent.steal, SECOND * 264 / 1000);
    assert_int_equal(top_per_second(&second, second.rows[1].recent.net_rx), 1 << 10);
    top_sample_free(&first);

    /* Another domain with that number; a disk that has gone; a domain that has gone. */
    domains[1].info.handle[0] = 77;
    domains[2].vbds = 0;
    domains[0].exists = false;
    now += SECOND;
    use_something();
    assert_int_equal(top_sample_take(&first, &second, &e), 0);
    assert_int_equal(first.count, 2);
    assert_int_equal(first.rows[0].recent.cpu_time, 0);
    assert_int_equal(first.rows[1].vbds, 0);
    assert_int_equal(first.rows[1].recent.sectors_written, 0);
    top_sample_free(&first);
    top_sample_free(&second);
}

static void test_many_domains(void **state)
{
    struct top_sample sample;
    struct error e;

    for (domid_t i = 0; i < MANY; i++)
        make_domain(i, 1);
    domains[MANY - 1].vifs = 1;
    assert_int_equal(top_sample_take(&sample, NULL, &e), 0);
    assert_int_equal(sample.count, MANY);
    assert_int_equal(sample.rows[MANY - 1].info.domain, MANY - 1);
    assert_int_equal(sample.rows[MANY - 1].nets, 1);
    for (domid_t i = 0; i < MANY; i++)
        assert_true(sample.rows[i].has_delay);
    top_sample_free(&sample);
}

/* A domain that came after the others were listed, and a hypervisor that tells nothing. */
static void test_unknown_delays(void **state)
{
    struct top_sample sample;
    struct error e;

    domains[1].times.domain = 9;
    assert_int_equal(top_sample_take(&sample, NULL, &e), 0);
    assert_true(sample.rows[0].has_delay);
    assert_false(sample.rows[1].has_delay);
    assert_true(sample.rows[2].has_delay);
    top_sample_free(&sample);
    tells_times = false;
    assert_int_equal(top_sample_take(&sample, NULL, &e), 0);
    assert_int_equal(sample.count, 3);
    assert_false(sample.rows[0].has_delay);
    top_sample_free(&sample);
}

static void test_orders(void **state)
{
    static const domid_t expected[TOP_ORDERS][3] = {
        [TOP_BY_NUMBER] = {0, 1, 2},  [TOP_BY_CPU] = {1, 0, 2},  [TOP_BY_MEMORY] = {1, 2, 0},
        [TOP_BY_NETWORK] = {1, 0, 2}, [TOP_BY_DISK] = {2, 0, 1},
    };
    struct top_sample first, second;
    struct error e;

    assert_int_equal(top_sample_take(&first, NULL, &e), 0);
    use_something();
    now += SECOND;
    assert_int_equal(top_sample_take(&second, &first, &e), 0);
    for (unsigned int order = 0; order < TOP_ORDERS; order++) {
        top_sample_sort(&second, order);
        for (unsigned int i = 0; i < 3; i++)
            assert_int_equal(second.rows[i].info.domain, expected[order][i]);
    }
    top_sample_free(&first);
    top_sample_free(&second);
}

/* ---- The verb ---- */

static int run(const char *line)
{
    char copy[128], *words[BH_MAX_WORDS];
    struct bh_call call = {.verb = bh_top_verbs, .argv = words + 1};

    printed[0] = '\0';
    snprintf(copy, sizeof(copy), "%s", line);
    assert_true(bh_split_words(copy, words) > 0);
    return bh_parse_options(&call) ? -1 : call.verb->run(&call);
}

#define BATCH_HEADER                                                                         \
    "      NAME  STATE   CPU(sec) CPU(%)     MEM(k) MEM(%)  MAXMEM(k) MAXMEM(%) VCPUS NETS " \
    "NETTX(k) NETRX(k) VBDS   VBD_OO   VBD_RD   VBD_WR  VBD_RSECT  VBD_WSECT SSID\n"

static void each_second(void)
{
    if (now % SECOND == 0)
        use_something();
}

static void test_batch(void **state)
{
    on_sleep = each_second;
    domains[2].vbd.held_back = 9;
    assert_int_equal(run("top -b -i 2 -d 1"), 0);
    assert_string_equal(
        printed, BATCH_HEADER
        "  Domain-0 -----r          0    0.0      65536    6.3   no limit       n/a     1    0"
        "        0        0    0        0        0        0          0          0    0\n"
        "na\xc3\xafve-long --b---          0    0.0     262144   25.0     263168      25.1     1    2"
        "        0        0    0        0        0        0          0          0    0\n"
        "        db --b---          0    0.0     131072   12.5     132096      12.6     4    0"
        "        0        0    1        9        0        0          0          0    0\n" BATCH_HEADER
        "  Domain-0 -----r          0    1.0      65536    6.3   no limit       n/a     1    0"
        "        0        0    0        0        0        0          0          0    0\n"
        "na\xc3\xafve-long --b---          0   63.7     262144   25.0     263168      25.1     1    2"
        "       20        2    0        0        0        0          0          0    0\n"
        "        db --b---          0    0.0     131072   12.5     132096      12.6     4    0"
        "        0        0    1        9        2        1         16       2048    0\n");
    /* Without a number of iterations, Ctrl-C ends it. */
    interrupted = true;
    assert_int_equal(run("top -b"), 0);
    assert_int_equal(strstr(strstr(printed, "NAME") + 1, "NAME") != NULL, false);
}

static void test_json(void **state)
{
    on_sleep = each_second;
    assert_int_equal(run("top --json -d 1"), 0);
    assert_memory_equal(printed, "[\n  {\n    \"name\": \"Domain-0\",", 29);
    assert_non_null(strstr(printed, "\"cpu_percent\": 63.7,\n"
                                    "    \"run_queue_delay_ns\": 214000000,\n"
                                    "    \"run_queue_delay_percent\": 21.4,\n"
                                    "    \"steal_ns\": 264000000,\n"
                                    "    \"steal_percent\": 26.4,\n"
                                    "    \"memory_kib\": 262144,\n"
                                    "    \"max_memory_kib\": 263168,"));
    assert_non_null(strstr(printed, "\"interval_ns\": 1000000000,"));
    assert_non_null(strstr(printed, "\"vbd_sectors_written\": 2048\n  }\n]\n"));
    assert_null(strstr(strstr(printed, "Domain-0") + 1, "Domain-0"));
    tells_times = false;
    assert_int_equal(run("top --json -d 1"), 0);
    assert_non_null(strstr(printed, "\"cpu_percent\": 63.7,\n"
                                    "    \"run_queue_delay_ns\": null,\n"
                                    "    \"run_queue_delay_percent\": null,\n"
                                    "    \"steal_ns\": null,\n"
                                    "    \"steal_percent\": null,\n"));
}

/* How often @text is in what was printed. */
static unsigned int occurrences(const char *text)
{
    unsigned int count = 0;

    for (const char *at = printed; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

static void test_screen(void **state)
{
    on_sleep = use_something;
    keys = " sSx\x1b[A  q";
    assert_int_equal(run("top -d 1"), 0);
    assert_string_equal(keys, "");
    assert_int_equal(occurrences("bh top - 01:01:01"), 6);
    assert_int_equal(occurrences("sorted by CPU"), 2);
    assert_int_equal(occurrences("sorted by memory"), 1);
    assert_int_equal(occurrences("sorted by network"), 3);
    assert_non_null(strstr(printed,
                           "3 domains: 1 running, 2 blocked, 0 paused, 0 crashed, 0 dying, "
                           "0 shutdown\x1b[K\n"));
    assert_non_null(strstr(printed, "Mem: 1048576k total, 786432k used, 262144k free    CPUs: 2 @ "
                                    "2596MHz\x1b[K\n"));
    assert_non_null(strstr(printed,
                           "NAME        STATE CPU(s) CPU(%) DELAY STEAL MEM(M) VCPU TXk/s RXk/s "
                           "RDk/s WRk/s\x1b[K\n"));
    assert_non_null(strstr(
        printed, "na\xc3\xafve-long --b---      0   63.7    21    26    256    1    20     2 "
                 "    0     0\x1b[K\n"));
    assert_non_null(strstr(printed,
                           "db         --b---      0    0.0     0     0    128    4     0     0 "
                           "    8  1024\x1b[K\n"));
    keys = "";
    tells_times = false;
    assert_int_equal(run("top -i 3 -d 1"), 0);
    assert_int_equal(occurrences("sorted by CPU"), 3);
    assert_non_null(strstr(printed, "   63.7     -     -    256    1 "));
}

/* Each state has its letter and its place. */
static void test_states(void **state)
{
    static const struct {
        uint32_t flags;
        const char *row;
    } states[] = {
        {XEN_DOMINF_dying, " d-----  "},
        {XEN_DOMINF_shutdown, " -s----  "},
        {XEN_DOMINF_blocked, " --b---  "},
        {XEN_DOMINF_shutdown | SHUTDOWN_crash << XEN_DOMINF_shutdownshift, " -s-c--  "},
        {XEN_DOMINF_paused, " ----p-  "},
        {XEN_DOMINF_running, " -----r  "},
    };

    domains[1].exists = domains[2].exists = false;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        domains[0].info.flags = states[i].flags;
        assert_int_equal(run("top -b -i 1"), 0);
        assert_int_equal(occurrences(states[i].row), 1);
    }
}

/* No more domains than the smallest screen has lines for. */
static void test_full_screen(void **state)
{
    for (domid_t i = 0; i < MANY; i++)
        make_domain(i, 1);
    assert_int_equal(run("top -i 1"), 0);
    assert_int_equal(occurrences("\n"), 23);
    assert_non_null(strstr(printed, "100 domains: "));
}

static void test_refused(void **state)
{
    assert_int_equal(run("top -d 0"), -1);
    assert_string_equal(printed, "bh top: '0': expected seconds, a number from 1 to 86400\n");
    assert_int_equal(run("top -b -i 1x"), -1);
    assert_string_equal(printed,
                        "bh top: '1x': expected how often, a number from 1 to 2147483647\n");
    assert_int_equal(run("top web"), -1);
    assert_string_equal(printed, "bh top: usage: bh top [-b|--batch] [-d|--delay SECONDS] "
                                 "[-i|--iterations COUNT] [--json]\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_samples, setup),
        cmocka_unit_test_setup(test_many_domains, setup),
        cmocka_unit_test_setup(test_unknown_delays, setup),
        cmocka_unit_test_setup(test_orders, setup),
        cmocka_unit_test_setup(test_batch, setup),
        cmocka_unit_test_setup(test_json, setup),
        cmocka_unit_test_setup(test_screen, setup),
        cmocka_unit_test_setup(test_states, setup),
        cmocka_unit_test_setup(test_full_screen, setup),
        cmocka_unit_test_setup(test_refused, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
