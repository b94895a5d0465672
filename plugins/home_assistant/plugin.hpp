// The plugin: settings, the session, and what its tools share. Tools are free functions, one file for each category;
// each file declares its own.
#pragma once

#include "plugins/home_assistant/access.hpp"
#include "plugins/home_assistant/dashboard_access.hpp"
#include "plugins/home_assistant/editor.hpp"
#include "plugins/home_assistant/events.hpp"
#include "plugins/home_assistant/file_access.hpp"
#include "plugins/home_assistant/live_channels.hpp"
#include "plugins/home_assistant/mirror.hpp"
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
  Files& files() { return files_; }
  // Those who run code: one after another.
  Turns& code_turns() { return code_turns_; }
  Dashboards& dashboards() { return dashboards_; }
  Editor& editor() { return editor_; }
  EventSources& events() { return events_; }
  ServiceBook& services() { return services_; }
  // States and registries; ready(call) before the first use.
  Mirror& mirror() { return mirror_; }
  // What the caller sees and may touch.
  Access access(sdk::Call const& call) { return accesses_.of(call); }

 private:
  Settings settings_;
  Session session_;
  Mirror mirror_;
  LiveChannels live_;
  AccessBook accesses_;
  VersionStore versions_;
  Files files_;
  Turns code_turns_;
  Dashboards dashboards_;
  Editor editor_;
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
template <class R>
R refused_reach() {
  co_return out_of_reach();
}

// A caller with entity lists: what lies in which area must be known before anything is decided.
template <auto handler, Reach reach, class R, class Args>
R limited_call(HomeAssistant& self, sdk::Call& call, Args args) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  if constexpr (reach == Reach::entities) {
    auto refused = self.access(call).refuse(call.args());
    if (refused) co_return *refused;
  }
  auto handling = handler(self, call, std::move(args));
  auto answer = co_await std::move(handling);
  co_return answer;
}
}  // namespace detail

// table.add for a tool; one that writes is refused when the configuration says read_only, and `reach` says what a
// caller gets whose token is limited to some entities.
template <auto const& operation, auto handler, Reach reach = Reach::none>
void add_tool(sdk::Table<HomeAssistant>& table) {
  using Args = typename std::remove_cvref_t<decltype(operation)>::args_type;
  table.add(operation, [](HomeAssistant& self, sdk::Call& call, Args args) {
    using Returned = decltype(handler(self, call, std::move(args)));
    if constexpr (operation.effect != Effect::read)
      if (self.settings().read_only) return detail::refused_write<Returned>();
    if (!call.entities().empty() && self.access(call).limited()) {
      if constexpr (reach == Reach::none)
        return detail::refused_reach<Returned>();
      else
        return detail::limited_call<handler, reach, Returned, Args>(self, call, std::move(args));
    }
    return handler(self, call, std::move(args));
  });
}

void declare_dashboards(sdk::Table<HomeAssistant>& table);
void declare_dashboard_changes(sdk::Table<HomeAssistant>& table);
void declare_card_resources(sdk::Table<HomeAssistant>& table);
void declare_cards(sdk::Table<HomeAssistant>& table);
void declare_automations(sdk::Table<HomeAssistant>& table);
void declare_automation_changes(sdk::Table<HomeAssistant>& table);
void declare_traces(sdk::Table<HomeAssistant>& table);
void declare_scenes(sdk::Table<HomeAssistant>& table);
void declare_scripts(sdk::Table<HomeAssistant>& table);
void declare_registry_tools(sdk::Table<HomeAssistant>& table);
void declare_system(sdk::Table<HomeAssistant>& table);
void declare_logs(sdk::Table<HomeAssistant>& table);
void declare_dashboard_views(sdk::Table<HomeAssistant>& table);
void declare_system_diagnostics(sdk::Table<HomeAssistant>& table);
void declare_diagnostics(sdk::Table<HomeAssistant>& table);
void declare_diagnose(sdk::Table<HomeAssistant>& table);
void declare_home_context(sdk::Table<HomeAssistant>& table);
void declare_comfort(sdk::Table<HomeAssistant>& table);
void declare_energy(sdk::Table<HomeAssistant>& table);
void declare_security(sdk::Table<HomeAssistant>& table);
void declare_vacation(sdk::Table<HomeAssistant>& table);
void declare_places(sdk::Table<HomeAssistant>& table);
void declare_helpers(sdk::Table<HomeAssistant>& table);
void declare_versions(sdk::Table<HomeAssistant>& table);
void declare_core_api(sdk::Table<HomeAssistant>& table);
void declare_states_api(sdk::Table<HomeAssistant>& table);
void declare_discovery(sdk::Table<HomeAssistant>& table);
void declare_device_control(sdk::Table<HomeAssistant>& table);
void declare_subscriptions(sdk::Table<HomeAssistant>& table);
void declare_history(sdk::Table<HomeAssistant>& table);
void declare_advanced_api(sdk::Table<HomeAssistant>& table);
void declare_services(sdk::Table<HomeAssistant>& table);
void declare_events(sdk::Table<HomeAssistant>& table);
void declare_files(sdk::Table<HomeAssistant>& table);
void declare_file_changes(sdk::Table<HomeAssistant>& table);
void declare_yaml_keys(sdk::Table<HomeAssistant>& table);
void declare_python(sdk::Table<HomeAssistant>& table);
void declare_dataframe(sdk::Table<HomeAssistant>& table);
void declare_plot(sdk::Table<HomeAssistant>& table);
void declare_entity_history(sdk::Table<HomeAssistant>& table);
void declare_statistics(sdk::Table<HomeAssistant>& table);
void declare_camera(sdk::Table<HomeAssistant>& table);
void declare_vision(sdk::Table<HomeAssistant>& table);
void declare_addons(sdk::Table<HomeAssistant>& table);

}  // namespace patchbay::home_assistant
