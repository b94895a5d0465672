// hub_load: many WebSocket clients in one thread, for measuring a server that pushes messages.
//
//   hub_load --port 8765 --path /ws/connect --connections 1000 --publishers 1 --size 128 --seconds 5 --pid 4711
//
// Epoll and framing of its own, one read of up to 256 KiB a wake-up, payloads counted and not looked at, so that it is
// not the bottleneck: its own CPU share stands in the result. Modes:
//   fanout   all connections subscribe; each publisher sends its next message when the last one is acknowledged, or
//   with
//            --wait once everyone has got it
//   echo     every connection sends its next message when the last one has come back
//   connect  connects and subscribes all, as many at a time as --window, and leaves them open
//   follow   all connections subscribe to --channel; "ready" is printed then. On SIGTERM: what came, and whether it
//   came
//            to each of them alike and without a gap in the offsets
// Prints one JSON object. Exit code 1 when a connection failed.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string mode = "fanout", path = "/ws/connect", token, channel = "bench";
  unsigned short port = 0;
  int connections = 1000, publishers = 1, window = 100, pid = 0, unread = 0;
  std::size_t size = 128;
  double seconds = 5;
  bool wait = false;
};

[[noreturn]] void die(std::string const& what) {
  std::cerr << "hub_load: " << what << '\n';
  std::exit(1);
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// User and system time of another process.
double cpu_seconds(int pid) {
  if (pid == 0) return 0;
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  auto at = text.rfind(')');
  double user = 0, system = 0;
  if (at != std::string::npos) {
    std::istringstream fields{text.substr(at + 2)};
    std::string skip;
    for (int i = 0; i < 11; ++i) fields >> skip;
    fields >> user >> system;
  }
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double own_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto const of = [](timeval const& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

std::size_t resident_bytes(int pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/statm"};
  std::size_t size = 0, pages = 0;
  file >> size >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGE_SIZE));
}

// The most that it was since the last reset (proc(5): VmHWM, clear_refs).
std::size_t peak_bytes(int pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/status"};
  for (std::string word; file >> word;)
    if (std::size_t kib = 0; word == "VmHWM:" && file >> kib) return kib * 1024;
  return 0;
}
void reset_peak(int pid) { std::ofstream{"/proc/" + std::to_string(pid) + "/clear_refs"} << 5; }

// A client's frame with a mask of zeros (RFC 6455, 5.3, asks for a random one; the server cannot tell).
std::string masked_text(std::string_view payload) {
  std::string out{'\x81'};
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | payload.size());
  } else if (payload.size() < 65536) {
    out += '\xFE';
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size());
  } else {
    out += '\xFF';
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift);
  }
  out.append(4, '\0');
  out += payload;
  return out;
}

struct Connection {
  enum class State { connecting, handshake, open, subscribing, ready } state = State::connecting;
  int descriptor = -1;
  bool reads = true;
  bool publishes = false;
  std::string pending;     // bytes of an incomplete header, or of the handshake
  std::uint64_t skip = 0;  // of the payload at hand
  std::string head;        // its beginning: enough to tell a reply from an event
  std::uint64_t head_left = 0;
  bool last = true;  // frame of its message (FIN)
  Clock::time_point sent{};
  std::uint64_t messages = 0, offset = 0, digest = 0;  // of one that follows
};

volatile std::sig_atomic_t ending = 0;

