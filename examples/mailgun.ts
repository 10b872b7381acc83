// Sends a mail through Mailgun.
//
//   tresor secret put MAILGUN_API_KEY
//   tresor secret put MAILGUN_DOMAIN       # mg.example.com
//   tresor function deploy mailgun examples/mailgun.ts
//   tresor function invoke mailgun --data '{"to":"ada@example.com","subject":"Hello","text":"It works."}'
//
// For a domain in the EU, MAILGUN_HOST is api.eu.mailgun.net. MAIL_FROM is optional.

interface Env {
  MAILGUN_API_KEY: string;
  MAILGUN_DOMAIN: string;
  MAILGUN_HOST?: string;
  MAIL_FROM?: string;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (request.method !== "POST") return new Response("POST only\n", { status: 405, headers: { allow: "POST" } });
    const { to, subject, text } = await request.json();
    const host = env.MAILGUN_HOST ?? "api.mailgun.net";
    const answer = await fetch(`https://${host}/v3/${env.MAILGUN_DOMAIN}/messages`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`api:${env.MAILGUN_API_KEY}`)}` },
      body: new URLSearchParams({ from: env.MAIL_FROM ?? `mail@${env.MAILGUN_DOMAIN}`, to, subject, text }),
    });
    if (!answer.ok) {
      console.error(`Mailgun answered ${answer.status}: ${await answer.text()}`);
      return Response.json({ error: "the mail was not accepted" }, { status: 502 });
    }
    const { id } = await answer.json();
    return Response.json({ accepted: true, message_id: id }, { status: 202 });
  },
};
