// What lies around an exchange: policy and breaker, the pool, retries, redirects, TLS.
#include "tests/core/http_client/client_fixture.hpp"

namespace patchbay::http_client {
namespace {

using Noted = std::vector<std::string>;

class HttpClientTest : public ClientTest {};

// Answers each request with the next of the list, over as many connections as come; after the last, the last again.
class Answers {
 public:
  explicit Answers(std::vector<std::string> list) : list_(std::move(list)) {}
  Server::Script script() {
    return [this](Peer& peer) {
      while (auto request = peer.read_request()) {
        std::unique_lock lock{mutex_};
        auto const text = list_[std::min(requests_.size(), list_.size() - 1)];
        requests_.push_back(*request);
        lock.unlock();
        if (text.empty()) return peer.close();
        peer.send(text);
      }
    };
  }
  std::vector<std::string> requests() {
    std::lock_guard lock{mutex_};
    return requests_;
  }

 private:
  std::vector<std::string> const list_;
  std::mutex mutex_;
  std::vector<std::string> requests_;
};

TEST_F(HttpClientTest, EveryAttemptPassesPolicyAndBreaker) {
  Answers answers{{answer(503, "", "Retry-After: 0\r\n"), ok("x")}};
  Server server{answers.script()};
  auto const url = server.url("/a?b");
  ASSERT_TRUE(fetch(url));
  auto const name = fmt::format("gateway http:127.0.0.1:{}", server.port());
  EXPECT_EQ(noted(checked), (Noted{"host http " + url, "host http " + url}));
  EXPECT_EQ(noted(acquired), (Noted{name, name}));
  EXPECT_EQ(noted(recorded), (Noted{"p1 upstream_failed", "p2 ok"}));
}

TEST_F(HttpClientTest, WhatThePolicyForbidsIsNotTried) {
  auto const result = fetch("http://forbidden.test/");
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().code, Code::forbidden);
  EXPECT_TRUE(noted(acquired).empty());
}

TEST_F(HttpClientTest, AnOpenBreakerAnswersAtOnce) {
  open = true;
  auto const result = fetch("http://127.0.0.1:9/");
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().code, Code::circuit_open);
  EXPECT_EQ(result.error().retry_after_ms, 700U);
  EXPECT_TRUE(noted(recorded).empty());
}

TEST_F(HttpClientTest, StatusesAreAnswersAndOnlyGatewayFailuresCountAgainstTheServer) {
  for (int status : {400, 404, 500}) {
    Answers answers{{answer(status, "no")}};
    Server server{answers.script()};
    auto const result = fetch(server.url("/"));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, status);
    EXPECT_EQ(answers.requests().size(), 1U);
  }
  EXPECT_EQ(noted(recorded), (Noted{"p1 ok", "p2 ok", "p3 ok"}));
}

TEST_F(HttpClientTest, ConnectionsAreKept) {
  Answers answers{{ok("x")}};
  Server server{answers.script()};
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(fetch(server.url("/")));
  EXPECT_EQ(server.accepted(), 1);
  auto const stats = run(http_client::stats, Nothing{});
  EXPECT_EQ(stats->requests, 5U);
  EXPECT_EQ(stats->connections_opened, 1U);
  EXPECT_EQ(stats->connections_reused, 4U);
  EXPECT_EQ(stats->connections_idle, 1U);
  EXPECT_EQ(stats->connections_active, 0U);
  EXPECT_EQ(stats->in_flight, 0U);
}

TEST_F(HttpClientTest, ConnectionsThatMustNotBeKeptAreNot) {
  for (auto const& bytes :
       {answer(200, "x", "Connection: close\r\n"), std::string{"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"},
        ok("x") + "more", ok("x") + ok("y")}) {
    Answers answers{{bytes}};
    Server server{answers.script()};
    for (int i = 0; i < 2; ++i) ASSERT_EQ(fetch(server.url("/"))->body, "x");
    EXPECT_EQ(server.accepted(), 2) << bytes;
  }
}

