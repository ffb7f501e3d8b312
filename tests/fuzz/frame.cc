// The frames of a stream, and what clients and servers put in them. However the
// stream is cut into pieces, it is the same frames.
//
//   input := u8(bit 0 peers, bit 1 with preface, bits 2..7 piece length) stream
#include "partition/frame.h"

#include <optional>
#include <vector>

#include "google/protobuf/stubs/logging.h"
#include "partition/api.pb.h"
#include "partition/known_fields.h"
#include "tests/fuzz/fuzz.h"

namespace fastpath::fuzz {
namespace {

constexpr size_t kSmallLimitBytes = 1024;

struct Decoded {
  std::vector<std::string> frames;
  bool failed = false;
  bool operator==(const Decoded&) const = default;
};

// False at a failure, which is final.
bool Drain(FrameDecoder& decoder, Decoded& decoded) {
  while (true) {
    const auto next = decoder.Next();
    if (!next.ok()) {
      decoded.failed = true;
      FUZZ_CHECK(!decoder.Next().ok());
      return false;
    }
    if (!next->has_value()) return true;
    FUZZ_CHECK((*next)->size() <= kSmallLimitBytes);
    decoded.frames.emplace_back(**next);
  }
}

Decoded Decode(std::string_view preface, std::string_view stream, size_t piece) {
  FrameDecoder decoder(preface, kSmallLimitBytes);
  Decoded decoded;
  while (!stream.empty()) {
    decoder.Feed(TakeUpTo(stream, piece));
    if (!Drain(decoder, decoded)) break;
  }
  return decoded;
}

// Both sides answer rubbish with an error, so it only has to parse or not.
void ParseClientFrame(const std::string& frame) {
  api::Request request;
  if (request.ParseFromString(frame)) {
    partition::FullyKnownTree(request);
    api::Request again;
    FUZZ_CHECK(again.ParseFromString(request.SerializeAsString()));
  }
  api::Reply reply;
  if (reply.ParseFromString(frame)) partition::FullyKnownTree(reply);
}

}  // namespace
}  // namespace fastpath::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fastpath;
  google::protobuf::SetLogHandler(nullptr);
  std::string_view in = fuzz::AsText(data, size);
  const uint8_t choice = fuzz::TakeByte(in);
  const std::string_view preface = (choice & 2) == 0   ? std::string_view()
                                   : (choice & 1) == 0 ? kClientPreface
                                                       : kPeerPreface;
  const fuzz::Decoded whole = fuzz::Decode(preface, in, in.size());
  FUZZ_CHECK(whole == fuzz::Decode(preface, in, 1 + (choice >> 2)));
  for (const std::string& frame : whole.frames) {
    FUZZ_CHECK(FrameHeader(frame.size()).size() == 4);
    fuzz::ParseClientFrame(frame);
  }
  return 0;
}
