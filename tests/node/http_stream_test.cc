// HTTP of one connection, without sockets: what is read must not depend on how the bytes
// were cut, and what two readers could read differently is refused.
#include "node/gateway/http_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/gateway/own_answers.h"

namespace fastpath::node::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CountingRandom : public client::internal::Random {
 public:
  uint64_t Next() override { return next_ += 0x9e3779b97f4a7c15; }

 private:
  uint64_t next_ = 0;
};

// What a connection took in and gave out.
struct Heard {
  std::vector<HttpRequest> requests;
  std::string sent;
  int refused = 0;
  bool finished = false;
};

std::string Described(const Heard& heard) {
  std::string out;
  for (const HttpRequest& request : heard.requests) {
    out += request.method + " " + request.target + "\n";
    for (const auto& [name, value] : request.headers) out += name + "=" + value + "\n";
    out += request.body + "|" + request.inflated + "\n";
  }
  return out + heard.sent + std::to_string(heard.refused) + (heard.finished ? "f" : "o");
}

class HttpStreamTest : public ::testing::Test {
 protected:
  HttpStreamTest() { environment_.random = &random_; }

  static std::string TakeSent(HttpStream& stream) {
    std::vector<std::string_view> pieces;
    stream.Unsent(pieces);
    std::string sent;
    for (const auto piece : pieces) sent += piece;
    stream.Sent(sent.size());
    return sent;
  }

  // Feeds the pieces; each request is answered at once with "echo:" and its content.
  Heard Hear(const std::vector<std::string_view>& pieces) {
    random_ = {};
    HttpStream stream(&environment_);
    Heard heard;
    for (const std::string_view piece : pieces) {
      stream.Feed(piece);
      while (const auto incoming = stream.Next()) {
        heard.requests.push_back(*incoming->request);
        heard.requests.back().inflated = incoming->request->inflated;
        stream.Answer(incoming->number,
                      {.body = "echo:" + std::string(incoming->request->content())});
      }
      heard.sent += TakeSent(stream);
    }
    heard.refused = stream.refused();
    heard.finished = stream.finished();
    return heard;
  }

  // The same whole, byte by byte, and in two pieces cut at every place.
  Heard HearCut(const std::string& bytes) {
    const Heard whole = Hear({bytes});
    std::vector<std::string_view> each;
    for (size_t i = 0; i < bytes.size(); ++i) each.push_back(std::string_view(bytes).substr(i, 1));
    const std::string expected = Described(whole);
    EXPECT_EQ(Described(Hear(each)), expected) << "byte by byte";
    for (size_t cut = 1; cut < bytes.size() && cut < 2000; ++cut) {
      const std::string_view view = bytes;
      const std::string two = Described(Hear({view.substr(0, cut), view.substr(cut)}));
      EXPECT_EQ(two, expected) << "cut at " << cut;
      if (two != expected) break;
    }
    return whole;
  }

  void ExpectRefused(const std::string& bytes, int status) {
    const Heard heard = HearCut(bytes);
    EXPECT_EQ(heard.refused, status) << bytes;
    EXPECT_TRUE(heard.requests.empty()) << bytes;
    EXPECT_THAT(heard.sent, StartsWith("HTTP/1.1 " + std::to_string(status) + " ")) << bytes;
    EXPECT_THAT(heard.sent, HasSubstr("\r\nConnection: close\r\n")) << bytes;
    EXPECT_TRUE(heard.finished) << bytes;
  }

  CountingRandom random_;
  HttpEnvironment environment_;
};

std::string Post(const std::string& headers, const std::string& body = "") {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n" + body;
}

