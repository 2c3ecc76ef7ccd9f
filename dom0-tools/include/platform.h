/* SPDX-License-Identifier: MIT */
/*
 * All that dom0-tools asks of the system it runs on, apart from a C library: control hypercalls,
 * other domains' memory, event channels, files, a terminal, time and threads. The built-in dom0
 * (platform/builtin.c) is one implementation; a fake in tests/unit is another; Linux as dom0
 * (platform/linux) is a third, with those of the functions that its programs use.
 *
 * Threads are cooperative: one runs until it calls a function marked "may wait" here. So the tools'
 * data needs no locks, only care around such calls. An implementation with real threads lets one
 * run at a time, by a lock of its own that the functions that may wait release.
 *
 * Hypercall functions return what the hypercall returned: 0 or a count, or a negative errno
 * (public/errno.h). The structure itself may lie anywhere. Memory that its guest handles point to
 * comes from platform_buffer_alloc, since some systems can pass only such memory to the hypervisor.
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <public/domctl.h>
#include <public/event_channel.h>
#include <public/memory.h>
#include <public/sysctl.h>
#include <public/xen.h>

/* ---- Hypercalls ---- */

/* Carry out a control operation. Both set the interface version in @op. */
long platform_domctl(struct xen_domctl *op);
long platform_sysctl(struct xen_sysctl *op);

long platform_memory_op(unsigned int command, void *argument);
long platform_xen_version(unsigned int command, void *argument);
long platform_event_channel_op(unsigned int command, void *argument);

/* Carries out all operations on domain @domid, or fails. */
long platform_mmuext_op(struct mmuext_op *ops, unsigned int count, domid_t domid);

/* Allocates cleared memory to which guest handles may point. @return NULL when memory is short. */
void *platform_buffer_alloc(size_t size);
void platform_buffer_free(void *buffer, size_t size);

/* ---- Other domains' memory ---- */

/*
 * Maps @count machine frames of @domid one after the other, all or none. @return their address, or
 * NULL if they cannot be mapped or memory is short.
 */
void *platform_map_frames(domid_t domid, const xen_pfn_t *frames, size_t count, bool writable);
void platform_unmap_frames(void *address, size_t count);

/* ---- Event channels ---- */

/* Binds a port, whose events platform_wait reports. @return the local port, or a negative errno. */
int platform_port_bind(domid_t domid, evtchn_port_t remote);
int platform_port_bind_virq(unsigned int virq);

void platform_port_close(int port);

/* Sends an event to the other end. */
void platform_port_notify(int port);

/* ---- The service's wait ---- */

/*
 * Waits for an event on a bound port, or for platform_wake. Only the service's thread calls it.
 * @return the port, which may fire again from now on, or -1 after platform_wake. May wait.
 */
int platform_wait(void);

/* Makes platform_wait return -1, now or when it is called next. */
void platform_wake(void);

/* ---- Devices ---- */

/* Packets and bytes of a domain's network interface; rx is what the domain received. */
struct platform_vif_counters {
    uint64_t rx_packets, rx_bytes, rx_dropped;
    uint64_t tx_packets, tx_bytes, tx_dropped;
};

/* Reads the counters of an interface. @return false if the back driver does not know it. */
bool platform_vif_counters(domid_t domid, unsigned int devid,
                           struct platform_vif_counters *counters);

/* Calls @entry for each network interface of all domains. @entry may not wait. */
void platform_each_vif(void (*entry)(void *context, domid_t domid,
                                     const struct platform_vif_counters *counters),
                       void *context);

/* What a domain has asked of its disk; sectors have 512 bytes. */
struct platform_vbd_counters {
    uint64_t held_back; /* times that a request waited for a place among those under way */
    uint64_t reads, sectors_read;
    uint64_t writes, sectors_written;
};

/* Calls @entry for each disk of all domains. @entry may not wait. */
void platform_each_vbd(void (*entry)(void *context, domid_t domid,
                                     const struct platform_vbd_counters *counters),
                       void *context);

/* ---- Files ---- */

/* A file's content, read-only. */
struct platform_file {
    const void *data;
    size_t size;
};

/* Opens the file at an absolute path. @return 0 or a negative errno. */
int platform_file_open(const char *path, struct platform_file *file);
void platform_file_close(struct platform_file *file);

/*
 * Calls @entry for each name in a directory until it returns false. @return 0 or a negative errno.
 */
int platform_directory(const char *path,
                       bool (*entry)(void *context, const char *name, bool directory, size_t size),
                       void *context);

/* ---- Terminal ---- */

/*
 * Bytes that fit into the FIFO of a serial port, which sends them for a millisecond and more. What
 * may write any number of bytes writes as many at a time, and when it has done so for TERMINAL_TURN
 * it lets others run: so a serial line takes half of the time, and a fast terminal hardly any of
 * the others' turns. One large write holds the only vCPU until all is sent.
 */
#define TERMINAL_PART 16u
#define TERMINAL_TURN 1000000ull /* ns */

/*
 * Writes bytes unchanged; "\n" moves to the start of the next line. Other threads do not run
 * meanwhile.
 */
void platform_terminal_write(const void *data, size_t length);
/* The same for what went wrong, which a system may keep apart from other output. */
void platform_terminal_complain(const void *data, size_t length);

/* The next key, or -1 when platform_terminal_wake was called. May wait. */
int platform_terminal_read(void);

/* As platform_terminal_read, but not beyond @deadline of platform_now: then -1, too. May wait. */
int platform_terminal_read_until(uint64_t deadline);
void platform_terminal_wake(void);

/*
 * Whether Ctrl-C has been typed since the last key that was read. Drops it and the keys typed
 * before it.
 */
bool platform_terminal_interrupted(void);

/* ---- Time ---- */

/* Nanoseconds since the hypervisor started. */
uint64_t platform_now(void);

/* Nanoseconds since 1970, UTC. */
uint64_t platform_wall_clock(void);

/* ---- Threads ---- */

/*
 * Starts a thread that ends when @function returns. @name is kept by pointer. @return 0, or -1 if
 * memory is short.
 */
int platform_thread_start(const char *name, void (*function)(void *), void *argument);

/* Lets other threads run. May wait. */
void platform_yield(void);

/* Waits for @nanoseconds. May wait. */
void platform_sleep(uint64_t nanoseconds);

/* ---- The rest ---- */

/*
 * How many bytes the caller may take for seconds without anybody else on this system coming to lack
 * memory that was promised, such as to the disks of other domains.
 */
size_t platform_memory_spare(void);

/*
 * Bracket calls into libraries that are compiled for ordinary processes. The caller does not wait
 * in between.
 */
void platform_library_begin(void);
void platform_library_end(void);

/* Fills @data with bytes that are unique, though not secret. */
void platform_random(void *data, size_t length);

/* Turns the machine off, or restarts it. Does not return if it succeeds. */
void platform_machine_stop(bool restart);

#endif
