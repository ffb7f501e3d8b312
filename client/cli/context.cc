#include "client/cli/context.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace fastpath::client::cli {
namespace {

std::string Coloured(int fd, const char* code, std::string_view text) {
  if (!IsTerminal(fd) || std::getenv("NO_COLOR") != nullptr) return std::string(text);
  return absl::StrCat("\033[", code, "m", std::string(text), "\033[0m");
}

}  // namespace

Client& Context::client() {
  if (!client_) {
    Options options;
    options.endpoints = endpoints;
    options.deadline = timeout();
    absl::StatusOr<Client> connected = Client::Connect(std::move(options));
    if (!connected.ok()) {
      PrintError(std::string(connected.status().message()));
      std::exit(kUsage);
    }
    client_ = *std::move(connected);
  }
  return *client_;
}

bool IsTerminal(int fd) { return isatty(fd) != 0; }
std::string Bold(std::string_view text) { return Coloured(STDOUT_FILENO, "1", text); }
std::string Red(std::string_view text) { return Coloured(STDERR_FILENO, "31", text); }
std::string Green(std::string_view text) { return Coloured(STDOUT_FILENO, "32", text); }

void PrintLine(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
}

void PrintError(std::string_view text) {
  std::string line = absl::StrCat(Red("error:"), " ", std::string(text), "\n");
  std::fputs(line.c_str(), stderr);
}

Exit Written(Exit exit) {
  errno = 0;  // A failure of earlier writes is remembered without its reason.
  const bool flushed = std::fflush(stdout) == 0;
  if ((flushed && std::ferror(stdout) == 0) || exit != kOk) return exit;
  PrintError(absl::StrCat("the output could not be written",
                          errno == 0 ? "" : absl::StrCat(": ", std::strerror(errno))));
  return kUnwritten;
}

void PrintColumns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (size_t i = 0; i < rows[r].size(); ++i) {
      line += rows[r][i];
      if (i + 1 < rows[r].size()) line.append(widths[i] - rows[r][i].size() + 2, ' ');
    }
    PrintLine(r == 0 ? Bold(line) : line);
  }
}

Exit ExitOf(const Failure& failure) {
  if (failure.outcome == Outcome::kUnknown) return kUnknown;
  return failure.code == api::DEADLINE ? kUnreachable : kRefused;
}

namespace {

void AddReasons(const Context& context, const std::vector<CancellationReason>& reasons,
                JsonWriter& json) {
  json.Name("reasons").BeginArray();
  for (const CancellationReason& reason : reasons) {
    json.BeginObject().Name("code").String(ReasonName(reason.code));
    if (!reason.message.empty()) json.Name("message").String(reason.message);
    if (reason.item) json.Name("item").Item(*reason.item, context.dialect());
    json.EndObject();
  }
  json.EndArray();
}

// Of the items that kept their transaction from having an effect.
void PrintReasons(const Context& context, const std::vector<CancellationReason>& reasons) {
  for (size_t i = 0; i < reasons.size(); ++i) {
    const CancellationReason& reason = reasons[i];
    if (reason.code == api::OK) continue;
    std::string line = absl::StrCat("item ", i + 1, ": ", ReasonName(reason.code));
    if (!reason.message.empty()) absl::StrAppend(&line, ": ", reason.message);
    if (reason.item) {
      JsonWriter json;
      absl::StrAppend(&line, ": it is ", json.Item(*reason.item, context.dialect()).text());
    }
    std::fputs(line.append("\n").c_str(), stderr);
  }
}

}  // namespace

Exit Report(const Context& context, const Failure& failure) {
  if (context.json) {
    JsonWriter json;
    json.BeginObject();
    json.Name("outcome").String(OutcomeName(failure.outcome));
    json.Name("code").String(api::Code_Name(failure.code));
    json.Name("message").String(failure.message);
    if (failure.item) json.Name("item").Item(*failure.item, context.dialect());
    if (!failure.reasons.empty()) AddReasons(context, failure.reasons, json);
    json.EndObject();
    PrintLine(json.text());
  }
  PrintError(absl::StrCat(std::string(OutcomeName(failure.outcome)), ": ",
                          api::Code_Name(failure.code), failure.message.empty() ? "" : ": ",
                          failure.message));
  if (failure.item && !context.json) {
    JsonWriter json(2);
    json.Item(*failure.item, context.dialect());
    std::fputs(absl::StrCat("the item is ", json.text(), "\n").c_str(), stderr);
  }
  if (!context.json) PrintReasons(context, failure.reasons);
  return ExitOf(failure);
}

