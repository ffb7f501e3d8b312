#include "client/client.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/internal/answers.h"
#include "client/internal/batch.h"
#include "client/internal/loop.h"
#include "client/internal/scan.h"
#include "client/internal/tables.h"
#include "client/internal/transact.h"
#include "partition/model/codec.h"
#include "partition/model/key.h"

namespace fastpath::client {

using internal::Answer;
using internal::Core;
using internal::Target;

namespace internal {

void CheckMayBlock() {
  if (!OnLoopThread()) return;
  std::fputs("fastpath client: waiting on the client's own thread would never end\n", stderr);
  std::abort();
}

}  // namespace internal

class Client::Impl {
 public:
  explicit Impl(Options options) : loop_(internal::StartLoop(std::move(options))) {}
  void Stop() { loop_->Stop(); }

  // `begin(core, done)` starts the operation; `typed(answer)` reads its answer.
  template <class T, class Begin, class Typed>
  static Operation<T> Make(std::shared_ptr<Impl> impl, Begin begin, Typed typed) {
    return Operation<T>([impl = std::move(impl), begin = std::move(begin),
                         typed = std::move(typed)](auto callback) mutable {
      impl->loop_->Submit([begin = std::move(begin), typed = std::move(typed),
                           callback = std::move(callback)](Core* core) mutable {
        if (core == nullptr) {
          callback(Closed());
          return;
        }
        begin(*core, [typed = std::move(typed), callback = std::move(callback)](
                         auto answer) mutable { callback(typed(std::move(answer))); });
      });
    });
  }

  // One request to one target.
  template <class T, class Typed>
  static Operation<T> Ask(std::shared_ptr<Impl> impl, api::Request request, Target target,
                          Milliseconds deadline, Typed typed) {
    return Make<T>(
        std::move(impl),
        [request = std::move(request), target, deadline](Core& core, Core::Done done) mutable {
          core.Call(std::move(request), target, ToMicros(deadline), std::move(done));
        },
        std::move(typed));
  }

  // What the program wrote is no request.
  template <class T>
  static Operation<T> Invalid(std::shared_ptr<Impl> impl, const absl::Status& status) {
    return Operation<T>(
        [impl = std::move(impl), message = std::string(status.message())](auto callback) mutable {
          impl->loop_->Submit([message = std::move(message),
                               callback = std::move(callback)](Core*) mutable {
            callback(Failure{Outcome::kRefused, api::INVALID, std::move(message), std::nullopt});
          });
        });
  }

  static internal::Micros ToMicros(Milliseconds duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  }

 private:
  static Failure Closed() {
    return Failure{Outcome::kRefused, api::SHUTTING_DOWN, "the client is closed", std::nullopt};
  }

  std::unique_ptr<internal::Loop> loop_;
};

namespace {

absl::Status ValidateEndpoint(const std::string& endpoint) {
  size_t colon = endpoint.rfind(':');
  uint32_t port = 0;
  bool good = colon != std::string::npos && colon > 0 &&
              absl::SimpleAtoi(endpoint.substr(colon + 1), &port) && port > 0 && port < 65536;
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("endpoint \"", endpoint, "\" is not \"host:port\""));
}

absl::Status Validate(const Options& options) {
  if (options.endpoints.empty()) return absl::InvalidArgumentError("there is no endpoint");
  for (const std::string& endpoint : options.endpoints) {
    if (absl::Status status = ValidateEndpoint(endpoint); !status.ok()) return status;
  }
  if (options.deadline <= Milliseconds(0) || options.deadline > kDeadlineLimit) {
    return absl::InvalidArgumentError("the deadline is 1 ms to 9 minutes");
  }
  if (options.try_timeout <= Milliseconds(0)) {
    return absl::InvalidArgumentError("the timeout of a try is at least 1 ms");
  }
  if (options.max_in_flight == 0) {
    return absl::InvalidArgumentError("at least one operation must be allowed in flight");
  }
  return absl::OkStatus();
}

template <class Op>
void SetCondition(const Condition& condition, Op& op) {
  if (condition.present()) *op.mutable_condition() = condition.proto();
}

}  // namespace

absl::StatusOr<Client> Client::Connect(Options options) {
  if (absl::Status status = Validate(options); !status.ok()) return status;
  return Client(std::make_shared<Impl>(std::move(options)));
}

