#include "client/primitives/table.h"

#include "absl/strings/str_cat.h"

namespace fastpath::client {
namespace {

Result<Nothing> Judge(const PrimitiveTable& wanted, const Result<api::Table>& there) {
  if (!there.ok()) return there.failure();
  std::string why;
  if (there->partition_key().name() != wanted.partition_key ||
      there->partition_key().type() != api::S) {
    why = absl::StrCat("a partition key \"", wanted.partition_key, "\" of type S");
  } else if (!there->sort_key().name().empty()) {
    why = "no sort key";
  } else if (there->ttl_attribute() != wanted.ttl_attribute) {
    why = absl::StrCat("the TTL attribute \"", wanted.ttl_attribute, "\"");
  }
  if (why.empty()) return Nothing{};
  return Failure{Outcome::kRefused, api::INVALID,
                 absl::StrCat("table \"", wanted.name, "\" should have ", why), std::nullopt};
}

}  // namespace

api::Table PrimitiveTable::Definition() const {
  api::Table table;
  table.set_name(name);
  table.mutable_partition_key()->set_name(partition_key);
  table.mutable_partition_key()->set_type(api::S);
  table.set_ttl_attribute(ttl_attribute);
  return table;
}

absl::Status PrimitiveTable::Check(std::initializer_list<std::string_view> attributes) const {
  for (const std::string_view attribute : attributes) {
    if (attribute != partition_key && attribute != ttl_attribute) continue;
    return absl::InvalidArgumentError(absl::StrCat("the attribute \"", std::string(attribute),
                                                   "\" of table \"", name,
                                                   "\" is one that the primitive uses itself"));
  }
  return absl::OkStatus();
}

Operation<Nothing> EnsureTable(Client& client, PrimitiveTable table, CallOptions options) {
  return Operation<Nothing>([client = &client, table = std::move(table),
                             options](Operation<Nothing>::Callback done) {
    client->CreateTable(table.Definition(), options)
        .Then([client, table, options, done = std::move(done)](Result<api::Table> made) mutable {
          const bool busy = made.code() == api::TABLE_BUSY;  // Another is making it.
          if (made.code() != api::TABLE_EXISTS && !busy) return done(Judge(table, made));
          Operation<api::Table> look = busy ? client->WaitUntilActive(table.name, options)
                                            : client->DescribeTable(table.name, options);
          std::move(look).Then([table, done = std::move(done)](Result<api::Table> there) mutable {
            done(Judge(table, there));
          });
        });
  });
}

}  // namespace fastpath::client
