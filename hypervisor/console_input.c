/* SPDX-License-Identifier: MIT */
/*
 * What is typed on the serial line or the keyboard, and who gets it: dom0, or the hypervisor, for
 * which each character is a debug key.
 *
 * The switch character (Ctrl-A, or what conswitch= says) three times in a row changes between them,
 * as in Xen. It is held back until it is known not to be one of three. Characters wait in a ring
 * for their reader: dom0, told by VIRQ_CONSOLE, or our softirq. When the ring is full, further
 * input is lost, as on any terminal that is not read.
 */
#include <console.h>
#include <control_impl.h>
#include <event_channel.h>
#include <options.h>
#include <softirq.h>
#include <spinlock.h>

#define INPUT_SIZE     1024U /* a power of two */
#define SWITCH_PRESSES 3U

struct input {
    char text[INPUT_SIZE];
    u32 start, end; /* free-running */
};

static spinlock_t input_lock = SPINLOCK_INIT(RANK_CONSOLE);
static struct input for_dom0, for_us;
static unsigned int presses; /* of the switch character, held back */
static bool input_is_ours, switched;

static void put_input(char c)
{
    struct input *in = input_is_ours ? &for_us : &for_dom0;

    if (in->end - in->start < INPUT_SIZE)
        in->text[in->end++ & (INPUT_SIZE - 1)] = c;
}

static void take_character(char c, char switch_character)
{
    if (switch_character && c == switch_character) {
        if (++presses == SWITCH_PRESSES) {
            presses = 0;
            input_is_ours = !input_is_ours;
            switched = true;
        }
        return;
    }
    for (; presses; presses--)
        put_input(switch_character);
    put_input(c);
}

void console_input(char c)
{
    unsigned long flags = spin_lock_irqsave(&input_lock);

    take_character(c, hv_options.switch_character);
    spin_unlock_irqrestore(&input_lock, flags);
    softirq_raise(SOFTIRQ_CONSOLE);
}

static size_t read_input(struct input *in, char *buf, size_t len)
{
    unsigned long flags = spin_lock_irqsave(&input_lock);
    size_t n = 0;

    while (n < len && in->start != in->end)
        buf[n++] = in->text[in->start++ & (INPUT_SIZE - 1)];
    spin_unlock_irqrestore(&input_lock, flags);
    return n;
}

size_t console_read_input(char *buf, size_t len)
{
    return read_input(&for_dom0, buf, len);
}

void console_input_to_us(void)
{
    input_is_ours = true;
}

static void say_who_gets_input(bool ours)
{
    char key = (char)(hv_options.switch_character + 'A' - 1);

    if (ours)
        printk(LOG_ERR, "input: to the hypervisor; h lists its keys, Ctrl-%c three times switches",
               key);
    else
        printk(LOG_ERR, "input: to dom0; Ctrl-%c three times switches", key);
}

void console_softirq(void)
{
    unsigned long flags = spin_lock_irqsave(&input_lock);
    bool say = switched, ours = input_is_ours, tell_dom0 = for_dom0.start != for_dom0.end;
    char key;

    switched = false;
    spin_unlock_irqrestore(&input_lock, flags);
    if (say)
        say_who_gets_input(ours);
    if (tell_dom0)
        send_global_virq(VIRQ_CONSOLE);
    while (read_input(&for_us, &key, 1))
        debug_key(key);
}
