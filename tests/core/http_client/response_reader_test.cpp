// However an answer is cut into pieces, it reads the same.
#include "core/http_client/response_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace patchbay::http_client {
namespace {

using State = ResponseReader::State;

// Feeds the text in pieces of the given sizes (the last size again and again), then the end; says in one line what
// came out.
std::string read_in_pieces(std::string_view text, std::vector<std::size_t> sizes, bool is_head = false) {
  ResponseLimits limits;
  limits.max_header = 256;
  limits.max_body = 64;
  ResponseReader reader{limits, is_head};
  std::size_t turn = 0;
  Result<State> state = State::more;
  while (state && *state == State::more && !text.empty()) {
    auto const space = reader.space();
    if (space.size() == 0) return "no space";
    auto const n = std::min({sizes[std::min(turn++, sizes.size() - 1)], text.size(), space.size()});
    std::memcpy(space.data(), text.data(), n);
    text.remove_prefix(n);
    state = reader.take(n);
  }
  if (state && *state == State::more) state = reader.end();
  if (!state) return std::string{name_of(state.error().code)};
  auto const answer = reader.answer();
  auto out = std::to_string(answer.status) + " " + answer.body;
  for (auto const& [name, value] : answer.headers) out += " " + name + "=" + value;
  return out;
}

struct Row {
  char const* name;
  std::string text;
  char const* expected;
};
void PrintTo(Row const& row, std::ostream* out) { *out << row.name; }
class ResponseReaderPieces : public testing::TestWithParam<Row> {};

TEST_P(ResponseReaderPieces, MakeNoDifference) {
  auto const& [name, text, expected] = GetParam();
  ASSERT_EQ(read_in_pieces(text, {text.size()}), expected);
  EXPECT_EQ(read_in_pieces(text, {1}), expected);
  for (std::size_t cut = 1; cut < text.size(); ++cut)
    EXPECT_EQ(read_in_pieces(text, {cut, text.size()}), expected) << "cut at " << cut;
}

std::string const head = "HTTP/1.1 200 OK\r\n";
INSTANTIATE_TEST_SUITE_P(
    Table, ResponseReaderPieces,
    testing::Values(
        Row{"length", head + "Content-Length: 3\r\nA: b\r\n\r\nabc", "200 abc a=b content-length=3"},
        Row{"chunked", head + "Transfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n1\r\nd\r\n0\r\nT: u\r\n\r\n",
            "200 abcd t=u transfer-encoding=chunked"},
        Row{"until_the_end", head + "\r\nabc", "200 abc"},
        Row{"interim", "HTTP/1.1 100 Go\r\n\r\n" + head + "Content-Length: 1\r\n\r\nx", "200 x content-length=1"},
        Row{"no_content", "HTTP/1.1 204 No\r\n\r\n", "204 "}, Row{"empty", "", "connection_lost"},
        Row{"cut_header", head + "A: b", "connection_lost"},
        Row{"cut_body", head + "Content-Length: 9\r\n\r\nabc", "connection_lost"},
        Row{"cut_chunks", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "connection_lost"},
        Row{"garbage", "hello there\r\n\r\n", "upstream_failed"},
        Row{"two_lengths", head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "upstream_failed"},
        Row{"both", head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "upstream_failed"},
        Row{"gzip", head + "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", "upstream_failed"},
        Row{"switch_protocols", "HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n", "upstream_failed"},
        Row{"long_header", head + "A: " + std::string(300, 'x') + "\r\n\r\n", "too_large"},
        Row{"long_body", head + "\r\n" + std::string(65, 'x'), "too_large"},
        Row{"long_chunks", head + "Transfer-Encoding: chunked\r\n\r\n41\r\n" + std::string(65, 'x') + "\r\n0\r\n\r\n",
            "too_large"}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST(ResponseReader, AnAnswerToHeadHasNoBody) {
  EXPECT_EQ(read_in_pieces(head + "Content-Length: 5\r\n\r\n", {7}, true), "200  content-length=5");
}

TEST(ResponseReader, ALineWithoutEndIsGivenUp) {
  EXPECT_EQ(read_in_pieces(head + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(100'000, 'x'), {1000}),
            "upstream_failed");
}

}  // namespace
}  // namespace patchbay::http_client
