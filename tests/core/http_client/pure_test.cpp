// What needs no socket: urls, header fields, redirects, retry rules, text.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/http_client/request.hpp"
#include "core/http_client/retry.hpp"
#include "core/http_client/text.hpp"

namespace patchbay::http_client {
namespace {

using std::chrono::milliseconds;

TEST(Target, IsReadFromAUrl) {
  struct Row {
    char const *url, *host, *authority, *path;
    int port;
    bool tls;
  };
  for (auto const& row : {Row{"http://example.org", "example.org", "example.org", "/", 80, false},
                          Row{"https://Example.ORG/a/b?c=d#e", "example.org", "example.org", "/a/b?c=d", 443, true},
                          Row{"http://example.org:8123?x", "example.org", "example.org:8123", "/?x", 8123, false},
                          Row{"https://[2001:DB8::1]:8443/", "2001:db8::1", "[2001:db8::1]:8443", "/", 8443, true},
                          Row{"http://127.0.0.1:80/%20", "127.0.0.1", "127.0.0.1", "/%20", 80, false}}) {
    auto const target = Target::parse(row.url);
    ASSERT_TRUE(target) << row.url;
    EXPECT_EQ(target->host, row.host);
    EXPECT_EQ(target->authority, row.authority);
    EXPECT_EQ(target->path, row.path);
    EXPECT_EQ(target->port, row.port);
    EXPECT_EQ(target->tls, row.tls);
  }
}

TEST(Target, RefusesWhatIsNoHttpUrl) {
  for (std::string const url : {"example.org", "/path", "ftp://example.org/", "http://", "http:///x", "http://a b/",
                                "http://user:pw@example.org/", "http://example.org:0/", "http://example.org:99999/",
                                "http://example.org/a b", "http://ex\r\nample.org/", "http://example.org/\r\nX: y",
                                "http://%0d%0a/", "http://%41b%20/", "javascript:alert(1)"}) {
    auto const target = Target::parse(url);
    ASSERT_TRUE(target.has_error()) << url;
    EXPECT_EQ(target.error().code, Code::invalid_argument) << url;
    EXPECT_EQ(target.error().pointer, "/url") << url;
    EXPECT_EQ(target.error().message.find("pw"), std::string::npos);
  }
}

TEST(Target, FollowsALocation) {
  auto const base = *Target::parse("https://example.org:8443/a/b?c");
  EXPECT_EQ(base.follow("/x?y#z")->url, "https://example.org:8443/x?y");
  EXPECT_EQ(base.follow("d")->url, "https://example.org:8443/a/d");
  EXPECT_EQ(base.follow("https://other.example/")->host, "other.example");
  for (auto const* wrong : {"http://example.org/", "ftp://x/", "https://u:p@x/", "\r\n", "https://"}) {
    auto const next = base.follow(wrong);
    ASSERT_TRUE(next.has_error()) << wrong;
    EXPECT_EQ(next.error().code, Code::upstream_failed);
  }
}

Result<Request> make(std::string method, std::map<std::string, std::string> headers,
                     std::optional<RawJson> body = std::nullopt) {
  CallArgs args;
  args.headers = std::move(headers);
  args.body = std::move(body);
  return Request::make(std::move(method), args, 100);
}

TEST(Request, RefusesHeadersThatWouldForgeOne) {
  struct Row {
    char const *name, *value, *pointer;
  };
  for (auto const& row :
       {Row{"x-a", "1\r\nHost: evil", "/headers/x-a"}, Row{"x-a", "1\n2", "/headers/x-a"},
        Row{"x-a", "\x7F", "/headers/x-a"}, Row{"x a", "1", "/headers/x a"}, Row{"", "1", "/headers/"},
        Row{"a/b", "1", "/headers/a~1b"}, Row{"a:b", "1", "/headers/a:b"}, Row{"x\r\ny", "1", "/headers/x\r\ny"},
        Row{"Host", "evil", "/headers/Host"}, Row{"content-LENGTH", "0", "/headers/content-LENGTH"},
        Row{"Transfer-Encoding", "chunked", "/headers/Transfer-Encoding"},
        Row{"Connection", "close", "/headers/Connection"}, Row{"Upgrade", "x", "/headers/Upgrade"},
        Row{"Expect", "100-continue", "/headers/Expect"}}) {
    auto const request = make("GET", {{row.name, row.value}});
    ASSERT_TRUE(request.has_error()) << row.name;
    EXPECT_EQ(request.error().code, Code::invalid_argument);
    EXPECT_EQ(request.error().pointer, row.pointer);
  }
  EXPECT_EQ(make("GET", {{"x-a", std::string(9000, 'a')}}).error().pointer, "/headers/x-a");
  EXPECT_EQ(make("GET", {{"X-A", "1"}, {"x-a", "2"}}).error().code, Code::invalid_argument);
  std::map<std::string, std::string> many;
  for (int i = 0; i < 65; ++i) many["x-" + std::to_string(i)] = "1";
  EXPECT_EQ(make("GET", many).error().pointer, "/headers");
}

TEST(Request, RefusesMethodsAndBodiesThatDoNotFit) {
  for (auto const* method : {"", "G T", "GET\r\n", "CONNECT", "TRACE", "ABCDEFGHIJKLMNOPQ"})
    EXPECT_EQ(make(method, {}).error().pointer, "/method") << method;
  EXPECT_EQ(make("GET", {}, RawJson{"1"}).error().pointer, "/body");
  EXPECT_EQ(make("POST", {}, RawJson{'"' + std::string(101, 'x') + '"'}).error().code, Code::too_large);
  EXPECT_FALSE(make("GET", {}, RawJson{"null"})->has_body);
}

TEST(Request, SendsStringsAsTextAndTheRestAsJson) {
  auto const target = *Target::parse("http://h:1/p");
  auto const text = *make("POST", {}, RawJson{R"("a\"ä")"});
  EXPECT_EQ(text.body, "a\"ä");
  EXPECT_EQ(text.head(target, "agent", ""),
            "POST /p HTTP/1.1\r\nHost: h:1\r\nUser-Agent: agent\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
            "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\n\r\n");
  auto const object = *make("PUT", {{"Content-Type", "application/x"}, {"accept", "  a  "}}, RawJson{R"({"a":1})"});
  EXPECT_EQ(object.head(target, "agent", "00-1-2-01"),
            "PUT /p HTTP/1.1\r\nHost: h:1\r\nContent-Type: application/x\r\naccept: a\r\nUser-Agent: agent\r\n"
            "Accept-Encoding: identity\r\ntraceparent: 00-1-2-01\r\nContent-Length: 7\r\n\r\n");
  EXPECT_NE(make("POST", {})->head(target, "agent", "").find("Content-Length: 0\r\n"), std::string::npos);
  EXPECT_EQ(make("GET", {})->head(target, "agent", "").find("Content-Length"), std::string::npos);
}

TEST(Request, ARedirectKeepsOrDropsByStatusAndOrigin) {
  auto const start = *make("POST", {{"Authorization", "s"}, {"Cookie", "c"}, {"X-A", "1"}}, RawJson{"1"});
  auto see_other = start;
  see_other.redirect(303, true);
  EXPECT_EQ(see_other.method, "GET");
  EXPECT_FALSE(see_other.has_body);
  EXPECT_TRUE(see_other.has("authorization"));
  auto found = start;
  found.redirect(302, false);
  EXPECT_EQ(found.method, "GET");
  EXPECT_FALSE(found.has("authorization"));
  EXPECT_FALSE(found.has("cookie"));
  EXPECT_TRUE(found.has("x-a"));
  auto temporary = start;
  temporary.redirect(307, true);
  EXPECT_EQ(temporary.method, "POST");
  EXPECT_EQ(temporary.body, "1");
  auto put = *make("PUT", {}, RawJson{"1"});
  put.redirect(301, true);
  EXPECT_EQ(put.method, "PUT");
}

TEST(Retry, RulesOfMethodsAndStatuses) {
  for (auto const* method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}) EXPECT_TRUE(is_idempotent(method));
  for (auto const* method : {"POST", "PATCH"}) EXPECT_FALSE(is_idempotent(method));
  for (unsigned status : {408U, 429U, 502U, 503U, 504U}) EXPECT_TRUE(is_retryable(status));
  for (unsigned status : {200U, 301U, 400U, 404U, 500U, 501U, 505U}) EXPECT_FALSE(is_retryable(status));
}

TEST(Retry, ReadsRetryAfter) {
  WallTime const now = *parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count(), 784111777);
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), now);
  EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), now);
  EXPECT_EQ(retry_after("2", now), milliseconds{2000});
  EXPECT_EQ(retry_after(" 0 ", now), milliseconds{0});
  EXPECT_EQ(retry_after("99999999999999999999", now), milliseconds{999'999'999'000});
  EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:49:40 GMT", now), milliseconds{3000});
  EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), milliseconds{0});
  EXPECT_GT(*retry_after("Fri, 31 Dec 9999 23:59:59 GMT", now), std::chrono::hours{24 * 365});
  for (auto const* wrong : {"", "soon", "-1", "1.5", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT",
                            "Sun, 06 Nov 1994 08:49:37 CET", "06 Nov 1994"})
    EXPECT_EQ(retry_after(wrong, now), std::nullopt) << wrong;
}

