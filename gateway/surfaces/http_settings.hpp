// HttpSettings: what the HTTP surface is told: where to listen, who we are called, and every limit of a client.
//
//   HttpSettings settings{.listen = {"127.0.0.1:0"}, .version = "1.0"};
//   for (auto const& limit : http::limit_table) set(settings, limit, value);      // by the name that patchbay_limit
//   shows
//
// A plain value, copied into the server; HttpServer::apply() changes all but the addresses while it runs.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "core/runtime/tls_server.hpp"

namespace patchbay {

struct HttpSettings {
  std::vector<std::string> listen{"127.0.0.1:8765"};  // address:port, [address]:port; port 0: any free one
  std::vector<std::string> hosts{};                   // further Host names that are ours, with or without a port
  std::vector<std::string> trusted_proxies{};         // addresses or CIDR whose Forwarded / X-Forwarded-For is believed
  std::string version = "0";                          // of the gateway, for the pages
  TlsServerFiles tls{};                               // without a certificate: plain HTTP

  std::int64_t max_connections = 256;
  std::int64_t idle_timeout_ms = 60'000;
  std::int64_t request_line_bytes = 4096;
  std::int64_t header_bytes = 8192;   // one field
  std::int64_t headers_bytes = 8192;  // all of them
  std::int64_t header_fields = 64;
  std::int64_t body_bytes = 64 << 10;            // where no operation takes it
  std::int64_t tool_body_bytes = 1 << 20;        // of an operation
  std::int64_t address_bytes = 32 << 20;         // unfinished bodies and unread answers of one address
  std::int64_t header_timeout_ms = 10'000;       // from the first byte of a request to the end of its header
  std::int64_t body_timeout_ms = 10'000;         // from there to the end of the body
  std::int64_t write_timeout_ms = 10'000;        // without progress while an answer is unread
  std::int64_t stream_buffer_bytes = 256 << 10;  // of one event stream before its operation has to wait
  std::int64_t stream_opening_ms = 1000;         // silence after which a stream's header is sent before an event
  std::int64_t stream_heartbeat_ms = 15'000;     // a comment on a silent stream of server-sent events
  std::int64_t gzip_bytes = 8192;                // answers of at least this size are compressed on request
  std::int64_t json_depth = 64;
  std::int64_t json_values = 10'000;
  std::int64_t json_string_bytes = 1 << 20;

  json::Limits json_limits() const {
    return {static_cast<unsigned>(json_depth), static_cast<std::size_t>(json_values),
            static_cast<std::size_t>(json_string_bytes), true};
  }
};

namespace http {

// The limits by name, for the configuration and for patchbay_limit{name}.
struct Limit {
  std::string_view name;
  std::int64_t HttpSettings::*member;
  std::int64_t least, most;
};
inline constexpr std::array limit_table{
    Limit{"http_connections", &HttpSettings::max_connections, 1, 1'000'000},
    Limit{"http_idle_timeout_ms", &HttpSettings::idle_timeout_ms, 100, 86'400'000},
    Limit{"request_line_bytes", &HttpSettings::request_line_bytes, 256, 1 << 20},
    Limit{"header_bytes", &HttpSettings::header_bytes, 256, 1 << 20},
    Limit{"headers_bytes", &HttpSettings::headers_bytes, 256, 1 << 20},
    Limit{"header_fields", &HttpSettings::header_fields, 8, 1000},
    Limit{"body_bytes", &HttpSettings::body_bytes, 0, std::int64_t{1} << 30},
    Limit{"tool_body_bytes", &HttpSettings::tool_body_bytes, 1024, std::int64_t{1} << 30},
    Limit{"address_bytes", &HttpSettings::address_bytes, 64 << 10, std::int64_t{1} << 40},
    Limit{"header_timeout_ms", &HttpSettings::header_timeout_ms, 50, 3'600'000},
    Limit{"body_timeout_ms", &HttpSettings::body_timeout_ms, 50, 3'600'000},
    Limit{"write_timeout_ms", &HttpSettings::write_timeout_ms, 50, 3'600'000},
    Limit{"stream_buffer_bytes", &HttpSettings::stream_buffer_bytes, 4096, 64 << 20},
    Limit{"stream_opening_ms", &HttpSettings::stream_opening_ms, 0, 60'000},
    Limit{"stream_heartbeat_ms", &HttpSettings::stream_heartbeat_ms, 50, 3'600'000},
    Limit{"gzip_bytes", &HttpSettings::gzip_bytes, 0, std::int64_t{1} << 40},
    Limit{"json_depth", &HttpSettings::json_depth, 4, 512},
    Limit{"json_values", &HttpSettings::json_values, 100, 10'000'000},
    Limit{"json_string_bytes", &HttpSettings::json_string_bytes, 1024, std::int64_t{1} << 30},
};

}  // namespace http
}  // namespace patchbay