TEST_F(HttpClientTest, AConnectionClosedWhileIdleIsNotUsed) {
  std::promise<void> closed;
  std::atomic<int> connections{0};
  Server server{[&](Peer& peer) {
    bool const first = ++connections == 1;
    while (peer.read_request()) {
      peer.send(ok("x"));
      if (first) {
        peer.close();
        closed.set_value();
        return;
      }
    }
  }};
  ASSERT_TRUE(fetch(server.url("/")));
  closed.get_future().wait();
  auto const result = run(post, to(server.url("/")));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(server.accepted(), 2);
}

// The server takes the second request on the kept connection and closes without a word.
TEST_F(HttpClientTest, AStaleConnectionIsReplacedForIdempotentMethodsOnly) {
  for (bool const idempotent : {true, false}) {
    std::atomic<int> connections{0};
    Server server{[&](Peer& peer) {
      bool const first = ++connections == 1;
      peer.read_request();
      peer.send(ok("x"));
      if (peer.read_request() && !first) peer.send(ok("y"));
    }};
    ASSERT_TRUE(fetch(server.url("/")));
    auto args = to(server.url("/"));
    args.attempts = 1;
    auto const result = idempotent ? run(put, args) : run(post, args);
    if (idempotent) {
      ASSERT_TRUE(result) << result.error().message;
      EXPECT_EQ(result->body, "x");
      EXPECT_EQ(server.accepted(), 2);
    } else {
      ASSERT_TRUE(result.has_error());
      EXPECT_EQ(result.error().code, Code::connection_lost);
      EXPECT_EQ(server.accepted(), 1);
    }
  }
  EXPECT_EQ(noted(recorded), (Noted{"p1 ok", "p2 ok", "p3 ok", "p4 connection_lost"}));
}

TEST_F(HttpClientTest, TenAtATimePerHost) {
  std::promise<void> go;
  auto const gate = go.get_future().share();
  std::promise<void> ten;
  std::atomic<int> waiting{0};
  Server server{[&](Peer& peer) {
    while (peer.read_request()) {
      if (++waiting == 10) ten.set_value();
      gate.wait();
      peer.send(ok("x"));
    }
  }};
  std::list<Call> calls;
  std::vector<std::future<Result<RequestResult>>> results;
  for (int i = 0; i < 25; ++i) {
    auto& call = calls.emplace_back(host_principal());
    results.push_back(start(get, call, to(server.url("/"))));
  }
  ten.get_future().wait();
  go.set_value();
  for (auto& result : results) EXPECT_TRUE(result.get());
  EXPECT_EQ(server.accepted(), 10);
  EXPECT_EQ(waiting, 25);
}

TEST_F(HttpClientTest, AWaitForAConnectionEndsByDeadlineOrCancellation) {
  std::promise<void> arrived;
  std::atomic<int> waiting{0};
  Server server{[&](Peer& peer) {
    peer.read_request();
    if (++waiting == 10) arrived.set_value();
    peer.wait_for_close();
  }};
  std::list<Call> calls;
  std::vector<std::future<Result<RequestResult>>> held;
  for (int i = 0; i < 10; ++i) held.push_back(start(get, calls.emplace_back(host_principal()), to(server.url("/"))));
  arrived.get_future().wait();
  auto args = to(server.url("/"));
  args.timeout_ms = 40;
  EXPECT_EQ(run(get, args).error().code, Code::deadline_exceeded);
  auto& eleventh = calls.emplace_back(host_principal());
  auto queued = start(get, eleventh, to(server.url("/")));
  runtime.home().post([&] {
    for (auto& call : calls) call.stop(Stopped::cancelled);
  });
  for (auto& one : held) EXPECT_EQ(one.get().error().code, Code::cancelled);
  EXPECT_EQ(queued.get().error().code, Code::cancelled);
  EXPECT_EQ(run(http_client::stats, Nothing{})->connections_active, 0U);
}

TEST_F(HttpClientTest, RetriesIdempotentMethodsUntilItWorks) {
  for (int status : {408, 429, 502, 503, 504}) {
    Answers answers{{answer(status, "no"), answer(status, "no"), ok("yes")}};
    Server server{answers.script()};
    auto const result = fetch(server.url("/"));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->body, "yes");
    EXPECT_EQ(answers.requests().size(), 3U);
  }
  Answers lost{{"", "", ok("yes")}};
  Server server{lost.script()};
  EXPECT_EQ(fetch(server.url("/"))->body, "yes");
}

