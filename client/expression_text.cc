// The builders' other half: the same trees from text.
#include <optional>

#include "client/expression.h"
#include "client/query.h"
#include "partition/expression/key_condition.h"
#include "partition/expression/parse.h"
#include "partition/model/codec.h"

namespace fastpath::client {
namespace {

// A tree, or the first error: of the placeholders, then of the text.
template <typename Parser>
auto ParseText(Placeholders& placeholders, Parser parse)
    -> decltype(parse(std::declval<expression::Placeholders&>())) {
  const absl::StatusOr<expression::Placeholders*> known = placeholders.Get();
  if (!known.ok()) return known.status();
  return parse(**known);
}

template <typename Parser>
Condition ConditionOf(Placeholders& placeholders, Parser parse) {
  absl::StatusOr<api::Condition> tree = ParseText(placeholders, parse);
  if (!tree.ok()) return Condition({}, tree.status());
  return Condition(*std::move(tree), absl::OkStatus());
}

// As it is, or as the error that some placeholders were of no use.
Condition WithAllUsed(Condition parsed, const Placeholders& placeholders) {
  if (!parsed.status().ok()) return parsed;
  return Condition(parsed.proto(), placeholders.status());
}

SortCondition SortOf(const expression::KeyCondition& key) {
  std::optional<api::SortCondition> tree = expression::SortConditionOf(key);
  return tree ? SortCondition(*std::move(tree)) : SortCondition();
}

}  // namespace

Placeholders::Placeholders(const Names& names, const Values& values) {
  for (const auto& [placeholder, name] : names) {
    if (status_.ok()) status_ = placeholders_.AddName(placeholder, name);
  }
  for (const auto& [placeholder, value] : values) {
    if (status_.ok()) status_ = placeholders_.AddValue(placeholder, value.value());
  }
}

absl::Status Placeholders::status() const {
  return status_.ok() ? placeholders_.CheckAllUsed() : status_;
}

absl::StatusOr<expression::Placeholders*> Placeholders::Get() {
  if (!status_.ok()) return status_;
  return &placeholders_;
}

Condition Condition::Parse(std::string_view text, Placeholders& shared) {
  return ConditionOf(shared, [text](expression::Placeholders& placeholders) {
    return expression::ParseCondition(text, placeholders);
  });
}

Condition Condition::Parse(std::string_view text, const Names& names, const Values& values) {
  Placeholders own(names, values);
  return WithAllUsed(Parse(text, own), own);
}

Condition Condition::ParseFilter(std::string_view text, Placeholders& shared,
                                 const api::Table* queried) {
  return ConditionOf(shared, [text, queried](expression::Placeholders& placeholders) {
    return expression::ParseFilter(text, placeholders, queried);
  });
}

Condition Condition::ParseFilter(std::string_view text, const Names& names, const Values& values) {
  Placeholders own(names, values);
  return WithAllUsed(ParseFilter(text, own), own);
}

Update Update::Parse(std::string_view text, Placeholders& shared, const api::Table* table) {
  const auto parse = [text, table](expression::Placeholders& placeholders) {
    return expression::ParseUpdate(text, placeholders, table);
  };
  absl::StatusOr<api::UpdateTree> tree = ParseText(shared, parse);
  Update update;
  update.status_ = tree.status();
  if (tree.ok()) update.proto_ = *std::move(tree);
  return update;
}

Update Update::Parse(std::string_view text, const Names& names, const Values& values) {
  Placeholders own(names, values);
  Update update = Parse(text, own);
  if (update.status_.ok()) update.status_ = own.status();
  return update;
}

std::vector<Path> ParseProjection(std::string_view text, Placeholders& shared) {
  const auto parse = [text](expression::Placeholders& placeholders) {
    return expression::ParseProjection(text, placeholders);
  };
  const absl::StatusOr<expression::Paths> parsed = ParseText(shared, parse);
  if (!parsed.ok()) return {Path(api::Path(), parsed.status())};
  std::vector<Path> paths;
  for (const api::Path& path : *parsed) paths.emplace_back(path, absl::OkStatus());
  return paths;
}

std::vector<Path> ParseProjection(std::string_view text, const Names& names) {
  Placeholders own(names);
  std::vector<Path> paths = ParseProjection(text, own);
  const absl::Status unused = own.status();
  if (paths.front().status().ok() && !unused.ok()) return {Path(api::Path(), unused)};
  return paths;
}

absl::StatusOr<KeyCondition> KeyCondition::Parse(std::string_view text, const api::Table& table,
                                                 Placeholders& shared) {
  const auto parse = [text, &table](expression::Placeholders& placeholders) {
    return expression::ParseKeyCondition(text, placeholders, table);
  };
  const absl::StatusOr<expression::KeyCondition> parsed = ParseText(shared, parse);
  if (!parsed.ok()) return parsed.status();
  return KeyCondition{*model::DecodeValue(parsed->partition), SortOf(*parsed)};
}

absl::StatusOr<KeyCondition> KeyCondition::Parse(std::string_view text, const api::Table& table,
                                                 const Names& names, const Values& values) {
  Placeholders own(names, values);
  absl::StatusOr<KeyCondition> parsed = Parse(text, table, own);
  if (parsed.ok() && !own.status().ok()) return own.status();
  return parsed;
}

}  // namespace fastpath::client
