#include "storage/rocks_scan.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "raft/check.h"

namespace fastpath::storage {
namespace {

// Of the layers, in one step: bounds the copying on the executor. A few more
// than a small scan wants, for those that turn out to be deleted.
constexpr size_t kStepRows = 4096;
constexpr size_t kSpareRows = 32;
// What is skipped is often a row or none.
constexpr size_t kNextsBeforeSeek = 4;

}  // namespace

RocksScan::RocksScan(KeyRange range, const ScanOptions& options, LayerView layers)
    : rest_(std::move(range)),
      reverse_(options.reverse),
      skip_to_(options.skip_to),
      limit_rows_(options.limit_rows),
      limit_bytes_(options.limit_bytes),
      layers_(std::move(layers)),
      finished_(rest_.begin >= rest_.end) {
  FASTPATH_CHECK(!reverse_ || !skip_to_, "a scan skips forwards only");
}

void RocksScan::Prepare() {
  step_ = ReadLayers(layers_, rest_, reverse_, std::min(limit_rows_ + kSpareRows, kStepRows),
                     limit_bytes_);
}

bool RocksScan::Before(const rocksdb::Slice& a, const std::string& b) const {
  const int order = a.compare(b);
  return reverse_ ? order > 0 : order < 0;
}

bool RocksScan::Deleted(const rocksdb::Slice& key) const {
  return std::any_of(step_.deleted.begin(), step_.deleted.end(), [&](const KeyRange& range) {
    return key.compare(range.begin) >= 0 && key.compare(range.end) < 0;
  });
}

bool RocksScan::Take(std::string key, std::string value) {
  const bool full = result_.rows.size() >= limit_rows_ || bytes_ >= limit_bytes_;
  if (full && !result_.rows.empty()) {
    result_.more = finished_ = true;
    return false;
  }
  bytes_ += key.size() + value.size();
  if (skip_to_) wanted_from_ = skip_to_(key);
  result_.rows.emplace_back(std::move(key), std::move(value));
  return true;
}

void RocksScan::Skip(rocksdb::Iterator& at, LayerRows::Rows::iterator& layer) {
  const auto unwanted = [&] { return at.Valid() && at.key().compare(wanted_from_) < 0; };
  for (size_t i = 0; i < kNextsBeforeSeek && unwanted(); ++i) at.Next();
  if (unwanted()) at.Seek(wanted_from_);
  while (layer != step_.rows.end() && layer->first < wanted_from_) ++layer;
}

rocksdb::Status RocksScan::Merge(rocksdb::DB* db, rocksdb::ReadOptions read) {
  const rocksdb::Slice lower(step_.range.begin), upper(step_.range.end);
  read.iterate_lower_bound = &lower;
  read.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator(read));
  reverse_ ? at->SeekToLast() : at->SeekToFirst();
  auto layer = step_.rows.begin();
  bool room = true;
  while (room && (at->Valid() || layer != step_.rows.end())) {
    const bool below =
        at->Valid() && (layer == step_.rows.end() || Before(at->key(), layer->first));
    if (below) {
      if (!Deleted(at->key())) room = Take(at->key().ToString(), at->value().ToString());
      reverse_ ? at->Prev() : at->Next();
    } else {
      if (layer->second) room = Take(layer->first, *layer->second);
      if (at->Valid() && at->key().compare(layer->first) == 0) {  // Hidden by the layer's row.
        reverse_ ? at->Prev() : at->Next();
      }
      ++layer;
    }
    if (skip_to_) Skip(*at, layer);
  }
  if (!at->status().ok()) return at->status();
  (reverse_ ? rest_.end : rest_.begin) = reverse_ ? step_.range.begin : step_.range.end;
  if (skip_to_) rest_.begin = std::max(rest_.begin, wanted_from_);
  finished_ = finished_ || rest_.begin >= rest_.end;
  return rocksdb::Status::OK();
}

}  // namespace fastpath::storage
