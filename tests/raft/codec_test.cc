#include "raft/codec.h"

#include "absl/strings/cord.h"
#include "gtest/gtest.h"

namespace fastpath::raft {
namespace {

Entry MakeEntry(Term term, Index index, std::string payload, EntryKind kind = EntryKind::kCommand) {
  return {term, index, kind, std::make_shared<const std::string>(std::move(payload))};
}

Message FullMessage() {
  Message m;
  m.type = MessageType::kAppend;
  m.group = 4'000'000'000;
  m.from = 1ull << 60;
  m.to = 3;
  m.term = 300;
  m.index = 7;
  m.log_term = 299;
  m.commit = 6;
  m.hint = 5;
  m.round = UINT64_MAX;
  m.reject = true;
  m.force = true;
  m.from_node = 77;
  m.entries.push_back(MakeEntry(300, 8, "small"));
  m.entries.push_back(MakeEntry(300, 9, std::string(5000, 'x')));
  m.entries.push_back(MakeEntry(300, 10, "", EntryKind::kNoop));
  return m;
}

std::string Encode(const Message& message) {
  absl::Cord cord;
  EncodeMessage(cord, message);
  return std::string(cord);
}

void ExpectEqual(const Message& a, const Message& b) {
  EXPECT_EQ(a.type, b.type);
  EXPECT_EQ(a.group, b.group);
  EXPECT_EQ(a.from, b.from);
  EXPECT_EQ(a.to, b.to);
  EXPECT_EQ(a.term, b.term);
  EXPECT_EQ(a.index, b.index);
  EXPECT_EQ(a.log_term, b.log_term);
  EXPECT_EQ(a.commit, b.commit);
  EXPECT_EQ(a.hint, b.hint);
  EXPECT_EQ(a.round, b.round);
  EXPECT_EQ(a.reject, b.reject);
  EXPECT_EQ(a.force, b.force);
  EXPECT_EQ(a.from_node, b.from_node);
  ASSERT_EQ(a.entries.size(), b.entries.size());
  for (size_t i = 0; i < a.entries.size(); ++i) {
    EXPECT_EQ(a.entries[i].term, b.entries[i].term);
    EXPECT_EQ(a.entries[i].index, b.entries[i].index);
    EXPECT_EQ(a.entries[i].kind, b.entries[i].kind);
    EXPECT_EQ(*a.entries[i].payload, *b.entries[i].payload);
  }
}

TEST(Codec, VarintRoundTrip) {
  for (uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{127}, uint64_t{128}, uint64_t{16383},
                         uint64_t{16384}, uint64_t{1} << 63, UINT64_MAX}) {
    std::string bytes;
    PutVarint(bytes, value);
    std::string_view in = bytes;
    uint64_t read = 0;
    ASSERT_TRUE(TakeVarint(in, read));
    EXPECT_EQ(read, value);
    EXPECT_TRUE(in.empty());
  }
}

TEST(Codec, VarintOfTooManyBytesOrBitsIsRefused) {
  uint64_t value = 0;
  for (std::string bytes : {std::string(11, '\x80'), std::string(9, '\xff') + '\x02', std::string(),
                            std::string("\x80")}) {
    std::string_view in = bytes;
    EXPECT_FALSE(TakeVarint(in, value));
    EXPECT_EQ(in.size(), bytes.size()) << "nothing is consumed on failure";
  }
}

TEST(Codec, EntryBytesNeverChange) {
  const Entry entry = MakeEntry(300, 5, "ab");
  std::string bytes;
  EncodeEntry(bytes, entry);
  EXPECT_EQ(bytes, std::string("\xac\x02\x05\x01\x02"
                               "ab"));
  EXPECT_EQ(EncodedEntryBytes(entry), bytes.size());
}

TEST(Codec, ConfigurationBytesNeverChange) {
  Configuration configuration{{{1, 10}, {2, 20}}, {{1, 10}}, {{3, 30}}};
  const std::string bytes = EncodeConfiguration(configuration);
  EXPECT_EQ(bytes, std::string("\x01\x02\x01\x0a\x02\x14\x01\x01\x0a\x01\x03\x1e"));
  auto decoded = DecodeConfiguration(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, configuration);
}

TEST(Codec, MessageRoundTripLeavesWhatFollows) {
  const Message message = FullMessage();
  const std::string bytes = Encode(message) + "next";
  std::string_view in = bytes;
  auto decoded = DecodeMessage(in);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ExpectEqual(*decoded, message);
  EXPECT_EQ(in, "next");
}

TEST(Codec, EveryMessageTypeRoundTrips) {
  for (int type = 1; type <= 9; ++type) {
    Message message;
    message.type = static_cast<MessageType>(type);
    const std::string bytes = Encode(message);
    std::string_view in = bytes;
    auto decoded = DecodeMessage(in);
    ASSERT_TRUE(decoded.ok());
    ExpectEqual(*decoded, message);
  }
}

TEST(Codec, LargePayloadsAreSharedNotCopied) {
  Message message;
  message.type = MessageType::kAppend;
  message.entries.push_back(MakeEntry(1, 1, std::string(4096, 'y')));
  absl::Cord cord;
  EncodeMessage(cord, message);
  bool shared = false;
  for (absl::string_view chunk : cord.Chunks()) {
    shared = shared || chunk.data() == message.entries[0].payload->data();
  }
  EXPECT_TRUE(shared);
}

TEST(Codec, EveryTruncationIsRefused) {
  const std::string bytes = Encode(FullMessage());
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::string_view in(bytes.data(), size);
    EXPECT_FALSE(DecodeMessage(in).ok()) << size;
  }
  const std::string configuration = EncodeConfiguration({{{1, 1}, {2, 2}}, {}, {{3, 3}}});
  for (size_t size = 0; size < configuration.size(); ++size) {
    EXPECT_FALSE(DecodeConfiguration(std::string_view(configuration.data(), size)).ok()) << size;
  }
}

