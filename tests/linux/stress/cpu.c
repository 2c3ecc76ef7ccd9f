/* SPDX-License-Identifier: MIT */
/*
 * Registers: what a process has in its general, x87, SSE and AVX registers, in MXCSR and in its
 * thread bases is its own, whatever ran in between, and whether it was a process of the same
 * kernel, another vCPU or a signal handler.
 */
#include "stress.h"

#include <asm/prctl.h>
#include <cpuid.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

/* ---- vector and x87 state ---- */

struct vectors {
    uint8_t ymm[16][32];
    double x87[4];
    uint32_t mxcsr;
    uint16_t control;
} __attribute__((aligned(32)));

static bool has_avx(void)
{
    unsigned int a, b, c, d, low, high;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX)) {
        return false;
    }
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6;
}

#define EACH_REGISTER(op)                                                                          \
    op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) \
        op(15)
#define LOAD_XMM(n)  "movdqu " #n "*32(%[in]), %%xmm" #n "\n\t"
#define STORE_XMM(n) "movdqu %%xmm" #n ", " #n "*32(%[out])\n\t"
#define LOAD_YMM(n)  "vmovdqu " #n "*32(%[in]), %%ymm" #n "\n\t"
#define STORE_YMM(n) "vmovdqu %%ymm" #n ", " #n "*32(%[out])\n\t"
#define ALL_XMM                                                                              \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

/* Loads, waits SPINS rounds, makes a system call, waits again and stores. */
#define HOLD(load, store)                                                                                        \
    __asm__ volatile(                                                                                            \
        "fninit\n\tfldcw %c[cw](%[in])\n\tldmxcsr %c[mx](%[in])\n\t"                                             \
        "fldl %c[fp](%[in])\n\tfldl %c[fp]+8(%[in])\n\tfldl %c[fp]+16(%[in])\n\t"                                \
        "fldl %c[fp]+24(%[in])\n\t" EACH_REGISTER(                                                               \
            load) "mov %[spins], %%r8\n1: dec %%r8\n\tjnz 1b\n\t"                                                \
                  "mov %[nr], %%eax\n\tsyscall\n\t"                                                              \
                  "mov %[spins], %%r8\n1: dec %%r8\n\tjnz 1b\n\t" EACH_REGISTER(                                 \
                      store) "fstpl %c[fp]+24(%[out])\n\tfstpl %c[fp]+16(%[out])\n\tfstpl %c[fp]+8(%[out])\n\t"  \
                             "fstpl %c[fp](%[out])\n\tstmxcsr %c[mx](%[out])\n\tfnstcw %c[cw](%[out])\n\tfninit" \
        :                                                                                                        \
        : [in] "r"(in), [out] "r"(out), [spins] "r"((uint64_t)spins), [nr] "i"(SYS_sched_yield),                 \
          [cw] "i"(offsetof(struct vectors, control)), [mx] "i"(offsetof(struct vectors, mxcsr)),                \
          [fp] "i"(offsetof(struct vectors, x87))                                                                \
        : "rax", "rcx", "r11", "r8", "cc", "memory", ALL_XMM)

static void hold_vectors(const struct vectors *in, struct vectors *out, unsigned int spins,
                         bool avx)
{
    const uint32_t mxcsr = 0x1f80;

    if (avx) {
        HOLD(LOAD_YMM, STORE_YMM);
        __asm__ volatile("vzeroupper");
    } else {
        HOLD(LOAD_XMM, STORE_XMM);
    }
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
}

static void make_vectors(struct vectors *v)
{
    memset(v, 0, sizeof(*v));
    for (unsigned int i = 0; i < 16; i++) {
        for (unsigned int j = 0; j < 32; j++) {
            v->ymm[i][j] = (uint8_t)random_number();
        }
    }
    for (unsigned int i = 0; i < 4; i++) {
        v->x87[i] = (double)(random_number() >> 20);
    }
    v->mxcsr = 0x1f80 | (uint32_t)(random_number() & 3) << 13;
    v->control = 0x037f | (uint16_t)((random_number() & 3) << 10);
}

