// The plugin: settings, the session, and what its tools share. Tools are free functions, one file for each category;
// each file declares its own.
#pragma once

#include "plugins/home_assistant/dashboard_access.hpp"
#include "plugins/home_assistant/events.hpp"
#include "plugins/home_assistant/services.hpp"
#include "plugins/home_assistant/session.hpp"
#include "plugins/home_assistant/version_store.hpp"

namespace patchbay::home_assistant {

class HomeAssistant final : public sdk::Plugin {
 public:
  HomeAssistant(sdk::Host& host, sdk::Config config);
  static void declare(sdk::Table<HomeAssistant>& table);
  sdk::Task<void> stop() override;

  Settings const& settings() const { return settings_; }
  Session& session() { return session_; }
  VersionStore& versions() { return versions_; }
  Dashboards& dashboards() { return dashboards_; }
  EventSources& events() { return events_; }
  ServiceBook& services() { return services_; }

 private:
  Settings settings_;
  Session session_;
  VersionStore versions_;
  Dashboards dashboards_;
  EventSources events_;
  ServiceBook services_;
};

// What a tool returns: its data and the sentence of the envelope.
template <class R>
using Tool = sdk::Task<Result<sdk::Answer<R>>>;

namespace detail {
template <class R>
R refused_write() {
  Error refused{Code::forbidden,
                "this gateway only reads from Home Assistant: plugins.home_assistant.read_only is true"};
  co_return refused;
}
}  // namespace detail

// table.add for a tool; one that writes is refused when the configuration says read_only.
template <auto const& operation, auto handler>
void add_tool(sdk::Table<HomeAssistant>& table) {
  using Args = typename std::remove_cvref_t<decltype(operation)>::args_type;
  table.add(operation, [](HomeAssistant& self, sdk::Call& call, Args args) {
    if constexpr (operation.effect != Effect::read)
      if (self.settings().read_only) return detail::refused_write<decltype(handler(self, call, std::move(args)))>();
    return handler(self, call, std::move(args));
  });
}

void declare_dashboards(sdk::Table<HomeAssistant>& table);
void declare_dashboard_changes(sdk::Table<HomeAssistant>& table);
void declare_card_resources(sdk::Table<HomeAssistant>& table);
void declare_cards(sdk::Table<HomeAssistant>& table);
void declare_versions(sdk::Table<HomeAssistant>& table);
void declare_core_api(sdk::Table<HomeAssistant>& table);
void declare_history(sdk::Table<HomeAssistant>& table);
void declare_advanced_api(sdk::Table<HomeAssistant>& table);
void declare_services(sdk::Table<HomeAssistant>& table);
void declare_events(sdk::Table<HomeAssistant>& table);

}  // namespace patchbay::home_assistant
