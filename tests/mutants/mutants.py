#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants faults and looks which tests notice.

    mutants.py BUILD [--planted all|COUNT] [--drawn COUNT] [--seed SEED] [--jobs N] [--only TEXT]

Planted mutants are the files *.mutants beside this script, each entry of them a source file, a text
in it, what replaces the text, and what that breaks. Drawn ones are made by chance from the lines of
the files in DRAWN_FROM. Each mutant is applied to a copy of the tree; the host's unit tests and
fuzzers that are built from its file run first, then guest tests on a debug build of the hypervisor,
and the first failure kills it. All planted mutants have to die, and 90 of 100 drawn ones; those that
equivalent.txt lists, each with a reason, do not count. A mutant that does not apply or does not
compile is an error. Before all that the unchanged copy has to pass everything that a mutant runs.
"""

import argparse
import concurrent.futures
import fnmatch
import os
import queue
import random
import re
import shutil
import subprocess
import sys
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

LINK_SECONDS, TEST_SECONDS, GUEST_SECONDS = 300, 120, 400


class Broken(Exception):
    """A mutant that cannot be tried."""


class Mutant:
    """One change of one file; `old` stands once in it, at `at` if that is given."""

    def __init__(self, file, old, new, why, at=None):
        self.file, self.old, self.new, self.why, self.at = file, old, new, why, at

    def name(self):
        return f"{self.file}: {self.why}"

    def apply(self, tree):
        path = os.path.join(tree, self.file)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        if self.at is not None:
            changed = text[:self.at] + self.new + text[self.at + len(self.old):]
        else:
            if text.count(self.old) != 1:
                raise Broken(f"the old text stands {text.count(self.old)} times in {self.file}")
            changed = text.replace(self.old, self.new)
        with open(path, "w", encoding="utf-8") as f:
            f.write(changed)
        return text


# ---- mutants from files ----

def read_planted():
    """Entries are separated by lines of ====; their parts begin with file:, breaks:, old:, new:."""
    mutants = []
    for name in sorted(os.listdir(HERE)):
        if not name.endswith(".mutants"):
            continue
        with open(os.path.join(HERE, name), encoding="utf-8") as f:
            entries = re.split(r"^=+\n", f.read(), flags=re.M)
        for entry in entries:
            entry = "".join(l for l in entry.splitlines(True) if not l.startswith("#"))
            if not entry.strip():
                continue
            m = re.fullmatch(r"file: (\S+)\nbreaks: (.*?)\nold:\n(.*?)\nnew:\n(.*?)\n*",
                             entry, flags=re.S)
            if not m:
                raise Broken(f"{name}: this entry cannot be read:\n{entry}")
            file, why, old, new = m.groups()
            mutants.append(Mutant(file, old, new, " ".join(why.split())))
    return mutants


def read_equivalent():
    """Lines `file | old line | new line | reason`, blanks at the ends of texts left out."""
    table = {}
    with open(os.path.join(HERE, "equivalent.txt"), encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                file, old, new, reason = [part.strip() for part in line.split(" | ")]
                table[(file, old, new)] = reason
    return table


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
    return candidates if count is None else candidates[:count]


# ---- trying them ----

def run(command, cwd, seconds, env=None):
    """The exit status, or None when the time is over; all of its processes are ended then."""
    process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    try:
        output, _ = process.communicate(timeout=seconds)
        return process.returncode, output.decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        output, _ = process.communicate()
        return None, output.decode(errors="replace")


class Workshop:
    """A copy of the tree with a build folder of its own, in which one mutant at a time is tried."""

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

    def find_programs(self):
        """Host programs by the files that their objects are made of: unit tests first."""
        table = {}
        root = os.path.join(self.tree, "build", "obj")
        for kind in ("unit", "fuzz"):
            for folder, _, names in sorted(os.walk(os.path.join(root, kind))):
                for name in names:
                    if not name.endswith(".d"):
                        continue
                    with open(os.path.join(folder, name), encoding="utf-8") as f:
                        rule = f.read().split("\n\n")[0].replace("\\\n", " ")
                    target, _, sources = rule.partition(":")
                    program = self.program_of(target)
                    for source in sources.split():
                        source = os.path.normpath(source)
                        table.setdefault(source, [])
                        if program and program not in table[source]:
                            table[source].append(program)
        return table

    def program_of(self, target):
        """build/obj/unit/x/test_y/tests/unit/x/test_y.o belongs to unit/x/test_y."""
        parts = target.split("/obj/")[1].split("/")
        for i in range(2, len(parts)):
            program = "/".join(parts[:i])
            if os.path.exists(os.path.join(self.tree, "tests", program + ".c")):
                return program
        return None

    def programs_for(self, file):
        """The program that has the file's name first, the fuzzers last."""
        words = set(re.split(r"[._]", os.path.basename(file))) - {"c", "h"}

        def rank(program):
            shared = words & set(os.path.basename(program).split("_"))
            return program.startswith("fuzz/"), -len(shared)

        return sorted(self.programs.get(file, []), key=rank)

    def make(self, target):
        status, output = run(["make", "-s", "WARNINGS=-w", target], self.tree, LINK_SECONDS)
        if status != 0:
            raise Broken(f"{target} is not built:\n{output[-1500:]}")

    def host_program_fails(self, program):
        self.make("build/tests/" + program)
        command = ["build/tests/" + program]
        if program.startswith("fuzz/"):
            command += ["-seed=1", "-runs=20000", "-max_total_time=15", "-artifact_prefix=build/logs/"]
        return run(command, self.tree, TEST_SECONDS)[0] != 0

    def guests_fail(self, guests):
        self.make("build/debug/bulkhead")
        env = dict(os.environ, BUILD="build", BULKHEAD_TIMEOUT_SCALE="0.4")
        for role in ("domu", "dom0"):
            command = ["build/tests/system/test_guests", "debug", role] + guests
            if run(command, self.tree, GUEST_SECONDS, env)[0] != 0:
                return True
        return False

    @staticmethod
    def guests_for(file):
        for pattern, guests in GUESTS:
            if fnmatch.fnmatch(file, pattern):
                return guests.split()
        return []

    def killer_of(self, mutant):
        """The first test that fails, or None."""
        original = mutant.apply(self.tree)
        try:
            for program in self.programs_for(mutant.file):
                if self.host_program_fails(program):
                    return program
            guests = self.guests_for(mutant.file)
            if guests and self.guests_fail(guests):
                return "guests " + " ".join(guests)
            return None
        finally:
            with open(os.path.join(self.tree, mutant.file), "w", encoding="utf-8") as f:
                f.write(original)

    def check_unchanged(self, files):
        programs, guests = set(), []
        for file in files:
            programs.update(self.programs.get(file, []))
            guests += [g for g in self.guests_for(file) if g not in guests]
        failed = [p for p in sorted(programs) if self.host_program_fails(p)]
        if guests and self.guests_fail(guests):
            failed.append("guests")
        if failed:
            raise Broken("the unchanged tree fails: " + " ".join(failed))
        if not programs and not guests:
            raise Broken("no test is built from these files")


