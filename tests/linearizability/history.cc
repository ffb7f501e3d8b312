#include "tests/linearizability/history.h"

#include <simdjson.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace fastpath::linearizability {
namespace {

namespace dom = simdjson::dom;

constexpr std::string_view kKinds[] = {"get", "put", "cas", "incr", "delete"};
constexpr std::string_view kOutcomes[] = {"ok", "fail", "info"};

std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (c < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", c);
    } else {
      out.push_back(static_cast<char>(c));
    }
  }
  return out + "\"";
}

std::string QuoteOrNull(const MaybeText& text) { return text ? Quote(*text) : std::string("null"); }

std::string Args(const Operation& op) {
  switch (op.kind) {
    case Kind::kPut:
      return absl::StrCat("{\"value\":", QuoteOrNull(op.value), "}");
    case Kind::kCas:
      return absl::StrCat("{\"expect\":", QuoteOrNull(op.expect),
                          ",\"value\":", QuoteOrNull(op.value), "}");
    case Kind::kIncr:
      return absl::StrCat("{\"delta\":", op.delta, "}");
    default:
      return "{}";
  }
}

std::string Result(const Operation& op) {
  switch (op.kind) {
    case Kind::kGet:
      return absl::StrCat("{\"value\":", QuoteOrNull(op.read), "}");
    case Kind::kCas:
      return absl::StrCat("{\"swapped\":", op.swapped ? "true" : "false", "}");
    case Kind::kIncr:
      return absl::StrCat("{\"value\":", op.new_value, "}");
    case Kind::kDelete:
      return absl::StrCat("{\"existed\":", op.existed ? "true" : "false", "}");
    default:
      return "{}";
  }
}

// Takes members out of an object; the first failure sticks and names the member.
class Reader {
 public:
  int64_t Integer(dom::element object, std::string_view name) {
    int64_t value = 0;
    Note(object[name].get(value), name);
    return value;
  }
  bool Boolean(dom::element object, std::string_view name) {
    bool value = false;
    Note(object[name].get(value), name);
    return value;
  }
  std::string Text(dom::element object, std::string_view name) {
    std::string_view value;
    Note(object[name].get(value), name);
    return std::string(value);
  }
  MaybeText OptionalText(dom::element object, std::string_view name) {
    dom::element value;
    Note(object[name].get(value), name);
    if (!status_.ok() || value.is_null()) return std::nullopt;
    return Text(object, name);
  }
  dom::element Object(dom::element object, std::string_view name) {
    dom::element value;
    Note(object[name].get(value), name);
    if (status_.ok() && !value.is_object()) {
      status_ = absl::InvalidArgumentError(absl::StrCat(std::string(name), " is no object"));
    }
    return value;
  }
  // The position of the member's text among `names`.
  template <size_t N>
  size_t Choice(dom::element object, std::string_view name, const std::string_view (&names)[N]) {
    const std::string text = Text(object, name);
    for (size_t i = 0; i < N; ++i) {
      if (names[i] == text) return i;
    }
    if (status_.ok()) {
      status_ = absl::InvalidArgumentError(
          absl::StrCat("unknown ", std::string(name), " \"", text, "\""));
    }
    return 0;
  }
  bool ok() const { return status_.ok(); }
  const absl::Status& status() const { return status_; }

 private:
  void Note(simdjson::error_code error, std::string_view name) {
    if (error == simdjson::SUCCESS || !status_.ok()) return;
    status_ = absl::InvalidArgumentError(
        absl::StrCat(std::string(name), ": ", simdjson::error_message(error)));
  }
  absl::Status status_;
};

void ReadArgs(Reader& reader, dom::element args, Operation& op) {
  if (op.kind == Kind::kPut) op.value = reader.Text(args, "value");
  if (op.kind == Kind::kCas) {
    op.expect = reader.OptionalText(args, "expect");
    op.value = reader.OptionalText(args, "value");
  }
  if (op.kind == Kind::kIncr) op.delta = reader.Integer(args, "delta");
}

void ReadResult(Reader& reader, dom::element result, Operation& op) {
  if (op.kind == Kind::kGet) op.read = reader.OptionalText(result, "value");
  if (op.kind == Kind::kCas) op.swapped = reader.Boolean(result, "swapped");
  if (op.kind == Kind::kIncr) op.new_value = reader.Integer(result, "value");
  if (op.kind == Kind::kDelete) op.existed = reader.Boolean(result, "existed");
}

absl::StatusOr<Operation> ParseLine(dom::parser& parser, std::string_view line) {
  dom::element root;
  if (auto error = parser.parse(line.data(), line.size()).get(root)) {
    return absl::InvalidArgumentError(simdjson::error_message(error));
  }
  if (!root.is_object()) return absl::InvalidArgumentError("not a JSON object");
  Reader reader;
  Operation op;
  op.process = reader.Integer(root, "process");
  op.key = reader.Text(root, "key");
  op.kind = static_cast<Kind>(reader.Choice(root, "op", kKinds));
  op.outcome = static_cast<Outcome>(reader.Choice(root, "outcome", kOutcomes));
  op.call_ns = reader.Integer(root, "call_ns");
  op.return_ns = reader.Integer(root, "return_ns");
  const dom::element args = reader.Object(root, "args");
  if (reader.ok()) ReadArgs(reader, args, op);
  if (reader.ok() && op.outcome == Outcome::kOk) {
    const dom::element result = reader.Object(root, "result");
    if (reader.ok()) ReadResult(reader, result, op);
  }
  if (!reader.ok()) return reader.status();
  return op;
}

}  // namespace

std::string FormatOperation(const Operation& op) {
  std::string line =
      absl::StrCat("{\"process\":", op.process, ",\"key\":", Quote(op.key), ",\"op\":\"",
                   std::string(kKinds[static_cast<int>(op.kind)]), "\",\"args\":", Args(op));
  if (op.outcome == Outcome::kOk) absl::StrAppend(&line, ",\"result\":", Result(op));
  absl::StrAppend(&line, ",\"call_ns\":", op.call_ns, ",\"return_ns\":", op.return_ns,
                  ",\"outcome\":\"", std::string(kOutcomes[static_cast<int>(op.outcome)]), "\"}");
  return line;
}

absl::StatusOr<std::vector<Operation>> ParseHistory(std::string_view text) {
  dom::parser parser;
  std::vector<Operation> history;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    absl::StatusOr<Operation> op = ParseLine(parser, line);
    if (!op.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", op.status().message()));
    }
    history.push_back(*std::move(op));
  }
  return history;
}

}  // namespace fastpath::linearizability
