#include "core/hub/hub.hpp"

#include <spdlog/fmt/fmt.h>

#include <condition_variable>

#include "core/hub/at_home.hpp"
#include "core/hub/home.hpp"
#include "core/hub/memory_broker.hpp"
#include "core/hub/namespaces.hpp"
#include "core/hub/receipts.hpp"
#include "core/hub/watch.hpp"

namespace patchbay::hub {

Hub::Hub(Runtime& runtime, Caller& caller, Counters& counters, LogSink& log, Settings settings, BrokerFactory broker)
    : runtime_(runtime),
      caller_(caller),
      log_(log),
      counters_(counters),
      broker_(broker ? std::move(broker) : memory_broker_factory()),
      chats_(runtime, caller),
      all_counters_(counters),
      shard_count_(runtime.size()),
      settings_(std::make_shared<Settings const>(std::move(settings))) {
  for (std::size_t i = 0; i < shard_count_; ++i)
    shards_.push_back(std::make_unique<HubShard>(*this, runtime.shard(i), settings_));
  watch_ = std::make_unique<Watch>(*this, counters);
  auto const show = [&](std::string_view name, std::int64_t Settings::*member) {
    limit_gauges_.push_back(
        counters.gauge_function("patchbay_limit", "Limits in force", {{"name", std::string{name}}},
                                [this, member] { return static_cast<double>((*this->settings()).*member); }));
  };
  show("max_connections", &Settings::max_connections);
  show("user_connections", &Settings::user_connections);
  for (auto const& limit : limits) show(limit.name, limit.member);
}

Hub::~Hub() {
  for (auto id : limit_gauges_) all_counters_.forget(id);
}

void Hub::start() {
  started_ = true;
  for (auto& part : shards_) part->shard().post([&part = *part] { part.start(); });
  shards_.front()->shard().post([this] {
    watch_->start();
    post_event("system", "system_startup", health_text());
  });
}

std::string Hub::health_text() {
  auto const* row = caller_.table().find("system_health");
  if (row != nullptr) {
    Call call{gateway_principal()};
    auto reply = caller_.start_json(*row, call, "{}");
    if (reply.ready() && reply.result().has_value()) return std::move(reply.result()->data);
  }
  return fmt::format(R"({{"status":"{}"}})", health().status);
}

void Hub::drain(std::chrono::milliseconds within) {
  if (!started_ || draining_.exchange(true)) return;
  constexpr auto last_words = std::chrono::milliseconds{200};  // of calls that ended with the drain's time
  drained_by_ = std::chrono::steady_clock::now() + within + last_words;
  post_event("system", "system_shutdown", R"({"status":"unavailable"})");
  for (auto& part : shards_) part->shard().post([&part = *part, within] { part.drain(within); });
}

void Hub::stop() {
  if (!started_ || stopped_) return;
  stopped_ = true;
  draining_ = true;
  // The batches that drain() has begun may go their way.
  while (connections() > 0 && std::chrono::steady_clock::now() < drained_by_)
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  chats_.stop();
  struct Left {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t shards;
  };
  auto left = std::make_shared<Left>();
  left->shards = shards_.size();
  for (auto& part : shards_)
    part->shard().post([left, &part = *part, watch = watch_.get()] {
      part.close_all();
      part.stop();
      if (part.shard().index() == 0) watch->stop();
      std::lock_guard lock{left->mutex};
      --left->shards;
      left->changed.notify_one();
    });
  auto const until = std::chrono::steady_clock::now() + std::chrono::seconds{2};
  std::unique_lock lock{left->mutex};
  left->changed.wait_until(lock, until, [&] { return left->shards == 0; });
  while (connections() > 0 && std::chrono::steady_clock::now() < until)
    left->changed.wait_for(lock, std::chrono::milliseconds{5});
}

HubShard* Hub::here() {
  auto* const current = Shard::current();
  if (current == nullptr || current->index() >= shards_.size()) return nullptr;
  auto& part = *shards_[current->index()];
  return &part.shard() == current ? &part : nullptr;
}

Result<void> Hub::apply(Settings settings) {
  SettingsPtr fresh;
  {
    std::lock_guard lock{settings_mutex_};
    settings.entity_areas = entity_areas_;
    settings_ = fresh = std::make_shared<Settings const>(std::move(settings));
  }
  spread(fresh);
  return {};
}

void Hub::spread(SettingsPtr const& fresh) {
  for (auto& part : shards_) part->shard().post([fresh, &part = *part] { part.apply(fresh); });
}

SettingsPtr Hub::settings() const {
  std::lock_guard lock{settings_mutex_};
  return settings_;
}

SettingsPtr Hub::rules() {
  auto* const part = here();
  return part != nullptr ? part->settings() : settings();
}

PartHealth Hub::health() const {
  PartHealth out{.name = "HUB"};
  out.message = fmt::format("{} connections", connections());
  if (draining()) {
    out.status = "unavailable";
    out.message = "stopping";
  }
  return out;
}

// --- what the gateway itself says

void Hub::post_event(std::string channel, std::string event, std::string data, bool only_if_heard) {
  auto& home = home_of(channel);
  Publication publication{
      .channel = std::move(channel), .event = std::move(event), .data = std::move(data), .owner = "gateway"};
  auto work = [&home, only_if_heard, publication = std::move(publication)]() mutable {
    if (only_if_heard && home.home().listeners(publication.channel) == 0) return;
    home.home().publish(std::move(publication), [](Result<PublishResult>) {});
  };
  home.shard().post(std::move(work));
}

void Hub::post_to_chat(std::string chat, std::string data) {
  auto& home = home_of(chat);
  Direct direct{.to = std::move(chat), .data = std::move(data)};
  if (home.shard().is_current()) {
    home.home().send_to_chat(std::move(direct));
    return;
  }
  home.shard().post([&home, direct = std::move(direct)]() mutable { home.home().send_to_chat(std::move(direct)); });
}

}  // namespace patchbay::hub
