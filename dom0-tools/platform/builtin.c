/* SPDX-License-Identifier: MIT */
/*
 * The platform of the built-in dom0: dom0-tools as threads of a pv-guest image.
 *
 * Events come in upcalls, which only set a bit and wake the service's thread. Keys come through a
 * thread that waits for the console, so that others can wake a reader of the terminal, too.
 */
#include <clock.h>
#include <console.h>
#include <errno.h>
#include <events.h>
#include <fs.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>

#include <public/sched.h>

#include <drivers/blkback.h>
#include <drivers/cow_disk.h>
#include <drivers/netback.h>

#include <platform.h>

#define LIBRARY_STACK_SIZE (128ul << 10) /* zstd and lzma keep large frames */
#define KEY_BUFFER_SIZE    256
#define CTRL_C             0x03
/* What stays free besides: the network's packets, and room for some that come to wait. */
#define PAGES_KEPT (NETBACK_FREE_PAGES + 512u)

/* ---- Hypercalls ---- */

long platform_domctl(struct xen_domctl *op)
{
    op->interface_version = op->cmd == XEN_DOMCTL_get_domain_state ? XEN_DOMCTL_GETDOMSTATE_VERS_MAX
                                                                   : XEN_DOMCTL_INTERFACE_VERSION;
    return hypercall_domctl(op);
}

long platform_sysctl(struct xen_sysctl *op)
{
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall_sysctl(op);
}

long platform_memory_op(unsigned int command, void *argument)
{
    return hypercall_memory_op(command, argument);
}

long platform_xen_version(unsigned int command, void *argument)
{
    return hypercall_xen_version(command, argument);
}

long platform_event_channel_op(unsigned int command, void *argument)
{
    return hypercall_event_channel_op(command, argument);
}

long platform_mmuext_op(struct mmuext_op *ops, unsigned int count, domid_t domid)
{
    return hypercall_mmuext_op(ops, count, NULL, domid);
}

void *platform_buffer_alloc(size_t size)
{
    return calloc(1, size);
}

void platform_buffer_free(void *buffer, size_t size)
{
    free(buffer);
}

/* ---- Other domains' memory ---- */

void *platform_map_frames(domid_t domid, const xen_pfn_t *frames, size_t count, bool writable)
{
    return map_frames(frames, count, domid, writable ? PTE_KERNEL_DATA : PTE_KERNEL_RO, NULL);
}

void platform_unmap_frames(void *address, size_t count)
{
    unmap_frames(address, count);
}

/* ---- Event channels and the service's wait ---- */

#define PORT_WORDS (EVENT_PORTS / 64)

/*
 * Ports with an event not yet reported, guarded by events_disable. Those in `this_round` are told
 * before any that fired since: a port that fires without end does not keep the others waiting.
 */
static uint64_t fired[PORT_WORDS], this_round[PORT_WORDS];
static bool any_fired;
static bool woken;
static struct wait_queue service_queue;

static void note_event(evtchn_port_t port, void *argument)
{
    /* Until it is looked at: a domain that rings without end must not keep us here. */
    event_mask(port);
    fired[port / 64] |= 1ull << (port % 64);
    any_fired = true;
    wake_all(&service_queue);
}

static int bound(int port)
{
    if (port >= 0)
        event_set_handler((evtchn_port_t)port, note_event, NULL);
    return port;
}

int platform_port_bind(domid_t domid, evtchn_port_t remote)
{
    return bound(event_bind_interdomain(domid, remote));
}

int platform_port_bind_virq(unsigned int virq)
{
    return bound(event_bind_virq(virq, 0));
}

void platform_port_close(int port)
{
    bool enabled = events_disable();

    event_close((evtchn_port_t)port);
    fired[port / 64] &= ~(1ull << (port % 64));
    this_round[port / 64] &= ~(1ull << (port % 64));
    events_restore(enabled);
}

