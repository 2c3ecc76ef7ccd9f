#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check-documents.py: do the documents know all verbs, options and keys, and no others?

The tables of verbs in dom0-tools/bh have to agree with docs/bh.md, and the table of keys in
dom0-tools/config/guest_config.c with docs/xl-cfg.md. The manual pages bh(1) and bh.cfg(5) are made
of these documents. An option counts as its letter if it has one, else as its word.
"""

import glob
import re
import sys

MACRO = re.compile(r"#define (\w+_OPTIONS)\b(.*?)\n\n", re.S)
VERB = re.compile(r'\{\.name = "([^"]+)"(.*?)(?=\{\.name = )', re.S)
OPTION = re.compile(r"\{ ?'(\\0|.)', (NULL|\"[^\"]+\"), (?:NULL|\"[^\"]+\") ?\}")
USAGE = re.compile(r"\*\*`([^`]+)`\*\*")
USED_OPTION = re.compile(r"(?<=[ \[])--?[A-Za-z][\w-]*")
KEY = re.compile(r'^    \{"(\w+)", key_read_\w+\},$', re.M)
KEY_ROW = re.compile(r"^\| `(\w+)` \|(.*)$", re.M)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def verbs_of_code():
    verbs = {}
    for path in sorted(glob.glob("dom0-tools/bh/verbs*.c")):
        text = read(path)
        macros = dict(MACRO.findall(text))
        for name, rest in VERB.findall(text):
            for macro, body in macros.items():
                rest = rest.replace(macro, body)
            verbs[name] = {f"-{letter}" if letter != r"\0" else "--" + word.strip('"')
                           for letter, word in OPTION.findall(rest)}
    return verbs


def verbs_of_document():
    verbs = {}
    for usage in USAGE.findall(read("docs/bh.md")):
        verbs.setdefault(usage.split()[0], set()).update(USED_OPTION.findall(usage))
    return verbs


def differences(what, code, document, place):
    for name in sorted(code - document):
        yield f"{place}: {what} {name} is missing"
    for name in sorted(document - code):
        yield f"{place}: {what} {name} does not exist"


def problems():
    code, document = verbs_of_code(), verbs_of_document()
    yield from differences("the verb", set(code), set(document), "docs/bh.md")
    for verb in sorted(set(code) & set(document)):
        yield from differences("the option", code[verb], document[verb], f"docs/bh.md: {verb}")
    keys = set(KEY.findall(read("dom0-tools/config/guest_config.c")))
    text = read("docs/xl-cfg.md")
    rows = dict(KEY_ROW.findall(text[text.index("\n## Keys\n"):text.index("\n## Lists of CPUs\n")]))
    # A key may stand in the row of another, of which it is an older name.
    beside = {key for row in rows.values() for key in re.findall(r"`(\w+)`", row)}
    yield from differences("the key", keys, set(rows) | (keys & beside), "docs/xl-cfg.md")
    if len(code) < 40 or len(keys) < 20 or not any(code.values()):
        yield "check-documents.py: finds too few verbs, options or keys"


def main():
    found = list(problems())
    for problem in found:
        print(problem, file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
