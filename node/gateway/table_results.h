// A table as DynamoDB describes it, and how its resources are named.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "node/gateway/call.h"
#include "partition/api.pb.h"
#include "partition/model/json.h"

namespace fastpath::node::gateway {

// "arn:aws:dynamodb:REGION:000000000000:table/NAME", with the region that the caller signs for.
std::string ArnOf(const Call& call, const std::string& table);
// Of its owner. InvalidArgument: it is none of a table.
absl::StatusOr<std::string> TableOfArn(std::string_view arn);

// The object of a TableDescription. `status`: TableStatus; `size`: null if not known.
void WriteTable(model::JsonWriter& json, const api::Table& table, const std::string& arn,
                std::string_view status, const api::TableSizeResult* size);

// Of operations on tables, which name the table in what they do not find.
Error TableError(const Answer& answer, std::string_view table);

}  // namespace fastpath::node::gateway
