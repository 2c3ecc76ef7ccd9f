/* SPDX-License-Identifier: MIT */
/*
 * bh's verbs about vCPUs and the scheduler, with the service behind them, on a fake machine of four
 * CPUs: what they change, what they print, and what they refuse. Xen's xl prints the same tables.
 */
/* SOURCES: tests/unit/dom0-tools/service_fixture.c */
/* SOURCES: tests/unit/dom0-tools/fake_platform.c tests/unit/image/make_elf.c */
/* SOURCES: dom0-tools/error.c dom0-tools/utf8.c */
/* SOURCES: $(addprefix dom0-tools/config/,config.c guest_config.c foreign_keys.c device_list.c) */
/* SOURCES: $(addprefix dom0-tools/config/,parameters.c disk_config.c vif_config.c cpu_list.c) */
/* SOURCES: $(IMAGE_SRCS) dom0-tools/image/kernel_image.c dom0-tools/image/unpack.c */
/* SOURCES: dom0-tools/control/control.c dom0-tools/control/scheduling.c */
/* SOURCES: dom0-tools/builder/build.c dom0-tools/builder/guest_memory.c */
/* SOURCES: $(STORE_SRCS) */
/* SOURCES: dom0-tools/service/domains.c dom0-tools/service/console.c */
/* SOURCES: dom0-tools/service/console_archive.c dom0-tools/service/store_clients.c */
/* SOURCES: dom0-tools/service/domain_rings.c dom0-tools/service/domain_nodes.c */
/* SOURCES: dom0-tools/service/memory_target.c dom0-tools/service/device_nodes.c */
/* SOURCES: dom0-tools/service/device_late.c dom0-tools/service/device_set.c */
/* SOURCES: dom0-tools/service/construction.c dom0-tools/service/domain_requests.c */
/* SOURCES: dom0-tools/service/console_requests.c dom0-tools/service/device_requests.c */
/* SOURCES: dom0-tools/service/vcpu_requests.c dom0-tools/service/domain_life.c */
/* SOURCES: dom0-tools/service/service.c dom0-tools/service/index.c */
/* SOURCES: $(addprefix dom0-tools/bh/,arguments.c json.c output.c listing.c) */
/* SOURCES: $(addprefix dom0-tools/bh/,verbs_vcpu.c verbs_sched.c verbs_cpu.c) */
/* CFLAGS: -Idom0-tools -Dmalloc=fake_malloc -Dcalloc=fake_calloc -Drealloc=fake_realloc */
/* CFLAGS: -Dfree=fake_free -Dstrdup=fake_strdup */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bh/bh.h>
#include <public/sched.h>
#include <service/domain_life.h>
#include <service/store_clients.h>
#include <tools/service.h>

#include "fake_platform.h"
#include "service_fixture.h"

static char printed[4096];

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

static const struct bh_verb *find_verb(const char *name)
{
    for (const struct bh_verb *v = bh_vcpu_verbs; v->name; v++)
        if (!strcmp(v->name, name))
            return v;
    for (const struct bh_verb *v = bh_sched_verbs; v->name; v++)
        if (!strcmp(v->name, name))
            return v;
    for (const struct bh_verb *v = bh_cpu_verbs; v->name; v++)
        if (!strcmp(v->name, name))
            return v;
    fail_msg("no verb %s", name);
    return NULL;
}

/* Runs a command; fails unless it prints @output and succeeds, or ends in an error. */
static void expect(const char *line, const char *output)
{
    char copy[128], *words[BH_MAX_WORDS];
    struct bh_call call = {.argv = words + 1};
    int status;

    printed[0] = '\0';
    snprintf(copy, sizeof(copy), "%s", line);
    assert_true(bh_split_words(copy, words) > 0);
    call.verb = find_verb(words[0]);
    status = bh_parse_options(&call) ? -1 : call.verb->run(&call);
    assert_string_equal(printed, output);
    assert_int_equal(status, strncmp(output, "bh ", 3) || strstr(output, "warning") ? 0 : -1);
}

