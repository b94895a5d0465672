// Each way in that must be shut: one row a request, and the control that stands next to it.
#include "tests/gateway/http_fixture.hpp"

namespace patchbay::http_test {
namespace {

using testing::HasSubstr;

struct Row {
  char const* name;
  char const* bytes;
  int status;        // 0: closed without an answer is right too
  char const* part;  // of the answer
};
void PrintTo(Row const& row, std::ostream* out) { *out << row.name; }

class HttpChecks : public HttpFixture, public testing::WithParamInterface<Row> {
 protected:
  HttpChecks() { start({.hosts = {"gateway.example", "proxy.example:8443"}, .trusted_proxies = {"10.0.0.0/8"}}); }
};

TEST_P(HttpChecks, AnswersWith) {
  Connection connection{port()};
  connection.send(GetParam().bytes);
  auto const answer = connection.read_answer();
  EXPECT_EQ(answer.status, GetParam().status);
  EXPECT_THAT(answer.head + answer.body, HasSubstr(GetParam().part));
  if (answer.status >= 400) {
    EXPECT_EQ(say_calls, 0);
  }
}

#define SAY "POST /demo_say HTTP/1.1\r\nHost: localhost\r\n"
#define JSON "Content-Type: application/json\r\n"
#define BODY "Content-Length: 12\r\n\r\n{\"text\":\"x\"}"

INSTANTIATE_TEST_SUITE_P(
    Host, HttpChecks,
    testing::Values(
        Row{"localhost", "GET /health HTTP/1.1\r\nHost: localhost:8765\r\n\r\n", 200, ""},
        Row{"upper_case", "GET /health HTTP/1.1\r\nHost: LOCALHOST\r\n\r\n", 200, ""},
        Row{"loopback_v4", "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200, ""},
        Row{"loopback_v6", "GET /health HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200, ""},
        Row{"configured", "GET /health HTTP/1.1\r\nHost: gateway.example:1\r\n\r\n", 200, ""},
        Row{"configured_with_port", "GET /health HTTP/1.1\r\nHost: proxy.example:8443\r\n\r\n", 200, ""},
        Row{"other_port", "GET /health HTTP/1.1\r\nHost: proxy.example:80\r\n\r\n", 421, "server.hosts"},
        Row{"rebound_name", "GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, "server.hosts"},
        Row{"rebound_name_with_our_port", "GET /health HTTP/1.1\r\nHost: evil.example:8765\r\n\r\n", 421, ""},
        Row{"suffix", "GET /health HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", 421, ""},
        Row{"prefix", "GET /health HTTP/1.1\r\nHost: evil-localhost\r\n\r\n", 421, ""},
        Row{"user", "GET /health HTTP/1.1\r\nHost: localhost@evil.example\r\n\r\n", 421, ""},
        Row{"other_address", "GET /health HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n", 421, ""},
        Row{"unspecified_address", "GET /health HTTP/1.1\r\nHost: 0.0.0.0\r\n\r\n", 421, ""},
        Row{"empty", "GET /health HTTP/1.1\r\nHost: \r\n\r\n", 421, ""},
        Row{"none", "GET /health HTTP/1.1\r\n\r\n", 400, "exactly one Host"},
        Row{"none_in_1_0", "GET /health HTTP/1.0\r\n\r\n", 400, "exactly one Host"},
        Row{"two", "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400, "twice"},
        Row{"two_different", "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400, "twice"},
        Row{"a_list", "GET /health HTTP/1.1\r\nHost: localhost, evil.example\r\n\r\n", 421, ""}),
    [](auto const& row) { return std::string{row.param.name}; });

INSTANTIATE_TEST_SUITE_P(
    Origin, HttpChecks,
    testing::Values(
        Row{"same", SAY "Origin: http://localhost\r\n" JSON BODY, 200, ""},
        Row{"listed", SAY "Origin: http://app.example:3000\r\n" JSON BODY, 200,
            "Access-Control-Allow-Origin: http://app.example:3000\r\nVary: Origin\r\n"},
        Row{"foreign", SAY "Origin: http://evil.example\r\n" JSON BODY, 403, "security.origins"},
        Row{"foreign_get", "GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n", 403, ""},
        Row{"null_origin", SAY "Origin: null\r\n" JSON BODY, 403, "security.origins"},
        Row{"other_port_of_the_same_host", SAY "Origin: http://localhost:3000\r\n" JSON BODY, 403, ""},
        Row{"other_scheme", SAY "Origin: https://localhost\r\n" JSON BODY, 403, ""},
        Row{"empty_origin", SAY "Origin: \r\n" JSON BODY, 403, ""},
        Row{"two_origins", SAY "Origin: http://localhost\r\nOrigin: http://evil.example\r\n" JSON BODY, 400, "twice"},
        Row{"foreign_simple_post", SAY "Origin: http://evil.example\r\nContent-Type: text/plain\r\n" BODY, 403, ""},
        Row{"foreign_fetch", SAY "Sec-Fetch-Site: cross-site\r\n" JSON BODY, 403, ""},
        Row{"own_fetch", SAY "Sec-Fetch-Site: same-origin\r\n" JSON BODY, 200, ""},
        Row{"typed_in_the_address_bar", "GET /health HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: none\r\n\r\n", 200,
            ""},
        Row{"foreign_image",
            "GET /health HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: "
            "no-cors\r\nSec-Fetch-Dest: image\r\n\r\n",
            403, ""},
        Row{"link_to_a_page",
            "GET /docs HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: "
            "navigate\r\nSec-Fetch-Dest: document\r\n\r\n",
            200, ""},
        Row{"page_in_a_frame",
            "GET /docs HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: "
            "navigate\r\nSec-Fetch-Dest: iframe\r\n\r\n",
            403, ""},
        Row{"link_to_an_operation",
            "GET /demo_ticks?text=x HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n"
            "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\r\n",
            403, ""},
        Row{"preflight",
            "OPTIONS /demo_say HTTP/1.1\r\nHost: localhost\r\nOrigin: http://app.example:3000\r\n"
            "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n\r\n",
            204, "Access-Control-Allow-Headers: Authorization, Content-Type"},
        Row{"preflight_private_network",
            "OPTIONS /demo_say HTTP/1.1\r\nHost: localhost\r\nOrigin: http://app.example:3000\r\n"
            "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Private-Network: true\r\n\r\n",
            204, "Access-Control-Allow-Private-Network: true"},
        Row{"foreign_preflight",
            "OPTIONS /demo_say HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
            "Access-Control-Request-Method: POST\r\n"
            "Access-Control-Request-Private-Network: true\r\n\r\n",
            403, ""}),
    [](auto const& row) { return std::string{row.param.name}; });

INSTANTIATE_TEST_SUITE_P(
    Type, HttpChecks,
    testing::Values(
        Row{"json", SAY JSON BODY, 200, ""},
        Row{"json_utf8", SAY "Content-Type: Application/JSON; charset=\"UTF-8\"\r\n" BODY, 200, ""},
        Row{"form", SAY "Content-Type: application/x-www-form-urlencoded\r\n" BODY, 415, "Accept: application/json"},
        Row{"multipart", SAY "Content-Type: multipart/form-data; boundary=x\r\n" BODY, 415, ""},
        Row{"text", SAY "Content-Type: text/plain\r\n" BODY, 415, ""},
        Row{"text_that_says_json", SAY "Content-Type: text/plain; application/json\r\n" BODY, 415, ""},
        Row{"json_prefix", SAY "Content-Type: application/jsonp\r\n" BODY, 415, ""},
        Row{"none_given", SAY BODY, 415, "application/json"}, Row{"empty_type", SAY "Content-Type: \r\n" BODY, 415, ""},
        Row{"two_types", SAY JSON "Content-Type: text/plain\r\n" BODY, 400, "twice"},
        Row{"other_charset", SAY "Content-Type: application/json; charset=utf-16\r\n" BODY, 415, "UTF-8"},
        Row{"compressed", SAY JSON "Content-Encoding: gzip\r\n" BODY, 415, "Content-Encoding"},
        Row{"form_without_body", SAY "Content-Type: application/x-www-form-urlencoded\r\n\r\n", 415, ""},
        Row{"body_of_a_get", "GET /health HTTP/1.1\r\nHost: localhost\r\n" JSON BODY, 400, "takes no body"}),
    [](auto const& row) { return std::string{row.param.name}; });

INSTANTIATE_TEST_SUITE_P(
    Framing, HttpChecks,
    testing::Values(
        Row{"chunked", SAY JSON "Transfer-Encoding: chunked\r\n\r\nc\r\n{\"text\":\"x\"}\r\n0\r\n\r\n", 200, ""},
        Row{"chunked_in_capitals", SAY JSON "Transfer-Encoding: CHUNKED\r\n\r\nC\r\n{\"text\":\"x\"}\r\n0\r\n\r\n", 200,
            ""},
        Row{"with_length", SAY JSON "Transfer-Encoding: chunked\r\n" BODY, 400, ""},
        Row{"length_first", SAY JSON "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, ""},
        Row{"unknown_coding_with_length", SAY JSON "Transfer-Encoding: xchunked\r\n" BODY, 400, ""},
        Row{"length_then_unknown_coding", SAY JSON "Content-Length: 12\r\nTransfer-Encoding: x\r\n\r\n{\"text\":\"x\"}",
            400, ""},
        Row{"two_codings", SAY JSON "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, ""},
        Row{"chunked_twice", SAY JSON "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400, ""},
        Row{"two_fields", SAY JSON "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
            ""},
        Row{"identity", SAY JSON "Transfer-Encoding: identity\r\n\r\n", 400, ""},
        Row{"empty_coding", SAY JSON "Transfer-Encoding: \r\n\r\n", 400, ""},
        Row{"with_parameter", SAY JSON "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 400, ""},
        Row{"in_1_0",
            "POST /demo_say HTTP/1.0\r\nHost: localhost\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
            ""},
        Row{"space_before_colon", SAY JSON "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, ""},
        Row{"vertical_tab", SAY JSON "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 400, ""},
        Row{"folded", SAY JSON "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400, ""},
        Row{"folded_other_field", SAY JSON "X-Note: a\r\n b\r\n" BODY, 400, "further line"},
        Row{"chunk_extension", SAY JSON "Transfer-Encoding: chunked\r\n\r\nc;a=b\r\n{\"text\":\"x\"}\r\n0\r\n\r\n", 400,
            "extensions"},
        Row{"extension_of_the_last", SAY JSON "Transfer-Encoding: chunked\r\n\r\nc\r\n{\"text\":\"x\"}\r\n0;x\r\n\r\n",
            400, "extensions"},
        Row{"space_after_size", SAY JSON "Transfer-Encoding: chunked\r\n\r\nc \r\n{\"text\":\"x\"}\r\n0\r\n\r\n", 400,
            ""},
        Row{"sign_of_size", SAY JSON "Transfer-Encoding: chunked\r\n\r\n+c\r\n{\"text\":\"x\"}\r\n0\r\n\r\n", 400, ""},
        Row{"hex_prefix", SAY JSON "Transfer-Encoding: chunked\r\n\r\n0xc\r\n{\"text\":\"x\"}\r\n0\r\n\r\n", 400, ""},
        Row{"size_overflow", SAY JSON "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400, "8 digits"},
        Row{"bare_lf_after_size", SAY JSON "Transfer-Encoding: chunked\r\n\r\nc\n{\"text\":\"x\"}\r\n0\r\n\r\n", 400,
            ""},
        Row{"chunk_too_long", SAY JSON "Transfer-Encoding: chunked\r\n\r\nc\r\n{\"text\":\"x\"}}\r\n0\r\n\r\n", 400,
            ""},
        Row{"length_sign", SAY JSON "Content-Length: +12\r\n\r\n{\"text\":\"x\"}", 400, ""},
        Row{"length_negative", SAY JSON "Content-Length: -1\r\n\r\n", 400, ""},
        Row{"length_list", SAY JSON "Content-Length: 12, 12\r\n\r\n{\"text\":\"x\"}", 400, ""},
        Row{"length_twice", SAY JSON "Content-Length: 12\r\n" BODY, 400, ""},
        Row{"length_twice_different", SAY JSON "Content-Length: 2\r\n" BODY, 400, ""},
        Row{"length_overflow", SAY JSON "Content-Length: 99999999999999999999999\r\n\r\n", 400, ""},
        Row{"length_hex", SAY JSON "Content-Length: 0xC\r\n\r\n{\"text\":\"x\"}", 400, ""},
        Row{"nul_in_field", "GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\x01z\r\n\r\n", 400, ""},
        Row{"bare_cr", "GET /health HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n", 400, ""},
        Row{"field_without_colon", "GET /health HTTP/1.1\r\nHost: localhost\r\nnonsense\r\n\r\n", 400, ""},
        Row{"line_folding_first", "GET /health HTTP/1.1\r\n Host: localhost\r\n\r\n", 400, ""}),
    [](auto const& row) { return std::string{row.param.name}; });

INSTANTIATE_TEST_SUITE_P(
    Start, HttpChecks,
    testing::Values(Row{"connect", "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, ""},
                    Row{"connect_path", "CONNECT /x HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "Allow: "},
                    Row{"trace", "TRACE /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "Allow: "},
                    Row{"version_2", "GET /health HTTP/2.0\r\nHost: localhost\r\n\r\n", 505, ""},
                    Row{"version_0_9", "GET /health HTTP/0.9\r\nHost: localhost\r\n\r\n", 505, ""},
                    Row{"h2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, ""},
                    Row{"tls_hello", "\x16\x03\x01\x02\x01\x01\xfc\x03\x03 nonsense\r\n\r\n", 400, ""},
                    Row{"escaped_path_of_a_tool", "POST /demo%5Fsay HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, ""},
                    Row{"two_slashes", "GET //health HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, ""},
                    Row{"dots", "GET /docs/../health HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, ""},
                    Row{"no_slash", "GET health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, ""},
                    Row{"fragment", "GET /health#x HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, ""},
                    Row{"byte_beyond_ascii", "GET /\xc3\xa4 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, ""},
                    Row{"star_get", "GET * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, ""}),
    [](auto const& row) { return std::string{row.param.name}; });

#define HANDSHAKE "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
INSTANTIATE_TEST_SUITE_P(
    Upgrade, HttpChecks,
    testing::Values(
        Row{"version_12", HANDSHAKE "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            426, "Sec-WebSocket-Version: 13"},
        Row{"no_version", HANDSHAKE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 426, ""},
        Row{"short_key", HANDSHAKE "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n\r\n", 400,
            "16 bytes"},
        Row{"key_of_17_bytes",
            HANDSHAKE "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE=\r\n\r\n", 400, ""},
        Row{"key_not_base64",
            HANDSHAKE "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n\r\n", 400, ""},
        Row{"two_keys",
            HANDSHAKE "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            400, "twice"},
        Row{"two_versions",
            HANDSHAKE "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            400, "twice"},
        Row{"body", HANDSHAKE JSON "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" BODY,
            400, "no body"},
        Row{"foreign_page",
            HANDSHAKE "Origin: http://evil.example\r\nSec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            403, ""},
        Row{"other_protocol_is_ignored",
            "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 200, ""}),
    [](auto const& row) { return std::string{row.param.name}; });

class HttpSmuggling : public HttpFixture {
 protected:
  HttpSmuggling() { start(); }
};

TEST_F(HttpSmuggling, NothingBehindAMalformedRequestIsServed) {
  for (auto const *first : {SAY JSON "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
                            SAY JSON "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
                            SAY JSON "Transfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\n\r\n",
                            "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"}) {
    Connection connection{port()};
    connection.send(std::string{first} + post_request("/demo_say", R"({"text":"smuggled"})"));
    auto const answer = connection.read_answer();
    EXPECT_EQ(answer.status, 400) << first;
    EXPECT_EQ(answer.field("connection"), "close");
    EXPECT_EQ(connection.read_to_end(), "") << first;
  }
  EXPECT_EQ(say_calls, 0);
}

TEST_F(HttpSmuggling, ARefusalSkipsItsBodyAndTheConnectionGoesOn) {
  Connection connection{port()};
  connection.send(request("POST", "/demo_say", "Content-Type: text/plain\r\nContent-Length: 31\r\n") +
                  "GET /health HTTP/1.1\r\nHost: a\r\n" + request("GET", "/health"));
  EXPECT_EQ(connection.read_answer().status, 415);
  EXPECT_EQ(connection.read_answer().body, R"({"status":"ok"})");
}

TEST_F(HttpSmuggling, ARefusalWhoseBodyIsOnItsWayEndsTheConnection) {
  Connection connection{port()};
  connection.send(request("POST", "/demo_say", "Content-Type: text/plain\r\nContent-Length: 100000\r\n") + "a=b");
  auto const answer = connection.read_answer();
  EXPECT_EQ(answer.status, 415);
  EXPECT_EQ(answer.field("connection"), "close");
  EXPECT_TRUE(connection.is_closed_by_peer());
}

}  // namespace
}  // namespace patchbay::http_test
