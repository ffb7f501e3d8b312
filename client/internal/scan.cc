#include "client/internal/scan.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "partition/model/capacity.h"

namespace fastpath::client::internal {
namespace {

constexpr uint32_t kPageBytes = 1u << 20;  // DynamoDB's, as the servers'.

class Walk : public std::enable_shared_from_this<Walk> {
 public:
  Walk(Core& core, api::ScanRequest request, Micros timeout, Core::Done done)
      : core_(core),
        request_(std::move(request)),
        done_(std::move(done)),
        deadline_(core.DeadlineAfter(timeout)) {}

  void Ask() {
    api::Request request;
    *request.mutable_scan() = request_;
    core_.Call(std::move(request), Target::Key(), std::max<Micros>(1, deadline_ - Now()),
               [self = shared_from_this()](Answer answer) { self->Answered(std::move(answer)); });
  }

 private:
  Micros Now() const { return core_.ports().clock->Monotonic(); }

  void Answered(Answer answer) {
    if (answer.outcome != Outcome::kOk) {
      if (!whole_.has_last_key()) return done_(std::move(answer));
      return Finish();
    }
    api::PageResult& page = *answer.reply.mutable_page();
    Merge(page);
    if (page.more()) return Finish();
    if (page.next_hash() == 0) {
      whole_.clear_last_key();
      return Finish();
    }
    if (whole_.scanned_bytes() >= kPageBytes) return Finish();
    if (request_.limit() > 0) request_.set_limit(request_.limit() - page.scanned_count());
    if (whole_.scanned_bytes() > 0) {
      request_.set_limit_bytes(kPageBytes - static_cast<uint32_t>(whole_.scanned_bytes()));
    }
    request_.clear_start_after();
    request_.set_start_hash(page.next_hash());
    Ask();
  }

  void Merge(api::PageResult& page) {
    if (whole_.items_size() == 0) {
      whole_.mutable_items()->Swap(page.mutable_items());
    } else {
      for (std::string& item : *page.mutable_items()) whole_.add_items(std::move(item));
    }
    whole_.set_count(whole_.count() + page.count());
    whole_.set_scanned_count(whole_.scanned_count() + page.scanned_count());
    whole_.set_scanned_bytes(whole_.scanned_bytes() + page.scanned_bytes());
    if (page.has_last_key()) whole_.mutable_last_key()->Swap(page.mutable_last_key());
  }

  // What the page cost is rounded once, not for each group.
  void Finish() {
    Answer answer{.outcome = Outcome::kOk};
    if (request_.return_capacity()) {
      whole_.mutable_capacity()->set_table(request_.table());
      whole_.mutable_capacity()->set_read_half_units(
          model::ReadHalfUnits(whole_.scanned_bytes(), request_.eventual()));
    }
    *answer.reply.mutable_page() = std::move(whole_);
    done_(std::move(answer));
  }

  Core& core_;
  api::ScanRequest request_;  // The next one.
  Core::Done done_;
  const Micros deadline_;
  api::PageResult whole_;
};

}  // namespace

void ScanPage(Core& core, api::ScanRequest request, Micros timeout, Core::Done done) {
  std::make_shared<Walk>(core, std::move(request), timeout, std::move(done))->Ask();
}

}  // namespace fastpath::client::internal
