#include "bench/peers/epoll.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "bench/program.h"

namespace fastpath::bench {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

void Control(int epoll, int operation, int fd, uint32_t events, Epoll::Handler* handler) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = handler;
  if (epoll_ctl(epoll, operation, fd, &event) != 0) Die("epoll_ctl failed");
}

}  // namespace

Epoll::Epoll() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) Die("epoll_create1 failed");
}

Epoll::~Epoll() { close(epoll_); }

void Epoll::Add(int fd, uint32_t events, Handler* handler) {
  Control(epoll_, EPOLL_CTL_ADD, fd, events, handler);
}

void Epoll::Change(int fd, uint32_t events, Handler* handler) {
  Control(epoll_, EPOLL_CTL_MOD, fd, events, handler);
}

void Epoll::Poll(Clock::time_point until) {
  const int64_t left = std::max<int64_t>(0, (until - Clock::now()) / std::chrono::nanoseconds(1));
  const timespec wait{left / kSecond, left % kSecond};
  std::array<epoll_event, 256> events;
  const int count =
      epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &wait, nullptr);
  if (count < 0 && errno != EINTR) Die("epoll_wait failed");
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    static_cast<Handler*>(event.data.ptr)->Ready(event.events);
  }
}

}  // namespace fastpath::bench
