// One epoll loop for many connections, the way a single-threaded client of a store
// without multiplexing would be written. One thread.
#pragma once

#include <cstdint>

#include "bench/target.h"

namespace fastpath::bench {

class Epoll {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void Ready(uint32_t events) = 0;  // EPOLLIN, EPOLLOUT, ... of sys/epoll.h
  };

  Epoll();
  ~Epoll();
  Epoll(const Epoll&) = delete;
  Epoll& operator=(const Epoll&) = delete;

  // `handler` outlives the loop, or the descriptor's being open.
  void Add(int fd, uint32_t events, Handler* handler);
  void Change(int fd, uint32_t events, Handler* handler);
  // Waits for events, at most until then, and handles what there is.
  void Poll(Clock::time_point until);

 private:
  const int epoll_;
};

}  // namespace fastpath::bench
