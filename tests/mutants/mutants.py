#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants faults and looks which tests notice.

    mutants.py BUILD [--planted all|COUNT] [--drawn COUNT] [--seed SEED] [--jobs N] [--only TEXT]

Planted mutants are the files *.mutants beside this script, each entry of them a source file, a text
in it, what replaces the text, what that breaks, and the test that is known to notice, if it is not
among those that run anyway. Drawn ones are made by chance from the lines of the files in DRAWN_FROM.
Each mutant is applied to a copy of the tree; the test that it names runs first, then the host's unit
tests and fuzzers that are built from its file, then guest tests on a debug build of the hypervisor,
and the first failure kills it. All planted mutants have to die, and 90 of 100 drawn ones; those that
equivalent.txt lists, each with a reason, do not count. A sample of COUNT planted ones leaves out those
that only a system test notices. A mutant that does not apply or does not compile is an error, and so
is a killer that fails on the unchanged copy as well.
"""

import argparse
import collections
import concurrent.futures
import fnmatch
import itertools
import os
import queue
import random
import re
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

DRAWN_FROM = [
    "arch/x86/pv/*.c", "hypervisor/page_*.c", "hypervisor/grant_*.c", "hypervisor/memory*.c",
    "hypervisor/event*.c", "hypervisor/evtchn*.c", "hypervisor/sched*.c", "dom0-tools/store/*.c",
    "pv-guest/drivers/blkback*.c", "pv-guest/drivers/netback*.c",
]

# What runs in QEMU for a mutant that the host's tests leave alive, by the mutant's file.
GUESTS = [
    ("hypervisor/grant_*", "test-grant test-hostile-grants test-hostile-foreign"),
    ("hypervisor/event*", "test-events test-fifo test-hostile-events"),
    ("hypervisor/evtchn*", "test-events test-fifo test-hostile-events"),
    ("hypervisor/sched*", "test-sched test-time test-events"),
    ("hypervisor/timer*", "test-sched test-time"),
    ("hypervisor/vcpu*", "test-sched test-time test-hostile-cpu"),
    ("hypervisor/*", "test-memory test-hostile-memory test-hostile-freed test-hostile-tables test-mmu"),
    ("arch/x86/pv/grant_*", "test-grant test-hostile-grants"),
    ("arch/x86/pv/descriptor*", "test-desc test-hostile-cpu test-user"),
    ("arch/x86/pv/segment*", "test-desc test-user test-emulation"),
    ("arch/x86/pv/p*", "test-mmu test-ptwr test-pinning test-hostile-tables test-memory"),
    ("arch/x86/pv/m*", "test-mmu test-pinning test-hostile-tables test-hostile-memory test-memory"),
    ("arch/x86/pv/*", "test-traps test-emulation test-user test-hostile-cpu test-boot test-nmi"),
    ("arch/x86/include/*", "test-mmu test-traps test-emulation test-grant test-memory"),
    ("arch/x86/*", "test-traps test-emulation test-time test-hostile-cpu test-boot test-nmi"),
]

# By a fixed number of runs, so that a slow machine sees what a fast one sees.
ARGUMENTS = {
    "fuzz": ["-seed=1", "-runs=20000", "-max_total_time=15", "-artifact_prefix=build/logs/"],
    "smp": ["4000"],
    "smp/smp_threads": ["1000"],
    "smp/smp_tsan": ["200"],
    "smp/smp_vcpus": ["1000"],
    "smp/smp_vcpus_tsan": ["100"],
}

# What takes longer hangs. Unit tests take a second, but for the scheduler's simulation and
# threads, which wait for each other.
LINK_SECONDS, UNIT_SECONDS, TEST_SECONDS, SYSTEM_SECONDS = 300, 30, 180, 600
SLOW_UNITS = ["unit/hypervisor/test_sched_sim", "unit/hypervisor/test_two_threads"]

# What cmocka prints of the first test that fails; the others of the program need not run.
FAILED = "[  FAILED  ]"


class Broken(Exception):
    """A mutant that cannot be tried."""


class Mutant:
    """One change of one file; `old` stands once in it, at `at` if that is given."""

    def __init__(self, file, old, new, why, at=None, test=None):
        self.file, self.old, self.new, self.why = file, old, new, why
        self.at, self.test = at, test

    def name(self):
        return f"{self.file}: {self.why}"

    def apply(self, tree):
        path = os.path.join(tree, self.file)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        if self.at is not None:
            changed = text[:self.at] + self.new + text[self.at + len(self.old):]
        else:
            changed = text.replace(self.old, self.new)
        with open(path, "w", encoding="utf-8") as f:
            f.write(changed)
        return text


# ---- mutants from files ----

def read_planted():
    """Entries are separated by lines of ====; their parts begin with file:, breaks:, old:, new:.

    A line `test:` before old: names a test by its path below tests/ (unit/x/test_y, fuzz/fuzz_y,
    system/test_y) or an image of guest tests (test-y). All are looked at, whichever are tried: one
    whose old text does not stand once in its file is an error.
    """
    mutants, texts = [], {}
    for name in sorted(os.listdir(HERE)):
        if not name.endswith(".mutants"):
            continue
        with open(os.path.join(HERE, name), encoding="utf-8") as f:
            entries = re.split(r"^=+\n", f.read(), flags=re.M)
        for entry in entries:
            entry = re.sub(r"\A(#.*\n)+", "", entry)
            if not entry.strip():
                continue
            m = re.fullmatch(r"file: (\S+)\nbreaks: (.*?)\n(?:test: (\S+)\n)?old:\n(.*?)\nnew:\n(.*?)\n*",
                             entry, flags=re.S)
            if not m:
                raise Broken(f"{name}: this entry cannot be read:\n{entry}")
            file, why, test, old, new = m.groups()
            if file not in texts:
                with open(os.path.join(TOP, file), encoding="utf-8") as f:
                    texts[file] = f.read()
            if texts[file].count(old) != 1:
                raise Broken(f"{name}: this stands {texts[file].count(old)} times in {file}:\n{old}")
            mutants.append(Mutant(file, old, new, " ".join(why.split()), test=test))
    return mutants


def lines_of(file):
    with open(os.path.join(TOP, file), encoding="utf-8") as f:
        return {line.strip() for line in f}


def read_equivalent():
    """Lines `file | old line | new line | reason`, blanks at the ends of texts left out.

    One whose old line is no longer in the file excuses nothing and is an error.
    """
    table, present = {}, {}
    with open(os.path.join(HERE, "equivalent.txt"), encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                file, old, new, reason = [part.strip() for part in line.split(" | ")]
                if file not in present:
                    present[file] = lines_of(file)
                if old not in present[file]:
                    raise Broken(f"equivalent.txt: {file} has no line\n    {old}")
                table[(file, old, new)] = reason
    return table


def is_slow(mutant):
    """Does only a system test notice it? These mostly wait."""
    return (mutant.test or "").startswith("system/")


def spread(mutants):
    """By file, since each change of file costs building the last one again; but the slow ones evenly
    among the others, so that the processors have work while those wait."""
    others = sorted((m for m in mutants if not is_slow(m)), key=lambda mutant: mutant.file)
    slow = [m for m in mutants if is_slow(m)]
    for i, mutant in enumerate(slow):
        others.insert(i * len(mutants) // len(slow), mutant)
    return others


# ---- drawn mutants ----

CALL = re.compile(r"^\s+(?:\(void\))?\w*(?:put_|_put|unlock|lock|flush|stamp|smp_\w*mb|barrier|"
                  r"notify|wake|kick|check|set_bit|clear_bit|set_pending|free)\w*\(.*\);$")
IF = re.compile(r"^(\s+(?:\} else )?if \()(.*)(\)(?: \{)?)$")
NUMBER = re.compile(r"(?<![\w.])(\d+)(?=U?L?L?\b)(?!\w*\()")
ERROR = re.compile(r"^\s+return -X?E?N?_?E[A-Z]+;.*$")


def balanced(text):
    depth = 0
    for c in text:
        depth += (c == "(") - (c == ")")
        if depth < 0:
            return False
    return depth == 0


def mutations_of(line):
    """What can be done to one line of C: pairs of the new line and a word for it."""
    code = line.split("/*")[0]
    if re.match(r"\s*(#|\*|/\*|//|STATIC_ASSERT|ASSERT|BUG_ON)", line) or '"' in line:
        return
    if CALL.match(line):
        yield re.match(r"\s*", line).group() + ";", "call left out"
    m = IF.match(line)
    if m and balanced(m.group(2)):
        yield f"{m.group(1)}!({m.group(2)}){m.group(3)}", "condition negated"
    if ERROR.match(line):
        yield re.match(r"\s*", line).group() + ";", "error return dropped"
    if ";" in code or "(" in code or "=" in code:
        for m in NUMBER.finditer(code):
            value = str(int(m.group(1)) + 1)
            yield line[:m.start()] + value + line[m.end(1):], "constant shifted by one"


def draw(count, seed):
    """Mutants by chance: first the file, by its size, then the line, then what is done to it."""
    candidates = []
    tracked = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True,
                             check=True).stdout.split()
    for file in sorted(tracked):
        if not any(fnmatch.fnmatch(file, pattern) for pattern in DRAWN_FROM):
            continue
        at, depth = 0, 0
        with open(os.path.join(TOP, file), encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                text = line.rstrip("\n")
                if depth > 0:  # inside of a function
                    for new, what in mutations_of(text):
                        why = f"line {number}, {what}: {text.strip()}"
                        candidates.append(Mutant(file, text, new, why, at))
                depth += (text == "{") - (text == "}")
                at += len(line)
    chance = random.Random(seed)
    chance.shuffle(candidates)
    # By file, since each change of file costs building the last one again.
    return sorted(candidates[:count], key=lambda mutant: mutant.file)


# ---- trying them ----

def run(command, cwd, seconds, env=None, stop_at=None):
    """The exit status and the output; the status is None when the time is over or a line of the
    output contains STOP_AT: all of the command's processes are ended then."""
    process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    timer = threading.Timer(seconds, os.killpg, (process.pid, 9))
    timer.start()
    output = []
    status = None
    try:
        for line in process.stdout:
            output.append(line.decode(errors="replace"))
            if stop_at and stop_at in output[-1]:
                os.killpg(process.pid, 9)
                break
        else:
            status = process.wait()
            if status == -9:
                status = None
    finally:
        timer.cancel()
        process.wait()
        process.stdout.close()
    return status, "".join(output)


