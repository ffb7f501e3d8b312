#include "node/gateway/http_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace fastpath::node::gateway {
namespace {

namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

// A chunk's size with its extension, or the last one with the trailers.
constexpr size_t kChunkLineBytes = 4u << 10;
constexpr size_t kChunkExtensionBytes = 256;
// Beast asserts that no shorter input follows a chunk; no valid one does: "0\r\n\r\n".
constexpr size_t kLeastChunkBytes = 5;
// A length that is only claimed gets no more memory than this in advance.
constexpr size_t kReserveBytes = 64u << 10;
constexpr size_t kSpareBytes = 512;  // Of a header's value; larger memory is given back.

std::string_view View(string_view text) { return {text.data(), text.size()}; }
absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

bool IsHostCharacter(char c) {
  return absl::ascii_isalnum(c) || std::string_view(".:-_[]%").find(c) != std::string_view::npos;
}

// Whether a bad version is one that we do not speak, or none at all.
bool NamesAVersion(std::string_view head) {
  const std::string_view line = head.substr(0, head.find('\r'));
  const std::string_view word = line.substr(line.rfind(' ') + 1);
  if (std::count(line.begin(), line.end(), ' ') != 2) return false;
  return word.size() == 8 && word.starts_with("HTTP/") && absl::ascii_isdigit(word[5]) &&
         word[6] == '.' && absl::ascii_isdigit(word[7]);
}

// What is known of a request so far.
struct Reading {
  explicit Reading(const HttpLimits* limits_in) : limits(limits_in) {}

  void Refuse(int status, std::string_view reason) {
    if (refused != 0) return;
    refused = status;
    why = reason;
  }
  void AddHeader(std::string_view name, std::string_view value);

  const HttpLimits* const limits;
  HttpRequest* request = nullptr;
  std::vector<std::pair<std::string, std::string>> spare;  // Of former headers, for their memory.
  bool head_done = false;
  bool done = false;
  int refused = 0;
  std::string why;
};

void Reading::AddHeader(std::string_view name, std::string_view value) {
  Headers& headers = request->headers;
  if (spare.empty()) {
    headers.emplace_back();
  } else {
    headers.push_back(std::move(spare.back()));
    spare.pop_back();
  }
  headers.back().first.assign(name);
  for (char& c : headers.back().first) c = absl::ascii_tolower(static_cast<unsigned char>(c));
  headers.back().second.assign(value);
}

// Beast's parser with our say in what it finds.
struct Message final : http::basic_parser<true> {
  explicit Message(Reading* owner_in) : owner(owner_in) {
    header_limit(static_cast<uint32_t>(owner->limits->header_bytes) + 4);
    body_limit(owner->limits->body_bytes);
  }

  void Stop(int status, std::string_view why, error_code& error) {
    owner->Refuse(status, why);
    error = http::error::bad_value;
  }

  void on_request_impl(http::verb, string_view method, string_view target, int version,
                       error_code& error) override {
    http10 = version == 10;
    if (target.size() > owner->limits->target_bytes) return Stop(414, "target too long", error);
    const bool ascii =
        std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    const bool star = target == "*" && method == "OPTIONS";
    if (!ascii || !(target.front() == '/' || star)) return Stop(400, "bad target", error);
    owner->request->method.assign(method.data(), method.size());
    owner->request->target.assign(target.data(), target.size());
  }

  void on_field_impl(http::field field, string_view name, string_view value,
                     error_code& error) override {
    if (owner->head_done) return;  // A trailer: nobody asked for it.
    if (owner->request->headers.size() >= owner->limits->headers) {
      return Stop(431, "too many headers", error);
    }
    if (field == http::field::host) {
      if (++hosts > 1) return Stop(400, "more than one Host", error);
      if (!std::all_of(value.begin(), value.end(), IsHostCharacter)) {
        return Stop(400, "bad Host", error);
      }
    }
    if (field == http::field::content_length) {
      if (++lengths > 1) return Stop(400, "more than one Content-Length", error);
      if (!std::all_of(value.begin(), value.end(), absl::ascii_isdigit)) {
        return Stop(400, "bad Content-Length", error);
      }
    }
    if (field == http::field::transfer_encoding) {
      if (++codings > 1) return Stop(400, "more than one Transfer-Encoding", error);
      if (!CheckCoding(View(value), error)) return;
    }
    if (field == http::field::expect) {
      expects_continue = absl::EqualsIgnoreCase(Absl(View(value)), "100-continue");
      if (!expects_continue) return Stop(417, "unknown expectation", error);
    }
    owner->AddHeader(View(name), View(value));
  }

