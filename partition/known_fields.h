// Whether this binary understands all of a message: a command with a field or
// an enumerator that it does not know must stop the group, not lose its meaning
// (DESIGN 3.4), and a request with one must not reach the log.
//
// Thread-safe: no state.
#pragma once

#include "partition/api.pb.h"
#include "partition/command.pb.h"

namespace fastpath::partition {

// What plain writes are made of is checked by hand; only trees and rare
// commands walk their descriptors.
bool FullyKnown(const command::Command& command);
bool FullyKnown(const api::WriteRequest& request);
// Any message, by reflection.
bool FullyKnownTree(const google::protobuf::Message& message);

}  // namespace fastpath::partition
