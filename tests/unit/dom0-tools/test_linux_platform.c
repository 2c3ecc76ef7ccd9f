/* SPDX-License-Identifier: MIT */
/*
 * bh's requests as a Linux program, down to the system calls: a fake of Linux's devices with a
 * hypervisor of a few domains behind them, and of the store's socket with a small store, each of
 * which fails on demand.
 */
/* SOURCES: $(addprefix dom0-tools/platform/linux/,hypercalls.c xenstore.c domain_nodes.c) */
/* SOURCES: $(addprefix dom0-tools/platform/linux/,userdata.c service.c) */
/* SOURCES: dom0-tools/error.c dom0-tools/utf8.c */
/* SOURCES: $(addprefix dom0-tools/config/,config.c guest_config.c foreign_keys.c device_list.c) */
/* SOURCES: $(addprefix dom0-tools/config/,parameters.c disk_config.c vif_config.c cpu_list.c) */
/* SOURCES: dom0-tools/control/control.c dom0-tools/control/scheduling.c */
/* CFLAGS: -Idom0-tools */
/* LDFLAGS: -Wl,--wrap=open -Wl,--wrap=close -Wl,--wrap=ioctl -Wl,--wrap=mmap -Wl,--wrap=munmap */
/* LDFLAGS: -Wl,--wrap=socket -Wl,--wrap=connect -Wl,--wrap=send -Wl,--wrap=read */
/* LDFLAGS: -Wl,--wrap=glob -Wl,--wrap=globfree -Wl,--wrap=unlink */
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <public/errno.h>
#include <public/io/xs_wire.h>

#include <platform/linux/linux_platform.h>
#include <platform/linux/privcmd.h>
#include <platform/linux/xenstore.h>
#include <tools/control.h>
#include <tools/service.h>

#define CALL_FD   100
#define BUFFER_FD 101
#define STORE_FD  102

/* ---- Linux and the hypervisor below it ---- */

static struct {
    int open_errno[2]; /* of each device: why it cannot be opened, or 0 */
    unsigned int open_files;
    unsigned int buffers;    /* of /dev/xen/hypercall, that are mapped */
    unsigned int buffer_due; /* the nth one from now on is not to be had */
    int call_errno;          /* of every control operation, or 0 */
    unsigned int busy;       /* times that a destruction has to be continued */
    char unlinked[256];
} linux_fake;

static const char *const device_paths[] = {"/dev/xen/privcmd", "/dev/xen/hypercall"};

static struct fake_domain {
    bool exists, paused;
    uint32_t flags, max_vcpu;
    uint16_t weight, cap;
} domains[8];

int __wrap_open(const char *path, int flags, ...);
int __wrap_close(int fd);
int __wrap_ioctl(int fd, unsigned long command, void *argument);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *address, size_t size);

int __wrap_open(const char *path, int flags, ...)
{
    for (int i = 0; i < 2; i++) {
        if (strcmp(path, device_paths[i]) != 0)
            continue;
        errno = linux_fake.open_errno[i];
        if (errno)
            return -1;
        linux_fake.open_files++;
        return CALL_FD + i;
    }
    fail_msg("%s is opened", path);
    return -1;
}

static void fill_info(struct xen_domctl_getdomaininfo *info, domid_t domid)
{
    memset(info, 0, sizeof(*info));
    info->domain = domid;
    info->flags = domains[domid].flags;
    info->max_vcpu_id = domains[domid].max_vcpu;
    info->handle[15] = (uint8_t)domid;
}

