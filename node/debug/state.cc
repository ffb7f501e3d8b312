// `debug state` and `debug digest`: what the engine's files hold.
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "node/debug/debug.h"
#include "node/identity.h"
#include "partition/model/codec.h"
#include "partition/model/json.h"
#include "partition/value_header.h"
#include "storage/keys.h"
#include "storage/snapshot.h"

namespace fastpath::node::debug {
namespace {

using model::JsonWriter;
using partition::StateMachine;

void AddMembers(JsonWriter& out, const char* name, const std::vector<raft::Member>& members) {
  out.Name(name).BeginArray();
  for (const raft::Member& member : members) {
    out.BeginObject().Name("replica").Number(member.replica).Name("node").Number(member.node);
    out.EndObject();
  }
  out.EndArray();
}

std::string Members(const char* name, const std::vector<raft::Member>& members) {
  std::string out;
  for (const raft::Member& member : members) {
    absl::StrAppend(&out, out.empty() ? "" : ",", member.replica, "@", member.node);
  }
  return out.empty() ? "" : absl::StrCat("; ", name, " ", out);
}

void PrintState(const StateMachine& machine, bool json) {
  const storage::AppliedRow& applied = machine.applied();
  const api::GroupDescriptor own = machine.descriptor();
  const raft::Configuration& members = applied.configuration;
  const storage::BucketRange buckets = machine.buckets();
  if (!json) {
    PrintLine(absl::StrCat(
        "group ", own.group(), ": applied ", applied.index, ", term ", applied.term, ", stamp ",
        applied.stamp, "; epoch ", own.epoch(), ", command version ", machine.version(),
        buckets.empty ? ", no buckets"
                      : absl::StrCat(", buckets ", buckets.first, "-", buckets.last),
        Members("voters", members.voters), Members("outgoing", members.outgoing),
        Members("learners", members.learners)));
    for (const api::Table& table : machine.tables()) {
      PrintLine(absl::StrCat("  table ", table.name().empty() ? "(dropped)" : table.name(),
                             ", space ", table.space(), ", ", api::TableState_Name(table.state())));
    }
    return;
  }
  JsonWriter out;
  out.BeginObject().Name("group").Number(own.group()).Name("index").Number(applied.index);
  out.Name("term").Number(applied.term).Name("stamp").Number(applied.stamp);
  out.Name("epoch").Number(own.epoch()).Name("version").Number(machine.version());
  if (!buckets.empty) {
    out.Name("first_bucket").Number(buckets.first).Name("last_bucket").Number(buckets.last);
  }
  AddMembers(out, "voters", members.voters);
  AddMembers(out, "outgoing", members.outgoing);
  AddMembers(out, "learners", members.learners);
  out.Name("tables").BeginArray();
  for (const api::Table& table : machine.tables()) {
    out.BeginObject().Name("name").String(table.name()).Name("space").Number(table.space());
    out.Name("state").String(api::TableState_Name(table.state())).EndObject();
  }
  PrintLine(out.EndArray().EndObject().Take());
}

// Runs `show` on each group asked for; 1 if one could not be shown.
absl::StatusOr<int> ForGroups(StoppedStore& store, storage::Engine* engine, const Options& options,
                              const std::function<absl::Status(StateMachine&)>& show) {
  absl::StatusOr<std::vector<GroupState>> groups = LoadGroups(store, engine, options);
  if (!groups.ok()) return groups.status();
  int code = 0;
  bool any = false;
  for (GroupState& group : *groups) {
    if (options.group && *options.group != group.group) continue;
    any = true;
    const absl::Status shown = group.machine.ok() ? show(**group.machine) : group.machine.status();
    if (shown.ok()) continue;
    PrintDamage(absl::StrCat("group ", group.group, ": ", std::string(shown.message())));
    code = 1;
  }
  if (options.group && !any) {
    return absl::NotFoundError(absl::StrCat("the engine holds nothing of group ", *options.group));
  }
  return code;
}

// The row at an engine's key: its header and, where it is an item's, the item.
absl::StatusOr<int> PrintRow(storage::Engine* engine, const std::string& key,
                             const StateMachine* machine, bool json) {
  absl::StatusOr<std::optional<std::string>> row = absl::InternalError("no answer");
  engine->Get(key, [&](auto result) { row = std::move(result); });
  if (!row.ok()) return row.status();
  JsonWriter out(json ? 0 : 2);
  out.BeginObject().Name("key").String(Hex(key));
  if (machine != nullptr) {
    out.Name("group").Number(machine->descriptor().group());
    out.Name("applied").Number(machine->applied().index);
  }
  out.Name("found").Bool(row->has_value());
  int code = 0;
  if (row->has_value()) {
    out.Name("value_bytes").Number((*row)->size()).Name("value").String(Hex(**row));
    std::string_view rest = **row;
    if (static_cast<uint8_t>(key[0]) == static_cast<uint8_t>(storage::KeyKind::kData)) {
      const absl::StatusOr<partition::ValueHeader> header = partition::TakeValueHeader(rest);
      const absl::StatusOr<model::Item> item =
          header.ok() ? model::DecodeItem(rest) : header.status();
      if (header.ok()) {
        out.Name("format").Number(static_cast<uint8_t>((**row)[0]));
        out.Name("version").Number(header->version).Name("expiry").Number(header->expiry_seconds);
        out.Name("locked").Bool(header->locked);
      }
      if (item.ok()) {
        out.Name("item").Item(*item, model::Dialect::kTyped);
      } else {
        PrintDamage(std::string(item.status().message()));
        code = 1;
      }
    }
  }
  PrintLine(out.EndObject().Take());
  return code;
}

}  // namespace

absl::StatusOr<int> ShowState(StoppedStore& store, const Options& options) {
  auto engine = store.OpenEngine();
  if (!engine.ok()) return engine.status();
  return ForGroups(store, engine->get(), options, [&](StateMachine& machine) {
    PrintState(machine, options.json);
    return absl::OkStatus();
  });
}

absl::StatusOr<int> ShowItem(StoppedStore& store, const Options& options) {
  auto engine = store.OpenEngine();
  if (!engine.ok()) return engine.status();
  absl::StatusOr<std::vector<GroupState>> groups = LoadGroups(store, engine->get(), options);
  if (!groups.ok()) return groups.status();
  if (!options.raw_key.empty()) {
    const std::string key = absl::HexStringToBytes(options.raw_key);
    if (Hex(key) != absl::AsciiStrToLower(options.raw_key)) {
      return absl::InvalidArgumentError("--raw-key is not hexadecimal");
    }
    return PrintRow(engine->get(), key, nullptr, options.json);
  }
  bool known = false;
  for (const GroupState& group : *groups) {
    const api::Table* table =
        group.machine.ok() ? (*group.machine)->FindTable(options.table) : nullptr;
    if (table == nullptr) continue;
    known = true;
    const absl::StatusOr<std::string> key = ItemKey(*table, options.key);
    if (!key.ok()) return key.status();
    const storage::BucketRange buckets = (*group.machine)->buckets();
    const storage::Bucket bucket = storage::BucketOf(storage::ParseDataKey(*key)->hash);
    if (buckets.empty || bucket < buckets.first || bucket > buckets.last) continue;
    return PrintRow(engine->get(), *key, group.machine->get(), options.json);
  }
  return absl::NotFoundError(known ? "no group of this node owns that key"
                                   : absl::StrCat("no group here has a table ", options.table));
}

absl::StatusOr<int> ShowDigests(StoppedStore& store, const Options& options) {
  auto engine = store.OpenEngine();
  if (!engine.ok()) return engine.status();
  return ForGroups(store, engine->get(), options, [&](StateMachine& machine) {
    absl::StatusOr<uint64_t> digest = absl::InternalError("no answer");
    storage::DigestRanges(engine->get(), (*engine)->Pin(), machine.ranges(),
                          [&](auto result) { digest = std::move(result); });
    if (!digest.ok()) return digest.status();
    const raft::GroupId group = machine.descriptor().group();
    const std::string hex = absl::StrFormat("%016x", *digest);
    if (!options.json) {
      PrintLine(absl::StrCat("group ", group, " at ", machine.applied().index, ": ", hex));
      return absl::OkStatus();
    }
    JsonWriter out;
    out.BeginObject().Name("group").Number(group).Name("index").Number(machine.applied().index);
    PrintLine(out.Name("digest").String(hex).EndObject().Take());
    return absl::OkStatus();
  });
}

}  // namespace fastpath::node::debug
