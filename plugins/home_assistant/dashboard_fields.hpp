// Arguments, results and commands that several of the tools for dashboards share.
//
//   static constexpr std::tuple fields{dashboard_field("url_path", &A::url_path).alias("dashboard_id"),
//                                      expected_hash_field(&A::expected_hash)};
//
// Pure; any thread.
#pragma once

#include "plugins/home_assistant/dashboard_access.hpp"

namespace patchbay::home_assistant {

template <class A>
constexpr auto dashboard_field(std::string_view name, std::optional<std::string> A::*member) {
  return field(name, member, "Dashboard; absent, null, \"\" and \"lovelace\" mean the default one")
      .nullable()
      .length(0, 255);
}
template <class A>
constexpr auto expected_hash_field(std::optional<std::string> A::*member) {
  return field("expected_hash", member, "Refuse with conflict unless this is the hash of what is stored now")
      .nullable()
      .length(0, 255);
}
template <class R>
constexpr auto source_field(std::string R::*member) {
  return field("source", member, "Where it was asked");
}

// An operation that changes a dashboard.
template <class A, class R>
constexpr sdk::Operation<A, R> dashboard_change(char const* name, char const* summary, char const* example,
                                                Effect effect, char const* category = "dashboards",
                                                char const* aliases = nullptr) {
  return {.name = name,
          .summary = summary,
          .effect = effect,
          .scope = "ha.write",
          .category = category,
          .timeout = std::chrono::seconds{20},
          .errors = write_errors,
          .example = example,
          .reaches_out = true,
          .aliases = aliases};
}

// The record of a dashboard as Home Assistant gave it.
inline Dashboard dashboard_of(std::string_view record) {
  Dashboard out;
  if (auto parsed = json::parse(record, json::upstream_limits)) describe::read(*parsed, out);
  return out;
}

// Makes an empty dashboard of this record.
inline Command create_command(std::string_view url_path, Dashboard const& wanted, bool may_be_one_word) {
  Command command = Command{"lovelace/dashboards/create"}
                        .text("url_path", url_path)
                        .text("title", wanted.title)
                        .flag("show_in_sidebar", wanted.show_in_sidebar)
                        .flag("require_admin", wanted.require_admin);
  if (wanted.icon && !wanted.icon->empty()) command = std::move(command).text("icon", *wanted.icon);
  if (may_be_one_word && url_path.find('-') == std::string_view::npos)
    command = std::move(command).flag("allow_single_word", true);
  return command;
}

}  // namespace patchbay::home_assistant
