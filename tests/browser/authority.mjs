// Hosts that functions call, on this machine: TLS of an authority made for the test. `providers` answers like the services
// that the examples ask, as far as these go.

import crypto from "node:crypto";
import { writeFile } from "node:fs/promises";
import https from "node:https";
import path from "node:path";

const length = (size) => (size < 128 ? Buffer.from([size]) : size < 256 ? Buffer.from([0x81, size]) : Buffer.from([0x82, size >> 8, size & 255]));
const der = (tag, ...parts) => {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([tag]), length(content.length), content]);
};
const sequence = (...parts) => der(0x30, ...parts);
const oid = (hex) => der(0x06, Buffer.from(hex, "hex"));
const ECDSA_SHA256 = sequence(oid("2a8648ce3d040302"));
const named = (name) => sequence(der(0x31, sequence(oid("550403"), der(0x0c, name))));
const time = (date) => der(0x17, date.toISOString().replace(/[-:T]|\.\d+/g, "").slice(2));
const pem = (kind, bytes) => `-----BEGIN ${kind}-----\n${bytes.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END ${kind}-----\n`;

/** A certificate of `subject`, signed by `issuer` for a day (RFC 5280). */
function certificate(subject, publicKey, issuer, extensions) {
  const day = 24 * 60 * 60 * 1000;
  const body = sequence(
    der(0xa0, der(0x02, [2])),
    der(0x02, Buffer.concat([Buffer.from([1]), crypto.randomBytes(8)])),
    ECDSA_SHA256,
    named(issuer.name),
    sequence(time(new Date(Date.now() - day)), time(new Date(Date.now() + day))),
    named(subject),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = crypto.sign("sha256", body, issuer.privateKey);
  return pem("CERTIFICATE", sequence(body, ECDSA_SHA256, der(0x03, [0], signature)));
}

/**
 * Starts one server that is every host of `names`. `answer(request, body)` gives `{ status, type, body }`. Returns the
 * options of `tresor serve` that lead functions to it, the requests that came, and how to stop it.
 */
export async function startHosts(folder, names, answer) {
  const pair = () => crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
  const [root, leaf] = [pair(), pair()];
  const issuer = { name: "tests", privateKey: root.privateKey };
  const isAuthority = sequence(oid("551d13"), der(0x01, [0xff]), der(0x04, sequence(der(0x01, [0xff]))));
  const isNamed = sequence(oid("551d11"), der(0x04, sequence(...names.map((name) => der(0x82, name)))));
  const trusted = path.join(folder, "authority.pem");
  await writeFile(trusted, certificate("tests", root.publicKey, issuer, [isAuthority]));
  const cert = certificate(names[0], leaf.publicKey, issuer, [isNamed]);
  const key = leaf.privateKey.export({ type: "pkcs8", format: "pem" });
  const seen = [];
  const server = https.createServer({ key, cert }, async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    seen.push({ host: request.headers.host, path: request.url, headers: request.headers, body });
    const { status = 200, type = "application/json", body: text = "" } = answer(request, body);
    response.writeHead(status, { "content-type": type }).end(typeof text === "string" ? text : JSON.stringify(text));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const at = `127.0.0.1:${server.address().port}`;
  const options = ["--trust", trusted, "--allow-network", "127.0.0.1/32", ...names.flatMap((name) => ["--resolve", `${name}:443=${at}`])];
  return { options, seen, stop: () => server.close() };
}

export const HOSTS = ["api.sendgrid.com", "api.openai.com", "api.stripe.com", "api.github.com"];

/** What those hosts answer. A key that ends in `wrong` is refused. */
export function providers(request) {
  const refused = request.headers.authorization?.endsWith("wrong");
  if (refused) return { status: 401, body: { error: "bad key" } };
  const words = (word) => `data: ${JSON.stringify({ choices: [{ delta: { content: word } }] })}\n\n`;
  switch (`${request.headers.host} ${request.url.split("?")[0]}`) {
    case "api.sendgrid.com /v3/mail/send":
      return { status: 202 };
    case "api.sendgrid.com /v3/scopes":
      return { body: { scopes: ["mail.send"] } };
    case "api.openai.com /v1/chat/completions":
      return { type: "text/event-stream", body: `${words("A vault is ")}${words("a box for keys.")}data: [DONE]\n\n` };
    case "api.openai.com /v1/models":
      return { body: { data: [] } };
    case "api.stripe.com /v1/checkout/sessions":
      return { body: { id: "cs_test_1", url: "https://checkout.stripe.com/c/pay/cs_test_1" } };
    default:
      return { status: 404, body: {} };
  }
}
