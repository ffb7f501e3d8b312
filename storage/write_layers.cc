#include "storage/write_layers.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "raft/check.h"

namespace fastpath::storage {
namespace {

struct LayerRow {
  std::string_view key;
  size_t layer;  // 0: newest.
  const std::string* value;
};

// At most so many of a layer's rows; where it stopped early, the scan's range
// ends with its last.
void ReadLayer(const LayerView& view, size_t layer, bool reverse, size_t limit_rows,
               size_t limit_bytes, KeyRange& range, std::vector<LayerRow>& rows) {
  size_t taken = 0, bytes = 0;
  std::string_view last;
  bool stopped = false;
  view.layers[layer]->Visit(range, reverse, view.at, [&](WriteTable::Row row) {
    if (taken >= limit_rows || bytes >= limit_bytes) {
      stopped = true;
      return false;
    }
    rows.push_back({row.key, layer, row.value});
    last = row.key;
    bytes += row.key.size() + (row.value != nullptr ? row.value->size() : 0);
    ++taken;
    return true;
  });
  if (!stopped) return;
  if (reverse) {
    range.begin = last;
  } else {
    range.end = std::string(last) + '\0';
  }
}

bool CoveredAbove(const LayerView& view, size_t layer, std::string_view key) {
  for (size_t above = 0; above < layer; ++above) {
    if (view.layers[above]->Covers(key, view.at)) return true;
  }
  return false;
}

}  // namespace

LayerRows ReadLayers(const LayerView& view, const KeyRange& range, bool reverse, size_t limit_rows,
                     size_t limit_bytes) {
  LayerRows out;
  out.range = range;
  std::vector<LayerRow> rows;
  for (size_t layer = 0; layer < view.layers.size(); ++layer) {
    ReadLayer(view, layer, reverse, limit_rows, limit_bytes, out.range, rows);
    for (KeyRange& deleted : view.layers[layer]->DeletedRanges(view.at)) {
      out.deleted.push_back(std::move(deleted));
    }
  }
  std::sort(rows.begin(), rows.end(), [&](const LayerRow& a, const LayerRow& b) {
    if (a.key != b.key) return reverse ? a.key > b.key : a.key < b.key;
    return a.layer < b.layer;
  });
  std::string_view previous;
  for (size_t i = 0; i < rows.size(); ++i) {
    const LayerRow& row = rows[i];
    const bool repeated = i > 0 && row.key == previous;
    previous = row.key;
    if (repeated || row.key < out.range.begin || row.key >= out.range.end) continue;
    const bool gone = row.value == nullptr || CoveredAbove(view, row.layer, row.key);
    out.rows.emplace_back(row.key, gone ? std::nullopt : std::optional<std::string>(*row.value));
  }
  return out;
}

void WriteLayers::Apply(WriteBatch batch) {
  active_->Apply(std::move(batch), ++sequence_, pins_.empty() ? 0 : *pins_.rbegin());
}

WriteTable::Verdict WriteLayers::Find(const WriteTable::Probe& probe) const {
  WriteTable::Verdict verdict = active_->Find(probe, WriteTable::kNewest);
  for (auto layer = frozen_.rbegin(); !verdict.decided && layer != frozen_.rend(); ++layer) {
    verdict = (*layer)->Find(probe, WriteTable::kNewest);
  }
  if (!verdict.decided && written_ != nullptr) verdict = written_->Find(probe, WriteTable::kNewest);
  return verdict;
}

void WriteLayers::FindAll(absl::Span<const std::string> keys,
                          absl::FunctionRef<void(size_t, WriteTable::Verdict)> found) const {
  absl::InlinedVector<WriteTable::Probe, WriteTable::kPrefetchedTogether> probes;
  for (size_t begin = 0; begin < keys.size(); begin += WriteTable::kPrefetchedTogether) {
    probes.clear();
    for (const std::string& key : keys.subspan(begin, WriteTable::kPrefetchedTogether))
      probes.emplace_back(key);
    for (int stage = 0; stage < WriteTable::kPrefetchStages; ++stage) {
      for (const WriteTable::Probe& probe : probes) Prefetch(probe.hash, stage);
    }
    for (size_t i = 0; i < probes.size(); ++i) found(begin + i, Find(probes[i]));
  }
}

void WriteLayers::Prefetch(size_t hash, int stage) const {
  active_->Prefetch(hash, stage);
  for (const Generation& layer : frozen_) layer->Prefetch(hash, stage);
  if (written_ != nullptr) written_->Prefetch(hash, stage);
}

LayerView WriteLayers::Now() const {
  LayerView view;
  view.layers.push_back(active_);
  view.layers.insert(view.layers.end(), frozen_.rbegin(), frozen_.rend());
  return view;
}

LayerView WriteLayers::Pin() {
  LayerView view = Now();
  view.at = sequence_;
  pins_.insert(sequence_);
  return view;
}

void WriteLayers::Unpin(WriteTable::Sequence at) {
  const auto pin = pins_.find(at);
  FASTPATH_CHECK(pin != pins_.end(), "write layers: unpinned twice");
  pins_.erase(pin);
}

Generation WriteLayers::Freeze(Generation next) {
  FASTPATH_CHECK(next->empty(), "write layers: a generation begins empty");
  frozen_bytes_ += active_->bytes();
  frozen_.push_back(std::exchange(active_, std::move(next)));
  return frozen_.back();
}

Generation WriteLayers::WrittenOut() {
  FASTPATH_CHECK(!frozen_.empty(), "write layers: nothing was frozen");
  frozen_bytes_ -= frozen_.front()->bytes();
  Generation old = std::exchange(written_, std::move(frozen_.front()));
  frozen_.pop_front();
  return old;
}

}  // namespace fastpath::storage
