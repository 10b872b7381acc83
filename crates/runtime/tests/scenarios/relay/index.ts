// Asks by each way that is not `fetch`.
import http from "node:http";
import net from "node:net";

const by: Record<string, (host: string, port: number) => Promise<string>> = {
  http: (host, port) =>
    new Promise((resolve) => {
      http.get(`http://${host}:${port}/`, (response) => {
        let text = "";
        response.on("data", (piece) => text += piece).on("end", () => resolve(`${response.statusCode} ${text}`));
      }).on("error", (error) => resolve(`error ${error.message}`));
    }),
  net: (host, port) =>
    new Promise((resolve) => {
      const socket = net.connect(port, host, () => socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
      let text = "";
      socket.on("data", (piece) => text += piece).on("end", () => resolve(text)).on("error", (error) => resolve(`error ${error.message}`));
    }),
  deno: async (host, port) => {
    try {
      const connection = await Deno.connect({ hostname: host, port });
      await connection.write(new TextEncoder().encode("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
      return await new Response(connection.readable).text();
    } catch (error) {
      return `error ${(error as Error).message}`;
    }
  },
  fetch: async (host, port) => await (await fetch(`http://${host}:${port}/`)).text(),
  env: async () => JSON.stringify(Object.keys(Deno.env.toObject()).sort()),
};

Deno.serve(async (request) => {
  const { searchParams } = new URL(request.url);
  const way = by[searchParams.get("by")!];
  return new Response(await way(searchParams.get("host")!, Number(searchParams.get("port"))));
});
