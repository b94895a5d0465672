// The operations of CONFIG, declared once. Secrets are never shown, only "***"; they are given by reference
// (file:/path, env:NAME) or plainly in the file.
#pragma once

#include <map>

#include "core/base/operation.hpp"

namespace patchbay::config {

struct GetArgs {
  std::string key;
  std::optional<RawJson> fallback;
};
struct GetResult {
  RawJson value;
  std::string source;
};
inline constexpr Operation<GetArgs, GetResult> get{.name = "CONFIG.get",
                                                   .summary = "Show one setting and where it comes from.",
                                                   .errors = codes(Code::not_found),
                                                   .example = R"({"key":"logging.level"})"};

struct SetArgs {
  std::string key;
  RawJson value;
  bool persist = false;
};
struct SetResult {
  RawJson previous;
};
inline constexpr Operation<SetArgs, SetResult> set{
    .name = "CONFIG.set",
    .summary = "Change one setting that can change while running, and keep it in the file when asked to.",
    .effect = Effect::write,
    .errors = codes(Code::invalid_argument, Code::not_found, Code::forbidden),
    .example = R"({"key":"logging.level","value":"debug"})"};

struct GetCategoryArgs {
  std::string prefix;
};
struct GetCategoryResult {
  std::map<std::string, RawJson> settings;
};
inline constexpr Operation<GetCategoryArgs, GetCategoryResult> get_category{
    .name = "CONFIG.get_category",
    .summary = "Show all settings of one section.",
    .errors = codes(Code::not_found),
    .example = R"({"prefix":"logging"})"};

struct ReloadArgs {
  bool validate = true;
};
struct ReloadResult {
  std::vector<std::string> changed, restart_needed;
};
inline constexpr Operation<ReloadArgs, ReloadResult> reload{
    .name = "CONFIG.reload",
    .summary = "Read the configuration file again and apply all that can change while running, or nothing.",
    .effect = Effect::write,
    .errors = codes(Code::invalid_argument),
    .idempotent = true};

struct SwitchPresetArgs {
  std::string name;
};
struct ChangedResult {
  std::vector<std::string> changed, restart_needed;
};
inline constexpr Operation<SwitchPresetArgs, ChangedResult> switch_preset{
    .name = "CONFIG.switch_preset",
    .summary = "Take other defaults: minimum, standard or maximum.",
    .effect = Effect::write,
    .errors = codes(Code::not_found, Code::invalid_argument),
    .idempotent = true,
    .example = R"({"name":"standard"})"};

struct LoadFileArgs {
  std::string path;
};
struct LoadResult {
  std::uint32_t count = 0;
  std::vector<std::string> changed, restart_needed;
};
inline constexpr Operation<LoadFileArgs, LoadResult> load_file{
    .name = "CONFIG.load_file",
    .summary = "Lay a further file of the configuration's folder over the settings.",
    .effect = Effect::write,
    .errors = codes(Code::forbidden, Code::invalid_argument, Code::not_found)};

struct LoadEnvironmentArgs {
  std::string prefix = "PATCHBAY_";
};
inline constexpr Operation<LoadEnvironmentArgs, LoadResult> load_environment{
    .name = "CONFIG.load_environment",
    .summary = "Read PREFIX_SECTION__KEY variables of the process again.",
    .effect = Effect::write,
    .errors = codes(Code::invalid_argument),
    .idempotent = true};

struct ValidateArgs {
  std::optional<RawJson> config;
};
struct FoundProblem {
  std::string key, reason;
  std::optional<std::uint32_t> line;
};
struct ValidateResult {
  bool valid = true;
  std::vector<FoundProblem> problems;
};
inline constexpr Operation<ValidateArgs, ValidateResult> validate{
    .name = "CONFIG.validate",
    .summary = "Check a configuration, or the file as it is now, and name everything that is wrong.",
    .example = R"({"config":{"logging":{"level":"info"}}})"};

struct StatsResult {
  std::string path, preset;
  std::uint32_t keys = 0;
  std::map<std::string, std::uint32_t> sources;
  std::uint64_t reloads = 0, reloads_refused = 0;
  std::vector<std::string> restart_needed;
};
inline constexpr Operation<Nothing, StatsResult> stats{
    .name = "CONFIG.stats",
    .summary = "Show where the settings come from, how often they were read again and what waits for a restart.",
    .scope = "metrics.read"};

}  // namespace patchbay::config

