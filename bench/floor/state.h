// What the floor applies to: nothing, a hash table in memory, or RocksDB with its
// own log off, which gets one Get and one Put per operation and one batch per batch.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace fastpath::bench {

class FloorState {
 public:
  virtual ~FloorState() = default;
  virtual void Put(std::string_view key, std::string_view value) = 0;
  virtual void EndBatch() = 0;  // What was put is readable from here on.
  virtual bool Get(std::string_view key, std::string* value) = 0;
};

// `kind`: none, hash or rocks (in `folder`). Null if it is something else.
std::unique_ptr<FloorState> MakeFloorState(std::string_view kind, const std::string& folder);

}  // namespace fastpath::bench
