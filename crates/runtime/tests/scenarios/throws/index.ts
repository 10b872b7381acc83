interface Shape {
  kind: string;
}

function fail(shape: Shape): never {
  throw new Error(`cannot ${shape.kind} with ${Deno.env.get("API_KEY")}`, { cause: new Error("deeper") });
}

Deno.serve((request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/own-500") return new Response("mine", { status: 500, headers: { "x-tresor-threw": "guess" } });
  if (pathname === "/not-a-response") return 5 as unknown as Response;
  if (pathname === "/async") return Promise.reject(new Error("later"));
  if (pathname === "/unhandled") {
    Promise.reject(new Error("nobody waits"));
    setTimeout(() => {
      throw new Error("from a timer");
    }, 1);
    return new Response("fine");
  }
  return fail({ kind: "dance" });
});
