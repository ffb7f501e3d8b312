// fastpath-floor: one of the three processes of the floor. See --help.
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/floor/follower.h"
#include "bench/floor/leader.h"

namespace {

constexpr char kUsage[] =
    R"(usage: fastpath-floor --data FOLDER --port N [--follower PORT]... [--state none|hash|rocks]

What no replicated store on this machine can beat: batch, sync on two of three,
replicate, apply, answer; no terms, elections, sessions, recovery, or anything else
that makes it a store. With --follower (twice) it leads, on 127.0.0.1:N for
fastpath-bench-peers --system floor; without, it follows whoever connects.

  --data FOLDER    for its log, and RocksDB's files
  --state S        what is applied: nothing, a hash table in memory, or RocksDB with
                   a Get and a Put per write (default hash)
)";

struct Flags {
  std::string data, state = "hash";
  uint16_t port = 0;
  std::vector<uint16_t> followers;
};

[[noreturn]] void Refuse(const std::string& why) {
  std::fprintf(stderr, "fastpath-floor: %s (see --help)\n", why.c_str());
  std::exit(2);
}

uint16_t Port(const std::string& text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) {
    Refuse("not a port: " + text);
  }
  return port;
}

Flags ParseFlags(int argc, char** argv) {
  Flags flags;
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--help" || name == "-h") {
      std::fputs(kUsage, stdout);
      std::exit(0);
    }
    if (i + 1 == argc) Refuse(name + " needs a value");
    const std::string value = argv[i + 1];
    if (name == "--data") {
      flags.data = value;
    } else if (name == "--state") {
      flags.state = value;
    } else if (name == "--port") {
      flags.port = Port(value);
    } else if (name == "--follower") {
      flags.followers.push_back(Port(value));
    } else {
      Refuse("unknown option " + name);
    }
  }
  if (flags.data.empty() || flags.port == 0) Refuse("--data and --port are needed");
  return flags;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace fastpath::bench;
  const Flags flags = ParseFlags(argc, argv);
  std::filesystem::create_directories(flags.data);
  FloorLog log(flags.data + "/log");
  const auto state = MakeFloorState(flags.state, flags.data + "/rocks");
  if (state == nullptr) Refuse("--state is none, hash or rocks");
  asio::io_context io(1);
  if (flags.followers.empty()) {
    FloorFollower follower(io, flags.port, log, *state);
    io.run();
  } else {
    FloorLeader leader(io, flags.port, flags.followers, log, *state);
    io.run();
  }
  return 0;
}
