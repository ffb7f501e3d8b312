#include "node/gateway/error.h"

#include "absl/strings/str_cat.h"
#include "partition/model/json.h"

namespace fastpath::node::gateway {
namespace {

constexpr char kCoral[] = "com.amazon.coral.service#";
constexpr char kValidate[] = "com.amazon.coral.validate#";
constexpr char kService[] = "com.amazonaws.dynamodb.v20120810#";

Error Make(const char* space, std::string_view name, std::string_view message, int status = 400) {
  return {status, std::string(space).append(name), std::string(message), ""};
}

}  // namespace

Error SerializationError(std::string_view message) {
  return Make(kCoral, "SerializationException", message);
}
Error ValidationError(std::string_view message) {
  return Make(kValidate, "ValidationException", message);
}
Error UnknownOperation() { return Make(kCoral, "UnknownOperationException", ""); }
Error MissingAuthenticationToken() {
  return Make(kCoral, "MissingAuthenticationTokenException",
              "Request must contain either a valid (registered) AWS access key ID or X.509 "
              "certificate.");
}
Error IncompleteSignature(std::string_view message) {
  return Make(kCoral, "IncompleteSignatureException", message);
}
Error InvalidSignature(std::string_view message) {
  return Make(kCoral, "InvalidSignatureException", message);
}
Error UnrecognizedClient() {
  return Make(kCoral, "UnrecognizedClientException",
              "The security token included in the request is invalid.");
}
Error InternalError(std::string_view message) {
  return Make(kService, "InternalServerError", message, 500);
}
Error ServiceError(std::string_view name, std::string_view message) {
  return Make(kService, name, message);
}

HttpResponse Render(const Error& error) {
  model::JsonWriter json;
  json.BeginObject().Name("__type").String(error.type);
  // The one exception whose message its model spells with a capital letter.
  const bool capital = error.type.ends_with("#TransactionCanceledException");
  if (!error.message.empty()) json.Name(capital ? "Message" : "message").String(error.message);
  json.EndObject();
  std::string body = json.Take();
  if (!error.members.empty()) {
    body.pop_back();
    body.append(",").append(error.members).append("}");
  }
  return {.status = error.status,
          .body = std::move(body),
          .exception = error.type.substr(error.type.find('#') + 1)};
}

}  // namespace fastpath::node::gateway
