// FolderWatch: tells which files of a folder have been written completely or moved in.
//
//   FolderWatch watch{shard.executor()};
//   if (auto error = watch.open(directory)) ...
//   std::set<std::string> changed = co_await watch.next();       // throws operation_aborted when cancelled
//
// A file counts when its writer has closed it or it was renamed into place, so a half-written one is never seen, and
// when its mode changed, or when it has gone. What comes within a few milliseconds comes as one set. One thread; owned
// by who waits.
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <optional>
#include <set>
#include <string>

#include "core/base/result.hpp"
#include "core/base/task.hpp"

namespace patchbay::plugin_host {

class FolderWatch {
 public:
  explicit FolderWatch(Executor executor) : executor_(executor) {}
  Result<void> open(std::string const& directory);
  bool is_open() const { return stream_.has_value(); }
  // Empty when the kernel lost count: look at the whole folder.
  Task<std::set<std::string>> next();

 private:
  Executor executor_;
  std::optional<asio::posix::basic_stream_descriptor<Executor>> stream_;
};

}  // namespace patchbay::plugin_host
