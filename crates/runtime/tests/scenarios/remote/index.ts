import anything from "https://example.com/anything.ts";
export default () => new Response(anything);