class Workshop:
    """A copy of the tree with a build folder of its own, in which one mutant at a time is tried."""

    good = {}  # tests by name: whether they pass on the unchanged tree, for all workshops
    kills = collections.Counter()  # by file and test, likewise

    def __init__(self, build, number):
        self.tree = os.path.join(build, "mutants", str(number))
        shutil.rmtree(self.tree, ignore_errors=True)
        os.makedirs(self.tree)
        files = subprocess.run(["git", "ls-files", "-z", "-c", "-o", "--exclude-standard"], cwd=TOP,
                               capture_output=True, check=True).stdout.decode().split("\0")
        for file in filter(None, files):
            target = os.path.join(self.tree, file)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if os.path.exists(os.path.join(TOP, file)):
                shutil.copy2(os.path.join(TOP, file), target)
        # Times are kept, so that make finds all but the mutant's objects up to date.
        mine = os.path.join(self.tree, "build")
        os.makedirs(mine)
        for name in os.listdir(build):
            if name in ("mutants", "debian", "logs", "results", "fuzz", "cppcheck", "meter"):
                continue
            source, target = os.path.join(build, name), os.path.join(mine, name)
            if name in ("packages", "guests"):
                os.symlink(os.path.abspath(source), target)
            elif os.path.isdir(source):
                shutil.copytree(source, target, symlinks=True)
            else:
                shutil.copy2(source, target)
        os.makedirs(os.path.join(mine, "logs"))
        self.programs = self.find_programs()
        self.roles = self.find_roles()

    def find_programs(self):
        """Host programs by the files that they are made of, headers as well."""
        table = {}
        _, rules = run(["make", "-pn", "help"], self.tree, LINK_SECONDS)
        for kind, name, objects in re.findall(r"^(unit|fuzz|smp)/(\S+)_OBJS := (.*)$", rules,
                                              flags=re.M):
            for item in objects.split():
                for file in self.sources_of(item):
                    table.setdefault(file, set()).add(f"{kind}/{name}")
        return table

    def sources_of(self, item):
        """What an object is made of; of one that was never built no headers are known."""
        depends = os.path.join(self.tree, item[:-2] + ".d")
        if os.path.exists(depends):
            with open(depends, encoding="utf-8") as f:
                rule = f.read().split("\n\n")[0].replace("\\\n", " ")
            return [os.path.normpath(x) for x in rule.partition(".o:")[2].split("\n")[0].split()]
        parts = item[:-2].split("/")
        suffixes = ("/".join(parts[i:]) + ".c" for i in range(len(parts)))
        return [x for x in suffixes if os.path.exists(os.path.join(self.tree, x))][:1]

    @staticmethod
    def find_roles():
        """GUEST_<image>_ROLE of the guest images that have one."""
        with open(os.path.join(TOP, "tests", "guest", "sources.mk"), encoding="utf-8") as f:
            return dict(re.findall(r"^GUEST_(\S+)_ROLE := (\w+)", f.read(), flags=re.M))

    def programs_for(self, file):
        """Those that have killed mutants of this file before; then unit tests, the one that has the
        file's name first, then CPUs at once, then fuzzers, then what is slow."""
        words = set(re.split(r"[._]", os.path.basename(file))) - {"c", "h"}

        def rank(program):
            shared = words & set(os.path.basename(program).split("_"))
            kind = ["unit", "smp", "fuzz"].index(program.split("/")[0])
            return -self.kills[file, program], program in SLOW_UNITS, kind, -len(shared)

        return sorted(sorted(self.programs.get(file, ())), key=rank)

    def make(self, *targets):
        status, output = run(["make", "-s", "-j2", "WARNINGS=-w", *targets], self.tree, LINK_SECONDS)
        if status != 0:
            raise Broken(f"{' '.join(targets)} is not built:\n{output[-1500:]}")

    def build(self, tests):
        """In one go, since make itself takes most of a second."""
        targets = {}
        for test in tests:
            if test.startswith("test-"):
                targets["build/debug/bulkhead"] = True
                continue
            if test.startswith("system/"):
                targets.update({"all": True, "build/dom0-ramdisk.cpio": True})
            targets["build/tests/" + test] = True
        self.make(*targets)

    def host_program_fails(self, program):
        arguments = ARGUMENTS.get(program, ARGUMENTS.get(program.split("/")[0], []))
        command = ["build/tests/" + program, *arguments]
        fast = program.startswith("unit/") and program not in SLOW_UNITS
        seconds = UNIT_SECONDS if fast else TEST_SECONDS
        return run(command, self.tree, seconds, stop_at=FAILED)[0] != 0

    def guest_fails(self, image):
        """On a debug build, as dom0 and as a domU unless the image is made for one of them."""
        return any(self.system_program_fails("system/test_guests", "debug", role, image)
                   for role in self.roles.get(image, "domu dom0").split())

    def system_program_fails(self, program, *arguments):
        env = dict(os.environ, BUILD="build")
        return run(["build/tests/" + program, *arguments], self.tree, SYSTEM_SECONDS, env,
                   FAILED)[0] != 0

    def test_fails(self, test):
        """Of a test that is built."""
        if test.startswith("test-"):
            return self.guest_fails(test)
        if test.startswith("system/"):
            return self.system_program_fails(test)
        return self.host_program_fails(test)

    def tests_for(self, mutant):
        """The one that it names, then those of its file, the fast ones first."""
        tests = [mutant.test] if mutant.test else []
        return tests + [t for t in self.programs_for(mutant.file) + self.guests_for(mutant.file)
                        if t != mutant.test]

    @staticmethod
    def guests_for(file):
        for pattern, guests in GUESTS:
            if fnmatch.fnmatch(file, pattern):
                return guests.split()
        return []

    @staticmethod
    def in_groups(tests):
        """The first alone, since it kills most of them, then by kind, a few at a time."""
        yield tests[:1]
        for _, same in itertools.groupby(tests[1:], lambda test: re.split("[-/]", test)[0]):
            same = list(same)
            for i in range(0, len(same), 4):
                yield same[i:i + 4]

    def first_that_fails(self, tests):
        for group in self.in_groups(tests):
            self.build(group)
            for test in group:
                if self.test_fails(test):
                    return test
        return None

    def killer_of(self, mutant):
        """The first test that fails, or None."""
        tests = self.tests_for(mutant)
        if not tests:
            raise Broken("no test is built from this file")
        original = mutant.apply(self.tree)
        try:
            killer = self.first_that_fails(tests)
        finally:
            with open(os.path.join(self.tree, mutant.file), "w", encoding="utf-8") as f:
                f.write(original)
        if killer and not self.passes_unchanged(killer):
            raise Broken(f"{killer} fails on the unchanged tree, too")
        self.kills[mutant.file, killer] += 1
        return killer

    def passes_unchanged(self, test):
        """The tree is as it was; each test is asked once."""
        if test not in self.good:
            self.build([test])
            self.good[test] = not self.test_fails(test)
        return self.good[test]


