// A small file that a person wrote: configuration, access keys.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace fastpath::node {

// All of it. NotFound: it cannot be read, as nothing that is there, or a folder.
absl::StatusOr<std::string> ReadTextFile(const std::string& path);

}  // namespace fastpath::node
