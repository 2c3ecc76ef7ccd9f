/* SPDX-License-Identifier: MIT */
/*
 * The faked machine: RAM and its frame table, CPUs, the guest's window, messages and panic. See
 * host.h.
 */
#include <setjmp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <host.h>
#include <options.h>

char *host_ram;
void *host_frame_table;
static unsigned long mapped_frames;

struct cpu *cpus[NR_CPUS];
static struct cpu cpu_storage[HOST_CPUS];
static struct cpu_info infos[HOST_CPUS];
static __thread unsigned int this_cpu_id;
unsigned int nr_cpus;
cpumask_t cpu_online;
u64 cpu_khz = 1000000;
unsigned long max_page;
struct hv_options hv_options;

s_time_t host_now;
__thread bool host_irqs_on;
__attribute__((weak)) u32 tlb_now = 1;
unsigned long host_tlb_flushes;
void (*host_after_clock)(void);

char *host_guest;
static unsigned long window_start, window_bytes;

struct cpu_info *get_cpu_info(void)
{
    return &infos[this_cpu_id];
}

void host_run_on(unsigned int cpu)
{
    this_cpu_id = cpu;
}

static void *reserve(unsigned long bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    if (p == MAP_FAILED)
        panic("no memory for the faked machine");
    return p;
}

void heap_reset(void); /* memory.c */

void host_boot_memory(unsigned long frames, unsigned int nr)
{
    if (host_ram) {
        munmap(host_ram, mapped_frames << PAGE_SHIFT);
        munmap(host_frame_table, mapped_frames * sizeof(struct page));
    }
    host_ram = reserve(frames << PAGE_SHIFT);
    host_frame_table = reserve(frames * sizeof(struct page));
    mapped_frames = max_page = frames;

    if (!host_guest)
        host_guest = reserve(HOST_WINDOW);
    memset(host_guest, 0, HOST_WINDOW);
    host_guest_limit(0, 0);

    host_now = 1000;
    host_irqs_on = true;
    memset(cpu_storage, 0, sizeof(cpu_storage));
    memset(infos, 0, sizeof(infos));
    memset(&cpu_online, 0, sizeof(cpu_online));
    nr_cpus = nr;
    for (unsigned int i = 0; i < nr; i++) {
        cpus[i] = &cpu_storage[i];
        cpus[i]->id = i;
        cpus[i]->info = &infos[i];
        infos[i].cpu = cpus[i];
        infos[i].cpu_id = i;
        cpumask_set(&cpu_online, i);
    }
    host_run_on(0);
    heap_reset();
    heap_add_range(MFN(0), MFN(frames));
}

/* ---- guest memory ---- */

void host_guest_limit(unsigned long offset, unsigned long bytes)
{
    window_start = offset;
    window_bytes = bytes ? bytes : HOST_WINDOW - offset;
}

static bool in_window(unsigned long addr, unsigned long bytes)
{
    unsigned long start = (unsigned long)host_guest + window_start;

    return addr >= start && addr - start <= window_bytes && bytes <= window_bytes - (addr - start);
}

void *(*host_more_guest_memory)(unsigned long addr, unsigned long bytes);

void *host_guest_pointer(unsigned long addr, unsigned long bytes)
{
    if (in_window(addr, bytes))
        return (void *)addr;
    return host_more_guest_memory ? host_more_guest_memory(addr, bytes) : NULL;
}

void (*host_after_guest_read)(void *place, unsigned long bytes);

void host_guest_was_read(void *place, unsigned long bytes)
{
    if (host_after_guest_read)
        host_after_guest_read(place, bytes);
}

static __thread bool guest_window;

void host_guest_window(bool open)
{
    if (open)
        (void)READ_ONCE(max_page); /* tests/smp: other CPUs run before the access, not within it */
    if (open == guest_window)
        panic(open ? "a window inside a window" : "a window is closed that is not open");
    guest_window = open;
}

/* How much of @bytes at @addr is there; *@place: where. */
static unsigned long reachable(unsigned long addr, unsigned long bytes, char **place)
{
    unsigned long n = 0;

    *place = host_guest_pointer(addr, bytes);
    if (*place)
        return bytes;
    while (bytes - n > PAGE_SIZE && host_guest_pointer(addr + n, PAGE_SIZE))
        n += PAGE_SIZE;
    while (n < bytes && host_guest_pointer(addr + n, 1))
        n++;
    *place = n ? host_guest_pointer(addr, n) : NULL;
    return *place ? n : 0;
}

/* Of the two pointers the guest's is the one that is guest memory; neither: it faults. */
unsigned long guest_copy_raw(void *dst, const void *src, unsigned long bytes)
{
    char *place;
    unsigned long n;

    if (guest_window)
        panic("a call inside of a guest window");
    n = reachable((unsigned long)dst, bytes, &place);
    if (n) {
        memcpy(place, src, n);
    } else {
        n = reachable((unsigned long)src, bytes, &place);
        if (n) {
            memcpy(dst, place, n);
            host_guest_was_read(place, n);
        }
    }
    return bytes - n;
}

unsigned long guest_clear_raw(void *dst, unsigned long bytes)
{
    char *place;
    unsigned long n = reachable((unsigned long)dst, bytes, &place);

    if (n)
        memset(place, 0, n);
    return bytes - n;
}

/* ---- messages ---- */

static bool expect_panic;
static jmp_buf panic_exit;

static void write_text(const char *prefix, const char *fmt, va_list ap)
{
    char line[512];
    int n = vsnprintf(line, sizeof(line), fmt, ap);

    if (n > 0) {
        (void)!write(2, prefix, strlen(prefix));
        (void)!write(2, line, MIN((size_t)n, sizeof(line) - 1));
    }
}

#define LOG_BYTES 16384U

/* One line more; a log that is half full begins anew. */
static void append(char log[LOG_BYTES], const char *fmt, va_list ap)
{
    size_t used = strlen(log);

    if (used > LOG_BYTES / 2)
        used = 0;
    used += (size_t)vsnprintf(log + used, LOG_BYTES / 4, fmt, ap);
    memcpy(log + used, "\n", 2);
}

__thread char host_console_log[LOG_BYTES];

void vprintk(enum loglevel level, const char *fmt, va_list ap)
{
    append(host_console_log, fmt, ap);
}

void printk(enum loglevel level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintk(level, fmt, ap);
    va_end(ap);
}

__thread char host_guest_log[LOG_BYTES];

void printk_guest(enum loglevel level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    append(host_guest_log, fmt, ap);
    va_end(ap);
}

void panic(const char *fmt, ...)
{
    va_list ap;

    if (expect_panic)
        longjmp(panic_exit, 1);
    va_start(ap, fmt);
    write_text("panic: ", fmt, ap);
    va_end(ap);
    (void)!write(2, "\n", 1);
    __builtin_trap();
}

bool host_panics(void (*fn)(void *arg), void *arg)
{
    expect_panic = true;
    if (setjmp(panic_exit) == 0) {
        fn(arg);
        expect_panic = false;
        return false;
    }
    expect_panic = false;
    return true;
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
    size_t n = strlen(src);

    if (size) {
        size_t copy = MIN(n, size - 1);

        memcpy(dst, src, copy);
        dst[copy] = 0;
    }
    return n;
}