/* Domain 1 of the fixture, whose vCPU 0 is for CPU 1 and vCPU 1 for CPUs 1 and 2. */
static int setup_domain(void **state)
{
    struct error e;
    domid_t domid;

    if (setup(state))
        return -1;
    printed[0] = '\0';
    return service_create(&config, true, &domid, &e);
}

#define VCPUS_HEADER \
    "Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)\n"

static void test_vcpu_list(void **state)
{
    expect("vcpu-list", VCPUS_HEADER
           "Domain-0                             0     0    3   r--      12.3  all / all\n"
           "test                                 1     0    3   -b-      12.3  1 / 1\n"
           "test                                 1     1    -   --p      12.3  1-2 / 1\n");
    expect("vcpu-list --json 0",
           "[\n  {\n    \"name\": \"Domain-0\",\n    \"domid\": 0,\n    \"vcpu\": 0,\n"
           "    \"online\": true,\n    \"running\": true,\n    \"blocked\": false,\n"
           "    \"cpu\": 3,\n    \"cpu_time_ns\": 12340000000,\n    \"affinity_hard\": \"all\",\n"
           "    \"affinity_soft\": \"all\"\n  }\n]\n");
    expect("vcpu-list none", "bh vcpu-list: there is no domain named 'none'\n");
}

static void test_vcpu_pin(void **state)
{
    struct fake_domain *d = &fake_domains[1];

    expect("vcpu-pin test 0 2-3", "");
    assert_int_equal(d->hard[0].words[0], 0xc);
    assert_int_equal(d->soft[0].words[0], 2); /* as it was */
    expect("vcpu-pin test 1 - 0,2", "");
    assert_int_equal(d->hard[1].words[0], 6);
    assert_int_equal(d->soft[1].words[0], 5);
    expect("vcpu-pin test all 0-1 all,^0", "");
    for (unsigned int i = 0; i < 2; i++) {
        assert_int_equal(d->hard[i].words[0], 3);
        assert_int_equal(d->soft[i].words[0], ~1ull);
    }
    expect("vcpu-pin test 1 0 1", "bh vcpu-pin: warning: test: the hard affinity of vCPU 1 leaves "
                                  "none of the CPUs that it should run on\n");
    assert_int_equal(d->soft[1].words[0], 2);
    expect("vcpu-list test", VCPUS_HEADER
           "test                                 1     0    3   -b-      12.3  0-1 / 1-3\n"
           "test                                 1     1    -   --p      12.3  0 / 1\n");
}

