#include "plugins/home_assistant/editor.hpp"

#include <spdlog/fmt/fmt.h>

namespace patchbay::home_assistant {
namespace {

constexpr std::array<std::string_view, 3> kind_names{"automation", "script", "scene"};

std::string path_of(Kept kind, std::string_view key) {
  return fmt::format("/config/{}/config/{}", name_of(kind), percent_encoded(key));
}

Result<void> check_hash(Thing const& thing, Change const& change, std::string const& hash) {
  if (!change.expected_hash || *change.expected_hash == hash) return {};
  auto const what = fmt::format("the {} \"{}\"", name_of(thing.kind), thing.key);
  return Error{
      Code::conflict,
      hash.empty()
          ? fmt::format("{} is not there any more, so it has no hash", what)
          : fmt::format("{} has changed: its hash is now {}; read it again and repeat the change on that", what, hash),
      "/expected_hash"};
}

Error not_kept(Thing const& thing) {
  return Error{
      Code::not_found,
      fmt::format("Home Assistant's editor has no {0} \"{1}\": it is in none of its files; one that is written "
                  "in other YAML files cannot be changed from here",
                  name_of(thing.kind), thing.key)};
}

}  // namespace

std::string_view name_of(Kept kind) { return kind_names[static_cast<std::size_t>(kind)]; }

std::optional<Kept> kept_kind(std::string_view name) {
  for (std::size_t i = 0; i < kind_names.size(); ++i)
    if (kind_names[i] == name) return static_cast<Kept>(i);
  return std::nullopt;
}

sdk::Task<Result<Stored>> Editor::load(sdk::Call& call, Kept kind, std::string key) {
  Stored out;
  auto asking = session_.rest(call, "GET", path_of(kind, key));
  Result<RestAnswer> answer = co_await std::move(asking);
  if (!answer && answer.error().code == Code::not_found) co_return out;
  if (!answer) co_return answer.error();
  out.text = std::move(answer->text);
  auto parsed = json::parse(out.text, json::upstream_limits);
  if (!parsed) co_return Error{Code::upstream_failed, "the stored configuration: " + parsed.error().message};
  out.config.CopyFrom(parsed->document, out.config.GetAllocator());  // what was parsed lives in memory of its own
  out.hash = config_hash(out.config);
  co_return out;
}

sdk::Task<Result<Turns::Turn>> Editor::enter(sdk::Call& call, Thing const& thing) {
  // One writer of each file: Home Assistant reads, changes and writes it as a whole.
  return turns_.enter(call, std::string{name_of(thing.kind)} + "s");
}

Result<std::optional<std::string>> Editor::keep(Thing const& thing, std::string_view text, std::string_view hash,
                                                std::string_view tool) {
  if (hash.empty()) return std::optional<std::string>{};  // nothing was there
  auto const record = "{\"entity_id\":" + json::quoted(thing.entity_id) + "}";
  auto kept =
      versions_.keep(name_of(thing.kind), thing.key, hash, tool, text, record, std::chrono::system_clock::now());
  if (!kept)
    return Error{kept.error().code,
                 "nothing was changed, since the old version could not be kept: " + kept.error().message};
  return std::optional<std::string>{*kept};
}

sdk::Task<Result<Edited>> Editor::write(sdk::Call& call, Thing thing, Change change, Make make) {
  auto entering = enter(call, thing);
  Result<Turns::Turn> mine = co_await std::move(entering);
  if (!mine) co_return mine.error();
  auto loading = load(call, thing.kind, thing.key);
  Result<Stored> now = co_await std::move(loading);
  if (!now) co_return now.error();
  if (auto same = check_hash(thing, change, now->hash); !same) co_return same.error();
  Edited out;
  out.previous_hash = now->hash;
  out.created = now->config.IsNull();
  auto made = make(*now);
  if (!made) co_return made.error();
  auto kept = keep(thing, now->text, now->hash, change.tool);
  if (!kept) co_return kept.error();
  out.version = *kept;
  auto saving = session_.rest(call, "POST", path_of(thing.kind, thing.key), std::move(*made));
  Result<RestAnswer> saved = co_await std::move(saving);
  if (!saved) {
    auto error = saved.error();
    auto const reason = error.message.find(": ");
    if (error.code == Code::invalid_argument && reason != std::string::npos)
      error.message =
          fmt::format("Home Assistant refuses this {}: {}", name_of(thing.kind), error.message.substr(reason + 2));
    co_return error;
  }
  auto reading = load(call, thing.kind, thing.key);
  Result<Stored> stored = co_await std::move(reading);
  if (!stored) co_return stored.error();
  out.hash = stored->hash;
  out.text = std::move(stored->text);
  co_return out;
}

sdk::Task<Result<Edited>> Editor::remove(sdk::Call& call, Thing thing, Change change) {
  auto entering = enter(call, thing);
  Result<Turns::Turn> mine = co_await std::move(entering);
  if (!mine) co_return mine.error();
  auto loading = load(call, thing.kind, thing.key);
  Result<Stored> now = co_await std::move(loading);
  if (!now) co_return now.error();
  if (now->config.IsNull()) co_return not_kept(thing);
  if (auto same = check_hash(thing, change, now->hash); !same) co_return same.error();
  auto kept = keep(thing, now->text, now->hash, change.tool);
  if (!kept) co_return kept.error();
  Edited out;
  out.previous_hash = now->hash;
  out.version = *kept;
  out.text = std::move(now->text);
  auto deleting = session_.rest(call, "DELETE", path_of(thing.kind, thing.key));
  Result<RestAnswer> deleted = co_await std::move(deleting);
  if (!deleted) co_return deleted.error();
  co_return out;
}

}  // namespace patchbay::home_assistant
