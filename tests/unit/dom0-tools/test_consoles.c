/* SPDX-License-Identifier: MIT */
/*
 * Domains' consoles on the fake machine: nothing is lost, nobody is kept waiting by a domain that
 * writes without end, and the last words outlive a domain.
 */
/* SOURCES: tests/unit/dom0-tools/service_fixture.c */
/* SOURCES: tests/unit/dom0-tools/fake_platform.c tests/unit/image/make_elf.c */
/* SOURCES: dom0-tools/error.c */
/* SOURCES: dom0-tools/config/config.c dom0-tools/config/guest_config.c */
/* SOURCES: dom0-tools/utf8.c */
/* SOURCES: dom0-tools/config/foreign_keys.c */
/* SOURCES: dom0-tools/config/device_list.c dom0-tools/config/parameters.c */
/* SOURCES: dom0-tools/config/cpu_list.c */
/* SOURCES: dom0-tools/config/disk_config.c dom0-tools/config/vif_config.c */
/* SOURCES: $(IMAGE_SRCS) dom0-tools/image/kernel_image.c dom0-tools/image/unpack.c */
/* SOURCES: dom0-tools/control/control.c dom0-tools/control/scheduling.c */
/* SOURCES: dom0-tools/builder/build.c dom0-tools/service/vcpu_requests.c */
/* SOURCES: dom0-tools/builder/guest_memory.c */
/* SOURCES: $(STORE_SRCS) */
/* SOURCES: dom0-tools/service/index.c dom0-tools/service/domains.c dom0-tools/service/console.c */
/* SOURCES: dom0-tools/service/console_archive.c dom0-tools/service/store_clients.c */
/* SOURCES: dom0-tools/service/domain_rings.c dom0-tools/service/domain_nodes.c */
/* SOURCES: dom0-tools/service/memory_target.c dom0-tools/service/device_nodes.c */
/* SOURCES: dom0-tools/service/device_late.c dom0-tools/service/device_set.c */
/* SOURCES: dom0-tools/service/construction.c dom0-tools/service/domain_requests.c */
/* SOURCES: dom0-tools/service/console_requests.c dom0-tools/service/device_requests.c */
/* SOURCES: dom0-tools/service/domain_life.c dom0-tools/service/service.c */
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

#include <public/io/console.h>
#include <public/sched.h>
#include <service/console_archive.h>
#include <service/domain_life.h>
#include <service/domains.h>
#include <service/turn.h>

#include "fake_platform.h"
#include "service_fixture.h"

static char shown[2 * CONSOLE_LOG_SIZE];
static size_t shown_length;
static unsigned int gone_count;

#define CHARACTER 87000u /* ns on a serial line of 115200 baud */

static void sink(void *context, const void *data, size_t length)
{
    fake_pass_time(length * CHARACTER);
    assert_in_range(length, 1, TERMINAL_PART);
    memcpy(shown + shown_length, data, length);
    shown_length += length;
}

static void gone(void *context)
{
    gone_count++;
}

static size_t other_length;

static void other_sink(void *context, const void *data, size_t length)
{
    fake_pass_time(length * CHARACTER);
    other_length += length;
}

/* Turns of the service's thread, until all clients have been shown all. */
static unsigned int show_all(void)
{
    unsigned int turns = 0;
    size_t before;

    do {
        before = shown_length + other_length;
        service_turn(-1);
        turns++;
    } while (shown_length + other_length != before);
    return turns;
}

static void start_console_test(void)
{
    shown_length = other_length = 0;
    gone_count = 0;
}

