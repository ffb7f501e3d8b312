#include "partition/model/value.h"

#include <algorithm>
#include <iterator>

#include "partition/model/check.h"

namespace fastpath::model {
namespace {

template <typename Member>
std::vector<Member> SortedUnique(std::vector<Member> members) {
  std::sort(members.begin(), members.end());
  members.erase(std::unique(members.begin(), members.end()), members.end());
  return members;
}

template <typename Entries>
auto LowerBound(Entries& entries, std::string_view name) {
  return std::lower_bound(
      entries.begin(), entries.end(), name,
      [](const auto& entry, std::string_view key) { return entry.first < key; });
}

}  // namespace

std::string_view TypeName(Type type) {
  switch (type) {
    case Type::kString:
      return "S";
    case Type::kNumber:
      return "N";
    case Type::kBinary:
      return "B";
    case Type::kBool:
      return "BOOL";
    case Type::kNull:
      return "NULL";
    case Type::kMap:
      return "M";
    case Type::kList:
      return "L";
    case Type::kStringSet:
      return "SS";
    case Type::kNumberSet:
      return "NS";
    case Type::kBinarySet:
      return "BS";
  }
  FASTPATH_MODEL_CHECK(false && "a type outside the enumeration");
}

AttributeMap::AttributeMap(std::vector<Entry> entries) : entries_(std::move(entries)) {
  const auto by_name = [](const Entry& a, const Entry& b) { return a.first < b.first; };
  const auto same_name = [](const Entry& a, const Entry& b) { return a.first == b.first; };
  std::stable_sort(entries_.begin(), entries_.end(), by_name);
  // From behind, the first of equals is the last that was given.
  const auto kept = std::unique(entries_.rbegin(), entries_.rend(), same_name);
  entries_.erase(entries_.begin(), kept.base());
}

const Value* AttributeMap::Find(std::string_view name) const {
  auto it = LowerBound(entries_, name);
  return it != entries_.end() && it->first == name ? &it->second : nullptr;
}

Value* AttributeMap::Find(std::string_view name) {
  auto it = LowerBound(entries_, name);
  return it != entries_.end() && it->first == name ? &it->second : nullptr;
}

void AttributeMap::Set(std::string name, Value value) {
  // Decoding and building in order only ever append.
  if (entries_.empty() || entries_.back().first < name) {
    entries_.emplace_back(std::move(name), std::move(value));
    return;
  }
  auto it = LowerBound(entries_, name);
  if (it->first == name) {
    it->second = std::move(value);
  } else {
    entries_.emplace(it, std::move(name), std::move(value));
  }
}

void AttributeMap::Apply(std::vector<Change> changes) {
  std::vector<size_t> gone;
  std::vector<Entry> added;
  for (auto& [name, value] : changes) {
    auto it = LowerBound(entries_, name);
    const bool there = it != entries_.end() && it->first == name;
    if (there && value.has_value()) {
      it->second = *std::move(value);
    } else if (there) {
      gone.push_back(static_cast<size_t>(it - entries_.begin()));
    } else if (value.has_value()) {
      added.emplace_back(name, *std::move(value));
    }
  }
  EraseAt(gone);
  const auto by_name = [](const Entry& a, const Entry& b) { return a.first < b.first; };
  std::sort(added.begin(), added.end(), by_name);
  const auto middle = static_cast<std::ptrdiff_t>(entries_.size());
  std::move(added.begin(), added.end(), std::back_inserter(entries_));
  std::inplace_merge(entries_.begin(), entries_.begin() + middle, entries_.end(), by_name);
}

void AttributeMap::EraseAt(std::vector<size_t>& places) {
  if (places.empty()) return;
  std::sort(places.begin(), places.end());
  auto next = places.begin();
  size_t kept = *next;
  for (size_t i = *next; i < entries_.size(); ++i) {
    if (next != places.end() && *next == i) {
      ++next;
    } else {
      entries_[kept++] = std::move(entries_[i]);
    }
  }
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(kept), entries_.end());
}