static int do_domctl(struct xen_domctl *op)
{
    struct fake_domain *d = op->domain < 8 ? &domains[op->domain] : NULL;

    assert_int_equal(op->interface_version, XEN_DOMCTL_INTERFACE_VERSION);
    if (!d || !d->exists)
        return ESRCH;
    switch (op->cmd) {
    case XEN_DOMCTL_getdomaininfo:
        fill_info(&op->u.getdomaininfo, op->domain);
        return 0;
    case XEN_DOMCTL_pausedomain:
    case XEN_DOMCTL_unpausedomain:
        d->paused = op->cmd == XEN_DOMCTL_pausedomain;
        return 0;
    case XEN_DOMCTL_destroydomain:
        if (linux_fake.busy) {
            linux_fake.busy--;
            return EAGAIN;
        }
        d->exists = false;
        return 0;
    case XEN_DOMCTL_scheduler_op:
        if (op->u.scheduler_op.cmd == XEN_DOMCTL_SCHEDOP_putinfo) {
            d->weight = op->u.scheduler_op.u.credit2.weight;
            d->cap = op->u.scheduler_op.u.credit2.cap;
        }
        op->u.scheduler_op.u.credit2.weight = d->weight;
        op->u.scheduler_op.u.credit2.cap = d->cap;
        return 0;
    default:
        return ENOSYS;
    }
}

static int do_sysctl(struct xen_sysctl *op)
{
    struct xen_sysctl_getdomaininfolist *list = &op->u.getdomaininfolist;

    assert_int_equal(op->interface_version, XEN_SYSCTL_INTERFACE_VERSION);
    if (op->cmd != XEN_SYSCTL_getdomaininfolist)
        return ENOSYS;
    list->num_domains = 0;
    for (domid_t d = list->first_domain; d < 8; d++)
        if (domains[d].exists && list->num_domains < list->max_domains)
            fill_info(&list->buffer.p[list->num_domains++], d);
    return 0;
}

int __wrap_ioctl(int fd, unsigned long command, void *argument)
{
    const struct privcmd_hypercall *call = argument;

    assert_int_equal(fd, CALL_FD);
    assert_int_equal(command, IOCTL_PRIVCMD_HYPERCALL);
    errno = linux_fake.call_errno;
    if (!errno && call->number == __HYPERVISOR_domctl)
        errno = do_domctl((void *)call->arguments[0]);
    else if (!errno && call->number == __HYPERVISOR_sysctl)
        errno = do_sysctl((void *)call->arguments[0]);
    return errno ? -1 : 0;
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    assert_int_equal(fd, BUFFER_FD);
    assert_int_equal(size % 4096, 0);
    assert_int_equal(flags, MAP_SHARED);
    if (linux_fake.buffer_due && !--linux_fake.buffer_due)
        return MAP_FAILED;
    linux_fake.buffers++;
    return malloc(size);
}

int __wrap_munmap(void *address, size_t size)
{
    linux_fake.buffers--;
    free(address);
    return 0;
}

/* ---- The store behind its socket ---- */

#define NODES 48

struct node {
    char path[96], value[80]; /* no path: a free place */
};

static struct {
    struct node nodes[NODES], before[NODES]; /* before the transaction */
    bool refuses;                            /* connections */
    bool connected, in_transaction;
    unsigned int conflicts; /* transactions that are to fail */
    const char *fails;      /* the end of a path that cannot be written */
    char request[8192], answer[8192];
    size_t requested, answered, taken;
    enum {
        STORE_WELL,
        STORE_OTHER_TYPE,
        STORE_TOO_LONG,
        STORE_CUTS_HEAD,
        STORE_CUTS_PAYLOAD,
        STORE_HANGS_UP,
    } way;
} store;

int __wrap_socket(int family, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);
ssize_t __wrap_send(int fd, const void *data, size_t length, int flags);
ssize_t __wrap_read(int fd, void *data, size_t length);

int __wrap_close(int fd)
{
    if (fd == STORE_FD)
        store.connected = false;
    linux_fake.open_files--;
    return 0;
}

int __wrap_socket(int family, int type, int protocol)
{
    linux_fake.open_files++;
    return STORE_FD;
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    if (store.refuses) {
        errno = ECONNREFUSED;
        return -1;
    }
    store.connected = true;
    store.requested = store.answered = store.taken = 0;
    return 0;
}

static struct node *find_node(const char *path)
{
    for (int i = 0; i < NODES; i++)
        if (!strcmp(store.nodes[i].path, path))
            return &store.nodes[i];
    return NULL;
}

