// What clients do while nodes die, and what they were told: several writers of
// unique values, conditional writes and counters, each with a client of its own,
// and a record of every operation for the judge (tests/linearizability).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "client/client.h"
#include "tests/linearizability/checker.h"

namespace fastpath::fault {

struct WorkloadOptions {
  std::vector<std::string> endpoints;
  std::string table = "fault";
  int writers = 8;
  int registers = 24;  // Keys that are put, swapped, deleted and read by all.
  int counters = 8;
  std::chrono::milliseconds pause{1};  // Of a writer between two operations.
  std::chrono::milliseconds deadline{10'000};
  uint64_t seed = 1;
};

// What is known of a counter from the answers.
struct CounterBounds {
  int64_t acknowledged = 0;
  int64_t unknown = 0;  // May be there as well.
};

class Workload {
 public:
  explicit Workload(WorkloadOptions options);
  ~Workload();  // Stops.

  void CreateTable();  // A test failure if it cannot be made.
  void Start();
  void Stop();  // Ends every writer after its operation.

  // After Stop; each reads through fresh clients, with strong reads, that join
  // the history.
  //
  // Every acknowledged unique write is there with its value, every refused one
  // is not; a test failure for each that is wrong.
  void ExpectUniqueWritesKept();
  // Each counter holds what was acknowledged, plus at most what is unknown.
  void ExpectCountersCountedOnce();
  // The whole history, final reads included, is linearizable. Written to
  // `file` as JSON lines first.
  void ExpectLinearizable(const std::string& file);

  uint64_t acknowledged() const { return acknowledged_.load(); }
  uint64_t unknown() const { return unknown_.load(); }
  uint64_t refused() const { return refused_.load(); }

 private:
  struct Writer;
  using Operation = linearizability::Operation;

  void Run(Writer& writer);
  void Step(Writer& writer);
  void WriteUnique(Writer& writer);
  void Put(Writer& writer, const std::string& key);
  void Swap(Writer& writer, const std::string& key);
  void Delete(Writer& writer, const std::string& key);
  void Get(Writer& writer, const std::string& key, const char* attribute);
  void Count(Writer& writer, const std::string& key);
  Operation Begin(const Writer& writer, linearizability::Kind kind, const std::string& key) const;
  template <class Result>
  void End(Writer& writer, Operation& op, const Result& result);
  std::unique_ptr<Writer> NewWriter(int name);

  const WorkloadOptions options_;
  std::vector<std::unique_ptr<Writer>> writers_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_{false};
  std::atomic<int64_t> next_process_{1};
  std::atomic<uint64_t> next_value_{1};
  std::atomic<uint64_t> acknowledged_{0}, unknown_{0}, refused_{0};
};

}  // namespace fastpath::fault
