/* SPDX-License-Identifier: MIT */
/*
 * The first and only program of a Linux ramdisk: how much more two processes get done than one, on
 * two CPUs, when they fork, execute a program and touch memory all the time. Each stays on a CPU
 * of its own, and so do its children. A single one is measured on either CPU, while the other
 * computes: then all figures are those of a machine whose CPUs are both busy, and one of its CPUs
 * may be faster. Prints, for the caller on the console,
 *
 *     SCALING <processes> <rounds a second, of all together>
 *
 * for one and two processes in turn, and "SCALING DONE".
 */
#include <sched.h>
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

enum { PAGE = 4096, TOUCHED = 64 * PAGE, TURNS = 3, WORKERS = 2 };

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

static void stay_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    must(sched_setaffinity(0, sizeof(set), &set) == 0, "sched_setaffinity");
}

static pid_t worker_begin(int number)
{
    pid_t worker = fork();

    must(worker >= 0, "fork");
    if (worker == 0) {
        stay_on(number);
    }
    while (worker == 0) {
        work_round();
        workers[number].rounds++;
    }
    return worker;
}

static pid_t computer_begin(int cpu)
{
    pid_t computer = fork();

    must(computer >= 0, "fork");
    if (computer == 0) {
        stay_on(cpu);
        for (volatile unsigned long n = 0;; n++) {
        }
    }
    return computer;
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

/* With workers on the CPUs of the set WORKING, while others compute. @return rounds a second */
static double measure(unsigned int working)
{
    unsigned long before;
    pid_t pids[WORKERS];
    double start, rate;

    for (int i = 0; i < WORKERS; i++)
        pids[i] = working & 1U << i ? worker_begin(i) : computer_begin(i);
    usleep(SETTLE_US);
    before = rounds_done();
    start = now();
    usleep(MEASURED_US);
    rate = (double)(rounds_done() - before) / (now() - start);
    for (int i = 0; i < WORKERS; i++)
        kill(pids[i], SIGKILL);
    while (wait(NULL) > 0) {
    }
    return rate;
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
        printf("SCALING 1 %.2f\n", (measure(1) + measure(2)) / 2);
        printf("SCALING 2 %.2f\n", measure(3));
    }
    printf("SCALING DONE\n");
    for (;;)
        pause();
}
