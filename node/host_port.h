// Addresses as people write them. Pure; thread-safe: no state.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fastpath::node {

struct HostPort {
  std::string host;  // Of "[v6]:port" without the brackets.
  std::string port;
};

// "host:port", "[v6]:port"; nullopt if it is neither.
std::optional<HostPort> SplitHostPort(std::string_view address);

}  // namespace fastpath::node
