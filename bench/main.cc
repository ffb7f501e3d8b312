// fastpath-bench: puts a closed-loop load on a cluster and reports rates and
// latencies. See --help and bench/README.md.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "bench/load.h"

namespace fastpath::bench {
namespace {

constexpr char kUsage[] =
    R"(usage: fastpath-bench [OPTION VALUE]...

Puts a closed-loop load on a Fastpath cluster: writes of whole items, and reads.

  --endpoints A,B,...  nodes to begin with (default 127.0.0.1:7400)
  --keys N             items that the load touches (default 100000); made first
  --distribution D     uniform or zipfian (default uniform)
  --value-bytes N      size of each item's value, incompressible (default 256)
  --connections N      clients, each with a thread and one connection per node (default 1)
  --in-flight N        operations in flight, over all connections (default 64)
  --read-share F       share of reads, 0 to 1 (default 0)
  --eventual yes       reads that any replica may answer (default: strong)
  --seconds N          measured time of a run (default 10)
  --warmup N           seconds before it (default 2)
  --runs N             runs; the median by rate is reported (default 1)
  --prepare no         do not make the items first (default yes)
  --output FORM        text, json, or row (of a markdown table) (default text)
)";

struct Flags {
  LoadOptions load;
  int runs = 1;
  bool prepare = true;
  std::string output = "text";
};

[[noreturn]] void Refuse(const std::string& why) {
  std::fprintf(stderr, "fastpath-bench: %s (see --help)\n", why.c_str());
  std::exit(2);
}

template <class Integer>
Integer Number(const std::string& name, const std::string& text, Integer low, Integer high) {
  Integer value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < low || value > high) {
    Refuse(absl::StrCat(name, " must be a number from ", low, " to ", high));
  }
  return value;
}

bool YesOrNo(const std::string& name, const std::string& text) {
  if (text != "yes" && text != "no") Refuse(name + " must be yes or no");
  return text == "yes";
}

