// The meta group: tables, nodes, replica ids and the map.
#include "partition/meta.h"
#include "tests/partition/state_fixture.h"

namespace fastpath::partition::testing {
namespace {

class StateMeta : public ::testing::Test {
 protected:
  StateMeta() {
    api::Map map;
    map.set_cluster_id("cluster");
    api::Node* node = map.add_nodes();
    node->set_id(1);
    node->set_incarnation("first");
    for (uint32_t group : {0, 1, 2}) {
      api::GroupDescriptor* descriptor = map.add_groups();
      *descriptor = DescriptorOf(group);
      descriptor->clear_voters();
      api::Member* voter = descriptor->add_voters();
      voter->set_replica(group + 1);
      voter->set_node(1);
      if (group == 0) {
        descriptor->set_first_bucket(1);
        descriptor->set_last_bucket(0);
      }
    }
    replica_ = Replica::Bootstrapped(map);
  }

  command::Outcome Run(command::Command command) {
    log_.Append(std::move(command));
    return replica_->Apply(log_);
  }
  command::Outcome CreateTable(const std::string& name) {
    command::Command command;
    *command.mutable_create_table()->mutable_table() = TableOf(name, 0);
    return Run(command);
  }
  command::Outcome DeleteTable(const std::string& name) {
    command::Command command;
    command.mutable_delete_table()->set_name(name);
    return Run(command);
  }
  command::Outcome Settle(uint32_t space, api::TableState state) {
    command::Command command;
    command.mutable_table_settled()->set_space(space);
    command.mutable_table_settled()->set_state(state);
    return Run(command);
  }
  command::Outcome Register(const std::string& incarnation, const std::string& address,
                            uint32_t id = 0) {
    command::Command command;
    api::Node* node = command.mutable_register_node()->mutable_node();
    node->set_id(id);
    node->set_incarnation(incarnation);
    node->set_peer_address(address);
    return Run(command);
  }
  command::Outcome Issue(uint32_t group, uint32_t node) {
    command::Command command;
    command.mutable_issue_replica()->set_group(group);
    command.mutable_issue_replica()->set_node(node);
    return Run(command);
  }
  command::Outcome Report(const api::GroupDescriptor& descriptor) {
    command::Command command;
    *command.mutable_set_descriptor()->mutable_group() = descriptor;
    return Run(command);
  }
  const api::Map& Map() { return replica_->machine().map(); }
  void Restart() {
    const std::string before = Map().SerializeAsString();
    replica_->Flush();
    replica_->Crash();
    EXPECT_EQ(Map().SerializeAsString(), before);
  }

