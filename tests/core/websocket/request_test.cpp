#include "tests/core/websocket/client_fixture.hpp"

namespace patchbay::websocket::test {
namespace {

using namespace std::chrono_literals;

// Answers each request with its own text in `result`.
void answer_with_request(Peer& peer) {
  for (;;) {
    auto const frame = peer.read();
    auto const scan = scan_frame(frame, "id");
    peer.write(R"({"id":)" + std::to_string(scan.id.value_or(0)) + R"(,"result":)" + frame + "}");
  }
}

class WebSocketRequest : public ClientTest {};

TEST_F(WebSocketRequest, IsAnsweredById) {
  Server server{answer_with_request};
  auto const id = connected({.url = server.url()});
  auto const answer = run(request, {id, {R"({"type":"get_states"})"}});
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->message.text, R"({"id":1,"result":{"id":1,"type":"get_states"}})");
  EXPECT_EQ(run(request, {id, {R"({})"}})->message.text, R"({"id":2,"result":{"id":2}})");
  EXPECT_EQ(run(request, {id, {R"({"id":9})"}}).error().pointer, "/message/id");
  EXPECT_EQ(run(request, {id, {R"([1])"}}).error().code, Code::invalid_argument);
  EXPECT_EQ(client.stats().requests, 2);
}

TEST_F(WebSocketRequest, FromAnotherShardAndBeyond) {
  Server server{answer_with_request};
  auto const id = connected({.url = server.url()}, host_principal(), 1);
  EXPECT_TRUE(id.starts_with("w1-")) << id;
  for (std::size_t shard : {0U, 1U, 0U})
    EXPECT_TRUE(run(request, {id, {R"({"a":1})"}}, host_principal(), shard).has_value());
}

TEST_F(WebSocketRequest, ManyInFlightAnsweredInAnyOrderAndInArrays) {
  Server server{[](Peer& peer) {
    std::vector<std::string> answers;
    for (int i = 0; i < 100; ++i)
      answers.push_back(R"({"id":)" + std::to_string(*scan_frame(peer.read(), "id").id) + R"(,"n":true})");
    for (int i = 99; i >= 50; --i) peer.write(answers[static_cast<std::size_t>(i)]);
    std::string together = "[";
    for (std::size_t i = 0; i < 50; ++i) together += (i ? "," : "") + answers[i];
    peer.write(together + R"(,{"type":"news"}])");
    answer_with_request(peer);
  }};
  auto const id = connected({.url = server.url()});
  std::vector<std::future<Result<RequestResult>>> all;
  for (std::size_t i = 0; i < 100; ++i)
    all.push_back(start(request, {id, {R"({"type":"x"})"}}, host_principal(), i % 2));
  std::set<std::string> answers;
  for (auto& one : all) {
    auto const answer = one.get();
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    answers.insert(answer->message.text);
  }
  EXPECT_EQ(answers.size(), 100);
  EXPECT_EQ(run(receive, {id})->message->text, R"({"type":"news"})");  // answers never reach receive
  EXPECT_EQ(run(receive, {id, 0}).error().code, Code::deadline_exceeded);
}

TEST_F(WebSocketRequest, EndsByItsTimeAndTheLateAnswerIsDropped) {
  std::promise<void> late;
  auto wait = late.get_future().share();
  Server server{[wait](Peer& peer) {
    peer.read();
    wait.wait();
    peer.write(R"({"id":1,"late":true})");
    peer.write(R"({"id":7,"never":"asked for"})");
    answer_with_request(peer);
  }};
  auto const id = connected({.url = server.url()});
  auto const answer = run(request, {id, {R"({"a":1})"}, 30});
  EXPECT_EQ(answer.error().code, Code::deadline_exceeded);
  late.set_value();
  EXPECT_EQ(run(receive, {id})->message->text, R"({"id":7,"never":"asked for"})");
}

TEST_F(WebSocketRequest, CanBeCancelled) {
  Server server{[](Peer& peer) {
    for (;;) peer.read();
  }};
  auto const id = connected({.url = server.url()});
  for (std::size_t shard : {0U, 1U}) {
    auto cancel = [](std::shared_ptr<Call> call) { call->stop(Stopped::cancelled); };
    auto future = start(request, {id, {R"({"a":1})"}}, host_principal(), shard, nullptr, cancel);
    EXPECT_EQ(future.get().error().code, Code::cancelled);
  }
  EXPECT_EQ(run(status, StatusArgs{id})->connections[0].in_flight, 0);
}

TEST_F(WebSocketRequest, IsAnsweredWithAFaultWhenTheAnswerIsRefused) {
  Server server{[](Peer& peer) {
    peer.read();
    peer.write(R"({"id":1,"x":)" + std::string(100, '[') + std::string(100, ']') + "}");
    answer_with_request(peer);
  }};
  auto const id = connected({.url = server.url()});
  auto const answer = run(request, {id, {R"({"a":1})"}});
  ASSERT_TRUE(answer.has_error());
  EXPECT_EQ(answer.error().code, Code::upstream_failed);
  EXPECT_NE(answer.error().message.find("deeper than 64"), std::string::npos) << answer.error().message;
  EXPECT_TRUE(run(request, {id, {R"({"a":1})"}}).has_value());
}

TEST_F(WebSocketRequest, BigMessagesBothWays) {
  Server server{[](Peer& peer) {
    peer.ws.read_message_max(64 << 20);
    answer_with_request(peer);
  }};
  for (bool const compression : {false, true}) {
    auto const id = connected({.url = server.url(), .max_queue = 8 << 20, .compression = compression});
    for (std::size_t size : {100U, 125U, 126U, 65'500U, 65'536U, 70'001U, 3'000'000U}) {
      auto const body = R"({"x":")" + std::string(size, 'x') + "\"}";
      auto const answer = run(request, {id, {body}});
      ASSERT_TRUE(answer.has_value()) << size << ": " << answer.error().message;
      EXPECT_GT(answer->message.text.size(), size);
      EXPECT_NE(answer->message.text.find(body.substr(1)), std::string::npos);
    }
  }
}

TEST_F(WebSocketRequest, CompressedMessagesArriveWhole) {
  Server server{answer_with_request};
  auto const id = connected({.url = server.url(), .compression = true});
  for (int i = 0; i < 20; ++i) {
    std::string noise;
    for (int n = 0; n < 3000; ++n) noise += static_cast<char>('a' + cheap_random() % 26);
    auto const answer = run(request, {id, {R"({"x":")" + noise + "\"}"}});
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    EXPECT_NE(answer->message.text.find(noise), std::string::npos);
  }
}

TEST_F(WebSocketRequest, TooLargeAndBackpressure) {
  std::promise<void> done;
  auto wait = done.get_future().share();
  RawServer server{[wait](tcp::socket& socket) {  // shakes hands, then reads nothing
    Peer peer{socket};
    peer.ws.accept();
    wait.wait();
  }};
  auto const id =
      connected({.url = server.url(), .reconnect = false, .max_message = 4'000'000, .max_queue = 1'000'000});
  EXPECT_EQ(run(send, {.connection_id = id, .text = std::string(4'000'001, 'x')}).error().code, Code::too_large);
  // The kernel takes some megabytes before the queue stays full.
  std::uint64_t queued = 0;
  for (int i = 0; i < 1000 && queued < 100'000; ++i) {
    auto const sent = run(send, {.connection_id = id, .text = std::string(900'000, 'x')});
    if (sent) continue;
    ASSERT_EQ(sent.error().code, Code::backpressure);
    queued = run(status, StatusArgs{id})->connections[0].queued_bytes;
  }
  EXPECT_GE(queued, 100'000U);
  done.set_value();
}

}  // namespace
}  // namespace patchbay::websocket::test
