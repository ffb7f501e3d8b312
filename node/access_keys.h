// Who may use DynamoDB's API: access key ids and their secrets. A file of them has a line
// "ID SECRET" for each, empty lines and lines that begin with # besides. No message
// tells a secret.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace fastpath::node {

using AccessKeys = std::map<std::string, std::string>;

// InvalidArgument: it is malformed or there already.
absl::Status AddAccessKey(const std::string& id, const std::string& secret, AccessKeys& keys);

// `file` names the text in errors.
absl::Status ParseAccessKeys(std::string_view text, const std::string& file, AccessKeys& keys);

// The same of a file, which only its owner may read.
absl::Status ReadAccessKeys(const std::string& file, AccessKeys& keys);

}  // namespace fastpath::node