TEST(Retry, BackoffIsFullJitterUnderItsLimit) {
  milliseconds const base{250}, most{10'000};
  EXPECT_EQ(backoff(1, base, most, 0), milliseconds{0});
  EXPECT_EQ(backoff(1, base, most, 250), base);
  EXPECT_EQ(backoff(2, base, most, 500), milliseconds{500});
  EXPECT_EQ(backoff(60, base, most, 10'000), most);
  for (std::uint64_t random = 1; random != 0; random <<= 1)
    EXPECT_LE(backoff(3, base, most, random), milliseconds{1000});
}

TEST(Retry, BudgetIsAFifthOfTheCallsButAtLeastThree) {
  RetryBudget budget;
  std::vector<RetryBudget::Share> calls, retries;
  auto const take_all = [&] {
    while (auto share = budget.take()) retries.push_back(std::move(*share));
    return retries.size();
  };
  EXPECT_EQ(take_all(), 3U);
  for (int i = 0; i < 50; ++i) calls.push_back(budget.call());
  EXPECT_EQ(take_all(), 10U);
  retries.pop_back();
  EXPECT_TRUE(budget.take());
  calls.clear();
  EXPECT_FALSE(budget.take());
  retries.clear();
  EXPECT_EQ(take_all(), 3U);
}

TEST(Text, KnowsUtf8) {
  for (std::string const good : {"", "abc", "\t\r\n", "ä€😀", "\xF4\x8F\xBF\xBF"}) EXPECT_TRUE(is_text(good)) << good;
  for (auto const& bad : {std::string{"\0", 1}, std::string{"\x80"}, std::string{"\xC0\x80"}, std::string{"\xC1\xBF"},
                          std::string{"\xE0\x80\x80"}, std::string{"\xED\xA0\x80"}, std::string{"\xF0\x80\x80\x80"},
                          std::string{"\xF4\x90\x80\x80"}, std::string{"\xE2\x82"}, std::string{"\xF5\x80\x80\x80"},
                          std::string{"a\xFF"}})
    EXPECT_FALSE(is_text(bad)) << bad;
  EXPECT_EQ(base64(std::string{"\xFF\x00\x01\x02", 4}), "/wABAg==");
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(readable("a\xE4\x01"), "aä ");
  EXPECT_EQ(readable("ä"), "ä");
  EXPECT_TRUE(is_json_type("application/json; charset=utf-8"));
  EXPECT_TRUE(is_json_type("Application/Problem+JSON"));
  EXPECT_FALSE(is_json_type("text/json-ish"));
}

}  // namespace
}  // namespace patchbay::http_client
