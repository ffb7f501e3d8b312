#include "partition/txn/coordinator.h"

#include <utility>

#include "partition/limits.h"
#include "partition/model/capacity.h"
#include "partition/txn/reasons.h"

namespace fastpath::partition {

using Action = TransactCoordinator::Action;

TransactCoordinator::TransactCoordinator(std::vector<int> own, std::vector<std::vector<int>> parts)
    : own_(std::move(own)), parts_(std::move(parts)) {}

TransactCoordinator TransactCoordinator::Adopt(command::TransactState state, size_t parts) {
  TransactCoordinator adopted({}, std::vector<std::vector<int>>(parts));
  adopted.adopted_ = true;
  adopted.recorded_ = true;
  adopted.commit_ = state == command::COMMITTED;
  adopted.stage_ = state == command::PENDING ? Stage::kDeciding : Stage::kResolving;
  return adopted;
}

TransactCoordinator::Actions TransactCoordinator::Start() {
  if (stage_ == Stage::kResolving) {
    return Finish(commit_ ? command::COMMITTED : command::ABORTED);
  }
  if (stage_ == Stage::kDeciding) {
    SetCode();
    return {{Do::kDecide}};
  }
  stage_ = Stage::kBeginning;
  return {{Do::kBegin}};
}

TransactCoordinator::Actions TransactCoordinator::Begun(const command::Outcome& outcome) {
  if (stage_ != Stage::kBeginning) {
    return {};
  }
  Take(own_, outcome);
  if (outcome.code() != api::OK || outcome.state() != command::PENDING || outcome.repeated()) {
    return End(outcome);
  }
  recorded_ = true;
  stage_ = Stage::kPreparing;
  waiting_.assign(parts_.size(), true);
  missing_ = parts_.size();
  if (expired_) {
    return Expired();
  }
  Actions actions;
  for (size_t part = 0; part < parts_.size(); ++part) {
    actions.push_back({Do::kPrepare, part});
  }
  return actions;
}

// Decided at its Begin, or before it.
TransactCoordinator::Actions TransactCoordinator::End(const command::Outcome& outcome) {
  code_ = outcome.code();
  message_ = outcome.message();
  // What is recorded is of the whole transaction, but of one that a conflict ended at its
  // Begin: that has its place's items only, which were taken.
  const int recorded = outcome.transact().reasons_size();
  if (outcome.repeated() && (recorded == 0 || recorded == result_.reasons_size())) {
    result_ = outcome.transact();
  }
  if (outcome.code() == api::OK && outcome.state() == command::PENDING) {
    code_ = api::NOT_READY;
    message_ = "the transaction is being finished";
    result_.clear_capacity();
  }
  if (code_ != api::TRANSACTION_CANCELLED) {
    result_.clear_reasons();
  }
  // An earlier try committed it. Whether its writes can be read everywhere is asked again.
  if (code_ == api::OK && !parts_.empty()) {
    return Finish(command::COMMITTED);
  }
  stage_ = Stage::kDone;
  return {{Do::kAnswer}};
}

TransactCoordinator::Actions TransactCoordinator::Prepared(size_t part,
                                                           const command::Outcome& outcome) {
  if (stage_ != Stage::kPreparing || !waiting_[part]) {
    return {};
  }
  waiting_[part] = false;
  --missing_;
  Take(parts_[part], outcome);
  return DecideIfReady();
}

TransactCoordinator::Actions TransactCoordinator::DecideIfReady() {
  if (missing_ > 0) {
    return {};
  }
  stage_ = Stage::kDeciding;
  SetCode();
  return {{Do::kDecide}};
}

TransactCoordinator::Actions TransactCoordinator::Expired() {
  expired_ = true;
  command::Outcome late;
  late.set_code(api::OVERLOADED);
  late.set_message("the item's group did not answer in time");
  Actions actions;
  for (size_t part = 0; part < parts_.size() && stage_ == Stage::kPreparing; ++part) {
    Actions next = Prepared(part, late);
    actions.insert(actions.end(), next.begin(), next.end());
  }
  return actions;
}

TransactCoordinator::Actions TransactCoordinator::Decided(command::TransactState state) {
  if (stage_ != Stage::kDeciding) {
    return {};
  }
  // Somebody else ended it.
  if (commit_ && state != command::COMMITTED) {
    commit_ = false;
    command::Outcome ended;
    ended.set_code(api::CONFLICT);
    ended.set_message("the transaction was ended by a request that met it");
    Take(own_, ended);
    for (const std::vector<int>& part : parts_) {
      Take(part, ended);
    }
    SetCode();
  }
  if (state == command::NO_TRANSACTION && !adopted_) {
    // Ended and forgotten, by who may have found it committed.
    code_ = api::UNKNOWN;
    message_ = "the transaction was ended by others, it is not known how";
    result_.clear_reasons();
  }
  return Finish(state);
}

// Resolves it in every group. The client need not wait for that if nothing is written.
TransactCoordinator::Actions TransactCoordinator::Finish(command::TransactState state) {
  commit_ = state == command::COMMITTED;
  stage_ = Stage::kResolving;
  waiting_.assign(parts_.size(), true);
  missing_ = parts_.size();
  Actions actions;
  if (!commit_ && !adopted_) {
    actions.push_back({Do::kAnswer});
  }
  for (size_t part = 0; part < parts_.size(); ++part) {
    actions.push_back({Do::kResolve, part});
  }
  return actions;
}

TransactCoordinator::Actions TransactCoordinator::Resolved(size_t part,
                                                           const api::GroupStamp& stamp) {
  if (stage_ != Stage::kResolving || !waiting_[part]) {
    return {};
  }
  waiting_[part] = false;
  *result_.add_stamps() = stamp;
  if (--missing_ > 0) {
    return {};
  }
  stage_ = Stage::kDone;
  Actions actions;
  if (commit_ && !adopted_) {
    actions.push_back({Do::kAnswer});
  }
  if (recorded_) {
    actions.push_back({Do::kForget});
  }
  return actions;
}

// What a group said of its items: reasons, if it refused them, and what they cost.
void TransactCoordinator::Take(const std::vector<int>& items, const command::Outcome& outcome) {
  size_t total = own_.size();
  for (const std::vector<int>& part : parts_) {
    total += part.size();
  }
  while (result_.reasons_size() < static_cast<int>(total)) {
    result_.add_reasons();
  }
  const auto& reasons = outcome.transact().reasons();
  for (size_t i = 0; i < items.size(); ++i) {
    api::TransactReason& reason = *result_.mutable_reasons(items[i]);
    if (i < static_cast<size_t>(reasons.size())) {
      reason = reasons[static_cast<int>(i)];
    } else if (outcome.code() != api::OK && reason.code() == api::OK) {
      reason.set_code(outcome.code());
      reason.set_message(outcome.message());
    }
    commit_ = commit_ && reason.code() == api::OK;
  }
  for (const api::Capacity& capacity : outcome.transact().capacity()) {
    model::AddCapacity(capacity, *result_.mutable_capacity());
  }
}

void TransactCoordinator::SetCode() {
  code_ = commit_ ? api::OK : api::TRANSACTION_CANCELLED;
  message_ = commit_ ? std::string() : std::string(kCancelledMessage);
  if (commit_) {
    result_.clear_reasons();
  } else {
    result_.clear_capacity();
    BoundItems(*result_.mutable_reasons());
  }
}

}  // namespace fastpath::partition
