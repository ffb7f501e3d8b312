// Items from JSON, in the dialects of partition/model/json.h, whose writer is the
// other half. Numbers keep all their digits. Not thread-safe: a parser keeps its
// buffers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "partition/model/json.h"
#include "partition/model/value.h"

namespace fastpath::client::cli {

using model::Dialect;
using model::JsonWriter;
using model::Lossy;

class JsonParser {
 public:
  JsonParser();
  ~JsonParser();
  // The whole text is one JSON value. InvalidArgument: what is wrong, and at
  // which byte of the text.
  absl::StatusOr<model::Value> ParseValue(std::string_view text, Dialect dialect);
  // An object: plain, or with typed values.
  absl::StatusOr<model::Item> ParseItem(std::string_view text, Dialect dialect);
  // Cuts an array, or an object with each name once, into the texts of its parts, which
  // may be in different dialects: what is inside them is checked when they are parsed.
  absl::StatusOr<std::vector<std::string>> SplitArray(std::string_view text);
  absl::StatusOr<std::map<std::string, std::string>> SplitObject(std::string_view text);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fastpath::client::cli
