#include "gateway/cli/cli.hpp"

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "core/security/digest.hpp"
#include "gateway/cli/arguments.hpp"
#include "gateway/cli/client.hpp"
#include "gateway/cli/completion.hpp"
#include "gateway/cli/listen.hpp"
#include "gateway/cli/output.hpp"
#include "gateway/cli/serve.hpp"
#include "gateway/configuration.hpp"

namespace patchbay::cli {
namespace {

constexpr int usage_error = 2;

// What all commands that call operations share.
struct Common {
  std::string url;
  std::string config;
  bool local = false;
  bool json = false;

  void add_to(CLI::App& app) {
    app.add_option("--url", url, "Gateway to talk to (default: $PATCHBAY_URL, else http://127.0.0.1:8765)");
    app.add_flag("--local", local, "Run in this process, without a gateway");
    app.add_option("--config", config, "Configuration file, with --local");
    app.add_flag("--json", json, "Print JSON on a terminal too");
  }
  Result<std::unique_ptr<Client>> open() const {
    if (local) {
      GatewayOptions options;
      options.config_file = config;
      return cli::local(std::move(options));
    }
    auto target = find_target(url);
    if (!target) return target.error();
    return connect(std::move(*target));
  }
};

std::atomic<bool> interrupted{false};

struct Described {
  bool streaming = false;
  std::string summary, example;
  Schema args;
};

Result<Described> describe_tool(Client& client, std::string const& tool) {
  auto answer = client.call("system_operations", fmt::format(R"({{"tool":{}}})", json::quoted(tool)));
  if (!answer) return answer.error();
  auto parsed = json::parse(answer->data, json::upstream_limits);
  if (!parsed) return parsed.error();
  auto const* list = json::find(parsed->document, "operations");
  if (list == nullptr || !list->IsArray() || list->Empty())
    return Error{Code::upstream_failed, "the gateway described no operation"};
  auto const& entry = (*list)[0];
  Described out;
  if (auto const* streaming = json::find(entry, "streaming")) out.streaming = streaming->IsTrue();
  out.summary = json::find_text(entry, "summary");
  if (auto const* example = json::find(entry, "example")) out.example = json::to_text(*example);
  if (auto const* schema = json::find(entry, "arguments")) {
    auto compiled = Schema::compile(json::to_text(*schema));
    if (!compiled) return compiled.error();
    out.args = std::move(*compiled);
  }
  return out;
}

int call(Common const& common, std::string const& tool, std::vector<std::string> const& words) {
  auto client = common.open();
  if (!client) return print_error(client.error());
  auto described = describe_tool(**client, tool);
  if (!described) return print_error(described.error());
  if (std::find(words.begin(), words.end(), "--help") != words.end()) {
    fmt::print("{}: {}\n\nusage: patchbay call {} [JSON | @FILE | @- | --key value ...]\n\n{}", tool,
               described->summary, tool, arguments_help(described->args));
    if (!described->example.empty()) fmt::print("\nexample: patchbay call {} '{}'\n", tool, described->example);
    return 0;
  }
  auto args = arguments(words, described->args);
  if (!args) {
    print_error(args.error());
    return usage_error;
  }
  if (!described->streaming) {
    auto answer = (*client)->call(tool, *args);
    if (!answer) return print_error(answer.error());
    if (!answer->message.empty() && is_terminal(STDERR_FILENO)) fmt::print(stderr, "{}\n", answer->message);
    print_data(answer->data, common.json);
    return 0;
  }
  // One line an event; the first Ctrl-C ends the stream in good order.
  std::signal(SIGINT, [](int) {
    if (interrupted.exchange(true)) std::_Exit(130);
  });
  auto print_event = [](std::string_view event, std::string_view data) {
    if (is_terminal(STDOUT_FILENO))
      fmt::print("{} {}\n", event, data);
    else
      fmt::print("{{\"event\":{},\"data\":{}}}\n", json::quoted(event), data);
    std::fflush(stdout);
    return !interrupted.load();
  };
  auto answer = (*client)->stream(tool, *args, print_event);
  if (!answer) return interrupted ? 130 : print_error(answer.error());
  if (is_terminal(STDERR_FILENO)) fmt::print(stderr, "end: {}\n", answer->data);
  return 0;
}

int simple(Common const& common, std::string const& tool, std::string const& args) {
  auto client = common.open();
  if (!client) return print_error(client.error());
  auto answer = (*client)->call(tool, args);
  if (!answer) return print_error(answer.error());
  print_data(answer->data, common.json);
  return 0;
}

int list_operations(Common const& common, std::string const& interface) {
  auto client = common.open();
  if (!client) return print_error(client.error());
  auto const filter = interface.empty() ? std::string{} : fmt::format(R"("interface":{},)", json::quoted(interface));
  auto answer = (*client)->call(
      "system_operations",
      fmt::format(R"({{{}"names_only":{}}})", filter, common.json || !is_terminal(STDOUT_FILENO) ? "false" : "true"));
  if (!answer) return print_error(answer.error());
  auto parsed = json::parse(answer->data, json::upstream_limits);
  if (common.json || !is_terminal(STDOUT_FILENO) || !parsed) {
    print_data(answer->data, true);
    return 0;
  }
  std::string last;
  for (auto const& entry : (*json::find(parsed->document, "operations")).GetArray()) {
    std::string const group{json::find_text(entry, "interface")};
    if (group != last) fmt::print("{}{}\n", last.empty() ? "" : "\n", group);
    last = group;
    fmt::print("  {:<36} {}\n", json::find_text(entry, "tool"), json::find_text(entry, "summary"));
  }
  fmt::print("\npatchbay call TOOL --help shows the arguments of one\n");
  return 0;
}

int describe(Common const& common, std::string const& format) {
  auto client = common.open();
  if (!client) return print_error(client.error());
  auto answer = (*client)->call("system_describe", fmt::format(R"({{"format":{}}})", json::quoted(format)));
  if (!answer) return print_error(answer.error());
  auto parsed = json::parse(answer->data, json::upstream_limits);
  auto const body = parsed ? json::find_text(parsed->document, "body") : std::string_view{};
  std::fwrite(body.data(), 1, body.size(), stdout);
  return 0;
}

int new_token(std::string const& id, std::vector<std::string> const& scopes, bool force_json) {
  auto const token = security::random_url_safe(32);
  auto const sha256 = security::hex(security::sha256(token));
  if (force_json || !is_terminal(STDOUT_FILENO)) {
    fmt::print("{{\"id\":{},\"token\":{},\"sha256\":{}}}\n", json::quoted(id), json::quoted(token),
               json::quoted(sha256));
    return 0;
  }
  fmt::print(
      "token (shown once; give it to the caller):\n  {}\n\nfor the configuration, under security.tokens:\n  - {{id: "
      "{}, sha256: {}, scopes: [{}]}}\n",
      token, id, sha256, fmt::join(scopes, ", "));
  return 0;
}

int check_config(std::string const& file) {
  auto const problems = check_configuration(file);
  for (auto const& problem : problems) fmt::print(stderr, "{}\n", problem);
  if (!problems.empty()) return row_of(Code::invalid_argument).exit_code;
  fmt::print("{}: good\n", file);
  return 0;
}

}  // namespace

int run(int argc, char** argv) {
  CLI::App app{"Patchbay: a gateway of named operations", "patchbay"};
  app.require_subcommand(1);
  app.set_version_flag("--version", Gateway::version());
  app.footer(
      "patchbay COMMAND --help tells more. Exit codes: 0 success, 2 wrong usage, 3 bad input, 4 not allowed, 5 not "
      "found, 6 conflict,\n"
      "7 rate limited, 8 the other side failed, 9 not reachable or not available, 10 out of time, 1 any other error.");

  ServeOptions serve_options;
  auto* serve_command = app.add_subcommand("serve", "Run the gateway");
  serve_command->add_option("--config", serve_options.config, "Configuration file (YAML)");
  serve_command->add_option("--listen", serve_options.listen,
                            "ADDRESS:PORT, instead of server.listen; port 0: any free one. May be repeated");
  serve_command->add_option("--plugins", serve_options.plugin_directory, "Plugin folder, instead of plugins.directory");
  serve_command->add_flag("--insecure", serve_options.insecure,
                          "Allow an address that is not loopback without any token");

  Common common;
  std::string tool;
  auto* call_command =
      app.add_subcommand("call", "Call an operation: patchbay call TOOL [JSON | @FILE | --key value ...]");
  call_command->add_option("TOOL", tool, "Tool name, such as system_health");
  call_command->prefix_command();
  call_command->set_help_flag();  // `call TOOL --help` is about the tool
  call_command->footer(
      "TOOL's own arguments stand after it: patchbay call TOOL --help lists them.\n--url, --local, --config and --json "
      "stand before it.");
  common.add_to(*call_command);

  ListenOptions listen_options;
  auto* listen_command = app.add_subcommand("listen", "Print what is published on a channel of the hub, as it comes");
  listen_command->add_option("CHANNEL", listen_options.channel, "Channel, or prefix such as ha.state.light.*")
      ->required();
  listen_command->add_option("--count", listen_options.count, "Stop after so many events (default: never)")
      ->check(CLI::PositiveNumber);
  listen_command->add_option("--recover", listen_options.recover,
                             "EPOCH:OFFSET of the last event seen: first what was missed since");
  listen_command->add_option("--url", common.url,
                             "Gateway to talk to (default: $PATCHBAY_URL, else http://127.0.0.1:8765)");
  listen_command->add_flag("--json", common.json, "Print JSON on a terminal too");

  std::string interface;
  auto* operations_command = app.add_subcommand("operations", "List the operations");
  operations_command->add_option("INTERFACE", interface, "Only this interface, such as SYSTEM");
  common.add_to(*operations_command);

  std::string format = "openapi";
  auto* describe_command = app.add_subcommand("describe", "Print the OpenAPI document, or the operations as Markdown");
  describe_command->add_option("FORMAT", format, "openapi or markdown")->check(CLI::IsMember({"openapi", "markdown"}));
  common.add_to(*describe_command);

  std::string plugin_action = "list", plugin_name;
  auto* plugins_command =
      app.add_subcommand("plugins", "List the plugins; info, load, replace and unload one; reload-all");
  plugins_command->add_option("ACTION", plugin_action, "list, info, load, replace, unload, reload-all")
      ->check(CLI::IsMember({"list", "info", "load", "replace", "unload", "reload-all"}));
  plugins_command->add_option("NAME", plugin_name, "Plugin name, or file for load and replace");
  common.add_to(*plugins_command);

  auto* token_command = app.add_subcommand("token", "Make tokens");
  token_command->require_subcommand(1);
  std::string token_id = "my-token";
  std::vector<std::string> token_scopes{"ha.read"};
  auto* token_new_command = token_command->add_subcommand(
      "new", "Make a token and the line for the configuration, which holds only its hash");
  token_new_command->add_option("--id", token_id, "Name of the token");
  token_new_command->add_option("--scope", token_scopes, "What it may do, such as ha.read; may be repeated");
  token_new_command->add_flag("--json", common.json, "Print JSON on a terminal too");

  std::string config_file;
  auto* check_command = app.add_subcommand("check-config", "Read a configuration and report all that is wrong with it");
  check_command->add_option("FILE", config_file, "Configuration file")->required();

  std::string shell = "bash";
  auto* completion_command =
      app.add_subcommand("completion", "Print the completions for a shell: source <(patchbay completion bash)");
  completion_command->add_option("SHELL", shell, "bash")->check(CLI::IsMember({"bash"}));

  auto* version_command = app.add_subcommand("version", "Print the version");

  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& error) {
    return app.exit(error) == 0 ? 0 : usage_error;
  }

