#include "node/gateway/http_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "node/gateway/own_answers.h"
#include "raft/check.h"

namespace fastpath::node::gateway {
namespace {

// Smaller bodies are copied behind their head; larger ones are sent where they lie.
constexpr size_t kGatherBytes = 16u << 10;
constexpr size_t kRequestIdLetters = 52;

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

// As DynamoDB's: 52 letters and digits.
void AppendRequestId(client::internal::Random& random, std::string& out) {
  constexpr char kLetters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
  constexpr int kLettersOfADraw = 12;  // Of 5 bits.
  uint64_t bits = 0;
  for (size_t i = 0; i < kRequestIdLetters; ++i) {
    if (i % kLettersOfADraw == 0) bits = random.Next();
    out.push_back(kLetters[bits & 31]);
    bits >>= 5;
  }
}

// Whether an Accept-Encoding takes gzip: named, and not with a weight of 0.
bool AcceptsGzip(const std::string* accepted) {
  if (accepted == nullptr) return false;
  for (absl::string_view coding : absl::StrSplit(*accepted, ',')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(coding, absl::MaxSplits(';', 1));
    if (!absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(parts.first), "gzip")) continue;
    absl::string_view weight = absl::StripAsciiWhitespace(parts.second);
    double q = 1;
    return !(absl::ConsumePrefix(&weight, "q=") && absl::SimpleAtod(weight, &q) && q == 0);
  }
  return false;
}

}  // namespace

HttpStream::HttpStream(HttpEnvironment* environment)
    : environment_(environment), parser_(&environment->limits) {}

void HttpStream::Feed(std::string_view bytes) {
  if (over_) return;
  // A body's bytes go where they belong without a stop in between.
  if (in_.empty() && !handed_out_) bytes.remove_prefix(Take(bytes));
  in_.append(bytes);
}

size_t HttpStream::Take(std::string_view bytes) {
  if (!parser_.begun() && !bytes.empty()) ++begun_;
  const size_t taken = parser_.Take(bytes);
  if (parser_.refused() != 0) {
    Refuse(parser_.refused(), parser_.why());
    return bytes.size();
  }
  return taken;
}

std::optional<HttpStream::Incoming> HttpStream::Next() {
  if (!wants_input()) return std::nullopt;
  if (std::exchange(handed_out_, false)) {
    parser_.Begin(&request_);
    continue_said_ = false;
  }
  in_.erase(0, Take(in_));
  if (in_.empty() && in_.capacity() > kGatherBytes) std::string().swap(in_);
  if (over_) return std::nullopt;
  if (!parser_.done()) {
    AskToContinue();
    return std::nullopt;
  }
  handed_out_ = true;
  slots_.push_back(Open());
  const uint64_t number = first_slot_ + slots_.size() - 1;
  if (!Inflate()) return std::nullopt;
  if (slots_.back().close) End();
  return Incoming{number, &request_};
}

HttpStream::Slot HttpStream::Open() const {
  Slot slot;
  slot.head = request_.method == "HEAD";
  slot.close = !parser_.keep_alive();
  slot.keep_alive_said = parser_.http10();
  slot.gzip = AcceptsGzip(FindHeader(request_.headers, "accept-encoding"));
  slot.cross_origin =
      environment_->cross_origin && FindHeader(request_.headers, "origin") != nullptr;
  return slot;
}

// False if what the body holds cannot be had: the request is answered then.
bool HttpStream::Inflate() {
  const std::string* coding = nullptr;
  size_t codings = 0;
  for (const auto& [name, value] : request_.headers) {
    if (name != "content-encoding" || value.empty()) continue;
    if (absl::EqualsIgnoreCase(value, "identity")) continue;
    coding = &value;
    ++codings;
  }
  if (codings == 0 || request_.body.empty()) return true;
  using Inflated = Compression::Inflated;
  Inflated inflated = Inflated::kUnknownCoding;
  if (codings == 1) {
    inflated = environment_->compression.Inflate(
        *coding, request_.body, environment_->limits.inflated_bytes, request_.inflated);
  }
  if (inflated == Inflated::kOk) return true;
  slots_.pop_back();
  if (inflated == Inflated::kTooLarge) Refuse(413, "body too large");
  if (inflated == Inflated::kBroken) Refuse(400, "broken Content-Encoding");
  if (inflated == Inflated::kUnknownCoding) Refuse(415, "unknown content coding");
  return false;
}

