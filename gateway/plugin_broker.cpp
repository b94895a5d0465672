#include "gateway/plugin_broker.hpp"

#include <spdlog/fmt/fmt.h>

#include <map>
#include <set>
#include <unordered_map>

#include "gateway/broker_requests.hpp"

namespace patchbay {

// The broker of one home; its thread only.
class PluginBroker final : public hub::Broker, public plugin_host::BrokerOwner {
  using HistoryPage = hub::HistoryPage;
  using HistoryRule = hub::HistoryRule;
  using Member = hub::Member;
  using Message = hub::Message;
  using Position = hub::Position;
  using BrokerAnswer = plugin_host::BrokerAnswer;
  using BrokerKeep = plugin_host::BrokerKeep;
  using BrokerLink = plugin_host::BrokerLink;
  using BrokerMessage = plugin_host::BrokerMessage;

 public:
  PluginBroker(PluginBrokers& all, std::size_t index, hub::BrokerSink& sink, Clock const& clock, std::size_t bytes)
      : all_(all), index_(index), sink_(sink), clock_(clock), history_bytes_(bytes) {}
  ~PluginBroker() override {
    if (link_) link_->close();
  }
  std::shared_ptr<PluginBroker*> const& handle() const { return handle_; }

  void publish(std::shared_ptr<Message> message, HistoryRule keep, Done<Position> done) override {
    if (!there()) return publish_here(std::move(message), done);
    if (crowded()) return done(no_more());
    auto const raw = to_broker(*message);
    auto const bytes = message->data.size();
    auto answered = [this, message = std::move(message), done = std::move(done)](Result<BrokerAnswer> answer) mutable {
      if (!answer && answer.error().code == Code::unavailable) return publish_here(std::move(message), done);
      if (!answer) return done(answer.error());
      done(Position{std::move(answer->at.epoch), answer->at.offset});
    };
    link_->publish(ask(std::move(answered), bytes), raw, rule(keep));
  }

  void subscribe(std::string const& channel, Done<void> done) override {
    interests_.insert(channel);
    if (!there()) {
      if (link_) link_->subscribe(ask([](Result<BrokerAnswer>) {}), channel);  // it takes it over when it is back
      return done(away());
    }
    link_->subscribe(ask([done = std::move(done)](Result<BrokerAnswer> answer) {
                       done(answer ? Result<void>{} : Result<void>{answer.error()});
                     }),
                     channel);
  }
  void unsubscribe(std::string const& channel) override {
    interests_.erase(channel);
    seen_.erase(channel);
    if (link_) link_->unsubscribe(channel);
  }

  void history(std::string const& channel, std::optional<Position> since, std::size_t limit, HistoryRule keep,
               Done<HistoryPage> done) override {
    if (!there()) return done(away());
    if (crowded()) return done(no_more());
    std::optional<plugin_host::BrokerPosition> from;
    if (since) from = plugin_host::BrokerPosition{std::move(since->epoch), since->offset};
    auto answered = [this, channel, keep, done = std::move(done)](Result<BrokerAnswer> answer) {
      if (!answer) return done(answer.error());
      auto page = page_of(std::move(*answer));
      note(channel, page.newest, keep);
      done(std::move(page));
    };
    link_->history(ask(std::move(answered)), channel, from, static_cast<std::uint32_t>(limit), rule(keep));
  }

  // The extension has no request for it: which channels the server has is not known here.
  void newest(std::string const&, KeepOf, Done<std::vector<std::shared_ptr<Message>>> done) override { done({}); }

  void join(std::string const& channel, Member member) override {
    if (link_) link_->join(channel, {member.id, member.user_id});
    present_[channel].insert_or_assign(std::move(member.id), std::move(member.user_id));
  }
  void leave(std::string const& channel, Member const& member) override {
    if (link_) link_->leave(channel, {member.id, member.user_id});
    auto const found = present_.find(channel);
    if (found == present_.end()) return;
    found->second.erase(member.id);
    if (found->second.empty()) present_.erase(found);
  }
  void presence(std::string const& channel, Done<std::vector<Member>> done) override {
    if (!there()) return done(away());
    if (crowded()) return done(no_more());
    link_->presence(ask([done = std::move(done)](Result<BrokerAnswer> answer) {
                      if (!answer) return done(answer.error());
                      std::vector<Member> out;
                      for (auto& one : answer->members) out.push_back({std::move(one.id), std::move(one.user_id)});
                      done(std::move(out));
                    }),
                    channel);
  }
  void sweep() override {
    end_overdue();
    if (link_) link_->sweep(milliseconds(clock_.now()));
  }

  // --- the plugin comes and goes

  void attach(std::shared_ptr<plugin_host::Instance> const& instance) {
    let_go("another instance of the plugin takes over");
    auto post = [&all = all_, index = index_](std::function<void()> work) { all.post_(index, std::move(work)); };
    auto opened = BrokerLink::open(instance, std::move(post), *this, history_bytes_);
    if (!opened) return say(false, opened.error().message);
    link_ = std::move(*opened);
    connected_ = true;
    for (auto const& channel : interests_) link_->subscribe(ask([](Result<BrokerAnswer>) {}), channel);
    for (auto const& [channel, members] : present_)
      for (auto const& [id, user] : members) link_->join(channel, {id, user});
    catch_up();
    say(true, {});
  }
  void detach(plugin_host::Instance const* instance) {
    if (link_ && &link_->instance() == instance) let_go("the plugin has ended");
  }

