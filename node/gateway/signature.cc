#include "node/gateway/signature.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "node/gateway/sigv4.h"

namespace fastpath::node::gateway {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr char kTerminator[] = "aws4_request";
constexpr int64_t kSkewSeconds = 15 * 60;
constexpr int64_t kMostExpirySeconds = 7 * 24 * 3600;
constexpr size_t kCachedKeys = 1024;  // Past it the cache begins anew.
constexpr size_t kCredentialParts = 5;

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }
std::string_view Std(absl::string_view text) { return {text.data(), text.size()}; }

const std::string* Find(const Parameters& query, std::string_view name) {
  for (const auto& [known, value] : query) {
    if (known == name) return &value;
  }
  return nullptr;
}

// What a request says of its signature; views into the request or its query.
struct Claim {
  std::string_view credential;
  std::string_view signed_headers;
  std::string_view signature;
  std::string_view time;                 // As sent.
  int64_t valid_seconds = kSkewSeconds;  // From the time of signing on.
};

using Claimed = std::variant<Claim, Error>;

std::string_view HeaderOr(const HttpRequest& request, std::string_view name,
                          std::string_view otherwise) {
  const std::string* value = FindHeader(request.headers, name);
  return value == nullptr ? otherwise : std::string_view(*value);
}

// Credential=..., SignedHeaders=..., Signature=...: what is there, and the first
// part that is no pair.
std::string_view ReadPairs(std::string_view text, Claim& claim) {
  for (absl::string_view part : absl::StrSplit(Absl(text), ',')) {
    part = absl::StripAsciiWhitespace(part);
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    if (equals == absl::string_view::npos) return Std(part);
    const std::string_view name = Std(part.substr(0, equals));
    const std::string_view value = Std(part.substr(equals + 1));
    if (name == "Credential") claim.credential = value;
    if (name == "SignedHeaders") claim.signed_headers = value;
    if (name == "Signature") claim.signature = value;
  }
  return {};
}

Claimed ReadHeader(const HttpRequest& request, const std::string& authorization) {
  if (!absl::StartsWith(authorization, "AWS4-")) return MissingAuthenticationToken();
  const size_t blank = std::min(authorization.find(' '), authorization.size());
  const auto algorithm = std::string_view(authorization).substr(0, blank);
  if (algorithm != kAlgorithm) {
    return IncompleteSignature(
        absl::StrCat("Unsupported AWS 'algorithm': '", Absl(algorithm), "'."));
  }
  Claim claim;
  const std::string_view odd = ReadPairs(std::string_view(authorization).substr(blank), claim);
  if (!odd.empty()) {
    return IncompleteSignature(
        absl::StrCat("'", Absl(odd),
                     "' not a valid key=value pair (missing equal-sign) in Authorization "
                     "header: '",
                     authorization, "'."));
  }
  claim.time = HeaderOr(request, "x-amz-date", HeaderOr(request, "date", ""));
  std::string missing;
  for (const auto& [name, value] :
       {std::pair("Credential", claim.credential), std::pair("Signature", claim.signature),
        std::pair("SignedHeaders", claim.signed_headers)}) {
    if (!value.empty()) continue;
    absl::StrAppend(&missing, "Authorization header requires '", name, "' parameter. ");
  }
  if (claim.time.empty()) {
    missing.append(
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' "
        "header. ");
  }
  if (missing.empty()) return claim;
  return IncompleteSignature(absl::StrCat(missing, "Authorization=", authorization));
}

Claimed ReadQuery(const Parameters& query, const std::string& algorithm) {
  if (algorithm != kAlgorithm) {
    return IncompleteSignature(absl::StrCat("Unsupported AWS 'algorithm': '", algorithm, "'."));
  }
  Claim claim;
  std::string missing;
  const std::pair<const char*, std::string_view*> parts[] = {
      {"X-Amz-Credential", &claim.credential},
      {"X-Amz-Signature", &claim.signature},
      {"X-Amz-SignedHeaders", &claim.signed_headers},
      {"X-Amz-Date", &claim.time}};
  for (const auto& [name, part] : parts) {
    const std::string* value = Find(query, name);
    if (value != nullptr && !value->empty()) {
      *part = *value;
    } else {
      absl::StrAppend(&missing, "AWS query-string parameters must include '", name, "'. ");
    }
  }
  if (!missing.empty()) {
    return IncompleteSignature(missing + "Re-examine the query-string parameters.");
  }
  const std::string* expires = Find(query, "X-Amz-Expires");
  if (expires == nullptr) return claim;
  if (!absl::SimpleAtoi(*expires, &claim.valid_seconds) || claim.valid_seconds < 1 ||
      claim.valid_seconds > kMostExpirySeconds) {
    return InvalidSignature(
        absl::StrCat("X-Amz-Expires must be from 1 to ", kMostExpirySeconds, " seconds (a week)."));
  }
  return claim;
}

