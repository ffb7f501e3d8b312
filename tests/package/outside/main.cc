// What somebody else's first program looks like. ENDPOINT: a node of a cluster.
// Uses all three faces of the client, and the generated protocol messages.
#include <cstdio>
#include <future>

#include "client/client.h"
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
  if (!found.get_future().get()) return 1;
  std::printf("sold a book\n");
  return 0;
}
