#include "node/expiry_names.h"

#include <cstddef>
#include <iterator>
#include <utility>

namespace fastpath::node {
namespace {

size_t BytesOf(size_t key_bytes) {
  constexpr size_t kAllocation = 16;  // What is lost to rounding and the tree.
  return sizeof(ExpiryNames::Name) + key_bytes + kAllocation;
}

}  // namespace

ExpiryNames::~ExpiryNames() {
  for (const Name& name : names_) budget_->used_bytes -= BytesOf(name.data_key.size());
}

bool ExpiryNames::Add(uint64_t seconds, std::string_view data_key, bool urgent) {
  if (names_.contains(Order::View(seconds, data_key))) return true;
  if (budget_->full() && !urgent) return false;
  names_.insert({seconds, std::string(data_key)});
  budget_->used_bytes += BytesOf(data_key.size());
  return true;
}

void ExpiryNames::Remove(uint64_t seconds, std::string_view data_key) {
  if (names_.empty() || seconds > names_.rbegin()->seconds) return;
  if (names_.erase(Order::View(seconds, data_key)) == 0) return;
  budget_->used_bytes -= BytesOf(data_key.size());
}

bool ExpiryNames::HaveDue(uint64_t now, size_t count) const {
  if (count == 0) return true;
  if (names_.size() < count) return false;
  return std::next(names_.begin(), static_cast<ptrdiff_t>(count) - 1)->seconds <= now;
}

std::optional<ExpiryNames::Name> ExpiryNames::TakeDue(uint64_t now) {
  if (Earliest() > now) return std::nullopt;
  Name name = std::move(names_.extract(names_.begin()).value());
  budget_->used_bytes -= BytesOf(name.data_key.size());
  return name;
}

uint64_t ExpiryNames::Earliest() const { return names_.empty() ? kNever : names_.begin()->seconds; }

}  // namespace fastpath::node
