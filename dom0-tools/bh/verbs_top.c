/* SPDX-License-Identifier: MIT */
/*
 * bh top: what each domain uses, on a screen that is drawn again and again, or as lines with the
 * columns of xentop, or as JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <public/sched.h>

#include <tools/control.h>
#include <tools/service.h>
#include <tools/utf8.h>

#include "top.h"

enum {
    TOP_BATCH,
    TOP_DELAY,
    TOP_ITERATIONS,
    TOP_JSON,
};

#define DEFAULT_DELAY 3 /* s */
#define MAX_DELAY     86400
#define WAIT_STEP     50000000ull /* ns between looks whether Ctrl-C was typed */
#define SCREEN_ROWS   24          /* of the smallest terminal; four are above the domains */
#define HEADER_ROWS   4

#define CTRL_C     0x03
#define DETACH_KEY 0x1d /* Ctrl-] */

/* ANSI: to the top; clear the rest of the line, of the screen. */
#define HOME       "\x1b[H"
#define CLEAR_LINE "\x1b[K"
#define CLEAR_REST "\x1b[J"

struct top {
    const struct bh_call *call;
    struct xen_sysctl_physinfo machine;
    struct top_sample sample;
    enum top_order order;
    uint64_t delay;           /* ns */
    unsigned long iterations; /* 0: until a key ends it */
};

/* ---- One domain ---- */

