#include "partition/frame.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/partition/generators.h"

namespace fastpath {
namespace {

std::string Frame(const std::string& payload) { return FrameHeader(payload.size()) + payload; }

// Everything that comes out until it wants more or fails.
std::vector<std::string> Drain(FrameDecoder& decoder, absl::Status* failure = nullptr) {
  std::vector<std::string> frames;
  for (;;) {
    const auto next = decoder.Next();
    if (!next.ok()) {
      if (failure != nullptr) *failure = next.status();
      return frames;
    }
    if (!next->has_value()) return frames;
    frames.emplace_back(**next);
  }
}

TEST(Frame, HeaderIsLittleEndian) {
  EXPECT_EQ(FrameHeader(0x01020304), std::string("\x04\x03\x02\x01", 4));
}

TEST(Frame, CutsAStreamHoweverItArrives) {
  const std::vector<std::string> payloads = {"", "a", std::string(1000, 'x'), "", "last"};
  std::string stream(kClientPreface);
  for (const std::string& payload : payloads) stream += Frame(payload);
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, stream.size()}) {
    FrameDecoder decoder(kClientPreface, 1000);
    std::vector<std::string> frames;
    for (size_t at = 0; at < stream.size(); at += piece) {
      decoder.Feed(std::string_view(stream).substr(at, piece));
      for (std::string& frame : Drain(decoder)) frames.push_back(std::move(frame));
    }
    EXPECT_EQ(frames, payloads) << "in pieces of " << piece;
  }
}

TEST(Frame, ViewsLiveUntilTheNextFeed) {
  FrameDecoder decoder("", 100);
  decoder.Feed(Frame("one") + Frame("two"));
  const auto one = decoder.Next();
  const auto two = decoder.Next();
  EXPECT_EQ(**one, "one");
  EXPECT_EQ(**two, "two");
}

TEST(Frame, LyingLengthEndsTheStream) {
  FrameDecoder decoder("", 100);
  decoder.Feed(Frame("good") + std::string("\xff\xff\xff\xff", 4) + Frame("never seen"));
  absl::Status failure;
  EXPECT_EQ(Drain(decoder, &failure), std::vector<std::string>{"good"});
  EXPECT_EQ(failure,
            absl::InvalidArgumentError("a frame of 4294967295 bytes is over the limit of 100"));
  decoder.Feed(Frame("again"));
  EXPECT_FALSE(decoder.Next().ok()) << "the failure must be final";
}

TEST(Frame, LimitIsInclusive) {
  FrameDecoder decoder("", 3);
  decoder.Feed(Frame("123"));
  EXPECT_TRUE(decoder.Next()->has_value());
  decoder.Feed(Frame("1234"));
  EXPECT_FALSE(decoder.Next().ok());
}

TEST(Frame, WrongPrefaceFailsAtItsFirstWrongByte) {
  for (const std::string& rubbish :
       {std::string("GET / HTTP/1.1\r\n"), std::string("FPX"), std::string(kPeerPreface),
        std::string("FPCLI\x00\x00\x02", 8)}) {
    FrameDecoder decoder(kClientPreface, 100);
    decoder.Feed(rubbish);
    EXPECT_FALSE(decoder.Next().ok()) << rubbish;
  }
  FrameDecoder patient(kClientPreface, 100);
  patient.Feed("FPC");
  const auto next = patient.Next();
  ASSERT_TRUE(next.ok());
  EXPECT_FALSE(next->has_value());
}

TEST(FrameProperty, AnyCutGivesTheSameFrames) {
  model::Property([] {
    const auto payloads = *rc::gen::container<std::vector<std::string>>(model::BytesGen());
    std::string stream(kPeerPreface);
    for (const std::string& payload : payloads) stream += Frame(payload);
    FrameDecoder decoder(kPeerPreface, 1 << 20);
    std::vector<std::string> frames;
    for (size_t at = 0; at < stream.size();) {
      const size_t piece = *rc::gen::inRange<size_t>(1, 40);
      decoder.Feed(std::string_view(stream).substr(at, piece));
      at += piece;
      for (std::string& frame : Drain(decoder)) frames.push_back(std::move(frame));
    }
    RC_ASSERT(frames == payloads);
  });
}

}  // namespace
}  // namespace fastpath