  std::unique_ptr<Replica> replica_;
  Log log_;
};

TEST_F(StateMeta, TheFirstMapIsWhatBootstrapSaid) {
  EXPECT_EQ(Map().cluster_id(), "cluster");
  EXPECT_EQ(Map().version(), 1u);
  EXPECT_EQ(Map().nodes_size(), 1);
  EXPECT_EQ(Map().groups_size(), 3);
  EXPECT_TRUE(replica_->machine().buckets().empty);
  EXPECT_EQ(replica_->machine().ranges().size(), 1u);
  Restart();
}

TEST_F(StateMeta, ATableLivesFromCreatingToGone) {
  command::Outcome created = CreateTable("orders");
  EXPECT_EQ(created.code(), api::OK) << created.message();
  EXPECT_EQ(created.table().space(), 1u);
  EXPECT_EQ(created.table().state(), api::CREATING);
  EXPECT_EQ(created.table().created(), log_.stamp);
  EXPECT_EQ(Map().version(), log_.last());
  EXPECT_EQ(CreateTable("orders").code(), api::TABLE_BUSY);
  EXPECT_EQ(DeleteTable("orders").code(), api::TABLE_BUSY);
  EXPECT_EQ(Map().version(), log_.last() - 2);  // Refusals leave the map.
  Settle(1, api::ACTIVE);
  EXPECT_EQ(Map().tables(0).state(), api::ACTIVE);
  EXPECT_EQ(CreateTable("orders").code(), api::TABLE_EXISTS);
  Restart();
  EXPECT_EQ(DeleteTable("orders").table().state(), api::DELETING);
  EXPECT_EQ(DeleteTable("orders").code(), api::OK);  // Again.
  EXPECT_EQ(CreateTable("orders").code(), api::TABLE_BUSY);
  Settle(1, api::ACTIVE);  // Late: it is no longer being created.
  EXPECT_EQ(Map().tables(0).state(), api::DELETING);
  Settle(1, api::DELETING);
  EXPECT_EQ(Map().tables_size(), 0);
  Settle(1, api::DELETING);
  EXPECT_EQ(DeleteTable("orders").code(), api::TABLE_NOT_FOUND);
  Restart();
  EXPECT_EQ(CreateTable("orders").table().space(), 2u);  // Never space 1 again.
}

TEST_F(StateMeta, ABadTableIsInvalid) {
  EXPECT_EQ(CreateTable("x").code(), api::INVALID);
  EXPECT_EQ(CreateTable("a space").code(), api::INVALID);
}

TEST_F(StateMeta, TablesHaveALimit) {
  for (int i = 0; i < kTablesLimit; ++i) {
    command::Command command;
    *command.mutable_create_table()->mutable_table() = TableOf("table" + std::to_string(i), 0);
    log_.Append(command);
  }
  EXPECT_EQ(replica_->Apply(log_).code(), api::OK);
  command::Outcome refused = CreateTable("one-more");
  EXPECT_EQ(refused.code(), api::INVALID);
  EXPECT_NE(refused.message().find("1000"), std::string::npos);
}

TEST_F(StateMeta, ANodeKeepsItsIdByItsIncarnation) {
  EXPECT_EQ(Register("second", "a:1").id(), 2u);
  const uint64_t version = Map().version();
  EXPECT_EQ(Register("second", "a:1").id(), 2u);
  EXPECT_EQ(Map().version(), version);
  EXPECT_EQ(Register("second", "a:2").id(), 2u);
  EXPECT_EQ(Map().nodes(1).peer_address(), "a:2");
  EXPECT_EQ(Register("third", "a:3").id(), 3u);
  Restart();
  EXPECT_EQ(Register("second", "a:4", 2).id(), 2u);
  EXPECT_EQ(Register("first", "a:5", 1).id(), 1u);
  EXPECT_EQ(Register("fourth", "a:6").id(), 4u);
}

TEST_F(StateMeta, ANodeOfAnotherIncarnationIsRefused) {
  EXPECT_EQ(Register("imposter", "a:1", 1).code(), api::INVALID);
  EXPECT_EQ(Register("second", "a:1", 7).code(), api::INVALID);
  EXPECT_EQ(Register("", "a:1").code(), api::INVALID);
  EXPECT_EQ(Map().nodes_size(), 1);
}

TEST_F(StateMeta, ReplicaIdsAreNeverReusedAcrossGroups) {
  Register("second", "a:2");
  EXPECT_EQ(Issue(1, 2).id(), 4u);
  EXPECT_EQ(Issue(2, 2).id(), 5u);
  EXPECT_EQ(Issue(1, 2).id(), 4u);  // The same unfinished addition.
  Restart();
  EXPECT_EQ(Issue(1, 2).id(), 4u);
  api::GroupDescriptor descriptor = Map().groups(1);
  descriptor.set_epoch(2);
  Report(descriptor);
  EXPECT_EQ(Issue(1, 2).id(), 6u);
  EXPECT_EQ(Issue(2, 2).id(), 5u);
  EXPECT_EQ(Issue(9, 2).code(), api::INVALID);
  EXPECT_EQ(Issue(1, 9).code(), api::INVALID);
}

TEST_F(StateMeta, OnlyANewerDescriptorIsTaken) {
  api::GroupDescriptor descriptor = Map().groups(1);
  descriptor.set_epoch(5);
  descriptor.set_leader_node(1);
  descriptor.add_voters()->set_replica(77);
  Report(descriptor);
  EXPECT_EQ(Map().groups(1).epoch(), 5u);
  EXPECT_EQ(Map().groups(1).voters_size(), 2);
  EXPECT_EQ(Map().groups(1).leader_node(), 0u);  // A hint is no state.
  const uint64_t version = Map().version();
  EXPECT_EQ(version, log_.last());
  descriptor.set_epoch(4);
  descriptor.clear_voters();
  EXPECT_EQ(Report(descriptor).code(), api::OK);
  EXPECT_EQ(Map().groups(1).voters_size(), 2);
  EXPECT_EQ(Map().version(), version);
  descriptor.set_group(9);
  EXPECT_EQ(Report(descriptor).code(), api::INVALID);
}

TEST_F(StateMeta, MetasOwnMembersReachItsMap) {
  raft::Configuration configuration{{{1, 1}, {9, 2}}, {}, {}};
  log_.Append(raft::EntryKind::kConfiguration, raft::EncodeConfiguration(configuration));
  replica_->Apply(log_);
  EXPECT_EQ(Map().groups(0).voters_size(), 2);
  EXPECT_EQ(Map().groups(0).epoch(), 2u);
  EXPECT_EQ(Map().groups(0).first_bucket(), 1u);
  EXPECT_EQ(Map().groups(0).last_bucket(), 0u);
  EXPECT_EQ(Map().version(), log_.last());
  EXPECT_EQ(replica_->machine().descriptor().SerializeAsString(),
            Map().groups(0).SerializeAsString());
  Restart();
}

TEST_F(StateMeta, ListenersHearOfTheMapsChangesOnly) {
  const int changes = replica_->catalog_changes;
  CreateTable("orders");
  EXPECT_EQ(replica_->catalog_changes, changes + 1);
  CreateTable("orders");
  Issue(1, 1);
  EXPECT_EQ(replica_->catalog_changes, changes + 1);
}

TEST_F(StateMeta, MetaHoldsNoItems) {
  log_.SetTable(TableOf("orders", 1));
  EXPECT_EQ(replica_->Apply(log_).code(), api::INVALID);
  log_.Append(PutOf(I({{"pk", S("a")}})));
  EXPECT_EQ(replica_->Apply(log_).code(), api::TABLE_NOT_FOUND);
}

// ------------------------------------------------------- tables that change

class StateMetaUpdates : public StateMeta {
 protected:
  StateMetaUpdates() {
    space_ = CreateTable("orders").table().space();
    Settle(space_, api::ACTIVE);
  }
  command::Outcome Change(const std::function<void(api::UpdateTableRequest&)>& fill) {
    command::Command command;
    command.mutable_update_table()->mutable_change()->set_name("orders");
    fill(*command.mutable_update_table()->mutable_change());
    return Run(command);
  }
  command::Outcome Ttl(const std::string& attribute) {
    return Change([&](auto& change) { change.mutable_ttl()->set_attribute(attribute); });
  }
  command::Outcome Protect(bool on) {
    return Change([&](auto& change) { change.set_deletion_protection(on); });
  }
  command::Outcome Tag(const std::vector<std::pair<std::string, std::string>>& tags) {
    return Change([&](auto& change) {
      for (const auto& [key, value] : tags) {
        api::Tag& tag = *change.mutable_tag()->add_tags();
        tag.set_key(key);
        tag.set_value(value);
      }
    });
  }
  command::Outcome SettleRevision(uint64_t revision) {
    command::Command command;
    command.mutable_table_settled()->set_space(space_);
    command.mutable_table_settled()->set_state(api::ACTIVE);
    command.mutable_table_settled()->set_revision(revision);
    return Run(command);
  }
  const api::Table& Table() { return replica_->machine().map().tables(0); }
  std::string Tags() {
    std::string text;
    for (const api::Tag& tag : replica_->machine().tags(space_).tags()) {
      text += tag.key() + "=" + tag.value() + ";";
    }
    return text;
  }

