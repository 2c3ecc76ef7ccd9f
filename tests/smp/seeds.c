/* SPDX-License-Identifier: MIT */
/*
 * The programs of tests/smp:
 *
 *   PROGRAM COUNT [FIRST_SEED]
 *
 * What ran before in the process has a say in what a seed does (stamps of flushes, the allocator's
 * lists). So a process runs GROUP seeds, and a failure names the group: PROGRAM COUNT FIRST_SEED.
 */
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "smp.h"

#define GROUP 16UL

static u64 seed, first_of_group, seeds_of_group;
static char seed_line[96]; /* what a failure says */
static size_t seed_length;

static void name_seed(void)
{
    (void)!write(2, seed_line, seed_length);
}

static void trapped(int sig)
{
    name_seed();
    _exit(1);
}

static void run_group(void)
{
    for (seed = first_of_group; seed < first_of_group + seeds_of_group; seed++) {
        seed_length = (size_t)snprintf(seed_line, sizeof(seed_line),
                                       "seed %lu failed, of group %lu %lu\n", seed, seeds_of_group,
                                       first_of_group);
        smp_try_seed(seed);
    }
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
    unsigned long first = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;

    signal(SIGILL, trapped);
    signal(SIGTRAP, trapped);
    signal(SIGALRM, trapped);
    __sanitizer_set_death_callback(name_seed);
    host_boot_cpus = PV_CPUS;
    for (unsigned long done = 0; done < count; done += seeds_of_group) {
        int status = 0;

        first_of_group = first + done;
        seeds_of_group = MIN(GROUP, count - done);
        if (count <= GROUP) {
            run_group(); /* in this process, for gdb */
        } else if (fork() == 0) {
            run_group();
            _exit(0);
        } else if (wait(&status) < 0 || status) {
            return 1;
        }
    }
    return 0;
}