std::string ReadUnits(const api::Capacity& capacity) {
  const uint64_t halves = capacity.read_half_units();
  return absl::StrCat(halves / 2, halves % 2 == 0 ? "" : ".5");
}

void PrintCapacity(const std::vector<api::Capacity>& capacity, const char* unit) {
  for (const api::Capacity& table : capacity) {
    const std::string units =
        unit[0] == 'r' ? ReadUnits(table) : std::to_string(table.write_units());
    std::fputs(absl::StrCat(unit, " units of ", table.table(), ": ", units, "\n").c_str(), stderr);
  }
}

std::optional<std::string> ReadArgument(const std::string& argument) {
  if (argument == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  }
  if (argument.empty() || argument[0] != '@') return argument;
  std::ifstream file(argument.substr(1), std::ios::binary);
  std::string text;
  char piece[4096];
  while (file.read(piece, sizeof piece) || file.gcount() > 0) {
    text.append(piece, static_cast<size_t>(file.gcount()));
  }
  if (file.eof() && !file.bad()) return text;
  PrintError(absl::StrCat("cannot read ", argument.substr(1)));  // Not there, or a folder.
  return std::nullopt;
}

std::optional<Assignment> ParseAssignment(const Context& context, std::string_view option,
                                          const std::string& text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    PrintError(absl::StrCat(std::string(option), ": \"", text, "\" is not PATH=JSON"));
    return std::nullopt;
  }
  JsonParser parser;
  absl::StatusOr<Value> value = parser.ParseValue(text.substr(equals + 1), context.dialect());
  if (!value.ok()) {
    PrintError(absl::StrCat(std::string(option), " ", text.substr(0, equals), ": ",
                            value.status().message()));
    return std::nullopt;
  }
  return Assignment{text.substr(0, equals), *std::move(value)};
}

std::optional<api::Table> Describe(Context& context, const std::string& table, Exit& exit) {
  Result<api::Table> described = context.client().DescribeTable(table).Wait();
  if (described.ok()) return *described;
  exit = Report(context, described.failure());
  return std::nullopt;
}

namespace {

std::optional<Key> KeyOfObject(Context& context, const std::string& table, const Value& object,
                               Exit& exit) {
  std::optional<api::Table> schema = Describe(context, table, exit);
  if (!schema) return std::nullopt;
  const std::string& partition = schema->partition_key().name();
  const std::string& sort = schema->sort_key().name();
  size_t wanted = sort.empty() ? 1 : 2;
  const Value* first = object.map().Find(partition);
  const Value* second = sort.empty() ? nullptr : object.map().Find(sort);
  if (first == nullptr || (wanted == 2) != (second != nullptr) || object.map().size() != wanted) {
    PrintError(absl::StrCat("--key: a key of \"", table, "\" has ", partition,
                            sort.empty() ? "" : absl::StrCat(" and ", sort), ", nothing else"));
    exit = kRefused;
    return std::nullopt;
  }
  if (second != nullptr) return Key(table, *first, *second);
  return Key(table, *first);
}

}  // namespace

std::optional<Key> ParseKey(Context& context, const std::string& table, const std::string& text,
                            Exit& exit) {
  JsonParser parser;
  exit = kRefused;
  bool object = text.find_first_not_of(" \t\r\n") != std::string::npos &&
                text[text.find_first_not_of(" \t\r\n")] == '{';
  absl::StatusOr<Value> value = Value();
  if (object) {
    absl::StatusOr<Item> item = parser.ParseItem(text, context.dialect());
    if (item.ok()) {
      value = Value::Map(*std::move(item));
    } else {
      value = item.status();
    }
  } else {
    value = parser.ParseValue(text, Dialect::kPlain);
  }
  if (!value.ok()) {
    PrintError(absl::StrCat("--key: ", value.status().message()));
    return std::nullopt;
  }
  if (value->is(model::Type::kMap)) return KeyOfObject(context, table, *value, exit);
  if (value->is(model::Type::kList)) {
    if (value->list().size() == 2) return Key(table, value->list()[0], value->list()[1]);
    PrintError("--key: a list is [partition key, sort key]");
    return std::nullopt;
  }
  return Key(table, *value);
}

}  // namespace fastpath::client::cli
