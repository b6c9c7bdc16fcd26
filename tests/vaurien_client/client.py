"""vaurienclient, as a project's tests use it: client.py API-PORT PROXY-ADDRESS BACKEND-ADDRESS CASE.

The package is for Python 2. It is read from where pip has put it, and what has changed since is
rewritten by fissix (lib2to3, which newer Pythons no longer have); nothing of it is kept here.
"""

import contextlib
import importlib.util
import io
import socket
import sys
import time
import types

import requests
from fissix.refactor import RefactoringTool, get_fixers_from_package

PATIENCE = 20


def vaurienclient():
    place = importlib.util.find_spec("vaurienclient").origin
    with open(place, encoding="utf-8") as file:
        source = file.read() + "\n"
    tool = RefactoringTool(get_fixers_from_package("fissix.fixes"))
    module = types.ModuleType("vaurienclient")
    exec(compile(str(tool.refactor_string(source, place)), place, "exec"), module.__dict__)
    return module


PACKAGE = vaurienclient()
PORT, BACKEND = int(sys.argv[1]), sys.argv[3]
CLIENT = PACKAGE.Client("127.0.0.1", PORT)
HOST, PROXY_PORT = sys.argv[2].split(":")


def connect():
    return socket.create_connection((HOST, int(PROXY_PORT)), PATIENCE)


def read(stream, length):
    """Reads so many bytes, or fewer where the stream ends."""
    data = b""
    while len(data) < length:
        piece = stream.recv(length - len(data))
        if not piece:
            break
        data += piece
    return data


def echoed(stream, data):
    """Sends data, and returns what comes back and the time it took."""
    begin = time.monotonic()
    stream.sendall(data)
    return read(stream, len(data)), time.monotonic() - begin


def raises(expected, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except expected as error:
        return str(error)
    raise AssertionError(f"no {expected.__name__}")


def behaviors():
    names = ["abort", "blackout", "delay", "dummy", "error", "hang", "transient"]
    assert CLIENT.list_behaviors() == names
    assert CLIENT.get_behavior() == "dummy"
    for name in names:
        CLIENT.set_behavior(name)
        assert CLIENT.get_behavior() == name
    told = raises(ValueError, CLIENT.set_behavior, "nope")
    assert told == "the 'nope' behavior does not exist", told
    raises(requests.HTTPError, CLIENT.set_behavior, "delay", sleep="long")
    assert CLIENT.get_behavior() == names[-1], "what is refused changes nothing"


def on_the_wire():
    stream = connect()
    with CLIENT.with_behavior("delay", sleep=0.2):
        assert CLIENT.get_behavior() == "delay"
        data, took = echoed(stream, b"slow")
        assert data == b"slow" and took >= 0.2, took
        with CLIENT.with_behavior("transient", inject=True):
            assert len(read_after(stream, b"abcd", 104)) == 104
        data, took = echoed(stream, b"slow again")
        assert data == b"slow again" and took >= 0.2, "its options are set back, too"
    assert CLIENT.get_behavior() == "dummy"
    assert echoed(stream, b"passes")[0] == b"passes"
    with CLIENT.with_behavior("error"):
        assert len(read_after(stream, b"request", 2_000)) == 1_000
    with CLIENT.with_behavior("blackout"):
        assert read(connect(), 1) == b""
    assert echoed(connect(), b"well again")[0] == b"well again"


def read_after(stream, data, length):
    stream.sendall(data)
    return read(stream, length)


def command_line():
    """vaurienctl, which the package installs."""

    def said(*arguments):
        out = io.StringIO()
        before, sys.argv = sys.argv, ["vaurienctl", *arguments, "--host", f"http://127.0.0.1:{PORT}"]
        try:
            with contextlib.redirect_stdout(out):
                PACKAGE.main()
        finally:
            sys.argv = before
        return out.getvalue()

    assert said("list-behaviors") == "abort, blackout, delay, dummy, error, hang, transient\n"
    assert said("get-behavior") == "dummy\n"
    assert said("set-behavior", "hang") == 'Behavior changed to "hang"\n'
    assert said("get-behavior") == "hang\n"
    assert said("set-behavior", "nope").startswith("The request failed. Please use one of abort,")


CASES = [behaviors, on_the_wire, command_line]
{case.__name__: case for case in CASES}[sys.argv[4]]()
print("done", sys.argv[4])
