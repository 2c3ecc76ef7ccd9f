/* SPDX-License-Identifier: MIT */
/*
 * The service: the list of the domains that it has created, and what can be asked about them.
 *
 * Creation enters the record first, so that the name is taken while building waits, and takes all
 * of it back if a step fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <image/bzimage.h>
#include <tools/control.h>

#include "state.h"
#include "store_clients.h"

#define DOM0_NAME "Domain-0"
#define NO_NAME   "(null)"

#define TURN_POLL 20000000ull /* ns */

struct managed_domain *service_domains;
struct store *service_store;
struct store_connection *service_tools;
service_notice_fn *service_notice;

static char dom0_name[GUEST_NAME_SIZE] = DOM0_NAME;
static int exception_port = -1;
static bool making; /* a domain: see make_in_turn */

struct managed_domain *managed_find(domid_t domid)
{
    struct managed_domain *d = service_domains;

    while (d && (d->domid != domid || d->life == LIFE_CREATING))
        d = d->next;
    return d;
}

/* ---- The thread ---- */

static void run(void *unused)
{
    for (;;) {
        int port = platform_wait();

        if (port == exception_port) {
            store_clients_look();
            look_after_domains();
        } else {
            serve_port(port);
        }
        /*
         * A domain that never stops sending may not keep the others, or the prompt, from running.
         */
        platform_yield();
    }
}

static bool ignore_event(void *context, const char *path, const char *token)
{
    return true;
}

int service_start(service_notice_fn *notice, struct error *e)
{
    service_notice = notice;
    service_store = store_create();
    service_tools = service_store ? store_connect(service_store, 0, true, NULL, ignore_event, NULL)
                                  : NULL;
    if (!service_tools)
        return error_set(e, "not enough memory for the store");
    xs_printf(service_tools, STORE_NO_TRANSACTION, "/local/domain/0/name", DOM0_NAME);
    xs_printf(service_tools, STORE_NO_TRANSACTION, "/local/domain/0/domid", "0");
    xs_mkdir(service_tools, STORE_NO_TRANSACTION, "/vm");
    exception_port = platform_port_bind_virq(VIRQ_DOM_EXC);
    if (exception_port < 0)
        return error_set(e, "binding VIRQ_DOM_EXC: %s", error_words(-exception_port));
    if (platform_thread_start("service", run, NULL))
        return error_set(e, "not enough memory for the service's thread");
    return 0;
}

/* ---- Creation ---- */

static bool is_zero(const uint8_t uuid[16])
{
    static const uint8_t zero[16];

    return !memcmp(uuid, zero, sizeof(zero));
}

