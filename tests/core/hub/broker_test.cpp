#include "core/hub/memory_broker.hpp"
#include "tests/core/hub/broker_conformance.hpp"

namespace patchbay::hub::test {
namespace {

INSTANTIATE_TEST_SUITE_P(Memory, BrokerConformance, testing::Values(BrokerUnderTest{"memory", memory_broker_factory()}),
                         [](auto const& one) { return one.param.name; });

TEST(MemoryBroker, HandsThePublicationOverBeforeItAnswers) {
  struct Sink final : BrokerSink {
    void published(std::shared_ptr<Message>) override { ++count; }
    int count = 0;
  } sink;
  ManualClock clock;
  MemoryBroker broker{sink, clock, 1 << 20};
  broker.subscribe("a", [](Result<void>) {});
  auto message = std::make_shared<Message>();
  message->channel = "a";
  int before_answer = -1;
  broker.publish(std::move(message), {}, [&](Result<Position>) { before_answer = sink.count; });
  EXPECT_EQ(before_answer, 1);
}

}  // namespace
}  // namespace patchbay::hub::test
