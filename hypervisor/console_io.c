/* SPDX-License-Identifier: MIT */
/*
 * Dom0's use of the console: the console_io hypercall. What is typed waits in console_input.c.
 */
#include <console.h>
#include <domain.h>
#include <guest_access.h>
#include <hypercall.h>

#define CHUNK 128U

/*
 * Writes text of dom0. It can be preempted after any chunk: then the guest repeats the call with
 * what is left.
 */
static long write_text(unsigned int count, unsigned long buffer)
{
    char text[CHUNK];

    while (count) {
        unsigned int n = MIN(count, CHUNK);

        if (copy_from_guest(text, buffer, n))
            return -XEN_EFAULT;
        console_write_guest(text, n);
        buffer += n;
        count -= n;
        if (count && hypercall_preempt_check())
            return hypercall_continue(__HYPERVISOR_console_io, 3, (unsigned long)CONSOLEIO_write,
                                      (unsigned long)count, buffer);
    }
    return 0;
}

/*
 * Reads waiting input. What cannot be stored in guest memory is lost.
 * @return how many characters were read
 */
static long read_input(unsigned int count, unsigned long buffer)
{
    char text[CHUNK];
    unsigned int done = 0;

    while (done < count) {
        size_t n = console_read_input(text, MIN(count - done, CHUNK));

        if (!n)
            break;
        if (copy_to_guest(buffer + done, text, n))
            return -XEN_EFAULT;
        done += (unsigned int)n;
    }
    return done;
}

long do_console_io(unsigned int cmd, unsigned int count, unsigned long buffer)
{
    if (!current->domain->privileged)
        return -XEN_EPERM;
    switch (cmd) {
    case CONSOLEIO_write:
        return write_text(count, buffer);
    case CONSOLEIO_read:
        /* The result is signed and the count is not. */
        return count > 0x7fffffff ? -XEN_E2BIG : read_input(count, buffer);
    default:
        return -XEN_ENOSYS;
    }
}
