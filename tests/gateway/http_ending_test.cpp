// The ordered end: every accepted call is answered, and nothing keeps the server from stopping.
#include "tests/gateway/http_fixture.hpp"

namespace patchbay::http_test {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

class HttpEnding : public HttpFixture {};

TEST_F(HttpEnding, RunningCallsFinishAndSayClose) {
  start();
  Connection connection{port()};
  connection.send(post_request("/demo_wait", R"({"text":"done"})"));
  wait_for_calls(1);
  std::jthread drain{[&] { server->drain(5s); }};
  auto const until = std::chrono::steady_clock::now() + 5s;
  auto refused = false;  // nothing new is taken
  while (!refused && std::chrono::steady_clock::now() < until) {
    try {
      Connection late{port()};
    } catch (std::runtime_error const&) {
      refused = true;
    }
  }
  EXPECT_TRUE(refused);
  release();
  auto const answer = connection.read_answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("connection"), "close");
  EXPECT_THAT(answer.body, HasSubstr("done"));
  EXPECT_TRUE(connection.is_closed_by_peer());
}

TEST_F(HttpEnding, CallsThatTakeTooLongEndUnavailable) {
  start();
  Connection connection{port()};
  connection.send(post_request("/demo_wait", R"({"text":"x"})"));
  wait_for_calls(1);
  server->drain(50ms);
  auto const answer = connection.read_answer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("unavailable"));
  EXPECT_TRUE(answer.has("retry-after"));
  EXPECT_EQ(server->connections(), 0U);
}

TEST_F(HttpEnding, StreamsEndAtOnce) {
  start();
  Connection connection{port()};
  connection.send(post_request("/demo_ticks", R"({"text":"hold","times":1})", "Accept: text/event-stream\r\n"));
  connection.read_until("\n\n");
  auto const begun = std::chrono::steady_clock::now();
  server->drain(5s);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 3s);
  EXPECT_THAT(connection.read_to_end(), HasSubstr(R"("code":"unavailable")"));
}

TEST_F(HttpEnding, ARequestOnAnOpenConnectionIsStillAnswered) {
  start();
  Connection connection{port()};
  connection.send(request("GET", "/health"));
  EXPECT_EQ(connection.read_answer().status, 200);
  std::jthread drain{[&] { server->drain(5s); }};
  auto closing = false;
  // It may be served some more times before the drain reaches its shard.
  for (int i = 0; !closing && i < 100000; ++i) {
    connection.send(request("GET", "/health"));
    auto const answer = connection.read_answer();
    ASSERT_EQ(answer.status, 200);
    closing = answer.field("connection") == "close";
  }
  EXPECT_TRUE(closing);
}

TEST_F(HttpEnding, IdleConnectionsDoNotHoldItUp) {
  start();
  Connection idle{port()};
  Connection half{port()};
  half.send("GET /hea");
  idle.send(request("GET", "/health"));
  EXPECT_EQ(idle.read_answer().status, 200);
  auto const begun = std::chrono::steady_clock::now();
  server->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 4s);
  EXPECT_EQ(server->connections(), 0U);
  EXPECT_EQ(idle.read_to_end(), "");
}

TEST_F(HttpEnding, EveryAcceptedCallIsAnsweredUnderLoad) {
  start({}, 2);
  std::atomic<bool> go_on{true};
  std::atomic<int> answered{0}, unanswered{0};
  std::vector<std::jthread> clients;
  for (int i = 0; i < 8; ++i)
    clients.emplace_back([&] {
      while (go_on) {
        try {
          Connection connection{port()};
          for (;;) {
            connection.send(post_request("/demo_say", R"({"text":"x"})"));
            auto const answer = connection.read_answer();
            if (answer.status != 200) {
              ++unanswered;
              return;
            }
            ++answered;
            if (answer.field("connection") == "close") break;
          }
        } catch (std::runtime_error const&) {
          return;  // refused: never accepted
        }
      }
    });
  while (answered < 500) std::this_thread::yield();
  auto const begun = std::chrono::steady_clock::now();
  server->drain(7s);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
  go_on = false;
  clients.clear();
  EXPECT_EQ(unanswered, 0);
}

}  // namespace
}  // namespace patchbay::http_test
