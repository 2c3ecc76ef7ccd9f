/* SPDX-License-Identifier: MIT */
/* The fake machine: see fake_platform.h. It checks what the hypervisor would check. */
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef strdup
#include "fake_platform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <public/errno.h>

#define PAGE         4096u
#define MAX_FILES    8
#define MAX_THREADS  8
#define MAX_MAPPINGS 64

struct fake_domain fake_domains[FAKE_DOMAINS];
bool fake_tells_changes;
static int exception_port;

static int memory_file = -1;
static uint8_t *memory;
static uint16_t owner[FAKE_FRAMES]; /* 0: free */
static unsigned int fail_at, calls;
static bool superpages;
static domid_t last_domid;
static struct {
    const char *path;
    const void *data;
    size_t size;
} files[MAX_FILES];
static struct {
    void *address;
    size_t count;
} mappings[MAX_MAPPINGS];
static bool bound[FAKE_PORTS];
static struct {
    void (*function)(void *);
    void *argument;
} threads[MAX_THREADS];
static unsigned int thread_count;
static long blocks;

uint32_t fake_ratelimit;

/* What a new domain's vCPUs begin with. */
static void begin_scheduling(struct fake_domain *d)
{
    memset(d->hard, 0xff, sizeof(d->hard));
    memset(d->soft, 0xff, sizeof(d->soft));
    d->share.weight = 256;
}

void fake_reset(void)
{
    if (memory_file < 0) {
        memory_file = memfd_create("machine", 0);
        assert_int_equal(ftruncate(memory_file, (off_t)FAKE_FRAMES * PAGE), 0);
        memory = mmap(NULL, (size_t)FAKE_FRAMES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
                      memory_file, 0);
        assert_ptr_not_equal(memory, MAP_FAILED);
    }
    memset(fake_domains, 0, sizeof(fake_domains));
    fake_domains[0].exists = true;
    fake_tells_changes = false;
    memset(owner, 0, sizeof(owner));
    owner[0] = UINT16_MAX;
    memset(files, 0, sizeof(files));
    memset(bound, 0, sizeof(bound));
    thread_count = 0;
    last_domid = 0;
    superpages = true;
    fake_domains[0].max_vcpus = 1;
    begin_scheduling(&fake_domains[0]);
    fake_ratelimit = 1000;
    fake_fail_at(0);
}

void fake_fail_at(unsigned int nth)
{
    fail_at = nth;
    calls = 0;
}

unsigned int fake_calls(void)
{
    return calls;
}

void fake_superpages(bool available)
{
    superpages = available;
}

static bool fails(void)
{
    return ++calls == fail_at;
}

/* ---- Allocation: dom0-tools is compiled to call these ---- */

void *fake_malloc(size_t size);
void *fake_calloc(size_t count, size_t size);
void *fake_realloc(void *block, size_t size);
char *fake_strdup(const char *text);
void fake_free(void *block);

void *fake_malloc(size_t size)
{
    if (fails())
        return NULL;
    blocks++;
    return malloc(size);
}

void *fake_calloc(size_t count, size_t size)
{
    void *block = fake_malloc(count * size);

    return block ? memset(block, 0, count * size) : NULL;
}

void *fake_realloc(void *block, size_t size)
{
    if (fails())
        return NULL;
    blocks += !block;
    return realloc(block, size);
}

char *fake_strdup(const char *text)
{
    char *copy = fake_malloc(strlen(text) + 1);

    return copy ? strcpy(copy, text) : NULL;
}

void fake_free(void *block)
{
    blocks -= block != NULL;
    free(block);
}

long fake_blocks(void)
{
    return blocks;
}

/* ---- Memory ---- */

void *fake_frame(xen_pfn_t frame)
{
    assert_true(frame < FAKE_FRAMES);
    return memory + frame * PAGE;
}

unsigned int fake_free_frames(void)
{
    unsigned int count = 0;

    for (unsigned int i = 0; i < FAKE_FRAMES; i++)
        count += !owner[i];
    return count;
}

/* Finds an aligned run. Frames start out with rubbish, as after another domain. */
static xen_pfn_t take_frames(domid_t domid, unsigned int count)
{
    for (xen_pfn_t first = count; first + count <= FAKE_FRAMES; first += count) {
        unsigned int i = 0;

        while (i < count && !owner[first + i])
            i++;
        if (i < count)
            continue;
        for (i = 0; i < count; i++)
            owner[first + i] = domid;
        memset(fake_frame(first), 0xcc, (size_t)count * PAGE);
        return first;
    }
    return 0;
}