static void keep_vectors(unsigned int copy, unsigned int seconds)
{
    uint64_t start = now();
    bool avx = has_avx();

    do {
        struct vectors in, out;

        make_vectors(&in);
        memcpy(&out, &in, sizeof(out));
        for (unsigned int i = 0; !avx && i < 16; i++) {
            memset(out.ymm[i], 0xee, 16);
        }
        if (avx) {
            memset(out.ymm, 0xee, sizeof(out.ymm));
        }
        hold_vectors(&in, &out, (unsigned int)(random_number() % 200000) + 1, avx);
        for (unsigned int i = 0; i < 16; i++) {
            check(!memcmp(in.ymm[i], out.ymm[i], 32), "xmm%u or ymm%u changed", i, i);
        }
        for (unsigned int i = 0; i < 4; i++) {
            check(in.x87[i] == out.x87[i], "x87 register %u: %f, not %f", i, out.x87[i], in.x87[i]);
        }
        check((in.mxcsr & 0xffc0) == (out.mxcsr & 0xffc0), "MXCSR %#x, not %#x", out.mxcsr,
              in.mxcsr);
        check(in.control == out.control, "x87 control word %#x, not %#x", out.control, in.control);
    } while (!elapsed(start, seconds));
}

static void vectors(unsigned int seconds)
{
    run_copies(8, keep_vectors, seconds);
}

/* The handler leaves everything in disorder; returning from it restores what was. */
static void disorder(int signal)
{
    struct vectors in, out;

    memset(&in, 0x55, sizeof(in));
    in.mxcsr = 0x1f80 | 1 << 15;
    in.control = 0x027f;
    hold_vectors(&in, &out, 1, has_avx());
    __asm__ volatile("fldpi\n\tfldpi\n\tfldpi");
}

static void keep_vectors_with_signals(unsigned int copy, unsigned int seconds)
{
    const struct itimerval often = {{0, 2000 + (int)copy * 100}, {0, 1000}};

    signal(SIGALRM, disorder);
    setitimer(ITIMER_REAL, &often, NULL);
    keep_vectors(copy, seconds);
}

static void signal_vectors(unsigned int seconds)
{
    run_copies(4, keep_vectors_with_signals, seconds);
}

/* A new program starts with the documented state, whatever its parent had. */
static void fresh_state(unsigned int seconds)
{
    struct vectors in;
    uint64_t start = now();

    do {
        pid_t child;

        make_vectors(&in);
        in.mxcsr = 0xffc0;
        in.control = 0x0c7f;
        __asm__ volatile("ldmxcsr %0\n\tfldcw %1\n\tfldpi" : : "m"(in.mxcsr), "m"(in.control));
        child = spawn();
        if (child == 0) {
            uint32_t mxcsr;
            uint16_t control;

            __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(control));
            check((mxcsr & 0xffc0) == 0xffc0 && control == 0x0c7f,
                  "a child inherits MXCSR %#x and control word %#x", mxcsr, control);
            _exit(0);
        }
        __asm__ volatile("fninit");
        join(child);
    } while (!elapsed(start, seconds));
}

/* ---- general registers over system calls and preemption ---- */

static void keep_registers(unsigned int copy, unsigned int seconds)
{
    uint64_t start = now();

    do {
        uint64_t seed = random_number(), bad = 0;

        __asm__ volatile(
            "push %%rbp\n\t"
            "mov %[s], %%rbx\n\tmov %[s], %%rbp\n\tnot %%rbp\n\tmov %[s], %%r8\n\tmov %[s], %%r9\n\t"
            "mov %[s], %%r10\n\tmov %[s], %%r12\n\tnot %%r12\n\tmov %[s], %%r13\n\tmov %[s], %%r14\n\t"
            "mov %[s], %%r15\n\tmov $100000, %%ecx\n1: dec %%ecx\n\tjnz 1b\n\t"
            "mov %[nr], %%eax\n\tsyscall\n\tmov $100000, %%ecx\n1: dec %%ecx\n\tjnz 1b\n\t"
            "not %%rbp\n\tnot %%r12\n\t"
            "xor %[s], %%rbx\n\txor %[s], %%rbp\n\txor %[s], %%r8\n\txor %[s], %%r9\n\t"
            "xor %[s], %%r10\n\txor %[s], %%r12\n\txor %[s], %%r13\n\txor %[s], %%r14\n\t"
            "xor %[s], %%r15\n\tor %%rbx, %[b]\n\tor %%rbp, %[b]\n\tor %%r8, %[b]\n\t"
            "or %%r9, %[b]\n\tor %%r10, %[b]\n\tor %%r12, %[b]\n\tor %%r13, %[b]\n\t"
            "or %%r14, %[b]\n\tor %%r15, %[b]\n\tpop %%rbp"
            : [b] "+D"(bad)
            : [s] "S"(seed), [nr] "i"(SYS_sched_yield)
            : "rax", "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc",
              "memory");
        check(bad == 0, "a general register changed: bits %#llx", (unsigned long long)bad);
    } while (!elapsed(start, seconds));
}

