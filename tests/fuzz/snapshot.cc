// A snapshot's chunks: damaged ones are refused, and rows that were sent are the
// rows that arrive.
//
//   input := u8(bit 0: append the right checksum) bytes
#include "storage/snapshot.h"

#include "storage/crc32c.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fastpath;
  std::string_view in = fuzz::AsText(data, size);
  const bool repair = (fuzz::TakeByte(in) & 1) != 0;
  std::string chunk(in);
  if (repair) {
    const uint32_t crc = storage::Crc32c(chunk);
    for (int shift = 0; shift < 32; shift += 8) chunk.push_back(static_cast<char>(crc >> shift));
  }
  const auto rows = storage::DecodeChunk(chunk);
  if (!rows.ok()) return 0;
  const std::string encoded = storage::EncodeChunk(*rows);
  const auto again = storage::DecodeChunk(encoded);
  FUZZ_CHECK(again.ok() && *again == *rows && encoded.size() <= chunk.size());
  return 0;
}
