#include "plugins/home_assistant/plugin.hpp"

#include "plugins/home_assistant/text.hpp"

namespace patchbay::home_assistant {
namespace {

// Versions of one Home Assistant apart from those of another.
std::filesystem::path versions_folder(Settings const& settings) {
  auto url = settings.websocket_url();
  std::string const whose = url ? *url : "none";
  auto const begin = whose.find("://") == std::string::npos ? 0 : whose.find("://") + 3;
  return state_folder(settings.state_directory) / "versions" /
         percent_encoded(whose.substr(begin, whose.find('/', begin) - begin));
}

Settings checked(sdk::Config const& config) {
  auto settings = config.read<Settings>();
  if (!settings) throw ErrorException{settings.error()};
  if (!settings->url.empty())
    if (auto url = settings->websocket_url(); !url) throw ErrorException{url.error()};
  return *settings;
}

}  // namespace

HomeAssistant::HomeAssistant(sdk::Host& host, sdk::Config config)
    : Plugin(host, std::move(config)),
      settings_(checked(this->config())),
      session_(host, settings_),
      mirror_(host, session_),
      live_(host, mirror_),
      accesses_(mirror_),
      versions_(versions_folder(settings_)),
      files_(settings_, versions_),
      code_turns_(host.executor()),
      dashboards_(host, session_, versions_),
      editor_(host, session_, versions_),
      events_(host, session_),
      services_(session_) {
  if (settings_.url.empty()) {
    host.set_health(true, "no Home Assistant is configured");
    return;
  }
  host.spawn("watch over the session", session_.watch());
  live_.start();
  mirror_.start();
}

void HomeAssistant::declare(sdk::Table<HomeAssistant>& table) {
  declare_dashboards(table);
  declare_dashboard_changes(table);
  declare_card_resources(table);
  declare_cards(table);
  declare_automations(table);
  declare_automation_changes(table);
  declare_traces(table);
  declare_scenes(table);
  declare_scripts(table);
  declare_registry_tools(table);
  declare_system(table);
  declare_logs(table);
  declare_dashboard_views(table);
  declare_system_diagnostics(table);
  declare_diagnostics(table);
  declare_diagnose(table);
  declare_home_context(table);
  declare_comfort(table);
  declare_energy(table);
  declare_security(table);
  declare_vacation(table);
  declare_places(table);
  declare_helpers(table);
  declare_versions(table);
  declare_core_api(table);
  declare_states_api(table);
  declare_discovery(table);
  declare_device_control(table);
  declare_subscriptions(table);
  declare_history(table);
  declare_advanced_api(table);
  declare_services(table);
  declare_events(table);
  declare_files(table);
  declare_file_changes(table);
  declare_yaml_keys(table);
  declare_python(table);
  declare_dataframe(table);
  declare_plot(table);
  declare_entity_history(table);
  declare_statistics(table);
  declare_camera(table);
  declare_vision(table);
  declare_addons(table);
}

sdk::Task<void> HomeAssistant::stop() {
  events_.end();
  mirror_.stop();
  live_.stop();
  auto closing = session_.close();
  co_await std::move(closing);
}

}  // namespace patchbay::home_assistant

PATCHBAY_PLUGIN(patchbay::home_assistant::HomeAssistant, {.id = "org.patchbay.home_assistant",
                                                          .name = "home_assistant",
                                                          .interface = "HOME_ASSISTANT",
                                                          .prefix = "ha",
                                                          .version = "1.0.0"})
