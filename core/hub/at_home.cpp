#include "core/hub/at_home.hpp"

namespace patchbay::hub::detail {
namespace {

Task<void> doing(HubShard& shard, void (*function)(HubShard&, void*), void* context) {
  function(shard, context);
  co_return;
}

}  // namespace

Task<void> visit(HubShard& shard, void (*function)(HubShard&, void*), void* context) {
  auto there = run_there(shard.shard(), doing(shard, function, context));
  co_await std::move(there);
}

}  // namespace patchbay::hub::detail
