// toxiproxy-node-client and @testcontainers/toxiproxy, as a project's tests use them:
// node_client.js API-PORT ECHO-PORT REDIS-ADDRESS CASE, with the folder of modules in CHENAPAN_NODE_MODULES.

const assert = require("node:assert/strict");
const net = require("node:net");
const { createRequire } = require("node:module");
const { once } = require("node:events");

const modules = createRequire(process.env.CHENAPAN_NODE_MODULES + "/");
const { Toxiproxy, ToxiproxyError } = modules("toxiproxy-node-client");
const [apiPort, echoPort, redis, name] = process.argv.slice(2);
const echo = `127.0.0.1:${echoPort}`;
const toxiproxy = new Toxiproxy(`http://127.0.0.1:${apiPort}`);
const noise = Buffer.from(Array.from({ length: 100_000 }, (_, place) => (place * 40503) & 0xff));

/** A connection that keeps what has come, and can wait for it. */
class Stream {
  constructor(address) {
    const colon = address.lastIndexOf(":");
    this.socket = net.connect(Number(address.slice(colon + 1)), address.slice(0, colon));
    this.socket.setTimeout(20_000, () => this.socket.destroy(new Error("silence")));
    this.data = Buffer.alloc(0);
    this.socket.on("data", (data) => (this.data = Buffer.concat([this.data, data])));
    this.ended = new Promise((resolve) => {
      this.socket.on("end", () => resolve("end"));
      this.socket.on("error", (error) => resolve(error.code ?? error.message));
    });
  }

  static async open(address) {
    const stream = new Stream(address);
    await once(stream.socket, "connect");
    return stream;
  }

  /** The next so many bytes. */
  async read(length) {
    while (this.data.length < length) {
      const more = new Promise((resolve) => this.socket.once("data", resolve));
      const how = await Promise.race([more, this.ended]);
      assert.ok(typeof how !== "string", `${how} after ${this.data.length} bytes`);
    }
    const read = this.data.subarray(0, length);
    this.data = this.data.subarray(length);
    return read;
  }

  /** Sends data, which must come back; returns the milliseconds it took. */
  async echoes(data) {
    const begin = performance.now();
    this.socket.write(data);
    assert.deepEqual(await this.read(data.length), data);
    return performance.now() - begin;
  }

  /** Waits for the end, and returns what came before and how it ended. */
  async rest() {
    const how = await this.ended;
    return [this.data.toString("latin1"), how];
  }
}

const refused = async (address) => assert.equal(await new Stream(address).ended, "ECONNREFUSED");
const create = (name, upstream = echo) => toxiproxy.createProxy({ name, listen: "127.0.0.1:0", upstream });
const toxic = (type, attributes, stream = "downstream") => ({ name: `my-${type}`, type, stream, toxicity: 1, attributes });

async function fails(status, promise) {
  const error = await promise.then(() => undefined, (error) => error);
  assert.ok(error instanceof ToxiproxyError, String(error));
  assert.match(error.message, new RegExp(`status code ${status}$`));
}

async function proxies() {
  assert.equal(JSON.parse(await toxiproxy.getVersion()).version, "2.12.0");
  const made = await create("redis", redis);
  assert.ok(made.enabled && made.upstream === redis && made.name === "redis");
  const stream = await Stream.open(made.listen);
  stream.socket.write("PING\r\n");
  assert.equal(String(await stream.read(7)), "+PONG\r\n");
  await fails(409, create("redis"));
  await fails(404, toxiproxy.get("none"));
  const off = await made.update({ enabled: false, listen: made.listen, upstream: redis });
  assert.equal(off.enabled, false);
  assert.deepEqual(await stream.rest(), ["", "end"]);
  await refused(made.listen);
  const on = await made.update({ enabled: true, listen: made.listen, upstream: echo });
  assert.deepEqual([on.enabled, on.upstream], [true, echo]);
  await (await Stream.open(made.listen)).echoes(Buffer.from("moved"));
  assert.deepEqual(Object.keys(await toxiproxy.getAll()), ["redis"]);
  await made.remove();
  await fails(404, made.remove());
  await refused(made.listen);
  assert.deepEqual(await toxiproxy.getAll(), {});
}

async function populate_and_reset() {
  const made = await toxiproxy.populate([
    { name: "one", listen: "127.0.0.1:0", upstream: echo },
    { name: "two", listen: "127.0.0.1:0", upstream: redis, enabled: false },
  ]);
  assert.deepEqual(Object.values(made).map((proxy) => [proxy.name, proxy.enabled]), [["one", true], ["two", false]]);
  await made.one.addToxic(toxic("bandwidth", { rate: 0 }));
  const stream = await Stream.open(made.one.listen);
  stream.socket.write("held");
  await toxiproxy.reset();
  assert.equal(String(await stream.read(4)), "held");
  const { one, two } = await toxiproxy.getAll();
  assert.deepEqual([one.enabled, two.enabled], [true, true]);
  await fails(404, one.getToxic("my-bandwidth"));
}

