// Small parts of which the primitives are made: operations out of operations, and
// what they read in items. Pure; threads as Operation's.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "client/client.h"

namespace fastpath::client::internal {

// `read(result)` makes a Result<U> of the operation's.
template <class U, class T, class Read>
Operation<U> Then(Operation<T> operation, Read read) {
  return Operation<U>([operation = std::move(operation),
                       read = std::move(read)](typename Operation<U>::Callback done) mutable {
    std::move(operation).Then([read = std::move(read), done = std::move(done)](
                                  Result<T> result) mutable { done(read(std::move(result))); });
  });
}

// Ends as what the client itself finds no request: INVALID, and nothing is sent.
template <class U>
Operation<U> Refused(Client& client, const absl::Status& why) {
  return Then<U>(client.Get(Key("", ""), GetOptions().Projection({Path(api::Path(), why)})),
                 [](Result<GetAnswer> refused) -> Result<U> { return refused.failure(); });
}

// A name as it is, also with dots.
inline Path Named(const std::string& attribute) { return Path{Path::Step(attribute)}; }

// Of a delete on condition that something is still ours.
Result<bool> WhetherOurs(const Result<WriteAnswer>& deleted);
// Empty if there is no such text.
std::string TextAt(const Item& item, const std::string& attribute);
// 0 if there is no such integer.
int64_t IntegerAt(const Item& item, const std::string& attribute);

}  // namespace fastpath::client::internal