static long set_memory_map(const struct xen_foreign_memory_map *op)
{
    struct fake_domain *d = &fake_domains[op->domid];

    assert_true(op->domid < FAKE_DOMAINS && d->exists);
    assert_int_equal(op->map.nr_entries, 1);
    if (fails())
        return -XEN_ENOMEM;
    memcpy(&d->map_end, (const uint8_t *)op->map.buffer.p + 8, sizeof(d->map_end));
    return 0;
}

static long populate(struct xen_memory_reservation *r)
{
    struct fake_domain *d = &fake_domains[r->domid];
    unsigned int count = 1u << r->extent_order;

    assert_true(r->domid < FAKE_DOMAINS && d->exists);
    if (fails())
        return -XEN_ENOMEM;
    for (xen_ulong_t i = 0; i < r->nr_extents; i++) {
        xen_pfn_t frame = r->extent_order && !superpages ? 0 : take_frames(r->domid, count);

        assert_int_equal(r->extent_start.p[i] % count, 0);
        if (!frame || d->frames + count > d->max_frames)
            return (long)i;
        d->frames += count;
        r->extent_start.p[i] = frame;
    }
    return (long)r->nr_extents;
}

long platform_memory_op(unsigned int command, void *argument)
{
    if (command == XENMEM_set_memory_map)
        return set_memory_map(argument);
    assert_int_equal(command, XENMEM_populate_physmap);
    return populate(argument);
}

void *platform_map_frames(domid_t domid, const xen_pfn_t *frames, size_t count, bool writable)
{
    size_t slot = 0;
    uint8_t *at;

    if (fails())
        return NULL;
    while (mappings[slot].address)
        slot++;
    at = mmap(NULL, count * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(owner[frames[i]], domid);
        assert_ptr_equal(mmap(at + i * PAGE, PAGE, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                              MAP_SHARED | MAP_FIXED, memory_file, (off_t)(frames[i] * PAGE)),
                         at + i * PAGE);
    }
    mappings[slot].address = at;
    mappings[slot].count = count;
    return at;
}

void platform_unmap_frames(void *address, size_t count)
{
    size_t slot = 0;

    while (mappings[slot].address != address)
        slot++;
    assert_int_equal(mappings[slot].count, count);
    munmap(address, count * PAGE);
    mappings[slot].address = NULL;
}

unsigned int fake_mappings(void)
{
    unsigned int count = 0;

    for (size_t i = 0; i < MAX_MAPPINGS; i++)
        count += mappings[i].address != NULL;
    return count;
}

void *platform_buffer_alloc(size_t size)
{
    return fake_calloc(1, size);
}

void platform_buffer_free(void *buffer, size_t size)
{
    fake_free(buffer);
}

/* ---- Control ---- */

unsigned int fake_domain_count(void)
{
    unsigned int count = 0;

    for (size_t i = 1; i < FAKE_DOMAINS; i++)
        count += fake_domains[i].exists;
    return count;
}

static long create(struct xen_domctl *op)
{
    struct fake_domain *d;

    for (domid_t i = 1; i < FAKE_DOMAINS; i++) {
        domid_t domid = (domid_t)((last_domid + i - 1) % (FAKE_DOMAINS - 1) + 1);

        d = &fake_domains[domid];
        if (d->exists)
            continue;
        memset(d, 0, sizeof(*d));
        d->exists = d->paused = true;
        memcpy(d->uuid, op->u.createdomain.handle, 16);
        d->max_vcpus = op->u.createdomain.max_vcpus;
        begin_scheduling(d);
        d->shared_info = take_frames(domid, 1);
        memset(fake_frame(d->shared_info), 0, PAGE);
        op->domain = last_domid = domid;
        return 0;
    }
    return -XEN_ENOMEM;
}

static void get_info(const struct fake_domain *d, domid_t domid,
                     struct xen_domctl_getdomaininfo *info)
{
    memset(info, 0, sizeof(*info));
    info->domain = domid;
    info->flags = d->shutdown_flags | (d->paused ? XEN_DOMINF_paused : 0);
    info->tot_pages = d->frames;
    info->max_pages = d->max_frames;
    info->shared_info_frame = d->shared_info;
    info->max_vcpu_id = d->max_vcpus - 1;
    info->nr_online_vcpus = 1;
    memcpy(info->handle, d->uuid, 16);
}

