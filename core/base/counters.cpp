#include "core/base/counters.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <stdexcept>

namespace patchbay {

constinit thread_local std::uint64_t Counters::local_id_ = 0;
constinit thread_local Counters::Cell* Counters::local_cells_ = nullptr;

namespace {
std::atomic<std::uint64_t> next_counters_id{1};
}

// calloc gives pages of zeros that cost memory only once they are written.
Counters::Block::Block() : cells(static_cast<Cell*>(std::calloc(capacity, sizeof(Cell)))) {
  if (cells == nullptr) throw std::bad_alloc{};
}
Counters::Block::~Block() { std::free(cells); }

// Which block of which Counters a thread writes to. A block left by an ended thread serves the next new one: its counts
// stay, and threads that come and go do not grow the process.
struct Counters::Local {
  struct Entry {
    std::uint64_t id;
    std::weak_ptr<Block> block;
  };
  std::vector<Entry> entries;
  ~Local() {
    for (auto const& entry : entries)
      if (auto block = entry.block.lock()) block->in_use.store(false, std::memory_order_release);
  }
};

Counters::Counters() : id_(next_counters_id++) {}
Counters::~Counters() = default;

Counters::Cell* Counters::attach() {
  thread_local Local local;
  for (auto const& entry : local.entries)
    if (entry.id == id_)
      if (auto block = entry.block.lock()) {
        local_id_ = id_;
        return local_cells_ = block->cells;
      }
  std::erase_if(local.entries, [](auto const& entry) { return entry.block.expired(); });
  std::shared_ptr<Block> block;
  {
    std::lock_guard lock{mutex_};
    for (auto const& one : blocks_)
      if (!one->in_use.load(std::memory_order_acquire)) block = one;
    if (block == nullptr) block = blocks_.emplace_back(std::make_shared<Block>());
    block->in_use.store(true, std::memory_order_relaxed);
  }
  local.entries.push_back({id_, block});
  local_id_ = id_;
  return local_cells_ = block->cells;
}

void Histogram::observe_ns(std::int64_t nanoseconds, std::uint64_t weight) const {
  if (owner_ == nullptr) return;
  auto* const mine = owner_->cells() + cell_;
  auto const seconds = static_cast<double>(nanoseconds) * 1e-9;
  std::size_t bucket = 0;
  while (bucket < bounds.size() && seconds > bounds[bucket]) ++bucket;
  auto add = [](auto& cell, std::uint64_t by) {
    cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  };
  add(mine[bucket], weight);
  add(mine[bounds.size() + 1], static_cast<std::uint64_t>(nanoseconds) * weight);
}

std::uint32_t Counters::resolve(std::string_view family, std::string_view help, Labels labels, FamilySample::Kind kind,
                                std::uint32_t width) {
  std::lock_guard lock{mutex_};
  auto found = families_.find(family);
  if (found == families_.end())
    found = families_.emplace(std::string{family}, Family{std::string{help}, kind, {}, {}}).first;
  auto& known = found->second;
  if (known.kind != kind) throw std::logic_error("metric family " + std::string{family} + " exists with another type");
  if (auto at = known.index.find(labels); at != known.index.end()) return known.series[at->second].cell;
  if (known.series.size() >= max_series) {
    ++dropped_series_;
    for (auto& label : labels) label.second = "other";
    if (auto at = known.index.find(labels); at != known.index.end()) return known.series[at->second].cell;
  }
  if (next_cell_ + width > capacity) throw std::length_error("too many metric series");
  auto const cell = next_cell_;
  next_cell_ += width;
  known.index.emplace(labels, known.series.size());
  known.series.push_back({std::move(labels), cell});
  return cell;
}

Counter Counters::counter(std::string_view family, std::string_view help, Labels labels) {
  return {this, resolve(family, help, std::move(labels), FamilySample::Kind::counter, 1)};
}
UpDown Counters::gauge(std::string_view family, std::string_view help, Labels labels) {
  return UpDown{Counter{this, resolve(family, help, std::move(labels), FamilySample::Kind::gauge, 1)}};
}
Histogram Counters::histogram(std::string_view family, std::string_view help, Labels labels) {
  return {this, resolve(family, help, std::move(labels), FamilySample::Kind::histogram, Histogram::cells)};
}

Counter Counters::cell() {
  std::lock_guard lock{mutex_};
  if (next_cell_ == capacity) throw std::length_error("too many metric series");
  return {this, next_cell_++};
}

std::uint64_t Counters::gauge_function(std::string_view family, std::string_view help, Labels labels,
                                       std::function<double()> ask) {
  std::lock_guard lock{mutex_};
  asked_.push_back({next_id_, std::string{family}, std::string{help}, std::move(labels), std::move(ask), {}});
  return next_id_++;
}
std::uint64_t Counters::collect(std::function<void(std::vector<FamilySample>&)> ask) {
  std::lock_guard lock{mutex_};
  asked_.push_back({next_id_, {}, {}, {}, {}, std::move(ask)});
  return next_id_++;
}
void Counters::forget(std::uint64_t id) {
  std::lock_guard lock{mutex_};
  std::erase_if(asked_, [id](auto const& one) { return one.id == id; });
}

std::uint64_t Counters::sum_locked(std::uint32_t cell) const {
  std::uint64_t total = 0;
  for (auto const& block : blocks_) total += block->cells[cell].load(std::memory_order_relaxed);
  return total;
}
std::uint64_t Counters::sum(std::uint32_t cell) const {
  std::lock_guard lock{mutex_};
  return sum_locked(cell);
}

std::vector<FamilySample> Counters::sample() const {
  std::vector<FamilySample> out;
  std::vector<Asked> asked;
  {
    std::lock_guard lock{mutex_};
    asked = asked_;
    for (auto const& [name, family] : families_) {
      FamilySample one{name, family.help, family.kind, {}};
      for (auto const& series : family.series) {
        FamilySample::Series sample{series.labels, 0, {}, 0};
        if (family.kind == FamilySample::Kind::histogram) {
          std::uint64_t cumulative = 0;
          for (std::uint32_t i = 0; i <= Histogram::bounds.size(); ++i)
            sample.buckets.push_back(cumulative += sum_locked(series.cell + i));
          sample.sum = static_cast<double>(sum_locked(series.cell + Histogram::bounds.size() + 1)) * 1e-9;
        } else if (family.kind == FamilySample::Kind::gauge) {
          sample.value = static_cast<double>(static_cast<std::int64_t>(sum_locked(series.cell)));
        } else {
          sample.value = static_cast<double>(sum_locked(series.cell));
        }
        one.series.push_back(std::move(sample));
      }
      out.push_back(std::move(one));
    }
  }
  // Asked outside of the lock: the functions may count, or make handles, themselves.
  for (auto const& one : asked) {
    if (one.collect) {
      one.collect(out);
      continue;
    }
    auto family = std::find_if(out.begin(), out.end(), [&](auto const& sample) { return sample.name == one.family; });
    if (family == out.end())
      family = out.insert(out.end(), FamilySample{one.family, one.help, FamilySample::Kind::gauge, {}});
    family->series.push_back({one.labels, one.ask(), {}, 0});
  }
  return out;
}

}  // namespace patchbay
