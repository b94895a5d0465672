#include "core/logging/logging.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace patchbay::logging {
namespace {

class LoggingTest : public testing::Test {
 protected:
  LoggingTest() {
    std::string name = (std::filesystem::temp_directory_path() / "patchbay-log-XXXXXX").string();
    ::close(::mkstemp(name.data()));
    file = name;
  }
  ~LoggingTest() override { std::filesystem::remove(file); }

  std::unique_ptr<Logging> make(Format format = Format::text) {
    Settings settings;
    settings.format = format;
    settings.file = file;
    return std::make_unique<Logging>(counters, clock, settings);
  }
  std::vector<std::string> lines(Logging& log) {
    EXPECT_TRUE(log.flush(std::chrono::seconds{10}).has_value());
    std::ifstream in{file};
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }

  Counters counters;
  ManualClock clock;
  std::string file;
};

TEST_F(LoggingTest, TextAndJsonAreOneLineEach) {
  auto log = make();
  log->write(LogLevel::info, "app", "first\nsecond\x1b[31m",
             {{"room", "kitchen"}, {"note", "two words"}, {"ctl", "a\r\nb"}});
  auto text = lines(*log);
  ASSERT_EQ(text.size(), 1U);
  EXPECT_NE(text[0].find("info     app: first\\nsecond"), std::string::npos) << text[0];
  EXPECT_NE(text[0].find("room=kitchen note=\"two words\""), std::string::npos) << text[0];
  EXPECT_EQ(text[0].find('\x1b'), std::string::npos);
  log.reset();

  log = make(Format::json);
  log->write(LogLevel::error, "app", "broken \xff \"quoted\"\n", {{"code", "internal"}});
  auto const all = lines(*log);
  auto parsed = json::parse(all.back());
  ASSERT_TRUE(parsed.has_value()) << all.back();
  EXPECT_EQ(json::find_text(parsed->document, "level"), "error");
  EXPECT_EQ(json::find_text(*json::find(parsed->document, "fields"), "code"), "internal");
}

TEST_F(LoggingTest, SecretsNeverAppear) {
  auto log = make();
  log->set_secrets({"s3cr3t-value", "short"});
  log->write(LogLevel::info, "app", "token s3cr3t-value and Bearer abcdefghijkl",
             {{"password", "hunter22"}, {"url", "http://x/?access_token=abcdef"}, {"free", "xs3cr3t-valuey"}});
  log->write(LogLevel::error, "app", "failed with s3cr3t-value");
  auto const all = lines(*log);
  for (auto const& line : all)
    for (auto const* secret : {"s3cr3t-value", "abcdefghijkl", "hunter22", "abcdef"})
      EXPECT_EQ(line.find(secret), std::string::npos) << line;
  for (auto const& error : log->recent_errors({}).errors) EXPECT_EQ(error.message.find("s3cr3t"), std::string::npos);
}

TEST_F(LoggingTest, FieldsAndLinesAreBounded) {
  for (auto format : {Format::text, Format::json}) {
    auto log = make(format);
    std::string const big(100'000, 'x');
    std::vector<LogField> fields;
    for (int i = 0; i < 50; ++i) fields.emplace_back("field", big);
    log->write(LogLevel::info, "app", big, fields);
    EXPECT_LE(lines(*log).back().size(), line_bytes + 600);
  }
}

TEST_F(LoggingTest, LevelsByPrefixAndForATime) {
  auto log = make();
  EXPECT_FALSE(log->enabled(LogLevel::debug, "hub.session"));
  EXPECT_EQ(log->set_level({"hub", LogLevel::debug, 60'000})->previous, LogLevel::info);
  EXPECT_TRUE(log->enabled(LogLevel::debug, "hub.session"));
  EXPECT_FALSE(log->enabled(LogLevel::debug, "hubbub"));
  log->set_level({"hub.session", LogLevel::error, 0});
  EXPECT_FALSE(log->enabled(LogLevel::warning, "hub.session"));
  clock.advance(std::chrono::seconds{61});
  EXPECT_FALSE(log->enabled(LogLevel::debug, "hub"));
  EXPECT_FALSE(log->enabled(LogLevel::warning, "hub.session"));
  log->set_level({"*", LogLevel::off, 0});
  EXPECT_FALSE(log->enabled(LogLevel::critical, "app"));
  EXPECT_EQ(log->get_levels().at("*"), "off");
  EXPECT_EQ(log->set_level({"audit", LogLevel::warning, 0}).error().code, Code::forbidden);
}

TEST_F(LoggingTest, AFloodIsHeldBackAndCounted) {
  auto log = make();
  for (int i = 0; i < 1000; ++i) log->write(LogLevel::info, "app", "again");
  for (int i = 0; i < 100; ++i) log->write(LogLevel::info, "audit", "again");
  EXPECT_EQ(log->stats().dropped_rate, 1000 - RateLimit::lines);
  clock.advance(RateLimit::window + std::chrono::seconds{1});
  log->write(LogLevel::info, "app", "something else");
  auto const all = lines(*log);
  EXPECT_EQ(all.size(), RateLimit::lines + 100 + 2);
  EXPECT_NE(all[all.size() - 2].find("suppressed 950 lines like: again"), std::string::npos) << all[all.size() - 2];
}

TEST_F(LoggingTest, RecentErrorsAreCountedTogether) {
  auto log = make();
  for (int i = 0; i < 3; ++i) log->write(LogLevel::error, "app", "disk full", {{"code", "unavailable"}});
  log->write(LogLevel::critical, "app", "worse");
  auto const errors = log->recent_errors({}).errors;
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[0].message, "worse");
  EXPECT_EQ(errors[1].count, 3U);
  EXPECT_EQ(errors[1].code, "unavailable");
  EXPECT_EQ(log->recent_errors({1}).errors.size(), 1U);
}

TEST_F(LoggingTest, ATailSeesLinesAsJsonUntilItIsReleased) {
  auto log = make();
  std::vector<std::string> seen;
  auto tail = log->tail(LogLevel::warning, [&](std::string_view line) { seen.emplace_back(line); });
  log->write(LogLevel::info, "app", "below");
  log->write(LogLevel::warning, "app", "above");
  tail.reset();
  log->write(LogLevel::warning, "app", "after");
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(json::find_text(json::parse(seen[0])->document, "message"), "above");
}

TEST_F(LoggingTest, AFullDiskFailsNobody) {
  Settings settings;
  settings.file = "/dev/full";
  Logging log{counters, clock, settings};
  for (int i = 0; i < 10; ++i) log.write(LogLevel::info, "app", std::to_string(i));
  EXPECT_TRUE(log.flush(std::chrono::seconds{10}).has_value());
  EXPECT_EQ(log.stats().dropped_overflow, 10U);
}

TEST_F(LoggingTest, AFileThatCannotBeOpenedIsRefusedAndTheOldOneGoesOn) {
  auto log = make();
  Settings settings;
  settings.file = "/does/not/exist/log";
  EXPECT_EQ(log->apply(settings).error().code, Code::invalid_argument);
  log->write(LogLevel::info, "app", "still here");
  EXPECT_EQ(lines(*log).size(), 1U);
}

TEST_F(LoggingTest, WritesAfterShutdownAndFromManyThreads) {
  auto log = make();
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i) log->write(LogLevel::info, "app", std::to_string(t * 1000 + i));
      if (t == 7) log->shutdown();
    });
  for (auto& thread : threads) thread.join();
  log->write(LogLevel::info, "app", "the last word");
  auto const all = lines(*log);
  EXPECT_EQ(all.size(), 16U * 40 + 1);
  EXPECT_NE(all.back().find("the last word"), std::string::npos);
}

TEST_F(LoggingTest, OperationsWriteTheirFields) {
  auto log = make();
  Call call{host_principal()};
  LogArgs args;
  args.message = "hello";
  args.fields = RawJson{R"({"n":1,"token":"abcdefgh","list":[1,2]})"};
  EXPECT_TRUE(log->log(call, args).written);
  OperationArgs operation;
  operation.name = "backup";
  operation.duration_ms = 2.5;
  operation.error = LoggedError{"unavailable", "disk full"};
  log->operation_failure(operation);
  auto const all = lines(*log);
  EXPECT_NE(all[0].find("n=1"), std::string::npos) << all[0];
  EXPECT_NE(all[0].find("list=[1,2]"), std::string::npos) << all[0];
  EXPECT_EQ(all[0].find("abcdefgh"), std::string::npos) << all[0];
  EXPECT_NE(all[1].find("operation=backup duration_ms=2.500 code=unavailable reason=\"disk full\""), std::string::npos)
      << all[1];
}

}  // namespace
}  // namespace patchbay::logging
