/* SPDX-License-Identifier: MIT */
/*
 * The first and only program of a Linux ramdisk: measures what processes ask of a kernel most
 * often, and with it what paravirtualisation costs there. Prints, for the caller on the console,
 *
 *     BENCH <operation> <nanoseconds for one>
 *     BENCH DONE
 *
 * and powers the machine off. Under QEMU's -icount shift=0 a nanosecond is an instruction and runs
 * repeat exactly, so each operation is repeated only until caches and slabs are warm.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, HEAP = 8 << 20, TOUCHED = 16 * PAGE };

static const char *self;
static volatile char *heap; /* HEAP bytes while the forks with memory are measured */
static volatile char *one_page;
static int to_child[2], to_parent[2];

static void must(int ok, const char *what)
{
    if (!ok) {
        perror(what);
        printf("BENCH FAILED\n");
        reboot(RB_POWER_OFF);
    }
}

static void wait_for(pid_t child)
{
    int status;

    must(waitpid(child, &status, 0) == child && status == 0, "child");
}

static void do_getppid(void)
{
    syscall(SYS_getppid);
}

static void do_fork(void)
{
    pid_t child = fork();

    must(child >= 0, "fork");
    if (child == 0) {
        _exit(0);
    }
    wait_for(child);
}

static void do_rewrite_and_fork(void)
{
    for (size_t i = 0; i < HEAP; i += PAGE) {
        heap[i]++;
    }
    do_fork();
}

static void do_fork_exec(void)
{
    pid_t child = fork();

    must(child >= 0, "fork");
    if (child == 0) {
        execl(self, self, "exit", NULL);
        _exit(1);
    }
    wait_for(child);
}

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    must(memory != MAP_FAILED, "mmap");
    return memory;
}

static void do_map_touch_unmap(void)
{
    volatile char *memory = map(TOUCHED);

    for (size_t i = 0; i < TOUCHED; i += PAGE) {
        memory[i] = 1;
    }
    munmap((void *)memory, TOUCHED);
}

static void do_protect(void)
{
    mprotect((void *)one_page, PAGE, PROT_READ);
    mprotect((void *)one_page, PAGE, PROT_READ | PROT_WRITE);
    *one_page = 1;
}

static void do_ping_pong(void)
{
    char c = 0;

    must(write(to_child[1], &c, 1) == 1 && read(to_parent[0], &c, 1) == 1, "pipe");
}

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void measure(const char *name, void (*operation)(void), unsigned int times)
{
    uint64_t start;

    for (unsigned int i = 0; i < times / 4 + 1; i++) {
        operation();
    }
    start = now();
    for (unsigned int i = 0; i < times; i++) {
        operation();
    }
    printf("BENCH %s %llu\n", name, (unsigned long long)((now() - start) / times));
}

/* The other side of the ping-pong: answers until the pipe is closed. */
static void echo(void)
{
    char c;

    close(to_child[1]);
    while (read(to_child[0], &c, 1) == 1 && write(to_parent[1], &c, 1) == 1) {
    }
    _exit(0);
}

static void measure_ping_pong(void)
{
    pid_t child;

    must(pipe(to_child) == 0 && pipe(to_parent) == 0, "pipe");
    child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        echo();
    }
    measure("ping_pong", do_ping_pong, 1000);
    close(to_child[1]);
    wait_for(child);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "exit")) { /* a program to be executed, no more */
        return 0;
    }
    self = argv[0];
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("BENCH boot %llu\n", (unsigned long long)now()); /* since the kernel's clock began */

    measure("getppid", do_getppid, 10000);
    measure("fork", do_fork, 100);
    heap = map(HEAP);
    memset((void *)heap, 1, HEAP);
    measure("fork_8mib", do_fork, 50);
    measure("fork_8mib_rewritten", do_rewrite_and_fork, 20);
    munmap((void *)heap, HEAP);
    measure("fork_exec", do_fork_exec, 50);
    measure("map_touch_unmap", do_map_touch_unmap, 1000);
    one_page = map(PAGE);
    measure("protect", do_protect, 1000);
    measure_ping_pong();
    printf("BENCH DONE\n");
    reboot(RB_POWER_OFF);
    return 0;
}
