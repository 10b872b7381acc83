// Sends a mail through any SMTP server.
//
//   tresor secret put SMTP_URL             # smtps://user:password@mail.example.com:465
//   tresor function deploy smtp examples/smtp.ts --tcp mail.example.com:465
//   tresor function invoke smtp --data '{"from":"shop@example.com","to":"ada@example.com","subject":"Hello","text":"It works."}'
//
// The endpoint that --tcp names is the only one that the function can connect to.

import nodemailer from "npm:nodemailer@10.6.1";

const mailer = nodemailer.createTransport(Deno.env.get("SMTP_URL"));

Deno.serve(async (request) => {
  if (request.method !== "POST") return new Response("POST only\n", { status: 405, headers: { allow: "POST" } });
  const { from, to, subject, text } = await request.json();
  try {
    const sent = await mailer.sendMail({ from, to, subject, text });
    return Response.json({ accepted: sent.accepted, message_id: sent.messageId }, { status: 202 });
  } catch (error) {
    console.error("the mail server refused:", error.message);
    return Response.json({ error: "the mail was not accepted" }, { status: 502 });
  }
});
