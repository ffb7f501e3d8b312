// `fastpath import`: JSON lines into a table, many in flight.
#include <sys/stat.h>

#include <condition_variable>
#include <deque>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/commands.h"
#include "client/cli/progress.h"
#include "partition/model/codec.h"

namespace fastpath::client::cli {
namespace {

// Errors waiting to be printed; past it the reader waits for them.
constexpr size_t kErrorLimit = 100;

struct Arguments {
  std::string table;
  std::string file = "-";
  bool continue_on_error = false;
  bool quiet = false;
  size_t in_flight = 256;
};

// What the client's thread reports and the reading thread acts on.
struct Board {
  struct Error {
    uint64_t line;
    Failure failure;
  };
  std::mutex mutex;
  std::condition_variable changed;
  size_t in_flight = 0;
  uint64_t imported = 0;
  std::deque<Error> errors;
};

class Importer {
 public:
  Importer(Context& context, const Arguments& arguments, std::istream& in, uint64_t total_bytes)
      : context_(context),
        arguments_(arguments),
        in_(in),
        progress_(absl::StrCat("importing into ", arguments.table), total_bytes,
                  arguments.quiet || context.json) {}

  Exit Run() {
    std::string line;
    uint64_t number = 0, bytes = 0;
    while (!stopping_ && std::getline(in_, line)) {
      ++number;
      bytes += line.size() + 1;
      if (line.find_first_not_of(" \t\r") != std::string::npos) Import(number, line);
      if (number % 64 == 0) progress_.Show(Imported(), bytes);
    }
    while (WaitForOne([](const Board& board) { return board.in_flight == 0; })) {
      progress_.Show(Imported(), bytes);
    }
    progress_.Clear();
    if (in_.bad()) Failed(number, {Outcome::kRefused, api::INVALID, "reading failed", {}});
    return Summary();
  }

 private:
  void Import(uint64_t number, const std::string& line) {
    absl::StatusOr<Item> item = parser_.ParseItem(line, context_.dialect());
    if (!item.ok()) {
      Failed(number, {Outcome::kRefused, api::INVALID, std::string(item.status().message()), {}});
      return;
    }
    while (WaitForOne([this](const Board& board) {
      return board.in_flight < arguments_.in_flight && board.errors.size() < kErrorLimit;
    })) {
    }
    if (stopping_) return;
    {
      std::lock_guard lock(board_->mutex);
      ++board_->in_flight;
    }
    context_.client()
        .Put(arguments_.table, *item)
        .Then([board = board_, number](Result<WriteAnswer> result) {
          std::lock_guard lock(board->mutex);
          --board->in_flight;
          if (result.ok()) {
            ++board->imported;
          } else {
            board->errors.push_back({number, result.failure()});
          }
          board->changed.notify_one();
        });
  }

  // Reports errors, and waits for a change unless `ready`. False: it is ready.
  template <class Ready>
  bool WaitForOne(Ready ready) {
    std::deque<Board::Error> errors;
    bool again = false;
    {
      std::unique_lock lock(board_->mutex);
      again = !ready(*board_);
      if (again && board_->errors.empty()) {
        board_->changed.wait_for(lock, std::chrono::milliseconds(100));
      }
      errors.swap(board_->errors);
    }
    for (Board::Error& error : errors) Failed(error.line, error.failure);
    return again || !errors.empty();
  }

  uint64_t Imported() {
    std::lock_guard lock(board_->mutex);
    return board_->imported;
  }

  void Failed(uint64_t line, const Failure& failure) {
    ++failed_;
    Exit exit = ExitOf(failure);
    // The most alarming one counts.
    if (exit == kUnknown || worst_ == kOk) worst_ = exit;
    // Once one failed, what was on its way with it mostly fails alike.
    if (stopping_) return;
    if (!arguments_.continue_on_error) stopping_ = true;
    progress_.Clear();
    PrintError(absl::StrCat("line ", line, ": ", std::string(OutcomeName(failure.outcome)), ": ",
                            api::Code_Name(failure.code), ": ", failure.message));
  }

  Exit Summary() {
    double seconds = std::max(progress_.elapsed_s(), 0.001);
    uint64_t imported = Imported();
    uint64_t rate = static_cast<uint64_t>(static_cast<double>(imported) / seconds);
    if (context_.json) {
      JsonWriter json;
      json.BeginObject().Name("imported").Number(imported).Name("failed").Number(failed_);
      json.Name("seconds").Raw(absl::StrFormat("%.3f", seconds)).EndObject();
      PrintLine(json.text());
    } else if (!arguments_.quiet) {
      PrintLine(absl::StrCat("imported ", Thousands(imported), " items into ", arguments_.table,
                             " in ", absl::StrFormat("%.1f", seconds), " s (", Thousands(rate),
                             "/s), ", Thousands(failed_), " failed"));
    }
    return worst_;
  }

  Context& context_;
  const Arguments& arguments_;
  std::istream& in_;
  Progress progress_;
  JsonParser parser_;
  std::shared_ptr<Board> board_ = std::make_shared<Board>();
  uint64_t failed_ = 0;
  Exit worst_ = kOk;
  bool stopping_ = false;
};

Exit Import(Context& context, const Arguments& arguments) {
  Exit exit = kOk;
  if (!Describe(context, arguments.table, exit)) return exit;
  if (arguments.file == "-") return Importer(context, arguments, std::cin, 0).Run();
  std::ifstream file(arguments.file, std::ios::binary);
  struct stat info {};
  if (!file || stat(arguments.file.c_str(), &info) != 0) {
    PrintError(absl::StrCat("cannot read ", arguments.file));
    return kRefused;
  }
  uint64_t total = S_ISREG(info.st_mode) ? static_cast<uint64_t>(info.st_size) : 0;
  return Importer(context, arguments, file, total).Run();
}

}  // namespace

void AddImport(CLI::App& app, Context& context, Exit& exit) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("import", "Put items from JSON lines into a table");
  command->add_option("table", arguments->table, "The table")->required();
  command->add_option("file", arguments->file, "One item a line; - for standard input")
      ->capture_default_str();
  command->add_flag("--continue-on-error", arguments->continue_on_error,
                    "Report a line that fails, and go on");
  command->add_flag("--quiet", arguments->quiet, "No progress, no summary");
  command->add_option("--in-flight", arguments->in_flight, "Writes on their way at once")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->callback([&, arguments] { exit = Import(context, *arguments); });
}

}  // namespace fastpath::client::cli
