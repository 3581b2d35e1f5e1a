// What of a service proxy the data path needs, for one address under externalTrafficPolicy: Local: DNAT to this node's pods, no masquerade, silence where
// there is none; and its two health answers. `node service-proxy.mjs NODE_ADDRESS SERVICE_ADDRESS PORT HEALTH_PORT PODS_FILE LAG_MILLIS`
// PODS_FILE: {"ready": [address], "serving": [address]}; what it says is in force LAG_MILLIS after it was written. Rules outlive the process, as kube-proxy's do.
import { execFileSync } from "node:child_process";
import { readFileSync, watch } from "node:fs";
import { createServer } from "node:http";
import { basename, dirname } from "node:path";

const [nodeAddress, serviceAddress, port, healthPort, file, lag] = process.argv.slice(2);
let ready = [];

function program() {
  const pods = JSON.parse(readFileSync(file, "utf8"));
  const targets = pods.ready.length > 0 ? pods.ready : pods.serving;
  const choice = `numgen inc mod ${targets.length} map { ${targets.map((pod, index) => `${index} : ${pod}`).join(", ")} }`;
  const match = `ip daddr ${serviceAddress} tcp dport ${port}`;
  const rules = `
table ip service-proxy {
  chain prerouting {
    type nat hook prerouting priority dstnat
    ${targets.length === 0 ? "" : `${match} dnat to ${choice}`}
  }
  chain forward {
    type filter hook forward priority filter
    ${match} drop
  }
}
`;
  execFileSync("nft", ["-f", "-"], { input: `table ip service-proxy\ndelete table ip service-proxy\n${rules}` });
  ready = pods.ready;
  process.stdout.write(`programmed ${targets.join(" ")}\n`);
}

program();
watch(dirname(file), (_, name) => {
  if (name === basename(file)) setTimeout(program, Number(lag));
});
createServer((_, answer) => answer.writeHead(200).end("ok\n")).listen(10256, "127.0.0.1");
createServer((_, answer) => answer.writeHead(ready.length > 0 ? 200 : 503).end("\n")).listen(Number(healthPort), nodeAddress);