def try_all(workshops, mutants):
    """Tries each mutant in one of the workshops. Yields (mutant, killer, error)."""
    idle = queue.Queue()
    for workshop in workshops:
        idle.put(workshop)

    def attempt(mutant):
        workshop = idle.get()
        try:
            return mutant, workshop.killer_of(mutant), None
        except Broken as error:
            return mutant, None, str(error)
        finally:
            idle.put(workshop)

    with concurrent.futures.ThreadPoolExecutor(len(workshops)) as pool:
        for future in concurrent.futures.as_completed([pool.submit(attempt, m) for m in mutants]):
            yield future.result()


def judge(title, results, wanted, equivalent=None):
    """Prints the survivors and says whether enough died."""
    killed = excused = errors = 0
    for mutant, killer, error in results:
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
    counted = len(results) - excused
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
        planted = random.Random(options.seed).sample(planted, min(int(options.planted), len(planted)))
    drawn = draw(options.drawn, options.seed)
    print(f"{len(planted)} planted mutants, {len(drawn)} drawn with seed {options.seed}", flush=True)

    start = time.monotonic()
    workshops = [Workshop(options.build, n) for n in range(options.jobs)]
    workshops[0].check_unchanged({m.file for m in planted + drawn})
    good = judge("planted", list(try_all(workshops, planted)), 1.0)
    good &= judge(f"drawn with seed {options.seed}", list(try_all(workshops, drawn)), 0.9,
                  read_equivalent())
    print(f"{int(time.monotonic() - start)} s")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as broken:
        print(f"ERROR {broken}")
        sys.exit(1)
