// Mirror: the states of all entities and the registries of Home Assistant, kept by one subscription, so that a read
// costs no question there.
//
//   auto filling = self.mirror().ready(call);                            // the first time; later it returns at once
//   Result<void> filled = co_await std::move(filling);
//   if (!filled) co_return filled.error();
//   if (auto const* lamp = self.mirror().state("light.bed_light")) use(lamp->state, lamp->attributes());
//   self.mirror().each([&](EntityState const& one) { ... });             // by entity id
//   answer.mirror_age_ms = self.mirror().age_ms();                       // only while Home Assistant does not answer
//
// It begins with the plugin. With an administrator's token one subscription brings all events (states, registries, and
// what live channels pass on); with another's, those that Home Assistant lets it have. When the connection was lost, or
// Home Assistant was restarted, everything is read again and only what differs is told to the observers; entities that
// are missing are removed once Home Assistant says that it is running. A reader never waits for that: it gets what was
// known, and age_ms() says how old it is.
//
// All on the plugin's thread; pointers hold until the next suspension. 3,000 entities take about 6 MB.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "plugins/home_assistant/registry_mirror.hpp"
#include "plugins/home_assistant/session.hpp"

namespace patchbay::home_assistant {

// One entity's state as Home Assistant sent it, and what most readers ask for.
struct EntityState {
  std::string entity_id;
  std::string state;
  std::string name;          // friendly_name, else the id
  std::string json;          // the whole state object
  std::uint64_t number = 0;  // of the change that made it: rises with each in the mirror

  std::string_view domain() const { return std::string_view{entity_id}.substr(0, entity_id.find('.')); }
  std::string_view attributes() const;                     // raw JSON object
  std::string_view attribute(std::string_view key) const;  // raw JSON, empty: none
  std::string text_attribute(std::string_view key) const;  // empty: none, or no text
  std::string last_changed() const;
  std::string last_updated() const;

  static EntityState read(std::string_view json);
};

// What observers are told. `now` is null when the entity was removed.
struct StateChange {
  std::string_view entity_id;
  EntityState const* now = nullptr;
  EntityState const* before = nullptr;
};

class Mirror {
 public:
  Mirror(sdk::Host& host, Session& session);

  void start();
  void stop();

  // Waits until it was filled once. Errors: those of the session.
  sdk::Task<Result<void>> ready(sdk::Call& call);
  bool filled() const { return filled_; }

  EntityState const* state(std::string_view entity_id) const;
  template <class F>
  void each(F&& use) const {
    for (auto const& [id, one] : states_) use(one);
  }
  std::size_t size() const { return states_.size(); }
  RegistryMirror const& registry() const { return registry_; }
  // The not_found of an entity that is not there, with the nearest ids among those that `may_name` lets through.
  Error unknown(std::string_view entity_id, std::string pointer,
                std::function<bool(std::string_view)> const& may_name = {}) const;

  // How long ago it was last known to be true; nothing while Home Assistant answers.
  std::optional<std::int64_t> age_ms() const;
  std::uint64_t changes() const { return changes_; }  // the number of the newest change

  // Waits for the next change of any entity. False: the time is up or the call was cancelled.
  sdk::Task<bool> changed(sdk::Call& call, std::chrono::milliseconds at_most) { return changed_.wait(&call, at_most); }

  // Observers, each for good; called before readers that wait go on.
  void on_state(std::function<void(StateChange const&)> observer) { on_state_.push_back(std::move(observer)); }
  void on_event(std::function<void(std::string_view type, std::string_view json)> observer) {
    on_event_.push_back(std::move(observer));
  }
  void on_registry(std::function<void()> observer) { on_registry_.push_back(std::move(observer)); }

 private:
  sdk::Task<void> run(std::chrono::milliseconds later);
  sdk::Task<Error> follow();
  sdk::Task<void> synchronise();
  sdk::Task<bool> read_everything(std::string const& connection_id);
  sdk::Task<Result<Frame>> ask(std::string connection_id, Command command);
  sdk::Task<void> watch_pulse();
  void begin_synchronising();
  void look_after();
  void take(std::string_view kind, std::string_view frame);
  void take_event(std::string_view event);
  void take_all(std::string_view states, bool complete);
  void put(std::string_view json, bool only_if_different);
  void remove(std::string const& entity_id);
  void heard();

  sdk::Host& host_;
  Session& session_;
  RegistryMirror registry_;
  std::map<std::string, EntityState, std::less<>> states_;
  std::uint64_t changes_ = 0;

  std::shared_ptr<sdk::Background> running_, synchronising_, pulse_;
  std::vector<std::shared_ptr<sdk::Background>> narrow_;  // one for each event type, where all are not allowed
  std::string connection_id_;                             // that the subscription is on
  bool stopped_ = false, filled_ = false, accepted_ = false, may_have_all_ = true;
  bool connected_ = false;                             // the subscription is in force
  bool current_ = false;                               // and everything was read since it is
  bool settling_ = false;                              // until Home Assistant runs: what is the same is not told again
  bool busy_ = false;                                  // synchronise() runs
  bool again_ = false;                                 // lost and restored while it was read
  unsigned stale_ = 0;                                 // registries to read, by bit
  std::set<std::string, std::less<>> touched_, gone_;  // by events, since the subscription is in force
  std::chrono::steady_clock::time_point heard_{};
  bool answering_ = false;
  std::optional<Error> problem_;
  Waiters filled_waiters_, changed_, nudged_;
  std::vector<std::function<void(StateChange const&)>> on_state_;
  std::vector<std::function<void(std::string_view, std::string_view)>> on_event_;
  std::vector<std::function<void()>> on_registry_;
};

}  // namespace patchbay::home_assistant
