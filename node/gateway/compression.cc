#include "node/gateway/compression.h"

#include <zlib.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "raft/check.h"

namespace fastpath::node::gateway {
namespace {

constexpr int kWindowBits = 15;
constexpr int kGzip = 16;  // Added to the window's bits.
constexpr int kLevel = 1;  // Answers are made while others wait.
constexpr int kMemoryLevel = 8;
constexpr size_t kStepBytes = 16u << 10;

Bytef* Bytes(const char* text) { return reinterpret_cast<Bytef*>(const_cast<char*>(text)); }

}  // namespace

struct Compression::Impl {
  z_stream inflate{};
  z_stream deflate{};
};

Compression::Compression() : impl_(std::make_unique<Impl>()) {
  FASTPATH_CHECK(inflateInit2(&impl_->inflate, kWindowBits) == Z_OK, "zlib");
  FASTPATH_CHECK(deflateInit2(&impl_->deflate, kLevel, Z_DEFLATED, kWindowBits + kGzip,
                              kMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK,
                 "zlib");
}

Compression::~Compression() {
  inflateEnd(&impl_->inflate);
  deflateEnd(&impl_->deflate);
}

Compression::Inflated Compression::Inflate(std::string_view coding, std::string_view in,
                                           size_t limit_bytes, std::string& out) {
  const absl::string_view name(coding.data(), coding.size());
  const bool gzip = absl::EqualsIgnoreCase(name, "gzip") || absl::EqualsIgnoreCase(name, "x-gzip");
  if (!gzip && !absl::EqualsIgnoreCase(name, "deflate")) return Inflated::kUnknownCoding;
  z_stream& z = impl_->inflate;
  inflateReset2(&z, gzip ? kWindowBits + kGzip : kWindowBits);
  z.next_in = Bytes(in.data());
  z.avail_in = static_cast<uInt>(in.size());
  out.clear();
  for (int result = Z_OK; result != Z_STREAM_END;) {
    if (out.size() > limit_bytes) return Inflated::kTooLarge;
    const size_t before = out.size();
    const size_t step = std::max(before, kStepBytes);
    out.resize(std::min(before + step, limit_bytes + 1));
    z.next_out = Bytes(out.data() + before);
    z.avail_out = static_cast<uInt>(out.size() - before);
    result = ::inflate(&z, Z_NO_FLUSH);
    out.resize(out.size() - z.avail_out);
    if (result != Z_OK && result != Z_STREAM_END) return Inflated::kBroken;
  }
  if (out.size() > limit_bytes) return Inflated::kTooLarge;
  return z.avail_in == 0 ? Inflated::kOk : Inflated::kBroken;
}

std::string Compression::Gzip(std::string_view in) {
  z_stream& z = impl_->deflate;
  deflateReset(&z);
  std::string out(deflateBound(&z, in.size()), '\0');
  z.next_in = Bytes(in.data());
  z.avail_in = static_cast<uInt>(in.size());
  z.next_out = Bytes(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  FASTPATH_CHECK(::deflate(&z, Z_FINISH) == Z_STREAM_END, "zlib");
  out.resize(out.size() - z.avail_out);
  return out;
}

uint32_t Crc32(std::string_view bytes) {
  return static_cast<uint32_t>(::crc32_z(0, Bytes(bytes.data()), bytes.size()));
}

}  // namespace fastpath::node::gateway
