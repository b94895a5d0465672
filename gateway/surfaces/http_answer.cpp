#include "gateway/surfaces/http_answer.hpp"

#include <spdlog/fmt/fmt.h>
#include <zlib.h>

#include <array>
#include <charconv>

#include "core/base/json.hpp"

namespace patchbay::http {
namespace {

struct Reason {
  std::uint16_t status;
  std::string_view text;
};
constexpr Reason reasons[] = {
    {200, "OK"},
    {204, "No Content"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

template <class Number>
void append_number(std::string& out, Number number) {
  std::array<char, 24> text;
  auto const end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  out.append(text.data(), end);
}

constexpr std::string_view success_begin = R"({"status":"success",)";
constexpr std::string_view message_begin = R"("message":)";
constexpr std::string_view data_begin = R"("data":)";

}  // namespace

std::string_view reason_of(std::uint16_t status) {
  for (auto const& row : reasons)
    if (row.status == status) return row.text;
  return "Status";
}

void append_head(std::string& out, HeadLines const& lines, std::optional<std::size_t> length) {
  if (lines.status == 200) {
    out += "HTTP/1.1 200 OK\r\n";
  } else {
    out += "HTTP/1.1 ";
    append_number(out, lines.status);
    out += ' ';
    out += reason_of(lines.status);
    out += "\r\n";
  }
  if (!lines.type.empty()) {
    out += "Content-Type: ";
    out += lines.type;
    out += "\r\n";
  }
  out += lines.date;
  out += "X-Content-Type-Options: nosniff\r\n";
  out += lines.extra;
  if (lines.chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (length) {
    out += "Content-Length: ";
    append_number(out, *length);
    out += "\r\n";
  }
  if (!lines.keep_alive)
    out += "Connection: close\r\n\r\n";
  else if (lines.is_1_0)
    out += "Connection: keep-alive\r\n\r\n";
  else
    out += "\r\n";
}

std::size_t success_size(Answer const& answer) {
  auto size = success_begin.size() + data_begin.size() + answer.data.size() + 1;
  if (!answer.message.empty()) size += message_begin.size() + json::quoted(answer.message).size() + 1;
  return size;
}

void append_success(std::string& out, Answer const& answer) {
  out += success_begin;
  if (!answer.message.empty()) {
    out += message_begin;
    out += json::quoted(answer.message);
    out += ',';
  }
  out += data_begin;
  out += answer.data;
  out += '}';
}

std::string error_body(Error const& error, TraceId const& trace) {
  auto const write = [&](std::string_view message, std::string_view pointer) {
    json::Buffer buffer;
    json::Writer writer{buffer};
    auto const text = [&](std::string_view key, std::string_view value) {
      json::write_key(writer, key);
      json::write_text(writer, value);
    };
    writer.StartObject();
    text("status", "error");
    writer.Key("error");
    writer.StartObject();
    text("code", name_of(error.code));
    text("message", message);
    text("pointer", pointer);
    writer.Key("retryable");
    writer.Bool(error.retryable());
    if (error.retry_after_ms > 0) {
      writer.Key("retry_after_ms");
      writer.Uint(error.retry_after_ms);
    }
    text("trace", trace.hex());
    writer.EndObject();
    writer.EndObject();
    return std::string{buffer.GetString(), buffer.GetSize()};
  };
  auto body = write(error.message, error.pointer);
  // A message may quote what a client sent in another encoding; what leaves us is valid all the same.
  if (!json::check(body)) {
    auto const ascii = [](std::string text) {
      for (char& c : text)
        if (static_cast<unsigned char>(c) >= 0x80) c = '?';
      return text;
    };
    body = write(ascii(error.message), ascii(error.pointer));
  }
  return body;
}

std::uint32_t retry_after_seconds(Error const& error) {
  if (!error.retryable()) return 0;
  return std::max<std::uint32_t>(1, (error.retry_after_ms + 999) / 1000);
}

std::optional<std::string> gzipped(std::string_view text) {
  z_stream stream{};
  constexpr int gzip_format = 15 + 16;
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, gzip_format, 8, Z_DEFAULT_STRATEGY) != Z_OK) return std::nullopt;
  std::string out(text.size(), '\0');  // no smaller: no use
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  auto const done = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (done != Z_STREAM_END) return std::nullopt;
  return out;
}

std::string_view DateLine::at(SteadyTime now, Clock const& clock) {
  if (now < until_) return line_;
  constexpr std::array<char const*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<char const*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  auto const wall = clock.wall();
  auto const second = std::chrono::floor<std::chrono::seconds>(wall);
  auto const time = std::chrono::system_clock::to_time_t(second);
  std::tm parts{};
  gmtime_r(&time, &parts);
  line_ = fmt::format("Date: {}, {:02} {} {} {:02}:{:02}:{:02} GMT\r\n", days[static_cast<std::size_t>(parts.tm_wday)],
                      parts.tm_mday, months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                      parts.tm_hour, parts.tm_min, parts.tm_sec);
  until_ = now + std::chrono::seconds{1} - (wall - second);
  return line_;
}

}  // namespace patchbay::http
