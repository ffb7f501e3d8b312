"""What the gateway's tests share: a three-node cluster, clients of every node, tables, values.

A test process has one cluster, started at the first use and ended with the process, however
it ends. FASTPATH_BIN names the folder of the built fastpathd and fastpath; data
lies in a folder of its own below the working directory, and stays there if a test failed.
"""

import contextlib
import http.client
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

ROOT = pathlib.Path(__file__).resolve().parents[3]
NODES = 3
PORTS = 4  # Of each node: clients, peers, HTTP, gateway.


# --------------------------------------------------------------------- the cluster

def _free_base_port():
    """Of a row of ports that nobody listens on, as cluster/up counts them."""
    chosen = random.Random(os.getpid() ^ time.time_ns())
    while True:
        base = chosen.randrange(11000, 31000, 100)
        with contextlib.ExitStack() as held:
            try:
                for node, port in itertools.product(range(NODES), range(PORTS)):
                    listener = held.enter_context(socket.socket())
                    listener.bind(("127.0.0.1", base + 10 * node + port))
            except OSError:
                continue
            return base


class Cluster:
    """Three nodes of cluster/up. Threads: start and stop by one, the rest by any."""

    def __init__(self, bin_folder, below):
        self.bin = bin_folder
        self.data = pathlib.Path(tempfile.mkdtemp(prefix="gateway_", dir=below))
        # Ends the nodes when this process is gone, also by kill -9.
        self._keeper = subprocess.Popen(
            ["sh", "-c", 'cat >/dev/null; exec "$0" --data "$1" >/dev/null 2>&1', ROOT / "cluster/down", self.data],
            stdin=subprocess.PIPE, start_new_session=True)
        self._start()
        self.settings = dict(line.removeprefix("export ").split("=", 1) for line in (self.data / "aws.env").read_text().splitlines()
                             if "=" in line and not line.startswith("#"))
        self.access_key = self.settings["AWS_ACCESS_KEY_ID"]
        self.secret_key = self.settings["AWS_SECRET_ACCESS_KEY"]
        self.region = self.settings["AWS_DEFAULT_REGION"]

    def _start(self):
        while True:
            self.base_port = _free_base_port()
            made = self.up()
            if made.returncode == 0:
                return
            if "is taken" not in made.stderr:
                raise SystemExit(f"cluster/up failed:\n{made.stdout}{made.stderr}")
            shutil.rmtree(self.data)  # Another suite was faster.
            self.data.mkdir()

    def up(self):
        """Starts the nodes that do not run, and waits until they serve."""
        return subprocess.run(
            [ROOT / "cluster/up", "--bin", self.bin, "--data", self.data, "--nodes", str(NODES),
             "--base-port", str(self.base_port)], capture_output=True, text=True, check=False)

    def port(self, node):
        return self.base_port + 10 * node + 3

    def endpoint(self, node):
        return f"http://127.0.0.1:{self.port(node)}"

    def kill(self, node):
        """kill -9; `up` starts it again."""
        pid = int((self.data / f"run/node{node + 1}.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        while (stat := pathlib.Path(f"/proc/{pid}/stat")).exists():
            with contextlib.suppress(OSError):
                if stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
                    break
            time.sleep(0.01)

    def group_leaders(self):
        """What `fastpath cluster status` says, line by line."""
        return subprocess.run([pathlib.Path(self.bin) / "fastpath", "--endpoints",
                               f"127.0.0.1:{self.base_port}", "cluster", "status"],
                              capture_output=True, text=True, check=True).stdout.split("\n")

    def stop(self, keep_data):
        self._keeper.stdin.close()
        self._keeper.wait()
        if keep_data:
            print(f"the nodes' data and logs: {self.data}", file=sys.stderr)
        else:
            shutil.rmtree(self.data, ignore_errors=True)


_cluster = None


def cluster():
    global _cluster
    if _cluster is None:
        _cluster = Cluster(os.environ["FASTPATH_BIN"], os.getcwd())
    return _cluster


# --------------------------------------------------------------------- clients

def _read_strongly(params, model, **_):
    """Tests read through other nodes than they wrote through: an eventual read may be behind."""
    if model.name == "BatchGetItem":
        for keys in (params.get("RequestItems") or {}).values():
            if isinstance(keys, dict):
                keys.setdefault("ConsistentRead", True)
    elif model.name in ("GetItem", "Query", "Scan"):
        params.setdefault("ConsistentRead", True)
    return params


# One session reads the service's model once; it makes clients for one thread at a time.
_session = boto3.session.Session()
_making = threading.Lock()


def settings(node=0, **config):
    """What boto3.client and boto3.resource need to speak to a node."""
    with_defaults = dict(parameter_validation=False, retries={"max_attempts": 2},
                         connect_timeout=5, read_timeout=30)
    return dict(endpoint_url=cluster().endpoint(node), region_name=cluster().region,
                aws_access_key_id=cluster().access_key, aws_secret_access_key=cluster().secret_key,
                config=Config(**{**with_defaults, **config}))


def client(node=0, endpoint=None, strong=True, **config):
    chosen = settings(node, **config)
    if endpoint:
        chosen["endpoint_url"] = endpoint
    with _making:
        made = _session.client("dynamodb", **chosen)
    if strong:
        made.meta.events.register("provide-client-params.dynamodb", _read_strongly)
    return made


def resource(node=0):
    """Of boto3's object interface; it checks parameters itself."""
    return _session.resource("dynamodb", **settings(node, parameter_validation=True))


class AnyNode:
    """A client whose calls go to the nodes in turn."""

    def __init__(self):
        self._clients = [client(node) for node in range(NODES)]
        self._turns = itertools.cycle(self._clients)

    def __getattr__(self, name):
        return getattr(next(self._turns), name)


_any_node = None


def any_node():
    global _any_node
    if _any_node is None:
        _any_node = AnyNode()
    return _any_node


class Answer:
    """Of a raw request: status, headers by lower-case name, body."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The exception's name, as SDKs read it."""
        return self.json["__type"].rsplit("#", 1)[-1]

    @property
    def message(self):
        said = self.json
        return said.get("message", said.get("Message", ""))


def send(node, method, target, headers, body=b""):
    connection = http.client.HTTPConnection("127.0.0.1", cluster().port(node), timeout=30)
    try:
        connection.request(method, target, body=body, headers=headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def sign(operation, body, node=0, access_key=None, secret=None, region=None, service="dynamodb",
         headers=None):
    """The headers of a signed request."""
    request = AWSRequest(method="POST", url=cluster().endpoint(node) + "/", data=body, headers={
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        "Content-Type": "application/x-amz-json-1.0", **(headers or {})})
    SigV4Auth(Credentials(access_key or cluster().access_key, secret or cluster().secret_key),
              service, region or cluster().region).add_auth(request)
    return dict(request.headers.items())


def call(operation, body, node=0):
    """A signed request with any body: text, bytes, or what becomes JSON."""
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return send(node, "POST", "/", sign(operation, body, node), body)


# --------------------------------------------------------------------- values

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def value(plain):
    """A plain value as an AttributeValue."""
    return _serialize(plain)


def item(plain=None, **attributes):
    return {name: value(each) for name, each in {**(plain or {}), **attributes}.items()}


def plain(attributes):
    """The opposite of `item`; None of None."""
    if attributes is None:
        return None
    return {name: _deserialize(each) for name, each in attributes.items()}


_names = itertools.count(1)
_process = f"{os.getpid():x}"


def unique(prefix="t"):
    return f"{prefix}.{_process}.{next(_names)}"


_shared_tables = {}


def table(*keys, db=None, **more):
    """A new table; `keys` such as "p:S", "s:N"."""
    name = unique("table")
    names = [key.split(":") for key in keys or ("p:S",)]
    (db or any_node()).create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[dict(AttributeName=key, KeyType=kind)
                   for (key, _), kind in zip(names, ("HASH", "RANGE"))],
        AttributeDefinitions=[dict(AttributeName=key, AttributeType=kind) for key, kind in names],
        **more)
    return name


def shared_table(*keys):
    """As `table`, but one for all tests of the process, which use keys of their own."""
    if keys not in _shared_tables:
        _shared_tables[keys] = table(*keys)
    return _shared_tables[keys]


# --------------------------------------------------------------------- tests

def cases(**table_of_cases):
    """One test for each: the method gets its arguments and is named METHOD_CASE."""
    def mark(method):
        method.cases = table_of_cases
        return method
    return mark


NO_SUCH_TABLE = "Requested resource not found"
CONDITION_FAILED = "The conditional request failed"
KEY_MISMATCH = "The provided key element does not match the schema"
# As the service says it, and as the Developer Guide's table of errors does.
NO_AUTHENTICATION = re.compile("^Request is missing Authentication Token$|^Request must contain .*access key ID")
BAD_TABLE_NAME = re.compile("at 'tableName' failed to satisfy constraint|Invalid table/index name")


class GatewayTest(unittest.TestCase):
    maxDiff = None

    def __init_subclass__(cls):
        for name, method in list(vars(cls).items()):
            for case, arguments in getattr(method, "cases", {}).items():
                def test(self, method=method, arguments=arguments):
                    method(self, *(arguments if isinstance(arguments, tuple) else (arguments,)))
                test.__doc__ = method.__doc__
                setattr(cls, f"{name}_{case}", test)
            if hasattr(method, "cases"):
                delattr(cls, name)

    def setUp(self):
        self.db = any_node()
        self.p = unique("p")

    @property
    def hash_table(self):
        return shared_table("p:S")

    @property
    def range_table(self):
        return shared_table("p:S", "s:N")

    @contextlib.contextmanager
    def refused(self, code, message=None, status=400):
        """`message`: all of it, or a pattern that it has."""
        with self.assertRaises(ClientError) as caught:
            yield caught
        answer = caught.exception.response
        said = answer["Error"].get("Message", "")
        self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]),
                         (code, status), said)
        self._check_message(said, message)

    def invalid(self, message=None):
        return self.refused("ValidationException", message)

    def check_refused(self, answer, code, message=None, status=400):
        """Of a raw `call`."""
        self.assertEqual((answer.code, answer.status), (code, status), answer.body)
        self._check_message(answer.message, message)

    def _check_message(self, said, message):
        if isinstance(message, re.Pattern):
            self.assertRegex(said, message)
        elif message is not None:
            self.assertEqual(said, message)

    # One item of a table, by its plain key.

    def put(self, table_name, attributes=None, **more):
        self.db.put_item(TableName=table_name, Item=item(attributes, **more))

    def get(self, table_name, **key):
        return plain(self.db.get_item(TableName=table_name, Key=item(key)).get("Item"))


def main():
    """Runs the modules named on the command line; keeps the nodes' logs if a test failed."""
    cluster()
    # boto3 leaves its connections to the end of the process, which Python would warn of.
    program = unittest.main(module=None, argv=["gateway", *sys.argv[1:]], exit=False, warnings="ignore")
    passed = program.result.wasSuccessful()
    _cluster.stop(keep_data=not passed)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    # The tests import this file by its name, and share that module's cluster.
    import harness
    harness.main()