/* A random UUID, version 4 (RFC 4122). */
static void make_uuid(uint8_t uuid[16])
{
    platform_random(uuid, 16);
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

static int check_name(const char *name, struct error *e)
{
    if (!strcmp(name, dom0_name))
        return error_set(e, "the name '%s' is taken by domain 0", name);
    for (const struct managed_domain *d = service_domains; d; d = d->next) {
        if (strcmp(d->config.name, name) != 0)
            continue;
        if (d->life == LIFE_CREATING)
            return error_set(e, "the name '%s' is taken by a domain that is being created", name);
        return error_set(e, "the name '%s' is taken by domain %u", name, d->domid);
    }
    return 0;
}

static int check_uuid(const uint8_t uuid[16], struct error *e)
{
    for (const struct managed_domain *d = service_domains; d; d = d->next)
        if (!is_zero(uuid) && !memcmp(d->config.uuid, uuid, 16))
            return error_set(e, "the UUID is taken by domain '%s'", d->config.name);
    return 0;
}

/* Makes the record, which holds the name from now on. */
static struct managed_domain *enter(const struct guest_config *config, struct error *e)
{
    struct managed_domain *d;

    if (check_name(config->name, e) || check_uuid(config->uuid, e))
        return NULL;
    d = calloc(1, sizeof(*d));
    if (!d || guest_config_copy(&d->config, config)) {
        free(d);
        error_set(e, "not enough memory");
        return NULL;
    }
    if (is_zero(d->config.uuid))
        make_uuid(d->config.uuid);
    for (unsigned int i = 0; i < d->config.vif_count; i++)
        if (!d->config.vifs[i].mac_set)
            make_mac(&d->config.vifs[i]);
    d->life = LIFE_CREATING;
    d->domid = DOMID_INVALID;
    d->console_port = -1;
    d->next = service_domains;
    service_domains = d;
    return d;
}

static void leave(struct managed_domain *d)
{
    struct managed_domain **link = &service_domains;

    while (*link != d)
        link = &(*link)->next;
    *link = d->next;
    guest_config_free(&d->config);
    free(d);
}

static int open_file(const char *key, const char *path, struct platform_file *file, struct error *e)
{
    int status = platform_file_open(path, file);

    return status < 0 ? error_set(e, "%s %s: %s", key, path, error_file_words(-status)) : 0;
}

/* Memory that is plainly too little, or not there, is noticed before anything is made. */
static int check_memory(const struct guest_config *config, const struct build_request *request,
                        struct error *e)
{
    uint64_t needed = image_needs(request->kernel.data, request->kernel.size);
    struct xen_sysctl_physinfo info;
    uint64_t free_mib;

    if (needed)
        needed = (needed + request->ramdisk.size + (1u << 20) - 1) >> 20;
    if (config->memory_mib < needed)
        return error_set(e, "memory of %u MiB is not enough: kernel and ramdisk need %llu MiB",
                         config->memory_mib, (unsigned long long)needed);
    if (control_machine_info(&info, e))
        return -1;
    free_mib = (info.free_pages - info.outstanding_pages) >> 8;
    if (config->memory_mib > free_mib)
        return error_set(e, "not enough free memory: %u MiB wanted, %llu MiB free",
                         config->memory_mib, (unsigned long long)free_mib);
    return 0;
}

/* Builds and attaches; the domain exists if d->domid says so. */
static int make(struct managed_domain *d, struct build_request *request, struct error *e)
{
    struct build_result *built = calloc(1, sizeof(*built));
    domid_t domid;
    int status = -1;

    if (!built)
        return error_set(e, "not enough memory");
    if (!control_create(d->config.uuid, d->config.maxvcpus, &domid, e)) {
        d->domid = request->domid = domid;
        if (!build_domain(request, built, e) && !attach_rings(d, built, e) &&
            !write_store_nodes(d, built, e) && !create_devices(d, e))
            status = 0;
    }
    free(built);
    return status;
}

/*
 * As make, one after the other: unpacking a kernel takes memory that there may not be for two, and
 * time that the devices of another would wait for.
 */
static int make_in_turn(struct managed_domain *d, struct build_request *request, struct error *e)
{
    int status;

    while (making)
        platform_sleep(TURN_POLL);
    making = true;
    status = make(d, request, e);
    making = false;
    return status;
}

static int create(struct managed_domain *d, struct error *e)
{
    struct build_request request = {
        .memory_mib = d->config.memory_mib,
        .maxmem_mib = d->config.maxmem_mib,
        .cmdline = d->config.cmdline,
        .kernel_name = d->config.kernel,
        .ramdisk_name = d->config.ramdisk,
    };
    int status = -1;

    if (open_file("kernel", d->config.kernel, &request.kernel, e))
        return -1;
    if (!d->config.ramdisk || !open_file("ramdisk", d->config.ramdisk, &request.ramdisk, e)) {
        if (!check_memory(&d->config, &request, e))
            status = make_in_turn(d, &request, e);
        if (d->config.ramdisk)
            platform_file_close(&request.ramdisk);
    }
    platform_file_close(&request.kernel);
    return status;
}

/* Undoes all that there is of a domain. The record stays. May wait. */
static int take_apart(struct managed_domain *d, struct error *e)
{
    int status;

    d->life = LIFE_DYING;
    if (d->domid != DOMID_INVALID && (d->config.disk_count || d->config.vif_count)) {
        control_pause(d->domid, NULL); /* so that it does not see its devices go */
        remove_devices(d);
    }
    detach_rings(d);
    status = d->domid == DOMID_INVALID ? 0 : control_destroy(d->domid, e);
    if (d->domid != DOMID_INVALID)
        remove_store_nodes(d);
    return status;
}

int service_create(const struct guest_config *config, bool paused, domid_t *domid, struct error *e)
{
    struct managed_domain *d = enter(config, e);

    if (!d)
        return error_prefix(e, "cannot create '%s'", config->name);
    if (create(d, e)) {
        take_apart(d, NULL);
        leave(d);
        return error_prefix(e, "cannot create '%s'", config->name);
    }
    d->life = LIFE_RUNNING;
    d->started = platform_now();
    *domid = d->domid;
    xs_fire_special(service_store, "@introduceDomain");
    if (paused || !control_unpause(d->domid, e))
        return 0;
    service_destroy(d->domid, NULL);
    return error_prefix(e, "cannot create '%s'", config->name);
}

int destroy_managed(struct managed_domain *d, struct error *e)
{
    int status = take_apart(d, e);

    xs_fire_special(service_store, "@releaseDomain");
    leave(d);
    return status;
}

int service_destroy(domid_t domid, struct error *e)
{
    struct managed_domain *d = managed_find(domid);

    if (domid == 0)
        return error_set(e, "domain 0 cannot be destroyed");
    for (const struct managed_domain *c = service_domains; c; c = c->next)
        if (c->domid == domid && c->life == LIFE_CREATING)
            return error_set(e, "domain '%s' is being created", c->config.name);
    if (!d)
        return control_destroy(domid, e); /* not made by us, or left by a former service */
    if (d->life == LIFE_DYING)
        return error_set(e, "domain '%s' is being destroyed already", d->config.name);
    if (d->life == LIFE_STOPPING)
        return error_set(e, "domain '%s' has stopped and is being taken care of", d->config.name);
    return destroy_managed(d, e);
}

/* ---- Questions and requests ---- */

static int parse_number(const char *text, domid_t *domid)
{
    unsigned int number = 0;

    if (!*text)
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        number = number * 10 + (unsigned int)(*text - '0');
        if (number >= DOMID_FIRST_RESERVED)
            return -1;
    }
    *domid = (domid_t)number;
    return 0;
}

