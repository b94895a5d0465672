// The operations of PLUGINS, declared once.
#pragma once

#include "core/base/operation.hpp"

namespace patchbay::plugin_host {

struct PluginSummary {
  std::string name;
  std::string version;
  std::string interface;
  std::string prefix;
  std::string file;
  std::string status;  // ok, degraded
  std::int64_t operations = 0;
  std::int64_t calls_in_flight = 0;
  std::string message{};  // why it is degraded, or what it says of itself
};
struct RefusedFile {
  std::string file;
  std::string reason;
};
struct ListResult {
  std::vector<PluginSummary> plugins;
  std::vector<RefusedFile> refused;
  std::int64_t count = 0;
};
inline constexpr Operation<Nothing, ListResult> list{
    .name = "PLUGINS.list", .summary = "List the loaded plugins, and the files that were refused with the reason."};

struct NameArgs {
  std::string name;
};
struct InfoResult {
  PluginSummary plugin;
  std::string id;
  std::string message;  // as in the summary
  std::vector<std::string> tools;
  std::vector<std::string> grants;
  std::int64_t queue_wait_ms = 0;
  std::string loaded_at;
  std::int64_t replacements = 0;
};
inline constexpr Operation<NameArgs, InfoResult> info{.name = "PLUGINS.info",
                                                      .summary = "Tell all about one loaded plugin.",
                                                      .errors = codes(Code::not_found),
                                                      .example = R"({"name":"echo"})"};

struct FileArgs {
  std::string file;  // in the plugin folder
};
struct LoadResult {
  PluginSummary plugin;
};
inline constexpr Operation<FileArgs, LoadResult> load{
    .name = "PLUGINS.load",
    .summary = "Load a plugin from a file in the plugin folder.",
    .effect = Effect::write,
    .timeout = std::chrono::seconds{60},
    .errors = codes(Code::not_found, Code::conflict, Code::unsupported),
    .example = R"({"file":"libpatchbay_echo.so"})"};
inline constexpr Operation<FileArgs, LoadResult> replace{
    .name = "PLUGINS.replace",
    .summary = "Replace a loaded plugin by the one in a file, without a failed call.",
    .effect = Effect::write,
    .timeout = std::chrono::seconds{60},
    .errors = codes(Code::not_found, Code::conflict, Code::unsupported),
    .example = R"({"file":"libpatchbay_echo.so"})"};

struct UnloadResult {
  std::string name;
  bool drained = false;  // all its calls had ended; false: it was left behind with what it was doing
};
inline constexpr Operation<NameArgs, UnloadResult> unload{.name = "PLUGINS.unload",
                                                          .summary = "Take a plugin's operations away and end it.",
                                                          .effect = Effect::destructive,
                                                          .timeout = std::chrono::seconds{60},
                                                          .errors = codes(Code::not_found),
                                                          .example = R"({"name":"echo"})"};

struct ReloadResult {
  std::vector<std::string> loaded;
  std::vector<RefusedFile> refused;
};
inline constexpr Operation<Nothing, ReloadResult> reload_all{
    .name = "PLUGINS.reload_all",
    .summary = "Load every plugin of the folder again, each replacing its running one.",
    .effect = Effect::write,
    .timeout = std::chrono::seconds{120}};

struct StatsResult {
  std::int64_t loaded = 0;
  std::int64_t refused = 0;
  std::int64_t replacements = 0;
  std::int64_t calls = 0;  // handed to plugins since the start
  std::int64_t calls_in_flight = 0;
  std::int64_t late_answers = 0;  // came for a call that had ended
  std::int64_t abandoned = 0;     // calls that ended before their plugin answered
  std::int64_t calls_made = 0;    // by plugins
};
inline constexpr Operation<Nothing, StatsResult> stats{
    .name = "PLUGINS.stats", .summary = "Count plugins and their calls.", .scope = "metrics.read"};

}  // namespace patchbay::plugin_host

