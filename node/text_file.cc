#include "node/text_file.h"

#include <fstream>

#include "absl/strings/str_cat.h"

namespace fastpath::node {

absl::StatusOr<std::string> ReadTextFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text;
  char piece[4096];
  while (in.read(piece, sizeof piece) || in.gcount() > 0) {
    text.append(piece, static_cast<size_t>(in.gcount()));
  }
  // A folder opens like a file, and then has nothing to read.
  if (!in.eof() || in.bad()) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  return text;
}

}  // namespace fastpath::node
