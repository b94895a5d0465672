// When an attempt may be repeated, and how long to wait before it.
//
//   if (is_idempotent(method) && is_retryable(status)) wait = retry_after(field, clock.wall()).value_or(backoff(n,
//   ...)); auto leave = budget.take(); if (!leave) return answer;     // too many are being repeated already
//
// Pure functions but for RetryBudget, which any thread may use.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "core/base/clock.hpp"

namespace patchbay::http_client {

// GET, HEAD, PUT, DELETE, OPTIONS: once or twice makes no difference to the server.
bool is_idempotent(std::string_view method);
// 408, 429, 502, 503, 504: the server itself says that later may be better.
bool is_retryable(unsigned status);
// The value of Retry-After, seconds or an HTTP date in any of its three forms; nothing when it is neither. A date in
// the past is zero.
std::optional<std::chrono::milliseconds> retry_after(std::string_view value, WallTime now);
std::optional<WallTime> parse_http_date(std::string_view text);
// Full jitter: anything between nothing and base * 2^(attempt - 1), at most `most`. `random` is any 64 random bits.
std::chrono::milliseconds backoff(unsigned attempt, std::chrono::milliseconds base, std::chrono::milliseconds most,
                                  std::uint64_t random);

// Keeps retries from multiplying an outage: at most a fifth of the calls in flight may be repeating, but always three.
class RetryBudget {
 public:
  // Counts one call, or one repetition, as long as it lives.
  class Share {
   public:
    Share() = default;
    explicit Share(std::atomic<std::uint64_t>& count) : count_(&count) {}
    Share(Share&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(count_, other.count_);
      return *this;
    }
    ~Share() {
      if (count_ != nullptr) count_->fetch_sub(1, std::memory_order_relaxed);
    }

   private:
    std::atomic<std::uint64_t>* count_ = nullptr;
  };

  Share call();
  std::optional<Share> take();
  std::uint64_t calls() const { return calls_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> calls_{0}, retries_{0};
};

}  // namespace patchbay::http_client
