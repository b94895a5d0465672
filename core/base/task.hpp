// Task<T>: the coroutine type of the project, on the concrete executor of an io_context (a type-erased executor costs
// an allocation and an indirect call at each suspension). Tasks start when they are awaited or spawned.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace patchbay {
namespace asio = boost::asio;

using Executor = asio::io_context::executor_type;
template <class T>
using Task = asio::awaitable<T, Executor>;
inline constexpr asio::use_awaitable_t<Executor> use_task{};
// Network failure is a value: co_await socket.async_read_some(buffer, use_task_tuple) gives {error_code, n}.
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<Executor>> use_task_tuple{};
using SteadyTimer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;

}  // namespace patchbay
