/* SPDX-License-Identifier: MIT */
/*
 * A 16550 serial port: polled output, interrupt-driven input.
 *
 * Output waits for room in the transmit FIFO, but never for long: a port that does not drain (no
 * such hardware, flow stopped) costs a bounded number of polls for each piece of text and the text
 * is dropped. Received characters go to console_input(): by interrupt once the IO-APIC works, or
 * when the port is polled.
 *
 * Register names are those of the National Semiconductor PC16550D data sheet.
 */
#include <asm/io.h>
#include <asm/irq.h>
#include <asm/uart.h>
#include <console.h>
#include <lib.h>

#define REG_DATA    0 /* RBR/THR; divisor low while LCR.DLAB */
#define REG_IER     1 /* divisor high while LCR.DLAB */
#define REG_FCR     2 /* write */
#define REG_IIR     2 /* read */
#define REG_LCR     3
#define REG_MCR     4
#define REG_LSR     5
#define REG_SCRATCH 7

#define IER_RX               0x01
#define FCR_ENABLE_AND_CLEAR 0x07
#define IIR_FIFO             0xc0
#define LCR_TWO_STOP         0x04
#define LCR_DLAB             0x80
#define MCR_DTR_RTS_OUT2     0x0b /* OUT2 gates the interrupt line on PCs */
#define LSR_DATA_READY       0x01
#define LSR_THR_EMPTY        0x20

#define CLOCK_HZ 1843200U
#define MAX_POLLS \
    200000U           /* at about 1 us each: 0.2 s, twice what 16 characters take at 1200 baud */
#define MAX_DRAIN 64U /* how many characters are taken at once */

static struct {
    u16 base;
    u8 irq;
    u8 fifo; /* characters that fit when THR is empty */
    u8 lcr;
    u32 baud; /* 0: leave the divisor as the firmware set it */
    bool in_use;
    bool dead; /* gave up on output after it did not drain once */
    char last; /* last character sent */
} uart = {.base = 0x3f8, .irq = 4, .fifo = 1, .lcr = 0x03, .baud = 115200};

static bool wait_for_room(void)
{
    unsigned int polls = uart.dead ? 1 : MAX_POLLS;

    while (polls--)
        if (inb(uart.base + REG_LSR) & LSR_THR_EMPTY) {
            uart.dead = false;
            return true;
        }
    uart.dead = true;
    return false;
}

/*
 * Sends one character; @room counts how many still fit into the FIFO.
 * @return false: the port does not drain
 */
static bool uart_put(char c, unsigned int *room)
{
    if (*room == 0) {
        if (!wait_for_room())
            return false;
        *room = uart.fifo;
    }
    outb((u8)c, uart.base + REG_DATA);
    (*room)--;
    uart.last = c;
    return true;
}

/*
 * Writes text, with a carriage return before each newline. Locks: the console lock is held, unless
 * the machine goes down.
 */
static void uart_write(const char *text, size_t len)
{
    unsigned int room = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' && uart.last != '\r' && !uart_put('\r', &room))
            return;
        if (!uart_put(text[i], &room))
            return;
    }
}

static struct console_driver uart_console = {.name = "com1", .write = uart_write};

static void __init bad_option(const char *text)
{
    printk(LOG_WARNING, "com1=%s: not understood; expected baud[,8n1[,io-base[,irq]]]", text);
}

/*
 * Reads data bits 5-8, parity n, o, e, m or s, and stop bits 1 or 2, as in "8n1".
 * @return 0: success
 */
static int __init parse_framing(const char *s, const char **end, u8 *lcr)
{
    static const char parities[] = "noems";
    static const u8 parity_bits[] = {0x00, 0x08, 0x18, 0x28, 0x38};
    const char *parity;

    if (s[0] < '5' || s[0] > '8' || !s[1] || (parity = strchr(parities, s[1])) == NULL)
        return -1;
    if (s[2] != '1' && s[2] != '2')
        return -1;
    *lcr = (u8)((s[0] - '5') | parity_bits[parity - parities] | (s[2] == '2' ? LCR_TWO_STOP : 0));
    *end = s + 3;
    return 0;
}

/*
 * Reads baud or "auto", framing, I/O base and interrupt; a field may be left empty. Nothing changes
 * if any of them is wrong.
 */
static void __init parse_option(const char *text)
{
    __typeof__(uart) u = uart;
    const char *s = text;

    if (!strncmp(s, "auto", 4)) {
        u.baud = 0;
        s += 4;
    } else if (*s != ',') {
        u.baud = (u32)strtoul(s, &s, 10);
        if (!u.baud || u.baud > CLOCK_HZ / 16) {
            bad_option(text);
            return;
        }
    }
    if (*s == ',') {
        s++;
        if (*s && *s != ',' && parse_framing(s, &s, &u.lcr)) {
            bad_option(text);
            return;
        }
    }
    if (*s == ',') {
        s++;
        if (*s && *s != ',')
            u.base = (u16)strtoul(s, &s, 0);
    }
    if (*s == ',') {
        s++;
        if (*s && *s != ',')
            u.irq = (u8)strtoul(s, &s, 0);
    }
    if (*s || !u.base || u.irq >= NR_ISA_IRQS) {
        bad_option(text);
        return;
    }
    uart = u;
}

static bool __init present(void)
{
    outb(0x5a, uart.base + REG_SCRATCH);
    if (inb(uart.base + REG_SCRATCH) != 0x5a)
        return false;
    outb(0xa5, uart.base + REG_SCRATCH);
    return inb(uart.base + REG_SCRATCH) == 0xa5;
}

bool __init uart_init_early(const char *option)
{
    if (*option)
        parse_option(option);
    if (!present())
        return false;
    outb(0, uart.base + REG_IER);
    if (uart.baud) {
        u32 divisor = (CLOCK_HZ / 16 + uart.baud / 2) / uart.baud;

        outb(uart.lcr | LCR_DLAB, uart.base + REG_LCR);
        outb((u8)divisor, uart.base + REG_DATA);
        outb((u8)(divisor >> 8), uart.base + REG_IER);
    }
    outb(uart.lcr, uart.base + REG_LCR);
    outb(FCR_ENABLE_AND_CLEAR, uart.base + REG_FCR);
    outb(MCR_DTR_RTS_OUT2, uart.base + REG_MCR);
    if ((inb(uart.base + REG_IIR) & IIR_FIFO) == IIR_FIFO)
        uart.fifo = 16;
    uart.in_use = true;
    console_register(&uart_console);
    return true;
}

bool __init uart_in_use(void)
{
    return uart.in_use;
}

void uart_poll(void)
{
    for (unsigned int i = 0; i < MAX_DRAIN && (inb(uart.base + REG_LSR) & LSR_DATA_READY); i++)
        console_input((char)inb(uart.base + REG_DATA));
}

static void uart_interrupt(void *arg)
{
    uart_poll();
}

bool __init uart_init_irq(void)
{
    /* What was typed at the boot loader is not for dom0. */
    for (unsigned int i = 0; i < MAX_DRAIN && (inb(uart.base + REG_LSR) & LSR_DATA_READY); i++)
        inb(uart.base + REG_DATA);
    if (irq_request_isa(uart.irq, uart_interrupt, NULL))
        return false;
    outb(IER_RX, uart.base + REG_IER);
    return true;
}

bool uart_owns_port(u16 port)
{
    return uart.in_use && port >= uart.base && port < uart.base + 8;
}
