#include "client/internal/links.h"

#include <cassert>

#include "client/internal/retry.h"

namespace fastpath::client::internal {

Link& Links::At(const std::string& address) {
  std::shared_ptr<Link>& link = links_[address];
  if (!link) {
    link = std::make_shared<Link>();
    link->address = address;
  }
  return *link;
}

bool Links::Down(const std::string& address, Micros now) const {
  auto found = links_.find(address);
  return found != links_.end() && found->second->state == Link::State::kIdle &&
         now < found->second->retry_at;
}

void Links::Dial(Link& link) {
  assert(link.state == Link::State::kIdle);
  link.state = Link::State::kDialing;
  link.silent_since = ports_.clock->Monotonic();
  uint64_t generation = ++link.generation;
  ports_.dialer->Dial(link.address, [this, alive = std::weak_ptr<char>(alive_),
                                     address = link.address, generation](auto channel) {
    if (!alive.expired()) Dialled(address, generation, std::move(channel));
  });
}

void Links::Dialled(const std::string& address, uint64_t generation,
                    absl::StatusOr<std::unique_ptr<Channel>> channel) {
  auto found = links_.find(address);
  if (found == links_.end() || found->second->generation != generation) return;
  Link* link = found->second.get();
  if (!channel.ok()) {
    Break(*link, std::string(channel.status().message()));
    return;
  }
  link->state = Link::State::kOpen;
  link->channel = *std::move(channel);
  link->heard_at = ports_.clock->Monotonic();
  link->silent_since = 0;
  // Weak: a closed channel may outlive the link for a moment.
  std::weak_ptr<Link> weak = found->second;
  link->channel->Start({.on_frame =
                            [this, weak, generation](std::string_view frame) {
                              std::shared_ptr<Link> link = weak.lock();
                              if (!link || link->generation != generation || !link->channel) return;
                              link->heard_at = ports_.clock->Monotonic();
                              link->silent_since = 0;
                              link->failures = 0;
                              handlers_.frame(*link, frame);
                            },
                        .on_close =
                            [this, weak, generation](absl::Status why) {
                              std::shared_ptr<Link> link = weak.lock();
                              if (link && link->generation == generation && link->channel) {
                                Break(*link, std::string(why.message()));
                              }
                            }});
  handlers_.opened(*link);
}

void Links::Break(Link& link, std::string why) {
  assert(link.state != Link::State::kIdle);
  ++link.generation;
  link.state = Link::State::kIdle;
  link.error = std::move(why);
  link.retry_at = ports_.clock->Monotonic() + RedialMicros(*ports_.random, link.failures++);
  // We may be inside a handler of the channel, which must not end there.
  if (link.channel) {
    ports_.executor->Post([channel = std::move(link.channel)] {});
    link.channel = nullptr;
  }
  handlers_.closed(link);
}

void Links::Retain(const std::function<bool(const std::string& address)>& wanted) {
  std::erase_if(links_, [&](const auto& entry) {
    const Link& link = *entry.second;
    return link.state == Link::State::kIdle && link.waiting.empty() && !wanted(entry.first);
  });
}

}  // namespace fastpath::client::internal
