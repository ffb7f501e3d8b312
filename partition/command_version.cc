#include "partition/command_version.h"

namespace fastpath::partition {

namespace {

// Without what came with version 3.
bool IsFirstTable(const api::Table& table) {
  return !table.deletion_protection() && table.revision() == 0 && !table.has_ttl_change() &&
         table.tags().empty() && table.state() != api::UPDATING;
}

}  // namespace

bool OfItsVersion(const command::Command& command) {
  if (command.version() >= kTransactVersion) {
    return true;
  }
  if (command.version() >= kTableUpdateVersion) {
    return !command.has_transact();
  }
  switch (command.op_case()) {
    case command::Command::kPurge:
      return command.version() >= kPurgeVersion;
    case command::Command::kWrite:
      return !command.write().return_capacity() || command.version() >= kCapacityVersion;
    case command::Command::kUpdateTable:
    case command::Command::kRetime:
    case command::Command::kTransact:
      return false;
    case command::Command::kSetTable:
      return IsFirstTable(command.set_table().table());
    case command::Command::kCreateTable:
      return IsFirstTable(command.create_table().table());
    case command::Command::kTableSettled:
      return command.table_settled().revision() == 0 &&
             command.table_settled().state() != api::UPDATING;
    default:
      return true;
  }
}

}  // namespace fastpath::partition
