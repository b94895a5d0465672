#include "core/base/redact.hpp"

#include <gtest/gtest.h>

namespace patchbay::redact {
namespace {

TEST(Redact, KnowsSecretNames) {
  for (auto name : {"password", "Password", "db_password", "PASSWD", "token", "access_token", "X-Api-Key", "apiKey",
                    "Authorization", "Proxy-Authorization", "cookie", "Set-Cookie", "client_secret", "private_key",
                    "credentials", "passphrase", "jwt", "password2"})
    EXPECT_TRUE(is_secret_name(name)) << name;
  for (auto name : {"", "key", "token_id", "tokens", "max_tokens", "user", "path", "monkey", "sha256", "author",
                    "passed", "cookies_enabled"})
    EXPECT_FALSE(is_secret_name(name)) << name;
}

struct Row {
  char const* in;
  char const* out;
};

TEST(Redact, MasksSecretsInText) {
  for (auto const& row : {
           Row{"nothing here", "nothing here"},
           Row{"Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"},
           Row{"bearer abc, next", "bearer ***, next"},
           Row{"Basic YTpi end", "Basic *** end"},
           Row{"password=hunter2&user=anna", "password=***&user=anna"},
           Row{"GET /x?access_token=abc#f", "GET /x?access_token=***#f"},
           Row{R"({"token":"a\"b","n":1})", R"({"token":"***","n":1})"},
           Row{R"({'secret' : 'x y'})", R"({'secret' : '***'})"},
           Row{"token = abc", "token = ***"},
           Row{"api_key: abc", "api_key: ***"},
           Row{"password:hunter2", "password:***"},
           Row{"password: ", "password: "},
           Row{"password", "password"},
           Row{"the token is wrong", "the token is wrong"},
           Row{"who=token:kitchen did", "who=token:kitchen did"},
           Row{"token:eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln", "token:***"},
           Row{"token: kitchen", "token: ***"},
           Row{"https://anna:pw@host/p", "https://***@host/p"},
           Row{"wss://host/p@q", "wss://host/p@q"},
           Row{"redis://:pw@host", "redis://***@host"},
           Row{"://", "://"},
           Row{"", ""},
       })
    EXPECT_EQ(mask_text(row.in), row.out);
}

TEST(Redact, MasksSecretMembers) {
  json::Document document;
  document.Parse(R"({"a":{"password":"x"},"token":["y"],"key":"k","secret":"","pwd":null,"cookie":true,"apikey":7})");
  mask_json(document, document.GetAllocator());
  EXPECT_EQ(json::to_text(document),
            R"({"a":{"password":"***"},"token":"***","key":"k","secret":"","pwd":null,"cookie":true,"apikey":"***"})");
}

TEST(Redact, OneLineShowsWhatATerminalWouldActOn) {
  for (auto const& row : {
           Row{"a\r\nb\tc", "a\\r\\nb\\tc"},
           Row{"\x1b[31mred\x7f", "\\x1b[31mred\\x7f"},
           Row{"\xC2\x9B", "\\x9b"},
           Row{"\xE2\x80\xAE", "\\u202e"},
           Row{"\xE2\x80\xA8", "\\u2028"},
           Row{"gr\xC3\xBC\xC3\x9F", "gr\xC3\xBC\xC3\x9F"},
           Row{"\xFF\xC0\x80z", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz"},
           Row{"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
           Row{"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
           Row{"\xE2\x82", "\xEF\xBF\xBD\xEF\xBF\xBD"},
       })
    EXPECT_EQ(one_line(row.in, 100), row.out);
  EXPECT_EQ(valid_utf8("a\nb\x1b\xC2\x9B\xE2\x80\xAE", 100), "a\nb\x1b\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Redact, CutsBetweenCharactersAndEscapes) {
  EXPECT_EQ(one_line("abcdef", 6), "abcdef");
  EXPECT_EQ(one_line("abcdefg", 6), "abc...");
  EXPECT_EQ(one_line("ab\xC3\xBC\xC3\xBC\xC3\xBC", 6), "ab...");
  EXPECT_EQ(one_line("ab\n\n\n\n", 6), "ab...");
  std::string const long_text(100'000, 'x');
  EXPECT_EQ(one_line(long_text, 4096).size(), 4096U);
}

}  // namespace
}  // namespace patchbay::redact
