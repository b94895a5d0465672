#include "table.hpp"

namespace patchbay::security {
namespace {

using testing::HasSubstr;
namespace ip = boost::asio::ip;

PrincipalPtr const remote = std::make_shared<Principal const>(Principal{.name = "token:a", .scopes = {"admin"}});

// As the plugin host makes it for an operation of an interface that was granted.
PrincipalPtr plugin(std::vector<std::string> scopes) {
  return std::make_shared<Principal const>(
      Principal{.name = "plugin:p", .scopes = std::move(scopes), .unrestricted = true, .is_remote = false});
}

class CheckUrl : public Table {
 protected:
  CheckUrl() {
    security.set_resolver_for_test([this](std::string const& host) -> Result<std::vector<ip::address>> {
      ++lookups;
      auto found = names.find(host);
      if (found == names.end()) return Error{Code::connect_failed, "no such name"};
      std::vector<ip::address> out;
      for (auto const& text : found->second) out.push_back(ip::make_address(text));
      return out;
    });
  }
  void allow(std::vector<std::string> entries) {
    ASSERT_TRUE(security.apply({.outgoing_allow = std::move(entries)}).has_value());
  }
  std::string check(std::string_view url, PrincipalPtr who = remote, std::string_view purpose = "http") {
    return data("security_check_url", fmt::format(R"({{"url":{},"purpose":"{}"}})", json::quoted(url), purpose),
                std::move(who));
  }

