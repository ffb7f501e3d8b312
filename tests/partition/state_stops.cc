// What stops a group: commands that this binary does not fully understand, and
// logs or rows that cannot be right (DESIGN 3.4).
#include "google/protobuf/descriptor.h"
#include "partition/known_fields.h"
#include "tests/partition/state_fixture.h"

namespace fastpath::partition::testing {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

class StateStops : public StateTest {
 protected:
  command::Command PutCommand(uint32_t version, Stamp stamp) {
    command::Command command;
    command.set_version(version);
    command.set_stamp(stamp);
    *command.mutable_write() = PutOf(I({{"pk", S("a")}}));
    command.mutable_write()->set_space(kSpace);
    *command.mutable_write()->mutable_session() = log_.NextSession();
    return command;
  }
  // Puts a good write before and after the bad entry: only the first counts.
  void ExpectStops(raft::EntryKind kind, const std::string& payload, absl::StatusCode code) {
    log_.Append(UpdateOf(S("n"), Add("n", 1)));
    log_.Append(kind, payload);
    log_.stamp += 1000;
    log_.Append(UpdateOf(S("n"), Add("n", 1)));
    absl::Status status = replica_->Apply(log_.After(replica_->machine().applied().index));
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(replica_->machine().applied().index, log_.last() - 2);
    EXPECT_EQ(ItemOf(replica_->Get(S("n")).result.item()), I({{"pk", S("n")}, {"n", N(1)}}));
    EXPECT_EQ(replica_->Apply(std::vector<raft::Entry>{log_.entries.back()}), status);
  }
  void ExpectStops(const command::Command& command, absl::StatusCode code) {
    ExpectStops(raft::EntryKind::kCommand, command.SerializeAsString(), code);
  }
};

TEST_F(StateStops, AnUnknownVersion) {
  ExpectStops(PutCommand(kCommandVersion + 1, log_.stamp + 10), absl::StatusCode::kUnimplemented);
}

TEST_F(StateStops, AFieldThatItsVersionDoesNotKnow) {
  command::Command command = PutCommand(kCapacityVersion - 1, log_.stamp + 10);
  command.mutable_write()->set_return_capacity(true);
  ExpectStops(command, absl::StatusCode::kUnimplemented);
}

TEST_F(StateStops, NoVersion) {
  ExpectStops(PutCommand(0, log_.stamp + 10), absl::StatusCode::kUnimplemented);
}

TEST_F(StateStops, AnUnknownOperation) {
  command::Command command = PutCommand(1, log_.stamp + 10);
  command.clear_write();
  command.GetReflection()->MutableUnknownFields(&command)->AddLengthDelimited(200, "new");
  ExpectStops(command, absl::StatusCode::kUnimplemented);
}

TEST_F(StateStops, NoOperation) {
  command::Command command = PutCommand(1, log_.stamp + 10);
  command.clear_write();
  ExpectStops(command, absl::StatusCode::kUnimplemented);
}

TEST_F(StateStops, AnUnknownEnumerator) {
  command::Command command = PutCommand(1, log_.stamp + 10);
  command.mutable_write()->mutable_put()->set_return_values(static_cast<api::ReturnValues>(77));
  ExpectStops(command, absl::StatusCode::kUnimplemented);
}

// What came with version 3, in a command of version 2.
TEST_F(StateStops, ACommandOrFieldThatItsVersionDoesNotKnow) {
  std::vector<command::Command> commands(4);
  commands[0].mutable_retime()->set_space(kSpace);
  commands[1].mutable_set_table()->mutable_table()->set_revision(1);
  commands[2].mutable_create_table()->mutable_table()->add_tags();
  commands[3].mutable_table_settled()->set_revision(1);
  for (command::Command& command : commands) {
    SCOPED_TRACE(command.ShortDebugString());
    command.set_version(kTableUpdateVersion - 1);
    command.set_stamp(log_.stamp + 10);
    replica_ = Replica::Bootstrapped(DescriptorOf(1));
    log_ = Log();
    log_.SetTable(TableOf(kTable, kSpace));
    replica_->Apply(log_);
    ExpectStops(command, absl::StatusCode::kUnimplemented);
  }
}

// What came with version 4, in a command of version 3.
TEST_F(StateStops, ATransactionBeforeItsVersion) {
  command::Command command;
  command.set_version(kTransactVersion - 1);
  command.set_stamp(log_.stamp + 10);
  command.mutable_transact()->mutable_forget();
  ExpectStops(command, absl::StatusCode::kUnimplemented);
}

TEST_F(StateStops, ACheckThatIsNoTransactions) {
  command::Command command = PutCommand(kCommandVersion, log_.stamp + 10);
  command.mutable_write()->mutable_check();
  ExpectStops(command, absl::StatusCode::kUnimplemented);
}

TEST_F(StateStops, AClusterVersionThatIsNotKnown) {
  command::Command command = PutCommand(1, log_.stamp + 10);
  command.mutable_set_version()->set_version(kCommandVersion + 1);
  ExpectStops(command, absl::StatusCode::kUnimplemented);
}

TEST_F(StateStops, ACommandThatDoesNotParse) {
  ExpectStops(raft::EntryKind::kCommand, "rubbish", absl::StatusCode::kDataLoss);
}

TEST_F(StateStops, AConfigurationThatDoesNotParse) {
  ExpectStops(raft::EntryKind::kConfiguration, "rubbish", absl::StatusCode::kDataLoss);
}

TEST_F(StateStops, AStampThatDoesNotGrow) {
  // The good write before it has the next stamp: equal is not above.
  ExpectStops(PutCommand(1, log_.stamp + 1), absl::StatusCode::kDataLoss);
}

TEST_F(StateStops, AnItemRowThatIsNone) {
  Run(PutOf(I({{"pk", S("a")}})));
  std::string key;
  for (const storage::KeyValue& row : replica_->Rows()) {
    if (row.first[0] == static_cast<char>(storage::KeyKind::kData)) {
      key = row.first;
    }
  }
  storage::WriteBatch batch;
  batch.Put(key, "\x02 another format");
  replica_->Write(std::move(batch));
  log_.Append(UpdateOf(S("a"), Add("n", 1)));
  EXPECT_TRUE(absl::IsDataLoss(replica_->Apply(log_.After(replica_->machine().applied().index))));
}

// Every message type that a command can hold, each by one way to it out of each operation and
// each step of a transaction: those look after their own.
void ForEveryMessage(const std::function<void(command::Command&, Message*)>& check) {
  std::set<std::pair<std::string, const google::protobuf::Descriptor*>> seen;
  using Way = std::vector<const FieldDescriptor*>;
  std::function<void(const google::protobuf::Descriptor*, Way)> visit =
      [&](const google::protobuf::Descriptor* type, Way way) {
        std::string from;
        for (size_t i = 0; i < std::min<size_t>(way.size(), 2); ++i) from += way[i]->name() + ".";
        // Refused wherever it stands: no way to it matters.
        if (from == "write.check." || !seen.emplace(from, type).second) {
          return;
        }
        command::Command command;
        Message* innermost = &command;
        for (const FieldDescriptor* field : way) {
          innermost = field->is_repeated()
                          ? innermost->GetReflection()->AddMessage(innermost, field)
                          : innermost->GetReflection()->MutableMessage(innermost, field);
        }
        check(command, innermost);
        for (int i = 0; i < type->field_count(); ++i) {
          if (type->field(i)->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
            Way longer = way;
            longer.push_back(type->field(i));
            visit(type->field(i)->message_type(), std::move(longer));
          }
        }
      };
  visit(command::Command::descriptor(), {});
  EXPECT_GT(seen.size(), 100u);
}

TEST(KnownFields, AnUnknownFieldIsFoundInEveryMessageOfACommand) {
  ForEveryMessage([](command::Command& command, Message* innermost) {
    EXPECT_TRUE(FullyKnown(command)) << command.DebugString();
    innermost->GetReflection()->MutableUnknownFields(innermost)->AddVarint(1000, 1);
    EXPECT_FALSE(FullyKnown(command)) << innermost->GetDescriptor()->full_name();
  });
}

TEST(KnownFields, AnUnknownEnumeratorIsFoundInEveryMessageOfACommand) {
  int enums = 0;
  ForEveryMessage([&](command::Command& command, Message* innermost) {
    for (int i = 0; i < innermost->GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor* field = innermost->GetDescriptor()->field(i);
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
        innermost->GetReflection()->SetEnumValue(innermost, field, 1000);
        EXPECT_FALSE(FullyKnown(command)) << field->full_name();
        ++enums;
      }
    }
  });
  EXPECT_GT(enums, 4);
}

}  // namespace
}  // namespace fastpath::partition::testing