std::optional<int64_t> ParseTime(std::string_view text) {
  const auto basic = ParseBasicTime(text);
  return basic ? basic : ParseHttpDate(text);
}

struct Credential {
  Caller caller;
  std::string_view date, region, service, terminator;
};

std::optional<Credential> Split(std::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(Absl(text), '/');
  if (parts.size() != kCredentialParts) return std::nullopt;
  return Credential{{std::string(parts[0]), std::string(parts[2])},
                    Std(parts[1]),
                    Std(parts[2]),
                    Std(parts[3]),
                    Std(parts[4])};
}

// Sorted, as they are signed.
std::vector<std::string_view> SignedHeaders(std::string_view text) {
  std::vector<std::string_view> names;
  for (absl::string_view name : absl::StrSplit(Absl(text), ';')) names.push_back(Std(name));
  std::sort(names.begin(), names.end());
  return names;
}

std::string WrongScope(const Credential& credential, const std::string& service,
                       std::string_view day, std::string_view time) {
  std::string wrong;
  if (credential.region.empty()) wrong.append("Credential should be scoped to a valid region. ");
  if (credential.service != service) {
    absl::StrAppend(&wrong, "Credential should be scoped to correct service: '", service, "'. ");
  }
  if (credential.terminator != kTerminator) {
    absl::StrAppend(&wrong, "Credential should be scoped with a valid terminator: '", kTerminator,
                    "', not '", Absl(credential.terminator), "'. ");
  }
  if (credential.date != day) {
    absl::StrAppend(&wrong,
                    "Date in Credential scope does not match YYYYMMDD from ISO-8601 "
                    "version of date from HTTP: '",
                    Absl(credential.date), "' != '", Absl(day));
    absl::StrAppend(&wrong, "', from '", Absl(time), "'. ");
  }
  if (!wrong.empty()) wrong.pop_back();
  return wrong;
}

// Empty if `time` is within what the clock allows.
std::string WrongTime(int64_t time, int64_t now, int64_t valid_seconds) {
  if (time + valid_seconds < now) {
    return absl::StrCat("Signature expired: ", BasicTime(time), " is now earlier than ",
                        BasicTime(now - valid_seconds), " (", BasicTime(now), " - ",
                        valid_seconds / 60, " min.)");
  }
  if (time > now + kSkewSeconds) {
    return absl::StrCat("Signature not yet current: ", BasicTime(time), " is still later than ",
                        BasicTime(now + kSkewSeconds), " (", BasicTime(now), " + ",
                        kSkewSeconds / 60, " min.)");
  }
  return "";
}

std::string WrongHeaders(const HttpRequest& request, const std::vector<std::string_view>& names) {
  const auto is_signed = [&](std::string_view name) {
    return std::binary_search(names.begin(), names.end(), name);
  };
  if (!is_signed("host")) {
    return "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
  }
  for (const auto& [name, value] : request.headers) {
    if (absl::StartsWith(name, "x-amz-") && !is_signed(name)) {
      return absl::StrCat("'", name, "' must be a 'SignedHeader' in the AWS Authorization.");
    }
  }
  return "";
}

}  // namespace

struct SignatureVerifier::Impl {
  // What a request says of its caller, believed.
  Caller Believe(const HttpRequest& request);
  std::variant<Caller, Error> Check(const HttpRequest& request, const Parameters& query,
                                    const Claim& claim, int64_t now);
  bool Matches(const HttpRequest& request, const Parameters& query, const Claim& claim,
               const Credential& credential, const std::vector<std::string_view>& names,
               std::string_view time, std::string_view body_hash, const std::string& secret);

  std::optional<AccessKeys> keys;
  std::string service;
  Hasher hasher;
  absl::flat_hash_map<std::string, HmacKey> signing_keys;  // By credential.
};

SignatureVerifier::SignatureVerifier(std::optional<AccessKeys> keys, std::string service)
    : impl_(std::make_unique<Impl>()) {
  impl_->keys = std::move(keys);
  impl_->service = std::move(service);
}
SignatureVerifier::~SignatureVerifier() = default;

