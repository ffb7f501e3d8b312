#!/usr/bin/env python3
"""Shows that each check of style.py fails on what it is there to find, and only on that."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import style

CMAKE = "foreach(name map frame)\nendforeach()\nfastpath_protos(fastpath_model api.proto)\n"


class StyleTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name).resolve()
        self.write("partition/CMakeLists.txt", CMAKE)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def findings(self, check, *arguments):
        return list(check(style.Tree(self.root), *arguments))

    def expect(self, path, text, check, found):
        """`check` says something about the file if and only if `found`."""
        self.write(path, text)
        about = [f for f in self.findings(check) if f.startswith(path)]
        self.assertEqual(bool(about), found, f"{path}: {text!r} gave {about}")
        os.remove(self.root / path)

    def test_edges(self):
        for path, include, found in [
                ("raft/a.cc", "<vector>", False),
                ("raft/a.cc", "<string.h>", False),
                ("raft/a.cc", '"raft/raft.h"', False),
                ("raft/a.cc", '"absl/status/status.h"', False),
                ("raft/a.cc", '"storage/engine.h"', True),
                ("raft/a.cc", '"raft.h"', True),
                ("raft/a.cc", "<asio.hpp>", True),
                ("raft/a.cc", "<unistd.h>", True),
                ("raft/a.cc", "<rocksdb/db.h>", True),
                ("storage/a.cc", "<rocksdb/db.h>", False),
                ("storage/a.cc", '"raft/ports.h"', False),
                ("storage/a.cc", '"partition/frame.h"', True),
                ("partition/model/a.cc", '"partition/api.pb.h"', False),
                ("partition/model/a.cc", '"partition/state_machine.h"', True),
                ("partition/map.cc", '"raft/types.h"', True),
                ("partition/a.cc", '"partition/model/value.h"', False),
                ("partition/a.cc", '"storage/engine.h"', False),
                ("partition/a.cc", "<rocksdb/db.h>", True),
                ("partition/a.cc", '"node/shard.h"', True),
                ("node/a.cc", '"partition/a.h"', False),
                ("node/a.cc", "<asio.hpp>", True),
                ("node/a.cc", '"client/client.h"', True),
                ("node/io/a.cc", "<asio.hpp>", False),
                ("client/a.cc", '"partition/map.h"', False),
                ("client/a.cc", '"partition/state_machine.h"', True),
                ("client/a.cc", '"storage/engine.h"', True),
                ("client/a.cc", '"node/node.h"', True),
                ("client/internal/a.cc", "<asio/ip/tcp.hpp>", True),
                ("client/internal/io/a.cc", "<asio/ip/tcp.hpp>", False),
                ("tests/raft/a.cc", '"node/node.h"', False),
                ("elsewhere/a.cc", "<vector>", True),
        ]:
            with self.subTest(path=path, include=include):
                self.expect(path, f"#include {include}\n", style.check_edges, found)

    def test_banned(self):
        for path, code, found in [
                ("raft/a.cc", "auto t = std::chrono::steady_clock::now();", True),
                ("raft/a.cc", "// steady_clock would be wrong here", False),
                ("raft/a.cc", 'Log("steady_clock");', False),
                ("raft/a.cc", "int x = rand();", True),
                ("raft/a.cc", "int operand(int);", False),
                ("raft/a.cc", "random.rand();", False),
                ("raft/a.cc", "std::random_device d;", True),
                ("raft/a.cc", "time(nullptr);", True),
                ("raft/a.cc", "lifetime(0);", False),
                ("partition/a.cc", "std::mutex m;", True),
                ("partition/model/a.cc", "std::thread t;", True),
                ("partition/a.cc", "std::ifstream f;", True),
                ("storage/a.cc", "std::mutex m;", False),
                ("storage/a.cc", "std::chrono::system_clock::now();", True),
                ("node/a.cc", "std::thread t;", True),
                ("node/a.cc", "co_await x;", True),
                ("node/io/a.cc", "std::thread t;", False),
                ("client/internal/a.cc", "std::mutex m;", True),
                ("client/a.cc", "std::mutex m;", False),
                ("storage/a.cc", "#ifdef NDEBUG", True),
        ]:
            with self.subTest(path=path, code=code):
                self.expect(path, code + "\n", style.check_banned, found)

    def test_headers(self):
        self.write("raft/a.h", "#pragma once\n")
        self.expect("raft/a.cc", '#include "raft/a.h"\n#include <vector>\n', style.check_headers, False)
        self.expect("raft/a.cc", '#include <vector>\n#include "raft/a.h"\n', style.check_headers, True)
        self.expect("raft/b.h", "int x;\n", style.check_headers, True)

    def test_orphans(self):
        build = self.root / ".build"
        for path in ["raft/used.h", "raft/unused.h", "raft/built.cc", "raft/unbuilt.cc",
                     "raft/built.proto", "raft/unbuilt.proto"]:
            self.write(path, '#include "raft/used.h"\n' if path.endswith(".cc") else "")
        commands = [{"directory": str(self.root), "file": "raft/built.cc"},
                    {"directory": str(build), "file": "raft/built.pb.cc"}]
        self.write(".build/compile_commands.json", json.dumps(commands))
        self.assertEqual(self.findings(style.check_orphans, str(build)),
                         ["raft/unused.h: nobody includes it", "raft/unbuilt.cc: nobody builds it",
                          "raft/unbuilt.proto: nobody builds it"])

    def test_orphans_on_demand(self):
        self.write(".build/compile_commands.json", "[]")
        for path in ["bench/peers/named.cc", "bench/peers/forgotten.cc", "bench/peers/named.proto"]:
            self.write(path, "")
        self.write("bench/peers/CMakeLists.txt", "add_executable(x named.cc named.proto)\n")
        self.assertEqual(self.findings(style.check_orphans, str(self.root / ".build")),
                         ["bench/peers/forgotten.cc: nobody builds it"])

    def test_format(self):
        self.write(".clang-format", "BasedOnStyle: Google\n")
        self.expect("raft/a.cc", "int x;\n", style.check_format, False)
        self.expect("raft/a.cc", "int   x ;\n", style.check_format, True)

    def test_tree(self):
        self.assertIn("README.md: missing", self.findings(style.check_tree))
        self.expect("notes.txt", "", style.check_tree, True)
        self.expect("other/a.cc", "", style.check_tree, True)
        self.expect("raft/README.md", "", style.check_tree, False)
        self.expect(".clang-format", "", style.check_tree, False)

    def test_shell(self):
        self.expect("cluster/a", "#!/bin/bash\necho \"$1\"\n", style.check_shell, False)
        self.expect("cluster/a", "#!/bin/bash\nrm $1\n", style.check_shell, True)

    def test_cases(self):
        row = "| {} | something | {} |\n"
        rows = "".join(row.format(n, "") for n in range(2, style.rules.FAILURE_CASES + 1))
        self.write("tests/raft/a.cc", "TEST(Raft, Votes) {\n")
        self.write("tests/raft/CMakeLists.txt", "fastpath_test(raft_random a.cc)\n")
        self.write("tests/README.md", row.format(1, "`Raft.Votes` `raft_random` `raft/a.cc`") + rows)
        self.assertEqual(self.findings(style.check_cases), [])
        self.write("tests/README.md", row.format(1, "`Raft.Vots`") + rows)
        self.assertEqual(len(self.findings(style.check_cases)), 1)
        self.write("tests/README.md", rows)
        self.assertEqual(len(self.findings(style.check_cases)), 1)

    def test_command_line_fails_on_findings(self):
        self.write("raft/a.cc", "#include <asio.hpp>\n")
        script = pathlib.Path(style.__file__)
        run = subprocess.run([script, "edges", "--root", self.root], capture_output=True, text=True,
                             check=False)
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertIn("raft must not use asio", run.stdout)


if __name__ == "__main__":
    unittest.main()
