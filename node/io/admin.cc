#include "node/io/admin.h"

#include <google/protobuf/util/json_util.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace fastpath::node {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

class Families {
 public:
  MetricFamily& Add(const char* name, const char* help, MetricType type) {
    families_.push_back({std::string("fastpath_") + name, help, type, {}});
    return families_.back();
  }
  void Counter(const char* name, const char* help, uint64_t value) {
    Put(Add(name, help, MetricType::Counter), {}, value);
  }
  void Gauge(const char* name, const char* help, uint64_t value) {
    Put(Add(name, help, MetricType::Gauge), {}, value);
  }
  static void Put(MetricFamily& family, std::vector<ClientMetric::Label> labels, uint64_t value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.counter.value = static_cast<double>(value);
    metric.gauge.value = static_cast<double>(value);
    family.metric.push_back(std::move(metric));
  }
  static void Put(MetricFamily& family, std::vector<ClientMetric::Label> labels,
                  const LatencyHistogram& histogram) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.histogram.sample_count = histogram.total();
    metric.histogram.sample_sum = static_cast<double>(histogram.sum_us()) / 1e6;
    uint64_t cumulative = 0;
    for (size_t i = 0; i < LatencyHistogram::kBuckets; ++i) {
      cumulative += histogram.counts()[i];
      const bool last = i + 1 == LatencyHistogram::kBuckets;
      metric.histogram.bucket.push_back(
          {cumulative, last ? std::numeric_limits<double>::infinity()
                            : static_cast<double>(LatencyHistogram::bound_us(i)) / 1e6});
    }
    family.metric.push_back(std::move(metric));
  }
  std::string Serialize() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  std::vector<MetricFamily> families_;
};

void AddRequests(const Metrics& metrics, Families& out) {
  MetricFamily& requests =
      out.Add("requests_total", "Client requests answered.", MetricType::Counter);
  for (size_t op = 0; op < kOps; ++op) {
    for (size_t code = 0; code < Metrics::kCodes; ++code) {
      const uint64_t count = metrics.requests[op][code];
      if (count == 0) continue;
      Families::Put(requests,
                    {{"op", OpName(static_cast<Op>(op))},
                     {"code", api::Code_Name(static_cast<api::Code>(code))}},
                    count);
    }
  }
  MetricFamily& latency =
      out.Add("request_seconds", "From a request's arrival to its answer.", MetricType::Histogram);
  for (size_t op = 0; op < kOps; ++op) {
    const LatencyHistogram& histogram = metrics.latency[op];
    if (histogram.total() == 0) continue;
    Families::Put(latency, {{"op", OpName(static_cast<Op>(op))}}, histogram);
  }
}

void AddReplicas(const Node& node, Families& out) {
  uint64_t leaders = 0;
  uint64_t stopped = node.shard().refused().size();
  uint64_t pending = 0;
  uint32_t version = 0;
  MetricFamily& lag =
      out.Add("replica_apply_lag_entries", "Committed and not yet applied.", MetricType::Gauge);
  for (const auto& [group, replica] : node.shard().replicas()) {
    leaders += replica->leader();
    stopped += replica->stopped();
    pending += replica->pending();
    if (const partition::StateMachine* machine = replica->machine(); machine != nullptr) {
      version = version == 0 ? machine->version() : std::min(version, machine->version());
    }
    const raft::Index commit = replica->raft().commit();
    const raft::Index applied = replica->raft().applied();
    Families::Put(lag, {{"group", std::to_string(group)}}, commit > applied ? commit - applied : 0);
  }
  MetricFamily& roles = out.Add("replicas", "Replicas on this node by role.", MetricType::Gauge);
  Families::Put(roles, {{"role", "leader"}}, leaders);
  Families::Put(roles, {{"role", "follower"}}, node.shard().replicas().size() - leaders);
  out.Gauge("command_version", "Of the groups here, the lowest: behind while nodes are upgraded.",
            version);
  out.Gauge("replicas_stopped", "Replicas that failed or are corrupt.", stopped);
  out.Gauge("proposals_pending", "Writes proposed and not yet applied.", pending);
}

