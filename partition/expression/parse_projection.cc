//   projection := path ("," path)*
#include "partition/expression/cursor.h"
#include "partition/expression/parse.h"
#include "partition/expression/path.h"

namespace fastpath::expression {

absl::StatusOr<Paths> ParseProjection(std::string_view text, Placeholders& placeholders) {
  Cursor cursor("ProjectionExpression", {}, text, placeholders);
  if (!cursor.status().ok()) return cursor.status();
  Paths paths;
  PathTree tree;
  do {
    const Token begin = cursor.Peek();
    if (!cursor.Path(*paths.Add())) return cursor.status();
    const absl::Status status = tree.Insert(paths[paths.size() - 1], paths.size() - 1);
    if (!status.ok() && !cursor.Fail(begin, status.message())) return cursor.status();
  } while (cursor.Skip(","));
  if (!cursor.ExpectEnd()) return cursor.status();
  return paths;
}

}  // namespace fastpath::expression
