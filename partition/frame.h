// How messages are delimited on a stream, on either side: Request and Reply
// between clients and servers, peer frames between servers.
//
//   stream := preface frame*          (the preface from the connecting side only)
//   preface := "FPCLI\x00\x00\x01"    (the last byte is the protocol version)
//   frame  := length:u32le payload[length]
//
// A length over the limit, or another preface, is an error that ends the
// connection: a stream cannot be found again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace fastpath {

inline constexpr std::string_view kClientPreface{"FPCLI\x00\x00\x01", 8};
inline constexpr std::string_view kPeerPreface{"FPPEER\x00\x01", 8};
inline constexpr size_t kClientFrameLimitBytes = 4u << 20;
inline constexpr size_t kPeerFrameLimitBytes = 32u << 20;

// Cuts a byte stream into frames. Not thread-safe. Pure: fed by whoever reads.
class FrameDecoder {
 public:
  // `preface`: what must come first; empty for none.
  FrameDecoder(std::string_view preface, size_t limit_bytes);
  // Appends received bytes.
  void Feed(std::string_view bytes);
  // The next whole frame, valid until the next Feed; nullopt: feed more.
  // InvalidArgument: a wrong preface or a length over the limit; final.
  absl::StatusOr<std::optional<std::string_view>> Next();
  // Ends what Next gave, and gives a large empty buffer back.
  void Trim();
  // Fed and not yet taken as frames.
  size_t buffered_bytes() const { return buffer_.size() - begin_; }

 private:
  std::string preface_;
  size_t limit_bytes_;
  std::string buffer_;
  size_t begin_ = 0;
  bool failed_ = false;
};

std::string FrameHeader(size_t payload_bytes);  // The 4 length bytes.

}  // namespace fastpath
