// The hub's wrappers and emitters on a gateway without a listener: what each of them publishes, read from the history.
#include "gateway/hub_wrappers.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace patchbay {
namespace {

class HubWrappers : public testing::Test {
 protected:
  HubWrappers() {
    std::ofstream{file} << "hub: {namespaces: [{pattern: '*', history: {size: 100, ttl_s: 600}}]}\n"
                           "logging: {level: 'off'}\n"
                           "server: {shards: 2}\n";
    GatewayOptions options;
    options.config_file = file;
    options.plugins = false;
    gateway = std::make_unique<Gateway>(std::move(options));
    gateway->start().value();
  }
  ~HubWrappers() override {
    gateway.reset();
    std::filesystem::remove(file);
  }
  // The newest on a channel, as "type data".
  std::string newest(std::string channel) {
    auto page = gateway->call(hub::get_history, {.channel = std::move(channel), .limit = 1});
    if (!page || page->messages.empty()) return page ? "nothing" : page.error().message;
    return page->messages[0].event + " " + page->messages[0].data.text;
  }
  std::string const file = testing::TempDir() + "hub_wrappers_" + std::to_string(::getpid()) + ".yaml";
  std::unique_ptr<Gateway> gateway;
};

struct Row {
  char const* name;
  std::function<Emitted(Gateway&)> emit;
  char const* channel;
  char const* newest;
};

TEST_F(HubWrappers, EachEmitterSendsItsTypeAndData) {
  std::vector<Row> const rows{
      {"mission_created", [](Gateway& g) { return emit_mission_created(g, "7", R"({"n":1})"); }, "missions",
       R"(mission_created {"mission_id":"7","mission_data":{"n":1}})"},
      {"mission_started", [](Gateway& g) { return emit_mission_started(g, "7"); }, "missions",
       R"(mission_started {"mission_id":"7"})"},
      {"mission_completed", [](Gateway& g) { return emit_mission_completed(g, "7", "[1]"); }, "missions",
       R"(mission_completed {"mission_id":"7","result":[1]})"},
      {"mission_failed", [](Gateway& g) { return emit_mission_failed(g, "7", "it \"broke\""); }, "missions",
       R"(mission_failed {"mission_id":"7","error":"it \"broke\""})"},
      {"agent_started", [](Gateway& g) { return emit_agent_started(g, "a"); }, "agents",
       R"(agent_started {"agent_id":"a"})"},
      {"agent_stopped", [](Gateway& g) { return emit_agent_stopped(g, "a"); }, "agents",
       R"(agent_stopped {"agent_id":"a"})"},
      {"agent_heartbeat", [](Gateway& g) { return emit_agent_heartbeat(g, "a", "busy"); }, "agents",
       R"(agent_heartbeat {"agent_id":"a","status":"busy"})"},
      {"agent_error", [](Gateway& g) { return emit_agent_error(g, "a", "e"); }, "agents",
       R"(agent_error {"agent_id":"a","error":"e"})"},
      {"system_startup", [](Gateway& g) { return emit_system_startup(g); }, "system", "system_startup {}"},
      {"system_shutdown", [](Gateway& g) { return emit_system_shutdown(g); }, "system", "system_shutdown {}"},
      {"system_health", [](Gateway& g) { return emit_system_health(g, R"({"status":"ok"})"); }, "system",
       R"(system_health {"status":"ok"})"},
      {"system_alert", [](Gateway& g) { return emit_system_alert(g, "warning", "m", R"({"d":1})"); }, "system",
       R"(system_alert {"level":"warning","message":"m","details":{"d":1}})"},
      {"task_queued", [](Gateway& g) { return emit_task_queued(g, "1", "t"); }, "tasks",
       R"(task_queued {"task_id":"1","task_name":"t"})"},
      {"task_started", [](Gateway& g) { return emit_task_started(g, "1", "t"); }, "tasks",
       R"(task_started {"task_id":"1","task_name":"t"})"},
      {"task_completed", [](Gateway& g) { return emit_task_completed(g, "1", "t", "3"); }, "tasks",
       R"(task_completed {"task_id":"1","task_name":"t","result":3})"},
      {"task_failed", [](Gateway& g) { return emit_task_failed(g, "1", "t", "e"); }, "tasks",
       R"(task_failed {"task_id":"1","task_name":"t","error":"e"})"},
      {"audit_log", [](Gateway& g) { return emit_audit_log(g, "w", "o", "write", "ok", "t"); }, "audit",
       R"(audit_log {"who":"w","operation":"o","effect":"write","outcome":"ok","trace":"t"})"},
      {"metrics_update", [](Gateway& g) { return emit_metrics_update(g, "{}", "{}", R"({"p50":1})"); }, "metrics",
       R"(metrics_update {"connections":{},"rates":{},"latencies":{"p50":1}})"},
      {"event", [](Gateway& g) { return emit_event(g, "mine", "own", "[true]"); }, "mine", "own [true]"}};
  for (auto const& row : rows) {
    auto const done = row.emit(*gateway);
    ASSERT_TRUE(done) << row.name << ": " << done.error().message;
    EXPECT_EQ(*done, 0U);
    EXPECT_EQ(newest(row.channel), row.newest);
  }
}

TEST_F(HubWrappers, WhatIsNotJsonIsRefused) {
  EXPECT_EQ(emit_mission_created(*gateway, "7", "{").error().code, Code::invalid_argument);
  EXPECT_EQ(emit_mission_created(*gateway, "7", "{").error().pointer, "/mission_data");
  EXPECT_EQ(hub_publish(*gateway, "c", "nothing").error().code, Code::invalid_argument);
  EXPECT_EQ(hub_broadcast(*gateway, "x").error().code, Code::invalid_argument);
  EXPECT_EQ(emit_event(*gateway, "missions", "task_queued", "{}").error().code, Code::invalid_argument);
  EXPECT_EQ(newest("missions"), "nothing");
}

TEST_F(HubWrappers, SendAndPublish) {
  auto const done = hub_publish(*gateway, "c", R"({"a":1})", "note", true, "key");
  ASSERT_TRUE(done);
  EXPECT_EQ(done->offset, 1U);
  EXPECT_EQ(hub_publish(*gateway, "c", R"({"a":1})", "note", true, "key")->message_id, done->message_id);
  EXPECT_EQ(newest("c"), R"(note {"a":1})");
  EXPECT_EQ(hub_send_to_user(*gateway, "anna", R"({"type":"note"})")->connections, 0U);
  EXPECT_EQ(*hub_send_to_chat(*gateway, "w", "a", "c", R"({"type":"note"})"), 0U);
  EXPECT_EQ(*hub_broadcast(*gateway, R"({"type":"note"})"), 0U);
}

}  // namespace
}  // namespace patchbay