// Only once everything before it was answered: it has a place in the order, too.
void HttpStream::AskToContinue() {
  if (continue_said_ || handed_out_ || over_ || !slots_.empty()) return;
  if (!parser_.head_done() || parser_.done() || !parser_.expects_continue()) return;
  continue_said_ = true;
  // A client that did not wait need not be told.
  if (request_.body.empty()) Send("HTTP/1.1 100 Continue\r\n\r\n");
}

void HttpStream::Answer(uint64_t number, HttpResponse response) {
  FASTPATH_CHECK(number >= first_slot_ && number - first_slot_ < slots_.size(), "no such request");
  Slot& slot = slots_[number - first_slot_];
  FASTPATH_CHECK(!slot.answered, "answered twice");
  slot.answered = true;
  slot.response = std::move(response);
  SendAnswered();
}

void HttpStream::SendAnswered() {
  while (!slots_.empty() && slots_.front().answered) {
    Render(slots_.front());
    slots_.pop_front();
    ++first_slot_;
  }
  AskToContinue();
}

void HttpStream::Refuse(int status, std::string_view why) {
  if (over_) return;
  refused_ = status;
  End();
  Slot slot;
  slot.close = true;
  slot.answered = true;
  slot.response = HttpError(status, why);
  slots_.push_back(std::move(slot));
  SendAnswered();
}

void HttpStream::Drain() {
  if (over_) return;
  End();
  if (!slots_.empty()) slots_.back().close = true;
}

void HttpStream::Render(Slot& slot) {
  HttpResponse& response = slot.response;
  const HttpLimits& limits = environment_->limits;
  const bool gzip = slot.gzip && response.body.size() >= limits.compressed_from_bytes;
  if (gzip) response.body = environment_->compression.Gzip(response.body);
  std::string head;
  head.reserve(512);
  absl::StrAppend(&head, "HTTP/1.1 ", response.status, " ", Absl(ReasonOf(response.status)),
                  "\r\nx-amzn-RequestId: ");
  AppendRequestId(*environment_->random, head);
  absl::StrAppend(&head, "\r\nx-amz-crc32: ", Crc32(response.body),
                  "\r\nContent-Type: ", response.content_type,
                  "\r\nContent-Length: ", response.body.size(), "\r\n");
  if (!environment_->date.empty()) absl::StrAppend(&head, "Date: ", environment_->date, "\r\n");
  if (gzip) head.append("Content-Encoding: gzip\r\n");
  if (slot.cross_origin) AppendCrossOrigin(head);
  for (const auto& [name, value] : response.headers) {
    absl::StrAppend(&head, name, ": ", value, "\r\n");
  }
  if (slot.close) {
    head.append("Connection: close\r\n");
  } else if (slot.keep_alive_said) {
    head.append("Connection: keep-alive\r\n");
  }
  head.append("\r\n");
  if (slot.head) response.body.clear();
  if (response.body.size() < kGatherBytes) {
    head.append(response.body);
    Send(std::move(head));
  } else {
    Send(std::move(head));
    Send(std::move(response.body));
  }
}

void HttpStream::Send(std::string bytes) {
  unsent_bytes_ += bytes.size();
  if (!out_.empty() && out_.back().size() + bytes.size() <= kGatherBytes) {
    out_.back().append(bytes);
  } else if (!bytes.empty()) {
    out_.push_back(std::move(bytes));
  }
}

void HttpStream::Unsent(std::vector<std::string_view>& pieces) const {
  pieces.assign(out_.begin(), out_.end());
  if (!pieces.empty()) pieces.front().remove_prefix(out_sent_);
}

void HttpStream::Sent(size_t bytes) {
  unsent_bytes_ -= bytes;
  out_sent_ += bytes;
  while (!out_.empty() && out_sent_ >= out_.front().size()) {
    out_sent_ -= out_.front().size();
    out_.pop_front();
  }
}

size_t HttpStream::answer_bytes() const {
  size_t bytes = unsent_bytes_;
  for (const Slot& slot : slots_) bytes += slot.response.body.size();
  return bytes;
}

size_t HttpStream::held_bytes() const {
  return in_.size() + request_.body.size() + request_.inflated.size() + answer_bytes();
}

}  // namespace fastpath::node::gateway
