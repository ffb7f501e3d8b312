"""A proxy that loses answers: the request arrives and is executed, its caller hears nothing."""

import socket
import socketserver
import threading


def _read_message(stream):
    """One HTTP message with a Content-Length, as bytes; b"" at the end of the stream."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return b""
        head += line
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    return head + stream.read(length)


class DroppingProxy:
    """Passes requests on to `ports`, one after the other, and loses the first `drops` answers.

    `meanwhile` runs after an answer was lost, before the caller sees its connection
    closed. `silent`: instead of being closed, the connection stays and says nothing.
    Threads: one for each connection; `requests` may be read when the call has returned.
    """

    def __init__(self, ports, drops=1, meanwhile=None, silent=False):
        self.requests = []  # As they were passed on.
        self._ports, self._drops, self._meanwhile, self._silent = ports, drops, meanwhile, silent
        self._lock = threading.Lock()
        self._ended = threading.Event()
        proxy = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                while (request := _read_message(self.rfile)):
                    answer = proxy._pass_on(request)
                    if answer is None:
                        return
                    self.wfile.write(answer)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _pass_on(self, request):
        with self._lock:
            turn = len(self.requests)
            self.requests.append(request)
        with socket.create_connection(("127.0.0.1", self._ports[turn % len(self._ports)])) as upstream:
            upstream.sendall(request)
            answer = _read_message(upstream.makefile("rb"))
        if turn >= self._drops:
            return answer
        if self._meanwhile:
            self._meanwhile()
        if self._silent:
            self._ended.wait(30)
        return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