static void set_node(const char *path, const char *value)
{
    struct node *n = find_node(path);

    if (!n)
        n = find_node("");
    assert_non_null(n);
    snprintf(n->path, sizeof(n->path), "%s", path);
    snprintf(n->value, sizeof(n->value), "%s", value);
}

static const char *get_node(const char *path)
{
    const struct node *n = find_node(path);

    return n ? n->value : NULL;
}

static void reply(uint32_t type, const char *data, size_t length)
{
    struct xsd_sockmsg head = {.type = type, .len = (uint32_t)length};

    head.type += store.way == STORE_OTHER_TYPE;
    if (store.way == STORE_TOO_LONG)
        head.len = XENSTORE_PAYLOAD_MAX + 1;
    memcpy(store.answer, &head, sizeof(head));
    memcpy(store.answer + sizeof(head), data, length);
    store.answered = sizeof(head) + length;
    store.taken = 0;
    if (store.way == STORE_CUTS_HEAD)
        store.answered = sizeof(head) - 1;
    if (store.way == STORE_CUTS_PAYLOAD)
        store.answered--;
}

static void reply_error(const char *name)
{
    reply(XS_ERROR, name, strlen(name) + 1);
}

static bool ends_with(const char *path, const char *end)
{
    return strlen(path) >= strlen(end) && !strcmp(path + strlen(path) - strlen(end), end);
}

static void list_children(const char *path)
{
    char names[1024];
    size_t used = 0, length = strlen(path);

    for (int i = 0; i < NODES; i++) {
        const char *child = store.nodes[i].path + length + 1;

        if (strncmp(store.nodes[i].path, path, length) || store.nodes[i].path[length] != '/' ||
            strchr(child, '/'))
            continue;
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s", child) + 1;
    }
    if (used)
        reply(XS_DIRECTORY, names, used);
    else
        reply_error("ENOENT");
}

static void remove_nodes(const char *path)
{
    size_t length = strlen(path);

    for (int i = 0; i < NODES; i++)
        if (!strncmp(store.nodes[i].path, path, length) &&
            (!store.nodes[i].path[length] || store.nodes[i].path[length] == '/'))
            store.nodes[i].path[0] = '\0';
    reply(XS_RM, "OK", 3);
}

static void end_transaction(bool commit)
{
    bool conflict = commit && store.conflicts;

    assert_true(store.in_transaction);
    store.in_transaction = false;
    if (!commit || conflict)
        memcpy(store.nodes, store.before, sizeof(store.nodes));
    if (conflict)
        store.conflicts--;
    if (conflict)
        reply_error("EAGAIN");
    else
        reply(XS_TRANSACTION_END, "OK", 3);
}

static void answer(const struct xsd_sockmsg *head, const char *payload)
{
    char value[64];

    assert_int_equal(head->tx_id != 0, store.in_transaction && head->type != XS_TRANSACTION_START);
    switch (head->type) {
    case XS_READ:
        if (get_node(payload))
            reply(XS_READ, get_node(payload), strlen(get_node(payload)));
        else
            reply_error("ENOENT");
        break;
    case XS_WRITE:
        snprintf(value, sizeof(value), "%.*s", (int)(head->len - strlen(payload) - 1),
                 payload + strlen(payload) + 1);
        if (store.fails && ends_with(payload, store.fails)) {
            reply_error("ENOSPC");
            break;
        }
        set_node(payload, value);
        reply(XS_WRITE, "OK", 3);
        break;
    case XS_RM:
        remove_nodes(payload);
        break;
    case XS_DIRECTORY:
        list_children(payload);
        break;
    case XS_TRANSACTION_START:
        memcpy(store.before, store.nodes, sizeof(store.nodes));
        store.in_transaction = true;
        reply(XS_TRANSACTION_START, "7", 2);
        break;
    case XS_TRANSACTION_END:
        end_transaction(payload[0] == 'T');
        break;
    default:
        fail_msg("request %u", head->type);
    }
}

