// fastpath-touch: the first strong read of each group after all went quiet.
//
// Puts an item into every group, waits until nobody has asked them for anything
// for a while, then reads one item of each, one after the other, and prints the
// latencies; then reads them all once more, awake, for comparison.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bench/histogram.h"
#include "client/client.h"

namespace fastpath::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr char kUsage[] =
    "usage: fastpath-touch ENDPOINT,... QUIET_SECONDS\n\n"
    "Reads one item of every Raft group, strongly and one at a time, after the groups\n"
    "were left alone for QUIET_SECONDS, and prints the latencies in microseconds.\n";

constexpr char kTable[] = "touch";

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "fastpath-touch: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T Expect(client::Result<T> result, const std::string& what) {
  if (!result.ok()) Fail(absl::StrCat(what, ": ", result.message()));
  return *std::move(result);
}

void MakeTable(client::Client& client) {
  for (const api::Table& table : Expect(client.ListTables().Wait(), "list tables")) {
    if (table.name() == kTable && table.state() == api::ACTIVE) return;
  }
  api::Table table;
  table.set_name(kTable);
  table.mutable_partition_key()->set_name("id");
  table.mutable_partition_key()->set_type(api::S);
  const auto made = client.CreateTable(table, client::CallOptions(std::chrono::seconds(60))).Wait();
  if (!made.ok()) Fail(absl::StrCat("create the table: ", made.message()));
}

// The id of an item in each group but meta's.
std::vector<std::string> IdOfEachGroup(client::Client& client) {
  const api::Map map = Expect(client.ClusterMap().Wait(), "read the map");
  std::map<uint32_t, std::string> ids;
  const size_t wanted = map.groups_size() - 1;
  for (uint64_t i = 0; ids.size() < wanted && i < 1000 * wanted; ++i) {
    const std::string id = absl::StrCat("k", i);
    const api::GroupDescriptor* group = client::GroupOf(map, client::Key(kTable, id));
    if (group != nullptr) ids.emplace(group->group(), id);
  }
  std::vector<std::string> list;
  for (const auto& [group, id] : ids) list.push_back(id);
  return list;
}

void ReadAll(client::Client& client, const std::vector<std::string>& ids, const char* name) {
  Histogram latencies;
  for (const std::string& id : ids) {
    const auto begun = SteadyClock::now();
    const client::GetAnswer got = Expect(client.Get(client::Key(kTable, id)).Wait(), "read");
    const std::chrono::nanoseconds took = SteadyClock::now() - begun;
    latencies.Record(static_cast<uint64_t>(took.count()));
    if (!got.item) Fail("an item that was put is not there");
  }
  const auto us = [](uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1000; };
  std::printf("%s: %zu groups, p50 %.0f us, p99 %.0f us, max %.0f us\n", name, ids.size(),
              us(latencies.Quantile(0.5)), us(latencies.Quantile(0.99)), us(latencies.max()));
}

void Run(const std::string& endpoints, int quiet_seconds) {
  client::Options options;
  options.endpoints = absl::StrSplit(endpoints, ',');
  auto client = client::Client::Connect(options);
  if (!client.ok()) Fail(std::string(client.status().message()));
  MakeTable(*client);
  const std::vector<std::string> ids = IdOfEachGroup(*client);
  for (const std::string& id : ids) {
    Expect(client->Put(kTable, client::MakeItem({{"id", id}})).Wait(), "put");
  }
  std::this_thread::sleep_for(std::chrono::seconds(quiet_seconds));
  ReadAll(*client, ids, "first strong read from quiet");
  ReadAll(*client, ids, "the read after it");
}

}  // namespace
}  // namespace fastpath::bench

int main(int argc, char** argv) {
  int seconds = 0;
  if (argc != 3 || !absl::SimpleAtoi(argv[2], &seconds) || seconds < 0) {
    std::fputs(fastpath::bench::kUsage, stderr);
    return 2;
  }
  fastpath::bench::Run(argv[1], seconds);
  return 0;
}