Client::Client(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;

Client& Client::operator=(Client&& other) noexcept {
  if (impl_ && impl_ != other.impl_) impl_->Stop();
  impl_ = std::move(other.impl_);
  return *this;
}

Client::~Client() {
  if (impl_) impl_->Stop();
}

// ---------------------------------------------------------------------- items

Operation<WriteAnswer> Client::Put(std::string table, const Item& item, PutOptions options) {
  if (!options.condition.status().ok()) {
    return Impl::Invalid<WriteAnswer>(impl_, options.condition.status());
  }
  api::Request request;
  request.mutable_write()->set_table(std::move(table));
  request.mutable_write()->set_return_capacity(options.return_capacity);
  api::Put& put = *request.mutable_write()->mutable_put();
  *put.mutable_item() = model::EncodeItem(item);
  SetCondition(options.condition, put);
  if (options.return_old) put.set_return_values(api::ALL_OLD);
  put.set_return_item_on_failure(options.return_item_on_failure);
  return Impl::Ask<WriteAnswer>(impl_, std::move(request), Target::Key(), options.deadline,
                                internal::WriteAnswerOf);
}

Operation<GetAnswer> Client::Get(const Key& key, GetOptions options) {
  api::Request request;
  api::GetRequest& get = *request.mutable_get();
  get.set_table(key.table);
  *get.mutable_key() = key.ToProto();
  get.set_eventual(options.eventual);
  get.set_return_capacity(options.return_capacity);
  for (const Path& path : options.projection) {
    if (!path.status().ok()) return Impl::Invalid<GetAnswer>(impl_, path.status());
    *get.add_projection() = path.proto();
  }
  return Impl::Ask<GetAnswer>(impl_, std::move(request), Target::Key(), options.deadline,
                              internal::GetAnswerOf);
}

Operation<WriteAnswer> Client::Update(const Key& key, const client::Update& update,
                                      UpdateOptions options) {
  for (const absl::Status& status : {update.status(), options.condition.status()}) {
    if (!status.ok()) return Impl::Invalid<WriteAnswer>(impl_, status);
  }
  api::Request request;
  request.mutable_write()->set_table(key.table);
  request.mutable_write()->set_return_capacity(options.return_capacity);
  api::Update& op = *request.mutable_write()->mutable_update();
  *op.mutable_key() = key.ToProto();
  *op.mutable_update() = update.proto();
  SetCondition(options.condition, op);
  op.set_return_values(options.return_values);
  op.set_return_item_on_failure(options.return_item_on_failure);
  return Impl::Ask<WriteAnswer>(impl_, std::move(request), Target::Key(), options.deadline,
                                internal::WriteAnswerOf);
}

Operation<WriteAnswer> Client::Delete(const Key& key, DeleteOptions options) {
  if (!options.condition.status().ok()) {
    return Impl::Invalid<WriteAnswer>(impl_, options.condition.status());
  }
  api::Request request;
  request.mutable_write()->set_table(key.table);
  request.mutable_write()->set_return_capacity(options.return_capacity);
  api::Delete& op = *request.mutable_write()->mutable_delete_();
  *op.mutable_key() = key.ToProto();
  SetCondition(options.condition, op);
  if (options.return_old) op.set_return_values(api::ALL_OLD);
  op.set_return_item_on_failure(options.return_item_on_failure);
  return Impl::Ask<WriteAnswer>(impl_, std::move(request), Target::Key(), options.deadline,
                                internal::WriteAnswerOf);
}

Operation<BatchGetAnswer> Client::BatchGet(const std::vector<Key>& keys, GetOptions options) {
  std::vector<api::Request> requests;
  for (const Key& key : keys) {
    api::GetRequest& get = *requests.emplace_back().mutable_get();
    get.set_table(key.table);
    *get.mutable_key() = key.ToProto();
    get.set_eventual(options.eventual);
    get.set_return_capacity(options.return_capacity);
    for (const Path& path : options.projection) {
      if (!path.status().ok()) return Impl::Invalid<BatchGetAnswer>(impl_, path.status());
      *get.add_projection() = path.proto();
    }
  }
  return Impl::Make<BatchGetAnswer>(
      impl_,
      [requests = std::move(requests), options](Core& core, internal::BatchDone done) mutable {
        internal::RunBatch(core, std::move(requests), Impl::ToMicros(options.deadline),
                           std::move(done));
      },
      internal::BatchGetAnswerOf);
}

Operation<BatchWriteAnswer> Client::BatchWrite(const WriteBatch& batch, BatchWriteOptions options) {
  std::vector<api::Request> requests;
  for (const WriteBatch::Write& write : batch.writes()) {
    api::WriteRequest& request = *requests.emplace_back().mutable_write();
    request.set_return_capacity(options.return_capacity);
    if (const auto* put = std::get_if<WriteBatch::PutItem>(&write)) {
      request.set_table(put->table);
      request.mutable_put()->set_item(model::EncodeItem(put->item));
    } else {
      request.set_table(std::get<Key>(write).table);
      *request.mutable_delete_()->mutable_key() = std::get<Key>(write).ToProto();
    }
  }
  return Impl::Make<BatchWriteAnswer>(
      impl_,
      [requests = std::move(requests), options](Core& core, internal::BatchDone done) mutable {
        internal::RunBatch(core, std::move(requests), Impl::ToMicros(options.deadline),
                           std::move(done));
      },
      internal::BatchWriteAnswerOf);
}

Operation<TransactWriteAnswer> Client::TransactWrite(client::TransactWrite transaction,
                                                     TransactOptions options) {
  if (!transaction.status().ok()) {
    return Impl::Invalid<TransactWriteAnswer>(impl_, transaction.status());
  }
  api::TransactWriteRequest request = transaction.proto();
  request.set_return_capacity(options.return_capacity);
  return Impl::Make<TransactWriteAnswer>(
      impl_,
      [request = std::move(request), options](Core& core, Core::Done done) mutable {
        internal::RunTransactWrite(core, std::move(request), options.retry_conflicts,
                                   Impl::ToMicros(options.deadline), std::move(done));
      },
      internal::TransactWriteAnswerOf);
}

Operation<TransactGetAnswer> Client::TransactGet(client::TransactGet transaction,
                                                 TransactOptions options) {
  if (!transaction.status().ok()) {
    return Impl::Invalid<TransactGetAnswer>(impl_, transaction.status());
  }
  api::TransactGetRequest request = transaction.proto();
  request.set_return_capacity(options.return_capacity);
  const int asked = request.items_size();
  return Impl::Make<TransactGetAnswer>(
      impl_,
      [request = std::move(request), options](Core& core, Core::Done done) mutable {
        internal::RunTransactGet(core, std::move(request), Impl::ToMicros(options.deadline),
                                 std::move(done));
      },
      [asked](Answer answer) { return internal::TransactGetAnswerOf(std::move(answer), asked); });
}

Operation<model::Number> Client::Increment(const Key& key, const Path& attribute, Literal delta,
                                           CallOptions options) {
  if (!attribute.status().ok()) return Impl::Invalid<model::Number>(impl_, attribute.status());
  if (!delta.value().is(model::Type::kNumber)) {
    return Impl::Invalid<model::Number>(impl_,
                                        absl::InvalidArgumentError("an increment is a number"));
  }
  api::Request request;
  request.mutable_write()->set_table(key.table);
  api::Update& op = *request.mutable_write()->mutable_update();
  *op.mutable_key() = key.ToProto();
  *op.mutable_update() = client::Update().Add(attribute, delta).proto();
  op.set_return_values(api::UPDATED_NEW);
  return Impl::Ask<model::Number>(impl_, std::move(request), Target::Key(), options.deadline,
                                  [path = attribute.proto()](Answer answer) {
                                    return internal::NumberAt(std::move(answer), path);
                                  });
}

// ----------------------------------------------------------------- many items

namespace {

// What queries and scans have in common. Not OK: what the program wrote is no request.
template <class Options, class Request>
absl::Status Fill(std::string table, const Options& options, Request& request) {
  request.set_table(std::move(table));
  request.set_limit(options.limit);
  request.set_count_only(options.count_only);
  request.set_eventual(options.eventual);
  request.set_return_capacity(options.return_capacity);
  if (options.start_after) *request.mutable_start_after() = options.start_after->ToProto();
  if (!options.filter.status().ok()) return options.filter.status();
  if (options.filter.present()) *request.mutable_filter() = options.filter.proto();
  for (const Path& path : options.projection) {
    if (!path.status().ok()) return path.status();
    *request.add_projection() = path.proto();
  }
  return absl::OkStatus();
}

}  // namespace

Operation<Page> Client::Query(std::string table, Literal partition, QueryOptions options) {
  api::Request request;
  api::QueryRequest& query = *request.mutable_query();
  if (absl::Status status = Fill(table, options, query); !status.ok()) {
    return Impl::Invalid<Page>(impl_, status);
  }
  model::EncodeValue(*query.mutable_partition(), partition.value());
  query.set_reverse(options.reverse);
  if (options.sort.present()) *query.mutable_sort() = options.sort.proto();
  return Impl::Ask<Page>(impl_, std::move(request), Target::Key(), options.deadline,
                         [table = std::move(table)](Answer answer) {
                           return internal::PageOf(std::move(answer), table);
                         });
}

Operation<Page> Client::Scan(std::string table, ScanOptions options) {
  api::ScanRequest scan;
  if (absl::Status status = Fill(table, options, scan); !status.ok()) {
    return Impl::Invalid<Page>(impl_, status);
  }
  scan.set_segment(options.segment);
  scan.set_total_segments(options.total_segments);
  return Impl::Make<Page>(
      impl_,
      [scan = std::move(scan), deadline = options.deadline](Core& core, Core::Done done) mutable {
        internal::ScanPage(core, std::move(scan), Impl::ToMicros(deadline), std::move(done));
      },
      [table = std::move(table)](Answer answer) {
        return internal::PageOf(std::move(answer), table);
      });
}

// --------------------------------------------------------------------- tables

Operation<api::Table> Client::CreateTable(api::Table table, CallOptions options) {
  return Impl::Make<api::Table>(
      impl_,
      [table = std::move(table), options](Core& core, Core::Done done) mutable {
        internal::CreateTable(core, std::move(table), Impl::ToMicros(options.deadline),
                              std::move(done));
      },
      internal::TableOf);
}

Operation<api::Table> Client::DeleteTable(std::string name, CallOptions options) {
  return Impl::Make<api::Table>(
      impl_,
      [name = std::move(name), options](Core& core, Core::Done done) mutable {
        internal::DeleteTable(core, std::move(name), Impl::ToMicros(options.deadline),
                              std::move(done));
      },
      internal::TableOf);
}

Operation<api::Table> Client::DescribeTable(std::string name, CallOptions options) {
  api::Request request;
  request.mutable_describe_table()->set_name(std::move(name));
  return Impl::Ask<api::Table>(impl_, std::move(request), Target::Group(0), options.deadline,
                               internal::TableOf);
}

Operation<api::Table> Client::SetTtl(std::string name, std::string attribute, CallOptions options) {
  api::Request request;
  request.mutable_update_table()->set_name(std::move(name));
  request.mutable_update_table()->mutable_ttl()->set_attribute(std::move(attribute));
  return Impl::Ask<api::Table>(impl_, std::move(request), Target::Group(0), options.deadline,
                               internal::TableOf);
}

Operation<api::Table> Client::SetDeletionProtection(std::string name, bool on,
                                                    CallOptions options) {
  api::Request request;
  request.mutable_update_table()->set_name(std::move(name));
  request.mutable_update_table()->set_deletion_protection(on);
  return Impl::Ask<api::Table>(impl_, std::move(request), Target::Group(0), options.deadline,
                               internal::TableOf);
}

Operation<api::Table> Client::TagTable(std::string name, std::map<std::string, std::string> tags,
                                       CallOptions options) {
  api::Request request;
  request.mutable_update_table()->set_name(std::move(name));
  api::TagList& list = *request.mutable_update_table()->mutable_tag();
  for (const auto& [key, value] : tags) {
    api::Tag& tag = *list.add_tags();
    tag.set_key(key);
    tag.set_value(value);
  }
  return Impl::Ask<api::Table>(impl_, std::move(request), Target::Group(0), options.deadline,
                               internal::TableOf);
}

Operation<api::Table> Client::UntagTable(std::string name, std::vector<std::string> keys,
                                         CallOptions options) {
  api::Request request;
  request.mutable_update_table()->set_name(std::move(name));
  auto& untag = *request.mutable_update_table()->mutable_untag();
  for (std::string& key : keys) untag.add_keys(std::move(key));
  return Impl::Ask<api::Table>(impl_, std::move(request), Target::Group(0), options.deadline,
                               internal::TableOf);
}

Operation<api::Table> Client::WaitUntilActive(std::string name, CallOptions options) {
  return Impl::Make<api::Table>(
      impl_,
      [name = std::move(name), options](Core& core, Core::Done done) mutable {
        internal::WaitForTable(core, std::move(name), internal::Until::kActive,
                               Impl::ToMicros(options.deadline), std::move(done));
      },
      internal::TableOf);
}

Operation<api::Table> Client::WaitUntilGone(std::string name, CallOptions options) {
  return Impl::Make<api::Table>(
      impl_,
      [name = std::move(name), options](Core& core, Core::Done done) mutable {
        internal::WaitForTable(core, std::move(name), internal::Until::kGone,
                               Impl::ToMicros(options.deadline), std::move(done));
      },
      internal::TableOf);
}

Operation<api::TableSizeResult> Client::TableSize(std::string name, CallOptions options) {
  return Impl::Make<api::TableSizeResult>(
      impl_,
      [name = std::move(name), options](Core& core, Core::Done done) mutable {
        internal::TableSize(core, std::move(name), Impl::ToMicros(options.deadline),
                            std::move(done));
      },
      [](Answer answer) -> Result<api::TableSizeResult> {
        if (answer.outcome != Outcome::kOk) return internal::FailureOf(answer);
        return answer.reply.table_size();
      });
}

Operation<std::vector<api::Table>> Client::ListTables(CallOptions options) {
  api::Request request;
  request.mutable_map()->set_of_leader(true);
  using Tables = std::vector<api::Table>;
  return Impl::Ask<Tables>(impl_, std::move(request), Target::Group(0), options.deadline,
                           [](Answer answer) -> Result<Tables> {
                             if (answer.outcome != Outcome::kOk) return internal::FailureOf(answer);
                             return Tables(answer.reply.map().tables().begin(),
                                           answer.reply.map().tables().end());
                           });
}

// ---------------------------------------------------------------- the cluster

Operation<api::Map> Client::ClusterMap(CallOptions options) {
  api::Request request;
  request.mutable_map();
  return Impl::Ask<api::Map>(impl_, std::move(request), Target::Any(), options.deadline,
                             [](Answer answer) -> Result<api::Map> {
                               if (answer.outcome != Outcome::kOk)
                                 return internal::FailureOf(answer);
                               return std::move(*answer.reply.mutable_map());
                             });
}

Operation<api::StatusResult> Client::NodeStatus(uint32_t node, CallOptions options) {
  api::Request request;
  request.mutable_status();
  return Impl::Ask<api::StatusResult>(impl_, std::move(request), Target::Node(node),
                                      options.deadline,
                                      [](Answer answer) -> Result<api::StatusResult> {
                                        if (answer.outcome != Outcome::kOk) {
                                          return internal::FailureOf(answer);
                                        }
                                        return std::move(*answer.reply.mutable_status());
                                      });
}

namespace {

Result<api::DigestResult> DigestOf(Answer answer) {
  if (answer.outcome != Outcome::kOk) return internal::FailureOf(answer);
  return answer.reply.digest();
}

}  // namespace

Operation<api::DigestResult> Client::BeginDigest(uint32_t group, CallOptions options) {
  api::Request request;
  request.mutable_digest()->set_group(group);
  return Impl::Ask<api::DigestResult>(impl_, std::move(request), Target::Group(group),
                                      options.deadline, DigestOf);
}

Operation<api::DigestResult> Client::ReplicaDigest(uint32_t group, uint32_t node, uint64_t index,
                                                   CallOptions options) {
  api::Request request;
  request.mutable_digest()->set_group(group);
  request.mutable_digest()->set_index(index);
  return Impl::Ask<api::DigestResult>(impl_, std::move(request), Target::Node(node),
                                      options.deadline, DigestOf);
}

Operation<Nothing> Client::TransferLeader(uint32_t group, uint32_t node, CallOptions options) {
  api::Request request;
  request.mutable_transfer()->set_group(group);
  request.mutable_transfer()->set_node(node);
  return Impl::Ask<Nothing>(impl_, std::move(request), Target::Group(group), options.deadline,
                            [](Answer answer) -> Result<Nothing> {
                              if (answer.outcome != Outcome::kOk)
                                return internal::FailureOf(answer);
                              return Nothing{};
                            });
}

Operation<ExportPage> Client::Export(std::string table, uint32_t group, std::string after,
                                     CallOptions options) {
  constexpr uint32_t kPageBytes = 1u << 20;
  api::Request request;
  api::ExportRequest& page = *request.mutable_export_();
  page.set_table(std::move(table));
  page.set_group(group);
  page.set_after(std::move(after));
  page.set_limit_bytes(kPageBytes);
  return Impl::Ask<ExportPage>(impl_, std::move(request), Target::Group(group), options.deadline,
                               internal::ExportPageOf);
}

const api::GroupDescriptor* GroupOf(const api::Map& map, const Key& key) {
  std::string part;
  model::AppendKeyPart(part, key.partition);
  uint32_t bucket = static_cast<uint32_t>(model::KeyHash(part) >> 48);
  for (const api::GroupDescriptor& group : map.groups()) {
    if (group.first_bucket() <= bucket && bucket <= group.last_bucket()) return &group;
  }
  return nullptr;
}

}  // namespace fastpath::client
