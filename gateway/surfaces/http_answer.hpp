// Answers as bytes: the header with its fixed and cached lines, the success and error bodies of the JSON surface, gzip.
//
//   http::append_head(out, {.status = 200, .date = clock.line()}, body.size());
//   out += body;
//
// Everything is appended to one string that the connection writes at once. Pure functions; some 60 ns a header.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/reply.hpp"
#include "core/base/trace.hpp"

namespace patchbay::http {

inline constexpr std::string_view json_type = "application/json";
inline constexpr std::string_view events_type = "text/event-stream";
inline constexpr std::string_view no_store = "Cache-Control: no-store\r\n";
inline constexpr std::string_view lines_type = "application/x-ndjson";

std::string_view reason_of(std::uint16_t status);

// What an answer's header says. `date` is a whole header line, `extra` any number of them.
struct HeadLines {
  std::uint16_t status = 200;
  std::string_view type = json_type;  // empty: no body and no type
  std::string_view date{};
  bool keep_alive = true;
  bool is_1_0 = false;
  bool chunked = false;
  std::string_view extra{};
};
// Without a length the body ends with the connection (or with its last chunk).
void append_head(std::string& out, HeadLines const& lines, std::optional<std::size_t> length);

// {"status":"success","message":...,"data":...}
void append_success(std::string& out, Answer const& answer);
std::size_t success_size(Answer const& answer);
// {"status":"error","error":{...}}
std::string error_body(Error const& error, TraceId const& trace);

// The whole seconds of a Retry-After line, at least 1, for an error that may be tried again; 0 for others.
std::uint32_t retry_after_seconds(Error const& error);

// The gzip form at the fastest level, or nothing when it would not be smaller.
std::optional<std::string> gzipped(std::string_view text);

// The Date line, made anew once a second. One per thread.
class DateLine {
 public:
  std::string_view at(SteadyTime now, Clock const& clock);

 private:
  SteadyTime until_{};
  std::string line_;
};

}  // namespace patchbay::http
