// A client of the Language Server Protocol, made of vscode-jsonrpc: starts the command it is given
// as its server, makes its calls and prints what became of each, a line of JSON.
const { spawn } = require("child_process");
const rpc = require("vscode-jsonrpc/node");

const [patience, command, ...rest] = process.argv.slice(2);
const server = spawn(command, rest, { stdio: ["pipe", "pipe", "inherit"] });
const connection = rpc.createMessageConnection(
  new rpc.StreamMessageReader(server.stdout),
  new rpc.StreamMessageWriter(server.stdin),
);
connection.onError(() => {});
connection.onClose(() => {});
connection.listen();

async function outcome(call, show, time = 1000 * Number(patience)) {
  let timer;
  const silence = new Promise((done) => {
    timer = setTimeout(() => done(["silence"]), time);
  });
  const heard = call.then(
    (value) => ["ok", show(value)],
    (error) => (typeof error.code === "number" ? ["error", error.code] : ["broken", error.name]),
  );
  const result = await Promise.race([heard, silence]);
  clearTimeout(timer);
  return result;
}

const uri = "file:///peer.py";
const text = 'name = "h\u00e9llo \u2603 \u{1f600}"\nnam\nimport os\n';

async function main() {
  const outcomes = [];
  const ask = async (method, params, show, time) =>
    outcomes.push(await outcome(connection.sendRequest(method, params), show, time));
  const start = { processId: process.pid, rootUri: null, capabilities: {} };
  await ask("initialize", start, (value) => value.serverInfo.name, 20_000);
  await connection.sendNotification("initialized", {}).catch(() => {});
  const document = { uri, languageId: "python", version: 1, text };
  await connection.sendNotification("textDocument/didOpen", { textDocument: document }).catch(() => {});
  const position = (line, character) => ({ textDocument: { uri }, position: { line, character } });
  await ask("textDocument/documentSymbol", { textDocument: { uri } }, (value) => value.map((it) => it.name));
  await ask("textDocument/definition", position(1, 2), (value) => Array.isArray(value));
  await ask("textDocument/documentSymbol", { textDocument: { uri } }, (value) => value.map((it) => it.name));
  await ask("shutdown", {}, (value) => value);
  console.log(JSON.stringify(outcomes));
  // All that the server still has to say is to come through, too.
  const gone = new Promise((done) => server.once("close", done));
  await connection.sendNotification("exit").catch(() => {});
  server.stdin.end();
  await Promise.race([gone, new Promise((done) => setTimeout(done, 5_000))]);
  server.kill();
  process.exit(0);
}

main();
