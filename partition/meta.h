// The meta group's state: nodes, replica ids, tables and the map. Its rows are
// group-local rows of kind meta; their suffix and value:
//
//   counters  := 0x01             u8(format = 1) varint(next_node)
//                                 varint(next_replica) varint(next_space)
//                                 varint(map_version) cluster_id
//   node      := 0x02 id:u32be    u8(format = 1) api.Node
//   group     := 0x03 id:u32be    u8(format = 1) api.GroupDescriptor
//   table     := 0x04 space:u32be u8(format = 1) api.Table
//   tags      := 0x06 space:u32be u8(format = 1) api.TagList
//   issued    := 0x05 group:u32be node:u32be
//                                 u8(format = 1) varint(replica) varint(epoch)
//
// Never-change. Ids are issued from counters and never again. An issued replica
// id is repeated to who asks again for the same group and node while the map's
// epoch of that group is the one it was issued at; the group's next descriptor
// forgets it.
//
// Value type: commands work on a copy that takes effect once its rows are in
// the engine. Thread-safe as values are.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "partition/api.pb.h"
#include "partition/command.pb.h"
#include "partition/value_header.h"
#include "storage/engine.h"
#include "storage/keys.h"

namespace fastpath::partition {

inline constexpr int kTablesLimit = 1000;
inline constexpr int kNodesLimit = 1000;

class Meta {
 public:
  Meta() = default;
  // The first map, which also says where the counters start.
  explicit Meta(const api::Map& map);

  // Nodes and groups by id, tables by space. The version is the index of the
  // last command that changed it.
  const api::Map& map() const { return map_; }

  // Of a table; empty if it has none.
  const api::TagList& tags(storage::SpaceId space) const;

  static bool Understands(const command::Command& command);
  // Executes one of the commands that it understands at `index`; true if the
  // map changed.
  bool Apply(const command::Command& command, raft::Index index, storage::WriteBatch& batch,
             command::Outcome& outcome);
  // The meta group's own descriptor, as it stands after `index`.
  void Reconfigured(const api::GroupDescriptor& own, raft::Index index, storage::WriteBatch& batch);

  // A row of a loading group, by its suffix. DataLoss: not such a row.
  absl::Status Restore(std::string_view suffix, std::string_view value);
  void PutAll(storage::WriteBatch& batch) const;

 private:
  struct Issued {
    raft::ReplicaId replica = 0;
    uint64_t epoch = 0;
  };
  using IssuedFor = std::pair<raft::GroupId, raft::NodeId>;

  // Each is true if the map changed.
  bool CreateTable(const api::Table& asked, Stamp stamp, storage::WriteBatch& batch,
                   command::Outcome& outcome);
  bool UpdateTable(const api::UpdateTableRequest& change, storage::WriteBatch& batch,
                   command::Outcome& outcome);
  bool ChangeTtl(const std::string& attribute, api::Table& table, storage::WriteBatch& batch,
                 command::Outcome& outcome);
  void ChangeTags(const api::UpdateTableRequest& change, const api::Table& table,
                  storage::WriteBatch& batch, command::Outcome& outcome);
  bool DeleteTable(const std::string& name, storage::WriteBatch& batch, command::Outcome& outcome);
  bool TableSettled(const command::TableSettled& settled, storage::WriteBatch& batch);
  bool RegisterNode(const api::Node& node, storage::WriteBatch& batch, command::Outcome& outcome);
  bool IssueReplica(const command::IssueReplica& ask, storage::WriteBatch& batch,
                    command::Outcome& outcome);
  bool SetDescriptor(const api::GroupDescriptor& descriptor, storage::WriteBatch& batch,
                     command::Outcome& outcome);

  void ForgetIssued(raft::GroupId group, storage::WriteBatch& batch);
  api::Table* FindTable(const std::string& name);
  api::GroupDescriptor* FindGroup(raft::GroupId group);
  api::Node* FindNode(raft::NodeId id);
  void PutCounters(storage::WriteBatch& batch) const;
  void PutNode(const api::Node& node, storage::WriteBatch& batch) const;
  void PutGroup(const api::GroupDescriptor& group, storage::WriteBatch& batch) const;
  void PutTable(const api::Table& table, storage::WriteBatch& batch) const;
  void PutIssued(const IssuedFor& who, const Issued& issued, storage::WriteBatch& batch) const;
  void SetTags(storage::SpaceId space, api::TagList tags, storage::WriteBatch& batch);
  void DropTable(storage::SpaceId space, storage::WriteBatch& batch);
  absl::Status RestoreCounters(std::string_view value);
  absl::Status RestoreTags(std::string_view suffix, std::string_view value);
  absl::Status RestoreIssued(std::string_view suffix, std::string_view value);

  api::Map map_;
  raft::NodeId next_node_ = 1;
  raft::ReplicaId next_replica_ = 1;
  storage::SpaceId next_space_ = 1;
  std::map<IssuedFor, Issued> issued_;
  // Not on the map, which every client gets. Shared: this is copied for every command.
  std::map<storage::SpaceId, std::shared_ptr<const api::TagList>> tags_;
};

}  // namespace fastpath::partition