void AddRaft(const Node& node, Families& out) {
  const Metrics& metrics = node.metrics();
  out.Counter("entries_applied_total", "Log entries applied.", metrics.entries_applied);
  out.Counter("apply_batches_total", "Batches they were applied in.", metrics.apply_batches);
  out.Counter("elections_won_total", "Times a replica here became leader.", metrics.elections_won);
  out.Counter("read_index_total", "Strong reads without a lease.", metrics.read_index_reads);
  out.Gauge("pages_under_way", "Of queries, scans and exports.", *metrics.pages_under_way);
  out.Counter("fell_asleep_total", "Replicas whose group went quiet.", metrics.fell_asleep);
  out.Counter("snapshots_installed_total", "Snapshots installed.", metrics.snapshots_installed);
  out.Counter("snapshots_sent_total", "Snapshots sent.", node.shard().snapshots_out().sent());
  out.Counter("snapshot_in_bytes_total", "Received in snapshots.", metrics.snapshot_bytes_in);
  out.Counter("snapshot_out_bytes_total", "Sent in snapshots.", metrics.snapshot_bytes_out);
  out.Counter("purged_items_total", "Expired items taken out.", metrics.purged_items);
  out.Counter("purge_commands_total", "Commands that did so.", metrics.purge_commands);
  out.Counter("purge_pages_total", "Of the TTL index, read.", metrics.purge_pages);
  out.Counter("purge_rows_total", "Of the TTL index, read.", metrics.purge_rows);
  out.Counter("transactions_adopted_total", "Of a leader before this one, ended or finished here.",
              metrics.transactions_adopted);
  out.Counter("transactions_settled_total", "Applied here because a request met what they held.",
              metrics.transactions_settled);
  out.Counter("retimed_items_total", "Given the expiry of a new TTL attribute.",
              metrics.retimed_items);
  out.Counter("retime_commands_total", "Commands that did so.", metrics.retime_commands);
  out.Gauge("purge_backlog_seconds", "How long the oldest expired item of a led group waits.",
            metrics.purge_backlog_s);
  out.Counter("engine_flushes_total", "Flushes forced by a long log.", metrics.engine_flushes);
  out.Counter("log_syncs_total", "Group commits of the shared log.", node.log()->syncs());
  out.Gauge("log_used_bytes", "Segments of the shared log in use.", node.log()->used_bytes());
  out.Gauge("log_queued_bytes", "Accepted by the log, not yet durable.",
            node.log()->queued_bytes());
  out.Gauge("disk_full", "1: no space, nothing new is taken.", node.disk_full());
}

void AddNetwork(const Node& node, Families& out) {
  const Metrics& metrics = node.metrics();
  const Transport::Counters& peers = node.transport().counters();
  out.Gauge("client_connections", "Clients connected now.", node.server().connections());
  out.Gauge("requests_in_flight", "Requests not yet answered.", node.server().in_flight());
  out.Counter("client_in_bytes_total", "Received from clients.", metrics.client_bytes_in);
  out.Counter("client_out_bytes_total", "Sent to clients.", metrics.client_bytes_out);
  out.Counter("client_connections_total", "Clients accepted.", metrics.connections_accepted);
  out.Counter("client_connections_refused_total", "Over the limit.", metrics.connections_refused);
  out.Counter("client_malformed_total", "Frames refused, or connections ended, for rubbish.",
              metrics.malformed_frames);
  out.Counter("requests_overloaded_total", "Refused because a limit was reached.",
              metrics.overloaded);
  out.Counter("peer_frames_out_total", "Frames sent to other nodes.", peers.frames_out);
  out.Counter("peer_messages_out_total", "Raft messages in them.", peers.messages_out);
  out.Counter("peer_messages_dropped_total", "Raft messages not sent.", peers.messages_dropped);
  out.Counter("peer_out_bytes_total", "Sent to other nodes.", peers.bytes_out);
  out.Counter("peer_frames_in_total", "Frames from other nodes.", peers.frames_in);
  out.Counter("peer_messages_in_total", "Raft messages in them.", peers.messages_in);
  out.Counter("peer_in_bytes_total", "Received from other nodes.", peers.bytes_in);
  out.Counter("peer_refused_total", "Peer connections refused.", peers.refused);
}

