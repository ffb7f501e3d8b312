"""Signature Version 4, signed here by hand: IAM User Guide "Create a signed AWS API request"."""

import datetime
import hashlib
import hmac
import re
import unittest
import urllib.parse

from harness import GatewayTest, NO_AUTHENTICATION, NODES, cases, client, cluster, send, sign

MISMATCH = re.compile("^The request signature we calculated does not match the signature you provided\\. Check your "
                      "AWS Secret Access Key and signing method\\. Consult the service documentation for details\\.")
BODY = b'{"Limit":1}'
TARGET = "DynamoDB_20120810.ListTables"


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _signature(secret, scope, stamp, canonical):
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


class Request:
    """A request for ListTables whose every part may be changed before and after it is signed."""

    def __init__(self, **changes):
        self.access_key = changes.get("access_key", cluster().access_key)
        self.secret = changes.get("secret", cluster().secret_key)
        self.service = changes.get("service", "dynamodb")
        self.ending = changes.get("ending", "aws4_request")
        self.body = changes.get("body", BODY)
        self.node = changes.get("node", 0)
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=changes.get("minutes", 0))
        self.stamp = now.strftime("%Y%m%dT%H%M%SZ")
        self.day = changes.get("day", self.stamp[:8])
        self.headers = {"host": f"127.0.0.1:{cluster().port(self.node)}", "x-amz-target": TARGET}
        self.unsigned = changes.get("unsigned", ())
        self.more = changes.get("more", {})

    @property
    def scope(self):
        return f"{self.day}/{cluster().region}/{self.service}/{self.ending}"

    def canonical(self, query=""):
        signed = {name: each for name, each in self.headers.items() if name not in self.unsigned}
        names = ";".join(sorted(signed))
        lines = ["POST", "/", query, *[f"{name}:{' '.join(signed[name].split())}" for name in sorted(signed)], "",
                 names,
                 hashlib.sha256(self.body).hexdigest()]
        return "\n".join(lines), names

    def send(self, authorization=None, body=None):
        self.headers.update({"x-amz-date": self.stamp, **self.more})
        canonical, names = self.canonical()
        made = (f"AWS4-HMAC-SHA256 Credential={self.access_key}/{self.scope}, SignedHeaders={names}, "
                f"Signature={_signature(self.secret, self.scope, self.stamp, canonical)}")
        headers = {**self.headers, "Authorization": authorization(made) if authorization else made,
                   "Content-Type": "application/x-amz-json-1.0"}
        return send(self.node, "POST", "/", headers, self.body if body is None else body)

    def send_presigned(self, expires="300", change=lambda query: query):
        parameters = {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{self.access_key}/{self.scope}",
                      "X-Amz-Date": self.stamp,
                      "X-Amz-Expires": expires, "X-Amz-SignedHeaders": ";".join(sorted(self.headers))}
        query = urllib.parse.urlencode(sorted(parameters.items()), quote_via=urllib.parse.quote, safe="-_.~")
        canonical, _ = self.canonical(query)
        query += "&X-Amz-Signature=" + _signature(self.secret, self.scope, self.stamp, canonical)
        return send(self.node, "POST", "/?" + change(query),
                    {**self.headers, "Content-Type": "application/x-amz-json-1.0"}, self.body)


class Accepted(GatewayTest):
    def test_by_every_node(self):
        for node in range(NODES):
            answer = Request(node=node).send()
            self.assertEqual(answer.status, 200, answer.body)

    @cases(early=-4, late=4)
    def test_clocks_may_differ_a_little(self, minutes):
        self.assertEqual(Request(minutes=minutes).send().status, 200)

    def test_blanks_in_signed_headers(self):
        self.assertEqual(Request(more={"x-amz-note": "  two   words "}).send().status, 200)

    def test_presigned(self):
        answer = Request().send_presigned()
        self.assertEqual(answer.status, 200, answer.body)

    def test_authorization_without_blanks(self):
        self.assertEqual(Request().send(authorization=lambda made: made.replace(", ", ",")).status, 200)

    def test_boto(self):
        for node in range(NODES):
            self.assertIn("TableNames", client(node).list_tables())


