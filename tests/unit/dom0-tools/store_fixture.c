/* SPDX-License-Identifier: MIT */
/* See store_fixture.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "store_fixture.h"

struct store *store;
struct store_connection *tools;
struct store_session *dom0, *dom1;
struct store_limits limits;
char asked[64];
int host_error;
const char *text;

static bool is_introduced(void *context, uint16_t domid)
{
    return domid <= 2;
}

static int introduce(void *context, uint16_t domid, uint64_t frame, uint32_t port)
{
    snprintf(asked, sizeof(asked), "introduce %u %llu %u", domid, (unsigned long long)frame, port);
    return host_error;
}

static int release(void *context, uint16_t domid)
{
    snprintf(asked, sizeof(asked), "release %u", domid);
    return host_error;
}

static int resume(void *context, uint16_t domid)
{
    snprintf(asked, sizeof(asked), "resume %u", domid);
    return host_error;
}

static int set_target(void *context, uint16_t domid, uint16_t target)
{
    snprintf(asked, sizeof(asked), "target %u %u", domid, target);
    return host_error;
}

const struct store_host host = {
    .is_introduced = is_introduced,
    .introduce = introduce,
    .release = release,
    .resume = resume,
    .set_target = set_target,
    .limits = &limits,
};

static bool no_event(void *context, const char *path, const char *token)
{
    return true;
}

void store_fixture_start(void (*output)(void *context), void *context)
{
    struct store_permission p = {.domid = 1};

    limits = store_default_limits;
    store = store_create(1);
    tools = store_connect(store, 0, true, NULL, no_event, NULL);
    dom0 = store_session_open(store, 0, true, &limits, &host, NULL, NULL);
    dom1 = store_session_open(store, 1, false, &limits, &host, output, context);
    assert_int_equal(xs_mkdir(tools, 0, HOME), 0);
    assert_int_equal(xs_set_permissions(tools, 0, HOME, &p, 1), 0);
    asked[0] = '\0';
    host_error = 0;
}

int store_fixture_end(void **state)
{
    assert_true(xs_is_consistent(store));
    store_session_close(dom0);
    store_session_close(dom1);
    assert_int_equal(xs_domain_gone(store, 1), 0);
    assert_int_equal(xs_memory_used(store, 1), 0);
    store_disconnect(tools);
    store_destroy(store);
    return 0;
}
