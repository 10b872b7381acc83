export default async function (request: Request, env: Record<string, string>): Promise<Response> {
  return new Response(`hello ${await request.text()} ${env.API_KEY}`, { status: 201, headers: { "x-own": "1" } });
}
