// Content codings of HTTP on zlib: gzip and deflate of requests, gzip of answers, and
// the checksum DynamoDB sends with every answer. One for all connections of a
// thread: a compressor's state takes 256 KiB. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace fastpath::node::gateway {

class Compression {
 public:
  Compression();
  ~Compression();

  enum class Inflated { kOk, kUnknownCoding, kBroken, kTooLarge };
  // `coding` is a Content-Encoding, in any case. More than `limit_bytes` are never held,
  // however little `in` is.
  Inflated Inflate(std::string_view coding, std::string_view in, size_t limit_bytes,
                   std::string& out);
  std::string Gzip(std::string_view in);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

uint32_t Crc32(std::string_view bytes);

}  // namespace fastpath::node::gateway
