// Frames as bytes: header lengths, close frames, deflate; and the walk along the frames of a client.
#include "core/hub/frame.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include "core/hub/frame_walk.hpp"

namespace patchbay::hub {
namespace {

using namespace std::string_literals;

struct SizeRow {
  char const* name;
  std::size_t payload;
  std::string head;
};
void PrintTo(SizeRow const& row, std::ostream* out) { *out << row.name; }
class HubFrameHead : public testing::TestWithParam<SizeRow> {};
TEST_P(HubFrameHead, HasTheShortestLength) {
  auto const& row = GetParam();
  auto const payload = std::string(row.payload, 'x');
  auto const frame = text_frame(payload);
  EXPECT_EQ(frame->bytes.substr(0, row.head.size()), row.head);
  EXPECT_EQ(frame->bytes.substr(row.head.size()), payload);
}
INSTANTIATE_TEST_SUITE_P(Table, HubFrameHead,
                         testing::Values(SizeRow{"empty", 0, "\x81\x00"s}, SizeRow{"small", 125, "\x81\x7d"s},
                                         SizeRow{"two_bytes", 126, "\x81\x7e\x00\x7e"s},
                                         SizeRow{"two_bytes_full", 65535, "\x81\x7e\xff\xff"s},
                                         SizeRow{"eight_bytes", 65536, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"s}),
                         [](auto const& row) { return std::string{row.param.name}; });

TEST(HubFrame, OpcodeAndCompressionAreInTheFirstByte) {
  std::string out;
  append_frame(out, Opcode::binary, "a");
  EXPECT_EQ(out,
            "\x82\x01"
            "a");
  out.clear();
  append_frame(out, Opcode::text, "a", true);
  EXPECT_EQ(out,
            "\xc1\x01"
            "a");
}

TEST(HubFrame, CloseFrameCarriesCodeAndReason) {
  EXPECT_EQ(close_frame(0, "")->bytes, "\x88\x00"s);
  EXPECT_EQ(close_frame(1013, "slow")->bytes, "\x88\x06\x03\xf5slow"s);
}

TEST(HubFrame, CloseReasonIsCutBetweenCharacters) {
  std::string const long_reason = std::string(122, 'a') + "\xc3\xa9" + "tail";
  auto const bytes = close_frame(1000, long_reason)->bytes;
  EXPECT_EQ(bytes.size(), 2U + 2U + 122U);
  EXPECT_EQ(static_cast<unsigned char>(bytes[1]), 124);
}

std::string inflated(std::string_view deflated, int window_bits) {
  std::string input{deflated};
  input += "\x00\x00\xff\xff"s;
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, -window_bits), Z_OK);
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  auto const result = inflate(&stream, Z_SYNC_FLUSH);
  out.resize(out.size() - stream.avail_out);
  inflateEnd(&stream);
  return result == Z_OK || result == Z_BUF_ERROR ? out : "cannot be inflated: " + std::to_string(result);
}

class HubDeflate : public testing::TestWithParam<int> {};
TEST_P(HubDeflate, ComesBackWithAWindowOfThatSize) {
  std::string text;
  for (int i = 0; text.size() < 40'000; ++i)
    text += R"({"entity_id":"light.kitchen_)" + std::to_string(i % 700) + "\"}";
  auto const small = deflated_payload(text, GetParam());
  ASSERT_FALSE(small.empty());
  EXPECT_LT(small.size(), text.size() / 2);
  EXPECT_EQ(inflated(small, GetParam()), text);
  // No state is kept from one message to the next.
  EXPECT_EQ(deflated_payload(text, GetParam()), small);
}
INSTANTIATE_TEST_SUITE_P(Windows, HubDeflate, testing::Values(9, 10, 12, 15));

TEST(HubFrame, WhatDoesNotGetSmallerIsNotDeflated) {
  EXPECT_EQ(deflated_payload(""), "");
  EXPECT_EQ(deflated_payload("abc"), "");
}

// --- the walk

std::string client_frame(unsigned first, std::string_view payload) {
  std::string out{static_cast<char>(first)};
  if (payload.size() < 126) {
    out += static_cast<char>(0x80U | payload.size());
  } else if (payload.size() < 65536) {
    out += static_cast<char>(0x80U | 126U);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 0xFFU);
  } else {
    out += static_cast<char>(0x80U | 127U);
    for (int i = 7; i >= 0; --i) out += static_cast<char>((payload.size() >> (8 * i)) & 0xFFU);
  }
  out += "mask";
  out += payload;
  return out;
}

struct Sum {
  unsigned pings = 0, pongs = 0, closes = 0, fragments = 0;
  friend bool operator==(Sum const&, Sum const&) = default;
};
Sum walked(std::string_view bytes, std::size_t piece) {
  FrameWalk walk;
  Sum sum;
  while (!bytes.empty()) {
    auto const seen = walk.pass(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    sum.pings += seen.pings;
    sum.pongs += seen.pongs;
    sum.closes += seen.close ? 1 : 0;
    sum.fragments = std::max(sum.fragments, seen.most_fragments);
  }
  EXPECT_EQ(walk.remaining(), 0U);
  return sum;
}

class HubFrameWalk : public testing::TestWithParam<std::size_t> {};
TEST_P(HubFrameWalk, CountsWhateverThePiecesAre) {
  std::string bytes;
  bytes += client_frame(0x81, "one");
  bytes += client_frame(0x01, std::string(200, 'a'));
  bytes += client_frame(0x89, "ping");
  bytes += client_frame(0x00, "");
  bytes += client_frame(0x80, std::string(70'000, 'b'));
  bytes += client_frame(0x02, "x");
  bytes += client_frame(0x8a, std::string(125, 'p'));
  bytes += client_frame(0x80, "");
  bytes += client_frame(0x88, "\x03\xe8");
  EXPECT_EQ(walked(bytes, GetParam()), (Sum{1, 1, 1, 3}));
}
INSTANTIATE_TEST_SUITE_P(Pieces, HubFrameWalk, testing::Values(1, 2, 3, 7, 100, 1536, 1'000'000));

}  // namespace
}  // namespace patchbay::hub
