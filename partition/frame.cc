#include "partition/frame.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace fastpath {
namespace {

constexpr size_t kHeaderBytes = 4;
constexpr size_t kKeptBytes = 64u << 10;  // Of an empty buffer.

size_t ReadLength(std::string_view header) {
  size_t length = 0;
  for (size_t i = 0; i < kHeaderBytes; ++i) {
    length |= size_t{static_cast<uint8_t>(header[i])} << (8 * i);
  }
  return length;
}

}  // namespace

FrameDecoder::FrameDecoder(std::string_view preface, size_t limit_bytes)
    : preface_(preface), limit_bytes_(limit_bytes) {}

void FrameDecoder::Feed(std::string_view bytes) {
  if (failed_) return;
  // Moved only when at least half is consumed, so each byte moves a bounded
  // number of times however the stream is cut.
  if (begin_ > 0 && begin_ >= buffer_.size() / 2) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  buffer_.append(bytes);
}

void FrameDecoder::Trim() {
  if (begin_ < buffer_.size() || buffer_.capacity() <= kKeptBytes) return;
  std::string().swap(buffer_);
  begin_ = 0;
}

absl::StatusOr<std::optional<std::string_view>> FrameDecoder::Next() {
  const auto fail = [this](absl::string_view message) {
    failed_ = true;
    return absl::InvalidArgumentError(message);
  };
  if (failed_) return absl::InvalidArgumentError("the stream has failed before");
  std::string_view rest = std::string_view(buffer_).substr(begin_);
  if (!preface_.empty()) {
    const size_t known = std::min(rest.size(), preface_.size());
    if (rest.substr(0, known) != std::string_view(preface_).substr(0, known)) {
      return fail("wrong preface: not this protocol, or not this version");
    }
    if (known < preface_.size()) return std::nullopt;
    begin_ += known;
    rest.remove_prefix(known);
    preface_.clear();
  }
  if (rest.size() < kHeaderBytes) return std::nullopt;
  const size_t length = ReadLength(rest);
  if (length > limit_bytes_) {
    return fail(absl::StrCat("a frame of ", length, " bytes is over the limit of ", limit_bytes_));
  }
  if (rest.size() - kHeaderBytes < length) return std::nullopt;
  begin_ += kHeaderBytes + length;
  return rest.substr(kHeaderBytes, length);
}

std::string FrameHeader(size_t payload_bytes) {
  std::string header(kHeaderBytes, '\0');
  for (size_t i = 0; i < kHeaderBytes; ++i) {
    header[i] = static_cast<char>(payload_bytes >> (8 * i));
  }
  return header;
}

}  // namespace fastpath
