// One message as the frames that its receivers share.
#include <gtest/gtest.h>
#include <zlib.h>

#include "core/base/json.hpp"
#include "tests/core/hub/fake_connection.hpp"

namespace patchbay::hub {
namespace {

using test::payload_of;

WallTime at() { return WallTime{std::chrono::milliseconds{1'703'001'234'056}}; }

std::string encoded(Message message, Form form) {
  message.time = at();
  encode(message, 0);
  auto const& frame = message.frame(form);
  return frame ? payload_of(frame->bytes) : "";
}

TEST(HubEncode, Publication) {
  Message message;
  message.channel = "missions";
  message.event = "mission_created";
  message.data = R"({"mission_id": "7"})";
  EXPECT_EQ(encoded(message, Form::channel),
            R"({"type":"mission_created","channel":"missions","data":{"mission_id": "7"},"timestamp":1703001234.056})");
  EXPECT_EQ(encoded(message, Form::user), "");
  message.at = {"e", 41};
  message.message_id = "0-1";
  message.ack = true;
  EXPECT_EQ(encoded(message, Form::channel),
            R"({"type":"mission_created","channel":"missions","data":{"mission_id": "7"},"timestamp":1703001234.056,)"
            R"("offset":41,"message_id":"0-1","ack":true})");
}

TEST(HubEncode, EventNamesAreEscaped) {
  Message message;
  message.channel = "c";
  message.event = "a\"b\n\xC3\xBC";
  EXPECT_EQ(encoded(message, Form::channel),
            "{\"type\":\"a\\\"b\\n\xC3\xBC\",\"channel\":\"c\",\"data\":null,\"timestamp\":1703001234.056}");
}

TEST(HubEncode, DirectMessagesKeepTheirFields) {
  Message message;
  message.data = R"({ "type":"task_update" , "action":"created","data":{"task_id":"abc"} })";
  EXPECT_EQ(
      encoded(message, Form::user),
      R"({"type":"task_update","action":"created","data":{"task_id":"abc"},"timestamp":"2023-12-19T15:53:54.056Z"})");
  EXPECT_EQ(encoded(message, Form::channel),
            R"({"type":"task_update","action":"created","data":{"task_id":"abc"},"timestamp":1703001234.056})");
  message.data = R"({"timestamp":"yesterday","type":"x"})";
  EXPECT_EQ(encoded(message, Form::user), R"({"timestamp":"yesterday","type":"x"})");
  message.data = "{}";
  EXPECT_EQ(encoded(message, Form::channel), R"({"timestamp":1703001234.056})");
}

TEST(HubEncode, ReceiptsAreOurs) {
  Message message;
  message.data = R"({"type":"x","message_id":"theirs","ack":false})";
  EXPECT_EQ(encoded(message, Form::channel),
            R"({"type":"x","message_id":"theirs","ack":false,"timestamp":1703001234.056})");
  message.message_id = "ours";
  message.ack = true;
  EXPECT_EQ(encoded(message, Form::channel),
            R"({"type":"x","timestamp":1703001234.056,"message_id":"ours","ack":true})");
}

TEST(HubEncode, AnnouncementsHaveTheirMessageOnTopForUsers) {
  Message message;
  message.data = R"({"type":"system_announcement","data":{"message":"Back at \"noon\""}})";
  EXPECT_EQ(encoded(message, Form::user),
            R"({"type":"system_announcement","data":{"message":"Back at \"noon\""},"message":"Back at \"noon\"",)"
            R"("timestamp":"2023-12-19T15:53:54.056Z"})");
  EXPECT_EQ(encoded(message, Form::channel),
            R"({"type":"system_announcement","data":{"message":"Back at \"noon\""},"timestamp":1703001234.056})");
  message.data = R"({"type":"system_announcement","message":"given","data":{"message":"x"},"timestamp":1})";
  EXPECT_EQ(encoded(message, Form::user), message.data);
  message.data = R"({"type":"notification","data":{"message":"x"},"timestamp":1})";
  EXPECT_EQ(encoded(message, Form::user), message.data);
}

TEST(HubEncode, AnythingElseIsWrapped) {
  Message message;
  message.data = "[1,2]";
  EXPECT_EQ(encoded(message, Form::channel), R"({"type":"message","data":[1,2],"timestamp":1703001234.056})");
}

TEST(HubEncode, CompressedOnceFromTheThresholdOn) {
  Message message;
  message.channel = "c";
  message.event = "e";
  message.time = at();
  message.data = json::quoted(std::string(2000, 'a'));
  encode(message, 100'000);
  EXPECT_EQ(message.frame(Form::channel)->deflated, "");
  encode(message, 1000);
  auto const& frame = *message.frame(Form::channel);
  ASSERT_FALSE(frame.deflated.empty());
  EXPECT_EQ(static_cast<unsigned char>(frame.deflated[0]), 0xC1);  // FIN, RSV1, text
  auto packed = payload_of(frame.deflated) + std::string{"\x00\x00\xff\xff", 4};
  std::string plain(10'000, '\0');
  z_stream stream{};
  ASSERT_EQ(inflateInit2(&stream, -15), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  ASSERT_EQ(inflate(&stream, Z_SYNC_FLUSH), Z_OK);
  plain.resize(plain.size() - stream.avail_out);
  inflateEnd(&stream);
  EXPECT_EQ(plain, payload_of(frame.bytes));
}

TEST(HubEncode, FramesCarryWhatSessionsMeasure) {
  Message message;
  message.data = "{}";
  message.message_id = "0-9";
  message.made = SteadyTime{std::chrono::seconds{5}};
  encode(message, 0);
  for (auto const form : {Form::channel, Form::user}) {
    EXPECT_EQ(message.frame(form)->message_id, "0-9");
    EXPECT_EQ(message.frame(form)->made, message.made);
  }
}

}  // namespace
}  // namespace patchbay::hub
