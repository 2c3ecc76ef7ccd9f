/* SPDX-License-Identifier: MIT */
/*
 * The small library of the hypervisor: helpers, messages, assertions, strings.
 */
#ifndef BULKHEAD_LIB_H
#define BULKHEAD_LIB_H

#include <stdarg.h>

#include "types.h"

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define likely(x)                       __builtin_expect(!!(x), 1)
#define unlikely(x)                     __builtin_expect(!!(x), 0)
#define DIV_ROUND_UP(a, b)              (((a) + (b)-1) / (b))
#define ROUND_UP(a, b)                  (((a) + (b)-1) & ~((__typeof__(a))(b)-1))
#define ROUND_DOWN(a, b)                ((a) & ~((__typeof__(a))(b)-1))
/* Nesting is allowed: the locals of each use have names of their own. */
#define CHOOSE_NAMED(op, a, b, x, y) \
    ({                               \
        __typeof__(a) x = (a);       \
        __typeof__(b) y = (b);       \
        x op y ? x : y;              \
    })
#define CHOOSE_NUMBERED(op, a, b, n) CHOOSE_NAMED(op, a, b, _a##n, _b##n)
#define CHOOSE(op, a, b, n)          CHOOSE_NUMBERED(op, a, b, n)
#define MIN(a, b)                    CHOOSE(<, a, b, __COUNTER__)
#define MAX(a, b)                    CHOOSE(>, a, b, __COUNTER__)
#define STATIC_ASSERT(cond)          _Static_assert(cond, #cond)
#define READ_ONCE(x)                 (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)             (*(volatile __typeof__(x) *)&(x) = (v))
#define barrier()                    __asm__ volatile("" ::: "memory")
/* gcc assumes nothing of what the variable @x holds after this. */
#define HIDE_VALUE(x) __asm__("" : "+r"(x))
/* For functions on hot paths of which the compiler drops most where it knows the arguments. */
#define HOT_INLINE  static inline __attribute__((always_inline))
#define __init      __attribute__((section(".init.text"), cold))
#define __initdata  __attribute__((section(".init.data")))
#define __initconst __attribute__((section(".init.rodata")))
#define __noinline  __attribute__((noinline))
#undef __always_inline /* C libraries define it, too */
#define __noreturn     __attribute__((noreturn))
#define __packed       __attribute__((packed))
#define __aligned(n)   __attribute__((aligned(n)))
#define __printf(f, a) __attribute__((format(printf, f, a)))

/* Message levels, as Xen's `loglvl=` and `guest_loglvl=` name them. */
enum loglevel { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/*
 * printk() prints one message on the hypervisor's console: serial port, screen, and the ring that
 * `bh dmesg` reads. Each line is prefixed with "(BH) "; a message that does not end in a newline
 * gets one. A message has at most 500 characters. Safe in any context, with interrupts on or off,
 * but not in the middle of another message of the same CPU (NMI handlers print only on their way to
 * panic()).
 *
 * printk_guest() is for what a guest can trigger: its messages are prefixed with the current vCPU
 * ("d1v0 "), filtered by guest_loglvl= and rate limited per domain.
 */
void printk(enum loglevel level, const char *fmt, ...) __printf(2, 3);
void printk_guest(enum loglevel level, const char *fmt, ...) __printf(2, 3);
void vprintk(enum loglevel level, const char *fmt, va_list ap) __printf(2, 0);

/*
 * Called when an invariant of ours is broken: prints state and a backtrace on all consoles, then
 * stops or restarts the machine.
 */
/*
 * Claims the end of the machine for this CPU and stops the others, before what is to be said ahead
 * of panic(). A CPU that comes second stays here.
 */
void panic_begin(void);
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;

#define BUG() panic("BUG at %s:%d", __FILE__, __LINE__)
#define BUG_ON(cond)                                              \
    do {                                                          \
        if (unlikely(cond))                                       \
            panic("BUG at %s:%d: %s", __FILE__, __LINE__, #cond); \
    } while (0)
#ifdef DEBUG
#define BUILD_KIND   ", debug build"
#define ASSERT(cond) BUG_ON(!(cond))
#else
#define BUILD_KIND   ""
#define ASSERT(cond) ((void)sizeof(!(cond)))
#endif

#include <asm/nospec.h> /* index_nospec(), index_ok() */
#include <asm/string.h> /* memcpy_inline(), memzero_inline() */

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
/*
 * Copies at most @size - 1 bytes and always terminates @dst.
 * @return strlen(@src)
 */
size_t strlcpy(char *dst, const char *src, size_t size);
/*
 * Converts a number in @base; with base 0 a prefix 0x makes it hexadecimal. *@end receives where
 * the number ends; @end may be NULL.
 */
unsigned long strtoul(const char *s, const char **end, unsigned int base);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args) __printf(3, 0);

/* @return the smallest order whose block of 2^order pages holds @pages */
static inline unsigned int order_from_pages(unsigned long pages)
{
    return pages <= 1 ? 0 : 64U - (unsigned int)__builtin_clzl(pages - 1);
}

#endif
