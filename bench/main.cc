// fastpath-bench: puts a load on a Fastpath cluster and reports rates and
// latencies. See --help and bench/README.md.
#include "absl/strings/str_split.h"
#include "bench/fastpath_target.h"
#include "bench/program.h"

namespace {

constexpr char kUsage[] =
    R"(usage: fastpath-bench [OPTION VALUE]...

Puts a load on a Fastpath cluster: writes of whole items, counters, transactions, and reads.

  --endpoints A,B,...  nodes to begin with (default 127.0.0.1:7400)
  --connections N      clients, each with a thread and one connection per node (default 1)
  --eventual yes       reads that any replica may answer (default: strong)
  --work W             what a write is (default put):
                         put             a whole item
                         count           adds 1 to the key's number
                         transact        two items of two groups, both or none
                         transact-group  two items of one group (a key of two tables)
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
         const std::string work =
             OneOf("--work", text, {"put", "count", "transact", "transact-group"});
         if (work == "count") fastpath.work = Work::kCount;
         if (work == "transact") fastpath.work = Work::kTransact;
         if (work == "transact-group") fastpath.work = Work::kTransactGroup;
       }},
  };
  program.make = [&](size_t lanes, bool create) { return MakeFastpath(fastpath, lanes, create); };
  return RunProgram(argc, argv, program);
}