static void test_console(void **state)
{
    struct console_client client = {.output = sink, .gone = gone};
    struct console_client other_client = {.output = other_sink, .gone = gone};
    unsigned int reader, other;
    char *log;
    size_t log_length;
    struct xencons_interface *ring;
    struct managed_domain *d;
    uint8_t next = 0;
    struct error e;
    domid_t domid;

    start_console_test();
    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    d = managed_domain_find(domid);
    ring = d->console_page;
    /* Twice the log, unattended: the last part is kept. */
    for (size_t i = 0; i < (size_t)2 * CONSOLE_LOG_SIZE; i++) {
        ring->out[MASK_XENCONS_IDX(ring->out_prod++, ring->out)] = (char)next++;
        if (ring->out_prod - ring->out_cons == sizeof(ring->out))
            service_turn(d->console_port);
    }
    assert_int_equal(service_console_log("test", &log, &log_length, &e), 0);
    assert_int_equal(log_length, CONSOLE_LOG_SIZE);
    assert_int_equal(service_console_attach(domid, &client, &reader, &e), 0);
    assert_in_range(show_all(), CONSOLE_LOG_SIZE / TERMINAL_PART, CONSOLE_LOG_SIZE);
    assert_int_equal(shown_length, CONSOLE_LOG_SIZE);
    for (size_t i = 0; i < shown_length; i++)
        assert_int_equal((uint8_t)shown[i],
                         (uint8_t)((size_t)2 * CONSOLE_LOG_SIZE - shown_length + i));
    assert_memory_equal(log, shown, CONSOLE_LOG_SIZE);
    free(log);
    service_console_detach(reader);
    service_console_detach(reader); /* nothing any more */
    assert_int_equal(service_console_attach(domid, &client, &reader, &e), 0);
    show_all();
    assert_int_equal(shown_length, CONSOLE_LOG_SIZE); /* nothing twice */
    /* Another reader gets what comes from now on, too. */
    assert_int_equal(service_console_attach(domid, &other_client, &other, &e), 0);
    show_all();
    assert_int_equal(other_length, 0);
    ring->out[MASK_XENCONS_IDX(ring->out_prod++, ring->out)] = '!';
    service_turn(d->console_port);
    show_all();
    assert_int_equal(shown_length, CONSOLE_LOG_SIZE + 1);
    assert_int_equal(other_length, 1);
    service_console_detach(other);
    ring->out[MASK_XENCONS_IDX(ring->out_prod++, ring->out)] = '?';
    service_turn(d->console_port);
    assert_int_equal(shown_length, CONSOLE_LOG_SIZE + 2);
    assert_int_equal(other_length, 1);

    /* Input: a ring full, a queue full, then no more. */
    for (unsigned int i = 0; i < sizeof(ring->in) + CONSOLE_INPUT_SIZE; i++)
        assert_int_equal(service_console_input(domid, "x", 1), 1);
    assert_int_equal(service_console_input(domid, "x", 1), 0);
    ring->in_cons += 10;
    service_turn(d->console_port);
    assert_int_equal(service_console_input(domid, "0123456789abc", 13), 10);

    ring->out_prod = ring->out_cons + 100000; /* nonsense */
    service_turn(d->console_port);
    ring->in_cons = ring->in_prod + 100000;
    service_turn(d->console_port);
    assert_int_equal(service_destroy(domid, &e), 0);
    assert_int_equal(gone_count, 1);
    service_console_detach(reader); /* its console has gone */
}

/* Writes as much to a domain's console as has room. */
static size_t fill_ring(domid_t domid, char byte)
{
    struct xencons_interface *ring = managed_domain_find(domid)->console_page;
    size_t room = sizeof(ring->out) - (ring->out_prod - ring->out_cons);

    for (size_t i = 0; i < room; i++)
        ring->out[MASK_XENCONS_IDX(ring->out_prod++, ring->out)] = byte;
    return room;
}

/*
 * A guest that writes without end takes a small part of the service's time: a turn shows a few
 * bytes, others run, and nothing is lost. It goes on when all is shown, without another event.
 */
