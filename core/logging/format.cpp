#include "core/logging/format.hpp"

#include <spdlog/fmt/fmt.h>

#include "core/base/iso_time.hpp"
#include "core/base/redact.hpp"

namespace patchbay::logging {
namespace {

std::string without_secrets(std::string text, std::vector<std::string> const& secrets) {
  for (auto const& secret : secrets)
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + redact::hidden.size()))
      text.replace(at, secret.size(), redact::hidden);
  return text;
}

// What is shown of a field: nothing of a secret one, else cleaned.
std::string shown(std::string_view name, std::string_view value, std::vector<std::string> const& secrets) {
  if (redact::is_secret_name(name) && !value.empty()) return std::string{redact::hidden};
  return without_secrets(redact::mask_text(value.substr(0, field_bytes * 2)), secrets);
}

bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c != '"' && c != '=' && c != '\\' && static_cast<unsigned char>(c) != 0x7F;
  });
}

}  // namespace

std::string_view level_name(LogLevel level) {
  return EnumNames<LogLevel>::names[static_cast<std::size_t>(level)].first;
}

std::string format_line(Line const& line, Format format, std::vector<std::string> const& secrets) {
  auto const message = shown("message", line.message, secrets);
  if (format == Format::json) {
    json::Buffer buffer;
    json::Writer writer{buffer};
    auto text = [&](std::string_view key, std::string_view value) {
      json::write_key(writer, key);
      json::write_text(writer, value);
    };
    writer.StartObject();
    text("ts", iso_time(line.at));
    text("level", level_name(line.level));
    text("logger", redact::valid_utf8(line.logger, 64));
    text("message", redact::valid_utf8(message, field_bytes));
    if (!line.fields.empty()) {
      json::write_key(writer, "fields");
      writer.StartObject();
      for (auto const& [name, value] : line.fields) {
        if (buffer.GetSize() + field_bytes + 512 > line_bytes) {
          text("truncated", "true");
          break;
        }
        text(redact::valid_utf8(name, 64), redact::valid_utf8(shown(name, value, secrets), field_bytes));
      }
      writer.EndObject();
    }
    writer.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
  }
  auto out = fmt::format("{} {:<8} {}: {}", iso_time(line.at), level_name(line.level),
                         redact::one_line(line.logger, 64), redact::one_line(message, field_bytes));
  for (auto const& [name, value] : line.fields) {
    auto text = redact::one_line(shown(name, value, secrets), field_bytes);
    if (!is_plain(text)) text = json::quoted(text);
    if (out.size() + name.size() + text.size() + 2 > line_bytes) {
      out += " truncated=true";
      break;
    }
    out += fmt::format(" {}={}", redact::one_line(name, 64), text);
  }
  return out;
}

}  // namespace patchbay::logging
