/* SPDX-License-Identifier: MIT */
/*
 * The first and only program of a Linux ramdisk: a thread on each of two processors changes the
 * local descriptor table that both share, all the time. For each change the kernel calls the other
 * processor and waits, spinning, until that has answered. Prints, for the caller on the console,
 *
 *     LDT <nanoseconds>
 *
 * for how long half of the changes took at most, and powers the machine off.
 */
#include <asm/ldt.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 2, CHANGES = 300, WRITE_LDT = 0x11 };

static pthread_barrier_t all_are_there;
static uint64_t took[THREADS * CHANGES];
static unsigned int still_measuring = THREADS;

static void must(int ok, const char *what)
{
    if (!ok) {
        perror(what);
        printf("LDT FAILED\n");
        reboot(RB_POWER_OFF);
    }
}

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void change_table(unsigned int entry)
{
    const struct user_desc descriptor = {
        .entry_number = entry, .limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1};

    must(syscall(SYS_modify_ldt, WRITE_LDT, &descriptor, sizeof(descriptor)) == 0, "modify_ldt");
}

/* A thread that is done goes on until the other one is, too. */
static void *change_tables(void *arg)
{
    unsigned int number = (unsigned int)(uintptr_t)arg;
    cpu_set_t cpu;

    CPU_ZERO(&cpu);
    CPU_SET(number, &cpu);
    must(sched_setaffinity(0, sizeof(cpu), &cpu) == 0, "sched_setaffinity");
    pthread_barrier_wait(&all_are_there);
    for (unsigned int i = 0; i < CHANGES; i++) {
        uint64_t start = now();

        change_table(number);
        took[number * CHANGES + i] = now() - start;
    }
    __atomic_sub_fetch(&still_measuring, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&still_measuring, __ATOMIC_SEQ_CST)) {
        change_table(number);
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

int main(void)
{
    pthread_t threads[THREADS];

    setvbuf(stdout, NULL, _IOLBF, 0);
    must(pthread_barrier_init(&all_are_there, NULL, THREADS) == 0, "barrier");
    for (uintptr_t i = 0; i < THREADS; i++) {
        must(pthread_create(&threads[i], NULL, change_tables, (void *)i) == 0, "thread");
    }
    for (unsigned int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    qsort(took, THREADS * CHANGES, sizeof(took[0]), compare);
    printf("LDT %llu\n", (unsigned long long)took[THREADS * CHANGES / 2]);
    reboot(RB_POWER_OFF);
}