  // --- BrokerOwner

  void published(BrokerMessage message) override { take(to_hub(std::move(message), clock_.now())); }
  void answered(std::uint64_t request, Result<BrokerAnswer> answer) override {
    auto const done = requests_.take(request);
    if (!done) return;  // answered twice, too late, or by an instance that has gone
    --all_.waiting_;
    (*done)(std::move(answer));
  }
  void connected(bool is_there, std::string why) override {
    if (connected_ == is_there) return;
    connected_ = is_there;
    if (is_there) catch_up();
    say(is_there, std::move(why));
  }

 private:
  static constexpr std::uint32_t most_missed = 10'000;  // asked for of one channel when the server is back
  static constexpr std::size_t most_held = 10'000;      // of one channel, meanwhile

  static std::int64_t milliseconds(SteadyTime time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  }
  static BrokerMessage to_broker(Message const& message) {
    auto const since = message.time.time_since_epoch();
    return {.channel = message.channel,
            .event = message.event,
            .data = message.data,
            .message_id = message.message_id,
            .ack = message.ack,
            .time_us = std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
  }
  static std::shared_ptr<Message> to_hub(BrokerMessage&& from, SteadyTime now) {
    auto out = std::make_shared<Message>();
    out->channel = std::move(from.channel);
    out->event = std::move(from.event);
    out->data = std::move(from.data);
    out->message_id = std::move(from.message_id);
    out->ack = from.ack;
    out->at = {std::move(from.at.epoch), from.at.offset};
    out->time = WallTime{std::chrono::duration_cast<WallTime::duration>(std::chrono::microseconds{from.time_us})};
    out->made = now;
    return out;
  }

  // Where a channel with history and subscribers here stands.
  struct Seen {
    Position at;
    HistoryRule keep;
    bool catching_up = false;
    std::vector<std::shared_ptr<Message>> held{};  // came meanwhile
  };

  bool there() const { return link_ != nullptr && connected_; }
  static Error away() {
    return {Code::unavailable, "the broker of the hub is away; messages stay in this process meanwhile", {}, 1000};
  }
  static Error no_more() {
    return {Code::backpressure, "the broker of the hub does not answer as fast as it is asked", {}, 1000};
  }
  bool crowded() {
    if (requests_.full()) end_overdue();
    return requests_.full();
  }
  std::uint64_t ask(BrokerRequests::Done done, std::size_t bytes = 0) {
    ++all_.waiting_;
    return requests_.add(clock_.now(), bytes, std::move(done));
  }
  void end_overdue() {
    Error const late{Code::deadline_exceeded,
                     fmt::format("the broker of the hub did not answer within {} s", BrokerRequests::patience.count())};
    end(requests_.overdue(clock_.now()), late);
  }
  void end(std::vector<BrokerRequests::Done> const& unanswered, Error const& why) {
    all_.waiting_ -= unanswered.size();
    for (auto const& done : unanswered) done(why);
  }
  BrokerKeep rule(HistoryRule keep) const {
    return {keep.size, static_cast<std::uint32_t>(keep.ttl.count()), keep.keep_newest, milliseconds(clock_.now())};
  }
  HistoryPage page_of(BrokerAnswer answer) const {
    HistoryPage out{
        .newest = {std::move(answer.at.epoch), answer.at.offset}, .complete = answer.complete, .kept = answer.kept};
    for (auto& one : answer.messages) out.messages.push_back(to_hub(std::move(one), clock_.now()));
    return out;
  }

  bool is_interesting(std::string const& channel) const {
    if (interests_.contains(channel)) return true;
    for (auto dot = channel.find('.'); dot != std::string::npos; dot = channel.find('.', dot + 1))
      if (interests_.contains(channel.substr(0, dot) + ".*")) return true;
    return false;
  }
  void publish_here(std::shared_ptr<Message> message, Done<Position> const& done) {
    if (is_interesting(message->channel)) sink_.published(std::move(message));
    done(Position{});
  }

  // Of channels that somebody here listens to by their names; prefixes have no position.
  void note(std::string const& channel, Position const& at, HistoryRule keep) {
    if (keep.size == 0 || at.epoch.empty() || !interests_.contains(channel)) return;
    auto& seen = seen_[channel];
    seen.keep = keep;
    if (seen.at.epoch != at.epoch || at.offset > seen.at.offset) seen.at = at;
  }
  void take(std::shared_ptr<Message> message) {
    auto const found = seen_.find(message->channel);
    if (found != seen_.end() && message->at.offset != 0) {
      auto& seen = found->second;
      if (seen.catching_up) {
        seen.held.push_back(std::move(message));
        if (seen.held.size() >= most_held) caught_up(found->first, away());  // it is not waited for any longer
        return;
      }
      seen.at = message->at;
    }
    sink_.published(std::move(message));
  }
  void catch_up() {
    for (auto& [channel, seen] : seen_) {
      if (std::exchange(seen.catching_up, true)) continue;
      plugin_host::BrokerPosition const from{seen.at.epoch, seen.at.offset};
      link_->history(ask([this, name = channel](Result<BrokerAnswer> answer) { caught_up(name, std::move(answer)); }),
                     channel, from, most_missed, rule(seen.keep));
    }
  }
  void caught_up(std::string const& channel, Result<BrokerAnswer> answer) {
    auto const found = seen_.find(channel);
    if (found == seen_.end() || !found->second.catching_up) return;
    auto held = std::exchange(found->second.held, {});
    found->second.catching_up = false;
    std::vector<std::shared_ptr<Message>> missed;
    if (answer && answer->complete)
      missed = page_of(std::move(*answer)).messages;
    else
      all_.log_.write(LogLevel::warning, "hub", "what a channel missed while the broker was away is not all there",
                      {{"channel", channel}});
    if (!missed.empty()) found->second.at = missed.back()->at;
    auto const until = found->second.at;
    for (auto& message : missed) sink_.published(std::move(message));
    for (auto& message : held)
      if (message->at.epoch != until.epoch || message->at.offset > until.offset) take(std::move(message));
  }

  void let_go(std::string_view why) {
    if (!link_) return;
    link_->close();
    link_.reset();
    connected_ = false;
    std::vector<std::shared_ptr<Message>> held;
    for (auto& [channel, seen] : seen_) {
      seen.catching_up = false;
      for (auto& message : std::exchange(seen.held, {})) held.push_back(std::move(message));
    }
    for (auto& message : held) take(std::move(message));
    // Nobody knows what became of them.
    Error const lost{Code::connection_lost, fmt::format("the broker of the hub did not answer: {}", why)};
    end(requests_.take_all(), lost);
    say(false, std::string{why});
  }
  void say(bool is_there, std::string why) { all_.report(index_, is_there, std::move(why)); }

  PluginBrokers& all_;
  std::size_t const index_;
  hub::BrokerSink& sink_;
  Clock const& clock_;
  std::size_t const history_bytes_;
  std::shared_ptr<PluginBroker*> handle_ = std::make_shared<PluginBroker*>(this);
  std::shared_ptr<BrokerLink> link_;
  bool connected_ = false;
  std::set<std::string> interests_;
  std::map<std::string, std::map<std::string, std::string>> present_;
  std::unordered_map<std::string, Seen> seen_;
  BrokerRequests requests_;
};

PluginBrokers::PluginBrokers(std::string plugin, Post post, LogSink& log)
    : plugin_(std::move(plugin)), post_(std::move(post)), log_(log) {}
PluginBrokers::~PluginBrokers() = default;

hub::BrokerFactory PluginBrokers::factory() {
  return [this](hub::BrokerSink& sink, Clock const& clock, std::size_t history_bytes) -> std::unique_ptr<hub::Broker> {
    std::lock_guard lock{mutex_};
    auto out = std::make_unique<PluginBroker>(*this, places_.size(), sink, clock, history_bytes);
    Place place;
    place.broker = out->handle();
    places_.push_back(std::move(place));
    return out;
  };
}

void PluginBrokers::began(std::shared_ptr<plugin_host::Instance> const& instance) {
  std::lock_guard lock{mutex_};
  for (std::size_t i = 0; i < places_.size(); ++i)
    post_(i, [handle = places_[i].broker, instance] {
      if (auto const broker = handle.lock()) (*broker)->attach(instance);
    });
}

void PluginBrokers::ending(plugin_host::Instance const& instance) {
  std::lock_guard lock{mutex_};
  for (std::size_t i = 0; i < places_.size(); ++i)
    post_(i, [handle = places_[i].broker, gone = &instance] {
      if (auto const broker = handle.lock()) (*broker)->detach(gone);
    });
}

void PluginBrokers::report(std::size_t index, bool there, std::string why) {
  {
    std::lock_guard lock{mutex_};
    auto& place = places_[index];
    if (place.there == there && place.why == why) return;
    place.there = there;
    place.why = why;
    was_there_ = was_there_ || std::all_of(places_.begin(), places_.end(), [](auto const& one) { return one.there; });
  }
  if (index != 0) return;  // they are of one plugin: one line tells it
  log_.write(there ? LogLevel::info : LogLevel::warning, "hub", there ? "the broker is there" : "the broker is away",
             {{"plugin", plugin_}, {"reason", why}});
}

PartHealth PluginBrokers::health() const {
  PartHealth out{.name = "BROKER"};
  std::lock_guard lock{mutex_};
  for (auto const& place : places_) {
    if (place.there) continue;
    out.status = "degraded";
    out.message = fmt::format("the broker plugin {} is away ({}): messages stay in this process", plugin_, place.why);
    out.ready = was_there_;
    return out;
  }
  out.message = fmt::format("the plugin {}", plugin_);
  return out;
}

}  // namespace patchbay
