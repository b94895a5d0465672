// What a host's metric may be called, and how text is made fit for the exposition format. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/metrics/operations.hpp"

namespace patchbay::metrics {

inline constexpr std::size_t max_labels = 10;
inline constexpr std::size_t max_label_bytes = 256;

// The name that a scrape shows: a counter's ends in _total, which is added where it is missing. Errors:
// invalid_argument at /name for the grammar, the gateway's own prefixes, and endings that mean another type.
Result<std::string> shown_name(std::string_view name, Type type);
// Errors: invalid_argument at <pointer>/<name>.
Result<void> check_label_name(std::string_view name, std::string_view pointer);
Result<void> check_label_value(std::string_view name, std::string_view value);
// Errors: invalid_argument at /buckets unless the bounds are finite and rise.
Result<void> check_buckets(std::vector<double> const& buckets);

bool is_utf8(std::string_view text);
// Backslash and line feed, which prometheus-cpp 1.0 does not escape in help texts.
std::string escaped_help(std::string_view text);
// "/users/4711?full=1" -> "/users/{id}": numbers and long hexadecimal words would make a series each.
std::string endpoint_template(std::string_view endpoint);

}  // namespace patchbay::metrics
