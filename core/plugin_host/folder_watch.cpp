#include "core/plugin_host/folder_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace patchbay::plugin_host {

Result<void> FolderWatch::open(std::string const& directory) {
  int const fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return Error{Code::unavailable, std::string{"the folder cannot be watched: "} + std::strerror(errno)};
  if (::inotify_add_watch(fd, directory.c_str(),
                          IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR) < 0) {
    std::string const reason = std::strerror(errno);
    ::close(fd);
    return Error{Code::unavailable, "the folder " + directory + " cannot be watched: " + reason};
  }
  stream_.emplace(executor_, fd);
  return {};
}

Task<std::set<std::string>> FolderWatch::next() {
  std::set<std::string> names;
  alignas(inotify_event) std::array<char, 16384> block{};
  for (;;) {
    auto reading = stream_->async_read_some(asio::buffer(block), use_task);
    std::size_t const size = co_await std::move(reading);
    for (std::size_t at = 0; at + sizeof(inotify_event) <= size;) {
      auto const* event = reinterpret_cast<inotify_event const*>(block.data() + at);  // aligned by the kernel
      if ((event->mask & IN_Q_OVERFLOW) != 0) co_return std::set<std::string>{};
      if (event->len > 0) names.insert(event->name);
      at += sizeof(inotify_event) + event->len;
    }
    // A build or a copy touches a file more than once: let it finish.
    SteadyTimer pause{executor_};
    pause.expires_after(std::chrono::milliseconds{20});
    auto pausing = pause.async_wait(use_task);
    co_await std::move(pausing);
    asio::posix::descriptor_base::bytes_readable more;
    stream_->io_control(more);
    if (more.get() == 0 && !names.empty()) co_return names;
  }
}

}  // namespace patchbay::plugin_host
