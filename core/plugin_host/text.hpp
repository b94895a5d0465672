// The texts and errors of the C contract as ours, and back. Borrowed both ways.
#pragma once

#include <string_view>

#include "core/base/error.hpp"
#include "plugins/abi/patchbay_plugin.h"

namespace patchbay::plugin_host {

inline pb_str borrow(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view view(pb_str text) {
  return text.ptr == nullptr ? std::string_view{} : std::string_view{text.ptr, text.len};
}
inline pb_error to_c(Error const& error) {
  pb_error out{};
  out.size = sizeof out;
  out.code = static_cast<std::int32_t>(error.code);
  out.retry_after_ms = error.retry_after_ms;
  out.message = borrow(error.message);
  out.pointer = borrow(error.pointer);
  return out;
}
inline Error from_c(pb_error const& error) {
  return Error{is_code_number(error.code) ? static_cast<Code>(error.code) : Code::internal,
               std::string{view(error.message)}, std::string{view(error.pointer)}, error.retry_after_ms};
}

}  // namespace patchbay::plugin_host
