// A connection's HTTP: whole, byte by byte and cut in two, any bytes give the same
// requests and answers; what is held is bounded by what was sent and the limits; a
// refused connection takes nothing more.
//
//   input := cut(2 bytes) bytes
#include <string>
#include <vector>

#include "node/gateway/http_stream.h"
#include "node/gateway/own_answers.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace fastpath;
using namespace fastpath::node::gateway;

class NoRandom : public client::internal::Random {
 public:
  uint64_t Next() override { return 0; }
};

HttpResponse AnswerOf(const HttpRequest& request) {
  if (AsksForHealth(request)) return HealthAnswer(request, true);
  if (IsPreflight(request)) return PreflightAnswer(request);
  return {.body = std::string(request.content())};
}

// A text of all that came in and went out.
std::string Hear(HttpEnvironment& environment, const std::vector<std::string_view>& pieces) {
  HttpStream stream(&environment);
  std::string heard;
  std::string answers;
  std::vector<std::string_view> unsent;
  for (const std::string_view piece : pieces) {
    stream.Feed(piece);
    while (const auto incoming = stream.Next()) {
      const HttpRequest& request = *incoming->request;
      FUZZ_CHECK(request.body.size() <= environment.limits.body_bytes);
      FUZZ_CHECK(request.inflated.size() <= environment.limits.inflated_bytes);
      FUZZ_CHECK(request.headers.size() <= environment.limits.headers);
      heard += request.method + request.target + request.body;
      for (const auto& [name, value] : request.headers) heard += name + ":" + value;
      stream.Answer(incoming->number, AnswerOf(request));
    }
    stream.Unsent(unsent);
    size_t bytes = 0;
    for (const auto part : unsent) bytes += part.size();
    FUZZ_CHECK(bytes == stream.unsent_bytes());
    for (const auto part : unsent) answers += part;
    stream.Sent(bytes);
    FUZZ_CHECK(stream.refused() == 0 || stream.finished());
  }
  // Whether a client is told to go on depends on whether it waited.
  const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  for (size_t at; (at = answers.find(go_on)) != std::string::npos;) answers.erase(at, go_on.size());
  return heard + answers + std::to_string(stream.refused());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static NoRandom random;
  static HttpEnvironment environment;
  environment.random = &random;
  environment.limits = {.header_bytes = 2048,
                        .headers = 20,
                        .target_bytes = 200,
                        .body_bytes = 4096,
                        .inflated_bytes = 8192,
                        .pipelined = 4,
                        .compressed_from_bytes = 64};
  std::string_view in = fuzz::AsText(data, size);
  size_t cut = fuzz::TakeShort(in);
  cut = std::min(cut, in.size());
  const std::string whole = Hear(environment, {in});
  FUZZ_CHECK(Hear(environment, {in.substr(0, cut), in.substr(cut)}) == whole);
  if (in.size() > 4096) return 0;
  std::vector<std::string_view> bytes;
  for (size_t i = 0; i < in.size(); ++i) bytes.push_back(in.substr(i, 1));
  FUZZ_CHECK(Hear(environment, bytes) == whole);
  return 0;
}
