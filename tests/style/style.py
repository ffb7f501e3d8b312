#!/usr/bin/env python3
"""Checks of the source tree that a compiler does not make.

usage: style.py CHECK [--root DIR] [--build DIR]

CHECK is one of:
  edges    a room includes only the rooms and libraries it may (DESIGN section 2)
  banned   no clocks, randomness, threads or files in the rooms of pure logic
  orphans  every header is included and every source is built (needs --build)
  headers  a source includes its own header first, which proves that it compiles alone
  format   clang-format agrees
  tree     the top level holds the rooms and nothing else; each room has a README
  shell    shellcheck agrees
  cases    the tests that tests/README.md names exist; every failure case is listed
Prints one line per finding and ends with 1 if there was any.
"""

import argparse
import fnmatch
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import rules

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)


class Tree:
    """The files of a checkout, by path from its root."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.paths = sorted(self._list())

    def _list(self):
        return self._list_by_git() or self._list_by_walking()

    def _list_by_git(self):
        """Empty where there is no git, or no repository."""
        if shutil.which("git") is None:
            return []
        git = subprocess.run(["git", "-C", self.root, "ls-files", "-co", "--exclude-standard"],
                             capture_output=True, text=True, check=False)
        return [p for p in git.stdout.splitlines() if (self.root / p).is_file()]

    def _list_by_walking(self):
        found = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = [f for f in folders if f not in (".git", ".build", ".data", "__pycache__")]
            found += [os.path.relpath(os.path.join(folder, f), self.root) for f in files]
        return found

    def sources(self, *endings):
        return [p for p in self.paths if p.endswith(endings or (".h", ".cc"))]

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8")

    def pure_stems(self):
        """Files straight in partition/ that belong to its pure part, from its CMakeLists."""
        cmake = self.text("partition/CMakeLists.txt") if "partition/CMakeLists.txt" in self.paths else ""
        names = " ".join(re.findall(r"foreach\(name ([^)]*)\)", cmake)).split()
        names += [p[:-len(".proto")] + ".pb" for p in
                  " ".join(re.findall(r"fastpath_protos\(fastpath_model ([^)]*)\)", cmake)).split()]
        return {"partition/" + n for n in names}

    def room(self, path):
        if path.startswith(rules.PURE_FOLDERS):
            return "pure"
        if re.sub(r"\.(h|cc|proto)$", "", path) in self.pure_stems():
            return "pure"
        for room in sorted(rules.ROOMS, key=len, reverse=True):
            if path.startswith(room + "/"):
                return room
        return None


def library_of(include):
    for library, beginnings in rules.LIBRARIES.items():
        if include.startswith(beginnings):
            return library
    return None


def check_edges(tree):
    for path in tree.sources():
        room = tree.room(path)
        if room is None:
            yield f"{path}: belongs to no room"
            continue
        rule = rules.ROOMS[room]
        for _, include in INCLUDE.findall(tree.text(path)):
            target, library = tree.room(include), library_of(include)
            if target is not None:
                if rule["rooms"] != "any" and target != room and target not in rule["rooms"]:
                    yield f"{path}: {room} must not include {target} ({include})"
            elif library is not None:
                if rule["libraries"] != "any" and library not in rule["libraries"]:
                    yield f"{path}: {room} must not use {library} ({include})"
            elif "/" in include or "." in include:
                standard = include in ("assert.h", "errno.h", "stdint.h", "stdlib.h", "string.h")
                if rule["libraries"] != "any" and not standard:
                    yield f"{path}: {include} is no known library; includes are written from the root"


def check_banned(tree):
    for path in tree.sources():
        room = tree.room(path)
        if path in rules.BANNED_EXCEPT:
            continue
        # Line numbers survive: only what is no code is blanked.
        code = NOT_CODE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), tree.text(path))
        for why, pattern, rooms in rules.BANNED:
            if room not in rooms:
                continue
            for found in pattern.finditer(code):
                line = code.count("\n", 0, found.start()) + 1
                yield f"{path}:{line}: {found.group().strip()}: {why}"


def check_orphans(tree, build):
    included = set()
    for path in tree.sources():
        included.update(include for _, include in INCLUDE.findall(tree.text(path)))
    for path in tree.sources(".h"):
        if path not in included:
            yield f"{path}: nobody includes it"
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        built = {os.path.realpath(os.path.join(c["directory"], c["file"])) for c in json.load(file)}
    def on_demand(path):
        lists = os.path.join(os.path.dirname(path), "CMakeLists.txt")
        return (path.startswith(rules.BUILT_ON_DEMAND) and lists in tree.paths
                and re.search(rf"[\s(]{re.escape(os.path.basename(path))}[\s)]", tree.text(lists)))

    for path in tree.sources(".cc"):
        if str(tree.root / path) not in built and not on_demand(path):
            yield f"{path}: nobody builds it"
    for path in tree.sources(".proto"):
        generated = os.path.realpath(os.path.join(build, path[:-len(".proto")] + ".pb.cc"))
        if generated not in built and not on_demand(path):
            yield f"{path}: nobody builds it"


def check_headers(tree):
    paths = set(tree.paths)
    for path in tree.sources(".cc"):
        header = path[:-len(".cc")] + ".h"
        if header not in paths:
            continue
        first = INCLUDE.search(tree.text(path))
        if first is None or first.group(2) != header:
            yield f"{path}: must include {header} first"
    for path in tree.sources(".h"):
        if not re.search(r"^#pragma once$", tree.text(path), re.M):
            yield f"{path}: has no #pragma once"


def check_format(tree):
    paths = tree.sources()
    for start in range(0, len(paths), 40):
        run = subprocess.run(["clang-format", "--dry-run", *paths[start:start + 40]],
                             cwd=tree.root, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            yield f"clang-format failed: {run.stderr.strip()}"
        for path in sorted(set(re.findall(r"^([^\s:]+):\d+:\d+: ", run.stderr, re.M))):
            yield f"{path}: run clang-format -i on it"


def check_tree(tree):
    for path in tree.paths:
        top, _, rest = path.partition("/")
        if top.startswith("."):
            continue
        if top not in (rules.TOP_FOLDERS if rest else rules.TOP_FILES):
            yield f"{path}: no such thing belongs at the top level"
    for readme in ["README.md"] + [f"{folder}/README.md" for folder in sorted(rules.TOP_FOLDERS)]:
        if readme not in tree.paths:
            yield f"{readme}: missing"


def is_shell(tree, path):
    if path.endswith(".sh"):
        return True
    if "." in os.path.basename(path):
        return False
    with open(tree.root / path, "rb") as file:
        return re.match(rb"#!.*\b(ba)?sh\b", file.readline()) is not None


def check_shell(tree):
    scripts = [p for p in tree.paths if is_shell(tree, p)]
    run = subprocess.run(["shellcheck", "-x", "-f", "gcc", *scripts], cwd=tree.root,
                         capture_output=True, text=True, check=False)
    yield from run.stdout.splitlines()
    if run.returncode not in (0, 1):
        yield f"shellcheck failed: {run.stderr.strip()}"


def check_cases(tree):
    readme = tree.text("tests/README.md") if "tests/README.md" in tree.paths else ""
    numbers = []
    known = set()
    for path in tree.paths:
        if path.startswith("tests/") and path.endswith((".cc", ".txt", ".cmake", ".h")):
            text = tree.text(path)
            known.update(f"{a}.{b}" for a, b in
                         re.findall(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", text, re.M))
            known.update(re.findall(r"(?:fastpath_test\(|add_test\(NAME )\s*(\w+)", text))
    for number, tests in re.findall(r"^\| *(\d+) *\|[^|]*\|([^|]*)\|", readme, re.M):
        numbers.append(int(number))
        for test in re.findall(r"`([^`]+)`", tests):
            if not fnmatch.filter(known, test) and "tests/" + test not in tree.paths:
                yield f"tests/README.md: case {number}: there is no test {test}"
    if numbers != list(range(1, rules.FAILURE_CASES + 1)):
        yield f"tests/README.md: must list the cases 1 to {rules.FAILURE_CASES} in order, has {numbers}"


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("check")
    parser.add_argument("--root", default=".")
    parser.add_argument("--build")
    arguments = parser.parse_args()
    tree = Tree(arguments.root)
    if arguments.check == "orphans":
        findings = list(check_orphans(tree, arguments.build))
    else:
        findings = list(globals()["check_" + arguments.check](tree))
    for finding in findings:
        print(finding)
    print(f"{arguments.check}: {len(tree.paths)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
