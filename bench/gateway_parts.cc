// What one request of DynamoDB's JSON API costs the gateway, part by part: HTTP, signature,
// JSON in, JSON out. A PutItem and a GetItem of 256 B, as an SDK sends them.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "node/gateway/http_stream.h"
#include "node/gateway/operations.h"
#include "node/gateway/signature.h"
#include "node/gateway/sigv4.h"
#include "node/gateway/values.h"
#include "partition/model/codec.h"

namespace fastpath::node::gateway {
namespace {

constexpr char kAccessKey[] = "AKIDEXAMPLE";
constexpr char kSecret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr int64_t kNow_s = 1'440'938'160;
constexpr size_t kValueBytes = 256;

class Repeating : public client::internal::Random {
 public:
  uint64_t Next() override { return state_ = state_ * 6364136223846793005 + 1; }

 private:
  uint64_t state_ = 1;
};

std::string ItemJson() {
  std::string value;
  Repeating random;
  while (value.size() < kValueBytes) value += static_cast<char>('a' + (random.Next() >> 33) % 26);
  return R"({"id":{"S":"key000001234"},"v":{"S":")" + value + R"("}})";
}

std::string PutBody() { return R"({"TableName":"bench","Item":)" + ItemJson() + "}"; }

HttpRequest Signed() {
  HttpRequest request;
  request.method = "POST";
  request.target = "/";
  request.body = PutBody();
  const std::string time = BasicTime(kNow_s);
  request.headers = {{"host", "127.0.0.1:7403"},
                     {"content-type", "application/x-amz-json-1.0"},
                     {"x-amz-target", "DynamoDB_20120810.PutItem"},
                     {"x-amz-date", time},
                     {"amz-sdk-invocation-id", "0d1f4c2e-7f1b-4d2a-9d0b-1d7f5d1c2b3a"},
                     {"user-agent", "bench"}};
  const std::vector<std::string_view> names = {"content-type", "host", "x-amz-date",
                                               "x-amz-target"};
  Hasher hasher;
  const Scope scope{std::string_view(time).substr(0, 8), "us-east-1", "dynamodb"};
  std::string body_hash, request_hash, signature;
  AppendHex(hasher.Sha256(request.body), body_hash);
  AppendHex(hasher.Sha256(CanonicalRequest(request, {}, names, body_hash)), request_hash);
  HmacKey key = SigningKey(hasher, kSecret, scope);
  AppendHex(hasher.Hmac(key, StringToSign(time, scope, request_hash)), signature);
  request.headers.emplace_back(
      "authorization",
      std::string("AWS4-HMAC-SHA256 Credential=") + kAccessKey + "/" + std::string(scope.date) +
          "/us-east-1/dynamodb/aws4_request, " +
          "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=" + signature);
  return request;
}

void Http(benchmark::State& state) {
  const HttpRequest request = Signed();
  std::string bytes = "POST / HTTP/1.1\r\n";
  for (const auto& [name, value] : request.headers) bytes += name + ": " + value + "\r\n";
  bytes += "content-length: " + std::to_string(request.body.size()) + "\r\n\r\n" + request.body;
  Repeating random;
  HttpEnvironment environment;
  environment.random = &random;
  HttpStream stream(&environment);
  std::vector<std::string_view> pieces;
  for (auto _ : state) {
    stream.Feed(bytes);
    const auto incoming = stream.Next();
    if (!incoming) return state.SkipWithError("the request is not whole");
    stream.Answer(incoming->number, {.body = "{}"});
    stream.Unsent(pieces);
    benchmark::DoNotOptimize(pieces.data());
    stream.Sent(stream.unsent_bytes());
  }
}
BENCHMARK(Http);

void Signature(benchmark::State& state) {
  const HttpRequest request = Signed();
  SignatureVerifier verifier(AccessKeys{{kAccessKey, kSecret}});
  for (auto _ : state) {
    const auto verified = verifier.Verify(request, kNow_s * 1'000'000);
    if (!std::holds_alternative<Caller>(verified)) return state.SkipWithError("refused");
  }
}
BENCHMARK(Signature);

void JsonIn(benchmark::State& state) {
  const std::string body = PutBody();
  dom::parser parser;
  for (auto _ : state) {
    dom::element parsed;
    if (parser.parse(body).get(parsed) != simdjson::SUCCESS || Check(parsed, PutItemShape())) {
      return state.SkipWithError("refused");
    }
    benchmark::DoNotOptimize(ReadEncodedItem(*Find(ObjectOf(parsed), "Item")));
  }
}
BENCHMARK(JsonIn);

void JsonOut(benchmark::State& state) {
  dom::parser parser;
  const std::string encoded = *ReadEncodedItem(parser.parse(ItemJson()));
  for (auto _ : state) {
    model::JsonWriter json;
    json.BeginObject().Name("Item");
    WriteItem(json, encoded);
    benchmark::DoNotOptimize(json.EndObject().Take());
  }
}
BENCHMARK(JsonOut);

}  // namespace
}  // namespace fastpath::node::gateway

BENCHMARK_MAIN();
