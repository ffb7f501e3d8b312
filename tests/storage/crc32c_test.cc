#include "storage/crc32c.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

namespace fastpath::storage {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32c, KnownVectors) {
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  std::string ascending(32, '\0');
  std::iota(ascending.begin(), ascending.end(), 0);
  EXPECT_EQ(Crc32c(ascending), 0x46dd794eu);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(Crc32c, PortableAgreesAtEveryLengthAndSplit) {
  std::string bytes;
  uint32_t x = 1;
  for (int i = 0; i < 300; ++i)
    bytes.push_back(static_cast<char>((x = x * 1664525 + 1013904223) >> 24));
  for (size_t length = 0; length <= bytes.size(); ++length) {
    const std::string_view all = std::string_view(bytes).substr(0, length);
    const uint32_t crc = Crc32c(all);
    ASSERT_EQ(ExtendCrc32cPortable(0, all), crc);
    const size_t split = length / 3;
    ASSERT_EQ(ExtendCrc32c(Crc32c(all.substr(0, split)), all.substr(split)), crc);
  }
}

}  // namespace
}  // namespace fastpath::storage