async function toxics_that_lose_nothing() {
  const proxy = await create("echo");
  const before = await Stream.open(proxy.listen);
  await before.echoes(Buffer.from("before"));
  for (const [type, attributes, size, least] of [
    ["latency", { latency: 200, jitter: 0 }, 100, 200],
    ["bandwidth", { rate: 100 }, 50_000, 300],
    ["slicer", { average_size: 100, size_variation: 50, delay: 1_000 }, 10_000, 50],
  ]) {
    for (const direction of ["upstream", "downstream"]) {
      const made = await proxy.addToxic(toxic(type, attributes, direction));
      assert.deepEqual(made.toJson(), toxic(type, attributes, direction));
      assert.deepEqual((await proxy.getToxic(made.name)).toJson(), made.toJson());
      for (const stream of [before, await Stream.open(proxy.listen)]) {
        const took = await stream.echoes(noise.subarray(0, size));
        // A timer of node may be a millisecond early.
        assert.ok(took >= least - 1, `${type} ${direction}: ${took} ms`);
      }
      await made.remove();
      await fails(404, proxy.getToxic(made.name));
    }
  }
  const latency = await proxy.addToxic(toxic("latency", { latency: 10_000, jitter: 0 }));
  const changed = await latency.update(toxic("latency", { latency: 100, jitter: 0 }));
  assert.deepEqual(changed.attributes, { latency: 100, jitter: 0 });
  const took = await before.echoes(Buffer.from("changed"));
  assert.ok(took >= 99 && took < 9_000, `${took} ms`);
  await fails(400, proxy.addToxic(toxic("slow", {})));
  await fails(409, proxy.addToxic(toxic("latency", {})));
  await latency.remove();
  await before.echoes(noise);
  await proxy.addToxic(toxic("slow_close", { delay: 300 }));
  const begin = performance.now();
  before.socket.end();
  assert.deepEqual(await before.rest(), ["", "end"]);
  assert.ok(performance.now() - begin >= 299);
}

async function toxics_that_lose() {
  const proxy = await create("echo");
  const limit = await proxy.addToxic(toxic("limit_data", { bytes: 1_000 }));
  let stream = await Stream.open(proxy.listen);
  stream.socket.write(noise.subarray(0, 5_000));
  assert.deepEqual(await stream.rest(), [noise.subarray(0, 1_000).toString("latin1"), "end"]);
  await limit.remove();
  const timeout = await proxy.addToxic(toxic("timeout", { timeout: 100 }));
  stream = await Stream.open(proxy.listen);
  stream.socket.write("lost");
  assert.deepEqual(await stream.rest(), ["", "end"]);
  await timeout.remove();
  stream = await Stream.open(proxy.listen);
  await stream.echoes(Buffer.from("fine"));
  await proxy.addToxic(toxic("reset_peer", { timeout: 50 }));
  stream.socket.write("x");
  assert.equal((await stream.rest())[1], "ECONNRESET");
}

/** The container of testcontainers, started by somebody else: chenapan in place of the image. */
async function testcontainers() {
  const { StartedToxiProxyContainer } = modules("@testcontainers/toxiproxy");
  const started = { getHost: () => "127.0.0.1", getMappedPort: (port) => (port === 8474 ? Number(apiPort) : port) };
  const container = new StartedToxiProxyContainer(started);
  const first = await container.createProxy({ name: "first", upstream: echo });
  const second = await container.createProxy({ name: "second", upstream: redis });
  assert.notEqual(first.port, second.port);
  const stream = await Stream.open(`${first.host}:${first.port}`);
  await stream.echoes(noise);
  const latency = await first.instance.addToxic(toxic("latency", { latency: 200, jitter: 0 }));
  assert.ok((await stream.echoes(Buffer.from("late"))) >= 199);
  await latency.remove();
  await first.setEnabled(false);
  assert.deepEqual(await stream.rest(), ["", "end"]);
  await refused(`${first.host}:${first.port}`);
  await first.setEnabled(true);
  await (await Stream.open(`${first.host}:${first.port}`)).echoes(Buffer.from("back"));
  const other = await Stream.open(`${second.host}:${second.port}`);
  other.socket.write("PING\r\n");
  assert.equal(String(await other.read(7)), "+PONG\r\n");
}

const cases = { proxies, populate_and_reset, toxics_that_lose_nothing, toxics_that_lose, testcontainers };
cases[name]().then(
  () => process.stdout.write(`done ${name}\n`, () => process.exit(0)),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