static bool has_crashed(const domain_info *info)
{
    return info->flags & XEN_DOMINF_shutdown &&
           ((info->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask) == SHUTDOWN_crash;
}

/* The letters of xentop, whose order is not that of xl list. */
static void state_letters(const domain_info *info, char state[7])
{
    state[0] = info->flags & XEN_DOMINF_dying ? 'd' : '-';
    state[1] = info->flags & XEN_DOMINF_shutdown ? 's' : '-';
    state[2] = info->flags & XEN_DOMINF_blocked ? 'b' : '-';
    state[3] = has_crashed(info) ? 'c' : '-';
    state[4] = info->flags & XEN_DOMINF_paused ? 'p' : '-';
    state[5] = info->flags & XEN_DOMINF_running ? 'r' : '-';
    state[6] = '\0';
}

static unsigned int vcpu_count(const domain_info *info)
{
    return info->max_vcpu_id == XEN_INVALID_MAX_VCPU_ID ? 0 : info->max_vcpu_id + 1;
}

/* Whether the domain may have as much memory as there is. */
static bool has_no_limit(const domain_info *info)
{
    return info->max_pages >= UINT32_MAX;
}

/* As much of a domain's name as fits into @columns, on the left or on the right of them. */
static void print_name(domid_t domid, size_t columns, bool left)
{
    char name[GUEST_NAME_SIZE];
    int length, blanks;

    service_name(domid, name);
    length = (int)utf8_fit(name, columns);
    blanks = (int)(columns - utf8_columns(name, (size_t)length));
    bh_print("%*s%.*s%*s", left ? 0 : blanks, "", length, name, left ? blanks : 0, "");
}

/* A number of tenths, in @width columns. */
static void print_tenths(int width, uint64_t tenths)
{
    bh_print("%*llu.%llu", width - 2, (unsigned long long)(tenths / 10),
             (unsigned long long)(tenths % 10));
}

static uint64_t permille_of(uint64_t part, uint64_t whole)
{
    return whole ? (part * 1000 + whole / 2) / whole : 0;
}

static uint64_t pages_kib(uint64_t pages)
{
    return pages << 2;
}

/* ---- Lines ---- */

static void print_batch_row(const struct top *t, const struct top_row *row)
{
    char state[7];

    state_letters(&row->info, state);
    print_name(row->info.domain, 10, false);
    bh_print(" %6s %10llu ", state, (unsigned long long)(row->total.cpu_time / SECOND));
    print_tenths(6, top_permille(&t->sample, row->recent.cpu_time));
    bh_print(" %10llu ", (unsigned long long)pages_kib(row->info.tot_pages));
    print_tenths(6, permille_of(row->info.tot_pages, t->machine.total_pages));
    if (has_no_limit(&row->info)) {
        bh_print(" %10s %9s", "no limit", "n/a");
    } else {
        bh_print(" %10llu ", (unsigned long long)pages_kib(row->info.max_pages));
        print_tenths(9, permille_of(row->info.max_pages, t->machine.total_pages));
    }
    bh_print(" %5u %4u %8llu %8llu", vcpu_count(&row->info), row->nets,
             (unsigned long long)(row->total.net_tx >> 10),
             (unsigned long long)(row->total.net_rx >> 10));
    bh_print(" %4u %8llu %8llu %8llu %10llu %10llu %4u\n", row->vbds,
             (unsigned long long)row->total.held_back, (unsigned long long)row->total.reads,
             (unsigned long long)row->total.writes, (unsigned long long)row->total.sectors_read,
             (unsigned long long)row->total.sectors_written, row->info.ssidref);
}

static void print_batch(const struct top *t)
{
    bh_print("      NAME  STATE   CPU(sec) CPU(%%)     MEM(k) MEM(%%)  MAXMEM(k) MAXMEM(%%) VCPUS "
             "NETS NETTX(k) NETRX(k) VBDS   VBD_OO   VBD_RD   VBD_WR  VBD_RSECT  VBD_WSECT SSID\n");
    for (unsigned int i = 0; i < t->sample.count; i++)
        print_batch_row(t, &t->sample.rows[i]);
}

/* ---- JSON ---- */

/* A time for which vCPUs waited, since the domain was made and in per cent of the interval. */
static void json_wait(const struct top *t, struct json *j, const struct top_row *row,
                      const char *key, uint64_t total, const char *percent_key, uint64_t recent)
{
    if (!row->has_delay) {
        json_null(j, key);
        json_null(j, percent_key);
        return;
    }
    json_number(j, key, total);
    json_tenths(j, percent_key, top_permille(&t->sample, recent));
}

static void json_row(const struct top *t, struct json *j, const struct top_row *row)
{
    char state[7];

    state_letters(&row->info, state);
    json_open(j, NULL, '{');
    json_domain(j, row->info.domain);
    json_number(j, "domid", row->info.domain);
    json_text(j, "state", state);
    json_number(j, "interval_ns", t->sample.interval);
    json_number(j, "cpu_time_ns", row->total.cpu_time);
    json_tenths(j, "cpu_percent", top_permille(&t->sample, row->recent.cpu_time));
    json_wait(t, j, row, "run_queue_delay_ns", row->total.delay, "run_queue_delay_percent",
              row->recent.delay);
    json_wait(t, j, row, "steal_ns", row->total.steal, "steal_percent", row->recent.steal);
    json_number(j, "memory_kib", pages_kib(row->info.tot_pages));
    if (!has_no_limit(&row->info))
        json_number(j, "max_memory_kib", pages_kib(row->info.max_pages));
    json_number(j, "vcpus", vcpu_count(&row->info));
    json_number(j, "nets", row->nets);
    json_number(j, "net_tx_bytes", row->total.net_tx);
    json_number(j, "net_rx_bytes", row->total.net_rx);
    json_number(j, "vbds", row->vbds);
    json_number(j, "vbd_held_back", row->total.held_back);
    json_number(j, "vbd_reads", row->total.reads);
    json_number(j, "vbd_writes", row->total.writes);
    json_number(j, "vbd_sectors_read", row->total.sectors_read);
    json_number(j, "vbd_sectors_written", row->total.sectors_written);
    json_close(j, '}');
}

static void print_json(const struct top *t)
{
    struct json j = {0};

    json_open(&j, NULL, '[');
    for (unsigned int i = 0; i < t->sample.count; i++)
        json_row(t, &j, &t->sample.rows[i]);
    json_close(&j, ']');
}

/* ---- The screen ---- */

static const char *const order_words[TOP_ORDERS] = {
    [TOP_BY_NUMBER] = "number",   [TOP_BY_CPU] = "CPU",   [TOP_BY_MEMORY] = "memory",
    [TOP_BY_NETWORK] = "network", [TOP_BY_DISK] = "disk",
};

static unsigned int count_flag(const struct top_sample *sample, uint32_t flag)
{
    unsigned int count = 0;

    for (unsigned int i = 0; i < sample->count; i++)
        count += (sample->rows[i].info.flags & flag) != 0;
    return count;
}

static unsigned int count_crashed(const struct top_sample *sample)
{
    unsigned int count = 0;

    for (unsigned int i = 0; i < sample->count; i++)
        count += has_crashed(&sample->rows[i].info);
    return count;
}

static void draw_summary(const struct top *t)
{
    const struct xen_sysctl_physinfo *m = &t->machine;
    unsigned int second = (unsigned int)(platform_wall_clock() / SECOND % 86400);

    bh_print(HOME "bh top - %02u:%02u:%02u   sorted by %s   S: other order, Q: quit" CLEAR_LINE
                  "\n",
             second / 3600, second / 60 % 60, second % 60, order_words[t->order]);
    bh_print("%u domains: %u running, %u blocked, %u paused, %u crashed, %u dying, %u "
             "shutdown" CLEAR_LINE "\n",
             t->sample.count, count_flag(&t->sample, XEN_DOMINF_running),
             count_flag(&t->sample, XEN_DOMINF_blocked), count_flag(&t->sample, XEN_DOMINF_paused),
             count_crashed(&t->sample), count_flag(&t->sample, XEN_DOMINF_dying),
             count_flag(&t->sample, XEN_DOMINF_shutdown));
    bh_print("Mem: %lluk total, %lluk used, %lluk free    CPUs: %u @ %uMHz" CLEAR_LINE "\n",
             (unsigned long long)pages_kib(m->total_pages),
             (unsigned long long)pages_kib(m->total_pages - m->free_pages),
             (unsigned long long)pages_kib(m->free_pages), m->nr_cpus, m->cpu_khz / 1000);
}

/* A time for which vCPUs waited, in per cent of the interval. */
static void draw_wait(const struct top *t, const struct top_row *row, uint64_t ns)
{
    if (row->has_delay)
        bh_print(" %5llu", (unsigned long long)((top_permille(&t->sample, ns) + 5) / 10));
    else
        bh_print(" %5s", "-");
}

static void draw_row(const struct top *t, const struct top_row *row)
{
    const struct top_sample *s = &t->sample;
    char state[7];

    state_letters(&row->info, state);
    print_name(row->info.domain, 10, true);
    bh_print(" %6s %6llu ", state, (unsigned long long)(row->total.cpu_time / SECOND));
    print_tenths(6, top_permille(s, row->recent.cpu_time));
    draw_wait(t, row, row->recent.delay);
    draw_wait(t, row, row->recent.steal);
    bh_print(" %6llu %4u %5llu %5llu %5llu %5llu" CLEAR_LINE "\n",
             (unsigned long long)(row->info.tot_pages >> 8), vcpu_count(&row->info),
             (unsigned long long)(top_per_second(s, row->recent.net_tx) >> 10),
             (unsigned long long)(top_per_second(s, row->recent.net_rx) >> 10),
             (unsigned long long)(top_per_second(s, row->recent.sectors_read) >> 1),
             (unsigned long long)(top_per_second(s, row->recent.sectors_written) >> 1));
}

/* As many domains as the screen has room for. */
static void draw_screen(struct top *t)
{
    unsigned int shown = SCREEN_ROWS - HEADER_ROWS - 1; /* the cursor is on the last line */

    top_sample_sort(&t->sample, t->order);
    draw_summary(t);
    bh_print("NAME        STATE CPU(s) CPU(%%) DELAY STEAL MEM(M) VCPU TXk/s RXk/s RDk/s "
             "WRk/s" CLEAR_LINE "\n");
    for (unsigned int i = 0; i < t->sample.count && i < shown; i++)
        draw_row(t, &t->sample.rows[i]);
    bh_print(CLEAR_REST);
    top_sample_sort(&t->sample, TOP_BY_NUMBER);
}

/* ---- Going on ---- */

/* Takes the next sample. @return 0, or -1 after a message. */
static int top_step(struct top *t)
{
    struct top_sample next;
    struct error e;

    if (control_machine_info(&t->machine, &e) ||
        top_sample_take(&next, t->sample.rows ? &t->sample : NULL, &e))
        return bh_fail(t->call, "%s", e.text);
    top_sample_free(&t->sample);
    t->sample = next;
    return 0;
}

/* Waits until the next sample is due. @return whether Ctrl-C was typed meanwhile. */
static bool wait_interrupted(const struct top *t)
{
    uint64_t deadline = t->sample.time + t->delay;

    while (platform_now() < deadline) {
        uint64_t left = deadline - platform_now();

        if (platform_terminal_interrupted())
            return true;
        platform_sleep(left < WAIT_STEP ? left : WAIT_STEP);
    }
    return false;
}

static int run_batch(struct top *t)
{
    for (unsigned long n = 0; !t->iterations || n < t->iterations; n++) {
        if (n && wait_interrupted(t))
            break;
        if (top_step(t))
            return -1;
        print_batch(t);
    }
    return 0;
}

/* An array for each interval: what a program reads has always been measured. */
static int run_json(struct top *t)
{
    if (top_step(t))
        return -1;
    for (unsigned long n = 0; n < t->iterations; n++) {
        if (wait_interrupted(t))
            break;
        if (top_step(t))
            return -1;
        print_json(t);
    }
    return 0;
}

/* Serves keys until the next sample is due. @return whether one of them ends it all. */
static bool serve_keys(struct top *t)
{
    uint64_t deadline = t->sample.time + t->delay;

    while (platform_now() < deadline) {
        int key = platform_terminal_read_until(deadline);

        if (key == 'q' || key == 'Q' || key == CTRL_C || key == DETACH_KEY)
            return true;
        if (key == 's' || key == 'S') {
            t->order = (t->order + 1) % TOP_ORDERS;
            draw_screen(t);
        }
    }
    return false;
}

static int run_screen(struct top *t)
{
    bh_print(HOME CLEAR_REST);
    for (unsigned long n = 0; !t->iterations || n < t->iterations; n++) {
        if (n && serve_keys(t))
            break;
        if (top_step(t))
            return -1;
        draw_screen(t);
    }
    return 0;
}

/* Reads an option's number, from 1 on. @return 0, or -1 after a message that calls it @what. */
static int read_count(const struct bh_call *call, unsigned int option, const char *what,
                      unsigned long max, unsigned long *count)
{
    const char *text = call->values[option];
    char *end;

    if (!text)
        return 0;
    *count = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || !*count || *count > max)
        return bh_fail(call, "'%s': expected %s, a number from 1 to %lu", text, what, max);
    return 0;
}

static int run_top(struct bh_call *call)
{
    struct top t = {.call = call, .order = TOP_BY_CPU, .iterations = call->given[TOP_JSON]};
    unsigned long delay = DEFAULT_DELAY;
    int status;

    if (call->argc)
        return bh_usage(call);
    if (read_count(call, TOP_DELAY, "seconds", MAX_DELAY, &delay) ||
        read_count(call, TOP_ITERATIONS, "how often", INT32_MAX, &t.iterations))
        return -1;
    t.delay = delay * SECOND;
    if (call->given[TOP_JSON])
        status = run_json(&t);
    else
        status = call->given[TOP_BATCH] ? run_batch(&t) : run_screen(&t);
    top_sample_free(&t.sample);
    return status;
}

const struct bh_verb bh_top_verbs[] = {
    {.name = "top",
     .options = {[TOP_BATCH] = {'b', "batch", NULL},
                 [TOP_DELAY] = {'d', "delay", "SECONDS"},
                 [TOP_ITERATIONS] = {'i', "iterations", "COUNT"},
                 [TOP_JSON] = {'\0', "json", NULL}},
     .arguments = "",
     .help = "show again and again what domains use (S: other order, Q: quit; -b: as lines)",
     .run = run_top},
    {.name = NULL},
};
