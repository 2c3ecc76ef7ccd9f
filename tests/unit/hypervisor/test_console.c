/* SPDX-License-Identifier: MIT */
/*
 * The console: prefixes, levels, the rate limit, the ring as `bh dmesg` reads it, dom0's input.
 */
/* SOURCES: hypervisor/console.c hypervisor/console_io.c hypervisor/console_input.c */
/* SOURCES: hypervisor/options.c hypervisor/spinlock.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <console.h>
#include <domain.h>
#include <event_channel.h>
#include <hypercall.h>
#include <options.h>
#include <public/sysctl.h>
#include <softirq.h>

/* ---- the machine around the console ---- */

s_time_t host_now;
__thread bool host_irqs_on = true;
static struct cpu_info info;
static struct domain domain;
static struct vcpu vcpu;
static unsigned int virqs;
static char keys[16];
static unsigned long fault_at; /* guest address from which on access faults; 0: none */

void tlb_relax(void)
{
    __builtin_trap(); /* nobody else runs who could end a wait */
}

struct cpu_info *get_cpu_info(void)
{
    return &info;
}

void *host_guest_pointer(unsigned long addr, unsigned long bytes)
{
    return fault_at && addr + bytes > fault_at && addr < fault_at + PAGE_SIZE ? NULL : (void *)addr;
}

void host_guest_window(bool open)
{
}

unsigned long guest_copy_raw(void *dst, const void *src, unsigned long bytes)
{
    if (!host_guest_pointer((unsigned long)dst, bytes) ||
        !host_guest_pointer((unsigned long)src, bytes))
        return bytes;
    memcpy(dst, src, bytes);
    return 0;
}

void send_global_virq(u32 virq)
{
    virqs += virq == VIRQ_CONSOLE;
}

void debug_key(char key)
{
    keys[strlen(keys)] = key;
}

void softirq_raise(enum softirq nr)
{
    info.softirq_pending |= 1U << nr;
}

bool hypercall_preempt_check(void)
{
    return false;
}

long hypercall_continue(unsigned int op, unsigned int nargs, ...)
{
    return -ERESTART;
}

void panic(const char *fmt, ...)
{
    fail_msg("panic: %s", fmt);
    __builtin_unreachable();
}

/* ---- a device that remembers ---- */

char *strstr(const char *haystack, const char *needle);

static char shown[1 << 18];
static size_t shown_len;

static void device_write(const char *text, size_t len)
{
    assert_true(shown_len + len < sizeof(shown));
    memcpy(shown + shown_len, text, len);
    shown_len += len;
    shown[shown_len] = 0;
}

static struct console_driver device = {.name = "test", .write = device_write};

static u32 read_ring(char *buf, u32 size, u32 *index, bool incremental, bool clear)
{
    struct xen_sysctl_readconsole op = {
        .clear = clear, .incremental = incremental, .index = *index, .count = size};

    op.buffer.p = buf;
    assert_int_equal(console_read_ring(&op), 0);
    *index = op.index;
    return op.count;
}

static int setup(void **state)
{
    static char all[1 << 17];
    u32 index = 0;

    console_set_levels("info", "none/warning");
    console_write_guest("\n", 1); /* ends a line that the last test left open */
    read_ring(all, sizeof(all), &index, false, true);
    shown_len = 0;
    shown[0] = 0;
    host_now += SECONDS(100);
    info.vcpu = &vcpu;
    vcpu.domain = &domain;
    vcpu.id = 2;
    domain.id = 7;
    domain.privileged = true;
    domain.rate_tokens = 0;
    fault_at = 0;
    return 0;
}

static void prefixes(void **state)
{
    printk(LOG_INFO, "one");
    printk(LOG_INFO, "two\n");
    printk(LOG_INFO, "three\nfour %d\n", 4);
    assert_string_equal(shown, "(BH) one\n(BH) two\n(BH) three\n(BH) four 4\n");
    shown_len = 0;
    console_write_guest("bh> ", 4);
    printk(LOG_INFO, "after a prompt");
    console_write_guest("x\n", 2);
    printk(LOG_INFO, "after a line");
    assert_string_equal(shown, "bh> \n(BH) after a prompt\nx\n(BH) after a line\n");
}