  // Only "chunked" is known. What would be read differently by somebody who reads
  // on is a bad request, not an unknown coding.
  bool CheckCoding(std::string_view value, error_code& error) {
    if (absl::EqualsIgnoreCase(Absl(value), "chunked")) return true;
    const std::vector<absl::string_view> codings = absl::StrSplit(Absl(value), ',');
    for (size_t i = 0; i < codings.size(); ++i) {
      const auto coding = absl::StripAsciiWhitespace(codings[i]);
      const bool last = i + 1 == codings.size();
      if (coding.empty() || absl::EqualsIgnoreCase(coding, "identity") ||
          (absl::EqualsIgnoreCase(coding, "chunked") && !last)) {
        Stop(400, "bad Transfer-Encoding", error);
        return false;
      }
    }
    Stop(501, "unknown transfer coding", error);
    return false;
  }

  void on_header_impl(error_code& error) override {
    if (codings > 0 && lengths > 0) {
      return Stop(400, "both Content-Length and Transfer-Encoding", error);
    }
    if (codings > 0 && http10) return Stop(400, "Transfer-Encoding in HTTP/1.0", error);
    if (hosts == 0 && !http10) return Stop(400, "no Host", error);
    if (http10) expects_continue = false;
    owner->head_done = true;
  }

  void on_body_init_impl(const boost::optional<uint64_t>& length, error_code& error) override {
    error = {};
    if (length) owner->request->body.reserve(std::min<uint64_t>(*length, kReserveBytes));
  }
  size_t on_body_impl(string_view bytes, error_code& error) override {
    error = {};
    owner->request->body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(uint64_t size, string_view extension, error_code& error) override {
    error = {};
    chunk_left = size;
    const bool text = std::all_of(extension.begin(), extension.end(),
                                  [](char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); });
    if (!text || extension.size() > kChunkExtensionBytes) {
      Stop(400, "bad chunk extension", error);
    }
  }
  size_t on_chunk_body_impl(uint64_t, string_view bytes, error_code& error) override {
    chunk_left -= bytes.size();
    return on_body_impl(bytes, error);
  }
  void on_finish_impl(error_code& error) override {
    error = {};
    owner->done = true;
  }
  void on_response_impl(int, string_view, int, error_code&) override {}

  Reading* const owner;
  bool http10 = false;
  bool expects_continue = false;
  int hosts = 0;
  int lengths = 0;
  int codings = 0;
  uint64_t chunk_left = 0;
};

}  // namespace

struct HttpParser::Impl : Reading {
  using Reading::Reading;

  bool SkipEmptyLine(std::string_view bytes);
  std::optional<size_t> FindHeadEnd(std::string_view bytes);
  void TakeHead(std::string_view head);
  size_t TakeBody(std::string_view bytes);
  void Fail(const error_code& error);

  std::optional<Message> message;
  size_t scanned = 0;     // Of the head, for its end.
  size_t line_start = 0;  // Of the line that `scanned` is in.
  bool begun = false;
  bool empty_line_skipped = false;
};

// Where the head ends; also checks its lines' ends, which Beast would mend or wait for.
std::optional<size_t> HttpParser::Impl::FindHeadEnd(std::string_view bytes) {
  for (;;) {
    // The first byte of a line tells whether it goes on with the one before.
    if (line_start > 0 && line_start < bytes.size() &&
        (bytes[line_start] == ' ' || bytes[line_start] == '\t')) {
      Refuse(400, "folded line");
      return std::nullopt;
    }
    const size_t end = bytes.find('\n', scanned);
    if (end == std::string_view::npos) break;
    if (end + 1 > limits->header_bytes) break;
    if (end == line_start || bytes[end - 1] != '\r') {
      Refuse(400, "line without CRLF");
      return std::nullopt;
    }
    scanned = end + 1;
    if (end == line_start + 1) return end + 1;
    line_start = end + 1;
  }
  scanned = bytes.size();
  if (bytes.size() > limits->header_bytes) Refuse(431, "headers too large");
  return std::nullopt;
}

