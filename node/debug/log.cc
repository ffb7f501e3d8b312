// `debug log`: segments, what each group has in them, and one group's entries.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "node/debug/debug.h"
#include "partition/command.pb.h"
#include "partition/model/json.h"

namespace fastpath::node::debug {
namespace {

using model::JsonWriter;
using storage::LogInspection;
using Group = storage::LogReplay::Group;

std::string KindOf(const raft::Entry& entry) {
  if (entry.kind == raft::EntryKind::kNoop) return "noop";
  if (entry.kind == raft::EntryKind::kConfiguration) return "configuration";
  command::Command command;
  if (!command.ParseFromString(*entry.payload)) return "unreadable";
  const auto* op = command.GetDescriptor()->FindFieldByNumber(command.op_case());
  return op == nullptr ? "unknown" : op->name();
}

std::string Vote(raft::ReplicaId vote) { return vote == 0 ? "none" : absl::StrCat(vote); }

struct Span {
  raft::Index first = 0, last = 0;  // first > last: no entries.
  raft::Term first_term = 0, last_term = 0;
  uint64_t bytes = 0;  // Of the records.
};

Span SpanOf(const Group& group) {
  Span span{group.start.index + 1, group.start.index, group.start.term, group.start.term, 0};
  if (group.entries.empty()) return span;
  span.first = group.entries.begin()->first;
  span.last = group.entries.rbegin()->first;
  span.first_term = group.entries.begin()->second.first.term;
  span.last_term = group.entries.rbegin()->second.first.term;
  for (const auto& [index, entry] : group.entries) span.bytes += entry.first.record.bytes;
  return span;
}

void PrintSegments(const LogInspection& log, bool json) {
  for (const storage::SegmentReport& segment : log.segments) {
    if (json) {
      JsonWriter out;
      out.BeginObject().Name("segment").String(segment.name);
      out.Name("generation").Number(segment.generation).Name("live").Bool(segment.live);
      out.Name("bytes").Number(segment.end_bytes).Name("file_bytes").Number(segment.file_bytes);
      out.Name("batches").Number(segment.batches).Name("records").Number(segment.records);
      PrintLine(out.EndObject().Take());
    } else {
      PrintLine(
          absl::StrFormat("segment %s: generation %d, %s, %d of %d bytes, %d batches, %d records",
                          segment.name, segment.generation, segment.live ? "live" : "free",
                          segment.end_bytes, segment.file_bytes, segment.batches, segment.records));
    }
  }
}

void PrintGroup(raft::GroupId id, const Group& group, bool json) {
  const Span span = SpanOf(group);
  if (!json) {
    PrintLine(absl::StrFormat(
        "group %d: entries %d to %d (terms %d to %d, %d bytes), starts after %d; term %d, vote %s, "
        "commit %d",
        id, span.first, span.last, span.first_term, span.last_term, span.bytes, group.start.index,
        group.state.term, Vote(group.state.vote), group.state.commit));
    return;
  }
  JsonWriter out;
  out.BeginObject().Name("group").Number(id).Name("first").Number(span.first);
  out.Name("last").Number(span.last).Name("entries").Number(group.entries.size());
  out.Name("first_term").Number(span.first_term).Name("last_term").Number(span.last_term);
  out.Name("bytes").Number(span.bytes).Name("start").Number(group.start.index);
  out.Name("start_term").Number(group.start.term).Name("term").Number(group.state.term);
  out.Name("vote").Number(group.state.vote).Name("commit").Number(group.state.commit);
  PrintLine(out.EndObject().Take());
}

void PrintEntries(const Group& group, bool json) {
  for (const auto& [index, place_and_entry] : group.entries) {
    const auto& [place, entry] = place_and_entry;
    if (!json) {
      PrintLine(absl::StrFormat("%d term %d %s %d bytes, generation %d offset %d", index,
                                entry.term, KindOf(entry), entry.payload->size(), place.generation,
                                place.record.offset));
      continue;
    }
    JsonWriter out;
    out.BeginObject().Name("index").Number(index).Name("term").Number(entry.term);
    out.Name("kind").String(KindOf(entry)).Name("bytes").Number(entry.payload->size());
    out.Name("generation").Number(place.generation).Name("offset").Number(place.record.offset);
    PrintLine(out.EndObject().Take());
  }
}

void PrintFindings(const LogInspection& log, bool json) {
  const std::string damage(log.damage.message());
  if (json) {
    JsonWriter out;
    out.BeginObject().Name("torn_tail");
    log.torn_tail ? out.String(*log.torn_tail) : out.Raw("null");
    out.Name("damage");
    log.damage.ok() ? out.Raw("null") : out.String(damage);
    PrintLine(out.EndObject().Take());
  } else {
    PrintLine(absl::StrCat("torn tail: ", log.torn_tail.value_or("none")));
  }
  if (log.damage.ok()) return;
  PrintDamage(damage);
  PrintDamage("a start would refuse this log; what is shown is what can be read, parts may lack");
}

}  // namespace

absl::StatusOr<int> ShowLog(StoppedStore& store, const Options& options) {
  absl::StatusOr<LogInspection> log = store.InspectLog();
  if (!log.ok()) return log.status();
  if (options.group) {
    const auto found = log->groups.find(*options.group);
    if (found == log->groups.end()) {
      return absl::NotFoundError(absl::StrCat("the log holds nothing of group ", *options.group));
    }
    PrintGroup(found->first, found->second, options.json);
    PrintEntries(found->second, options.json);
  } else {
    PrintSegments(*log, options.json);
    for (const auto& [id, group] : log->groups) PrintGroup(id, group, options.json);
  }
  PrintFindings(*log, options.json);
  return log->damage.ok() ? 0 : 1;
}

}  // namespace fastpath::node::debug
