#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare our public headers with those of libxen-dev.

Both sets are compiled apart, for 64-bit and for 32-bit guests. Whatever our headers define is
looked up in Xen's: each structure and union with its size and the offset, size and type of each
field; each typedef; each enumerator; each macro that is a constant, and function-like macros at
some sample arguments. Nothing is listed by hand, so a new definition is compared from the day it
is written. Layouts come from the compiler's DWARF output, values from a table in an object file.

Xen's headers may hold more than ours; ours may hold nothing that Xen's do not, save
ALLOWED and Bulkhead's own operations.
"""

import argparse
import itertools
import os
import re
import struct
import subprocess
import sys

# What our headers define and Xen's do not: name -> why.
ALLOWED = {
    "xen_mb": "Xen's users define the barriers themselves",
    "xen_rmb": "Xen's users define the barriers themselves",
    "xen_wmb": "Xen's users define the barriers themselves",
    "__XEN_GUEST_HANDLE_64": "Xen has this inner macro in 32-bit guests only",
    "XEN_DOMCTL_get_domain_state": "Xen has it from 4.20 on",
    "XEN_DOMCTL_GETDOMSTATE_VERS_MAX": "Xen has it from 4.20 on",
    "XEN_DOMCTL_GETDOMSTATE_STATE_EXIST": "Xen has it from 4.20 on",
    "XEN_DOMCTL_GETDOMSTATE_STATE_SHUTDOWN": "Xen has it from 4.20 on",
    "XEN_DOMCTL_GETDOMSTATE_STATE_DYING": "Xen has it from 4.20 on",
    "XEN_DOMCTL_GETDOMSTATE_STATE_DEAD": "Xen has it from 4.20 on",
    "xen_domctl_get_domain_state": "Xen has it from 4.20 on",
    "u.get_domain_state": "Xen has it from 4.20 on",
    "u.domain_times": "Bulkhead's own",
    "u.memory_use": "Bulkhead's own",
    "xen_wc_sec_hi": "Xen hides it from 32-bit tools",
    "XEN_RING_POWER_OF_TWO": "a helper; the results of its users are compared",
}

# Bulkhead's own operations have its name in theirs.
OWN = re.compile(r"bulkhead_", re.IGNORECASE)

# Xen's headers that include nothing of what they need: they come last.
NEEDS_OTHERS = {"arch-x86/xen-mca.h"}

WIDTHS = {64: ["-m64"], 32: ["-m32"]}
FLAGS = ["-std=gnu11", "-ffreestanding", "-D__XEN_TOOLS__", "-D__XEN_INTERFACE_VERSION__=0x00041100"]
BASE = "#include <stddef.h>\n#include <stdint.h>\n"
# Types that rings can be made of, to compare what the macros of io/ring.h produce.
RING = """
struct abi_request { uint64_t a; uint32_t b; };
struct abi_response { uint32_t a; };
DEFINE_RING_TYPES(abi, struct abi_request, struct abi_response);
enum { ABI_RING_ONE_PAGE = __CONST_RING_SIZE(abi, 4096), ABI_RING_16 = __CONST_RING_SIZE(abi, 65536) };
"""
SAMPLES = ["0", "1", "5", "0x12345"]


def run(args, **kwargs):
    return subprocess.run(args, check=False, capture_output=True, text=True, **kwargs)


class Side:
    """One set of headers, compiled for one width."""

    def __init__(self, name, include, prefix, headers, width, build):
        self.name = name
        self.cc = ["gcc", *WIDTHS[width], *FLAGS, "-I", include]
        self.stem = os.path.join(build, f"{name}{width}")
        self.source = BASE + "".join(f"#include <{prefix}/{h}>\n" for h in headers)

    def compile(self, tag, text, *flags):
        path = f"{self.stem}-{tag}.c"
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path, run([*self.cc, *flags, path])

    def must_compile(self, tag, text, *flags):
        path, result = self.compile(tag, text, *flags)
        if result.returncode != 0:
            sys.exit(f"abi: {path} does not compile:\n{result.stderr}")
        return result.stdout

    # ---- macros -----------------------------------------------------------------------------

    def macros(self):
        """{name: (parameters or None, body)} of all macros that the headers leave defined."""
        found = {}
        for tag, text, sign in (("all", self.source, 1), ("base", BASE, 0)):
            for line in self.must_compile(tag, text, "-E", "-dM").splitlines():
                match = re.match(r"#define (\w+)(?:\(([^)]*)\))? ?(.*)", line)
                name, params, body = match.groups()
                if sign:
                    found[name] = (params, body)
                else:
                    found.pop(name, None)
        return found

    def values(self, expressions):
        """{expression: integer} of those that are integer constants for this compiler."""
        todo = list(expressions)
        for _ in range(40):  # each round drops what the compiler complains about
            lines = [self.source, RING, "extern const unsigned long long abi_values[];",
                     "const unsigned long long abi_values[]"
                     " __attribute__((section(\".abi\"))) = {"]
            first = "\n".join(lines).count("\n") + 2
            lines += [f"(unsigned long long)({e})," for e in todo] + ["};", ""]
            obj = f"{self.stem}-values.o"
            _, result = self.compile("values", "\n".join(lines), "-w",
                                     "-ftrack-macro-expansion=0", "-fmax-errors=0", "-c",
                                     "-o", obj)
            if result.returncode == 0:
                raw = f"{self.stem}-values.bin"
                copied = run(["objcopy", "-O", "binary", "-j", ".abi", obj, raw])
                if copied.returncode != 0:
                    sys.exit(f"abi: {copied.stderr}")
                with open(raw, "rb") as data:
                    return dict(zip(todo, struct.unpack(f"<{len(todo)}Q", data.read())))
            bad = {int(n) - first for n in
                   re.findall(r"-values\.c:(\d+):\d+: error", result.stderr)}
            bad &= set(range(len(todo)))
            if not bad:
                sys.exit(f"abi: {self.stem}-values.c does not compile:\n{result.stderr[:4000]}")
            todo = [e for i, e in enumerate(todo) if i not in bad]
        sys.exit("abi: constants could not be told from other macros")

    def expansions(self, names):
        """{name: its full expansion, without blanks} for macros that are no integers."""
        text = self.source + "".join(f'\n"@@{n}" {n}\n' for n in names) + '"@@"\n'
        out = self.must_compile("text", text, "-E", "-P")
        parts = re.findall(r'"@@(\w+)"(.*?)(?="@@)', out, re.S)
        return {name: re.sub(r"\s+", "", body) for name, body in parts}

    # ---- types ------------------------------------------------------------------------------

    def types(self):
        """({(kind, name): (size, {path: field})}, {enumerator: value}) from the DWARF output."""
        known = Dwarf(self.debug_info("base", BASE)).named()
        dwarf = Dwarf(self.debug_info("types", self.source + RING))
        layouts = {key: dwarf.layout(die) for key, die in dwarf.named().items()
                   if key not in known}
        return layouts, dwarf.enumerators

    def debug_info(self, tag, text):
        obj = f"{self.stem}-{tag}.o"
        self.must_compile(tag, text + "int abi_dummy;\n", "-g", "-gdwarf-4", "-w",
                          "-fno-eliminate-unused-debug-types", "-c", "-o", obj)
        return run(["readelf", "--debug-dump=info", obj]).stdout


class Dwarf:
    """The types in the text that readelf prints of a .debug_info section."""

    def __init__(self, text):
        self.dies = {}
        self.enumerators = {}
        stack = []
        die = None
        for line in text.splitlines():
            match = re.match(r" <(\w+)><(\w+)>: Abbrev Number: \d+ \(DW_TAG_(\w+)\)", line)
            if match:
                depth, offset, tag = int(match[1], 16), int(match[2], 16), match[3]
                die = {"tag": tag, "children": []}
                self.dies[offset] = die
                del stack[depth:]
                if stack:
                    stack[-1]["children"].append(die)
                stack.append(die)
                continue
            match = re.match(r"\s+<\w+>\s+DW_AT_(\w+)\s*:\s*(.*?)\s*$", line)
            if match and die is not None:
                die[match[1]] = re.sub(r"^\(indirect string.*?\): ", "", match[2])
        for die in self.dies.values():
            if die["tag"] == "enumerator":
                self.enumerators[die["name"]] = int(die["const_value"])

    def named(self):
        kinds = {"structure_type": "struct", "union_type": "union", "typedef": "typedef"}
        return {(kinds[d["tag"]], d["name"]): d for d in self.dies.values()
                if d["tag"] in kinds and "name" in d and "declaration" not in d}

    def target(self, die):
        return self.dies[int(die["type"].strip("<>"), 16)] if "type" in die else None

    def strip(self, die):
        """The type behind typedefs and qualifiers."""
        while die is not None and die["tag"] in ("typedef", "const_type", "volatile_type"):
            die = self.target(die)
        return die

    def size(self, die):
        die = self.strip(die)
        if die is None:
            return 0
        if die["tag"] == "array_type":
            return self.count(die) * self.size(self.target(die))
        return int(die.get("byte_size", 0))

    @staticmethod
    def count(array):
        total = 1
        for sub in array["children"]:
            total *= int(sub["upper_bound"]) + 1 if "upper_bound" in sub else 0
        return total

    def describe(self, die):
        """A type in words, the same on both sides if a program cannot tell them apart."""
        if die is None:
            return "void"
        if die["tag"] == "const_type":
            return "const " + self.describe(self.target(die))
        if die["tag"] in ("typedef", "volatile_type"):
            return self.describe(self.target(die))
        if die["tag"] == "pointer_type":
            return "pointer to " + self.describe(self.target(die))
        if die["tag"] == "array_type":
            return f"array[{self.count(die)}] of " + self.describe(self.target(die))
        if die["tag"] == "base_type":
            return f"{die['encoding']} of {die['byte_size']}"
        return f"{die['tag']} {die.get('name', '(anonymous)')} of {die.get('byte_size', 0)}"

    def layout(self, die):
        fields = {}
        body = self.strip(die)
        if die["tag"] == "typedef" and (body is None or "name" in body or "children" not in body
                                        or body["tag"] not in ("structure_type", "union_type")):
            return self.size(die), {"": self.describe(die)}
        self.members(body, "", 0, fields)
        return self.size(die), fields

    def members(self, die, prefix, base, fields):
        for member in die["children"]:
            if member["tag"] != "member":
                continue
            where = base + int(member.get("data_member_location", 0))
            kind = self.target(member)
            body = self.strip(kind)
            path = prefix
            if "name" in member:
                path = f"{prefix}.{member['name']}" if prefix else member["name"]
                bits = tuple(member.get(a) for a in ("bit_size", "bit_offset", "data_bit_offset"))
                fields[path] = (where, self.size(kind), self.describe(kind), bits)
            if body is not None and body["tag"] == "array_type":
                body = self.strip(self.target(body))
                path += "[]"
            if body is not None and body["tag"] in ("structure_type", "union_type") \
                    and "name" not in body:
                self.members(body, path, where, fields)


def compare(ours, theirs, width, errors):
    """Add to `errors` what differs; give the numbers of structures, fields and constants."""
    def differ(what, mine, xens):
        errors.append(f"{width}-bit: {what}: ours {mine}, Xen's {xens}")

    structures = fields = constants = 0

    my_types, my_enums = ours.types()
    xen_types, xen_enums = theirs.types()
    for key, (size, layout) in sorted(my_types.items()):
        what = " ".join(key)
        if key not in xen_types:
            if key[1] not in ALLOWED and not OWN.search(key[1]):
                errors.append(f"{width}-bit: {what} does not exist in Xen's headers")
            continue
        xen_size, xen_layout = xen_types[key]
        structures += key[0] != "typedef"
        if size != xen_size:
            differ(f"size of {what}", size, xen_size)
        for path, field in layout.items():
            fields += 1
            if path not in xen_layout and path in ALLOWED:
                continue
            if path not in xen_layout:
                errors.append(f"{width}-bit: {what} has no field {path} in Xen's headers")
            elif field != xen_layout[path]:
                differ(f"{what} {path}", field, xen_layout[path])

    for name, value in my_enums.items():
        constants += 1
        if xen_enums.get(name) != value:
            differ(f"enumerator {name}", value, xen_enums.get(name, "missing"))

    my_macros, xen_macros = ours.macros(), theirs.macros()
    expressions = []
    for name, (params, body) in sorted(my_macros.items()):
        if not body or name in ALLOWED or OWN.search(name):
            continue
        if name not in xen_macros:
            errors.append(f"{width}-bit: macro {name} does not exist in Xen's headers")
        elif params is None:
            expressions.append(name)
        else:
            count = len([p for p in params.split(",") if p.strip()])
            expressions += [f"{name}({', '.join(a)})" for a in itertools.product(
                SAMPLES, repeat=count)] if count in (1, 2) else []
    mine = ours.values(expressions)
    xens = theirs.values(list(mine))
    for expression, value in mine.items():
        constants += 1
        if xens.get(expression) != value:
            differ(expression, hex(value), hex(xens[expression]) if expression in xens
                   else "not a constant")
    words = [e for e in expressions if "(" not in e and e not in mine]
    xen_words = theirs.expansions(words)
    for name, text in ours.expansions(words).items():
        constants += 1
        if xen_words.get(name) != text:
            differ(name, text, xen_words.get(name))
    return structures, fields, constants


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", required=True, help="folder that holds our public/")
    parser.add_argument("--theirs", default="/usr/include", help="folder that holds Xen's xen/")
    parser.add_argument("--build", required=True, help="folder for what is made on the way")
    args = parser.parse_args()

    root = os.path.join(args.ours, "public")
    headers = sorted(os.path.relpath(os.path.join(folder, name), root)
                     for folder, _, names in os.walk(root) for name in names
                     if name.endswith(".h"))
    errors = [f"{h} does not exist in Xen's headers" for h in headers
              if not os.path.exists(os.path.join(args.theirs, "xen", h))]
    headers = [h for h in headers if os.path.exists(os.path.join(args.theirs, "xen", h))]
    headers.sort(key=NEEDS_OTHERS.__contains__)
    if not headers:
        sys.exit("abi: nothing to compare: is libxen-dev installed?")

    os.makedirs(args.build, exist_ok=True)
    totals = [0, 0, 0]
    for width in WIDTHS:
        ours = Side("ours", args.ours, "public", headers, width, args.build)
        theirs = Side("theirs", args.theirs, "xen", headers, width, args.build)
        counts = compare(ours, theirs, width, errors)
        totals = [a + b for a, b in zip(totals, counts)]
    for error in errors:
        print(f"abi: {error}", file=sys.stderr)
    if errors:
        sys.exit(f"abi: {len(errors)} differences")
    print("abi: {} structures, {} fields, {} constants equal".format(*totals))


if __name__ == "__main__":
    main()
