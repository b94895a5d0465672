// The static pages that are compiled into the program: /docs, /static/websocket_test.html and what they load. The build
// embeds the files of gateway/surfaces/pages (scripts/cmake/embed_pages.cmake). Constant data, any thread.
#pragma once

#include <span>
#include <string_view>

namespace patchbay::http {

struct Page {
  std::string_view path;  // "/docs"
  std::string_view type;
  std::string_view bytes;
  std::string_view etag;  // with its quotes
};

std::span<Page const> pages();

}  // namespace patchbay::http
