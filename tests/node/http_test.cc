#include "node/io/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/node/loopback.h"

namespace fastpath::node {
namespace {

using ::testing::HasSubstr;
using testing::RawClient;
using testing::RunUntil;
using ::testing::StartsWith;

class HttpTest : public ::testing::Test {
 protected:
  HttpTest() { address_ = *server_.Listen("127.0.0.1:0"); }

  std::string Ask(const std::string& bytes) {
    RawClient client(address_);
    client.Send(bytes);
    EXPECT_TRUE(RunUntil(executor_, [&] { return client.Ended(); }));
    return client.received();
  }

  AsioExecutor executor_;
  HttpServer server_{&executor_, [](const std::string& path) {
                       if (path == "/there") return HttpAnswer{200, "text/plain", "hello\n"};
                       return HttpAnswer{404, "text/plain", "no such page\n"};
                     }};
  std::string address_;
};

TEST_F(HttpTest, AnswersAndCloses) {
  const std::string answer = Ask("GET /there?x=1 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 6\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nhello\n"));
}

TEST_F(HttpTest, OtherPathsAndMethodsAreRefused) {
  EXPECT_THAT(Ask("GET /other HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Ask("POST /there HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 405"));
}

TEST_F(HttpTest, RubbishIsABadRequest) {
  EXPECT_THAT(Ask("\x01\x02\x03 rubbish\r\n\r\n"), StartsWith("HTTP/1.1 400"));
}

TEST_F(HttpTest, EndlessHeadersAreCutOff) {
  const std::string answer =
      Ask("GET /there HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n");
  // The rest is unread when the connection ends, so the answer may be lost to a reset.
  EXPECT_THAT(answer, ::testing::AnyOf("", StartsWith("HTTP/1.1 431")));
}

}  // namespace
}  // namespace fastpath::node
