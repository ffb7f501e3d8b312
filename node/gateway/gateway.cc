#include "node/gateway/gateway.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <utility>

#include "client/internal/tables.h"
#include "node/gateway/call.h"
#include "partition/model/key.h"

namespace fastpath::node::gateway {
namespace {

constexpr std::string_view kTargetPrefix = "DynamoDB_20120810.";
constexpr std::chrono::seconds kDeadline{10};  // SDKs wait longer, and try again.

client::Options CoreOptions(const GatewayOptions& options) {
  client::Options core;
  core.endpoints = options.endpoints;
  core.deadline = kDeadline;
  core.max_in_flight = options.requests;
  core.max_waiting = options.requests;
  return core;
}

// 16 bytes that the tries of one call by an SDK share, and nothing else does; empty if the
// caller does not say which call it is.
std::string IdentityOf(const HttpRequest& request, const Caller& caller) {
  const std::string* invocation = FindHeader(request.headers, "amz-sdk-invocation-id");
  if (invocation == nullptr || invocation->empty()) return "";
  std::string identity;
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    uint64_t hash = model::XxHash64(caller.access_key, seed);
    hash = model::XxHash64(*invocation, hash);
    hash = model::XxHash64(request.body, hash);
    for (int byte = 0; byte < 8; ++byte) identity.push_back(static_cast<char>(hash >> (8 * byte)));
  }
  return identity;
}

const Operation* OperationOf(const HttpRequest& request) {
  const std::string* target = FindHeader(request.headers, "x-amz-target");
  if (target == nullptr || target->rfind(kTargetPrefix, 0) != 0) return nullptr;
  return FindOperation(std::string_view(*target).substr(kTargetPrefix.size()));
}

}  // namespace

std::string OperationName(const HttpRequest& request) {
  const Operation* operation = OperationOf(request);
  return operation == nullptr ? "unknown" : std::string(operation->name);
}

// A call that has begun, as far as it may have to begin again.
struct Begun {
  std::string content;
  const Operation* operation = nullptr;
  Sender sender;
};

struct Gateway::Impl {
  Impl(GatewayOptions options, client::internal::Ports ports)
      : clock(ports.clock), verifier(std::move(options.keys)), core(CoreOptions(options), ports) {}

  void Serve(const HttpRequest& request, Done done);
  void Run(Begun begun, dom::element parameters, bool again, Done done);
  void BeginAgain(Begun begun, std::set<std::string> tables, Done done);

  client::internal::Clock* clock;
  SignatureVerifier verifier;
  Core core;
  dom::parser parser;
  std::shared_ptr<char> alive = std::make_shared<char>();
};

void Gateway::Impl::Serve(const HttpRequest& request, Done done) {
  if (request.method != "POST") {
    Error unknown = UnknownOperation();
    unknown.status = 404;
    return done(Render(unknown));
  }
  dom::element parameters;
  const std::string_view content = request.content();
  if (parser.parse(content.data(), content.size(), true).get(parameters) != simdjson::SUCCESS ||
      !parameters.is_object()) {
    return done(Render(SerializationError("The request's body is not a JSON object")));
  }
  Begun begun;
  begun.operation = OperationOf(request);
  if (begun.operation == nullptr) return done(Render(UnknownOperation()));
  auto verified = verifier.Verify(request, clock->Wall());
  if (const Error* error = std::get_if<Error>(&verified)) return done(Render(*error));
  begun.sender.caller = std::get<Caller>(std::move(verified));
  if (auto error = Check(parameters, begun.operation->shape())) return done(Render(*error));
  begun.sender.identity = IdentityOf(request, begun.sender.caller);
  if (const std::string* host = FindHeader(request.headers, "host")) begun.sender.host = *host;
  begun.content = content;
  Run(std::move(begun), parameters, false, std::move(done));
}

void Gateway::Impl::Run(Begun begun, dom::element parameters, bool again, Done done) {
  Call call(core, ObjectOf(parameters), begun.sender, std::move(done));
  const absl::Status status = begun.operation->handler(call);
  if (status.ok()) return;
  const bool of_the_past = absl::IsNotFound(status) || absl::IsFailedPrecondition(status);
  if (of_the_past && !again) {
    return BeginAgain(std::move(begun), call.tables(), call.TakeEnd());
  }
  call.TakeEnd()(Render(call.refusal.value_or(ErrorOf(status))));
}

// Once these tables were learnt from meta.
void Gateway::Impl::BeginAgain(Begun begun, std::set<std::string> tables, Done done) {
  auto shared = std::make_shared<std::pair<Begun, Done>>(std::move(begun), std::move(done));
  client::internal::LearnTables(
      core, std::move(tables), 0,
      [this, shared, alive = std::weak_ptr<char>(alive)](std::optional<Answer> refusal) {
        if (alive.expired()) return;
        auto& [begun, done] = *shared;
        if (refusal) return done(Render(ErrorOf(*refusal)));
        const std::string content = begun.content;
        dom::element parameters;
        if (parser.parse(content).get(parameters) != simdjson::SUCCESS) {
          return done(Render(InternalError("the request does not parse again")));
        }
        Run(std::move(begun), parameters, true, std::move(done));
      });
}

Gateway::Gateway(GatewayOptions options, client::internal::Ports ports)
    : impl_(std::make_unique<Impl>(std::move(options), ports)) {}

Gateway::~Gateway() = default;

void Gateway::Serve(const HttpRequest& request, Done done) {
  impl_->Serve(request, std::move(done));
}

void Gateway::Stop() { impl_->core.Stop(); }

}  // namespace fastpath::node::gateway
