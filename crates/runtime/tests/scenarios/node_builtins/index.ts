import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

export default () => new Response(createHash("sha256").update(Buffer.from("abc")).digest("hex"));