void platform_port_notify(int port)
{
    event_send((evtchn_port_t)port);
}

/* Takes one port out of the round. @return -1 if it is over. */
static int take_from_round(void)
{
    static size_t word;

    for (size_t i = 0; i < PORT_WORDS; i++, word = (word + 1) % PORT_WORDS) {
        if (this_round[word]) {
            int bit = __builtin_ctzll(this_round[word]);

            this_round[word] &= this_round[word] - 1;
            return (int)(word * 64) + bit;
        }
    }
    return -1;
}

/* The next port that fired, with events disabled, or -1. */
static int take_fired(void)
{
    int port = take_from_round();

    if (port >= 0 || !any_fired)
        return port;
    memcpy(this_round, fired, sizeof(this_round));
    memset(fired, 0, sizeof(fired));
    any_fired = false;
    return take_from_round();
}

int platform_wait(void)
{
    bool enabled = events_disable();
    int port;

    while ((port = take_fired()) < 0 && !woken)
        wait_on(&service_queue);
    if (port < 0)
        woken = false;
    events_restore(enabled);
    if (port >= 0)
        event_unmask((evtchn_port_t)port);
    return port;
}

void platform_wake(void)
{
    bool enabled = events_disable();

    woken = true;
    wake_all(&service_queue);
    events_restore(enabled);
}

/* ---- Devices ---- */

/* What our back end sent is what the domain received. */
static struct platform_vif_counters as_domain_sees(const struct net_counters *n)
{
    return (struct platform_vif_counters){
        .rx_packets = n->sent_packets,
        .rx_bytes = n->sent_bytes,
        .rx_dropped = n->sent_dropped + n->sent_errors,
        .tx_packets = n->received_packets,
        .tx_bytes = n->received_bytes,
        .tx_dropped = n->received_dropped + n->received_errors,
    };
}

bool platform_vif_counters(domid_t domid, unsigned int devid,
                           struct platform_vif_counters *counters)
{
    struct net_counters n;

    if (!netback_counters(domid, devid, &n))
        return false;
    *counters = as_domain_sees(&n);
    return true;
}

struct each_vif {
    void (*entry)(void *context, domid_t domid, const struct platform_vif_counters *counters);
    void *context;
};

static void pass_vif(void *argument, domid_t domid, const struct net_counters *n)
{
    const struct each_vif *each = argument;
    struct platform_vif_counters counters = as_domain_sees(n);

    each->entry(each->context, domid, &counters);
}

void platform_each_vif(void (*entry)(void *context, domid_t domid,
                                     const struct platform_vif_counters *counters),
                       void *context)
{
    netback_each(pass_vif, &(struct each_vif){.entry = entry, .context = context});
}

struct each_vbd {
    void (*entry)(void *context, domid_t domid, const struct platform_vbd_counters *counters);
    void *context;
};

static void pass_vbd(void *argument, domid_t domid, const struct blkback_counters *b)
{
    const struct each_vbd *each = argument;
    struct platform_vbd_counters counters = {
        .held_back = b->held_back,
        .reads = b->reads,
        .sectors_read = b->sectors_read,
        .writes = b->writes,
        .sectors_written = b->sectors_written,
    };

    each->entry(each->context, domid, &counters);
}

void platform_each_vbd(void (*entry)(void *context, domid_t domid,
                                     const struct platform_vbd_counters *counters),
                       void *context)
{
    blkback_each(pass_vbd, &(struct each_vbd){.entry = entry, .context = context});
}

/* ---- Files ---- */

int platform_file_open(const char *path, struct platform_file *file)
{
    struct fs_file found;
    int status;

    if (!strcmp(path, "/dev/null")) {
        *file = (struct platform_file){.data = "", .size = 0};
        return 0;
    }
    status = fs_lookup(path, &found);
    if (status < 0)
        return status;
    if (found.directory)
        return -EISDIR;
    file->data = found.data;
    file->size = found.size;
    return 0;
}

