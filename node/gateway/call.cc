#include "node/gateway/call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "node/gateway/values.h"
#include "partition/limits.h"

namespace fastpath::node::gateway {
namespace {

// With the item that failed its condition, if it was asked for.
Error ConditionFailed(const Answer& answer) {
  Error error = ServiceError("ConditionalCheckFailedException", answer.reply.message());
  if (!answer.reply.write().item().empty()) {
    model::JsonWriter json;
    WriteItem(json, answer.reply.write().item());
    error.members = absl::StrCat("\"Item\":", json.text());
  }
  return error;
}

}  // namespace

absl::StatusOr<const api::Table*> Call::Table(std::string_view name) {
  tables_.emplace(name);
  const api::Table* table = core.FindTable(name);
  if (table == nullptr || table->state() == api::CREATING || table->state() == api::DELETING) {
    return absl::NotFoundError("Requested resource not found");
  }
  return table;
}

void Call::Identify(api::Session& session, uint64_t place) const {
  if (sender.identity.empty()) return;
  session.set_client(sender.identity);
  session.set_sequence(place);
  session.set_not_after(kRememberFor_us);  // From now; the core makes log time of it.
}

void Call::Send(api::Request request, Target target, Respond respond) {
  core.Call(std::move(request), target, 0,
            [respond = std::move(respond), end = std::move(end_)](Answer answer) mutable {
              end(respond(std::move(answer)));
            });
}

absl::Status GrowingRequest::Add(const google::protobuf::MessageLite& item) {
  ++items_;
  bytes_ += item.ByteSizeLong();
  if (bytes_ <= limit_bytes_) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the request's first ", items_, " items are over ", limit_bytes_, " bytes"));
}

absl::Status Suspect(const absl::Status& status) {
  return absl::IsInvalidArgument(status) ? absl::FailedPreconditionError(status.message()) : status;
}

Error ErrorOf(const absl::Status& status) {
  const std::string message(status.message());
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
      return ValidationError(message);
    case absl::StatusCode::kOutOfRange:
      return SerializationError(message);
    case absl::StatusCode::kNotFound:
      return ServiceError("ResourceNotFoundException", message);
    default:
      return InternalError(message);
  }
}

Error ErrorOf(const Answer& answer) {
  const std::string& message = answer.reply.message();
  switch (answer.reply.code()) {
    case api::INVALID:
    case api::TOO_LARGE:
    case api::UNIMPLEMENTED:
      return ValidationError(message);
    case api::CONDITION_FAILED:
      return ConditionFailed(answer);
    case api::TABLE_NOT_FOUND:
      return ServiceError("ResourceNotFoundException", "Requested resource not found");
    case api::TABLE_EXISTS:
    case api::TABLE_BUSY:
      return ServiceError("ResourceInUseException", message);
    case api::OVERLOADED:
    case api::SESSION_LIMIT:
      return ServiceError("ThrottlingException", message);
    case api::CONFLICT:
      return ServiceError("TransactionConflictException", "Transaction is ongoing for the item");
    case api::TOKEN_MISMATCH:
      return ServiceError("IdempotentParameterMismatchException", message);
    case api::IN_PROGRESS:
      return ServiceError("TransactionInProgressException", message);
    default: {
      Error error = InternalError(message);
      const bool no_effect = answer.outcome == Outcome::kRefused;
      if (no_effect) error.status = 503;
      return error;
    }
  }
}

HttpResponse Json(std::string body) { return {.body = std::move(body)}; }

}  // namespace fastpath::node::gateway
