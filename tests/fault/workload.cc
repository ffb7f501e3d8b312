#include "tests/fault/workload.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/linearizability/history.h"

namespace fastpath::fault {

using client::Attr;
using client::Key;
using client::MakeItem;
using linearizability::Kind;
using linearizability::MaybeText;
using linearizability::Outcome;

namespace {

constexpr char kKey[] = "k";
constexpr char kText[] = "text";    // Of registers and unique writes.
constexpr char kCount[] = "count";  // Of counters.

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

MaybeText TextOf(const std::optional<client::Item>& item, const char* attribute) {
  if (!item) return std::nullopt;
  const client::Value* value = item->Find(attribute);
  if (value == nullptr) return std::nullopt;
  return value->is(model::Type::kNumber) ? value->number().ToString() : value->text();
}

}  // namespace

struct Workload::Writer {
  client::Client client;
  int name;
  int64_t process;
  std::mt19937_64 random;
  std::vector<Operation> history;
  std::map<std::string, std::string> last_seen;  // A register's value, as this writer knows it.
  struct Unique {
    std::string key, value;
    Outcome outcome;
  };
  std::vector<Unique> uniques;
  std::map<std::string, CounterBounds> counters;
};

Workload::Workload(WorkloadOptions options) : options_(std::move(options)) {}

Workload::~Workload() { Stop(); }

std::unique_ptr<Workload::Writer> Workload::NewWriter(int name) {
  client::Options options;
  options.endpoints = options_.endpoints;
  options.deadline = options_.deadline;
  auto client = client::Client::Connect(options);
  EXPECT_TRUE(client.ok()) << client.status();
  return std::unique_ptr<Writer>(new Writer{*std::move(client),
                                            name,
                                            next_process_++,
                                            std::mt19937_64(options_.seed * 1000 + name),
                                            {},
                                            {},
                                            {},
                                            {}});
}

void Workload::CreateTable() {
  auto writer = NewWriter(0);
  api::Table table;
  table.set_name(options_.table);
  table.mutable_partition_key()->set_name(kKey);
  table.mutable_partition_key()->set_type(api::S);
  const auto made = writer->client.CreateTable(table).Wait();
  ASSERT_TRUE(made.ok()) << made.message();
}

void Workload::Start() {
  for (int i = 1; i <= options_.writers; ++i) writers_.push_back(NewWriter(i));
  for (auto& writer : writers_) threads_.emplace_back([this, &writer] { Run(*writer); });
}

void Workload::Stop() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Workload::Run(Writer& writer) {
  while (!stop_) {
    Step(writer);
    std::this_thread::sleep_for(options_.pause);
  }
}

void Workload::Step(Writer& writer) {
  auto pick = [&](int n) { return static_cast<int>(writer.random() % static_cast<uint64_t>(n)); };
  const std::string key = absl::StrCat("register-", pick(options_.registers));
  const std::string counter = absl::StrCat("counter-", pick(options_.counters));
  const int choice = pick(100);
  if (choice < 30) return WriteUnique(writer);
  if (choice < 45) return Put(writer, key);
  if (choice < 60) return Swap(writer, key);
  if (choice < 65) return Delete(writer, key);
  if (choice < 75) return Get(writer, key, kText);
  if (choice < 80) return Get(writer, counter, kCount);
  return Count(writer, counter);
}

Workload::Operation Workload::Begin(const Writer& writer, Kind kind, const std::string& key) const {
  Operation op;
  op.process = writer.process;
  op.key = key;
  op.kind = kind;
  op.call_ns = NowNs();
  return op;
}

// Records the end; the caller has filled in what an ok result says.
template <class Result>
void Workload::End(Writer& writer, Operation& op, const Result& result) {
  op.return_ns = NowNs();
  if (result.ok() || result.code() == api::CONDITION_FAILED) {
    op.outcome = Outcome::kOk;
    ++acknowledged_;
  } else if (result.refused()) {
    op.outcome = Outcome::kFail;
    ++refused_;
  } else {
    op.outcome = Outcome::kInfo;
    ++unknown_;
    writer.process = next_process_++;
  }
  writer.history.push_back(op);
}

void Workload::WriteUnique(Writer& writer) {
  const std::string value = absl::StrCat("u", next_value_++);
  const std::string key = absl::StrCat("unique-", writer.name, "-", writer.uniques.size());
  Operation op = Begin(writer, Kind::kPut, key);
  op.value = value;
  const auto result =
      writer.client.Put(options_.table, MakeItem({{kKey, key}, {kText, value}})).Wait();
  End(writer, op, result);
  writer.uniques.push_back({key, value, op.outcome});
}

void Workload::Put(Writer& writer, const std::string& key) {
  Operation op = Begin(writer, Kind::kPut, key);
  op.value = absl::StrCat("v", next_value_++);
  const auto result =
      writer.client.Put(options_.table, MakeItem({{kKey, key}, {kText, *op.value}})).Wait();
  End(writer, op, result);
  if (result.ok()) writer.last_seen[key] = *op.value;
}

void Workload::Swap(Writer& writer, const std::string& key) {
  const auto seen = writer.last_seen.find(key);
  Operation op = Begin(writer, Kind::kCas, key);
  if (seen != writer.last_seen.end()) op.expect = seen->second;
  op.value = absl::StrCat("c", next_value_++);
  const client::Condition condition =
      op.expect ? Attr(kText) == *op.expect : client::AttrNotExists(kKey);
  const auto result = writer.client
                          .Put(options_.table, MakeItem({{kKey, key}, {kText, *op.value}}),
                               client::PutOptions(condition).ReturnItemOnFailure())
                          .Wait();
  op.swapped = result.ok();
  End(writer, op, result);
  writer.last_seen.erase(key);
  if (result.ok()) writer.last_seen[key] = *op.value;
  if (result.code() == api::CONDITION_FAILED) {
    // What it was instead, to aim better next time.
    if (const MaybeText is = TextOf(result.failure().item, kText)) writer.last_seen[key] = *is;
  }
}

void Workload::Delete(Writer& writer, const std::string& key) {
  Operation op = Begin(writer, Kind::kDelete, key);
  const auto result =
      writer.client.Delete(Key(options_.table, key), client::DeleteOptions().ReturnOld()).Wait();
  op.existed = result.ok() && result->item.has_value();
  End(writer, op, result);
  writer.last_seen.erase(key);
}

void Workload::Get(Writer& writer, const std::string& key, const char* attribute) {
  Operation op = Begin(writer, Kind::kGet, key);
  const auto result = writer.client.Get(Key(options_.table, key)).Wait();
  if (result.ok()) op.read = TextOf(result->item, attribute);
  End(writer, op, result);
  if (op.read && attribute == kText) writer.last_seen[key] = *op.read;
}

void Workload::Count(Writer& writer, const std::string& key) {
  Operation op = Begin(writer, Kind::kIncr, key);
  op.delta = 1;
  const auto result = writer.client.Increment(Key(options_.table, key), kCount, op.delta).Wait();
  if (result.ok() && !absl::SimpleAtoi(result->ToString(), &op.new_value)) {
    ADD_FAILURE() << key << " is no integer: " << result->ToString();
  }
  End(writer, op, result);
  CounterBounds& bounds = writer.counters[key];
  if (op.outcome == Outcome::kOk) bounds.acknowledged += op.delta;
  if (op.outcome == Outcome::kInfo) bounds.unknown += op.delta;
}

void Workload::ExpectUniqueWritesKept() {
  auto reader = NewWriter(-1);
  size_t kept = 0;
  for (const auto& writer : writers_) {
    for (const Writer::Unique& unique : writer->uniques) {
      Get(*reader, unique.key, kText);
      const Operation& read = reader->history.back();
      ASSERT_EQ(read.outcome, Outcome::kOk) << "cannot read " << unique.key;
      if (unique.outcome == Outcome::kOk) {
        EXPECT_EQ(read.read, MaybeText(unique.value)) << "acknowledged but lost: " << unique.key;
        ++kept;
      } else if (unique.outcome == Outcome::kFail) {
        EXPECT_EQ(read.read, MaybeText()) << "refused but there: " << unique.key;
      }
    }
  }
  EXPECT_GT(kept, 0u) << "no unique write was acknowledged: nothing was tested";
  writers_.push_back(std::move(reader));
}

void Workload::ExpectCountersCountedOnce() {
  auto reader = NewWriter(-2);
  for (int i = 0; i < options_.counters; ++i) {
    const std::string key = absl::StrCat("counter-", i);
    CounterBounds bounds;
    for (const auto& writer : writers_) {
      bounds.acknowledged += writer->counters[key].acknowledged;
      bounds.unknown += writer->counters[key].unknown;
    }
    Get(*reader, key, kCount);
    const Operation& read = reader->history.back();
    ASSERT_EQ(read.outcome, Outcome::kOk) << "cannot read " << key;
    int64_t value = 0;
    if (read.read && !absl::SimpleAtoi(*read.read, &value)) ADD_FAILURE() << *read.read;
    EXPECT_GE(value, bounds.acknowledged) << key << " lost increments";
    EXPECT_LE(value, bounds.acknowledged + bounds.unknown) << key << " counted some twice";
  }
  writers_.push_back(std::move(reader));
}

void Workload::ExpectLinearizable(const std::string& file) {
  std::vector<Operation> history;
  for (const auto& writer : writers_) {
    history.insert(history.end(), writer->history.begin(), writer->history.end());
  }
  std::ofstream lines(file);
  for (const Operation& op : history) lines << linearizability::FormatOperation(op) << "\n";
  const absl::Status valid = linearizability::Validate(history);
  ASSERT_TRUE(valid.ok()) << valid;
  const linearizability::Judgement judgement = linearizability::Check(history);
  EXPECT_EQ(judgement.verdict, linearizability::Verdict::kLegal)
      << judgement.explanation << "\nhistory: " << file;
}

}  // namespace fastpath::fault
