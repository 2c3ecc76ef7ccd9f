/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's console: messages, the ring that keeps them, the devices that show them.
 *
 * A message is formatted on the caller's stack, checked against the level thresholds and the rate
 * limit, and then written under one leaf lock: first into the ring, from which `bh dmesg`
 * (XEN_SYSCTL_readconsole) reads, then to every registered driver. Dom0's own console text goes to
 * the drivers only. So each message is in the ring as a whole, and never follows a guest's
 * unfinished line on the same line.
 *
 * The ring is addressed by free-running 32-bit counters: `ring_end` counts every byte ever written,
 * `ring_start` is the oldest one still there or not cleared by a reader. A reader remembers a
 * counter value and asks for the bytes after it.
 *
 * After console_force_unlock() (the machine is going down) no CPU waits for the lock any longer.
 */
#include <console.h>
#include <domain.h>
#include <guest_access.h>
#include <hypercall.h>
#include <public/sysctl.h>
#include <timer.h>

#define RING_SIZE   65536U /* a power of two */
#define MESSAGE_MAX 512
#define PREFIX      "(BH) "

/*
 * Rate limits: in the long run one message per interval, and at first some at once. The second
 * limit is for what a guest provokes at a level that is always printed: it permits more messages
 * than anybody reads, and so few that the serial port has time left for the guests' own consoles.
 */
struct rate_limit {
    unsigned int interval_ms, burst;
};
static const struct rate_limit rate_limited = {500, 10}, rate_of_guests = {50, 100};

static spinlock_t console_lock = SPINLOCK_INIT(RANK_CONSOLE);
static bool forced;
static struct console_driver *drivers;
static bool line_open; /* the last character shown was not a newline */

static char ring[RING_SIZE];
static u32 ring_start, ring_end;

/*
 * Thresholds, as numbers of levels: messages of level < always are printed, those of level <
 * limited are printed within the rate limit. They are changed under the console lock. A message
 * looks at them without it, and may find one of before and one of after a change.
 */
struct threshold {
    int always, limited;
};
static struct threshold levels[] = {
    [CONSOLE_LOGLVL] = {LOG_INFO + 1, LOG_INFO + 1}, [CONSOLE_GUEST_LOGLVL] = {0, LOG_WARNING + 1}};
static u64 host_rate;

static unsigned long console_acquire(void)
{
    unsigned long flags = local_irq_save();

    if (likely(!forced))
        spin_lock(&console_lock);
    return flags;
}

static void console_release(unsigned long flags)
{
    if (likely(!forced))
        spin_unlock(&console_lock);
    local_irq_restore(flags);
}

void console_force_unlock(void)
{
    forced = true;
}

/* Writes a piece of text to the ring and the drivers. Locks: the console lock is held. */
static void show_text(const char *text, size_t len)
{
    if (!len)
        return;
    for (struct console_driver *drv = drivers; drv; drv = drv->next)
        drv->write(text, len);
    line_open = text[len - 1] != '\n';
}

static void remember(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ring[ring_end++ & (RING_SIZE - 1)] = text[i];
    if (ring_end - ring_start > RING_SIZE)
        ring_start = ring_end - RING_SIZE;
}

static void emit(const char *text, size_t len)
{
    remember(text, len);
    show_text(text, len);
}

/* Writes one message, line by line with the prefix. */
static void write_message(const char *text)
{
    unsigned long flags = console_acquire();

    if (line_open)
        show_text("\n", 1);
    do {
        const char *eol = strchr(text, '\n');
        size_t len = eol ? (size_t)(eol - text) : strlen(text);

        emit(PREFIX, sizeof(PREFIX) - 1);
        emit(text, len);
        emit("\n", 1);
        text += len + (eol != NULL);
    } while (*text);
    console_release(flags);
}

/*
 * May one more message pass @limit? @state holds the time (ms of system time) at which the bucket
 * will be full again, and in its low 16 bits how many messages were refused since the last one that
 * passed; that number is returned in @suppressed.
 */
static bool rate_limit_ok(const struct rate_limit *limit, u64 *state, unsigned int *suppressed)
{
    u64 now_ms = (u64)now() / 1000000U;
    u64 old = READ_ONCE(*state), new;
    bool ok;

    do {
        u64 full_at = MAX(old >> 16, now_ms);
        u64 dropped = old & 0xffff;

        ok = full_at + limit->interval_ms <= now_ms + (u64)limit->burst * limit->interval_ms;
        if (ok)
            new = (full_at + limit->interval_ms) << 16;
        else
            new = full_at << 16 | MIN(dropped + 1, (u64)0xffff);
        *suppressed = (unsigned int)dropped;
    } while (!cmpxchg(state, &old, new));
    return ok;
}

/*
 * Is a message of this level to be printed, by what @which says? With @always NULL there is no
 * limit for what is always printed. Reports earlier messages that were suppressed.
 */