class Load {
 public:
  explicit Load(Options options) : options_(std::move(options)), epoll_(::epoll_create1(0)), buffer_(256 << 10) {
    std::string filler(options_.size, 'x');
    publish_ = masked_text(R"({"type":"publish","channel":"bench","event":"note","data":")" + filler + "\"}");
    echo_ = masked_text(filler);
    subscribe_ = masked_text(R"({"type":"subscribe","channel":")" + options_.channel + "\"}");
  }

  int run() {
    auto const before = options_.pid != 0 ? resident_bytes(options_.pid) : 0;
    auto const started = Clock::now();
    connect_all();
    auto const connect_seconds = seconds_since(started);
    if (options_.mode == "connect") {
      settle();
      auto const after = options_.pid != 0 ? resident_bytes(options_.pid) : 0;
      std::cout << "{\"connections\":" << ready_ << ",\"seconds\":" << connect_seconds
                << ",\"per_second\":" << ready_ / connect_seconds << ",\"bytes_per_connection\":"
                << (static_cast<double>(after) - static_cast<double>(before)) / std::max(1, ready_)
                << ",\"failed\":" << failed_ << "}\n";
      return failed_ == 0 ? 0 : 1;
    }
    if (options_.mode == "follow") return follow();
    if (options_.pid != 0) {
      reset_peak(options_.pid);
      at_rest_ = resident_bytes(options_.pid);
    }
    measure(0.5);  // warm
    reset();
    auto const server = cpu_seconds(options_.pid), own = own_cpu_seconds();
    auto const begin = Clock::now();
    measure(options_.seconds);
    auto const took = seconds_since(begin);
    print(took, cpu_seconds(options_.pid) - server, own_cpu_seconds() - own);
    return failed_ == 0 ? 0 : 1;
  }

 private:
  bool follows() const { return options_.mode == "follow"; }
  bool fans_out() const { return options_.mode == "fanout"; }

  void connect_all() {
    auto const total = options_.connections + (fans_out() ? options_.publishers : 0) + options_.unread;
    connections_.resize(static_cast<std::size_t>(total));
    int opened = 0;
    auto const limit = Clock::now() + std::chrono::seconds{120};
    while (ready_ + failed_ < total) {
      while (opened < total && opened - ready_ - failed_ < options_.window) begin(opened++);
      poll(100);
      if (Clock::now() > limit) die("only " + std::to_string(ready_) + " connections within 120 s");
    }
    if (failed_ > 0) die(std::to_string(failed_) + " connections failed");
    // The connections that never read are subscribed; from now on they are left alone.
    for (int i = 0; i < options_.unread; ++i) {
      auto& one = connections_[static_cast<std::size_t>(options_.connections + i)];
      one.reads = false;
      ::epoll_ctl(epoll_, EPOLL_CTL_DEL, one.descriptor, nullptr);
    }
  }

  void begin(int index) {
    auto& one = connections_[static_cast<std::size_t>(index)];
    one.publishes = fans_out() && index >= options_.connections + options_.unread;
    one.descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (one.descriptor < 0) die(std::string{"no socket: "} + std::strerror(errno));
    int yes = 1;
    ::setsockopt(one.descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (index >= options_.connections && index < options_.connections + options_.unread) {
      int small = 4096;
      ::setsockopt(one.descriptor, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(one.descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS)
      return fail(one, std::strerror(errno));
    epoll_event event{};
    event.events = EPOLLOUT;
    event.data.u32 = static_cast<std::uint32_t>(index);
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, one.descriptor, &event);
  }

  void fail(Connection& one, std::string const& why) {
    if (failed_++ < 3) std::cerr << "hub_load: a connection failed: " << why << '\n';
    if (one.descriptor >= 0) ::close(one.descriptor);
    one.descriptor = -1;
  }

  void send(Connection& one, std::string const& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      auto const count = ::send(one.descriptor, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count > 0) {
        sent += static_cast<std::size_t>(count);
      } else if (errno == EAGAIN) {
        ::usleep(50);  // its socket is full: rare, and only on the way in
      } else {
        return fail(one, std::strerror(errno));
      }
    }
  }
  void poll(int timeout_ms) {
    std::array<epoll_event, 512> events;
    auto const count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
    for (int i = 0; i < count; ++i) {
      auto const index = events[static_cast<std::size_t>(i)].data.u32;
      auto& one = connections_[index];
      if (one.descriptor < 0) continue;
      if (one.state == Connection::State::connecting)
        connected(one, index);
      else
        readable(one);
    }
  }

  void connected(Connection& one, std::uint32_t index) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(one.descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail(one, std::strerror(error));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = index;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, one.descriptor, &event);
    one.state = Connection::State::handshake;
    std::string request = "GET " + options_.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options_.port) +
                          "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    if (!options_.token.empty()) request += "Authorization: Bearer " + options_.token + "\r\n";
    send(one, request + "\r\n");
  }

  void readable(Connection& one) {
    auto const count = ::recv(one.descriptor, buffer_.data(), buffer_.size(), 0);
    if (count <= 0) {
      if (count < 0 && errno == EAGAIN) return;
      return fail(one, count == 0 ? "closed by the server" : std::strerror(errno));
    }
    std::string_view bytes{buffer_.data(), static_cast<std::size_t>(count)};
    if (one.state == Connection::State::handshake) {
      one.pending += bytes;
      auto const end = one.pending.find("\r\n\r\n");
      if (end == std::string::npos) return;
      if (!one.pending.starts_with("HTTP/1.1 101")) return fail(one, one.pending.substr(0, one.pending.find('\r')));
      std::string const rest = one.pending.substr(end + 4);
      one.pending.clear();
      opened(one);
      frames(one, rest);
      return;
    }
    frames(one, bytes);
  }

  void opened(Connection& one) {
    if (options_.mode == "echo" || one.publishes) {
      one.state = Connection::State::ready;
      ++ready_;
      return;
    }
    one.state = Connection::State::subscribing;
    send(one, subscribe_);
  }

  // Takes headers apart and steps over payloads.
  void frames(Connection& one, std::string_view bytes) {
    while (!bytes.empty()) {
      if (one.skip > 0) {
        auto const piece = static_cast<std::size_t>(std::min<std::uint64_t>(one.skip, bytes.size()));
        if (one.head_left > 0) {
          auto const keep = static_cast<std::size_t>(std::min<std::uint64_t>(one.head_left, piece));
          one.head += bytes.substr(0, keep);
          one.head_left -= keep;
        }
        one.skip -= piece;
        bytes.remove_prefix(piece);
        if (one.skip == 0) whole(one);
        continue;
      }
      std::string_view header = bytes;
      if (!one.pending.empty()) {
        one.pending += bytes.substr(0, 14);
        header = one.pending;
      }
      std::size_t need = 2;
      if (header.size() >= 2) {
        auto const length = static_cast<unsigned char>(header[1]) & 0x7F;
        need = length == 126 ? 4 : length == 127 ? 10 : 2;
      }
      if (header.size() < need) {
        if (one.pending.empty()) one.pending = bytes;
        return;
      }
      auto const already = one.pending.empty() ? 0 : one.pending.size() - std::min<std::size_t>(bytes.size(), 14);
      std::uint64_t length = static_cast<unsigned char>(header[1]) & 0x7F;
      if (length >= 126) {
        length = 0;
        for (std::size_t i = 2; i < need; ++i) length = length << 8 | static_cast<unsigned char>(header[i]);
      }
      auto const opcode = header[0] & 0x0F;
      one.last = (header[0] & 0x80) != 0;
      if (opcode == 8) return fail(one, "the server sent a close frame");
      bytes.remove_prefix(need - already);
      one.pending.clear();
      one.head.clear();
      one.skip = length;
      one.head_left = follows() ? length : one.publishes || one.state != Connection::State::ready ? 32 : 0;
      if (length == 0) whole(one);
    }
  }

  void whole(Connection& one) {
    if (!one.last) return;  // a message may come in fragments
    if (one.state == Connection::State::subscribing) {
      if (one.head.find("subscribed") == std::string::npos) return;  // the welcome
      one.state = Connection::State::ready;
      ++ready_;
      return;
    }
    if (one.state != Connection::State::ready) return;
    if (follows()) return followed(one);
    if (options_.mode == "echo") {
      if (one.sent == Clock::time_point{}) return;
      ++deliveries_;
      note(std::exchange(one.sent, Clock::now()));
      if (running_) send(one, echo_);
      return;
    }
    if (!one.publishes) {
      ++deliveries_;
      if (options_.wait && ++got_ == options_.connections) {
        note(published_at_);
        delivered_ = true;
        next();
      }
      return;
    }
    if (one.head.find("published") == std::string::npos) return;
    if (options_.wait) {
      acknowledged_ = true;
      return next();
    }
    note(one.sent);
    if (running_) {
      one.sent = Clock::now();
      send(one, publish_);
    }
  }

  // Offsets of a channel go up by one; the same messages give the same digest.
  void followed(Connection& one) {
    static constexpr std::string_view name = R"("offset":)";
    auto const at = one.head.rfind(name);
    if (at == std::string::npos) return;  // a heartbeat
    std::uint64_t offset = 0;
    std::from_chars(one.head.data() + at + name.size(), one.head.data() + one.head.size(), offset);
    if (one.messages != 0 && offset != one.offset + 1) ++out_of_order_;
    one.offset = offset;
    ++one.messages;
    one.digest = one.digest * 31 + std::hash<std::string>{}(one.head);
  }
  int follow() {
    std::signal(SIGTERM, [](int) { ending = 1; });
    std::cout << "ready" << std::endl;
    auto const own = own_cpu_seconds();
    auto const begin = Clock::now();
    while (ending == 0 && failed_ == 0) poll(50);
    auto const took = seconds_since(begin);
    settle();
    auto const& first = connections_.front();
    auto const alike = std::count_if(connections_.begin(), connections_.end(), [&](Connection const& one) {
      return one.messages == first.messages && one.offset == first.offset && one.digest == first.digest;
    });
    std::cout << "{\"connections\":" << ready_ << ",\"alike\":" << alike << ",\"messages\":" << first.messages
              << ",\"out_of_order\":" << out_of_order_ << ",\"seconds\":" << took
              << ",\"driver_cpu_share\":" << (own_cpu_seconds() - own) / took << ",\"failed\":" << failed_ << "}\n";
    return failed_ == 0 && out_of_order_ == 0 && alike == ready_ ? 0 : 1;
  }

  // The one publisher that waits for everybody.
  void next() {
    if (!acknowledged_ || !delivered_ || !running_) return;
    acknowledged_ = delivered_ = false;
    got_ = 0;
    published_at_ = Clock::now();
    send(connections_.back(), publish_);
  }

  void note(Clock::time_point since) {
    ++messages_;
    latencies_.push_back(std::chrono::duration<float, std::milli>(Clock::now() - since).count());
  }

  void measure(double seconds) {
    running_ = true;
    if (options_.mode == "echo") {
      for (auto& one : connections_) {
        one.sent = Clock::now();
        send(one, echo_);
      }
    } else if (options_.wait) {
      acknowledged_ = delivered_ = true;
      next();
    } else {
      for (auto& one : connections_)
        if (one.publishes) {
          one.sent = Clock::now();
          send(one, publish_);
        }
    }
    auto const end = Clock::now() + std::chrono::duration<double>(seconds);
    while (Clock::now() < end && failed_ == 0) poll(10);
    running_ = false;
  }

  // What is still on its way arrives, uncounted.
  void settle() {
    auto const end = Clock::now() + std::chrono::milliseconds{700};
    while (Clock::now() < end) poll(20);
  }
  void reset() {
    settle();
    deliveries_ = messages_ = 0;
    latencies_.clear();
    for (auto& one : connections_) one.sent = {};
  }

  void print(double took, double server_cpu, double own_cpu) {
    std::sort(latencies_.begin(), latencies_.end());
    auto const at = [&](double share) {
      return latencies_.empty()
                 ? 0.0F
                 : latencies_[std::min(latencies_.size() - 1,
                                       static_cast<std::size_t>(share * static_cast<double>(latencies_.size())))];
    };
    std::cout << "{\"mode\":\"" << options_.mode << "\",\"seconds\":" << took << ",\"messages\":" << messages_
              << ",\"deliveries\":" << deliveries_
              << ",\"deliveries_per_second\":" << static_cast<double>(deliveries_) / took
              << ",\"server_cpu_us_per_delivery\":"
              << (deliveries_ == 0 ? 0 : server_cpu * 1e6 / static_cast<double>(deliveries_))
              << ",\"p50_ms\":" << at(0.5) << ",\"p99_ms\":" << at(0.99) << ",\"p999_ms\":" << at(0.999)
              << ",\"memory_up_bytes\":"
              << (options_.pid == 0 ? 0 : static_cast<double>(peak_bytes(options_.pid)) - static_cast<double>(at_rest_))
              << ",\"driver_cpu_share\":" << own_cpu / took << ",\"server_cpu_share\":" << server_cpu / took
              << ",\"failed\":" << failed_ << "}\n";
  }

  Options options_;
  int epoll_;
  std::vector<char> buffer_;
  std::vector<Connection> connections_;
  std::string publish_, echo_, subscribe_;
  int ready_ = 0, failed_ = 0, got_ = 0;
  bool running_ = false, acknowledged_ = false, delivered_ = false;
  std::size_t at_rest_ = 0;
  Clock::time_point published_at_{};
  std::uint64_t deliveries_ = 0, messages_ = 0, out_of_order_ = 0;
  std::vector<float> latencies_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Many WebSocket clients in one thread"};
  app.add_option("--mode", options.mode, "fanout, echo, connect or follow")
      ->check(CLI::IsMember({"fanout", "echo", "connect", "follow"}));
  app.add_option("--port", options.port, "of the server on 127.0.0.1")->required();
  app.add_option("--path", options.path, "of the endpoint");
  app.add_option("--channel", options.channel, "that is subscribed to");
  app.add_option("--token", options.token, "sent as a bearer token");
  app.add_option("--connections", options.connections, "subscribers, or echo clients");
  app.add_option("--publishers", options.publishers, "connections that publish");
  app.add_option("--unread", options.unread, "further subscribers that never read");
  app.add_option("--window", options.window, "connections that are being opened at a time");
  app.add_option("--size", options.size, "bytes of a message's text");
  app.add_option("--seconds", options.seconds, "to measure");
  app.add_option("--pid", options.pid, "of the server, for its CPU time and memory");
  app.add_flag("--wait", options.wait, "the next message is published when everybody has the last one");
  CLI11_PARSE(app, argc, argv);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  return Load{std::move(options)}.run();
}
