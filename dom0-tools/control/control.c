/* SPDX-License-Identifier: MIT */
/* The control library: see tools/control.h. */
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>

#include <tools/control.h>

#include "call.h"

#define DEFAULT_MAX_PORT 1023 /* as xl: what the 2-level scheme's first page of words holds */

int control_call(struct xen_domctl *op, const char *what, struct error *e)
{
    long status = platform_domctl(op);

    return status < 0 ? error_set(e, "%s: %s", what, error_words((int)-status)) : 0;
}

int control_create(const uint8_t uuid[16], unsigned int max_vcpus, domid_t *domid, struct error *e)
{
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_createdomain,
        .domain = DOMID_INVALID, /* any number that is free */
        .u.createdomain =
            {
                .max_vcpus = max_vcpus,
                .max_evtchn_port = DEFAULT_MAX_PORT,
                .max_grant_frames = -1,
                .max_maptrack_frames = -1,
                .grant_opts = XEN_DOMCTL_GRANT_version(1),
            },
    };
    struct xen_domctl vcpus = {.cmd = XEN_DOMCTL_max_vcpus, .u.max_vcpus.max = max_vcpus};

    memcpy(op.u.createdomain.handle, uuid, sizeof(op.u.createdomain.handle));
    if (control_call(&op, "creating the domain", e))
        return -1;
    *domid = op.domain;
    vcpus.domain = op.domain;
    if (control_call(&vcpus, "creating its vCPUs", e)) {
        control_destroy(op.domain, NULL);
        return -1;
    }
    return 0;
}

/* Between two steps others run: a large domain may take seconds. */
static long destroy_by(uint32_t command, domid_t domid)
{
    struct xen_domctl op = {.cmd = command, .domain = domid};
    long status;

    while ((status = platform_domctl(&op)) == -XEN_EAGAIN)
        platform_yield();
    return status;
}

int control_destroy(domid_t domid, struct error *e)
{
    long status = destroy_by(BULKHEAD_DOMCTL_destroy_step, domid);

    if (status == -XEN_ENOSYS || status == -XEN_EOPNOTSUPP) /* another hypervisor than ours */
        status = destroy_by(XEN_DOMCTL_destroydomain, domid);
    return status < 0 ? error_set(e, "destroying the domain: %s", error_words((int)-status)) : 0;
}

int control_pause(domid_t domid, struct error *e)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_pausedomain, .domain = domid};

    return control_call(&op, "pausing the domain", e);
}

int control_unpause(domid_t domid, struct error *e)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_unpausedomain, .domain = domid};

    return control_call(&op, "unpausing the domain", e);
}

int control_set_max_memory(domid_t domid, uint64_t kib, struct error *e)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_max_mem, .domain = domid, .u.max_mem.max_memkb = kib};

    return control_call(&op, "setting the domain's memory limit", e);
}

/* An entry of the map, in the form of the BIOS call (ACPI 6.4, 15.1). */
struct memory_range {
    uint64_t address, size;
    uint32_t type;
} __attribute__((packed));

#define RANGE_RAM 1

int control_set_memory_map(domid_t domid, uint64_t kib, struct error *e)
{
    struct memory_range *range = platform_buffer_alloc(sizeof(*range));
    struct xen_foreign_memory_map op = {.domid = domid, .map.nr_entries = 1};
    long status;

    if (!range)
        return error_set(e, "not enough memory");
    *range = (struct memory_range){.size = kib << 10, .type = RANGE_RAM};
    set_xen_guest_handle(op.map.buffer, (void *)range);
    status = platform_memory_op(XENMEM_set_memory_map, &op);
    platform_buffer_free(range, sizeof(*range));
    return status < 0
               ? error_set(e, "setting the domain's memory map: %s", error_words((int)-status))
               : 0;
}

int control_set_vcpu(domid_t domid, unsigned int vcpu, const vcpu_guest_context_t *context,
                     struct error *e)
{
    vcpu_guest_context_t *buffer = platform_buffer_alloc(sizeof(*buffer));
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_setvcpucontext, .domain = domid, .u.vcpucontext.vcpu = vcpu};
    int status;

    if (!buffer)
        return error_set(e, "not enough memory");
    memcpy(buffer, context, sizeof(*buffer));
    set_xen_guest_handle(op.u.vcpucontext.ctxt, buffer);
    status = control_call(&op, "setting the first vCPU's registers", e);
    platform_buffer_free(buffer, sizeof(*buffer));
    return status;
}