static void registers(unsigned int seconds)
{
    run_copies(4, keep_registers, seconds);
}

/* Flags that a process owns come back from a system call and from preemption. */
static void flags(unsigned int seconds)
{
    static const uint64_t wanted[] = {0x0,  0x1,   0x4,   0x10,     0x40,
                                      0x80, 0x800, 0x8d5, 0x200000, 0x40000};
    uint64_t start = now();

    do {
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
            uint64_t after;

            __asm__ volatile("pushq %[in]\n\tpopfq\n\tmov %[nr], %%eax\n\tsyscall\n\tpushfq\n\t"
                             "popq %[out]\n\tpushq $0\n\tpopfq"
                             : [out] "=r"(after)
                             : [in] "r"(wanted[i] | 0x202), [nr] "i"(SYS_sched_yield)
                             : "rax", "rcx", "r11", "cc", "memory");
            check((after & 0x240dd5) == wanted[i], "flags %#llx came back as %#llx",
                  (unsigned long long)wanted[i], (unsigned long long)after);
            check(after & 0x200 && !(after & 0x23000), "flags with IF clear or IOPL, VM: %#llx",
                  (unsigned long long)after);
        }
    } while (!elapsed(start, seconds));
}

/* ---- threads ---- */

enum { THREADS = 8 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static volatile unsigned int turn, turns;
static volatile bool threads_end;
static __thread volatile uint64_t own;

static void *take_turns(void *argument)
{
    unsigned int number = (unsigned int)(uintptr_t)argument;

    own = number;
    pthread_mutex_lock(&mutex);
    while (!threads_end) {
        while (turn != number && !threads_end) {
            pthread_cond_wait(&turned, &mutex);
        }
        check(own == number, "thread %u found the storage of thread %llu", number,
              (unsigned long long)own);
        turn = (turn + 1) % THREADS;
        turns++;
        pthread_cond_broadcast(&turned);
    }
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void threads(unsigned int seconds)
{
    pthread_t all[THREADS];
    uint64_t start = now();

    for (uintptr_t i = 0; i < THREADS; i++) {
        check(pthread_create(&all[i], NULL, take_turns, (void *)i) == 0, "no thread");
    }
    while (!elapsed(start, seconds) || turns < 100) {
        usleep(10000);
    }
    pthread_mutex_lock(&mutex);
    threads_end = true;
    pthread_cond_broadcast(&turned);
    pthread_mutex_unlock(&mutex);
    for (unsigned int i = 0; i < THREADS; i++) {
        pthread_join(all[i], NULL);
    }
}

static void *come_and_go(void *argument)
{
    own = (uintptr_t)argument;
    sched_yield();
    return (void *)(uintptr_t)own;
}

static void thread_births(unsigned int seconds)
{
    uint64_t start = now();

    do {
        pthread_t all[THREADS];

        for (uintptr_t i = 0; i < THREADS; i++) {
            check(pthread_create(&all[i], NULL, come_and_go, (void *)i) == 0, "no thread");
        }
        for (uintptr_t i = 0; i < THREADS; i++) {
            void *result;

            pthread_join(all[i], &result);
            check((uintptr_t)result == i, "a thread returned another's number");
        }
    } while (!elapsed(start, seconds));
}

/* GS is free in a 64-bit process: its base is memory of the process's own. */
static void keep_gs(unsigned int copy, unsigned int seconds)
{
    uint64_t *memory = map(PAGE_SIZE), start = now();
    uint64_t base;

    memory[1] = copy;
    check(syscall(SYS_arch_prctl, ARCH_SET_GS, memory) == 0, "ARCH_SET_GS: %s", strerror(errno));
    do {
        uint64_t seen;

        for (unsigned int i = 0; i < 1000; i++) {
            __asm__ volatile("mov %%gs:8, %0" : "=r"(seen));
            check(seen == copy, "GS of process %u shows %llu", copy, (unsigned long long)seen);
        }
        sched_yield();
        check(syscall(SYS_arch_prctl, ARCH_GET_GS, &base) == 0 && base == (uintptr_t)memory,
              "ARCH_GET_GS gives %#llx", (unsigned long long)base);
    } while (!elapsed(start, seconds));
}

static void thread_bases(unsigned int seconds)
{
    run_copies(6, keep_gs, seconds);
}

const struct subject cpu_subjects[] = {
    {"vectors", vectors},
    {"signal-vectors", signal_vectors},
    {"fresh-state", fresh_state},
    {"registers", registers},
    {"flags", flags},
    {"threads", threads},
    {"thread-births", thread_births},
    {"thread-bases", thread_bases},
    {NULL, NULL},
};
