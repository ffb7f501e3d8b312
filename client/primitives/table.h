// Where a primitive keeps its items: a table of the user's choice, with a partition
// key of type S, no sort key, and for those that expire a TTL attribute. Primitives
// may share a table as long as their keys differ.
//
// Value type.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "client/client.h"

namespace fastpath::client {

struct PrimitiveTable {
  PrimitiveTable(std::string name, std::string partition_key = "key",  // NOLINT: implicit
                 std::string ttl_attribute = "expires")
      : name(std::move(name)),
        partition_key(std::move(partition_key)),
        ttl_attribute(std::move(ttl_attribute)) {}
  PrimitiveTable(const char* name) : PrimitiveTable(std::string(name)) {}  // NOLINT

  // For Client::CreateTable.
  api::Table Definition() const;
  // InvalidArgument: `attributes`, which the primitive needs for itself, name one of
  // the table's two.
  absl::Status Check(std::initializer_list<std::string_view> attributes) const;

  std::string name;
  std::string partition_key;
  std::string ttl_attribute;
};

// Makes the table, or sees that the one there will do; INVALID says why it will not.
// Without its TTL attribute nothing of a primitive would ever expire.
Operation<Nothing> EnsureTable(Client& client, PrimitiveTable table, CallOptions options = {});

}  // namespace fastpath::client
