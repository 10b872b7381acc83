export const handler = () => new Response("nobody calls me");