static struct cpu_set *passed_set(const struct xenctl_bitmap *map)
{
    assert_int_equal(map->nr_bits, CPU_SET_CPUS);
    return (struct cpu_set *)map->bitmap.p;
}

/* As the hypervisor: what is in force comes back, of the soft affinity what the hard one leaves. */
static long pin(const struct xen_domctl_vcpuaffinity *op, struct fake_domain *d)
{
    struct cpu_set machine = {{(1u << FAKE_CPUS) - 1}};
    struct cpu_set *hard = passed_set(&op->cpumap_hard), *soft = passed_set(&op->cpumap_soft);

    if (op->vcpu >= d->max_vcpus || !(op->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)))
        return -XEN_EINVAL;
    if (d->pinned_itself && !(op->flags & XEN_VCPUAFFINITY_FORCE))
        return -XEN_EBUSY;
    if (op->flags & XEN_VCPUAFFINITY_HARD) {
        if (!(hard->words[0] & machine.words[0]))
            return -XEN_EINVAL;
        d->hard[op->vcpu] = *hard;
    }
    if (op->flags & XEN_VCPUAFFINITY_SOFT) {
        d->soft[op->vcpu] = *soft;
        *soft = (struct cpu_set){{soft->words[0] & machine.words[0] & d->hard[op->vcpu].words[0]}};
    }
    return 0;
}

static long show_affinity(const struct xen_domctl_vcpuaffinity *op, const struct fake_domain *d)
{
    if (op->vcpu >= d->max_vcpus)
        return -XEN_EINVAL;
    *passed_set(&op->cpumap_hard) = d->hard[op->vcpu];
    *passed_set(&op->cpumap_soft) = d->soft[op->vcpu];
    return 0;
}

static long share(struct xen_domctl_scheduler_op *op, struct fake_domain *d)
{
    assert_int_equal(op->sched_id, XEN_SCHEDULER_CREDIT2);
    if (op->cmd == XEN_DOMCTL_SCHEDOP_getinfo) {
        op->u.credit2 = d->share;
        return 0;
    }
    assert_int_equal(op->cmd, XEN_DOMCTL_SCHEDOP_putinfo);
    if (op->u.credit2.weight)
        d->share.weight = op->u.credit2.weight;
    d->share.cap = op->u.credit2.cap;
    return 0;
}

static long control(struct xen_domctl *op, struct fake_domain *d)
{
    switch (op->cmd) {
    case BULKHEAD_DOMCTL_destroy_step:
        for (unsigned int i = 0; i < FAKE_FRAMES; i++)
            if (owner[i] == op->domain)
                owner[i] = 0;
        d->exists = false;
        return 0;
    case XEN_DOMCTL_max_vcpus:
        assert_int_equal(op->u.max_vcpus.max, d->max_vcpus);
        return 0;
    case XEN_DOMCTL_max_mem:
        d->max_frames = op->u.max_mem.max_memkb >> 2;
        return 0;
    case XEN_DOMCTL_pausedomain:
        d->paused = true;
        return 0;
    case XEN_DOMCTL_unpausedomain:
        assert_true(d->context_set && d->pinned);
        d->paused = false;
        return 0;
    case XEN_DOMCTL_setvcpucontext:
        assert_int_equal(op->u.vcpucontext.vcpu, 0);
        d->context = *op->u.vcpucontext.ctxt.p;
        d->context_set = true;
        return 0;
    case XEN_DOMCTL_hypercall_init:
        assert_int_equal(owner[op->u.hypercall_init.gmfn], op->domain);
        d->hypercall_page = op->u.hypercall_init.gmfn;
        return 0;
    case XEN_DOMCTL_setvcpuaffinity:
        return pin(&op->u.vcpuaffinity, d);
    case XEN_DOMCTL_getvcpuaffinity:
        return show_affinity(&op->u.vcpuaffinity, d);
    case XEN_DOMCTL_scheduler_op:
        return share(&op->u.scheduler_op, d);
    case XEN_DOMCTL_getvcpuinfo:
        op->u.getvcpuinfo.online = op->u.getvcpuinfo.vcpu == 0;
        op->u.getvcpuinfo.blocked = op->domain != 0;
        op->u.getvcpuinfo.running = op->domain == 0;
        op->u.getvcpuinfo.cpu_time = 12340000000;
        op->u.getvcpuinfo.cpu = 3;
        return op->u.getvcpuinfo.vcpu < d->max_vcpus ? 0 : -XEN_EINVAL;
    default:
        return -XEN_ENOSYS;
    }
}