static void test_a_flooded_console(void **state)
{
    struct console_client client = {.output = sink, .gone = gone};
    struct xencons_interface *ring;
    unsigned int reader;
    struct error e;
    domid_t domid;
    int port;

    start_console_test();
    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    ring = managed_domain_find(domid)->console_page;
    port = managed_domain_find(domid)->console_port;
    assert_int_equal(service_console_attach(domid, &client, &reader, &e), 0);
    assert_int_equal(fill_ring(domid, 'a'), sizeof(ring->out));
    service_turn(port);
    assert_int_equal(shown_length, TERMINAL_PART);
    assert_int_equal(fill_ring(domid, 'b'), sizeof(ring->out));
    service_turn(port);
    service_turn(port);
    assert_int_equal(shown_length, 3 * TERMINAL_PART);
    assert_int_equal(fill_ring(domid, 'c'), 0);
    show_all();
    assert_int_equal(shown_length, 2 * sizeof(ring->out));
    for (size_t i = 0; i < shown_length; i++)
        assert_int_equal(shown[i], i < sizeof(ring->out) ? 'a' : 'b');

    /* Without clients the log takes it again, and the rest is for the next one. */
    assert_int_equal(fill_ring(domid, 'd'), sizeof(ring->out));
    service_turn(port);
    assert_int_equal(fill_ring(domid, 'e'), sizeof(ring->out));
    service_console_detach(reader);
    assert_int_equal(fill_ring(domid, 'f'), sizeof(ring->out));
    service_turn(port);
    assert_int_equal(shown_length, 2 * sizeof(ring->out) + TERMINAL_PART);
    assert_int_equal(service_console_attach(domid, &client, &reader, &e), 0);
    show_all();
    assert_int_equal(shown_length, 5 * sizeof(ring->out));
    for (size_t i = 0; i < shown_length; i++)
        assert_int_equal(shown[i], "abdef"[i / sizeof(ring->out)]);
}

static char owners[16]; /* whose output was shown, in order, without repetitions */

static void note_owner(void *context, const void *data, size_t length)
{
    size_t used = strlen(owners);

    fake_pass_time(length * CHARACTER);
    shown_length += length;
    if ((!used || owners[used - 1] != *(const char *)context) && used < sizeof(owners) - 1)
        owners[used] = *(const char *)context;
}

/* What two domains write at once is not mixed byte by byte; and neither keeps the other waiting. */
static void test_consoles_take_turns(void **state)
{
    struct console_client first = {.output = note_owner, .gone = gone, .context = (char *)"1"};
    struct console_client second = {.output = note_owner, .gone = gone, .context = (char *)"2"};
    unsigned int handles[2];
    domid_t domids[2];
    struct error e;

    start_console_test();
    memset(owners, 0, sizeof(owners));
    assert_int_equal(service_create(&config, false, &domids[0], &e), 0);
    strcpy(config.name, "other");
    assert_int_equal(service_create(&config, false, &domids[1], &e), 0);
    strcpy(config.name, "test");
    assert_int_equal(service_console_attach(domids[0], &first, &handles[0], &e), 0);
    assert_int_equal(service_console_attach(domids[1], &second, &handles[1], &e), 0);
    for (unsigned int i = 0; i < 4 * sizeof(owners) / TERMINAL_PART * 128; i++) {
        for (unsigned int k = 0; k < 2; k++) {
            fill_ring(domids[k], 'x');
            service_turn(managed_domain_find(domids[k])->console_port);
        }
    }
    assert_true(!memcmp(owners, "1212", 4) || !memcmp(owners, "2121", 4));
    assert_in_range(shown_length / 2048, strlen(owners) - 1, strlen(owners) + 1);
}

static unsigned int yields;

static void count_yield(void)
{
    yields++;
}

