// Mutations of protobuf messages that keep their structure, for targets whose
// input is one. Names and encoded values are mostly drawn from a small
// vocabulary, so that they meet each other.
#pragma once

#include <random>
#include <string>

#include "google/protobuf/message.h"

namespace fastpath::fuzz {

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}
  // A few changes somewhere in `message`.
  void Mutate(google::protobuf::Message* message);

 private:
  size_t Below(size_t limit) { return random_() % limit; }
  bool OneIn(size_t n) { return Below(n) == 0; }
  void MutateOnce(google::protobuf::Message* message, int depth);
  void ChangeField(google::protobuf::Message* message,
                   const google::protobuf::FieldDescriptor* field, int depth);
  void ChangeRepeated(google::protobuf::Message* message,
                      const google::protobuf::FieldDescriptor* field, int depth);
  void SetScalar(google::protobuf::Message* message,
                 const google::protobuf::FieldDescriptor* field);
  uint64_t Integer(uint64_t now);
  std::string Bytes(const google::protobuf::FieldDescriptor* field, std::string now);
  std::string Raw(std::string now);

  std::minstd_rand random_;
};

}  // namespace fastpath::fuzz
