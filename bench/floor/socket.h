// A TCP connection on asio: hands over all bytes that have come, and writes what
// has gathered at once, without waiting for the loop. One thread.
#pragma once

#ifndef ASIO_STANDALONE
#define ASIO_STANDALONE 1
#endif
// As node/ and client/ say: asio 1.22 otherwise mismatches its allocation.
#ifndef ASIO_DISABLE_STD_ALIGNED_ALLOC
#define ASIO_DISABLE_STD_ALIGNED_ALLOC 1
#endif
#include <asio.hpp>
#include <functional>
#include <string>
#include <string_view>

namespace fastpath::bench {

class FloorSocket {
 public:
  // Bytes not yet taken; returns how many it took.
  using Take = std::function<size_t(std::string_view bytes)>;

  explicit FloorSocket(asio::ip::tcp::socket socket);
  // `lost` runs once, when the connection ended; the socket may be destroyed after it.
  void Start(Take take, std::function<void()> lost);
  std::string& out() { return out_; }  // Append here, then Flush.
  void Flush();

 private:
  static constexpr size_t kReadBytes = 256 << 10;
  void Read();

  asio::ip::tcp::socket socket_;
  Take take_;
  std::function<void()> lost_;
  std::string in_, out_;
  size_t have_ = 0;       // Of in_, which only grows.
  bool waiting_ = false;  // For room to write.
};

}  // namespace fastpath::bench
