// The requests that simulated clients send, and what their answers hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "partition/api.pb.h"
#include "tests/sim/history.h"

namespace fastpath::sim {

inline constexpr char kTable[] = "things";
inline constexpr char kExpiringTable[] = "passing";

api::Request CreateTable(const std::string& name, bool expiring);

api::Request Put(const std::string& key, const std::string& value);
api::Request PutExpiring(const std::string& key, int64_t expires_s);
// `expect` null: the item must be absent. `value` null: deletes.
api::Request CompareAndSet(const std::string& key, const std::optional<std::string>& expect,
                           const std::optional<std::string>& value);
api::Request Increment(const std::string& key, int64_t delta);
api::Request Delete(const std::string& key);
api::Request Get(const std::string& table, const std::string& key, bool eventual);
// The same, asked as a strong query of the one item that the key can have.
api::Request QueryOne(const std::string& table, const std::string& key);

// What an encoded item says: its value, or its count as text.
std::string Content(const std::string& item);
Seen SeenBy(const api::GetResult& result);
Seen SeenBy(const api::PageResult& page);  // Without a version.

}  // namespace fastpath::sim
