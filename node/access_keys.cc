#include "node/access_keys.h"

#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "node/text_file.h"

namespace fastpath::node {
namespace {

constexpr size_t kIdBytes = 128;  // As AWS's.
constexpr size_t kSecretBytes = 256;
constexpr size_t kFileBytes = 4u << 20;

}  // namespace

absl::Status AddAccessKey(const std::string& id, const std::string& secret, AccessKeys& keys) {
  const auto word = [](unsigned char c) { return absl::ascii_isalnum(c) || c == '_'; };
  if (id.empty() || id.size() > kIdBytes || !std::all_of(id.begin(), id.end(), word)) {
    return absl::InvalidArgumentError("an access key's id has 1 to 128 letters, digits and _");
  }
  if (secret.empty() || secret.size() > kSecretBytes ||
      !std::all_of(secret.begin(), secret.end(), absl::ascii_isgraph)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the secret of access key ", id, " must have 1 to 256 visible characters"));
  }
  if (keys.emplace(id, secret).second) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("access key ", id, " is there twice"));
}

absl::Status ParseAccessKeys(std::string_view text, const std::string& file, AccessKeys& keys) {
  int number = 0;
  for (absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    absl::Status added = words.size() == 2 ? AddAccessKey(words[0], words[1], keys)
                                           : absl::InvalidArgumentError("a line is \"ID SECRET\"");
    if (added.ok()) continue;
    return absl::InvalidArgumentError(absl::StrCat(file, ":", number, ": ", added.message()));
  }
  return absl::OkStatus();
}

absl::Status ReadAccessKeys(const std::string& file, AccessKeys& keys) {
  struct stat info {};
  if (stat(file.c_str(), &info) != 0) {
    return absl::NotFoundError(absl::StrCat("cannot read ", file));
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        file, " holds access keys, and others than its owner may read it: chmod go= ", file));
  }
  if (info.st_size > static_cast<off_t>(kFileBytes)) {
    return absl::InvalidArgumentError(absl::StrCat(file, " is too large"));
  }
  const auto text = ReadTextFile(file);
  if (!text.ok()) return text.status();
  return ParseAccessKeys(*text, file, keys);
}

}  // namespace fastpath::node