// Any byte replaced by any other: a value or an error, never a crash or a read
// past the end (the sanitizers watch).
TEST(Codec, EveryByteFlipIsSurvived) {
  Message message = FullMessage();
  message.entries.resize(1);
  const std::string good = Encode(message);
  for (size_t at = 0; at < good.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(value);
      std::string_view in = bytes;
      auto decoded = DecodeMessage(in);
      if (decoded.ok()) {
        EXPECT_LE(decoded->entries.size(), good.size());
      }
    }
  }
}

TEST(Codec, LyingCountsAndLengthsAllocateNothing) {
  Message message;
  message.type = MessageType::kAppend;
  std::string bytes = Encode(message);
  bytes.pop_back();              // The count of entries.
  PutVarint(bytes, 1ull << 40);  // A trillion of them.
  std::string_view in = bytes;
  auto decoded = DecodeMessage(in);
  ASSERT_FALSE(decoded.ok());
  EXPECT_NE(decoded.status().message().find("message entries"), std::string::npos);

  std::string entry;
  PutVarint(entry, 1);
  PutVarint(entry, 1);
  entry.push_back(1);
  PutVarint(entry, 4ull << 30);  // A payload of 4 GiB.
  std::string_view entry_in = entry;
  auto decoded_entry = DecodeEntry(entry_in);
  ASSERT_FALSE(decoded_entry.ok());
  EXPECT_NE(decoded_entry.status().message().find("entry length"), std::string::npos);

  std::string configuration("\x01", 1);
  PutVarint(configuration, 1ull << 50);
  EXPECT_FALSE(DecodeConfiguration(configuration).ok());
}

TEST(Codec, SenselessConfigurationsAreRefused) {
  const std::string format("\x01", 1);
  EXPECT_FALSE(DecodeConfiguration(std::string("\x02\x00\x00\x00", 4)).ok()) << "format";
  EXPECT_FALSE(DecodeConfiguration(std::string("\x01\x02\x02\x01\x01\x01\x00\x00", 8)).ok())
      << "unsorted";
  EXPECT_FALSE(DecodeConfiguration(std::string("\x01\x01\x00\x01\x00\x00", 6)).ok()) << "replica 0";
  EXPECT_FALSE(DecodeConfiguration(std::string("\x01\x01\x01\x01\x00\x01\x01\x01", 8)).ok())
      << "voter and learner";
  EXPECT_FALSE(DecodeConfiguration(std::string("\x01\x01\x01\x01\x00\x00!", 7)).ok()) << "tail";
}

TEST(Codec, UnknownTypesKindsAndFlagsAreRefused) {
  Message message;
  message.type = MessageType::kAppend;
  std::string bytes = Encode(message);
  for (char type : {'\x00', '\x0b', '\xff'}) {
    bytes[0] = type;
    std::string_view in = bytes;
    EXPECT_FALSE(DecodeMessage(in).ok());
  }
  std::string entry("\x01\x01\x03\x00", 4);  // Kind 3.
  std::string_view in = entry;
  EXPECT_FALSE(DecodeEntry(in).ok());
}

}  // namespace
}  // namespace fastpath::raft