static bool level_ok(enum console_level which, enum loglevel level, const struct rate_limit *always,
                     u64 *rate)
{
    bool is_always = (int)level < READ_ONCE(levels[which].always);
    const struct rate_limit *limit = is_always ? always : &rate_limited;
    unsigned int suppressed;
    char note[64];

    if (is_always && !always)
        return true;
    if ((int)level >= READ_ONCE(levels[which].limited) || !rate_limit_ok(limit, rate, &suppressed))
        return false;
    if (suppressed) {
        snprintf(note, sizeof(note), "(%u similar messages suppressed)", suppressed);
        write_message(note);
    }
    return true;
}

void vprintk(enum loglevel level, const char *fmt, va_list ap)
{
    char buf[MESSAGE_MAX];

    if (!forced && !level_ok(CONSOLE_LOGLVL, level, NULL, &host_rate))
        return;
    vsnprintf(buf, sizeof(buf), fmt, ap);
    write_message(buf);
}

void printk(enum loglevel level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintk(level, fmt, ap);
    va_end(ap);
}

void printk_guest(enum loglevel level, const char *fmt, ...)
{
    const struct vcpu *v = current;
    char buf[MESSAGE_MAX];
    va_list ap;
    int n;

    if (!level_ok(CONSOLE_GUEST_LOGLVL, level, &rate_of_guests,
                  v ? &v->domain->rate_tokens : &host_rate))
        return;
    n = v ? snprintf(buf, sizeof(buf), "d%uv%u ", v->domain->id, v->id) : 0;
    va_start(ap, fmt);
    vsnprintf(buf + n, sizeof(buf) - (size_t)n, fmt, ap);
    va_end(ap);
    write_message(buf);
}

/* By threshold. Xen, too, shows the last one so, whose messages are those of "debug". */
static const char level_names[LOG_DEBUG + 2][8] = {"none", "error", "warning", "info", "all"};

static int parse_level(const char *s, size_t len)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(level_names); i++)
        if (strlen(level_names[i]) == len && !strncmp(level_names[i], s, len))
            return (int)i;
    return len == 5 && !strncmp(s, "debug", 5) ? LOG_DEBUG + 1 : -1;
}

bool console_set_level(enum console_level level, const char *text)
{
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    int always = len ? parse_level(text, len) : LOG_WARNING + 1;
    int limited = slash ? parse_level(slash + 1, strlen(slash + 1)) : always;
    unsigned long flags;

    if (always < 0 || limited < 0)
        return false;
    flags = console_acquire();
    WRITE_ONCE(levels[level].always, always);
    WRITE_ONCE(levels[level].limited, MAX(always, limited));
    console_release(flags);
    return true;
}

void console_get_level(enum console_level level, char *text)
{
    unsigned long flags = console_acquire();
    struct threshold t = levels[level];

    console_release(flags);
    snprintf(text, CONSOLE_LEVEL_MAX, "%s/%s", level_names[t.always], level_names[t.limited]);
}

static void set_by_option(const char *name, const char *text, enum console_level level)
{
    if (*text && !console_set_level(level, text))
        printk(LOG_WARNING,
               "%s=%s: not understood; expected none, error, warning, info, debug, all or x/y",
               name, text);
}

void console_set_levels(const char *loglvl, const char *guest_loglvl)
{
    set_by_option("loglvl", loglvl, CONSOLE_LOGLVL);
    set_by_option("guest_loglvl", guest_loglvl, CONSOLE_GUEST_LOGLVL);
}

void console_register(struct console_driver *drv)
{
    unsigned long flags = console_acquire();

    drv->next = drivers;
    drivers = drv;
    console_release(flags);
}

void console_write_guest(const char *text, size_t len)
{
    unsigned long flags = console_acquire();

    show_text(text, len);
    console_release(flags);
}

/*
 * Copies at most @max bytes of the ring to @buf, from counter *@pos on, which it advances.
 * @return how many
 */
static u32 ring_take(u32 *pos, char *buf, u32 max)
{
    unsigned long flags = console_acquire();
    u32 n = 0;

    if (ring_end - *pos > ring_end - ring_start) /* overwritten in between */
        *pos = ring_start;
    while (n < max && *pos != ring_end)
        buf[n++] = ring[(*pos)++ & (RING_SIZE - 1)];
    console_release(flags);
    return n;
}

int console_read_ring(struct xen_sysctl_readconsole *op)
{
    unsigned long buffer = handle_addr(op->buffer);
    u32 pos = READ_ONCE(ring_start), end = READ_ONCE(ring_end), done = 0;
    char chunk[256];

    if (op->incremental && end - op->index <= end - pos)
        pos = op->index;
    /*
     * Stops at the end that the ring had at the start: messages that the copying itself provokes
     * are left to the next call.
     */
    while (done < op->count && pos != end) {
        u32 want = MIN(op->count - done, end - pos);
        u32 n = ring_take(&pos, chunk, MIN(want, (u32)sizeof(chunk)));

        if (copy_to_guest(buffer + done, chunk, n))
            return -XEN_EFAULT;
        done += n;
        if ((s32)(end - pos) < 0)
            break;
    }
    if (op->clear) {
        unsigned long flags = console_acquire();

        if (ring_end - pos < ring_end - ring_start)
            ring_start = pos;
        console_release(flags);
    }
    op->count = done;
    op->index = pos;
    return 0;
}
