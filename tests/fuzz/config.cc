// The configuration file: any text gives a configuration or an error that names
// the file, and what Validate takes has no surprises left.
#include "node/config.h"

#include "absl/strings/match.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fastpath;
  node::Config config;
  const absl::Status applied = node::ApplyToml(fuzz::AsText(data, size), "f.toml", config);
  if (!applied.ok()) {
    FUZZ_CHECK(absl::StartsWith(applied.message(), "f.toml:"));
    return 0;
  }
  if (node::Validate(config).ok()) {
    FUZZ_CHECK(config.node.groups >= 1 && config.node.replication_factor >= 1);
    FUZZ_CHECK(config.node.raft.election_timeout_min <= config.node.raft.election_timeout_max);
  }
  return 0;
}
