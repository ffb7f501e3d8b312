// The floor's log: bytes appended to a preallocated file that is used in a circle.
// Never read back: the floor measures, it does not recover.
#pragma once

#include <string>
#include <string_view>

namespace fastpath::bench {

class FloorLog {
 public:
  explicit FloorLog(const std::string& path);  // Ends the process on any error.
  ~FloorLog();
  FloorLog(const FloorLog&) = delete;
  FloorLog& operator=(const FloorLog&) = delete;

  void AppendAndSync(std::string_view bytes);  // Blocking; one fdatasync.

 private:
  const int file_;
  size_t at_ = 0;
};

}  // namespace fastpath::bench
