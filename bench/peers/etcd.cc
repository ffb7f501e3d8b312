#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/keys.h"
#include "bench/peers/etcd.grpc.pb.h"
#include "bench/peers/peers.h"
#include "bench/program.h"

namespace fastpath::bench {
namespace {

using etcdserverpb::KV;
using etcdserverpb::Maintenance;

gpr_timespec In(int64_t nanoseconds) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_nanos(std::max<int64_t>(0, nanoseconds), GPR_TIMESPAN));
}

// Each with a connection of its own, which gRPC would otherwise share.
std::shared_ptr<grpc::Channel> Connect(const std::string& endpoint, size_t number) {
  grpc::ChannelArguments arguments;
  arguments.SetInt("fastpath.channel", static_cast<int>(number));
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
}

// Where the leader answers, as a client that asked for it would go.
absl::StatusOr<std::string> FindLeader(const std::vector<std::string>& endpoints) {
  for (const std::string& endpoint : endpoints) {
    grpc::ClientContext context;
    context.set_deadline(In(5'000'000'000));
    etcdserverpb::StatusResponse status;
    const auto stub = Maintenance::NewStub(Connect(endpoint, 0));
    if (stub->Status(&context, etcdserverpb::StatusRequest(), &status).ok() &&
        status.leader() == status.header().member_id()) {
      return endpoint;
    }
  }
  return absl::UnavailableError("no etcd node says that it leads");
}

class EtcdTarget : public Target {
 public:
  EtcdTarget(const std::string& endpoint, size_t channels, size_t lanes) : lanes_(lanes) {
    for (size_t i = 0; i < channels; ++i) stubs_.push_back(KV::NewStub(Connect(endpoint, i)));
  }
  ~EtcdTarget() override {
    queue_.Shutdown();
    void* tag;
    bool ok;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  void Listen(Listener* listener) override { listener_ = listener; }

  void Begin(size_t index, const Operation& operation) override {
    Lane& lane = lanes_[index];
    KV::Stub& stub = *stubs_[index % stubs_.size()];
    lane.context.emplace();
    lane.read = operation.read;
    void* const tag = &lane;
    if (operation.read) {
      etcdserverpb::RangeRequest request;
      request.set_key(KeyName(operation.key));
      lane.range = stub.AsyncRange(&*lane.context, request, &queue_);
      lane.range->Finish(&lane.range_answer, &lane.status, tag);
    } else {
      etcdserverpb::PutRequest request;
      request.set_key(KeyName(operation.key));
      request.set_value(operation.value.data(), operation.value.size());
      lane.put = stub.AsyncPut(&*lane.context, request, &queue_);
      lane.put->Finish(&lane.put_answer, &lane.status, tag);
    }
  }

  void Poll(Clock::time_point until) override {
    int64_t left = (until - Clock::now()) / std::chrono::nanoseconds(1);
    void* tag;
    bool ok;
    for (int taken = 0; taken < kTurn; ++taken, left = 0) {
      if (queue_.AsyncNext(&tag, &ok, In(left)) != grpc::CompletionQueue::GOT_EVENT) return;
      End(*static_cast<Lane*>(tag));
    }
  }

 private:
  static constexpr int kTurn = 256;  // Events handled before the caller looks at the time.

  struct Lane {
    std::optional<grpc::ClientContext> context;
    bool read = false;
    std::unique_ptr<grpc::ClientAsyncResponseReader<etcdserverpb::RangeResponse>> range;
    std::unique_ptr<grpc::ClientAsyncResponseReader<etcdserverpb::PutResponse>> put;
    etcdserverpb::RangeResponse range_answer;
    etcdserverpb::PutResponse put_answer;
    grpc::Status status;
  };

  void End(Lane& lane) {
    const auto index = static_cast<size_t>(&lane - lanes_.data());
    if (!lane.status.ok()) {
      return listener_->Ended(index, Ending::kUnknown, lane.status.error_message());
    }
    const bool missing = lane.read && lane.range_answer.kvs_size() == 0;
    listener_->Ended(index, missing ? Ending::kMissing : Ending::kOk, "");
  }

  std::vector<Lane> lanes_;
  std::vector<std::unique_ptr<KV::Stub>> stubs_;
  grpc::CompletionQueue queue_;
  Listener* listener_ = nullptr;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Target>> MakeEtcd(const std::vector<std::string>& endpoints,
                                                 size_t channels, size_t lanes) {
  const auto leader = FindLeader(endpoints);
  if (!leader.ok()) return leader.status();
  return std::make_unique<EtcdTarget>(*leader, std::min(channels, lanes), lanes);
}

}  // namespace fastpath::bench
