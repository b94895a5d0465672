#include "core/base/operation_table.hpp"

#include <spdlog/fmt/fmt.h>

#include <stdexcept>

#include "core/base/ascii.hpp"
#include "core/base/nearest.hpp"

namespace patchbay {
namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_word_char(char c) { return is_lower(c) || (c >= '0' && c <= '9') || c == '_'; }

// [a-z][a-z0-9]*(_[a-z0-9]+)+ : can meet no fixed one-word route.
bool is_tool_name(std::string_view tool) {
  if (tool.empty() || !is_lower(tool.front()) || tool.back() == '_' || tool.find('_') == std::string_view::npos)
    return false;
  if (tool.find("__") != std::string_view::npos) return false;
  return std::all_of(tool.begin(), tool.end(), is_word_char);
}

}  // namespace

std::string OperationTable::tool_name(std::string_view prefix, std::string_view verb) {
  auto out = ascii::lowered(prefix);
  out += '_';
  out += verb;
  return out;
}

void OperationTable::add(Row row) {
  auto const& info = row.info;
  if (!is_tool_name(info.tool))
    throw std::invalid_argument(
        fmt::format("operation {}: \"{}\" is no tool name ([a-z][a-z0-9]*(_[a-z0-9]+)+)", info.name, info.tool));
  if (by_tool_.contains(info.tool))
    throw std::invalid_argument(fmt::format("operation {}: the tool {} exists already", info.name, info.tool));
  for (auto const& alias : info.aliases)
    if (!is_tool_name(alias) || by_tool_.contains(alias) || alias == info.tool)
      throw std::invalid_argument(
          fmt::format("operation {}: the alias \"{}\" is no tool name, or taken already", info.name, alias));
  if (by_name_.contains(info.name)) throw std::invalid_argument(fmt::format("operation {} exists already", info.name));
  if (info.summary.empty()) throw std::invalid_argument(fmt::format("operation {} has no summary", info.name));
  if (!row.handler) throw std::invalid_argument(fmt::format("operation {} has no handler", info.name));
  row.type = row.handler->type();
  insert(std::make_shared<Row>(std::move(row)));
}

void OperationTable::insert(std::shared_ptr<Row> row) {
  by_tool_.emplace(row->info.tool, row.get());
  for (auto const& alias : row->info.aliases) by_tool_.emplace(alias, row.get());
  by_name_.emplace(row->info.name, row.get());
  rows_.push_back(row);
  if (row->declaration == nullptr) return;
  if (++declared_ * 2 > slots_.size()) {
    slots_.assign(std::max<std::size_t>(64, slots_.size() * 2), Slot{});
    for (auto const& one : rows_)
      if (one->declaration != nullptr) index_declaration(one.get());
  } else {
    index_declaration(row.get());
  }
}

void OperationTable::index_declaration(Row const* row) {
  auto const mask = slots_.size() - 1;
  auto at = hash(row->declaration) & mask;
  while (slots_[at].declaration != nullptr) at = (at + 1) & mask;
  slots_[at] = {row->declaration, row};
}

OperationTable OperationTable::without(OperationTable const& other, std::string_view owner) {
  OperationTable out;
  for (auto const& row : other.rows_)
    if (row->info.owner != owner) out.insert(row);
  return out;
}

Row const* OperationTable::find_name(std::string_view name) const {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::vector<std::string_view> OperationTable::nearest_tools(std::string_view tool, std::size_t count) const {
  std::vector<std::string_view> names;
  for (auto const& row : rows_) {
    names.push_back(row->info.tool);
    names.insert(names.end(), row->info.aliases.begin(), row->info.aliases.end());
  }
  return nearest(tool, names, count);
}

void OperationTable::bind(OperationCounters& counters) {
  for (auto& row : rows_) {
    if (row->bound) continue;  // shared with a table that is in use: left alone
    row->counters = counters.get(row->info.interface, row->info.verb);
    row->bound = true;
  }
}

OperationCounters::OperationCounters(Counters& counters) : counters_(counters) {
  collector_ = counters_.collect([this](std::vector<FamilySample>& out) { collect(out); });
}
OperationCounters::~OperationCounters() { counters_.forget(collector_); }

RowCounters OperationCounters::get(std::string const& interface, std::string const& verb) {
  std::lock_guard lock{mutex_};
  auto& known = known_[{interface, verb}];
  if (known.verb.empty()) {
    known.interface = interface;
    known.verb = verb;
    for (auto& counter : known.counters.by_code) counter = counters_.cell();
    known.counters.duration =
        counters_.histogram("patchbay_operation_duration_seconds", "Time from start to end of a call",
                            {{"interface", interface}, {"operation", verb}});
    known.counters.in_flight =
        counters_.gauge("patchbay_operations_in_flight", "Calls that wait for their end", {{"interface", interface}});
  }
  return known.counters;
}

// One series for each code that has occurred: all of them would be thousands of zeros.
void OperationCounters::collect(std::vector<FamilySample>& out) const {
  FamilySample family{"patchbay_operations_total", "Calls by operation and outcome", FamilySample::Kind::counter, {}};
  std::lock_guard lock{mutex_};
  for (auto const& [key, known] : known_)
    for (std::size_t code = 0; code < code_count; ++code) {
      auto const value = counters_.value(known.counters.by_code[code]);
      if (value == 0 && code != 0) continue;
      auto const name = code == 0 ? std::string_view{"ok"} : name_of(static_cast<Code>(code));
      family.series.push_back({{{"interface", known.interface}, {"operation", known.verb}, {"code", std::string{name}}},
                               static_cast<double>(value),
                               {},
                               0});
    }
  out.push_back(std::move(family));
}

namespace detail {

Row make_row(Declaration const& operation, std::string const& args_schema, std::string const& result_schema) {
  auto const name = operation.name;
  Row row;
  auto& info = row.info;
  auto const dot = name.find('.');
  if (dot == std::string_view::npos)
    throw std::invalid_argument(fmt::format("operation \"{}\": the name must read INTERFACE.verb", name));
  info.name = name;
  info.interface = name.substr(0, dot);
  info.verb = name.substr(dot + 1);
  info.tool = OperationTable::tool_name(info.interface, info.verb);
  info.summary = operation.summary;
  info.category = operation.category.empty() ? std::string_view{info.interface} : operation.category;
  info.scope = operation.scope;
  info.effect = operation.effect;
  info.audited = operation.audited.value_or(operation.effect != Effect::read);
  info.idempotent = operation.idempotent.value_or(operation.effect == Effect::read);
  info.streaming = operation.streaming;
  info.reaches_out = operation.reaches_out;
  info.timeout = operation.timeout;
  info.timeout_from_args = operation.timeout_from_args;
  info.errors = operation.errors;
  info.example = operation.example;
  for (auto const& route : operation.routes)
    if (!route.path.empty()) info.routes.push_back({std::string{route.method}, std::string{route.path}, route.bare});
  auto compile = [&](std::string const& text, std::string_view what) {
    auto schema = Schema::compile(text);
    if (!schema)
      throw std::invalid_argument(
          fmt::format("operation {}: {} {} at {}", name, what, schema.error().message, schema.error().pointer));
    return std::move(*schema);
  };
  info.args = compile(args_schema, "arguments");
  info.result = compile(result_schema, "result");
  return row;
}

}  // namespace detail
}  // namespace patchbay
