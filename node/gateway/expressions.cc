#include "node/gateway/expressions.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "node/gateway/values.h"

namespace fastpath::node::gateway {
namespace {

constexpr std::string_view kNames = "ExpressionAttributeNames";
constexpr std::string_view kValues = "ExpressionAttributeValues";

std::vector<std::string> Present(const dom::object& parameters,
                                 const std::vector<std::string_view>& names) {
  std::vector<std::string> present;
  for (const std::string_view name : names) {
    if (Find(parameters, name)) present.emplace_back(name);
  }
  return present;
}

// Projections have no values.
bool TakesValues(std::string_view text) { return text != "ProjectionExpression"; }

absl::Status CheckPlaceholdersBelong(const dom::object& parameters,
                                     const std::vector<std::string_view>& texts,
                                     const std::vector<std::string>& given) {
  if (Find(parameters, kNames) && given.empty()) {
    return absl::InvalidArgumentError(
        "ExpressionAttributeNames can only be specified when using expressions");
  }
  if (!Find(parameters, kValues)) return absl::OkStatus();
  std::vector<std::string> taking;
  for (const std::string_view text : texts) {
    if (!TakesValues(text)) continue;
    if (Find(parameters, text)) return absl::OkStatus();
    taking.emplace_back(text);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("ExpressionAttributeValues can only be specified when using expressions: ",
                   absl::StrJoin(taking, " and "), taking.size() == 1 ? " is null" : " are null"));
}

}  // namespace

absl::StatusOr<Expressions> Expressions::Open(const dom::object& parameters,
                                              const std::vector<std::string_view>& texts,
                                              const std::vector<std::string_view>& legacy) {
  const std::vector<std::string> new_ones = Present(parameters, texts);
  const std::vector<std::string> old_ones = Present(parameters, legacy);
  if (!new_ones.empty() && !old_ones.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {",
        absl::StrJoin(old_ones, ", "), "} Expression parameters: {", absl::StrJoin(new_ones, ", "),
        "}"));
  }
  absl::Status status = CheckPlaceholdersBelong(parameters, texts, new_ones);
  if (!status.ok()) return status;
  Expressions expressions(parameters);
  if (status = expressions.AddPlaceholders(); !status.ok()) return status;
  return expressions;
}

absl::Status Expressions::AddPlaceholders() {
  if (const auto names = Find(parameters_, kNames)) {
    const dom::object map = ObjectOf(*names);
    if (map.size() == 0) {
      return absl::InvalidArgumentError("ExpressionAttributeNames must not be empty");
    }
    for (const dom::key_value_pair field : map) {
      if (field.value.is_null()) continue;
      absl::Status status = placeholders_.AddName(field.key, ViewOf(field.value));
      if (!status.ok()) return status;
    }
  }
  if (const auto values = Find(parameters_, kValues)) {
    const dom::object map = ObjectOf(*values);
    if (map.size() == 0) {
      return absl::InvalidArgumentError("ExpressionAttributeValues must not be empty");
    }
    for (const dom::key_value_pair field : map) {
      if (field.value.is_null()) continue;
      auto value = ReadValue(field.value);
      if (!value.ok()) {
        if (!absl::IsInvalidArgument(value.status())) return value.status();
        return absl::InvalidArgumentError(absl::StrCat(
            "ExpressionAttributeValues contains invalid value: ", value.status().message(),
            " for key ", std::string(field.key)));
      }
      absl::Status status = placeholders_.AddValue(field.key, *value);
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Expressions::Filter(std::string_view text, const api::Table* queried,
                                 api::Condition& tree) {
  auto filter = expression::ParseFilter(TextOf(parameters_, text), placeholders_, queried);
  if (filter.ok()) tree.Swap(&*filter);
  return filter.status();
}

absl::Status Expressions::Update(std::string_view text, api::UpdateTree& tree) {
  auto update = expression::ParseUpdate(TextOf(parameters_, text), placeholders_);
  if (update.ok()) tree.Swap(&*update);
  return update.status();
}

absl::Status Expressions::Projection(expression::Paths& paths) {
  constexpr std::string_view kText = "ProjectionExpression";
  if (!Has(kText)) return absl::OkStatus();
  auto parsed = expression::ParseProjection(TextOf(parameters_, kText), placeholders_);
  if (parsed.ok()) paths.Swap(&*parsed);
  return parsed.status();
}

absl::StatusOr<expression::KeyCondition> Expressions::KeyCondition(const api::Table& table) {
  return expression::ParseKeyCondition(TextOf(parameters_, "KeyConditionExpression"), placeholders_,
                                       table);
}

}  // namespace fastpath::node::gateway
