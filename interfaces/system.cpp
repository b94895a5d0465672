#include "interfaces/system.hpp"

namespace patchbay {

void SystemInterface::declare(OperationTable& table) {
  table.add(system::live, [](Call&, Nothing) { return system::LiveResult{}; });
  table.add(system::health, [this](Call& call, system::HealthArgs args) { return system_.health(call, args); });
  table.add(system::info, [this](Call&, Nothing) { return system_.info(); });
  table.add(system::operations, [this](Call&, system::OperationsArgs args) { return system_.operations(args); });
  table.add(system::describe, [this](Call&, system::DescribeArgs args) { return system_.describe(args); });
  table.add(system::trace_recent, [this](Call&, system::TraceRecentArgs args) { return system_.trace_recent(args); });
  table.add(system::logs, [this](Call& call, system::LogsArgs args) { return system_.logs(call, std::move(args)); });
  table.add(system::shutdown, [this](Call&, Nothing) { return system_.shutdown(); });
  table.add(system::stats, [this](Call&, Nothing) { return system_.stats(); });
}

}  // namespace patchbay
