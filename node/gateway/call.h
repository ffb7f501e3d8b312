// One call of an operation on its way: what a handler is given, and how it answers.
//
// A handler reads the parameters, builds requests of the native protocol and sends them by the
// core; it does not wait. It returns OK when it took the call's end upon itself (Send, TakeEnd),
// otherwise what is wrong, by code:
//   InvalidArgument     ValidationException
//   OutOfRange          SerializationException
//   NotFound            ResourceNotFoundException. If that is about a table's name, the call
//                       is begun again once what tables there are was learnt anew.
//   FailedPrecondition  ValidationException, likewise begun again first: the schema known
//                       here may be of the past
// or, where it left one in `refusal`, that.
// Threads: the gateway's.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/internal/core.h"
#include "node/gateway/error.h"
#include "node/gateway/http.h"
#include "node/gateway/shape.h"
#include "node/gateway/signature.h"
#include "partition/api.pb.h"

namespace fastpath::node::gateway {

using client::Outcome;
using client::internal::Answer;
using client::internal::Core;
using client::internal::Micros;
using client::internal::Target;

// Who calls, from where, which time.
struct Sender {
  Caller caller;
  std::string host;      // As the caller knows this gateway.
  std::string identity;  // 16 bytes that all tries of this call by an SDK share, or empty.
};

class Call {
 public:
  using End = absl::AnyInvocable<void(HttpResponse)>;

  Call(Core& core, const dom::object& parameters, const Sender& sender, End end)
      : core(core), parameters(parameters), sender(sender), end_(std::move(end)) {}

  Core& core;
  const dom::object parameters;  // Of the shape that the operation has.
  const Sender& sender;
  std::optional<Error> refusal;

  std::string_view Text(std::string_view name) const { return TextOf(parameters, name); }
  // A table as known here. NotFound: it is not.
  absl::StatusOr<const api::Table*> Table(std::string_view name);
  // Makes a write one with the same write of the SDK's other tries. `place`: from 1, among
  // those of this call.
  void Identify(api::Session& session, uint64_t place = 1) const;

  // One request; its answer makes the response.
  using Respond = absl::AnyInvocable<HttpResponse(Answer)>;
  void Send(api::Request request, Target target, Respond respond);
  // For who answers otherwise: to be called once.
  End TakeEnd() { return std::move(end_); }
  // The tables that were asked for.
  const std::set<std::string>& tables() const { return tables_; }

 private:
  End end_;
  std::set<std::string> tables_;
};

// How long a write is remembered for an SDK's next try of it, from its arrival.
inline constexpr Micros kRememberFor_us = 70'000'000;

// What a call of many items is to send, as it is built: a name or a value that stands once in the
// body may go into each item, so the body's size bounds nothing.
class GrowingRequest {
 public:
  explicit GrowingRequest(size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // InvalidArgument: with this item it is over its limit.
  absl::Status Add(const google::protobuf::MessageLite& item);

 private:
  const size_t limit_bytes_;
  size_t bytes_ = 0;
  int items_ = 0;
};

using Handler = absl::Status (*)(Call&);

struct Operation {
  std::string_view name;
  const Shape& (*shape)();
  Handler handler;
};
// By its name in X-Amz-Target; null: there is none, or it is not built.
const Operation* FindOperation(std::string_view name);

// An error that rests on a table's schema, which may be of the past.
absl::Status Suspect(const absl::Status& status);

// What a handler's status means.
Error ErrorOf(const absl::Status& status);
// What an answer that is not ok means.
Error ErrorOf(const Answer& answer);

HttpResponse Json(std::string body);

}  // namespace fastpath::node::gateway
