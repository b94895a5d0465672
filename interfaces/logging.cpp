#include "interfaces/logging.hpp"

namespace patchbay {

void LoggingInterface::declare(OperationTable& table) {
  table.add(logging::log, [this](Call& call, logging::LogArgs args) { return logging_.log(call, args); });
  table.add(logging::operation_start, [this](Call&, logging::OperationArgs args) { logging_.operation_start(args); });
  table.add(logging::operation_success,
            [this](Call&, logging::OperationArgs args) { logging_.operation_success(args); });
  table.add(logging::operation_failure,
            [this](Call&, logging::OperationArgs args) { logging_.operation_failure(args); });
  table.add(logging::set_level, [this](Call&, logging::SetLevelArgs args) { return logging_.set_level(args); });
  table.add(logging::get_levels, [this](Call&, Nothing) { return logging_.get_levels(); });
  table.add(logging::recent_errors,
            [this](Call&, logging::RecentErrorsArgs args) { return logging_.recent_errors(args); });
  table.add(logging::flush,
            [this](Call&, logging::FlushArgs args) { return flush(std::chrono::milliseconds{args.timeout_ms}); });
  table.add(logging::stats, [this](Call&, Nothing) { return logging_.stats(); });
}

Task<Result<Nothing>> LoggingInterface::flush(std::chrono::milliseconds timeout) {
  auto work = [this, timeout] { return logging_.flush(timeout); };
  Result<void> result = co_await runtime_.blocking(work);
  if (!result) co_return result.error();
  co_return Nothing{};
}

}  // namespace patchbay