  if (serve_command->parsed()) return serve(serve_options);
  if (call_command->parsed()) {
    auto const words = call_command->remaining();
    if (tool.empty() || tool == "--help" || tool == "-h") {
      bool const asked = !tool.empty() || std::find(words.begin(), words.end(), "--help") != words.end();
      fmt::print(asked ? stdout : stderr, "{}{}", asked ? "" : "TOOL is missing\n", call_command->help());
      return asked ? 0 : usage_error;
    }
    return call(common, tool, words);
  }
  if (listen_command->parsed()) {
    auto client = common.open();
    if (!client) return print_error(client.error());
    listen_options.json = common.json;
    return listen(**client, listen_options);
  }
  if (operations_command->parsed()) return list_operations(common, interface);
  if (describe_command->parsed()) return describe(common, format);
  if (plugins_command->parsed()) {
    std::replace(plugin_action.begin(), plugin_action.end(), '-', '_');
    auto const by_file = plugin_action == "load" || plugin_action == "replace";
    auto const args = plugin_name.empty()
                          ? std::string{"{}"}
                          : fmt::format(R"({{"{}":{}}})", by_file ? "file" : "name", json::quoted(plugin_name));
    return simple(common, "plugins_" + plugin_action, args);
  }
  if (token_new_command->parsed()) return new_token(token_id, token_scopes, common.json);
  if (check_command->parsed()) return check_config(config_file);
  if (completion_command->parsed()) {
    fmt::print("{}", bash_completion());
    return 0;
  }
  if (version_command->parsed()) fmt::print("patchbay {}\n", Gateway::version());
  return 0;
}

}  // namespace patchbay::cli
