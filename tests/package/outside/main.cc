// What somebody else's first program looks like. ENDPOINT: a node of a cluster.
// Uses all three faces of the client, and the generated protocol messages.
#include <cstdio>
#include <future>

#include "client/client.h"
#include "client/primitives/counter.h"
#include "client/primitives/idempotency.h"
#include "client/primitives/lease.h"
#include "client/primitives/rate_limiter.h"
#include "client/task.h"

using namespace fastpath::client;

namespace {

bool MakeTable(Client& client) {
  fastpath::api::Table table;
  table.set_name("books");
  table.mutable_partition_key()->set_name("id");
  table.mutable_partition_key()->set_type(fastpath::api::S);
  return client.CreateTable(table).Wait().ok();
}

Task<bool> Sell(Client& client) {
  const UpdateOptions options(Attr("stock") >= 1);
  auto sold =
      co_await client.Update(Key("books", "a1"), Update().Set("stock", Attr("stock") - 1), options);
  co_return sold.ok();
}

bool UsePrimitives(Client& client) {
  const PrimitiveTable table("primitives");
  if (!EnsureTable(client, table).Wait().ok()) return false;
  auto lease = Leases(client, table).Acquire("shop", "outside").Wait();
  auto begun = Idempotency(client, table).Begin("order", "hash").Wait();
  auto taken =
      RateLimiter(client, table, RateLimit::Sliding(5, std::chrono::minutes(1))).Take("me").Wait();
  ShardedCounter sold(client, table.name, "sold", 4);
  if (!sold.Add(2).Wait().ok()) return false;
  auto sum = sold.Read().Wait();
  return lease.ok() && lease->held && begun.ok() && begun->state == BeginState::kStarted &&
         taken.ok() && taken->allowed && taken->remaining == 4 && sum.ok() &&
         sum->ToString() == "2";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::printf("usage: outside ENDPOINT\n");
    return 2;
  }
  auto client = Client::Connect({.endpoints = {argv[1]}});
  if (!client.ok() || !MakeTable(*client)) return 1;
  const Item item = MakeItem({{"id", "a1"}, {"stock", 3}, {"tags", StringSet({"new"})}});
  auto put = client->Put("books", item, AttrNotExists("id")).Wait();
  if (!put.ok() || !Sell(*client).Wait()) return 1;
  std::promise<bool> found;
  client->Get(Key("books", "a1")).Then([&](Result<GetAnswer> got) {
    found.set_value(got.ok() && got->item.has_value());
  });
  if (!found.get_future().get() || !UsePrimitives(*client)) return 1;
  std::printf("sold a book\n");
  return 0;
}
