#include "gateway/cli/listen.hpp"

#include <fmt/chrono.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <ctime>

#include "gateway/cli/output.hpp"

namespace patchbay::cli {
namespace {

// "missions: since 8d0f3a1c:41, what was missed follows"
void tell_where_it_began(json::Parsed const& subscribed) {
  auto const channel = json::find_text(subscribed.document, "channel");
  auto const epoch = json::find_text(subscribed.document, "epoch");
  auto const* recovered = json::find(subscribed.document, "recovered");
  std::string text{channel};
  text += epoch.empty() ? std::string{": listening"}
                        : fmt::format(": listening, now at {}:{}", epoch, subscribed.member_text("offset"));
  if (recovered != nullptr) text += recovered->IsTrue() ? "; what was missed follows" : "; what was missed is gone";
  fmt::print(stderr, "{}\n", text);
}

void print_readable(std::string_view event, std::string_view line, json::Parsed const& parsed) {
  auto data = parsed.member_text("data");
  fmt::print("{:%H:%M:%S}  {}  {}  {}\n", fmt::localtime(std::time(nullptr)),
             json::find_text(parsed.document, "channel"), event, data.empty() ? line : data);
}

}  // namespace

Result<std::string> listen_arguments(ListenOptions const& options) {
  auto out = fmt::format(R"({{"channel":{})", json::quoted(options.channel));
  if (!options.recover.empty()) {
    auto const colon = options.recover.rfind(':');
    std::uint64_t offset = 0;
    auto const* const end = options.recover.data() + options.recover.size();
    auto const begin = colon == std::string::npos ? end : options.recover.data() + colon + 1;
    auto const [stopped, error] = std::from_chars(begin, end, offset);
    if (colon == 0 || begin == end || error != std::errc{} || stopped != end)
      return Error{Code::invalid_argument,
                   fmt::format("--recover takes EPOCH:OFFSET, such as 8d0f3a1c:41, and not \"{}\"", options.recover)};
    out +=
        fmt::format(R"(,"recover":{{"epoch":{},"offset":{}}})", json::quoted(options.recover.substr(0, colon)), offset);
  }
  return out + '}';
}

int listen(Client& client, ListenOptions const& options) {
  auto const args = listen_arguments(options);
  if (!args) {
    print_error(args.error());
    return 2;
  }
  bool const readable = is_terminal(STDOUT_FILENO) && !options.json;
  std::uint64_t seen = 0;
  auto on_event = [&](std::string_view event, std::string_view data) {
    auto const parsed = json::parse(data, json::upstream_limits);
    if (event == "subscribed" && parsed && json::find(parsed->document, "type") == nullptr) {
      tell_where_it_began(*parsed);
      return true;
    }
    if (readable && parsed)
      print_readable(event, data, *parsed);
    else
      fmt::print("{}\n", data);
    // Whoever reads this may have gone.
    return std::fflush(stdout) == 0 && (options.count == 0 || ++seen < options.count);
  };
  auto const answer = client.stream("hub_subscribe", *args, on_event);
  return answer ? 0 : print_error(answer.error());
}

}  // namespace patchbay::cli
