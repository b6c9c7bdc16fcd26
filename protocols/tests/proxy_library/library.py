"""What the Python library proxy-protocol makes of streams: hex lines in, a JSON object a line out.

It reads as the library's own reader does: no more than the library asks for.
"""

import json
import sys

from proxyprotocol import ProxyProtocolChecksumError, ProxyProtocolIncompleteError
from proxyprotocol.detect import ProxyProtocolDetect
from proxyprotocol.result import is_ipv4, is_ipv6, is_unix
from proxyprotocol.v1 import ProxyProtocolV1
from proxyprotocol.checksum import crc32c

assert crc32c is not None, "the package crc32c is not installed"


def read(stream):
    """The result, and how many bytes it took; or the exception that came instead."""
    decoder = ProxyProtocolDetect()
    taken = 0
    while True:
        try:
            return decoder.unpack(stream[:taken]), taken
        except ProxyProtocolIncompleteError as incomplete:
            want = incomplete.want_read
            if want.want_bytes is not None:
                there = len(stream) - taken
                if there < want.want_bytes:
                    return {"kind": "incomplete", "want_bytes": want.want_bytes - there}, taken
                taken += want.want_bytes
            else:
                end = stream.find(b"\n", taken)
                if end < 0:
                    return {"kind": "incomplete", "want_line": True}, taken
                taken = end + 1


def ends(result):
    """Addresses as bytes: how they are written is not what is compared."""
    if is_ipv4(result) or is_ipv6(result):
        (source, source_port), (dest, dest_port) = result.source, result.dest
        zone = getattr(source, "scope_id", None) or getattr(dest, "scope_id", None)
        return {
            "src": source.packed.hex(),
            "sport": source_port,
            "dst": dest.packed.hex(),
            "dport": dest_port,
            "zone": zone,
        }
    if is_unix(result):
        return {"src": result.source.encode("ascii").hex(), "dst": result.dest.encode("ascii").hex()}
    return {}


def answer(stream):
    try:
        result, taken = read(stream)
    except ProxyProtocolChecksumError:
        return {"kind": "reject", "reason": "checksum"}
    except ValueError:
        # All that unpack is documented to raise: a syntax error is a ValueError, too.
        return {"kind": "reject", "reason": "syntax"}
    except Exception as error:
        return {"kind": "reject", "reason": "crash", "error": repr(error)}
    if isinstance(result, dict):
        return result
    return {
        "kind": "accept",
        "consumed": taken,
        "version": 1 if ProxyProtocolV1().is_valid(stream[:8]) else 2,
        "command": "proxy" if result.proxied else "local",
        "family": result.type.name.lower(),
        "protocol": result.protocol.name if result.protocol is not None else None,
        "tlvs": [[kind, value.hex()] for kind, value in result.tlv.items()],
        "crc": result.tlv.crc32c,
        **ends(result),
    }


for line in sys.stdin:
    print(json.dumps(answer(bytes.fromhex(line))), flush=False)