  uint32_t space_ = 0;
};

TEST_F(StateMetaUpdates, AProtectedTableIsNotDeleted) {
  EXPECT_EQ(Protect(true).code(), api::OK);
  const uint64_t version = replica_->machine().map().version();
  EXPECT_EQ(Protect(true).code(), api::OK) << "a repeat";
  EXPECT_EQ(replica_->machine().map().version(), version);
  command::Outcome refused = DeleteTable("orders");
  EXPECT_EQ(refused.code(), api::INVALID);
  EXPECT_EQ(Table().state(), api::ACTIVE);
  EXPECT_EQ(Protect(false).code(), api::OK);
  EXPECT_EQ(DeleteTable("orders").code(), api::OK);
  EXPECT_EQ(Table().state(), api::DELETING);
  EXPECT_EQ(Protect(true).code(), api::TABLE_BUSY);
}

TEST_F(StateMetaUpdates, AnotherTtlAttributeIsUpdatingUntilItsOwnRevisionIsSettled) {
  EXPECT_EQ(Ttl("ttl").code(), api::OK) << "as it is";
  EXPECT_EQ(Table().state(), api::ACTIVE);
  const command::Outcome changed = Ttl("until");
  EXPECT_EQ(changed.code(), api::OK);
  EXPECT_EQ(changed.table().state(), api::UPDATING);
  EXPECT_EQ(changed.table().revision(), 1u);
  EXPECT_EQ(Ttl("until").code(), api::OK) << "a repeat";
  EXPECT_EQ(Ttl("other").code(), api::TABLE_BUSY);
  EXPECT_EQ(DeleteTable("orders").code(), api::TABLE_BUSY);
  EXPECT_EQ(CreateTable("orders").code(), api::TABLE_EXISTS);
  Settle(space_, api::ACTIVE);  // Late, of its creation.
  EXPECT_EQ(Table().state(), api::UPDATING);
  EXPECT_EQ(Protect(true).code(), api::OK) << "what groups need not know goes on";
  SettleRevision(1);
  EXPECT_EQ(Table().state(), api::ACTIVE);
  EXPECT_EQ(Ttl("").table().revision(), 2u);
  SettleRevision(1);
  EXPECT_EQ(Table().state(), api::UPDATING);
  EXPECT_EQ(Ttl(std::string(256, 'x')).code(), api::TABLE_BUSY);
  SettleRevision(2);
  EXPECT_EQ(Ttl(std::string(256, 'x')).code(), api::INVALID);
  EXPECT_EQ(Table().state(), api::ACTIVE);
}

TEST_F(StateMetaUpdates, TagsAreAddedChangedTakenAndSurviveARestart) {
  EXPECT_EQ(Tag({{"team", "red"}, {"cost", ""}}).code(), api::OK);
  EXPECT_EQ(Tag({{"team", "blue"}}).table().tags_size(), 2);
  EXPECT_EQ(Tags(), "cost=;team=blue;");
  EXPECT_EQ(Table().tags_size(), 0) << "the map has none";
  const command::Outcome untagged = Change([](auto& change) {
    change.mutable_untag()->add_keys("cost");
    change.mutable_untag()->add_keys("none");
  });
  EXPECT_EQ(untagged.code(), api::OK);
  replica_->Flush();
  replica_->Crash();
  EXPECT_EQ(Tags(), "team=blue;");
  DeleteTable("orders");
  Settle(space_, api::DELETING);
  EXPECT_EQ(Tags(), "");
}

TEST_F(StateMetaUpdates, TagsKeepDynamoDbsLimits) {
  const std::string umlauts = [] {
    std::string text;
    for (int i = 0; i < 128; ++i) text += "\xc3\xa4";
    return text;
  }();
  EXPECT_EQ(Tag({{umlauts, umlauts + umlauts}}).code(), api::OK) << "characters, not bytes";
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"", "v"},
                                                        {std::string(129, 'k'), "v"},
                                                        {"k", std::string(257, 'v')},
                                                        {"aws:k", "v"},
                                                        {"k", "AWS:v"},
                                                        {"k!", "v"}}) {
    EXPECT_EQ(Tag({{key, value}}).code(), api::INVALID) << key << "=" << value;
  }
  EXPECT_EQ(Tag({{"a", "1"}, {"a", "2"}}).code(), api::INVALID);
  std::vector<std::pair<std::string, std::string>> more;
  for (int i = 0; i < 49; ++i) more.push_back({"k" + std::to_string(i), "v"});
  EXPECT_EQ(Tag(more).code(), api::OK);
  EXPECT_EQ(replica_->machine().tags(space_).tags_size(), 50);
  EXPECT_EQ(Tag({{"one more", "v"}}).code(), api::INVALID);
  EXPECT_EQ(Tag({{"k7", "w"}}).code(), api::OK) << "not one more";
  EXPECT_EQ(replica_->machine().tags(space_).tags_size(), 50);
}

TEST_F(StateMetaUpdates, ATableIsCreatedWithTagsAndProtection) {
  command::Command command;
  api::Table& table = *command.mutable_create_table()->mutable_table();
  table = TableOf("tagged", 0);
  table.set_deletion_protection(true);
  table.add_tags()->set_key("k");
  const command::Outcome made = Run(command);
  EXPECT_EQ(made.table().tags_size(), 1);
  EXPECT_EQ(replica_->machine().tags(made.table().space()).tags_size(), 1);
  Settle(made.table().space(), api::ACTIVE);
  EXPECT_EQ(DeleteTable("tagged").code(), api::INVALID);
}

TEST_F(StateMetaUpdates, NoTableNoChange) {
  EXPECT_EQ(Change([](auto&) {}).code(), api::INVALID);
  EXPECT_EQ(Change([](auto& change) {
              change.set_name("nowhere");
              change.set_deletion_protection(true);
            }).code(),
            api::TABLE_NOT_FOUND);
}

}  // namespace
}  // namespace fastpath::partition::testing
