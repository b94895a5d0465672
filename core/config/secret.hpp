// Secret: a configuration value that is never shown, and may be a reference that is resolved when it is needed.
//
//   Secret key{"file:/run/secrets/jwt"};
//   Result<std::string> now = key.read();      // reads the file; again after it was replaced
//   log(key.shown());                          // "***"
//
// Written plainly, as "env:NAME" or as "file:/path" (at most 64 KiB; one line end is cut off). Values; any thread;
// read() of a file blocks for the time of a small read. Nothing prints a Secret by accident: it has no stream operator.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace patchbay::config {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  bool empty() const { return text_.empty(); }
  bool is_reference() const { return text_.starts_with("file:") || text_.starts_with("env:"); }
  // Errors: not_found when the file or variable is missing, too_large. Messages name the reference, never the value.
  Result<std::string> read() const;
  std::string_view shown() const { return text_.empty() ? std::string_view{} : std::string_view{"***"}; }
  // As written, for a part that resolves it itself (a plugin that reads a `file:` token again when it is refused).
  std::string const& reference() const { return text_; }

  friend bool operator==(Secret const&, Secret const&) = default;

 private:
  std::string text_;
};

}  // namespace patchbay::config
