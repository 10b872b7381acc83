// Sends a mail through SendGrid.
//
//   tresor secret put SENDGRID_API_KEY
//   tresor secret put MAIL_FROM
//   tresor function deploy send-mail examples/send-mail.ts
//   tresor function invoke send-mail --data '{"to":"ada@example.com","subject":"Hello","text":"It works."}'

interface Env {
  SENDGRID_API_KEY: string;
  MAIL_FROM: string;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (request.method !== "POST") return new Response("POST only\n", { status: 405, headers: { allow: "POST" } });
    const { to, subject, text } = await request.json();
    const answer = await fetch("https://api.sendgrid.com/v3/mail/send", {
      method: "POST",
      headers: {
        "authorization": `Bearer ${env.SENDGRID_API_KEY}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({
        from: { email: env.MAIL_FROM },
        personalizations: [{ to: [{ email: to }] }],
        subject,
        content: [{ type: "text/plain", value: text }],
      }),
    });
    if (!answer.ok) {
      console.error(`SendGrid answered ${answer.status}: ${await answer.text()}`);
      return Response.json({ error: "the mail was not accepted" }, { status: 502 });
    }
    return Response.json({ accepted: true, message_id: answer.headers.get("x-message-id") }, { status: 202 });
  },
};
