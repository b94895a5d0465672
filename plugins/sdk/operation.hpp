// Operation<Args, Result>: what a plugin declares of one operation; argument and result types are plain structs with a
// Describe<T>, and the schemas derive from them. The tool's name is the plugin's prefix and this name: echo_say.
//
//   inline constexpr sdk::Operation<SayArgs, SayResult> say{
//       .name = "say", .summary = "Return the text it was given.", .scope = "echo.say"};
//
// Texts are literals: the host reads them before any code of the plugin runs.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "core/base/operation.hpp"
#include "plugins/abi/patchbay_plugin.h"

namespace patchbay::sdk {

using patchbay::Code;
using patchbay::codes;
using patchbay::CodeSet;
using patchbay::Effect;
using patchbay::Error;
using patchbay::ErrorException;
using patchbay::field;
using patchbay::Nothing;
using patchbay::RawJson;
using patchbay::Result;

template <class Args, class ResultType>
struct Operation {
  using args_type = Args;
  using result_type = ResultType;

  char const* name;     // [a-z][a-z0-9]*(_[a-z0-9]+)*
  char const* summary;  // one sentence
  Effect effect = Effect::read;
  char const* scope = "admin";     // what a caller's token must hold; by custom <prefix>.<word>
  char const* category = nullptr;  // heading in listings; default: the interface
  std::chrono::milliseconds timeout = std::chrono::seconds{10};
  CodeSet errors{};                  // besides those that any operation may answer
  char const* example = nullptr;     // arguments as JSON
  std::optional<bool> idempotent{};  // default: read operations are
  std::optional<bool> audited{};     // default: write and destructive operations are
  bool streaming = false;            // sends events before its answer
  bool reaches_out = false;          // talks to something outside the process
  bool timeout_from_args = false;    // the budget is the argument timeout_ms plus one second
  bool is_inline = false;            // a pure function, answered on the caller's thread without a switch of threads
  char const* aliases = nullptr;     // further names that it answers to, with blanks between: "list_lamps show_lamps"
};

// A result together with the sentence for people that the reply's envelope carries: "Found 3 dashboards".
template <class T>
struct Answer {
  T data{};
  std::string message{};
};
// The same with the data as JSON text that is passed on as it is.
using Raw = Answer<RawJson>;

namespace detail {

constexpr std::uint32_t flags_of(bool streaming, bool idempotent, bool reaches_out, bool audited, Effect effect,
                                 bool is_inline, bool timeout_from_args) {
  bool const by_default = effect != Effect::read;
  std::uint32_t flags = 0;
  auto set = [&flags](bool on, std::uint32_t flag) { flags |= on ? flag : 0U; };
  set(streaming, PB_STREAMING);
  set(idempotent, PB_IDEMPOTENT);
  set(reaches_out, PB_REACHES_OUT);
  set(by_default && !audited, PB_UNAUDITED);
  set(!by_default && audited, PB_AUDITED);
  set(is_inline, PB_INLINE);
  set(timeout_from_args, PB_TIMEOUT_FROM_ARGS);
  return flags;
}

// `args` and `result` must outlive the record.
template <class A, class R>
pb_operation record_of(Operation<A, R> const& op, char const* args, char const* result) {
  pb_operation out{};
  out.size = sizeof out;
  out.effect = static_cast<std::uint32_t>(op.effect);
  out.flags = flags_of(op.streaming, op.idempotent.value_or(op.effect == Effect::read), op.reaches_out,
                       op.audited.value_or(op.effect != Effect::read), op.effect, op.is_inline, op.timeout_from_args);
  out.timeout_ms = static_cast<std::uint32_t>(op.timeout.count());
  out.name = op.name;
  out.summary = op.summary;
  out.category = op.category;
  out.scope = op.scope;
  out.args_schema = args;
  out.result_schema = result;
  out.examples = op.example;
  out.errors = op.errors.bits;
  out.aliases = op.aliases;
  return out;
}

inline pb_str borrow(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view view(pb_str text) {
  return text.ptr == nullptr ? std::string_view{} : std::string_view{text.ptr, text.len};
}
// Members of an invocation that came after its first form: empty when the host does not know them.
inline pb_str entities_of(pb_invocation const& in) {
  return in.size >= offsetof(pb_invocation, scopes) ? in.entities : pb_str{};
}
inline pb_str scopes_of(pb_invocation const& in) { return in.size >= sizeof in ? in.scopes : pb_str{}; }
inline pb_error to_c(Error const& error) {
  pb_error out{};
  out.size = sizeof out;
  out.code = static_cast<std::int32_t>(error.code);
  out.retry_after_ms = error.retry_after_ms;
  out.message = borrow(error.message);
  out.pointer = borrow(error.pointer);
  return out;
}
inline Error from_c(pb_error const& error) {
  return Error{is_code_number(error.code) ? static_cast<Code>(error.code) : Code::internal,
               std::string{view(error.message)}, std::string{view(error.pointer)}, error.retry_after_ms};
}

}  // namespace detail
}  // namespace patchbay::sdk
