#include "gateway/cli/output.hpp"

#include <rapidjson/prettywriter.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <cstdio>

namespace patchbay::cli {
namespace {

bool is_flat(json::Value const& value) { return !value.IsObject() && !value.IsArray(); }

std::string cell(json::Value const& value) {
  if (value.IsString()) return std::string{json::text_of(value)};
  if (value.IsNull()) return "-";
  return json::to_text(value);
}

// Terminals must not be steered by what an upstream says.
std::string clean(std::string text) {
  for (auto& c : text)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F) c = '?';
  return text;
}

// Characters, not bytes; wide ones count as one.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool is_table(json::Value const& value) {
  if (!value.IsArray() || value.Empty()) return false;
  for (auto const& row : value.GetArray()) {
    if (!row.IsObject()) return false;
    for (auto const& member : row.GetObject())
      if (!is_flat(member.value)) return false;
  }
  return true;
}

void write_table(std::string& out, json::Value const& rows, std::string const& indent) {
  std::vector<std::string> columns;
  for (auto const& row : rows.GetArray())
    for (auto const& member : row.GetObject()) {
      std::string name{json::text_of(member.name)};
      if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(std::move(name));
    }
  std::vector<std::vector<std::string>> lines{columns};
  for (auto const& row : rows.GetArray()) {
    std::vector<std::string> line;
    for (auto const& column : columns) {
      auto const* value = json::find(row, column);
      line.push_back(value == nullptr ? "" : cell(*value));
    }
    lines.push_back(std::move(line));
  }
  std::vector<std::size_t> widths(columns.size());
  for (auto const& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  for (auto const& line : lines) {
    auto text = indent;
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += line[i];
      if (i + 1 < line.size()) text.append(widths[i] - width(line[i]) + 2, ' ');
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    out += text + "\n";
  }
}

void write(std::string& out, json::Value const& value, std::string const& indent) {
  if (is_table(value)) return write_table(out, value, indent);
  if (value.IsArray()) {
    for (auto const& item : value.GetArray()) {
      if (is_flat(item)) {
        out += indent + "- " + cell(item) + "\n";
      } else {
        out += indent + "-\n";
        write(out, item, indent + "  ");
      }
    }
    return;
  }
  if (!value.IsObject()) {
    out += indent + cell(value) + "\n";
    return;
  }
  std::size_t widest = 0;
  for (auto const& member : value.GetObject())
    if (is_flat(member.value)) widest = std::max(widest, width(json::text_of(member.name)));
  for (auto const& member : value.GetObject()) {
    std::string const name{json::text_of(member.name)};
    if (is_flat(member.value)) {
      out += indent + name + ":" + std::string(widest - width(name) + 1, ' ') + cell(member.value) + "\n";
    } else if ((member.value.IsArray() && member.value.Empty()) ||
               (member.value.IsObject() && member.value.ObjectEmpty())) {
      out += indent + name + ": none\n";
    } else {
      out += indent + name + ":\n";
      write(out, member.value, indent + "  ");
    }
  }
}

}  // namespace

std::string readable(json::Value const& value) {
  std::string out;
  write(out, value, "");
  return clean(std::move(out));
}

bool is_terminal(int descriptor) { return ::isatty(descriptor) == 1; }

void print_data(std::string_view text, bool force_json) {
  if (!force_json && is_terminal(STDOUT_FILENO)) {
    auto parsed = json::parse(text, json::upstream_limits);
    if (parsed) {
      auto const shown = readable(parsed->document);
      std::fwrite(shown.data(), 1, shown.size(), stdout);
      return;
    }
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
}

int print_error(Error const& error) {
  auto text = fmt::format("patchbay: {}: {}", name_of(error.code), error.message);
  if (!error.pointer.empty()) text += fmt::format(" (at {})", error.pointer);
  if (error.retry_after_ms != 0) text += fmt::format(" (try again after {} ms)", error.retry_after_ms);
  text = clean(text) + "\n";
  std::fwrite(text.data(), 1, text.size(), stderr);
  return row_of(error.code).exit_code;
}

}  // namespace patchbay::cli
