// Writing one scalar setting back into a YAML text, with its comments and layout kept.
//
//   Result<std::string> text = with_value(old_text, "logging.level", "\"debug\"");
//
// The value on the key's line is replaced; a key that is not there is added at the end of its section, or the section
// at the end of the file. The result is parsed again and refused unless exactly this one value has changed. Pure.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace patchbay::config {

// Errors: forbidden with the reason, when more than one line would have to change.
Result<std::string> with_value(std::string_view text, std::string_view path, std::string_view json);

// Replaces a file as a whole: a new file beside it with the same rights, flushed, then renamed over it.
// Errors: forbidden with the reason.
Result<void> replace_file(std::string const& path, std::string_view text);

}  // namespace patchbay::config
