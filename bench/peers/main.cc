// fastpath-bench-peers: the same load on other stores, and on the floor. See --help
// and bench/README.md.
#include "absl/strings/str_split.h"
#include "bench/peers/peers.h"
#include "bench/program.h"

namespace {

constexpr char kUsage[] =
    R"(usage: fastpath-bench-peers --system SYSTEM [OPTION VALUE]...

Puts the load of fastpath-bench on another store on this machine.

  --system S           redis, postgres, etcd or floor
  --port N             of redis and floor on 127.0.0.1
  --conninfo TEXT      of postgres, as libpq takes it
  --endpoints A,B,...  of etcd
  --channels N         of etcd: HTTP/2 connections shared by the lanes (default 4)
)";

struct Peer {
  std::string system;
  uint16_t port = 0;
  std::string conninfo;
  std::vector<std::string> endpoints;
  size_t channels = 4;
};

}  // namespace

int main(int argc, char** argv) {
  using namespace fastpath::bench;
  Peer peer;
  Program program;
  program.usage = kUsage;
  program.options = {
      {"--system", [&](const std::string& text) { peer.system = text; }},
      {"--port",
       [&](const std::string& text) {
         peer.port = static_cast<uint16_t>(Number("--port", text, 1, 65'535));
       }},
      {"--conninfo", [&](const std::string& text) { peer.conninfo = text; }},
      {"--endpoints", [&](const std::string& text) { peer.endpoints = absl::StrSplit(text, ','); }},
      {"--channels",
       [&](const std::string& text) { peer.channels = Number("--channels", text, 1, 1000); }},
  };
  program.make = [&](size_t lanes, bool create) -> absl::StatusOr<std::unique_ptr<Target>> {
    if (peer.system == "redis") return MakeRedis(peer.port, lanes);
    if (peer.system == "postgres") return MakePostgres(peer.conninfo, lanes, create);
    if (peer.system == "etcd") return MakeEtcd(peer.endpoints, peer.channels, lanes);
    if (peer.system == "floor") return MakeFloor(peer.port);
    Refuse("--system is redis, postgres, etcd or floor");
  };
  return RunProgram(argc, argv, program);
}