namespace patchbay {
template <>
struct Describe<plugin_host::PluginSummary> {
  using T = plugin_host::PluginSummary;
  static constexpr std::tuple fields{field("name", &T::name, "Configuration key and principal plugin:<name>"),
                                     field("version", &T::version, "Its version"),
                                     field("interface", &T::interface, "Metric label of its operations"),
                                     field("prefix", &T::prefix, "Tools are <prefix>_<operation>"),
                                     field("file", &T::file, "File in the plugin folder"),
                                     field("status", &T::status, "ok or degraded"),
                                     field("operations", &T::operations, "Number of operations"),
                                     field("calls_in_flight", &T::calls_in_flight, "Calls it has not answered yet"),
                                     field("message", &T::message, "Why it is degraded, or what it says of itself")};
};
template <>
struct Describe<plugin_host::RefusedFile> {
  using T = plugin_host::RefusedFile;
  static constexpr std::tuple fields{field("file", &T::file, "File in the plugin folder"),
                                     field("reason", &T::reason, "Why it was not loaded")};
};
template <>
struct Describe<plugin_host::ListResult> {
  using T = plugin_host::ListResult;
  static constexpr std::tuple fields{field("plugins", &T::plugins, "The loaded plugins"),
                                     field("refused", &T::refused, "Files that were not loaded"),
                                     field("count", &T::count, "Number of loaded plugins")};
};
template <>
struct Describe<plugin_host::NameArgs> {
  using T = plugin_host::NameArgs;
  static constexpr std::tuple fields{field("name", &T::name, "Name of the plugin").length(1, 64)};
};
template <>
struct Describe<plugin_host::InfoResult> {
  using T = plugin_host::InfoResult;
  static constexpr std::tuple fields{
      field("plugin", &T::plugin, "The plugin"),
      field("id", &T::id, "Its id in reverse DNS"),
      field("message", &T::message, "Why it is degraded, or what it says of itself"),
      field("tools", &T::tools, "Its tools"),
      field("grants", &T::grants, "What its own calls may do"),
      field("queue_wait_ms", &T::queue_wait_ms, "How long its oldest unfinished work has waited"),
      field("loaded_at", &T::loaded_at, "When this instance began, UTC"),
      field("replacements", &T::replacements, "How often it was replaced")};
};
template <>
struct Describe<plugin_host::FileArgs> {
  using T = plugin_host::FileArgs;
  static constexpr std::tuple fields{field("file", &T::file, "Name of a file in the plugin folder").length(1, 255)};
};
template <>
struct Describe<plugin_host::LoadResult> {
  using T = plugin_host::LoadResult;
  static constexpr std::tuple fields{field("plugin", &T::plugin, "The plugin as it runs now")};
};
template <>
struct Describe<plugin_host::UnloadResult> {
  using T = plugin_host::UnloadResult;
  static constexpr std::tuple fields{
      field("name", &T::name, "Name of the plugin"),
      field("drained", &T::drained, "All its calls had ended; false: it was left behind with what it was doing")};
};
template <>
struct Describe<plugin_host::ReloadResult> {
  using T = plugin_host::ReloadResult;
  static constexpr std::tuple fields{field("loaded", &T::loaded, "Names of the plugins that run now"),
                                     field("refused", &T::refused, "Files that were not loaded")};
};
template <>
struct Describe<plugin_host::StatsResult> {
  using T = plugin_host::StatsResult;
  static constexpr std::tuple fields{
      field("loaded", &T::loaded, "Plugins that run"),
      field("refused", &T::refused, "Files that are refused now"),
      field("replacements", &T::replacements, "Replacements since the start"),
      field("calls", &T::calls, "Calls handed to plugins"),
      field("calls_in_flight", &T::calls_in_flight, "Calls that no plugin has answered yet"),
      field("late_answers", &T::late_answers, "Answers to calls that had ended"),
      field("abandoned", &T::abandoned, "Calls that ended before their plugin answered"),
      field("calls_made", &T::calls_made, "Calls that plugins made")};
};
}  // namespace patchbay
