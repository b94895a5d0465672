// execute: runs a function of the host's under a breaker.
//
//   Result<Quote> quote = circuit_breaker::execute(caller, "payments", [&] { return ask_for_quote(order); });
//   if (!quote && quote.error().code == Code::circuit_open) ...        // the function was not called
//
// The function may return a value, nothing, or a Result<T>; what comes back is a Result of that. An Error that it
// returns and an exception that it throws count as a failure (by the error's code, so that excluded codes do not; other
// exceptions as "internal"); the exception goes on to the caller. Any thread but that it blocks as long as the function
// does. Costs two calls over the table, below one microsecond.
#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "core/base/caller.hpp"
#include "core/circuit_breaker/operations.hpp"

namespace patchbay::circuit_breaker {

namespace detail {
template <class T>
struct guarded {
  using type = Result<T>;
};
template <class T>
struct guarded<Result<T>> {
  using type = Result<T>;
};
}  // namespace detail

// Errors: circuit_open, backpressure, rate_limited (too many breakers), unsupported (no CIRCUIT_BREAKER in the table),
// and the function's own.
template <class Function>
auto execute(Caller& caller, std::string name, Function&& function, PrincipalPtr principal = host_principal()) ->
    typename detail::guarded<std::invoke_result_t<Function&>>::type {
  using Returned = std::invoke_result_t<Function&>;
  using Guarded = typename detail::guarded<Returned>::type;
  Call own{std::move(principal)};
  auto leave = caller.start(acquire, own, AcquireArgs{std::move(name)}).take();
  if (!leave) return leave.error();

  auto report = [&](bool success, std::string code) {
    // That a permit was given back too late is no failure of the call.
    (void)caller.start(record, own, RecordArgs{leave->permit, success, 0, std::move(code)}).ready();
  };
  try {
    if constexpr (std::is_void_v<Returned>) {
      std::invoke(function);
      report(true, {});
      return Guarded{};
    } else {
      Guarded result{std::invoke(function)};
      if (result.has_error())
        report(false, std::string{patchbay::name_of(result.error().code)});
      else
        report(true, {});
      return result;
    }
  } catch (ErrorException const& thrown) {
    report(false, std::string{patchbay::name_of(thrown.error().code)});
    throw;
  } catch (...) {
    report(false, "internal");
    throw;
  }
}

}  // namespace patchbay::circuit_breaker
