#include "core/circuit_breaker/circuit_breaker.hpp"

#include <fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

#include <charconv>

namespace patchbay::circuit_breaker {
namespace {

constexpr std::array<std::string_view, outcome_count> outcome_names{"ok", "error", "slow", "rejected", "excluded"};

// What is called up to now: an upstream's return must be noticed within 5 s.
std::vector<Rule> const& built_in_rules() {
  static std::vector<Rule> const rules = [] {
    std::vector<Rule> out;
    for (auto const* pattern : {"ws:*", "http:*"}) {
      Rule rule;
      rule.pattern = pattern;
      rule.open_ms = 2000;
      rule.open_max_ms = 4000;
      out.push_back(std::move(rule));
    }
    return out;
  }();
  return rules;
}

// "<breaker>-<slot>-<sequence>", hexadecimal.
std::string permit_text(std::uint32_t index, Permit permit) {
  std::string out;
  auto number = [&out](std::uint64_t value) {
    std::array<char, 16> digits;
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr);
  };
  number(index);
  out += '-';
  number(permit.slot);
  out += '-';
  number(permit.sequence);
  return out;
}

struct PermitName {
  std::uint32_t index = 0;
  Permit permit;
};
std::optional<PermitName> parse_permit(std::string_view text) {
  PermitName out;
  auto const* at = text.data();
  auto const* const end = text.data() + text.size();
  auto number = [&](auto& into) {
    auto const [next, error] = std::from_chars(at, end, into, 16);
    if (error != std::errc{}) return false;
    at = next;
    return true;
  };
  auto dash = [&] { return at != end && *at++ == '-'; };
  if (!number(out.index) || !dash() || !number(out.permit.slot) || !dash() || !number(out.permit.sequence) || at != end)
    return std::nullopt;
  return out;
}

std::string iso_time(WallTime time) {
  auto const whole = std::chrono::floor<std::chrono::seconds>(time);
  auto const part = std::chrono::floor<std::chrono::milliseconds>(time - whole);
  return fmt::format("{:%FT%T}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(whole)), part.count());
}

Error unknown(std::string_view name) {
  return {Code::not_found, fmt::format("no breaker \"{}\"; circuit_breaker_list names them all", name), "/name"};
}

}  // namespace

Result<void> CircuitBreakers::check(Settings const& settings) {
  auto at = [](Error error, std::string const& where) {
    error.pointer = where + error.pointer;
    return error;
  };
  if (auto wrong = problem(settings.defaults)) return at(std::move(*wrong), "/defaults");
  if (settings.rules.size() > max_rules)
    return Error{Code::invalid_argument,
                 fmt::format("at most {} rules, there are {}", max_rules, settings.rules.size()), "/rules"};
  for (std::size_t i = 0; i < settings.rules.size(); ++i) {
    auto const where = "/rules/" + std::to_string(i);
    if (settings.rules[i].pattern.empty())
      return Error{Code::invalid_argument, "a rule needs a pattern, such as ws:*", where + "/pattern"};
    if (auto wrong = problem(settings.rules[i])) return at(std::move(*wrong), where);
  }
  return {};
}

CircuitBreakers::CircuitBreakers(Caller& caller, Counters& counters, Clock const& clock, LogSink& log,
                                 Settings settings)
    : caller_(caller), counters_(counters), clock_(clock), log_(log), permits_(settings.permits) {
  if (auto done = apply(std::move(settings)); !done) throw ErrorException{done.error()};
  auto limit = [&](char const* name, double value) {
    return counters_.gauge_function("patchbay_limit", "Limits in force", {{"name", name}}, [value] { return value; });
  };
  shown_ = {counters_.collect([this](std::vector<FamilySample>& out) { collect(out); }),
            limit("circuit_breakers", max_names), limit("circuit_breaker_permits", permits_.most)};
}

CircuitBreakers::~CircuitBreakers() {
  for (auto id : shown_) counters_.forget(id);
}

Result<void> CircuitBreakers::apply(Settings settings) {
  if (auto good = check(settings); !good) return good;
  std::unique_lock lock{mutex_};
  settings_ = std::move(settings);
  label_of("default");
  for (auto const& rule : built_in_rules()) label_of(rule.pattern);
  for (auto const& rule : settings_.rules) label_of(rule.pattern);
  for (auto& entry : owned_) {
    auto [config, label] = figures(entry->name, entry->own);
    entry->label = label;
    entry->breaker.configure(std::move(config));
  }
  return {};
}

std::pair<Config, CircuitBreakers::Label const*> CircuitBreakers::figures(std::string_view name, Overrides const& own) {
  auto config = Config{}.with(settings_.defaults);
  std::string const* rule = nullptr;
  for (auto const* rules : {&built_in_rules(), static_cast<std::vector<Rule> const*>(&settings_.rules)})
    for (auto const& one : *rules)
      if (matches(one.pattern, name)) {
        config = config.with(one);
        rule = &one.pattern;
        break;
      }
  return {config.with(own), label_of(rule != nullptr ? *rule : "default")};
}

CircuitBreakers::Label const* CircuitBreakers::label_of(std::string const& rule) {
  auto& label = labels_[rule];
  if (label) return label.get();
  label = std::make_unique<Label>();
  label->rule = rule;
  for (std::size_t i = 0; i < outcome_count; ++i)
    label->calls[i] = counters_.counter("patchbay_circuit_breaker_calls_total", "Attempts by outcome",
                                        {{"rule", rule}, {"result", std::string{outcome_names[i]}}});
  for (std::size_t i = 0; i < state_count; ++i)
    label->transitions[i] =
        counters_.counter("patchbay_circuit_breaker_transitions_total", "Changes of state, by the new one",
                          {{"rule", rule}, {"to", std::string{name_of(static_cast<State>(i))}}});
  return label.get();
}

CircuitBreakers::Entry* CircuitBreakers::find(std::string_view name) const {
  std::shared_lock lock{mutex_};
  auto const found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

Result<CircuitBreakers::Entry*> CircuitBreakers::find_or_make(std::string_view name) {
  if (auto* entry = find(name)) return entry;
  std::unique_lock lock{mutex_};
  return make_locked(name);
}

Result<CircuitBreakers::Entry*> CircuitBreakers::make_locked(std::string_view name) {
  if (auto const found = by_name_.find(name); found != by_name_.end()) return found->second;
  if (name.empty() || name.size() > 255)
    return Error{Code::invalid_argument, fmt::format("a name has 1 to 255 bytes, this has {}", name.size()), "/name"};
  if (owned_.size() == max_names)
    return Error{Code::rate_limited, fmt::format("there are {} breakers already, which is all there may be", max_names),
                 "/name"};
  auto [config, label] = figures(name, {});
  auto const index = static_cast<std::uint32_t>(owned_.size());
  auto& entry =
      owned_.emplace_back(std::make_unique<Entry>(std::string{name}, index, std::move(config), clock_, permits_));
  entry->label = label;
  by_name_.emplace(entry->name, entry.get());
  by_index_[index].store(entry.get(), std::memory_order_release);
  return entry.get();
}

void CircuitBreakers::count(Entry const& entry, Outcome outcome) const {
  entry.label.load()->calls[static_cast<std::size_t>(outcome)].add();
}

void CircuitBreakers::tell(Entry const& entry, std::optional<Moved> const& moved) const {
  if (!moved) return;
  entry.label.load()->transitions[static_cast<std::size_t>(moved->to)].add();
  bool const bad = moved->to == State::open || moved->to == State::forced_open;
  auto const level = bad ? LogLevel::warning : LogLevel::info;
  if (!log_.enabled(level, "circuit_breaker")) return;
  auto const open_ms = std::to_string(moved->open_ms);
  std::vector<LogField> fields{
      {"name", entry.name}, {"from", name_of(moved->from)}, {"to", name_of(moved->to)}, {"reason", moved->why}};
  if (moved->to == State::open) fields.emplace_back("open_ms", open_ms);
  log_.write(level, "circuit_breaker", fmt::format("breaker is {} now", name_of(moved->to)), fields);
}

Result<AcquireResult> CircuitBreakers::acquire(PrincipalPtr const& owner, std::string_view name) {
  auto found = find_or_make(name);
  if (!found) return found.error();
  auto& entry = **found;
  auto asked = entry.breaker.acquire(owner);
  tell(entry, asked.moved);
  if (!asked.leave) {
    count(entry, Outcome::rejected);
    auto error = asked.leave.error();
    error.message = fmt::format("{}: {}", entry.name, error.message);
    return error;
  }
  return AcquireResult{permit_text(entry.index, asked.leave->permit), asked.leave->state};
}

Result<RecordResult> CircuitBreakers::record(Principal const& by, RecordArgs const& args) {
  Error const gone{Code::not_found, "no such permit: unknown, already reported or timed out", "/permit"};
  auto const named = parse_permit(args.permit);
  if (!named || named->index >= max_names) return gone;
  auto* const entry = by_index_[named->index].load(std::memory_order_acquire);
  if (entry == nullptr) return gone;
  // Beyond a day nothing changes any more, and the number still fits.
  auto const took = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double, std::milli>{std::clamp(args.duration_ms, 0.0, 86'400'000.0)});
  auto const told = entry->breaker.record(named->permit, by, {args.success, took, args.code});
  tell(*entry, told.moved);
  if (!told.known) return gone;
  count(*entry, told.outcome);
  return RecordResult{told.state};
}

Result<ConfigureResult> CircuitBreakers::configure(ConfigureArgs args) {
  if (auto wrong = problem(args)) return *wrong;
  std::unique_lock lock{mutex_};
  auto found = make_locked(args.name);
  if (!found) return found.error();
  auto& entry = **found;
  entry.own = std::move(static_cast<Overrides&>(args));
  entry.breaker.configure(figures(entry.name, entry.own).first);
  return ConfigureResult{entry.breaker.state()};
}

BreakerInfo CircuitBreakers::info(Entry& entry) const {
  auto view = entry.breaker.view();
  BreakerInfo out;
  out.name = entry.name;
  out.state = view.state;
  out.failure_rate = view.window.failure_rate();
  out.slow_rate = view.window.slow_rate();
  out.calls = view.window.calls;
  out.failures = view.window.failures;
  out.rejected = view.rejected;
  out.consecutive_failures = view.consecutive_failures;
  out.in_flight = view.in_flight;
  if (view.opened_at) out.opened_at = iso_time(*view.opened_at);
  out.retry_after_ms = view.retry_after_ms;
  out.rule = entry.label.load()->rule;
  out.config = std::move(view.config);
  return out;
}

Result<BreakerInfo> CircuitBreakers::get(GetArgs const& args) {
  if (!args.create) {
    auto* const entry = find(args.name);
    if (entry == nullptr) return unknown(args.name);
    return info(*entry);
  }
  auto found = find_or_make(args.name);
  if (!found) return found.error();
  return info(**found);
}

std::vector<CircuitBreakers::Entry*> CircuitBreakers::entries() const {
  std::shared_lock lock{mutex_};
  std::vector<Entry*> out;
  out.reserve(owned_.size());
  for (auto const& entry : owned_) out.push_back(entry.get());
  return out;
}

ListResult CircuitBreakers::list(ListArgs const& args) const {
  ListResult out;
  for (auto* entry : entries()) {
    auto one = info(*entry);
    if (!args.state || one.state == *args.state) out.breakers.push_back(std::move(one));
  }
  std::sort(out.breakers.begin(), out.breakers.end(), [](auto const& a, auto const& b) { return a.name < b.name; });
  return out;
}

Result<ForceResult> CircuitBreakers::force(ForceArgs const& args) {
  auto* const entry = find(args.name);
  if (entry == nullptr) return unknown(args.name);
  auto const forced = entry->breaker.force(static_cast<Breaker::Force>(args.state));
  tell(*entry, forced.moved);
  return ForceResult{forced.previous};
}

Result<ResetResult> CircuitBreakers::reset(ResetArgs const& args) {
  auto* const entry = find(args.name);
  if (entry == nullptr) return unknown(args.name);
  tell(*entry, entry->breaker.reset());
  return ResetResult{1};
}

ResetResult CircuitBreakers::reset_all() {
  ResetResult out;
  for (auto* entry : entries()) {
    tell(*entry, entry->breaker.reset());
    ++out.count;
  }
  return out;
}

StatsResult CircuitBreakers::stats() const {
  StatsResult out;
  for (auto* entry : entries()) {
    auto const view = entry->breaker.view();
    ++out.breakers;
    out.permits_out += view.in_flight;
    switch (view.state) {
      case State::closed: ++out.closed; break;
      case State::open: ++out.open; break;
      case State::half_open: ++out.half_open; break;
      case State::disabled: ++out.disabled; break;
      case State::forced_open: ++out.forced_open; break;
      case State::metrics_only: ++out.metrics_only; break;
    }
  }
  std::shared_lock lock{mutex_};
  for (auto const& [rule, label] : labels_) {
    auto value = [&](Outcome outcome) { return counters_.value(label->calls[static_cast<std::size_t>(outcome)]); };
    out.ok += value(Outcome::ok);
    out.errors += value(Outcome::error);
    out.slow += value(Outcome::slow);
    out.rejected += value(Outcome::rejected);
    out.excluded += value(Outcome::excluded);
  }
  return out;
}

// Every state of every rule, zeros too: an alert needs the series before the first breaker opens.
void CircuitBreakers::collect(std::vector<FamilySample>& out) const {
  std::map<Label const*, std::array<std::uint32_t, state_count>> found;
  for (auto* entry : entries()) ++found[entry->label.load()][static_cast<std::size_t>(entry->breaker.state())];
  FamilySample family{"patchbay_circuit_breaker_state", "Breakers in each state", FamilySample::Kind::gauge, {}};
  std::shared_lock lock{mutex_};
  for (auto const& [rule, label] : labels_) {
    auto const& counts = found[label.get()];
    for (std::size_t i = 0; i < state_count; ++i)
      family.series.push_back({{{"rule", rule}, {"state", std::string{name_of(static_cast<State>(i))}}},
                               static_cast<double>(counts[i]),
                               {},
                               0});
  }
  out.push_back(std::move(family));
}

Task<Result<RawJson>> CircuitBreakers::run(Call& parent, CallArgs args) {
  auto const& table = caller_.table();
  auto const tool = OperationTable::tool_name(args.interface, args.operation);
  auto const* row = table.find_name(args.interface + "." + args.operation);
  if (row == nullptr) row = table.find(tool);
  if (row == nullptr) {
    auto error = caller_.no_such_tool(tool);
    error.pointer = "/operation";
    co_return error;
  }
  auto leave = acquire(parent.principal_ptr(), args.name);
  if (!leave) co_return leave.error();

  // Given back on every way out, also when the frame is destroyed while it waits: nobody knows then how it ended.
  struct Return {
    CircuitBreakers& breakers;
    PrincipalPtr owner;
    RecordArgs ended;
    ~Return() { (void)breakers.record(*owner, ended); }
  } back{*this, parent.principal_ptr(), {leave->permit, false, 0, "cancelled"}};

  Call child{parent};
  auto reply = caller_.start_json(*row, child, std::string_view{args.args.text});
  std::optional<Result<Answer>> answer;
  if (reply.ready()) {
    answer = reply.take();
  } else {
    auto task = reply.task();
    answer = co_await std::move(task);
  }
  back.ended.success = answer->has_value();
  if (answer->has_error()) {
    auto error = answer->error();
    back.ended.code = patchbay::name_of(error.code);
    if (!error.pointer.empty()) error.pointer = "/args" + error.pointer;
    co_return error;
  }
  RawJson data{std::move((*answer)->data)};
  back.ended.code.clear();
  co_return data;
}

}  // namespace patchbay::circuit_breaker