int service_find(const char *name_or_number, domid_t *domid, struct error *e)
{
    struct xen_domctl_getdomaininfo info;

    if (!parse_number(name_or_number, domid)) {
        if (control_domain_info(*domid, &info))
            return error_set(e, "there is no domain %u", *domid);
        return 0;
    }
    if (!strcmp(name_or_number, dom0_name)) {
        *domid = 0;
        return 0;
    }
    for (const struct managed_domain *d = service_domains; d; d = d->next) {
        if (d->life != LIFE_CREATING && !strcmp(d->config.name, name_or_number)) {
            *domid = d->domid;
            return 0;
        }
    }
    return error_set(e, "there is no domain named '%s'", name_or_number);
}

const char *service_name(domid_t domid)
{
    if (domid == 0)
        return dom0_name;
    /* Also of one that is being created. */
    for (const struct managed_domain *d = service_domains; d; d = d->next)
        if (d->domid == domid)
            return d->config.name;
    return NO_NAME;
}

int service_rename(domid_t domid, const char *name, struct error *e)
{
    struct managed_domain *d = managed_find(domid);
    char path[64];

    if (!d && domid != 0)
        return error_set(e, "domain %u was not created here: it has no name", domid);
    if (guest_name_check(name, e) || check_name(name, e))
        return -1;
    snprintf(d ? d->config.name : dom0_name, GUEST_NAME_SIZE, "%s", name);
    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    xs_printf(service_tools, STORE_NO_TRANSACTION, path, "%s", name);
    platform_wake();
    return 0;
}

static int control_node(domid_t domid, const char *node, const char *value, struct error *e)
{
    const struct managed_domain *d = managed_find(domid);
    char path[64];
    int error;

    if (!d || !store_client_is_connected(domid))
        return error_set(e, "domain %u has no connection to the store", domid);
    snprintf(path, sizeof(path), "/local/domain/%u/control/%s", domid, node);
    error = xs_write(service_tools, STORE_NO_TRANSACTION, path, value, strlen(value));
    platform_wake(); /* the event is to be delivered */
    return error ? error_set(e, "writing %s: %s", path, error_words(error)) : 0;
}

int service_request_stop(domid_t domid, const char *word, struct error *e)
{
    return control_node(domid, "shutdown", word, e);
}

bool service_is_alive(domid_t domid)
{
    const struct managed_domain *d = managed_find(domid);

    return d && d->life != LIFE_STOPPED;
}

int service_sysrq(domid_t domid, char key, struct error *e)
{
    char value[2] = {key, '\0'};

    return control_node(domid, "sysrq", value, e);
}

int service_unpause(domid_t domid, struct error *e)
{
    return control_unpause(domid, e);
}

int service_pause(domid_t domid, struct error *e)
{
    return domid ? control_pause(domid, e) : error_set(e, "domain 0 cannot be paused");
}

static struct console *find_console(domid_t domid, struct error *e)
{
    struct managed_domain *d = managed_find(domid);

    if (d && d->console)
        return d->console;
    error_set(e, "domain %u has no console here", domid);
    return NULL;
}

int service_console_attach(domid_t domid, struct console_reader *reader, struct error *e)
{
    struct console *console = find_console(domid, e);

    if (!console)
        return -1;
    console_attach(console, reader);
    return 0;
}

void service_console_detach(domid_t domid, struct console_reader *reader)
{
    struct console *console = find_console(domid, NULL);

    if (console)
        console_detach(console, reader);
}

int service_console_log(domid_t domid, console_sink *sink, void *context, struct error *e)
{
    struct console *console = find_console(domid, e);
    uint64_t position = 0, end = console ? console_written(console) : 0;
    char part[1024];

    if (!console)
        return -1;
    /* The domain may write more, or go, whenever others run. */
    while (console && position < end) {
        size_t length = console_read_log(console, &position, part, sizeof(part));

        sink(context, part, length);
        platform_yield();
        console = find_console(domid, NULL);
    }
    return 0;
}

size_t service_console_input(domid_t domid, const void *data, size_t length)
{
    struct managed_domain *d = managed_find(domid);
    size_t taken;

    if (!d || !d->console)
        return length;
    taken = console_input(d->console, data, length);
    if (console_turn(d->console))
        platform_port_notify(d->console_port);
    return taken;
}

const struct guest_config *service_config(domid_t domid)
{
    const struct managed_domain *d = managed_find(domid);

    return d ? &d->config : NULL;
}

uint64_t service_start_time(domid_t domid)
{
    const struct managed_domain *d = managed_find(domid);

    return d ? d->started : 0;
}
