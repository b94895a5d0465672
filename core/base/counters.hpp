// Counters for hot paths: each thread adds to plain integers of its own, a scrape adds the threads up.
//
//   Counters counters;                                             // one per gateway
//   Counter sent = counters.counter("patchbay_x_total", "What it counts", {{"direction", "out"}});   // once, at start
//   sent.add();                                                    // some 2 ns, any thread, no lock, no shared line
//
// Handles are small values that must not outlive their Counters. Making a handle takes a lock: do it at start-up, or
// rarely. Asking again for the same family and labels gives the same handle. Label values come from closed sets; a
// family takes at most `max_series` series, further ones fold into one whose label values are all "other" (and are
// counted).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace patchbay {

class Counters;
using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  Counter() = default;
  void add(std::uint64_t by = 1) const;

 private:
  friend class Counters;
  friend class Histogram;
  Counter(Counters* owner, std::uint32_t cell) : owner_(owner), cell_(cell) {}
  Counters* owner_ = nullptr;
  std::uint32_t cell_ = 0;
};

// Up and down from any thread; a sum like the counters.
class UpDown {
 public:
  UpDown() = default;
  explicit UpDown(Counter cell) : cell_(cell) {}
  void add(std::int64_t by) const {
    cell_.add(static_cast<std::uint64_t>(by));
  }  // two's complement: the sum comes out right

 private:
  Counter cell_;
};

class Histogram {
 public:
  // Seconds; the last bucket is +Inf.
  static constexpr std::array<double, 14> bounds{1e-6, 5e-6,   2.5e-5, 1e-4, 2.5e-4, 1e-3, 2.5e-3,
                                                 1e-2, 2.5e-2, 0.1,    0.25, 1,      2.5,  10};
  static constexpr std::uint32_t cells = bounds.size() + 2;  // buckets, +Inf, sum in nanoseconds

  Histogram() = default;
  void observe_ns(std::int64_t nanoseconds) const { observe_ns(nanoseconds, 1); }
  // One measurement that stands for `weight` of them (sampling).
  void observe_ns(std::int64_t nanoseconds, std::uint64_t weight) const;

 private:
  friend class Counters;
  Histogram(Counters* owner, std::uint32_t cell) : owner_(owner), cell_(cell) {}
  Counters* owner_ = nullptr;
  std::uint32_t cell_ = 0;
};

// What one family looks like at scrape time.
struct FamilySample {
  struct Series {
    Labels labels;
    double value = 0;                    // counter, gauge
    std::vector<std::uint64_t> buckets;  // histogram: cumulative, one per bound and +Inf
    double sum = 0;                      // histogram, seconds
  };
  std::string name, help;
  enum class Kind { counter, gauge, histogram } kind = Kind::counter;
  std::vector<Series> series;
};

class Counters {
 public:
  static constexpr std::uint32_t capacity = 1U << 16;  // cells; untouched pages cost nothing
  static constexpr std::size_t max_series = 1000;

  Counters();
  ~Counters();
  Counters(Counters const&) = delete;
  Counters& operator=(Counters const&) = delete;

  Counter counter(std::string_view family, std::string_view help, Labels labels = {});
  UpDown gauge(std::string_view family, std::string_view help, Labels labels = {});
  Histogram histogram(std::string_view family, std::string_view help, Labels labels = {});
  // A counter of no family, for a collector that shows it in its own way.
  Counter cell();
  // A gauge that is asked for at scrape time; the function is called from the scraping thread and must be safe there.
  // It lives until forget(id).
  std::uint64_t gauge_function(std::string_view family, std::string_view help, Labels labels,
                               std::function<double()> ask);
  // A whole family that is asked for at scrape time: series come and go.
  std::uint64_t collect(std::function<void(std::vector<FamilySample>&)> ask);
  void forget(std::uint64_t id);

  std::vector<FamilySample> sample() const;
  std::uint64_t value(Counter const& counter) const { return sum(counter.cell_); }
  std::uint64_t dropped_series() const { return dropped_series_.load(); }
  std::size_t blocks_for_test() const { return blocks_.size(); }

 private:
  friend class Counter;
  friend class Histogram;
  using Cell = std::atomic<std::uint64_t>;
  struct Block {
    Cell* cells = nullptr;
    std::atomic<bool> in_use{false};
    Block();
    ~Block();
  };
  struct Local;
  struct Series {
    Labels labels;
    std::uint32_t cell;
  };
  struct Family {
    std::string help;
    FamilySample::Kind kind;
    std::vector<Series> series;
    std::map<Labels, std::size_t> index;
  };
  struct Asked {
    std::uint64_t id;
    std::string family, help;
    Labels labels;
    std::function<double()> ask;
    std::function<void(std::vector<FamilySample>&)> collect;
  };

  Cell* cells();  // this thread's
  Cell* attach();
  std::uint64_t sum(std::uint32_t cell) const;
  std::uint64_t sum_locked(std::uint32_t cell) const;
  std::uint32_t resolve(std::string_view family, std::string_view help, Labels labels, FamilySample::Kind kind,
                        std::uint32_t width);

  std::uint64_t const id_;  // addresses are used again, ids are not
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Block>> blocks_;
  std::map<std::string, Family, std::less<>> families_;
  std::vector<Asked> asked_;
  std::uint32_t next_cell_ = 1;
  std::uint64_t next_id_ = 1;
  std::atomic<std::uint64_t> dropped_series_{0};

  static constinit thread_local std::uint64_t local_id_;
  static constinit thread_local Cell* local_cells_;
};

inline Counters::Cell* Counters::cells() { return local_id_ == id_ ? local_cells_ : attach(); }

inline void Counter::add(std::uint64_t by) const {
  if (owner_ == nullptr) return;
  auto& cell = owner_->cells()[cell_];
  // One writer a cell: a plain addition, atomic only towards the scraping reader.
  cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace patchbay
