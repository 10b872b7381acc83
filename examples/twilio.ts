// Sends a text message through Twilio.
//
//   tresor secret put TWILIO_ACCOUNT_SID
//   tresor secret put TWILIO_AUTH_TOKEN
//   tresor secret put TWILIO_FROM          # a number of yours: +15005550006
//   tresor function deploy twilio examples/twilio.ts
//   tresor function invoke twilio --data '{"to":"+14155552671","text":"It works."}'

interface Env {
  TWILIO_ACCOUNT_SID: string;
  TWILIO_AUTH_TOKEN: string;
  TWILIO_FROM: string;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (request.method !== "POST") return new Response("POST only\n", { status: 405, headers: { allow: "POST" } });
    const { to, text } = await request.json();
    const account = `https://api.twilio.com/2010-04-01/Accounts/${env.TWILIO_ACCOUNT_SID}`;
    const answer = await fetch(`${account}/Messages.json`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`${env.TWILIO_ACCOUNT_SID}:${env.TWILIO_AUTH_TOKEN}`)}` },
      body: new URLSearchParams({ From: env.TWILIO_FROM, To: to, Body: text }),
    });
    const message = await answer.json();
    if (!answer.ok) {
      console.error(`Twilio answered ${answer.status}: ${message.message}`);
      return Response.json({ error: "the message was not accepted" }, { status: 502 });
    }
    return Response.json({ id: message.sid, status: message.status }, { status: 202 });
  },
};
