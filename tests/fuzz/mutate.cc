#include "tests/fuzz/mutate.h"

#include <vector>

#include "google/protobuf/descriptor.h"
#include "partition/model/codec.h"
#include "tests/fuzz/commands.pb.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace fastpath::fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using model::Value;

constexpr int kDepthLimit = 24;
constexpr size_t kBytesLimit = 4096;

const std::vector<std::string>& Names() {
  static const auto* const kNames = new std::vector<std::string>{
      "pk", "sk", "ttl", "a", "b", "list", "map", "set", "items", "pairs", "S", "N", "L", "SS", ""};
  return *kNames;
}

const std::vector<Value>& Values() {
  static const auto* const kValues = [] {
    auto* values = new std::vector<Value>{
        Value::Null(),
        Value::Bool(true),
        Value::String(""),
        Value::String("a"),
        Value::String("ab"),
        Value::Binary("a"),
        Value::Num(0),
        Value::Num(1),
        Value::Num(-7),
        Value::Num(1'700'000'060),
        Value::Num(*model::Number::Parse("9.9E125")),
        Value::Num(*model::Number::Parse("1E-130")),
        Value::StringSet({"a", "b"}),
        Value::NumberSet({model::Number::FromInt(1), model::Number::FromInt(2)}),
        Value::BinarySet({"a"}),
        Value::List({}),
        Value::List({Value::Num(1), Value::String("a")})};
    model::AttributeMap map;
    map.Set("a", Value::Num(1));
    map.Set("list", Value::List({Value::Num(1), Value::Num(2)}));
    values->push_back(Value::Map(map));
    Value deep = Value::Num(1);
    for (int i = 0; i < 30; ++i) deep = Value::List({deep});
    values->push_back(deep);
    return values;
  }();
  return *kValues;
}

}  // namespace

void Mutator::Mutate(Message* message) {
  for (size_t i = 1 + Below(4); i > 0; --i) MutateOnce(message, 0);
}

void Mutator::MutateOnce(Message* message, int depth) {
  const auto* descriptor = message->GetDescriptor();
  if (descriptor->field_count() == 0) return;
  const Reflection* reflection = message->GetReflection();
  std::vector<const FieldDescriptor*> set;
  reflection->ListFields(*message, &set);
  const FieldDescriptor* field = !set.empty() && !OneIn(4)
                                     ? set[Below(set.size())]
                                     : descriptor->field(static_cast<int>(
                                           Below(static_cast<size_t>(descriptor->field_count()))));
  if (!field->is_repeated() && reflection->HasField(*message, field) && OneIn(10)) {
    return reflection->ClearField(message, field);
  }
  if (depth < kDepthLimit) {
    field->is_repeated() ? ChangeRepeated(message, field, depth)
                         : ChangeField(message, field, depth);
  }
}

void Mutator::ChangeField(Message* message, const FieldDescriptor* field, int depth) {
  const Reflection* reflection = message->GetReflection();
  if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return SetScalar(message, field);
  const bool fresh = !reflection->HasField(*message, field);
  Message* inner = reflection->MutableMessage(message, field);
  for (size_t i = fresh ? 3 : 1; i > 0; --i) MutateOnce(inner, depth + 1);
}

void Mutator::ChangeRepeated(Message* message, const FieldDescriptor* field, int depth) {
  const Reflection* reflection = message->GetReflection();
  if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return;  // None of ours matters.
  const int size = reflection->FieldSize(*message, field);
  const auto any = [&] { return static_cast<int>(Below(static_cast<size_t>(size))); };
  switch (size == 0 ? 0 : Below(8)) {
    case 0: {
      Message* added = reflection->AddMessage(message, field);
      for (int i = 0; i < 3; ++i) MutateOnce(added, depth + 1);
      break;
    }
    case 1: {
      const int from = any();
      Message* added = reflection->AddMessage(message, field);
      added->CopyFrom(reflection->GetRepeatedMessage(*message, field, from));
      MutateOnce(added, depth + 1);
      break;
    }
    case 2:
      reflection->SwapElements(message, field, any(), size - 1);
      reflection->RemoveLast(message, field);
      break;
    case 3:
      reflection->SwapElements(message, field, any(), any());
      break;
    default:
      MutateOnce(reflection->MutableRepeatedMessage(message, field, any()), depth + 1);
  }
}

void Mutator::SetScalar(Message* message, const FieldDescriptor* field) {
  const Reflection* reflection = message->GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection->SetUInt32(
          message, field, static_cast<uint32_t>(Integer(reflection->GetUInt32(*message, field))));
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection->SetUInt64(message, field, Integer(reflection->GetUInt64(*message, field)));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->SetBool(message, field, OneIn(2));
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection->SetEnumValue(message, field, static_cast<int>(Below(8)));
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection->SetString(message, field,
                                   Bytes(field, reflection->GetString(*message, field)));
    default:
      return;
  }
}

uint64_t Mutator::Integer(uint64_t now) {
  constexpr uint64_t kStart = 1'700'000'000'000'000;  // Where the logs of tests begin.
  const uint64_t choices[] = {0,          1,       2,       7,
                              8,          65535,   65536,   UINT32_MAX,
                              UINT64_MAX, now + 1, now - 1, kStart + Below(600'000'000),
                              random_()};
  return choices[Below(std::size(choices))];
}

std::string Mutator::Bytes(const FieldDescriptor* field, std::string now) {
  if (OneIn(8)) return Raw(std::move(now));
  if (field->type() == FieldDescriptor::TYPE_STRING) return Names()[Below(Names().size())];
  if (field->name() == "client") return std::string(16, static_cast<char>('a' + Below(3)));
  if (field->name() != "item") return model::EncodeValue(Values()[Below(Values().size())]);
  const auto known = model::DecodeItem(now);
  model::Item item = known.ok() ? *known : model::Item();
  if (item.empty()) item.Set("pk", Value::String("a"));
  item.Set(Names()[Below(Names().size())], Values()[Below(Values().size())]);
  return model::EncodeItem(item);
}

std::string Mutator::Raw(std::string now) {
  const size_t size = std::min(now.size(), kBytesLimit);
  now.resize(kBytesLimit);
  now.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(now.data()), size, kBytesLimit));
  return now;
}

}  // namespace fastpath::fuzz

// The mutator of the target `commands`.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace fastpath::fuzz;
  if (seed % 16 == 0) return LLVMFuzzerMutate(data, size, max_size);
  Story story;
  story.ParsePartialFromArray(data, static_cast<int>(size));
  Mutator(seed).Mutate(&story);
  const std::string bytes = story.SerializePartialAsString();
  if (bytes.size() > max_size) return size;
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}
