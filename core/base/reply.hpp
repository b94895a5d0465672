// Reply<T>: what starting a handler gives: the result at once when it did not suspend, else a task that is still to
// run.
//
//   Reply<SayResult> reply = caller.start(echo::say, call, args);
//   if (reply.ready()) use(reply.take()); else co_spawn(executor, reply.task(), ...);
//
// Moved, never copied; one owner.
#pragma once

#include <optional>

#include "core/base/result.hpp"
#include "core/base/task.hpp"

namespace patchbay {

template <class T>
class [[nodiscard]] Reply {
 public:
  Reply(Result<T> result) : result_(std::move(result)) {}
  Reply(T value) : result_(std::move(value)) {}
  Reply(Error error) : result_(std::move(error)) {}
  Reply(Task<Result<T>> task) : task_(std::move(task)) {}

  bool ready() const { return result_.has_value(); }
  Result<T>& result() { return *result_; }
  Result<T> take() { return std::move(*result_); }
  Task<Result<T>> task() { return std::move(*task_); }

 private:
  std::optional<Result<T>> result_;
  std::optional<Task<Result<T>>> task_;
};

// The answer of an operation on a JSON surface: its data as text, and a sentence for people, if any.
struct Answer {
  std::string data;
  std::string message{};
};

}  // namespace patchbay
