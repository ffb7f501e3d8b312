#include "node/gateway/sigv4.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <algorithm>
#include <chrono>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "raft/check.h"

namespace fastpath::node::gateway {
namespace {

constexpr char kAlgorithm[] = "AWS4-HMAC-SHA256";
constexpr char kTerminator[] = "aws4_request";
constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

void Must(int result) { FASTPATH_CHECK(result == 1, "OpenSSL"); }

bool Unreserved(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' ||
         c == '~';
}

void AppendEncoded(std::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789ABCDEF";
  for (const char c : text) {
    if (Unreserved(c)) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
  }
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// A percent sign that begins no code stands for itself.
std::string Decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = high >= 0 ? HexDigit(text[i + 2]) : -1;
    if (low < 0) {
      out.push_back(text[i]);
      continue;
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

// Without empty, "." and ".." segments, each segment encoded.
void AppendCanonicalPath(std::string_view path, std::string& out) {
  if (path == "/") {
    out.push_back('/');
    return;
  }
  std::vector<absl::string_view> kept;
  for (absl::string_view segment : absl::StrSplit(Absl(path), '/')) {
    if (segment.empty() || segment == ".") continue;
    if (segment != "..") {
      kept.push_back(segment);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  for (absl::string_view segment : kept) {
    out.push_back('/');
    AppendEncoded({segment.data(), segment.size()}, out);
  }
  if (kept.empty() || path.ends_with('/')) out.push_back('/');
}

void AppendCanonicalQuery(const Parameters& query, std::string& out) {
  Parameters encoded;
  for (const auto& [name, value] : query) {
    if (name == "X-Amz-Signature") continue;
    auto& parameter = encoded.emplace_back();
    AppendEncoded(name, parameter.first);
    AppendEncoded(value, parameter.second);
  }
  std::sort(encoded.begin(), encoded.end());
  for (size_t i = 0; i < encoded.size(); ++i) {
    if (i > 0) out.push_back('&');
    out.append(encoded[i].first).append("=").append(encoded[i].second);
  }
}

// Blanks at the ends go, those between become one.
void AppendFolded(std::string_view value, std::string& out) {
  bool blank = false;
  const size_t begin = out.size();
  for (const char c : value) {
    if (c == ' ' || c == '\t') {
      blank = out.size() > begin;
      continue;
    }
    if (blank) out.push_back(' ');
    blank = false;
    out.push_back(c);
  }
}

// Digits of a fixed width; nothing if there is anything else.
std::optional<int> Digits(std::string_view text, size_t from, size_t count) {
  int value = 0;
  for (size_t i = from; i < from + count; ++i) {
    if (i >= text.size() || !absl::ascii_isdigit(static_cast<unsigned char>(text[i]))) {
      return std::nullopt;
    }
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

std::optional<int64_t> Seconds(std::optional<int> year, std::optional<int> month,
                               std::optional<int> day, std::optional<int> hour,
                               std::optional<int> minute, std::optional<int> second) {
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + *hour) * 60 + *minute) * 60 + *second;
}

struct Moment {
  std::chrono::year_month_day date;
  unsigned weekday;
  int hour, minute, second;
};

Moment MomentOf(int64_t seconds) {
  const auto since = std::chrono::seconds(seconds);
  const auto days = std::chrono::floor<std::chrono::days>(since);
  const std::chrono::sys_days day(days);
  const auto rest = static_cast<int>((since - days).count());
  return {std::chrono::year_month_day(day), std::chrono::weekday(day).c_encoding(), rest / 3600,
          rest / 60 % 60, rest % 60};
}

}  // namespace

struct HmacKey::Impl {
  ~Impl() { EVP_MAC_CTX_free(context); }
  EVP_MAC_CTX* context = nullptr;
};
HmacKey::HmacKey() = default;
HmacKey::~HmacKey() = default;
HmacKey::HmacKey(HmacKey&&) noexcept = default;
HmacKey& HmacKey::operator=(HmacKey&&) noexcept = default;

struct Hasher::Impl {
  Impl()
      : sha256(EVP_MD_fetch(nullptr, "SHA256", nullptr)),
        context(EVP_MD_CTX_new()),
        hmac(EVP_MAC_fetch(nullptr, "HMAC", nullptr)) {
    FASTPATH_CHECK(sha256 != nullptr && context != nullptr && hmac != nullptr, "OpenSSL");
  }
  ~Impl() {
    EVP_MAC_free(hmac);
    EVP_MD_CTX_free(context);
    EVP_MD_free(sha256);
  }
  EVP_MD* sha256;
  EVP_MD_CTX* context;
  EVP_MAC* hmac;
};

Hasher::Hasher() : impl_(std::make_unique<Impl>()) {}
Hasher::~Hasher() = default;

Digest Hasher::Sha256(std::string_view bytes) {
  Digest digest;
  unsigned size = 0;
  Must(EVP_DigestInit_ex2(impl_->context, impl_->sha256, nullptr));
  Must(EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size()));
  Must(EVP_DigestFinal_ex(impl_->context, digest.data(), &size));
  return digest;
}

HmacKey Hasher::MakeKey(std::string_view secret) {
  HmacKey key;
  key.impl_ = std::make_unique<HmacKey::Impl>();
  key.impl_->context = EVP_MAC_CTX_new(impl_->hmac);
  FASTPATH_CHECK(key.impl_->context != nullptr, "OpenSSL");
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  Must(EVP_MAC_init(key.impl_->context, reinterpret_cast<const unsigned char*>(secret.data()),
                    secret.size(), parameters));
  return key;
}

Digest Hasher::Hmac(HmacKey& key, std::string_view bytes) {
  Digest digest;
  size_t size = 0;
  EVP_MAC_CTX* context = key.impl_->context;
  Must(EVP_MAC_init(context, nullptr, 0, nullptr));  // With the key it has.
  Must(EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
  Must(EVP_MAC_final(context, digest.data(), &size, digest.size()));
  return digest;
}

void AppendHex(const Digest& digest, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  for (const unsigned char byte : digest) out.append({kHex[byte >> 4], kHex[byte & 15]});
}

Parameters ParseQuery(std::string_view target) {
  Parameters parameters;
  const size_t mark = target.find('?');
  if (mark == std::string_view::npos) return parameters;
  for (absl::string_view part : absl::StrSplit(Absl(target.substr(mark + 1)), '&')) {
    if (part.empty()) continue;
    const std::string_view text(part.data(), part.size());
    const size_t equals = std::min(text.find('='), text.size());
    parameters.emplace_back(Decode(text.substr(0, equals)),
                            equals < text.size() ? Decode(text.substr(equals + 1)) : "");
  }
  return parameters;
}

std::string CanonicalRequest(const HttpRequest& request, const Parameters& query,
                             const std::vector<std::string_view>& headers,
                             std::string_view body_hash) {
  std::string out;
  out.reserve(1024);
  out.append(request.method).append("\n");
  AppendCanonicalPath(std::string_view(request.target).substr(0, request.target.find('?')), out);
  out.append("\n");
  AppendCanonicalQuery(query, out);
  out.append("\n");
  for (const std::string_view name : headers) {
    out.append(name).append(":");
    bool first = true;
    for (const auto& [known, value] : request.headers) {
      if (known != name) continue;
      if (!std::exchange(first, false)) out.append(",");
      AppendFolded(value, out);
    }
    out.append("\n");
  }
  out.append("\n");
  for (size_t i = 0; i < headers.size(); ++i) {
    if (i > 0) out.append(";");
    out.append(headers[i]);
  }
  out.append("\n").append(body_hash);
  return out;
}

std::string StringToSign(std::string_view time, const Scope& scope, std::string_view request_hash) {
  return absl::StrCat(kAlgorithm, "\n", Absl(time), "\n", Absl(scope.date), "/", Absl(scope.region),
                      "/", Absl(scope.service), "/") +
         absl::StrCat(kTerminator, "\n", Absl(request_hash));
}

HmacKey SigningKey(Hasher& hasher, std::string_view secret, const Scope& scope) {
  HmacKey key = hasher.MakeKey(absl::StrCat("AWS4", Absl(secret)));
  for (const std::string_view step :
       {scope.date, scope.region, scope.service, std::string_view(kTerminator)}) {
    const Digest digest = hasher.Hmac(key, step);
    key = hasher.MakeKey({reinterpret_cast<const char*>(digest.data()), digest.size()});
  }
  return key;
}

std::optional<int64_t> ParseBasicTime(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  return Seconds(Digits(text, 0, 4), Digits(text, 4, 2), Digits(text, 6, 2), Digits(text, 9, 2),
                 Digits(text, 11, 2), Digits(text, 13, 2));
}

std::optional<int64_t> ParseHttpDate(std::string_view text) {
  // "Sun, 30 Aug 2015 12:36:00 GMT"
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT") {
    return std::nullopt;
  }
  const auto* month = std::find(std::begin(kMonths), std::end(kMonths), text.substr(8, 3));
  if (month == std::end(kMonths)) return std::nullopt;
  return Seconds(Digits(text, 12, 4), static_cast<int>(month - std::begin(kMonths)) + 1,
                 Digits(text, 5, 2), Digits(text, 17, 2), Digits(text, 20, 2), Digits(text, 23, 2));
}

std::string BasicTime(int64_t seconds) {
  const Moment m = MomentOf(seconds);
  return absl::StrFormat("%04d%02d%02dT%02d%02d%02dZ", static_cast<int>(m.date.year()),
                         static_cast<unsigned>(m.date.month()), static_cast<unsigned>(m.date.day()),
                         m.hour, m.minute, m.second);
}

std::string HttpDate(int64_t seconds) {
  const Moment m = MomentOf(seconds);
  return absl::StrFormat("%s, %02d %s %04d %02d:%02d:%02d GMT", Absl(kDays[m.weekday]),
                         static_cast<unsigned>(m.date.day()),
                         Absl(kMonths[static_cast<unsigned>(m.date.month()) - 1]),
                         static_cast<int>(m.date.year()), m.hour, m.minute, m.second);
}

}  // namespace fastpath::node::gateway