/* Takes at most 10 bytes at a time, as a socket may. */
ssize_t __wrap_send(int fd, const void *data, size_t length, int flags)
{
    size_t part = length < 10 ? length : 10;
    struct xsd_sockmsg head;

    assert_int_equal(fd, STORE_FD);
    assert_int_equal(flags, MSG_NOSIGNAL);
    assert_true(store.connected);
    if (store.way == STORE_HANGS_UP) {
        errno = EPIPE;
        return -1;
    }
    memcpy(store.request + store.requested, data, part);
    store.requested += part;
    memcpy(&head, store.request, sizeof(head));
    if (store.requested >= sizeof(head) && store.requested == sizeof(head) + head.len) {
        store.requested = 0;
        answer(&head, store.request + sizeof(head));
    }
    return (ssize_t)part;
}

/* Gives at most 7 bytes at a time; none is the end. */
ssize_t __wrap_read(int fd, void *data, size_t length)
{
    size_t left = store.answered - store.taken, part = length < 7 ? length : 7;

    assert_int_equal(fd, STORE_FD);
    if (part > left)
        part = left;
    memcpy(data, store.answer + store.taken, part);
    store.taken += part;
    return (ssize_t)part;
}

/* ---- libxl's files ---- */

int __wrap_glob(const char *pattern, int flags, int (*error)(const char *, int), glob_t *files);
void __wrap_globfree(glob_t *files);
int __wrap_unlink(const char *path);

static char *found_files[] = {(char *)"/var/lib/xen/a", (char *)"/var/lib/xen/b"};

int __wrap_glob(const char *pattern, int flags, int (*error)(const char *, int), glob_t *files)
{
    if (strcmp(pattern, "/var/lib/xen/userdata-?.2.00000000-0000-0000-0000-000000000002.*") != 0)
        return GLOB_NOMATCH;
    files->gl_pathc = 2;
    files->gl_pathv = found_files;
    return 0;
}

void __wrap_globfree(glob_t *files)
{
}

int __wrap_unlink(const char *path)
{
    strcat(linux_fake.unlinked, path);
    return 0;
}

/* ---- The rest of the platform ---- */

static unsigned int yields;

void platform_yield(void)
{
    yields++;
}

uint64_t platform_now(void)
{
    return 5000000000ull;
}

uint64_t platform_wall_clock(void)
{
    return 1000000000000ull;
}

/* ---- Tests ---- */

static struct error e;

static void add_domain(domid_t domid, const char *name)
{
    char path[64], vm[64], text[96];

    domains[domid] = (struct fake_domain){.exists = true, .max_vcpu = 1};
    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    set_node(path, name);
    snprintf(vm, sizeof(vm), "/vm/00000000-0000-0000-0000-00000000000%u", domid);
    snprintf(path, sizeof(path), "/local/domain/%u/vm", domid);
    set_node(path, vm);
    snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown", domid);
    set_node(path, "");
    snprintf(path, sizeof(path), "/libxl/%u/device/console", domid);
    set_node(path, "");
    snprintf(text, sizeof(text), "%s/name", vm);
    set_node(text, name);
    snprintf(text, sizeof(text), "%s/start_time", vm);
    set_node(text, "940.25");
}

/* Has nothing connected or open, whatever the last test did. */
static int begin(void **state)
{
    char *value;

    store.way = STORE_HANGS_UP;
    if (store.connected)
        xenstore_read(0, "/", &value); /* which closes the connection */
    memset(&linux_fake, 0, sizeof(linux_fake));
    memset(&store, 0, sizeof(store));
    memset(domains, 0, sizeof(domains));
    domains[0].exists = true;
    add_domain(1, "one");
    add_domain(2, "two");
    yields = 0;
    return linux_hypercalls_open(&e);
}

static int end(void **state)
{
    return linux_fake.buffers ? -1 : 0;
}

