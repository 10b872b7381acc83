async function attempt(action: () => unknown): Promise<string> {
  try {
    await action();
    return "done";
  } catch (error) {
    return (error as Error).name;
  }
}

Deno.serve(async (request) => {
  const { other, forbidden } = await request.json();
  const text = (path: string) => () => Deno.readTextFile(path);
  return Response.json({
    hosts: await attempt(text("/etc/hosts")),
    environ: await attempt(text("/proc/self/environ")),
    write: await attempt(() => Deno.writeTextFile("/tmp/tresor-walls", "x")),
    spawn: await attempt(() => new Deno.Command("/bin/sh", { args: ["-c", "true"] }).output()),
    node_spawn: await attempt(async () => (await import("node:child_process")).execFileSync("/bin/true")),
    ffi: await attempt(() => Deno.dlopen("/lib/x86_64-linux-gnu/libc.so.6", {})),
    system: await attempt(() => Deno.hostname()),
    socket: await attempt(() => Deno.connect({ transport: "unix", path: other })),
    list: await attempt(() => [...Deno.readDirSync(other.slice(0, other.lastIndexOf("/")))]),
    import: await attempt(() => import(`${"file:///etc/hosts"}`)),
    listener: await attempt(() => fetch(`http://${forbidden}/`)),
    listener_zero: await attempt(() => fetch(`http://${forbidden.replace("127.0.0.1", "0")}/`)),
    listener_other: await attempt(() => Deno.connect({ hostname: "127.0.0.2", port: Number(forbidden.split(":")[1]) })),
    metadata: await attempt(() => fetch("http://169.254.169.254/latest/")),
    stdin: await Deno.stdin.read(new Uint8Array(10)),
    environment: Object.keys(Deno.env.toObject()).sort(),
  });
});
