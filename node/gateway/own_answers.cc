#include "node/gateway/own_answers.h"

#include "absl/strings/str_cat.h"
#include "node/gateway/error.h"

namespace fastpath::node::gateway {
namespace {

constexpr char kPreflightAge[] = "172800";  // Seconds; DynamoDB's.

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

std::string_view ExceptionOf(int status) {
  switch (status) {
    case 408:
      return "RequestTimeoutException";
    case 413:
      return "RequestEntityTooLargeException";
    case 503:
      return "ServiceUnavailableException";
    default:
      return "BadRequestException";
  }
}

}  // namespace

std::string_view ReasonOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

HttpResponse HttpError(int status, std::string_view why) {
  Error error;
  error.status = status;
  error.type = absl::StrCat("com.amazon.coral.service#", Absl(ExceptionOf(status)));
  error.message = std::string(why);
  return Render(error);
}

bool AsksForHealth(const HttpRequest& request) {
  if (request.method != "GET" && request.method != "HEAD") return false;
  return request.target == "/" || request.target == "/healthz";
}

HttpResponse HealthAnswer(const HttpRequest& request, bool healthy) {
  const std::string* host = FindHeader(request.headers, "host");
  HttpResponse answer{.status = healthy ? 200 : 503, .content_type = "text/plain"};
  answer.body = absl::StrCat(healthy ? "healthy" : "not ready", ": dynamodb.",
                             host == nullptr ? "local" : host->c_str(), "\n");
  return answer;
}

bool IsPreflight(const HttpRequest& request) { return request.method == "OPTIONS"; }

HttpResponse PreflightAnswer(const HttpRequest& request) {
  HttpResponse answer{.status = 200, .content_type = "text/plain"};
  const std::string* method = FindHeader(request.headers, "access-control-request-method");
  if (method == nullptr) return answer;
  answer.headers.emplace_back("Access-Control-Allow-Methods", *method);
  answer.headers.emplace_back("Access-Control-Max-Age", kPreflightAge);
  if (const auto* names = FindHeader(request.headers, "access-control-request-headers")) {
    answer.headers.emplace_back("Access-Control-Allow-Headers", *names);
  }
  return answer;
}

HttpResponse PreflightRefusal() {
  return HttpError(403, "pages from elsewhere may only use a gateway that asks for signatures");
}

void AppendCrossOrigin(std::string& head) {
  head.append(
      "Access-Control-Allow-Origin: *\r\n"
      "Access-Control-Expose-Headers: x-amzn-errortype,x-amzn-requestid,x-amz-crc32,date\r\n");
}

}  // namespace fastpath::node::gateway
