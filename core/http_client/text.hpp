// What becomes of foreign bytes at the JSON edge. Pure functions.
#pragma once

#include <boost/system/error_code.hpp>
#include <string>
#include <string_view>

namespace patchbay::http_client {

// Whether the bytes are UTF-8 without U+0000: fit to be shown as text.
bool is_text(std::string_view bytes);
std::string base64(std::string_view bytes);
// A header value as UTF-8: what is none is read as Latin-1, as HTTP once said; control characters become blanks.
std::string readable(std::string_view value);
// application/json, or any type that ends in +json.
bool is_json_type(std::string_view content_type);
// What went wrong, without the place in the library where it was noticed.
std::string reason_of(boost::system::error_code const& error);

}  // namespace patchbay::http_client
