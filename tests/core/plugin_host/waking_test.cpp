// Shards and a plugin's thread wake each other only when the other is not at work already. A wake-up that got lost
// would leave calls unanswered for ever: each of these is.
#include <boost/asio/co_spawn.hpp>

#include "tests/core/plugin_host/support.hpp"

namespace patchbay::plugin_host {
namespace {

struct Lane {
  Caller& caller;
  Row const& row;
  int number;
  int calls;
  std::atomic<int>& wrong;
};

Task<void> run(Lane lane) {
  for (int i = 0; i < lane.calls; ++i) {
    Call call{host_principal()};
    auto const args = fmt::format(R"({{"text":"{}-{}"}})", lane.number, i);
    auto reply = lane.caller.start_json(lane.row, call, std::string_view{args});
    Result<Answer> result{Error{}};
    if (reply.ready()) {
      result = reply.take();
    } else {
      auto task = reply.task();
      result = co_await std::move(task);
    }
    if (!result || result->data != args) ++lane.wrong;
  }
}

class PluginWaking : public PluginHostTest, public testing::WithParamInterface<int> {};
TEST_P(PluginWaking, EachCallIsAnsweredWithItsOwnAnswer) {
  drop_echo();
  start(2);
  auto const* row = caller->table().find("echo_say_later");
  ASSERT_NE(row, nullptr);
  auto const lanes = GetParam();
  std::atomic<int> wrong{0};
  std::vector<std::future<void>> ends;
  for (int i = 0; i < lanes; ++i) {
    auto end = std::make_shared<std::promise<void>>();
    ends.push_back(end->get_future());
    Lane lane{*caller, *row, i, 6000 / lanes, wrong};
    asio::co_spawn(runtime->shard(static_cast<std::size_t>(i) % 2).executor(), run(lane),
                   [end](std::exception_ptr error) {
                     if (error)
                       end->set_exception(error);
                     else
                       end->set_value();
                   });
  }
  for (auto& end : ends) {
    ASSERT_EQ(end.wait_for(std::chrono::seconds{60}), std::future_status::ready);
    end.get();
  }
  EXPECT_EQ(wrong, 0);
}
INSTANTIATE_TEST_SUITE_P(Lanes, PluginWaking, testing::Values(1, 2, 3, 64, 500),
                         [](auto const& lanes) { return "Of" + std::to_string(lanes.param); });

}  // namespace
}  // namespace patchbay::plugin_host