/* The last words of a domain are shown in parts, too, before its client hears that it is gone. */
static void test_last_words_are_shown(void **state)
{
    struct console_client client = {.output = sink, .gone = gone};
    unsigned int reader;
    struct error e;
    domid_t domid;
    size_t length;

    start_console_test();
    assert_int_equal(service_create(&config, false, &domid, &e), 0);
    assert_int_equal(service_console_attach(domid, &client, &reader, &e), 0);
    length = fill_ring(domid, 'a');
    service_turn(managed_domain_find(domid)->console_port);
    length += fill_ring(domid, 'b');
    yields = 0;
    fake_on_yield(count_yield);
    assert_int_equal(service_destroy(domid, &e), 0);
    fake_on_yield(NULL);
    assert_int_equal(shown_length, length);
    assert_int_equal(shown[length - 1], 'b');
    assert_true(yields >= length / TERMINAL_PART - 1);
    assert_int_equal(gone_count, 1);
}

/*
 * That a domain has stopped is said when its client has been shown what it wrote before, or does
 * not want to see that.
 */
static void test_end_is_told_after_last_words(void **state)
{
    struct console_client client = {.output = sink, .gone = gone};
    unsigned int reader;
    struct error e;
    domid_t domid;
    size_t length;

    for (unsigned int detaches = 0; detaches < 2; detaches++) {
        start_console_test();
        notices[0] = '\0';
        assert_int_equal(service_create(&config, false, &domid, &e), 0);
        assert_int_equal(service_console_attach(domid, &client, &reader, &e), 0);
        length = fill_ring(domid, 'a');
        fake_domains[domid].shutdown_flags = XEN_DOMINF_shutdown | SHUTDOWN_poweroff
                                                                       << XEN_DOMINF_shutdownshift;
        domain_life_look();
        service_turn(-1);
        assert_in_range(shown_length, 1, length - 1);
        assert_string_equal(notices, "");
        if (detaches)
            service_console_detach(reader);
        else
            show_all();
        assert_non_null(strstr(notices, "has powered off: destroy\n"));
        assert_true(detaches || shown_length == length);
        fake_run_threads();
        assert_null(service_domains);
    }
}

/* The end of its output outlives a domain, by its name and by its number. */
static void test_last_words(void **state)
{
    static const char words[] = "Kernel panic - not syncing";
    struct error e;
    domid_t domid;
    size_t length;
    char *text;

    assert_int_equal(service_console_log("test", &text, &length, &e), -1);
    assert_string_equal(e.text, "there is no domain named 'test'");
    for (unsigned int i = 1; i <= ARCHIVE_DOMAINS + 1; i++) {
        struct xencons_interface *ring;
        size_t count = i == 2 ? ARCHIVE_TEXT_SIZE + 10 : sizeof(words) - 1;

        assert_int_equal(service_create(&config, false, &domid, &e), 0);
        ring = managed_domain_find(domid)->console_page;
        for (size_t k = 0; k < count; k++) {
            ring->out[MASK_XENCONS_IDX(ring->out_prod++, ring->out)] =
                words[k % (sizeof(words) - 1)];
            if (k % 100 == 0 && i == 2)
                service_turn(managed_domain_find(domid)->console_port);
        }
        assert_int_equal(service_destroy(domid, &e), 0);
        if (i == 1) {
            assert_int_equal(service_console_log("1", &text, &length, &e), 0);
            assert_int_equal(length, count);
            assert_memory_equal(text, words, count);
            free(text);
        }
    }
    assert_int_equal(service_console_log("test", &text, &length, &e), 0);
    assert_int_equal(length, sizeof(words) - 1);
    free(text);
    assert_int_equal(service_console_log("2", &text, &length, &e), 0);
    assert_int_equal(length, ARCHIVE_TEXT_SIZE);
    for (size_t k = 0; k < length; k++)
        assert_int_equal(text[k], words[(k + 10) % (sizeof(words) - 1)]);
    free(text);
    assert_int_equal(service_console_log("1", &text, &length, &e), -1); /* too long ago */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_console, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_flooded_console, setup, teardown),
        cmocka_unit_test_setup_teardown(test_consoles_take_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_words_are_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_end_is_told_after_last_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_words, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
