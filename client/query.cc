#include "client/query.h"

#include "partition/model/codec.h"

namespace fastpath::client {

SortCondition SortKey::BeginsWith(const Literal& prefix) const {
  api::SortCondition proto;
  model::EncodeValue(*proto.mutable_begins_with(), prefix.value());
  return SortCondition(std::move(proto));
}

SortCondition SortKey::Between(const Literal& low, const Literal& high) const {
  api::SortCondition proto;
  model::EncodeValue(*proto.mutable_between()->mutable_low(), low.value());
  model::EncodeValue(*proto.mutable_between()->mutable_high(), high.value());
  return SortCondition(std::move(proto));
}

SortCondition operator==(const SortKey&, const Literal& value) {
  api::SortCondition proto;
  model::EncodeValue(*proto.mutable_equal(), value.value());
  return SortCondition(std::move(proto));
}

SortCondition operator<(const SortKey&, const Literal& value) {
  api::SortCondition proto;
  model::EncodeValue(*proto.mutable_less(), value.value());
  return SortCondition(std::move(proto));
}

SortCondition operator<=(const SortKey&, const Literal& value) {
  api::SortCondition proto;
  model::EncodeValue(*proto.mutable_less_or_equal(), value.value());
  return SortCondition(std::move(proto));
}

SortCondition operator>(const SortKey&, const Literal& value) {
  api::SortCondition proto;
  model::EncodeValue(*proto.mutable_greater(), value.value());
  return SortCondition(std::move(proto));
}

SortCondition operator>=(const SortKey&, const Literal& value) {
  api::SortCondition proto;
  model::EncodeValue(*proto.mutable_greater_or_equal(), value.value());
  return SortCondition(std::move(proto));
}

}  // namespace fastpath::client
