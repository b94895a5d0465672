// Short forms of the declarations that most tools share.
//
//   constexpr auto list_op = reading_tool<ListArgs, ListResult>("automations", "list_automations", "List ...", "{}");
//   constexpr auto edit_op = changing_tool<EditArgs, EditResult>("automations", "update_automation", "Change ...",
//   "{}");
//
// Pure; any thread.
#pragma once

#include "plugins/home_assistant/dashboard_access.hpp"

namespace patchbay::home_assistant {

template <class A, class R>
constexpr sdk::Operation<A, R> reading_tool(char const* category, char const* name, char const* summary,
                                            char const* example = nullptr, char const* aliases = nullptr,
                                            char const* scope = "ha.read",
                                            std::chrono::milliseconds timeout = std::chrono::seconds{20}) {
  return {.name = name,
          .summary = summary,
          .scope = scope,
          .category = category,
          .timeout = timeout,
          .errors = upstream_errors | codes(Code::internal),
          .example = example,
          .reaches_out = true,
          .aliases = aliases};
}
template <class A, class R>
constexpr sdk::Operation<A, R> changing_tool(char const* category, char const* name, char const* summary,
                                             char const* example = nullptr, char const* aliases = nullptr,
                                             char const* scope = "ha.write", Effect effect = Effect::write,
                                             std::chrono::milliseconds timeout = std::chrono::seconds{30}) {
  return {.name = name,
          .summary = summary,
          .effect = effect,
          .scope = scope,
          .category = category,
          .timeout = timeout,
          .errors = write_errors,
          .example = example,
          .reaches_out = true,
          .aliases = aliases};
}

inline Result<void> check_confirmed(bool confirm, std::string_view what) {
  if (confirm) return {};
  return Error{Code::invalid_argument, std::string{what} + ": call again with confirm true if that is wanted",
               "/confirm"};
}

inline std::string plural(std::size_t count, std::string_view one, std::string_view many = {}) {
  auto const word = count == 1 ? std::string{one} : many.empty() ? std::string{one} + "s" : std::string{many};
  return std::to_string(count) + " " + word;
}

// The entries of a list that a page holds, sorted by the text that `key` gives; the cursor is the last key of the page.
template <class T, class Key>
std::optional<std::string> cut_page(std::vector<T>& items, std::size_t limit, std::optional<std::string> const& cursor,
                                    Key key) {
  std::sort(items.begin(), items.end(), [&](T const& a, T const& b) { return key(a) < key(b); });
  if (cursor && !cursor->empty()) {
    auto const first = std::find_if(items.begin(), items.end(), [&](T const& one) { return key(one) > *cursor; });
    items.erase(items.begin(), first);
  }
  if (items.size() <= limit) return std::nullopt;
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(limit), items.end());
  return std::string{key(items.back())};
}

}  // namespace patchbay::home_assistant