void AddGateway(const GatewayCounters& gateway, Families& out) {
  out.Gauge("gateway_connections", "HTTP clients connected now.", gateway.connections);
  out.Counter("gateway_connections_total", "HTTP clients accepted.", gateway.accepted);
  out.Counter("gateway_connections_refused_total", "Over the limit.", gateway.refused);
  out.Counter("gateway_cut_off_total", "HTTP clients that were slow or held too much.",
              gateway.cut_off);
  out.Counter("gateway_malformed_total", "Connections ended for what is no HTTP.",
              gateway.malformed);
  out.Counter("gateway_requests_total", "HTTP requests.", gateway.requests);
  out.Counter("gateway_in_bytes_total", "Received from HTTP clients.", gateway.bytes_in);
  out.Counter("gateway_out_bytes_total", "Sent to HTTP clients.", gateway.bytes_out);
}

void AddOperations(const OperationCounters& operations, Families& out) {
  const auto calls = operations.calls();
  MetricFamily& answered =
      out.Add("gateway_operations_total", "Calls of DynamoDB's API, by exception if there was one.",
              MetricType::Counter);
  for (const auto& [operation, counted] : calls) {
    for (const auto& [exception, count] : counted.exceptions) {
      Families::Put(answered, {{"operation", operation}, {"exception", exception}}, count);
    }
  }
  MetricFamily& latency =
      out.Add("gateway_operation_seconds", "From a call to its answer.", MetricType::Histogram);
  for (const auto& [operation, counted] : calls) {
    Families::Put(latency, {{"operation", operation}}, counted.latency);
  }
}

HttpAnswer Status(const Node& node) {
  api::StatusResult status;
  node.FillStatus(&status);
  const std::string cluster = Hex(status.cluster_id());
  status.clear_cluster_id();
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  HttpAnswer answer{200, "application/json", ""};
  if (!google::protobuf::util::MessageToJsonString(status, &answer.body, options).ok()) {
    return {500, "text/plain", "cannot print the status\n"};
  }
  // The id in hexadecimal, as logs say it; protobuf would print base64.
  const std::string empty = "\"cluster_id\": \"\"";
  const size_t place = answer.body.find(empty);
  if (place != std::string::npos) answer.body.insert(place + empty.size() - 1, cluster);
  return answer;
}

}  // namespace

std::string RenderMetrics(const Node& node, const GatewayView& gateway) {
  Families out;
  AddRequests(node.metrics(), out);
  AddReplicas(node, out);
  AddRaft(node, out);
  AddNetwork(node, out);
  if (gateway.server != nullptr) AddGateway(*gateway.server, out);
  if (gateway.operations != nullptr) AddOperations(*gateway.operations, out);
  return out.Serialize();
}

HttpAnswer AnswerAdmin(const Node& node, const std::string& path, const GatewayView& gateway) {
  const bool built = node.built();
  if (path == "/health") {
    if (built && node.healthy()) return {200, "text/plain", "ok\n"};
    return {503, "text/plain", "not ready\n"};
  }
  if (path != "/metrics" && path != "/status") return {404, "text/plain", "no such page\n"};
  if (!built) return {503, "text/plain", "starting\n"};
  if (path == "/status") return Status(node);
  return {200, "text/plain; version=0.0.4; charset=utf-8", RenderMetrics(node, gateway)};
}

}  // namespace fastpath::node