TEST_F(HttpStreamTest, ARequestWithALength) {
  const Heard heard = HearCut(
      "POST /p?q=%20 HTTP/1.1\r\nHost: h:1\r\nX-Amz-Target:  T.Op \t\r\ncontent-LENGTH: "
      "5\r\n\r\nhello");
  ASSERT_EQ(heard.requests.size(), 1u);
  const HttpRequest& request = heard.requests[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/p?q=%20");
  EXPECT_EQ(request.body, "hello");
  EXPECT_THAT(request.headers,
              ElementsAre(std::pair("host", "h:1"), std::pair("x-amz-target", "T.Op"),
                          std::pair("content-length", "5")));
  EXPECT_THAT(heard.sent, StartsWith("HTTP/1.1 200 OK\r\nx-amzn-RequestId: "));
  EXPECT_THAT(heard.sent, HasSubstr("\r\nContent-Type: application/x-amz-json-1.0\r\n"));
  EXPECT_THAT(heard.sent, HasSubstr("\r\nContent-Length: 10\r\n"));
  EXPECT_THAT(heard.sent, ::testing::EndsWith("\r\n\r\necho:hello"));
  EXPECT_THAT(heard.sent, Not(HasSubstr("Connection:")));
  EXPECT_THAT(heard.sent, Not(HasSubstr("Server:")));
  EXPECT_FALSE(heard.finished);
}

TEST_F(HttpStreamTest, TheRequestIdHas52LettersAndTheChecksumIsOfTheBody) {
  const Heard heard = Hear({Post("Content-Length: 9\r\n", "123456789")});
  EXPECT_THAT(heard.sent, ::testing::ContainsRegex("x-amzn-RequestId: [0-9A-Z]{52}\r\n"));
  EXPECT_THAT(heard.sent, HasSubstr("x-amz-crc32: " + std::to_string(Crc32("echo:123456789"))));
  EXPECT_EQ(Crc32("123456789"), 0xcbf43926u);  // The check value of CRC-32.
}

TEST_F(HttpStreamTest, ChunkedBodies) {
  const Heard heard = HearCut(Post("Transfer-Encoding: Chunked\r\n",
                                   "5\r\nhello\r\n1;a=b;c=\"d e\"\r\n \r\n00A\r\n0123456789\r\n"
                                   "0\r\nTrailer: gone\r\n\r\n") +
                              Post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n") +
                              Post("Content-Length: 1\r\n", "x"));
  ASSERT_EQ(heard.requests.size(), 3u);
  EXPECT_EQ(heard.requests[0].body, "hello 0123456789");
  EXPECT_EQ(heard.requests[0].headers.size(), 2u);  // Without the trailer.
  EXPECT_EQ(heard.requests[1].body, "");
  EXPECT_EQ(heard.requests[2].body, "x");
}

TEST_F(HttpStreamTest, PipelinedRequestsAreAnsweredInTheirOrder) {
  HttpStream stream(&environment_);
  stream.Feed(Post("") + Post("") + Post(""));
  std::vector<uint64_t> numbers;
  while (const auto incoming = stream.Next()) numbers.push_back(incoming->number);
  ASSERT_EQ(numbers.size(), 3u);
  stream.Answer(numbers[2], {.body = "third"});
  stream.Answer(numbers[1], {.body = "second"});
  EXPECT_EQ(TakeSent(stream), "");
  EXPECT_GT(stream.held_bytes(), 10u);
  stream.Answer(numbers[0], {.body = "first"});
  const std::string sent = TakeSent(stream);
  EXPECT_LT(sent.find("first"), sent.find("second"));
  EXPECT_LT(sent.find("second"), sent.find("third"));
}

TEST_F(HttpStreamTest, PipeliningIsBounded) {
  environment_.limits.pipelined = 2;
  HttpStream stream(&environment_);
  stream.Feed(Post("") + Post("") + Post(""));
  const auto first = stream.Next();
  ASSERT_TRUE(first);
  ASSERT_TRUE(stream.Next());
  EXPECT_FALSE(stream.Next());
  EXPECT_FALSE(stream.wants_input());
  stream.Answer(first->number, {});
  EXPECT_TRUE(stream.wants_input());
  EXPECT_TRUE(stream.Next());
}

TEST_F(HttpStreamTest, ConnectionsAreKeptOrClosedAsTheClientSays) {
  EXPECT_FALSE(HearCut(Post("")).finished);
  const Heard closed = HearCut(Post("Connection: Close\r\n") + Post(""));
  EXPECT_EQ(closed.requests.size(), 1u);  // What follows is not read.
  EXPECT_THAT(closed.sent, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_TRUE(closed.finished);
  const Heard old = HearCut("GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.requests.size(), 1u);
  EXPECT_TRUE(old.finished);
  const Heard kept = HearCut("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(kept.sent, HasSubstr("\r\nConnection: keep-alive\r\n"));
  EXPECT_FALSE(kept.finished);
}

TEST_F(HttpStreamTest, AnEmptyLineBeforeARequestIsForgivenOnce) {
  EXPECT_EQ(HearCut("\r\n" + Post("") + "\r\n" + Post("")).requests.size(), 2u);
  ExpectRefused("\r\n\r\n" + Post(""), 400);
}

TEST_F(HttpStreamTest, WhoWaitsIsToldToContinue) {
  HttpStream stream(&environment_);
  stream.Feed(Post("Expect: 100-Continue\r\nContent-Length: 2\r\n"));
  EXPECT_FALSE(stream.Next());
  EXPECT_EQ(TakeSent(stream), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_FALSE(stream.Next());
  stream.Feed("ab");
  const auto incoming = stream.Next();
  ASSERT_TRUE(incoming);
  EXPECT_EQ(incoming->request->body, "ab");
  EXPECT_EQ(TakeSent(stream), "");
}

TEST_F(HttpStreamTest, ContinueComesAfterTheAnswersBeforeIt) {
  HttpStream stream(&environment_);
  stream.Feed(Post("") + Post("Expect: 100-continue\r\nContent-Length: 2\r\n"));
  const auto first = stream.Next();
  ASSERT_TRUE(first);
  EXPECT_FALSE(stream.Next());
  EXPECT_EQ(TakeSent(stream), "");
  stream.Answer(first->number, {.body = "one"});
  EXPECT_THAT(TakeSent(stream), ::testing::EndsWith("oneHTTP/1.1 100 Continue\r\n\r\n"));
}

TEST_F(HttpStreamTest, WhoDoesNotWaitIsNotTold) {
  const Heard heard = Hear({Post("Expect: 100-continue\r\nContent-Length: 2\r\n", "ab")});
  EXPECT_THAT(heard.sent, Not(HasSubstr("100 Continue")));
  ExpectRefused(Post("Expect: miracles\r\nContent-Length: 2\r\n"), 417);
}

TEST_F(HttpStreamTest, CompressedBodies) {
  Compression compression;
  const std::string zipped = compression.Gzip("{\"a\":1}");
  const std::string length = std::to_string(zipped.size());
  const Heard heard =
      HearCut(Post("Content-Encoding: GZIP\r\nContent-Length: " + length + "\r\n", zipped));
  ASSERT_EQ(heard.requests.size(), 1u);
  EXPECT_EQ(heard.requests[0].body, zipped);  // As signed.
  EXPECT_EQ(heard.requests[0].content(), "{\"a\":1}");
  EXPECT_EQ(
      Hear({Post("Content-Encoding: identity\r\nContent-Length: 1\r\n", "x")}).sent.substr(9, 3),
      "200");
  ExpectRefused(Post("Content-Encoding: br\r\nContent-Length: 1\r\n", "x"), 415);
  ExpectRefused(Post("Content-Encoding: gzip, gzip\r\nContent-Length: " + length + "\r\n", zipped),
                415);
  ExpectRefused(
      Post("Content-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: " + length + "\r\n",
           zipped),
      415);
  ExpectRefused(Post("Content-Encoding: gzip\r\nContent-Length: 7\r\n", "rubbish"), 400);
  const std::string torn = zipped.substr(0, zipped.size() - 1);
  ExpectRefused(
      Post("Content-Encoding: gzip\r\nContent-Length: " + std::to_string(torn.size()) + "\r\n",
           torn),
      400);
  const std::string more = zipped + "more";
  ExpectRefused(
      Post("Content-Encoding: gzip\r\nContent-Length: " + std::to_string(more.size()) + "\r\n",
           more),
      400);
}

TEST_F(HttpStreamTest, AZipBombIsRefusedBeforeItIsLarge) {
  environment_.limits.inflated_bytes = 100'000;
  const std::string bomb = environment_.compression.Gzip(std::string(50'000'000, '0'));
  ASSERT_LT(bomb.size(), 300'000u);
  const Heard heard = Hear({Post(
      "Content-Encoding: gzip\r\nContent-Length: " + std::to_string(bomb.size()) + "\r\n", bomb)});
  EXPECT_EQ(heard.refused, 413);
  std::string out;
  EXPECT_EQ(environment_.compression.Inflate("gzip", bomb, 100'000, out),
            Compression::Inflated::kTooLarge);
  EXPECT_LE(out.size(), 100'001u);
  const std::string just = environment_.compression.Gzip(std::string(100'000, '0'));
  EXPECT_EQ(environment_.compression.Inflate("gzip", just, 100'000, out),
            Compression::Inflated::kOk);
}

TEST_F(HttpStreamTest, LargeAnswersAreCompressedForWhoAcceptsIt) {
  const std::string large(5000, 'a');
  auto answer = [&](const std::string& accepted, const std::string& body) {
    HttpStream stream(&environment_);
    stream.Feed(Post(accepted));
    stream.Answer(stream.Next()->number, {.body = body});
    return TakeSent(stream);
  };
  const std::string zipped = answer("Accept-Encoding: deflate, gzip;q=0.5\r\n", large);
  EXPECT_THAT(zipped, HasSubstr("\r\nContent-Encoding: gzip\r\n"));
  const std::string body = zipped.substr(zipped.find("\r\n\r\n") + 4);
  EXPECT_THAT(zipped, HasSubstr("\r\nContent-Length: " + std::to_string(body.size()) + "\r\n"));
  EXPECT_THAT(zipped, HasSubstr("\r\nx-amz-crc32: " + std::to_string(Crc32(body)) + "\r\n"));
  std::string out;
  EXPECT_EQ(environment_.compression.Inflate("gzip", body, 10'000, out),
            Compression::Inflated::kOk);
  EXPECT_EQ(out, large);
  EXPECT_THAT(answer("", large), HasSubstr(large));
  EXPECT_THAT(answer("Accept-Encoding: gzip;q=0\r\n", large), HasSubstr(large));
  EXPECT_THAT(answer("Accept-Encoding: identity\r\n", large), HasSubstr(large));
  EXPECT_THAT(answer("Accept-Encoding: gzip\r\n", "small"), HasSubstr("small"));
}

TEST_F(HttpStreamTest, LargeAnswersLeaveWholeInPieces) {
  HttpStream stream(&environment_);
  stream.Feed(Post("") + Post(""));
  const auto first = stream.Next()->number;
  const auto second = stream.Next()->number;
  const std::string large(100'000, 'b');
  stream.Answer(first, {.body = large});
  stream.Answer(second, {.body = "end"});
  std::string sent;
  std::vector<std::string_view> pieces;
  while (stream.unsent_bytes() > 0) {
    stream.Unsent(pieces);
    const std::string_view some = pieces.front().substr(0, 777);
    sent += some;
    stream.Sent(some.size());
  }
  EXPECT_THAT(sent, HasSubstr(large));
  EXPECT_THAT(sent, ::testing::EndsWith("\r\n\r\nend"));
}

TEST_F(HttpStreamTest, HeadHasNoBody) {
  const Heard heard = HearCut("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(heard.sent, HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_THAT(heard.sent, ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpStreamTest, PagesFromElsewhereSeeTheirAnswers) {
  EXPECT_THAT(Hear({Post("Origin: https://a.example\r\n")}).sent,
              HasSubstr("\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: "));
  EXPECT_THAT(Hear({Post("")}).sent, Not(HasSubstr("Access-Control")));
}

TEST_F(HttpStreamTest, DrainEndsWithTheLastRequestUnderWay) {
  HttpStream stream(&environment_);
  stream.Feed(Post("") + "POST / HT");
  const auto number = stream.Next()->number;
  EXPECT_FALSE(stream.Next());
  EXPECT_TRUE(stream.partial());
  stream.Drain();
  EXPECT_FALSE(stream.partial());
  EXPECT_FALSE(stream.finished());
  stream.Answer(number, {});
  EXPECT_THAT(TakeSent(stream), HasSubstr("Connection: close"));
  EXPECT_TRUE(stream.finished());
}

TEST_F(HttpStreamTest, ARefusalComesAfterWhatIsUnderWay) {
  HttpStream stream(&environment_);
  stream.Feed(Post("") + "rubbish\r\n\r\n");
  const auto number = stream.Next()->number;
  EXPECT_FALSE(stream.Next());
  EXPECT_EQ(stream.refused(), 400);
  EXPECT_EQ(TakeSent(stream), "");
  stream.Answer(number, {.body = "good"});
  const std::string sent = TakeSent(stream);
  EXPECT_LT(sent.find("good"), sent.find("HTTP/1.1 400"));
  EXPECT_TRUE(stream.finished());
}

TEST_F(HttpStreamTest, ItKnowsWhetherARequestIsUnfinished) {
  HttpStream stream(&environment_);
  EXPECT_FALSE(stream.Next());
  EXPECT_FALSE(stream.partial());
  EXPECT_EQ(stream.begun(), 0u);
  stream.Feed("P");
  EXPECT_FALSE(stream.Next());
  EXPECT_TRUE(stream.partial());
  EXPECT_EQ(stream.begun(), 1u);
  stream.Feed(Post("").substr(1));
  ASSERT_TRUE(stream.Next());
  EXPECT_FALSE(stream.Next());
  EXPECT_FALSE(stream.partial());
  stream.Feed("POST");
  EXPECT_FALSE(stream.Next());
  EXPECT_EQ(stream.begun(), 2u);
}

// ------------------------------------------------------------------- smuggling

TEST_F(HttpStreamTest, MoreThanOneLengthIsRefused) {
  ExpectRefused(Post("Content-Length: 1\r\nContent-Length: 2\r\n", "xx"), 400);
  ExpectRefused(Post("Content-Length: 1\r\nContent-Length: 1\r\n", "x"), 400);
  ExpectRefused(Post("Content-Length: 1, 1\r\n", "x"), 400);
  ExpectRefused(Post("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400);
  ExpectRefused(Post("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", "0\r\n\r\n"), 400);
}

TEST_F(HttpStreamTest, LengthsAreDigits) {
  for (const char* length : {"+1", "-1", "0x1", "1a", "", " ", "1 1", "1;", "\"1\"", "1.0",
                             "18446744073709551616", "99999999999999999999999"}) {
    ExpectRefused(Post(std::string("Content-Length: ") + length + "\r\n", "x"), 400);
  }
}

TEST_F(HttpStreamTest, TransferCodingsOtherThanChunkedAreRefused) {
  for (const char* coding : {"identity", "identity, chunked", "chunked, identity", "chunked, gzip",
                             "chunked, chunked", "chunked,", ",chunked", "", "chunked\x0b",
                             "\x0b"
                             "chunked"}) {
    ExpectRefused(Post(std::string("Transfer-Encoding: ") + coding + "\r\n", "0\r\n\r\n"), 400);
  }
  for (const char* coding : {"gzip", "gzip, chunked", "xchunked", "\"chunked\"", "chunked;q=1"}) {
    ExpectRefused(Post(std::string("Transfer-Encoding: ") + coding + "\r\n", "0\r\n\r\n"), 501);
  }
  ExpectRefused(Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400);
  ExpectRefused(Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400);
  ExpectRefused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
}

TEST_F(HttpStreamTest, BadChunksAreRefused) {
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  for (const char* body :
       {"x\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n....", "5\r\nhello0\r\n\r\n", "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n", "10000000000000000\r\nhello\r\n0\r\n\r\n",
        "5;\r\nhello\r\n0\r\n\r\n", "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n",
        "5;=b\r\nhello\r\n0\r\n\r\n", "0\r\nbad trailer\r\n\r\n", "0\r\nA: b\n\r\n\r\n"}) {
    ExpectRefused(Post(chunked, body), 400);
  }
  ExpectRefused(Post(chunked, "5;a=" + std::string(300, 'b') + "\r\nhello\r\n0\r\n\r\n"), 400);
  ExpectRefused(Post(chunked, std::string(5000, '0') + "5\r\nhello\r\n0\r\n\r\n"), 400);
  ExpectRefused(Post(chunked, "0\r\nA: " + std::string(5000, 'b') + "\r\n\r\n"), 400);
}

TEST_F(HttpStreamTest, TrailersChangeNothing) {
  const Heard heard = HearCut(
      Post("Transfer-Encoding: chunked\r\n", "1\r\nx\r\n0\r\nHost: other\r\nX-A: b\r\n\r\n"));
  ASSERT_EQ(heard.requests.size(), 1u);
  EXPECT_EQ(heard.requests[0].headers.size(), 2u);
}

TEST_F(HttpStreamTest, LinesThatOthersMayReadDifferentlyAreRefused) {
  const std::string start = "POST / HTTP/1.1\r\nHost: h\r\n";
  for (const std::string& head : {start + "A: b\r\n c\r\n\r\n",  // Folded.
                                  start + "A:\r\n\tb\r\n\r\n",   // Folded, with a tab.
                                  start + "A : b\r\n\r\n",       // Blank before the colon.
                                  start + "A\t: b\r\n\r\n",      //
                                  start + " A: b\r\n\r\n",       // Blank before the name.
                                  start + "A: b\nB: c\r\n\r\n",  // Bare LF.
                                  start + "A: b\rB: c\r\n\r\n",  // Bare CR.
                                  start + "A: b\r\r\n\r\n",      //
                                  start + "A: b\r\n\n",          // Ends with a bare LF.
                                  std::string("POST / HTTP/1.1\nHost: h\n\n"),  //
                                  start + "A\r\n\r\n",                          // No colon.
                                  start + ": b\r\n\r\n",                        // No name.
                                  start + "A(: b\r\n\r\n",         // Bytes that names do not have.
                                  start + "A\xc3\xa9: b\r\n\r\n",  //
                                  start + std::string("A\0B: c\r\n\r\n", 11),  // NUL.
                                  start + std::string("A: b\0c\r\n\r\n", 11),  //
                                  start + "A: b\x01\r\n\r\n",                  //
                                  start + "A: b\x7f\r\n\r\n",                  //
                                  std::string("POST /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 31)}) {
    ExpectRefused(head, 400);
  }
}

TEST_F(HttpStreamTest, ThereIsOneHost) {
  ExpectRefused("POST / HTTP/1.1\r\n\r\n", 400);
  ExpectRefused("POST / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400);
  ExpectRefused("POST / HTTP/1.1\r\nHost: a b\r\n\r\n", 400);
  ExpectRefused("POST / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400);
  ExpectRefused("POST / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400);
  EXPECT_EQ(HearCut("POST / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n").requests.size(), 1u);
  EXPECT_EQ(HearCut("POST / HTTP/1.0\r\n\r\n").requests.size(), 1u);
}

TEST_F(HttpStreamTest, RequestLinesAreStrict) {
  for (const char* line :
       {"rubbish", "POST /", "POST  / HTTP/1.1", "POST / HTTP/1.1 ", "POST / HTTP/1.x",
        "POST /  HTTP/1.1", "PO(ST / HTTP/1.1", " / HTTP/1.1", "POST http://h/ HTTP/1.1",
        "POST h HTTP/1.1", "POST * HTTP/1.1", "POST /\x80 HTTP/1.1", "POST / http/1.1",
        "POST / HTTP/11", "POST\t/\tHTTP/1.1"}) {
    ExpectRefused(std::string(line) + "\r\nHost: h\r\n\r\n", 400);
  }
  for (const char* version : {"HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/9.9"}) {
    ExpectRefused(std::string("POST / ") + version + "\r\nHost: h\r\n\r\n", 505);
  }
  EXPECT_EQ(HearCut("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").requests.size(), 1u);
}

// --------------------------------------------------------------------- limits

TEST_F(HttpStreamTest, HeadersAreBounded) {
  environment_.limits.header_bytes = 200;
  ExpectRefused(Post("A: " + std::string(300, 'x') + "\r\n"), 431);
  ExpectRefused(std::string(300, 'x'), 431);
  const std::string most = Post("A: " + std::string(167, 'x') + "\r\n");
  ASSERT_EQ(most.size(), 200u);
  EXPECT_EQ(HearCut(most).requests.size(), 1u);
  ExpectRefused(Post("A: " + std::string(168, 'x') + "\r\n"), 431);
}

TEST_F(HttpStreamTest, TheNumberOfHeadersIsBounded) {
  environment_.limits.headers = 3;
  EXPECT_EQ(Hear({Post("A: b\r\nA: b\r\n")}).requests.size(), 1u);
  ExpectRefused(Post("A: b\r\nA: b\r\nA: b\r\n"), 431);
}

TEST_F(HttpStreamTest, TargetsAreBounded) {
  environment_.limits.target_bytes = 10;
  EXPECT_EQ(Hear({"GET /123456789 HTTP/1.0\r\n\r\n"}).requests.size(), 1u);
  ExpectRefused("GET /1234567890 HTTP/1.0\r\n\r\n", 414);
}

TEST_F(HttpStreamTest, BodiesAreBounded) {
  environment_.limits.body_bytes = 10;
  EXPECT_EQ(HearCut(Post("Content-Length: 10\r\n", "0123456789")).requests.size(), 1u);
  ExpectRefused(Post("Content-Length: 11\r\n"), 413);  // Before it comes.
  ExpectRefused(Post("Expect: 100-continue\r\nContent-Length: 11\r\n"), 413);
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  EXPECT_EQ(HearCut(Post(chunked, "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n")).requests.size(), 1u);
  ExpectRefused(Post(chunked, "5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n"), 413);
  ExpectRefused(Post(chunked, "ffffffffffffffff\r\n01234"), 413);
}

TEST_F(HttpStreamTest, AnUnansweredFloodHoldsNoMoreThanItSent) {
  HttpStream stream(&environment_);
  stream.Feed(Post("Content-Length: 16000000\r\n"));  // Claimed only.
  EXPECT_FALSE(stream.Next());
  EXPECT_LT(stream.held_bytes(), 1000u);
}

// ---------------------------------------------------------------- own answers

TEST(OwnAnswers, Health) {
  HttpRequest request{.method = "GET", .target = "/", .headers = {{"host", "localhost:7403"}}};
  EXPECT_TRUE(AsksForHealth(request));
  EXPECT_EQ(HealthAnswer(request, true).status, 200);
  EXPECT_EQ(HealthAnswer(request, true).body, "healthy: dynamodb.localhost:7403\n");
  EXPECT_EQ(HealthAnswer(request, false).status, 503);
  request.target = "/healthz";
  request.method = "HEAD";
  EXPECT_TRUE(AsksForHealth(request));
  request.method = "POST";
  EXPECT_FALSE(AsksForHealth(request));
}

TEST(OwnAnswers, Preflight) {
  HttpRequest request{.method = "OPTIONS",
                      .target = "/",
                      .headers = {{"origin", "https://a.example"},
                                  {"access-control-request-method", "POST"},
                                  {"access-control-request-headers", "x-amz-target,x-amz-date"}}};
  ASSERT_TRUE(IsPreflight(request));
  const HttpResponse answer = PreflightAnswer(request);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "");
  EXPECT_THAT(answer.headers,
              ElementsAre(std::pair("Access-Control-Allow-Methods", "POST"),
                          std::pair("Access-Control-Max-Age", "172800"),
                          std::pair("Access-Control-Allow-Headers", "x-amz-target,x-amz-date")));
}

}  // namespace
}  // namespace fastpath::node::gateway
