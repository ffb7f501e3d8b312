// What the #names and :values of a request's expressions stand for. All
// expressions of one request share them: each must be used by one of them.
//
//   Placeholders placeholders;
//   placeholders.AddName("#t", "title") ... AddValue(":q", Value::Num(3)) ...
//   ParseUpdate(..., placeholders) ... ParseCondition(..., placeholders) ...
//   placeholders.CheckAllUsed()
//
// Value type; not thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "partition/model/value.h"

namespace fastpath::expression {

// As DynamoDB's quotas. Of a placeholder, its "#" or ":" included:
inline constexpr size_t kPlaceholderLimitBytes = 255;
// Of all placeholders of a request, what they stand for included:
inline constexpr size_t kSubstitutionLimitBytes = 2u << 20;
// Ours. Of what all of a request's expressions put in place of placeholders, each as often as it is
// used: a text of 4 KB can use one value 1,300 times. More than a client's frame would not be sent.
inline constexpr size_t kUsedLimitBytes = 4u << 20;

class Placeholders {
 public:
  // InvalidArgument, in DynamoDB's words: no "#" and letters, digits or "_", or
  // no ":" and those; too long; given before; no name of an attribute; no value
  // that an item could hold.
  absl::Status AddName(std::string_view placeholder, std::string_view name);
  absl::Status AddValue(std::string_view placeholder, const model::Value& value);

  // What it stands for, which counts as used then; null: not defined. A value is
  // encoded.
  const std::string* UseName(std::string_view placeholder);
  const std::string* UseValue(std::string_view placeholder);
  // Whether what was used, each time that it was, is over kUsedLimitBytes.
  bool used_too_much() const { return used_bytes_ > kUsedLimitBytes; }

  // InvalidArgument: names those that no expression used.
  absl::Status CheckAllUsed() const;

 private:
  struct Entry {
    std::string meaning;
    bool used = false;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  absl::Status Add(Entries& entries, std::string_view placeholder, std::string meaning,
                   size_t size_bytes);
  const std::string* Use(Entries& entries, std::string_view placeholder);

  Entries names_;
  Entries values_;
  size_t size_bytes_ = 0;
  size_t used_bytes_ = 0;
};

}  // namespace fastpath::expression
