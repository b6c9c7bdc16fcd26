"""A small stand-in for a node: JSON-RPC in the bodies of HTTP, one connection for many requests. Prints its port."""
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWERS = {
    "eth_chainId": "0x539",
    "net_version": "1337",
    "eth_blockNumber": "0x10",
    "eth_getBalance": "0xde0b6b3a7640000",
    "eth_gasPrice": "0x3b9aca00",
    "web3_clientVersion": "standin/1",
}


def reply(request):
    if request["method"] not in ANSWERS:
        error = {"code": -32601, "message": "not here"}
        return {"jsonrpc": "2.0", "id": request["id"], "error": error}
    return {"jsonrpc": "2.0", "id": request["id"], "result": ANSWERS[request["method"]]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(body)
        answer = [reply(one) for one in asked] if isinstance(asked, list) else reply(asked)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
