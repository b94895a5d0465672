#include "core/metrics/names.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

namespace patchbay::metrics {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

Error bad_name(std::string message) { return {Code::invalid_argument, std::move(message), "/name"}; }

}  // namespace

Result<std::string> shown_name(std::string_view name, Type type) {
  if (name.empty() || name.size() > 200) return bad_name("the name of a metric has 1 to 200 characters");
  if (!(is_letter(name.front()) || name.front() == ':') ||
      !std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c) || c == ':'; }))
    return bad_name("the name of a metric is made of letters, digits, _ and :, and begins with no digit");
  if (name.starts_with("patchbay_") || name.starts_with("process_"))
    return bad_name("names that begin with patchbay_ or process_ are the gateway's own: choose a prefix of your own");
  if (type == Type::counter) return name.ends_with("_total") ? std::string{name} : std::string{name} + "_total";
  // These would read as a counter, or as a part of a histogram of that name.
  for (std::string_view ending : {"_total", "_bucket", "_sum", "_count"})
    if (name.ends_with(ending))
      return bad_name(fmt::format("the name of a {} may not end in {}, which {}",
                                  type == Type::gauge ? "gauge" : "histogram", ending,
                                  ending == "_total" ? "means a counter" : "means a part of a histogram"));
  return std::string{name};
}

Result<void> check_label_name(std::string_view name, std::string_view pointer) {
  auto const bad = [&](std::string message) {
    return Error{Code::invalid_argument, std::move(message), std::string{pointer} + json::pointer_token(name)};
  };
  if (name.empty() || name.size() > 64 || !is_letter(name.front()) ||
      !std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); }))
    return bad("a label name has 1 to 64 letters, digits and _, and begins with no digit");
  if (name.starts_with("__")) return bad("label names that begin with __ are Prometheus' own");
  if (name == "le" || name == "quantile") return bad(fmt::format("the label {} is Prometheus' own", name));
  return {};
}

Result<void> check_label_value(std::string_view name, std::string_view value) {
  auto const bad = [&](std::string message) {
    return Error{Code::invalid_argument, std::move(message), "/labels" + json::pointer_token(name)};
  };
  if (value.size() > max_label_bytes)
    return bad(fmt::format("a label value has at most {} bytes, this has {}", max_label_bytes, value.size()));
  if (!is_utf8(value) || value.find('\0') != std::string_view::npos)
    return bad("a label value is UTF-8 text without U+0000");
  return {};
}

Result<void> check_buckets(std::vector<double> const& buckets) {
  auto const bad = [](std::string message, std::size_t at) {
    return Error{Code::invalid_argument, std::move(message), "/buckets/" + std::to_string(at)};
  };
  if (buckets.size() > 50) return Error{Code::invalid_argument, "at most 50 buckets", "/buckets"};
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    if (!std::isfinite(buckets[i])) return bad("a bound is a finite number; the last bucket, +Inf, comes by itself", i);
    if (i > 0 && buckets[i] <= buckets[i - 1])
      return bad(fmt::format("bounds must rise: {} comes after {}", buckets[i], buckets[i - 1]), i);
  }
  return {};
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    auto const byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    auto const first = byte(i);
    std::size_t const more = first < 0x80 ? 0 : first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    if ((first >= 0x80 && first < 0xC2) || first > 0xF4 || i + more >= text.size()) return false;
    for (std::size_t k = 1; k <= more; ++k)
      if ((byte(i + k) & 0xC0) != 0x80) return false;
    // Overlong forms, surrogates, beyond U+10FFFF.
    if ((first == 0xE0 && byte(i + 1) < 0xA0) || (first == 0xED && byte(i + 1) >= 0xA0) ||
        (first == 0xF0 && byte(i + 1) < 0x90) || (first == 0xF4 && byte(i + 1) >= 0x90))
      return false;
    i += more + 1;
  }
  return true;
}

std::string escaped_help(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::string endpoint_template(std::string_view endpoint) {
  endpoint = endpoint.substr(0, endpoint.find_first_of("?#"));
  std::string out;
  for (;;) {
    auto const slash = endpoint.find('/');
    auto const part = endpoint.substr(0, slash);
    bool const number = !part.empty() && std::all_of(part.begin(), part.end(), is_digit);
    bool const identity =
        part.size() >= 16 && std::all_of(part.begin(), part.end(), [](char c) { return is_hex(c) || c == '-'; });
    out += number || identity ? std::string_view{"{id}"} : part;
    if (slash == std::string_view::npos) return out;
    out += '/';
    endpoint.remove_prefix(slash + 1);
  }
}

}  // namespace patchbay::metrics