int control_fill_hypercall_page(domid_t domid, xen_pfn_t frame, struct error *e)
{
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_hypercall_init, .domain = domid, .u.hypercall_init.gmfn = frame};

    return control_call(&op, "filling the hypercall page", e);
}

int control_alloc_port(domid_t domid, evtchn_port_t *port, struct error *e)
{
    struct evtchn_alloc_unbound op = {.dom = domid, .remote_dom = DOMID_SELF};
    long status = platform_event_channel_op(EVTCHNOP_alloc_unbound, &op);

    if (status < 0)
        return error_set(e, "allocating an event channel: %s", error_words((int)-status));
    *port = op.port;
    return 0;
}

int control_changed_domain(domid_t *domid)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_get_domain_state, .domain = DOMID_INVALID};
    long status = platform_domctl(&op);

    *domid = op.domain;
    return status == 0 ? 1 : status == -XEN_ENOENT ? 0 : -1;
}

int control_domain_info(domid_t domid, struct xen_domctl_getdomaininfo *info)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_getdomaininfo, .domain = domid};

    /* Asked for a number that is free, some versions answer for the next domain. */
    if (platform_domctl(&op) < 0 || op.u.getdomaininfo.domain != domid)
        return -1;
    *info = op.u.getdomaininfo;
    return 0;
}

int control_list(domid_t first, struct xen_domctl_getdomaininfo *list, unsigned int max,
                 struct error *e)
{
    size_t size = max * sizeof(*list);
    struct xen_domctl_getdomaininfo *buffer = platform_buffer_alloc(size);
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_getdomaininfolist,
        .u.getdomaininfolist = {.first_domain = first, .max_domains = max},
    };
    long status;

    if (!buffer)
        return error_set(e, "not enough memory");
    set_xen_guest_handle(op.u.getdomaininfolist.buffer, buffer);
    status = platform_sysctl(&op);
    if (status >= 0)
        memcpy(list, buffer, op.u.getdomaininfolist.num_domains * sizeof(*list));
    platform_buffer_free(buffer, size);
    if (status < 0)
        return error_set(e, "listing domains: %s", error_words((int)-status));
    return (int)op.u.getdomaininfolist.num_domains;
}

int control_machine_info(struct xen_sysctl_physinfo *info, struct error *e)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo};
    long status = platform_sysctl(&op);

    if (status < 0)
        return error_set(e, "asking about the machine: %s", error_words((int)-status));
    *info = op.u.physinfo;
    return 0;
}

int control_read_messages(char *text, size_t size, bool first, bool clear, uint32_t *index,
                          size_t *length, struct error *e)
{
    char *buffer = platform_buffer_alloc(size);
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_readconsole,
        .u.readconsole = {.clear = clear,
                          .incremental = !first,
                          .index = *index,
                          .count = (uint32_t)size},
    };
    long status;

    if (!buffer)
        return error_set(e, "not enough memory");
    set_xen_guest_handle(op.u.readconsole.buffer, buffer);
    status = platform_sysctl(&op);
    if (status >= 0) {
        *length = op.u.readconsole.count < size ? op.u.readconsole.count : size;
        *index = op.u.readconsole.index;
        memcpy(text, buffer, *length);
    }
    platform_buffer_free(buffer, size);
    return status < 0 ? error_set(e, "reading the messages: %s", error_words((int)-status)) : 0;
}

int control_debug_keys(const char *keys, struct error *e)
{
    size_t length = strlen(keys);
    char *buffer = platform_buffer_alloc(length);
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_debug_keys, .u.debug_keys.nr_keys = (uint32_t)length};
    long status;

    if (!buffer)
        return error_set(e, "not enough memory");
    memcpy(buffer, keys, length);
    set_xen_guest_handle(op.u.debug_keys.keys, buffer);
    status = platform_sysctl(&op);
    platform_buffer_free(buffer, length);
    return status < 0 ? error_set(e, "sending debug keys: %s", error_words((int)-status)) : 0;
}
