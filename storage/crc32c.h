// CRC32C (Castagnoli, RFC 3720), with the processor's instruction where there
// is one. Thread-safe: no state.
#pragma once

#include <cstdint>
#include <string_view>

namespace fastpath::storage {

// The checksum of what `crc` covers followed by `bytes`; 0 covers nothing.
uint32_t ExtendCrc32c(uint32_t crc, std::string_view bytes);
inline uint32_t Crc32c(std::string_view bytes) { return ExtendCrc32c(0, bytes); }

// The implementation without special instructions, for machines that lack them
// and for the test that both agree.
uint32_t ExtendCrc32cPortable(uint32_t crc, std::string_view bytes);

}  // namespace fastpath::storage
