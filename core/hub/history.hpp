// Histories: the messages that channels keep, by size and age each and by bytes in all.
//
//   Position at = histories.append("missions", message, {.size = 100, .ttl = 60s}, now);   // also into message->at
//   HistoryPage page = histories.since("missions", position, 1000, rule, now);
//
// An epoch is a random word, new whenever the offsets of a channel begin anew. Over the bound in bytes the oldest
// message of all channels goes first. One thread only.
#pragma once

#include <deque>
#include <random>

#include "core/hub/broker.hpp"
#include "core/hub/directory.hpp"

namespace patchbay::hub {

class Histories {
 public:
  explicit Histories(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  Position append(std::string const& channel, std::shared_ptr<Message> const& message, HistoryRule keep,
                  SteadyTime now);
  HistoryPage page(std::string const& channel, std::optional<Position> const& since, std::size_t limit,
                   HistoryRule keep, SteadyTime now);
  // The newest message of each channel below the prefix (`a.b.*`) that by its rule keeps the newest. Looks at every
  // channel's name.
  std::vector<std::shared_ptr<Message>> newest(std::string_view prefix, Broker::KeepOf const& keep) const;
  // Drops what is too old, and channels that have kept nothing for their time.
  void sweep(SteadyTime now);
  void set_most_bytes(std::size_t most) { most_bytes_ = most; }
  std::size_t bytes() const { return bytes_; }
  std::size_t channels() const { return logs_.size(); }

 private:
  struct Kept {
    std::shared_ptr<Message> message;
    SteadyTime at;
    std::uint64_t turn;
  };
  struct Log {
    std::string epoch;
    std::uint64_t newest = 0;
    std::deque<Kept> kept{};
    HistoryRule keep{};
    SteadyTime used{};
  };
  Log& log(std::string const& channel, SteadyTime now);
  void trim(Log& log, HistoryRule keep, SteadyTime now);
  void drop_front(Log& log);
  void keep_bound();
  static std::size_t cost(Message const& message);

  ByName<Log> logs_;
  std::deque<std::pair<std::uint64_t, std::string const*>> order_;  // turn and channel; stale once that message went
  std::size_t most_bytes_, bytes_ = 0, kept_ = 0;
  std::uint64_t turn_ = 0;
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace patchbay::hub