template <>
struct patchbay::Describe<patchbay::config::GetArgs> {
  static constexpr std::tuple fields{
      field("key", &config::GetArgs::key, "Dotted name, such as logging.level").length(1, 255),
      field("default", &config::GetArgs::fallback, "Answered for a key that has no value").optional()};
};
template <>
struct patchbay::Describe<patchbay::config::GetResult> {
  static constexpr std::tuple fields{
      field("value", &config::GetResult::value, "The value; secrets as ***"),
      field("source", &config::GetResult::source, "override, env, file, preset or default")};
};
template <>
struct patchbay::Describe<patchbay::config::SetArgs> {
  static constexpr std::tuple fields{
      field("key", &config::SetArgs::key, "Dotted name").length(1, 255),
      field("value", &config::SetArgs::value, "New value"),
      field("persist", &config::SetArgs::persist, "Also write it into the configuration file").optional()};
};
template <>
struct patchbay::Describe<patchbay::config::SetResult> {
  static constexpr std::tuple fields{field("previous", &config::SetResult::previous, "What it was; secrets as ***")};
};
template <>
struct patchbay::Describe<patchbay::config::GetCategoryArgs> {
  static constexpr std::tuple fields{
      field("prefix", &config::GetCategoryArgs::prefix, "Section, such as logging or server.http").length(1, 255)};
};
template <>
struct patchbay::Describe<patchbay::config::GetCategoryResult> {
  static constexpr std::tuple fields{
      field("settings", &config::GetCategoryResult::settings, "Values by dotted name; secrets as ***")};
};
template <>
struct patchbay::Describe<patchbay::config::ReloadArgs> {
  static constexpr std::tuple fields{
      field("validate", &config::ReloadArgs::validate,
            "false: take what is right in the file and leave settings that are wrong as they are")
          .optional()};
};
template <>
struct patchbay::Describe<patchbay::config::ReloadResult> {
  static constexpr std::tuple fields{
      field("changed", &config::ReloadResult::changed, "Keys that were applied"),
      field("restart_needed", &config::ReloadResult::restart_needed, "Keys that change at the next start only")};
};
template <>
struct patchbay::Describe<patchbay::config::SwitchPresetArgs> {
  static constexpr std::tuple fields{field("name", &config::SwitchPresetArgs::name, "Preset")
                                         .length(1, 64)
                                         .suggests("minimum", "standard", "maximum")};
};
template <>
struct patchbay::Describe<patchbay::config::ChangedResult> {
  static constexpr std::tuple fields{
      field("changed", &config::ChangedResult::changed, "Keys that were applied"),
      field("restart_needed", &config::ChangedResult::restart_needed, "Keys that change at the next start only")};
};
template <>
struct patchbay::Describe<patchbay::config::LoadFileArgs> {
  static constexpr std::tuple fields{
      field("path", &config::LoadFileArgs::path, "Path inside the folder of the configuration file").length(1, 1024)};
};
template <>
struct patchbay::Describe<patchbay::config::LoadEnvironmentArgs> {
  static constexpr std::tuple fields{
      field("prefix", &config::LoadEnvironmentArgs::prefix, "What the variables begin with").optional().length(2, 64)};
};
template <>
struct patchbay::Describe<patchbay::config::LoadResult> {
  static constexpr std::tuple fields{
      field("count", &config::LoadResult::count, "Settings that were found there"),
      field("changed", &config::LoadResult::changed, "Keys that were applied"),
      field("restart_needed", &config::LoadResult::restart_needed, "Keys that change at the next start only")};
};
template <>
struct patchbay::Describe<patchbay::config::ValidateArgs> {
  static constexpr std::tuple fields{
      field("config", &config::ValidateArgs::config, "A configuration as an object, or as YAML text; absent: the file")
          .optional()
          .type("object", "string")};
};
template <>
struct patchbay::Describe<patchbay::config::FoundProblem> {
  static constexpr std::tuple fields{
      field("key", &config::FoundProblem::key, "Dotted name"),
      field("reason", &config::FoundProblem::reason, "What is wrong, what would be right"),
      field("line", &config::FoundProblem::line, "Line of the text")};
};
template <>
struct patchbay::Describe<patchbay::config::ValidateResult> {
  static constexpr std::tuple fields{field("valid", &config::ValidateResult::valid, "Whether nothing is wrong"),
                                     field("problems", &config::ValidateResult::problems, "All that is wrong")};
};
template <>
struct patchbay::Describe<patchbay::config::StatsResult> {
  static constexpr std::tuple fields{
      field("path", &config::StatsResult::path, "Configuration file; empty: none"),
      field("preset", &config::StatsResult::preset, "Preset in use"),
      field("keys", &config::StatsResult::keys, "Number of settings"),
      field("sources", &config::StatsResult::sources, "Number of settings by source"),
      field("reloads", &config::StatsResult::reloads, "Times the file was read again"),
      field("reloads_refused", &config::StatsResult::reloads_refused, "Times it had problems and was refused"),
      field("restart_needed", &config::StatsResult::restart_needed, "Keys that wait for a restart")};
};
