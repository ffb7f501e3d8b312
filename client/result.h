// What became of an operation: ok, refused (certainly no effect) or unknown
// (may have taken effect, or may still). Never a guess (DESIGN 3.8), never an
// exception. Value type.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "partition/api.pb.h"
#include "partition/model/value.h"

namespace fastpath::client {

enum class Outcome { kOk, kRefused, kUnknown };

inline std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return "ok";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kUnknown:
      return "unknown";
  }
  return "unknown";
}

// Of a transaction's item.
struct CancellationReason {
  api::Code code = api::OK;  // OK: it did not keep the transaction from having an effect.
  std::string message;
  std::optional<model::Item> item;  // If asked for: that failed its condition.
};

struct Failure {
  Outcome outcome = Outcome::kUnknown;  // Never kOk.
  api::Code code = api::UNKNOWN;
  std::string message;
  // CONDITION_FAILED, if asked for: the item that failed the condition.
  std::optional<model::Item> item;
  // CONDITION_FAILED, if asked for: what the try cost.
  std::optional<api::Capacity> capacity;
  // TRANSACTION_CANCELLED: one for each item, in the order of the call.
  std::vector<CancellationReason> reasons;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}              // NOLINT: as a return value
  Result(Failure failure) : failure_(std::move(failure)) {}  // NOLINT

  bool ok() const { return value_.has_value(); }
  Outcome outcome() const { return ok() ? Outcome::kOk : failure_.outcome; }
  bool refused() const { return outcome() == Outcome::kRefused; }
  bool unknown() const { return outcome() == Outcome::kUnknown; }
  api::Code code() const { return ok() ? api::OK : failure_.code; }
  const std::string& message() const { return failure_.message; }  // Empty if ok.
  const Failure& failure() const { return failure_; }

  // Each requires ok(): throws nothing, undefined otherwise as std::optional's.
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Failure failure_;
};

}  // namespace fastpath::client
