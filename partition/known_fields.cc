#include "partition/known_fields.h"

#include <algorithm>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/unknown_field_set.h"

namespace fastpath::partition {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool Flat(const Message& message) {
  return message.GetReflection()->GetUnknownFields(message).empty();
}

bool EnumKnown(const Message& message, const Reflection* reflection, const FieldDescriptor* field) {
  if (!field->is_repeated()) {
    return field->enum_type()->FindValueByNumber(reflection->GetEnumValue(message, field)) !=
           nullptr;
  }
  for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
    if (field->enum_type()->FindValueByNumber(
            reflection->GetRepeatedEnumValue(message, field, i)) == nullptr) {
      return false;
    }
  }
  return true;
}

bool MessageKnown(const Message& message, const Reflection* reflection,
                  const FieldDescriptor* field) {
  if (!field->is_repeated()) {
    return FullyKnownTree(reflection->GetMessage(message, field));
  }
  for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
    if (!FullyKnownTree(reflection->GetRepeatedMessage(message, field, i))) {
      return false;
    }
  }
  return true;
}

bool Known(const api::Put& put) {
  return Flat(put) && api::ReturnValues_IsValid(put.return_values()) &&
         (!put.has_condition() || FullyKnownTree(put.condition()));
}

bool Known(const api::Update& update) {
  return Flat(update) && api::ReturnValues_IsValid(update.return_values()) && Flat(update.key()) &&
         FullyKnownTree(update.update()) &&
         (!update.has_condition() || FullyKnownTree(update.condition()));
}

bool Known(const api::ConditionCheck& check) {
  return Flat(check) && Flat(check.key()) && FullyKnownTree(check.condition());
}

bool Known(const api::Delete& del) {
  return Flat(del) && api::ReturnValues_IsValid(del.return_values()) && Flat(del.key()) &&
         (!del.has_condition() || FullyKnownTree(del.condition()));
}

// command::Write and api::WriteRequest have these in common.
template <typename Write>
bool KnownWrite(const Write& write) {
  return Flat(write) && Flat(write.session()) && (!write.has_put() || Known(write.put())) &&
         (!write.has_update() || Known(write.update())) &&
         (!write.has_delete_() || Known(write.delete_()));
}

}  // namespace

bool FullyKnownTree(const Message& message) {
  if (!Flat(message)) {
    return false;
  }
  const Reflection* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
        !MessageKnown(message, reflection, field)) {
      return false;
    }
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM &&
        !EnumKnown(message, reflection, field)) {
      return false;
    }
  }
  return true;
}

namespace {

bool KnownWrites(const google::protobuf::RepeatedPtrField<command::Write>& writes) {
  return std::all_of(writes.begin(), writes.end(), [](const command::Write& write) {
    return KnownWrite(write) && (!write.has_check() || Known(write.check()));
  });
}

bool Known(const command::Transact& transact) {
  if (transact.has_begin()) {
    return Flat(transact) && Flat(transact.begin()) && Flat(transact.begin().session()) &&
           KnownWrites(transact.begin().writes());
  }
  if (transact.has_prepare()) {
    return Flat(transact) && Flat(transact.prepare()) && Flat(transact.prepare().session()) &&
           KnownWrites(transact.prepare().writes());
  }
  return FullyKnownTree(transact);
}

bool Known(const command::Purge& purge) {
  return Flat(purge) && std::all_of(purge.items().begin(), purge.items().end(),
                                    [](const auto& item) { return Flat(item); });
}

}  // namespace

bool FullyKnown(const command::Command& command) {
  if (command.has_write()) {
    return Flat(command) && KnownWrite(command.write());
  }
  if (command.has_transact()) {
    return Flat(command) && Known(command.transact());
  }
  if (command.has_purge()) {
    return Flat(command) && Known(command.purge());
  }
  return FullyKnownTree(command);
}

bool FullyKnown(const api::WriteRequest& request) { return KnownWrite(request); }

}  // namespace fastpath::partition
