#include "core/logging/writer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>

namespace patchbay::logging {

// A descriptor that is written with a time limit: a pipe that nobody reads loses lines instead of holding up the stop.
class Writer::Sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  ~Sink() override { close_own(); }

  Result<void> open(std::string const& file) {
    int descriptor = STDERR_FILENO;
    if (!file.empty()) {
      descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
      if (descriptor < 0)
        return Error{Code::invalid_argument, "the log file " + file + " cannot be opened: " + std::strerror(errno),
                     "/logging/file"};
    }
    std::lock_guard lock{mutex_};
    close_own();
    descriptor_ = descriptor;
    file_ = file;
    return {};
  }
  void reopen() {
    std::string file;
    {
      std::lock_guard lock{mutex_};
      file = file_;
    }
    if (!file.empty()) static_cast<void>(open(file));
  }
  void write_now(std::string_view line) {
    std::lock_guard lock{mutex_};
    put(line);
  }
  std::uint64_t lost() const { return lost_.load(); }
  std::uint64_t flushed() const { return flushed_.load(); }
  bool wait_flushed(std::uint64_t target, std::chrono::milliseconds timeout) {
    std::unique_lock lock{flush_mutex_};
    return flush_ended_.wait_for(lock, timeout, [&] { return flushed_.load() >= target; });
  }

 protected:
  void sink_it_(spdlog::details::log_msg const& message) override {
    put({message.payload.data(), message.payload.size()});
  }
  void flush_() override {
    std::lock_guard lock{flush_mutex_};
    ++flushed_;
    flush_ended_.notify_all();
  }

 private:
  void close_own() {
    if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
    descriptor_ = STDERR_FILENO;
  }
  void put(std::string_view line) {
    buffer_.assign(line);
    buffer_ += '\n';
    std::string_view rest{buffer_};
    while (!rest.empty()) {
      pollfd ready{descriptor_, POLLOUT, 0};
      if (::poll(&ready, 1, 1000) <= 0) break;
      auto const wrote = ::write(descriptor_, rest.data(), rest.size());
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(wrote));
    }
    if (!rest.empty()) ++lost_;
  }

  int descriptor_ = STDERR_FILENO;
  std::string file_, buffer_;
  std::atomic<std::uint64_t> lost_{0}, flushed_{0};
  std::mutex flush_mutex_;
  std::condition_variable flush_ended_;
};

struct Writer::Impl {
  static constexpr std::size_t queue = 8192;
  std::shared_ptr<Sink> sink = std::make_shared<Sink>();
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
  std::atomic<bool> running{false};
  std::atomic<std::uint64_t> users{0};
  std::uint64_t overrun_at_stop = 0;
  std::atomic<std::uint64_t> flushes{0};
  std::mutex stop_mutex;
};

Writer::Writer(std::string const& file) : impl_(std::make_unique<Impl>()) {
  auto opened = impl_->sink->open(file);
  if (!opened) throw ErrorException{opened.error()};
  impl_->pool = std::make_shared<spdlog::details::thread_pool>(Impl::queue, 1);
  impl_->logger = std::make_shared<spdlog::async_logger>("patchbay", impl_->sink, impl_->pool,
                                                         spdlog::async_overflow_policy::overrun_oldest);
  impl_->logger->set_level(spdlog::level::trace);
  impl_->logger->set_error_handler([](std::string const&) {});  // the sink counts what it loses
  impl_->running = true;
}

Writer::~Writer() { stop(); }

void Writer::write(std::string_view line) {
  ++impl_->users;  // stop() waits for those that are inside
  if (impl_->running) {
    impl_->logger->log(spdlog::level::info, spdlog::string_view_t{line.data(), line.size()});
    --impl_->users;
    return;
  }
  --impl_->users;
  impl_->sink->write_now(line);
}

Result<void> Writer::open(std::string const& file) { return impl_->sink->open(file); }
void Writer::reopen() { impl_->sink->reopen(); }

bool Writer::flush(std::chrono::milliseconds timeout) {
  ++impl_->users;
  if (!impl_->running) {
    --impl_->users;
    return true;
  }
  auto const target = ++impl_->flushes;
  impl_->logger->flush();
  --impl_->users;
  return impl_->sink->wait_flushed(target, timeout);
}

void Writer::stop() {
  std::lock_guard lock{impl_->stop_mutex};
  if (!impl_->running.exchange(false)) return;
  while (impl_->users != 0) std::this_thread::yield();
  impl_->overrun_at_stop = impl_->pool->overrun_counter();
  impl_->pool.reset();  // writes what waits, and joins its thread, which shares the logger
  impl_->logger.reset();
}

std::uint64_t Writer::lost() const {
  ++impl_->users;
  auto const overrun = impl_->running ? impl_->pool->overrun_counter() : impl_->overrun_at_stop;
  --impl_->users;
  return impl_->sink->lost() + overrun;
}

}  // namespace patchbay::logging
