"""The rules of style.py as data: which room may include what, and what is banned where."""

import re

FAILURE_CASES = 40  # What a replicated store must survive; tests/README.md lists them.

TOP_FOLDERS = {"raft", "storage", "partition", "node", "client", "cluster", "tests", "bench"}
TOP_FILES = {"CMakeLists.txt", "CMakePresets.json", "README.md"}

# Files straight in partition/ that the client may use too; the rest of the pure
# part are the folders below. partition/CMakeLists.txt names the same.
PURE_FOLDERS = ("partition/model/", "partition/expression/")

# Built only on demand, for want of their libraries in plain builds: there a
# folder's CMakeLists.txt must at least name its sources.
BUILT_ON_DEMAND = ("bench/peers/", "bench/floor/", "tests/package/outside/")

# Outside libraries by the beginning of an include's path.
LIBRARIES = {
    "absl": ("absl/",),
    "protobuf": ("google/protobuf/",),
    "rocksdb": ("rocksdb/",),
    "asio": ("asio/", "asio.hpp", "boost/asio"),
    "simdjson": ("simdjson",),
    "toml": ("toml++/", "toml.hpp"),
    "beast": ("boost/beast/",),  # Its parser; DESIGN section 9 says why.
    "cli11": ("CLI/",),
    "spdlog": ("spdlog/",),
    "prometheus": ("prometheus/",),
    "gtest": ("gtest/", "gmock/"),
    "benchmark": ("benchmark/",),
    "posix": ("sys/", "unistd.h", "fcntl.h", "poll.h", "signal.h", "pthread.h", "arpa/",
              "netinet/", "netdb.h", "dirent.h", "linux/", "time.h", "termios.h", "dlfcn.h"),
    "openssl": ("openssl/",),
    "zlib": ("zlib.h",),
    "instructions": ("nmmintrin.h", "immintrin.h"),
}

# Rooms: files whose path begins so (the first that matches counts), the rooms
# they may include besides themselves, and their libraries besides the standard one.
ROOMS = {
    "raft": dict(rooms=(), libraries=("absl", "protobuf")),
    "pure": dict(rooms=(), libraries=("absl", "protobuf")),
    "storage": dict(rooms=("raft",), libraries=("absl", "protobuf", "rocksdb", "posix", "instructions")),
    "partition": dict(rooms=("pure", "raft", "storage"), libraries=("absl", "protobuf")),
    "node/io": dict(rooms=("node", "node/gateway", "client/internal", "client/internal/io",
                           "partition", "pure", "storage", "raft"),
                    libraries=("absl", "protobuf", "asio", "beast", "spdlog", "prometheus", "posix")),
    # A client inside the node: node/README.md says why.
    "node/gateway": dict(rooms=("client", "client/internal", "partition", "pure", "raft"),
                         libraries=("absl", "protobuf", "simdjson", "openssl", "beast", "zlib")),
    "node": dict(rooms=("node/io", "node/gateway", "client/internal", "partition", "pure", "storage", "raft"),
                 libraries=("absl", "protobuf", "toml", "spdlog", "cli11", "posix")),
    "client/internal/io": dict(rooms=("client", "client/internal", "pure"),
                               libraries=("absl", "protobuf", "asio", "posix")),
    "client/internal": dict(rooms=("client", "client/internal/io", "pure"),
                            libraries=("absl", "protobuf")),
    "client": dict(rooms=("client/internal", "client/internal/io", "pure"),
                   libraries=("absl", "protobuf", "simdjson", "cli11", "posix")),
    "tests": dict(rooms="any", libraries="any"),
    "bench": dict(rooms="any", libraries="any"),
}

# Names that only one place may use, whatever else it may include.
# (rule, pattern in code without comments and texts, rooms where it is banned)
_LOGIC = ("raft", "pure", "partition", "node", "node/gateway", "client/internal")
BANNED = [
    ("a clock: time is an argument or the Clock port",
     re.compile(r"\b(system_clock|steady_clock|high_resolution_clock|clock_gettime|gettimeofday)\b"
                r"|\b(?:std::)?time\s*\(\s*(?:NULL|nullptr|0)\s*\)|\babsl::(?:Now|GetCurrentTime)"),
     _LOGIC + ("storage",)),
    ("randomness that is not injected",
     re.compile(r"\brandom_device\b|(?<![\w.>:])(?:std::)?s?rand\s*\(|\babsl::BitGen\b"
                r"|\bgetrandom\s*\("), _LOGIC + ("storage",)),
    ("a thread or lock: logic runs on its owner's executor",
     re.compile(r"\bstd::(thread|jthread|mutex|shared_mutex|recursive_mutex|condition_variable"
                r"|future|promise|async|this_thread)\b|\babsl::Mutex\b|\bpthread_\w+"), _LOGIC),
    ("a coroutine: logic is written with callbacks",
     re.compile(r"\bco_(await|return|yield)\b"), _LOGIC),
    ("a file or the environment: those are behind ports",
     re.compile(r"\b(?:std::)?(?:i|o)?fstream\b|\bfopen\s*\(|\bgetenv\s*\(|\bstd::filesystem\b"),
     ("raft", "pure", "partition", "client/internal")),
    ("NDEBUG: broken invariants must stop a release too", re.compile(r"\bNDEBUG\b"),
     _LOGIC + ("storage", "node/io", "client", "client/internal/io")),
]

# Composition roots may name the things that they put together.
BANNED_EXCEPT = {"node/main.cc"}
