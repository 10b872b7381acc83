// Answers `/hold` when told by `/release`, and says which value it holds.
const me = crypto.randomUUID();
let release: () => void;
const released = new Promise<void>((resolve) => (release = resolve));

export default {
  async fetch(request: Request, env: { API_KEY: string }, ctx: { waitUntil(promise: Promise<unknown>): void }) {
    const { pathname } = new URL(request.url);
    if (pathname === "/hold") {
      console.log("holding");
      await released;
    }
    if (pathname === "/release") release();
    if (pathname === "/background") {
      ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 200)).then(() => console.log("background done")));
    }
    return new Response(`${env.API_KEY} ${me}`);
  },
};
