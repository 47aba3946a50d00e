"""Main loops of children in tests, which obey the picture, or have a decoder that hangs."""

import collections
import ctypes
import itertools
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import _pillow_heif
from PIL import Image, _avif, _webp

from quickthumb.documents.manifest import Placeholder
from quickthumb.documents.rendition import Rendition
from quickthumb.imaging.engines import vips
from quickthumb.imaging.render import prepare
from quickthumb.kitchen import cook
from quickthumb.limits import Limits
from quickthumb.pictures import Picture, Rendered, Source, Work
from quickthumb.problems import Corrupt

OBEDIENT = (__name__, "obey")


def obey(connection: socket.socket, limits: Limits) -> None:
    """Do what the picture says: it is the name of a function in here, and its arguments.

    Before them it may say `with`, and the memory that it claims to need, and `early`, to have it
    done while the picture is opened.
    """
    servant = Servant(connection)

    def recipe(data: bytes, renditions: Sequence[Rendition], limits: Limits) -> Work:
        words, memory = data.decode(), 0
        if found := re.match(r"with (\d+) ", words):
            words, memory = words[found.end() :], int(found[1])
        if words.startswith("early "):
            rendered = servant.obey(words.removeprefix("early "), renditions)
            return Work(memory, 0, lambda: rendered)
        return Work(memory, 0, lambda: servant.obey(words, renditions))

    cook.serve(connection, limits, recipe)


class Servant:
    """What a picture can ask for; what a function returns is the content of the thumbnails."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._served = 0

    def obey(self, words: str, renditions: Sequence[Rendition]) -> Rendered:
        name, *arguments = words.split()
        content = getattr(self, name)(*arguments)
        self._served += 1
        body = json.dumps(content).encode()
        pictures = (
            Picture(each.name, "image/png", "png", each.width, each.height, body)
            for each in renditions
        )
        placeholder = Placeholder("data:image/webp;base64,AAAA", "#010203")
        return Rendered(Source("image/png", 1, 1, 1), tuple(pictures), placeholder)

    def pid(self) -> int:
        return os.getpid()

    def weigh(self, size: str) -> str:
        return "x" * int(size)

    def sleep(self, seconds: str) -> int:
        hold_the_lock_asleep(float(seconds))
        return os.getpid()

    def spin(self) -> None:
        hold_the_lock_spinning()

    def spin_without_alarm(self) -> None:
        """Be what the alarm does not reach."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        hold_the_lock_spinning()

    def sleep_without_leash(self, seconds: str) -> None:
        """Be on a system where the end of the parent ends no child in the middle of a job."""
        signal.signal(signal.SIGIO, signal.SIG_IGN)
        hold_the_lock_asleep(float(seconds))

    def segfault(self) -> None:
        ctypes.string_at(0)

    def abort(self) -> None:
        os.abort()

    def exit(self, status: str) -> None:
        os._exit(int(status))

    def die(self, number: str) -> None:
        os.kill(os.getpid(), int(number))

    def raise_a_bug(self) -> None:
        raise KeyError("a fault of ours")

    def refuse(self) -> None:
        raise Corrupt("it is broken")

    def crash_when_damaged(self) -> int:
        if self._served:
            self.segfault()
        return os.getpid()

    def sleep_then_crash_when_damaged(self) -> None:
        time.sleep(1.0)
        self.crash_when_damaged()

    def sleep_when_damaged(self) -> int:
        if self._served:
            time.sleep(60)
        return os.getpid()

    def eat(self) -> None:
        held = []
        while True:
            held.append(bytearray(b"x") * 2**24)

    def eat_when_damaged(self) -> int:
        if self._served:
            self.eat()
        return os.getpid()

    def chatter(self, count: str) -> int:
        for _ in range(int(count)):
            print("noise " * 100)
            with suppress(BlockingIOError):  # nobody waits for who writes there
                os.write(2, b"\x1b[31mnoise\n" * 100)
        return os.getpid()

    def chatter_and_die(self) -> None:
        self.chatter("1000")
        os.abort()

    def babble(self, what: str) -> None:
        """Answer with what is no answer, and wait for what comes of it."""
        self._connection.sendall(BABBLE[what])
        time.sleep(30)

    def open(self, path: str) -> str:
        return error_of(lambda: Path(path).read_bytes())

    def connect(self) -> str:
        return error_of(lambda: socket.create_connection(("127.0.0.1", 9), timeout=1))

    def pipe(self) -> str:
        return error_of(os.pipe)

    def surroundings(self) -> dict[str, Any]:
        return {
            "variables": sorted(os.environ),
            "folder": os.getcwd(),  # noqa: PTH109 - not of this file's
            "session": os.getsid(0) == os.getpid(),
            "arguments": sys.argv[2:],
        }


def error_of(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return type(error).__name__ + f" {error.errno}"
    return "none"


def frame(head: object) -> bytes:
    text = json.dumps(head).encode()
    return len(text).to_bytes(4, "big") + text


BABBLE = {
    "words": b"GET / HTTP/1.1\r\n\r\n",
    "no-json": b"\0\0\0\3abc",
    "brackets": (60_000).to_bytes(4, "big") + b"[" * 60_000,
    "much": b"\xff\xff\xff\xff",
    "list": frame([]),
    "nothing": frame({}),
    "gave-up": frame({"refused": "gave-up", "detail": "so that it is tried for ever"}),
}


def hold_the_lock_asleep(seconds: float = 60.0) -> None:
    """Sleep in native code that does not let go of the interpreter."""
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))


def hold_the_lock_spinning() -> None:
    """Turn in native code that does not let go of the interpreter, nor look for signals."""
    collections.deque(itertools.repeat(0), maxlen=0)


def never_ready(connection: socket.socket, limits: Limits) -> None:
    """Be on a machine that has no time."""
    time.sleep(60)


def hang(connection: socket.socket, limits: Limits, decoder: str, how: str) -> None:
    """Decode, but with one decoder that never comes back."""
    cook.load()
    stuck = {"asleep": hold_the_lock_asleep, "spinning": hold_the_lock_spinning}[how]
    NATIVE[decoder](lambda *_, **__: stuck())
    cook.serve(connection, limits, prepare)


def _pillow(name: str) -> Callable[[Callable[..., Any]], None]:
    return lambda stuck: setattr(Image.core, name, stuck)


def _vips(name: str) -> Callable[[Callable[..., Any]], None]:
    return lambda stuck: setattr(vips.library().Image, name, staticmethod(stuck))


NATIVE: dict[str, Callable[[Callable[..., Any]], None]] = {
    "libjpeg": _pillow("jpeg_decoder"),
    "zlib": _pillow("zip_decoder"),
    "gif": _pillow("gif_decoder"),
    "libtiff": _pillow("libtiff_decoder"),
    "raw": _pillow("raw_decoder"),
    "libwebp": lambda stuck: setattr(_webp, "WebPAnimDecoder", stuck),
    "libavif": lambda stuck: setattr(_avif, "AvifDecoder", stuck),
    "libheif": lambda stuck: setattr(_pillow_heif, "load_file", stuck),
    "libvips, JPEG": _vips("jpegload_buffer"),
    "libvips, PNG": _vips("pngload_buffer"),
    "libvips, WebP": _vips("webpload_buffer"),
}
"""Puts something in the place of the call into each native decoder."""
