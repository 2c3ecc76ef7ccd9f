#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs in a Linux ramdisk: stress-ng's memory, fork, signal, futex and scheduler stressors, those of
# one kind all at once, each kind for as many seconds as the kernel's command line says in stress=N;
# with stress_all=N also all stressors of the memory and scheduler classes one after the other, N
# seconds each. Not the one called madvise: it poisons pages, and this kernel complains about that
# on Debian's Xen, too, where an entry that it clears in lazy MMU mode is not clear at once. And not
# the deadline policy for cyclic, which Linux refuses while a task of that policy that has just ended
# still counts.
seconds=$(sed -n 's/.*stress=\([0-9]*\).*/\1/p' /proc/cmdline)
each=$(sed -n 's/.*stress_all=\([0-9]*\).*/\1/p' /proc/cmdline)

kind() {
    name=$1
    shift
    echo "STRESS-NG works"
    stress-ng --temp-path /tmp --timestamp --verify "$@" >/tmp/log 2>&1 && return
    echo "STRESS-NG FAIL $name"
    grep -v ' info: ' /tmp/log
}

dmesg -n 6 # the kernel's warnings, too: the test looks for them
mount -t tmpfs none /tmp
mkdir -p /dev/shm && mount -t tmpfs none /dev/shm
echo "STRESS-NG BEGIN"
# On several CPUs: locks whose waiters sleep.
dmesg | grep -q "PV spinlocks enabled" || echo "STRESS-NG FAIL spinlocks spin"
kind memory -t "$seconds" --vm 2 --vm-bytes 24M --mmap 2 --mmap-bytes 16M --mremap 1 \
    --mremap-bytes 8M --mprotect 1 --brk 1 --brk-ops 20000 --stack 1 --stack-ops 2000 \
    --shm 1 --shm-bytes 4M --msync 1 --mlock 1 --userfaultfd 1 --userfaultfd-bytes 4M --vm-splice 1
kind fork -t "$seconds" --fork 4 --vfork 2 --clone 2 --clone-max 64 --exec 2 --daemon 1 --zombie 1 \
    --zombie-max 64 --wait 1
kind signal -t "$seconds" --sigsegv 2 --sigfpe 1 --sigtrap 1 --signal 2 --sigq 1 --sigpending 1 \
    --sigsuspend 1 --sigrt 1 --kill 2 --timer 1 --timerfd 1 --itimer 1
kind futex -t "$seconds" --futex 4 --mutex 2 --sem 2 --sem-sysv 1 --pthread 2 --pthread-max 64
kind scheduler -t "$seconds" --switch 4 --yield 2 --affinity 2 --schedpolicy 2 --poll 1 \
    --nanosleep 1 --context 1 --resched 1 --pipe 2 --tee 1 --membarrier 1 --rseq 1 --sleep 1 --sleep-max 64
while sleep 60; do echo "STRESS-NG works"; done &
[ -n "$each" ] &&
    kind classes --sequential 4 --class memory,scheduler -t "$each" --exclude madvise --cyclic-policy rr

# The time that this domain's vCPUs have waited for a CPU.
echo "STRESS-NG steal $(awk '$1 == "cpu" {print $9}' /proc/stat)"
echo "STRESS-NG DONE"