static void test_devices_missing(void **state)
{
    linux_fake.open_files = 0;
    linux_fake.open_errno[0] = ENOENT;
    assert_int_equal(linux_hypercalls_open(&e), -1);
    assert_string_equal(e.text, "there is no /dev/xen/privcmd: this Linux does not run on Bulkhead "
                                "or Xen, or its module xen-privcmd is not loaded");
    linux_fake.open_errno[0] = EACCES;
    assert_int_equal(linux_hypercalls_open(&e), -1);
    assert_string_equal(e.text, "/dev/xen/privcmd: permission denied; only root controls domains");
    linux_fake.open_errno[0] = EMFILE;
    assert_int_equal(linux_hypercalls_open(&e), -1);
    assert_string_equal(e.text, "/dev/xen/privcmd: Too many open files");
    linux_fake.open_errno[0] = 0;
    linux_fake.open_errno[1] = ENOENT;
    assert_int_equal(linux_hypercalls_open(&e), -1);
    assert_int_equal(linux_fake.open_files, 0);
}

static void test_refused_calls(void **state)
{
    struct xen_domctl_getdomaininfo list[4];

    linux_fake.call_errno = EPERM;
    assert_int_equal(service_pause(1, &e), -1);
    assert_string_equal(e.text, "pausing the domain: operation not permitted");
    assert_int_equal(control_list(0, list, 4, &e), -1);
    assert_string_equal(e.text, "listing domains: operation not permitted");
    linux_fake.call_errno = 0;

    linux_fake.buffer_due = 1;
    assert_int_equal(service_pause(1, &e), -1);
    assert_string_equal(e.text, "pausing the domain: not enough memory");
    linux_fake.buffer_due = 2; /* the operation's own, behind the list's */
    assert_int_equal(control_list(0, list, 4, &e), -1);
    assert_false(domains[1].paused);
    assert_int_equal(service_pause(1, &e), 0);
    assert_true(domains[1].paused);
    assert_int_equal(service_unpause(1, &e), 0);
    assert_false(domains[1].paused);
    assert_int_equal(service_pause(0, &e), -1);
    assert_string_equal(e.text, "domain 0 cannot be paused");
}

/* As long as those that bh gives; xl takes longer ones. */
#define LONG_NAME "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void test_find(void **state)
{
    char name[GUEST_NAME_SIZE];
    domid_t domid;

    assert_int_equal(service_find("two", &domid, &e), 0);
    assert_int_equal(domid, 2);
    assert_int_equal(service_find("1", &domid, &e), 0);
    assert_int_equal(domid, 1);
    assert_int_equal(service_find("Domain-0", &domid, &e), 0);
    assert_int_equal(domid, 0);
    assert_int_equal(service_find("5", &domid, &e), -1);
    assert_string_equal(e.text, "there is no domain 5");
    assert_int_equal(service_find("three", &domid, &e), -1);
    assert_string_equal(e.text, "there is no domain named 'three'");
    domains[5].exists = true; /* xl has not named it yet */
    assert_string_equal(service_name(5, name), "(null)");
    assert_int_equal(service_find("(null)", &domid, &e), -1);
    set_node("/local/domain/5/name", LONG_NAME "y");
    assert_int_equal(service_find(LONG_NAME "y", &domid, &e), 0);
    assert_int_equal(service_find(LONG_NAME, &domid, &e), -1);
}

static void test_without_store(void **state)
{
    char name[GUEST_NAME_SIZE];
    domid_t domid;

    store.refuses = true;
    assert_int_equal(service_find("two", &domid, &e), -1);
    assert_string_equal(e.text, "the store (xenstored) does not answer at /run/xenstored/socket: "
                                "Connection refused");
    assert_int_equal(service_find("2", &domid, &e), 0);
    assert_string_equal(service_name(2, name), "(null)");
    assert_int_equal(service_destroy(2, &e), -1);
    assert_true(domains[2].exists);
    assert_int_equal(service_rename(2, "zwei", &e), -1);
    assert_int_equal(service_request_stop(2, "poweroff", &e), -1);
    assert_int_equal(service_set_vcpus(2, 1, &e), -1);
    assert_int_equal(linux_fake.open_files, 2); /* those for hypercalls */
}

