// What the text's parser and the trees' validators both demand, in DynamoDB's
// words; each adds where. Internal to partition/expression. Thread-safe: no state.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "partition/api.pb.h"
#include "partition/model/codec.h"
#include "partition/model/value.h"

namespace fastpath::expression {

// DynamoDB's quotas, which it has for updates only where operators are concerned.
inline constexpr int kOperatorLimit = 300;
inline constexpr int kInOperandLimit = 100;
// Ours. Of what the constants of one condition hold, which are kept decoded while a page is read:
// one byte of a request may stand for a value of 50.
inline constexpr size_t kConstantValueLimit = 131'072;
// A tree's, its root being 1.
inline constexpr int kExpressionDepthLimit = 32;
inline constexpr int kPathStepLimit = model::kDepthLimit + 1;  // The attribute, then into levels.

inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

// The type of a valid encoded value.
inline model::Type TypeOf(std::string_view value) { return static_cast<model::Type>(value[0]); }

using TypePredicate = bool (*)(model::Type);
bool HasOrder(model::Type type);  // S, N, B.
bool IsText(model::Type type);    // S, B.
bool IsNumber(model::Type type);
bool IsList(model::Type type);
bool IsSet(model::Type type);
bool IsAddable(model::Type type);  // N or a set.

absl::string_view ComparatorText(api::Comparator op);  // Empty if unknown.

std::string WrongOperandType(absl::string_view function, std::string_view encoded_value);
// Of "ADD" and "DELETE", for which DynamoDB has words of their own.
std::string WrongActionOperand(absl::string_view action, std::string_view encoded_value);
std::string WrongOperandCount(absl::string_view function, size_t count);
std::string NeedsPath(absl::string_view function);
inline constexpr char kTooManyOperators[] = "too many operators and functions; limit: 300";
static_assert(kOperatorLimit == 300);
inline constexpr char kTooManyValues[] = "too many values in constants; limit: 131072";
static_assert(kConstantValueLimit == 131'072);
inline constexpr char kRedundantParentheses[] = "The expression has redundant parentheses;";
inline constexpr char kWrongTypeName[] =
    "Invalid attribute type name found; valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}";

bool IsTypeName(std::string_view name);
bool SamePath(const api::Path& one, const api::Path& other);

// Why two constants are no bounds of BETWEEN; empty if they are.
std::string BoundsError(std::string_view encoded_low, std::string_view encoded_high);

bool IsKeyAttribute(const api::Table& table, std::string_view name);
std::string UpdatesKey(absl::string_view name);

// InvalidArgument: empty, over 65,535 bytes, no UTF-8.
absl::Status CheckAttributeName(std::string_view name);

}  // namespace fastpath::expression
