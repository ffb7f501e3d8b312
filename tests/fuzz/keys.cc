// Keys and the rows beside them, read back from an engine: every parser on any
// bytes, and what parses is what would have been written.
//
//   input := u8(parser) bytes
#include "storage/keys.h"

#include "partition/model/key.h"
#include "partition/session.h"
#include "partition/value_header.h"
#include "tests/fuzz/fuzz.h"

namespace fastpath::fuzz {
namespace {

void Data(std::string_view in) {
  const auto parts = storage::ParseDataKey(in);
  if (!parts) return;
  FUZZ_CHECK(storage::DataKey(parts->space, parts->hash, parts->keys, {}) == in);
}

void Applied(std::string_view in) {
  const auto group = storage::ParseAppliedKey(in);
  if (group) FUZZ_CHECK(storage::AppliedKey(*group) == in);
}

void Request(std::string_view in) {
  const auto parts = storage::ParseRequestKey(in);
  if (!parts) return;
  FUZZ_CHECK(storage::RequestKey(parts->bucket, parts->client, parts->sequence) == in);
}

void AppliedRow(std::string_view in) {
  const auto row = storage::DecodeAppliedRow(in);
  if (!row.ok()) return;
  const auto again = storage::DecodeAppliedRow(storage::EncodeAppliedRow(*row));
  FUZZ_CHECK(again.ok() && again->index == row->index && again->term == row->term &&
             again->stamp == row->stamp && again->configuration == row->configuration);
}

void KeyParts(std::string_view in) {
  while (!in.empty()) {
    const std::string_view before = in;
    const auto value = model::TakeKeyPart(in);
    if (!value.ok()) return;
    std::string bytes;
    model::AppendKeyPart(bytes, *value);
    FUZZ_CHECK(bytes == before.substr(0, before.size() - in.size()));
  }
}

// A group's rows, as a machine meets them when it loads and reads.
void Rows(std::string_view in) {
  partition::SessionTable sessions;
  const std::string_view key = TakeUpTo(in, TakeByte(in));
  (void)sessions.Restore(key, in);
  (void)partition::RecordedOutcome(in);
}

}  // namespace
}  // namespace fastpath::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fastpath::fuzz;
  std::string_view in = AsText(data, size);
  constexpr void (*kParsers[])(std::string_view) = {Data,       Applied,  Request,
                                                    AppliedRow, KeyParts, Rows};
  kParsers[TakeByte(in) % std::size(kParsers)](in);
  return 0;
}
