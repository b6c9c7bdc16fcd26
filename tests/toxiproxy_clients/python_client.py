"""toxiproxy-python, as a project's tests use it: python_client.py API-PORT ECHO-PORT REDIS-ADDRESS CASE."""

import socket
import sys
import time

from toxiproxy import Toxiproxy
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

PATIENCE = 20
NOISE = bytes((place * 2654435761 >> 13) & 0xFF for place in range(100_000))

toxiproxy = Toxiproxy()
toxiproxy.update_api_consumer("127.0.0.1", int(sys.argv[1]))
ECHO = "127.0.0.1:" + sys.argv[2]
REDIS = sys.argv[3]


def connect(proxy):
    host, port = proxy.listen.split(":")
    return socket.create_connection((host, int(port)), PATIENCE)


def read(stream, length):
    """Reads so many bytes, or fewer where the stream ends."""
    data = b""
    while len(data) < length:
        piece = stream.recv(length - len(data))
        if not piece:
            break
        data += piece
    return data


def rest(stream):
    """Reads to the end, which must come in order."""
    return read(stream, 1 << 30)


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


def echo_proxy(name="echo"):
    return toxiproxy.create(name=name, upstream=ECHO)


def proxies():
    assert toxiproxy.running() and b'"2.12.0"' in toxiproxy.version()
    redis = toxiproxy.create(name="redis", upstream=REDIS, listen="localhost:0")
    assert redis.enabled and redis.upstream == REDIS
    stream = connect(redis)
    assert echoed(stream, b"PING\r\n")[0] + stream.recv(1) == b"+PONG\r\n"
    toxiproxy.create(name="off", upstream=REDIS, enabled=False)
    listed = toxiproxy.proxies()
    assert sorted(listed) == ["off", "redis"] and not listed["off"].enabled
    assert toxiproxy.get_proxy("redis").listen == redis.listen
    assert toxiproxy.get_proxy("none") is None
    with redis.down():
        assert rest(stream) == b"", "open connections are cut"
        raises(ConnectionRefusedError, connect, redis)
        assert not toxiproxy.get_proxy("redis").enabled
    stream = connect(redis)
    stream.sendall(b"ECHO 7\r\n")
    assert read(stream, 7) == b"$1\r\n7\r\n"
    assert toxiproxy.destroy(redis)
    raises(ConnectionRefusedError, connect, redis)
    toxiproxy.destroy_all()
    assert toxiproxy.proxies() == {}


def populate_and_reset():
    wanted = [
        {"name": "one", "upstream": ECHO, "listen": "127.0.0.1:0"},
        {"name": "two", "upstream": REDIS, "listen": "127.0.0.1:0", "enabled": False},
    ]
    made = toxiproxy.populate(wanted)
    assert [proxy.name for proxy in made] == ["one", "two"]
    one = toxiproxy.get_proxy("one")
    one.add_toxic(type="bandwidth", attributes={"rate": 0})
    stream = connect(one)
    stream.sendall(b"held")
    assert toxiproxy.reset()
    assert read(stream, 4) == b"held"
    assert one.toxics() == {} and toxiproxy.get_proxy("two").enabled
    fixed = [{"name": "one", "upstream": ECHO, "listen": one.listen}]
    assert toxiproxy.populate(fixed) == [], "what is there stays"
    answer = APIConsumer.post("/populate", json=fixed)
    assert answer.status_code == 201 and list(answer.json()) == ["proxies"]
    assert echoed(stream, b"on")[0] == b"on", "and so do its connections"
    moved = [{"name": "one", "upstream": REDIS, "listen": one.listen}]
    assert [proxy.upstream for proxy in toxiproxy.populate(moved)] == [REDIS]
    assert rest(stream) == b""