TEST_F(HttpClientTest, GivesTheLastAnswerWhenAttemptsRunOut) {
  Answers answers{{answer(503, "1"), answer(503, "2"), answer(503, "3"), ok("4")}};
  Server server{answers.script()};
  auto const result = fetch(server.url("/"));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 503);
  EXPECT_EQ(result->body, "3");
}

TEST_F(HttpClientTest, NeverRepeatsAPost) {
  Answers answers{{answer(503, "no"), ok("yes")}};
  Server server{answers.script()};
  EXPECT_EQ(run(post, to(server.url("/")))->status, 503);
  Answers lost{{"", ok("yes")}};
  Server other{lost.script()};
  EXPECT_EQ(run(post, to(other.url("/"))).error().code, Code::connection_lost);
  EXPECT_EQ(lost.requests().size(), 1U);
}

TEST_F(HttpClientTest, NothingListensIsConnectFailedAfterTheAttempts) {
  std::string url;
  {
    url = Server{[](Peer&) {}}.url("/");
  }
  auto const result = fetch(url);
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().code, Code::connect_failed);
  EXPECT_EQ(noted(recorded), (Noted{"p1 connect_failed", "p2 connect_failed", "p3 connect_failed"}));
}

TEST_F(HttpClientTest, ARetryAfterBeyondTheDeadlineIsNotWaitedFor) {
  Answers answers{{answer(429, "later", "Retry-After: 3600\r\n"), ok("yes")}};
  Server server{answers.script()};
  auto const begun = clock.now();
  auto const result = fetch(server.url("/"));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 429);
  EXPECT_LT(clock.now() - begun, std::chrono::seconds{10});
}

TEST_F(HttpClientTest, RetryAfterIsHonoured) {
  Answers answers{{answer(503, "", "Retry-After: 1\r\n"), ok("yes")}};
  Server server{answers.script()};
  auto const begun = clock.now();
  EXPECT_EQ(fetch(server.url("/"))->body, "yes");
  EXPECT_GE(clock.now() - begun, std::chrono::seconds{1});
}

// Ten calls wait in the server; then it fails all of them at once. Only three may try again.
TEST_F(HttpClientTest, TheBudgetHoldsInAnOutage) {
  std::promise<void> go;
  auto const gate = go.get_future().share();
  std::promise<void> ten;
  std::atomic<int> requests{0};
  Server server{[&](Peer& peer) {
    while (peer.read_request()) {
      if (++requests == 10) ten.set_value();
      gate.wait();
      peer.send(answer(503, "", "Retry-After: 1\r\n"));
    }
  }};
  std::list<Call> calls;
  std::vector<std::future<Result<RequestResult>>> results;
  auto args = to(server.url("/"));
  args.attempts = 2;
  for (int i = 0; i < 10; ++i) results.push_back(start(get, calls.emplace_back(host_principal()), args));
  ten.get_future().wait();
  go.set_value();
  for (auto& result : results) EXPECT_EQ(result.get()->status, 503);
  EXPECT_EQ(requests, 13);
  auto const stats = run(http_client::stats, Nothing{});
  EXPECT_EQ(stats->retries, 3U);
  EXPECT_EQ(stats->retries_refused, 7U);
}

TEST_F(HttpClientTest, RedirectsAreReturnedUnlessAskedFor) {
  Answers answers{{answer(302, "", "Location: /next\r\n"), ok("there")}};
  Server server{answers.script()};
  EXPECT_EQ(fetch(server.url("/"))->status, 302);
  Answers again{{answer(302, "", "Location: /next?x=1\r\n"), ok("there")}};
  Server other{again.script()};
  auto args = to(other.url("/"));
  args.follow_redirects = 1;
  EXPECT_EQ(run(get, args)->body, "there");
  EXPECT_TRUE(again.requests()[1].starts_with("GET /next?x=1 HTTP/1.1"));
}

TEST_F(HttpClientTest, RedirectsEndAtTheirLimit) {
  Answers answers{{answer(307, "", "Location: /\r\n")}};
  Server server{answers.script()};
  auto args = to(server.url("/"));
  args.follow_redirects = 4;
  EXPECT_EQ(run(get, args)->status, 307);
  EXPECT_EQ(answers.requests().size(), 5U);
}

