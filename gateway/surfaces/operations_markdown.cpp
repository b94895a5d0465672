#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "gateway/surfaces/openapi.hpp"

namespace patchbay {
namespace {

// Inside of a table cell.
std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|')
      out += "\\|";
    else
      out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out;
}

std::string type_of(Schema const& schema) {
  if (!schema.enum_texts().empty()) return fmt::format("{}", fmt::join(schema.enum_texts(), " or "));
  auto out = schema.type_words();
  for (auto const* article : {"an ", "a "})
    if (out.starts_with(article)) out.erase(0, std::string_view{article}.size());
  if (schema.items() != nullptr && out == "array") out = "array of " + type_of(*schema.items());
  return out;
}

std::string bounds_of(Schema const& schema) {
  auto const number = [](double value) {
    return value == static_cast<double>(static_cast<std::int64_t>(value))
               ? fmt::format("{}", static_cast<std::int64_t>(value))
               : fmt::format("{}", value);
  };
  // The limits of the C++ type itself say nothing to a reader.
  auto const is_telling = [](double value) { return std::abs(value) < 2147483647.0; };
  std::string out;
  if (schema.minimum() && is_telling(*schema.minimum())) out += " from " + number(*schema.minimum());
  if (schema.maximum() && is_telling(*schema.maximum())) out += " to " + number(*schema.maximum());
  auto const unit = schema.has_type("array") && !schema.has_type("string") ? "items" : "bytes";
  auto const least = schema.min_length().value_or(0);
  if (schema.max_length())
    out += least > 0 ? fmt::format(", {} to {} {}", least, *schema.max_length(), unit)
                     : fmt::format(", at most {} {}", *schema.max_length(), unit);
  else if (least > 0)
    out += fmt::format(", at least {} {}", least, unit);
  return out;
}

std::string arguments(Schema const& schema) {
  std::string out;
  for (auto const& property : schema.properties()) {
    if (!out.empty()) out += "<br>";
    out += fmt::format("`{}`", property.name);
    if (!property.aliases.empty()) out += fmt::format(" (or `{}`)", fmt::join(property.aliases, "`, `"));
    out += fmt::format(": {}{}", cell(type_of(property.schema)), bounds_of(property.schema));
    if (property.required)
      out += ", required";
    else if (property.schema.default_text())
      out += fmt::format(" = {}", cell(*property.schema.default_text()));
    if (!property.schema.description().empty()) out += fmt::format("; {}", cell(property.schema.description()));
  }
  if (!schema.required_one_of().empty())
    out += fmt::format("<br>one of these is required: `{}`", fmt::join(schema.required_one_of(), "`, `"));
  return out.empty() ? "-" : out;
}

std::string result(Schema const& schema) {
  std::vector<std::string> names;
  for (auto const& property : schema.properties())
    names.push_back(fmt::format("`{}`{}", property.name, property.required ? "" : "?"));
  if (names.empty()) return schema.text() == "{}" ? "any JSON" : type_of(schema);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string effect(OperationInfo const& info) {
  std::string out{name_of(info.effect)};
  if (info.streaming) out += ", streaming";
  if (info.idempotent && info.effect != Effect::read) out += ", idempotent";
  if (info.reaches_out) out += ", reaches out";
  if (info.audited) out += ", audited";
  return out;
}

std::string errors(OperationInfo const& info) {
  std::vector<std::string_view> names;
  for (auto const& row : code_table)
    if (info.errors.has(row.code)) names.push_back(row.name);
  return names.empty() ? "-" : fmt::format("{}", fmt::join(names, ", "));
}

std::string budget(OperationInfo const& info) {
  if (info.streaming) return "none";
  auto const ms = info.timeout.count();
  auto out = ms % 1000 == 0 ? fmt::format("{} s", ms / 1000) : fmt::format("{} ms", ms);
  return info.timeout_from_args ? "`timeout_ms` + 1 s" : out;
}

}  // namespace

std::string operations_markdown(OperationTable const& table) {
  std::map<std::string, std::vector<Row const*>> interfaces;
  for (auto const& row : table.rows()) interfaces[row->info.interface].push_back(row.get());
  std::string out =
      "# Operations\n\n"
      "Written by `patchbay describe markdown` from the declarations. Each operation is `POST /<tool>`, "
      "`patchbay call <tool>` and the C++ call of the same name. Besides the errors listed any operation may answer "
      "invalid_argument, unauthenticated, forbidden, cancelled, unavailable, deadline_exceeded and internal.\n";
  for (auto& [interface, rows] : interfaces) {
    std::sort(rows.begin(), rows.end(), [](Row const* a, Row const* b) { return a->info.tool < b->info.tool; });
    out += fmt::format("\n## {}\n\n", interface);
    out +=
        "| tool | what it does | arguments | result | effect | scope | time limit | errors |\n"
        "|---|---|---|---|---|---|---|---|\n";
    for (auto const* row : rows) {
      auto const& info = row->info;
      auto summary = cell(info.summary);
      if (!info.aliases.empty()) summary += fmt::format("<br>Also `{}`", fmt::join(info.aliases, "`, `"));
      for (auto const& route : info.routes) summary += fmt::format("<br>`{} {}`", route.method, route.path);
      out += fmt::format("| `{}` | {} | {} | {} | {} | `{}` | {} | {} |\n", info.tool, summary, arguments(info.args),
                         result(info.result), effect(info), info.scope, budget(info), errors(info));
    }
  }
  return out;
}

}  // namespace patchbay