size_t AttributeMap::size() const { return entries_.size(); }
bool AttributeMap::empty() const { return entries_.empty(); }
std::vector<AttributeMap::Entry>::const_iterator AttributeMap::begin() const {
  return entries_.begin();
}
std::vector<AttributeMap::Entry>::const_iterator AttributeMap::end() const {
  return entries_.end();
}
bool AttributeMap::operator==(const AttributeMap& other) const {
  return entries_ == other.entries_;
}

Value::Value() = default;

Value Value::String(std::string text) {
  Value value;
  value.type_ = Type::kString;
  value.data_ = std::move(text);
  return value;
}

Value Value::Num(Number number) {
  Value value;
  value.type_ = Type::kNumber;
  value.data_ = number;
  return value;
}

Value Value::Num(int64_t number) { return Num(Number::FromInt(number)); }

Value Value::Binary(std::string bytes) {
  Value value;
  value.type_ = Type::kBinary;
  value.data_ = std::move(bytes);
  return value;
}

Value Value::Bool(bool boolean) {
  Value value;
  value.type_ = Type::kBool;
  value.data_ = boolean;
  return value;
}

Value Value::Null() { return Value(); }

Value Value::Map(AttributeMap map) {
  Value value;
  value.type_ = Type::kMap;
  value.data_ = std::move(map);
  return value;
}

Value Value::List(std::vector<Value> list) {
  Value value;
  value.type_ = Type::kList;
  value.data_ = std::move(list);
  return value;
}

Value Value::StringSet(std::vector<std::string> members) {
  Value value;
  value.type_ = Type::kStringSet;
  value.data_ = SortedUnique(std::move(members));
  return value;
}

Value Value::NumberSet(std::vector<Number> members) {
  Value value;
  value.type_ = Type::kNumberSet;
  value.data_ = SortedUnique(std::move(members));
  return value;
}

Value Value::BinarySet(std::vector<std::string> members) {
  Value value;
  value.type_ = Type::kBinarySet;
  value.data_ = SortedUnique(std::move(members));
  return value;
}

const std::string& Value::text() const {
  FASTPATH_MODEL_CHECK(type_ == Type::kString || type_ == Type::kBinary);
  return std::get<std::string>(data_);
}

const Number& Value::number() const {
  FASTPATH_MODEL_CHECK(type_ == Type::kNumber);
  return std::get<Number>(data_);
}

bool Value::boolean() const {
  FASTPATH_MODEL_CHECK(type_ == Type::kBool);
  return std::get<bool>(data_);
}

const AttributeMap& Value::map() const {
  FASTPATH_MODEL_CHECK(type_ == Type::kMap);
  return std::get<AttributeMap>(data_);
}

AttributeMap& Value::map() {
  FASTPATH_MODEL_CHECK(type_ == Type::kMap);
  return std::get<AttributeMap>(data_);
}

const std::vector<Value>& Value::list() const {
  FASTPATH_MODEL_CHECK(type_ == Type::kList);
  return std::get<std::vector<Value>>(data_);
}

std::vector<Value>& Value::list() {
  FASTPATH_MODEL_CHECK(type_ == Type::kList);
  return std::get<std::vector<Value>>(data_);
}

const std::vector<std::string>& Value::strings() const {
  FASTPATH_MODEL_CHECK(type_ == Type::kStringSet || type_ == Type::kBinarySet);
  return std::get<std::vector<std::string>>(data_);
}

const std::vector<Number>& Value::numbers() const {
  FASTPATH_MODEL_CHECK(type_ == Type::kNumberSet);
  return std::get<std::vector<Number>>(data_);
}

bool Value::operator==(const Value& other) const {
  return type_ == other.type_ && data_ == other.data_;
}

}  // namespace fastpath::model