void platform_file_close(struct platform_file *file)
{
    file->data = NULL;
}

struct listing {
    bool (*entry)(void *context, const char *name, bool directory, size_t size);
    void *context;
};

static bool call_entry(const char *name, const struct fs_file *file, void *argument)
{
    const struct listing *listing = argument;

    return listing->entry(listing->context, name, file->directory, file->size);
}

int platform_directory(const char *path,
                       bool (*entry)(void *context, const char *name, bool directory, size_t size),
                       void *context)
{
    struct listing listing = {.entry = entry, .context = context};

    return fs_list(path, call_entry, &listing);
}

/* ---- Terminal ---- */

static struct wait_queue key_queue, key_room_queue;
static unsigned char keys[KEY_BUFFER_SIZE];
static unsigned int keys_read, keys_written;
static bool terminal_woken;

static void read_keys(void *unused)
{
    for (;;) {
        int key = console_read_key();

        while (keys_written - keys_read == KEY_BUFFER_SIZE)
            wait_on(&key_room_queue);
        keys[keys_written++ % KEY_BUFFER_SIZE] = (unsigned char)key;
        wake_all(&key_queue);
    }
}

void platform_terminal_write(const void *data, size_t length)
{
    console_write(data, length);
}

void platform_terminal_complain(const void *data, size_t length)
{
    platform_terminal_write(data, length);
}

static void start_keys(void)
{
    static bool started;

    if (!started)
        started = thread_create("keys", read_keys, NULL) != NULL;
}

bool platform_terminal_interrupted(void)
{
    start_keys();
    for (unsigned int at = keys_read; at != keys_written; at++) {
        if (keys[at % KEY_BUFFER_SIZE] != CTRL_C)
            continue;
        keys_read = at + 1;
        wake_all(&key_room_queue);
        return true;
    }
    return false;
}

int platform_terminal_read(void)
{
    return platform_terminal_read_until(UINT64_MAX);
}

int platform_terminal_read_until(uint64_t deadline)
{
    bool in_time = true;

    start_keys();
    while (keys_read == keys_written && !terminal_woken && in_time)
        in_time = wait_on_until(&key_queue, deadline);
    if (keys_read == keys_written) {
        terminal_woken = false;
        return -1;
    }
    wake_all(&key_room_queue);
    return keys[keys_read++ % KEY_BUFFER_SIZE];
}

void platform_terminal_wake(void)
{
    terminal_woken = true;
    wake_all(&key_queue);
}

/* ---- Time, threads and the rest ---- */

uint64_t platform_now(void)
{
    return clock_now();
}

uint64_t platform_wall_clock(void)
{
    return clock_wall();
}

int platform_thread_start(const char *name, void (*function)(void *), void *argument)
{
    return thread_create_sized(name, function, argument, LIBRARY_STACK_SIZE) ? 0 : -1;
}

void platform_yield(void)
{
    thread_yield();
}

void platform_sleep(uint64_t nanoseconds)
{
    thread_sleep(nanoseconds);
}

size_t platform_memory_spare(void)
{
    return cow_disk_spare(PAGES_KEPT) << PAGE_SHIFT;
}

static bool library_enabled;

void platform_library_begin(void)
{
    library_enabled = events_disable();
}

void platform_library_end(void)
{
    events_restore(library_enabled);
}

void platform_random(void *data, size_t length)
{
    static uint64_t state;
    uint8_t *bytes = data;

    /* Unique rather than secret: time, the clock's jitter, and a mixing step (splitmix64). */
    state ^= clock_wall() + clock_tsc();
    for (size_t i = 0; i < length; i++) {
        uint64_t z = state += 0x9e3779b97f4a7c15ull;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        bytes[i] = (uint8_t)(z ^ (z >> 31));
    }
}

void platform_machine_stop(bool restart)
{
    guest_shutdown(restart ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
}
