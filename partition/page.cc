#include "partition/page.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "partition/expression/prepared.h"
#include "partition/model/codec.h"
#include "partition/ttl.h"

namespace fastpath::partition {
namespace {

// A piece's rows are looked at in one go: about a millisecond, so there are fewer of them the more
// each of them costs. One operand of a filter, or step of a projection, is a unit of work.
constexpr size_t kPieceLimitRows = 1000;
constexpr size_t kPieceLimitWork = 16'384;
constexpr size_t kPieceLimitBytes = 128u << 10;

class PageReader : public std::enable_shared_from_this<PageReader> {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<Page>)>;

  PageReader(storage::Engine* engine, storage::View view, PageSpec spec, Done done)
      : engine_(engine),
        view_(std::move(view)),
        spec_(std::move(spec)),
        rule_(spec_.table),
        done_(std::move(done)) {
    size_t row_work = 1;
    if (spec_.filtered) row_work += filter_.emplace(spec_.filter).weight();
    if (!spec_.projection.empty()) row_work += projection_.emplace(spec_.projection).weight();
    piece_limit_rows_ = std::clamp<size_t>(kPieceLimitWork / row_work, 1, kPieceLimitRows);
  }

  void Next() {
    storage::ScanOptions options;
    options.reverse = spec_.reverse;
    // As many rows as items are wanted; more each time, for those that have expired.
    const uint64_t wanted = spec_.limit_items - page_.result.scanned_count();
    piece_rows_ =
        std::min<uint64_t>(std::max<uint64_t>(2 * piece_rows_, wanted), piece_limit_rows_);
    options.limit_rows = piece_rows_;
    options.limit_bytes = kPieceLimitBytes;
    options.view = view_;
    engine_->Scan(spec_.range, std::move(options),
                  [self = shared_from_this()](absl::StatusOr<storage::ScanResult> rows) {
                    self->TakePiece(std::move(rows));
                  });
  }

 private:
  enum class Verdict { kGoOn, kFull };

  void TakePiece(absl::StatusOr<storage::ScanResult> rows) {
    if (!rows.ok()) return done_(rows.status());
    for (const storage::KeyValue& row : rows->rows) {
      absl::StatusOr<Verdict> verdict = TakeRow(row);
      if (!verdict.ok()) return done_(verdict.status());
      if (*verdict == Verdict::kFull) return Finish(true);
    }
    if (!rows->more || rows->rows.empty()) return Finish(false);
    if (rows_ >= kPageRowsLimit || rows_bytes_ >= kPageRowsLimitBytes) return Finish(true);
    const std::string& last = rows->rows.back().first;
    (spec_.reverse ? spec_.range.end : spec_.range.begin) = spec_.reverse ? last : last + '\0';
    Next();
  }

  absl::StatusOr<Verdict> TakeRow(const storage::KeyValue& row) {
    std::string_view item = row.second;
    absl::StatusOr<ValueHeader> header = rule_.TakeHeader(item);
    if (!header.ok()) return header.status();
    ++rows_;
    rows_bytes_ += row.first.size() + row.second.size();
    if (header->ExpiredAt(std::max(spec_.now, spec_.applied))) {
      page_.needs_time_entry |= !header->ExpiredAt(spec_.applied);
      page_.last_row = row.first;
      return page_.needs_time_entry && spec_.strong ? Verdict::kFull : Verdict::kGoOn;
    }
    api::PageResult& result = page_.result;
    const uint64_t bytes = model::EncodedItemSizeBytes(item);
    const bool first = result.scanned_count() == 0 && spec_.one_at_least;
    if (!first && result.scanned_bytes() + bytes > spec_.limit_bytes) return Verdict::kFull;
    result.set_scanned_count(result.scanned_count() + 1);
    result.set_scanned_bytes(result.scanned_bytes() + bytes);
    page_.last_row = row.first;
    if (absl::Status taken = TakeItem(item); !taken.ok()) return taken;
    const bool full =
        result.scanned_count() >= spec_.limit_items || result_bytes_ >= spec_.limit_result_bytes;
    return full ? Verdict::kFull : Verdict::kGoOn;
  }

  absl::Status TakeItem(std::string_view encoded) {
    api::PageResult& result = page_.result;
    model::Item item;
    if (filter_ || projection_) {
      absl::StatusOr<model::Item> decoded = model::DecodeItem(encoded);
      if (!decoded.ok()) return absl::DataLossError("a stored item does not decode");
      item = *std::move(decoded);
    }
    if (filter_ && !filter_->Holds(item)) return absl::OkStatus();
    result.set_count(result.count() + 1);
    if (spec_.count_only) return absl::OkStatus();
    if (projection_) {
      result.add_items(model::EncodeItem(projection_->Of(item)));
    } else {
      result.add_items(encoded.data(), encoded.size());
    }
    result_bytes_ += result.items().rbegin()->size();
    return absl::OkStatus();
  }

  void Finish(bool more) {
    page_.more = more;
    view_.reset();
    done_(std::move(page_));
  }

  storage::Engine* const engine_;
  storage::View view_;
  PageSpec spec_;
  const ExpiryRule rule_;
  std::optional<expression::PreparedCondition> filter_;
  std::optional<expression::PreparedProjection> projection_;
  Done done_;
  Page page_;
  uint64_t piece_limit_rows_ = 0;
  uint64_t piece_rows_ = 0;
  size_t rows_ = 0;
  size_t rows_bytes_ = 0;
  size_t result_bytes_ = 0;
};

}  // namespace

void ReadPage(storage::Engine* engine, storage::View view, PageSpec spec,
              absl::AnyInvocable<void(absl::StatusOr<Page>)> done) {
  std::make_shared<PageReader>(engine, std::move(view), std::move(spec), std::move(done))->Next();
}

}  // namespace fastpath::partition
