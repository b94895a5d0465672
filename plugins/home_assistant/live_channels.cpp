#include "plugins/home_assistant/live_channels.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/raw_json.hpp"

namespace patchbay::home_assistant {
namespace {

constexpr std::string_view all_states = "ha.states", one_state = "ha.state.", event_prefix = "ha.events.";

// The state object with the state before it.
std::string with_previous(std::string_view state, std::string_view previous) {
  return fmt::format("{{\"previous\":{},{}", previous, state.substr(1));
}

}  // namespace

bool is_channel(std::string_view name) {
  return !name.empty() && name.size() <= 255 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == ':' || c == '-';
  });
}

void LiveChannels::start() {
  mirror_.on_state([this](StateChange const& change) { add_state(change); });
  mirror_.on_event([this](std::string_view type, std::string_view json) {
    auto channel = std::string{event_prefix} + std::string{type};
    if (is_channel(channel)) add(std::move(channel), type, json);
  });
  mirror_.on_registry([this] {
    areas_changed_ = true;
    if (!std::exchange(telling_, true)) areas_task_ = host_.spawn("areas for the hub", tell_areas());
  });
  publishing_ = host_.spawn("live channels", publish_all());
}

void LiveChannels::stop() {
  for (auto const* task : {&publishing_, &areas_task_})
    if (*task) (*task)->cancel();
}

void LiveChannels::add(std::string channel, std::string_view event, std::string_view data) {
  auto args = fmt::format(R"({{"channel":{},"event":{},"data":{}}})", json::quoted(channel), json::quoted(event), data);
  bytes_ += args.size();
  waiting_.push_back(std::move(args));
  more_.wake_all();
  if (bytes_ > most_bytes) skip();
}

void LiveChannels::add_state(StateChange const& change) {
  // While changes are dropped, the newest state of each entity is what remains to be told.
  if (!skipped_.empty()) {
    skipped_.emplace(change.entity_id);
    ++dropped_;
    return;
  }
  queue_state(change);
}

void LiveChannels::queue_state(StateChange const& change) {
  auto const previous = change.before == nullptr ? std::string{"null"} : json::quoted(change.before->state);
  auto const data = change.now == nullptr ? fmt::format(R"({{"entity_id":{},"state":null,"previous":{}}})",
                                                        json::quoted(change.entity_id), previous)
                                          : with_previous(change.now->json, previous);
  auto const event = change.now == nullptr ? "state_removed" : "state_changed";
  auto channel = std::string{one_state} + std::string{change.entity_id};
  if (is_channel(channel)) add(std::move(channel), event, data);
  add(std::string{all_states}, event, data);
}

// The hub does not keep up: what waits goes, what it was about is remembered.
void LiveChannels::skip() {
  for (auto const& args : waiting_) {
    ++dropped_;
    auto const channel = raw::text(raw::member(args, "channel"));
    if (channel.starts_with(one_state)) skipped_.insert(channel.substr(one_state.size()));
  }
  waiting_.clear();
  bytes_ = 0;
  if (skipped_.empty()) skipped_.emplace();  // only events: the notice still comes
  host_.log(sdk::LogLevel::warning,
            "the hub does not take the states of Home Assistant fast enough, some are left out");
}

// Some at a time, so that they fit.
void LiveChannels::catch_up() {
  if (dropped_ > 0)
    add(std::string{all_states}, "states_skipped", fmt::format(R"({{"count":{}}})", std::exchange(dropped_, 0)));
  for (unsigned count = 0; count < 500 && !skipped_.empty(); ++count) {
    auto const id = std::move(skipped_.extract(skipped_.begin()).value());
    if (id.empty()) continue;
    auto const* now = mirror_.state(id);
    queue_state(StateChange{id, now, now});
  }
}

sdk::Task<void> LiveChannels::publish_all() {
  for (;;) {
    if (waiting_.empty() && !skipped_.empty()) catch_up();
    if (waiting_.empty()) {
      auto waiting = more_.wait(nullptr);
      co_await std::move(waiting);
      continue;
    }
    auto args = std::move(waiting_.front());
    waiting_.pop_front();
    bytes_ -= args.size();
    auto publishing = host_.call("hub_publish", std::move(args));
    Result<RawJson> done = co_await std::move(publishing);
    if (!done && host_.log_enabled(sdk::LogLevel::debug))
      host_.log(sdk::LogLevel::debug, "a message of Home Assistant was not published",
                {{"reason", done.error().message}});
  }
}

// --- areas

std::string LiveChannels::areas() const {
  auto const& registry = mirror_.registry();
  std::map<std::string, std::string> lists;  // by folded name
  for (auto const& [id, entry] : registry.entities()) {
    auto const* area = registry.area_of(id);
    if (area == nullptr) continue;
    std::set<std::string> names{folded_name(area->area_id), folded_name(area->name)};
    for (auto const& alias : area->aliases) names.insert(folded_name(alias));
    for (auto const& name : names) {
      auto& list = lists[name];
      if (!list.empty()) list += ',';
      list += json::quoted(id);
    }
  }
  std::string out = "{";
  for (auto const& [name, list] : lists)
    out += fmt::format("{}{}:[{}]", out.size() > 1 ? "," : "", json::quoted(name), list);
  return out + "}";
}

sdk::Task<void> LiveChannels::tell_areas() {
  struct Done {
    bool& telling;
    ~Done() { telling = false; }
  } done{telling_};
  while (std::exchange(areas_changed_, false)) {
    // Registries change several at once: the areas, then what is in them.
    sdk::SteadyTimer timer{host_.executor()};
    timer.expires_after(std::chrono::milliseconds{50});
    co_await timer.async_wait(sdk::use_task);
    areas_changed_ = false;
    auto telling = host_.call("hub_set_entity_areas", fmt::format(R"({{"prefix":"ha","areas":{}}})", areas()));
    Result<RawJson> told = co_await std::move(telling);
    if (!told)
      host_.log(sdk::LogLevel::warning, "the hub does not know what lies in which area",
                {{"reason", told.error().message}});
  }
}

}  // namespace patchbay::home_assistant
