#include "partition/overlay.h"

#include "partition/model/codec.h"
#include "partition/require.h"

namespace fastpath::partition {

absl::Status Cell::Load(std::optional<std::string> row) {
  asked_ = true;
  if (!row.has_value()) {
    return absl::OkStatus();
  }
  row_ = *std::move(row);
  std::string_view rest = row_;
  absl::StatusOr<ValueHeader> header = TakeValueHeader(rest);
  if (!header.ok()) {
    return header.status();
  }
  stored_ = present_ = true;
  header_ = *header;
  stored_expiry_ = header_.expiry_seconds;
  header_.expiry_seconds = rule_.ExpiryOf(header_, rest);
  encoded_ = rest;
  return absl::OkStatus();
}

void Cell::Borrow(Cell& other) {
  asked_ = true;
  rule_ = other.rule_;
  present_ = other.present_;
  header_ = other.header_;
  if (present_) {
    encoded_ = other.Encoded();
  }
}

absl::StatusOr<const model::Item*> Cell::Decoded() {
  Require(present_, "only a present item is decoded");
  if (!decoded_.has_value()) {
    absl::StatusOr<model::Item> item = model::DecodeItem(*encoded_);
    if (!item.ok()) {
      return absl::DataLossError("a stored item does not decode");
    }
    decoded_ = *std::move(item);
  }
  return &*decoded_;
}

std::string_view Cell::Encoded() {
  Require(present_, "only a present item is encoded");
  if (!encoded_.has_value()) {
    encoding_ = model::EncodeItem(*decoded_);
    encoded_ = encoding_;
  }
  return *encoded_;
}

size_t Cell::SizeBytes() const {
  if (!present_) {
    return 0;
  }
  return encoded_.has_value() ? model::EncodedItemSizeBytes(*encoded_)
                              : model::ItemSizeBytes(*decoded_);
}

void Cell::Compact() {
  if (!decoded_.has_value()) {
    return;
  }
  Encoded();
  decoded_.reset();
}

void Cell::Replace(std::string_view encoded, const ValueHeader& header) {
  present_ = dirty_ = true;
  header_ = header;
  encoded_ = encoded;
  decoded_.reset();
}

void Cell::Replace(model::Item item, const ValueHeader& header) {
  present_ = dirty_ = true;
  header_ = header;
  encoded_.reset();
  decoded_ = std::move(item);
}

void Cell::Remove() {
  present_ = false;
  dirty_ = removed_ = true;
  encoded_.reset();
  decoded_.reset();
}

void Cell::AppendTo(storage::WriteBatch& batch) {
  if (!dirty_ || (!present_ && !stored_)) {
    return;
  }
  const ExpiryMove expiry = expiry_move();
  MoveExpiry(key_, expiry.from_seconds, expiry.to_seconds, batch);
  if (!present_) {
    batch.Delete(key_);
    return;
  }
  std::string_view encoded = Encoded();
  std::string row;
  row.reserve(24 + encoded.size());
  AppendValueHeader(row, header_);
  row.append(encoded);
  // What was put and is soon gone never reaches the disk.
  const bool fresh = asked_ && !stored_;
  fresh ? batch.PutNew(key_, std::move(row)) : batch.Put(key_, std::move(row));
}

Cell* Overlay::Touch(std::string key, bool ask) {
  Cell* cell = Find(key);
  if (cell == nullptr) {
    cell = &cells_.emplace_back(std::move(key));
    by_key_.emplace(cell->key(), cell);
  }
  if (ask) {
    cell->Ask();
  }
  return cell;
}

Cell* Overlay::Find(std::string_view key) {
  auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

void Overlay::AppendTo(storage::WriteBatch& batch) {
  for (Cell& cell : cells_) {
    cell.AppendTo(batch);
  }
}

void Overlay::Clear() {
  by_key_.clear();
  cells_.clear();
}

}  // namespace fastpath::partition
