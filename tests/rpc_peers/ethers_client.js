// A client of a node, made of ethers: makes its calls and prints what became of each, a line of
// JSON.
const { JsonRpcProvider, FetchRequest, Network } = require("ethers");

const [url, patience, batch] = process.argv.slice(2);
const request = new FetchRequest(url);
request.timeout = 1000 * Number(patience);
request.retryFunc = async () => false;
const provider = new JsonRpcProvider(request, Network.from(1337), {
  staticNetwork: true,
  batchMaxCount: Number(batch),
  batchStallTime: 20,
});

async function outcome(call) {
  let timer;
  const silence = new Promise((done) => {
    timer = setTimeout(() => done(["silence"]), 1500 * Number(patience));
  });
  const heard = call.then(
    (value) => ["ok", value],
    (error) => (error.error?.code ? ["error", error.error.code] : ["broken", error.code ?? error.name]),
  );
  const result = await Promise.race([heard, silence]);
  clearTimeout(timer);
  return result;
}

async function main() {
  const outcomes = [];
  outcomes.push(await outcome(provider.send("eth_chainId", [])));
  outcomes.push(await outcome(provider.send("eth_blockNumber", [])));
  outcomes.push(await outcome(provider.send("no_such", [])));
  const pair = ["eth_gasPrice", "web3_clientVersion"].map((method) => outcome(provider.send(method, [])));
  outcomes.push(...(await Promise.all(pair)));
  console.log(JSON.stringify(outcomes));
  process.exit(0);
}

main();
