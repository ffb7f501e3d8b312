#include "node/expiry_names.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <tuple>
#include <utility>

namespace fastpath::node {
namespace {

constexpr size_t kConsidered = 1024;  // Bounds what taking a few of many costs.

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

std::vector<ExpiryNames::Name> ExpiryNames::TakeDue(uint64_t now, size_t count) {
  std::vector<const Name*> due;
  for (auto name = names_.begin(); name != names_.end() && name->seconds <= now; ++name) {
    if (due.size() == kConsidered) break;
    due.push_back(&*name);
  }
  count = std::min(count, due.size());
  const auto in_turn = [&](const Name* a, const Name* b) {
    const bool a_later = a->data_key < next_key_, b_later = b->data_key < next_key_;
    return std::tie(a_later, a->data_key) < std::tie(b_later, b->data_key);
  };
  std::partial_sort(due.begin(), due.begin() + static_cast<ptrdiff_t>(count), due.end(), in_turn);
  std::vector<Name> taken;
  for (size_t i = 0; i < count; ++i) taken.push_back(*due[i]);
  for (const Name& name : taken) Remove(name.seconds, name.data_key);
  if (count > 0) next_key_ = taken.back().data_key;
  return taken;
}

uint64_t ExpiryNames::Earliest() const { return names_.empty() ? kNever : names_.begin()->seconds; }

}  // namespace fastpath::node
