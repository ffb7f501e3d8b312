// Entries, configurations and messages: what decodes encodes to something that
// decodes to the same, and never to more bytes than were read.
//
//   input := u8(0 entries, 1 configuration, 2 messages) bytes
#include "raft/codec.h"
#include "tests/fuzz/fuzz.h"

namespace fastpath::fuzz {
namespace {

std::string Encoded(const raft::Message& message) {
  absl::Cord cord;
  raft::EncodeMessage(cord, message);
  return std::string(cord);
}

void Entries(std::string_view in) {
  while (!in.empty()) {
    const size_t before = in.size();
    const auto entry = raft::DecodeEntry(in);
    if (!entry.ok()) return;
    std::string bytes;
    raft::EncodeEntry(bytes, *entry);
    FUZZ_CHECK(bytes.size() == raft::EncodedEntryBytes(*entry));
    FUZZ_CHECK(in.size() < before && bytes.size() <= before - in.size());
    std::string_view rest = bytes;
    const auto again = raft::DecodeEntry(rest);
    FUZZ_CHECK(again.ok() && rest.empty());
    FUZZ_CHECK(again->term == entry->term && again->index == entry->index &&
               again->kind == entry->kind && *again->payload == *entry->payload);
  }
}

void Configuration(std::string_view in) {
  const auto configuration = raft::DecodeConfiguration(in);
  if (!configuration.ok()) return;
  const auto again = raft::DecodeConfiguration(raft::EncodeConfiguration(*configuration));
  FUZZ_CHECK(again.ok() && *again == *configuration);
}

void Messages(std::string_view in) {
  while (!in.empty()) {
    const size_t before = in.size();
    const auto message = raft::DecodeMessage(in);
    if (!message.ok()) return;
    const std::string bytes = Encoded(*message);
    FUZZ_CHECK(in.size() < before && bytes.size() <= before - in.size());
    std::string_view rest = bytes;
    const auto again = raft::DecodeMessage(rest);
    FUZZ_CHECK(again.ok() && rest.empty() && Encoded(*again) == bytes);
  }
}

}  // namespace
}  // namespace fastpath::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fastpath::fuzz;
  std::string_view in = AsText(data, size);
  switch (TakeByte(in) % 3) {
    case 0:
      Entries(in);
      break;
    case 1:
      Configuration(in);
      break;
    default:
      Messages(in);
  }
  return 0;
}
