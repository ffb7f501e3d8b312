// Goes on from page to page of a query or a scan, to its end.
//
//   Pages pages(client, "log", ScanOptions().Limit(100));
//   while (!pages.done()) {
//     Result<Page> page = co_await pages.Next();
//     if (!page.ok()) break;  // Next() asks for the same page again.
//     ...
//   }
//
// Threads: one page at a time, each asked for after the last one has ended.
// Ownership: the client outlives it; an operation it gave may outlive it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/client.h"

namespace fastpath::client {

class Pages {
 public:
  Pages(Client& client, std::string table, Literal partition, QueryOptions options)
      : Pages([&client, table = std::move(table), partition = std::move(partition),
               options = std::move(options)](std::optional<Key> after) mutable {
          if (after) options.StartAfter(std::move(after));
          return client.Query(table, partition, options);
        }) {}
  Pages(Client& client, std::string table, ScanOptions options)
      : Pages([&client, table = std::move(table),
               options = std::move(options)](std::optional<Key> after) mutable {
          if (after) options.StartAfter(std::move(after));
          return client.Scan(table, options);
        }) {}

  bool done() const { return state_->done; }
  // Where Next() goes on: to be kept, and given as StartAfter another time.
  const std::optional<Key>& last_key() const { return state_->last_key; }

  Operation<Page> Next() {
    return Operation<Page>([page = ask_(state_->last_key), state = state_](auto callback) mutable {
      std::move(page).Then([state, callback = std::move(callback)](Result<Page> result) mutable {
        if (result.ok()) {
          state->last_key = result->last_key;
          state->done = !result->last_key;
        }
        callback(std::move(result));
      });
    });
  }

 private:
  struct State {
    std::optional<Key> last_key;
    bool done = false;
  };
  using Ask = std::function<Operation<Page>(std::optional<Key> after)>;
  explicit Pages(Ask ask) : ask_(std::move(ask)) {}

  Ask ask_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace fastpath::client