static void levels(void **state)
{
    printk(LOG_DEBUG, "no");
    assert_int_equal(shown_len, 0);
    console_set_levels("all", "");
    printk(LOG_DEBUG, "yes");
    console_set_levels("none", "");
    printk(LOG_ERR, "no");
    assert_string_equal(shown, "(BH) yes\n");
    shown_len = 0;
    console_set_levels("info", "");
    console_set_levels("loud", "");
    assert_memory_equal(shown, "(BH) loglvl=loud: not understood", 32);
}

static unsigned int lines_shown(void)
{
    unsigned int n = 0;

    for (size_t i = 0; i < shown_len; i++)
        n += shown[i] == '\n';
    return n;
}

static void rate_limit(void **state)
{
    for (int i = 0; i < 100; i++)
        printk_guest(LOG_WARNING, "flood");
    assert_int_equal(lines_shown(), 10);
    assert_memory_equal(shown, "(BH) d7v2 flood\n", 16);
    printk_guest(LOG_INFO, "below the threshold");
    assert_int_equal(lines_shown(), 10);
    host_now += MILLISECS(500);
    shown_len = 0;
    printk_guest(LOG_WARNING, "again");
    assert_string_equal(shown, "(BH) (90 similar messages suppressed)\n(BH) d7v2 again\n");
    printk_guest(LOG_WARNING, "too early");
    assert_int_equal(lines_shown(), 2);
    /* After a long pause the whole burst is there again, and no more. */
    host_now += SECONDS(1000);
    shown_len = 0;
    for (int i = 0; i < 100; i++)
        printk_guest(LOG_ERR, "flood");
    assert_int_equal(lines_shown(), 11);
}

/* What a guest provokes is limited at the levels that are always printed, too. */
static void guests_flood(void **state)
{
    console_set_levels("", "all");
    for (int i = 0; i < 10000; i++)
        printk_guest(LOG_DEBUG, "RDMSR");
    assert_int_equal(lines_shown(), 100);
    host_now += SECONDS(1);
    shown_len = 0;
    for (int i = 0; i < 10000; i++)
        printk_guest(LOG_DEBUG, "RDMSR");
    assert_int_equal(lines_shown(), 1 + 20);
    console_set_levels("", "none/warning");
    /* Ours are not. */
    console_set_levels("all", "");
    shown_len = 0;
    for (int i = 0; i < 1000; i++)
        printk(LOG_DEBUG, "ours");
    assert_int_equal(lines_shown(), 1000);
    console_set_levels("info", "");
}

static void ring_incremental(void **state)
{
    char buf[64];
    u32 index = 0, n;

    printk(LOG_INFO, "first");
    n = read_ring(buf, sizeof(buf), &index, false, false);
    assert_int_equal(n, 11);
    assert_memory_equal(buf, "(BH) first\n", 11);
    assert_int_equal(read_ring(buf, sizeof(buf), &index, true, false), 0);
    printk(LOG_INFO, "second");
    assert_int_equal(read_ring(buf, 5, &index, true, false), 5);
    n = read_ring(buf, sizeof(buf), &index, true, false);
    assert_memory_equal(buf, "second\n", n);
    /* From the start again, then cleared. */
    assert_int_equal(read_ring(buf, sizeof(buf), &index, false, true), 23);
    assert_int_equal(read_ring(buf, sizeof(buf), &index, false, false), 0);
    /* An index that never was counts as the start. */
    printk(LOG_INFO, "third");
    index += 1000000;
    assert_int_equal(read_ring(buf, sizeof(buf), &index, true, false), 11);
}

static void ring_wraps(void **state)
{
    static char buf[1 << 17];
    u32 index = 0, n;

    for (int i = 0; i < 10000; i++)
        printk(LOG_INFO, "message %05d", i);
    n = read_ring(buf, sizeof(buf), &index, false, false);
    assert_int_equal(n, 65536);
    assert_memory_equal(buf + n - 14, "message 09999\n", 14);
    assert_int_equal(read_ring(buf, sizeof(buf), &index, true, false), 0);
}

