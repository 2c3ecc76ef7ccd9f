/* SPDX-License-Identifier: MIT */
/*
 * The first and only program of a Linux ramdisk: how much more two processes get done than one, on
 * two CPUs, when they fork, execute a program and touch memory all the time. Prints, for the caller
 * on the console,
 *
 *     SCALING <processes> <rounds a second, of all together>
 *
 * for one and two processes in turn, and "SCALING DONE".
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, TOUCHED = 64 * PAGE, TURNS = 5, WORKERS = 2 };

/* Before and while rounds are counted. */
enum { SETTLE_US = 300000, MEASURED_US = 2000000 };

static const char *self;

/* Shared with the workers, each of which has a line of the cache. */
static volatile struct {
    unsigned long rounds;
    char other_line[120];
} * workers;

static void must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        printf("SCALING FAILED\n");
        exit(1);
    }
}

static void touch_memory(void)
{
    volatile char *memory = mmap(NULL, TOUCHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                                 -1, 0);

    must((void *)memory != MAP_FAILED, "mmap");
    for (size_t i = 0; i < TOUCHED; i += PAGE)
        memory[i] = 1;
    munmap((void *)memory, TOUCHED);
}

static void work_round(void)
{
    pid_t child;
    int status;

    touch_memory();
    child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        execl(self, self, "touch", NULL);
        _exit(1);
    }
    must(waitpid(child, &status, 0) == child && status == 0, "child");
}

static pid_t worker_begin(int number)
{
    pid_t worker = fork();

    must(worker >= 0, "fork");
    while (worker == 0) {
        work_round();
        workers[number].rounds++;
    }
    return worker;
}

static unsigned long rounds_done(void)
{
    unsigned long rounds = 0;

    for (int i = 0; i < WORKERS; i++)
        rounds += workers[i].rounds;
    return rounds;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(int count)
{
    unsigned long before;
    pid_t pids[WORKERS];
    double start;

    for (int i = 0; i < count; i++)
        pids[i] = worker_begin(i);
    usleep(SETTLE_US);
    before = rounds_done();
    start = now();
    usleep(MEASURED_US);
    printf("SCALING %d %.2f\n", count, (double)(rounds_done() - before) / (now() - start));
    for (int i = 0; i < count; i++)
        kill(pids[i], SIGKILL);
    while (wait(NULL) > 0) {
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "touch")) {
        touch_memory();
        return 0;
    }
    self = argv[0];
    setvbuf(stdout, NULL, _IOLBF, 0);
    workers = mmap(NULL, WORKERS * sizeof(*workers), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must((void *)workers != MAP_FAILED, "mmap");
    for (int turn = 0; turn < TURNS; turn++) {
        for (int count = 1; count <= WORKERS; count++)
            measure(count);
    }
    printf("SCALING DONE\n");
    for (;;)
        pause();
}
