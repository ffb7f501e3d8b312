// Asks the seeds, and whom they name, for an identity in their cluster; goes on
// until it has one. Threads: the node's executor.
#pragma once

#include <functional>
#include <string>

#include "node/environment.h"
#include "node/lifetime.h"

namespace fastpath::node {

class Joiner {
 public:
  // `self` has incarnation and addresses. `done` runs once.
  Joiner(const Environment& environment, const api::Node& self,
         std::function<void(const peer::JoinResult&)> done);
  void Ask();

 private:
  void Answered(const std::string& address, absl::StatusOr<peer::Answer> answer);

  const Environment env_;
  const api::Node self_;
  std::function<void(const peer::JoinResult&)> done_;
  std::string redirect_;
  size_t turn_ = 0;
  std::string last_problem_;
  Lifetime lifetime_;
};

}  // namespace fastpath::node