TEST_F(HttpClientTest, ARedirectPassesThePolicyAgainAndLosesItsSecrets) {
  Answers away{{answer(302, "", "Location: http://forbidden.test/\r\n")}};
  Server first{away.script()};
  auto args = to(first.url("/"));
  args.follow_redirects = 3;
  EXPECT_EQ(run(get, args).error().code, Code::forbidden);

  Answers target{{ok("there")}};
  Server second{target.script()};
  Answers source{{answer(303, "", fmt::format("Location: {}\r\n", second.url("/x", "other.test")))}};
  Server third{source.script()};
  args = to(third.url("/"));
  args.follow_redirects = 3;
  args.headers = {{"Authorization", "Bearer s3cret"}, {"Cookie", "c"}, {"X-Kept", "1"}};
  args.body = RawJson{"{}"};
  ASSERT_EQ(run(post, args)->body, "there");
  auto const seen = target.requests()[0];
  EXPECT_TRUE(seen.starts_with("GET /x HTTP/1.1"));
  EXPECT_EQ(seen.find("s3cret"), std::string::npos);
  EXPECT_EQ(seen.find("Cookie"), std::string::npos);
  EXPECT_NE(seen.find("X-Kept: 1"), std::string::npos);
  EXPECT_NE(source.requests()[0].find("s3cret"), std::string::npos);
}

TEST_F(HttpClientTest, TlsIsVerified) {
  auto const certificate = Certificate::make("good.test");
  Answers answers{{ok("secret")}};
  Server server{answers.script(), certificate};
  auto args = to(server.url("/", "good.test"));
  args.tls.ca = certificate.certificate;
  for (int i = 0; i < 2; ++i) {
    auto const result = run(get, args);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->body, "secret");
  }
  EXPECT_EQ(server.accepted(), 1);

  auto wrong_name = args;
  wrong_name.url = server.url("/", "other.test");
  auto untrusted = args;
  untrusted.tls.ca.clear();
  auto another = args;
  another.tls.ca = Certificate::make("good.test").certificate;
  for (auto const& bad : {wrong_name, untrusted, another}) {
    auto const result = run(get, bad);
    ASSERT_TRUE(result.has_error());
    EXPECT_EQ(result.error().code, Code::tls_failed) << result.error().message;
  }
  auto unverified = untrusted;
  unverified.tls.verify = false;
  EXPECT_TRUE(run(get, unverified));
  // What was opened without verification never serves a caller who wants it, nor the other way round.
  EXPECT_EQ(run(get, untrusted).error().code, Code::tls_failed);
}

TEST_F(HttpClientTest, ACutTlsConnectionIsNoEndOfABody) {
  auto const certificate = Certificate::make("good.test");
  Server server{[](Peer& peer) {
                  peer.read_request();
                  peer.send("HTTP/1.1 200 OK\r\n\r\nhalf of i");
                  peer.close();
                },
                certificate};
  auto args = to(server.url("/", "good.test"));
  args.tls.ca = certificate.certificate;
  args.attempts = 1;
  auto const result = run(get, args);
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().code, Code::connection_lost) << result.error().message;
}

TEST_F(HttpClientTest, AServerThatNeverFinishesTheHandshakeIsLeftByTheConnectLimit) {
  Server server{[](Peer& peer) { peer.wait_for_close(); }};
  auto args = to(fmt::format("https://127.0.0.1:{}/", server.port()));
  args.connect_timeout_ms = 40;
  args.attempts = 2;
  auto const begun = clock.now();
  auto const result = run(get, args);
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().code, Code::connect_failed) << result.error().message;
  EXPECT_LT(clock.now() - begun, std::chrono::seconds{10});
  EXPECT_EQ(noted(acquired).size(), 2U);
}