def errors():
    proxy = echo_proxy()
    raises(ProxyExists, echo_proxy)
    body = {"name": "echo", "upstream": ECHO}
    assert "proxy already exists" in raises(ProxyExists, APIConsumer.post, "/proxies", json=body)
    proxy.add_toxic(type="noop")
    assert "toxic already exists" in raises(ProxyExists, proxy.add_toxic, type="noop")
    assert "invalid toxic type" in raises(InvalidToxic, proxy.add_toxic, type="slow")
    assert "stream was invalid" in raises(InvalidToxic, proxy.add_toxic, type="noop", stream="side")
    wrong = {"latency": "long"}
    raises(InvalidToxic, proxy.add_toxic, type="latency", attributes=wrong)
    assert "toxic not found" in raises(NotFound, proxy.destroy_toxic, "none")
    assert proxy.destroy()
    for call in [proxy.destroy, proxy.toxics, proxy.disable]:
        assert "proxy not found" in raises(NotFound, call)


def toxics_that_lose_nothing():
    proxy = echo_proxy()
    open_before = connect(proxy)
    assert echoed(open_before, b"before")[0] == b"before"
    for kind, attributes, size, least in [
        ("noop", {}, 100_000, 0),
        ("latency", {"latency": 200, "jitter": 0}, 100, 0.2),
        ("latency", {"latency": 300, "jitter": 100}, 100, 0.2),
        ("bandwidth", {"rate": 100}, 50_000, 0.3),
        ("slicer", {"average_size": 100, "size_variation": 50, "delay": 1_000}, 10_000, 0.05),
    ]:
        for stream in ["upstream", "downstream"]:
            proxy.add_toxic(type=kind, attributes=attributes, stream=stream)
            (name, toxic), = proxy.toxics().items()
            assert name == f"{kind}_{stream}" and toxic.toxicity == 1, vars(toxic)
            assert toxic.stream == stream and toxic.attributes == attributes, vars(toxic)
            for connection in [open_before, connect(proxy)]:
                data, took = echoed(connection, NOISE[:size])
                assert data == NOISE[:size], f"{name}: {len(data)} bytes"
                assert took >= least, f"{name}: {took} seconds"
            assert proxy.destroy_toxic(name) and proxy.get_toxic(name) is None
    assert echoed(open_before, NOISE)[0] == NOISE, "without toxics everything passes"
    begin = time.monotonic()
    proxy.add_toxic(type="slow_close", attributes={"delay": 300})
    assert echoed(open_before, b"data passes")[0] == b"data passes"
    open_before.shutdown(socket.SHUT_WR)
    assert rest(open_before) == b"" and time.monotonic() - begin >= 0.3


def toxics_that_lose():
    proxy = echo_proxy()
    proxy.add_toxic(type="limit_data", attributes={"bytes": 1_000})
    stream = connect(proxy)
    stream.sendall(NOISE[:5_000])
    assert rest(stream) == NOISE[:1_000]
    assert proxy.destroy_toxic("limit_data_downstream")

    proxy.add_toxic(type="timeout", attributes={"timeout": 100})
    stream = connect(proxy)
    stream.sendall(b"lost")
    assert rest(stream) == b""
    assert proxy.destroy_toxic("timeout_downstream")

    stream = connect(proxy)
    assert echoed(stream, b"fine")[0] == b"fine"
    proxy.add_toxic(type="reset_peer", attributes={"timeout": 50})
    stream.sendall(b"x")
    raises(ConnectionResetError, stream.recv, 1)
    assert proxy.destroy_toxic("reset_peer_downstream")

    stream = connect(proxy)
    proxy.add_toxic(type="bandwidth", attributes={"rate": 0})
    stream.sendall(b"held")
    proxy.destroy_toxic("bandwidth_downstream")
    assert read(stream, 4) == b"held", "what a toxic holds comes when it is removed"
    proxy.add_toxic(type="reset_peer", toxicity=0.0)
    assert echoed(stream, b"never drawn")[0] == b"never drawn"
    stream.shutdown(socket.SHUT_WR)
    assert rest(stream) == b"", "an end in order stays one"


CASES = [proxies, populate_and_reset, errors, toxics_that_lose_nothing, toxics_that_lose]
{case.__name__: case for case in CASES}[sys.argv[4]]()
print("done", sys.argv[4])
