#include "interfaces/circuit_breaker.hpp"

namespace patchbay {

void CircuitBreakerInterface::declare(OperationTable& table) {
  namespace cb = circuit_breaker;
  auto& breakers = breakers_;
  table.add(cb::configure, [&breakers](Call&, cb::ConfigureArgs args) { return breakers.configure(std::move(args)); });
  table.add(cb::get, [&breakers](Call&, cb::GetArgs args) { return breakers.get(args); });
  table.add(cb::list, [&breakers](Call&, cb::ListArgs args) { return breakers.list(args); });
  table.add(cb::call, [&breakers](Call& call, cb::CallArgs args) { return breakers.run(call, std::move(args)); });
  table.add(cb::acquire, [&breakers](Call& call, cb::AcquireArgs args) {
    return breakers.acquire(call.principal_ptr(), args.name);
  });
  table.add(cb::record,
            [&breakers](Call& call, cb::RecordArgs args) { return breakers.record(call.principal(), args); });
  table.add(cb::force, [&breakers](Call&, cb::ForceArgs args) { return breakers.force(args); });
  table.add(cb::reset, [&breakers](Call&, cb::ResetArgs args) { return breakers.reset(args); });
  table.add(cb::reset_all, [&breakers](Call&, Nothing) { return breakers.reset_all(); });
  table.add(cb::stats, [&breakers](Call&, Nothing) { return breakers.stats(); });
}

}  // namespace patchbay
