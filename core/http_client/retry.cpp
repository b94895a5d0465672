#include "core/http_client/retry.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace patchbay::http_client {

bool is_idempotent(std::string_view method) { return method != "POST" && method != "PATCH"; }

bool is_retryable(unsigned status) {
  return status == 408 || status == 429 || status == 502 || status == 503 || status == 504;
}

namespace {

std::optional<int> number(std::string_view text) {
  int value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty() || value < 0) return std::nullopt;
  return value;
}

std::optional<unsigned> month(std::string_view text) {
  static constexpr std::array<std::string_view, 12> names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  auto const found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) return std::nullopt;
  return static_cast<unsigned>(found - names.begin()) + 1;
}

// "Sun, 06 Nov 1994 08:49:37 GMT" and its two elder forms differ only in separators and order.
std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty() && out.size() < 10) {
    auto const begin = text.find_first_not_of(" ,-:");
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    auto const end = std::min(text.find_first_of(" ,-:"), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

}  // namespace

std::optional<WallTime> parse_http_date(std::string_view text) {
  auto const parts = words(text);
  // Sun 06 Nov 1994 08 49 37 GMT | Sunday 06 Nov 94 08 49 37 GMT | Sun Nov 6 08 49 37 1994
  bool const elder = parts.size() == 7;
  if (!elder && (parts.size() != 8 || parts[7] != "GMT")) return std::nullopt;
  auto const day = number(parts[elder ? 2 : 1]);
  auto const mon = month(parts[elder ? 1 : 2]);
  auto year = number(parts[elder ? 6 : 3]);
  auto const hour = number(parts[elder ? 3 : 4]), minute = number(parts[elder ? 4 : 5]),
             second = number(parts[elder ? 5 : 6]);
  if (!day || !mon || !year || !hour || !minute || !second) return std::nullopt;
  if (*hour > 23 || *minute > 59 || *second > 60 || *year > 9999) return std::nullopt;
  if (!elder && parts[3].size() == 2) *year += *year < 70 ? 2000 : 1900;
  std::chrono::year_month_day const date{std::chrono::year{*year}, std::chrono::month{*mon},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  // In seconds: the wall clock counts nanoseconds, which a date far away would overflow.
  auto const at = std::chrono::sys_seconds{std::chrono::sys_days{date}} + std::chrono::hours{*hour} +
                  std::chrono::minutes{*minute} + std::chrono::seconds{*second};
  auto const most = std::chrono::floor<std::chrono::seconds>(WallTime::max());
  auto const least = std::chrono::ceil<std::chrono::seconds>(WallTime::min());
  return WallTime{std::clamp(at, least, most)};
}

std::optional<std::chrono::milliseconds> retry_after(std::string_view value, WallTime now) {
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
  if (value.empty()) return std::nullopt;
  if (value.find_first_not_of("0123456789") == std::string_view::npos) {
    // Nine digits are thirty years: longer than anybody waits, and far from an overflow.
    return std::chrono::seconds{number(value.size() > 9 ? std::string_view{"999999999"} : value).value_or(0)};
  }
  auto const at = parse_http_date(value);
  if (!at) return std::nullopt;
  if (*at <= now) return std::chrono::milliseconds{0};
  return std::chrono::ceil<std::chrono::milliseconds>(*at - now);
}

std::chrono::milliseconds backoff(unsigned attempt, std::chrono::milliseconds base, std::chrono::milliseconds most,
                                  std::uint64_t random) {
  auto limit = base;
  for (unsigned i = 1; i < attempt && limit < most; ++i) limit *= 2;
  limit = std::min(limit, most);
  if (limit.count() <= 0) return std::chrono::milliseconds{0};
  return std::chrono::milliseconds{static_cast<std::int64_t>(random % (static_cast<std::uint64_t>(limit.count()) + 1))};
}

RetryBudget::Share RetryBudget::call() {
  calls_.fetch_add(1, std::memory_order_relaxed);
  return Share{calls_};
}

std::optional<RetryBudget::Share> RetryBudget::take() {
  auto const most = std::max<std::uint64_t>(3, calls_.load(std::memory_order_relaxed) / 5);
  if (retries_.fetch_add(1, std::memory_order_relaxed) < most) return Share{retries_};
  retries_.fetch_sub(1, std::memory_order_relaxed);
  return std::nullopt;
}

}  // namespace patchbay::http_client
