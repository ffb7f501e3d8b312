// fastpath-bench: puts a load on a Fastpath cluster and reports rates and
// latencies. See --help and bench/README.md.
#include "absl/strings/str_split.h"
#include "bench/fastpath_target.h"
#include "bench/program.h"

namespace {

constexpr char kUsage[] =
    R"(usage: fastpath-bench [OPTION VALUE]...

Puts a load on a Fastpath cluster: writes of whole items, or counters, and reads.

  --endpoints A,B,...  nodes to begin with (default 127.0.0.1:7400)
  --connections N      clients, each with a thread and one connection per node (default 1)
  --eventual yes       reads that any replica may answer (default: strong)
  --work W             what a write is: put, of a whole item, or count, which adds 1
                       to the key's number (default put)
)";

}  // namespace

int main(int argc, char** argv) {
  using namespace fastpath::bench;
  FastpathOptions fastpath;
  Program program;
  program.usage = kUsage;
  program.options = {
      {"--endpoints",
       [&](const std::string& text) { fastpath.endpoints = absl::StrSplit(text, ','); }},
      {"--connections",
       [&](const std::string& text) {
         fastpath.connections = Number("--connections", text, 1, 10'000);
       }},
      {"--eventual",
       [&](const std::string& text) {
         fastpath.eventual = YesOrNo("--eventual", text);
         if (fastpath.eventual) program.reads = "eventual reads";
       }},
      {"--work",
       [&](const std::string& text) {
         fastpath.count = OneOf("--work", text, {"put", "count"}) == "count";
       }},
  };
  program.make = [&](size_t lanes, bool create) { return MakeFastpath(fastpath, lanes, create); };
  return RunProgram(argc, argv, program);
}
