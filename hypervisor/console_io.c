/* SPDX-License-Identifier: MIT */
/*
 * Dom0's use of the console: the console_io hypercall and the characters typed on the serial line.
 *
 * A received character waits in a small ring until dom0, told by VIRQ_CONSOLE, reads it; when the
 * ring is full further input is lost, as on any terminal that is not read.
 */
#include <console.h>
#include <domain.h>
#include <event_channel.h>
#include <guest_access.h>
#include <hypercall.h>
#include <softirq.h>

#define INPUT_SIZE 1024U /* a power of two */
#define CHUNK      128U

static spinlock_t input_lock = SPINLOCK_INIT(RANK_CONSOLE);
static char input[INPUT_SIZE];
static u32 input_start, input_end; /* free-running */

void console_input(char c)
{
    unsigned long flags = spin_lock_irqsave(&input_lock);

    if (input_end - input_start < INPUT_SIZE)
        input[input_end++ & (INPUT_SIZE - 1)] = c;
    spin_unlock_irqrestore(&input_lock, flags);
    softirq_raise(SOFTIRQ_CONSOLE);
}

void console_softirq(void)
{
    send_global_virq(VIRQ_CONSOLE);
}

size_t console_read_input(char *buf, size_t len)
{
    unsigned long flags = spin_lock_irqsave(&input_lock);
    size_t n = 0;

    while (n < len && input_start != input_end)
        buf[n++] = input[input_start++ & (INPUT_SIZE - 1)];
    spin_unlock_irqrestore(&input_lock, flags);
    return n;
}

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
