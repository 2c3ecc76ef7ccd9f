#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check-names.py: do the names that comments and documents use exist?

Looks at comments of C, assembly and linker scripts, and at documents: a word followed by (), the
words of a text in backticks, and names of files. Each has to be a word of the code (comments left
out), or a tracked file. Names of other programs stand in mk/foreign-names.txt, one a line, with
what they belong to in lines that begin with #; an entry that nobody uses is an error, too.
"""

import os
import re
import subprocess
import sys

CODE = (".c", ".h", ".S", ".lds", ".mk", ".sh", ".py", ".awk", ".sed", ".cfg")
COMMENTED = (".c", ".h", ".S", ".lds")
FILE_NAME = re.compile(r"(?<![\w./<*-])((?:[\w.-]+/)*[\w-]+\.(?:c|h|S|md|mk|sh|py|lds|awk))(?![\w/])")
CALL = re.compile(r"(?<![\w.%-])([A-Za-z_]\w*)\(\)")
BACKTICKS = re.compile(r"`([^`\n]+)`")
WORD = re.compile(r"(?<!\w)[A-Za-z_]\w*")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
FENCE = re.compile(r"^```.*?^```", re.S | re.M)


def tracked_files():
    out = subprocess.run(["git", "ls-files", "-c", "-o", "--exclude-standard"], capture_output=True,
                         text=True, check=True).stdout
    return [f for f in out.split("\n") if f and os.path.exists(f)]


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def is_code(path):
    name = os.path.basename(path)
    return path.endswith(CODE) or name == "Makefile" or "." not in name


def read_foreign():
    names = {}
    for number, line in enumerate(read("mk/foreign-names.txt").split("\n"), 1):
        if line.strip() and not line.startswith("#"):
            for name in line.split():
                names[name] = number
    return names


class Names:
    def __init__(self, files):
        self.words, self.paths, self.used = set(), set(), set()
        self.foreign = read_foreign()
        for path in files:
            parts = path.split("/")
            for i in range(len(parts)):
                self.paths.add("/".join(parts[i:]))
            self.words.update(WORD.findall(path))
            if is_code(path) and path != "mk/check-names.py":
                text = read(path)
                if path.endswith(COMMENTED):
                    text = COMMENT.sub(" ", text)
                self.words.update(WORD.findall(text))

    def known_foreign(self, name):
        if name in self.foreign:
            self.used.add(name)
            return True
        return False

    def has_word(self, word):
        """A word of the code, or the end of one (`WRITE` for XS_WRITE), or its start (RING_...)."""
        if word in self.words or len(word) < 3:
            return True
        if any(w.endswith(word) for w in self.words) and (word.isupper() or len(word) > 4):
            return True
        if word.endswith("_") and any(w.startswith(word) for w in self.words):
            return True
        return self.known_foreign(word)

    def has_file(self, path):
        return (path in self.paths or path.startswith(("build/", "/")) or self.known_foreign(path))


def sentences(path, text):
    """What a reader reads: the comments of a file of code, a document without its sessions."""
    if path.endswith(COMMENTED):
        for m in COMMENT.finditer(text):
            yield m.start(), m.group()
    else:
        yield 0, FENCE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def problems_of(text, names):
    for m in CALL.finditer(text):
        if not names.has_word(m.group(1)):
            yield m.start(), f"{m.group(1)}() does not exist"
    for m in FILE_NAME.finditer(text):
        if not names.has_file(m.group(1)):
            yield m.start(), f"there is no file {m.group(1)}"
    for m in BACKTICKS.finditer(text):
        for word in WORD.findall(FILE_NAME.sub(" ", m.group(1))):
            if not names.has_word(word):
                yield m.start(), f"'{word}' of `{m.group(1)}` does not exist"


def main():
    files = tracked_files()
    names = Names(files)
    bad = 0
    for path in files:
        if not path.endswith(COMMENTED + (".md",)):
            continue
        text = read(path)
        for start, part in sentences(path, text):
            for at, problem in problems_of(part, names):
                bad += 1
                print(f"{path}:{text.count(chr(10), 0, start + at) + 1}: {problem}", file=sys.stderr)
    for name, number in names.foreign.items():
        if name not in names.used:
            bad += 1
            print(f"mk/foreign-names.txt:{number}: nobody uses {name}", file=sys.stderr)
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
