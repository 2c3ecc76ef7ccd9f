/* SPDX-License-Identifier: MIT */
/* bh shutdown and destroy, with many domains and with such as take their time. */
/* SOURCES: $(addprefix dom0-tools/bh/,arguments.c json.c output.c listing.c progress.c) */
/* SOURCES: dom0-tools/bh/verbs_domain.c dom0-tools/error.c dom0-tools/utf8.c */
/* CFLAGS: -Idom0-tools */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bh/listing.h>
#include <tools/control.h>
#include <tools/service.h>

#define DOMAINS 1000

/* When each domain is down; 0: it is already. Domain 0 does not go. */
static uint64_t down_at[DOMAINS];
static unsigned int asked[DOMAINS];
static domid_t refuses;
static uint64_t now, looked; /* ns; and when the thread that shows progress looked last */
static void (*thread)(void *);
static bool interrupted;
static char printed[65536];

/* The thread runs until it sleeps, and comes back when it has slept. */
static jmp_buf asleep;
static bool in_thread;

uint64_t platform_now(void)
{
    return now;
}

void platform_sleep(uint64_t nanoseconds)
{
    if (in_thread)
        longjmp(asleep, 1);
    now += nanoseconds;
    if (thread && now - looked >= SECOND) {
        looked = now;
        in_thread = true;
        if (!setjmp(asleep))
            thread(NULL);
        in_thread = false;
    }
}

int platform_thread_start(const char *name, void (*function)(void *), void *argument)
{
    thread = function;
    looked = now;
    return 0;
}

bool platform_terminal_interrupted(void)
{
    return interrupted;
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

int control_list(domid_t first, domain_info *list, unsigned int max, struct error *e)
{
    int count = 0;

    for (domid_t i = first; i < DOMAINS && (unsigned int)count < max; i++)
        list[count++] = (domain_info){.domain = i};
    return count;
}

int control_domain_info(domid_t domid, domain_info *info)
{
    *info = (domain_info){.domain = domid, .tot_pages = (10 * SECOND - now) / SECOND << 8};
    return 0;
}

int service_find(const char *name, domid_t *domid, struct error *e)
{
    *domid = (domid_t)strtoul(name, NULL, 10);
    return 0;
}

const char *service_name(domid_t domid, char name[GUEST_NAME_SIZE])
{
    snprintf(name, GUEST_NAME_SIZE, "n%u", domid);
    return name;
}

bool service_is_alive(domid_t domid)
{
    return now < down_at[domid];
}

int service_request_stop(domid_t domid, const char *word, struct error *e)
{
    assert_string_equal(word, "poweroff");
    assert_int_not_equal(domid, 0);
    asked[domid]++;
    return domid == refuses ? error_set(e, "does not listen") : 0;
}

int service_destroy(domid_t domid, struct error *e)
{
    for (unsigned int i = 0; i < 25; i++)
        platform_sleep(SECOND / 10);
    return 0;
}

int service_pause(domid_t domid, struct error *e)
{
    return 0;
}

int service_unpause(domid_t domid, struct error *e)
{
    return 0;
}

int service_rename(domid_t domid, const char *name, struct error *e)
{
    return 0;
}

int service_sysrq(domid_t domid, char key, struct error *e)
{
    return 0;
}

static int setup(void **state)
{
    for (unsigned int i = 0; i < DOMAINS; i++)
        down_at[i] = UINT64_MAX;
    memset(asked, 0, sizeof(asked));
    refuses = 0;
    now = 0;
    if (thread)
        thread(NULL); /* of the test before: it ends */
    thread = NULL;
    interrupted = false;
    printed[0] = '\0';
    return 0;
}

static int run(const char *line)
{
    char copy[128], *words[BH_MAX_WORDS];
    struct bh_call call = {.argv = words + 1};

    snprintf(copy, sizeof(copy), "%s", line);
    assert_true(bh_split_words(copy, words) > 0);
    for (call.verb = bh_domain_verbs; strcmp(call.verb->name, words[0]) != 0;)
        call.verb++;
    return bh_parse_options(&call) ? -1 : call.verb->run(&call);
}

/* How often @text was printed. */
static unsigned int occurrences(const char *text)
{
    unsigned int count = 0;

    for (const char *at = printed; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

static void test_all_of_many(void **state)
{
    down_at[7] = 0;
    refuses = 9;
    assert_int_equal(run("shutdown -a"), -1);
    for (unsigned int i = 1; i < DOMAINS; i++)
        assert_int_equal(asked[i], i != 7);
    assert_int_equal(occurrences("Shutting down domain "), DOMAINS - 3);
    assert_non_null(strstr(printed, "Shutting down domain 8\nbh shutdown: n9: does not listen\n"
                                    "Shutting down domain 10\n"));
    assert_int_equal(now, 0);
}

static void test_waiting(void **state)
{
    for (unsigned int i = 1; i < DOMAINS; i++)
        down_at[i] = 1;
    down_at[3] = 2 * SECOND + SECOND / 2;
    refuses = 9;
    down_at[9] = UINT64_MAX; /* is not waited for */
    assert_int_equal(run("shutdown -a -w"), -1);
    assert_in_range(now, down_at[3], down_at[3] + SECOND / 10);
    assert_int_equal(occurrences("waiting for domain 3 and 995 more (1 s)\r\x1b[K"), 1);
    assert_int_equal(occurrences("waiting for domain 3 and 995 more (2 s)\r\x1b[K"), 1);
    assert_int_equal(occurrences("waiting"), 2);
}

static void test_interrupted(void **state)
{
    interrupted = true;
    assert_int_equal(run("shutdown -w 5"), -1);
    assert_string_equal(printed, "Shutting down domain 5\n"
                                 "bh shutdown: domain 5 has not stopped yet\n");
}

static void test_long_destruction(void **state)
{
    assert_int_equal(run("destroy 4"), 0);
    assert_string_equal(printed, "destroying domain 4: 9 MiB left (1 s)\r\x1b[K"
                                 "destroying domain 4: 8 MiB left (2 s)\r\x1b[K");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all_of_many, setup),
        cmocka_unit_test_setup(test_waiting, setup),
        cmocka_unit_test_setup(test_interrupted, setup),
        cmocka_unit_test_setup(test_long_destruction, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
