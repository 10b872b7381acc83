import text from "file:///etc/hostname" with { type: "text" };

export default () => new Response(text);
