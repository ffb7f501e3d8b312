// Guards callbacks against the death of their owner: what Guard() wraps does
// nothing once the Lifetime is gone. Member of the owner, last, so that it dies
// first. One thread.
#pragma once

#include <memory>
#include <utility>

namespace fastpath::node {

class Lifetime {
 public:
  Lifetime() : token_(std::make_shared<char>()) {}
  Lifetime(const Lifetime&) = delete;
  Lifetime& operator=(const Lifetime&) = delete;

  template <typename F>
  auto Guard(F f) const {
    return [weak = std::weak_ptr<char>(token_), f = std::move(f)](auto&&... arguments) mutable {
      if (!weak.expired()) f(std::forward<decltype(arguments)>(arguments)...);
    };
  }

 private:
  std::shared_ptr<char> token_;
};

}  // namespace fastpath::node
