#include "gateway/key_set_refresh.hpp"

#include <spdlog/fmt/fmt.h>

#include <fstream>

#include "core/http_client/operations.hpp"

namespace patchbay {

Result<std::string> read_key_set_file(std::filesystem::path const& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error))
    return Error{Code::not_found, fmt::format("{} is no file that can be read", file.string())};
  std::ifstream in{file, std::ios::binary};
  std::string text(security::most_key_set_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  auto const got = static_cast<std::size_t>(in.gcount());
  if (got == 0) return Error{Code::not_found, fmt::format("{} is empty or cannot be read", file.string())};
  if (got > security::most_key_set_bytes)
    return Error{Code::too_large,
                 fmt::format("{} has more than {} bytes", file.string(), security::most_key_set_bytes)};
  text.resize(got);
  return text;
}

void KeySetRefresh::follow(KeySetSources sources) {
  runtime_.home().post([this, sources = std::move(sources)]() mutable {
    if (sources == sources_) return;
    sources_ = std::move(sources);
    changed_ = true;
    if (!running_ && !sources_.empty()) {
      running_ = true;
      runtime_.spawn("key sets", runtime_.home(), live());
    }
    waiter_.notify();
  });
}

void KeySetRefresh::wanted() {
  runtime_.home().post([this] {
    if (wanted_) return;
    wanted_ = true;
    waiter_.notify();
  });
}

void KeySetRefresh::again() {
  runtime_.home().post([this] {
    changed_ = true;  // a fetch under way is of what was there before
    waiter_.notify();
  });
}

Task<void> KeySetRefresh::live() {
  auto pause = times_.retry;
  for (;;) {
    changed_ = wanted_ = false;
    auto refreshing = refresh(sources_);
    bool const good = co_await std::move(refreshing);
    if (runtime_.stopping()) co_return;
    auto const last = runtime_.clock().now();
    auto const next = last + (good ? times_.interval : pause);
    pause = good ? times_.retry : std::min(pause * 2, times_.interval);
    while (!changed_) {
      auto const at = wanted_ ? std::min(next, last + times_.least) : next;
      if (runtime_.clock().now() >= at) break;
      auto waiting = waiter_.wait(Deadline{at}, use_task);
      auto const why = co_await std::move(waiting);
      if (why == Waiter::Why::cancelled) co_return;
    }
  }
}

Task<bool> KeySetRefresh::refresh(KeySetSources sources) {
  bool good = true;
  if (!sources.url.empty()) {
    auto fetching = fetch(sources.url);
    auto text = co_await std::move(fetching);
    if (changed_ || runtime_.stopping()) co_return true;  // by now this one is not asked for any more
    auto const taken = text ? security_.set_keys(std::move(*text)) : Result<void>{text.error()};
    good = take(taken, sources.url);
  }
  if (!sources.file.empty()) {
    auto reading = runtime_.blocking([file = sources.file] { return read_key_set_file(file); });
    auto text = co_await std::move(reading);
    if (changed_) co_return true;
    auto const taken = text ? security_.set_key_file(std::move(*text)) : Result<void>{text.error()};
    good = take(taken, sources.file) && good;
  }
  co_return good;
}

Task<Result<std::string>> KeySetRefresh::fetch(std::string url) {
  Call call{gateway_principal()};
  http_client::CallArgs args;
  args.url = std::move(url);
  args.headers["accept"] = "application/jwk-set+json, application/json";
  args.timeout_ms = static_cast<std::int32_t>(times_.fetch.count());
  args.connect_timeout_ms = args.timeout_ms;
  args.max_body = static_cast<std::int64_t>(security::most_key_set_bytes);
  args.attempts = 1;  // repeated here, with longer pauses
  auto asking = caller_.call(http_client::get, call, std::move(args));
  auto answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  if (answer->status != 200)
    co_return Error{Code::upstream_failed, fmt::format("the answer was {} instead of 200", answer->status)};
  if (!answer->body) co_return Error{Code::upstream_failed, "the answer is no text"};
  co_return std::move(*answer->body);
}

bool KeySetRefresh::take(Result<void> taken, std::string const& from) {
  if (taken.has_error())
    log_.write(LogLevel::warning, "security", "no fresh keys for JSON Web Tokens; those known so far stay",
               {{"from", from}, {"reason", taken.error().message}});
  return taken.has_value();
}

}  // namespace patchbay