void Set(Flags& flags, const std::string& name, const std::string& text) {
  LoadOptions& load = flags.load;
  auto seconds = [&] {
    return std::chrono::milliseconds(Number<int>(name, text, 0, 86'400) * 1000LL);
  };
  const std::map<std::string, std::function<void()>> setters = {
      {"--endpoints", [&] { load.endpoints = absl::StrSplit(text, ','); }},
      {"--keys", [&] { load.keys = Number<uint64_t>(name, text, 1, 1'000'000'000); }},
      {"--value-bytes", [&] { load.value_bytes = Number<uint64_t>(name, text, 0, 390'000); }},
      {"--connections", [&] { load.connections = Number<int>(name, text, 1, 10'000); }},
      {"--in-flight", [&] { load.in_flight = Number<int>(name, text, 1, 100'000); }},
      {"--seconds", [&] { load.measure = seconds(); }},
      {"--warmup", [&] { load.warmup = seconds(); }},
      {"--runs", [&] { flags.runs = Number<int>(name, text, 1, 1000); }},
      {"--eventual", [&] { load.eventual = YesOrNo(name, text); }},
      {"--prepare", [&] { flags.prepare = YesOrNo(name, text); }},
      {"--distribution",
       [&] {
         if (text != "uniform" && text != "zipfian") Refuse("--distribution is uniform or zipfian");
         load.distribution = text == "zipfian" ? Distribution::kZipfian : Distribution::kUniform;
       }},
      {"--read-share",
       [&] {
         if (!absl::SimpleAtod(text, &load.read_share) || !(load.read_share >= 0) ||
             load.read_share > 1) {
           Refuse("--read-share must be from 0 to 1");
         }
       }},
      {"--output",
       [&] {
         if (text != "text" && text != "json" && text != "row") {
           Refuse("--output is text, json or row");
         }
         flags.output = text;
       }},
  };
  const auto setter = setters.find(name);
  if (setter == setters.end()) Refuse("unknown option " + name);
  setter->second();
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
    Set(flags, name, argv[i + 1]);
  }
  if (flags.load.measure.count() == 0) Refuse("--seconds must be at least 1");
  return flags;
}

double Rate(const LoadResult& result) {
  return result.writes_per_second() + result.reads_per_second();
}

double Millis(uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e6; }

std::string Thousands(double value) {
  const std::string digits = absl::StrFormat("%.0f", value);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out.push_back(',');
    out.push_back(digits[i]);
  }
  return out;
}

void PrintText(const char* what, const Histogram& histogram, double rate) {
  if (histogram.count() == 0) return;
  absl::PrintF("%-7s %10s/s   p50 %.2f ms   p99 %.2f ms   p99.9 %.2f ms   max %.2f ms\n", what,
               Thousands(rate), Millis(histogram.Quantile(0.5)), Millis(histogram.Quantile(0.99)),
               Millis(histogram.Quantile(0.999)), Millis(histogram.max()));
}

std::string Json(const Histogram& histogram, double rate) {
  return absl::StrFormat(
      R"({"count":%u,"per_second":%.1f,"mean_ms":%.4f,"p50_ms":%.4f,"p90_ms":%.4f,"p99_ms":%.4f,"p999_ms":%.4f,"max_ms":%.4f})",
      histogram.count(), rate, histogram.mean() / 1e6, Millis(histogram.Quantile(0.5)),
      Millis(histogram.Quantile(0.9)), Millis(histogram.Quantile(0.99)),
      Millis(histogram.Quantile(0.999)), Millis(histogram.max()));
}

std::string Row(const Flags& flags, const char* what, const Histogram& histogram, double rate) {
  return absl::StrFormat("| %s | %d | %s | %.2f | %.2f |\n", what, flags.load.in_flight,
                         Thousands(rate), Millis(histogram.Quantile(0.5)),
                         Millis(histogram.Quantile(0.99)));
}

void Print(const Flags& flags, const LoadResult& result) {
  const char* reads = flags.load.eventual ? "eventual reads" : "strong reads";
  if (flags.output == "json") {
    absl::PrintF(
        R"({"seconds":%.3f,"in_flight":%d,"connections":%d,"writes":%s,"reads":%s,"missing":%u,"refused":%u,"unknown":%u})"
        "\n",
        result.seconds, flags.load.in_flight, flags.load.connections,
        Json(result.writes, result.writes_per_second()),
        Json(result.reads, result.reads_per_second()), result.missing, result.refused,
        result.unknown);
  } else if (flags.output == "row") {
    if (result.writes.count() > 0) {
      absl::PrintF("%s", Row(flags, "writes", result.writes, result.writes_per_second()));
    }
    if (result.reads.count() > 0) {
      absl::PrintF("%s", Row(flags, reads, result.reads, result.reads_per_second()));
    }
  } else {
    PrintText("writes", result.writes, result.writes_per_second());
    PrintText("reads", result.reads, result.reads_per_second());
  }
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "fastpath-bench: %s\n", std::string(status.message()).c_str());
  return 1;
}

int Run(const Flags& flags) {
  if (flags.prepare) {
    if (absl::Status made = Prepare(flags.load); !made.ok()) return Fail(made);
  }
  std::vector<LoadResult> results;
  LoadOptions load = flags.load;
  bool failed = false;
  for (int run = 0; run < flags.runs; ++run, ++load.seed) {
    absl::StatusOr<LoadResult> outcome = RunLoad(load);
    if (!outcome.ok()) return Fail(outcome.status());
    results.push_back(*std::move(outcome));
    const LoadResult& result = results.back();
    if (result.refused + result.unknown + result.missing > 0) {
      failed = true;
      absl::FPrintF(stderr, "fastpath-bench: %u refused, %u unknown, %u reads found nothing; %s\n",
                    result.refused, result.unknown, result.missing, result.first_failure);
    }
  }
  std::sort(results.begin(), results.end(),
            [](const LoadResult& a, const LoadResult& b) { return Rate(a) < Rate(b); });
  Print(flags, results[results.size() / 2]);
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace fastpath::bench

int main(int argc, char** argv) {
  using namespace fastpath::bench;
  return Run(ParseFlags(argc, argv));
}
