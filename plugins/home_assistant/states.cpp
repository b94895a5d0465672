#include "plugins/home_assistant/states.hpp"

#include <spdlog/fmt/fmt.h>

#include <unordered_set>

#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/sdk/nearest.hpp"

namespace patchbay::home_assistant {
namespace {

std::vector<std::string_view> ids_in(std::string_view states) {
  std::vector<std::string_view> out;
  std::string keep;
  raw::each_item(states,
                 [&](std::string_view state) { out.push_back(raw::text(raw::member(state, "entity_id"), keep)); });
  return out;
}

using Nobody = std::vector<std::string_view>;  // a caller with entity lists is told no others

Error not_there(std::string const& entity_id, std::vector<std::string_view> const& ids, std::string pointer) {
  std::string near;
  for (auto candidate : nearest(entity_id, ids, 3)) near += fmt::format("{}{}", near.empty() ? "" : ", ", candidate);
  return Error{
      Code::not_found,
      fmt::format("Home Assistant has no entity {}{}{}", entity_id, near.empty() ? "" : "; the nearest are ", near),
      std::move(pointer)};
}

}  // namespace

sdk::Task<Error> unknown_entity(Session& session, sdk::Call& call, std::string entity_id, std::string pointer) {
  auto asking = session.command(call, Command{"get_states"});
  Result<Frame> states = co_await std::move(asking);
  if (!states) co_return states.error();
  if (!call.entities().empty()) co_return not_there(entity_id, {}, std::move(pointer));
  co_return not_there(entity_id, ids_in(states->result()), std::move(pointer));
}

sdk::Task<Result<void>> check_entities(Session& session, sdk::Call& call, std::vector<std::string> names,
                                       std::string pointer) {
  std::erase_if(names, [](std::string const& name) { return name == "all" || name == "none"; });
  if (names.empty()) co_return Result<void>{};
  auto asking = session.command(call, Command{"get_states"});
  Result<Frame> states = co_await std::move(asking);
  if (!states) co_return states.error();
  auto const ids = ids_in(states->result());
  std::unordered_set<std::string_view> const known{ids.begin(), ids.end()};
  for (auto const& name : names)
    if (known.count(name) == 0) co_return not_there(name, call.entities().empty() ? ids : Nobody{}, std::move(pointer));
  co_return Result<void>{};
}

}  // namespace patchbay::home_assistant
