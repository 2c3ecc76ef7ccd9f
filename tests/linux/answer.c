/* SPDX-License-Identifier: MIT */
/*
 * The first and only program of the smallest Linux domain: repeats each line that is typed on its
 * console. Called as "poweroff", which is what the kernel does when dom0 asks for that, it powers
 * the domain off.
 */
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char line[128];

    if (strstr(argv[0], "poweroff"))
        return reboot(RB_POWER_OFF);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("answer: ready\n");
    while (fgets(line, sizeof(line), stdin))
        printf("you said: %s", line);
    for (;;)
        pause();
}
