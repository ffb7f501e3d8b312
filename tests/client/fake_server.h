// A server on a real loopback socket, in a thread of its own, that answers with
// a small in-memory store: enough to try the faces, the io folder and the command
// line without a cluster. One node, meta and one data group.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "partition/api.pb.h"

namespace fastpath::client {

class FakeServer {
 public:
  FakeServer();
  ~FakeServer();

  std::string address() const;
  // From now on `intercept` replaces the store's answer where it gives one.
  using Interceptor = std::function<bool(const api::Request&, api::Reply&)>;
  void Intercept(Interceptor intercept);
  // Closes every connection.
  void DropConnections();
  // Bytes are sent instead of the next answer.
  void AnswerOnceWith(std::string raw);
  size_t writes() const { return writes_; }

 private:
  struct Connection;
  void Accept();
  void Serve(std::shared_ptr<Connection> connection);
  api::Reply Answer(const api::Request& request);
  void Get(const api::GetRequest& get, api::GetResult& result);
  void Write(const api::WriteRequest& write, api::Reply& reply);
  api::TransactReason Write(const api::TransactItem& item);
  void Write(const api::TransactWriteRequest& transaction, api::Reply& reply);
  void Fill(api::Map& map);
  void Update(const api::UpdateTableRequest& update, api::Reply& reply);

  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread acceptor_;
  std::atomic<bool> stopping_{false};
  std::atomic<size_t> writes_{0};

  std::mutex mutex_;
  std::vector<std::shared_ptr<Connection>> connections_;
  Interceptor intercept_;
  std::string raw_;
  std::map<std::string, api::Table> tables_;
  std::map<std::string, std::string> items_;   // table + key -> encoded item
  std::map<std::string, std::string> tokens_;  // -> the items that it stands for
  uint64_t version_ = 0;
  uint64_t map_version_ = 1;
};

}  // namespace fastpath::client
