"""A receiver of webhooks that misbehaves, as a process of its own that knows nothing of the sender's code.

`python receiver.py LEDGER SECRETS SEED` prints its port. What it accepts, it has written to LEDGER before it answers;
SECRETS maps a path to the secret that messages to it are signed with. What it does depends on the path:

/flaky     fails three times in ten: 500, 503, or no answer at all
/hanging   does not answer in time, two times in ten
/moved     redirects to /elsewhere, three times in ten
/picky     never accepts the message that it was told to dislike
/gone      accepts twenty messages and answers 410 from then on
"""

import hashlib
import hmac
import json
import os
import random
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HANG_S = 1.5
GONE_AFTER = 20

ledger = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
secrets_file = Path(sys.argv[2])
chance = random.Random(int(sys.argv[3]))
lock = threading.Lock()
accepted: dict[str, int] = {}


class Handler(BaseHTTPRequestHandler):
    timeout = 30

    def do_POST(self) -> None:
        announced = int(self.headers["Content-Length"])
        body = self.rfile.read(announced)
        if len(body) < announced:  # the sender was killed while it sent
            self.close_connection = True
            return
        with lock:
            luck = chance.random()
        match self.path:
            case "/flaky" if luck < 0.1:
                self.connection.close()
            case "/flaky" if luck < 0.3:
                self._answer(500 if luck < 0.2 else 503)
            case "/hanging" if luck < 0.2:
                time.sleep(HANG_S)
                self._answer(200)
            case "/moved" if luck < 0.3:
                self._answer(302 if luck < 0.15 else 307, "/elsewhere")
            case "/picky" if b'"dislike-me"' in body:
                self._answer(400)
            case "/gone" if accepted.get("/gone", 0) >= GONE_AFTER:
                self._answer(410)
            case _:
                self._accept(body)
                self._answer(200)

    def _accept(self, body: bytes) -> None:
        signed = self.headers.get("equiwatt-Webhook-Signature", "")
        secret = json.loads(secrets_file.read_text()).get(self.path, "")
        expected = "equsha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        line = {
            "path": self.path,
            "id": self.headers.get("webhook-id"),
            "signed": hmac.compare_digest(signed, expected),
            "body": body.decode(),
        }
        with lock:
            accepted[self.path] = accepted.get(self.path, 0) + 1
            os.write(ledger, json.dumps(line).encode() + b"\n")

    def _answer(self, status: int, location: str | None = None) -> None:
        try:
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()
        except OSError:
            pass  # the sender has gone

    do_GET = do_POST  # noqa: N815 - http.server calls it so

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        pass  # a sender that was killed


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
