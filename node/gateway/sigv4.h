// The arithmetic of AWS Signature Version 4: canonical request, string to sign, signing
// key, times. Follows "Create a signed AWS API request" (IAM User Guide) for every service
// but S3: paths are normalised and encoded once more.
//
// Pure. OpenSSL's algorithms are looked up once, its contexts are used again.
// Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "node/gateway/http.h"

namespace fastpath::node::gateway {

using Digest = std::array<unsigned char, 32>;

// A signing key, ready to be used often.
class HmacKey {
 public:
  HmacKey();
  ~HmacKey();
  HmacKey(HmacKey&&) noexcept;
  HmacKey& operator=(HmacKey&&) noexcept;

 private:
  friend class Hasher;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class Hasher {
 public:
  Hasher();
  ~Hasher();
  Digest Sha256(std::string_view bytes);
  HmacKey MakeKey(std::string_view secret);
  Digest Hmac(HmacKey& key, std::string_view bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

void AppendHex(const Digest& digest, std::string& out);

using Parameters = std::vector<std::pair<std::string, std::string>>;
// The decoded parameters of a target's query, in order; one without "=" has an empty value.
Parameters ParseQuery(std::string_view target);

// `headers` are the signed ones' names, sorted, in lower case. X-Amz-Signature is left out
// of the query: it cannot sign itself.
std::string CanonicalRequest(const HttpRequest& request, const Parameters& query,
                             const std::vector<std::string_view>& headers,
                             std::string_view body_hash);

struct Scope {
  std::string_view date;  // "20150830"
  std::string_view region;
  std::string_view service;
};

// `time` as "20150830T123600Z", `request_hash` in hexadecimal.
std::string StringToSign(std::string_view time, const Scope& scope, std::string_view request_hash);

// Of a secret access key.
HmacKey SigningKey(Hasher& hasher, std::string_view secret, const Scope& scope);

// Seconds since the Unix epoch, of "20150830T123600Z", or of a Date header's
// "Sun, 30 Aug 2015 12:36:00 GMT".
std::optional<int64_t> ParseBasicTime(std::string_view text);
std::optional<int64_t> ParseHttpDate(std::string_view text);
std::string BasicTime(int64_t seconds);
std::string HttpDate(int64_t seconds);

}  // namespace fastpath::node::gateway