static void test_refused_pins(void **state)
{
    static const struct {
        const char *line, *message;
    } lines[] = {
        {"vcpu-pin test 0 9", "bh vcpu-pin: test: vCPU 0: the machine has none of the CPUs 9\n"},
        {"vcpu-pin test 2 0", "bh vcpu-pin: test: the domain has no vCPU 2\n"},
        {"vcpu-pin test x 0", "bh vcpu-pin: 'x': expected the number of a vCPU, or all\n"},
        {"vcpu-pin test 1x 0", "bh vcpu-pin: '1x': expected the number of a vCPU, or all\n"},
        {"vcpu-pin none 1 0", "bh vcpu-pin: there is no domain named 'none'\n"},
        {"vcpu-pin -f test all 0", "bh vcpu-pin: --force is for one vCPU, and not for all\n"},
        {"vcpu-pin test 0 - -",
         "bh vcpu-pin: neither the hard nor the soft affinity is to change\n"},
        {"vcpu-pin test 0 0 node:1",
         "bh vcpu-pin: 'node:1': nodes are not supported here, name CPUs instead\n"},
        {"vcpu-pin test 0",
         "bh vcpu-pin: usage: bh vcpu-pin [-f|--force] DOMAIN VCPU|all CPUS|- [CPUS|-]\n"},
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        expect(lines[i].line, lines[i].message);
    assert_int_equal(fake_domains[1].hard[0].words[0], 2);
    fake_domains[1].pinned_itself = true;
    expect("vcpu-pin test 0 0",
           "bh vcpu-pin: test: vCPU 0: its own kernel has pinned it for a while\n");
    expect("vcpu-pin -f test 0 0", "");
    assert_int_equal(fake_domains[1].hard[0].words[0], 1);
}

/* What the store says of a vCPU of domain @domid; "" if there is nothing. */
static const char *availability(domid_t domid, unsigned int vcpu)
{
    static char text[16];
    char path[64];
    const void *value;
    size_t length;

    snprintf(path, sizeof(path), "/local/domain/%u/cpu/%u/availability", domid, vcpu);
    if (xs_read(service_tools, 0, path, &value, &length))
        return "";
    snprintf(text, sizeof(text), "%.*s", (int)length, (const char *)value);
    return text;
}

static void reboot(domid_t domid)
{
    fake_domains[domid].shutdown_flags = XEN_DOMINF_shutdown | SHUTDOWN_reboot
                                                                   << XEN_DOMINF_shutdownshift;
    domain_life_look();
    fake_run_threads();
}

static void test_vcpu_set(void **state)
{
    assert_string_equal(availability(1, 0), "online");
    assert_string_equal(availability(1, 1), "offline");
    assert_string_equal(availability(1, 2), "");
    expect("vcpu-set test 2", "");
    assert_string_equal(availability(1, 1), "online");
    fake_offline = 1U << 2 | 1U << 3; /* they may come back */
    expect("vcpu-set test 3",
           "bh vcpu-set: test: 3 vCPUs are more than the domain's maxvcpus, 2\n");
    expect("vcpu-set test 5", "bh vcpu-set: test: that is more vCPUs (5) than the machine has CPUs "
                              "(4); with --ignore-host it gets them all the same\n");
    fake_offline = 0;
    expect("vcpu-set -i test 5",
           "bh vcpu-set: test: 5 vCPUs are more than the domain's maxvcpus, 2\n");
    expect("vcpu-set test 0", "bh vcpu-set: test: a domain needs one vCPU at least\n");
    expect("vcpu-set test many",
           "bh vcpu-set: 'many': expected how many vCPUs, a number from 1 to 128\n");
    expect("vcpu-set test 129",
           "bh vcpu-set: '129': expected how many vCPUs, a number from 1 to 128\n");
    expect("vcpu-set 0 1", "bh vcpu-set: 0: domain 0 keeps the vCPUs that it has\n");
    assert_string_equal(availability(1, 1), "online");
    reboot(1);
    assert_string_equal(availability(2, 1), "online");
    expect("vcpu-set test 1", "");
    assert_string_equal(availability(2, 0), "online");
    assert_string_equal(availability(2, 1), "offline");
}

/* If one node cannot be written, none is. */
static void test_vcpu_set_without_memory(void **state)
{
    struct error e;

    for (unsigned int nth = 1;; nth++) {
        fake_fail_at(nth);
        if (!service_set_vcpus(1, 2, &e))
            break;
        fake_fail_at(0);
        assert_string_equal(e.text, "writing cpu/N/availability: not enough memory");
        assert_string_equal(availability(1, 1), "offline");
        assert_in_range(nth, 1, 1000);
    }
    fake_fail_at(0);
    assert_string_equal(availability(1, 1), "online");
}

#define SHARES_HEADER "Name                                ID Weight  Cap\n"
#define DOM0_SHARE    "Domain-0                             0    256    0\n"

static void test_sched_credit2(void **state)
{
    expect("sched-credit2", "Cpupool Pool-0: ratelimit=1000us\n" SHARES_HEADER DOM0_SHARE
                            "test                                 1    512  150\n");
    expect("sched-credit2 -d test -w 100", "");
    expect("sched-credit2 --domain=test",
           SHARES_HEADER "test                                 1    100  150\n");
    expect("sched-credit2 -d test -c 0", "");
    expect("sched-credit2 -d 0 -w65535 -c100", "");
    expect("sched-credit2 -p Pool-0", "Cpupool Pool-0: ratelimit=1000us\n" SHARES_HEADER
                                      "Domain-0                             0  65535  100\n"
                                      "test                                 1    100    0\n");
    expect("sched-credit2 -d test --json",
           "[\n  {\n    \"name\": \"test\",\n    \"domid\": 1,\n    \"weight\": 100,\n"
           "    \"cap\": 0\n  }\n]\n");
    /* A domain has its share again after a reboot, and its vCPUs have the CPUs of its file. */
    expect("vcpu-pin test 0 3", "");
    reboot(1);
    assert_int_equal(fake_domains[2].share.weight, 100);
    assert_int_equal(fake_domains[2].share.cap, 0);
    assert_int_equal(fake_domains[2].hard[0].words[0], 2);
    assert_int_equal(fake_domains[2].hard[1].words[0], 6);
}

static void test_rate_limit(void **state)
{
    expect("sched-credit2 -s", "Cpupool Pool-0: ratelimit=1000us\n");
    expect("sched-credit2 -s -r 100", "");
    assert_int_equal(fake_ratelimit, 100);
    expect("sched-credit2 -s --cpupool=Pool-0 --ratelimit_us=0", "");
    expect("sched-credit2 -s -p 0", "Cpupool Pool-0: ratelimit=0us\n");
    expect("sched-credit2 -s --json",
           "[\n  {\n    \"name\": \"Pool-0\",\n    \"ratelimit_us\": 0\n  }\n]\n");
}

static void test_refused_shares(void **state)
{
    static const struct {
        const char *line, *message;
    } lines[] = {
        {"sched-credit2 -d none", "bh sched-credit2: there is no domain named 'none'\n"},
        {"sched-credit2 -d test -w 0",
         "bh sched-credit2: '0': expected a weight, a number from 1 to 65535\n"},
        {"sched-credit2 -d test -w 65536",
         "bh sched-credit2: '65536': expected a weight, a number from 1 to 65535\n"},
        {"sched-credit2 -d test -w 1 -c 201",
         "bh sched-credit2: '201': expected a cap, 100 for each of its vCPUs, a number from 0 to "
         "200\n"},
        {"sched-credit2 -d test -c -1",
         "bh sched-credit2: '-1': expected a cap, 100 for each of its vCPUs, a number from 0 to "
         "200\n"},
        {"sched-credit2 -w 1",
         "bh sched-credit2: a weight or cap is that of a domain: name it with -d\n"},
        {"sched-credit2 -r 1000",
         "bh sched-credit2: the rate limit is a parameter of the pool: set it with -s -r\n"},
        {"sched-credit2 -s -r 99",
         "bh sched-credit2: '99': the rate limit is at least 100 microseconds, or 0 for none\n"},
        {"sched-credit2 -s -r 500001",
         "bh sched-credit2: '500001': expected microseconds, a number from 0 to 500000\n"},
        {"sched-credit2 -p Pool-1", "bh sched-credit2: there is no CPU pool 'Pool-1'\n"},
        {"sched-credit2 -p Pool-0 -d test",
         "bh sched-credit2: a pool and its parameters do not go with a domain, weight or cap\n"},
        {"sched-credit2 -s -c 1",
         "bh sched-credit2: a pool and its parameters do not go with a domain, weight or cap\n"},
        {"cpupool-list Pool-1", "bh cpupool-list: there is no CPU pool 'Pool-1'\n"},
        {"cpupool-list --json 1", "bh cpupool-list: there is no CPU pool '1'\n"},
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        expect(lines[i].line, lines[i].message);
    assert_int_equal(fake_domains[1].share.weight, 512);
    assert_int_equal(fake_domains[1].share.cap, 150);
    assert_int_equal(fake_ratelimit, 1000);
}

static void test_cpupool_list(void **state)
{
    expect("cpupool-list", "Name               CPUs   Sched     Active   Domain count\n"
                           "Pool-0               4   credit2       y          2\n");
    expect("cpupool-list -c Pool-0", "Name               CPU list\n"
                                     "Pool-0             0,1,2,3\n");
    expect("cpupool-list --json",
           "[\n  {\n    \"name\": \"Pool-0\",\n    \"poolid\": 0,\n    \"sched\": \"credit2\",\n"
           "    \"n_dom\": 2,\n    \"cpumap\": [\n      0,\n      1,\n      2,\n      3\n    ]\n"
           "  }\n]\n");
}

static void test_cpus(void **state)
{
    static const struct {
        const char *line, *message;
    } refused[] = {
        {"cpu-offline 3", "bh cpu-offline: CPU 3 is offline already\n"},
        {"cpu-online 1", "bh cpu-online: CPU 1 is online already\n"},
        {"cpu-offline 0", "bh cpu-offline: CPU 0 is always in use\n"},
        {"cpu-offline 4", "bh cpu-offline: the machine has no CPU 4\n"},
        {"cpu-online 255", "bh cpu-online: the machine has no CPU 255\n"},
        {"cpu-online 256", "bh cpu-online: '256': expected the number of a CPU\n"},
        {"cpu-online x", "bh cpu-online: 'x': expected the number of a CPU\n"},
        {"cpu-offline 1x", "bh cpu-offline: '1x': expected the number of a CPU\n"},
        {"cpu-offline", "bh cpu-offline: usage: bh cpu-offline CPU\n"},
        {"cpu-offline 1 2", "bh cpu-offline: usage: bh cpu-offline CPU\n"},
    };

    fake_offline = 0;
    expect("cpu-offline 3", "");
    expect("cpu-offline 2", "");
    expect("cpu-online 2", "");
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        expect(refused[i].line, refused[i].message);
    assert_int_equal(fake_offline, 1u << 3);
    fake_fail_at(1);
    expect("cpu-online 3", "bh cpu-online: CPU 3: operation not permitted\n");
    fake_fail_at(0);
}

/* A configuration that cannot be carried out makes no domain. */
static void test_creation(void **state)
{
    struct guest_config other = config;
    struct cpu_set none = {{1u << FAKE_CPUS}}, first = {{1}}, second = {{2}};
    struct error e;
    domid_t domid;

    snprintf(other.name, sizeof(other.name), "other");
    other.cpus = (struct guest_affinity){.sets = &none, .count = 1};
    assert_int_equal(service_create(&other, true, &domid, &e), -1);
    assert_string_equal(e.text,
                        "cannot create 'other': vCPU 0: the machine has none of the CPUs 4");
    assert_int_equal(fake_domain_count(), 1);
    notices[0] = '\0';
    other.cpus.sets = &first;
    other.cpus_soft.sets = &second;
    assert_int_equal(service_create(&other, true, &domid, &e), 0);
    assert_string_equal(notices,
                        "domain 'other' (3) has no use for cpus_soft: cpus excludes all of "
                        "it for vCPU 0\n"
                        "domain 'other' (3) has no use for cpus_soft: cpus excludes all of "
                        "it for vCPU 1\n");
    assert_int_equal(fake_domains[3].hard[1].words[0], 1);
    assert_int_equal(fake_domains[3].share.weight, 512);
    assert_int_equal(fake_domains[3].share.cap, 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_vcpu_list, setup_domain, teardown),
        cmocka_unit_test_setup_teardown(test_vcpu_pin, setup_domain, teardown),
        cmocka_unit_test_setup_teardown(test_refused_pins, setup_domain, teardown),
        cmocka_unit_test_setup_teardown(test_vcpu_set, setup_domain, teardown),
        cmocka_unit_test_setup_teardown(test_vcpu_set_without_memory, setup_domain, teardown),
        cmocka_unit_test_setup_teardown(test_sched_credit2, setup_domain, teardown),
        cmocka_unit_test_setup_teardown(test_rate_limit, setup_domain, teardown),
        cmocka_unit_test_setup_teardown(test_refused_shares, setup_domain, teardown),
        cmocka_unit_test_setup_teardown(test_cpupool_list, setup_domain, teardown),
        cmocka_unit_test_setup_teardown(test_cpus, setup_domain, teardown),
        cmocka_unit_test_setup_teardown(test_creation, setup_domain, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
