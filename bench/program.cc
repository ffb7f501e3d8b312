#include "bench/program.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/report.h"

namespace fastpath::bench {
namespace {

constexpr char kCommonUsage[] = R"(
  --keys N             items that the load touches (default 100000); made first
  --distribution D     uniform, zipfian, or own: each lane has its own key (default uniform)
  --value-bytes N      size of each item's value, incompressible (default 256)
  --in-flight N        lanes: logical connections with at most one operation
                       outstanding each (default 64)
  --read-share F       share of reads, 0 to 1 (default 0)
  --rate R             open loop: R operations arrive a second, whatever the store
                       does, and latencies run from when each should have begun;
                       at most --in-flight are outstanding, the others wait
                       (default 0: closed loop, every lane always busy)
  --arrivals A         of the open loop: poisson or fixed distances (default poisson)
  --watch-host yes     open loop: also tell of the operations that met no stall of
                       the machine itself, seen by real-time threads (default no)
  --seconds N          measured time of a run (default 10)
  --warmup N           seconds before it (default 2)
  --seed N             of keys, values and arrivals (default 1)
  --runs N             runs; the median by rate is reported (default 1)
  --prepare no         do not make the table and the items first (default yes)
  --prepare only       make them, and no load
  --output FORM        text, json, or row (of a markdown table) (default text)
)";

constexpr size_t kFillLanes = 256;

struct Flags {
  LoadOptions load;
  int runs = 1;
  std::string prepare = "yes", output = "text";
};

double Decimal(const std::string& name, const std::string& text, double high) {
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || !(value >= 0) || value > high) {
    Refuse(absl::StrCat(name, " must be from 0 to ", high));
  }
  return value;
}

// Whether the option is a common one.
bool SetCommon(Flags& flags, const std::string& name, const std::string& text) {
  LoadOptions& load = flags.load;
  auto number = [&](uint64_t low, uint64_t high) { return Number(name, text, low, high); };
  auto seconds = [&] { return std::chrono::milliseconds(number(0, 86'400) * 1000); };
  const std::map<std::string, std::function<void()>> setters = {
      {"--keys", [&] { load.keys = number(1, 1'000'000'000); }},
      {"--value-bytes", [&] { load.value_bytes = number(0, 390'000); }},
      {"--in-flight", [&] { load.in_flight = number(1, 100'000); }},
      {"--seconds", [&] { load.measure = seconds(); }},
      {"--warmup", [&] { load.warmup = seconds(); }},
      {"--seed", [&] { load.seed = number(0, UINT64_MAX); }},
      {"--runs", [&] { flags.runs = static_cast<int>(number(1, 1000)); }},
      {"--read-share", [&] { load.read_share = Decimal(name, text, 1); }},
      {"--rate", [&] { load.rate = Decimal(name, text, 1e8); }},
      {"--arrivals",
       [&] {
         load.poisson = OneOf(name, text, {"poisson", "fixed"}) == "poisson";
       }},
      {"--watch-host", [&] { load.watch_host = YesOrNo(name, text); }},
      {"--prepare",
       [&] {
         flags.prepare = OneOf(name, text, {"yes", "no", "only"});
       }},
      {"--output",
       [&] {
         flags.output = OneOf(name, text, {"text", "json", "row"});
       }},
      {"--distribution",
       [&] {
         const std::string chosen = OneOf(name, text, {"uniform", "zipfian", "own"});
         load.distribution = chosen == "zipfian" ? Distribution::kZipfian
                             : chosen == "own"   ? Distribution::kOwn
                                                 : Distribution::kUniform;
       }},
  };
  const auto setter = setters.find(name);
  if (setter == setters.end()) return false;
  setter->second();
  return true;
}

Flags ParseFlags(int argc, char** argv, const Program& program) {
  Flags flags;
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--help" || name == "-h") {
      std::fputs((program.usage + kCommonUsage).c_str(), stdout);
      std::exit(0);
    }
    if (i + 1 == argc) Refuse(name + " needs a value");
    if (SetCommon(flags, name, argv[i + 1])) continue;
    const auto own = program.options.find(name);
    if (own == program.options.end()) Refuse("unknown option " + name);
    own->second(argv[i + 1]);
  }
  if (flags.load.measure.count() == 0) Refuse("--seconds must be at least 1");
  if (flags.load.watch_host && flags.load.rate == 0) Refuse("--watch-host needs a --rate");
  return flags;
}

double Rate(const LoadResult& result) {
  return result.reads_per_second() + result.writes_per_second();
}

std::unique_ptr<Target> MakeOrDie(const Program& program, size_t lanes, bool create) {
  auto target = program.make(lanes, create);
  if (!target.ok()) Die(std::string(target.status().message()));
  return *std::move(target);
}

void Prepare(const Flags& flags, const Program& program) {
  const auto target = MakeOrDie(program, kFillLanes, true);
  const absl::Status filled = Fill(flags.load, *target, kFillLanes);
  if (!filled.ok()) Die(std::string(filled.message()));
}

}  // namespace

void Refuse(const std::string& why) {
  std::fprintf(stderr, "%s: %s (see --help)\n", program_invocation_short_name, why.c_str());
  std::exit(2);
}

void Die(const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, why.c_str());
  std::_Exit(1);  // A target's own thread may be running: no destructors.
}

uint64_t Number(const std::string& name, const std::string& text, uint64_t low, uint64_t high) {
  uint64_t value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < low || value > high) {
    Refuse(absl::StrCat(name, " must be a number from ", low, " to ", high));
  }
  return value;
}

std::string OneOf(const std::string& name, const std::string& text,
                  const std::vector<std::string>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), text) != allowed.end()) return text;
  std::string list;
  for (const std::string& word : allowed) absl::StrAppend(&list, list.empty() ? "" : " or ", word);
  Refuse(name + " is " + list);
}

bool YesOrNo(const std::string& name, const std::string& text) {
  return OneOf(name, text, {"yes", "no"}) == "yes";
}

int RunProgram(int argc, char** argv, const Program& program) {
  const Flags flags = ParseFlags(argc, argv, program);
  if (flags.prepare != "no") Prepare(flags, program);
  if (flags.prepare == "only") return 0;
  std::vector<LoadResult> results;
  LoadOptions load = flags.load;
  bool failed = false;
  for (int run = 0; run < flags.runs; ++run, ++load.seed) {
    const auto target = MakeOrDie(program, load.in_flight, false);
    absl::StatusOr<LoadResult> ran =
        load.rate > 0 ? RunOpen(load, *target) : RunClosed(load, *target);
    if (!ran.ok()) Die(std::string(ran.status().message()));
    results.push_back(*std::move(ran));
    const LoadResult& result = results.back();
    if (result.refused + result.unknown + result.missing > 0) {
      failed = true;
      std::fprintf(stderr, "%s: %s refused, %s unknown, %s reads found nothing; %s\n",
                   program_invocation_short_name, absl::StrCat(result.refused).c_str(),
                   absl::StrCat(result.unknown).c_str(), absl::StrCat(result.missing).c_str(),
                   result.first_failure.c_str());
    }
  }
  std::sort(results.begin(), results.end(),
            [](const LoadResult& a, const LoadResult& b) { return Rate(a) < Rate(b); });
  const LoadResult& median = results[results.size() / 2];
  const std::string text = flags.output == "json"  ? AsJson(load, median)
                           : flags.output == "row" ? AsRows(load, median, program.reads.c_str())
                                                   : AsText(load, median);
  std::fputs(text.c_str(), stdout);
  return failed ? 1 : 0;
}

}  // namespace fastpath::bench
