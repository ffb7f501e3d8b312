// What the HTTP side answers by itself: health checks, preflights of browsers, requests
// that are no HTTP. Pure.
#pragma once

#include <string>
#include <string_view>

#include "node/gateway/http.h"

namespace fastpath::node::gateway {

// The phrase behind a status.
std::string_view ReasonOf(int status);

// In the form in which SDKs look for an error.
HttpResponse HttpError(int status, std::string_view why);

// A load balancer's question: GET or HEAD of / or /healthz, without a query.
bool AsksForHealth(const HttpRequest& request);
HttpResponse HealthAnswer(const HttpRequest& request, bool healthy);

// A browser's question before a request of a page from elsewhere: any page may ask,
// for it is the signature that allows a request, not where it comes from. Where no signatures are
// asked for, none may: any page open on this machine could use the store.
bool IsPreflight(const HttpRequest& request);
HttpResponse PreflightAnswer(const HttpRequest& request);
HttpResponse PreflightRefusal();

// Header lines with which a browser shows an answer to such a page.
void AppendCrossOrigin(std::string& head);

}  // namespace fastpath::node::gateway
