#include "bench/floor/socket.h"

#include <cstring>

namespace fastpath::bench {

FloorSocket::FloorSocket(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {
  socket_.set_option(asio::ip::tcp::no_delay(true));
  socket_.non_blocking(true);
}

void FloorSocket::Start(Take take, std::function<void()> lost) {
  take_ = std::move(take);
  lost_ = std::move(lost);
  Read();
}

void FloorSocket::Read() {
  if (in_.size() < have_ + kReadBytes) in_.resize(have_ + kReadBytes);
  socket_.async_read_some(asio::buffer(in_.data() + have_, kReadBytes),
                          [this](asio::error_code error, size_t got) {
                            if (error) return lost_();
                            have_ += got;
                            const size_t taken = take_({in_.data(), have_});
                            have_ -= taken;
                            std::memmove(in_.data(), in_.data() + taken, have_);
                            Read();
                          });
}

void FloorSocket::Flush() {
  if (waiting_ || out_.empty()) return;
  asio::error_code error;
  out_.erase(0, socket_.write_some(asio::buffer(out_), error));
  // A lost connection is noticed by the reader.
  if (out_.empty() || (error && error != asio::error::would_block)) return;
  waiting_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_write, [this](asio::error_code failed) {
    if (failed) return;
    waiting_ = false;
    Flush();
  });
}

}  // namespace fastpath::bench
