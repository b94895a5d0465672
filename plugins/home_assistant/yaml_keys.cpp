// Category files: one top-level key of a YAML file, set, merged or removed with everything else left as it is.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/encoding.hpp"
#include "plugins/home_assistant/file_fields.hpp"
#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/yaml_edit.hpp"
#include "plugins/home_assistant/yaml_text.hpp"

namespace patchbay::home_assistant {

struct SetYamlArgs {
  std::string file_path, yaml_key;
  YamlAction action = YamlAction::merge;
  RawJson content;
  bool confirm = false, dry_run = false, check_config = true;
  std::optional<std::string> expected_hash;
};
struct SetYamlResult {
  std::string path, yaml_key;
  YamlAction action = YamlAction::merge;
  bool changed = false, created = false, dry_run = false;
  std::uint64_t comments_gone = 0;
  std::optional<std::string> preview, previous_hash, hash, previous_version;
  std::optional<RawJson> config_check;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::SetYamlArgs> {
  using A = ha::SetYamlArgs;
  static constexpr std::tuple fields{
      ha::path_field("file_path", &A::file_path).alias("filepath"),
      field("yaml_key", &A::yaml_key, "Top-level key, such as logger").length(1, 255),
      field("action", &A::action, "merge: join maps, add list items; replace: a new value; remove: the key too")
          .optional(),
      field("content", &A::content,
            "New value: JSON, or a text that is YAML itself and may hold !include, !secret and comments")
          .optional(),
      field("confirm", &A::confirm, "Must be true for the file to be written").nullable(),
      field("dry_run", &A::dry_run, "Show what the file would be, and write nothing").nullable(),
      field("check_config", &A::check_config, "Have Home Assistant check its configuration afterwards").nullable(),
      ha::expected_file_field(&A::expected_hash)};
};
template <>
struct Describe<ha::SetYamlResult> {
  using R = ha::SetYamlResult;
  static constexpr std::tuple fields{
      field("path", &R::path, "Path relative to the configuration folder"),
      field("yaml_key", &R::yaml_key, "As given"),
      field("action", &R::action, "As given"),
      field("changed", &R::changed, "Whether the text is another one"),
      field("created", &R::created, "Whether the key is new"),
      field("dry_run", &R::dry_run, "true: nothing was written"),
      field("comments_gone", &R::comments_gone, "Comments that stood inside the replaced value"),
      field("preview", &R::preview, "The text that would be written"),
      field("previous_hash", &R::previous_hash, "Hash of what was there"),
      field("hash", &R::hash, "Hash of what is there now"),
      field("previous_version", &R::previous_version, "What was there, kept for ha_restore_version (kind file)"),
      field("config_check", &R::config_check, "Home Assistant's own check: result, errors, warnings").type("object")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr sdk::Operation<SetYamlArgs, SetYamlResult> set_yaml_op{
    .name = "config_set_yaml",
    .summary = "Set, merge or remove one top-level key of a YAML file; comments, !include and !secret stay.",
    .effect = Effect::destructive,
    .scope = "ha.files",
    .category = "files",
    .timeout = std::chrono::seconds{30},
    .errors = file_errors | upstream_errors,
    .example =
        R"({"file_path":"configuration.yaml","yaml_key":"logger","content":{"default":"warning"},"confirm":true})",
    .reaches_out = true};

// The value as YAML text.
Result<std::string> content_text(RawJson const& content) {
  if (content.text.starts_with('"')) return raw::text(content.text);
  auto parsed = json::parse(content.text);
  if (!parsed) return Error{parsed.error().code, parsed.error().message, "/content"};
  return yaml_of(parsed->document);
}

Tool<SetYamlResult> set_yaml(HomeAssistant& self, sdk::Call& call, SetYamlArgs args) {
  auto folder = self.files().folder();
  if (!folder) co_return folder.error();
  auto path = (*folder)->cleaned(args.file_path, "/file_path");
  if (!path) co_return path.error();
  if (!path->ends_with(".yaml") && !path->ends_with(".yml"))
    co_return Error{Code::invalid_argument, "not a YAML file: its name must end in .yaml or .yml", "/file_path"};
  if (!args.confirm && !args.dry_run)
    co_return Error{Code::invalid_argument, "say confirm: true to write the file, or dry_run: true to see the outcome",
                    "/confirm"};
  auto content = content_text(args.content);
  if (!content) co_return content.error();
  auto old = (*folder)->read(*path, most_file_bytes, "/file_path");
  if (!old && old.error().code != Code::not_found) co_return old.error();
  auto const before = old ? old->bytes : std::string{};
  auto edited = edit_yaml(before, YamlChange{args.yaml_key, args.action, std::move(*content)});
  if (!edited) co_return edited.error();
  sdk::Answer<SetYamlResult> out;
  out.data.path = *path;
  out.data.yaml_key = args.yaml_key;
  out.data.action = args.action;
  out.data.changed = edited->changed;
  out.data.created = edited->created;
  out.data.comments_gone = edited->comments_gone;
  out.data.dry_run = args.dry_run;
  if (args.dry_run) {
    out.data.preview = std::move(edited->text);
    out.message = fmt::format("{} would be {}", *path, edited->changed ? "changed" : "as it is");
    co_return out;
  }
  FileChange change{*path, std::move(edited->text), "ha_config_set_yaml", std::move(args.expected_hash)};
  if (!change.expected_hash && old) change.expected_hash = content_hash(before);  // what was edited is what is replaced
  auto written = self.files().write(std::move(change));
  if (!written) co_return written.error();
  out.data.previous_hash = std::move(written->previous_hash);
  out.data.hash = std::move(written->hash);
  out.data.previous_version = std::move(written->version);
  out.message = fmt::format("{} {} in {}", args.yaml_key, edited->changed ? "set" : "was so already", *path);
  if (args.action == YamlAction::remove) out.message = fmt::format("{} removed from {}", args.yaml_key, *path);
  if (!args.check_config || self.settings().url.empty()) co_return out;
  auto checking = self.session().rest(call, "POST", "/config/core/check_config");
  Result<RestAnswer> checked = co_await std::move(checking);
  if (checked) {
    out.data.config_check = RawJson{std::move(checked->text)};
  } else {  // the file is written all the same
    out.data.config_check =
        RawJson{fmt::format(R"({{"result":"unknown","errors":{}}})", json::quoted(checked.error().message))};
  }
  co_return out;
}

}  // namespace

void declare_yaml_keys(sdk::Table<HomeAssistant>& table) { add_tool<set_yaml_op, &set_yaml>(table); }

}  // namespace patchbay::home_assistant
