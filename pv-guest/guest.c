/* SPDX-License-Identifier: MIT */
/*
 * The domain as a whole: its number, its command line, and its end.
 */
#include <console.h>
#include <ctype.h>
#include <guest.h>
#include <hypercall.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define BACKTRACE_DEPTH 16

bool guest_is_dom0(void)
{
    return start_info->flags & SIF_INITDOMAIN;
}

bool guest_is_privileged(void)
{
    return start_info->flags & SIF_PRIVILEGED;
}

const char *guest_command_line(void)
{
    return (const char *)start_info->cmd_line;
}

bool guest_option(const char *name, char *value, size_t size)
{
    size_t name_length = strlen(name);
    const char *word = guest_command_line();

    while (*word) {
        size_t length = strcspn(word, " ");

        if (length >= name_length && strncmp(word, name, name_length) == 0 &&
            (length == name_length || word[name_length] == '=')) {
            const char *from = word + name_length + (length > name_length);

            if (value)
                snprintf(value, size, "%.*s", (int)(word + length - from), from);
            return true;
        }
        word += length;
        word += strspn(word, " ");
    }
    return false;
}

domid_t guest_domid(void)
{
    /* The status of a port that waits for this domain names the domain for which it waits. */
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    struct evtchn_status status = {.dom = DOMID_SELF};
    struct evtchn_close close;

    if (hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc))
        guest_panic("cannot allocate a port");
    status.port = alloc.port;
    if (hypercall_event_channel_op(EVTCHNOP_status, &status))
        guest_panic("cannot ask for the status of port %u", alloc.port);
    close.port = alloc.port;
    hypercall_event_channel_op(EVTCHNOP_close, &close);
    return status.u.unbound.dom;
}

void guest_shutdown(unsigned int reason)
{
    struct sched_shutdown shutdown = {.reason = reason};

    events_disable();
    for (;;)
        hypercall_sched_op(SCHEDOP_shutdown, &shutdown);
}

/* Saved frame pointers chain; each has a return address above it. */
static void print_backtrace(const uint64_t *frame)
{
    for (unsigned int depth = 0; depth < BACKTRACE_DEPTH && (uintptr_t)frame >= KERNEL_BASE;
         depth++) {
        const uint64_t *next = (const uint64_t *)frame[0];

        printf("  %016lx\n", frame[1]);
        if (next <= frame)
            break;
        frame = next;
    }
}

void guest_panic(const char *format, ...)
{
    va_list arguments;

    events_disable();
    printf("guest panic: ");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    print_backtrace(__builtin_frame_address(0));
    guest_shutdown(SHUTDOWN_crash);
}
