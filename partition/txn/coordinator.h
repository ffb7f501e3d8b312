// Takes one transaction over several groups through its steps (DESIGN 5 "Transactions"):
//
//   Begin at its place (the record is PENDING, that group's items are held)
//     -> Prepare in every other group, in parallel
//     -> Decide at the place: COMMITTED if all are prepared, else ABORTED
//     -> Resolve in every other group -> the client's answer -> Forget at the place
//
// A pure state machine: events in, what to do next out. Whoever drives it proposes steps
// where they belong, repeats a Prepare or Resolve whose answer is lost (they may be applied
// twice), and gives up with the leadership of the place: the next leader adopts the record.
// No clock, thread or message in it. Value type.
#pragma once

#include <cstddef>
#include <vector>

#include "partition/api.pb.h"
#include "partition/command.pb.h"

namespace fastpath::partition {

class TransactCoordinator {
 public:
  enum class Do { kBegin, kPrepare, kDecide, kResolve, kAnswer, kForget };
  struct Action {
    Do what = Do::kBegin;
    size_t part = 0;  // kPrepare, kResolve: the group's.
    bool operator==(const Action&) const = default;
  };
  using Actions = std::vector<Action>;

  // `own`: places in the request of the items at the record's group; `parts`: of each other
  // group's, at least one.
  TransactCoordinator(std::vector<int> own, std::vector<std::vector<int>> parts);
  // One whose driver is gone, from its record: to be ended, or to be finished.
  static TransactCoordinator Adopt(command::TransactState state, size_t parts);

  Actions Start();
  // `outcome` of its Begin, which was applied.
  Actions Begun(const command::Outcome& outcome);
  // Of a part's Prepare, or OVERLOADED for a group that cannot be reached in time.
  Actions Prepared(size_t part, const command::Outcome& outcome);
  // Its time is over: what is not decided is aborted.
  Actions Expired();
  // The state that the record says after Decide.
  Actions Decided(command::TransactState state);
  // The part's group has applied its Resolve.
  Actions Resolved(size_t part, const api::GroupStamp& stamp);

  // Of kDecide and kResolve.
  bool commit() const { return commit_; }
  // Of kDecide and kAnswer: what the client is told. The code is the answer's.
  api::Code code() const { return code_; }
  const std::string& message() const { return message_; }
  const api::TransactWriteResult& result() const { return result_; }
  // The client may be told OK, though not everywhere can it be read yet without asking.
  bool committed() const { return stage_ == Stage::kResolving && commit_; }
  bool done() const { return stage_ == Stage::kDone; }

 private:
  enum class Stage { kNew, kBeginning, kPreparing, kDeciding, kResolving, kDone };

  Actions End(const command::Outcome& outcome);
  Actions Finish(command::TransactState state);
  Actions DecideIfReady();
  void Take(const std::vector<int>& items, const command::Outcome& outcome);
  void SetCode();

  std::vector<int> own_;
  std::vector<std::vector<int>> parts_;
  Stage stage_ = Stage::kNew;
  bool adopted_ = false;
  bool recorded_ = false;  // There is a record, to be forgotten.
  bool commit_ = true;
  api::Code code_ = api::OK;
  std::string message_;
  api::TransactWriteResult result_;
  std::vector<bool> waiting_;  // For the part's answer of this stage.
  size_t missing_ = 0;
};

}  // namespace fastpath::partition