long platform_domctl(struct xen_domctl *op)
{
    struct fake_domain *d = op->domain < FAKE_DOMAINS ? &fake_domains[op->domain] : NULL;

    if (op->cmd == XEN_DOMCTL_get_domain_state) {
        if (!fake_tells_changes)
            return -XEN_EACCES; /* as Xen 4.17 */
        for (op->domain = 0; op->domain < FAKE_DOMAINS; op->domain++) {
            if (fake_domains[op->domain].changed) {
                fake_domains[op->domain].changed = false;
                return 0;
            }
        }
        return -XEN_ENOENT;
    }
    /* What ends or describes a domain does not fail by itself. */
    if (op->cmd != BULKHEAD_DOMCTL_destroy_step && op->cmd != XEN_DOMCTL_getdomaininfo && fails())
        return -XEN_ENOMEM;
    if (op->cmd == XEN_DOMCTL_createdomain)
        return create(op);
    if (!d || !d->exists)
        return -XEN_ESRCH;
    if (op->cmd == XEN_DOMCTL_getdomaininfo) {
        get_info(d, op->domain, &op->u.getdomaininfo);
        return 0;
    }
    return control(op, d);
}

static long list_domains(struct xen_sysctl_getdomaininfolist *op)
{
    for (domid_t i = op->first_domain; i < FAKE_DOMAINS && op->num_domains < op->max_domains; i++)
        if (fake_domains[i].exists)
            get_info(&fake_domains[i], i, &op->buffer.p[op->num_domains++]);
    return 0;
}

static long show_pool(struct xen_sysctl_cpupool_op *op)
{
    assert_int_equal(op->op, XEN_SYSCTL_CPUPOOL_OP_INFO);
    if (op->cpupool_id > 0)
        return -XEN_ENOENT;
    op->sched_id = XEN_SCHEDULER_CREDIT2;
    op->n_dom = fake_domain_count() + 1;
    *passed_set(&op->cpumap) = (struct cpu_set){{(1u << FAKE_CPUS) - 1}};
    return 0;
}

static long ratelimit(struct xen_sysctl_scheduler_op *op)
{
    assert_int_equal(op->sched_id, XEN_SCHEDULER_CREDIT2);
    assert_int_equal(op->cpupool_id, 0);
    if (op->cmd == XEN_SYSCTL_SCHEDOP_putinfo)
        fake_ratelimit = op->u.sched_credit2.ratelimit_us;
    else
        op->u.sched_credit2.ratelimit_us = fake_ratelimit;
    return 0;
}

uint32_t fake_offline; /* CPUs */

static long use_cpu(const struct xen_sysctl_cpu_hotplug *op)
{
    bool use = op->op == XEN_SYSCTL_CPU_HOTPLUG_ONLINE;

    assert_true(use || op->op == XEN_SYSCTL_CPU_HOTPLUG_OFFLINE);
    if (op->cpu >= FAKE_CPUS || (op->cpu == 0 && !use))
        return -XEN_EINVAL;
    if (use != (fake_offline >> op->cpu & 1))
        return -XEN_EEXIST;
    fake_offline ^= 1u << op->cpu;
    return 0;
}

long platform_sysctl(struct xen_sysctl *op)
{
    if (fails())
        return -XEN_EPERM;
    switch (op->cmd) {
    case XEN_SYSCTL_getdomaininfolist:
        return list_domains(&op->u.getdomaininfolist);
    case XEN_SYSCTL_cpupool_op:
        return show_pool(&op->u.cpupool_op);
    case XEN_SYSCTL_scheduler_op:
        return ratelimit(&op->u.scheduler_op);
    case XEN_SYSCTL_cpu_hotplug:
        return use_cpu(&op->u.cpu_hotplug);
    default:
        assert_int_equal(op->cmd, XEN_SYSCTL_physinfo);
        memset(&op->u.physinfo, 0, sizeof(op->u.physinfo));
        op->u.physinfo.nr_cpus = FAKE_CPUS - (uint32_t)__builtin_popcount(fake_offline);
        op->u.physinfo.max_cpu_id = FAKE_CPUS - 1;
        op->u.physinfo.free_pages = fake_free_frames();
        return 0;
    }
}

long platform_xen_version(unsigned int command, void *argument)
{
    return -XEN_ENOSYS;
}