def in_workshops(workshops, items, work):
    """Yields work(workshop, item) of all items, as they are ready, each in an idle workshop."""
    idle = queue.Queue()
    for workshop in workshops:
        idle.put(workshop)

    def attempt(item):
        workshop = idle.get()
        try:
            return work(workshop, item)
        finally:
            idle.put(workshop)

    with concurrent.futures.ThreadPoolExecutor(len(workshops)) as pool:
        for future in concurrent.futures.as_completed([pool.submit(attempt, i) for i in items]):
            yield future.result()


def try_one(workshop, mutant):
    """(mutant, killer, error)"""
    try:
        return mutant, workshop.killer_of(mutant), None
    except Broken as error:
        return mutant, None, str(error)


def judge(title, results, wanted, equivalent=None):
    """Prints what became of each mutant and says whether enough died."""
    killed = excused = errors = count = 0
    for mutant, killer, error in results:
        count += 1
        key = (mutant.file, mutant.old.strip(), mutant.new.strip())
        if error:
            errors += 1
            print(f"ERROR    {mutant.name()}\n    {error}", flush=True)
        elif killer:
            killed += 1
            print(f"killed   {mutant.name()}  [{killer}]", flush=True)
        elif equivalent and key in equivalent:
            excused += 1
            print(f"equal    {mutant.name()}: {equivalent[key]}", flush=True)
        else:
            print(f"SURVIVED {mutant.name()}\n    new: {mutant.new.strip()}", flush=True)
    counted = count - excused
    print(f"{title}: {killed} of {counted} killed, {excused} equivalent, {errors} errors", flush=True)
    return errors == 0 and killed >= wanted * counted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--planted", default="all")
    parser.add_argument("--drawn", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="planted mutants of files whose name has this")
    options = parser.parse_args()

    planted = [m for m in read_planted() if options.only in m.file]
    if options.planted != "all":
        fast = [m for m in planted if not is_slow(m)]
        planted = random.Random(options.seed).sample(fast, min(int(options.planted), len(fast)))
    drawn = draw(options.drawn, options.seed) if options.drawn else []
    equivalent = read_equivalent()
    print(f"{len(planted)} planted mutants, {len(drawn)} drawn with seed {options.seed}", flush=True)

    start = time.monotonic()
    workshops = [Workshop(options.build, n) for n in range(options.jobs)]
    good = judge("planted", in_workshops(workshops, spread(planted), try_one), 1.0)
    good &= judge(f"drawn with seed {options.seed}", in_workshops(workshops, drawn, try_one), 0.9,
                  equivalent)
    print(f"{int(time.monotonic() - start)} s")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as broken:
        print(f"ERROR {broken}")
        sys.exit(1)
