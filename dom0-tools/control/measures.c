/* SPDX-License-Identifier: MIT */
/* What the hypervisor measures: see tools/measures.h. */
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>

#include <tools/measures.h>

int control_lock_profile(struct xen_sysctl_lockprof_data *list, unsigned int max, uint64_t *period,
                         struct error *e)
{
    size_t size = max * sizeof(*list);
    struct xen_sysctl_lockprof_data *buffer = platform_buffer_alloc(size);
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_lockprof_op,
        .u.lockprof_op = {.cmd = XEN_SYSCTL_LOCKPROF_query, .max_elem = max},
    };
    unsigned int count;
    long status;

    if (!buffer)
        return error_set(e, "not enough memory");
    set_xen_guest_handle(op.u.lockprof_op.data, buffer);
    status = platform_sysctl(&op);
    count = op.u.lockprof_op.nr_elem < max ? op.u.lockprof_op.nr_elem : max;
    *period = op.u.lockprof_op.time;
    if (status >= 0)
        memcpy(list, buffer, count * sizeof(*list));
    platform_buffer_free(buffer, size);
    if (status == -XEN_ENOSYS)
        return error_set(e, "this hypervisor does not count waits for its locks");
    if (status < 0)
        return error_set(e, "asking about locks: %s", error_words((int)-status));
    return (int)count;
}

int control_domain_times(domid_t first, struct bulkhead_domain_times *list, unsigned int max)
{
    size_t size = max * sizeof(*list);
    struct bulkhead_domain_times *buffer = platform_buffer_alloc(size);
    struct xen_sysctl op = {
        .cmd = BULKHEAD_SYSCTL_domain_times,
        .u.domain_times = {.first_domain = first, .max_domains = max},
    };
    long status;

    if (!buffer)
        return -1;
    set_xen_guest_handle(op.u.domain_times.buffer, buffer);
    status = platform_sysctl(&op);
    if (status >= 0)
        memcpy(list, buffer, op.u.domain_times.num_domains * sizeof(*list));
    platform_buffer_free(buffer, size);
    return status < 0 ? -1 : (int)op.u.domain_times.num_domains;
}

int control_memory_use(struct bulkhead_sysctl_memory_use *use)
{
    struct xen_sysctl op = {.cmd = BULKHEAD_SYSCTL_memory_use};

    if (platform_sysctl(&op) < 0)
        return -1;
    *use = op.u.memory_use;
    return 0;
}
