/* SPDX-License-Identifier: MIT */
/*
 * A domain that does not stop troubling the store. The command line's mode= says how: "ask" as fast
 * as answers come, "deaf" without fetching any, "watch" for events that it does not fetch, "fill"
 * all that it may have, "break" its ring again and again.
 */
#include <console.h>
#include <guest.h>
#include <stdio.h>
#include <string.h>
#include <thread.h>

#include "raw_store.h"

static const char *text;

static void ask_forever(void)
{
    for (;;)
        raw_ask(XS_READ, 0, "domid", 6, &text);
}

static void never_fetch(void)
{
    raw_send(XS_WATCH, 0, "data\0t", 7);
    for (;;) {
        /* What does not fit is left out, in the middle of a message as well. */
        if (raw_ring->req_prod - raw_ring->req_cons < XENSTORE_RING_SIZE - 64)
            raw_send(XS_WRITE, 0, "data/x\0y", 8);
        raw_notify();
    }
}

static void watch_forever(void)
{
    char payload[64];

    for (unsigned int i = 0; i < 128; i++) {
        int length = snprintf(payload, sizeof(payload), "data%cw%u", 0, i);

        raw_ask(XS_WATCH, 0, payload, (size_t)length + 1, &text);
    }
    /* One answer fetched for hundreds of events: it takes its time. */
    for (unsigned int i = 0;; i++) {
        int length = snprintf(payload, sizeof(payload), "data/n%u%cvalue", i % 100, 0);

        raw_ask(XS_WRITE, 0, payload, (size_t)length, &text);
    }
}

static void fill_forever(void)
{
    static char payload[2048];

    for (;;) {
        for (unsigned int i = 0; i < 10; i++) {
            raw_ask(XS_TRANSACTION_START, 0, "", 1, &text);
            for (unsigned int j = 0; j < 200; j++) {
                int length = snprintf(payload, sizeof(payload), "data/n%u", j);

                raw_ask(XS_WRITE, 0, payload, (size_t)length + 1900, &text);
            }
        }
        raw_ask(XS_RESET_WATCHES, 0, "", 1, &text);
    }
}

static void break_forever(void)
{
    for (;;) {
        raw_ring->req_prod += 5000;
        raw_notify();
        thread_yield();
        raw_reconnect();
    }
}

void guest_main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {
        {"ask", ask_forever},   {"deaf", never_fetch},    {"watch", watch_forever},
        {"fill", fill_forever}, {"break", break_forever},
    };
    char mode[16] = "";

    guest_option("mode", mode, sizeof(mode));
    raw_store_init();
    for (unsigned int i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(mode, modes[i].name) == 0)
            modes[i].run();
    printf("mode=%s is not known\n", mode);
}
