#!/usr/bin/env python3
"""Signed requests of DynamoDB's JSON API, as they travel, for bench/gateway.

Writes each with its length in eight digits before it. With --create, makes the table instead.
The keys are those of cluster/up's aws.env.
"""

import argparse
import base64
import datetime
import hashlib
import hmac
import http.client
import json
import random
import re
import sys

TABLE = "bench"
REGION = "us-east-1"
VALUE_BYTES = 256


def read_env(path):
    with open(path, encoding="utf-8") as file:
        return dict(re.findall(r"(AWS_\w+)=['\"]?([^'\"\n]+)", file.read()))


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Signer:
    """AWS Signature Version 4, for one moment and one host."""

    def __init__(self, env, host):
        now = datetime.datetime.now(datetime.timezone.utc)
        self.host = host
        self.stamp = now.strftime("%Y%m%dT%H%M%SZ")
        self.access_key = env["AWS_ACCESS_KEY_ID"]
        self.scope = f"{self.stamp[:8]}/{REGION}/dynamodb/aws4_request"
        key = digest(("AWS4" + env["AWS_SECRET_ACCESS_KEY"]).encode(), self.stamp[:8])
        for part in (REGION, "dynamodb", "aws4_request"):
            key = digest(key, part)
        self.key = key

    def headers(self, operation, body):
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "host": self.host,
            "x-amz-date": self.stamp,
            "x-amz-target": f"DynamoDB_20120810.{operation}",
        }
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", self.stamp, self.scope,
                             hashlib.sha256(canonical.encode()).hexdigest()])
        signature = hmac.new(self.key, to_sign.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key}/{self.scope}, "
            f"SignedHeaders={names}, Signature={signature}")
        return headers


def body_of(operation, key, generator):
    if operation == "GetItem":
        return {"TableName": TABLE, "Key": {"id": {"S": key}}, "ConsistentRead": True}
    value = base64.b64encode(generator.randbytes(VALUE_BYTES)).decode()
    return {"TableName": TABLE, "Item": {"id": {"S": key}, "v": {"B": value}}}


def create(signer):
    body = json.dumps({
        "TableName": TABLE, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}).encode()
    connection = http.client.HTTPConnection(signer.host)
    connection.request("POST", "/", body, signer.headers("CreateTable", body))
    answer = connection.getresponse()
    if answer.status != 200:
        sys.exit(f"CreateTable: {answer.status} {answer.read().decode()}")


def write(signer, operation, count, path):
    generator = random.Random(1)
    order = list(range(count))
    generator.shuffle(order)
    with open(path, "wb") as file:
        for number in order:
            content = body_of(operation, f"key{number:09}", generator)
            body = json.dumps(content, separators=(",", ":")).encode()
            headers = signer.headers(operation, body)
            headers["content-length"] = str(len(body))
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            request = f"POST / HTTP/1.1\r\n{head}\r\n".encode() + body
            file.write(f"{len(request):08}".encode() + request)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--create", action="store_true")
    parser.add_argument("--operation", choices=("PutItem", "GetItem"))
    parser.add_argument("--keys", type=int, default=10000)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    signer = Signer(read_env(arguments.env), arguments.host)
    if arguments.create:
        create(signer)
    else:
        write(signer, arguments.operation, arguments.keys, arguments.out)


if __name__ == "__main__":
    main()
