// Checks of single texts, for the table of keys: each answers with what would be right, or nothing. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace patchbay::config::checks {

using Answer = std::optional<std::string>;

Answer listen_address(std::string_view text);  // "127.0.0.1:8765", "[::1]:0", "localhost:8765"
Answer host_name(std::string_view text);       // "gateway.lan", no port
Answer network(std::string_view text);         // address or CIDR
Answer web_origin(std::string_view text);      // "http://localhost:3000"
Answer outgoing_entry(std::string_view text);  // host[:port], *.domain, CIDR
Answer sha256(std::string_view text);          // 64 hexadecimal digits
Answer date(std::string_view text);            // "2027-01-01", "2027-01-01T12:00:00Z"
Answer name(std::string_view text);            // letters, digits, - _ .
Answer scope(std::string_view text);           // "ha.read", "hub.*", "admin"
Answer web_url(std::string_view text);         // "" or http(s)://...

}  // namespace patchbay::config::checks
