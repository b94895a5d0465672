#include "plugins/home_assistant/verified_action.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/text.hpp"

namespace patchbay::home_assistant {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// The answer has to leave before the call's own time is up.
constexpr milliseconds margin{150};

}  // namespace

ServiceData& ServiceData::raw(std::string_view key, std::string_view json) {
  if (!body_.empty()) body_ += ',';
  body_.append(json::quoted(key)).append(":").append(json);
  return *this;
}
ServiceData& ServiceData::real(std::string_view key, double value) { return raw(key, fmt::format("{}", value)); }

Result<std::vector<std::string>> target_ids(RawJson const& given, std::vector<std::string_view> domains) {
  std::vector<std::string> ids;
  bool wrong = false;
  auto const take = [&](std::string_view value) {
    value = raw::trimmed(value);
    if (!value.starts_with('"')) wrong = true;
    auto const text = raw::text(value);
    for (std::string_view rest = text;;) {
      auto const part = raw::trimmed(rest.substr(0, rest.find(',')));
      if (!part.empty() && std::find(ids.begin(), ids.end(), part) == ids.end()) ids.emplace_back(part);
      if (rest.find(',') == std::string_view::npos) break;
      rest.remove_prefix(rest.find(',') + 1);
    }
  };
  if (raw::trimmed(given.text).starts_with('['))
    raw::each_item(given.text, take);
  else
    take(given.text);
  if (wrong || ids.empty() || ids.size() > 100)
    return Error{Code::invalid_argument, "takes an entity id or a list of 1 to 100 of them", "/entity_id"};
  for (auto const& id : ids) {
    if (!is_entity_id(id))
      return Error{Code::invalid_argument,
                   fmt::format("\"{}\" is no entity id: it has the form domain.name, such as {}.kitchen", id,
                               domains.empty() ? std::string_view{"light"} : domains.front()),
                   "/entity_id"};
    if (!domains.empty() && std::find(domains.begin(), domains.end(), domain_of(id)) == domains.end())
      return Error{Code::invalid_argument,
                   fmt::format("{} is no {}; this tool takes {}.<name>, for others there is ha_call_service", id,
                               domains.front(), fmt::join(domains, ".<name> or ")),
                   "/entity_id"};
  }
  return ids;
}

bool is_different(EntityState const& now, EntityState const& before) {
  return now.state != before.state || now.attributes() != before.attributes();
}

// --- watching

Watched::Watched(Mirror& mirror, std::vector<std::string> ids) : mirror_(mirror), ids_(std::move(ids)) {
  for (auto const& id : ids_) {
    auto const* now = mirror.state(id);
    before_.push_back(now == nullptr ? EntityState{} : *now);
  }
}

bool Watched::differs(std::size_t index) const {
  auto const* now = mirror_.state(ids_[index]);
  return now == nullptr ? !before_[index].entity_id.empty() : is_different(*now, before_[index]);
}

sdk::Task<bool> Watched::wait(sdk::Call& call, milliseconds at_most,
                              std::function<bool(EntityState const&, EntityState const&)> met) {
  auto const until = Clock::now() + std::min(at_most, call.time_left() - margin);
  for (;;) {
    bool all = true;
    for (std::size_t i = 0; i < ids_.size() && all; ++i) {
      auto const* now = mirror_.state(ids_[i]);
      all = now != nullptr && met(*now, before_[i]);
    }
    if (all) co_return true;
    auto const left = std::chrono::ceil<milliseconds>(until - Clock::now());
    if (left <= milliseconds{0} || call.cancelled()) co_return false;
    auto changing = mirror_.changed(call, left);
    co_await std::move(changing);
  }
}

// --- acting

sdk::Task<Result<void>> check_known(HomeAssistant& self, sdk::Call& call, std::vector<std::string> ids) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto const access = self.access(call);
  for (auto const& id : ids)
    if (self.mirror().state(id) == nullptr)
      co_return self.mirror().unknown(id, "/entity_id", [&](std::string_view near) { return access.sees(near); });
  co_return Result<void>{};
}

sdk::Task<Result<ActionResult>> act(HomeAssistant& self, sdk::Call& call, std::vector<std::string> ids, ActionPlan plan,
                                    milliseconds wait) {
  auto& mirror = self.mirror();
  Watched watched{mirror, std::move(ids)};
  std::string target = "{\"entity_id\":[";
  for (auto const& id : watched.ids()) target += (target.back() == '[' ? "" : ",") + json::quoted(id);
  target += "]}";
  ActionResult out;
  for (auto const& one : plan.calls) {
    Command command =
        Command{"call_service"}.text("domain", one.domain).text("service", one.service).raw("target", target);
    if (one.data != "{}") command = std::move(command).raw("service_data", one.data);
    auto calling = self.session().command(call, std::move(command));
    Result<Frame> called = co_await std::move(calling);
    if (!called) {
      auto error = called.error();
      if (!out.services.empty())
        error.message = fmt::format("{}.{} failed, after {} was done: {}", one.domain, one.service,
                                    fmt::join(out.services, " and "), error.message);
      co_return error;
    }
    out.services.push_back(one.domain + "." + one.service);
    out.context_id = raw::text(raw::member(raw::member(called->result(), "context"), "id"));
  }
  auto const begun = Clock::now();
  if (plan.shows) {
    auto met = plan.expect;
    if (!met) met = &is_different;
    auto waiting = watched.wait(call, wait, std::move(met));
    out.confirmed = co_await std::move(waiting);
  } else {
    out.confirmed = true;
  }
  out.waited_ms = std::chrono::ceil<milliseconds>(Clock::now() - begun).count();
  auto const access = self.access(call);
  for (std::size_t i = 0; i < watched.ids().size(); ++i) {
    auto const* now = mirror.state(watched.ids()[i]);
    EntityOutcome one;
    one.entity_id = watched.ids()[i];
    one.changed = watched.differs(i);
    one.previous = watched.before(i).state;
    one.state = now == nullptr ? "unavailable" : now->state;
    if (one.changed && now != nullptr) out.changed_states.push_back(RawJson{access.cleaned(now->json)});
    out.changed = out.changed || one.changed;
    out.entities.push_back(std::move(one));
  }
  if (out.entities.size() == 1) {
    out.entity_id = out.entities.front().entity_id;
    out.state = out.entities.front().state;
    out.previous = out.entities.front().previous;
  }
  out.ignored = std::move(plan.ignored);
  co_return out;
}

std::string sentence_of(ActionResult const& done) {
  if (done.entities.size() != 1)
    return fmt::format("{} of {} entities changed",
                       std::count_if(done.entities.begin(), done.entities.end(), [](auto& one) { return one.changed; }),
                       done.entities.size());
  auto const& one = done.entities.front();
  if (one.state != one.previous) return fmt::format("{} is {} now, it was {}", one.entity_id, one.state, one.previous);
  if (one.changed) return fmt::format("{} is {} as before, with other attributes", one.entity_id, one.state);
  if (done.confirmed) return fmt::format("{} is {}, as it was", one.entity_id, one.state);
  return fmt::format("{} was called and {} is still {}; the device may follow later, or not", done.action,
                     one.entity_id, one.state);
}

}  // namespace patchbay::home_assistant