static void test_rename(void **state)
{
    assert_int_equal(service_rename(2, "one", &e), -1);
    assert_string_equal(e.text, "domain 1 is named 'one' already");
    assert_int_equal(service_rename(2, "a/b", &e), -1);
    store.conflicts = 2;
    assert_int_equal(service_rename(2, "zwei", &e), 0);
    assert_int_equal(store.conflicts, 0);
    assert_string_equal(get_node("/local/domain/2/name"), "zwei");
    assert_string_equal(get_node("/vm/00000000-0000-0000-0000-000000000002/name"), "zwei");
    assert_int_equal(service_rename(2, "zwei", &e), 0);

    store.conflicts = 1000;
    assert_int_equal(service_rename(2, "two", &e), -1);
    assert_string_equal(e.text, "writing the name to the store: busy, try again");
    store.conflicts = 0;
    store.fails = "02/name"; /* the second of two nodes */
    assert_int_equal(service_rename(2, "two", &e), -1);
    assert_string_equal(e.text, "writing the name to the store: no space left");
    assert_string_equal(get_node("/local/domain/2/name"), "zwei");
    assert_false(store.in_transaction);
}

static void test_stop(void **state)
{
    assert_int_equal(service_request_stop(1, "poweroff", &e), 0);
    assert_string_equal(get_node("/local/domain/1/control/shutdown"), "poweroff");
    assert_int_equal(service_request_stop(0, "poweroff", &e), -1);
    domains[1].flags = XEN_DOMINF_shutdown;
    assert_false(service_is_alive(1));
    assert_int_equal(service_request_stop(1, "reboot", &e), -1);
    assert_string_equal(e.text, "it has stopped already");
    domains[1].flags = XEN_DOMINF_dying;
    assert_false(service_is_alive(1));
    store.conflicts = 1; /* somebody else's change comes first */
    assert_int_equal(service_request_stop(2, "suspend", &e), 0);
    assert_int_equal(store.conflicts, 0);
    assert_string_equal(get_node("/local/domain/2/control/shutdown"), "suspend");
    find_node("/local/domain/2/control/shutdown")->path[0] = '\0';
    assert_int_equal(service_request_stop(2, "reboot", &e), -1);
    assert_string_equal(e.text, "writing /local/domain/2/control/shutdown to the store: "
                                "no such thing");
    assert_null(get_node("/local/domain/2/control/shutdown"));
}

static void test_destroy(void **state)
{
    assert_int_equal(service_destroy(0, &e), -1);
    assert_int_equal(service_destroy(5, &e), -1);
    assert_string_equal(e.text, "there is no domain 5");

    linux_fake.call_errno = EPERM;
    assert_int_equal(service_destroy(2, &e), -1);
    linux_fake.call_errno = 0;
    assert_non_null(get_node("/local/domain/2/name"));

    set_node("/libxl/2/device/vbd", "");
    assert_int_equal(service_destroy(2, &e), -1);
    assert_non_null(strstr(e.text, "use xl destroy"));
    assert_true(domains[2].exists);
    find_node("/libxl/2/device/vbd")->path[0] = '\0';
    store.way = STORE_CUTS_HEAD; /* it may have some, then */
    assert_int_equal(service_destroy(2, &e), -1);
    assert_non_null(strstr(e.text, "reading /libxl/2/device in the store"));
    assert_true(domains[2].exists);
    store.way = STORE_WELL;

    set_node("/local/domain/0/backend/console/2/0", "");
    linux_fake.busy = 3;
    assert_int_equal(service_destroy(2, &e), 0);
    assert_int_equal(yields, 3);
    assert_false(domains[2].exists);
    assert_null(get_node("/local/domain/2/name"));
    assert_null(get_node("/vm/00000000-0000-0000-0000-000000000002/name"));
    assert_null(get_node("/libxl/2/device/console"));
    assert_null(get_node("/local/domain/0/backend/console/2/0"));
    assert_string_equal(linux_fake.unlinked, "/var/lib/xen/a/var/lib/xen/b");
    assert_non_null(get_node("/local/domain/1/name"));
}

