#include "core/config/secret.hpp"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <cstdlib>
#include <system_error>

namespace patchbay::config {
namespace {

constexpr std::size_t most_bytes = 64 * 1024;

Result<std::string> read_secret_file(std::string const& path) {
  int const fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0)
    return Error{Code::not_found,
                 fmt::format("the secret file {} cannot be read: {}", path, std::generic_category().message(errno))};
  std::string text(most_bytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    auto const got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      auto reason = std::generic_category().message(errno);
      ::close(fd);
      return Error{Code::not_found, fmt::format("the secret file {} cannot be read: {}", path, reason)};
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  ::close(fd);
  if (size > most_bytes)
    return Error{Code::too_large, fmt::format("the secret file {} has more than {} bytes", path, most_bytes)};
  text.resize(size);
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace

Result<std::string> Secret::read() const {
  if (text_.starts_with("file:")) return read_secret_file(text_.substr(5));
  if (text_.starts_with("env:")) {
    auto const name = text_.substr(4);
    char const* value = std::getenv(name.c_str());
    if (value == nullptr)
      return Error{Code::not_found,
                   fmt::format("the secret refers to the environment variable {}, which is not set", name)};
    return std::string{value};
  }
  return text_;
}

}  // namespace patchbay::config
