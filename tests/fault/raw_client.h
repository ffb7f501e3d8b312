// A connection to a node without the client library: for what the library would
// not do (bad bytes) and for asking one particular node. Blocking; one thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "partition/api.pb.h"

namespace fastpath::fault {

class RawConnection {
 public:
  RawConnection() = default;
  ~RawConnection();
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  bool Connect(int port);  // On loopback.
  // False if the other side has gone; a slow reader is waited for.
  bool Send(std::string_view bytes);
  void FinishSending();
  // What comes until the other side ends the connection or `limit` passes.
  struct Answer {
    std::string bytes;
    bool ended = false;
  };
  Answer ReadToEnd(std::chrono::milliseconds limit);
  // One reply frame; nullopt if none came within `limit`.
  std::optional<api::Reply> ReadReply(std::chrono::milliseconds limit);

 private:
  bool Fill(std::chrono::steady_clock::time_point deadline);  // False: ended or too late.
  int socket_ = -1;
  bool ended_ = false;
  std::string received_;
};

std::string FrameOf(const google::protobuf::MessageLite& message);

// Preface, one request, one reply, on a connection of its own.
std::optional<api::Reply> Ask(int port, const api::Request& request,
                              std::chrono::milliseconds limit = std::chrono::seconds(5));

}  // namespace fastpath::fault