long platform_event_channel_op(unsigned int command, void *argument)
{
    struct evtchn_alloc_unbound *op = argument;

    assert_int_equal(command, EVTCHNOP_alloc_unbound);
    if (fails())
        return -XEN_ENOSPC;
    op->port = ++fake_domains[op->dom].ports;
    return 0;
}

long platform_mmuext_op(struct mmuext_op *ops, unsigned int count, domid_t domid)
{
    assert_int_equal(count, 1);
    assert_int_equal(ops->cmd, MMUEXT_PIN_L4_TABLE);
    assert_int_equal(owner[ops->arg1.mfn], domid);
    /* The caller may have no window open on what becomes page tables. */
    for (size_t i = 0; i < MAX_MAPPINGS; i++)
        assert_true(!mappings[i].address || mappings[i].count == 1);
    if (fails())
        return -XEN_EINVAL;
    fake_domains[domid].pinned = ops->arg1.mfn;
    return 0;
}

/* ---- Ports ---- */

static int bind(void)
{
    if (fails())
        return -XEN_ENOSPC;
    for (int i = 1; i < FAKE_PORTS; i++) {
        if (!bound[i]) {
            bound[i] = true;
            return i;
        }
    }
    return -XEN_ENOSPC;
}

int platform_port_bind(domid_t domid, evtchn_port_t remote)
{
    assert_in_range(remote, 1, fake_domains[domid].ports);
    return bind();
}

int platform_port_bind_virq(unsigned int virq)
{
    assert_int_equal(virq, VIRQ_DOM_EXC);
    exception_port = bind();
    return exception_port;
}

int fake_exception_port(void)
{
    return exception_port;
}

void platform_port_close(int port)
{
    assert_true(bound[port]);
    bound[port] = false;
}

void platform_port_notify(int port)
{
    assert_true(bound[port]);
}

unsigned int fake_bound_ports(void)
{
    unsigned int count = 0;

    for (int i = 0; i < FAKE_PORTS; i++)
        count += bound[i];
    return count;
}

/* ---- The rest ---- */

int platform_wait(void)
{
    return -1;
}

void platform_wake(void)
{
}

void fake_add_file(const char *path, const void *data, size_t size)
{
    size_t slot = 0;

    while (files[slot].path && strcmp(files[slot].path, path) != 0)
        slot++;
    files[slot].path = path;
    files[slot].data = data;
    files[slot].size = size;
}

int platform_file_open(const char *path, struct platform_file *file)
{
    for (size_t i = 0; i < MAX_FILES && files[i].path; i++) {
        if (!strcmp(files[i].path, path)) {
            file->data = files[i].data;
            file->size = files[i].size;
            return 0;
        }
    }
    return -XEN_ENOENT;
}

void platform_file_close(struct platform_file *file)
{
    file->data = NULL;
}

static uint64_t now;
static void (*sleep_hook)(void), (*yield_hook)(void);

uint64_t platform_now(void)
{
    return now += 1000;
}

void platform_sleep(uint64_t nanoseconds)
{
    now += nanoseconds;
    if (sleep_hook)
        sleep_hook();
    platform_yield();
}

void fake_pass_time(uint64_t nanoseconds)
{
    now += nanoseconds;
}

void fake_on_sleep(void (*hook)(void))
{
    sleep_hook = hook;
}

uint64_t platform_wall_clock(void)
{
    return 1000000000ull * 1600000000;
}

int platform_thread_start(const char *name, void (*function)(void *), void *argument)
{
    if (fails())
        return -1;
    if (!strcmp(name, "service"))
        return 0;
    threads[thread_count].function = function;
    threads[thread_count++].argument = argument;
    return 0;
}

void fake_run_threads(void)
{
    for (unsigned int i = 0; i < thread_count; i++)
        threads[i].function(threads[i].argument);
    thread_count = 0;
}

void fake_on_yield(void (*hook)(void))
{
    yield_hook = hook;
}

void platform_yield(void)
{
    if (yield_hook)
        yield_hook();
}

bool platform_terminal_interrupted(void)
{
    return false;
}

size_t platform_memory_spare(void)
{
    return SIZE_MAX;
}

void platform_library_begin(void)
{
}

void platform_library_end(void)
{
}

void platform_random(void *data, size_t length)
{
    static uint8_t next;

    for (size_t i = 0; i < length; i++)
        ((uint8_t *)data)[i] = next++;
}
