// The gateway on scripted nodes and simulated time: requests as JSON in, what
// reached the nodes and what was answered out.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "node/gateway/gateway.h"
#include "partition/model/codec.h"
#include "partition/model/json.h"
#include "tests/client/sim.h"

namespace fastpath::node::gateway {

class GatewayTest : public testing::Test {
 protected:
  using SimWorld = client::internal::SimWorld;

  GatewayTest() {
    api::Table& table = *world.map.mutable_tables(0);  // "things": id S.
    table.set_name("things");
    api::Table& sorted = *world.map.add_tables();
    sorted.set_name("sorted");
    sorted.mutable_partition_key()->set_name("id");
    sorted.mutable_partition_key()->set_type(api::S);
    sorted.mutable_sort_key()->set_name("at");
    sorted.mutable_sort_key()->set_type(api::N);
    sorted.set_state(api::ACTIVE);
  }

  // A gateway that asks for no signatures.
  std::unique_ptr<Gateway> Make() {
    GatewayOptions options;
    options.endpoints = {"node1:1"};
    options.keys = std::nullopt;
    return std::make_unique<Gateway>(std::move(options), world.ports());
  }

  static HttpRequest RequestOf(const std::string& operation, const std::string& body) {
    HttpRequest request;
    request.method = "POST";
    request.target = "/";
    request.headers = {{"host", "here:8000"},
                       {"x-amz-target", "DynamoDB_20120810." + operation},
                       {"content-type", "application/x-amz-json-1.0"}};
    request.body = body;
    return request;
  }

  // The answer, given `within` to come.
  std::optional<HttpResponse> Send(Gateway& to, const HttpRequest& request,
                                   client::internal::Micros within = 60'000'000) {
    auto answer = std::make_shared<std::optional<HttpResponse>>();
    to.Serve(request, [answer](HttpResponse response) {
      EXPECT_FALSE(answer->has_value()) << "answered twice";
      *answer = std::move(response);
    });
    world.RunFor(within);
    return *answer;
  }
  HttpResponse Ask(const std::string& operation, const std::string& body) {
    auto answer = Send(*gateway, RequestOf(operation, body));
    EXPECT_TRUE(answer.has_value()) << operation << " " << body;
    return answer.value_or(HttpResponse{.status = 0});
  }
  // What the last request was that reached a node.
  const api::Request& Last() const { return world.seen.back().request; }

  SimWorld world;
  std::unique_ptr<Gateway> gateway = Make();
};

}  // namespace fastpath::node::gateway
