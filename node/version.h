// This build's version, as --version and status say it.
#pragma once

namespace fastpath::node {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace fastpath::node
