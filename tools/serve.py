"""Build the site, serve it on this machine only, and open it where there is a display.

    python tools/serve.py [--no-browser]

``PORT`` chooses the port; without it, 8000 or the next free one. Ctrl+C ends it.
"""

from __future__ import annotations

import argparse
import errno
import functools
import http.server
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from build import HTML, build
from environment import command

HOST = "127.0.0.1"
DEFAULT_PORT = 8000
TRIES = 100


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serve files quietly, fresh after every build, with the site's own page for what is not there."""

    # Windows looks types up in its registry, where programs leave wrong ones behind.
    extensions_map = {  # noqa: RUF012 (the base class says so)
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".css": "text/css",
        ".js": "text/javascript",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".woff2": "font/woff2",
    }

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        page = Path(self.directory) / "404.html"
        if code != HTTPStatus.NOT_FOUND or self.command != "GET" or not page.is_file():
            super().send_error(code, message, explain)
            return
        body = page.read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # On Windows "reuse" would let two servers share a port; elsewhere it only skips the wait after a restart.
    allow_reuse_address = os.name != "nt"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that closes a page half way is nothing to report."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def listen(port: int, folder: Path = HTML) -> Server:
    return Server((HOST, port), functools.partial(Handler, directory=str(folder)))


def wanted_port(env: Mapping[str, str]) -> int | None:
    """Read ``PORT``; ``None`` if it is not set."""
    text = env.get("PORT", "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        sys.exit(f"PORT: expected a number from 1 to 65535, got {text!r}")
    return int(text)


def open_server(port: int | None) -> Server:
    """Listen on the wanted port, or on the first free one from 8000 on if none was asked for."""
    for candidate in [port] if port else range(DEFAULT_PORT, DEFAULT_PORT + TRIES):
        try:
            server = listen(candidate)
        except OSError as error:
            if port and error.errno == errno.EACCES:
                sys.exit(f"PORT: this account may not listen on {port}; choose one above 1023")
            if port:
                other = port % 65535 + 1
                sys.exit(f"PORT: {port} cannot be used ({error.strerror}); choose another, say PORT={other}")
            continue
        if not port and candidate != DEFAULT_PORT:
            print(f"Port {DEFAULT_PORT} is taken; using {candidate}.")
        return server
    sys.exit(f"None of the ports {DEFAULT_PORT} to {DEFAULT_PORT + TRIES - 1} is free; choose one: PORT=9000")


def has_display(env: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Say whether a browser window would be seen. A text browser would take the terminal: not wanted."""
    if env.get("CI") or env.get("SSH_CONNECTION"):
        return False
    return platform in ("win32", "darwin") or bool(env.get("DISPLAY") or env.get("WAYLAND_DISPLAY"))


def stop(signum: int, frame: Any) -> None:
    raise KeyboardInterrupt


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address only")
    options = parser.parse_args(argv)
    # A shell starts background processes with SIGINT ignored; this one is to end on it all the same.
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        server = open_server(wanted_port(os.environ))  # before the build: a taken port is known at once
        with server:
            if not build():
                return 1
            address = f"http://{HOST}:{server.server_port}/"
            print(f"\nThe course is at {address}   (Ctrl+C ends it)", flush=True)
            if not options.no_browser and has_display(os.environ):
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
            server.serve_forever()
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(command(main))
