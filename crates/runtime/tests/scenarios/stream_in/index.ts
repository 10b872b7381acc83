Deno.serve((request) => new Response(request.body, { headers: { "content-type": "text/plain" } }));
