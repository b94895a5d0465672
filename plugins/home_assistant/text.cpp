#include "plugins/home_assistant/text.hpp"

#include <spdlog/fmt/fmt.h>

#include <cmath>

namespace patchbay::home_assistant {
namespace {

using std::chrono::microseconds;

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  // Exactly `digits` digits.
  bool number(int digits, int& out) {
    if (rest_.size() < static_cast<std::size_t>(digits)) return false;
    out = 0;
    for (int i = 0; i < digits; ++i) {
      char const c = rest_[static_cast<std::size_t>(i)];
      if (c < '0' || c > '9') return false;
      out = out * 10 + (c - '0');
    }
    rest_.remove_prefix(static_cast<std::size_t>(digits));
    return true;
  }
  // Digits after a point, as microseconds; further ones are dropped.
  bool fraction(int& out) {
    out = 0;
    int scale = 100'000;
    bool any = false;
    while (!rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9') {
      out += (rest_[0] - '0') * scale;
      scale /= 10;
      any = true;
      rest_.remove_prefix(1);
    }
    return any;
  }
  bool take(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool done() const { return rest_.empty(); }
  char peek() const { return rest_.empty() ? '\0' : rest_[0]; }

 private:
  std::string_view rest_;
};

bool read_time(Reader& in, microseconds& out) {
  int hour = 0, minute = 0, second = 0, micro = 0;
  if (!in.number(2, hour) || !in.take(':') || !in.number(2, minute)) return false;
  if (in.take(':')) {
    if (!in.number(2, second)) return false;
    if ((in.take('.') || in.take(',')) && !in.fraction(micro)) return false;
  }
  if (hour > 23 || minute > 59 || second > 59) return false;
  out = std::chrono::hours{hour} + std::chrono::minutes{minute} + std::chrono::seconds{second} + microseconds{micro};
  return true;
}

bool read_zone(Reader& in, std::string& out) {
  if (in.done()) return true;
  if (in.take('Z') || in.take('z')) {
    out = "Z";
    return in.done();
  }
  char const sign = in.peek();
  if (sign != '+' && sign != '-') return false;
  in.take(sign);
  int hour = 0, minute = 0;
  if (!in.number(2, hour)) return false;
  in.take(':');
  if (!in.done() && !in.number(2, minute)) return false;
  if (!in.done() || hour > 23 || minute > 59) return false;
  out = fmt::format("{}{:02}:{:02}", sign, hour, minute);
  return true;
}

}  // namespace

std::string IsoTime::text() const {
  auto const day = std::chrono::floor<std::chrono::days>(fields);
  std::chrono::year_month_day const date{day};
  auto const clock = std::chrono::hh_mm_ss<microseconds>{fields - day};
  auto out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                         static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                         clock.minutes().count(), clock.seconds().count());
  if (clock.subseconds().count() != 0) out += fmt::format(".{:06}", clock.subseconds().count());
  return out + (zone == "Z" ? "+00:00" : zone);
}

Result<IsoTime> parse_iso(std::string_view text, std::string_view pointer) {
  Error const wrong{Code::invalid_argument,
                    fmt::format("not a time: write it as 2026-11-21T08:00:00+01:00 (without a zone it is in Home "
                                "Assistant's own)"),
                    std::string{pointer}};
  Reader in{text};
  int year = 0, month = 0, day = 0;
  if (!in.number(4, year) || !in.take('-') || !in.number(2, month) || !in.take('-') || !in.number(2, day)) return wrong;
  std::chrono::year_month_day const date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok() || year < 1970) return wrong;
  IsoTime out{std::chrono::sys_days{date}, {}};
  if (in.done()) return out;
  if (!in.take('T') && !in.take('t') && !in.take(' ')) return wrong;
  microseconds clock{};
  if (!read_time(in, clock)) return wrong;
  out.fields += clock;
  if (!read_zone(in, out.zone)) return wrong;
  return out;
}

IsoTime iso_of(WallTime time) { return {std::chrono::floor<microseconds>(time), "Z"}; }

std::string iso_of_seconds(double seconds) {
  if (!std::isfinite(seconds) || std::abs(seconds) > 253'402'300'799.0) return {};
  return IsoTime{std::chrono::sys_time<microseconds>{microseconds{std::llround(seconds * 1e6)}}, "Z"}.text();
}

std::string percent_encoded(std::string_view text) {
  static constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    bool const plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      auto const byte = static_cast<unsigned char>(c);
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
  return out;
}

bool is_slug(std::string_view text) {
  if (text.empty() || text.size() > 255) return false;
  for (char c : text)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
  return true;
}

bool is_entity_id(std::string_view text) {
  auto const dot = text.find('.');
  return dot != std::string_view::npos && is_slug(text.substr(0, dot)) && is_slug(text.substr(dot + 1));
}

}  // namespace patchbay::home_assistant