static void ring_fault(void **state)
{
    char buf[64];
    struct xen_sysctl_readconsole op = {.clear = 1, .count = sizeof(buf)};
    u32 index = 0;

    printk(LOG_INFO, "kept");
    op.buffer.p = buf;
    fault_at = (unsigned long)buf + 3;
    assert_int_equal(console_read_ring(&op), -XEN_EFAULT);
    fault_at = 0;
    assert_int_equal(read_ring(buf, sizeof(buf), &index, false, false), 10);
}

static void long_message(void **state)
{
    char text[2000];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    printk(LOG_INFO, "%s", text);
    assert_int_equal(shown_len, 5 + 511 + 1);
}

static void hypercall(void **state)
{
    static char text[1000];
    char buf[2000];

    memset(text, 'y', sizeof(text));
    assert_int_equal(do_console_io(CONSOLEIO_write, sizeof(text), (unsigned long)text), 0);
    assert_int_equal(shown_len, sizeof(text));
    fault_at = (unsigned long)text + 500;
    assert_int_equal(do_console_io(CONSOLEIO_write, sizeof(text), (unsigned long)text),
                     -XEN_EFAULT);
    fault_at = 0;
    assert_int_equal(do_console_io(99, 0, 0), -XEN_ENOSYS);
    assert_int_equal(do_console_io(CONSOLEIO_read, 0x80000000U, 0), -XEN_E2BIG);

    for (int i = 0; i < 1500; i++)
        console_input((char)('a' + i % 26));
    assert_true(info.softirq_pending & 1U << SOFTIRQ_CONSOLE);
    console_softirq();
    assert_int_equal(virqs, 1);
    assert_int_equal(do_console_io(CONSOLEIO_read, 3, (unsigned long)buf), 3);
    assert_memory_equal(buf, "abc", 3);
    assert_int_equal(do_console_io(CONSOLEIO_read, sizeof(buf), (unsigned long)buf), 1024 - 3);
    assert_int_equal(do_console_io(CONSOLEIO_read, sizeof(buf), (unsigned long)buf), 0);

    domain.privileged = false;
    assert_int_equal(do_console_io(CONSOLEIO_write, 1, (unsigned long)text), -XEN_EPERM);
}

static void type(const char *text)
{
    while (*text)
        console_input(*text++);
    console_softirq();
}

static void expect_dom0_reads(const char *text)
{
    char buf[16];

    assert_int_equal(console_read_input(buf, sizeof(buf)), strlen(text));
    assert_memory_equal(buf, text, strlen(text));
}

/* The switch character three times in a row changes who gets the input; fewer of them are input. */
static void input_switches(void **state)
{
    virqs = 0;
    type("ab\001c\001\001d");
    expect_dom0_reads("ab\001c\001\001d");
    assert_int_equal(virqs, 1);
    type("\001\001");
    expect_dom0_reads("");
    assert_int_equal(virqs, 1);
    type("\001qh");
    expect_dom0_reads("");
    assert_int_equal(virqs, 1);
    assert_string_equal(keys, "qh");
    assert_non_null(strstr(shown, "input: to the hypervisor"));
    assert_non_null(strstr(shown, "Ctrl-A three times"));
    type("\001\001\001x");
    assert_non_null(strstr(shown, "input: to dom0"));
    expect_dom0_reads("x");
    assert_string_equal(keys, "qh");
    assert_int_equal(virqs, 2);

    hv_options.switch_character = 2;
    type("\001\001\001y\002\002\002m\002\002\002");
    expect_dom0_reads("\001\001\001y");
    assert_string_equal(keys, "qhm");
    console_input_to_us();
    type("e");
    assert_string_equal(keys, "qhme");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(prefixes, setup),
        cmocka_unit_test_setup(levels, setup),
        cmocka_unit_test_setup(rate_limit, setup),
        cmocka_unit_test_setup(guests_flood, setup),
        cmocka_unit_test_setup(ring_incremental, setup),
        cmocka_unit_test_setup(ring_wraps, setup),
        cmocka_unit_test_setup(ring_fault, setup),
        cmocka_unit_test_setup(long_message, setup),
        cmocka_unit_test_setup(hypercall, setup),
        cmocka_unit_test_setup(input_switches, setup),
    };

    console_register(&device);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