void HttpParser::Impl::TakeHead(std::string_view head) {
  message.emplace(this);
  error_code error;
  const size_t used = message->put(boost::asio::const_buffer(head.data(), head.size()), error);
  if (error == http::error::bad_version && NamesAVersion(head)) {
    Refuse(505, "HTTP version not supported");
  } else if (error) {
    Fail(error);
  } else if (used != head.size()) {
    Refuse(400, "bad request");
  }
}

void HttpParser::Impl::Fail(const error_code& error) {
  if (error == http::error::header_limit) Refuse(431, "headers too large");
  if (error == http::error::body_limit) Refuse(413, "body too large");
  Refuse(400, "bad request");
}

size_t HttpParser::Impl::TakeBody(std::string_view bytes) {
  size_t taken = 0;
  const bool chunked = message->chunked();
  while (!done && refused == 0 && taken < bytes.size()) {
    const std::string_view rest = bytes.substr(taken);
    const bool line = chunked && message->chunk_left == 0;
    if (line && rest.size() < kLeastChunkBytes) break;
    error_code error;
    const size_t used = message->put(boost::asio::const_buffer(rest.data(), rest.size()), error);
    const bool more = error == http::error::need_more;
    if (line && (more ? rest.size() : used) > kChunkLineBytes) Refuse(400, "chunk line too long");
    if (error && !more) Fail(error);
    taken += used;
    if (more) break;
  }
  return taken;
}

HttpParser::HttpParser(const HttpLimits* limits) : impl_(std::make_unique<Impl>(limits)) {}
HttpParser::~HttpParser() = default;

void HttpParser::Begin(HttpRequest* request) {
  Impl& self = *impl_;
  self.request = request;
  for (auto& header : request->headers) {
    if (header.second.capacity() <= kSpareBytes) self.spare.push_back(std::move(header));
  }
  request->headers.clear();
  request->body.clear();
  request->inflated.clear();
  // What one large request took is not kept for the small ones after it.
  if (request->body.capacity() > kReserveBytes) request->body.shrink_to_fit();
  if (request->inflated.capacity() > kReserveBytes) request->inflated.shrink_to_fit();
  self.message.reset();
  self.scanned = self.line_start = 0;
  self.begun = self.empty_line_skipped = self.head_done = self.done = false;
}

// One empty line before a request is a client's slip that RFC 9112 asks to forgive.
bool HttpParser::Impl::SkipEmptyLine(std::string_view bytes) {
  if (scanned > 0 || empty_line_skipped || !bytes.starts_with("\r\n")) return false;
  empty_line_skipped = true;
  return true;
}

size_t HttpParser::Take(std::string_view bytes) {
  Impl& self = *impl_;
  if (self.done || self.refused != 0 || bytes.empty()) return 0;
  self.begun = true;
  size_t taken = 0;
  if (!self.head_done) {
    if (bytes == "\r") return 0;  // Perhaps of an empty line.
    if (self.SkipEmptyLine(bytes)) taken = 2;
    const auto end = self.FindHeadEnd(bytes.substr(taken));
    if (!end) return taken;
    self.TakeHead(bytes.substr(taken, *end));
    taken += *end;
    if (self.refused != 0 || self.done) return taken;
  }
  return taken + self.TakeBody(bytes.substr(taken));
}

bool HttpParser::begun() const { return impl_->begun; }
bool HttpParser::head_done() const { return impl_->head_done; }
bool HttpParser::done() const { return impl_->done && impl_->refused == 0; }
int HttpParser::refused() const { return impl_->refused; }
const std::string& HttpParser::why() const { return impl_->why; }
bool HttpParser::http10() const { return impl_->message->http10; }
bool HttpParser::keep_alive() const { return impl_->message->keep_alive(); }
bool HttpParser::expects_continue() const { return impl_->message->expects_continue; }

}  // namespace fastpath::node::gateway
