/* SPDX-License-Identifier: MIT */
/*
 * The verbs that show domains and the machine: list, uptime, info, dmesg, debug-keys. Columns are
 * xl's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <public/sched.h>
#include <public/version.h>

#include <platform.h>
#include <tools/control.h>
#include <tools/measures.h>
#include <tools/scheduling.h>
#include <tools/service.h>

#include "bh.h"
#include "json.h"
#include "listing.h"

enum {
    LIST_LONG,
    LIST_JSON,
};

/* uptime and info */
enum {
    ONLY_JSON,
};

enum {
    DMESG_CLEAR,
};

static unsigned int stop_reason(const domain_info *info)
{
    return (info->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask;
}

static void state_letters(const domain_info *info, char state[7])
{
    bool stopped = info->flags & XEN_DOMINF_shutdown;

    state[0] = info->flags & XEN_DOMINF_running ? 'r' : '-';
    state[1] = info->flags & XEN_DOMINF_blocked ? 'b' : '-';
    state[2] = info->flags & XEN_DOMINF_paused ? 'p' : '-';
    state[3] = stopped ? 's' : '-';
    state[4] = stopped && stop_reason(info) == SHUTDOWN_crash ? 'c' : '-';
    state[5] = info->flags & XEN_DOMINF_dying ? 'd' : '-';
    state[6] = '\0';
}

static uint64_t memory_mib(const domain_info *info)
{
    return (info->tot_pages + info->outstanding_pages) >> 8;
}

/* ---- list ---- */

static void list_row(const domain_info *info, void *context)
{
    char state[7];

    state_letters(info, state);
    bh_print_domain(info->domain, 40);
    bh_print(" %5u %5llu %5u     %s  ", info->domain, (unsigned long long)memory_mib(info),
             info->nr_online_vcpus, state);
    bh_print_seconds(8, info->cpu_time);
    bh_print("\n");
}

static void list_json(const domain_info *info, void *context)
{
    struct json *j = context;
    char state[7], uuid[37];

    state_letters(info, state);
    uuid_format(uuid, info->handle);
    json_open(j, NULL, '{');
    json_domain(j, info->domain);
    json_number(j, "domid", info->domain);
    json_text(j, "uuid", uuid);
    json_number(j, "memory_mib", memory_mib(info));
    json_number(j, "max_memory_kib", info->max_pages << 2);
    json_number(j, "vcpus", info->nr_online_vcpus);
    json_text(j, "state", state);
    json_number(j, "cpu_time_ns", info->cpu_time);
    json_close(j, '}');
}

/* An action as libxl spells it: with an underscore. */
static void json_action(struct json *j, const char *key, enum stop_action action)
{
    char text[16];

    snprintf(text, sizeof(text), "%s", stop_action_word(action));
    for (char *c = text; *c; c++)
        if (*c == '-')
            *c = '_';
    json_text(j, key, text);
}

/* The CPUs of each vCPU, as far as they are there. */
static void list_affinity(struct json *j, const char *key, const struct guest_affinity *a,
                          unsigned int vcpus)
{
    struct xen_sysctl_physinfo machine;

    if (!a->sets || control_machine_info(&machine, NULL))
        return;
    json_open(j, key, '[');
    for (unsigned int i = 0; i < vcpus && guest_affinity_of(a, i); i++) {
        json_open(j, NULL, '[');
        for (unsigned int cpu = 0; cpu <= machine.max_cpu_id && cpu < CPU_SET_CPUS; cpu++)
            if (cpu_set_has(guest_affinity_of(a, i), cpu))
                json_number(j, NULL, cpu);
        json_close(j, ']');
    }
    json_close(j, ']');
}

static void list_share(struct json *j, domid_t domid)
{
    struct cpu_share share;

    if (control_get_share(domid, &share, NULL))
        return;
    json_open(j, "sched_params", '{');
    json_number(j, "weight", share.weight);
    json_number(j, "cap", share.cap);
    json_close(j, '}');
}

/* What a domain was built from. */
static void list_build_info(struct json *j, const struct guest_config *c)
{
    json_open(j, "avail_vcpus", '[');
    for (unsigned int i = 0; i < c->vcpus; i++)
        json_number(j, NULL, i);
    json_close(j, ']');
    list_affinity(j, "vcpu_hard_affinity", &c->cpus, c->maxvcpus);
    list_affinity(j, "vcpu_soft_affinity", &c->cpus_soft, c->maxvcpus);
    json_number(j, "max_memkb", (uint64_t)c->maxmem_mib << 10);
    json_number(j, "target_memkb", (uint64_t)c->memory_mib << 10);
    json_text(j, "kernel", c->kernel);
    json_text(j, "cmdline", c->cmdline);
    if (c->ramdisk)
        json_text(j, "ramdisk", c->ramdisk);
}

/* What a domain has now, and what becomes of it. */
static void list_devices(struct json *j, const struct guest_config *c)
{
    json_open(j, "disks", '[');
    for (unsigned int i = 0; i < c->disk_count; i++)
        json_disk(j, NULL, &c->disks[i]);
    json_close(j, ']');
    json_open(j, "nics", '[');
    for (unsigned int i = 0; i < c->vif_count; i++)
        json_vif(j, NULL, &c->vifs[i]);
    json_close(j, ']');
    json_action(j, "on_poweroff", c->on_poweroff);
    json_action(j, "on_reboot", c->on_reboot);
    json_action(j, "on_crash", c->on_crash);
}

/* As libxl's domain_config, with those of its members that mean something here. */
static void list_long(const domain_info *info, void *context)
{
    struct guest_config config;
    const struct guest_config *c = service_config(info->domain, &config) ? NULL : &config;
    struct json *j = context;
    char uuid[37];

    uuid_format(uuid, info->handle);
    json_open(j, NULL, '{');
    json_number(j, "domid", info->domain);
    json_open(j, "config", '{');
    json_open(j, "c_info", '{');
    json_text(j, "type", "pv");
    json_domain(j, info->domain);
    json_text(j, "uuid", uuid);
    json_close(j, '}');
    json_open(j, "b_info", '{');
    json_number(j, "max_vcpus", c ? c->maxvcpus : info->max_vcpu_id + 1);
    if (c) {
        list_build_info(j, c);
    } else {
        json_number(j, "max_memkb", info->max_pages << 2);
        json_number(j, "target_memkb", (info->tot_pages + info->outstanding_pages) << 2);
    }
    list_share(j, info->domain);
    json_close(j, '}');
    if (c) {
        list_devices(j, c);
        guest_config_free(&config);
    }
    json_close(j, '}');
    json_close(j, '}');
}

static int run_list(struct bh_call *call)
{
    bool as_json = call->given[LIST_JSON], as_long = call->given[LIST_LONG];
    domid_t domids[BH_MAX_WORDS];
    int status, named = bh_find_domains(call, domids);
    struct json j = {0};

    if (named < 0)
        return -1;
    if (as_json || as_long) {
        json_open(&j, NULL, '[');
        status = bh_each_domain(call, domids, named, as_long ? list_long : list_json, &j);
        json_close(&j, ']');
        return status;
    }
    bh_print("Name                                        ID   Mem VCPUs\tState\tTime(s)\n");
    return bh_each_domain(call, domids, named, list_row, NULL);
}

/* ---- uptime ---- */

static void uptime_row(const domain_info *info, void *context)
{
    unsigned int days, rest;
    uint64_t uptime;

    bh_print_domain(info->domain, 33);
    bh_print(" %4u ", info->domain);
    if (!service_uptime(info->domain, &uptime)) {
        bh_print("-\n");
        return;
    }
    days = (unsigned int)(uptime / SECOND / 86400);
    rest = (unsigned int)(uptime / SECOND % 86400);
    if (days)
        bh_print("%u day%s, ", days, days == 1 ? "" : "s");
    bh_print("%2u:%02u:%02u\n", rest / 3600, rest / 60 % 60, rest % 60);
}

static void uptime_json(const domain_info *info, void *context)
{
    struct json *j = context;
    uint64_t uptime;

    json_open(j, NULL, '{');
    json_domain(j, info->domain);
    json_number(j, "domid", info->domain);
    if (service_uptime(info->domain, &uptime))
        json_number(j, "uptime_seconds", uptime / SECOND);
    json_close(j, '}');
}

static int run_uptime(struct bh_call *call)
{
    bool as_json = call->given[ONLY_JSON];
    domid_t domids[BH_MAX_WORDS];
    int status, named = bh_find_domains(call, domids);
    struct json j = {0};

    if (named < 0)
        return -1;
    if (as_json)
        json_open(&j, NULL, '[');
    else
        bh_print("%-33s %4s %s\n", "Name", "ID", "Uptime");
    status = bh_each_domain(call, domids, named, as_json ? uptime_json : uptime_row, &j);
    if (as_json)
        json_close(&j, ']');
    return status;
}

/* ---- info ---- */

/* One line, or one member, of bh info. */
static void info_text(struct json *j, const char *key, const char *text)
{
    if (j)
        json_text(j, key, text);
    else
        bh_print("%-23s: %s\n", key, text);
}

static void info_number(struct json *j, const char *key, uint64_t number)
{
    char text[24];

    if (j) {
        json_number(j, key, number);
        return;
    }
    snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    info_text(j, key, text);
}

static void info_machine(struct json *j, const struct xen_sysctl_physinfo *m)
{
    char text[96];
    int length = 0;

    info_text(j, "machine", "x86_64");
    info_number(j, "nr_cpus", m->nr_cpus);
    info_number(j, "max_cpu_id", m->max_cpu_id);
    info_number(j, "nr_nodes", m->nr_nodes);
    info_number(j, "cores_per_socket", m->cores_per_socket);
    info_number(j, "threads_per_core", m->threads_per_core);
    snprintf(text, sizeof(text), "%u.%03u", m->cpu_khz / 1000, m->cpu_khz % 1000);
    info_text(j, "cpu_mhz", text);
    for (unsigned int i = 0; i < 8; i++)
        length += snprintf(text + length, sizeof(text) - (size_t)length, "%s%08x", i ? ":" : "",
                           m->hw_cap[i]);
    info_text(j, "hw_caps", text);
    snprintf(text, sizeof(text), "%s%s%s", m->capabilities & XEN_SYSCTL_PHYSCAP_pv ? "pv" : "",
             m->capabilities & XEN_SYSCTL_PHYSCAP_hvm ? " hvm" : "",
             m->capabilities & XEN_SYSCTL_PHYSCAP_directio ? " pv_directio" : "");
    info_text(j, "virt_caps", text);
    info_number(j, "total_memory", m->total_pages >> 8);
    info_number(j, "free_memory", (m->free_pages - m->outstanding_pages) >> 8);
    /* Exact figures for programs; pages have 4096 bytes. */
    if (j) {
        json_number(j, "free_memory_kib", (m->free_pages - m->outstanding_pages) << 2);
        json_number(j, "total_pages", m->total_pages);
        json_number(j, "free_pages", m->free_pages);
        json_number(j, "scrub_pages", m->scrub_pages);
        json_number(j, "outstanding_pages", m->outstanding_pages);
    }
}

/* Of all domains together. */
struct domain_sums {
    uint64_t pages, domains, vcpus;
};

static void add_domain(const domain_info *info, void *context)
{
    struct domain_sums *sums = context;

    sums->pages += info->tot_pages;
    sums->domains++;
    sums->vcpus += info->max_vcpu_id + 1; /* which wraps where there is none */
}

/* What the hypervisor takes, and what a domain and a vCPU take on average. */
static void info_memory_use(struct json *j, const struct bulkhead_sysctl_memory_use *use,
                            const struct domain_sums *sums)
{
    uint64_t vcpus = sums->vcpus * use->vcpu;

    info_number(j, "ram_kib", use->ram >> 10);
    info_number(j, "hypervisor_kib", (use->fixed + use->domains) >> 10);
    info_number(j, "hypervisor_fixed_kib", use->fixed >> 10);
    info_number(j, "hypervisor_image_kib", use->image >> 10);
    info_number(j, "hypervisor_frames_kib", use->frames >> 10);
    info_number(j, "hypervisor_m2p_kib", use->m2p >> 10);
    info_number(j, "hypervisor_cpus_kib", use->cpus >> 10);
    info_number(j, "hypervisor_domains_kib", use->domains >> 10);
    if (sums->domains && use->domains >= vcpus)
        info_number(j, "bytes_per_domain", (use->domains - vcpus) / sums->domains);
    info_number(j, "bytes_per_vcpu", use->vcpu);
}

/* What becomes of the machine's memory. */
static int info_memory(struct bh_call *call, struct json *j, const struct xen_sysctl_physinfo *m)
{
    struct bulkhead_sysctl_memory_use use;
    struct domain_sums sums = {0};

    if (bh_each_domain(call, NULL, 0, add_domain, &sums))
        return -1;
    if (control_memory_use(&use) == 0)
        info_memory_use(j, &use, &sums);
    else /* what Xen has allocated for domains and itself */
        info_number(j, "hypervisor_kib", (m->total_pages - m->free_pages - sums.pages) << 2);
    info_number(j, "heap_kib", m->total_pages << 2);
    info_number(j, "heap_domains_kib", sums.pages << 2);
    info_number(j, "heap_free_kib", m->free_pages << 2);
    return 0;
}

static void info_version(struct json *j)
{
    union {
        xen_extraversion_t extra;
        xen_capabilities_info_t capabilities;
        xen_changeset_info_t changeset;
        xen_commandline_t commandline;
        xen_compile_info_t compile;
        xen_platform_parameters_t parameters;
    } *v = platform_buffer_alloc(sizeof(*v));
    long version = platform_xen_version(XENVER_version, NULL);
    char text[64];

    if (!v)
        return;
    info_number(j, "xen_major", (uint64_t)version >> 16);
    info_number(j, "xen_minor", (uint64_t)version & 0xffff);
    if (platform_xen_version(XENVER_extraversion, v) >= 0) {
        info_text(j, "xen_extra", v->extra);
        snprintf(text, sizeof(text), "%ld.%ld%s", version >> 16, version & 0xffff, v->extra);
        info_text(j, "xen_version", text);
    }
    if (platform_xen_version(XENVER_capabilities, v) >= 0)
        info_text(j, "xen_caps", v->capabilities);
    info_text(j, "xen_scheduler", control_scheduler());
    info_number(j, "xen_pagesize", (uint64_t)platform_xen_version(XENVER_pagesize, NULL));
    if (platform_xen_version(XENVER_platform_parameters, v) >= 0) {
        snprintf(text, sizeof(text), "virt_start=0x%llx",
                 (unsigned long long)v->parameters.virt_start);
        info_text(j, "platform_params", text);
    }
    if (platform_xen_version(XENVER_changeset, v) >= 0)
        info_text(j, "xen_changeset", v->changeset);
    if (platform_xen_version(XENVER_commandline, v) >= 0)
        info_text(j, "xen_commandline", v->commandline);
    if (platform_xen_version(XENVER_compile_info, v) >= 0) {
        info_text(j, "cc_compiler", v->compile.compiler);
        info_text(j, "cc_compile_by", v->compile.compile_by);
        info_text(j, "cc_compile_domain", v->compile.compile_domain);
        info_text(j, "cc_compile_date", v->compile.compile_date);
    }
    platform_buffer_free(v, sizeof(*v));
}

static int run_info(struct bh_call *call)
{
    struct json json = {0}, *j = call->given[ONLY_JSON] ? &json : NULL;
    struct xen_sysctl_physinfo machine;
    struct error e;
    int status;

    if (call->argc != 0)
        return bh_usage(call);
    if (control_machine_info(&machine, &e))
        return bh_fail(call, "%s", e.text);
    if (j)
        json_open(j, NULL, '{');
    info_machine(j, &machine);
    status = info_memory(call, j, &machine);
    info_version(j);
    if (j)
        json_close(j, '}');
    return status;
}

/* ---- dmesg ---- */

#define MESSAGES_STEP 4096u

/*
 * Reads all messages at once: while they are printed, there may be others, without end. The caller
 * frees *@text, of *@length bytes, whatever is returned. @return 0, or -1 with the reason in @e.
 */
static int read_messages(bool clear, char **text, size_t *length, struct error *e)
{
    uint32_t index = 0;
    size_t part;

    *text = NULL;
    *length = 0;
    do {
        char *larger = realloc(*text, *length + MESSAGES_STEP);

        if (!larger)
            return error_set(e, "not enough memory");
        *text = larger;
        if (control_read_messages(*text + *length, MESSAGES_STEP, !*length, clear, &index, &part,
                                  e))
            return -1;
        *length += part;
    } while (part);
    return 0;
}

static int run_dmesg(struct bh_call *call)
{
    struct error e;
    size_t length;
    char *text;
    int status;

    if (call->argc != 0)
        return bh_usage(call);
    status = read_messages(call->given[DMESG_CLEAR], &text, &length, &e);
    if (!status && !bh_print_long(text, length))
        status = error_set(&e, "interrupted");
    free(text);
    return status ? bh_fail(call, "%s", e.text) : 0;
}

static int run_debug_keys(struct bh_call *call)
{
    struct error e;

    if (call->argc != 1)
        return bh_usage(call);
    return control_debug_keys(call->argv[0], &e) ? bh_fail(call, "%s", e.text) : 0;
}

const struct bh_verb bh_info_verbs[] = {
    {.name = "list",
     .options = {[LIST_LONG] = {'l', "long", NULL}, [LIST_JSON] = {'\0', "json", NULL}},
     .arguments = "[DOMAIN...]",
     .help = "list domains (-l: with their configurations, as JSON)",
     .argument = ARGUMENT_DOMAIN,
     .run = run_list},
    {.name = "uptime",
     .options = {[ONLY_JSON] = {'\0', "json", NULL}},
     .arguments = "[DOMAIN...]",
     .help = "show for how long domains have been running",
     .argument = ARGUMENT_DOMAIN,
     .run = run_uptime},
    {.name = "info",
     .options = {[ONLY_JSON] = {'\0', "json", NULL}},
     .arguments = "",
     .help = "show what the machine and the hypervisor are",
     .run = run_info},
    {.name = "dmesg",
     .options = {[DMESG_CLEAR] = {'c', NULL, NULL}},
     .arguments = "",
     .help = "show the hypervisor's messages (-c: and empty the buffer)",
     .run = run_dmesg},
    {.name = "debug-keys",
     .arguments = "KEYS",
     .help = "send debug keys to the hypervisor, which answers in dmesg (h: lists them)",
     .run = run_debug_keys},
    {.name = NULL},
};
