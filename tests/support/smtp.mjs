// A mail server for one test: STARTTLS, then AUTH PLAIN or LOGIN; everything else is refused. Its first line on stdout is its port, each
// further one a mail that it took, as JSON. Arguments: certificate file, key file, user. The password comes on stdin, which
// ends with the test, and the server with it.
import { readFileSync } from "node:fs";
import { SMTPServer } from "smtp-server";

const [certificate, key, user] = process.argv.slice(2);
const lines = [];
let password = "";
const tell = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const server = new SMTPServer({
  cert: readFileSync(certificate),
  key: readFileSync(key),
  authOptional: false,
  disableReverseLookup: true,
  onAuth(auth, session, callback) {
    const right = session.secure && auth.username === user && auth.password === password;
    callback(right ? null : new Error("535 wrong user or password"), { user });
  },
  onData(stream, session, callback) {
    const parts = [];
    stream.on("data", (part) => parts.push(part));
    stream.on("end", () => {
      const { mailFrom, rcptTo } = session.envelope;
      tell({ user: session.user, secure: session.secure, from: mailFrom.address, to: rcptTo.map((one) => one.address), text: Buffer.concat(parts).toString() });
      callback(null, "taken");
    });
  },
});
server.on("error", () => {}); // A client that gives up is the test's matter.

process.stdin.setEncoding("utf8");
process.stdin.on("data", (text) => {
  lines.push(text);
  if (server.server.listening || !lines.join("").includes("\n")) return;
  password = lines.join("").split("\n")[0];
  server.listen(0, "127.0.0.1", () => tell(server.server.address().port));
});
process.stdin.on("end", () => process.exit(0));