class Refused(GatewayTest):
    def test_no_authentication(self):
        answer = send(0, "POST", "/", {"X-Amz-Target": TARGET, "Content-Type": "application/x-amz-json-1.0"}, BODY)
        self.check_refused(answer, "MissingAuthenticationTokenException", NO_AUTHENTICATION)

    def test_wrong_secret(self):
        for node in range(NODES):
            answer = Request(node=node, secret=cluster().secret_key + "x").send()
            self.check_refused(answer, "InvalidSignatureException", MISMATCH)
            self.assertNotIn(cluster().secret_key.encode(), answer.body)

    def test_wrong_secret_of_boto(self):
        body = BODY
        answer = send(0, "POST", "/", sign("ListTables", body, secret="wrong"), body)
        self.check_refused(answer, "InvalidSignatureException", MISMATCH)

    def test_unknown_key(self):
        answer = Request(access_key="AKIDNOSUCHKEY0000000").send()
        self.check_refused(answer, "UnrecognizedClientException",
                           "The security token included in the request is invalid.")

    @cases(early=-16, much_too_early=-60 * 24 * 400, late=16, tomorrow=60 * 24)
    def test_clock(self, minutes):
        answer = Request(minutes=minutes).send()
        self.check_refused(answer, "InvalidSignatureException", re.compile(
            "^Signature expired: \\d{8}T\\d{6}Z is now earlier than \\d{8}T\\d{6}Z \\(\\d{8}T\\d{6}Z - |"
            "^Signature not yet current: \\d{8}T\\d{6}Z is still later than \\d{8}T\\d{6}Z \\(\\d{8}T\\d{6}Z \\+ "))

    def test_another_body(self):
        self.check_refused(Request().send(body=b'{"Limit":2}'), "InvalidSignatureException", MISMATCH)

    def test_another_header(self):
        request = Request(more={"x-amz-note": "signed"})
        request.send()  # Signs.
        canonical, names = request.canonical()
        signature = _signature(request.secret, request.scope, request.stamp, canonical)
        headers = {**request.headers, "x-amz-note": "changed", "Content-Type": "application/x-amz-json-1.0",
                   "Authorization":
                   f"AWS4-HMAC-SHA256 Credential={request.access_key}/{request.scope}, SignedHeaders={names}, "
                   f"Signature={signature}"}
        self.check_refused(send(0, "POST", "/", headers, BODY), "InvalidSignatureException", MISMATCH)

    @cases(target="x-amz-target", host="host")
    def test_header_that_is_not_signed(self, name):
        answer = Request(unsigned=(name,)).send()
        self.assertEqual(answer.status, 400)
        self.assertIn(answer.code, ("InvalidSignatureException", "IncompleteSignatureException"))

    @cases(service=dict(service="s3"), ending=dict(ending="aws3_request"), day=dict(day="20200101"))
    def test_scope(self, change):
        answer = Request(**change).send()
        self.assertEqual(answer.status, 400)
        self.assertIn(answer.code, ("InvalidSignatureException", "IncompleteSignatureException"))

    @cases(
        no_signature=lambda made: made.split(", Signature=")[0],
        no_headers=lambda made: re.sub(" SignedHeaders=[^,]*,", "", made),
        no_credential=lambda made: re.sub("Credential=[^,]*, ", "", made),
        half_a_credential=lambda made: re.sub("Credential=([^/]*)[^,]*", r"Credential=\1", made),
        nothing=lambda made: "AWS4-HMAC-SHA256", other_kind=lambda made: "Bearer abc",
        algorithm=lambda made: made.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"))
    def test_incomplete(self, authorization):
        answer = Request().send(authorization=authorization)
        self.assertEqual(answer.status, 400)
        self.assertIn(answer.code, ("IncompleteSignatureException", "MissingAuthenticationTokenException",
                                    "InvalidSignatureException"))

    @cases(flipped=lambda made: made[:-1] + ("0" if made[-1] != "0" else "1"), short=lambda made: made[:-1],
           long=lambda made: made + "0",
           no_hex=lambda made: made[:-1] + "g")
    def test_signature(self, authorization):
        answer = Request().send(authorization=authorization)
        self.assertEqual(answer.status, 400)
        self.assertIn(answer.code, ("InvalidSignatureException", "IncompleteSignatureException"))

    def test_presigned_and_expired(self):
        answer = Request(minutes=-6).send_presigned(expires="300")
        self.check_refused(answer, "InvalidSignatureException", re.compile("expired"))

    @cases(signature=lambda query: query[:-1] + ("0" if query[-1] != "0" else "1"),
           expires=lambda query: query.replace("Expires=300", "Expires=999"),
           more=lambda query: query + "&x=1")
    def test_presigned_and_changed(self, change):
        answer = Request().send_presigned(change=change)
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.code, "InvalidSignatureException")

    @cases(week=str(7 * 86400 + 1), negative="-1", text="soon")
    def test_presigned_for_too_long(self, expires):
        answer = Request().send_presigned(expires=expires)
        self.assertEqual(answer.status, 400)

    def test_nothing_is_written_by_the_refused(self):
        body = ('{"TableName":"%s","Item":{"p":{"S":"%s"}}}' % (self.hash_table, self.p)).encode()
        send(0, "POST", "/", sign("PutItem", body, secret="wrong"), body)
        self.assertIsNone(self.get(self.hash_table, p=self.p))


if __name__ == "__main__":
    unittest.main()