static void test_vcpus(void **state)
{
    assert_int_equal(service_set_vcpus(1, 0, &e), -1);
    assert_int_equal(service_set_vcpus(1, 3, &e), -1);
    assert_string_equal(e.text, "3 vCPUs are more than the domain's maxvcpus, 2");
    assert_int_equal(service_set_vcpus(5, 1, &e), -1);
    assert_int_equal(service_set_vcpus(1, 1, &e), 0);
    assert_string_equal(get_node("/local/domain/1/cpu/0/availability"), "online");
    assert_string_equal(get_node("/local/domain/1/cpu/1/availability"), "offline");
    store.fails = "cpu/1/availability";
    assert_int_equal(service_set_vcpus(2, 1, &e), -1);
    assert_null(get_node("/local/domain/2/cpu/0/availability"));
}

static void test_share(void **state)
{
    const unsigned int weight = 512, cap = 50, none = 0;

    domains[1].weight = 256;
    assert_int_equal(service_set_share(1, NULL, &cap, &e), 0);
    assert_true(domains[1].weight == 256 && domains[1].cap == 50);
    assert_int_equal(service_set_share(1, &weight, NULL, &e), 0);
    assert_true(domains[1].weight == 512 && domains[1].cap == 50);
    assert_int_equal(service_set_share(1, NULL, &none, &e), 0);
    assert_true(domains[1].weight == 512 && domains[1].cap == 0);
    assert_int_equal(service_set_share(5, &weight, NULL, &e), -1);
}

static void test_uptime(void **state)
{
    uint64_t ns;

    assert_true(service_uptime(0, &ns));
    assert_int_equal(ns, 5000000000ull);
    assert_true(service_uptime(1, &ns));
    assert_int_equal(ns, 60000000000ull);
    set_node("/vm/00000000-0000-0000-0000-000000000001/start_time", "1001");
    assert_true(service_uptime(1, &ns)); /* the clock was set back */
    assert_int_equal(ns, 0);
    find_node("/local/domain/2/vm")->path[0] = '\0';
    assert_false(service_uptime(2, &ns));
}

/* A store that breaks its protocol is left, and asked anew the next time. */
static void test_broken_store(void **state)
{
    for (int way = STORE_OTHER_TYPE; way <= STORE_HANGS_UP; way++) {
        uint32_t transaction;
        char *value = NULL;

        store.way = way;
        assert_int_equal(xenstore_read(0, "/local/domain/1/name", &value), XEN_EIO);
        assert_null(value);
        assert_false(store.connected);
        assert_int_equal(xenstore_write(0, "/a", "b"), XEN_EIO);
        assert_int_equal(xenstore_transaction_start(&transaction), XEN_EIO);
        store.way = STORE_WELL;
        store.in_transaction = false;
        assert_int_equal(xenstore_read(0, "/local/domain/1/name", &value), 0);
        assert_string_equal(value, "one");
        free(value);
        assert_int_equal(linux_fake.open_files, 3);
    }
}

static void test_long_request(void **state)
{
    char *text = malloc(XENSTORE_PAYLOAD_MAX + 1), *value;

    memset(text, 'x', XENSTORE_PAYLOAD_MAX);
    text[XENSTORE_PAYLOAD_MAX] = '\0';
    assert_int_equal(xenstore_write(0, "/a", text), XEN_E2BIG);
    assert_int_equal(xenstore_read(0, text, &value), XEN_E2BIG);
    assert_true(store.connected); /* nothing of it was sent */
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_devices_missing, begin, end),
        cmocka_unit_test_setup_teardown(test_refused_calls, begin, end),
        cmocka_unit_test_setup_teardown(test_find, begin, end),
        cmocka_unit_test_setup_teardown(test_without_store, begin, end),
        cmocka_unit_test_setup_teardown(test_rename, begin, end),
        cmocka_unit_test_setup_teardown(test_stop, begin, end),
        cmocka_unit_test_setup_teardown(test_destroy, begin, end),
        cmocka_unit_test_setup_teardown(test_vcpus, begin, end),
        cmocka_unit_test_setup_teardown(test_share, begin, end),
        cmocka_unit_test_setup_teardown(test_uptime, begin, end),
        cmocka_unit_test_setup_teardown(test_broken_store, begin, end),
        cmocka_unit_test_setup_teardown(test_long_request, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
