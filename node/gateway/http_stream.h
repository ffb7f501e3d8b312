// The HTTP/1.1 of one connection as a pure machine: bytes in, requests out; answers in,
// bytes out in the requests' order. No socket, clock or thread: the server
// (node/io/gateway_server.h) moves the bytes and minds the time.
//
//   Feed(bytes) -> Next() until it has none -> Answer(number, ...) -> Unsent() -> Sent(n)
//
// A request that cannot be read is answered with its HTTP status; then the connection is
// over. Ownership: the environment outlives the streams. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/internal/ports.h"
#include "node/gateway/compression.h"
#include "node/gateway/http.h"
#include "node/gateway/http_parser.h"

namespace fastpath::node::gateway {

// What all streams of a thread share.
struct HttpEnvironment {
  HttpLimits limits;
  client::internal::Random* random = nullptr;  // Of request ids.
  std::string date;                            // As a Date header says it; empty: none is sent.
  Compression compression = {};
  bool cross_origin = true;  // Browsers may show answers to pages from elsewhere.
};

class HttpStream {
 public:
  explicit HttpStream(HttpEnvironment* environment);

  void Feed(std::string_view bytes);

  struct Incoming {
    uint64_t number;
    const HttpRequest* request;  // Until the next call of Feed or Next.
  };
  // The next whole request. Nothing: more bytes are needed, or too many requests
  // wait for their answers, or the connection is over.
  std::optional<Incoming> Next();
  // Once for each number, in any order.
  void Answer(uint64_t number, HttpResponse response);

  // The connection takes no more requests: ends with this answer behind those that are
  // under way.
  void Refuse(int status, std::string_view why);
  // As Refuse, without an answer of its own: the last one under way says so.
  void Drain();

  // Pieces to be sent, in order. Valid until anything else is called.
  void Unsent(std::vector<std::string_view>& pieces) const;
  void Sent(size_t bytes);

  bool wants_input() const { return !over_ && slots_.size() < environment_->limits.pipelined; }
  bool answering() const { return !slots_.empty(); }
  // A request has begun and is not whole; `begun` counts them.
  bool partial() const { return !over_ && (!in_.empty() || (!handed_out_ && parser_.begun())); }
  uint64_t begun() const { return begun_; }
  // Nothing more is read or sent: to be closed.
  bool finished() const { return over_ && slots_.empty() && unsent_bytes_ == 0; }
  size_t unsent_bytes() const { return unsent_bytes_; }
  size_t answer_bytes() const;  // Of answers: those unsent, and those behind one under way.
  size_t held_bytes() const;    // And of requests.
  int refused() const { return refused_; }  // The status it ended with, or 0.

 private:
  // A request on its way to its answer.
  struct Slot {
    bool answered = false;
    bool head = false;             // HEAD: no body.
    bool close = false;            // The last of the connection.
    bool keep_alive_said = false;  // HTTP/1.0 must be told.
    bool gzip = false;
    bool cross_origin = false;
    HttpResponse response;
  };

  size_t Take(std::string_view bytes);
  Slot Open() const;
  bool Inflate();
  void AskToContinue();
  void SendAnswered();
  void Render(Slot& slot);
  void Send(std::string bytes);
  void End() {
    over_ = true;
    in_.clear();
  }

  HttpEnvironment* const environment_;
  HttpParser parser_;
  HttpRequest request_;
  std::string in_;          // Not yet taken by the parser.
  bool handed_out_ = true;  // The parser's request: the next begins.
  bool over_ = false;
  bool continue_said_ = false;
  int refused_ = 0;
  uint64_t begun_ = 0;

  std::deque<Slot> slots_;
  uint64_t first_slot_ = 0;  // Number of the first.
  std::deque<std::string> out_;
  size_t out_sent_ = 0;  // Of out_'s first.
  size_t unsent_bytes_ = 0;
};

}  // namespace fastpath::node::gateway
