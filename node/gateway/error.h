// What the gateway answers instead of a result, in DynamoDB's terms: HTTP status,
// exception and message, as its API reference lists them. Value type.
#pragma once

#include <string>
#include <string_view>

#include "node/gateway/http.h"

namespace fastpath::node::gateway {

struct Error {
  int status = 400;
  std::string type;     // With its name space: "com.amazon.coral.validate#ValidationException".
  std::string message;  // Empty: the answer has none.
  std::string members;  // More members of the answer, as JSON: "\"Item\":{...}"; or empty.
};

// Those of the service's frame, whatever the operation.
Error SerializationError(std::string_view message);
Error ValidationError(std::string_view message);
Error UnknownOperation();
Error MissingAuthenticationToken();
Error IncompleteSignature(std::string_view message);
Error InvalidSignature(std::string_view message);
Error UnrecognizedClient();
Error InternalError(std::string_view message);  // 500: an SDK tries again.
// DynamoDB's own exceptions, by name without name space: "ResourceNotFoundException".
Error ServiceError(std::string_view name, std::string_view message);

HttpResponse Render(const Error& error);

}  // namespace fastpath::node::gateway