std::variant<Caller, Error> SignatureVerifier::Verify(const HttpRequest& request, int64_t now) {
  if (!impl_->keys) return impl_->Believe(request);
  const Parameters query = ParseQuery(request.target);
  const std::string* algorithm = Find(query, "X-Amz-Algorithm");
  const std::string* authorization = FindHeader(request.headers, "authorization");
  if (authorization == nullptr && algorithm == nullptr) return MissingAuthenticationToken();
  if (authorization != nullptr && algorithm != nullptr) {
    return InvalidSignature(
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.");
  }
  const Claimed claimed =
      authorization != nullptr ? ReadHeader(request, *authorization) : ReadQuery(query, *algorithm);
  if (const Error* error = std::get_if<Error>(&claimed)) return *error;
  return impl_->Check(request, query, std::get<Claim>(claimed), now / 1'000'000);
}

Caller SignatureVerifier::Impl::Believe(const HttpRequest& request) {
  Claim claim;
  const Parameters query = ParseQuery(request.target);
  if (const std::string* authorization = FindHeader(request.headers, "authorization")) {
    const size_t blank = std::min(authorization->find(' '), authorization->size());
    ReadPairs(std::string_view(*authorization).substr(blank), claim);
  } else if (const std::string* credential = Find(query, "X-Amz-Credential")) {
    claim.credential = *credential;
  }
  const auto credential = Split(claim.credential);
  return credential ? credential->caller : Caller();
}

std::variant<Caller, Error> SignatureVerifier::Impl::Check(const HttpRequest& request,
                                                           const Parameters& query,
                                                           const Claim& claim, int64_t now) {
  const auto credential = Split(claim.credential);
  if (!credential) {
    return IncompleteSignature(
        absl::StrCat("Credential must have exactly 5 slash-delimited elements, e.g. "
                     "keyid/date/region/service/term, got '",
                     Absl(claim.credential), "'"));
  }
  const auto time = ParseTime(claim.time);
  if (!time) {
    return IncompleteSignature(absl::StrCat("Date must be in ISO-8601 'basic format'. Got '",
                                            Absl(claim.time),
                                            "'. See http://en.wikipedia.org/wiki/ISO_8601"));
  }
  const std::string basic = BasicTime(*time);
  const std::string_view day = std::string_view(basic).substr(0, 8);
  if (auto wrong = WrongScope(*credential, service, day, basic); !wrong.empty()) {
    return InvalidSignature(wrong);
  }
  const auto key = keys->find(credential->caller.access_key);
  // There are no temporary credentials, so no token is valid.
  if (key == keys->end() || FindHeader(request.headers, "x-amz-security-token") != nullptr ||
      Find(query, "X-Amz-Security-Token") != nullptr) {
    return UnrecognizedClient();
  }
  if (auto wrong = WrongTime(*time, now, claim.valid_seconds); !wrong.empty()) {
    return InvalidSignature(wrong);
  }
  const std::vector<std::string_view> names = SignedHeaders(claim.signed_headers);
  if (auto wrong = WrongHeaders(request, names); !wrong.empty()) return InvalidSignature(wrong);
  std::string body_hash;
  AppendHex(hasher.Sha256(request.body), body_hash);
  // UNSIGNED-PAYLOAD is S3's; here every body is signed.
  if (HeaderOr(request, "x-amz-content-sha256", body_hash) != body_hash) {
    return InvalidSignature(
        "The provided 'x-amz-content-sha256' header does not match what was computed.");
  }
  if (Matches(request, query, claim, *credential, names, basic, body_hash, key->second)) {
    return credential->caller;
  }
  return InvalidSignature(
      "The request signature we calculated does not match the signature you provided. Check your "
      "AWS Secret Access Key and signing method. Consult the service documentation for details.");
}

bool SignatureVerifier::Impl::Matches(const HttpRequest& request, const Parameters& query,
                                      const Claim& claim, const Credential& credential,
                                      const std::vector<std::string_view>& names,
                                      std::string_view time, std::string_view body_hash,
                                      const std::string& secret) {
  const Scope scope{credential.date, credential.region, credential.service};
  std::string request_hash;
  AppendHex(hasher.Sha256(CanonicalRequest(request, query, names, body_hash)), request_hash);
  const std::string to_sign = StringToSign(time, scope, request_hash);
  const auto cached = signing_keys.find(Absl(claim.credential));
  HmacKey made;
  if (cached == signing_keys.end()) made = SigningKey(hasher, secret, scope);
  HmacKey& key = cached == signing_keys.end() ? made : cached->second;
  std::string signature;
  AppendHex(hasher.Hmac(key, to_sign), signature);
  if (claim.signature.size() != signature.size() ||
      CRYPTO_memcmp(claim.signature.data(), signature.data(), signature.size()) != 0) {
    return false;
  }
  // Only what somebody has proved is kept, so nobody else can push it out.
  if (cached == signing_keys.end()) {
    if (signing_keys.size() >= kCachedKeys) signing_keys.clear();
    signing_keys.emplace(std::string(claim.credential), std::move(made));
  }
  return true;
}

}  // namespace fastpath::node::gateway
