// Counters.
//
//   Counter visits(client, Key("pages", "home"), "visits");
//   auto now = visits.Add().Wait();                 // The new value.
//
//   ShardedCounter likes(client, "counters", "video-9", 16);
//   auto added = likes.Add().Wait();
//   auto sum = likes.Read().Wait();
//
// Counter: one attribute of one item, which may have others. Add and Read are linearizable. An
// Add that is ok counted exactly once, one that is refused not at all, one that is unknown
// once or not at all: however often it was tried, by whichever leaders, since the client's
// session goes with it. {KEY, ATTRIBUTE: N}.
//
// ShardedCounter: for keys that are too hot for one leader. Items {KEY: S ("NAME#0" to
// "NAME#N-1"), "n": N}, in as many groups as there are; Add counts on one drawn at random, with
// Counter's guarantee; Read asks for all of them, strongly and in parallel, and sums.
// - When nobody adds meanwhile, Read is exact.
// - Otherwise each shard is read at a moment of its own between Read's call and its end: every
//   Add acknowledged before the call is in the sum, none that began after the end is, and of
//   those in between any may be or not. With positive numbers only, Reads one after
//   the other never go back. Where numbers of both signs are added, the sum may be one that the
//   counter never had.
// - More shards can be used from any moment on, once all who read know of them. Fewer would
//   leave counts behind.
//
// Each call is one round trip (Read of a sharded one: one to each group, at once).
//
// Threads: any. Ownership: the client outlives operations; it is not moved.
#pragma once

#include <cstdint>
#include <string>

#include "client/client.h"
#include "client/primitives/random.h"

namespace fastpath::client {

class Counter {
 public:
  Counter(Client& client, Key key, Path attribute = "n")
      : client_(&client), key_(std::move(key)), attribute_(std::move(attribute)) {}

  Operation<model::Number> Add(Literal delta = 1, CallOptions options = {});
  // 0 if there is none. INVALID: it is no number.
  Operation<model::Number> Read(CallOptions options = {});

 private:
  Client* client_;
  Key key_;
  Path attribute_;
};

class ShardedCounter {
 public:
  static constexpr uint32_t kMostShards = 100;  // As many as one BatchGet reads.

  ShardedCounter(Client& client, std::string table, std::string name, uint32_t shards = 16,
                 RandomSource random = SystemRandom());

  Operation<Nothing> Add(Literal delta = 1, CallOptions options = {});
  // Refused as a whole if a shard could not be read by the deadline.
  Operation<model::Number> Read(CallOptions options = {});

 private:
  Key ShardAt(uint64_t shard) const;

  Client* client_;
  std::string table_;
  std::string name_;
  uint32_t shards_;
  RandomSource random_;
  absl::Status status_;
};

}  // namespace fastpath::client