  std::map<std::string, std::vector<std::string>> names{
      {"public.example", {"93.184.216.34", "2606:2800:220:1::1"}},
      {"inside.example", {"192.168.1.5"}},
      {"mixed.example", {"93.184.216.34", "10.0.0.1"}},
      {"meta.example", {"169.254.169.254"}},
      {"many.example", {"224.0.0.1"}},
      {"nat64.example", {"64:ff9b::a00:1"}},
      {"homeassistant.local", {"192.168.1.7"}},
  };
  int lookups = 0;
};

TEST_F(CheckUrl, NothingIsAllowedWithoutAList) {
  EXPECT_THAT(check("http://public.example/"), HasSubstr("forbidden: no address may be named from outside"));
  EXPECT_THAT(check("http://127.0.0.1/"), HasSubstr("forbidden"));
  EXPECT_EQ(lookups, 0);
}

struct Odd {
  char const* url;
  char const* purpose;
};
TEST_F(CheckUrl, RefusesOddSpellingsEverywhere) {
  allow({"0.0.0.0/0", "127.0.0.0/8", "*.example"});
  for (auto const& row : {
           Odd{"http://0x7f.1/", "http"},
           Odd{"http://0x7f000001/", "http"},
           Odd{"http://2130706433/", "http"},
           Odd{"http://127.1/", "http"},
           Odd{"http://0177.0.0.1/", "http"},
           Odd{"http://127.0.0.1./", "http"},
           Odd{"http://127.000.000.001/", "http"},
           Odd{"http://1.2.3.4.5/", "http"},
           Odd{"http://[::ffff:127.0.0.1]/", "http"},
           Odd{"http://[::ffff:7f00:1]/", "http"},
           Odd{"http://[fe80::1%25eth0]/", "http"},
           Odd{"http://[v1.a]/", "http"},
           Odd{"http://user@public.example/", "http"},
           Odd{"http://user:pw@public.example/", "http"},
           Odd{"http://public.example@127.0.0.1/", "http"},
           Odd{"http://@public.example/", "http"},
           Odd{"http://public.example./", "http"},
           Odd{"http://public..example/", "http"},
           Odd{"http://.example/", "http"},
           Odd{"http://-a.example/", "http"},
           Odd{"http://a%2eexample/", "http"},
           Odd{"http://127.0.0.1%20/", "http"},
           Odd{"http://\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.0.0.1/", "http"},
           Odd{"http://127\xE3\x80\x82"
               "0\xE3\x80\x82"
               "0\xE3\x80\x82"
               "1/",
               "http"},
           Odd{"http://pub\xC2\xADlic.example/", "http"},
           Odd{"http://public.example:0/", "http"},
           Odd{"http://public.example:65536/", "http"},
           Odd{"http://public.example:99999999999999999999/", "http"},
           Odd{"http://public.example:/", "http"},
           Odd{"http://public.example:8a/", "http"},
           Odd{"http://public.example\\@127.0.0.1/", "http"},
           Odd{"http:\\\\127.0.0.1/", "http"},
           Odd{"http://127.0.0.1\t/", "http"},
           Odd{" http://127.0.0.1/", "http"},
           Odd{"http:///etc/passwd", "http"},
           Odd{"http:public.example", "http"},
           Odd{"//public.example/", "http"},
           Odd{"public.example", "http"},
           Odd{"file:///etc/passwd", "http"},
           Odd{"gopher://public.example/", "http"},
           Odd{"ws://public.example/", "http"},
           Odd{"http://public.example/", "websocket"},
           Odd{"wss://public.example/#x", "websocket"},
       }) {
    auto const text = check(row.url, remote, row.purpose);
    EXPECT_THAT(text, HasSubstr("invalid_argument: ")) << row.url;
    EXPECT_THAT(check(row.url, host_principal(), row.purpose), HasSubstr("invalid_argument: ")) << row.url;
  }
  EXPECT_EQ(lookups, 0);
}

TEST_F(CheckUrl, NormalForm) {
  auto const host = host_principal();
  EXPECT_EQ(check("HTTP://Public.EXAMPLE:80", host),
            R"({"normalized":"http://public.example/","addresses":["93.184.216.34","2606:2800:220:1::1"]})");
  EXPECT_THAT(check("https://public.example:443/a?b=c#d", host), HasSubstr(R"("https://public.example/a?b=c")"));
  EXPECT_THAT(check("http://public.example:8080/a%20b", host), HasSubstr(R"("http://public.example:8080/a%20b")"));
  EXPECT_EQ(check("ws://[::0:1]:81/x", host, "websocket"), R"({"normalized":"ws://[::1]:81/x","addresses":["::1"]})");
}

TEST_F(CheckUrl, NetworksAllowAddressesAndSpecialOnesOnlyFromWithin) {
  allow({"0.0.0.0/0", "::/0"});
  EXPECT_THAT(check("http://public.example/"), HasSubstr("93.184.216.34"));
  EXPECT_THAT(check("http://1.1.1.1/"), HasSubstr("1.1.1.1"));
  for (auto url :
       {"http://127.0.0.1/", "http://10.1.2.3/", "http://172.31.0.1/", "http://192.168.0.1/", "http://169.254.169.254/",
        "http://100.64.0.1/", "http://[::1]/", "http://[fc00::1]/", "http://[fe80::1]/", "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b:1::808:808]/", "http://[2002:7f00:1::]/", "http://[::7f00:1]/", "http://198.18.0.1/",
        "http://inside.example/", "http://mixed.example/", "http://meta.example/", "http://nat64.example/"})
    EXPECT_THAT(check(url), HasSubstr("forbidden: ")) << url;
  for (auto url : {"http://0.0.0.0/", "http://[::]/", "http://224.0.0.1/", "http://255.255.255.255/",
                   "http://[ff02::1]/", "http://many.example/"})
    EXPECT_THAT(check(url), HasSubstr("forbidden: ")) << url;
  allow({"192.168.0.0/16", "fc00::/7", "127.0.0.1"});
  EXPECT_THAT(check("http://inside.example/"), HasSubstr("192.168.1.5"));
  EXPECT_THAT(check("http://[fd00::1]/"), HasSubstr("fd00::1"));
  EXPECT_THAT(check("http://127.0.0.1/"), HasSubstr("127.0.0.1"));
  EXPECT_THAT(check("http://127.0.0.2/"), HasSubstr("forbidden"));
  EXPECT_THAT(check("http://public.example/"), HasSubstr("forbidden"));
  EXPECT_THAT(check("http://meta.example/"), HasSubstr("forbidden"));
}

TEST_F(CheckUrl, NamesAllowWhatTheyResolveTo) {
  allow({"homeassistant.local:8123", "*.example:443", "[fd00::5]:80"});
  EXPECT_THAT(check("http://homeassistant.local:8123/api"), HasSubstr("192.168.1.7"));
  EXPECT_THAT(check("http://HomeAssistant.Local:8123/api"), HasSubstr("192.168.1.7"));
  EXPECT_THAT(check("http://homeassistant.local/"), HasSubstr("forbidden"));
  EXPECT_THAT(check("https://public.example/"), HasSubstr("93.184.216.34"));
  EXPECT_THAT(check("https://inside.example/"), HasSubstr("192.168.1.5"));
  EXPECT_THAT(check("http://public.example/"), HasSubstr("forbidden"));
  EXPECT_THAT(check("https://many.example/"), HasSubstr("never called"));
  EXPECT_THAT(check("http://[fd00::5]/"), HasSubstr("fd00::5"));
  allow({"example"});
  EXPECT_THAT(check("https://public.example/"), HasSubstr("forbidden"));
  allow({"*.example"});
  EXPECT_THAT(check("https://notexample/"), HasSubstr("connect_failed"));
}

// The first answer is checked and handed out for connecting; a later one is not asked for.
TEST_F(CheckUrl, ANameThatChangesItsAddressIsPinned) {
  allow({"93.184.216.0/24"});
  names["turning.example"] = {"93.184.216.34"};
  EXPECT_EQ(check("http://turning.example/"),
            R"({"normalized":"http://turning.example/","addresses":["93.184.216.34"]})");
  EXPECT_EQ(lookups, 1);
  names["turning.example"] = {"127.0.0.1"};
  EXPECT_THAT(check("http://turning.example/"), HasSubstr("forbidden: turning.example leads to a loopback address"));
}

TEST_F(CheckUrl, HostCodeGoesAnywhere) {
  EXPECT_THAT(check("http://127.0.0.1:9/", host_principal()), HasSubstr("127.0.0.1"));
  EXPECT_THAT(check("http://meta.example/", gateway_principal()), HasSubstr("169.254.169.254"));
  EXPECT_THAT(check("http://nowhere.example/", host_principal()), HasSubstr("connect_failed"));
}

TEST_F(CheckUrl, PluginsGoWhereTheirGrantsSay) {
  allow({"0.0.0.0/0"});  // for remote callers, not for plugins
  // The one that holds scopes only, asked as WEBSOCKET asks on its behalf.
  auto const limited = std::make_shared<Principal const>(
      Principal{.name = "plugin:p", .scopes = {"websocket.connect"}, .is_remote = false});
  Call call{limited};
  CheckUrlArgs args{.url = "http://inside.example:8123/"};
  std::optional<Result<CheckUrlResult>> refused;
  asio::io_context context;
  asio::co_spawn(context, security.check_url(call, args), [&](std::exception_ptr error, Result<CheckUrlResult> result) {
    EXPECT_FALSE(error);
    refused = std::move(result);
  });
  context.run();
  ASSERT_TRUE(refused.has_value());
  EXPECT_THAT(refused->error().message, HasSubstr("plugin:p has no grant to reach inside.example:8123"));
  EXPECT_THAT(check("http://inside.example:8123/", plugin({"websocket.*"})), HasSubstr("192.168.1.5"));
  EXPECT_THAT(check("http://inside.example:8123/", plugin({"outgoing:inside.example:8123"})), HasSubstr("192.168.1.5"));
  EXPECT_THAT(check("http://inside.example:80/", plugin({"outgoing:inside.example:8123"})), HasSubstr("forbidden"));
  EXPECT_THAT(check("http://public.example/", plugin({"outgoing:inside.example"})), HasSubstr("forbidden"));
  EXPECT_THAT(check("http://127.0.0.1:8123/", plugin({"outgoing:127.0.0.1:8123"})), HasSubstr("127.0.0.1"));
  EXPECT_THAT(check("http://[::1]:8123/", plugin({"outgoing:[::1]:8123"})), HasSubstr("::1"));
  EXPECT_THAT(check("http://inside.example/", plugin({"outgoing:*"})), HasSubstr("192.168.1.5"));
  EXPECT_THAT(check("http://many.example/", plugin({"outgoing:*"})), HasSubstr("never called"));
}

// Whatever is accepted reads the same again, and has an authority that nobody reads in another way.
TEST(OutgoingUrlProperty, NormalFormIsAFixedPoint) {
  std::vector<std::string> const seeds{"http://public.example:8080/a?b=c#d", "https://[2001:db8::1]:443/x",
                                       "http://192.0.2.1/", "http://a-b.c_d.example"};
  std::string_view const alphabet = "abz019.-_:/?#@[]%\\ \t\xC3\xBC&=;,+~!$'()*";
  std::uint64_t state = 88172645463325252ULL;
  auto random = [&](std::size_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<std::size_t>(state % below);
  };
  std::size_t accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto text = seeds[random(seeds.size())];
    for (auto changes = 1 + random(3); changes > 0; --changes) {
      auto const at = random(text.size());
      auto const letter = alphabet[random(alphabet.size())];
      switch (random(3)) {
        case 0: text[at] = letter; break;
        case 1: text.insert(at, 1, letter); break;
        default: text.erase(at, 1);
      }
    }
    auto const url = parse_outgoing(text, "http");
    if (!url) continue;
    ++accepted;
    auto const again = parse_outgoing(url->normalized, "http");
    ASSERT_TRUE(again.has_value()) << text << " became " << url->normalized;
    EXPECT_EQ(again->normalized, url->normalized) << text;
    EXPECT_EQ(again->host, url->host) << text;
    EXPECT_EQ(again->port, url->port) << text;
    auto const rest = std::string_view{url->normalized}.substr(url->normalized.find("//") + 2);
    auto const authority = rest.substr(0, rest.find('/'));
    EXPECT_EQ(authority.find_first_of("@%\\ \t?#"), std::string_view::npos) << text;
    if (authority[0] != '[') {  // only IPv6 has other spellings
      EXPECT_NE(text.find(authority.substr(0, authority.find(':'))), std::string::npos) << text;
    }
  }
  EXPECT_GT(accepted, 1000U);
}

// The real resolver, for what needs no network.
TEST(CheckUrlResolves, LocalhostWithoutATestResolver) {
  SystemClock clock;
  NullLog log;
  Runtime runtime{{.shards = 1}, clock, log};
  Counters counters;
  Caller caller{counters};
  Security security{runtime, caller, counters, log, {}};
  asio::io_context context;
  Call call{host_principal()};
  std::optional<Result<CheckUrlResult>> out;
  asio::co_spawn(context, security.check_url(call, {.url = "http://localhost:1/"}),
                 [&](std::exception_ptr error, Result<CheckUrlResult> result) {
                   EXPECT_FALSE(error);
                   out = std::move(result);
                 });
  context.run();
  ASSERT_TRUE(out.has_value());
  ASSERT_TRUE(out->has_value()) << out->error().message;
  EXPECT_THAT((*out)->addresses, testing::Contains(testing::AnyOf("127.0.0.1", "::1")));
}

}  // namespace
}  // namespace patchbay::security
