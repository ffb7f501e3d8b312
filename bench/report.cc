#include "bench/report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace fastpath::bench {
namespace {

double Millis(uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e6; }

std::string Thousands(double number) {
  const std::string digits = absl::StrFormat("%.0f", number);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out.push_back(',');
    out.push_back(digits[i]);
  }
  return out;
}

std::string Text(const char* what, const Histogram& histogram, double rate) {
  if (histogram.count() == 0) return "";
  return absl::StrFormat("%-7s %10s/s   p50 %.2f ms   p99 %.2f ms   p99.9 %.2f ms   max %.2f ms\n",
                         what, Thousands(rate), Millis(histogram.Quantile(0.5)),
                         Millis(histogram.Quantile(0.99)), Millis(histogram.Quantile(0.999)),
                         Millis(histogram.max()));
}

// What met no stall, where the host was watched.
std::string UndisturbedText(const char* what, const Histogram& undisturbed, const Histogram& all) {
  if (all.count() == 0) return "";
  return absl::StrFormat(
      "%-7s %9.1f %%    p50 %.2f ms   p99 %.2f ms   of those that met no stall\n", what,
      100.0 * static_cast<double>(undisturbed.count()) / static_cast<double>(all.count()),
      Millis(undisturbed.Quantile(0.5)), Millis(undisturbed.Quantile(0.99)));
}

std::string Json(const Histogram& histogram, double rate) {
  return absl::StrFormat(
      R"({"count":%u,"per_second":%.1f,"mean_ms":%.4f,"p50_ms":%.4f,"p90_ms":%.4f,"p99_ms":%.4f,"p999_ms":%.4f,"max_ms":%.4f})",
      histogram.count(), rate, histogram.mean() / 1e6, Millis(histogram.Quantile(0.5)),
      Millis(histogram.Quantile(0.9)), Millis(histogram.Quantile(0.99)),
      Millis(histogram.Quantile(0.999)), Millis(histogram.max()));
}

std::string UndisturbedJson(const Histogram& histogram) {
  return absl::StrFormat(R"({"count":%u,"p50_ms":%.4f,"p99_ms":%.4f})", histogram.count(),
                         Millis(histogram.Quantile(0.5)), Millis(histogram.Quantile(0.99)));
}

std::string Row(const LoadOptions& load, const char* what, const Histogram& histogram,
                double rate) {
  if (histogram.count() == 0) return "";
  return absl::StrFormat("| %s | %u | %s | %.2f | %.2f |\n", what, load.in_flight, Thousands(rate),
                         Millis(histogram.Quantile(0.5)), Millis(histogram.Quantile(0.99)));
}

}  // namespace

std::string AsText(const LoadOptions& load, const LoadResult& result) {
  std::string out = absl::StrCat(Text("writes", result.writes, result.writes_per_second()),
                                 Text("reads", result.reads, result.reads_per_second()));
  if (load.rate > 0) {
    absl::StrAppend(&out, "offered ", Thousands(load.rate), "/s; ", result.unsent,
                    " could not be begun in time\n");
  }
  if (load.watch_host) {
    absl::StrAppend(&out, UndisturbedText("writes", result.undisturbed_writes, result.writes),
                    UndisturbedText("reads", result.undisturbed_reads, result.reads));
  }
  return out;
}

std::string AsJson(const LoadOptions& load, const LoadResult& result) {
  std::string undisturbed;
  if (load.watch_host) {
    undisturbed =
        absl::StrCat(R"("undisturbed_writes":)", UndisturbedJson(result.undisturbed_writes),
                     R"(,"undisturbed_reads":)", UndisturbedJson(result.undisturbed_reads), ",");
  }
  return absl::StrFormat(
      R"({"seconds":%.3f,"in_flight":%u,"offered_per_second":%.1f,"writes":%s,"reads":%s,%s"unsent":%u,"missing":%u,"refused":%u,"unknown":%u})"
      "\n",
      result.seconds, load.in_flight, load.rate, Json(result.writes, result.writes_per_second()),
      Json(result.reads, result.reads_per_second()), undisturbed, result.unsent, result.missing,
      result.refused, result.unknown);
}

std::string AsRows(const LoadOptions& load, const LoadResult& result, const char* reads) {
  return Row(load, "writes", result.writes, result.writes_per_second()) +
         Row(load, reads, result.reads, result.reads_per_second());
}

}  // namespace fastpath::bench
