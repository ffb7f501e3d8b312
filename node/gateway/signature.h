// Who sent a request, proved by AWS Signature Version 4: in the Authorization header
// or, presigned, in the query. Follows "AWS Signature Version 4 for API requests" (IAM User
// Guide, "Create a signed AWS API request").
//
// Every request is verified whole: canonical request, body hash, signed headers
// (host and every x-amz-* header sent must be among them), credential scope, clock. Signing
// keys are cached by access key, day, region and service. Secrets appear in no
// message. Not thread-safe; no clock, `now` is an argument.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "node/gateway/error.h"
#include "node/gateway/http.h"

namespace fastpath::node::gateway {

// Access key ids to secret access keys.
using AccessKeys = std::map<std::string, std::string>;

struct Caller {
  std::string access_key;
  std::string region;  // Of the credential scope.
};

class SignatureVerifier {
 public:
  // `keys` nothing: requests need no signature; what a request claims is believed,
  // and one that claims nothing is served too. `service`: of the credential scope.
  explicit SignatureVerifier(std::optional<AccessKeys> keys, std::string service = "dynamodb");
  ~SignatureVerifier();

  // `now`: wall clock, microseconds since the Unix epoch.
  std::variant<Caller, Error> Verify(const HttpRequest& request, int64_t now);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fastpath::node::gateway