TEST_F(HttpClientTest, ArgumentsAreChecked) {
  struct Row {
    char const *args, *pointer;
  };
  for (auto const& row :
       {Row{R"({})", "/url"}, Row{R"({"url":"ftp://x/"})", "/url"},
        Row{R"({"url":"http://x/","timeout_ms":0})", "/timeout_ms"},
        Row{R"({"url":"http://x/","attempts":11})", "/attempts"},
        Row{R"({"url":"http://x/","headers":{"Host":"y"}})", "/headers/Host"},
        Row{R"({"url":"http://x/","headers":{"a":1}})", "/headers/a"},
        Row{R"({"url":"http://x/","tls":{"verfy":false}})", "/tls/verfy"},
        Row{R"({"url":"http://x/","body":1})", "/body"}, Row{R"({"url":"http://u:secret@x/"})", "/url"}}) {
    auto const result = json("http_client_get", row.args);
    ASSERT_TRUE(result.has_error()) << row.args;
    EXPECT_EQ(result.error().code, Code::invalid_argument);
    EXPECT_EQ(result.error().pointer, row.pointer) << result.error().message;
    EXPECT_EQ(result.error().message.find("secret"), std::string::npos);
  }
  EXPECT_EQ(json("http_client_request", R"({"method":"TRACE","url":"http://x/"})").error().pointer, "/method");
}

TEST_F(HttpClientTest, CountsByStatusClassAndCode) {
  Answers answers{{ok("x"), answer(404, "")}};
  Server server{answers.script()};
  fetch(server.url("/"));
  fetch(server.url("/"));
  fetch("http://forbidden.test/");
  std::map<std::string, double> seen;
  for (auto const& family : counters.sample())
    if (family.name == "patchbay_http_client_requests_total")
      for (auto const& series : family.series) seen[series.labels[0].second] = series.value;
  EXPECT_EQ(seen["2xx"], 1);
  EXPECT_EQ(seen["4xx"], 1);
  EXPECT_EQ(seen["forbidden"], 1);
}

// A host's own loop: the work is done at home, the answer comes back.
TEST_F(HttpClientTest, IsCallableFromAForeignLoop) {
  Answers answers{{ok("x")}};
  Server server{answers.script()};
  asio::io_context own{1};
  Call call{host_principal()};
  std::optional<Result<RequestResult>> result;
  auto task = caller.call(get, call, to(server.url("/")));
  asio::co_spawn(own, std::move(task), [&](std::exception_ptr error, Result<RequestResult> r) {
    EXPECT_FALSE(error);
    result = std::move(r);
  });
  own.run();
  runtime.stop();  // its thread may still be about to return from the post that ended the loop
  ASSERT_TRUE(result && *result) << result->error().message;
  EXPECT_EQ((*result)->body, "x");
}

class HttpClientCrowded : public ClientTest {
 protected:
  static Settings one_and_one() {
    auto settings = quick();
    settings.pool.per_host = 1;
    settings.pool.max_waiting = 1;
    return settings;
  }
  HttpClientCrowded() : ClientTest(one_and_one()) {}
};

TEST_F(HttpClientCrowded, WhoFindsTheQueueFullIsToldAtOnce) {
  std::promise<void> arrived, go;
  std::atomic<int> requests{0};
  Server server{[&](Peer& peer) {
    while (peer.read_request()) {
      if (++requests == 1) {
        arrived.set_value();
        go.get_future().wait();
      }
      peer.send(ok("x"));
    }
  }};
  Call first{host_principal()}, second{host_principal()};
  auto served = start(get, first, to(server.url("/")));
  arrived.get_future().wait();
  auto waits = start(get, second, to(server.url("/")));
  auto const refused = run(get, to(server.url("/")));
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().code, Code::backpressure);
  EXPECT_GT(refused.error().retry_after_ms, 0U);
  go.set_value();
  EXPECT_TRUE(served.get());
  EXPECT_TRUE(waits.get());
  EXPECT_EQ(server.accepted(), 1);
}

class HttpClientIdle : public ClientTest {
 protected:
  static Settings short_idle() {
    auto settings = quick();
    settings.pool.idle = std::chrono::milliseconds{30};
    return settings;
  }
  HttpClientIdle() : ClientTest(short_idle()) {}
};

TEST_F(HttpClientIdle, AnIdleConnectionIsClosedAfterItsTime) {
  std::promise<void> closed;
  Server server{[&](Peer& peer) {
    peer.read_request();
    peer.send(ok("x"));
    peer.wait_for_close();
    closed.set_value();
  }};
  ASSERT_TRUE(fetch(server.url("/")));
  ASSERT_EQ(closed.get_future().wait_for(std::chrono::seconds{20}), std::future_status::ready);
  EXPECT_EQ(run(http_client::stats, Nothing{})->connections_idle, 0U);
}

}  // namespace
}  // namespace patchbay::http_client
