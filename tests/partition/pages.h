// Short ways to ask for pages, and the tables that the tests of queries and
// scans use.
#pragma once

#include <algorithm>
#include <compare>
#include <string>
#include <utility>
#include <vector>

#include "tests/partition/state_fixture.h"

namespace fastpath::partition::testing {

inline model::Value B(std::string bytes) { return model::Value::Binary(std::move(bytes)); }
inline model::Value Digits(const std::string& text) {
  return model::Value::Num(*model::Number::Parse(text));
}

inline constexpr char kPairs[] = "pairs";
inline constexpr uint32_t kPairsSpace = 9;

// "pairs": partition key "pk" (S), sort key "sk" of the given type, expiry "ttl".
inline api::Table PairsOf(api::KeyType sort) {
  api::Table table = TableOf(kPairs, kPairsSpace);
  table.mutable_sort_key()->set_name("sk");
  table.mutable_sort_key()->set_type(sort);
  return table;
}

inline api::Key PairKey(const model::Value& partition, const model::Value& sort) {
  api::Key key = K(partition);
  key.set_sort(model::EncodeValue(sort));
  return key;
}

inline command::Write PutPair(const model::Item& item) {
  command::Write write = PutOf(item);
  write.set_space(kPairsSpace);
  return write;
}

inline api::QueryRequest QueryOf(const model::Value& partition) {
  api::QueryRequest request;
  request.set_table(kPairs);
  request.set_partition(model::EncodeValue(partition));
  return request;
}

inline api::ScanRequest ScanOf(const std::string& table = kPairs) {
  api::ScanRequest request;
  request.set_table(table);
  return request;
}

inline std::vector<model::Item> ItemsOf(const api::PageResult& page) {
  std::vector<model::Item> items;
  for (const std::string& item : page.items()) items.push_back(ItemOf(item));
  return items;
}

}  // namespace fastpath::partition::testing
