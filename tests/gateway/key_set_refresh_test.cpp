// KeySetRefresh against an HTTP_CLIENT that answers what the test says.
#include "gateway/key_set_refresh.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <fstream>
#include <future>

#include "core/http_client/operations.hpp"

namespace patchbay {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::string_view point = R"("crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                                   R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")";
std::string set_of(std::initializer_list<std::string_view> ids) {
  std::string out;
  for (auto const id : ids)
    out += (out.empty() ? "" : ",") + std::string{R"({"kty":"EC","kid":")"} + std::string{id} + "\"," +
           std::string{point} + "}";
  return R"({"keys":[)" + out + "]}";
}

class KeySets : public testing::Test {
 protected:
  struct Request {
    std::string url, accept, principal;
    SteadyTime at;
  };

  ~KeySets() override { runtime.stop(); }

  void start(KeySetRefresh::Times times) {
    OperationTable table;
    table.add(http_client::get, [this](Call& call, http_client::CallArgs args) { return answer(call, args); });
    caller.publish(std::move(table));
    keys = std::make_unique<KeySetRefresh>(runtime, caller, log, security, times);
    security.on_unknown_key([this] { keys->wanted(); });
    runtime.start();
  }
  Result<http_client::RequestResult> answer(Call& call, http_client::CallArgs const& args) {
    std::lock_guard lock{mutex};
    requests.push_back({args.url, args.headers.at("accept"), call.principal().name, clock.now()});
    changed.notify_all();
    if (answers.empty()) return Error{Code::connect_failed, "nobody listens"};
    http_client::RequestResult out;
    out.status = answers.front().first;
    out.body = answers.front().second;
    if (answers.size() > 1) answers.pop_front();  // the last one stays
    return out;
  }
  bool has_asked(std::size_t count) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, 20s, [&] { return requests.size() >= count; });
  }
  // What was asked for is handed down in the same turn of the home shard's loop: a turn later it is there.
  std::size_t keys_known() {
    std::promise<void> turned;
    runtime.home().post([&] { runtime.home().post([&] { turned.set_value(); }); });
    turned.get_future().get();
    Call call{host_principal()};
    return security.stats(call, Nothing{}).jwt_keys;
  }
  void use(std::string url) {
    auto settings = security.settings();
    settings.jwt.algorithms = {"ES256"};
    settings.jwt.key_set_url = url;
    ASSERT_TRUE(security.apply(settings).has_value());
    keys->follow({.url = std::move(url)});
  }

  SystemClock clock;
  NullLog log;
  Runtime runtime{{.shards = 1}, clock, log};
  Counters counters;
  Caller caller{counters};
  security::Security security{runtime, caller, counters, log, {}};
  std::unique_ptr<KeySetRefresh> keys;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::pair<std::uint16_t, std::string>> answers;
  std::vector<Request> requests;
};

TEST_F(KeySets, AreFetchedAtOnceByTheGatewayItself) {
  answers = {{200, set_of({"a", "b"})}};
  start({});
  use("https://issuer.example/keys");
  ASSERT_TRUE(has_asked(1));
  EXPECT_EQ(keys_known(), 2U);
  EXPECT_EQ(requests[0].url, "https://issuer.example/keys");
  EXPECT_EQ(requests[0].principal, "gateway");
  EXPECT_THAT(requests[0].accept, HasSubstr("application/json"));
}

TEST_F(KeySets, AreFetchedAgainAtIntervals) {
  answers = {{200, set_of({"a"})}, {200, set_of({"a", "b"})}};
  start({.interval = 50ms});
  use("http://issuer.example/keys");
  ASSERT_TRUE(has_asked(3));
  EXPECT_EQ(keys_known(), 2U);
  EXPECT_GE(requests[2].at - requests[1].at, 50ms);
}

TEST_F(KeySets, StayWhenAFetchFailsAndAreAskedForAgainSoon) {
  answers = {{200, set_of({"a"})}, {503, ""}, {200, "<html>"}, {200, set_of({"a", "b", "c"})}};
  start({.interval = 100ms, .retry = 10ms});
  use("http://issuer.example/keys");
  ASSERT_TRUE(has_asked(3));
  EXPECT_EQ(keys_known(), 1U);
  ASSERT_TRUE(has_asked(4));
  EXPECT_EQ(keys_known(), 3U);
  EXPECT_GE(requests[2].at - requests[1].at, 10ms);
  EXPECT_GE(requests[3].at - requests[2].at, 20ms);
}

TEST_F(KeySets, AreFetchedForAnUnknownKeyButNotMoreOftenThanAllowed) {
  answers = {{200, set_of({"a"})}};
  start({.interval = 1h, .least = 100ms});
  use("http://issuer.example/keys");
  ASSERT_TRUE(has_asked(1));
  EXPECT_EQ(keys_known(), 1U);
  // {"alg":"ES256","kid":"b"}, and a signature that is none
  std::string const token = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImIifQ.e30." + std::string(86, 'A');
  for (int i = 0; i < 50; ++i) {
    Call call{gateway_principal()};
    auto const refused = security.authenticate(call, {.token = token, .peer = "192.0.2.1"});
    ASSERT_TRUE(refused.has_error());
  }
  ASSERT_TRUE(has_asked(2));
  EXPECT_GE(requests[1].at - requests[0].at, 100ms);
  EXPECT_EQ(keys_known(), 1U);
  EXPECT_EQ(requests.size(), 2U);
}

TEST_F(KeySets, ComeFromTheNewAddressWhenItChanges) {
  answers = {{200, set_of({"a"})}};
  start({.interval = 1h});
  use("http://one.example/keys");
  ASSERT_TRUE(has_asked(1));
  use("http://two.example/keys");
  ASSERT_TRUE(has_asked(2));
  EXPECT_EQ(requests[1].url, "http://two.example/keys");
  EXPECT_EQ(keys_known(), 1U);
}

TEST_F(KeySets, OfAFileAreReadAgain) {
  auto const file = std::filesystem::path{testing::TempDir()} / "keys.json";
  std::ofstream{file} << set_of({"a"});
  start({.interval = 20ms});
  auto settings = security.settings();
  settings.jwt = {.algorithms = {"ES256"}, .key_set = read_key_set_file(file).value()};
  ASSERT_TRUE(security.apply(settings).has_value());
  keys->follow({.file = file.string()});
  EXPECT_EQ(keys_known(), 1U);
  auto const next = file.string() + ".next";
  std::ofstream{next} << set_of({"a", "b"});
  std::filesystem::rename(next, file);
  auto const until = clock.now() + 20s;
  while (keys_known() != 2 && clock.now() < until) std::this_thread::yield();
  EXPECT_EQ(keys_known(), 2U);
  EXPECT_THAT(read_key_set_file("/nonexistent").error().message, HasSubstr("/nonexistent is no file"));
  EXPECT_TRUE(read_key_set_file(testing::TempDir()).has_error());
  std::ofstream{file} << std::string(security::most_key_set_bytes + 1, ' ');
  EXPECT_EQ(read_key_set_file(file).error().code, Code::too_large);
}

}  // namespace
}  // namespace patchbay
